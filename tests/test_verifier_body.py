"""The verifier and the body: handed on as it was proven, limits on both sides."""

from __future__ import annotations

import pytest

from judged import (
    BODY,
    Judged,
    as_request,
    bodiless,
    each_scheme,
)
from reference import Message
from sealgate import Rejected, Request
from sealgate.exceptions import (
    BodyTooLarge,
)
from sealgate.verifier import BODY_LIMIT


@each_scheme
def test_the_body_that_was_proven_is_the_one_that_is_handed_on(judged: Judged) -> None:
    """C20: the same octets, whatever `request.body` says."""
    signed = judged.signed()
    request = Request(signed.method, signed.target, list(signed.headers), b"something else")
    verified = judged.verifier().verify(request, lambda limit: signed.body)
    assert signed.body == verified.body


@each_scheme
def test_the_body_limit_holds_on_both_sides(judged: Judged) -> None:
    body = b"x" * 1024
    signed = judged.signed(Message("POST", "/p", judged.message.headers, body))
    assert body == judged.verifier(body_limit=1024).verify(as_request(signed)).body
    with pytest.raises(BodyTooLarge):
        judged.verifier(body_limit=1023).verify(as_request(signed))
    with pytest.raises(BodyTooLarge):
        judged.verifier(body_limit=1023).verify(bodiless(signed), lambda limit: body)


def test_the_reader_is_told_the_limit() -> None:
    told: list[int] = []

    def read_body(limit: int) -> bytes:
        told.append(limit)
        return BODY.message.body

    BODY.verifier(body_limit=77).verify(bodiless(BODY.signed()), read_body)
    assert [77] == told


@each_scheme
@pytest.mark.parametrize("size", [256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 3 * 1024 * 1024])
def test_large_bodies_are_the_judges(judged: Judged, size: int) -> None:
    """From 256 KiB on the interpreter is let go while we hash: the verdict stays the same."""
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    signed = judged.signed(Message("POST", "/p", judged.message.headers, body))
    assert body == judged.verifier().verify(as_request(signed)).body
    with pytest.raises(Rejected):
        judged.verifier().verify(as_request(Message("POST", "/p", signed.headers, body[:-1] + b"?")))


def test_ten_mebibytes_are_the_default_limit() -> None:
    assert 10 * 1024 * 1024 == BODY_LIMIT == BODY.verifier().body_limit


@pytest.mark.parametrize(
    "text",
    ["-1", "+5", "5_0", "0x5", "nonsense", "5,5", "9" * 400, "\u0665", "1e3", "5.0", str(BODY_LIMIT + 1)],
    ids=lambda text: ascii(text)[:12],
)
def test_a_content_length_that_is_none_is_a_refusal(text: str) -> None:
    signed = BODY.signed()
    headers: list[tuple[str | bytes, str | bytes]] = [*signed.headers, ("Content-Length", text.encode())]
    with pytest.raises(Rejected):
        BODY.verifier().verify(Request(signed.method, signed.target, headers, signed.body))


@pytest.mark.parametrize("text", ["", "12", " 12\t", "0", str(BODY_LIMIT)])
def test_a_plain_content_length_is_no_hindrance(text: str) -> None:
    """What it says against the body is for the server's adapter, which knows the framing."""
    assert BODY.message.body == BODY.verifier().verify(as_request(BODY.signed().plus([("Content-Length", text)]))).body
