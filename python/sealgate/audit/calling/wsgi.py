"""A WSGI application, called as a server does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from sealgate._native import Request
from sealgate.audit.calling.answers import Answer, answered, failed

__all__ = ["Wsgi"]

_PORTS = {"http": "80", "https": "443"}


class Wsgi:
    """PEP 3333, as gunicorn does it; but a field's twin with underscores is joined to it, as uWSGI does."""

    def __init__(self, application: Any, origin: str) -> None:
        self._application = application
        self._origin = origin

    def __enter__(self) -> Wsgi:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def call(self, request: Request, *, websocket: bool = False) -> Answer:
        if websocket:
            return Answer(None, failure="WSGI has no websockets")
        started: list[Answer] = []

        def start_response(status: str, headers: Iterable[tuple[str, str]], _: Any = None) -> Callable[[bytes], object]:
            started.append(answered(int(status[:3]), headers))
            return lambda _: None

        try:
            parts = self._application(_environ(request, self._origin), start_response)
            try:
                next(iter(parts), b"")  # the status may come with the first part; what follows may never end
            finally:
                getattr(parts, "close", lambda: None)()
        except Exception as error:  # noqa: BLE001  what a server answers with 500
            return started[-1] if started else failed(error)
        return started[-1] if started else Answer(None, failure="start_response was not called")


def _environ(request: Request, origin: str) -> dict[str, Any]:
    at = urlsplit(origin)
    path, _, query = request.target.partition("?")
    body = request.body or b""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request.target,
        "REQUEST_URI": request.target,
        "SERVER_NAME": at.hostname or "",
        "SERVER_PORT": str(at.port or _PORTS[at.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": at.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.input": BytesIO(body),
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ and key != "CONTENT_LENGTH" else value
    return environ
