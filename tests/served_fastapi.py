"""FastAPI, served: every path leads to a view, so that nothing is refused for want of a route."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response, UploadFile, WebSocket
from fastapi.requests import HTTPConnection

from sealgate import Verified, Verifier
from sealgate.fastapi import Sealgate
from served_views import HURRIED, METHODS, MOUNT, judged, ran


def made(verifier: Verifier) -> FastAPI:
    app = FastAPI()
    seal = Sealgate(app, verifier, root_path=MOUNT, on_verdict=judged)
    signed = Annotated[Verified, Depends(seal)]

    @app.get("/probe")
    @seal.exempt("probe")
    async def probe(request: Request) -> Response:
        return await _work(request, None)

    @app.post("/hurried")
    async def hurried(request: Request, verified: Annotated[Verified, Depends(seal.require(HURRIED))]) -> Response:
        return await _work(request, verified)

    @app.post("/upload")
    async def upload(request: Request, file: UploadFile, verified: signed) -> Response:
        return await _work(request, verified, await file.read())

    @app.websocket("/{path:path}")
    async def socket(opened: WebSocket, verified: signed) -> None:
        await opened.accept()
        told = ran("fastapi", verified, "GET", opened.url.path, opened.url.query, _field(opened), b"")
        await opened.send_bytes(told)
        await opened.close()

    @app.api_route("/{path:path}", methods=METHODS)
    async def view(request: Request, verified: signed) -> Response:
        return await _work(request, verified)

    return app


def _field(connection: HTTPConnection) -> Callable[[str], str | None]:
    return lambda name: ", ".join(connection.headers.getlist(name)) if name in connection.headers else None


async def _work(request: Request, verified: Verified | None, file: bytes | None = None) -> Response:
    scope = request.scope
    # Where a form was read, its stream is gone; what the layer proved is what was read.
    body = await request.body() if file is None else scope["sealgate"].verified.body
    query = scope["query_string"].decode("latin-1")
    told = ran("fastapi", verified, request.method, scope["path"], query, _field(request), body, file)
    return Response(told, media_type="application/json")
