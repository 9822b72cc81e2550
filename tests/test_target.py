"""Whom and what a request is for: the configured origin, and targets that read one way only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from judged import (
    BODY,
    HOST,
    JUDGED,
    KEY_ID,
    ORIGIN,
    OVER_TARGET,
    RFC9421,
    as_request,
    with_field,
)
from reference import Message, Refused
from sealgate import Rejected, Request
from sealgate.exceptions import (
    InvalidSignature,
    TargetAmbiguous,
)


@pytest.mark.parametrize("host", [HOST, "API.Shop.Example", f"{HOST}:443", f"{HOST}:"])
def test_a_host_that_is_the_origins_authority_is_welcome(host: str) -> None:
    signed = RFC9421.signed(with_field(RFC9421.message, "Host", host))
    assert KEY_ID == RFC9421.verifier().verify(as_request(signed)).key_id


def test_neither_host_nor_origin_is_required() -> None:
    signed = RFC9421.signed(with_field(RFC9421.message, "Host", None))
    assert KEY_ID == RFC9421.verifier().verify(as_request(signed)).key_id


@pytest.mark.parametrize(
    "host", ["evil.example", f"{HOST}:80", f"{HOST}.", "", f"{HOST},{HOST}", f"{HOST}@evil", "a b"]
)
def test_a_host_that_is_not_the_origins_authority_is_ambiguous(host: str) -> None:
    """C13, F11: the origin is configured, and a Host that disagrees is somebody else's request."""
    signed = with_field(RFC9421.signed(), "Host", host)
    with pytest.raises(TargetAmbiguous):
        RFC9421.verifier().verify(as_request(signed))


def test_two_hosts_are_refused() -> None:
    with pytest.raises(Rejected):
        RFC9421.verifier().verify(as_request(RFC9421.signed().plus([("Host", HOST)])))


def test_forwarded_hosts_change_nothing() -> None:
    """F12: X-Forwarded-* is not read, neither for nor against."""
    forged = [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http"), ("Forwarded", "host=evil.example")]
    assert KEY_ID == RFC9421.verifier().verify(as_request(RFC9421.signed().plus(forged))).key_id


def test_a_request_origin_must_be_the_configured_one() -> None:
    signed = RFC9421.signed()
    for origin, accepted in ((ORIGIN, True), ("https://evil.example", False), ("http://api.shop.example", False)):
        request = Request(signed.method, signed.target, list(signed.headers), signed.body, origin=origin)
        if accepted:
            assert KEY_ID == RFC9421.verifier().verify(request).key_id
        else:
            with pytest.raises(TargetAmbiguous):
                RFC9421.verifier().verify(request)


def test_one_of_several_origins_is_chosen_by_host_and_proven_by_the_signature() -> None:
    verifier = RFC9421.verifier(origin=["https://b.example", ORIGIN])
    assert KEY_ID == verifier.verify(as_request(RFC9421.signed())).key_id
    with pytest.raises(Rejected):
        verifier.verify(as_request(with_field(RFC9421.signed(nonce="m" * 16), "Host", "b.example")))
    with pytest.raises(TargetAmbiguous):
        verifier.verify(as_request(with_field(RFC9421.signed(), "Host", "c.example")))


@pytest.mark.parametrize(
    "target", ["http://evil.example/p", "*", "p", "", "//p", "/p#f", "/p#f?x=1", "/p q", "/p\t", "/\x7f"], ids=ascii
)
@pytest.mark.parametrize("name", OVER_TARGET)
def test_targets_that_read_two_ways_are_refused(name: str, target: str) -> None:
    """C12 to C14: under a right signature over just these octets, or over what they are canonically."""
    judged = JUDGED[name]
    message = Message("POST", target, judged.message.headers, judged.message.body)
    try:
        signed = judged.signed(message)
    except Refused:
        signed = replace(judged.signed(replace(message, target="/p")), target=target)
    with pytest.raises(Rejected):
        judged.verifier().verify(as_request(signed))


@pytest.mark.parametrize(
    "target", ["/a/../b", "/a/./b", "/%2e%2e/a", "/a//b", "/%7Ea", "/a%2Fb", "/?", "/?a=b?c=/", "/a;b=c"]
)
def test_a_path_is_signed_and_verified_as_it_is_written(target: str) -> None:
    """C12: nobody between the parties may rewrite it, and we do not either."""
    signed = RFC9421.signed(Message("GET", target, [("Host", HOST)]))
    assert KEY_ID == RFC9421.verifier().verify(as_request(signed)).key_id


def test_an_encoded_slash_is_not_a_slash() -> None:
    """C11."""
    signed = RFC9421.signed(Message("GET", "/a/b", [("Host", HOST)]))
    with pytest.raises(Rejected):
        RFC9421.verifier().verify(as_request(Message("GET", "/a%2Fb", signed.headers)))


@pytest.mark.parametrize("method", ["get", "Post", "GET "], ids=ascii)
def test_methods_differ_in_case(method: str) -> None:
    """C15."""
    signed = RFC9421.signed(Message("GET", "/", [("Host", HOST)]))
    with pytest.raises(Rejected):
        RFC9421.verifier().verify(as_request(Message(method, "/", signed.headers)))


@pytest.mark.parametrize("form", ["e\u0301", "\u00e9"], ids=ascii)
def test_only_the_signed_octets_pass_whatever_they_look_like(form: str) -> None:
    """C23: NFC and NFD are two bodies."""
    signed = BODY.signed(Message("POST", "/", (), form.encode()))
    other = {"e\u0301": "\u00e9", "\u00e9": "e\u0301"}[form]
    with pytest.raises(InvalidSignature):
        BODY.verifier().verify(as_request(Message("POST", "/", signed.headers, other.encode())))


def test_a_signature_of_one_scheme_is_nothing_in_another() -> None:
    """D7: one key, two schemes: only the native scheme can tell them apart, and does."""
    signed = RFC9421.signed()
    for name in set(JUDGED) - {"rfc9421"}:
        with pytest.raises(Rejected):
            JUDGED[name].verifier().verify(as_request(signed))
        with pytest.raises(Rejected):
            RFC9421.verifier().verify(as_request(JUDGED[name].signed()))
