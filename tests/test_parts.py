"""Schemes over what the route matched, and over members of the body: both ways beside the judge, and near what is valid."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from judged import (
    HOST,
    KEY,
    ORIGIN,
    OTHER_KEY,
    PARTIAL,
    Partial,
    Verify,
    as_message,
    as_request,
    bodiless,
    each_driver,
    each_partial,
)
from reference import Message
from sealgate import ConfigurationError, Rejected, Request, Scheme, Signer, Verified, schemes
from sealgate.exceptions import BodyMalformed, InvalidSignature, NotCovered, SignatureMissing

_NO_MORE = {"no-time", "method-not-covered", "target-not-covered", "query-not-covered", "audience"}


def verdict(partial: Partial, message: Message) -> Verified | Rejected:
    try:
        return partial.verifier().verify(as_request(message))
    except Rejected as refused:
        return refused


def judge(partial: Partial, message: Message) -> bytes | None:
    """What the judge would hand on; None where it refuses."""
    try:
        return partial.judge(message, {None: [KEY]})[1]
    except (reference.Refused, UnicodeEncodeError):
        return None


# --- what they say of themselves --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "facts"),
    [
        (
            schemes.scoped(),
            ("scoped", ("param:id",), ("X-Hmac-Signature",), (), ("id",), None, False, {*_NO_MORE, "body-not-covered"}),
        ),
        (
            schemes.scoped("{json:/a}:{json:/b/c:text}", "X-S"),
            ("scoped", ("json:/a", "json:/b/c"), ("X-S",), (), (), "jcs", True, {*_NO_MORE, "lossy-transform"}),
        ),
        (
            schemes.scoped("{param:a}{param:b}{param:a}"),
            (
                *("scoped", ("param:a", "param:b"), ("X-Hmac-Signature",), (), ("a", "b"), None, False),
                {*_NO_MORE, "body-not-covered", "adjacent-parts"},
            ),
        ),
        (
            schemes.scoped("{@method} {@path}?{@query}#{@authority} {param:id} {body}"),
            (
                *("scoped", ("@method", "@path", "@query", "@authority", "param:id", "body"), ("X-Hmac-Signature",)),
                *((), ("id",), None, True, {"no-time"}),
            ),
        ),
        (
            schemes.envelope(),
            ("envelope", ("json:/data",), (), ("/hmac",), (), "jcs", True, {*_NO_MORE, "lossy-transform"}),
        ),
        (
            schemes.envelope("/a~1b/c", "/s", form="pyjson"),
            ("envelope-pyjson", ("json:/a~1b/c",), (), ("/s",), (), "pyjson", True, {*_NO_MORE, "lossy-transform"}),
        ),
    ],
    ids=str,
)
def test_a_scheme_over_parts_tells_the_truth_about_itself(scheme: Scheme, facts: tuple[Any, ...]) -> None:
    told = (scheme.name, scheme.covered, scheme.fields, scheme.members, scheme.params, scheme.body_form)
    assert facts == (*told, scheme.signs_body, scheme.weaknesses())
    assert ("none", None, bool(scheme.members)) == (scheme.replay_class, scheme.max_age, scheme.claims_in_body)


@pytest.mark.parametrize("form", ["", "JCS", "json", None, 1])
def test_an_unknown_form_of_an_envelope_is_a_configuration_error(form: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^form: "):
        schemes.envelope(form=form)


@pytest.mark.parametrize("data", ["/a:b", "/a}", "/{a", "/a:text", "/a}{json:/b"])
def test_a_pointer_that_a_template_cannot_hold_is_refused_by_name(data: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^data: "):
        schemes.envelope(data)


# --- beside the judge -------------------------------------------------------------------------------------------------


@each_partial
@each_driver
def test_what_the_judge_signs_we_accept_and_hand_on_as_it_does(verify: Verify, partial: Partial) -> None:
    signed = partial.signed()
    for body in (None, lambda limit: signed.body):
        request = as_request(signed) if body is None else bodiless(signed)
        assert judge(partial, signed) == verify(partial.verifier(), request, body).body
    with pytest.raises(InvalidSignature):
        verify(partial.verifier(), as_request(partial.signed(key=OTHER_KEY)))
    with pytest.raises(SignatureMissing):
        verify(partial.verifier(), as_request(partial.message))


@each_partial
def test_what_we_sign_the_judge_accepts(partial: Partial) -> None:
    message = partial.message
    request = Request(
        message.method, message.target, list(message.headers), message.body, origin=ORIGIN, params=message.params
    )
    signed = Signer(partial.scheme, key=KEY).sign(request)
    assert (request.origin, request.params) == (signed.origin, signed.params)
    assert judge(partial, partial.signed()) == judge(partial, as_message(signed)) is not None
    assert as_message(signed) == as_message(Signer(partial.scheme, key=KEY).sign(signed))


_FIELDS = st.sampled_from(
    [
        [("Content-Type", "application/json")],
        [("Content-Type", "application/json; charset=UTF-8")],
        [("Content-Type", "application/shop+json")],
        [("Content-Type", "text/json")],
        [("Content-Type", "application/json; charset=latin-1")],
        [("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
        [],
    ]
)
_LETTERS = st.text(st.sampled_from(list('a:b\n"\\é\u2028/~{}😀 ')), max_size=8)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    _LETTERS,
    st.sampled_from(["doc-1", "a:resource:b", "", "\ufffd", 2**53 + 1, 1.0]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(_LETTERS, st.sampled_from(["data", "hmac"])), inner, max_size=3),
    ),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    ["data", "hmac", "action", "resourceId", "d/t~", "sig nature", "Data", "data ", "__proto__", ""]
)


def liberal(template: str, message: Message) -> bytes:
    """The base of a signer who frames nothing, reads what he can, and takes what is absent for nothing."""

    def filled(hole: re.Match[str]) -> str:
        kind, name, *rest = hole[1].split(":")
        if kind == "param":
            return message.params.get(name, "")
        try:
            value = reference.member(json.loads(message.body), name)
        except (ValueError, reference.Refused):
            return ""
        compact = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii="pyjson" in rest)
        return str(value) if "text" in rest else compact

    return re.sub(r"\{([^{}]*)\}", filled, template).encode("utf-8", "replace")


@st.composite
def near(draw: st.DrawFn, partial: Partial) -> Message:
    """Nearly what the scheme can sign, signed where that is possible, and perhaps changed again."""
    document = json.loads(partial.message.body) if partial.message.body else {}
    document = {**document, **draw(st.dictionaries(_NAMES, _VALUES, max_size=3))}
    if draw(st.integers(0, 9)) == 0:
        document = draw(st.dictionaries(_NAMES, _VALUES, max_size=8))
    body = json.dumps(document, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))).encode()
    message = Message(
        partial.message.method,
        draw(st.sampled_from(["/x"] * 8 + ["/x?", "/x?a", "x"])),
        [("Host", HOST), *(draw(_FIELDS) if draw(st.integers(0, 5)) == 0 else [("Content-Type", "application/json")])],
        body if partial.message.body or draw(st.integers(0, 3)) == 0 else b"",
        draw(st.one_of(st.just(partial.message.params), st.dictionaries(st.sampled_from(["id", "no"]), _LETTERS))),
    )
    try:
        message = partial.signed(message)
    except (reference.Refused, AssertionError, KeyError, UnicodeEncodeError):
        signature = reference.mac(KEY, liberal(partial.base, message)).hex()
        document = {**document, **dict.fromkeys(("hmac", "sig nature"), signature)} if partial.scheme.members else 0
        body = json.dumps(document).encode() if partial.scheme.members else message.body
        message = replace(message.plus([("X-Hmac-Signature", signature)]), body=body)
    change = draw(st.sampled_from(["", "", "", "body", "double", "layout", "params", "extra", "type"]))
    if change == "body":
        at = draw(st.integers(0, len(message.body)))
        message = replace(message, body=message.body[:at] + draw(st.binary(max_size=2)) + message.body[at + 1 :])
    elif change == "double":
        message = replace(message, body=message.body.replace(b'"hmac":', b'"hm\\u0061c":1,"hmac":'))
    elif change == "layout" and message.body:
        message = replace(message, body=json.dumps(json.loads(message.body), indent=2).encode())
    elif change == "params":
        message = replace(message, params=draw(st.dictionaries(st.sampled_from(["id", "no"]), _LETTERS)))
    elif change == "extra":
        message = replace(message, body=message.body.replace(b"{", b'{"extra":{"hmac":"' + b"0" * 64 + b'"},', 1))
    elif change == "type":
        message = replace(message, headers=[(n, v) for n, v in message.headers if n != "Content-Type"])
    return message


@each_partial
@given(data=st.data())
def test_near_a_valid_message_the_judge_agrees_and_hands_on_the_same(partial: Partial, data: st.DataObject) -> None:
    """Both ways: no acceptance that the judge denies, no refusal of what it accepts, and nothing more handed on."""
    message = data.draw(near(partial))
    handed, ours = judge(partial, message), verdict(partial, message)
    if handed is None:
        assert isinstance(ours, Rejected), ours
    else:
        assert isinstance(ours, Verified), ours
        assert handed == ours.body


@each_partial
@given(octets=st.binary(max_size=60), fields=st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9))))
def test_octets_without_a_key_are_refused(partial: Partial, octets: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    for more in (fields, [("Content-Type", "application/json"), ("X-Hmac-Signature", "0" * 64)]):
        with pytest.raises(Rejected):
            partial.verifier().verify(Request("POST", "/x", more, octets, params={"id": "x"}))


# --- a body and a query that are not signed ---------------------------------------------------------------------------


def test_a_body_and_a_query_beside_a_signed_parameter_are_refused() -> None:
    partial = PARTIAL["scoped"]
    signed = partial.signed()
    assert b"" == partial.verifier().verify(as_request(signed)).body
    for other in (replace(signed, body=b"{}"), replace(signed, target="/files/doc-1?v=2")):
        with pytest.raises(NotCovered):
            partial.verifier().verify(as_request(other))


def test_a_signed_parameter_is_refused_where_the_route_did_not_match_it() -> None:
    partial = PARTIAL["scoped"]
    for params in (None, {}, {"ID": "doc-1"}, {"id ": "doc-1"}):
        signed = partial.signed()
        with pytest.raises(NotCovered):
            partial.verifier().verify(Request("GET", signed.target, list(signed.headers), params=params))


@pytest.mark.parametrize("name", ["scoped-members", "scoped-texts", "envelope"])
@pytest.mark.parametrize("kind", [None, "text/plain", "multipart/form-data; boundary=x", "application/json-seq"])
def test_a_body_of_another_type_is_refused_before_it_is_read(name: str, kind: str | None) -> None:
    """Without any type there may be no body: then, and only then, it is asked for."""
    partial, asked = PARTIAL[name], list[int]()
    signed = partial.signed()
    fields = [(n, v) for n, v in signed.headers if n != "Content-Type"] + (
        [] if kind is None else [("Content-Type", kind)]
    )

    def read(limit: int) -> bytes:
        asked.append(limit)
        return signed.body

    with pytest.raises(BodyMalformed):
        partial.verifier().verify(bodiless(replace(signed, headers=fields)), read)
    assert (kind is None) == bool(asked)
