"""Schemes: what each preset says of itself, what templates mean, and that the judge agrees in both directions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import reference
from judged import (
    HOST,
    JUDGED,
    KEY,
    KEY_ID,
    NONCE,
    NOW,
    ORIGIN,
    OTHER_KEY,
    OVER_BODY,
    OVER_TARGET,
    Judged,
    as_message,
    as_request,
    each_scheme,
    field_of,
    with_field,
)
from reference import INSIDE, Message
from sealgate import Rejected, Request, schemes
from sealgate.exceptions import InvalidSignature, NotCovered, SignatureMissing


@each_scheme
def test_a_scheme_tells_the_truth_about_itself(judged: Judged) -> None:
    scheme = judged.scheme
    own = {name.lower() for name in scheme.fields} - {"content-digest"}
    assert {name.lower() for name in judged.fields} == own
    facts = (scheme.replay_class, scheme.weaknesses(), scheme.max_age, scheme.hash, scheme.covered)
    assert (judged.replay_class, judged.lacks, judged.max_age, judged.hash, judged.covered) == facts
    # A message of AWS may state the digest of its body instead.
    signs_body = "body" in judged.covered and scheme.name != "aws-sigv4"
    assert (judged.named, signs_body) == (scheme.names_key, scheme.signs_body)
    assert judged.empty_body == scheme.empty_body


def test_every_preset_has_its_judge() -> None:
    # Canonical forms, claims in the body or the query, and schemes over parts of a message have tests of their own.
    canonical = {name for name in schemes.by_name() if name.startswith("canonical-json")}
    apart = {"scoped", "envelope", *(name for name in schemes.by_name() if name.startswith("signed-"))}
    assert set(JUDGED) | set(INSIDE) | apart | canonical == set(schemes.by_name())
    assert 3 == len(canonical)


@each_scheme
def test_a_verdict_says_that_what_is_in_the_signature_base_is_covered_and_nothing_else(judged: Judged) -> None:
    covered = judged.verifier().verify(as_request(judged.signed())).covered
    assert judged.covered == tuple(name for name in covered if name != "body" or "content-digest" not in covered)


def test_a_message_signature_covers_what_the_message_lists() -> None:
    judged = JUDGED["rfc9421"]
    listed = ("@method", "@target-uri", "content-type", "content-digest")
    fields = reference.sign_rfc9421(
        judged.message, KEY, origin=ORIGIN, key_id=KEY_ID, created=NOW, nonce=NONCE, components=listed
    )
    covered = judged.verifier().verify(as_request(judged.message.plus(fields))).covered
    assert (*listed, "body") == covered


@each_scheme
def test_what_the_judge_signs_we_accept(judged: Judged) -> None:
    verified = judged.verifier().verify(as_request(judged.signed()))
    proof = judged.judge(judged.signed(), judged.ring, NOW)
    assert (proof.key_id, proof.created, proof.nonce) == (verified.key_id, verified.created, verified.nonce)
    assert judged.message.body == verified.body


@each_scheme
def test_what_we_sign_the_judge_accepts(judged: Judged) -> None:
    message = judged.message
    request = Request(message.method, message.target, list(message.headers), message.body, origin=ORIGIN)
    proof = judged.judge(as_message(judged.signer().sign(request)), judged.ring, NOW)
    assert (KEY_ID if judged.named else None) == proof.key_id


@each_scheme
def test_another_key_is_refused(judged: Judged) -> None:
    with pytest.raises(InvalidSignature):
        judged.verifier().verify(as_request(judged.signed(key=OTHER_KEY)))


@each_scheme
def test_every_own_field_is_required(judged: Judged) -> None:
    """B2: absent, blank or repeated, none of them means "accept"."""
    signed = judged.signed()
    for name in {name.lower() for name in judged.scheme.fields} & {name.lower() for name, _ in signed.headers}:
        value = field_of(signed, name)
        absent = with_field(signed, name, None)
        with pytest.raises(Rejected):
            judged.verifier().verify(as_request(absent))
        for blank in ("", " ", "\t"):
            with pytest.raises(Rejected):
                judged.verifier().verify(as_request(with_field(signed, name, blank)))
        for repeated in ([(name, value)], [(name, "x")], [(name.upper(), value)], [(name.replace("-", "_"), value)]):
            if repeated[0][0] == name or "-" in name:
                with pytest.raises(Rejected):
                    judged.verifier().verify(as_request(signed.plus(repeated)))


@each_scheme
def test_an_unsigned_request_is_missing_a_signature(judged: Judged) -> None:
    with pytest.raises(SignatureMissing):
        judged.verifier().verify(as_request(judged.message))


@each_scheme
def test_a_twin_with_an_underscore_is_never_the_signature(judged: Judged) -> None:
    """C6: some servers read `X_Sig` in place of `X-Sig`."""
    signed = judged.signed()
    own = {name.lower() for name in judged.scheme.fields if "-" in name}
    under = [(n.replace("-", "_") if n.lower() in own else n, v) for n, v in signed.headers]
    if under != list(signed.headers):
        with pytest.raises(Rejected):
            judged.verifier().verify(as_request(Message(signed.method, signed.target, under, signed.body)))


@pytest.mark.parametrize("name", OVER_BODY)
def test_a_scheme_over_the_body_refuses_a_query_and_an_empty_body_unless_its_party_sends_one(name: str) -> None:
    judged = JUDGED[name]
    for target, body in (("/orders?dry=1", b"{}"), ("/orders", b""), ("/orders?", b"")):
        message = judged.signed(Message("POST", target, judged.message.headers, body))
        if judged.empty_body and target != "/orders?dry=1":
            assert body == judged.verifier().verify(as_request(message)).body
        else:
            with pytest.raises(NotCovered):
                judged.verifier().verify(as_request(message))


@pytest.mark.parametrize("name", OVER_BODY)
def test_a_scheme_over_the_body_accepts_another_path_and_method_as_its_weaknesses_say(name: str) -> None:
    judged = JUDGED[name]
    signed = judged.signed()
    moved = Message("DELETE", "/elsewhere", signed.headers, signed.body)
    assert signed.body == judged.verifier().verify(as_request(moved)).body
    assert {"method-not-covered", "target-not-covered"} <= judged.scheme.weaknesses()


@pytest.mark.parametrize("name", OVER_TARGET)
@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"target": "/a%20b/c?b=2&a=1&a=0"},
        {"target": "/a%20b/%2fc?b=2&a=1&a=0"},
        {"target": "/a%20b/%2Fc?b=2&a=0&a=1"},
        {"target": "/a%20b/%2Fc?b=2&a=1&a=0&c="},
        {"target": "/a%20b/%2Fc"},
        {"body": b'{"total": 2}'},
        {"body": b""},
    ],
    ids=str,
)
def test_a_covered_part_that_changed_is_refused(name: str, change: dict[str, Any]) -> None:
    judged = JUDGED[name]
    signed = judged.signed()
    changed = as_request(replace(signed, **change))
    sorts_values = "aws-sigv4" == name and change.get("target", "").endswith("?b=2&a=0&a=1")
    if sorts_values or ("method" in change and "method-not-covered" in judged.lacks):
        assert signed.body == judged.verifier().verify(changed).body
    else:
        with pytest.raises(Rejected):
            judged.verifier().verify(changed)


def test_the_canonical_request_says_that_names_may_move_but_values_of_one_name_may_not() -> None:
    """`:sorted` loses the order between names (weakness lossy-transform), and keeps it within a name."""
    judged = JUDGED["canonical-request"]
    signed = judged.signed()
    moved = Message(signed.method, "/a%20b/%2Fc?a=1&b=2&a=0", signed.headers, signed.body)
    assert signed.body == judged.verifier().verify(as_request(moved)).body
    assert "lossy-transform" in judged.scheme.weaknesses()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "a",
        "b&a",
        "a=2&a=1",
        "b=1&a+b=1&a%20b=0&a=3",
        "%61=2&a=1&A=0",
        "&&a",
        "a==&a=&=a",
        "%zz=1&%=2&a=%",
        "z=%00&\x7e=1",
    ],
)
def test_sorted_queries_are_the_judges(query: str) -> None:
    message = Message("GET", f"/p?{query}", [("Host", HOST)])
    base = schemes.canonical_request().signature_base(as_request(message), None, NOW, NONCE)
    assert reference.canonical_request_base(message) == base


def test_an_absent_content_type_is_not_an_empty_one() -> None:
    judged = JUDGED["canonical-request"]
    without = judged.signed(with_field(judged.message, "Content-Type", None))
    assert without.body == judged.verifier().verify(as_request(without)).body
    for value in ("", " ", "application/json"):
        with pytest.raises(Rejected):
            judged.verifier().verify(as_request(without.plus([("Content-Type", value)])))


def test_a_canonical_request_needs_its_host() -> None:
    judged = JUDGED["canonical-request"]
    with pytest.raises(Rejected):
        judged.verifier().verify(as_request(with_field(judged.signed(), "Host", None)))
    with pytest.raises(Rejected):
        judged.verifier().verify(as_request(with_field(judged.signed(), "Host", "evil.example")))
