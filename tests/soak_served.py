"""What the soak's servers serve: one view, as it is, or behind a verifier where `SOAK_REPLAY` names a store."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import sealgate.asgi
import sealgate.wsgi
from judged import KEY, KEY_ID, ORIGIN
from sealgate import KeyRing, Verifier, schemes
from sealgate.asgi import App, Receive, Scope, Send

#: Octets.
LIMIT = 64 * 1024


def told(method: str, path: str, query: str, body: bytes) -> bytes:
    """What the view was given, as a digest of it."""
    return hashlib.sha256(f"{method} {path}?{query}\n".encode() + body).hexdigest().encode()


def view(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    answer = told(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], body)
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


async def aview(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    answer = told(scope["method"], scope["path"], scope["query_string"].decode(), body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]})
    await send({"type": "http.response.body", "body": answer})


app: WSGIApplication = view
aapp: App = aview
if store := os.environ.get("SOAK_REPLAY"):
    _verifier = Verifier(
        schemes.RFC9421, keys=KeyRing({KEY_ID: KEY}), origin=ORIGIN, replay=store, body_limit=LIMIT, body_timeout=5
    )
    app = sealgate.wsgi.SignatureMiddleware(view, _verifier)
    aapp = sealgate.asgi.SignatureMiddleware(aview, _verifier)
