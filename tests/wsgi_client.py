"""Speaks WSGI (PEP 3333) the way gunicorn does: `RAW_URI`, duplicate fields joined by a comma, a terminated input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from reference import Message

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Answer:
    """`read`: whether anything was read of the body of the request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    read: bool = field(default=False, compare=False)


class Input(BytesIO):
    """A body as a server gives it: of what is asked for at most `piece` octets; where it ends, the connection may `reset`."""

    def __init__(self, body: bytes, piece: int | None = None, *, reset: bool = False) -> None:
        super().__init__(body)
        self.asked = 0
        self._piece = piece or len(body) or 1
        self._reset = reset

    def read(self, size: int | None = -1, /) -> bytes:
        self.asked += 1
        found = super().read(-1 if size is None or size < 0 else min(size, self._piece))
        if not found and size != 0 and self._reset:
            raise ConnectionResetError("reset by peer")
        return found

    def readline(self, size: int | None = -1, /) -> bytes:
        self.asked += 1
        return super().readline(-1 if size is None else size)


class Unfinished:
    """An input whose reading would hang or fail the test: nothing may read it."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body was read")

    readline = read


def environ_of(message: Message, **changes: Any) -> dict[str, Any]:
    """The environ of `message`; a change to None removes the entry."""
    environ = {
        "REQUEST_METHOD": message.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(message.path).decode("latin-1"),
        "QUERY_STRING": message.query,
        "RAW_URI": message.target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.input": BytesIO(message.body),
    }
    if message.body:
        environ["CONTENT_LENGTH"] = str(len(message.body))
    for name, value in message.headers:
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ.update(changes)
    return {key: value for key, value in environ.items() if value is not None}


def chunked(**changes: Any) -> dict[str, Any]:
    """Changes that make the request a chunked one."""
    return {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", **changes}


def call(application: WSGIApplication, environ: dict[str, Any]) -> Answer:
    started: list[tuple[int, tuple[tuple[str, str], ...]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        started.append((int(status[:3]), tuple(headers)))
        return lambda _: None

    parts = application(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        getattr(parts, "close", lambda: None)()
    ((status, headers),) = started
    return Answer(status, headers, body)
