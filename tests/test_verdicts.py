"""What is told of each decision: one log record a refusal, the `on_verdict` hook, and Django's signal."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import logging
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
from django.urls import include, path
from fastapi import APIRouter, Depends, FastAPI, Request
from flask import Blueprint, Flask

import django_project  # noqa: F401  it configures Django
from asgi_client import CONNECT, ORDER, SOCKET, ask, scope_of, signed, socket_of, whole
from judged import KEY, KEY_ID, NOW, OTHER_KEY, RFC9421, field_of, with_field
from reference import Message, sign_github
from sealgate import ConfigurationError, Verifier, schemes
from sealgate import asgi as sealgate_asgi
from sealgate import wsgi as sealgate_wsgi
from sealgate.django import exempt, require, verdict_given
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.fastapi import require as fastapi_require
from sealgate.flask import Sealgate as FlaskSealgate
from sealgate.policy import Verdict
from suite import Suite
from wsgi_client import call, environ_of

HOOKS = Verifier(schemes.GITHUB, keys=OTHER_KEY)
PARTNERS = RFC9421.verifier(keys={KEY_ID: KEY, "globex": OTHER_KEY})
ITEM = replace(ORDER, target="/shop/items/7")
SEVERAL = replace(ORDER, target="/several")
ONLY = replace(ORDER, target="/only")


class Down:
    def add(self, key: bytes, expires: int) -> bool:
        raise ConnectionError


def hooked(message: Message, key: bytes = OTHER_KEY) -> Message:
    return message.plus(sign_github(message, key))


def _again(message: Message) -> list[Message]:
    return [message, message]


#: The requests, the last of which is refused; the code, the key it names, and the status.
REFUSALS: dict[str, tuple[Callable[[], list[Message]], str, str | None, int]] = {
    "missing": (lambda: [ITEM], "signature-missing", None, 401),
    "malformed": (lambda: [with_field(signed(ITEM), "Signature", "!")], "signature-malformed", None, 401),
    "unknown key": (
        lambda: [
            with_field(
                message := signed(ITEM),
                "Signature-Input",
                field_of(message, "Signature-Input").replace("acme", "nobody"),
            )
        ],
        "key-unknown",
        "nobody",
        401,
    ),
    "wrong key": (lambda: [signed(ITEM, key=OTHER_KEY)], "signature-invalid", KEY_ID, 401),
    "digest": (lambda: [replace(signed(ITEM), body=b'{"total": 2}')], "digest-mismatch", KEY_ID, 401),
    "expired": (lambda: [signed(ITEM, created=NOW - 301)], "signature-expired", KEY_ID, 401),
    "replayed": (lambda: _again(signed(ITEM)), "nonce-replayed", KEY_ID, 401),
    "key not allowed": (lambda: [signed(ONLY)], "key-not-allowed", KEY_ID, 403),
    "none of several": (lambda: [hooked(SEVERAL, KEY)], "signature-invalid", None, 401),
    "of several, the other's": (lambda: [signed(SEVERAL, key=OTHER_KEY)], "signature-invalid", KEY_ID, 401),
}
ROUTES = {ITEM.target: "item", ONLY.target: "only", SEVERAL.target: "several"}


class Verdicts(Suite):
    """`/shop/items/7` the default, through an include or the like; `/only` admits the key `globex`; `/several` takes two
    verifiers; `/open` is exempt for GET.

    `routes`: the pattern of each, as the framework writes it; `told`: what the hook was told.
    """

    routes: dict[str, str]

    @pytest.fixture(autouse=True)
    def _fresh(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        self.told: list[Verdict] = []
        self.caplog = caplog
        caplog.set_level(logging.INFO, "sealgate")
        self.stack = ExitStack()
        with self.stack:
            yield

    @abstractmethod
    def build(self, verifier: Verifier, on_verdict: Any) -> Any: ...

    @abstractmethod
    def send(self, application: Any, message: Message) -> int: ...

    def refused(self, case: str, on_verdict: Any = None) -> Message:
        """The last request of the case, when all have been sent."""
        make, _, _, status = REFUSALS[case]
        application, messages = self.build(PARTNERS, on_verdict or self.told.append), make()
        assert status == [self.send(application, message) for message in messages][-1]
        return messages[-1]

    def records(self) -> list[logging.LogRecord]:
        return [record for record in self.caplog.records if record.name == "sealgate"]

    @pytest.mark.parametrize("case", REFUSALS)
    def test_refusal_is_one_log_record_with_code_key_and_route(self, case: str) -> None:
        _, code, key_id, status = REFUSALS[case]
        message = self.refused(case)
        (record,) = self.records()
        said = vars(record)
        expected = (logging.WARNING, code, key_id, self.routes[ROUTES[message.target]], status)
        assert expected == (record.levelno, said["code"], said["key_id"], said["route"], said["status"])
        assert record.getMessage().startswith(f"refused {code}: 'POST' '{message.target}' key {key_id!a} ")

    @pytest.mark.parametrize("case", REFUSALS)
    def test_hook_is_told_of_a_refusal_once(self, case: str) -> None:
        _, code, key_id, _ = REFUSALS[case]
        message = self.refused(case)
        route = self.routes[ROUTES[message.target]]
        assert Verdict(code, "POST", message.target, route, key_id, None, refused=True) == self.told[-1]
        accepted = ["verified"] * (case == "replayed")
        assert [*accepted, code] == [verdict.code for verdict in self.told]

    @pytest.mark.parametrize(
        ("message", "key_id", "scheme"), [(signed(ITEM), KEY_ID, "rfc9421"), (hooked(SEVERAL), None, "github")]
    )
    def test_hook_is_told_of_a_proof_once_and_the_log_is_silent(
        self, message: Message, key_id: str | None, scheme: str
    ) -> None:
        application = self.build(RFC9421.verifier(), self.told.append)
        assert 200 == self.send(application, message)
        route = self.routes[ROUTES[message.target]]
        assert [Verdict("verified", "POST", message.target, route, key_id, scheme, refused=False)] == self.told
        assert [] == self.records()

    def test_exempt_request_is_no_verdict(self) -> None:
        application = self.build(RFC9421.verifier(), self.told.append)
        assert 200 == self.send(application, replace(ORDER, method="GET", target="/open", body=b""))
        assert ([], []) == (self.told, self.records())

    def test_refusal_at_no_route_has_none(self) -> None:
        application = self.build(RFC9421.verifier(), self.told.append)
        self.send(application, replace(ORDER, target="/none"))
        assert [("signature-missing", "/none", None)] == [(each.code, each.path, each.route) for each in self.told]
        assert [None] == [vars(record)["route"] for record in self.records()]

    def test_outage_is_told_as_one(self) -> None:
        application = self.build(RFC9421.verifier(replay=Down()), self.told.append)
        assert 503 == self.send(application, signed(ITEM))
        assert [("unavailable", KEY_ID, True)] == [(each.code, each.key_id, each.refused) for each in self.told]
        assert 1 == len([record for record in self.records() if hasattr(record, "code")])

    @pytest.mark.parametrize("error", [ValueError, KeyError, RecursionError, AssertionError])
    def test_hook_that_fails_changes_no_verdict(self, error: type[Exception]) -> None:
        def fails(verdict: Verdict) -> None:
            raise error

        application = self.build(RFC9421.verifier(), fails)
        assert [401, 200] == [self.send(application, each) for each in (ITEM, signed(ITEM))]
        assert ["on_verdict failed"] * 2 == [each.message for each in self.records() if each.exc_info]

    def test_record_is_one_line_whatever_the_request_says(self) -> None:
        message = replace(signed(ITEM), target="/shop/items/7%0Arefused%20nothing")
        message = with_field(
            message, "Signature-Input", field_of(message, "Signature-Input").replace("acme", "a c\tm\\e")
        )
        self.send(self.build(RFC9421.verifier(), None), message)
        (record,) = self.records()
        assert (True, False) == (record.getMessage().isprintable(), "\n" in record.getMessage())

    def test_no_key_no_signature_and_no_body_is_told(self) -> None:
        message = replace(signed(ITEM), body=b'{"card": "a card that nobody logs"}')
        self.send(self.build(RFC9421.verifier(), self.told.append), message)
        text = repr(self.told) + "".join(record.getMessage() + repr(vars(record)) for record in self.records())
        secrets = (KEY.decode(), KEY.hex(), "a card that nobody logs", field_of(message, "Signature")[6:-1])
        assert [] == [secret for secret in secrets if secret in text]


class TestFlask(Verdicts):
    routes = {"item": "/shop/items/<int:number>", "only": "/only", "several": "/several"}

    def build(self, verifier: Verifier, on_verdict: Any) -> Flask:
        app, shop = Flask(__name__), Blueprint("shop", __name__, url_prefix="/shop")
        seal = FlaskSealgate(app, verifier, on_verdict=on_verdict)
        shop.add_url_rule("/items/<int:number>", "item", lambda number: "seen", methods=["POST"])
        app.register_blueprint(shop)
        app.add_url_rule("/only", "only", seal.require(verifier, keys={"globex"})(lambda: "seen"), methods=["POST"])
        app.add_url_rule("/several", "several", seal.require(HOOKS, verifier)(lambda: "seen"), methods=["POST"])
        app.add_url_rule("/open", "open", seal.exempt("public")(lambda: "seen"))
        return app

    def send(self, application: Any, message: Message) -> int:
        return call(application, environ_of(message)).status


class Django(Verdicts):
    routes = {"item": "shop/items/<int:number>", "only": "only", "several": "several"}

    def configure(self, verifier: Verifier, on_verdict: Any) -> None:
        def view(request: HttpRequest, **_: Any) -> HttpResponse:
            return HttpResponse("seen")

        class Urls:
            urlpatterns = [
                path("shop/", include([path("items/<int:number>", view)])),
                path("only", require(verifier, keys={"globex"})(lambda request: view(request))),
                path("several", require(HOOKS, verifier)(lambda request: view(request))),
                path("open", exempt("public")(lambda request: view(request))),
            ]

        gate = {"VERIFIER": verifier, **({} if on_verdict is None else {"ON_VERDICT": on_verdict})}
        middleware = ["sealgate.django.SignatureMiddleware"]
        self.stack.enter_context(override_settings(MIDDLEWARE=middleware, ROOT_URLCONF=Urls, SEALGATE=gate))

    @pytest.mark.parametrize("case", REFUSALS)
    def test_signal_says_what_the_hook_is_told(self, case: str) -> None:
        heard: list[Any] = []

        def receiver(sender: Any, verdict: Verdict, **more: Any) -> None:
            heard.append(verdict)

        verdict_given.connect(receiver)
        try:
            self.refused(case)
        finally:
            verdict_given.disconnect(receiver)
        assert (self.told, True) == (heard, bool(heard))

    def test_signal_works_without_a_hook_and_after_the_start(self) -> None:
        application, heard = self.build(RFC9421.verifier(), None), []
        self.send(application, ITEM)

        def receiver(verdict: Verdict, **more: Any) -> None:
            heard.append(verdict.code)

        verdict_given.connect(receiver)
        try:
            self.send(application, ITEM)
        finally:
            verdict_given.disconnect(receiver)
        self.send(application, ITEM)
        assert ["signature-missing"] == heard

    def test_receiver_that_fails_changes_nothing_and_the_hook_is_told(self) -> None:
        def receiver(**more: Any) -> None:
            raise ValueError

        application = self.build(RFC9421.verifier(), self.told.append)
        verdict_given.connect(receiver)
        try:
            assert [401, 200] == [self.send(application, each) for each in (ITEM, signed(ITEM))]
        finally:
            verdict_given.disconnect(receiver)
        assert ["signature-missing", "verified"] == [verdict.code for verdict in self.told]


class TestDjango(Django):
    def build(self, verifier: Verifier, on_verdict: Any) -> Any:
        self.configure(verifier, on_verdict)
        return WSGIHandler()

    def send(self, application: Any, message: Message) -> int:
        return call(application, environ_of(message)).status


class TestDjangoAsgi(Django):
    def build(self, verifier: Verifier, on_verdict: Any) -> Any:
        self.configure(verifier, on_verdict)
        return get_asgi_application()

    def send(self, application: Any, message: Message) -> int:
        return ask(application, scope_of(message), whole(message.body)[:1]).status


class TestFastAPI(Verdicts):
    routes = {"item": "/shop/items/{number:int}", "only": "/only", "several": "/several"}

    def build(self, verifier: Verifier, on_verdict: Any) -> FastAPI:
        async def view() -> str:
            return "seen"

        async def only() -> str:
            return "seen"

        async def opened() -> str:
            return "seen"

        app, shop = FastAPI(), APIRouter()
        self.seal = seal = FastAPISealgate(app, verifier, on_verdict=on_verdict)
        shop.post("/items/{number:int}")(view)
        app.include_router(shop, prefix="/shop")
        app.post("/only")(fastapi_require(verifier, keys={"globex"})(only))
        app.post("/several", dependencies=[Depends(seal.require(HOOKS, verifier))])(view)
        app.get("/open")(seal.exempt("public")(opened))
        return app

    def send(self, application: Any, message: Message) -> int:
        return ask(application, scope_of(message), whole(message.body)).status

    def test_refusal_by_a_dependency_is_told_like_the_layers(self) -> None:
        """What the layer lets through may still be refused within."""
        app, hooks = self.build(RFC9421.verifier(), self.told.append), self.seal.require(HOOKS)

        async def view(request: Request) -> str:
            await hooks(request)
            return "seen"

        app.post("/a")(view)
        assert 401 == self.send(app, signed(replace(ORDER, target="/a")))
        assert ("signature-invalid", True) == (self.told[-1].code, self.told[-1].refused)
        assert ["signature-invalid"] == [vars(record)["code"] for record in self.records()]

    def test_refused_websocket_is_told_as_a_get(self) -> None:
        app = self.build(RFC9421.verifier(), self.told.append)
        ask(app, socket_of(SOCKET), [CONNECT])
        assert [("signature-missing", "GET", "/feed")] == [(each.code, each.method, each.path) for each in self.told]

    def test_request_changed_after_the_layer_is_told_as_refused(self) -> None:
        app, told = FastAPI(), self.told

        class Override:
            def __init__(self, app: Any) -> None:
                self.app = app

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                scope["query_string"] = b"admin=1"
                await self.app(scope, receive, send)

        app.add_middleware(Override)
        FastAPISealgate(app, RFC9421.verifier(), on_verdict=told.append)
        self.send(app, signed(ITEM))
        assert ["verified", "signature-invalid"] == [each.code for each in told]
        assert ["signature-invalid"] == [vars(record)["code"] for record in self.records()]


class Bare(Verdicts):
    """A layer knows no routes: nothing is exempt, and no route is named."""

    @pytest.mark.parametrize("case", [case for case in REFUSALS if "several" not in case and case != "key not allowed"])
    def test_refusal_is_one_log_record_with_code_key_and_route(self, case: str) -> None:
        super().test_refusal_is_one_log_record_with_code_key_and_route(case)

    @pytest.mark.parametrize("case", [case for case in REFUSALS if "several" not in case and case != "key not allowed"])
    def test_hook_is_told_of_a_refusal_once(self, case: str) -> None:
        super().test_hook_is_told_of_a_refusal_once(case)

    @pytest.mark.parametrize(("message", "key_id", "scheme"), [(signed(ITEM), KEY_ID, "rfc9421")])
    def test_hook_is_told_of_a_proof_once_and_the_log_is_silent(
        self, message: Message, key_id: str | None, scheme: str
    ) -> None:
        super().test_hook_is_told_of_a_proof_once_and_the_log_is_silent(message, key_id, scheme)

    routes: Any = {"item": None}

    def test_exempt_request_is_no_verdict(self) -> None:
        application = self.build(RFC9421.verifier(), self.told.append)
        self.send(application, replace(ORDER, method="GET", target="/open", body=b""))
        assert ["signature-missing"] == [verdict.code for verdict in self.told]


class TestWsgiLayer(Bare):
    def build(self, verifier: Verifier, on_verdict: Any) -> Any:
        def application(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [])
            return []

        return sealgate_wsgi.SignatureMiddleware(application, verifier, on_verdict=on_verdict)

    def send(self, application: Any, message: Message) -> int:
        return call(application, environ_of(message)).status


class TestAsgiLayer(Bare):
    def build(self, verifier: Verifier, on_verdict: Any) -> Any:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        return sealgate_asgi.SignatureMiddleware(application, verifier, on_verdict=on_verdict)

    def send(self, application: Any, message: Message) -> int:
        return ask(application, scope_of(message), whole(message.body)).status


async def coroutine(verdict: Verdict) -> None: ...


@pytest.mark.parametrize("hook", ["print", 7, object(), coroutine])
def test_hook_that_cannot_be_told_is_a_configuration_error(hook: Any) -> None:
    """Nobody would await a coroutine: it would never run."""
    with pytest.raises(ConfigurationError, match=r"^on_verdict: "):
        FlaskSealgate(Flask(__name__), RFC9421.verifier(), on_verdict=hook)
