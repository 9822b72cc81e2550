"""AWS Signature Version 4 in the Authorization field: its form, its key and scope, its time, and whether it comes again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import reference
from aws_signed import DAY, GET, POST, S3, SCOPE, authorization, by_hand, own, signed, verifier, verify
from judged import AWS, HOST, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, as_message, as_request, field_of, with_field
from reference import Message
from reference.aws_sigv4 import amz_date
from sealgate import ConfigurationError, KeyRing, Request, Scheme, Signer, schemes
from sealgate.exceptions import (
    Expired,
    InvalidSignature,
    NotCovered,
    Replayed,
    SignatureMalformed,
    SignatureMissing,
    UnknownKey,
)


def test_covered_is_what_the_message_lists() -> None:
    message = signed(POST.plus([("X-Amz-Meta-Shop", "42"), ("X-Tenant", "7")]))
    covered = ("@method", "@path", "@query", "content-type", "host", "x-amz-date", "x-amz-meta-shop", "body")
    assert covered == verify(message).covered
    assert (KEY_ID, NOW, None) == (verify(message).key_id, verify(message).created, verify(message).nonce)


def test_more_fields_may_be_signed_than_must() -> None:
    message = by_hand(POST.plus([("X-Tenant", "7")]), "content-type", "host", "x-amz-date", "x-tenant")
    assert "x-tenant" in verify(message).covered
    with pytest.raises(InvalidSignature):
        verify(with_field(message, "X-Tenant", "8"))
    with pytest.raises(NotCovered):
        verify(with_field(message, "X-Tenant", None))


# --- which key, which scope -------------------------------------------------------------------------------------------


def test_the_key_is_derived_and_named_by_its_id() -> None:
    with pytest.raises(InvalidSignature):
        verify(signed(key=OTHER_KEY))
    with pytest.raises(UnknownKey):
        verify(signed(key_id="globex"))
    ring = KeyRing({"globex": OTHER_KEY, KEY_ID: [OTHER_KEY[::-1], KEY]})
    assert KEY_ID == verify(signed(), keys=ring).key_id


def test_a_key_id_may_hold_slashes() -> None:
    message = signed(key_id="a/b/20231114/x")
    assert "a/b/20231114/x" == verify(message, keys={"a/b/20231114/x": KEY}).key_id


@pytest.mark.parametrize(
    "change",
    [
        {"region": "eu-west-1"},
        {"service": "s3"},
        {"region": "us-east-1-"},
        {"service": "SERVICE"},
        {"region": "US-EAST-1"},
    ],
    ids=str,
)
def test_another_scope_than_the_configured_one_is_refused(change: dict[str, str]) -> None:
    """What was signed for another service, with the same key, is not for this one."""
    with pytest.raises(SignatureMalformed):
        verify(signed(aws=replace(AWS, **change)))


def test_several_regions_or_any_are_taken_where_the_scheme_says_so() -> None:
    irish = signed(aws=replace(AWS, region="eu-west-1", service="orders"))
    assert verify(irish, own(region=["us-east-1", "eu-west-1"], service=None))
    with pytest.raises(InvalidSignature):  # the scope is signed
        verify(with_field(irish, "Authorization", field_of(irish, "Authorization").replace("eu-west", "us-east")),
               own(region=None, service=None))  # fmt: skip


def test_the_day_of_the_scope_is_the_day_of_the_time() -> None:
    message = signed()
    moved = field_of(message, "Authorization").replace(DAY, "20231115")
    with pytest.raises(SignatureMalformed):
        verify(with_field(message, "Authorization", moved))


# --- the form of the field --------------------------------------------------------------------------------------------


def _of_members(message: Message) -> list[str]:
    return field_of(message, "Authorization").removeprefix("AWS4-HMAC-SHA256 ").split(", ")


def test_members_stand_in_any_order_with_or_without_a_blank() -> None:
    credential, names, signature = _of_members(signed())
    for text in (f"{signature},{credential},{names}", f" {names},  {signature} , {credential}"):
        assert verify(with_field(signed(), "Authorization", f"AWS4-HMAC-SHA256 {text}"))


@pytest.mark.parametrize(
    "wrong",
    [
        "{0}, {1}",
        "{0}, {1}, {2}, {2}",
        "{0}, {1}, {2}, Signature=00",
        "{0}, {0}, {2}",
        "{0}, {1}, {2}, Extra=1",
        "{0}, {1}, {2},",
        "{0} {1} {2}",
        "{0}; {1}; {2}",
        "credential={0}, {1}, {2}",
        "",
    ],
)
def test_an_authorization_of_another_form_is_refused(wrong: str) -> None:
    text = f"AWS4-HMAC-SHA256 {wrong.format(*_of_members(signed()))}"
    with pytest.raises(SignatureMalformed):
        verify(with_field(signed(), "Authorization", text))


@pytest.mark.parametrize(
    "algorithm", ["AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA256-PAYLOAD", "aws4-hmac-sha256", "AWS4-HMAC-SHA1", "Bearer"]
)
def test_another_algorithm_is_refused(algorithm: str) -> None:
    text = field_of(signed(), "Authorization").replace("AWS4-HMAC-SHA256", algorithm)
    with pytest.raises(SignatureMalformed):
        verify(with_field(signed(), "Authorization", text))


@pytest.mark.parametrize("change", ["", "0", "00" * 31, "00" * 33, "0" * 63 + "g", "00" * 4000])
def test_a_signature_that_is_not_64_digits_is_refused(change: str) -> None:
    credential, names, _ = _of_members(signed())
    with pytest.raises(SignatureMalformed):
        verify(with_field(signed(), "Authorization", f"AWS4-HMAC-SHA256 {credential}, {names}, Signature={change}"))


def test_upper_case_digits_are_another_spelling_and_refused() -> None:
    credential, names, signature = _of_members(signed())
    text = f"AWS4-HMAC-SHA256 {credential}, {names}, Signature={signature.removeprefix('Signature=').upper()}"
    with pytest.raises(SignatureMalformed):
        verify(with_field(signed(), "Authorization", text))


@pytest.mark.parametrize(
    "credential",
    ["", "acme", SCOPE, f"/{SCOPE}", f"acme/{SCOPE}/", f"acme/{SCOPE}x", "acme/20231114/us-east-1/service",
     f"acme/{DAY}/us-east-1/aws4_request", f"{'k' * 257}/{SCOPE}", f"acme/x{SCOPE}", f"acme//{SCOPE}/aws4_request"],
)  # fmt: skip
def test_a_credential_of_another_form_is_refused(credential: str) -> None:
    _, names, signature = _of_members(signed())
    with pytest.raises(SignatureMalformed):
        verify(with_field(signed(), "Authorization", f"AWS4-HMAC-SHA256 Credential={credential}, {names}, {signature}"))


@pytest.mark.parametrize(
    "names",
    ["", ";", "host;", ";host", "Host;x-amz-date", "x-amz-date;host", "host;host;x-amz-date", "host x-amz-date",
     "host;x_amz_date", "host;x-amz-d\u00e4te", ";".join(["host", *(f"h{n:02}" for n in range(64))])],
)  # fmt: skip
def test_signed_headers_of_another_form_are_refused(names: str) -> None:
    with pytest.raises(SignatureMalformed):
        verify(with_field(signed(), "Authorization", authorization(names, "0" * 64)))


def test_64_fields_are_taken() -> None:
    more = [(f"H{n:02}", str(n)) for n in range(62)]
    message = by_hand(GET.plus(more), *sorted(name.lower() for name, _ in more), "host", "x-amz-date")
    assert 64 == len(set(verify(message).covered) - {"@method", "@path", "@query", "body"})


# --- the time ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "time",
    ["1700000000", "2023-11-14T22:13:20Z", "20231114T221320", "20231114t221320z", "20231114T221320Z0", "20231314T221320Z",
     "20231131T221320Z", "20230229T221320Z", "20231114T241320Z", "20231114T226020Z", "20231114T221360Z", "abc",
     "-0231114T221320Z", "2023_114T221320Z", "99999999T999999Z", "9" * 5000, "20231114T221320+"],
)  # fmt: skip
def test_a_time_of_another_form_is_refused(time: str) -> None:
    with pytest.raises(SignatureMalformed):
        verify(with_field(signed(), "X-Amz-Date", time))


@pytest.mark.parametrize("created", [0, 951_782_399, 951_782_400, 1_709_164_800, 4_107_542_399, 253_402_300_799])
def test_every_day_of_the_calendar_is_the_judges(created: int) -> None:
    signer = Signer(schemes.AWS_SIGV4, key=KEY, key_id=KEY_ID, clock=lambda: created)
    message = as_message(signer.sign(Request("GET", "/", [("Host", HOST)])))
    assert amz_date(created) == field_of(message, "X-Amz-Date")
    assert created == verify(message, now=created).created


def test_a_year_of_five_digits_cannot_be_written() -> None:
    for created in (253_402_300_800, 10**15):
        with pytest.raises(ConfigurationError):
            schemes.AWS_SIGV4.signature_base(Request("GET", "/", [("Host", HOST)]), KEY_ID, created, "")


@pytest.mark.parametrize(
    ("scheme", "aws", "age"), [(schemes.AWS_SIGV4, AWS, 300), (own(path="s3"), S3, 900)], ids=["general", "s3"]
)
def test_the_window_is_exact_on_both_sides(scheme: Scheme, aws: reference.Aws, age: int) -> None:
    message = signed(GET, aws)
    assert verify(message, scheme, NOW + age)
    assert verify(message, scheme, NOW - age)
    for now in (NOW + age + 1, NOW - age - 1):
        with pytest.raises(Expired):
            verify(message, scheme, now)


def test_a_date_field_alone_says_nothing() -> None:
    with pytest.raises(SignatureMissing):
        verify(with_field(signed(), "X-Amz-Date", None).plus([("Date", "Tue, 14 Nov 2023 22:13:20 GMT")]))


# --- again ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "again"), [("GET", True), ("HEAD", True), ("POST", False), ("PUT", False), ("get", False)]
)
def test_what_sdks_repeat_within_a_second_is_taken_again_and_nothing_else(method: str, again: bool) -> None:
    message, one = signed(replace(POST, method=method)), verifier()
    assert one.verify(as_request(message))
    if again:
        assert one.verify(as_request(message))
    else:
        with pytest.raises(Replayed):
            one.verify(as_request(message))
        reordered = replace(message, target="/a%20b/%2Fc?a=0&a=1&b=2")
        with pytest.raises(Replayed):  # the same signature base
            one.verify(as_request(reordered))


# --- signing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aws", [AWS, S3], ids=["general", "s3"])
def test_what_we_sign_is_what_the_judge_signs(aws: reference.Aws) -> None:
    scheme = own(path="s3" if aws.s3 else "general")
    message = POST.plus([("X-Amz-Meta-A", " b  c "), ("X-Amz-Security-Token", "t"), ("User-Agent", "x")])
    added = Signer(scheme, key=KEY, key_id=KEY_ID, clock=lambda: NOW).sign_headers(as_request(message))
    assert list(reference.sign_aws_sigv4(message, KEY, aws, key_id=KEY_ID, created=NOW)) == added


def test_an_earlier_signature_is_replaced() -> None:
    signer = Signer(own(path="s3"), key=KEY, key_id=KEY_ID, clock=lambda: NOW)
    once = signer.sign(as_request(signed(aws=S3, created=NOW - 900)))
    assert once.headers == signer.sign(once).headers
    assert verify(as_message(once), own(path="s3"))


def test_the_host_is_added_from_the_origin() -> None:
    signer = Signer(schemes.AWS_SIGV4, key=KEY, key_id=KEY_ID, clock=lambda: NOW)
    assert verify(as_message(signer.sign(Request("GET", "/", origin=ORIGIN))))
    with pytest.raises(ConfigurationError):
        signer.sign(Request("GET", "/"))


@pytest.mark.parametrize(
    "wrong",
    [{"key_id": "a,b"}, {"key_id": "a b"}, {"key_id": "\u00e9"}, {"target": "/?X-Amz-Signature=0"}, {"target": "/?a=%"},
     {"headers": [("Host", HOST), ("X_Amz_A", "1")]}],
    ids=str,
)  # fmt: skip
def test_what_no_verifier_would_take_is_not_signed(wrong: dict[str, Any]) -> None:
    request = Request("GET", wrong.get("target", "/"), wrong.get("headers", [("Host", HOST)]))
    with pytest.raises(ConfigurationError):
        Signer(schemes.AWS_SIGV4, key=KEY, key_id=wrong.get("key_id", KEY_ID), clock=lambda: NOW).sign(request)


@pytest.mark.parametrize(
    "settings",
    [{"path": "S3"}, {"region": ""}, {"region": []}, {"service": "a/b"}, {"region": "x" * 65}, {"service": ["ok", "\u00e9"]},
     {"presigned": 0}, {"presigned": 604_801}, {"path": "s3", "presigned": 60}, {"max_age": 0}],
    ids=str,
)  # fmt: skip
def test_a_scheme_that_is_none_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        own(**settings)


def test_any_region_is_none_to_sign_with() -> None:
    with pytest.raises(ConfigurationError):
        Signer(own(region=None), key=KEY, key_id=KEY_ID).sign(Request("GET", "/", [("Host", HOST)]))
