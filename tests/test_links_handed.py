"""What was appended to a link is nowhere that an application reads, also where something has read it before."""

from __future__ import annotations

import types
from dataclasses import replace
from typing import Any

import flask
import pytest
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

import django_project  # noqa: F401  configures Django
from exchange import over_asgi, over_wsgi
from judged import RFC9421
from linked import link, verifier
from sealgate import schemes
from sealgate.asgi import SignatureMiddleware as AsgiLayer
from sealgate.django import require
from sealgate.flask import Sealgate
from sealgate.wsgi import SignatureMiddleware as WsgiLayer
from wsgi_client import call, environ_of

IGNORING, STRICT = verifier(schemes.signed_url(ignored=("gclid",))), verifier()
_LINK = link("/files?x=1")
APPENDED = replace(_LINK, target=f"{_LINK.target}&gclid=secret")
_QUERY = _LINK.target.partition("?")[2]


def test_flask_forgets_what_it_has_made_of_the_query() -> None:
    app = flask.Flask(__name__)
    seal = Sealgate(app, RFC9421.verifier())
    before: list[str] = []

    @app.url_value_preprocessor
    def early(*_: Any) -> None:
        before.extend(_read())

    @app.get("/files")
    @seal.require(IGNORING)
    def files() -> list[str]:
        return _read()

    def _read() -> list[str]:
        request = flask.request
        return [repr(request.args), repr(request.values), request.url, request.full_path, request.query_string.decode()]

    answer = over_wsgi(app, APPENDED)
    assert (200, [True] * 5) == (answer.status, ["gclid" in each for each in before])
    assert b"gclid" not in answer.body
    assert 5 == answer.body.count(b"methods")


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
def test_a_wsgi_application_has_it_nowhere(name: str) -> None:
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", [])
        return []

    environ = environ_of(APPENDED, RAW_URI=None)
    assert 200 == call(WsgiLayer(application, IGNORING), environ | {name: APPENDED.target}).status
    assert (_LINK.target, _QUERY) == (seen[name], seen["QUERY_STRING"])
    assert [] == [key for key, value in seen.items() if isinstance(value, str) and "gclid" in value]


def test_a_layer_further_in_with_another_verifier_proves_what_is_left() -> None:
    inner: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        inner.append(environ["QUERY_STRING"])
        start_response("200 OK", [])
        return []

    async def coroutine(scope: Any, receive: Any, send: Any) -> None:
        inner.append(scope["query_string"].decode())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert 200 == over_wsgi(WsgiLayer(WsgiLayer(application, STRICT), IGNORING), APPENDED).status
    assert 200 == over_asgi(AsgiLayer(AsgiLayer(coroutine, STRICT), IGNORING), APPENDED).status
    assert [_QUERY, _QUERY] == inner
    assert [401, 401] == [over_wsgi(WsgiLayer(application, STRICT), APPENDED).status, _strict_asgi(coroutine)]


def _strict_asgi(application: Any) -> int:
    return over_asgi(AsgiLayer(application, STRICT), APPENDED).status


@pytest.mark.parametrize("interface", ["WSGI", "ASGI"])
def test_django_has_it_nowhere(interface: str) -> None:
    early: list[bool] = []

    @require(IGNORING)
    def files(request: HttpRequest) -> HttpResponse:
        scope = getattr(request, "scope", {"query_string": b""})
        told = [repr(request.GET), request.META["QUERY_STRING"], request.get_full_path(), repr(scope["query_string"])]
        told += [str(value) for name, value in request.META.items() if name in {"RAW_URI", "REQUEST_URI"}]
        return HttpResponse("\n".join(told))

    def reads_first(get_response: Any) -> Any:
        def read(request: HttpRequest) -> Any:
            early.append("gclid" in request.GET)
            return get_response(request)

        return read

    urls: Any = types.ModuleType("urls")
    urls.urlpatterns = [path("files", files)]
    middleware = [f"{__name__}._reads_first", "sealgate.django.SignatureMiddleware"]
    _made.append(reads_first)
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=middleware, SEALGATE={"VERIFIER": RFC9421.verifier()}):
        over, handler = {"WSGI": (over_wsgi, WSGIHandler()), "ASGI": (over_asgi, get_asgi_application())}[interface]
        answer = over(handler, APPENDED)
    assert (200, [True]) == (answer.status, early)
    assert b"gclid" not in answer.body
    assert answer.body.count(b"methods") >= 4 - (interface == "WSGI")


_made: list[Any] = []


def _reads_first(get_response: Any) -> Any:
    """The middleware of the test that is running."""
    return _made[-1](get_response)
