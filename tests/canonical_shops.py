"""One application for each framework, whose views keep what they read, in every way that the framework offers."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import flask
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.csrf import csrf_exempt
from fastapi import Body, Depends, FastAPI, Request
from pydantic import BaseModel, StrictFloat, StrictInt

import django_project
from exchange import CHUNKED, WHOLE, over_asgi, over_wsgi
from judged import HOST, KEY
from reference import Message, Pairs
from sealgate import Verifier, asgi, fastapi, policy, wsgi
from sealgate.django import require
from sealgate.flask import Sealgate
from wsgi_client import Answer, WSGIApplication

JSON = ("Content-Type", "application/json")


def signed(target: str, sent: bytes, canonical: bytes, fields: Pairs = (JSON,)) -> Message:
    """`sent`, under the signature that the standard library gives `canonical`."""
    signature = hmac.new(KEY, canonical, hashlib.sha256).hexdigest()
    return Message("POST", target, [("Host", HOST), *fields, ("X-Signature", signature)], sent)


@dataclass(frozen=True)
class Seen:
    """What a view read, and every Content-Length that it was told."""

    read: Any
    lengths: frozenset[str | None]


class Shop(ABC):
    """Verified by the first of `verifiers`, under `/any` by any of them; the last segment of a path is the way to read.

    `octets`: the ways that give octets. `values`: those that give what a parser made of them. `forms`: of a form.
    """

    octets: ClassVar[Mapping[str, Callable[..., Any]]]
    values: ClassVar[Mapping[str, Callable[..., Any]]]
    forms: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    is_asgi = False
    #: Whether something that stands before ours has looked at the fields: frameworks remember what they read of them.
    has_early_reader = False

    def __init__(self, *verifiers: Verifier) -> None:
        self.verifiers = verifiers
        self.seen: list[Seen] = []

    @abstractmethod
    def application(self) -> Any: ...

    def send(self, message: Message, *, in_chunks: bool = False) -> Answer:
        """The answer to `message`; with a Content-Length, unless it comes in chunks."""
        send = over_asgi if self.is_asgi else over_wsgi
        return send(self.application(), message, CHUNKED if in_chunks else WHOLE)

    def read(self, way: str, *source: Any) -> Any:
        return {**self.octets, **self.values, **self.forms}[way](*source)

    def keep(self, read: Any, *lengths: Any) -> None:
        self.seen.append(Seen(read, frozenset(None if length is None else str(length) for length in lengths)))


# --- the two interfaces themselves ------------------------------------------------------------------------------------


class BareWsgi(Shop):
    octets = {
        "read": lambda environ: environ["wsgi.input"].read(),
        "read-length": lambda environ: environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])),
        "lines": lambda environ: b"".join(iter(environ["wsgi.input"].readline, b"")),
        "iteration": lambda environ: b"".join(environ["wsgi.input"]),
        "proof": lambda environ: environ["sealgate.verified"].body,
    }
    values = {"load": lambda environ: json.load(environ["wsgi.input"])}

    def application(self) -> WSGIApplication:
        def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
            self.keep(self.read(environ["PATH_INFO"][1:], environ), environ["CONTENT_LENGTH"])
            start_response("200 OK", [])
            return []

        return wsgi.SignatureMiddleware(app, self.verifiers[0])


class BareAsgi(Shop):
    is_asgi = True
    octets = {"receive": lambda body: body}
    values = {"loads": lambda body: json.loads(body)}

    def application(self) -> Any:
        async def app(scope: asgi.Scope, receive: Any, send: Any) -> None:
            message = await receive()
            assert not message["more_body"]
            lengths = [value.decode() for name, value in scope["headers"] if name == b"content-length"]
            assert message["body"] is scope["sealgate"].verified.body
            self.keep(self.read(scope["path"].rpartition("/")[2], message["body"]), *(lengths or [None]))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        default, *_ = self.verifiers
        choice = policy.Choice(policy.Require(self.verifiers))
        return asgi.Layer(app, policy.Policy(default), "", lambda scope: choice)


# --- Flask ------------------------------------------------------------------------------------------------------------


class FlaskShop(Shop):
    octets = {
        "data": lambda: flask.request.data,
        "get-data": lambda: flask.request.get_data(),
        "stream": lambda: flask.request.stream.read(),
        "input": lambda: flask.request.environ["wsgi.input"].read(),
        "proof": lambda: flask.g.verified.body,
    }
    values = {
        "json": lambda: flask.request.json,
        "get-json": lambda: flask.request.get_json(),
        "load": lambda: json.load(flask.request.stream),
    }
    forms = {"form": lambda: flask.request.form.getlist("name")}

    def application(self) -> WSGIApplication:
        app = flask.Flask(__name__)
        seal = Sealgate(app, self.verifiers[0])
        if self.has_early_reader:

            @app.url_value_preprocessor
            def early(*_: Any) -> None:
                assert flask.request.content_length

        @app.route("/<way>", methods=["GET", "POST"])
        def view(way: str) -> str:
            request = flask.request
            lengths = (request.content_length, request.headers["Content-Length"], request.environ["CONTENT_LENGTH"])
            self.keep(self.read(way), *lengths)
            return ""

        app.post("/any/<way>", endpoint="any")(seal.require(*self.verifiers)(lambda way: view(way)))
        return app


# --- Django -----------------------------------------------------------------------------------------------------------


def _parsed_by_rest_framework(request: HttpRequest) -> Any:
    # As in a project: imported once settings are there.
    from rest_framework.parsers import JSONParser  # type: ignore[import-untyped]
    from rest_framework.request import Request  # type: ignore[import-untyped]

    return Request(request, parsers=[JSONParser()]).data


class _Django(Shop):
    octets = {
        "body": lambda request: request.body,
        "read": lambda request: request.read(),
        "read-length": lambda request: request.read(int(request.headers["Content-Length"])),
        "lines": lambda request: b"".join(request),
        "body-then-read": lambda request: request.body and request.read(),
        "proof": lambda request: request.verified.body,
    }
    values = {
        "loads": lambda request: json.loads(request.body),
        "load": lambda request: json.load(request),
        "rest-framework": _parsed_by_rest_framework,
    }
    forms = {"form": lambda request: request.POST.getlist("name")}
    is_async = False

    def send(self, message: Message, *, in_chunks: bool = False) -> Answer:
        with self.settings():
            return super().send(message, in_chunks=in_chunks)

    def application(self) -> Any:
        return get_asgi_application() if self.is_asgi else WSGIHandler()

    def settings(self) -> override_settings:
        def view(request: HttpRequest, way: str) -> HttpResponse:
            lengths = (request.META.get("CONTENT_LENGTH"), request.headers.get("Content-Length"))
            self.keep(self.read(way, request), *lengths)
            return HttpResponse()

        async def async_view(request: HttpRequest, way: str) -> HttpResponse:
            return view(request, way)

        chosen: Any = csrf_exempt(async_view if self.is_async else view)
        ruled = require(*self.verifiers)(csrf_exempt(chosen))  # another object: a rule is on what it marks
        patterns = [path("<slug:way>", chosen), path("any/<slug:way>", ruled)]
        urls = type("Urls", (), {"urlpatterns": patterns})
        early = [f"{__name__}.ReadsHeaders"] if self.has_early_reader else []
        middleware = [*early, *django_project.MIDDLEWARE]
        return override_settings(ROOT_URLCONF=urls, MIDDLEWARE=middleware, SEALGATE={"VERIFIER": self.verifiers[0]})


class ReadsHeaders(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> None:
        request.headers.get("X-Request-Id")


class DjangoWsgi(_Django):
    pass


class DjangoAsgi(_Django):
    is_asgi = True


class DjangoAsync(DjangoAsgi):
    is_async = True


# --- FastAPI ----------------------------------------------------------------------------------------------------------


class Pair(BaseModel):
    """Takes no float for an int, and no int for a float."""

    a: StrictInt | StrictFloat
    b: StrictInt | StrictFloat | str


async def _streamed(request: Request) -> bytes:
    return b"".join([chunk async for chunk in request.stream()])


async def _form(request: Request) -> list[Any]:
    return (await request.form()).getlist("name")


async def _proof(request: Request) -> Any:
    return request.scope["sealgate"].verified.body


class FastapiShop(Shop):
    is_asgi = True
    octets: ClassVar[Mapping[str, Callable[[Request], Awaitable[Any]]]] = {
        "body": lambda request: request.body(),
        "stream": _streamed,
        "proof": _proof,
    }
    values = {"json": lambda request: request.json(), "model": lambda _: None, "value": lambda _: None}
    forms = {"form": _form}

    def application(self) -> FastAPI:
        app = FastAPI()
        seal = fastapi.Sealgate(app, self.verifiers[0])

        @app.post("/model")
        async def model(pair: Pair, request: Request) -> None:
            self.keep(pair.model_dump(), request.headers.get("content-length"))

        @app.post("/value")
        async def value(value: Annotated[Any, Body()], request: Request) -> None:
            self.keep(value, request.headers.get("content-length"))

        @app.api_route("/{way}", methods=["GET", "POST"])
        async def view(way: str, request: Request) -> None:
            self.keep(await self.read(way, request), request.headers.get("content-length"))

        app.post("/any/{way}", dependencies=[Depends(seal.require(*self.verifiers))])(view)
        return app


SHOPS: dict[str, type[Shop]] = {
    "wsgi": BareWsgi,
    "asgi": BareAsgi,
    "flask": FlaskShop,
    "django": DjangoWsgi,
    "django-asgi": DjangoAsgi,
    "django-async": DjangoAsync,
    "fastapi": FastapiShop,
}
