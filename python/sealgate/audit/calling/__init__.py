"""How the requests of a probe reach an application: by WSGI, by ASGI, or by HTTP, and then to loopback only."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sealgate._native import Request
from sealgate.audit.calling.answers import Answer
from sealgate.audit.calling.asgi import Asgi
from sealgate.audit.calling.http import Http
from sealgate.audit.calling.wsgi import Wsgi
from sealgate.exceptions import ConfigurationError

__all__ = ["Answer", "Caller", "caller_of"]


class Caller(AbstractContextManager["Caller"], Protocol):
    """Who hands requests to one application, while it is entered."""

    def call(self, request: Request, *, websocket: bool = False) -> Answer:
        """The answer to `request`, sent as it is; `websocket`: as a handshake."""


def caller_of(application: Any, origin: str) -> Caller:
    """`application`: a WSGI or ASGI callable, or the URL of a server on loopback. `origin`: where it thinks it is.

    Raises `ConfigurationError`.
    """
    if isinstance(application, str):
        return Http(application)
    if not callable(application):
        raise ConfigurationError("probe: expected a WSGI or ASGI application, or a URL")
    return (Asgi if _is_asgi(application) else Wsgi)(application, origin)


def _is_asgi(application: Any) -> bool:
    """ASGI 3.0, Applications: "a single async callable"."""
    call = getattr(application, "__call__", None)  # noqa: B004  not whether, but which
    return inspect.iscoroutinefunction(inspect.unwrap(application)) or inspect.iscoroutinefunction(call)
