"""The verifier: the order of checks, both drivers, the window, configuration."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Awaitable
from typing import Any

import pytest

from judged import (
    BODY,
    JUDGED,
    KEY,
    KEY_ID,
    NONCE,
    NOW,
    OTHER_KEY,
    RFC9421,
    Judged,
    Verify,
    as_request,
    bodiless,
    each_driver,
    each_scheme,
    each_timed,
)
from reference import Message
from sealgate import ConfigurationError, KeyRing, Rejected, Request, Unavailable, Verified, Verifier
from sealgate.exceptions import (
    BodyTooLarge,
    BodyUnreadable,
    DigestMismatch,
    Expired,
    InvalidSignature,
    Replayed,
    SignatureMissing,
    UnknownKey,
)
from sealgate.verifier import BODY_LIMIT


class Trace:
    """Records which of keys, body and store were asked, in order; each can be made to fail."""

    def __init__(self, judged: Judged, message: Message, **fails: BaseException) -> None:
        self.asked: list[str] = []
        self.judged = judged
        self.body = message.body
        self.fails = fails
        self.stored: list[tuple[bytes, int]] = []

    def keys(self, key_id: str | None, request: Request) -> KeyRing | bytes | None:
        self._note("keys")
        if key_id is None:
            return KeyRing(KEY)
        return KEY if key_id == KEY_ID else None

    def read_body(self, limit: int) -> bytes:
        self._note("body")
        return self.body

    def add(self, key: bytes, expires: int, /) -> bool:
        self._note("store")
        new = all(key != known for known, _ in self.stored)
        self.stored.append((key, expires))
        return new

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fails:
            raise self.fails[what]

    def verifier(self, **settings: Any) -> Verifier:
        return self.judged.verifier(**{"keys": self.keys, "replay": self, **settings})


def traced(
    judged: Judged, message: Message, *, now: float = NOW, **fails: BaseException
) -> tuple[Trace, BaseException | None]:
    trace = Trace(judged, message, **fails)
    try:
        trace.verifier(now=now).verify(bodiless(message), trace.read_body)
    except Exception as error:
        return trace, error
    return trace, None


# --- the order of checks ---


def test_a_digest_scheme_checks_its_signature_before_a_byte_of_body_is_read() -> None:
    """F1: nobody without a key makes us read a body."""
    trace, error = traced(RFC9421, RFC9421.signed())
    assert (["keys", "body", "store"], None) == (trace.asked, error)
    trace, error = traced(RFC9421, RFC9421.signed(key=OTHER_KEY))
    assert ["keys"] == trace.asked
    assert isinstance(error, InvalidSignature)


@each_scheme
def test_an_unsigned_request_asks_for_nothing(judged: Judged) -> None:
    trace, error = traced(judged, judged.message)
    assert [] == trace.asked
    assert isinstance(error, SignatureMissing)


@each_timed
def test_a_message_outside_the_window_asks_for_nothing(judged: Judged) -> None:
    for created in (NOW - judged.age - 1, NOW + judged.age + 1):
        trace, error = traced(judged, judged.signed(created=created))
        assert [] == trace.asked
        assert isinstance(error, Expired)


@each_scheme
def test_a_content_length_over_the_limit_asks_for_nothing(judged: Judged) -> None:
    signed = judged.signed().plus([("Content-Length", str(BODY_LIMIT + 1))])
    trace, error = traced(judged, signed)
    assert [] == trace.asked
    assert isinstance(error, BodyTooLarge)


@pytest.mark.parametrize("name", [name for name, judged in JUDGED.items() if not judged.named])
def test_a_body_scheme_asks_for_keys_before_the_body(name: str) -> None:
    trace, error = traced(JUDGED[name], JUDGED[name].signed())
    assert ["keys", "body"] == trace.asked[:2]
    assert error is None


@each_timed
def test_a_wrong_signature_never_reaches_the_store(judged: Judged) -> None:
    """E7: else a flood fills it, and a stranger burns a victim's nonce."""
    trace, error = traced(judged, judged.signed(key=OTHER_KEY))
    assert "store" not in trace.asked
    assert isinstance(error, InvalidSignature)


def test_a_body_that_is_not_the_digest_never_reaches_the_store() -> None:
    signed = RFC9421.signed()
    trace, error = traced(RFC9421, Message(signed.method, signed.target, signed.headers, b'{"total": 2}'))
    assert ["keys", "body"] == trace.asked
    assert isinstance(error, DigestMismatch)


def test_a_burnt_nonce_still_serves_its_owner() -> None:
    """E7: the same nonce under a wrong signature first, then the genuine message."""
    verifier = RFC9421.verifier()
    with pytest.raises(InvalidSignature):
        verifier.verify(as_request(RFC9421.signed(key=OTHER_KEY)))
    assert NONCE == verifier.verify(as_request(RFC9421.signed())).nonce


def test_a_body_that_took_too_long_is_expired_and_not_remembered() -> None:
    """A slow body does not extend a life: the window is looked at again before the store."""
    times = iter([NOW + 300, NOW + 301])
    signed = RFC9421.signed()
    trace = Trace(RFC9421, signed)
    with pytest.raises(Expired):
        trace.verifier(clock=lambda: next(times)).verify(bodiless(signed), trace.read_body)
    assert ["keys", "body"] == trace.asked


@each_scheme
def test_an_unknown_key_id_or_none_is_refused_before_anything_is_stored(judged: Judged) -> None:
    trace = Trace(judged, judged.message)
    for source in (lambda key_id, request: None, lambda key_id, request: KeyRing({})):
        with pytest.raises(Rejected) as refused:
            trace.verifier(keys=source).verify(as_request(judged.signed()))
        assert isinstance(refused.value, UnknownKey if judged.named else InvalidSignature)
        assert [] == trace.asked


def test_an_unknown_key_id_is_an_unknown_key() -> None:
    with pytest.raises(UnknownKey):
        RFC9421.verifier(keys={"globex": KEY}).verify(as_request(RFC9421.signed()))


# --- failure of what we depend on ---


@each_driver
@pytest.mark.parametrize("what", ["keys", "store"])
@pytest.mark.parametrize(
    "error", [OSError("redis://user:pass@host"), RuntimeError(), KeyError("acme"), TimeoutError()], ids=ascii
)
def test_a_failing_key_source_or_store_is_unavailable(verify: Verify, what: str, error: Exception) -> None:
    """E12: never an acceptance, and the failure's own text (it may hold a password) stays inside."""
    trace = Trace(RFC9421, RFC9421.message, **{what: error})
    with pytest.raises(Unavailable) as refused:
        verify(trace.verifier(), as_request(RFC9421.signed()))
    assert "pass" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert what == trace.asked[-1]


@each_driver
@pytest.mark.parametrize("answer", [1, "yes", [KEY], None, object()], ids=ascii)
def test_a_store_says_true_or_it_is_a_replay(verify: Verify, answer: Any) -> None:
    class Odd:
        def add(self, key: bytes, expires: int, /) -> Any:
            return answer

    with pytest.raises((Replayed, Unavailable)):
        verify(RFC9421.verifier(replay=Odd()), as_request(RFC9421.signed()))


@each_driver
def test_a_key_source_that_answers_nonsense_is_unavailable(verify: Verify) -> None:
    for answer in (17, b"", b"short", object(), [1]):
        with pytest.raises(Unavailable):
            verify(RFC9421.verifier(keys=lambda key_id, request, answer=answer: answer), as_request(RFC9421.signed()))


@each_driver
@pytest.mark.parametrize(
    "error", [OSError("gone"), RuntimeError(), ValueError(), StopIteration(), EOFError()], ids=ascii
)
def test_a_body_that_cannot_be_read_is_unreadable(verify: Verify, error: Exception) -> None:
    def read_body(limit: int) -> bytes:
        raise error

    for judged in (RFC9421, BODY):
        with pytest.raises(BodyUnreadable):
            verify(judged.verifier(), bodiless(judged.signed()), read_body)


@each_driver
@pytest.mark.parametrize("body", ["text", bytearray(b"{}"), memoryview(b"{}"), None, 3], ids=ascii)
def test_a_body_is_octets_or_unreadable(verify: Verify, body: Any) -> None:
    with pytest.raises(BodyUnreadable):
        verify(BODY.verifier(), bodiless(BODY.signed()), lambda limit: body)


@each_driver
def test_the_refusal_of_a_body_reader_passes_through(verify: Verify) -> None:
    def read_body(limit: int) -> bytes:
        raise BodyUnreadable("too slow", status=408)

    with pytest.raises(BodyUnreadable) as refused:
        verify(BODY.verifier(), bodiless(BODY.signed()), read_body)
    assert 408 == refused.value.status


async def _later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def test_coroutines_are_awaited() -> None:
    signed = RFC9421.signed()

    class Store:
        async def add(self, key: bytes, expires: int, /) -> bool:
            await asyncio.sleep(0)
            return True

    def keys(key_id: str | None, request: Request) -> Awaitable[bytes]:
        return _later(KEY)

    verifier = RFC9421.verifier(keys=keys, replay=Store())
    verified = asyncio.run(verifier.averify(bodiless(signed), lambda limit: _later(signed.body)))
    assert signed.body == verified.body


@pytest.mark.parametrize("what", ["keys", "body", "store"])
def test_a_coroutine_under_verify_is_our_mistake_and_not_an_outage(what: str) -> None:
    """Fails closed, names the cure, and leaves no coroutine unawaited (a warning would be an error here)."""

    class Store:
        async def add(self, key: bytes, expires: int, /) -> bool:
            return True

    settings: dict[str, dict[str, Any]] = {
        "keys": {"keys": lambda key_id, request: _later(KEY)},
        "store": {"replay": Store()},
        "body": {},
    }
    verifier = RFC9421.verifier(**settings[what])
    reader = (lambda limit: _later(RFC9421.message.body)) if what == "body" else None
    with pytest.raises(ConfigurationError, match="averify"):
        verifier.verify(as_request(RFC9421.signed()), reader)


@each_driver
@each_scheme
def test_both_drivers_give_one_verdict(judged: Judged, verify: Verify) -> None:
    verified = verify(judged.verifier(), as_request(judged.signed()))
    assert judged.message.body == verified.body
    for bad, error in (
        (judged.signed(key=OTHER_KEY), InvalidSignature),
        (judged.message, SignatureMissing),
    ):
        with pytest.raises(error):
            verify(judged.verifier(), as_request(bad))


# --- keys ---


@each_scheme
def test_any_key_of_a_ring_may_match_and_the_verdict_says_which(judged: Judged) -> None:
    other, key, third = map(judged.written, (OTHER_KEY, KEY, b"another key of thirty-two octets"))
    ring = {KEY_ID: [other, key], "globex": third}
    assert KEY_ID == judged.verifier(keys=ring).verify(as_request(judged.signed())).key_id


def test_a_message_that_names_one_key_is_not_tried_with_another() -> None:
    """D6: a signature by globex, sent as acme, is nobody's."""
    verifier = RFC9421.verifier(keys={KEY_ID: OTHER_KEY, "globex": KEY})
    with pytest.raises(InvalidSignature):
        verifier.verify(as_request(RFC9421.signed()))


def test_one_anonymous_key_has_no_name_whatever_the_message_says() -> None:
    verified = RFC9421.verifier(keys=KEY).verify(as_request(RFC9421.signed()))
    assert verified.key_id is None


def test_a_key_source_sees_the_claim_and_the_request() -> None:
    seen: list[tuple[str | None, str]] = []

    def keys(key_id: str | None, request: Request) -> bytes:
        seen.append((key_id, request.path))
        return KEY

    RFC9421.verifier(keys=keys).verify(as_request(RFC9421.signed()))
    assert [(KEY_ID, "/a%20b/%2Fc")] == seen


# --- the verdict ---


def test_a_verdict_cannot_be_made_by_hand() -> None:
    """Who holds a `Verified` holds a proof: no call, subclass, copy or pickle makes one."""
    verified = RFC9421.verifier().verify(as_request(RFC9421.signed()))
    for make in (
        Verified,
        lambda: Verified.__new__(Verified),
        lambda: object.__new__(Verified),
        lambda: type("Forged", (Verified,), {}),
        lambda: copy.copy(verified),
        lambda: pickle.loads(pickle.dumps(verified)),
    ):
        with pytest.raises(TypeError):
            make()


@pytest.mark.parametrize("name", ["key_id", "scheme", "covered", "created", "nonce", "message_id", "body", "anything"])
def test_a_verdict_does_not_change(name: str) -> None:
    verified = RFC9421.verifier().verify(as_request(RFC9421.signed()))
    with pytest.raises(AttributeError):
        setattr(verified, name, "x")
