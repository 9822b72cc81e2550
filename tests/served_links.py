"""Links, uploads and tokens on real servers: services below a prefix, for whoever was given one of them.

Flask and Django stand behind gunicorn, FastAPI and Django behind uvicorn, Django REST framework with Django; `/alone` is
FastAPI's dependency without the layer. What a view was handed is its answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Annotated, Any

os.environ["DJANGO_SETTINGS_MODULE"] = "served_links_settings"

import fastapi
import flask
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from sealgate import Rejected, Scope, Verified, Verifier, schemes
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.fastapi import VerifiedBy
from sealgate.flask import Sealgate as FlaskSealgate
from served_views import KEY, KEY_ID, ORIGIN, PARTNERS

IGNORED = ("utm_source", "gclid")


def clock() -> float:
    """The second that the test says, in a file where the server was started; else the real one."""
    told = Path("clock")
    return float(told.read_text()) if told.exists() else time.time()


_settings: dict[str, Any] = {"keys": {KEY_ID: KEY}, "origin": ORIGIN, "clock": clock}
LINKS = Verifier(schemes.signed_url(ignored=IGNORED), **_settings)
ONCE = Verifier(schemes.signed_url(once=True), **_settings)
UPLOADS = Verifier(schemes.signed_upload(), **_settings)
DROPS = Verifier(schemes.signed_upload(digest=False), **_settings)
DOWNLOADS = Scope("download:document", keys={KEY_ID: KEY}, subject="uuid4", clock=clock)


def handed(verified: Verified, query: str, parsed: dict[str, list[str]], body: bytes) -> str:
    told = {"scheme": verified.scheme, "query": query, "parsed": parsed, "body": hashlib.sha256(body).hexdigest()}
    return json.dumps(told)


def granted(token: str, document: str) -> tuple[str, int]:
    try:
        return DOWNLOADS.verify(token, document).subject, 200
    except Rejected as refused:
        return "", refused.status


_flask_shop = flask.Flask(__name__)
_seal = FlaskSealgate(_flask_shop, PARTNERS, script_name="/flask")


def _flask_view(name: str) -> str:
    request = flask.request
    parsed = {name: request.args.getlist(name) for name in request.args}
    return handed(flask.g.verified, request.query_string.decode(), parsed, request.get_data())


@_flask_shop.route("/files/<name>", methods=["GET", "DELETE"])
@_seal.require(LINKS, ONCE)
def _file(name: str) -> str:
    return _flask_view(name)


@_flask_shop.put("/pictures/<name>")
@_seal.require(UPLOADS)
def _picture(name: str) -> str:
    return _flask_view(name)


@_flask_shop.put("/drops/<name>")
@_seal.require(DROPS, uncovered=("body",))
def _drop(name: str) -> str:
    return _flask_view(name)


@_flask_shop.get("/documents/<document>")
@_seal.exempt("takes a token")
def _document(document: str) -> tuple[str, int]:
    return granted(flask.request.args["token"], document)


wsgi = DispatcherMiddleware(flask.Flask("nothing"), {"/flask": _flask_shop, "/django": get_wsgi_application()})

_fastapi_shop = fastapi.FastAPI()
_sealed = FastAPISealgate(_fastapi_shop, PARTNERS, root_path="/fastapi")


async def _fastapi_view(request: fastapi.Request, verified: Verified) -> fastapi.Response:
    parsed = {name: request.query_params.getlist(name) for name in request.query_params}
    told = handed(verified, request.scope["query_string"].decode(), parsed, await request.body())
    return fastapi.Response(told)


@_fastapi_shop.api_route("/files/{name}", methods=["GET", "DELETE"])
async def _named(
    name: str, request: fastapi.Request, verified: Annotated[Verified, fastapi.Depends(_sealed.require(LINKS, ONCE))]
) -> fastapi.Response:
    return await _fastapi_view(request, verified)


@_fastapi_shop.put("/pictures/{name}")
async def _uploaded(
    name: str, request: fastapi.Request, verified: Annotated[Verified, fastapi.Depends(_sealed.require(UPLOADS))]
) -> fastapi.Response:
    return await _fastapi_view(request, verified)


@_fastapi_shop.put("/drops/{name}")
async def _dropped(
    name: str,
    request: fastapi.Request,
    verified: Annotated[Verified, fastapi.Depends(_sealed.require(DROPS, uncovered=("body",)))],
) -> fastapi.Response:
    return await _fastapi_view(request, verified)


@_fastapi_shop.get("/documents/{document}")
@_sealed.exempt("takes a token")
async def _granted(document: str, token: str) -> fastapi.Response:
    return fastapi.Response(*granted(token, document))


asgi = fastapi.FastAPI(openapi_url=None)


@asgi.api_route("/alone/files/{name}", methods=["GET", "DELETE"])
async def _alone(
    name: str, request: fastapi.Request, verified: Annotated[Verified, fastapi.Depends(VerifiedBy(LINKS))]
) -> fastapi.Response:
    return await _fastapi_view(request, verified)


asgi.mount("/fastapi", _fastapi_shop)
asgi.mount("/django", get_asgi_application())
