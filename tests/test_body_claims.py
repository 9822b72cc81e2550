"""Claims in members of the body: where they may be, how they are read, in which order, and how they are written."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import reference
from body_claims import JSON, SIGNED, document, request_of, scheme_of, verifier_of
from judged import KEY, NONCE, NOW, OTHER_KEY, Verify, each_driver
from sealgate import ConfigurationError, KeyRing, Members, Rejected, Request, Scheme, Verifier
from sealgate.exceptions import (
    BodyMalformed,
    BodyTooLarge,
    Expired,
    InvalidSignature,
    NotCovered,
    Replayed,
    SignatureMalformed,
    SignatureMissing,
    UnknownKey,
)


def refusal(value: Any, **settings: Any) -> type[Rejected]:
    with pytest.raises(Rejected) as refused:
        verifier_of(**settings).verify(request_of(value))
    return type(refused.value)


# --- construction -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "places", "said"),
    [
        ("{json:/data}", {}, "no field has a"),
        ("{json:/data}", {"/sig": "constant"}, "no field has a"),
        ("{json:/data}", {"/sig": "{signature}"}, "cannot stand in a field"),
        ("{json:/data}", {"/sig": "{json:/x}{signature:hex}"}, "."),
        ("{json:/data}", {"sig": "{signature:hex}"}, "not a JSON pointer to a member: .sig"),
        ("{json:/data}", {"": "{signature:hex}"}, "not a JSON pointer to a member"),
        ("{json:/data}", {"/a~": "{signature:hex}"}, "not a JSON pointer to a member: ./a~"),
        ("{json:/data}", {"/data": "{signature:hex}"}, "/data lies in another"),
        ("{json:/data}", {"/data/sig": "{signature:hex}"}, "/data/sig lies in another"),
        ("{json:/data/a}", {"/data": "{signature:hex}"}, "/data lies in another"),
        ("{json:/data/a}{created}", {"/data": "{created}", **SIGNED}, "/data lies in another"),
        ("{json:/data}{created}", {"/sig/at": "{created}", **SIGNED}, "/sig lies in another|/sig/at lies in another"),
        ("{body}", SIGNED, "a signature cannot stand in the body that it signs"),
        ("{body:jcs}", SIGNED, "a signature cannot stand in the body that it signs"),
        ("{form}", {"/at": "{created}", **SIGNED}, "members of a body that is a form|in the body that it signs"),
        ("{json:/data}{created}", SIGNED, "no field carries"),
        ("{json:/data}", {"/at": "{created}", **SIGNED}, "does not sign"),
        ("{json:/data}", {"/n": "{nonce}", **SIGNED}, "does not sign"),
    ],
)
def test_a_place_where_no_claim_can_be_is_found_at_construction(
    base: str, places: dict[str, str | Members], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        scheme_of(base, places)


def test_a_scheme_that_carries_nothing_anywhere_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="signature"):
        Scheme("own", base="{json:/data}", accept_weaknesses=None)


def test_a_scheme_with_claims_in_its_body_tells_the_truth_about_itself() -> None:
    scheme = scheme_of()
    assert (("/key", "/meta/at", "/meta/nonce", "/sig"), (), True, True) == (
        *(scheme.members, scheme.fields, scheme.claims_in_body, scheme.names_key),
    )
    assert (("json:/data",), "nonce", True, "jcs") == (
        *(scheme.covered, scheme.replay_class, scheme.signs_body, scheme.body_form),
    )
    assert {"method-not-covered", "target-not-covered", "query-not-covered", "audience", "lossy-transform"} == (
        scheme.weaknesses()
    )


# --- reading ----------------------------------------------------------------------------------------------------------


@each_driver
def test_claims_in_members_are_read_and_only_what_is_signed_is_handed_on(verify: Verify) -> None:
    sent = {**document({"b": 1.0, "a": "é"}), "more": {"data": 2, "sig": "x"}}
    verified = verify(verifier_of(), request_of(sent))
    assert ("acme", NOW, NONCE, '{"data":{"a":"é","b":1}}'.encode()) == (
        *(verified.key_id, verified.created, verified.nonce, verified.body),
    )


def test_a_time_may_be_a_number() -> None:
    """As most clients write it; what is signed is its text."""
    for created in (NOW, str(NOW)):
        sent = document(created=created)
        assert created == sent["meta"]["at"]
        assert NOW == verifier_of().verify(request_of(sent)).created
    milliseconds = scheme_of("{created}:{json:/data}", {"/at": "{created:ms}", **SIGNED})
    signature = reference.mac(KEY, b"%d:1" % (NOW * 1000)).hex()
    assert NOW == verifier_of(milliseconds).verify(request_of({"data": 1, "at": NOW * 1000, "sig": signature})).created


@pytest.mark.parametrize(
    "created", [-NOW, NOW + 0.5, 1e20, True, None, [NOW], {"": NOW}, f" {NOW}", f"{NOW}.0", "", 10**12]
)
def test_a_time_in_a_member_is_one_to_twelve_digits(created: Any) -> None:
    assert refusal(document(created=created)) in {SignatureMalformed, SignatureMissing}


@pytest.mark.parametrize(
    ("where", "value", "refused"),
    [
        ("sig", None, SignatureMalformed),
        ("sig", 7, SignatureMalformed),
        ("sig", [], SignatureMalformed),
        ("sig", {"sig": "v1="}, SignatureMalformed),
        ("sig", "", SignatureMissing),
        ("sig", "v1=", SignatureMalformed),
        ("sig", "v1=" + "A" * 43, SignatureMalformed),
        ("sig", "v2=" + "A" * 43 + "=", SignatureMalformed),
        ("sig", "v1=" + "A" * 43 + "=", InvalidSignature),
        ("sig", "v1=" + "A" * 8190, SignatureMalformed),
        ("sig", "v1=" + "€" * 8, SignatureMalformed),
        ("key", 7, SignatureMalformed),
        ("key", "globex", UnknownKey),
        ("key", "acme ", UnknownKey),
        ("key", "acm\u00e9", SignatureMalformed),
        ("key", "a\0", SignatureMalformed),
        ("key", "k" * 257, SignatureMalformed),
        ("meta", {"at": str(NOW)}, SignatureMissing),
        ("meta", {"at": str(NOW), "nonce": "n=short"}, SignatureMalformed),
        ("meta", {"at": str(NOW), "nonce": NONCE}, SignatureMalformed),
        ("meta", {"at": str(NOW), "nonce": 10**20}, SignatureMalformed),
        ("meta", [str(NOW), NONCE], SignatureMissing),
        ("meta", None, SignatureMissing),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_member_that_is_no_claim_is_a_refusal(where: str, value: Any, refused: type[Rejected]) -> None:
    assert refused is refusal({**document(), where: value})


@pytest.mark.parametrize("name", ["data", "key", "meta", "sig"])
def test_every_member_of_ours_is_required(name: str) -> None:
    sent = document()
    del sent[name]
    assert (BodyMalformed if name == "data" else SignatureMissing) is refusal(sent)


def test_a_covered_member_that_changed_is_refused() -> None:
    for change in ({"data": 2}, {"data": "1"}, {"key": "acme2"}, {"meta": {"at": NOW - 1, "nonce": f"n={NONCE}"}}):
        assert refusal({**document(), **change}, keys={"acme": KEY, "acme2": OTHER_KEY}) is InvalidSignature
    assert InvalidSignature is refusal(document(key=OTHER_KEY))


@pytest.mark.parametrize(
    "twice",
    [
        b'"sig":"v1=x",',
        b'"s\\u0069g":"v1=x",',
        b'"meta":{},',
        b'"meta":{"at":1},',
        b'"x":{"sig":1,"sig":2},',
        b'"data":1,',
        b'"d\\u0061ta":1,',
    ],
)
def test_a_name_twice_is_malformed_whichever_reader_takes_which(twice: bytes) -> None:
    body = json.dumps(document()).encode()
    for sent in (b"{" + twice + body[1:], body[:-1] + b"," + twice[:-1] + b"}"):
        assert BodyMalformed is refusal(sent)


def test_a_nested_signature_is_not_the_signature() -> None:
    sent = document()
    right = sent.pop("sig")
    for more in ({"x": {"sig": right}}, {"meta": {**sent["meta"], "sig": right}}, {"sig ": right}, {"SIG": right}):
        assert SignatureMissing is refusal({**sent, **more})
    assert SignatureMissing is refusal([{**sent, "sig": right}])


def test_a_claim_may_lie_in_what_is_signed_and_is_handed_on_then() -> None:
    scheme = scheme_of("{created}:{json:/data}", {"/data/at": "{created}", **SIGNED})
    signature = reference.mac(KEY, b'%d:{"a":1,"at":%d}' % (NOW, NOW)).hex()
    sent = {"data": {"at": NOW, "a": 1}, "sig": signature}
    assert b'{"data":{"a":1,"at":%d}}' % NOW == verifier_of(scheme).verify(request_of(sent)).body


def test_claims_may_stand_in_fields_and_members_and_must_agree() -> None:
    places = {"fields": {"X-At": "{created}"}, "json": {"/at": "{created}", **SIGNED}}
    scheme = scheme_of("{created}:{json:/data}", **places)
    sent = {"data": 1, "at": NOW, "sig": reference.mac(KEY, b"%d:1" % NOW).hex()}
    assert NOW == verifier_of(scheme).verify(request_of(sent, ("X-At", str(NOW)))).created
    for other in (str(NOW + 1), f"0{NOW}"):
        with pytest.raises(SignatureMalformed):
            verifier_of(scheme).verify(request_of(sent, ("X-At", other)))
    with pytest.raises(SignatureMissing):
        verifier_of(scheme).verify(request_of(sent))


def test_a_claim_in_a_member_cannot_hold_the_literal_that_ends_it() -> None:
    nonce = "n" * 16 + ":x"
    assert SignatureMalformed is refusal(document(nonce=nonce))


def test_members_within_a_member_repeat_in_any_order() -> None:
    scheme = scheme_of("{created}.{json:/data}", {"/auth": Members(";", "t={created}", "v1={signature:hex}")})
    right, wrong = reference.mac(KEY, b"%d.1" % NOW).hex(), "0" * 64
    for text in (f"t={NOW};v1={right}", f"v1={wrong};v1={right};v0=x; t={NOW}"):
        assert NOW == verifier_of(scheme).verify(request_of({"data": 1, "auth": text})).created
    with pytest.raises(SignatureMissing):
        verifier_of(scheme).verify(request_of({"data": 1, "auth": f"v1={right}"}))


# --- the order of checks ----------------------------------------------------------------------------------------------


class Trace:
    """Key source, body and store at once, and in which order they were asked."""

    def __init__(self, body: bytes, **settings: Any) -> None:
        self.asked: list[str] = []
        self.body = body
        self.verifier = verifier_of(**{"keys": self.keys, "replay": self, **settings})

    def keys(self, key_id: str | None, request: Request) -> KeyRing:
        self.asked.append(f"keys {key_id}")
        return KeyRing({"acme": KEY})

    def read(self, limit: int) -> bytes:
        self.asked.append("body")
        return self.body

    def add(self, key: bytes, expires: int, /) -> bool:
        self.asked.append("store")
        return True

    def refused(self, verify: Verify, *fields: tuple[str, str]) -> type[Exception] | None:
        try:
            verify(self.verifier, Request("POST", "/", fields or JSON), self.read)
        except Rejected as refused:
            return type(refused)
        return None


@each_driver
def test_the_body_comes_first_then_its_claims_the_window_and_the_keys(verify: Verify) -> None:
    cases: list[tuple[Any, type[Exception] | None, list[str]]] = [
        (document(), None, ["body", "keys acme", "store"]),
        (document(key=OTHER_KEY), InvalidSignature, ["body", "keys acme"]),
        (document(key_id="globex"), UnknownKey, ["body", "keys globex"]),
        (document(created=NOW - 301), Expired, ["body"]),
        (document(created=NOW + 301), Expired, ["body"]),
        ({"data": 1}, SignatureMissing, ["body"]),
        ({**document(), "sig": 1}, SignatureMalformed, ["body"]),
        ([], SignatureMissing, ["body"]),
    ]
    for value, refused, asked in cases:
        trace = Trace(json.dumps(value).encode())
        assert (refused, asked) == (trace.refused(verify), trace.asked)
    for body, refused in ((b"", SignatureMissing), (b"{", BodyMalformed), (b"{}" * 600, BodyTooLarge)):
        trace = Trace(body, body_limit=1000)
        assert (refused, ["body"]) == (trace.refused(verify), trace.asked)


@each_driver
def test_cheap_refusals_come_before_the_body(verify: Verify) -> None:
    for fields, refused in (
        ([("Content-Type", "text/plain")], BodyMalformed),
        ([*JSON, ("Content-Encoding", "gzip")], BodyMalformed),
        ([*JSON, ("Content-Length", "10485761")], BodyTooLarge),
    ):
        trace = Trace(json.dumps(document()).encode())
        assert (refused, []) == (trace.refused(verify, *fields), trace.asked)


@each_driver
def test_without_a_body_the_signature_is_missing_whatever_the_type_says(verify: Verify) -> None:
    for fields in (JSON, [("X-Any", "1")]):
        trace = Trace(b"")
        assert SignatureMissing is trace.refused(verify, *fields)
    trace = Trace(json.dumps(document()).encode())
    assert BodyMalformed is trace.refused(verify, ("X-Any", "1"))


def test_a_query_beside_the_body_is_refused_before_it_is_read() -> None:
    trace = Trace(json.dumps(document()).encode())
    with pytest.raises(NotCovered):
        trace.verifier.verify(Request("POST", "/?a", JSON), trace.read)
    assert [] == trace.asked
    trace.verifier.verify(Request("POST", "/?a", JSON), trace.read, uncovered=frozenset({"query"}))
    assert ["body", "keys acme", "store"] == trace.asked


def test_a_slow_store_of_keys_does_not_extend_a_life() -> None:
    times = iter([NOW, NOW, NOW + 301])
    body = json.dumps(document()).encode()
    with pytest.raises(Expired):
        verifier_of(clock=lambda: next(times)).verify(request_of(body), lambda _: body)
    times = iter([NOW, NOW + 301])
    trace = Trace(body, clock=lambda: next(times))
    assert (Expired, ["body"]) == (trace.refused(Verifier.verify), trace.asked)


def test_key_sources_and_bodies_may_be_awaited_in_that_order() -> None:
    asked: list[str] = []

    async def keys(key_id: str | None, request: Request) -> bytes:
        asked.append(f"keys {key_id}")
        return KEY

    async def read(limit: int) -> bytes:
        asked.append("body")
        return json.dumps(document()).encode()

    verified = asyncio.run(verifier_of(keys=keys).averify(Request("POST", "/", JSON), read))
    assert (["body", "keys acme"], b'{"data":1}') == (asked, verified.body)


@each_driver
def test_layouts_and_orders_of_one_message_are_the_same_message(verify: Verify) -> None:
    """E13: nor does a member that nobody signed make a new one."""
    verifier, sent = verifier_of(), document({"a": 1, "b": 2})
    verify(verifier, request_of(sent))
    turned = dict(reversed(sent.items()))
    for again in (sent, {**sent, "more": 1}, turned, {**sent, "meta": {**sent["meta"], "at": NOW}}):
        for body in (json.dumps(again).encode(), json.dumps(again, indent=3).encode()):
            with pytest.raises(Replayed):
                verify(verifier, request_of(body))


def test_a_claim_is_proven_with_the_body_that_it_was_read_from() -> None:
    scheme = scheme_of()
    body = json.dumps(document()).encode()
    other = json.dumps(document(2)).encode()
    claim = scheme.claim(request_of(body), None, NOW, 300, 10_000)
    assert claim.key_id is None
    read = claim.with_body(body, NOW)
    assert "acme" == read.key_id
    for wrong in (other, bytes(bytearray(body)), b"", None):
        with pytest.raises(RuntimeError, match="not the body that was authenticated"):
            read.authenticate(KeyRing({"acme": KEY}), wrong)
    with pytest.raises(Rejected):
        claim.authenticate(KeyRing(KEY), body)
    read.authenticate(KeyRing({"acme": KEY}), body)
    with pytest.raises(RuntimeError, match="not the body that was authenticated"):
        read.conclude(other, NOW)
    assert b'{"data":1}' == read.conclude(body, NOW).body


@pytest.mark.parametrize("base", ["{body:jcs}", "{json:/data}", "{body}"])
def test_only_a_scheme_with_claims_in_its_body_reads_them(base: str) -> None:
    scheme = Scheme("own", base=base, fields={"X-Sig": "{signature:hex}"}, accept_weaknesses=None)
    claim = scheme.claim(request_of({"data": 1}, ("X-Sig", "0" * 64)), None, NOW, 300, 1000)
    with pytest.raises(ConfigurationError, match="no claims in the body"):
        claim.with_body(b'{"data":1}', NOW)
