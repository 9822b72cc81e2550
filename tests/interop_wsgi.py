"""Django, Flask and plain WSGI, called from Node: one of them, by the field X-App, which nothing else reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

os.environ["DJANGO_SETTINGS_MODULE"] = "interop_settings"

from django.core.wsgi import get_wsgi_application
from flask import Flask, Response, g, request
from werkzeug.routing import BaseConverter

from interop_parts import METHODS, told, verifiers
from sealgate.flask import Sealgate
from sealgate.wsgi import SignatureMiddleware


class _Anything(BaseConverter):
    """Slashes too, also at the start."""

    regex = ".*?"
    part_isolating = False


def _flask() -> Flask:
    app, gates = Flask("interop"), verifiers()
    app.url_map.merge_slashes = False
    app.url_map.converters["anything"] = _Anything
    seal = Sealgate(app, gates["partners"])

    def view(**_: object) -> Response:
        query = request.query_string.decode("latin-1")
        return Response(told(g.verified, request.method, request.path, query, request.get_data()))

    for part, verifier in gates.items():
        gated = seal.require(verifier)(lambda **given: view(**given))
        rules = ["/<uuid:id>"] if part == "documents" else ["", "/<anything:rest>"]
        for rule in rules:
            app.add_url_rule(f"/{part}{rule}", f"{part}{rule}", gated, methods=METHODS, strict_slashes=True)
    return app


def _view(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
    method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
    body = told(environ["sealgate.verified"], method, path, query, environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


_GATED = {part: SignatureMiddleware(_view, verifier) for part, verifier in verifiers().items() if part != "documents"}


def _plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    part = environ["PATH_INFO"].split("/")[1]
    return _GATED.get(part, _GATED["partners"])(environ, start_response)


APPLICATIONS: dict[str, WSGIApplication] = {"django": get_wsgi_application(), "flask": _flask(), "wsgi": _plain}


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return APPLICATIONS[environ["HTTP_X_APP"]](environ, start_response)
