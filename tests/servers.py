"""Real servers on free ports of this machine: started together, stopped by their own process ids."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sealgate

#: Seconds to start, on a machine that is busy, and to stop.
_START, _GRACE = 60.0, 3.0
_POLL = 0.02
#: Settings that servers read from the environment.
_FOREIGN = ("DJANGO_", "FLASK_", "GRANIAN_", "GUNICORN_", "UVICORN_", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")


@dataclass(frozen=True)
class Server:
    """`command`: arguments of the interpreter, or of `program`, which is installed beside it. `settings`: of its
    environment."""

    name: str
    command: str
    apps: tuple[str, ...]
    program: str = ""
    settings: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.name


_GUNICORN = "-m gunicorn --bind 127.0.0.1:{port} --workers 1 --log-level warning --worker-class"
_UVICORN = "-m uvicorn --host 127.0.0.1 --port {port} --ws wsproto --log-level warning --no-access-log --http"
_GRANIAN = "-m granian --host 127.0.0.1 --port {port} --workers 1 --log-level warning --interface"
_WSGI, _ASGI = ("django", "flask", "wsgi"), ("django", "fastapi", "asgi")

SERVERS = {
    server.name: server
    for server in (
        Server("gunicorn-sync", f"{_GUNICORN} sync served_wsgi:app", _WSGI),
        Server("gunicorn-gthread", f"{_GUNICORN} gthread --threads 4 served_wsgi:app", _WSGI),
        Server("waitress", "-m waitress --listen=127.0.0.1:{port} served_wsgi:app", _WSGI),
        Server("granian-wsgi", f"{_GRANIAN} wsgi served_wsgi:app", _WSGI),
        Server("runserver", "-m django runserver --noreload --skip-checks 127.0.0.1:{port}", _WSGI),
        Server("uvicorn-h11", f"{_UVICORN} h11 served_asgi:app", _ASGI),
        Server("uvicorn-httptools", f"{_UVICORN} httptools served_asgi:app", _ASGI),
        Server("hypercorn", "-m hypercorn --bind 127.0.0.1:{port} --workers 0 served_asgi:app", _ASGI),
        Server("granian-asgi", f"{_GRANIAN} asgi served_asgi:app", _ASGI),
    )
}


class Running:
    """A server that runs. `news()`: what its applications have recorded since the last call."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.server = server
        self._log, self._records = directory / "log", directory / "records"
        self._records.touch()
        self._read = 0
        # Bound but not listening, it keeps the port from everyone who does not name it.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port: int = self._reserved.getsockname()[1]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [_program(server), *server.command.format(port=self.port).split()],
                cwd=directory,
                env=_environment(directory) | {"SERVED_RECORDS": str(self._records), **dict(server.settings)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_listening(self) -> None:
        end = time.monotonic() + _START
        while True:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port), 1):
                self._reserved.close()
                return
            assert self.process.poll() is None, f"{self.server} did not start:\n{self.log()}"
            assert time.monotonic() < end, f"{self.server} does not listen:\n{self.log()}"
            time.sleep(_POLL)

    def news(self) -> list[dict[str, Any]]:
        news = self.records(self._read)
        self._read += sum(len(line) for line in news)
        return [json.loads(line) for line in news]

    def records(self, start: int = 0) -> list[bytes]:
        """All lines from there on."""
        with self._records.open("rb") as records:
            records.seek(start)
            return records.read().splitlines(keepends=True)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def terminate(self) -> None:
        self._reserved.close()
        self.process.terminate()

    def end(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_GRACE)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # the group is its own: a worker that outlived its parent
        self.process.wait()


@contextmanager
def serving(servers: Sequence[Server], directory: Path) -> Iterator[dict[str, Running]]:
    """Starts all at once, waits until each listens, and stops them on every way out."""
    with ExitStack() as stack:
        # SIGTERM ends a test run as Ctrl-C does: through the clean-up.
        stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, signal.default_int_handler))
        started: dict[str, Running] = {}
        stack.callback(_stop, started)
        for server in servers:
            home = directory / server.name
            home.mkdir()
            started[server.name] = Running(server, home)
        for run in started.values():
            run.wait_until_listening()
        yield started


def _program(server: Server) -> str:
    return str(Path(sys.executable).with_name(server.program)) if server.program else sys.executable


def _stop(started: dict[str, Running]) -> None:
    for run in started.values():
        run.terminate()
    for run in started.values():
        run.end()


def _environment(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    paths = [str(Path(__file__).parent), str(Path(sealgate.__file__).parents[1])]
    paths += [str(Path(path).resolve()) for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path]
    more = {"DJANGO_SETTINGS_MODULE": "served_settings", "XDG_RUNTIME_DIR": str(directory)}
    return kept | more | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
