"""One application on each adapter, with a route that takes GET and POST, and its own verifier where it has rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fastapi
import flask
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

import django_project
from exchange import Exchange, over_asgi, over_wsgi
from judged import RFC9421
from sealgate import Verifier, asgi, wsgi
from sealgate.django import require
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.fastapi import VerifiedBy
from sealgate.flask import Sealgate as FlaskSealgate

# It reads the settings that django_project makes.
from rest_framework.response import Response  # isort: skip
from rest_framework.views import APIView  # isort: skip

from sealgate.rest_framework import HasValidSignature, SignatureAuthentication  # isort: skip

__all__ = ["ALONE", "RAN", "SHOPS", "Build", "Shop", "fastapi_shop", "flask_shop"]

#: Methods of requests that came to a view.
RAN: list[str] = []
Build = Callable[..., Any]


@dataclass(frozen=True)
class Shop:
    """`build(verifier, **settings)` gives the application; `over`: how it is spoken to."""

    name: str
    over: Exchange
    build: Build


def _ran(method: str) -> str:
    RAN.append(method)
    return "ran"


def _wsgi(verifier: Verifier, **settings: Any) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [_ran(environ["REQUEST_METHOD"]).encode()]

    return wsgi.SignatureMiddleware(application, verifier, **settings)


def _asgi(verifier: Verifier, **settings: Any) -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": _ran(scope["method"]).encode()})

    return asgi.SignatureMiddleware(application, verifier, **settings)


def flask_shop(verifier: Verifier, **settings: Any) -> Any:
    app = flask.Flask(__name__)
    seal = FlaskSealgate(app, RFC9421.verifier(), **settings)

    @app.route("/hook", methods=["GET", "POST"])
    @seal.require(verifier)
    def hook() -> str:
        return _ran(flask.request.method)

    return app


def fastapi_shop(verifier: Verifier, **settings: Any) -> Any:
    app = fastapi.FastAPI()
    seal = FastAPISealgate(app, RFC9421.verifier(), **settings)

    async def hook(request: fastapi.Request) -> fastapi.Response:
        return fastapi.Response(_ran(request.method))

    required = [fastapi.Depends(seal.require(verifier))]
    for method in ("GET", "POST"):
        app.add_api_route("/hook", hook, methods=[method], dependencies=required)
    return app


def _django(handler: Callable[[], Any]) -> Build:
    def build(verifier: Verifier, **settings: Any) -> Any:
        @csrf_exempt
        @require(verifier)
        def hook(request: HttpRequest) -> HttpResponse:
            return HttpResponse(_ran(request.method or ""))

        urls = type("Urls", (), {"urlpatterns": (path("hook", hook),)})
        named = {name.upper(): value for name, value in settings.items()}
        given = {"VERIFIER": RFC9421.verifier(), **named}
        override_settings(ROOT_URLCONF=urls, SEALGATE=given, MIDDLEWARE=django_project.MIDDLEWARE).enable()
        return handler()

    return build


def _rest_framework(verifier: Verifier) -> Any:
    class By(SignatureAuthentication):
        pass

    class Hook(APIView):
        authentication_classes = [By]
        permission_classes = [HasValidSignature]

        def get(self, request: Any) -> Response:
            return Response(_ran(request.method))

        post = get

    By.verifier = verifier
    urls = type("Urls", (), {"urlpatterns": (path("hook", Hook.as_view()),)})
    override_settings(ROOT_URLCONF=urls, SEALGATE={"VERIFIER": RFC9421.verifier()}, MIDDLEWARE=[]).enable()
    return WSGIHandler()


def _dependency(verifier: Verifier) -> Any:
    async def hook(request: fastapi.Request) -> fastapi.Response:
        return fastapi.Response(_ran(request.method))

    app = fastapi.FastAPI(dependencies=[fastapi.Depends(VerifiedBy(verifier))])
    for method in ("GET", "POST"):
        app.add_api_route("/hook", hook, methods=[method])
    return app


#: What does not give the answer, and so none to a provider.
ALONE = [Shop("rest framework", over_wsgi, _rest_framework), Shop("dependency", over_asgi, _dependency)]

SHOPS = [
    Shop("wsgi", over_wsgi, _wsgi),
    Shop("asgi", over_asgi, _asgi),
    Shop("flask", over_wsgi, flask_shop),
    Shop("fastapi", over_asgi, fastapi_shop),
    Shop("django wsgi", over_wsgi, _django(WSGIHandler)),
    Shop("django asgi", over_asgi, _django(get_asgi_application)),
]
