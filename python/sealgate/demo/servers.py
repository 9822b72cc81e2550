"""Real servers on ports of this machine: each in its own process group, and stopped however the demo ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import sealgate
from sealgate.demo.client import Message, send
from sealgate.exceptions import SealgateError

__all__ = ["SERVERS", "Running", "Server", "StartError", "running"]

#: Seconds to start, on a machine that is busy, and to stop.
_START, _GRACE = 45.0, 5.0
#: The last line of a traceback.
_RAISED = re.compile(r"^[A-Za-z_.]+(?:Error|Exception): .*$", re.MULTILINE)
_REFUSED = re.compile(rb"^refused ([a-z-]+): ", re.MULTILINE)
#: Settings that the servers read from the environment, and that would change what the demo shows.
_FOREIGN = ("DJANGO_", "FLASK_", "GUNICORN_", "LISTEN_", "UVICORN_", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")


class StartError(SealgateError):
    """A server did not start; the message says why, where its log does."""


@dataclass(frozen=True, slots=True)
class Server:
    """`program` takes the listening socket as a file descriptor. `malformed`: the application's own answer to a signed
    body that is not JSON; `view_parses`: it is the view that gives it, so the view runs."""

    framework: str
    title: str
    program: tuple[str, ...]
    application: str
    malformed: int
    view_parses: bool

    def command(self, descriptor: int) -> list[str]:
        program = [part.format(fd=descriptor) for part in self.program]
        return [sys.executable, "-m", *program, f"sealgate.demo.{self.application}"]


_GUNICORN = ("gunicorn", "--bind", "fd://{fd}", "--workers", "1", "--log-level", "warning")
_UVICORN = ("uvicorn", "--fd", "{fd}", "--workers", "1", "--log-level", "warning", "--no-access-log")

SERVERS = (
    Server("django", "Django, gunicorn", _GUNICORN, "django_app:wsgi", 400, view_parses=True),
    Server("django", "Django, uvicorn", _UVICORN, "django_app:asgi", 400, view_parses=True),
    Server("flask", "Flask, gunicorn", _GUNICORN, "flask_app:app", 400, view_parses=True),
    Server("fastapi", "FastAPI, uvicorn", _UVICORN, "fastapi_app:app", 422, view_parses=False),
)


@dataclass(slots=True)
class Running:
    server: Server
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    _read: int = 0

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    def wait_until_ready(self) -> None:
        """Returns once the application answers. Raises `StartError` where it does not."""
        probe = Message("GET", "/health", (("Host", self.authority.encode()),))
        try:
            answer = send(self.port, probe.wire(), seconds=_START)
        except (OSError, HTTPException) as error:
            raised = _RAISED.findall(self.log.read_text(errors="replace"))
            raise StartError(f"{self.server.title} did not start: {raised[-1] if raised else error}") from error
        if answer.status != 200:
            raise StartError(f"{self.server.title} is not ready: {answer.status}")

    def refusal(self) -> str | None:
        """The code that sealgate logged since the last call: it is written before the answer is sent."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            news = log.read()
        self._read += len(news)
        codes = _REFUSED.findall(news)
        return b" ".join(codes).decode() or None


@contextmanager
def running(servers: Sequence[Server], keys: Mapping[str, str]) -> Iterator[list[Running]]:
    """Starts all servers at once, with `keys` in their environment, and stops them on every way out."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="sealgate-demo-")))
        stack.enter_context(_signals_raise())
        started: list[Running] = []
        stack.callback(_stop, started)
        for number, server in enumerate(servers):
            home = directory / str(number)
            home.mkdir()
            started.append(_start(server, home, keys))
        yield started


def _start(server: Server, directory: Path, keys: Mapping[str, str]) -> Running:
    """The socket is bound here and handed over: the port is free by construction, and known before the application."""
    with socket.socket() as listener, (directory / "log").open("wb") as log:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        process = subprocess.Popen(  # noqa: S603  our own interpreter and arguments, no shell
            server.command(listener.fileno()),
            cwd=directory,
            env=_environment(directory) | {**keys, "SEALGATE_DEMO_ORIGIN": f"http://127.0.0.1:{port}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(listener.fileno(),),
            start_new_session=True,
        )
    return Running(server, port, process, directory / "log")


def _environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    # The servers run elsewhere, so that no file of the current directory is taken for configuration or a module.
    paths = [Path(path).resolve() for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path]
    package = Path(sealgate.__file__).resolve().parents[1]
    if package not in map(Path, (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))):
        paths.append(package)  # a source tree, perhaps found through the directory that is left
    return kept | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "XDG_RUNTIME_DIR": str(directory)}


def _stop(started: Sequence[Running]) -> None:
    for run in started:
        run.process.terminate()
    for run in started:
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(_GRACE)
        with suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)  # a worker that outlived its parent
        run.process.wait()


@contextmanager
def _signals_raise() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does: through the clean-up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
