"""Acknowledged duplicates where clients go away, threads go on, and others stand around the view: it runs once."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import anyio
import flask
import pytest
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from asgi_client import Server, scope_of
from contract import signed
from duplicate_shops import Ledger, acknowledging
from exchange import over_asgi, over_wsgi
from judged import HOST, KEY, KEY_ID, NOW, as_request
from reference import Message
from sealgate import Scheme, Verifier, asgi
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate
from sealgate.replay import Delivery

#: Turns of an event loop after which a disconnect has come to everybody.
_TURNS = 50


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    with override_settings(SEALGATE={}, ROOT_URLCONF="django_project", MIDDLEWARE=[]):  # so that all hear of its end
        yield


def flask_app(ledger: Ledger, view: Callable[[], Any], verifier: Verifier | None = None) -> flask.Flask:
    app = flask.Flask(__name__)
    Sealgate(app, verifier or acknowledging(ledger))
    app.post("/orders")(view)
    return app


def django_app(ledger: Ledger, view: Any, handler: Callable[[], Any] = get_asgi_application) -> Any:
    urls = type("Urls", (), {"urlpatterns": (path("orders", view),)})
    middleware = ["sealgate.django.SignatureMiddleware"]
    override_settings(ROOT_URLCONF=urls, SEALGATE={"VERIFIER": acknowledging(ledger)}, MIDDLEWARE=middleware).enable()
    return handler()


async def _turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class Client:
    """Sends `message`, and goes away as soon as `leave` is called."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._left: asyncio.Event
        self._loop: asyncio.AbstractEventLoop

    def send(self, application: Any, *, refuses: bool = False) -> list[str]:
        """What was answered to it. `refuses`: the server raises once it has left."""
        return asyncio.run(self._send(application, refuses))

    async def leave(self) -> None:
        self._left.set()
        await _turns()

    def leave_from_thread(self) -> None:
        if not self._left.is_set():  # a view that runs once more has another loop
            asyncio.run_coroutine_threadsafe(self.leave(), self._loop).result(30)

    async def _send(self, application: Any, refuses: bool) -> list[str]:
        self._left, self._loop = asyncio.Event(), asyncio.get_running_loop()
        body: list[Any] = [{"type": "http.request", "body": self._message.body, "more_body": False}]
        sent = list[str]()

        async def receive() -> Any:
            if body:
                return body.pop()
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(event: Any) -> None:
            await asyncio.sleep(0)  # as where the connection is slow
            if refuses and self._left.is_set():
                raise OSError("closed")
            sent.append(event["type"])

        await application(scope_of(self._message), receive, send)
        await _turns()  # of a server that goes on
        return sent


class TestFlask:
    def test_copy_of_the_context_does_not_end_the_request(self, ledger: Ledger) -> None:
        """`copy_current_request_context` gives a thread a context whose teardown is not the request's."""
        seen = list[list[str]]()

        def orders() -> str:
            with ThreadPoolExecutor(1) as threads:
                threads.submit(flask.copy_current_request_context(lambda: None)).result()
            seen.append(list(ledger.asked))
            return "ok"

        app, message = flask_app(ledger, orders), signed()
        assert [200, 200] == [over_wsgi(app, message).status for _ in range(2)]
        assert ([["begin"]], ["begin", "done", "begin"]) == (seen, ledger.asked)

    def test_application_within_an_application_does_not_answer_for_it(self, ledger: Ledger) -> None:
        verifier = acknowledging(ledger)
        inner = flask_app(ledger, lambda: "ok", verifier)

        def orders() -> Any:
            flask.Response.from_app(inner, flask.request.environ)
            flask.abort(500)

        status = over_wsgi(flask_app(ledger, orders, verifier), signed()).status
        assert (500, ["begin", "release"]) == (status, ledger.asked)


class TestDjango:
    def test_asynchronous_stream_is_served_by_a_wsgi_server(self, ledger: Ledger) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"one"
            yield b"two"

        app, message = django_app(ledger, lambda _: StreamingHttpResponse(chunks()), WSGIHandler), signed()
        with pytest.warns(Warning, match="asynchronous iterators"):
            first = over_wsgi(app, message)
        assert (200, b"onetwo", 200) == (first.status, first.body, over_wsgi(app, message).status)
        assert ["begin", "done", "begin"] == ledger.asked

    @pytest.mark.parametrize("kind", ["sync", "async"])
    def test_view_whose_client_goes_away_runs_once(self, ledger: Ledger, kind: str) -> None:
        """Django cancels what awaits the view, but no thread can be stopped: that one would go on beside a second."""
        ended = list[str]()
        message = signed()
        client = Client(message)

        def view(_request: HttpRequest) -> HttpResponse:
            client.leave_from_thread()
            ended.append("view")
            return HttpResponse("ok")

        async def aview(_request: HttpRequest) -> HttpResponse:
            await client.leave()
            ended.append("view")
            return HttpResponse("ok")

        app = django_app(ledger, view if kind == "sync" else aview)
        client.send(app)
        assert (200, ["view"], ["begin", "done", "begin"]) == (over_asgi(app, message).status, ended, ledger.asked)

    def test_client_that_goes_away_before_the_view_leaves_nothing_begun(self, ledger: Ledger) -> None:
        message, ran = signed(), list[str]()
        client = Client(message)

        class Slow(Ledger):
            async def abegin(self, key: bytes, expires: int, /) -> Any:
                known = self.begin(key, expires)
                await client.leave()
                return known

        store = Slow()

        def view(_request: HttpRequest) -> HttpResponse:
            ran.append("view")
            return HttpResponse("ok")

        app = django_app(store, view)
        client.send(app)
        assert (200, ["view"]) == (over_asgi(app, message).status, ran)

    @pytest.mark.parametrize("when", ["before the first chunk", "between two chunks"])
    def test_stream_whose_client_goes_away_was_served(self, ledger: Ledger, when: str) -> None:
        message = signed()
        client = Client(message)

        async def chunks() -> AsyncIterator[bytes]:
            if when == "before the first chunk":
                await client.leave()
            yield b"one"
            await client.leave()
            yield b"two"

        async def view(_request: HttpRequest) -> HttpResponseBase:
            return StreamingHttpResponse(chunks())

        client.send(django_app(ledger, view))
        assert ["begin", "done"] == ledger.asked

    def test_stream_that_nobody_reads_is_told_when_it_is_closed(self, ledger: Ledger) -> None:
        """Where the client goes away while the header fields are sent, no generator has begun that could be closed."""
        message = signed()
        server = Server([{"type": "http.request", "body": message.body, "more_body": False}])

        async def chunks() -> AsyncIterator[bytes]:
            yield b"one"

        async def view(_request: HttpRequest) -> HttpResponseBase:
            return StreamingHttpResponse(chunks())

        async def send(_event: Any) -> None:
            raise asyncio.CancelledError  # what a server does to a task whose client has gone

        with suppress(asyncio.CancelledError):  # which Django keeps to itself, or not, by its version
            asyncio.run(django_app(ledger, view)(scope_of(message), server.receive, send))
        gc.collect()  # an answer that Django has not closed is let go
        assert ["begin", "done"] == ledger.asked


class TestAsgi:
    @pytest.mark.parametrize("refuses", [False, True])
    def test_stream_whose_client_goes_away_was_served(self, ledger: Ledger, refuses: bool) -> None:
        """Starlette's StreamingResponse and FileResponse stop there, and return; or the server raises OSError."""
        message = signed()
        client = Client(message)
        app = FastAPI()
        FastAPISealgate(app, acknowledging(ledger))

        @app.post("/orders")
        async def orders() -> StreamingResponse:
            async def chunks() -> AsyncIterator[bytes]:
                yield b"one"
                await client.leave()
                yield b"two"

            return StreamingResponse(chunks())

        try:
            client.send(app, refuses=refuses)
        except OSError:
            assert refuses
        assert ["begin", "done"] == ledger.asked

    def test_what_was_cancelled_for_good_is_told_all_the_same(self) -> None:
        """A scope of anyio cancels each await within it, and Starlette's middlewares have such scopes."""

        class Slow(Ledger):
            async def arelease(self, key: bytes, expires: int, /) -> None:
                await asyncio.sleep(0)
                self.release(key, expires)

        ledger, message = Slow(), signed()
        server = Server([{"type": "http.request", "body": message.body, "more_body": False}])

        async def serve() -> None:
            with anyio.CancelScope() as cancelled:

                async def application(_scope: Any, _receive: Any, _send: Any) -> None:
                    cancelled.cancel()
                    await asyncio.sleep(0)

                layer: Any = asgi.SignatureMiddleware(application, acknowledging(ledger))
                await layer(scope_of(message), server.receive, server.send)
            await _turns()

        asyncio.run(serve())
        assert ["begin", "release"] == ledger.asked


class TestByHand:
    def test_who_is_cancelled_while_it_begins_leaves_nothing_begun(self) -> None:
        class Slow(Ledger):
            async def abegin(self, key: bytes, expires: int, /) -> Any:
                known = self.begin(key, expires)
                begun.set()
                for _ in range(3):
                    await asyncio.sleep(0)
                return known

        ledger = Slow()
        begun = asyncio.Event()

        async def cancelled() -> None:
            delivery = Delivery()
            task = asyncio.ensure_future(acknowledging(ledger).averify(as_request(signed()), delivery=delivery))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await _turns()

        asyncio.run(cancelled())
        assert ["begin", "release"] == ledger.asked


def test_duplicate_by_a_key_that_a_route_does_not_admit_is_no_success(ledger: Ledger) -> None:
    """Where the signature covers no path, the message was a success on another route."""
    fields = {"X-Key": "{key_id}", "X-Time": "{created}", "X-Nonce": "{nonce}", "X-Sig": "{signature:hex}"}
    base = "{created}\n{nonce}\n{key_id}\n{body}"
    scheme = Scheme("routeless", base=base, fields=fields, accept_weaknesses=None)
    verifier = Verifier(scheme, keys={KEY_ID: KEY}, replay=ledger, duplicates="acknowledge", clock=lambda: NOW)
    app = flask.Flask(__name__)
    seal = Sealgate(app, verifier)
    for target, admitted in (("/open", KEY_ID), ("/shut", "globex")):
        view = seal.require(verifier, keys={admitted})(lambda: "ok")
        app.add_url_rule(target, target, view, methods=["POST"])
    nonce = "nonce-of-the-routeless"
    signature = hmac.new(KEY, f"{NOW}\n{nonce}\n{KEY_ID}\n{{}}".encode(), hashlib.sha256).hexdigest()
    own = [("Host", HOST), ("X-Key", KEY_ID), ("X-Time", str(NOW)), ("X-Nonce", nonce), ("X-Sig", signature)]
    sent = [Message("POST", target, own, b"{}") for target in ("/open", "/shut", "/open")]
    assert [200, 403, 200] == [over_wsgi(app, each).status for each in sent]
