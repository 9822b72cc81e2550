"""The window: symmetric, exact, and looked at twice; and what counts as the same message within it."""

from __future__ import annotations

import hashlib
import hmac
import math
from functools import partial
from typing import Any

import pytest

import reference
from judged import (
    BODY,
    JUDGED,
    KEY,
    KEY_ID,
    NONCE,
    NOW,
    ORIGIN,
    OTHER_KEY,
    RFC9421,
    UNTIMED,
    Judged,
    Verify,
    as_request,
    each_driver,
    each_scheme,
    each_timed,
    with_field,
)
from reference import PROVIDERS, Message
from sealgate import ConfigurationError, Request, Scheme, Unavailable, Verifier
from sealgate.exceptions import Expired, InvalidSignature, Replayed


@each_timed
@pytest.mark.parametrize(
    ("ages", "seconds", "accepted"),
    [
        (-1, -1, False),
        (-1, 0, True),
        (0, 0, True),
        (1, 0, True),
        (1, 1, False),
        (0, 10 * 365 * 86400, False),
        (0, -86400, False),
    ],
)
def test_the_window_is_symmetric_and_exact(judged: Judged, ages: int, seconds: int, accepted: bool) -> None:
    """E1, E11: a time from the future is as wrong as one from the past."""
    created = NOW + ages * judged.age + seconds
    request = as_request(judged.signed(created=created))
    if accepted:
        assert created == judged.verifier().verify(request).created
    else:
        with pytest.raises(Expired):
            judged.verifier().verify(request)


@each_timed
@pytest.mark.parametrize(
    ("ages", "seconds", "accepted"), [(1, 0.0, True), (1, 0.001, False), (-1, 0.0, True), (-1, -0.001, False)]
)
def test_the_clock_may_have_fractions(judged: Judged, ages: int, seconds: float, accepted: bool) -> None:
    now = NOW + ages * judged.age + seconds
    request = as_request(judged.signed())
    if accepted:
        assert NOW == judged.verifier(now).verify(request).created
    else:
        with pytest.raises(Expired):
            judged.verifier(now).verify(request)


@each_timed
def test_max_age_is_ours_to_set(judged: Judged) -> None:
    request = as_request(judged.signed(created=NOW - 10))
    assert NOW - 10 == judged.verifier(max_age=10).verify(request).created
    with pytest.raises(Expired):
        judged.verifier(max_age=9).verify(request)


def test_a_scheme_without_a_time_has_no_window() -> None:
    signed = as_request(BODY.signed())
    for now in (0, NOW, NOW * 2):
        assert BODY.verifier(now).verify(signed).created is None


def test_expires_ends_a_message_before_the_window_does() -> None:
    fields = reference.sign_rfc9421(
        RFC9421.message, KEY, origin=ORIGIN, key_id=KEY_ID, created=NOW, nonce=NONCE, expires=NOW + 5
    )
    request = as_request(RFC9421.message.plus(fields))
    assert NOW == RFC9421.verifier(NOW + 5).verify(request).created
    with pytest.raises(Expired):
        RFC9421.verifier(NOW + 5.5).verify(request)


def test_expires_alone_ends_a_message_too() -> None:
    """A link that is good until a time need not say when it was made."""
    scheme = Scheme(
        "link",
        base="{expires}\n{@method}\n{@path}\n{body}",
        fields={"X-Expires": "{expires}", "X-Sig": "{signature:hex}"},
        accept_weaknesses={"no-time", "query-not-covered", "audience"},
    )
    signature = hmac.new(KEY, f"{NOW}\nPOST\n/pay\n{{}}".encode(), hashlib.sha256).hexdigest()
    request = Request("POST", "/pay", [("X-Expires", str(NOW)), ("X-Sig", signature)], b"{}")
    assert b"{}" == Verifier(scheme, keys=KEY, clock=lambda: NOW).verify(request).body
    for late in (0.5, 1, 10_000_000):
        with pytest.raises(Expired):
            Verifier(scheme, keys=KEY, clock=lambda late=late: NOW + late).verify(request)


@pytest.mark.parametrize("now", [math.nan, math.inf, -math.inf, -1.0, 1e300], ids=str)
@each_timed
def test_a_broken_clock_accepts_nothing(judged: Judged, now: float) -> None:
    """B3: NaN compares false with everything."""
    with pytest.raises((Expired, ConfigurationError)):
        judged.verifier(now).verify(as_request(judged.signed()))


# --- replay ---


class Recording:
    """A store that says yes, and keeps what it was asked."""

    def __init__(self) -> None:
        self.stored: list[tuple[bytes, int]] = []

    def add(self, key: bytes, expires: int, /) -> bool:
        self.stored.append((key, expires))
        return True


def test_a_clock_that_gives_no_number_is_past_every_end() -> None:
    """As 0 it would take what was signed in 1970."""
    signed = JUDGED["slack"].signed(created=0)
    with pytest.raises(Expired):
        JUDGED["slack"].verifier(now=math.nan, replay="off").verify(as_request(signed))


@each_driver
@each_timed
def test_a_message_is_accepted_once(judged: Judged, verify: Verify) -> None:
    verifier, request = judged.verifier(), as_request(judged.signed())
    assert NOW == verify(verifier, request).created
    for _ in range(3):
        with pytest.raises(Replayed):
            verify(verifier, request)


@pytest.mark.parametrize("name", UNTIMED)
def test_a_scheme_without_a_time_claims_no_replay_protection(name: str) -> None:
    verifier, request = JUDGED[name].verifier(), as_request(JUDGED[name].signed())
    assert verifier.verify(request).body == verifier.verify(request).body
    assert "no-time" in JUDGED[name].scheme.weaknesses()


@each_timed
def test_replay_protection_can_be_named_off(judged: Judged) -> None:
    verifier, request = judged.verifier(replay="off"), as_request(judged.signed())
    assert verifier.verify(request).created == verifier.verify(request).created


@each_timed
def test_two_messages_are_two(judged: Judged) -> None:
    verifier = judged.verifier()
    verifier.verify(as_request(judged.signed()))
    other = Message("POST", "/other", judged.message.headers, b'{"total": 9}')
    assert b'{"total": 9}' == verifier.verify(as_request(judged.signed(other, nonce="m" * 16))).body


@pytest.mark.parametrize("ages", [-1, 0, 1])
@each_timed
def test_a_message_is_remembered_for_as_long_as_it_could_be_accepted(judged: Judged, ages: int) -> None:
    """E4: created + max_age is when it ends, whenever it was accepted, and 60 seconds more for slow clocks."""
    store = Recording()
    created = NOW + ages * judged.age
    judged.verifier(replay=store).verify(as_request(judged.signed(created=created)))
    ((key, expires),) = store.stored
    assert 32 == len(key)
    assert 0 <= expires - (created + judged.age + 60) <= 1


def test_expires_shortens_what_is_remembered() -> None:
    store = Recording()
    fields = reference.sign_rfc9421(
        RFC9421.message, KEY, origin=ORIGIN, key_id=KEY_ID, created=NOW, nonce=NONCE, expires=NOW + 5
    )
    RFC9421.verifier(replay=store).verify(as_request(RFC9421.message.plus(fields)))
    ((_, expires),) = store.stored
    assert 0 <= expires - (NOW + 5 + 60) <= 1


def test_a_message_from_the_future_is_still_known_at_the_end_of_its_life() -> None:
    """E4: stamped now + tolerance, replayed two tolerances later."""
    clock = [float(NOW)]
    verifier = RFC9421.verifier(clock=lambda: clock[0])
    request = as_request(RFC9421.signed(created=NOW + 300))
    verifier.verify(request)
    clock[0] = NOW + 599.0
    with pytest.raises(Replayed):
        verifier.verify(request)
    clock[0] = NOW + 601.0
    with pytest.raises(Expired):
        verifier.verify(request)


def test_a_clock_that_steps_back_accepts_nothing_again() -> None:
    """E12: entries that were forgotten take everything that ended before them with them."""
    clock = [float(NOW)]
    verifier = RFC9421.verifier(clock=lambda: clock[0])
    first = as_request(RFC9421.signed())
    verifier.verify(first)
    for hour in range(1, 4):
        clock[0] = NOW + 3600.0 * hour
        verifier.verify(as_request(RFC9421.signed(created=NOW + 3600 * hour, nonce=f"nonce of hour {hour:03}")))
    clock[0] = float(NOW)
    with pytest.raises((Replayed, Unavailable)):
        verifier.verify(first)


def test_the_same_nonce_under_two_keys_is_two_messages() -> None:
    """E10: the scope of a nonce is its key."""
    verifier = RFC9421.verifier(keys={KEY_ID: KEY, "globex": OTHER_KEY})
    globex = reference.sign_rfc9421(
        RFC9421.message, OTHER_KEY, origin=ORIGIN, key_id="globex", created=NOW, nonce=NONCE
    )
    assert KEY_ID == verifier.verify(as_request(RFC9421.signed())).key_id
    assert "globex" == verifier.verify(as_request(RFC9421.message.plus(globex))).key_id


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "other"},
        {"components": ("@query", "@path", "@authority", "@method", "content-digest")},
        {"components": ("@target-uri", "@method", "content-digest")},
        {"alg": "hmac-sha256"},
        {"expires": NOW + 100},
    ],
    ids=str,
)
def test_a_nonce_counts_once_however_it_is_written(changes: dict[str, Any]) -> None:
    """E10, E13: another label, order or parameter under the same nonce and time is the same message again."""
    verifier = RFC9421.verifier()
    verifier.verify(as_request(RFC9421.signed()))
    settings: dict[str, Any] = {"origin": ORIGIN, "key_id": KEY_ID, "created": NOW, "nonce": NONCE, **changes}
    with pytest.raises(Replayed):
        verifier.verify(as_request(RFC9421.message.plus(reference.sign_rfc9421(RFC9421.message, KEY, **settings))))


@each_timed
def test_header_case_and_order_do_not_make_a_new_message(judged: Judged) -> None:
    verifier, signed = judged.verifier(), judged.signed()
    verifier.verify(as_request(signed))
    again = [(name.upper(), f" {value}\t") for name, value in reversed(signed.headers)]
    with pytest.raises(Replayed):
        verifier.verify(as_request(Message(signed.method, signed.target, again, signed.body)))


@pytest.mark.parametrize("name", [name for name, provider in PROVIDERS.items() if provider.place.holds_many])
@pytest.mark.parametrize("kept", [KEY, OTHER_KEY], ids=["first", "second"])
def test_one_of_two_right_signatures_is_still_the_same_message(name: str, kept: bytes) -> None:
    """E13: while a provider rotates its key it signs with both; who drops one signature has no new message."""
    judged, sign = JUDGED[name], partial(PROVIDERS[name].sign_by_all, created=NOW, id="msg_1", origin=ORIGIN)
    both, one = (as_request(sign(judged.message, keys)) for keys in ([KEY, OTHER_KEY], [kept]))
    ring = {"provider": [judged.written(key) for key in (KEY, OTHER_KEY)]}
    for known in (judged.written(KEY), judged.written(OTHER_KEY)):
        assert judged.message.body == judged.verifier(keys=known).verify(both).body
    verifier = judged.verifier(keys=ring)
    verifier.verify(both)
    if judged.timed:
        with pytest.raises(Replayed):
            verifier.verify(one)
    else:
        assert judged.message.body == verifier.verify(one).body


def test_stripe_text_does_not_make_a_new_message() -> None:
    """E13: the replay key is of what was signed, never of the received text of a signature."""
    verifier, signed = JUDGED["stripe"].verifier(), JUDGED["stripe"].signed()
    verifier.verify(as_request(signed))
    time, right = dict(signed.headers)["Stripe-Signature"].split(",")
    for text in (f"{right},{time}", f"{time},v0=x,{right}", f"{time},{right},{right}"):
        with pytest.raises(Replayed):
            verifier.verify(as_request(with_field(signed, "Stripe-Signature", text)))


@each_scheme
def test_a_refusal_is_never_remembered_as_a_verdict(judged: Judged) -> None:
    """D8: asked a thousand times, it is refused a thousand times, and the genuine message still passes."""
    verifier = judged.verifier()
    bad = as_request(judged.signed(key=OTHER_KEY))
    for _ in range(1000):
        with pytest.raises(InvalidSignature):
            verifier.verify(bad)
    assert judged.message.body == verifier.verify(as_request(judged.signed())).body
