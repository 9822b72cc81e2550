"""Requests and answers of every kind through every adapter: what is proven arrives whole, what is not arrives nowhere."""

# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
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

import django_project  # noqa: F401  it configures Django
from asgi_client import CONNECT, ORDER, SOCKET, ask, scope_of, signed, socket_of
from judged import KEY_ID, RFC9421
from kinds_of_request import EVERY, LARGE, LOOK, MEGABYTE, Asgi, Kinds, Wsgi
from sealgate import ConfigurationError, Verifier
from sealgate import asgi as sealgate_asgi
from sealgate.django import exempt
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate


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
            return Response(stream_with_context(self.part(g.verified.key_id) for _ in range(3)))

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
            return StreamingHttpResponse(self.part(request.verified.key_id) for _ in range(3))  # type: ignore[attr-defined]

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
    def build(self, verifier: Verifier, mount: str = "") -> Any:
        self.configure(verifier, mount)
        return WSGIHandler()


class TestDjangoAsgi(Django, Asgi):
    def build(self, verifier: Verifier, mount: str = "") -> Any:
        self.configure(verifier, mount)
        return get_asgi_application()

    def streaming(self) -> Any:
        async def stream(request: HttpRequest) -> StreamingHttpResponse:
            async def parts() -> AsyncIterator[str]:
                for _ in range(3):
                    yield self.part(request.verified.key_id)  # type: ignore[attr-defined]

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
                    yield self.part(request.scope["sealgate"].verified.key_id)

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
    expected = [("websocket.http.response.start", 401), ("websocket.http.response.body", None)]
    if not extensions:
        expected = [("websocket.close", 1008)]
    for handshake in (SOCKET, changed, signed(replace(SOCKET, method="POST"))):
        sent = ask(application, socket_of(handshake, extensions), [CONNECT]).sent
        assert expected == [(event["type"], event.get("status", event.get("code"))) for event in sent]
    assert [{"type": "websocket.accept"}] == ask(application, socket_of(signed(SOCKET), extensions), [CONNECT]).sent


@pytest.mark.parametrize("kind", ["websocket.http", "lifespan2", "", "webtransport", "HTTP"])
def test_scope_of_an_unknown_type_reaches_nothing(kind: str) -> None:
    ran: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        ran.append(scope["type"])

    for gated in (sealgate_asgi.SignatureMiddleware(application, RFC9421.verifier()), seals(application)):
        with pytest.raises(ConfigurationError, match="cannot be verified"):
            asyncio.run(gated(scope_of(signed(), type=kind), None, None))
    assert [] == ran
