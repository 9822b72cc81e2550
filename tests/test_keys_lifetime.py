"""Keys that count for a time: what signs, what is accepted, and the second in which that ends."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

import reference
from judged import JUDGED, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421, as_request
from sealgate import ConfigurationError, Envelope, Key, KeyRing, Request, Signer, Verified, Verifier, schemes
from sealgate.exceptions import InvalidSignature, UnknownKey

THIRD_KEY = b"thirty-two octets of test key, C"
MESSAGE = b"message"


def signed_by(octets: bytes) -> bytes:
    return reference.mac(octets, MESSAGE)


def verify(ring: KeyRing, octets: bytes, now: float | None, key_id: str | None = "acme") -> str | None:
    return ring.verify(MESSAGE, signed_by(octets), key_id, now=now)


@pytest.mark.parametrize("now", [NOW, NOW + 0.001, NOW + 99.999])
def test_key_counts_from_its_first_second_until_its_last(now: float) -> None:
    ring = KeyRing({"acme": Key(KEY, not_before=NOW, not_after=NOW + 100)})
    assert "acme" == verify(ring, KEY, now)
    assert signed_by(KEY) == ring.sign(MESSAGE, "acme", now=now)


@pytest.mark.parametrize("now", [0, NOW - 1, NOW - 0.001, NOW + 100, NOW + 100.001, NOW + 10**9])
def test_key_does_not_count_before_its_first_second_nor_in_the_one_it_ends(now: float) -> None:
    ring = KeyRing({"acme": Key(KEY, not_before=NOW, not_after=NOW + 100)})
    for key_id in ("acme", None):
        with pytest.raises(InvalidSignature):
            verify(ring, KEY, now, key_id)
    with pytest.raises(ConfigurationError, match="counts now"):
        ring.sign(MESSAGE, "acme", now=now)


def test_a_ring_with_an_end_is_not_asked_without_a_clock() -> None:
    """Else a key would count for ever where somebody forgot `now`."""
    for ends in ({"not_after": NOW}, {"not_before": NOW}):
        ring = KeyRing({"acme": KEY, "globex": Key(OTHER_KEY, **ends)})
        with pytest.raises(ConfigurationError, match="now"):
            verify(ring, KEY, None)
        with pytest.raises(ConfigurationError, match="now"):
            ring.sign(MESSAGE, "acme")
        with pytest.raises(ConfigurationError, match="now"):
            ring.newest("acme")
        with pytest.raises(ConfigurationError, match="now"):
            verify(ring.derive(b"label"), KEY, None)


def test_the_newest_key_that_counts_signs() -> None:
    new = Key(KEY, not_before=NOW)
    old = Key(OTHER_KEY, not_before=NOW - 100, not_after=NOW + 50)
    oldest = Key(THIRD_KEY, not_after=NOW + 20)
    for keys in ([new, old, oldest], [oldest, old, new], [old, new, oldest]):
        ring = KeyRing({"acme": keys})
        assert signed_by(KEY) == ring.sign(MESSAGE, "acme", now=NOW)
        assert signed_by(OTHER_KEY) == ring.sign(MESSAGE, "acme", now=NOW - 0.001)
        assert signed_by(OTHER_KEY) == ring.sign(MESSAGE, now=NOW - 100)
        assert signed_by(THIRD_KEY) == ring.sign(MESSAGE, now=NOW - 101)
        assert signed_by(KEY) == ring.newest("acme", NOW + 10**6).sign(MESSAGE)


def test_of_keys_without_a_beginning_the_first_signs() -> None:
    assert signed_by(KEY) == KeyRing({"acme": [KEY, OTHER_KEY]}).sign(MESSAGE, "acme")
    assert signed_by(OTHER_KEY) == KeyRing({"acme": [Key(KEY, not_after=NOW), OTHER_KEY]}).sign(MESSAGE, now=NOW)


def test_each_key_of_an_id_is_accepted_while_it_counts_wherever_it_stands() -> None:
    keys = [Key(KEY, not_before=NOW), Key(OTHER_KEY, not_after=NOW + 50), Key(THIRD_KEY, not_after=NOW)]
    for ring in (
        KeyRing({"acme": keys}),
        KeyRing({"acme": keys[::-1]}),
        KeyRing({"acme": keys, "wide": [b"k" * 32] * 5}),
    ):
        accepted = []
        for octets in (KEY, OTHER_KEY, THIRD_KEY):
            try:
                accepted.append(verify(ring, octets, NOW))
            except InvalidSignature:
                accepted.append("refused")
        assert ["acme", "acme", "refused"] == accepted


def test_an_ended_key_keeps_the_same_key_from_another_id() -> None:
    with pytest.raises(ConfigurationError, match="two key ids"):
        KeyRing({"acme": Key(KEY, not_after=NOW), "globex": KEY})


def test_an_unknown_id_stays_unknown_whatever_has_ended() -> None:
    with pytest.raises(UnknownKey):
        verify(KeyRing({"acme": Key(KEY, not_after=NOW)}), KEY, NOW + 1, "initech")


def test_derived_keys_end_with_the_key_they_come_from() -> None:
    ring = KeyRing({"acme": Key(KEY, not_after=NOW)}).derive(b"label")
    signature = Key(KEY).derive(b"label").sign(MESSAGE)
    assert "acme" == ring.verify(MESSAGE, signature, "acme", now=NOW - 1)
    with pytest.raises(InvalidSignature):
        ring.verify(MESSAGE, signature, "acme", now=NOW)
    assert NOW == Key(KEY, not_after=NOW).derive(b"label").not_after


@pytest.mark.parametrize(
    "times",
    [
        {"not_before": NOW, "not_after": NOW},
        {"not_before": NOW, "not_after": NOW - 1},
        {"not_after": -1},
        {"not_after": 10**12},
        {"not_before": 10**30},
        {"not_before": 1.5},
        {"not_after": True},
        {"not_after": "1700000000"},
        {"not_after": float("nan")},
        {"not_after": float("inf")},
    ],
    ids=str,
)
def test_times_that_are_none_are_our_mistake(times: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="not_after"):
        Key(KEY, **times)


def test_a_key_says_when_it_counts() -> None:
    key = Key(KEY, not_before=NOW, not_after=NOW + 1)
    assert (NOW, NOW + 1) == (key.not_before, key.not_after)
    assert (None, None) == (Key(KEY).not_before, Key(KEY).not_after)


def test_nbf_and_exp_of_a_json_web_key_are_its_times() -> None:
    """RFC 7517 has none: these are RFC 7519's."""
    k = base64.urlsafe_b64encode(KEY).rstrip(b"=").decode()
    key, _, _ = Key.from_jwk(json.dumps({"kty": "oct", "k": k, "nbf": NOW, "exp": NOW + 9}).encode())
    assert (NOW, NOW + 9) == (key.not_before, key.not_after)
    for wrong in ({"exp": "1"}, {"exp": 1.5}, {"exp": -1}, {"nbf": 10**12}, {"nbf": 5, "exp": 5}, {"exp": True}):
        with pytest.raises(ConfigurationError):
            Key.from_jwk(json.dumps({"kty": "oct", "k": k, **wrong}).encode())


# --- what asks a ring ---


def verifier(now: float, *keys: Key, scheme: str = "rfc9421", **settings: Any) -> Verifier:
    judged = JUDGED[scheme]
    ring = KeyRing({KEY_ID: list(keys)})
    return judged.verifier(keys=ring, clock=lambda: now, **settings)


@pytest.mark.parametrize("scheme", ["rfc9421", "stripe", "slack"])
def test_a_verifier_accepts_a_key_until_the_second_in_which_it_ends(scheme: str) -> None:
    request = as_request(JUDGED[scheme].signed(created=NOW))
    key = Key(KEY, not_after=NOW + 60)
    for driver in (lambda v: v.verify(request), lambda v: asyncio.run(v.averify(request))):
        assert isinstance(driver(verifier(NOW + 59.999, key, scheme=scheme)), Verified)
        with pytest.raises(InvalidSignature):
            driver(verifier(NOW + 60, key, scheme=scheme))
        assert isinstance(driver(verifier(NOW + 60, key, Key(KEY), scheme=scheme)), Verified)


def test_a_slow_body_does_not_extend_the_life_of_a_key() -> None:
    times = iter([NOW, NOW + 60])
    slow = RFC9421.verifier(keys={KEY_ID: Key(KEY, not_after=NOW + 60)}, clock=lambda: next(times))
    signed = RFC9421.signed(created=NOW)
    with pytest.raises(InvalidSignature):
        slow.verify(as_request(signed), lambda _: signed.body)


def test_a_signer_signs_with_its_key_while_that_counts() -> None:
    request = Request("POST", "/orders", body=b"{}", origin=ORIGIN)
    key = Key(KEY, not_before=NOW, not_after=NOW + 10)
    for now in (NOW, NOW + 9):
        signed = Signer(schemes.RFC9421, key=key, key_id=KEY_ID, clock=lambda now=now: now).sign(request)
        assert KEY_ID == verifier(now, Key(KEY)).verify(signed).key_id
    for now in (NOW - 1, NOW + 10):
        with pytest.raises(ConfigurationError, match="counts now"):
            Signer(schemes.RFC9421, key=key, key_id=KEY_ID, clock=lambda now=now: now).sign(request)


def test_an_envelope_is_sealed_by_the_newest_and_opened_until_the_old_one_ends() -> None:
    clock = [NOW]
    old = Envelope("checkout", keys={"acme": OTHER_KEY}, clock=lambda: clock[0])
    keys = {"acme": [Key(KEY, not_before=NOW + 5), Key(OTHER_KEY, not_after=NOW + 20)]}
    rotating = Envelope("checkout", keys=keys, clock=lambda: clock[0])
    sealed_before = rotating.seal({"total": 1})
    assert {"total": 1} == old.open(sealed_before)
    clock[0] = NOW + 5
    with pytest.raises(InvalidSignature):
        old.open(rotating.seal({"total": 1}))
    clock[0] = NOW + 19
    assert {"total": 1} == rotating.open(sealed_before)
    clock[0] = NOW + 20
    with pytest.raises(InvalidSignature):
        rotating.open(sealed_before)


def test_a_legacy_envelope_takes_no_key_that_ends() -> None:
    with pytest.raises(ConfigurationError, match="not_after"):
        Envelope.legacy(Key(KEY, not_after=NOW))


def test_a_ring_tells_when_each_key_was_last_used() -> None:
    ring = KeyRing({KEY_ID: [KEY, OTHER_KEY], "globex": THIRD_KEY})
    assert {} == ring.last_used
    for created, octets in ((NOW, OTHER_KEY), (NOW + 7, OTHER_KEY), (NOW + 3, OTHER_KEY)):
        message = RFC9421.signed(created=created, key=octets, nonce=f"a nonce for {created}, and no other")
        RFC9421.verifier(keys=ring, clock=lambda created=created: created).verify(as_request(message))
    assert {(KEY_ID, 1): NOW + 7} == ring.last_used
    with pytest.raises(InvalidSignature):
        verify(ring, b"nobody's key of thirty-two octets", NOW + 100, KEY_ID)
    verify(ring, THIRD_KEY, NOW + 50, None)
    verify(ring, KEY, None, KEY_ID)  # without a clock there is no time to tell
    assert {(KEY_ID, 1): NOW + 7, ("globex", 0): NOW + 50} == ring.last_used
