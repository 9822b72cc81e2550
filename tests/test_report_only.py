"""`report_only`: what is refused passes as if there were no gate, and is loudly logged once; nothing else changes."""

# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from typing import Annotated, Any, NamedTuple

import pytest
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from flask import Flask, g, request
from starlette.requests import ClientDisconnect

import django_project  # noqa: F401  it configures Django
from asgi_client import CONNECT, ORDER, SOCKET, ask, scope_of, signed, socket_of
from fastapi_shop import headers_of
from judged import KEY_ID, ORIGIN, OTHER_KEY, RFC9421
from reference import Message, sign_github
from sealgate import Verifier, schemes
from sealgate import asgi as sealgate_asgi
from sealgate import wsgi as sealgate_wsgi
from sealgate.django import exempt, require
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate
from sealgate.policy import Verdict
from wsgi_client import call, chunked, environ_of

HOOKS = Verifier(schemes.GITHUB, keys=OTHER_KEY)
LARGE = replace(ORDER, body=bytes(range(256)) * 600)  # more than one read
FORM = Message(
    "POST",
    "/form",
    [ORDER.headers[0], ("Content-Type", "multipart/form-data; boundary=b")],
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + b"x" * 70_000 + b"\r\n--b--\r\n",
)


class Way(NamedTuple):
    """How a body comes: whether its length is declared, where it is cut off, and how much of it at once."""

    declared: bool = True
    sent: int | None = None
    piece: int = 50_000


WHOLE = Way()


class Down:
    def add(self, key: bytes, expires: int) -> bool:
        raise ConnectionError


#: The request, the verifier, how its body comes, and the code of its refusal.
REFUSED: dict[str, tuple[Callable[[], Message], Callable[[], Verifier], Way, str]] = {
    "unsigned, unread": (lambda: LARGE, RFC9421.verifier, WHOLE, "signature-missing"),
    "unsigned form": (lambda: FORM, RFC9421.verifier, WHOLE, "signature-missing"),
    "empty": (lambda: replace(ORDER, body=b""), RFC9421.verifier, WHOLE, "signature-missing"),
    "GET": (lambda: replace(ORDER, method="GET", body=b""), RFC9421.verifier, WHOLE, "signature-missing"),
    "wrong key, unread": (lambda: signed(LARGE, key=OTHER_KEY), RFC9421.verifier, WHOLE, "signature-invalid"),
    "wrong digest, read": (
        lambda: replace(signed(LARGE), body=LARGE.body[:-1] + b"!"),
        RFC9421.verifier,
        WHOLE,
        "digest-mismatch",
    ),
    "wrong digest, chunked": (
        lambda: replace(signed(LARGE), body=LARGE.body[:-1] + b"!"),
        RFC9421.verifier,
        Way(declared=False),
        "digest-mismatch",
    ),
    "wrong digest of a form": (
        lambda: replace(signed(FORM), body=FORM.body.replace(b"xxx", b"yyy")),
        RFC9421.verifier,
        WHOLE,
        "digest-mismatch",
    ),
    "signature over the body": (
        lambda: LARGE.plus(sign_github(ORDER, OTHER_KEY)),
        lambda: HOOKS,
        WHOLE,
        "signature-invalid",
    ),
    "declared over the limit": (
        lambda: signed(LARGE),
        lambda: RFC9421.verifier(body_limit=1000),
        WHOLE,
        "body-too-large",
    ),
    "chunked over the limit": (
        lambda: signed(LARGE),
        lambda: RFC9421.verifier(body_limit=1000),
        Way(declared=False),
        "body-too-large",
    ),
    "chunked in small pieces over the limit": (
        lambda: signed(LARGE),
        lambda: RFC9421.verifier(body_limit=1000),
        Way(declared=False, piece=999),
        "body-too-large",
    ),
    "truncated": (lambda: signed(LARGE), RFC9421.verifier, Way(sent=60_000), "body-unreadable"),
    "truncated at once": (lambda: signed(LARGE), RFC9421.verifier, Way(sent=0), "body-unreadable"),
    "too slow": (
        lambda: signed(LARGE),
        lambda: RFC9421.verifier(body_timeout=1e-9),
        Way(piece=999),
        "body-unreadable",
    ),
    "store down": (lambda: signed(LARGE), lambda: RFC9421.verifier(replay=Down()), WHOLE, "unavailable"),
    "no route": (lambda: replace(LARGE, target="/none"), RFC9421.verifier, WHOLE, "signature-missing"),
}

#: What the view read: its body or its file, how reading ended, and who was proven to have sent it.
Seen = tuple[bytes, str, str | None]


class ReportOnly(ABC):
    """`seen`: what the views saw."""

    @pytest.fixture(autouse=True)
    def _fresh(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        self.seen: list[Seen] = []
        self.caplog = caplog
        self.stack = ExitStack()
        with self.stack:
            yield

    @abstractmethod
    def build(self, verifier: Verifier | None, **settings: Any) -> Any:
        """`/orders` reads its body, `/form` its upload. With no verifier, the application without a gate."""

    @abstractmethod
    def send(self, application: Any, message: Message, way: Way = WHOLE) -> int:
        """The status."""

    def outcome(self, application: Any, message: Message, way: Way = WHOLE) -> tuple[int, list[Seen]]:
        before = len(self.seen)
        return self.send(application, message, way), self.seen[before:]

    def logged(self) -> list[logging.LogRecord]:
        return [record for record in self.caplog.records if record.name == "sealgate" and hasattr(record, "code")]

    @pytest.mark.parametrize("case", REFUSED)
    def test_refused_request_passes_as_without_a_gate(self, case: str) -> None:
        make, verifier, way, _ = REFUSED[case]
        message = make()
        expected = self.outcome(self.build(None), message, way)
        assert expected == self.outcome(self.build(verifier(), report_only=True), message, way)

    @pytest.mark.parametrize("case", REFUSED)
    def test_refused_request_is_loudly_logged_once(self, case: str) -> None:
        make, verifier, way, code = REFUSED[case]
        self.send(self.build(verifier(), report_only=True), make(), way)
        if case in self.never_seen:
            assert [] == self.logged()
            return
        (record,) = self.logged()
        assert (logging.WARNING, code) == (record.levelno, record.code)  # type: ignore[attr-defined]
        assert record.getMessage().startswith(f"report only, let through: {code}: ")

    #: Requests that the framework drops before anything of ours runs.
    never_seen: frozenset[str] = frozenset()

    def test_proven_request_stays_proven(self) -> None:
        application = self.build(RFC9421.verifier(), report_only=True)
        assert (200, [(LARGE.body, "end", KEY_ID)]) == self.outcome(application, signed(LARGE))
        assert [] == self.logged()

    def test_replay_passes_without_a_proof(self) -> None:
        application, message = self.build(RFC9421.verifier(), report_only=True), signed(LARGE)
        outcomes = [self.outcome(application, message) for _ in range(2)]
        assert [(200, [(LARGE.body, "end", name)]) for name in (KEY_ID, None)] == outcomes

    def test_hook_is_told_that_nothing_was_refused(self) -> None:
        told: list[Verdict] = []
        application = self.build(RFC9421.verifier(), report_only=True, on_verdict=told.append)
        for message in (ORDER, signed()):
            self.send(application, message)
        assert [("signature-missing", False), ("verified", False)] == [(each.code, each.refused) for each in told]

    def test_without_it_the_same_requests_are_refused(self) -> None:
        statuses = {
            case: self.send(self.build(verifier()), make(), way)
            for case, (make, verifier, way, _) in REFUSED.items()
            if case not in self.never_seen
        }
        assert ([], []) == (self.seen, [case for case, status in statuses.items() if status < 400])


class Routed(ReportOnly):
    """Besides, `/open` is exempt for GET, `/hook` requires `HOOKS`."""

    def test_exempt_route_stays_exempt(self) -> None:
        application = self.build(RFC9421.verifier(), report_only=True)
        look = replace(ORDER, method="GET", target="/open", body=b"")
        assert (200, [(b"", "end", None)]) == self.outcome(application, look)
        assert [] == self.logged()

    def test_request_for_another_verifier_passes_without_a_proof(self) -> None:
        application = self.build(RFC9421.verifier(), report_only=True)
        message = replace(LARGE, target="/hook")
        assert (200, [(LARGE.body, "end", None)]) == self.outcome(application, signed(message))
        proven = message.plus(sign_github(message, OTHER_KEY))
        assert (200, [(LARGE.body, "end", "anonymous")]) == self.outcome(application, proven)

    def test_answers_of_the_router_are_its_own(self) -> None:
        bare, gated = self.build(None), self.build(RFC9421.verifier(), report_only=True)
        messages = [
            replace(ORDER, method=method, target=target, body=b"")
            for method in ("GET", "HEAD", "OPTIONS", "TRACE", "PURGE")
            for target in ("/none", "/form", "/orders/", "/%2F", "/%zz")
        ]
        assert [self.send(bare, each) for each in messages] == [self.send(gated, each) for each in messages]

    def test_preflight_is_let_through_as_without_it(self) -> None:
        fields = [ORDER.headers[0], ("Origin", "https://shop.example"), ("Access-Control-Request-Method", "POST")]
        preflight = Message("OPTIONS", "/form", fields)
        expected = self.send(self.build(None), preflight)
        assert expected == self.send(self.build(RFC9421.verifier(), report_only=True), preflight)


class Pieces(BytesIO):
    def __init__(self, body: bytes, piece: int) -> None:
        super().__init__(body)
        self.piece = piece

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(-1 if size is None or size < 0 else min(size, self.piece))


class Wsgi(ReportOnly):
    def send(self, application: Any, message: Message, way: Way = WHOLE) -> int:
        changes: dict[str, Any] = {"wsgi.input": Pieces(message.body[: way.sent], way.piece)}
        return call(application, environ_of(message, **changes, **({} if way.declared else chunked()))).status


def read_all(stream: Any) -> tuple[bytes, str]:
    """Whatever can be read, and how it ended."""
    read = []
    try:
        while chunk := stream.read(10_000):
            read.append(chunk)
    except Exception as error:
        return b"".join(read), type(error).__name__
    return b"".join(read), "end"


class TestWsgiLayer(Wsgi):
    def build(self, verifier: Verifier | None, **settings: Any) -> Any:
        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            verified = environ.get("sealgate.verified")
            if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
                body, end = read_all(environ["wsgi.input"])
            else:
                body, end = b"", "end"
            self.seen.append((body, end, verified and verified.key_id))
            start_response("200 OK", [])
            return []

        if verifier is None:
            return application
        return sealgate_wsgi.SignatureMiddleware(application, verifier, **settings)


class TestFlask(Wsgi, Routed):
    def build(self, verifier: Verifier | None, **settings: Any) -> Any:
        app = Flask(__name__)
        if verifier is not None:
            FlaskSealgate(app, verifier, **settings)

        def saw(body: bytes, end: str) -> str:
            verified = g.get("verified")
            self.seen.append((body, end, verified and (verified.key_id or "anonymous")))
            return "seen"

        @app.route("/orders", methods=["GET", "POST"])
        def orders() -> str:
            return saw(*read_all(request.stream))

        @app.post("/form")
        def form() -> str:
            return saw(*read_all(request.files["f"]))

        @app.get("/open")
        @FlaskSealgate.exempt("public")
        def opened() -> str:
            return saw(request.get_data(), "end")

        @app.post("/hook")
        @FlaskSealgate.require(HOOKS)
        def hook() -> str:
            return saw(request.get_data(), "end")

        return app

    def test_body_is_there_however_the_view_reads_it(self) -> None:
        ways: dict[str, Callable[[], bytes]] = {
            "data": lambda: request.get_data(),
            "read": lambda: request.stream.read(),
            "lines": lambda: b"".join(request.stream.readlines()),
            "line by line": lambda: b"".join(iter(request.stream.readline, b"")),
            "chunks": lambda: b"".join(iter(lambda: request.stream.read(7_000), b"")),
        }
        app = self.build(RFC9421.verifier(body_limit=1000), report_only=True)
        for name, read in ways.items():
            app.add_url_rule(
                f"/{name.replace(' ', '-')}",
                name,
                lambda read=read: self.seen.append((read(), "end", None)) or "",
                methods=["POST"],
            )
        for framing in (WHOLE, Way(declared=False), Way(declared=False, piece=999)):
            for name in ways:
                message = replace(signed(replace(LARGE, target=f"/{name.replace(' ', '-')}")))
                assert (200, [(LARGE.body, "end", None)]) == self.outcome(app, message, framing)


class Django:
    """The project of both handlers."""

    stack: ExitStack
    seen: list[Seen]
    GATE = "sealgate.django.SignatureMiddleware"

    def settings(self, verifier: Verifier | None, inside: str | None = None, **settings: Any) -> dict[str, Any]:
        def saw(request: HttpRequest, body: bytes, end: str) -> HttpResponse:
            verified = getattr(request, "verified", None)
            self.seen.append((body, end, verified and (verified.key_id or "anonymous")))
            return HttpResponse("seen")

        def orders(request: HttpRequest) -> HttpResponse:
            return saw(request, *read_all(request))

        def form(request: HttpRequest) -> HttpResponse:
            if request.method != "POST":
                return HttpResponse(status=405)
            return saw(request, *read_all(request.FILES["f"]))

        class Urls:
            urlpatterns = [
                path("orders", orders),
                path("form", form),
                path("open", exempt("public")(lambda request: orders(request))),
                path("hook", require(HOOKS)(lambda request: orders(request))),
            ]

        gate = {"VERIFIER": verifier, **{name.upper(): value for name, value in settings.items()}}
        return {
            "MIDDLEWARE": [*([] if verifier is None else [self.GATE]), *([] if inside is None else [inside])],
            "ROOT_URLCONF": Urls,
            "SEALGATE": gate,
        }

    def test_request_that_a_middleware_changes_passes_without_a_proof(self) -> None:
        """The view would take the proof of another method for its own."""
        change = self.settings(RFC9421.verifier(), f"{__name__}.overrides_method", report_only=True)
        with override_settings(**change):
            message = signed(replace(LARGE, target="/orders"))
            status = self.send(self.handler(), message)  # type: ignore[attr-defined]
        assert (200, [None]) == (status, [name for _, _, name in self.seen])
        assert ["signature-invalid"] == [record.code for record in self.logged()]  # type: ignore[attr-defined]

    def test_exempt_request_that_a_middleware_moves_passes_and_is_logged(self) -> None:
        change = self.settings(RFC9421.verifier(), f"{__name__}.moves", report_only=True)
        with override_settings(**change):
            look = replace(ORDER, method="GET", target="/open", body=b"")
            status = self.send(self.handler(), look)  # type: ignore[attr-defined]
        assert (200, [(b"", "end", None)]) == (status, self.seen)
        assert ["signature-invalid"] == [record.code for record in self.logged()]  # type: ignore[attr-defined]


def overrides_method(get_response: Any) -> Any:
    return _changing(get_response, "method", "PUT")


def moves(get_response: Any) -> Any:
    return _changing(get_response, "path_info", "/orders")


def _changing(get_response: Any, name: str, value: str) -> Any:
    def middleware(request: HttpRequest) -> Any:
        setattr(request, name, value)
        return get_response(request)

    return middleware


class TestDjango(Django, Wsgi, Routed):
    def build(self, verifier: Verifier | None, **settings: Any) -> Any:
        self.stack.enter_context(override_settings(**self.settings(verifier, **settings)))
        return self.handler()

    def handler(self) -> Any:
        return WSGIHandler()

    def test_body_consumed_by_an_earlier_middleware_is_not_read_again(self) -> None:
        """What stands in the input behind it is another request's, or nothing, and nothing means to wait."""
        settings = self.settings(RFC9421.verifier(), report_only=True)
        settings["MIDDLEWARE"].insert(0, f"{__name__}.parses")

        class OneBody(BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                assert self.tell() < len(self.getvalue()), "nothing more will come: a socket would wait"
                return super().read(size)

        message = signed(replace(FORM, target="/orders"))
        with override_settings(**settings):
            status = call(self.handler(), environ_of(message, **{"wsgi.input": OneBody(message.body)})).status
        assert (200, [(b"", "end", None)]) == (status, self.seen)


def parses(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> Any:
        assert request.FILES
        return get_response(request)

    return middleware


class Ending:
    """What an ASGI server says: the body in pieces, and a disconnect where it is cut off; then it may not be asked."""

    def __init__(self, message: Message, way: Way) -> None:
        sent = message.body[: way.sent]
        pieces = [sent[at : at + way.piece] for at in range(0, len(sent), way.piece)] or [b""]
        whole = way.sent is None
        self.events: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": not whole or number < len(pieces)}
            for number, piece in enumerate(pieces, 1)
        ]
        if not whole:
            self.events.append({"type": "http.disconnect"})
        self.waits = whole
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        if not self.events:
            assert self.waits, "it has said that the client is gone, once: hypercorn would wait for ever"
            await asyncio.Event().wait()
        return self.events.pop(0)

    async def send(self, event: dict[str, Any]) -> None:
        self.sent.append(event)


class Asgi(ReportOnly):
    def send(self, application: Any, message: Message, way: Way = WHOLE) -> int:
        scope, server = scope_of(message), Ending(message, way)
        if message.body:
            framing = (b"content-length", str(len(message.body)).encode())
            scope["headers"].append(framing if way.declared else (b"transfer-encoding", b"chunked"))
        asyncio.run(asyncio.wait_for(application(scope, server.receive, server.send), 20))
        return int(server.sent[0]["status"]) if server.sent else 0


class TestAsgiLayer(Asgi):
    def build(self, verifier: Verifier | None, **settings: Any) -> Any:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            body, end = b"", ""
            while not end:
                message = await receive()
                body += message.get("body", b"")
                if message["type"] == "http.disconnect":
                    end = "ClientDisconnect"
                elif not message.get("more_body"):
                    end = "end"
            passed = scope.get("sealgate")
            self.seen.append((body, end, passed and passed.verified and passed.verified.key_id))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        if verifier is None:
            return application
        return sealgate_asgi.SignatureMiddleware(application, verifier, **settings)

    @pytest.mark.parametrize("handshake", [SOCKET, signed(SOCKET, key=OTHER_KEY), signed(SOCKET)])
    def test_refused_websocket_passes(self, handshake: Message) -> None:
        seen = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            seen.append((await receive(), scope["sealgate"].verified))
            await send({"type": "websocket.accept"})

        layer = sealgate_asgi.SignatureMiddleware(application, RFC9421.verifier(), report_only=True)
        assert [{"type": "websocket.accept"}] == ask(layer, socket_of(handshake), [CONNECT]).sent
        assert [CONNECT] == [event for event, _ in seen]


class TestFastAPI(Asgi, Routed):
    def build(self, verifier: Verifier | None, inside: Any = None, **settings: Any) -> Any:
        app = FastAPI()
        if inside is not None:
            app.add_middleware(inside)
        seal = None if verifier is None else FastAPISealgate(app, verifier, **settings)
        depends = [] if seal is None else [Depends(seal)]
        hooks = [] if seal is None else [Depends(seal.require(HOOKS))]

        async def saw(request: Request, end: str = "end", body: bytes = b"") -> str:
            try:
                async for chunk in request.stream():
                    body += chunk
            except ClientDisconnect:
                end = "ClientDisconnect"
            except RuntimeError:
                pass  # a form, which has been read
            passed = request.scope.get("sealgate")
            verified = passed and passed.verified
            self.seen.append((body, end, verified and (verified.key_id or "anonymous")))
            return "seen"

        @app.api_route("/orders", methods=["GET", "POST"], dependencies=depends)
        async def orders(request: Request) -> str:
            return await saw(request)

        @app.post("/form")
        async def form(request: Request) -> str:
            async with request.form() as fields:
                return await saw(request, body=await fields["f"].read())  # type: ignore[union-attr]

        @app.get("/open")
        @FastAPISealgate.exempt(None, "public")  # type: ignore[arg-type]
        async def opened(request: Request) -> str:
            return await saw(request)

        @app.post("/hook", dependencies=hooks)
        async def hook(request: Request) -> str:
            return await saw(request)

        self.seal = seal
        return app

    def test_dependency_gives_nothing_where_nothing_was_proven(self) -> None:
        app = self.build(RFC9421.verifier(), report_only=True)
        given: list[Any] = []

        async def look(verified: Annotated[Any, Depends(self.seal)]) -> str:
            given.append(verified and verified.key_id)
            return "seen"

        app.get("/look")(look)
        message = replace(ORDER, method="GET", target="/look", body=b"")
        assert [200, 200] == [self.send(app, each) for each in (message, signed(message))]
        assert [None, KEY_ID] == given

    def test_request_that_a_middleware_changes_passes_without_a_proof(self) -> None:
        class Override:
            def __init__(self, app: Any) -> None:
                self.app = app

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                scope["query_string"] = b"admin=1"
                await self.app(scope, receive, send)

        app = self.build(RFC9421.verifier(), inside=Override, report_only=True)
        assert (200, [(LARGE.body, "end", None)]) == self.outcome(app, signed(LARGE))
        assert ["signature-invalid"] == [record.code for record in self.logged()]  # type: ignore[attr-defined]

    def test_dependency_within_a_mount_refuses_nothing(self) -> None:
        app = self.build(RFC9421.verifier(), report_only=True)
        inner = FastAPI()

        async def hook(request: Request) -> str:
            self.seen.append((await request.body(), "end", None))
            return "seen"

        inner.post("/a", dependencies=[Depends(self.seal.require(HOOKS))])(hook)  # type: ignore[union-attr]
        app.mount("/m", inner)
        message = replace(LARGE, target="/m/a")
        for each in (message, signed(message)):
            assert (200, [(LARGE.body, "end", None)]) == self.outcome(app, each)

    def test_demands_that_exclude_each_other_refuse_nothing(self) -> None:
        app = self.build(RFC9421.verifier(), report_only=True)
        demands = [Depends(self.seal), Depends(self.seal.require(HOOKS))]  # type: ignore[union-attr]

        async def both(request: Request) -> str:
            self.seen.append((await request.body(), "end", None))
            return "seen"

        app.post("/both", dependencies=demands)(both)
        message = replace(LARGE, target="/both")
        for each in (message, signed(message)):
            assert (200, [(LARGE.body, "end", None)]) == self.outcome(app, each)

    def test_refused_websocket_passes(self) -> None:
        app = self.build(RFC9421.verifier(), report_only=True)
        given: list[Any] = []

        async def feed(socket: WebSocket, verified: Annotated[Any, Depends(self.seal)]) -> None:
            given.append(verified and verified.key_id)
            await socket.accept()
            await socket.close()

        app.websocket("/feed")(feed)
        client = TestClient(app, base_url=ORIGIN)
        look = replace(SOCKET, target="/feed")
        for handshake in (look, signed(look)):
            with client.websocket_connect("/feed", headers=headers_of(handshake)):
                pass
        assert [None, KEY_ID] == given


class TestDjangoAsgi(Django, Asgi, Routed):
    never_seen = frozenset({"truncated", "truncated at once"})

    def build(self, verifier: Verifier | None, **settings: Any) -> Any:
        self.stack.enter_context(override_settings(**self.settings(verifier, **settings)))
        return self.handler()

    def handler(self) -> Any:
        return get_asgi_application()
