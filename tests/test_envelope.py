"""Envelopes: what is sealed is opened, by its judge too; nothing else is, and nothing for another purpose, time or key."""

from __future__ import annotations

import asyncio
import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import envelope_reference as judge
from judged import KEY, NOW, OTHER_KEY
from reference import Json, Refused, canonical_json
from sealed import PURPOSE, RING, SEALED, VALUE, document, envelope, judges_verdict, values, verdict
from sealgate import CanonicalizationError, ConfigurationError, Key, Unavailable
from sealgate.envelope import Envelope, Opened
from sealgate.exceptions import Expired, InvalidSignature, Replayed, UnknownKey
from sealgate.replay import MemoryStore
from sources import AsyncStore, Store, answering, awaited_source

CASES = json.loads((Path(__file__).parent / "vectors" / "sealed_values.json").read_text())["cases"]
_OLD = RING["globex"][1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_vectors_are_opened(case: dict[str, Any]) -> None:
    own = Envelope(case["purpose"], keys=_keys(case), clock=lambda: case["now"])
    expected = json.loads(case["canonical"])
    assert expected == own.open(case["document"])
    assert json.dumps(expected) == json.dumps(own.open_json(json.dumps(case["document"])))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_vectors_are_what_is_sealed(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealgate.envelope.timed.nonce", lambda: case["nonce"])
    own = Envelope(case["purpose"], keys=_keys(case), clock=lambda: case["created"])
    sealed = own.seal(case["document"]["payload"], expires_in=case["expires_in"], exact=False)
    assert case["document"]["signature"] == sealed["signature"]
    assert case["canonical"] == json.dumps(sealed["payload"], ensure_ascii=False, separators=(",", ":"))


def _keys(case: dict[str, Any]) -> Any:
    return case["key"] if case["key_id"] is None else {case["key_id"]: case["key"]}


@given(value=values, expires=st.none() | st.integers(0, 300), key=st.sampled_from([("acme", KEY), ("globex", _OLD)]))
def test_what_the_judge_seals_is_opened(value: Json, expires: int | None, key: tuple[str, bytes]) -> None:
    sealed = replace(SEALED, key_id=key[0], expires=None if expires is None else NOW + expires)
    opened = envelope().verify(document(value, sealed, key[1]))
    assert Opened(_canonical(value), sealed.key_id, NOW, sealed.expires, SEALED.nonce) == opened


@given(value=values, expires=st.none() | st.integers(1, 300), key_id=st.sampled_from([None, "acme", "globex"]))
def test_what_is_sealed_the_judge_opens(value: Json, expires: int | None, key_id: str | None) -> None:
    sealed = envelope(key_id=key_id).seal(value, expires_in=expires, exact=False)
    payload, said = judge.unsealed(sealed, PURPOSE, RING, NOW)
    assert (key_id or "acme", NOW, None if expires is None else NOW + expires) == (
        said.key_id,
        said.created,
        said.expires,
    )
    assert _canonical(value) == payload
    assert json.dumps(payload) == json.dumps(sealed["payload"])


def _canonical(value: Json) -> Any:
    return json.loads(canonical_json(json.dumps(value)))


def test_the_payload_is_read_from_the_octets_that_were_proven() -> None:
    """1.0 and 1 have one canonical form, so one of them is what everybody is given, in the canonical order."""
    received = document({"b": 1.0, "a": [True, -0.0, 1e2]})
    received["payload"] = {"b": 1, "a": [True, 0, 100]}
    opened = envelope().open(received)
    assert '{"a": [true, 0, 100], "b": 1}' == json.dumps(opened)
    assert opened is not received["payload"]


def test_a_sealed_payload_is_a_copy() -> None:
    value = {"total": [1]}
    sealed = envelope().seal(value)
    value["total"].append(2)
    assert {"total": [1]} == envelope().open(sealed)


_CHANGES: dict[str, dict[str, Any]] = {
    "key id": {"key_id": "globex"},
    "no key id": {"key_id": None},
    "created": {"created": NOW + 1},
    "expires": {"expires": NOW + 200},
    "no expires": {"expires": None},
    "nonce": {"nonce": SEALED.nonce + "x"},
    "digits that move from created to expires": {"created": int(f"{NOW}1"), "expires": int(f"{NOW + 100}"[1:])},
}


@pytest.mark.parametrize("change", _CHANGES.values(), ids=_CHANGES)
def test_every_covered_member_of_the_signature_is_covered(change: dict[str, Any]) -> None:
    sealed = replace(SEALED, expires=NOW + 100)
    octets = judge.octets_of(VALUE, PURPOSE, sealed, KEY)
    own = envelope(max_age=2**39, now=NOW)
    assert VALUE == own.open({"payload": VALUE, "signature": judge.text_of(sealed, octets)})
    code = verdict(own, {"payload": VALUE, "signature": judge.text_of(replace(sealed, **change), octets)})
    assert code in {"signature-invalid", "signature-expired", "signature-malformed"}


@given(other=values)
def test_another_payload_is_refused(other: Json) -> None:
    received = {**document(), "payload": other}
    expected = VALUE if _canonical(other) == VALUE else "signature-invalid"
    assert expected == verdict(envelope(), received)


@pytest.mark.parametrize("purpose", ["checkou", "checkout ", "Checkout", "heckout", "checkoutv1"])
def test_what_is_sealed_for_one_purpose_is_refused_for_another(purpose: str) -> None:
    assert "signature-invalid" == verdict(envelope(purpose), envelope().seal(VALUE))
    assert "signature-invalid" == verdict(envelope(), envelope(purpose).seal(VALUE))


def test_no_other_signature_of_the_ring_opens_an_envelope() -> None:
    """Whoever gets chosen octets signed by the key itself, the label and what an envelope signs among them, has nothing."""
    head = judge.framed(["v1", PURPOSE, "acme", str(NOW), "", SEALED.nonce])
    body = canonical_json(json.dumps(VALUE))
    label = judge.framed(["sealgate envelope", PURPOSE])
    for octets in (
        Key(KEY).sign(head + body),
        Key(KEY).sign(body),
        Key(Key(KEY).sign(label)).sign(head + body),
        Key(Key(KEY).sign(label + b"\1")).sign(head + body),
    ):
        assert "signature-invalid" == verdict(
            envelope(), {"payload": VALUE, "signature": judge.text_of(SEALED, octets)}
        )


def test_an_envelope_and_a_legacy_one_of_the_same_key_do_not_open_each_other() -> None:
    by_hand = Envelope.legacy(KEY)
    assert "signature-malformed" == verdict(by_hand, envelope().seal(VALUE))
    assert "signature-malformed" == verdict(envelope(), by_hand.seal(VALUE))


def test_another_ring_refuses() -> None:
    received = document()
    with pytest.raises(InvalidSignature) as refused:
        envelope(keys={"acme": OTHER_KEY}).open(received)
    assert "acme" == refused.value.key_id
    with pytest.raises(UnknownKey) as unknown:
        envelope(keys={"globex": KEY}).open(received)
    assert "acme" == unknown.value.key_id


def test_of_several_keys_the_first_seals_and_each_opens() -> None:
    new, old = KEY, OTHER_KEY
    received = envelope(keys={"acme": [new, old]}).seal(VALUE)
    assert VALUE == envelope(keys={"acme": new}).open(received)
    assert VALUE == envelope(keys={"acme": [new, old]}).open(envelope(keys={"acme": old}).seal(VALUE))


def test_one_anonymous_key_is_enough() -> None:
    sealed = envelope(keys=KEY).seal(VALUE)
    assert "v1." == sealed["signature"].partition(str(NOW))[0].rstrip(".") + "."
    assert None is envelope(keys=KEY).verify(sealed).key_id
    assert VALUE == judge.unsealed(sealed, PURPOSE, {None: [KEY]}, NOW)[0]
    assert "acme" == envelope(keys={"acme": KEY}).verify(sealed).key_id


_EDGES = [(-300, None), (300, None), (100, 100), (100, 300), (0, 0), (-300, 0), (299.5, 300)]
_BEYOND = [(-300.001, None), (300.001, None), (101, 100), (100.001, 100), (301, 1000), (-301, 0), (-10_000, None)]


@pytest.mark.parametrize(("age", "life"), _EDGES)
def test_the_window_is_open_to_its_edges(age: float, life: int | None) -> None:
    received = document(sealed=replace(SEALED, expires=None if life is None else NOW + life))
    assert VALUE == envelope(now=NOW + age).open(received)
    assert VALUE == judges_verdict(received, NOW + age)


@pytest.mark.parametrize(("age", "life"), [*_BEYOND, (math.nan, None), (math.inf, None), (-math.inf, None)])
def test_the_window_is_closed_beyond_its_edges(age: float, life: int | None) -> None:
    """And where the clock says nothing."""
    received = document(sealed=replace(SEALED, expires=None if life is None else NOW + life))
    with pytest.raises(Expired):
        envelope(now=NOW + age).open(received)


def test_a_slow_key_source_does_not_extend_a_life() -> None:
    times = iter([NOW + 300, NOW + 301])
    with pytest.raises(Expired):
        envelope(clock=lambda: next(times)).open(document())


def test_what_ends_before_it_begins_is_malformed() -> None:
    assert "signature-malformed" == verdict(envelope(), document(sealed=replace(SEALED, expires=NOW - 1)))


def test_an_envelope_is_opened_as_often_as_it_comes() -> None:
    """A form that is shown again sends the same one: to open it once is a decision."""
    own = envelope()
    assert [VALUE, VALUE] == [own.open(document()), own.open(document())]


@pytest.mark.parametrize("store", [None, MemoryStore(clock=lambda: NOW)], ids=["memory", "store"])
def test_an_envelope_is_opened_once_where_a_store_remembers(store: Any) -> None:
    own = envelope(replay=store)
    assert VALUE == own.open(document())
    with pytest.raises(Replayed):
        copy.deepcopy(own).open(document())
    assert VALUE == own.open(document(sealed=replace(SEALED, nonce=SEALED.nonce[::-1])))


def test_a_refused_envelope_is_not_remembered() -> None:
    store = Store()
    own = envelope(replay=store)
    assert "signature-invalid" == verdict(own, {**document(), "payload": 1})
    assert [] == store.seen
    own.open(document(sealed=replace(SEALED, expires=NOW + 7)))
    ((key, expires),) = store.seen
    assert (32, NOW + 7 + 60) == (len(key), expires)


def test_two_purposes_may_share_a_store() -> None:
    store = MemoryStore(clock=lambda: NOW)
    for purpose in ("checkout", "refund"):
        received = judge.seal(VALUE, purpose, SEALED, KEY)
        assert VALUE == envelope(purpose, replay=store).open(received)


@pytest.mark.parametrize("answer", [False, None, 1, "yes"])
def test_a_store_says_true_or_the_envelope_is_refused(answer: Any) -> None:
    with pytest.raises(Replayed):
        envelope(replay=Store(answer)).open(document())


def test_a_store_that_is_down_opens_nothing() -> None:
    with pytest.raises(Unavailable) as refused:
        envelope(replay=Store(OSError("redis://:password@cache"))).open(document())
    assert "password" not in f"{refused.value!r}{refused.value.__cause__!r}"


def test_a_function_finds_the_keys() -> None:
    asked: list[Any] = []

    def source(key_id: str | None, request: None) -> Any:
        asked.append((key_id, request))
        return RING.get(key_id)

    own = envelope(keys=source, key_id="acme")
    assert VALUE == own.open(own.seal(VALUE))
    assert [("acme", None), ("acme", None)] == asked
    assert "key-unknown" == verdict(own, document(sealed=replace(SEALED, key_id="nobody")))


@pytest.mark.parametrize("answer", [b"short", 17, OSError("no vault"), StopIteration(1), {"acme": KEY}], ids=repr)
def test_a_function_that_finds_no_keys_opens_and_seals_nothing(answer: Any) -> None:
    own = envelope(keys=answering(answer), key_id="acme")
    with pytest.raises(Unavailable):
        own.open(document())
    with pytest.raises(Unavailable):
        own.seal(VALUE)


def test_coroutines_are_awaited() -> None:
    async def story() -> None:
        own = envelope(keys=awaited_source, replay=AsyncStore())
        sealed = await own.aseal(VALUE)
        assert VALUE == await own.aopen(sealed)
        with pytest.raises(Replayed):
            await own.averify(sealed)
        assert "acme" == (await own.averify(await own.aseal(VALUE))).key_id

    asyncio.run(story())


def test_coroutines_without_await_are_a_mistake_and_no_outage() -> None:
    for own in (envelope(keys=awaited_source), envelope(replay=AsyncStore())):
        with pytest.raises(ConfigurationError, match="aopen"):
            own.open(document())
    with pytest.raises(ConfigurationError, match="aseal"):
        envelope(keys=awaited_source).seal(VALUE)


def test_the_judge_refuses_what_it_should() -> None:
    """Or its silence would mean nothing."""
    with pytest.raises(Refused):
        judge.unsealed({**document(), "payload": 1}, PURPOSE, RING, NOW)


@given(value=values, form=st.sampled_from([None, "pyjson", "pyjson-utf8", "jcs"]))
def test_a_sealed_text_is_the_text_of_the_sealed_document(value: Json, form: str | None) -> None:
    names: dict[str, Any] = {"payload": 'the "payload"', "signature": "é"}
    own = envelope(**names) if form is None else Envelope.legacy(KEY, form=form, **names)
    text = own.seal_json(value, exact=False)
    assert {**own.seal(value, exact=False), "é": json.loads(text)["é"]} == json.loads(text)
    assert json.dumps(own.open(json.loads(text))) == json.dumps(own.open_json(text))
    with pytest.raises(CanonicalizationError):
        own.seal_json([value, (1,)])
