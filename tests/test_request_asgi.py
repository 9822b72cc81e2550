"""Requests as ASGI servers hand them over, and the path that the application routes on."""

from __future__ import annotations

from typing import Any

import pytest

import reference
from asgi_client import scope_of, socket_of
from judged import HOST, KEY, KEY_ID, NONCE, NOW, ORIGIN, RFC9421, TARGETS, Judged, verdict
from reference import Message
from sealgate import Rejected, Request, Verified
from sealgate.exceptions import TargetAmbiguous


def asgi(message: Message, judged: Judged = RFC9421, **server: Any) -> Verified | Rejected:
    try:
        return judged.verifier().verify(Request.from_asgi(scope_of(message, **server)), lambda limit: message.body)
    except Rejected as refused:
        return refused


@pytest.mark.parametrize("target", TARGETS)
def test_the_raw_path_is_taken_from_an_asgi_scope(target: str) -> None:
    message = RFC9421.signed(Message("POST", target, [("Host", HOST)], b"{}"))
    assert isinstance(asgi(message), Verified)
    assert target == Request.from_asgi(scope_of(message)).target


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/a/../b", "/b"),
        (b"//a", "/a"),
        (b"/a", "/b"),
        (b"/%ff", "/\ufffd"),
        (b"/a%2Fb", "/a%2Fb "),
        (b"/a#f", "/a"),
        (b"", "/"),
        (b"http://evil.example/a", "/a"),
        (b"/a?x=1", "/a"),
        (b"\xff", "/"),
    ],
    ids=ascii,
)
def test_a_raw_path_that_is_not_the_path_is_ambiguous(raw: bytes, path: str) -> None:
    signed = RFC9421.signed(Message("GET", "/a", [("Host", HOST)]))
    assert isinstance(asgi(signed, raw_path=raw, path=path), TargetAmbiguous)


def test_without_a_raw_path_only_plain_paths_pass() -> None:
    """Django's AsyncClient and the WSGI bridges give none."""
    for target, kind in (("/orders/1", Verified), ("/a%20b", TargetAmbiguous), ("/a%2Fb", Rejected)):
        message = RFC9421.signed(Message("GET", target, [("Host", HOST)]))
        assert isinstance(asgi(message, raw_path=None), kind)
        bare = scope_of(message)
        del bare["raw_path"]
        assert isinstance(verdict(RFC9421.verifier(), Request.from_asgi(bare)), kind)


def test_a_websocket_handshake_is_a_get() -> None:
    message = RFC9421.signed(Message("GET", "/ws", [("Host", HOST)]))
    request = Request.from_asgi(socket_of(message))
    assert "GET" == request.method
    assert isinstance(RFC9421.verifier().verify(request, lambda limit: b""), Verified)


def test_asgi_duplicates_of_a_covered_or_own_field_are_refused() -> None:
    message = RFC9421.signed(Message("GET", "/p", [("Host", HOST)]))
    for name, value in [*message.headers]:
        assert isinstance(asgi(message.plus([(name, value)])), Rejected)


def test_two_signatures_in_two_field_lines_are_refused() -> None:
    message = RFC9421.signed(Message("GET", "/p", [("Host", HOST)]))
    more = reference.sign_rfc9421(
        Message("GET", "/p", [("Host", HOST)]),
        KEY,
        origin=ORIGIN,
        key_id=KEY_ID,
        created=NOW,
        nonce=NONCE[::-1],
        label="sig2",
    )
    assert isinstance(asgi(message.plus(more)), Rejected)


def test_asgi_fields_are_octets_as_latin_1() -> None:
    request = Request.from_asgi(scope_of(Message("GET", "/", [("x", "\xe9\xff")])))
    assert [("x", "\xe9\xff")] == request.headers
    assert request.body is None


@pytest.mark.parametrize(
    "server",
    [
        {"query_string": b"\xff"},
        {"query_string": b"a b"},
        {"query_string": b"a#b"},
        {"method": "GE T"},
        {"method": ""},
        {"path": "/\ud800", "raw_path": b"/p"},
        {"headers": [(b"\xff\0", b"\xff\0")]},
    ],
    ids=ascii,
)
def test_no_octets_in_a_scope_are_more_than_a_refusal(server: dict[str, Any]) -> None:
    signed = RFC9421.signed(Message("GET", "/p", [("Host", HOST)]))
    assert isinstance(asgi(signed, **server), Rejected)
