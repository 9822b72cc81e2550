"""What is served to clients that sign with AWS Signature Version 4: an application that tells what was proven."""

from __future__ import annotations

import json
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from sealgate import Verified, Verifier, schemes
from sealgate.asgi import App, Receive, Scope, Send
from sealgate.asgi import SignatureMiddleware as AsgiMiddleware
from sealgate.wsgi import SignatureMiddleware as WsgiMiddleware
from served_views import KEY, KEY_ID, ORIGIN

_PARTNERS = Verifier(schemes.AWS_SIGV4, keys={KEY_ID: KEY}, origin=ORIGIN)


def _told(verified: Verified, method: str, path: str, query: str, body: bytes) -> bytes:
    told = {"by": verified.key_id, "method": method, "path": path, "query": query, "body": body.decode()}
    return json.dumps(told | {"covered": verified.covered}).encode()


async def _view(scope: Scope, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    query = scope["query_string"].decode("latin-1")
    told = _told(scope["sealgate"].verified, scope["method"], scope["path"], query, body)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(told))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})


def _wsgi_view(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    method, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", "")
    told = _told(environ["sealgate.verified"], method, path, query, environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(told)))])
    return [told]


asgi: App = AsgiMiddleware(_view, _PARTNERS)
wsgi = WsgiMiddleware(_wsgi_view, _PARTNERS)
