"""What somebody who holds envelopes and no key can make of them: another payload, another place, another time, twice."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread
from time import process_time
from typing import Any

import pytest
from hypothesis import given

import envelope_reference as judge
import scope_reference
from granted import SAID, SCOPE, SUBJECT, scope, token
from granted import verdict as verdict_of_scope
from judged import KEY, NOW
from reference import Json, canonical_json
from sealed import PURPOSE, RING, SEALED, VALUE, document, envelope, values, verdict
from sealgate import Rejected, Scope
from sealgate.envelope import Envelope

OTHER: Json = {"total": 1, "items": [], "paid": True}
_MEMBERS = 200_000


@given(value=values)
def test_a_text_is_not_the_value_that_it_says(value: Json) -> None:
    """A payload that is a str, and one that is an object with the same text, in either direction."""
    text = canonical_json(json.dumps(value)).decode()
    for sealed, sent in ((value, text), (text, value)):
        received = {**document(sealed), "payload": sent}
        assert ("signature-invalid" if sealed != sent else sent) == verdict(envelope(), received)
        by_hand = Envelope.legacy(KEY)
        assert "signature-invalid" == verdict(by_hand, {**by_hand.seal(sealed, exact=False), "payload": [sent]})


_KINDS: dict[str, tuple[Json, Json]] = {
    "1 and true": (1, True),
    "0 and false": (0, False),
    "0 and nothing": (0, None),
    "1 and its text": (1, "1"),
    "a list and its only item": ([1], 1),
    "an empty list and an empty object": ([], {}),
    "an object and its pairs": ({"a": 1}, [["a", 1]]),
    "nothing and an absent member": ({"a": None}, {}),
    "two spellings of one letter": ("é", "e\u0301"),
    "one name in another case": ({"a": 1}, {"A": 1}),
    "a member one level up": ({"a": {"b": 1}}, {"a": {}, "b": 1}),
    "numbers beside each other": ([1, 23], [12, 3]),
    "a surrogate pair and two signs": ("\U0001f600", "\ufffd\ufffd"),
}


@pytest.mark.parametrize(("sealed", "sent"), _KINDS.values(), ids=_KINDS)
def test_what_is_alike_is_another_payload(sealed: Json, sent: Json) -> None:
    for one, other in ((sealed, sent), (sent, sealed)):
        for own in (envelope(), Envelope.legacy(KEY), Envelope.legacy(KEY, form="jcs")):
            assert one == own.open(own.seal(one))
            assert "signature-invalid" == verdict(own, {**own.seal(one), "payload": other})


def test_members_may_come_in_any_order_and_each_once() -> None:
    sealed = document()
    turned = dict(reversed(sealed.items()))
    backwards = {"payload": dict(reversed(VALUE.items())), "signature": sealed["signature"]}  # type: ignore[union-attr]
    for received in (sealed, turned, backwards):
        assert VALUE == envelope().open(received)
        assert VALUE == envelope().open_json(json.dumps(received))
    for name in sealed:
        for twice in (f'{{"{name}": 1, ', f'{{"{name}": {json.dumps(sealed[name])}, '):
            assert "body-malformed" == _verdict_of_text(json.dumps(sealed).replace("{", twice, 1))


def _verdict_of_text(text: str | bytes) -> Any:
    try:
        return envelope().open_json(text)
    except Rejected as refused:
        return refused.code


def test_payloads_do_not_change_places() -> None:
    first, second = envelope().seal(VALUE), envelope().seal(OTHER)
    assert [VALUE, OTHER] == [envelope().open(each) for each in (first, second)]
    for payload, signature in ((first, second), (second, first)):
        crossed = {"payload": payload["payload"], "signature": signature["signature"]}
        assert "signature-invalid" == verdict(envelope(), crossed)


def _with(**members: Any) -> dict[str, Json]:
    return {"payload": VALUE, "signature": judge.text_of(SEALED, bytes(32)), **members}


_SIGNATURES: dict[str, Callable[[], str]] = {
    "a token": token,
    "a token with the payload as its claims": lambda: token(replace(SAID, claims={"payload": VALUE})),
    "a token's octets": lambda: judge.text_of(SEALED, scope_reference.octets_of(b"", PURPOSE, SUBJECT, KEY)),
    "the octets of a scope of the same name, over the same text": lambda: judge.text_of(
        SEALED, scope_reference.octets_of(_signed(), PURPOSE, "", KEY)
    ),
    "an envelope's, for a purpose that ends the same": lambda: _sealed_for("x" + PURPOSE),
    "an envelope's, for a purpose that begins the same": lambda: _sealed_for(PURPOSE + "x"),
    "an envelope's, for the name of a scope": lambda: _sealed_for(SCOPE),
}


def _sealed_for(purpose: str) -> str:
    return str(judge.seal(VALUE, purpose, SEALED, KEY)["signature"])


def _signed() -> bytes:
    head = judge.framed(["v1", PURPOSE, "acme", str(NOW), "", SEALED.nonce])
    return head + canonical_json(json.dumps(VALUE))


@pytest.mark.parametrize("made", _SIGNATURES.values(), ids=_SIGNATURES)
def test_no_signature_of_another_kind_or_place_opens_an_envelope(made: Callable[[], str]) -> None:
    assert verdict(envelope(), _with(signature=made())) in {"signature-invalid", "signature-malformed"}


def test_no_envelope_is_a_token() -> None:
    """Nor is its signature, whatever the scope's name and subject are."""
    sealed = document()
    text = str(sealed["signature"])
    said = replace(SAID, claims={"payload": VALUE})
    octets = judge.octets_of(VALUE, SCOPE, SEALED, KEY)
    for name in (SCOPE, PURPOSE):
        for received in (
            text,
            text.rpartition(".")[2],
            text.replace(".", ""),
            json.dumps(sealed),
            judge.encoded(json.dumps(sealed).encode()),
            judge.encoded(_signed() + octets),
            judge.encoded(scope_reference.head_of(said) + octets),
        ):
            for subject in (SUBJECT, PURPOSE, "payload"):
                assert verdict_of_scope(scope(name), received, subject) in {"signature-malformed", "signature-invalid"}


def test_a_scope_and_an_envelope_of_one_name_and_one_key_have_two_keys() -> None:
    own, other = Scope("one", keys=RING, clock=lambda: NOW), envelope("one")
    assert "signature-malformed" == verdict(other, _with(signature=own.token(SUBJECT)))
    assert "signature-malformed" == verdict_of_scope(own, other.seal(SUBJECT)["signature"])


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": [value]}
    return value


_LARGE: dict[str, tuple[Callable[[], Any], str]] = {
    "a document of 200,000 members": (lambda: _with(**{f"m{n}": n for n in range(_MEMBERS)}), "body-malformed"),
    "a payload of 200,000 members": (lambda: _with(payload={f"m{n}": n for n in range(_MEMBERS)}), "signature-invalid"),
    "a payload of 200,000 items": (lambda: _with(payload=list(range(_MEMBERS))), "signature-invalid"),
    "names that differ at their ends": (
        lambda: _with(payload={"x" * 40 + str(n): n for n in range(_MEMBERS // 2)}),
        "signature-invalid",
    ),
    "64 levels twice": (lambda: _with(payload=_deep(64)), "signature-invalid"),
    "65 levels twice": (lambda: _with(payload=_deep(65)), "body-malformed"),
    "50,000 levels": (lambda: _with(payload=_deep(25_000)), "body-malformed"),
    "a signature of 10 million characters": (lambda: _with(signature="v1." * 3_000_000), "signature-malformed"),
}


@pytest.mark.parametrize(("made", "code"), _LARGE.values(), ids=_LARGE)
def test_large_documents_are_refused_in_bounded_time(made: Callable[[], Any], code: str) -> None:
    received = made()
    begun = process_time()
    assert code == verdict(envelope(), received)
    assert process_time() - begun < 2


def test_large_values_are_sealed_and_opened() -> None:
    """What is refused above is refused for its signature."""
    for value in ({f"m{n}": n for n in range(_MEMBERS)}, list(range(_MEMBERS)), _deep(64), "\U0001f600" * _MEMBERS):
        assert value == envelope().open(envelope().seal(value))


@pytest.mark.parametrize("life", [1, 60, 300])
def test_both_sides_stop_at_the_same_second(life: int) -> None:
    """Of what ends by its own word, and of what ends by the age that the one who opens it allows."""
    own = envelope(max_age=300).seal(VALUE, expires_in=life)
    short = envelope().seal(VALUE)
    for received, allowed in ((own, 300), (short, life)):
        for late, expected in ((0, VALUE), (0.001, "signature-expired"), (3600, "signature-expired")):
            assert expected == verdict(envelope(now=NOW + life + late, max_age=allowed), received)


def test_no_later_end_can_be_written_into_a_signature() -> None:
    sealed = envelope().seal(VALUE, expires_in=1)
    version, key_id, created, _expires, nonce, octets = str(sealed["signature"]).split(".")
    for expires in ("", str(NOW + 300), str(NOW + 2)):
        received = {**sealed, "signature": ".".join((version, key_id, created, expires, nonce, octets))}
        assert "signature-invalid" == verdict(envelope(now=NOW + 2), received)


@pytest.mark.parametrize("turn", range(3))
def test_of_eight_at_the_same_moment_one_is_opened(turn: int) -> None:
    own, together = envelope(replay=None), Barrier(8)
    sealed = own.seal(VALUE)
    verdicts: list[Any] = []

    def use() -> None:
        together.wait()
        verdicts.append(verdict(own, sealed))

    threads = [Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 8 == len(verdicts)
    assert [VALUE] == [found for found in verdicts if found != "nonce-replayed"]


def test_what_is_opened_is_what_was_proven_and_no_part_of_what_came() -> None:
    """A document that changes afterwards changes nothing: the payload shares no list and no dict with it."""
    value: dict[str, Any] = {"items": [{"sku": "a"}, {"sku": "b"}], "more": {"deep": [[1]]}}
    received = document(value)
    opened = envelope().open(received)
    received["payload"]["items"][0]["sku"] = "x"  # type: ignore[index,call-overload]
    received["payload"]["more"]["deep"][0].append(2)  # type: ignore[index,call-overload]
    assert {"items": [{"sku": "a"}, {"sku": "b"}], "more": {"deep": [[1]]}} == opened


_PIECES = [
    b"{",
    b"}",
    b'"',
    b",",
    b":",
    b".",
    b"\\",
    b"\\u0070",
    b"payload",
    b"signature",
    b"0",
    b"1",
    b"\xff",
    b" ",
    b"[]",
]


def _mutated(rng: random.Random, text: bytes, other: bytes) -> bytes:
    at, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    kind = rng.randrange(5)
    if kind == 0:
        return text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :]
    if kind == 1:
        return text[:at] + rng.choice(_PIECES) + text[at:]
    if kind == 2:
        return text[:at] + text[end:]
    if kind == 3:
        return text[:at] + text[at:end] * 2 + text[end:]
    return text[:at] + other[at:]


def test_of_mutated_texts_nothing_is_opened_that_the_judge_does_not_open() -> None:
    rng = random.Random(8)
    texts = [json.dumps(document(value)).encode() for value in (VALUE, OTHER, "", 1.5, [[]], {"": {"": None}})]
    opened = 0
    for _ in range(5_000):
        text = rng.choice(texts)
        for _ in range(rng.choice((1, 1, 2, 4))):
            text = _mutated(rng, text, rng.choice(texts)) or b" "
        found = _verdict_of_text(text)
        if not isinstance(found, str) or "-" not in found:
            opened += 1
            assert found == judge.unsealed(json.loads(text), PURPOSE, RING, NOW)[0]
    assert opened > 25
