"""CORS: flask-cors, django-cors-headers and Starlette's middleware, on either side of the gate, and no preflight to a view.

Outside, the CORS middleware answers preflights before the gate sees them, and adds its fields to refusals; inside, it is
asked only where `preflight` lets them through.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from fastapi import FastAPI
from flask import Flask, request
from flask_cors import CORS
from starlette.middleware.cors import CORSMiddleware

import django_project  # noqa: F401  it configures Django
from asgi_client import ORDER, ask, scope_of, signed, whole
from judged import RFC9421
from reference import Message
from sealgate.django import exempt
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate
from suite import Suite
from wsgi_client import Answer, call, chunked, environ_of

SITE = "https://shop.example"
METHODS = ("GET", "POST", "DELETE", "OPTIONS")
PREFLIGHT = Message(
    "OPTIONS", "/orders", [ORDER.headers[0], ("Origin", SITE), ("Access-Control-Request-Method", "POST")]
)
NO_ANSWER = (401, None)
ANSWERED = (200, SITE)


def without(name: str) -> Message:
    return replace(PREFLIGHT, headers=[field for field in PREFLIGHT.headers if field[0] != name])


#: What is not a preflight, though it looks like one.
NO_PREFLIGHTS: dict[str, Message] = {
    "without the method's field": without("Access-Control-Request-Method"),
    "without an origin": without("Origin"),
    "with a body": replace(PREFLIGHT, body=b"{}"),
    "GET": replace(PREFLIGHT, method="GET"),
    "POST": replace(PREFLIGHT, method="POST"),
    "HEAD": replace(PREFLIGHT, method="HEAD"),
    "options": replace(PREFLIGHT, method="OPTIONSS"),
    "GET named OPTIONS": replace(PREFLIGHT, method="GET").plus([("X-HTTP-Method-Override", "OPTIONS")]),
}


class Cors(Suite):
    """`ran`: the views that ran. `inside`, `outside`: where the CORS middleware stands; neither: there is none."""

    ran: list[str]
    answered = 200
    #: With one outside, what comes unsigned to the gate and is no preflight for the CORS middleware either.
    refused = 401

    @pytest.fixture(autouse=True)
    def _fresh(self) -> Iterator[None]:
        self.ran = []
        self.stack = ExitStack()
        with self.stack:
            yield

    @abstractmethod
    def build(self, cors: str | None, preflight: bool) -> Any:
        """`/orders` takes every method; `/open` is exempt for GET, `/wide` for OPTIONS too."""

    @abstractmethod
    def send(self, application: Any, message: Message) -> Answer: ...

    def saw(self, application: Any, message: Message) -> tuple[int, str | None]:
        """The status, and the origin that may read it."""
        answer = self.send(application, message)
        fields = {name.lower(): value for name, value in answer.headers}
        return answer.status, fields.get("access-control-allow-origin")

    @pytest.mark.parametrize("target", ["/orders", "/orders?x=1", "/open", "/none", "/wide"])
    @pytest.mark.parametrize("preflight", [True, False])
    def test_cors_outside_answers_every_preflight_itself(self, target: str, preflight: bool) -> None:
        application = self.build("outside", preflight)
        assert (200, SITE) == self.saw(application, replace(PREFLIGHT, target=target))
        assert self.ran == []

    @pytest.mark.parametrize("preflight", [True, False])
    def test_cors_outside_lets_a_page_read_its_refusal(self, preflight: bool) -> None:
        application = self.build("outside", preflight)
        message = ORDER.plus([("Origin", SITE)])
        assert [(401, SITE), (200, SITE)] == [self.saw(application, each) for each in (message, signed(message))]
        assert self.ran == ["POST"]

    @pytest.mark.parametrize("target", ["/orders", "/orders?x=1&x=2", "/open"])
    def test_cors_inside_answers_the_preflights_that_are_let_through(self, target: str) -> None:
        application = self.build("inside", preflight=True)
        assert (self.answered, SITE) == self.saw(application, replace(PREFLIGHT, target=target))
        assert self.ran == []

    @pytest.mark.parametrize("target", ["/orders", "/open", "/none"])
    def test_cors_inside_sees_no_preflight_unless_they_are_let_through(self, target: str) -> None:
        application = self.build("inside", preflight=False)
        assert 401 == self.send(application, replace(PREFLIGHT, target=target)).status
        assert self.ran == []

    @pytest.mark.parametrize("target", ["/orders", "/open", "/none"])
    def test_preflight_without_cors_opens_nothing(self, target: str) -> None:
        answer = self.send(self.build(None, preflight=True), replace(PREFLIGHT, target=target))
        assert (self.unanswered, []) == (answer.status, self.ran)
        assert [] == [name for name, _ in answer.headers if name.lower() in {"allow", "access-control-allow-origin"}]

    unanswered = 401

    @pytest.mark.parametrize("case", NO_PREFLIGHTS)
    @pytest.mark.parametrize("cors", [None, "inside"])
    def test_what_is_no_preflight_is_refused(self, case: str, cors: str | None) -> None:
        assert 401 == self.send(self.build(cors, preflight=True), NO_PREFLIGHTS[case]).status
        assert self.ran == []

    @pytest.mark.parametrize("case", NO_PREFLIGHTS)
    @pytest.mark.parametrize("preflight", [True, False])
    def test_what_is_no_preflight_reaches_no_view_past_cors_outside(self, case: str, preflight: bool) -> None:
        """Some answer an OPTIONS with an origin alone; none has a view run."""
        assert self.send(self.build("outside", preflight), NO_PREFLIGHTS[case]).status in {200, 401}
        assert self.ran == []

    @pytest.mark.parametrize("cors", [None, "inside", "outside"])
    def test_no_view_runs_on_a_preflight_even_if_it_is_signed(self, cors: str | None) -> None:
        self.send(self.build(cors, preflight=True), signed(PREFLIGHT))
        assert self.ran == []

    @pytest.mark.parametrize("preflight", [True, False])
    def test_signed_options_that_are_no_preflight_reach_the_view(self, preflight: bool) -> None:
        message = replace(PREFLIGHT, headers=PREFLIGHT.headers[:1])
        assert [401, 200] == [
            self.send(self.build(None, preflight), each).status for each in (message, signed(message))
        ]
        assert self.ran == ["OPTIONS"]

    def test_exempt_options_run_their_view(self) -> None:
        assert 200 == self.send(self.build(None, preflight=True), replace(PREFLIGHT, target="/wide")).status
        assert self.ran == ["OPTIONS"]

    def test_preflight_runs_no_view_although_a_field_names_its_method(self) -> None:
        message = PREFLIGHT.plus([("X-HTTP-Method-Override", "DELETE"), ("Access-Control-Request-Headers", "x-a, x-b")])
        self.send(self.build("inside", preflight=True), message)
        assert self.ran == []


class TestFlask(Cors):
    #: flask-cors adds its fields to whatever comes out of the application, and answers nothing itself.
    answered = unanswered = 204

    def build(self, cors: str | None, preflight: bool) -> Flask:
        app = Flask(__name__)
        app.testing = True
        if cors == "outside":
            CORS(app, origins=[SITE])
        FlaskSealgate(app, RFC9421.verifier(), preflight=preflight)
        if cors == "inside":
            CORS(app, origins=[SITE])

        def view() -> str:
            self.ran.append(request.method)
            return "seen"

        app.add_url_rule("/orders", "orders", view, methods=METHODS, provide_automatic_options=False)
        for name, methods in (("open", ("GET",)), ("wide", ("GET", "OPTIONS"))):
            marked: Callable[[], str] = FlaskSealgate.exempt("public", methods=methods)(lambda: view())
            app.add_url_rule(f"/{name}", name, marked, methods=METHODS, provide_automatic_options=False)
        return app

    def send(self, application: Any, message: Message) -> Answer:
        return call(application, environ_of(message))

    @pytest.mark.parametrize("target", ["/orders", "/orders?x=1", "/open", "/none", "/wide"])
    @pytest.mark.parametrize("preflight", [True, False])
    def test_cors_outside_answers_every_preflight_itself(self, target: str, preflight: bool) -> None:
        """flask-cors cannot stand outside a hook: it takes what the hook gives, and adds its fields."""
        application = self.build("outside", preflight)
        expected = 200 if target == "/wide" else 204 if preflight else 401
        assert (expected, SITE) == self.saw(application, replace(PREFLIGHT, target=target))
        assert self.ran == ["OPTIONS"] * (target == "/wide")

    def test_chunked_preflight_is_none(self) -> None:
        assert 401 == call(self.build("inside", True), environ_of(PREFLIGHT, **chunked())).status

    def test_preflight_of_an_unknown_path_is_answered_as_of_any(self) -> None:
        application = self.build("inside", preflight=True)
        answers = [self.send(application, replace(PREFLIGHT, target=target)) for target in ("/orders", "/none")]
        assert answers[0] == answers[1]


class TestFastAPI(Cors):
    def build(self, cors: str | None, preflight: bool) -> FastAPI:
        app = FastAPI()
        settings: dict[str, Any] = {"allow_origins": [SITE], "allow_methods": ["*"], "allow_headers": ["*"]}
        if cors == "inside":
            app.add_middleware(CORSMiddleware, **settings)
        FastAPISealgate(app, RFC9421.verifier(), preflight=preflight)
        if cors == "outside":
            app.add_middleware(CORSMiddleware, **settings)

        def view(method: str) -> str:
            self.ran.append(method)
            return "seen"

        for method in METHODS:
            app.add_api_route("/orders", lambda method=method: view(method), methods=[method], response_model=None)
        for name, methods in (("open", ("GET",)), ("wide", ("GET", "OPTIONS"))):
            marked = FastAPISealgate.exempt(None, "public", methods=methods)(lambda: view("OPTIONS"))  # type: ignore[arg-type]
            app.add_api_route(f"/{name}", marked, methods=list(METHODS))
        return app

    def send(self, application: Any, message: Message) -> Answer:
        scope = scope_of(message)
        if message.body:
            scope["headers"].append((b"content-length", str(len(message.body)).encode()))
        sent = ask(application, scope, whole(message.body)[:1]).sent
        start = sent[0]
        fields = tuple((name.decode(), value.decode()) for name, value in start["headers"])
        return Answer(start["status"], fields, b"".join(part.get("body", b"") for part in sent[1:]))

    @pytest.mark.parametrize("framing", [(b"transfer-encoding", b"chunked"), (b"content-length", b"2")])
    def test_preflight_with_a_body_is_none(self, framing: tuple[bytes, bytes]) -> None:
        scope = scope_of(PREFLIGHT)
        scope["headers"].append(framing)
        assert 401 == ask(self.build("inside", True), scope, whole(b"{}")).status


class Django(Cors):
    def settings(self, cors: str | None, preflight: bool) -> dict[str, Any]:
        middleware = ["sealgate.django.SignatureMiddleware"]
        if cors is not None:
            middleware.insert(0 if cors == "outside" else 1, "corsheaders.middleware.CorsMiddleware")

        def view(request: HttpRequest) -> HttpResponse:
            self.ran.append(request.method or "")
            return HttpResponse("seen")

        class Urls:
            urlpatterns = [
                path("orders", view),
                path("open", exempt("public")(lambda request: view(request))),
                path("wide", exempt("public", methods=("GET", "OPTIONS"))(lambda request: view(request))),
            ]

        return {
            "CORS_ALLOWED_ORIGINS": [SITE],
            "INSTALLED_APPS": ["corsheaders", "sealgate.django"],
            "MIDDLEWARE": middleware,
            "ROOT_URLCONF": Urls,
            "SEALGATE": {"VERIFIER": RFC9421.verifier(), "PREFLIGHT": preflight},
        }

    def test_preflight_of_an_unknown_path_is_answered_by_cors(self) -> None:
        application = self.build("inside", preflight=True)
        answers = [self.send(application, replace(PREFLIGHT, target=target)) for target in ("/orders", "/none")]
        assert answers[0] == answers[1]


class TestDjango(Django):
    def build(self, cors: str | None, preflight: bool) -> Any:
        self.stack.enter_context(override_settings(**self.settings(cors, preflight)))
        return WSGIHandler()

    def send(self, application: Any, message: Message) -> Answer:
        return call(application, environ_of(message))

    def test_chunked_preflight_is_none(self) -> None:
        assert 401 == call(self.build("inside", True), environ_of(PREFLIGHT, **chunked())).status


class TestDjangoAsgi(Django):
    def build(self, cors: str | None, preflight: bool) -> Any:
        self.stack.enter_context(override_settings(**self.settings(cors, preflight)))
        return get_asgi_application()

    def send(self, application: Any, message: Message) -> Answer:
        return TestFastAPI.send(self, application, message)  # type: ignore[arg-type]
