"""Django, FastAPI and plain ASGI, called from Node: one of them, by the field X-App, which nothing else reads."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import os
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "interop_settings"

from django.core.asgi import get_asgi_application
from fastapi import Depends, FastAPI, Request, Response

from interop_parts import METHODS, told, verifiers
from sealgate.asgi import App, Receive, Scope, Send, SignatureMiddleware
from sealgate.fastapi import Sealgate


def _fastapi() -> FastAPI:
    app, gates = FastAPI(redirect_slashes=False), verifiers()
    seal = Sealgate(app, gates["partners"])

    async def view(request: Request) -> Response:
        scope, query = request.scope, request.scope["query_string"].decode("latin-1")
        return Response(told(scope["sealgate"].verified, request.method, scope["path"], query, await request.body()))

    for part, verifier in gates.items():
        rules = ["/{id:uuid}"] if part == "documents" else ["", "/{rest:path}"]
        for rule in rules:
            app.api_route(f"/{part}{rule}", methods=METHODS, dependencies=[Depends(seal.require(verifier))])(view)
    return app


async def _view(scope: Scope, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    query = scope["query_string"].decode("latin-1")
    answer = told(scope["sealgate"].verified, scope["method"], scope["path"], query, body)
    headers = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


_GATED: dict[str, App] = {
    part: SignatureMiddleware(_view, verifier) for part, verifier in verifiers().items() if part != "documents"
}


async def _plain(scope: Scope, receive: Receive, send: Send) -> None:
    part = scope["path"].split("/")[1]
    await _GATED.get(part, _GATED["partners"])(scope, receive, send)


APPLICATIONS: dict[str, Any] = {"django": get_asgi_application(), "fastapi": _fastapi(), "asgi": _plain}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    await APPLICATIONS[dict(scope["headers"])[b"x-app"].decode()](scope, receive, send)
