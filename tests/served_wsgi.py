"""What the WSGI servers serve: an application on one of three frameworks, by the field X-App, which else is not read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "served_settings")

from django.core.wsgi import get_wsgi_application

import served_flask
from sealgate import Verifier
from sealgate.wsgi import SignatureMiddleware
from served_views import HURRIED, MOUNT, OTHERS, PARTNERS, judged, ran


def view(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    def field(name: str) -> str | None:
        value: str | None = environ.get("HTTP_" + name.upper().replace("-", "_"))
        return value

    path = (environ["SCRIPT_NAME"] + environ["PATH_INFO"]).encode("latin-1").decode(errors="replace")
    verified, method, query = environ["sealgate.verified"], environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
    told = ran("wsgi", verified, method, path, query, field, environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(told)))])
    return [] if method == "HEAD" else [told]


def sealed(verifier: Verifier) -> WSGIApplication:
    return SignatureMiddleware(view, verifier, script_name=MOUNT, on_verdict=judged)


plain, hurried, django = sealed(PARTNERS), sealed(HURRIED), get_wsgi_application()
APPLICATIONS: dict[str, WSGIApplication] = {"django": django, "flask": served_flask.made(PARTNERS), "wsgi": plain}
for _name, _verifier in OTHERS.items():
    APPLICATIONS |= {
        f"django:{_name}": django,  # which chooses by itself
        f"flask:{_name}": served_flask.made(_verifier),
        f"wsgi:{_name}": sealed(_verifier),
    }


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    chosen = APPLICATIONS[environ["HTTP_X_APP"]]
    if chosen is plain and environ["PATH_INFO"] == "/hurried":
        chosen = hurried
    return chosen(environ, start_response)
