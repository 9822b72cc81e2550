"""AWS Signature Version 4 in the query: links that last for a while."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

import reference
from aws_signed import GET, POST, signed
from judged import AWS, HOST, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, as_message, as_request, field_of
from reference import Message
from sealgate import ConfigurationError, Rejected, Request, Scheme, Signer, Verified, Verifier, schemes
from sealgate.exceptions import Expired, InvalidSignature, NotCovered, SignatureMalformed, SignatureMissing
from sealgate.httpx import Auth, Transport
from sealgate.policy.openapi import security_scheme
from sealgate.policy.rules import Require
from sealgate.requests import Adapter
from sealgate.requests import Auth as RequestsAuth

HOUR = 3600
LINK = replace(AWS, longest=HOUR)
S3_LINK = replace(LINK, s3=True, unsigned=True)


def scheme_of(aws: reference.Aws, **settings: Any) -> Scheme:
    named = {"region": aws.region, "service": aws.service, "path": "s3" if aws.s3 else "general"}
    return schemes.aws_sigv4(**{**named, "presigned": aws.longest, "unsigned_payload": aws.unsigned, **settings})


def presigned(message: Message = GET, aws: reference.Aws = LINK, **settings: Any) -> Message:
    """By the judge."""
    settings = {"key": KEY, "key_id": KEY_ID, "created": NOW, **settings}
    return reference.presign_aws_sigv4(message, settings.pop("key"), aws, **settings)


def verifier(aws: reference.Aws = LINK, now: float = NOW, **settings: Any) -> Verifier:
    return Verifier(scheme_of(aws), **{"keys": {KEY_ID: KEY}, "origin": ORIGIN, "clock": lambda: now, **settings})


def verify(message: Message, aws: reference.Aws = LINK, now: float = NOW) -> Verified:
    return verifier(aws, now).verify(as_request(message))


def with_parameter(message: Message, name: str, value: str | None) -> Message:
    """`message` with one parameter of its query replaced, or removed where `value` is None; nothing is encoded."""
    pieces = [piece for piece in message.query.split("&") if not piece.startswith(f"{name}=")]
    added = [] if value is None else [f"{name}={value}"]
    return replace(message, target=f"{message.path}?{'&'.join([*pieces, *added])}")


def test_a_scheme_tells_the_truth_about_itself() -> None:
    scheme = scheme_of(LINK)
    told = (scheme.name, scheme.replay_class, scheme.fields, scheme.max_age, scheme.names_key, scheme.needs_origin)
    assert ("aws-sigv4-presigned", "reusable", (), 300, True, True) == told
    assert 6 == len(scheme.query)
    assert {"no-nonce", "lossy-transform"} == scheme.weaknesses()
    assert {"no-nonce", "lossy-transform", "body-not-covered"} == scheme_of(S3_LINK).weaknesses()
    assert ("@method", "@path", "@query", "host", "body") == scheme.covered == verify(presigned()).covered
    assert ("@method", "@path", "@query", "host") == verify(presigned(aws=S3_LINK), S3_LINK).covered


@pytest.mark.parametrize("aws", [LINK, S3_LINK], ids=["general", "s3"])
@pytest.mark.parametrize("target", ["/", "/a%20b/c?x=1&y=%2F", "/a?b", "/a?x=2&x=1"])
def test_what_we_sign_is_what_the_judge_signs(aws: reference.Aws, target: str) -> None:
    message = replace(GET, target=target)
    ours = Signer(scheme_of(aws), key=KEY, key_id=KEY_ID, clock=lambda: NOW).sign(as_request(message))
    assert presigned(message, aws) == Message("GET", ours.target, [("Host", HOST)])
    assert KEY_ID == verify(as_message(ours), aws).key_id


def test_an_earlier_signature_is_replaced_and_sign_headers_refuses() -> None:
    signer = Signer(scheme_of(LINK), key=KEY, key_id=KEY_ID, clock=lambda: NOW)
    once = signer.sign(as_request(presigned(created=NOW - 9)))
    assert once.target == signer.sign(once).target == presigned().target
    with pytest.raises(ConfigurationError):
        signer.sign_headers(as_request(GET))


def test_a_link_is_good_until_it_ends_and_as_often_as_it_is_used() -> None:
    message = presigned(lasts=HOUR)
    for now in (NOW, NOW, NOW + 301, NOW + HOUR, NOW - 300):
        assert verify(message, now=now)
    for now in (NOW + HOUR + 1, NOW - 301):
        with pytest.raises(Expired):
            verify(message, now=now)
    one = verifier()
    assert [KEY_ID] * 2 == [one.verify(as_request(message)).key_id for _ in range(2)]


@pytest.mark.parametrize("lasts", ["0", str(HOUR + 1), "604800", "-1", "1e3", "", "+60", "60.0", "9" * 20, "\u0666"])
def test_a_link_that_lasts_longer_than_the_service_takes_is_refused(lasts: str) -> None:
    message = presigned(lasts=60)
    with pytest.raises(SignatureMalformed):
        verify(with_parameter(message, "X-Amz-Expires", quote(lasts)))
    with pytest.raises(InvalidSignature):
        verify(with_parameter(message, "X-Amz-Expires", "61"))


@pytest.mark.parametrize("name", list(scheme_of(LINK).query))
def test_each_parameter_stands_there_once(name: str) -> None:
    message = presigned()
    value = dict(piece.split("=") for piece in message.query.split("&"))[name]
    with pytest.raises(SignatureMissing):
        verify(with_parameter(message, name, None))
    for twin in (name, name.lower(), name.upper(), name.replace("-", "%2D")):
        with pytest.raises(SignatureMalformed):
            verify(replace(message, target=f"{message.target}&{twin}={value}"))
        with pytest.raises(SignatureMalformed):
            verify(replace(message, target=message.target.replace("?", f"?{twin}={value}&")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256"),
        ("X-Amz-Credential", quote(f"{KEY_ID}/20231113/us-east-1/service/aws4_request", safe="")),
        ("X-Amz-Credential", quote(f"{KEY_ID}/20231114/eu-west-1/service/aws4_request", safe="")),
        ("X-Amz-Credential", ""),
        ("X-Amz-Date", "20231114T221321"),
        ("X-Amz-Date", "1700000000"),
        ("X-Amz-SignedHeaders", "Host"),
        ("X-Amz-SignedHeaders", ""),
        ("X-Amz-Signature", "0" * 63),
        ("X-Amz-Signature", "%30" * 65),
    ],
)
def test_a_parameter_of_another_form_is_refused(name: str, value: str) -> None:
    with pytest.raises(SignatureMalformed):
        verify(with_parameter(presigned(), name, value))


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"target": "/orders/1"},
        {"target": "/orders?page=3"},
        {"target": "/orders"},
        {"body": b"x"},
    ],
    ids=str,
)
def test_one_changed_part_is_refused(change: dict[str, Any]) -> None:
    message = presigned()
    target = change.get("target", GET.target)
    own = message.query.partition("&X-Amz-Algorithm")[2]
    target += f"{'&' if '?' in target else '?'}X-Amz-Algorithm{own}"
    with pytest.raises(InvalidSignature):
        verify(replace(message, **{**change, "target": target}))
    with pytest.raises(InvalidSignature):
        verify(replace(message, target=f"{message.target}&admin=1"))
    with pytest.raises(InvalidSignature):
        verify(presigned(key=OTHER_KEY))


def test_two_signatures_on_one_message_are_refused() -> None:
    fields = signed(GET).headers
    both = replace(presigned(), headers=fields)
    for aws in (LINK, AWS):
        with pytest.raises(SignatureMalformed):
            Verifier(scheme_of(aws), keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW).verify(as_request(both))
    with pytest.raises(SignatureMalformed):
        verify(presigned().plus([("X-Amz-Date", field_of(signed(GET), "X-Amz-Date"))]))
    assert verify(presigned().plus([("Authorization", "Bearer for-somebody-else")]))


def test_one_form_does_not_pass_for_the_other() -> None:
    with pytest.raises(SignatureMissing):
        verify(signed(GET))
    with pytest.raises(SignatureMissing):
        Verifier(schemes.AWS_SIGV4, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW).verify(
            as_request(presigned())
        )


def test_a_body_needs_the_routes_word_where_the_link_does_not_sign_it() -> None:
    upload = replace(presigned(replace(GET, method="PUT"), S3_LINK), body=b"a file")
    with pytest.raises(NotCovered):
        verify(upload, S3_LINK)
    typed = as_request(upload.plus([("Content-Type", "text/plain")]))
    assert b"a file" == verifier(S3_LINK).verify(typed, uncovered=frozenset({"body"})).body


def test_a_link_for_one_body_takes_that_body_only() -> None:
    message = presigned(replace(POST, target="/orders"))
    assert POST.body == verify(message).body
    with pytest.raises(InvalidSignature):
        verify(replace(message, body=b""))
    digest = hashlib.sha256(b"a file").hexdigest()
    stated = presigned(replace(GET, method="PUT", target=f"/k?X-Amz-Content-Sha256={digest}"), LINK)
    with pytest.raises(Rejected):  # the judge signed the digest of no body
        verify(replace(stated, body=b"a file"))


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", hashlib.sha256(b"").hexdigest(), "STREAMING-X", "0" * 64])
def test_a_payload_in_the_query_is_the_one_that_counts(payload: str) -> None:
    """The SDK for JavaScript lifts X-Amz-Content-Sha256 into the query."""
    target = f"/k?X-Amz-Content-Sha256={payload}"
    message = presigned(replace(GET, target=target), S3_LINK)
    if payload == "UNSIGNED-PAYLOAD":
        assert verify(message, S3_LINK)
    else:
        with pytest.raises(Rejected):
            verify(message, S3_LINK)
    with pytest.raises(SignatureMalformed):
        verify(presigned(replace(GET, target=f"{target}&X-Amz-Content-Sha256={payload}"), S3_LINK), S3_LINK)


def test_a_session_token_in_the_query_is_signed_like_all_of_it() -> None:
    message = presigned(replace(GET, target="/k?X-Amz-Security-Token=FwoG%2Fw"))
    assert verify(message)
    with pytest.raises(InvalidSignature):
        verify(replace(message, target=message.target.replace("FwoG", "FwoH")))
    with pytest.raises(NotCovered):
        verify(presigned().plus([("X-Amz-Security-Token", "t")]))


@pytest.mark.parametrize(
    "client", [Auth, partial(Transport, origin=ORIGIN), RequestsAuth, partial(Adapter, origin=ORIGIN)]
)
def test_clients_say_at_once_that_they_do_not_change_a_target(client: Callable[[Signer], object]) -> None:
    with pytest.raises(ConfigurationError, match=r"Signer\.sign"):
        client(Signer(scheme_of(LINK), key=KEY, key_id=KEY_ID))


def test_what_cannot_be_a_link_is_not_signed() -> None:
    signer = Signer(scheme_of(LINK), key=KEY, key_id="a,b c/d")
    assert quote("a,b c/d", safe="") in signer.sign(as_request(GET)).target
    for request in (
        Request("GET", "/", [("Host", HOST), ("X-Amz-Date", "20231114T221320Z")]),
        Request("GET", "/?a=%", [("Host", HOST)]),
        Request("GET", "/a/../b", [("Host", HOST)]),
        Request("GET", "/?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", [("Host", HOST)]),
    ):
        with pytest.raises(ConfigurationError):
            signer.sign(request)


def test_the_description_of_an_interface_says_in_which_parameter_the_signature_is() -> None:
    told = security_scheme(Require((verifier(),)))
    assert ("apiKey", "query", "X-Amz-Signature") == (told["type"], told["in"], told["name"])
    fields = security_scheme(Require((Verifier(schemes.AWS_SIGV4, keys={KEY_ID: KEY}, origin=ORIGIN),)))
    assert ("apiKey", "header", "Authorization") == (fields["type"], fields["in"], fields["name"])
