"""`duplicates="acknowledge"`: a message that was answered with success is answered again, and not acted on again."""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.test import override_settings
from fastapi import BackgroundTasks, Depends, FastAPI
from starlette.websockets import WebSocket

from asgi_client import CONNECT, SOCKET, Server, scope_of, socket_of
from contract import LOOK, ORDER, signed
from duplicate_shops import SHOPS, Desk, Ledger, Shop, acknowledging
from exchange import over_asgi, over_wsgi
from judged import KEY, NOW, OTHER_KEY, RFC9421, SLACK
from reference import Message
from sealgate import asgi, wsgi
from sealgate.fastapi import Sealgate, VerifiedBy, require
from sealgate.replay import MemoryStore
from wsgi_client import Answer, environ_of


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    Desk.does, Desk.ran, Desk.meanwhile = "200", 0, None
    with override_settings(SEALGATE={}, ROOT_URLCONF="django_project", MIDDLEWARE=[]):  # so that all hear of its end
        yield


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture(params=SHOPS, ids=lambda shop: shop.name)
def shop(request: pytest.FixtureRequest) -> Shop:
    given: Shop = request.param
    return given


@contextmanager
def bodies_left_open(shop: Shop) -> Iterator[None]:
    """Django's ASGI handler does not close the body of a request that ends in an exception."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unclosed file", ResourceWarning)
        yield
        if shop.name.startswith("django asgi"):
            gc.collect()


def twice(shop: Shop, application: Any, message: Message) -> list[int]:
    return [shop.send(application, message) for _ in range(2)]


@pytest.mark.parametrize("does", ["200", "201", "204", "299", "stream"])
def test_duplicate_of_what_was_answered_with_success_is_acknowledged(shop: Shop, ledger: Ledger, does: str) -> None:
    application, message = shop.build(acknowledging(ledger)), signed()
    Desk.does = does
    first = shop.send(application, message)
    again = shop.over(application, message)
    names = {name.lower(): value for name, value in again.headers}
    assert (200 if does == "stream" else int(does), 200, b"", 1) == (first, again.status, again.body, Desk.ran)
    assert ("0", "no-store") == (names["content-length"], names["cache-control"])
    assert ["begin", "done", "begin"] == ledger.asked


@pytest.mark.parametrize("does", ["500", "503", "raise", "stream, raise"])
def test_what_failed_counts_as_never_seen(shop: Shop, ledger: Ledger, does: str) -> None:
    application, message = shop.build(acknowledging(ledger)), signed()
    Desk.does = does
    with bodies_left_open(shop):
        shop.send(application, message)
    Desk.does = "200"
    assert (200, 200, 2) == (*twice(shop, application, message), Desk.ran)
    assert ["begin", "release", "begin", "done", "begin"] == ledger.asked


@pytest.mark.parametrize("does", ["300", "302", "400", "404", "499"])
def test_duplicate_of_what_was_answered_otherwise_is_refused(shop: Shop, ledger: Ledger, does: str) -> None:
    application, message = shop.build(acknowledging(ledger)), signed()
    Desk.does = does
    assert ([int(does), 401], 1) == (twice(shop, application, message), Desk.ran)
    assert ["begin", "spent", "begin"] == ledger.asked


def test_duplicate_of_what_is_in_progress_may_come_later(shop: Shop, ledger: Ledger) -> None:
    application, message = shop.build(acknowledging(ledger)), signed()
    meanwhile: list[Answer] = []
    Desk.meanwhile = lambda: meanwhile.append(shop.over(application, message))
    first = shop.send(application, message)
    Desk.meanwhile = None
    assert (200, [503], 1) == (first, [each.status for each in meanwhile], Desk.ran)
    assert [("Retry-After", "5")] == [
        (name.title(), value) for name, value in meanwhile[0].headers if name.lower() == "retry-after"
    ]
    assert 200 == shop.send(application, message)


def test_duplicates_are_rejected_unless_asked_otherwise(shop: Shop, ledger: Ledger) -> None:
    application, message = shop.build(RFC9421.verifier(replay=ledger)), signed()
    assert ([200, 401], 1, ["add", "add"]) == (twice(shop, application, message), Desk.ran, ledger.asked)


def test_other_messages_are_none_of_its_duplicates(shop: Shop, ledger: Ledger) -> None:
    application = shop.build(acknowledging(ledger))
    assert ([200] * 3, 3) == ([shop.send(application, signed()) for _ in range(3)], Desk.ran)


def test_tampered_duplicate_is_refused(shop: Shop, ledger: Ledger) -> None:
    """What is acknowledged is proven first: 200 tells nobody else what was there."""
    application, message = shop.build(acknowledging(ledger)), signed()
    changed = Message(message.method, message.target, message.headers, message.body + b" ")
    assert [200, 401, 200] == [shop.send(application, each) for each in (message, changed, message)]
    assert 1 == Desk.ran


def test_store_that_is_down_at_the_end_leaves_the_answer_and_no_second_run(
    shop: Shop, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    application, message = shop.build(acknowledging(ledger)), signed()
    ledger.broken = frozenset({"done"})
    with caplog.at_level(logging.ERROR, "sealgate"):
        statuses = twice(shop, application, message)
    assert ([200, 503], 1) == (statuses, Desk.ran)
    assert ["replay store failed: OSError"] == [text for text in caplog.messages if "OSError" in text]
    assert 1 == sum("stay unavailable while it lives" in text for text in caplog.messages)


def test_store_that_is_down_at_the_beginning_runs_nothing(shop: Shop, ledger: Ledger) -> None:
    application = shop.build(acknowledging(ledger))
    ledger.broken = frozenset({"begin"})
    assert (503, 0) == (shop.send(application, signed()), Desk.ran)


def test_store_in_memory_will_do(shop: Shop) -> None:
    application, message = shop.build(acknowledging(MemoryStore(clock=lambda: NOW))), signed()
    Desk.does = "500"
    assert 500 == shop.send(application, message)
    Desk.does = "200"
    assert ([200, 200], 2) == (twice(shop, application, message), Desk.ran)


def test_coroutine_store_is_awaited() -> None:
    class Coroutines(Ledger):
        async def add(self, key: bytes, expires: int, /) -> Any:
            return super().add(key, expires)

        async def begin(self, key: bytes, expires: int, /) -> Any:
            return super().begin(key, expires)

        async def finish(self, key: bytes, expires: int, done: bool, /) -> Any:
            super().finish(key, expires, done)

        async def release(self, key: bytes, expires: int, /) -> Any:
            super().release(key, expires)

    statuses = {}
    for shop in SHOPS:
        if shop.over is over_asgi:
            store = Coroutines()
            application, message = shop.build(acknowledging(store)), signed()
            Desk.does = "500"
            shop.send(application, message)
            Desk.does = "200"
            statuses[shop.name] = (twice(shop, application, message), store.asked)
    expected = ([200, 200], ["begin", "release", "begin", "done", "begin"])
    assert dict.fromkeys(["asgi", "fastapi", "django asgi", "django asgi, sync views"], expected) == statuses


def test_store_that_awaits_at_the_end_only_leaves_the_answer(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    class Half(Ledger):
        async def finish(self, key: bytes, expires: int, done: bool, /) -> Any:
            raise AssertionError("nobody awaits this")

    application, message = SHOPS[0].build(acknowledging(Half())), signed()
    with caplog.at_level(logging.ERROR, "sealgate"):
        assert ([200, 503], 1) == (twice(SHOPS[0], application, message), Desk.ran)
    assert ["replay: a coroutine key source, store or body needs aanswered"] == caplog.messages


def test_way_that_can_be_awaited_is_taken_where_it_can() -> None:
    class Both(Ledger):
        async def abegin(self, key: bytes, expires: int, /) -> Any:
            return super().begin(key, expires)

        async def afinish(self, key: bytes, expires: int, done: bool, /) -> None:
            super().finish(key, expires, done)

        def begin(self, key: bytes, expires: int, /) -> Any:
            raise AssertionError("this would block the event loop")

        def finish(self, key: bytes, expires: int, done: bool, /) -> None:
            raise AssertionError("so would this")

    store = Both()
    application, message = SHOPS[1].build(acknowledging(store)), signed()
    assert ([200, 200], ["begin", "done", "begin"]) == (twice(SHOPS[1], application, message), store.asked)


@pytest.mark.parametrize("answer", ["NEW", "old", "", None, True, 1, b"new", "spent"])
def test_answer_that_is_not_new_is_never_taken_for_it(answer: object) -> None:
    class Odd(Ledger):
        def begin(self, key: bytes, expires: int, /) -> Any:
            return answer

    application = SHOPS[0].build(acknowledging(Odd()))
    assert (401, 0) == (SHOPS[0].send(application, signed()), Desk.ran)


def test_key_that_a_route_does_not_admit_is_no_success(ledger: Ledger) -> None:
    app = FastAPI()
    verifier = acknowledging(ledger)
    Sealgate(app, verifier)
    app.post("/orders")(require(verifier, keys={"globex"})(lambda: "ok"))
    message = signed()
    assert [403, 401] == [over_asgi(app, message).status for _ in range(2)]
    assert ["begin", "spent", "begin"] == ledger.asked


def test_key_that_is_found_and_not_named_is_admitted_to_its_acknowledgement(ledger: Ledger) -> None:
    """Slack's messages name no key: whose it was is known once it has verified."""
    app = FastAPI()
    settings = {"keys": {"acme": KEY, "globex": OTHER_KEY}, "replay": ledger, "duplicates": "acknowledge"}
    verifier = SLACK.verifier(**settings)
    Sealgate(app, verifier)
    app.post("/orders")(require(verifier, keys={"acme"})(lambda: "ok"))
    messages = [SLACK.signed(key=KEY), SLACK.signed(key=OTHER_KEY)]
    statuses = [over_asgi(app, message).status for message in messages for _ in range(2)]
    assert [200, 200, 403, 401] == statuses


def test_client_that_goes_away_within_the_answer_was_served(ledger: Ledger) -> None:
    """PEP 3333: a server calls `close` whether or not it has come to the end."""
    Desk.does = "stream"
    shop = SHOPS[0]
    application, message = shop.build(acknowledging(ledger)), signed()
    parts = application(environ_of(message), lambda *_: lambda _: None)
    assert b"one" == next(iter(parts))
    parts.close()
    assert (200, ["begin", "done", "begin"]) == (shop.send(application, message), ledger.asked)


def test_answer_that_nobody_reads_is_told_when_it_is_closed(ledger: Ledger) -> None:
    """As some servers do for HEAD."""
    Desk.does = "stream"
    application = SHOPS[0].build(acknowledging(ledger))
    application(environ_of(signed(LOOK)), lambda *_: lambda _: None).close()
    assert ["begin", "done"] == ledger.asked


def test_application_that_gives_no_answer_counts_as_failed(ledger: Ledger) -> None:
    async def nothing(_scope: Any, _receive: Any, _send: Any) -> None:
        pass

    application = asgi.SignatureMiddleware(nothing, acknowledging(ledger))
    assert (0, ["begin", "release"]) == (over_asgi(application, signed()).status, ledger.asked)


def test_lists_are_told_of_before_they_are_sent(ledger: Ledger) -> None:
    application = wsgi.SignatureMiddleware(
        lambda _environ, start: (start("200 OK", []), [b"ok"])[1], acknowledging(ledger)
    )
    assert [b"ok"] == application(environ_of(signed()), lambda *_: lambda _: None)
    assert ["begin", "done"] == ledger.asked


def test_failure_in_the_background_leaves_the_answer_what_it_was(ledger: Ledger) -> None:
    app = FastAPI()
    Sealgate(app, acknowledging(ledger))

    def fail() -> None:
        raise RuntimeError("in the background")

    @app.post("/orders")
    async def orders(tasks: BackgroundTasks) -> str:
        tasks.add_task(fail)
        return "ok"

    message = signed()
    statuses = [over_asgi(app, message).status for _ in range(2)]
    assert ([200, 200], ["begin", "done", "begin"]) == (statuses, ledger.asked)


def test_failure_that_a_handler_makes_nice_is_a_failure(ledger: Ledger) -> None:
    application, message = SHOPS[2].build(acknowledging(ledger)), signed()
    application.register_error_handler(500, lambda _error: ("sorry", 200))
    Desk.does = "raise"
    assert (200, ["begin", "release"]) == (SHOPS[2].send(application, message), ledger.asked)


@pytest.mark.parametrize("shop", [shop for shop in SHOPS if shop.name.startswith("django")], ids=lambda shop: shop.name)
def test_worker_that_is_stopped_within_the_view_has_not_answered(
    shop: Shop, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by the timeout of gunicorn, which no framework makes an answer of."""

    class Stopped(BaseException):
        pass

    def stop() -> int:
        raise Stopped

    application = shop.build(acknowledging(ledger))
    monkeypatch.setattr(Desk, "serve", stop)
    with bodies_left_open(shop), pytest.raises(Stopped):
        shop.over(application, signed())
    assert ["begin", "release"] == ledger.asked


def test_client_that_goes_away_within_an_asynchronous_stream_was_served(ledger: Ledger) -> None:
    shop, message = SHOPS[5], signed()
    application = shop.build(acknowledging(ledger))
    Desk.does = "stream"
    server = Server([{"type": "http.request", "body": message.body, "more_body": False}])

    async def send(event: Any) -> None:
        if event.get("body"):
            raise asyncio.CancelledError  # what a server does to a task whose client has gone
        await server.send(event)

    with suppress(asyncio.CancelledError):  # which Django keeps to itself, or not, by its version
        asyncio.run(application(scope_of(message), server.receive, send))
    assert ["begin", "done"] == ledger.asked


def test_session_that_cannot_be_saved_is_a_failure(ledger: Ledger) -> None:
    """It comes after every hook, and turns the answer into a 500."""
    application = SHOPS[2].build(acknowledging(ledger))
    application.secret_key = "for tests only"

    class Sessions(type(application.session_interface)):  # type: ignore[misc]
        def save_session(self, *_: Any) -> None:
            raise OSError("no disk")

    kept = application.session_interface
    application.session_interface, message = Sessions(), signed()
    failed = SHOPS[2].send(application, message)
    application.session_interface = kept
    assert ([500, 200], ["begin", "release", "begin", "done"]) == (
        [failed, SHOPS[2].send(application, message)],
        ledger.asked,
    )


def test_handshake_of_a_websocket_is_never_acknowledged(ledger: Ledger) -> None:
    app = FastAPI()
    Sealgate(app, acknowledging(ledger))

    @app.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    message, told = signed(SOCKET), []
    for _ in range(2):
        server = Server([CONNECT])
        asyncio.run(app(socket_of(message), server.receive, server.send))
        told.append(server.sent[0]["type"])
    assert (["websocket.accept", "websocket.close"], ["add", "add"]) == (told, ledger.asked)


def test_dependency_alone_rejects_since_it_does_not_see_the_answer(ledger: Ledger) -> None:
    app = FastAPI()
    app.post("/orders", dependencies=[Depends(VerifiedBy(acknowledging(ledger)))])(lambda: "ok")
    message = signed()
    assert [200, 401] == [over_asgi(app, message).status for _ in range(2)]
    assert ["add", "add"] == ledger.asked


def test_report_only_lets_duplicates_through_as_all_else(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    application = wsgi.SignatureMiddleware(
        lambda _environ, start: (start("200 OK", []), [b"ok"])[1], acknowledging(ledger), report_only=True
    )
    message = signed()
    with caplog.at_level(logging.WARNING, "sealgate"):
        bodies = [over_wsgi(application, message).body for _ in range(2)]
    assert ([b"ok", b"ok"], 1) == (bodies, len(caplog.messages))


def test_unsigned_request_is_told_nothing_new(shop: Shop, ledger: Ledger) -> None:
    application = shop.build(acknowledging(ledger))
    assert (401, 0, []) == (shop.send(application, ORDER), Desk.ran, ledger.asked)
