"""Links on real servers: services below a prefix, whose files are for whoever has a link to them."""

from __future__ import annotations

from typing import Annotated

import fastapi
import flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from judged import RFC9421
from sealgate import Verified, Verifier, schemes
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate
from served_views import KEY, KEY_ID, ORIGIN

LINKS = Verifier(schemes.signed_url(), keys={KEY_ID: KEY}, origin=ORIGIN)
ONCE = Verifier(schemes.signed_url(once=True), keys={KEY_ID: KEY}, origin=ORIGIN)

_flask_shop = flask.Flask(__name__)
_seal = FlaskSealgate(_flask_shop, RFC9421.verifier(), script_name="/shop")


@_flask_shop.get("/files/<name>")
@_seal.require(LINKS, ONCE)
def _file(name: str) -> str:
    return f"{name} {flask.request.args['x']} {flask.g.verified.scheme}"


_fastapi_shop = fastapi.FastAPI()
_sealed = FastAPISealgate(_fastapi_shop, RFC9421.verifier(), root_path="/shop")


@_fastapi_shop.get("/files/{name}")
async def _named(
    name: str, x: str, verified: Annotated[Verified, fastapi.Depends(_sealed.require(LINKS, ONCE))]
) -> fastapi.Response:
    return fastapi.Response(f"{name} {x} {verified.scheme}")


wsgi = DispatcherMiddleware(flask.Flask("nothing"), {"/shop": _flask_shop})
asgi = fastapi.FastAPI(openapi_url=None)
asgi.mount("/shop", _fastapi_shop)
