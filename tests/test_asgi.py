"""The ASGI layer, driven by hand: what the server says, what the application sees, what the client is told."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judged import BODY, KEY, KEY_ID, NOW, OTHER_KEY, RFC9421, SLACK, with_field
from reference import Message
from sealgate import ConfigurationError, Verified, Verifier
from sealgate.asgi import Body, Passed, Recheck, SignatureMiddleware, proof
from sealgate.exceptions import BodyTooLarge, BodyUnreadable, InvalidSignature, SignatureMissing

Event = dict[str, Any]
ORDER = Message(
    "POST", "/orders", [("Host", "api.shop.example"), ("Content-Type", "application/json")], b'{"total": 1}'
)
SOCKET = Message("GET", "/feed?room=7", [("Host", "api.shop.example")])
DENIAL = {"websocket.http.response": {}}
_nonces = (f"a-fresh-nonce-{number:06}" for number in itertools.count())


class App:
    """Answers 200 with the body it read, and keeps what it saw."""

    def __init__(self) -> None:
        self.calls = 0
        self.bodies: list[bytes] = []
        self.scope: Event = {}
        self.after: Event = {}

    async def __call__(self, scope: Event, receive: Any, send: Any) -> None:
        self.calls += 1
        self.scope = scope
        if scope["type"] == "http":
            message = await receive()
            assert message.keys() == {"type", "body", "more_body"}
            self.bodies.append(message["body"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": message["body"], "more_body": True})
            self.after = await receive()
            await send({"type": "http.response.body", "body": b""})
        else:
            self.after = await receive()
            await send({"type": "websocket.accept"})

    @property
    def verified(self) -> Verified:
        verified = self.scope["sealgate"].verified
        assert isinstance(verified, Verified)
        return verified


class Server:
    """Says `events` in order, then nothing more, like a connection that stays open."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = list(events)
        self.asked = 0
        self.sent: list[Event] = []

    async def receive(self) -> Event:
        self.asked += 1
        if not self.events:
            await asyncio.Event().wait()
        return self.events.pop(0)

    async def send(self, event: Event) -> None:
        self.sent.append(event)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


def scope_of(message: Message, **more: Any) -> Event:
    path, _, query = message.target.partition("?")
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in message.headers]
    scope = {"type": "http", "method": message.method, "path": path, "raw_path": path.encode(), "headers": headers}
    return {**scope, "asgi": {"version": "3.0"}, "query_string": query.encode(), "root_path": "", **more}


def socket_of(message: Message, extensions: Event | None = None) -> Event:
    scope = scope_of(message, type="websocket", scheme="wss", subprotocols=[])
    del scope["method"]
    return scope if extensions is None else {**scope, "extensions": extensions}


def whole(body: bytes) -> list[Event]:
    return [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]


def ask(app: Any, scope: Event, events: Sequence[Event]) -> Server:
    server = Server(events)
    asyncio.run(asyncio.wait_for(app(scope, server.receive, server.send), 20))
    return server


def signed(message: Message = ORDER, key: bytes = KEY, created: int = NOW) -> Message:
    return RFC9421.signed(message, key, created, next(_nonces))


def layered(verifier: Verifier | None = None) -> tuple[App, SignatureMiddleware]:
    app = App()
    return app, SignatureMiddleware(app, verifier or RFC9421.verifier())


def told(server: Server) -> tuple[Any, ...]:
    start, body = server.sent
    return start["type"], start["status"], start["headers"], body["body"]


# What is accepted


def test_signed_request_reaches_the_application_with_its_body_and_its_verdict() -> None:
    app, layer = layered()
    message = signed()
    server = ask(layer, scope_of(message), whole(message.body))
    assert server.status == 200
    assert app.bodies == [ORDER.body]
    assert (app.verified.key_id, app.verified.scheme, app.verified.body) == (KEY_ID, "rfc9421", ORDER.body)


def test_chunks_are_handed_over_as_one_message() -> None:
    app, layer = layered()
    message = signed()
    chunks = [message.body[:3], b"", message.body[3:7], message.body[7:], b""]
    events = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    server = ask(layer, scope_of(message), [*events, {"type": "http.request"}, {"type": "http.disconnect"}])
    assert server.status == 200
    assert app.bodies == [ORDER.body]


def test_disconnect_still_reaches_the_application_after_the_body() -> None:
    app, layer = layered()
    message = signed()
    ask(layer, scope_of(message), whole(message.body))
    assert app.after == {"type": "http.disconnect"}


def test_body_scheme_is_verified_against_the_bytes_received() -> None:
    app, layer = layered(BODY.verifier())
    message = BODY.signed(ORDER)
    assert ask(layer, scope_of(message), whole(message.body)).status == 200
    assert ask(layer, scope_of(message), whole(message.body + b" ")).status == 401
    assert app.bodies == [ORDER.body]


def test_lifespan_passes() -> None:
    seen = []

    async def app(scope: Event, receive: Any, send: Any) -> None:
        seen.append((scope, await receive()))

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
    ask(SignatureMiddleware(app, RFC9421.verifier()), scope, [{"type": "lifespan.startup"}])
    assert seen == [(scope, {"type": "lifespan.startup"})]


# What is refused


@pytest.mark.parametrize("kind", ["webtransport", "", "HTTP", None])
def test_unknown_scope_type_never_reaches_the_application(kind: str | None) -> None:
    app, layer = layered()
    with pytest.raises(ConfigurationError, match="cannot be verified"):
        ask(layer, scope_of(signed(), type=kind), whole(ORDER.body))
    assert app.calls == 0


def _flipped(message: Message) -> Message:
    return Message(message.method, message.target, message.headers, message.body.replace(b"1", b"0"))


def _cut(name: str) -> Callable[[Message], Message]:
    return lambda message: with_field(message, name, None)


def _set(name: str, value: str) -> Callable[[Message], Message]:
    return lambda message: with_field(message, name, value)


def _twice(message: Message) -> Message:
    return message.plus([(name, value) for name, value in message.headers if name.lower() == "signature"])


WRONG: dict[str, Message] = {
    "no signature": ORDER,
    "another key": signed(key=OTHER_KEY),
    "one bit of the body": _flipped(signed()),
    "another path": Message("POST", "/orders/1", signed().headers, ORDER.body),
    "another method": Message("PUT", "/orders", signed().headers, ORDER.body),
    "an added query": Message("POST", "/orders?dry=1", signed().headers, ORDER.body),
    "an expired signature": signed(created=NOW - 301),
    "a signature from the future": signed(created=NOW + 301),
    "octets outside ASCII": _set("Signature", "sig1=:\xff\xfe\x80:")(signed()),
    "an empty signature": _set("Signature", "sig1=::")(signed()),
    "no structured field": _set("Signature", "\x00")(signed()),
    "the signature twice": _twice(signed()),
    "no digest": _cut("Content-Digest")(signed()),
    "no parameters": _cut("Signature-Input")(signed()),
    "an underscored twin": signed().plus([("Content_Digest", "sha-256=:AAAA:")]),
    "malformed JSON, unsigned": Message("POST", "/orders", ORDER.headers, b'{"total": '),
}


@pytest.mark.parametrize("why", WRONG)
def test_wrong_request_is_refused_before_the_application(why: str) -> None:
    app, layer = layered()
    server = ask(layer, scope_of(WRONG[why]), whole(WRONG[why].body))
    assert server.status == 401
    assert app.calls == 0


def test_every_401_is_the_same_answer() -> None:
    _, layer = layered()
    answers = [told(ask(layer, scope_of(message), whole(message.body))) for message in WRONG.values()]
    start, status, headers, body = answers[0]
    assert answers == [answers[0]] * len(WRONG)
    assert (start, status) == ("http.response.start", 401)
    assert (b"www-authenticate", b'Signature realm="sealgate"') in headers
    assert (b"content-length", str(len(body)).encode()) in headers
    assert json.loads(body) == {"type": "about:blank", "title": "Unauthorized", "status": 401}


def test_reason_is_in_the_log_and_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    _, layer = layered()
    with caplog.at_level(logging.WARNING, logger="sealgate"):
        ask(layer, scope_of(ORDER, path="/a\nb", raw_path=b"/a%0Ab"), whole(b""))
    (record,) = caplog.records
    assert "signature-missing" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_replay_is_refused() -> None:
    app, layer = layered()
    message = signed()
    statuses = [ask(layer, scope_of(message), whole(message.body)).status for _ in range(3)]
    assert statuses == [200, 401, 401]
    assert app.calls == 1


def test_two_layers_with_one_verifier_spend_one_nonce() -> None:
    app, layer = layered(verifier := RFC9421.verifier())
    message = signed()
    server = ask(SignatureMiddleware(layer, verifier), scope_of(message), whole(message.body))
    assert server.status == 200
    assert app.bodies == [ORDER.body]


def test_inner_layer_does_not_take_an_exemption_for_a_proof() -> None:
    app, inner = layered(verifier := RFC9421.verifier())
    outer = SignatureMiddleware(inner, verifier, choose=lambda scope: ())
    assert ask(outer, scope_of(ORDER), whole(ORDER.body)).status == 401
    assert ask(outer, scope_of(signed()), whole(ORDER.body)).status == 200
    assert app.calls == 1


def test_inner_layer_does_not_take_the_proof_of_another_target() -> None:
    app, inner = layered(verifier := RFC9421.verifier())

    async def rewrite(scope: Event, receive: Any, send: Any) -> None:
        await inner({**scope, "path": "/admin", "raw_path": b"/admin"}, receive, send)

    assert ask(SignatureMiddleware(rewrite, verifier), scope_of(signed()), whole(ORDER.body)).status == 401
    assert app.calls == 0


def test_exemption_within_keeps_the_verdict_of_the_outer_layer() -> None:
    app = App()
    verifier = RFC9421.verifier()
    inner = SignatureMiddleware(app, verifier, choose=lambda scope: ())
    ask(SignatureMiddleware(inner, verifier), scope_of(signed()), whole(ORDER.body))
    assert app.verified.key_id == KEY_ID


def test_two_layers_with_two_verifiers_both_count() -> None:
    app, inner = layered(BODY.verifier())
    outer = SignatureMiddleware(inner, RFC9421.verifier())
    only_one = signed()
    both = signed(BODY.signed(ORDER))
    assert ask(outer, scope_of(only_one), whole(ORDER.body)).status == 401
    assert ask(outer, scope_of(both), whole(ORDER.body)).status == 200
    assert app.verified.scheme == "body"


@pytest.mark.parametrize(
    "planted",
    [True, {"verified": True}, Passed, object(), ((), None, "POST", "/orders", b""), [b"sealgate"]],
    ids=["true", "mapping", "class", "object", "tuple", "list"],
)
def test_planted_verdict_counts_for_nothing(planted: object) -> None:
    app, layer = layered()
    assert ask(layer, scope_of(ORDER, sealgate=planted), whole(ORDER.body)).status == 401
    assert ask(Recheck(app), scope_of(ORDER, sealgate=planted), whole(ORDER.body)).status == 401
    with pytest.raises(SignatureMissing):
        proof(scope_of(ORDER, sealgate=planted), (RFC9421.verifier(),))
    assert app.calls == 0


# The body


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
        asyncio.run(Body(scope_of(_with_length(*lengths)), server.receive, 1).read(100))
    assert server.asked == 0


@pytest.mark.parametrize(("lengths", "asked"), [((SIZE,), 0), ((), 1)])
def test_body_over_the_limit_can_be_read_again_by_who_takes_more(lengths: tuple[str, ...], asked: int) -> None:
    server = Server(whole(ORDER.body))
    body = Body(scope_of(_with_length(*lengths)), server.receive, 1)

    async def twice() -> bytes:
        with pytest.raises(BodyTooLarge):
            await body.read(len(ORDER.body) - 1)
        assert server.asked == asked
        return await body.read(len(ORDER.body))

    assert asyncio.run(twice()) == ORDER.body


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
    layer = SignatureMiddleware(app, verifiers[0], choose=lambda scope: verifiers)
    events = [
        {"type": "http.request", "body": ORDER.body[:8], "more_body": True},
        {"type": "http.request", "body": ORDER.body[8:]},
        {"type": "http.disconnect"},
    ]
    messages = [signed(BODY.signed(ORDER)) for _ in range(2)]
    assert ask_late(layer, scope_of(messages[0]), events, 20).status == 200
    assert ask_late(layer, scope_of(messages[1]), events, 40).status == 408
    assert app.calls == 1


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


def test_body_is_not_read_for_a_signature_that_fails_without_it() -> None:
    _, layer = layered()
    server = ask(layer, scope_of(signed(key=OTHER_KEY)), whole(ORDER.body))
    assert (server.status, server.asked) == (401, 0)


def test_body_is_read_once_for_several_verifiers() -> None:
    app = App()
    others = (SLACK.verifier(), BODY.verifier(body_limit=5), RFC9421.verifier())
    layer = SignatureMiddleware(app, others[0], choose=lambda scope: others)
    message = signed(BODY.signed(ORDER))
    assert ask(layer, scope_of(message), whole(message.body)).status == 200
    assert app.bodies == [ORDER.body]


def test_body_that_failed_once_fails_for_the_next_verifier_too() -> None:
    verifiers = (BODY.verifier(), RFC9421.verifier())
    layer = SignatureMiddleware(App(), verifiers[0], choose=lambda scope: verifiers)
    events = [{"type": "http.disconnect"}, *whole(ORDER.body)]
    server = ask(layer, scope_of(signed(BODY.signed(ORDER))), events)
    assert (server.status, server.asked) == (400, 1)


# Fail closed


def _broken(*_: object) -> bool:
    raise ConnectionError("redis://:password@cache")


class _Down:
    add = staticmethod(_broken)


@pytest.mark.parametrize("settings", [{"replay": _Down()}, {"keys": _broken}], ids=["store", "keys"])
def test_dependency_that_is_down_is_503(settings: Event) -> None:
    app, layer = layered(RFC9421.verifier(**settings))
    server = ask(layer, scope_of(signed()), whole(ORDER.body))
    assert server.status == 503
    assert b"redis" not in server.sent[1]["body"]
    assert app.calls == 0


def test_coroutine_key_source_and_store_are_awaited() -> None:
    seen: list[str | None] = []

    async def keys(key_id: str | None, request: object) -> bytes:
        await asyncio.sleep(0)
        seen.append(key_id)
        return KEY

    class Store:
        async def add(self, key: bytes, expires: int, /) -> bool:
            await asyncio.sleep(0)
            seen.append("store")
            return True

    _, layer = layered(RFC9421.verifier(keys=keys, replay=Store()))
    assert ask(layer, scope_of(signed()), whole(ORDER.body)).status == 200
    assert seen == [KEY_ID, "store"]


@pytest.mark.parametrize(
    ("path", "raw"), [("/orders", b"/admin"), ("/a/b", b"/a%2Fc"), ("/orders", b"http://x/orders")]
)
def test_path_that_is_not_the_raw_one_is_refused(path: str, raw: bytes) -> None:
    app, layer = layered()
    assert ask(layer, scope_of(signed(), path=path, raw_path=raw), whole(ORDER.body)).status == 400
    assert app.calls == 0


def test_middleware_needs_a_verifier() -> None:
    with pytest.raises(ConfigurationError, match="verifier"):
        SignatureMiddleware(App(), KEY)  # type: ignore[arg-type]


@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"signature", b"signature-input", b"content-length", b"content-digest"]), st.binary()
        )
    ),
    target=st.binary(max_size=20),
    body=st.binary(max_size=20),
)
def test_any_octets_get_an_answer_and_never_the_application(
    headers: list[tuple[bytes, bytes]], target: bytes, body: bytes
) -> None:
    app, layer = layered()
    path, _, query = b"".join([b"/", target]).partition(b"?")
    scope = scope_of(ORDER, headers=headers, path=path.decode("utf-8", "replace"), raw_path=path, query_string=query)
    assert ask(layer, scope, whole(body)).status in {400, 401, 413}
    assert app.calls == 0


# Websockets


CONNECT = {"type": "websocket.connect"}


def test_signed_handshake_is_accepted_and_the_application_sees_it() -> None:
    app, layer = layered()
    server = ask(layer, socket_of(signed(SOCKET)), [CONNECT])
    assert server.sent == [{"type": "websocket.accept"}]
    assert app.after == CONNECT
    assert app.verified.key_id == KEY_ID


@pytest.mark.parametrize("message", [SOCKET, signed(SOCKET, OTHER_KEY), signed(ORDER)], ids=["none", "key", "target"])
def test_unsigned_handshake_is_closed_before_it_is_accepted(message: Message) -> None:
    app, layer = layered()
    server = ask(layer, socket_of(message), [CONNECT])
    assert server.sent == [{"type": "websocket.close", "code": 1008}]
    assert server.asked == 1
    assert app.calls == 0


def test_unsigned_handshake_gets_the_public_answer_where_the_server_can_send_one() -> None:
    app, layer = layered()
    server = ask(layer, socket_of(SOCKET, DENIAL), [CONNECT])
    kind, *answer = told(server)
    _, *over_http = told(ask(layer, scope_of(ORDER), whole(b"")))
    assert kind == "websocket.http.response.start"
    assert server.sent[1]["type"] == "websocket.http.response.body"
    assert answer == over_http
    assert app.calls == 0


def test_extensions_of_none_are_no_extensions() -> None:
    _, layer = layered()
    server = ask(layer, {**socket_of(SOCKET), "extensions": None}, [CONNECT])
    assert server.sent == [{"type": "websocket.close", "code": 1008}]


def test_handshake_is_not_answered_when_the_client_left_first() -> None:
    _, layer = layered()
    assert ask(layer, socket_of(SOCKET), [{"type": "websocket.disconnect", "code": 1006}]).sent == []


def test_handshake_counts_once() -> None:
    _, layer = layered()
    message = signed(SOCKET)
    first, second = (ask(layer, socket_of(message), [CONNECT]).sent for _ in range(2))
    assert first == [{"type": "websocket.accept"}]
    assert second == [{"type": "websocket.close", "code": 1008}]


# Per route, and the second look


def test_exempt_request_is_passed_on_untouched() -> None:
    app = App()
    layer = SignatureMiddleware(app, RFC9421.verifier(replay=_Down()), choose=lambda scope: ())
    server = ask(layer, scope_of(ORDER), whole(b"anything"))
    assert (server.status, server.asked) == (200, 2)
    assert app.bodies == [b"anything"]
    assert app.scope["sealgate"].verified is None
    with pytest.raises(SignatureMissing):
        proof(app.scope, (RFC9421.verifier(),))


def test_proof_is_for_one_of_the_verifiers_that_are_asked_for() -> None:
    ours, theirs, third = RFC9421.verifier(), BODY.verifier(), SLACK.verifier()
    app, layer = layered(ours)
    ask(layer, scope_of(signed()), whole(ORDER.body))
    assert proof(app.scope, (ours,)) is app.verified
    assert proof(app.scope, (theirs, ours)) is app.verified
    with pytest.raises(InvalidSignature):
        proof(app.scope, (theirs, third))
    app.scope["sealgate"] = Passed.through(app.scope, (ours, theirs), app.verified)
    with pytest.raises(InvalidSignature):
        proof(app.scope, (ours,))


REWRITES: dict[str, Event] = {
    "method": {"method": "DELETE"},
    "path": {"path": "/admin"},
    "query": {"query_string": b"all=1"},
}


@pytest.mark.parametrize("what", REWRITES)
@pytest.mark.parametrize("exempt", [False, True])
def test_request_rewritten_after_the_layer_is_refused(what: str, exempt: bool) -> None:
    app = App()
    verifier = RFC9421.verifier()
    seen: list[type[Exception]] = []

    async def rewrite(scope: Event, receive: Any, send: Any) -> None:
        scope.update(REWRITES[what])
        try:
            proof(scope, (verifier,))
        except (InvalidSignature, SignatureMissing) as error:
            seen.append(type(error))
        await Recheck(app)(scope, receive, send)

    layer = SignatureMiddleware(rewrite, verifier, choose=lambda scope: () if exempt else (verifier,))
    assert ask(layer, scope_of(signed()), whole(ORDER.body)).status == 401
    assert seen == [SignatureMissing if exempt else InvalidSignature]
    assert app.calls == 0


def test_second_look_refuses_what_no_layer_let_through() -> None:
    app = App()
    assert ask(Recheck(app), scope_of(ORDER), whole(ORDER.body)).status == 401
    assert ask(Recheck(app), socket_of(SOCKET), [CONNECT]).sent == [{"type": "websocket.close", "code": 1008}]
    assert app.calls == 0


def test_origin_of_the_service_counts_and_not_what_the_request_says() -> None:
    app, layer = layered()
    elsewhere = RFC9421.verifier(origin="https://other.example")
    assert ask(layer, scope_of(with_field(signed(), "Host", "other.example")), whole(ORDER.body)).status == 400
    assert ask(SignatureMiddleware(app, elsewhere), scope_of(signed()), whole(ORDER.body)).status == 400
    assert app.calls == 0
