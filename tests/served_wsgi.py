"""What the WSGI servers serve: one of three applications, by the field X-App, which nothing else reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "served_settings")

from django.core.wsgi import get_wsgi_application

import served_flask
from sealgate.wsgi import SignatureMiddleware
from served_views import HURRIED, PARTNERS, judged, ran


def view(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    def field(name: str) -> str | None:
        value: str | None = environ.get("HTTP_" + name.upper().replace("-", "_"))
        return value

    path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
    verified, method, query = environ["sealgate.verified"], environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
    told = ran("wsgi", verified, method, path, query, field, environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(told)))])
    return [] if method == "HEAD" else [told]


plain = SignatureMiddleware(view, PARTNERS, on_verdict=judged)
hurried = SignatureMiddleware(view, HURRIED, on_verdict=judged)
APPLICATIONS: dict[str, WSGIApplication] = {"django": get_wsgi_application(), "flask": served_flask.app, "wsgi": plain}


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    chosen = APPLICATIONS[environ["HTTP_X_APP"]]
    if chosen is plain and environ["PATH_INFO"] == "/hurried":
        chosen = hurried
    return chosen(environ, start_response)
