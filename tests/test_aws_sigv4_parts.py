"""AWS Signature Version 4: which parts of a request are signed, and which two requests may sign alike."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

import reference
from aws_signed import DAY, GET, JUDGE, POST, S3, authorization, by_hand, own, signed, verifier, verify
from judged import AWS, HOST, KEY, KEY_ID, NOW, OTHER_KEY, as_request, field_of, with_field
from sealgate import ConfigurationError, Rejected, Request, Scheme, Verifier, schemes
from sealgate.exceptions import BodyUnreadable, DigestMismatch, InvalidSignature, NotCovered, TargetAmbiguous

# --- fields that act --------------------------------------------------------------------------------------------------


def test_the_host_is_signed_and_ours() -> None:
    with pytest.raises(NotCovered):
        verify(by_hand(GET, "x-amz-date"))
    elsewhere = signed(with_field(GET, "Host", "evil.example"))
    with pytest.raises(TargetAmbiguous):
        verify(elsewhere)
    with pytest.raises(InvalidSignature):
        verify(with_field(elsewhere, "Host", HOST))
    with pytest.raises(NotCovered):
        verify(with_field(signed(), "Host", None))
    with pytest.raises(ConfigurationError):
        Verifier(schemes.AWS_SIGV4, keys={KEY_ID: KEY})


@pytest.mark.parametrize(
    "name", ["X-Amz-Target", "X-Amz-Security-Token", "X-Amz-Meta-Role", "x_amz_target", "X-AMZ-TARGET"]
)
def test_a_field_of_aws_own_that_is_not_signed_is_refused(name: str) -> None:
    """A token added later, a target turned into another operation."""
    with pytest.raises(Rejected):
        verify(signed().plus([(name, "DeleteTable")]))


def test_a_session_token_is_taken_where_it_is_signed() -> None:
    message = signed(POST.plus([("X-Amz-Security-Token", "FwoGZXIvYXdzEA==")]))
    assert "x-amz-security-token" in verify(message).covered
    for value in ("FwoGZXIvYXdzEB==", None):
        with pytest.raises(Rejected):
            verify(with_field(message, "X-Amz-Security-Token", value))


@pytest.mark.parametrize("name", ["X-Amz-Cf-Id", "x-amz-cf-id"])
def test_what_cloudfront_adds_on_the_way_need_not_be_signed_and_nothing_like_it(name: str) -> None:
    message = signed(POST)
    added = message.plus([(name, "opaque==")])
    assert "x-amz-cf-id" not in verify(added).covered
    assert JUDGE.judge(added, JUDGE.ring, NOW)
    for other in ("X-Amz-Cf-Id2", "X-Amz-Cf-I", "X_Amz_Cf_Id", "X-Amz-Cf_Id", "X-Amz-Acl"):
        added = message.plus([(other, "opaque==")])
        with pytest.raises(NotCovered):
            verify(added)
        with pytest.raises(reference.Refused):
            JUDGE.judge(added, JUDGE.ring, NOW)
    own = signed(POST.plus([(name, "a")]))
    with pytest.raises(InvalidSignature):
        verify(with_field(own, name, "b"))


def test_the_type_of_a_body_is_signed() -> None:
    with pytest.raises(NotCovered):
        verify(by_hand(POST, "host", "x-amz-date"))
    assert verify(by_hand(replace(POST, body=b""), "host", "x-amz-date"))
    with pytest.raises(NotCovered):
        verify(signed(with_field(POST, "Content-Type", None)).plus([("Content-Type", "text/plain")]))


@pytest.mark.parametrize("name", ["Host", "X-Amz-Date", "Authorization", "Content-Type", "X-Amz-Meta-A"])
def test_a_covered_field_occurs_once(name: str) -> None:
    message = signed(POST.plus([("X-Amz-Meta-A", "1")]))
    for twin in (name, name.lower(), name.replace("-", "_") if "-" in name else name.upper()):
        with pytest.raises(Rejected):
            verify(message.plus([(twin, field_of(message, name))]))


def test_blanks_within_a_value_are_one_and_that_is_declared() -> None:
    message = signed(GET.plus([("X-Amz-Meta-Name", "a  b")]))
    assert verify(with_field(message, "X-Amz-Meta-Name", " a b  "))
    assert "lossy-transform" in schemes.AWS_SIGV4.weaknesses()
    with pytest.raises(InvalidSignature):
        verify(with_field(message, "X-Amz-Meta-Name", "ab"))


# --- path and query ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/a/./b", "/a/../b", "/.", "/..", "/a/.", "/a/..", "/a//b", "/a//", "//", "/./", "/a/b/../../c"]
)
def test_paths_that_aws_signs_like_another_are_refused(path: str) -> None:
    """What acts is the path as received: `/public/../admin` may not have the signature of `/admin`."""
    message = with_field(with_field(GET, "X-Amz-Date", f"{DAY}T221320Z"), "Authorization",
                         authorization("host;x-amz-date", "0" * 64))  # fmt: skip
    with pytest.raises(TargetAmbiguous):
        verify(replace(message, target=path))
    with pytest.raises(ConfigurationError):
        schemes.AWS_SIGV4.signature_base(Request("GET", path, [("Host", HOST)]), KEY_ID, NOW, "")


@pytest.mark.parametrize(
    ("one", "other"),
    [("/a%20b", "/a%2520b"), ("/a%2Fb", "/a/b"), ("/%7Ea", "/~a"), ("/%2e%2e/b", "/../b"), ("/a/", "/a"), ("/a%2fb", "/a%2Fb"),
     ("/$x", "/%24x"), ("/a;b", "/a%3Bb")],
)  # fmt: skip
@pytest.mark.parametrize("aws", [AWS, S3], ids=["general", "s3"])
def test_no_two_paths_sign_alike(aws: reference.Aws, one: str, other: str) -> None:
    scheme = own(path="s3" if aws.s3 else "general")
    message = signed(replace(GET, target=one), aws)
    assert verify(message, scheme)
    with pytest.raises(Rejected):
        verify(replace(message, target=other), scheme)


def test_s3_signs_dots_and_empty_segments_as_they_are() -> None:
    for path in ("/a/../b", "/a//b", "/./a", "/a/."):
        message = signed(replace(GET, target=path), S3)
        assert verify(message, own(path="s3"))
        with pytest.raises(Rejected):
            verify(replace(message, target="/b"), own(path="s3"))


@pytest.mark.parametrize(
    ("sent", "same"),
    [("a=1&b=2", "b=2&a=1"), ("a=2&a=1", "a=1&a=2"), ("a=%7E", "a=~"), ("a=x+y", "a=x%20y"), ("a", "a="), ("a=b=c", "a=b%3Dc"),
     ("%61=1", "a=1"), ("a=%c3%a9", "a=%C3%A9")],
)  # fmt: skip
def test_queries_that_mean_the_same_sign_alike_and_that_is_declared(sent: str, same: str) -> None:
    message = signed(replace(GET, target=f"/?{sent}"))
    assert verify(replace(message, target=f"/?{same}"))
    assert "lossy-transform" in schemes.AWS_SIGV4.weaknesses()


@pytest.mark.parametrize(
    ("sent", "other"),
    [("a=1", "a=2"), ("a=1", "a=1&a=1"), ("a=1&a=1", "a=1"), ("a=1", ""), ("", "a=1"), ("a=%2B", "a=+"), ("a=x%26b", "a=x&b"),
     ("a%3D1", "a=1"), ("a=1", "A=1"), ("a=%00", "a="), ("a=1", "a=1&"), ("a=%2520", "a=%20"), ("a=b&c=d", "a=d&c=b"),
     ("ab=c", "a=bc"), ("a=1&b", "a=1b")],
)  # fmt: skip
def test_queries_that_mean_something_else_do_not(sent: str, other: str) -> None:
    message = signed(replace(GET, target=f"/?{sent}" if sent else "/"))
    assert verify(message)
    with pytest.raises(InvalidSignature):
        verify(replace(message, target=f"/?{other}" if other else "/"))


@pytest.mark.parametrize("query", ["a=%", "a=%4", "a=%zz", "%", "a=%u00e9"])
def test_a_query_that_readers_decode_differently_is_refused(query: str) -> None:
    with pytest.raises(TargetAmbiguous):
        verify(replace(signed(), target=f"/?{query}"))


# --- the body ---------------------------------------------------------------------------------------------------------


def test_a_body_whose_digest_is_not_stated_is_read_first() -> None:
    with pytest.raises(InvalidSignature):
        verify(replace(signed(), body=POST.body + b" "))
    with pytest.raises(BodyUnreadable):
        verifier().verify(as_request(with_field(signed(key=OTHER_KEY), "X", "1")), _unreadable)


def test_a_forged_signature_costs_no_body_where_its_digest_is_stated() -> None:
    message = signed(payload=hashlib.sha256(POST.body).hexdigest())
    with pytest.raises(BodyUnreadable):
        verifier().verify(as_request(message), _unreadable)
    with pytest.raises(InvalidSignature):
        verifier().verify(as_request(signed(payload="0" * 64, key=OTHER_KEY)), _unreadable)
    assert ("x-amz-content-sha256", "x-amz-date", "body") == verify(message).covered[-3:]
    with pytest.raises(DigestMismatch):
        verify(replace(message, body=b""))


def _unreadable(limit: int) -> bytes:
    raise BodyUnreadable("not to be read")


@pytest.mark.parametrize(
    "payload",
    ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "0" * 63, "0" * 65, "G" * 64, "unsigned-payload",
     hashlib.sha256(POST.body).hexdigest().upper(), "0" * 64],
)  # fmt: skip
def test_a_payload_that_is_not_the_digest_of_the_body_is_refused(payload: str) -> None:
    with pytest.raises(Rejected):
        verify(signed(payload=payload))
    with pytest.raises(Rejected):
        verify(signed(payload=payload), own(unsigned_payload=True))


def test_an_unsigned_payload_is_taken_only_where_the_scheme_and_the_route_say_so() -> None:
    message, scheme = signed(payload="UNSIGNED-PAYLOAD"), own(unsigned_payload=True)
    with pytest.raises(NotCovered):
        verify(message)
    with pytest.raises(NotCovered):
        verify(message, scheme)
    open_body = frozenset({"body"})
    covered = verifier(scheme).verify(as_request(message), uncovered=open_body).covered
    assert "body" not in covered
    with pytest.raises(NotCovered):
        verifier().verify(as_request(message), uncovered=open_body)
    assert "body-not-covered" in scheme.weaknesses()
    assert "body" not in scheme.covered
    assert "body" in verify(signed(), scheme).covered


def test_accepted_weaknesses_are_exactly_its_own() -> None:
    named = {"region": "us-east-1", "service": "service"}
    assert Scheme.aws_sigv4(**named, accept_weaknesses={"no-nonce", "lossy-transform"})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        Scheme.aws_sigv4(**named, accept_weaknesses={"no-nonce"})  # type: ignore[arg-type]
