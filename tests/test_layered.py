"""A layer of sealgate around an adapter, and gates behind a dispatcher: no signature is spent twice, or missed."""

# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from fastapi import FastAPI, Request
from flask import Flask, g, request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Router
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import django_project  # noqa: F401  it configures Django
from asgi_client import CONNECT, ORDER, SOCKET, ask, signed, socket_of
from exchange import over_asgi, over_wsgi
from judged import BODY, RFC9421
from kinds_of_request import EVERY
from reference import Message
from sealgate import Verifier
from sealgate import asgi as sealgate_asgi
from sealgate import wsgi as sealgate_wsgi
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate
from suite import Suite
from wsgi_client import Answer

PATHS = ["/orders", "/a%20b", "/%C3%A9t%C3%A9", "/a%2Fb", "/%E2%82%AC/x", "/a//b", "/~a/%7Eb", "/p;v=1", "/a?x=1&x=%20"]


def flask_app(verifier: Verifier | None = None, **settings: Any) -> Flask:
    app = Flask(__name__)
    app.testing = True
    if verifier is not None:
        FlaskSealgate(app, verifier, **settings)
    app.url_map.merge_slashes = False

    @app.route("/<path:rest>", methods=EVERY)
    def view(rest: str) -> bytes:
        return request.get_data() + b"+" + (b"" if g.get("verified") is None else g.verified.scheme.encode())

    return app


def django_settings(verifier: Verifier, **gate: Any) -> override_settings:
    def view(request: HttpRequest, rest: str) -> HttpResponse:
        return HttpResponse(request.body + b"+" + request.verified.scheme.encode())  # type: ignore[attr-defined]

    class Urls:
        urlpatterns = [path("<path:rest>", view)]

    return override_settings(
        MIDDLEWARE=["sealgate.django.SignatureMiddleware"],
        ROOT_URLCONF=Urls,
        SEALGATE={"VERIFIER": verifier, **gate},
    )


def fastapi_app(verifier: Verifier, **settings: Any) -> FastAPI:
    app = FastAPI()
    FastAPISealgate(app, verifier, **settings)

    @app.api_route("/{rest:path}", methods=list(EVERY))
    async def view(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body() + b"+" + request.scope["sealgate"].verified.scheme.encode())

    return app


class Layered(Suite):
    """An adapter's application, and a layer of sealgate around it."""

    @abstractmethod
    def inner(self, verifier: Verifier) -> Any: ...

    @abstractmethod
    def layer(self, application: Any, verifier: Verifier) -> Any: ...

    @abstractmethod
    def send(self, application: Any, message: Message) -> Answer: ...

    @pytest.fixture(autouse=True)
    def _fresh(self) -> Iterator[None]:
        self.stack = ExitStack()
        with self.stack:
            yield

    @pytest.mark.parametrize("target", PATHS)
    def test_one_verifier_in_both_spends_one_nonce(self, target: str) -> None:
        verifier = RFC9421.verifier()
        application = self.layer(self.inner(verifier), verifier)
        message = signed(replace(ORDER, target=target))
        answers = [self.send(application, message) for _ in range(2)]
        assert (200, ORDER.body + b"+rfc9421", 401) == (answers[0].status, answers[0].body, answers[1].status)

    @pytest.mark.parametrize("target", PATHS)
    def test_another_verifier_needs_both_signatures(self, target: str) -> None:
        application = self.layer(self.inner(BODY.verifier()), RFC9421.verifier())
        message = replace(ORDER, target=target.partition("?")[0])
        only, both = signed(message), signed(BODY.signed(message))
        other = BODY.signed(message)
        assert [401, 401, 401, 200] == [self.send(application, each).status for each in (message, only, other, both)]

    def test_body_that_is_changed_between_them_is_not_what_the_view_reads(self) -> None:
        """The inner one says it is proven, so it is the proven one that arrives."""
        verifier = RFC9421.verifier()
        application = self.layer(self.changing(self.inner(verifier)), verifier)
        answer = self.send(application, signed(ORDER))
        assert (200, ORDER.body + b"+rfc9421") == (answer.status, answer.body)

    @abstractmethod
    def changing(self, application: Any) -> Any:
        """Another body of the same length, on the way inwards."""


class LayeredWsgi(Layered):
    def layer(self, application: Any, verifier: Verifier) -> Any:
        return sealgate_wsgi.SignatureMiddleware(application, verifier)

    def send(self, application: Any, message: Message) -> Answer:
        return over_wsgi(application, message)

    def changing(self, application: Any) -> Any:
        def change(environ: dict[str, Any], start_response: Any) -> Any:
            environ["wsgi.input"] = BytesIO(b'{"total": 9}')
            return application(environ, start_response)

        return change


class TestLayerAroundFlask(LayeredWsgi):
    def inner(self, verifier: Verifier) -> Any:
        return flask_app(verifier)

    @pytest.mark.parametrize("target", ["/shop/orders", "/shop/a%20b", "/shop/%C3%A9"])
    def test_dispatcher_between_them_spends_one_nonce(self, target: str) -> None:
        """It moves the first segment from PATH_INFO to SCRIPT_NAME; the whole path, which is what was signed, stays."""
        verifier = RFC9421.verifier()
        mounted = flask_app(verifier, script_name="/shop")
        application = self.layer(DispatcherMiddleware(flask_app(verifier), {"/shop": mounted}), verifier)
        message = replace(ORDER, target=target)
        assert [401, 200] == [self.send(application, each).status for each in (message, signed(message))]

    def test_dispatcher_with_two_gates_keeps_them_apart(self) -> None:
        shop, site = flask_app(RFC9421.verifier(), script_name="/shop"), flask_app(BODY.verifier())
        application = DispatcherMiddleware(site, {"/shop": shop})
        inside, outside = replace(ORDER, target="/shop/orders"), ORDER
        messages = (inside, signed(inside), BODY.signed(inside), outside, signed(outside), BODY.signed(outside))
        assert [401, 200, 401, 401, 401, 200] == [self.send(application, each).status for each in messages]

    def test_application_without_a_mount_refuses_what_a_dispatcher_sends_it(self) -> None:
        application = DispatcherMiddleware(flask_app(), {"/shop": flask_app(RFC9421.verifier())})
        assert 400 == self.send(application, signed(replace(ORDER, target="/shop/orders"))).status


class TestLayerAroundDjango(LayeredWsgi):
    def inner(self, verifier: Verifier) -> Any:
        self.stack.enter_context(django_settings(verifier))
        return WSGIHandler()

    def test_dispatcher_between_them_spends_one_nonce(self) -> None:
        verifier = RFC9421.verifier()
        self.stack.enter_context(django_settings(verifier, SCRIPT_NAME="/shop"))
        application = self.layer(DispatcherMiddleware(flask_app(verifier), {"/shop": WSGIHandler()}), verifier)
        assert 200 == self.send(application, signed(replace(ORDER, target="/shop/orders"))).status


class LayeredAsgi(Layered):
    def layer(self, application: Any, verifier: Verifier) -> Any:
        return sealgate_asgi.SignatureMiddleware(application, verifier)

    def send(self, application: Any, message: Message) -> Answer:
        return over_asgi(application, message)

    def changing(self, application: Any) -> Any:
        async def change(scope: Any, receive: Any, send: Any) -> None:
            async def changed() -> Any:
                message = await receive()
                return {**message, "body": b'{"total": 9}'} if message.get("body") else message

            await application(scope, changed, send)

        return change


class TestLayerAroundFastAPI(LayeredAsgi):
    def inner(self, verifier: Verifier) -> Any:
        return fastapi_app(verifier)

    @pytest.mark.parametrize("target", ["/shop/orders", "/shop/a%20b", "/shop/%C3%A9"])
    def test_mount_between_them_spends_one_nonce(self, target: str) -> None:
        verifier = RFC9421.verifier()
        application = self.layer(Router([Mount("/shop", fastapi_app(verifier, root_path="/shop"))]), verifier)
        message = replace(ORDER, target=target)
        assert [401, 200] == [self.send(application, each).status for each in (message, signed(message))]

    def test_websocket_through_both_spends_one_nonce(self) -> None:
        verifier, app, accepted = RFC9421.verifier(), FastAPI(), []
        FastAPISealgate(app, verifier)

        async def feed(scope: Any, receive: Any, send: Any) -> None:
            accepted.append(scope["path"])
            await receive()
            await send({"type": "websocket.accept"})

        app.mount("/", feed)
        layer = self.layer(app, verifier)
        sent = [ask(layer, socket_of(each), [CONNECT]).sent for each in (SOCKET, signed(SOCKET))]
        assert [[{"type": "websocket.close", "code": 1008}], [{"type": "websocket.accept"}]] == sent
        assert ["/feed"] == accepted


class TestLayerAroundDjangoAsgi(LayeredAsgi):
    def inner(self, verifier: Verifier) -> Any:
        self.stack.enter_context(django_settings(verifier))
        return get_asgi_application()
