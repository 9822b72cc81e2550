"""The ASGI layer, driven by hand: what reaches the application, what is refused, and that a failure is no acceptance."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_client import ORDER, App, Event, ask, layered, scope_of, signed, told, whole
from judged import BODY, KEY, KEY_ID, NOW, OTHER_KEY, RFC9421, with_field
from reference import Message
from sealgate import ConfigurationError
from sealgate.asgi import Layer, SignatureMiddleware, proof
from sealgate.exceptions import SignatureMissing
from sealgate.policy import Choice, Policy, Require

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


def test_exempt_request_is_passed_on_untouched() -> None:
    app = App()
    layer = Layer(app, Policy(RFC9421.verifier(replay=_Down())), "", lambda scope: Choice(None))
    server = ask(layer, scope_of(ORDER), whole(b"anything"))
    assert (server.status, server.asked) == (200, 2)
    assert app.bodies == [b"anything"]
    assert app.scope["sealgate"].verified is None
    with pytest.raises(SignatureMissing):
        proof(app.scope, Require((RFC9421.verifier(),)))


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


@pytest.mark.parametrize(
    ("path", "raw"), [("/orders", b"/admin"), ("/a/b", b"/a%2Fc"), ("/orders", b"http://x/orders")]
)
def test_path_that_is_not_the_raw_one_is_refused(path: str, raw: bytes) -> None:
    app, layer = layered()
    assert ask(layer, scope_of(signed(), path=path, raw_path=raw), whole(ORDER.body)).status == 400
    assert app.calls == 0


def test_origin_of_the_service_counts_and_not_what_the_request_says() -> None:
    app, layer = layered()
    elsewhere = RFC9421.verifier(origin="https://other.example")
    assert ask(layer, scope_of(with_field(signed(), "Host", "other.example")), whole(ORDER.body)).status == 400
    assert ask(SignatureMiddleware(app, elsewhere), scope_of(signed()), whole(ORDER.body)).status == 400
    assert app.calls == 0


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


def test_middleware_needs_a_verifier() -> None:
    with pytest.raises(ConfigurationError, match="verifier"):
        SignatureMiddleware(App(), KEY)  # type: ignore[arg-type]
