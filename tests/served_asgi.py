"""What the ASGI servers serve: an application on one of three frameworks, by the field X-App, which else is not read."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "served_settings")

from django.core.asgi import get_asgi_application

import served_fastapi
from sealgate import Verifier
from sealgate.asgi import App, Receive, Scope, Send, SignatureMiddleware
from served_views import HURRIED, MOUNT, OTHERS, PARTNERS, judged, ran


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


def sealed(verifier: Verifier) -> App:
    return SignatureMiddleware(view, verifier, root_path=MOUNT, on_verdict=judged)


plain, hurried, django = sealed(PARTNERS), sealed(HURRIED), get_asgi_application()
APPLICATIONS: dict[str, Any] = {"django": django, "fastapi": served_fastapi.made(PARTNERS), "asgi": plain}
for _name, _verifier in OTHERS.items():
    APPLICATIONS |= {
        f"django:{_name}": django,  # which chooses by itself
        f"fastapi:{_name}": served_fastapi.made(_verifier),
        f"asgi:{_name}": sealed(_verifier),
    }


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    chosen = APPLICATIONS[dict(scope["headers"])[b"x-app"].decode()]
    if chosen is plain and scope["path"] == "/hurried":
        chosen = hurried
    await chosen(scope, receive, send)
