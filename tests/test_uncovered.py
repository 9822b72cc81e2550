"""What a route may leave uncovered, and who is named in a refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import reference
from judged import (
    JUDGED,
    KEY,
    KEY_ID,
    NONCE,
    NOW,
    ORIGIN,
    OTHER_KEY,
    PARTIAL,
    RFC9421,
    Verify,
    as_request,
    bodiless,
    each_driver,
)
from reference import Message
from sealgate import ConfigurationError, Rejected, Request, Scheme, Unavailable, Verifier
from sealgate.exceptions import (
    BodyMalformed,
    BodyTooLarge,
    BodyUnreadable,
    DigestMismatch,
    Expired,
    InvalidSignature,
    NotCovered,
    Replayed,
    SignatureMissing,
    UnknownKey,
)

QUERY, BODY = frozenset({"query"}), frozenset({"body"})
BOTH = QUERY | BODY


def rfc9421(message: Message, *components: str) -> Message:
    fields = reference.sign_rfc9421(
        message, KEY, origin=ORIGIN, key_id=KEY_ID, created=NOW, nonce=NONCE, components=components
    )
    return message.plus([field for field in fields if field[0] != "Content-Digest" or "content-digest" in components])


_PARTS = Message("POST", "/orders", [("Host", "api.shop.example")], b"{}")
_ALL = ("@method", "@authority", "@path", "@query")


@each_driver
def test_an_uncovered_query_is_taken_where_the_route_says_so(verify: Verify) -> None:
    judged = JUDGED["github"]
    asked = replace(judged.signed(), target="/orders?dry=1")
    for uncovered in (frozenset[str](), BODY):
        with pytest.raises(NotCovered):
            verify(judged.verifier(), as_request(asked), uncovered=uncovered)
    for uncovered in (QUERY, BOTH):
        verified = verify(judged.verifier(), as_request(asked), uncovered=uncovered)
        assert (("body",), judged.message.body) == (verified.covered, verified.body)


@each_driver
@pytest.mark.parametrize("body", [b"x", b"\0" * 1000])
def test_an_uncovered_body_is_handed_on_as_received_where_the_route_says_so(verify: Verify, body: bytes) -> None:
    signed = PARTIAL["scoped"].signed()
    verifier = PARTIAL["scoped"].verifier()
    for uncovered in (frozenset[str](), QUERY):
        with pytest.raises(NotCovered):
            verify(verifier, bodiless(signed), lambda limit: body, uncovered=uncovered)
    for uncovered in (BODY, BOTH):
        verified = verify(verifier, bodiless(signed), lambda limit: body, uncovered=uncovered)
        assert (("param:id",), True) == (verified.covered, verified.body is body)


@each_driver
def test_a_message_signature_may_do_without_a_digest_where_the_route_says_so(verify: Verify) -> None:
    signed = rfc9421(_PARTS, *_ALL)
    with pytest.raises(NotCovered):
        verify(RFC9421.verifier(), as_request(signed))
    verified = verify(RFC9421.verifier(), as_request(signed), uncovered=BODY)
    assert (_ALL, b"{}") == (verified.covered, verified.body)


@each_driver
def test_a_digest_that_is_covered_is_checked_all_the_same(verify: Verify) -> None:
    signed = rfc9421(_PARTS, *_ALL, "content-digest")
    verified = verify(RFC9421.verifier(), as_request(signed), uncovered=BOTH)
    assert (*_ALL, "content-digest", "body") == verified.covered
    for body in (b"{ }", b""):
        with pytest.raises(DigestMismatch):
            verify(RFC9421.verifier(), as_request(replace(signed, body=body)), uncovered=BOTH)


@each_driver
@pytest.mark.parametrize("name", JUDGED)
def test_nothing_else_is_weakened(verify: Verify, name: str) -> None:
    judged = JUDGED[name]
    signed = judged.signed()
    with pytest.raises(SignatureMissing):
        verify(judged.verifier(), as_request(judged.message), uncovered=BOTH)
    with pytest.raises(InvalidSignature):
        verify(judged.verifier(), as_request(judged.signed(key=OTHER_KEY)), uncovered=BOTH)
    with pytest.raises(Rejected):
        verify(judged.verifier(), as_request(replace(signed, body=signed.body + b"x")), uncovered=BOTH)
    with pytest.raises(BodyTooLarge):
        verify(judged.verifier(body_limit=1), as_request(signed), uncovered=BOTH)
    if judged.timed:
        with pytest.raises(Expired):
            verify(judged.verifier(now=NOW + judged.age + 1), as_request(signed), uncovered=BOTH)
        again = judged.verifier()
        verify(again, as_request(signed), uncovered=BOTH)
        with pytest.raises(Replayed):
            verify(again, as_request(signed), uncovered=BOTH)


@pytest.mark.parametrize("base", ["{created}", "{created}:{header:x-id}"])
@pytest.mark.parametrize("body", [b"", b"{}"])
@pytest.mark.parametrize("empty_body", [False, True])
def test_a_signature_of_nothing_that_acts_opens_no_route(base: str, body: bytes, empty_body: bool) -> None:
    """Neither method nor path nor body: a body that is nobody's does not say what to do."""
    fields = {"X-Time": "{created}", "X-Sig": "{signature:hex}"}
    scheme = Scheme("own", base=base, fields=fields, accept_weaknesses=None, empty_body=empty_body)
    octets = f"{NOW}:7" if "x-id" in base else str(NOW)
    headers = [("X-Time", str(NOW)), ("X-Id", "7"), ("X-Sig", reference.mac(KEY, octets.encode()).hex())]
    verifier = Verifier(scheme, keys=KEY, replay="off", clock=lambda: NOW)
    for uncovered in (frozenset[str](), QUERY, BODY, BOTH):
        if empty_body and not body:
            assert () == tuple(
                set(verifier.verify(Request("POST", "/", headers, body), uncovered=uncovered).covered) - {"x-id"}
            )
        else:
            with pytest.raises(NotCovered):
                verifier.verify(Request("POST", "/", headers, body), uncovered=uncovered)


def test_a_body_of_which_members_are_signed_gives_no_others_even_then() -> None:
    for name in ("envelope", "scoped-members"):
        signed = PARTIAL[name].signed()
        handed = PARTIAL[name].judge(signed, {None: [KEY]})[1]
        assert handed == PARTIAL[name].verifier().verify(as_request(signed), uncovered=BOTH).body
        with pytest.raises((BodyMalformed, SignatureMissing)):
            PARTIAL[name].verifier().verify(as_request(replace(signed, body=b"")), uncovered=BOTH)


@each_driver
@pytest.mark.parametrize("uncovered", [{"path"}, {"query", "Body"}, {""}, frozenset({"method"})], ids=str)
def test_what_cannot_be_left_uncovered_is_a_mistake_of_ours(verify: Verify, uncovered: Any) -> None:
    with pytest.raises(ConfigurationError, match="uncovered"):
        verify(RFC9421.verifier(), as_request(RFC9421.signed()), uncovered=uncovered)


# --- who is named in a refusal ----------------------------------------------------------------------------------------


def _refused(
    verify: Verify, verifier: Verifier, request: Request, *arguments: Any
) -> tuple[type[Exception], str | None]:
    with pytest.raises((Rejected, Unavailable)) as refused:
        verify(verifier, request, *arguments)
    assert isinstance(refused.value, Rejected | Unavailable)
    return type(refused.value), refused.value.key_id


def _failing(*_: Any) -> Any:
    raise OSError


def _add_failing(verifier: Verifier) -> Verifier:
    class Store:
        add = _failing

    return RFC9421.verifier(replay=Store())


@each_driver
def test_a_refusal_names_the_key_that_the_message_claims(verify: Verify) -> None:
    """For logs: nobody has proven it."""
    signed, verifier = RFC9421.signed(), RFC9421.verifier()
    forged, late = as_request(RFC9421.signed(key=OTHER_KEY)), RFC9421.verifier(now=NOW + 301)
    assert (InvalidSignature, KEY_ID) == _refused(verify, verifier, forged)
    assert (Expired, KEY_ID) == _refused(verify, late, as_request(signed))
    assert (UnknownKey, KEY_ID) == _refused(verify, RFC9421.verifier(keys={"globex": KEY}), as_request(signed))
    assert (BodyUnreadable, KEY_ID) == _refused(verify, verifier, bodiless(signed), _failing)
    assert (DigestMismatch, KEY_ID) == _refused(verify, verifier, bodiless(signed), lambda limit: b"x")
    assert (Unavailable, KEY_ID) == _refused(verify, RFC9421.verifier(keys=_failing), as_request(signed))
    assert (Unavailable, KEY_ID) == _refused(verify, _add_failing(verifier), as_request(signed))
    verify(verifier, as_request(signed))
    assert (Replayed, KEY_ID) == _refused(verify, verifier, as_request(signed))
    moved = replace(signed, headers=[(n, v) for n, v in signed.headers if n != "Host"] + [("Host", "b.example")])
    assert KEY_ID == _refused(verify, RFC9421.verifier(), as_request(moved))[1]


@each_driver
def test_a_refusal_names_nobody_where_the_message_does_not(verify: Verify) -> None:
    github = JUDGED["github"]
    assert (SignatureMissing, None) == _refused(verify, RFC9421.verifier(), as_request(RFC9421.message))
    assert (InvalidSignature, None) == _refused(verify, github.verifier(), as_request(github.signed(key=OTHER_KEY)))
    assert (None, None) == (Rejected().key_id, Unavailable().key_id)


@each_driver
def test_a_refusal_names_the_key_that_a_member_of_the_body_claims(verify: Verify) -> None:
    scheme = Scheme(
        "own",
        base="{key_id}:{created}:{json:/data}",
        json={"/k": "{key_id}", "/t": "{created}", "/s": "{signature:hex}"},
        accept_weaknesses=None,
    )
    body = b'{"data":1,"k":"acme","t":%d,"s":"' + b"0" * 64 + b'"}'
    headers = [("Content-Type", "application/json")]
    verifier = Verifier(scheme, keys={"acme": KEY}, clock=lambda: NOW)
    for created, refused in ((NOW, InvalidSignature), (NOW - 301, Expired)):
        request = Request("POST", "/", headers, body % created)
        assert (refused, "acme") == _refused(verify, verifier, request)
    unnamed = Request("POST", "/", headers, (body % NOW).replace(b"acme", b"globex"))
    assert (UnknownKey, "globex") == _refused(verify, verifier, unnamed)
    assert (SignatureMissing, None) == _refused(verify, verifier, Request("POST", "/", headers, b'{"data":1}'))
