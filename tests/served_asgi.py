"""What the ASGI servers serve: one of three applications, by the field X-App, which nothing else reads."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "served_settings")

from django.core.asgi import get_asgi_application

import served_fastapi
from sealgate.asgi import App, Receive, Scope, Send, SignatureMiddleware
from served_views import HURRIED, PARTNERS, judged, ran


async def view(scope: Scope, receive: Receive, send: Send) -> None:
    def field(name: str) -> str | None:
        values = [value.decode("latin-1") for known, value in scope["headers"] if known == name.lower().encode()]
        return ", ".join(values) if values else None

    body, more = b"", scope["type"] == "http"
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    verified, query = scope["sealgate"].verified, scope["query_string"].decode("latin-1")
    told = ran("asgi", verified, scope.get("method", "GET"), scope["path"], query, field, body)
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": told})
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(told))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})


plain: App = SignatureMiddleware(view, PARTNERS, on_verdict=judged)
hurried: App = SignatureMiddleware(view, HURRIED, on_verdict=judged)
APPLICATIONS: dict[str, Any] = {"django": get_asgi_application(), "fastapi": served_fastapi.app, "asgi": plain}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    chosen = APPLICATIONS[dict(scope["headers"])[b"x-app"].decode()]
    if chosen is plain and scope["path"] == "/hurried":
        chosen = hurried
    await chosen(scope, receive, send)
