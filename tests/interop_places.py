"""Where the shop of `interop_parts` is served: Express and Koa on Node, and each Python application, on ports of this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from interop_parts import KEY, KEY_ID, ORIGIN
from reference import Message
from served_socket import Answer, connected
from servers import Server, serving

INTEROP = Path(__file__).parent.parent / "interop"
DOCUMENT = "12345678-90ab-4def-9234-567890abcdef"
CONTENT = "what only the holder of the key may read"
_PYTHON = {
    "gunicorn": ("django", "flask", "wsgi"),
    "uvicorn": ("django", "fastapi", "asgi"),
}
_SERVERS = [
    Server(
        "gunicorn",
        "-m gunicorn --bind 127.0.0.1:{port} --workers 1 --worker-class gthread --threads 8 --log-level warning interop_wsgi:app",
        (),
    ),
    Server(
        "uvicorn", "-m uvicorn --host 127.0.0.1 --port {port} --log-level warning --no-access-log interop_asgi:app", ()
    ),
]


@dataclass(frozen=True)
class Place:
    """An application that is served. `app`: of several on one server."""

    name: str
    port: int
    app: str = ""

    @property
    def is_node(self) -> bool:
        return not self.app

    def has(self, part: str) -> bool:
        """Plain WSGI and ASGI have no routes, so nothing matches the parameter that `documents` sign."""
        return part != "documents" or self.app not in {"wsgi", "asgi"}


@contextmanager
def places(node: str, directory: Path) -> Iterator[tuple[list[Place], list[Place]]]:
    """All applications at `ORIGIN`; and Express and Koa once more, each at the origin that its port is."""
    (directory / "files").mkdir()
    (directory / "files" / "report.txt").write_text(CONTENT)
    environment = os.environ | {
        "SHOP_KEY": KEY.decode(),
        "SHOP_KEYS": json.dumps({KEY_ID: KEY.decode()}),
        "SHOP_FILES": str(directory / "files"),
        "SHOP_NAMES": json.dumps({DOCUMENT: "report.txt"}),
    }
    with ExitStack() as stack:
        running = stack.enter_context(serving(_SERVERS, directory))

        def start(name: str, more: dict[str, str]) -> Place:
            return Place(name, stack.enter_context(shop(node, name, environment | more)))

        own = [start(name, {}) for name in ("express", "koa")]
        both = [start(name, {"SHOP_ORIGIN": ORIGIN}) for name in ("express", "koa")]
        both += [Place(f"{app} on {name}", running[name].port, app) for name, apps in _PYTHON.items() for app in apps]
        yield both, own


@contextmanager
def shop(node: str, name: str, environment: dict[str, str]) -> Iterator[int]:
    """The port of an application on Node. Its process group is its own: PyPI's `node` starts the real one as a child."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [node, "serve.js", name],
            cwd=INTEROP,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            with process.stdout as port:
                yield int(port.readline())
            assert process.poll() is None, f"{name} has ended"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def sent_to(place: Place, messages: Sequence[Message]) -> Iterator[Answer]:
    """One after the other, on one connection while the server keeps it."""
    rest = list(messages)
    while rest:
        with connected(place.port) as connection:
            while rest:
                message = rest[0]
                connection.write(wire(message, place))
                answer = connection.answer()
                if answer is None:
                    break  # it was closed after the last answer
                rest.pop(0)
                yield answer


def wire(message: Message, place: Place) -> bytes:
    fields = [(name, value) for name, value in message.headers if name.lower() not in {"content-length", "x-app"}]
    fields += [("X-App", place.app)] if place.app else []
    fields += [("Content-Length", str(len(message.body)))]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{message.method} {message.target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + message.body
