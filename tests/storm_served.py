"""What the storm's servers serve: a view behind a verifier, which writes down each request that it was run for."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings

import sealgate.asgi
import sealgate.wsgi
from judged import KEY, KEY_ID, ORIGIN
from sealgate import KeyRing, Verifier, schemes

if (location := os.environ.get("STORM_CACHE")) is not None:
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": location}
    settings.configure(CACHES={"default": cache})

VERIFIER = Verifier(
    schemes.RFC9421,
    keys=KeyRing({KEY_ID: KEY}),
    origin=ORIGIN,
    replay=os.environ["STORM_REPLAY"],
    duplicates=os.environ["STORM_DUPLICATES"],
)
_RAN = os.open(os.environ["STORM_RAN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


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


app = sealgate.wsgi.SignatureMiddleware(view, VERIFIER)
aapp = sealgate.asgi.SignatureMiddleware(aview, VERIFIER)
