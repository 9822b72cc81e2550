"""Requests as users write them: text, octets, and nothing that is neither."""

from __future__ import annotations

from typing import Any

import pytest

import reference
from judged import HOST, JUDGED, KEY, ORIGIN, RFC9421, as_request, verdict, with_field
from reference import Message
from sealgate import Rejected, Request


def test_a_request_says_what_it_was_given() -> None:
    request = Request("POST", "/a%20b?x=1&x=2", [("X-One", "1"), (b"X-TWO", b"\xe9")], b"body", origin=ORIGIN)
    assert ("POST", "/a%20b?x=1&x=2", "/a%20b", "x=1&x=2") == (
        request.method,
        request.target,
        request.path,
        request.query,
    )
    assert [("x-one", "1"), ("x-two", "\xe9")] == request.headers
    assert (b"body", ORIGIN) == (request.body, request.origin)


def test_defaults_are_no_fields_no_body_no_origin() -> None:
    request = Request("GET", b"/")
    assert ([], b"", None, "") == (request.headers, request.body, request.origin, request.query)


@pytest.mark.parametrize(
    "arguments",
    [
        (None, "/"),
        (b"GET", "/"),
        ("GET", None),
        ("GET", 3),
        ("GET", "/", 3),
        ("GET", "/", {"a": "b"}),
        ("GET", "/", {"te": "x"}),
        ("GET", "/", [("a",)]),
        ("GET", "/", [("a", 3)]),
        ("GET", "/", [], "text"),
        ("GET", "/", ["ab"]),
    ],
    ids=ascii,
)
def test_what_is_no_text_or_octets_is_a_type_error(arguments: tuple[Any, ...]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Request(*arguments)


class _Text(str):
    __slots__ = ()


class _Octets(bytes):
    __slots__ = ()


@pytest.mark.parametrize("value", [b"plain", b"\xe9", b"\xc3\xa9", b"", b"\x00\x7f\x80\xff", b"x" * 70_000], ids=len)
@pytest.mark.parametrize("make", [list, tuple, iter], ids=["list", "tuple", "iterator"])
def test_fields_are_the_same_however_they_are_given(value: bytes, make: Any) -> None:
    text = value.decode("latin-1")
    pairs: list[Any] = [
        ("X-One", text),
        (b"X-One", value),
        ["X-One", text],
        (_Text("X-One"), _Octets(value)),
        (_Octets(b"X-One"), _Text(text)),
    ]
    for pair in pairs:
        given = [("Host", HOST), pair, (b"x-last", b"1")]
        assert [("host", HOST), ("x-one", text), ("x-last", "1")] == Request("GET", "/", make(given)).headers, pair


@pytest.mark.parametrize("odd", ["\u0100", "\ud800", "\u65e5"], ids=ascii)
@pytest.mark.parametrize(
    ("name", "code"),
    [("Host", "target-ambiguous"), ("Signature-Input", "signature-malformed"), ("Signature", "signature-malformed")],
)
def test_a_character_that_is_no_octet_is_refused_where_it_is_read(name: str, code: str, odd: str) -> None:
    signed = RFC9421.signed(Message("GET", "/", [("Host", HOST)]))
    headers = [(other, value + odd if other == name else value) for other, value in signed.headers]
    assert headers != signed.headers
    refusal = verdict(RFC9421.verifier(), Request("GET", "/", headers))
    assert isinstance(refusal, Rejected)
    assert code == refusal.code


def test_a_request_does_not_change() -> None:
    request = Request("GET", "/")
    for name in ("method", "target", "headers", "body", "anything"):
        with pytest.raises(AttributeError):
            setattr(request, name, "x")
    request.headers.append(("x", "y"))
    assert [] == request.headers


@pytest.mark.parametrize("method", ["", "GET\n", "G T", "GET\0", "G\u00c9T", "GET/", "(GET)"], ids=ascii)
def test_a_method_that_is_no_token_is_refused_under_a_right_signature(method: str) -> None:
    signed = RFC9421.message
    try:
        signed = RFC9421.signed(Message(method, "/", [("Host", HOST)]))
    except UnicodeEncodeError:
        signed = RFC9421.signed(Message("GET", "/", [("Host", HOST)]))
    request = Request(method, "/", list(signed.headers))
    assert isinstance(verdict(RFC9421.verifier(), request), Rejected)


@pytest.mark.parametrize(
    "value",
    [
        b"a\0b",
        b"a\x01b",
        b"a\rb",
        b"a\nb",
        b"a\r\n b",
        b"a\r\nX-Evil: 1",
        b"a\x7fb",
        b"a\xe9b",
        "a\u00e9b".encode(),
        b"a\tb",
    ],
    ids=ascii,
)
def test_odd_octets_in_a_covered_field_are_refused_under_a_right_signature(value: bytes) -> None:
    """C8, C9: servers hand on control characters, folds and Latin-1 in three different ways: none is worth a proof."""
    base = b"POST\n/\n" + HOST.encode() + b"\n" + value + b"\n\n{}"
    headers: list[tuple[str | bytes, str | bytes]] = [("Host", HOST), ("Content-Type", value)]
    request = Request("POST", "/", [*headers, ("X-Signature", reference.mac(KEY, base).hex())], b"{}")
    with pytest.raises(Rejected):
        JUDGED["canonical-request"].verifier().verify(request)


def test_a_covered_field_holds_sixty_four_kib_and_no_more() -> None:
    """F7: what no server hands on is refused unread."""
    canonical = JUDGED["canonical-request"]
    message = with_field(canonical.message, "Content-Type", "t" * 64 * 1024)
    assert message.body == canonical.verifier().verify(as_request(canonical.signed(message))).body
    for value in ("t" * (64 * 1024 + 1), " " * 64 * 1024 + "t"):
        with pytest.raises(Rejected) as refused:
            canonical.verifier().verify(as_request(canonical.signed(with_field(message, "Content-Type", value))))
        assert "a field is over 64 KiB" == str(refused.value)


@pytest.mark.parametrize("octet", [*range(0x80, 0x100), 0, 1, 10, 13, 127])
def test_no_octet_in_an_own_field_is_more_than_a_refusal(octet: int) -> None:
    """A5: where `compare_digest` raises TypeError, a receiver answers 500."""
    for judged in JUDGED.values():
        signed = judged.signed()
        own = {name.lower() for name in judged.scheme.fields}
        for at, (name, value) in enumerate(signed.headers):
            if name.lower() in own:
                octets = value.encode()
                headers: list[tuple[str | bytes, str | bytes]] = [*signed.headers]
                headers[at] = (name, octets[:-2] + bytes([octet]) + octets[-1:])
                with pytest.raises(Rejected):
                    judged.verifier().verify(Request(signed.method, signed.target, headers, signed.body))
