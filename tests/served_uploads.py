"""What the servers of `large_upload.py` serve: a view on each framework that reads its body in pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from fastapi import FastAPI, Request, Response
from flask import Flask, request

import sealgate.asgi
import sealgate.fastapi
import sealgate.flask
import sealgate.wsgi
from judged import KEY, KEY_ID, ORIGIN
from sealgate import Verifier, schemes
from sealgate.asgi import App, Receive, Scope, Send

_PIECE = 64 * 1024
VERIFIER = Verifier(
    schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN, body_limit=2**30, body_timeout=120, spool=2**20, replay="off"
)
flask = Flask("uploads")
sealgate.flask.Sealgate(flask, VERIFIER)
fastapi = FastAPI()
sealgate.fastapi.Sealgate(fastapi, VERIFIER)


def told(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


@flask.post("/files")
def by_flask() -> str:
    return told(iter(lambda: request.stream.read(_PIECE), b""))


@fastapi.post("/files")
async def by_fastapi(request: Request) -> Response:
    digest = hashlib.sha256()
    async for piece in request.stream():
        digest.update(piece)
    return Response(digest.hexdigest())


@csrf_exempt
def by_django(request: HttpRequest) -> HttpResponse:
    return HttpResponse(told(iter(lambda: request.read(_PIECE), b"")))


def view(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    answer = told(iter(lambda: environ["wsgi.input"].read(_PIECE), b"")).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


async def aview(scope: Scope, receive: Receive, send: Send) -> None:
    digest, more = hashlib.sha256(), True
    while more:
        message = await receive()
        digest.update(message["body"])
        more = message["more_body"]
    answer = digest.hexdigest().encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]})
    await send({"type": "http.response.body", "body": answer})


urlpatterns = [path("files", by_django)]
wsgi = sealgate.wsgi.SignatureMiddleware(view, VERIFIER)
asgi: App = sealgate.asgi.SignatureMiddleware(aview, VERIFIER)
wsgi_django = get_wsgi_application()
asgi_django = get_asgi_application()
