"""What real servers serve: a hook for each provider whose handshake is on, behind Flask and behind FastAPI.

Asana's key is kept in a file of the directory in which the server runs; it is armed by another one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastapi
import flask

from handshake_probes import PROVIDERS, VERIFY_TOKEN
from judged import KEY, RFC9421
from sealgate import KeyRing, Verifier, handshakes
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate
from sealgate.handshakes import FileArming

_KEPT = Path("kept").absolute()


def _store(key: str, _: Any) -> bool:
    if _KEPT.exists():
        return False
    _KEPT.write_text(key)
    return True


def _known(*_: Any) -> KeyRing | None:
    return KeyRing(_KEPT.read_text()) if _KEPT.exists() else None


HANDSHAKES = {
    "asana": handshakes.asana(_store, arming=FileArming(Path("armed").absolute())),
    "dropbox": handshakes.DROPBOX,
    "meta": handshakes.meta(VERIFY_TOKEN),
    "slack": handshakes.SLACK,
    "twitch": handshakes.TWITCH,
    "x": handshakes.X,
    "zoom": handshakes.ZOOM,
}
VERIFIERS = {
    name: Verifier(PROVIDERS[name].scheme, keys=_known if name == "asana" else KEY, handshake=handshake)
    for name, handshake in HANDSHAKES.items()
}

wsgi = flask.Flask(__name__)
asgi = fastapi.FastAPI()
_flask = FlaskSealgate(wsgi, RFC9421.verifier())
_fastapi = FastAPISealgate(asgi, RFC9421.verifier())


def _views(name: str, verifier: Verifier) -> None:
    @wsgi.route(f"/{name}", methods=["GET", "POST"], endpoint=name)
    @_flask.require(verifier)
    def _() -> str:
        return "ran"

    required = [fastapi.Depends(_fastapi.require(verifier))]
    for method in ("GET", "POST"):
        asgi.add_api_route(
            f"/{name}", lambda: fastapi.Response("ran"), methods=[method], dependencies=required, name=name
        )


for _name, _verifier in VERIFIERS.items():
    _views(_name, _verifier)
