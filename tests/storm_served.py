"""What the storm's servers serve: a view that writes down each request that it was run for.

Behind a verifier of requests where there is no query, of links where there is one, and for whoever has a token.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings

import sealgate.asgi
import sealgate.wsgi
from judged import KEY, KEY_ID, ORIGIN
from sealgate import KeyRing, Rejected, Scope, Unavailable, Verifier, schemes

if (location := os.environ.get("STORM_CACHE")) is not None:
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": location}
    settings.configure(CACHES={"default": cache})


def _ran(target: str) -> None:
    """One write, whole, whatever becomes of the process."""
    os.write(_RAN, target.encode() + b"\n")


def view(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    _ran(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


async def aview(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    _ran(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


_RAN = os.open(os.environ["STORM_RAN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_settings: dict[str, Any] = {"keys": KeyRing({KEY_ID: KEY}), "replay": os.environ["STORM_REPLAY"]}
_TOKENS = Scope(os.environ["STORM_SCOPE"], **_settings)
_verifiers = [
    Verifier(scheme, origin=ORIGIN, duplicates=os.environ["STORM_DUPLICATES"], **_settings)
    for scheme in (schemes.RFC9421, schemes.signed_url(once=True))
]
_requests, _links = (sealgate.wsgi.SignatureMiddleware(view, verifier) for verifier in _verifiers)
_arequests, _alinks = (sealgate.asgi.SignatureMiddleware(aview, verifier) for verifier in _verifiers)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    query = environ["QUERY_STRING"]
    if not query.startswith("token="):
        return (_links if query else _requests)(environ, start_response)
    try:
        _TOKENS.verify(query.removeprefix("token="), environ["PATH_INFO"].removeprefix("/"))
    except (Rejected, Unavailable) as error:
        start_response(f"{error.status} Refused", [("Content-Length", "0")])
        return []
    return view(environ, start_response)


async def aapp(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    query = scope.get("query_string", b"").decode()
    if not query.startswith("token="):
        await (_alinks if query else _arequests)(scope, receive, send)
        return
    try:
        await _TOKENS.averify(query.removeprefix("token="), scope["path"].removeprefix("/"))
    except (Rejected, Unavailable) as error:
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await aview(scope, receive, send)
