"""A key, a signature and a body appear in no text that we write, wherever one looks (B6, B7)."""

from __future__ import annotations

import asyncio
import base64
import copy
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import reference
import sealgate
from judged import JUDGED, KEY_ID, NOW, ORIGIN, RFC9421, as_request, with_field
from reference import Message
from sealgate import (
    ConfigurationError,
    Key,
    KeyRing,
    Members,
    Rejected,
    Request,
    SealgateError,
    Signer,
    Verified,
    Verifier,
    schemes,
)
from sealgate._native import Claim, Origins
from sealgate.answer import answer_to
from sealgate.policy import log_refusal

MARKER = b"MARKER-KEY-that-must-never-show!"
BODY = b"MARKER-BODY-that-must-never-show"
PACKAGE = str(Path(sealgate.__file__).parent)


def spellings(octets: bytes) -> list[str]:
    """Raw, as text would show it, in hex, in base64 (without the tail that neighbours would change)."""
    return [
        octets.decode("latin-1")[:12],
        octets.hex(),
        octets.hex().upper(),
        base64.b64encode(octets).decode()[:40],
        base64.urlsafe_b64encode(octets).decode()[:40],
        str(list(octets))[1:-1],
    ]


def assert_silent(text: str, *secrets: bytes) -> None:
    shown = [spelling for octets in (MARKER, *secrets) for spelling in spellings(octets) if spelling in text]
    assert [] == shown


def signature_of(message: Message) -> bytes:
    """The octets that nobody may learn from a refusal: the right ones."""
    fields = {name.lower(): value for name, value in message.headers}
    return base64.b64decode(fields["signature"].split(":")[1])


_MESSAGE = Message("POST", "/orders", [("Host", "api.shop.example")], BODY)
_SIGNED = RFC9421.signed(_MESSAGE, key=MARKER)


def verifier(**settings: Any) -> Verifier:
    return Verifier(schemes.RFC9421, **{"keys": {KEY_ID: MARKER}, "origin": ORIGIN, "clock": lambda: NOW, **settings})


def claim() -> Claim:
    return schemes.RFC9421.claim(as_request(_SIGNED), Origins(ORIGIN), NOW, 300, 10**6)


OBJECTS: dict[str, Callable[[], Any]] = {
    "Key": lambda: Key(MARKER),
    "KeyRing": lambda: KeyRing({KEY_ID: [MARKER, b"another key of thirty-two octets"]}),
    "anonymous KeyRing": lambda: KeyRing(MARKER),
    "Verifier": verifier,
    "Signer": lambda: Signer(schemes.RFC9421, key=MARKER, key_id=KEY_ID),
    "Scheme": lambda: schemes.RFC9421,
    "Members": lambda: Members(",", "t={created}", "v1={signature:hex}"),
    "Origins": lambda: Origins(ORIGIN),
    "Request": lambda: as_request(_SIGNED),
    "Claim": claim,
    "Verified": lambda: verifier().verify(as_request(_SIGNED)),
}
each_object = pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)


@each_object
def test_no_object_shows_a_key_a_signature_or_a_body(make: Callable[[], Any]) -> None:
    thing = make()
    texts = [
        repr(thing),
        str(thing),
        f"{thing}",
        f"{thing!r} {thing!s}",
        ascii(thing),
        repr([thing]),
        repr({"x": thing}),
    ]
    texts += [format(thing)]
    for text in texts:
        assert_silent(text, BODY, signature_of(_SIGNED))


@pytest.mark.parametrize("name", ["Key", "KeyRing", "anonymous KeyRing", "Verifier", "Signer"])
def test_what_holds_a_key_cannot_be_pickled(name: str) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as refused:
            pickle.dumps(OBJECTS[name](), protocol)
        assert_silent(str(refused.value))


@pytest.mark.parametrize("name", ["Key", "KeyRing", "anonymous KeyRing"])
def test_what_holds_a_key_has_no_attribute_that_shows_it(name: str) -> None:
    thing = OBJECTS[name]()
    for attribute in dir(thing):
        value = getattr(thing, attribute)
        assert_silent(repr(value))
        assert value not in (MARKER, MARKER.decode())
    with pytest.raises(TypeError):
        copy.copy(thing)
    with pytest.raises(TypeError):
        memoryview(thing)


def test_keys_are_not_ordered_compared_or_hashed_by_their_octets() -> None:
    """`==` on octets would be one more comparison, and not in constant time."""
    assert Key(MARKER) != Key(MARKER)
    with pytest.raises(TypeError):
        sorted([Key(MARKER), Key(MARKER)])  # type: ignore[type-var]


def refused_calls() -> Iterator[tuple[str, Callable[[], object]]]:
    """Every way to fail that a key, a signature or a body takes part in."""
    bad = Message("POST", "/orders", _SIGNED.headers, BODY + b"!")
    other = RFC9421.signed(_MESSAGE, key=b"another key of thirty-two octets")
    yield "invalid", lambda: verifier().verify(as_request(other))
    yield "digest", lambda: verifier().verify(as_request(bad))
    yield "unknown", lambda: verifier(keys={"globex": MARKER}).verify(as_request(_SIGNED))
    yield "expired", lambda: verifier(clock=lambda: NOW + 999).verify(as_request(_SIGNED))
    yield "unsigned", lambda: verifier().verify(as_request(_MESSAGE))
    yield "malformed", lambda: verifier().verify(as_request(with_field(_SIGNED, "Signature", MARKER.decode())))
    yield "host", lambda: verifier().verify(as_request(with_field(_SIGNED, "Host", "evil.example")))
    yield "too large", lambda: verifier(body_limit=3).verify(as_request(_SIGNED))
    yield "unreadable", lambda: verifier().verify(as_request(_SIGNED), _raises(OSError(MARKER.decode())))
    yield "key source", lambda: verifier(keys=_raises(OSError(MARKER.decode()))).verify(as_request(_SIGNED))
    yield (
        "answer of the key source",
        lambda: verifier(keys=lambda key_id, request: [MARKER, 17]).verify(as_request(_SIGNED)),
    )
    yield "store", lambda: verifier(replay=_Store()).verify(as_request(_SIGNED))
    yield "averify", lambda: asyncio.run(verifier().averify(as_request(other)))
    yield "template", lambda: JUDGED["body"].verifier(keys=MARKER).verify(as_request(JUDGED["body"].signed(_MESSAGE)))
    yield "Key.verify", lambda: Key(MARKER).verify(BODY, b"x")
    yield "Key hash", lambda: Key(MARKER).sign(BODY, MARKER.decode()[:3])
    yield "short", lambda: Key(MARKER[:15])
    yield "two ids", lambda: KeyRing({"a": MARKER, "b": MARKER})
    yield "two ids, verifier", lambda: verifier(keys={"a": MARKER, "b": MARKER + b"\0"})
    yield "bad neighbour", lambda: verifier(keys={"a": MARKER, "b": b""})
    yield "bad list", lambda: verifier(keys={"a": [MARKER, b"short"]})
    yield "no origin", lambda: Verifier(schemes.RFC9421, keys=MARKER)
    yield "bad age", lambda: verifier(max_age=0)
    yield "bad scheme", lambda: Verifier(None, keys=MARKER)  # type: ignore[arg-type]
    yield "signer without id", lambda: Signer(schemes.RFC9421, key=MARKER)
    yield "signer, short key", lambda: Signer(schemes.RFC9421, key=MARKER[:15], key_id=KEY_ID)
    yield (
        "signer, bad target",
        lambda: Signer(schemes.RFC9421, key=MARKER, key_id=KEY_ID).sign(Request("GET", "*", origin=ORIGIN)),
    )
    yield "invalid, key from a source", lambda: verifier(keys=lambda key_id, request: MARKER).verify(as_request(other))
    yield (
        "digest, key from a source",
        lambda: verifier(keys=lambda key_id, request: MARKER.decode()).verify(as_request(bad)),
    )
    yield "averify, key from a source", lambda: asyncio.run(verifier(keys=_source).averify(as_request(other)))
    yield "short text", lambda: verifier(keys=MARKER.decode()[:15])
    yield "bad origin", lambda: Verifier(schemes.RFC9421, keys={"a": MARKER}, origin="nowhere")


def _raises(error: Exception) -> Callable[..., Any]:
    def call(*arguments: object) -> Any:
        raise error

    return call


async def _source(key_id: str | None, request: Request) -> bytes:
    return MARKER


class _Store:
    def add(self, key: bytes, expires: int, /) -> bool:
        raise OSError(MARKER.decode())


_CALLS = dict(refused_calls())


@pytest.mark.parametrize("name", _CALLS)
def test_no_failure_shows_a_key_a_signature_or_a_body(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Message, repr, arguments, log records at the lowest level; and no key among the locals of our frames, which an
    error page prints (a body that is being read has to be in one)."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SealgateError) as refused:
        _CALLS[name]()
    error: BaseException = refused.value
    secrets = (BODY, signature_of(_SIGNED))
    assert_silent(f"{error} {error!r} {error.args!r} {vars(error)!r}", *secrets)
    if isinstance(error, Rejected):
        log_refusal(error, "POST", "/orders")
    for record in caplog.records:
        assert_silent(f"{record.getMessage()} {record.__dict__!r}", *secrets)
    for shown in _frames(error):
        assert_silent(shown, signature_of(_SIGNED))


def _frames(error: BaseException) -> Iterator[str]:
    """Our frames of the traceback with their local variables; the caller's own are not ours to empty."""
    for frame in traceback.TracebackException.from_exception(error, capture_locals=True).stack:
        if frame.filename.startswith(PACKAGE):
            yield f"{frame.filename}:{frame.lineno} {frame.locals!r}"


@pytest.mark.parametrize("name", ["key source", "store"])
def test_the_error_of_a_dependency_is_neither_cause_nor_shown_context(name: str) -> None:
    """It may hold a URL with a password: the rendered traceback ends at ours."""
    with pytest.raises(SealgateError) as refused:
        _CALLS[name]()
    rendered = "".join(traceback.format_exception(refused.value))
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    assert "During handling of the above" not in rendered
    assert "direct cause" not in rendered


def test_frames_of_a_traceback_are_looked_at() -> None:
    """The check itself sees locals of our frames, or its silence would mean nothing."""
    with pytest.raises(ConfigurationError) as refused:
        Verifier(schemes.RFC9421, keys=MARKER)
    assert any("scheme" in shown for shown in _frames(refused.value))


def test_nothing_is_logged_about_a_message_that_was_accepted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert isinstance(verifier().verify(as_request(_SIGNED)), Verified)
    for record in caplog.records:
        assert_silent(f"{record.getMessage()} {record.__dict__!r}", BODY, signature_of(_SIGNED))


def test_a_refusals_log_line_stays_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """A path with a line break must not write a second record; the code is there, for metrics."""
    with pytest.raises(Rejected) as refused:
        verifier().verify(as_request(_MESSAGE))
    log_refusal(refused.value, "POST\r\nforged", "/a\nb\x1b[31m\u2028")
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert "signature-missing" == record.__dict__["code"]


def test_all_401s_tell_the_caller_the_same() -> None:
    """One public refusal: which check failed is nobody's business."""
    answers = set()
    for name in ("invalid", "digest", "unknown", "expired", "unsigned", "malformed", "Key.verify"):
        with pytest.raises(Rejected) as refused:
            _CALLS[name]()
        answers.add(answer_to(refused.value))
    (told,) = answers
    assert 401 == told.status
    assert_silent(told.body.decode() + repr(told.headers), BODY, signature_of(_SIGNED))
    assert reference.content_digest(BODY) not in told.body.decode()
