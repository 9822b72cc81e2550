"""Requests and answers of every kind through every adapter: what is proven arrives whole, what is not arrives nowhere."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from django.views import View
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from flask import Flask, Response, g, request, stream_with_context
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Router
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import django_project  # noqa: F401  it configures Django
from asgi_client import CONNECT, ORDER, SOCKET, ask, scope_of, signed, socket_of
from judged import BODY, KEY_ID, RFC9421
from reference import Message
from sealgate import Verifier
from sealgate import asgi as sealgate_asgi
from sealgate import wsgi as sealgate_wsgi
from sealgate.django import exempt
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate
from wsgi_client import Answer, call, chunked, environ_of

HOST = ORDER.headers[0]
LOOK = Message("GET", "/orders", [HOST])
EVERY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
MEGABYTE = 1024 * 1024


def upload(size: int) -> Message:
    body = b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\ncrate\r\n--b\r\n'
    body += b'Content-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n' + b"\xff" * size + b"\r\n--b--\r\n"
    return Message("POST", "/upload", [HOST, ("Content-Type", "multipart/form-data; boundary=b")], body)


FORM = Message("POST", "/form", [HOST, ("Content-Type", "application/x-www-form-urlencoded")], b"n=crate&n=b%20x")
JSON = replace(ORDER, target="/json")
LARGE = replace(ORDER, target="/read", body=bytes(range(256)) * 8192)  # two megabytes


class Kinds(ABC):
    """`/orders` answers every method with its name; `/read` with the length of what it reads, `/data` and `/lines` likewise;
    `/form`, `/upload` and `/json` with what they parse; `/stream` streams its answer, which says who was proven;
    `/open` is exempt and streams its body.

    `seen`: what the views, and what runs after them, have seen.
    """

    piece = 65_536

    @pytest.fixture(autouse=True)
    def _fresh(self) -> Iterator[None]:
        self.seen: list[Any] = []
        self.stack = ExitStack()
        with self.stack:
            yield

    @abstractmethod
    def build(self, verifier: Verifier, mount: str = "") -> Any: ...

    @abstractmethod
    def send(self, application: Any, message: Message, *, declared: bool = True, mount: str = "") -> Answer: ...

    def ask(self, message: Message, verifier: Verifier | None = None, *, declared: bool = True) -> Answer:
        return self.send(self.build(verifier or RFC9421.verifier(body_limit=4 * MEGABYTE)), message, declared=declared)

    @pytest.mark.parametrize("method", EVERY)
    def test_each_method_is_closed_and_signed_as_itself(self, method: str) -> None:
        application = self.build(RFC9421.verifier())
        message = replace(LOOK, method=method)
        others = [replace(signed(replace(LOOK, method=other)), method=method) for other in EVERY if other != method]
        assert [401] * 8 == [self.send(application, each).status for each in (message, *others)]
        assert [] == self.seen
        assert (200, [method]) == (self.send(application, signed(message)).status, self.seen)

    def test_refused_head_has_no_content(self) -> None:
        answer = self.ask(replace(LOOK, method="HEAD"))
        assert (401, True) == (answer.status, len(answer.body) in self.head_content)

    #: Some leave it to the server to drop the content.
    head_content: Any = (0,)

    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("target", ["/read", "/data", "/lines"])
    def test_large_body_arrives_whole_however_it_is_read(self, target: str, declared: bool) -> None:
        assert b"2097152" == self.ask(signed(replace(LARGE, target=target)), declared=declared).body
        assert [LARGE.body] == self.seen

    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_body_about_the_limit(self, over: int, declared: bool) -> None:
        body = b"x" * (100_000 + over)
        verifier = RFC9421.verifier(body_limit=100_000)
        answer = self.ask(signed(replace(LARGE, body=body)), verifier, declared=declared)
        expected = (413, []) if over > 0 else (200, [body])
        assert expected == (answer.status, self.seen)

    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("size", [0, 1, 3 * MEGABYTE])
    def test_upload_arrives_whole_also_over_the_limits_of_the_framework(self, size: int, declared: bool) -> None:
        """Django's DATA_UPLOAD_MAX_MEMORY_SIZE is 2.5 megabytes; what it parses into files may be larger."""
        answer = self.ask(signed(upload(size)), declared=declared)
        assert (200, b"crate+%d" % size) == (answer.status, answer.body)

    @pytest.mark.parametrize("declared", [True, False])
    def test_form_and_json_are_parsed_from_what_was_proven(self, declared: bool) -> None:
        answers = [self.ask(signed(each), declared=declared).body for each in (FORM, JSON)]
        assert [b"crate,b x", b"1"] == answers

    @pytest.mark.parametrize("message", [FORM, upload(10), JSON, LARGE, replace(LOOK, target="/stream")])
    def test_unsigned_request_reaches_nothing(self, message: Message) -> None:
        assert (401, []) == (self.ask(message).status, self.seen)

    def test_streamed_answer_still_knows_who_was_proven(self) -> None:
        answer = self.ask(signed(replace(LOOK, target="/stream")))
        assert (200, b"acme, acme, acme, ") == (answer.status, answer.body)

    def test_body_of_an_exempt_route_is_not_touched(self) -> None:
        message = replace(LARGE, method="GET", target="/open")
        verifier = RFC9421.verifier(body_limit=10)
        assert (200, [LARGE.body]) == (self.ask(message, verifier).status, self.seen)

    @pytest.mark.parametrize("field", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
    def test_field_that_names_another_method_changes_nothing(self, field: str) -> None:
        message = signed(LOOK).plus([(field, "DELETE")])
        assert (200, ["GET"]) == (self.ask(message).status, self.seen)
        opened = replace(LOOK, method="POST", target="/open").plus([(field, "GET")])
        assert 401 == self.ask(opened).status

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("X-Original-URL", "/open"),
            ("X-Rewrite-URL", "/open"),
            ("X-Forwarded-Prefix", "/open"),
            ("X-Script-Name", "/open"),
            ("X-Forwarded-Host", "api.shop.example"),
            ("Forwarded", "host=api.shop.example;proto=https"),
        ],
    )
    def test_field_that_names_another_target_opens_nothing(self, field: str, value: str) -> None:
        assert (401, []) == (self.ask(LOOK.plus([(field, value)])).status, self.seen)

    @pytest.mark.parametrize("target", ["/shop/orders", "/shop/read"])
    def test_mounted_application_signs_the_whole_path(self, target: str) -> None:
        application = self.build(RFC9421.verifier(), mount="/shop")
        message = replace(ORDER, target=target)
        inner = replace(signed(replace(ORDER, target=target.removeprefix("/shop"))), target=target)
        statuses = [self.send(application, each, mount="/shop").status for each in (message, inner, signed(message))]
        assert [401, 401, 200] == statuses

    def test_two_requests_at_once_keep_their_proofs_apart(self) -> None:
        application = self.build(RFC9421.verifier(keys={KEY_ID: RFC9421.keys[KEY_ID], "other": b"x" * 32}))
        bodies = [self.send(application, signed(replace(LOOK, target="/stream"))).body for _ in range(3)]
        assert [b"acme, acme, acme, "] * 3 == bodies


class Wsgi(Kinds):
    def send(self, application: Any, message: Message, *, declared: bool = True, mount: str = "") -> Answer:
        environ = environ_of(message, **({} if declared else chunked()))
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = mount, environ["PATH_INFO"].removeprefix(mount)
        return call(application, environ)


class TestFlask(Wsgi):
    def build(self, verifier: Verifier, mount: str = "") -> Flask:
        app = Flask(__name__)
        app.testing = True
        seal = FlaskSealgate(app, verifier, script_name=mount)

        def saw(body: bytes) -> str:
            self.seen.append(body)
            return str(len(body))

        def orders() -> str:
            self.seen.append(request.method)
            return request.method

        app.add_url_rule("/orders", "orders", orders, methods=EVERY, provide_automatic_options=False)
        app.post("/read")(lambda: saw(request.stream.read()))
        app.post("/data", endpoint="data")(lambda: saw(request.get_data()))
        app.post("/lines", endpoint="lines")(lambda: saw(b"".join(request.stream)))
        app.post("/form", endpoint="form")(lambda: ",".join(request.form.getlist("n")))
        app.post("/json", endpoint="json")(lambda: str(request.get_json()["total"]))

        @app.post("/upload")
        def uploaded() -> str:
            return f"{request.form['n']}+{len(request.files['f'].read())}"

        @app.get("/stream")
        def stream() -> Response:
            return Response(stream_with_context(f"{g.verified.key_id}, " for _ in range(3)))

        @app.route("/open", methods=["GET", "POST"])
        @seal.exempt("public")
        def opened() -> str:
            return saw(request.stream.read())

        return app

    def test_method_that_middleware_around_it_writes_is_the_one_to_be_signed(self) -> None:
        app = self.build(RFC9421.verifier())

        def override(environ: dict[str, Any], start_response: Any) -> Any:
            environ["REQUEST_METHOD"] = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", environ["REQUEST_METHOD"])
            return app(environ, start_response)

        message = signed(LOOK).plus([("X-HTTP-Method-Override", "DELETE")])
        assert (401, []) == (self.send(override, message).status, self.seen)


class Django(Kinds):
    middleware = ["sealgate.django.SignatureMiddleware"]

    def configure(self, verifier: Verifier, mount: str) -> None:
        kinds = self

        def saw(body: bytes) -> HttpResponse:
            self.seen.append(body)
            return HttpResponse(str(len(body)))

        class Orders(View):
            http_method_names = [method.lower() for method in EVERY]

            def get(self, request: HttpRequest) -> HttpResponse:
                kinds.seen.append(request.method)
                return HttpResponse(request.method)

            head = post = put = patch = delete = options = trace = get

        def uploaded(request: HttpRequest) -> HttpResponse:
            return HttpResponse(f"{request.POST['n']}+{len(request.FILES['f'].read())}")  # type: ignore[union-attr]

        class Urls:
            urlpatterns = [
                path("orders", Orders.as_view()),
                path("read", lambda request: saw(request.read())),
                path("data", lambda request: saw(request.body)),
                path("lines", lambda request: saw(b"".join(request))),
                path("form", lambda request: HttpResponse(",".join(request.POST.getlist("n")))),
                path("json", lambda request: HttpResponse(json.loads(request.body)["total"])),
                path("upload", uploaded),
                path("stream", self.streaming()),
                path("open", exempt("public")(lambda request: saw(request.read()))),
            ]

        gate = {"VERIFIER": verifier, "SCRIPT_NAME": mount}
        settings = {"MIDDLEWARE": self.middleware, "ROOT_URLCONF": Urls, "SEALGATE": gate}
        self.stack.enter_context(override_settings(**settings))

    def streaming(self) -> Callable[[HttpRequest], StreamingHttpResponse]:
        def stream(request: HttpRequest) -> StreamingHttpResponse:
            return StreamingHttpResponse(f"{request.verified.key_id}, " for _ in range(3))  # type: ignore[attr-defined]

        return stream

    @pytest.mark.parametrize("target", ["/orders", "/open"])
    def test_method_that_a_middleware_inside_writes_reaches_no_view(self, target: str) -> None:
        self.middleware = [*self.middleware, f"{__name__}.overrides_in_call"]
        message = replace(LOOK, target=target).plus([("X-HTTP-Method-Override", "DELETE")])
        assert (401, []) == (self.ask(message if target == "/open" else signed(message)).status, self.seen)

    def test_method_written_in_a_process_view_is_seen_by_nobody(self) -> None:
        """A promise that the middleware cannot keep, and a system check names: that `process_view` is after its own."""
        message = signed(replace(LOOK, target="/orders").plus([("X-HTTP-Method-Override", "DELETE")]))
        inside = [*self.middleware, f"{__name__}.OverridesInProcessView"]
        outside = [f"{__name__}.overrides_in_call", *self.middleware]
        statuses = []
        for self.middleware in (inside, outside):
            statuses.append(self.ask(message).status)
        assert ([200, 400], 1) == (statuses, len(self.seen))


def overrides_in_call(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> Any:
        request.method = request.headers.get("X-HTTP-Method-Override", request.method)
        return get_response(request)

    return middleware


class OverridesInProcessView:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        request.method = request.headers.get("X-HTTP-Method-Override", request.method)


class TestDjango(Django, Wsgi):
    head_content = range(100)

    def build(self, verifier: Verifier, mount: str = "") -> Any:
        self.configure(verifier, mount)
        return WSGIHandler()


class Asgi(Kinds):
    def send(self, application: Any, message: Message, *, declared: bool = True, mount: str = "") -> Answer:
        scope = scope_of(message, root_path=mount)
        if message.body:
            framing = (b"content-length", str(len(message.body)).encode())
            scope["headers"].append(framing if declared else (b"transfer-encoding", b"chunked"))
        pieces = [message.body[at : at + 65_536] for at in range(0, len(message.body), 65_536)] or [b""]
        events = [
            {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            for number, piece in enumerate(pieces, 1)
        ]
        start, *parts = ask(application, scope, events).sent
        fields = tuple((name.decode(), value.decode()) for name, value in start["headers"])
        return Answer(start["status"], fields, b"".join(part.get("body", b"") for part in parts))


class TestDjangoAsgi(Django, Asgi):
    head_content = range(100)

    def build(self, verifier: Verifier, mount: str = "") -> Any:
        self.configure(verifier, mount)
        return get_asgi_application()

    def streaming(self) -> Any:
        async def stream(request: HttpRequest) -> StreamingHttpResponse:
            async def parts() -> AsyncIterator[str]:
                for _ in range(3):
                    yield f"{request.verified.key_id}, "  # type: ignore[attr-defined]

            return StreamingHttpResponse(parts())

        return stream

    @pytest.mark.parametrize("around", [(1, 0), (0, 1), (1, 1)])
    def test_sync_middleware_around_and_inside_change_nothing(self, around: tuple[int, int]) -> None:
        outside, inside = around
        sync = [f"{__name__}.sync_only"]
        self.middleware = [*sync * outside, *Django.middleware, *sync * inside]
        messages = (LARGE, signed(LARGE), replace(signed(LARGE), body=b"other"), replace(LOOK, target="/open"))
        assert [401, 200, 401, 200] == [self.ask(each).status for each in messages]
        assert [LARGE.body, b""] == self.seen


def sync_only(get_response: Any) -> Any:
    return lambda request: get_response(request)


class TestFastAPI(Asgi):
    head_content = range(100)

    def build(self, verifier: Verifier, mount: str = "") -> FastAPI:
        app = FastAPI()
        self.seal = seal = FastAPISealgate(app, verifier, root_path=mount)

        def saw(body: bytes) -> int:
            self.seen.append(body)
            return len(body)

        async def read(request: Request) -> int:
            return saw(b"".join([chunk async for chunk in request.stream()]))

        async def data(request: Request) -> int:
            return saw(await request.body())

        async def form(request: Request) -> Any:
            async with request.form() as fields:
                return PlainTextResponse(",".join(str(value) for value in fields.getlist("n")))

        async def uploaded(request: Request) -> Any:
            async with request.form() as fields:
                return PlainTextResponse(f"{fields['n']}+{len(await fields['f'].read())}")  # type: ignore[union-attr]

        async def parsed(request: Request) -> int:
            return int((await request.json())["total"])

        async def stream(request: Request) -> StreamingResponse:
            async def parts() -> AsyncIterator[str]:
                for _ in range(3):
                    yield f"{request.scope['sealgate'].verified.key_id}, "

            return StreamingResponse(parts())

        async def orders(request: Request) -> str:
            self.seen.append(request.method)
            return request.method

        async def opened(request: Request) -> int:
            return saw(await request.body())

        app.add_api_route("/orders", orders, methods=list(EVERY))
        for target, view in {"/read": read, "/data": data, "/lines": read, "/form": form, "/upload": uploaded}.items():
            app.add_api_route(target, view, methods=["POST"])
        app.add_api_route("/json", parsed, methods=["POST"])
        app.add_api_route("/stream", stream)
        app.add_api_route("/open", seal.exempt("public")(opened), methods=["GET", "POST"])
        return app

    def test_background_task_runs_with_what_was_proven_and_only_then(self) -> None:
        app = self.build(RFC9421.verifier())

        @app.post("/later")
        async def later(request: Request, tasks: BackgroundTasks) -> str:
            body = await request.body()
            tasks.add_task(lambda: self.seen.append((request.scope["sealgate"].verified.key_id, body)))
            return "later"

        message = replace(ORDER, target="/later")
        assert [401, 200] == [self.send(app, each).status for each in (message, signed(message))]
        assert [(KEY_ID, ORDER.body)] == self.seen

    @pytest.mark.parametrize("inside", [True, False])
    @pytest.mark.parametrize("reads", [True, False])
    def test_body_arrives_whole_through_middleware_that_reads_it(self, inside: bool, reads: bool) -> None:
        app, lengths = FastAPI(), []

        async def middleware(request: Request, call_next: Any) -> Any:
            lengths.append(len(await request.body()) if reads else 0)
            return await call_next(request)

        if inside:
            app.middleware("http")(middleware)
        FastAPISealgate(app, RFC9421.verifier())
        if not inside:
            app.middleware("http")(middleware)

        @app.post("/read")
        async def read(request: Request) -> str:
            self.seen.append(await request.body())
            return "read"

        answers = [self.send(app, each).status for each in (LARGE, signed(LARGE))]
        seen_by_it = [len(LARGE.body) * reads] * (1 if inside else 2)
        assert ([401, 200], [LARGE.body], seen_by_it) == (answers, self.seen, lengths)

    def test_mounted_applications_get_what_was_proven(self) -> None:
        app = self.build(RFC9421.verifier(body_limit=4 * MEGABYTE))
        inner = FastAPI()

        @inner.post("/read")
        async def read(request: Request, verified: Any = Depends(self.seal)) -> str:  # noqa: B008
            self.seen.append(await request.body())
            return str(verified.key_id)

        app.mount("/m", Router([Mount("/n", inner)]))
        message = replace(LARGE, target="/m/n/read")
        assert [401, 200] == [self.send(app, each).status for each in (message, signed(message))]
        assert [LARGE.body] == self.seen

    @pytest.mark.parametrize("rewrite", [{"method": "DELETE"}, {"path": "/open"}, {"query_string": b"x=1"}])
    def test_request_that_a_middleware_inside_rewrites_reaches_no_view(self, rewrite: dict[str, Any]) -> None:
        class Rewrite:
            def __init__(self, app: Any) -> None:
                self.app = app

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                await self.app({**scope, **rewrite}, receive, send)

        app = FastAPI()
        app.add_middleware(Rewrite)
        FastAPISealgate(app, RFC9421.verifier())
        app.add_api_route("/orders", lambda: self.seen.append("ran"), methods=list(EVERY))
        app.add_api_route("/open", lambda: self.seen.append("ran"), methods=list(EVERY))
        assert (401, []) == (self.send(app, signed(LOOK)).status, self.seen)


# Layers around layers

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

    return override_settings(MIDDLEWARE=Django.middleware, ROOT_URLCONF=Urls, SEALGATE={"VERIFIER": verifier, **gate})


def fastapi_app(verifier: Verifier, **settings: Any) -> FastAPI:
    app = FastAPI()
    FastAPISealgate(app, verifier, **settings)

    @app.api_route("/{rest:path}", methods=list(EVERY))
    async def view(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body() + b"+" + request.scope["sealgate"].verified.scheme.encode())

    return app


class Layered(ABC):
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
        """The inner one says it is proven, so it is the proven one that arrives, or a refusal."""
        verifier = RFC9421.verifier()
        application = self.layer(self.changing(self.inner(verifier)), verifier)
        answer = self.send(application, signed(replace(ORDER, body=b'{"total": 1}')))
        assert answer.body.startswith(ORDER.body) or answer.status == 401

    @abstractmethod
    def changing(self, application: Any) -> Any:
        """Another body of the same length, on the way inwards."""


class LayeredWsgi(Layered):
    def layer(self, application: Any, verifier: Verifier) -> Any:
        return sealgate_wsgi.SignatureMiddleware(application, verifier)

    def send(self, application: Any, message: Message) -> Answer:
        return call(application, environ_of(message))

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
        return Asgi.send(self, application, message)  # type: ignore[arg-type]

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


# Websockets


async def hears(scope: Any, receive: Any, send: Any) -> None:
    """Accepts at once, and says what it was told."""
    assert CONNECT == await receive()
    await send({"type": "websocket.accept"})


def seals(app: Any) -> Any:
    sealed = FastAPI()
    FastAPISealgate(sealed, RFC9421.verifier())
    sealed.mount("/", app)
    return sealed


@pytest.mark.parametrize("gate", [lambda app: sealgate_asgi.SignatureMiddleware(app, RFC9421.verifier()), seals])
@pytest.mark.parametrize("extensions", [None, {}, {"websocket.http.response": {}}])
def test_unsigned_handshake_is_denied_before_it_is_accepted(gate: Callable[[Any], Any], extensions: Any) -> None:
    application = gate(hears)
    changed = replace(signed(SOCKET), target="/feed?room=8")
    for handshake in (SOCKET, changed, signed(replace(SOCKET, method="POST"))):
        sent = ask(application, socket_of(handshake, extensions), [CONNECT]).sent
        assert "websocket.accept" not in [event["type"] for event in sent]
        assert sent[0] == {"type": "websocket.close", "code": 1008} or sent[0]["status"] == 401
    assert [{"type": "websocket.accept"}] == ask(application, socket_of(signed(SOCKET), extensions), [CONNECT]).sent


@pytest.mark.parametrize("kind", ["websocket.http", "lifespan2", "", "webtransport", "HTTP"])
def test_scope_of_an_unknown_type_reaches_nothing(kind: str) -> None:
    ran: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        ran.append(scope["type"])

    for gated in (sealgate_asgi.SignatureMiddleware(application, RFC9421.verifier()), seals(application)):
        with pytest.raises(Exception, match="cannot be verified"):
            asyncio.run(gated(scope_of(signed(), type=kind), None, None))
    assert [] == ran
