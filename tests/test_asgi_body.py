"""The body under ASGI: its framing, its deadline, its limit, and that it is read once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from asgi_client import ORDER, App, Event, Server, ask, layered, scope_of, signed, whole
from judged import BODY, OTHER_KEY, RFC9421, SLACK
from reference import Message
from sealgate.asgi import Body, Layer
from sealgate.exceptions import BodyTooLarge, BodyUnreadable
from sealgate.policy import Choice, Policy, Require

DEMAND = Require((RFC9421.verifier(body_timeout=1),))

# Framing


def _with_length(*lengths: str, more: Sequence[tuple[str, str]] = ()) -> Message:
    return signed().plus([*(("Content-Length", length) for length in lengths), *more])


SIZE = str(len(ORDER.body))
FRAMING = {
    "right": (_with_length(SIZE), 200),
    "blanks around it": (_with_length(f" {SIZE}\t"), 200),
    "chunked": (signed().plus([("Transfer-Encoding", "chunked")]), 200),
    "too small": (_with_length("11"), 400),
    "too large": (_with_length("13"), 400),
    "zero": (_with_length("0"), 400),
    "beside transfer-encoding": (_with_length(SIZE, more=[("Transfer-Encoding", "chunked")]), 400),
    "over the limit": (_with_length("10485761"), 413),
}


@pytest.mark.parametrize("how", FRAMING)
def test_content_length_is_the_length_of_the_body(how: str) -> None:
    message, status = FRAMING[how]
    app, layer = layered()
    assert ask(layer, scope_of(message), whole(message.body)).status == status
    assert app.calls == (status == 200)


LENGTHS = [("-1",), ("+12",), ("1_2",), ("12, 12",), ("0x0c",), ("",), ("\u00b2",), ("1" * 5000,), (SIZE, SIZE)]


@pytest.mark.parametrize("lengths", LENGTHS, ids=lambda lengths: lengths[0][:6])
def test_content_length_that_is_not_one_number_is_refused(lengths: tuple[str, ...]) -> None:
    app, layer = layered()
    assert ask(layer, scope_of(_with_length(*lengths)), whole(ORDER.body)).status in {400, 401, 413}
    assert app.calls == 0


@pytest.mark.parametrize("lengths", LENGTHS, ids=lambda lengths: lengths[0][:6])
def test_body_with_an_ambiguous_length_is_not_read(lengths: tuple[str, ...]) -> None:
    server = Server(whole(ORDER.body))
    with pytest.raises(BodyUnreadable):
        asyncio.run(Body(scope_of(_with_length(*lengths)), server.receive, DEMAND).read(100))
    assert server.asked == 0


def test_truncated_body_is_refused() -> None:
    app, layer = layered()
    begun = {"type": "http.request", "body": ORDER.body, "more_body": True}
    server = ask(layer, scope_of(signed()), [begun, {"type": "http.disconnect"}])
    assert server.status == 400
    assert app.calls == 0


def test_client_that_is_gone_when_it_is_answered_does_no_harm() -> None:
    app, layer = layered()

    async def gone(event: Event) -> None:
        raise OSError("closed")

    server = Server([{"type": "http.disconnect"}])
    asyncio.run(layer(scope_of(signed()), server.receive, gone))
    assert app.calls == 0


# The deadline


def test_slow_body_is_refused_by_one_deadline_for_all_of_it() -> None:
    app, layer = layered(RFC9421.verifier(body_timeout=0.01))
    server = ask(layer, scope_of(signed()), [{"type": "http.request", "body": b"{", "more_body": True}])
    assert server.status == 408
    assert app.calls == 0


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time a test can move."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def ask_late(layer: Any, scope: Event, events: Sequence[Event], late: float) -> Server:
    """Asks over a connection where each event takes `late` seconds."""
    server = Server(events)

    async def drive() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Clock)

        async def receive() -> Event:
            loop.ahead += late
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return await server.receive()

        await layer(scope, receive, server.send)

    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(drive())
    return server


def test_longest_deadline_of_several_verifiers_holds_for_the_whole_body() -> None:
    app = App()
    verifiers = (BODY.verifier(body_timeout=5, body_limit=5), RFC9421.verifier(body_timeout=50))
    layer = Layer(app, Policy(verifiers[0]), "", lambda scope: Choice(Require(verifiers)))
    events = [
        {"type": "http.request", "body": ORDER.body[:8], "more_body": True},
        {"type": "http.request", "body": ORDER.body[8:]},
        {"type": "http.disconnect"},
    ]
    messages = [signed(BODY.signed(ORDER)) for _ in range(2)]
    assert ask_late(layer, scope_of(messages[0]), events, 20).status == 200
    assert ask_late(layer, scope_of(messages[1]), events, 40).status == 408
    assert app.calls == 1


# The limit


def test_body_of_exactly_the_limit_is_accepted_and_one_more_is_not() -> None:
    app, layer = layered(RFC9421.verifier(body_limit=len(ORDER.body)))
    assert ask(layer, scope_of(signed()), whole(ORDER.body)).status == 200
    longer = signed(Message("POST", "/orders", ORDER.headers, ORDER.body + b" "))
    assert ask(layer, scope_of(longer), whole(longer.body)).status == 413
    assert app.calls == 1


def test_endless_body_is_left_at_the_limit() -> None:
    app, layer = layered(BODY.verifier(body_limit=1000))
    endless = [{"type": "http.request", "body": bytes(300), "more_body": True}] * 50
    server = ask(layer, scope_of(BODY.signed(ORDER)), endless)
    assert server.status == 413
    assert server.asked == 4
    assert app.calls == 0


def test_declared_length_over_the_limit_is_refused_unread() -> None:
    _, layer = layered(BODY.verifier(body_limit=1000))
    server = ask(layer, scope_of(BODY.signed(ORDER).plus([("Content-Length", "1001")])), whole(bytes(1001)))
    assert (server.status, server.asked) == (413, 0)


@pytest.mark.parametrize(("lengths", "asked"), [((SIZE,), 0), ((), 1)])
def test_body_over_the_limit_can_be_read_again_by_who_takes_more(lengths: tuple[str, ...], asked: int) -> None:
    server = Server(whole(ORDER.body))
    body = Body(scope_of(_with_length(*lengths)), server.receive, DEMAND)

    async def twice() -> bytes:
        with pytest.raises(BodyTooLarge):
            await body.read(len(ORDER.body) - 1)
        assert server.asked == asked
        return await body.read(len(ORDER.body))

    assert asyncio.run(twice()) == ORDER.body


# Read once


def test_body_is_not_read_for_a_signature_that_fails_without_it() -> None:
    _, layer = layered()
    server = ask(layer, scope_of(signed(key=OTHER_KEY)), whole(ORDER.body))
    assert (server.status, server.asked) == (401, 0)


def test_body_is_read_once_for_several_verifiers() -> None:
    app = App()
    others = (SLACK.verifier(), BODY.verifier(body_limit=5), RFC9421.verifier())
    layer = Layer(app, Policy(others[0]), "", lambda scope: Choice(Require(others)))
    message = signed(BODY.signed(ORDER))
    assert ask(layer, scope_of(message), whole(message.body)).status == 200
    assert app.bodies == [ORDER.body]


def test_body_that_failed_once_fails_for_the_next_verifier_too() -> None:
    verifiers = (BODY.verifier(), RFC9421.verifier())
    layer = Layer(App(), Policy(verifiers[0]), "", lambda scope: Choice(Require(verifiers)))
    events = [{"type": "http.disconnect"}, *whole(ORDER.body)]
    server = ask(layer, scope_of(signed(BODY.signed(ORDER))), events)
    assert (server.status, server.asked) == (400, 1)


def test_trailers_do_not_become_headers_after_the_verdict() -> None:
    """uvicorn appends them to the list that it has handed over (RFC 9110, 6.5.1: they are to be kept apart)."""
    app, layer = layered()
    message = signed()
    scope = scope_of(message)
    headers, server = scope["headers"], Server(whole(message.body))

    async def receive() -> Event:
        headers.append((b"content-type", b"application/x-www-form-urlencoded"))
        return await server.receive()

    asyncio.run(layer(scope, receive, server.send))
    assert server.status == 200
    assert app.scope["headers"] == scope_of(message)["headers"]
