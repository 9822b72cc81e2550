"""Claims in members of the body, as they are written."""

from __future__ import annotations

import json

import pytest

import reference
from body_claims import JSON, SIGNED, document, request_of, scheme_of, verifier_of
from judged import KEY, NONCE, NOW, ORIGIN
from sealgate import ConfigurationError, Request, Scheme, Signer
from sealgate.exceptions import BodyUnreadable


def signer_of(scheme: Scheme | None = None) -> Signer:
    return Signer(scheme or scheme_of(), key=KEY, key_id="acme", clock=lambda: NOW)


def test_a_signature_is_written_into_the_body_and_nothing_else_changes() -> None:
    request = request_of({"more": [1.0], "data": {"b": 1, "a": 2}}, ("X-Own", "kept"), origin=ORIGIN)
    signed = signer_of().sign(request)
    value = json.loads(signed.body or b"")
    nonce = value["meta"]["nonce"].removeprefix("n=")
    assert {**document({"b": 1, "a": 2}, nonce=nonce), "more": [1]} == value
    assert reference.canonical_json(json.dumps(value)) == signed.body
    assert (request.method, request.target, request.headers, request.origin) == (
        *(signed.method, signed.target, signed.headers, signed.origin),
    )
    assert b'{"data":{"a":2,"b":1}}' == verifier_of().verify(signed).body


def test_the_length_is_that_of_the_new_body() -> None:
    for length in ("9", "10", "999"):
        signed = signer_of().sign(request_of({"data": 1}, ("Content-Length", length)))
        assert [
            ("content-type", "application/json"),
            ("content-length", str(len(signed.body or b""))),
        ] == signed.headers


def test_signing_again_replaces_the_claims() -> None:
    once = signer_of().sign(request_of({"data": 1}))
    twice = signer_of().sign(once)
    first, second = json.loads(once.body or b""), json.loads(twice.body or b"")
    assert (set(first), first["data"], first["key"]) == (set(second), second["data"], second["key"])
    assert (first["sig"], first["meta"]["nonce"]) != (second["sig"], second["meta"]["nonce"])
    verifier = verifier_of()
    assert verifier.verify(once).nonce != verifier.verify(twice).nonce


def test_objects_on_the_way_are_made_and_others_stay() -> None:
    signed = signer_of(scheme_of("{created}:{json:/d}", {"/a/b/c": "{created}", "/x/y": "{signature:hex}"})).sign(
        request_of({"d": 1, "x": {"z": 2, "a": {}}})
    )
    value = json.loads(signed.body or b"")
    assert {"d": 1, "a": {"b": {"c": str(NOW)}}, "x": {"a": {}, "y": value["x"]["y"], "z": 2}} == value


def test_a_claim_in_what_is_signed_is_written_before_it_is_signed() -> None:
    scheme = scheme_of("{created}:{json:/data}", {"/data/at": "{created}", **SIGNED})
    signed = Signer(scheme, key=KEY, clock=lambda: NOW).sign(request_of({"data": {"a": 1}}))
    base = b'%d:{"a":1,"at":"%d"}' % (NOW, NOW)
    assert {"data": {"a": 1, "at": str(NOW)}, "sig": reference.mac(KEY, base).hex()} == json.loads(signed.body or b"")
    assert base == scheme.signature_base(request_of({"data": {"a": 1}}), None, NOW, NONCE)
    assert NOW == verifier_of(scheme).verify(signed).created


def test_fields_and_members_are_written_together() -> None:
    scheme = scheme_of("{created}:{json:/data}", SIGNED, fields={"X-At": "{created}"})
    signed = Signer(scheme, key=KEY, clock=lambda: NOW).sign(request_of({"data": 1}))
    assert ("x-at", str(NOW)) in signed.headers
    assert NOW == verifier_of(scheme).verify(signed).created


def test_header_fields_alone_are_no_signature_there() -> None:
    with pytest.raises(ConfigurationError, match="own writes into the body"):
        signer_of().sign_headers(request_of({"data": 1}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b'{"data":1',
        b'{"data":1,"data":2}',
        b'{"more":1}',
        b'{"data":1,"meta":[]}',
        b'{"data":1,"meta":"x"}',
    ],
)
def test_a_body_that_cannot_hold_the_signature_is_a_mistake_of_ours(body: bytes) -> None:
    with pytest.raises(ConfigurationError):
        signer_of().sign(request_of(body))


def test_only_json_is_written_into() -> None:
    for fields in ([], [("Content-Type", "text/plain")], [*JSON, ("Content-Encoding", "br")]):
        with pytest.raises(ConfigurationError, match=r"Content-(Type|Encoding)"):
            signer_of().sign(Request("POST", "/", fields, b'{"data":1}'))


def test_a_key_id_that_holds_the_text_around_it_is_not_written() -> None:
    scheme = scheme_of("{json:/data}", {"/auth": "k={key_id};s={signature:hex}"})
    with pytest.raises(ConfigurationError):
        Signer(scheme, key=KEY, key_id="a;s=b").sign(request_of({"data": 1}))


def test_a_body_that_was_not_read_is_unreadable() -> None:
    with pytest.raises(BodyUnreadable):
        verifier_of().verify(Request.from_asgi({"type": "http", "path": "/", "raw_path": b"/", "headers": []}))
