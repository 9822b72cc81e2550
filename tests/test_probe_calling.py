"""The probe in this process: how it calls applications, and that it sees whether a view runs."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import leaky_django
from judged import NOW, ORIGIN
from probed import Shop, entry, missing, opened, signer, verifier
from sealgate import ConfigurationError
from sealgate.asgi import SignatureMiddleware
from sealgate.audit.calling import answers
from sealgate.audit.entry import Entry, Standing, name_of, source_of
from sealgate.audit.probe import LEFT_OUT, probe
from sealgate.audit.report import Attack, Report

OPEN = Standing("open", ("as the test says",))


def entry_of(view: Any, path: str = "/orders/7", methods: tuple[str, ...] = ("GET",)) -> Entry:
    return Entry(path, methods, OPEN, "view", name_of(view), source_of(view), path)


def attack(application: Any, *entries: Entry, framework: str = "asgi", **how: Any) -> list[Attack]:
    attacks = probe(Report("shop", framework, entries), application, **how).attacks
    return [each for each in attacks if each.name != LEFT_OUT]


def told(attacks: list[Attack]) -> list[tuple[int | None, bool | None, str]]:
    return [(each.status, each.ran, each.detail) for each in attacks]


class Orders:
    """An ASGI application that needs its lifespan; `events`: what it was told."""

    def __init__(self, starts: str = "complete") -> None:
        self.events: list[str] = []
        self.tasks: set[Any] = set()
        self._starts = starts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.tasks.add(id(asyncio.get_running_loop()))
        if scope["type"] == "lifespan":
            await self.live(scope, receive, send)
            return
        message = await receive()
        self.events.append(f"{scope['type']} {message['type']} {scope['state'].get('pool')}")
        await self.answer(scope, send)

    async def live(self, scope: Any, receive: Any, send: Any) -> None:
        if self._starts == "refused":
            raise ValueError("no such scope")
        self.events.append((await receive())["type"])
        scope["state"]["pool"] = "open"
        if self._starts == "silent":
            return
        await send({"type": f"lifespan.startup.{self._starts}", "message": "no database"})
        self.events.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    async def answer(self, scope: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"seven"})


def test_asgi_application_is_started_and_stopped_once_around_all_requests() -> None:
    app = Orders()
    attacks = attack(app, entry_of(Orders.answer, methods=("GET", "HEAD")))
    request = "http http.request open"
    assert ["lifespan.startup", request, request, "lifespan.shutdown"] == app.events
    assert ([(200, True, "")] * 2, 1) == (told(attacks), len(app.tasks))


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_asgi_application_that_takes_no_lifespan_is_probed_all_the_same(how: str) -> None:
    assert [(200, True, "")] == told(attack(Orders(how), entry_of(Orders.answer)))


def test_asgi_application_that_cannot_start_is_not_probed() -> None:
    app = Orders("failed")
    with pytest.raises(ConfigurationError, match="did not start: no database"):
        attack(app, entry_of(Orders.answer))
    assert ["lifespan.startup"] == app.events[:1]
    assert not any("request" in event for event in app.events)


def test_asgi_application_cannot_be_probed_from_within_an_event_loop() -> None:
    async def within() -> None:
        attack(Orders(), entry_of(Orders.answer))

    with pytest.raises(ConfigurationError, match="an event loop is running"):
        asyncio.run(within())


def test_websocket_is_a_handshake_and_over_once_it_is_accepted() -> None:
    app = Orders()
    assert [(101, True, "")] == told(attack(app, entry_of(Orders.answer, methods=("WEBSOCKET",))))
    assert "websocket websocket.connect open" in app.events


def test_closed_websocket_holds() -> None:
    shut, app = verifier(), Orders()

    closed_feed = entry(shut, path="/feed", methods=("WEBSOCKET",), view=Orders.answer)
    attacks = attack(SignatureMiddleware(app, shut), closed_feed, signer=signer(), origin=ORIGIN, clock=lambda: NOW)
    assert [] == [each for each in attacks if not each.held]
    assert {("good request", 101, True)} == {(each.name, each.status, each.ran) for each in attacks if each.ran}
    assert {"unsigned", "tampered path", "stale", "replayed", "other host"} <= {
        each.name.split(" (")[0] for each in attacks
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "websocket.close", "code": 1008}, (403, False)),
        ({"type": "websocket.close", "code": 4000}, (403, True)),
        ({"type": "websocket.http.response.start", "status": 418, "headers": []}, (418, True)),
    ],
    ids=["as sealgate", "as the application", "with an answer"],
)
def test_websocket_that_is_not_accepted_is_told_by_whom(event: dict[str, Any], expected: tuple[int, bool]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send(event)

    (attacked,) = attack(app, entry_of(app, methods=("WEBSOCKET",)))
    assert expected == (attacked.status, attacked.held)


def test_websocket_of_a_wsgi_application_is_no_answer() -> None:
    (attacked,) = attack(Shop(), opened(methods=("WEBSOCKET",)), framework="wsgi")
    assert (None, False, "WSGI has no websockets; it was not let in") == (
        attacked.status,
        attacked.held,
        attacked.detail,
    )


def test_answer_that_never_ends_is_an_answer() -> None:
    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            await send({"type": "http.response.body", "body": b".", "more_body": True})

    closings: list[str] = []

    def parts() -> Iterator[bytes]:
        try:
            while True:
                yield b"."
        finally:
            closings.append("closed")

    def forever(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        return parts()

    assert [(200, True, "")] == told(attack(endless, entry_of(endless)))
    assert ([(200, True, "")], ["closed"]) == (told(attack(forever, entry_of(forever), framework="wsgi")), closings)


def test_application_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SECONDS", 0.05)

    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    assert [(None, True, "no answer in 0.05 s; it was not let in")] == told(attack(hangs, entry_of(hangs)))


async def _says_nothing(scope: Any, receive: Any, send: Any) -> None:
    pass


async def _raises(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("of the application")


async def _raises_late(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("of the application")


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (_says_nothing, (None, True, "no answer; it was not let in")),
        (_raises, (500, True, "the application raised ValueError")),
        (_raises_late, (200, True, "")),
    ],
)
def test_asgi_application_that_fails_is_told(app: Any, expected: tuple[Any, ...]) -> None:
    assert [expected] == told(attack(app, entry_of(app)))


def test_start_with_the_first_part_is_an_answer() -> None:
    def lazy(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"seven"

    assert [(200, True, "")] == told(attack(lazy, entry_of(lazy), framework="wsgi"))


def test_view_in_another_thread_is_seen() -> None:
    """Sync views of FastAPI, and of Django under ASGI, run in a pool."""
    from fastapi import FastAPI

    app = FastAPI()
    ran: list[str] = []

    @app.get("/orders/7")
    def orders() -> str:
        ran.append(threading.current_thread().name)
        return "seven"

    other = entry_of(_says_nothing)
    assert [(200, True, ""), (200, False, "")] == told(attack(app, entry_of(orders), other, framework="fastapi"))
    assert threading.main_thread().name not in ran


def test_django_view_is_seen_under_asgi_and_wsgi() -> None:
    from django.conf import settings
    from django.core.handlers.asgi import ASGIHandler

    with leaky_django.leaky() as app:
        report = probe(Report("shop", "django", ()), app, origin="https://localhost")
        assert () == report.attacks
        view = leaky_django.answers("export")
        entry = entry_of(view, "/orders/export", ("GET", "HEAD"))
        seen = [
            told(attack(each, entry, framework="django", origin="https://localhost"))
            for each in (app, ASGIHandler(), settings)
        ]
    assert [[(200, True, ""), (200, True, "")]] * 3 == seen


def _class_views() -> Iterator[Any]:
    """Applications whose view is a class, the class, a method that it answers, and one that it does not."""
    from flask import Flask
    from flask.views import MethodView
    from starlette.applications import Starlette
    from starlette.endpoints import HTTPEndpoint
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    class Seen(MethodView):
        def get(self) -> str:
            return "seven"

    class Inherited(Seen):
        pass

    class Endpoint(HTTPEndpoint):
        async def get(self, request: Any) -> PlainTextResponse:
            return PlainTextResponse("seven")

    app = Flask("shop")
    app.add_url_rule("/seen", view_func=Seen.as_view("seen"))
    app.add_url_rule("/inherited", view_func=Inherited.as_view("inherited"))
    yield pytest.param(app, Seen, "/seen", id="MethodView")
    yield pytest.param(app, Inherited, "/inherited", id="inherited handler")
    yield pytest.param(Starlette(routes=[Route("/seen", Endpoint)]), Endpoint, "/seen", id="HTTPEndpoint")


@pytest.mark.parametrize(("app", "cls", "path"), list(_class_views()))
def test_view_that_is_a_class_is_seen_by_the_method_that_answers(app: Any, cls: type, path: str) -> None:
    entry = entry_of(cls, path, ("GET", "HEAD", "POST"))
    found = {(each.method, each.status, each.ran) for each in attack(app, entry, framework="x", unsafe=True)}
    assert {("GET", 200, True), ("HEAD", 200, True), ("POST", 405, False)} == found


def test_rest_framework_runs_no_handler_before_the_signature_is_asked_for() -> None:
    """Its `dispatch` and `initial` do run: what counts is the handler."""
    from sealgate.audit import audit

    with leaky_django.fixed(MIDDLEWARE=[]) as app:
        report = audit(app)
        entries = tuple(each for each in report.entries if each.path in {"/shop/items/", "/payments/", "/rates/"})
        attacks = attack(app, *entries, framework="django", signer=leaky_django.signer(), origin=leaky_django.ORIGIN)
    ran = {(each.path, each.method, each.ran) for each in attacks if each.name == "good request" and each.status == 200}
    paths = {"/shop/items/", "/payments/", "/rates/"}
    assert {(path, "GET", True) for path in paths} <= ran
    assert {"good request"} == {each.name for each in attacks if each.ran}


def test_profile_of_others_is_put_back() -> None:
    """A profiler, say, of the test run."""

    def mine(*_: Any) -> None:
        pass

    before = sys.getprofile(), threading.getprofile()
    sys.setprofile(mine)
    threading.setprofile(mine)
    try:
        attack(Orders(), entry_of(Orders.answer))
        after: tuple[Callable[..., Any] | None, ...] = sys.getprofile(), threading.getprofile()
    finally:
        sys.setprofile(before[0])
        threading.setprofile(before[1])  # type: ignore[arg-type]
    assert (mine, mine) == after


def test_closed_asgi_application_holds() -> None:

    shut = verifier()
    routes = (entry(shut, view=Orders.answer, methods=("GET", "HEAD", "OPTIONS", "POST")), missing(shut))
    how: dict[str, Any] = {"signer": signer(), "origin": ORIGIN, "clock": lambda: NOW, "unsafe": True}
    attacks = attack(SignatureMiddleware(Orders(), shut), *routes, **how)
    assert [] == [each for each in attacks if not each.held]
    assert {"X_Sig twin", "good request"} <= {each.name for each in attacks}
