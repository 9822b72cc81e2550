"""`report_only`: what is refused passes as if there were no gate, and is loudly logged once; nothing else changes."""

# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from flask import Flask, g, request
from starlette.requests import ClientDisconnect

from asgi_client import CONNECT, ORDER, SOCKET, ask, signed, socket_of
from fastapi_shop import headers_of
from judged import KEY_ID, ORIGIN, OTHER_KEY, RFC9421
from reference import Message
from report_only import HOOKS, LARGE, WHOLE, Asgi, Routed, Way, Wsgi, read_all
from sealgate import Verifier
from sealgate import asgi as sealgate_asgi
from sealgate import wsgi as sealgate_wsgi
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate


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
