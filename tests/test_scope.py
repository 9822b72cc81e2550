"""Tokens: each permits one action on one subject, for a time, by one key; and the judge reads and writes the same."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

import scope_reference as judge
from granted import NONCE, ONCE, SAID, SCOPE, SUBJECT, claims, judges_verdict, scope, subjects, token, verdict
from judged import KEY, NOW, OTHER_KEY
from reference import Json, Refused, canonical_json
from sealed import PURPOSE, RING, envelope
from sealgate import CanonicalizationError, ConfigurationError, Key, KeyRing, Scope
from sealgate.exceptions import Expired, InvalidSignature, SignatureMalformed, UnknownKey

CASES = json.loads((Path(__file__).parent / "vectors" / "tokens.json").read_text())["cases"]
_OLD = RING["globex"][1]


def _own(case: dict[str, Any], now: int) -> Scope:
    keys = case["key"] if case["key_id"] is None else {case["key_id"]: case["key"]}
    return Scope(case["scope"], keys=keys, max_age=2**32 - 1, subject=".+", clock=lambda: now)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_vectors_are_verified(case: dict[str, Any]) -> None:
    nonce = None if case["nonce"] is None else bytes.fromhex(case["nonce"])
    expected = judge.Said(case["key_id"], case["created"], case["life"], nonce, case["claims"])
    assert expected == verdict(_own(case, case["now"]), case["token"], case["subject"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_vectors_are_what_is_made(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    once = case["nonce"] is not None
    monkeypatch.setattr("secrets.token_bytes", lambda octets: bytes.fromhex(case["nonce"]))
    own = _own(case, case["created"])
    made = own.token(case["subject"], expires_in=case["life"], once=once, claims=case["claims"])
    assert case["token"] == made


_seconds = st.integers(1, 86400)


@given(subject=subjects, life=_seconds, nonce=st.none() | st.binary(min_size=16, max_size=16), held=claims)
def test_what_the_judge_makes_is_verified(subject: str, life: int, nonce: bytes | None, held: dict[str, Json]) -> None:
    for key_id, key in (("acme", KEY), ("globex", _OLD)):
        said = judge.Said(key_id, NOW, life, nonce, held)
        text = token(said, subject, key)
        assert replace(said, claims=_canonical(held)) == verdict(scope(), text, subject)
        assert replace(said, claims=_canonical(held)) == judges_verdict(text, subject)


@given(
    subject=subjects,
    life=_seconds,
    once=st.booleans(),
    held=st.none() | claims,
    key_id=st.sampled_from([None, "globex"]),
)
def test_what_is_made_the_judge_reads(
    subject: str, life: int, once: bool, held: dict[str, Json] | None, key_id: str | None
) -> None:
    text = scope(key_id=key_id).token(subject, expires_in=life, once=once, claims=held)
    assert re.fullmatch("[A-Za-z0-9_-]+", text)
    said = judges_verdict(text, subject)
    assert judge.Said(key_id or "acme", NOW, life, said.nonce, _canonical(held or {})) == said
    assert once == (said.nonce is not None)


def _canonical(value: Json) -> Any:
    return json.loads(canonical_json(json.dumps(value)))


_ids = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=4, max_size=4)


@given(subject=st.from_regex("[!-~]{1,256}", fullmatch=True), life=st.integers(1, 2**32 - 1), key_id=_ids)
def test_a_token_is_at_most_24_characters_longer_than_itsdangerous(subject: str, life: int, key_id: str) -> None:
    own = Scope(SCOPE, keys={key_id: KEY}, max_age=2**32 - 1, subject=".+")
    theirs = URLSafeTimedSerializer(KEY).dumps(subject)
    assert len(own.token(subject, expires_in=life)) - len(theirs) <= 24


def test_the_longest_of_these_is_for_a_subject_of_one_character() -> None:
    """Or the bound would be no bound."""
    assert (63, 39) == (len(scope().token("7")), len(URLSafeTimedSerializer(KEY).dumps("7")))


def test_no_two_tokens_for_one_use_are_the_same() -> None:
    own = scope()
    assert 100 == len({own.token(SUBJECT, once=True) for _ in range(100)})
    assert 1 == len({own.token(SUBJECT) for _ in range(100)})


@pytest.mark.parametrize("other", ["doc-12", "doc-1234", "doc-124", "Doc-123", "d", "doc-123.", "doc-123@"])
def test_another_subject_is_refused(other: str) -> None:
    assert SAID == verdict(scope(), token())
    with pytest.raises(InvalidSignature) as refused:
        scope().verify(token(), other)
    assert "acme" == refused.value.key_id


@pytest.mark.parametrize(
    "name", ["download:resourc", "download:resource ", "Download:resource", "upload:resource", PURPOSE]
)
def test_a_token_of_one_scope_is_refused_by_another(name: str) -> None:
    assert "signature-invalid" == verdict(scope(name), scope().token(SUBJECT))
    assert "signature-invalid" == verdict(scope(), scope(name).token(SUBJECT))


_CHANGES: dict[str, dict[str, Any]] = {
    "key id": {"key_id": "globex"},
    "no key id": {"key_id": None},
    "created": {"created": NOW + 1},
    "life": {"life": 61},
    "nonce": {"nonce": NONCE[::-1]},
    "no nonce": {"nonce": None},
    "claims": {"claims": {"name": "b"}},
    "one claim more": {"claims": {"name": "a", "x": 1}},
    "no claims": {"claims": {}},
}


@pytest.mark.parametrize("change", _CHANGES.values(), ids=_CHANGES)
def test_every_part_of_a_token_is_covered(change: dict[str, Any]) -> None:
    said = replace(ONCE, claims={"name": "a"})
    octets = judge.octets_of(judge.head_of(said), SCOPE, SUBJECT, KEY)
    assert said == verdict(scope(), judge.encoded(judge.head_of(said) + octets))
    assert "signature-invalid" == verdict(scope(), judge.encoded(judge.head_of(replace(said, **change)) + octets))


@given(data=st.data())
def test_no_changed_bit_is_accepted(data: st.DataObject) -> None:
    octets = bytearray(judge.decoded(token(replace(ONCE, claims={"name": "a"}))))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    text = judge.encoded(bytes(octets))
    assert verdict(scope(), text) in {"signature-invalid", "signature-malformed", "signature-expired", "key-unknown"}
    assert judges_verdict(text) is None


def test_what_else_the_keys_have_signed_is_no_token() -> None:
    """Whoever gets chosen octets signed by the key itself, or by an envelope's of the same name, has nothing."""
    head = judge.head_of(SAID)
    message = judge.framed([SUBJECT]) + head
    label = judge.framed(["sealgate scope", SCOPE])
    for octets in (
        Key(KEY).sign(message),
        Key(KEY).sign(head),
        Key(Key(KEY).sign(label)).sign(message),
        Key(Key(KEY).sign(label + b"\1")).sign(message),
        Key(KEY).derive(judge.framed(["sealgate envelope", SCOPE])).sign(message),
    ):
        assert "signature-invalid" == verdict(scope(), judge.encoded(head + octets))


def test_a_token_is_no_signature_of_an_envelope_nor_the_other_way() -> None:
    sealed = envelope(SCOPE).seal(SUBJECT)
    assert "signature-malformed" == verdict(scope(), sealed["signature"])
    assert "signature-invalid" == verdict(scope(), judge.encoded(judge.head_of(SAID)) + sealed["signature"][-43:])
    with pytest.raises(SignatureMalformed):
        envelope(SCOPE).open({"payload": SUBJECT, "signature": scope().token(SUBJECT)})


def test_another_ring_refuses() -> None:
    with pytest.raises(InvalidSignature) as refused:
        scope(keys={"acme": OTHER_KEY}).verify(token(), SUBJECT)
    assert "acme" == refused.value.key_id
    with pytest.raises(UnknownKey) as unknown:
        scope(keys={"globex": KEY}).verify(token(), SUBJECT)
    assert "acme" == unknown.value.key_id


def test_of_several_keys_the_first_signs_and_each_verifies() -> None:
    before, during, after = ({"acme": keys} for keys in (OTHER_KEY, [KEY, OTHER_KEY], KEY))
    made = scope(keys=during).token(SUBJECT)
    assert SAID == verdict(scope(keys=after), made)
    assert "signature-invalid" == verdict(scope(keys=before), made)
    assert SAID == verdict(scope(keys=during), scope(keys=before).token(SUBJECT))


def test_a_key_counts_while_it_does() -> None:
    ring = {"acme": Key(KEY, not_before=NOW, not_after=NOW + 30)}
    text = scope(keys=ring).token(SUBJECT)
    assert [SAID, "signature-invalid"] == [verdict(scope(keys=ring, now=NOW + age), text) for age in (29, 31)]
    with pytest.raises(ConfigurationError, match="counts now"):
        scope(keys=ring, now=NOW + 31).token(SUBJECT)


def test_one_anonymous_key_is_enough() -> None:
    text = scope(keys=KEY).token(SUBJECT)
    assert replace(SAID, key_id=None) == verdict(scope(keys=KEY), text)
    assert replace(SAID, key_id=None) == judge.granted(text, SCOPE, SUBJECT, {None: [KEY]}, NOW)
    assert SAID == verdict(scope(keys={"acme": KEY}), text)


_EDGES = [(-60, 60), (0, 60), (60, 60), (59.999, 60), (86400, 86400), (86400, 2**32 - 1), (0, 0)]
_BEYOND = [(-60.001, 60), (-3600, 60), (60.001, 60), (61, 60), (86400.001, 2**32 - 1), (0.001, 0), (10**9, 60)]


@pytest.mark.parametrize(("age", "life"), _EDGES)
def test_a_token_lives_to_its_last_second(age: float, life: int) -> None:
    text = token(replace(SAID, life=life))
    assert replace(SAID, life=life) == verdict(scope(now=NOW + age), text)
    assert replace(SAID, life=life) == judges_verdict(text, now=NOW + age)


@pytest.mark.parametrize(("age", "life"), [*_BEYOND, (math.nan, 60), (math.inf, 60), (-math.inf, 60)])
def test_a_token_is_refused_from_the_future_and_past_its_end(age: float, life: int) -> None:
    """And where the clock says nothing."""
    text = token(replace(SAID, life=life))
    with pytest.raises(Expired) as refused:
        scope(now=NOW + age).verify(text, SUBJECT)
    assert "acme" == refused.value.key_id
    assert judges_verdict(text, now=NOW + age) is None


@pytest.mark.parametrize("created", [0, 10**11, 10**12 - 1])
def test_seconds_have_at_most_12_digits(created: int) -> None:
    assert replace(SAID, created=created) == verdict(scope(now=created), token(replace(SAID, created=created)))
    assert "signature-malformed" == verdict(scope(), token(replace(SAID, created=10**12)))


def test_a_slow_key_source_does_not_extend_a_life() -> None:
    times = iter([NOW + 60, NOW + 61])
    with pytest.raises(Expired):
        scope(clock=lambda: next(times)).verify(token(), SUBJECT)


@pytest.mark.parametrize("now", [-1, math.nan, math.inf, 10**12])
def test_a_clock_that_says_nothing_makes_no_tokens(now: float) -> None:
    with pytest.raises(ConfigurationError, match="clock"):
        scope(now=now).token(SUBJECT)


def test_claims_are_what_was_signed() -> None:
    held = {"name": "€.pdf", "size": 1.0, "tags": [None, True, {"a": 1e30}]}
    proof = scope().verify(scope().token(SUBJECT, claims=held), SUBJECT)
    assert json.dumps({"name": "€.pdf", "size": 1, "tags": [None, True, {"a": 1e30}]}) == json.dumps(proof.claims)
    assert (SUBJECT, "acme", NOW, NOW + 60, None) == (
        *(proof.subject, proof.key_id, proof.created, proof.expires),
        proof.nonce,
    )


def test_claims_have_at_most_2048_octets() -> None:
    most: dict[str, Json] = {"a": "x" * 2040}
    assert 2048 == len(canonical_json(json.dumps(most)))
    assert replace(SAID, claims=most) == verdict(scope(), scope().token(SUBJECT, claims=most))
    with pytest.raises(CanonicalizationError):
        scope().token(SUBJECT, claims={"a": "x" * 2041})
    assert "signature-malformed" == verdict(scope(), token(replace(SAID, claims={"a": "x" * 2041})))


def test_two_derived_keys_of_one_ring_have_nothing_in_common() -> None:
    ring = KeyRing({"acme": KEY})
    own, other = (ring.derive(judge.framed([kind, SCOPE])) for kind in ("sealgate scope", "sealgate envelope"))
    assert not own.shares_key(other)
    assert own.sign(b"m") == KeyRing(judge.scope_key(KEY, SCOPE)).sign(b"m")


def test_the_judge_refuses_what_it_should() -> None:
    """Or its silence would mean nothing."""
    with pytest.raises(Refused):
        judge.granted(token(), SCOPE, "doc-124", RING, NOW)
