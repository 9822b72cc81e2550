"""Requests as WSGI servers (PEP 3333) hand them over, and the target that the application routes on."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

import reference
from judged import BODY, HOST, JUDGED, KEY, NONCE, NOW, ORIGIN, RFC9421, TARGETS, Judged, as_request, field_of, verdict
from reference import Message
from sealgate import Rejected, Request, Scheme, Verified, Verifier
from sealgate.exceptions import TargetAmbiguous


def environ(message: Message, **server: str) -> dict[str, Any]:
    """As a server without a raw target gives it; `server` adds what others give."""
    fields: dict[str, Any] = {}
    for name, value in message.headers:
        variable = name.upper().replace("-", "_")
        fields[variable if variable in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_" + variable] = value
    return {
        "REQUEST_METHOD": message.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(message.path).decode("latin-1"),
        "QUERY_STRING": message.query,
        "CONTENT_LENGTH": str(len(message.body)),
        "wsgi.url_scheme": "https",
        **fields,
        **server,
    }


def wsgi(
    message: Message, judged: Judged | Verifier = RFC9421, path: str | None = None, **server: str
) -> Verified | Rejected:
    verifier = judged.verifier() if isinstance(judged, Judged) else judged
    try:
        request = Request.from_wsgi(environ(message, **server), path)
    except Rejected as refused:
        return refused
    try:
        return verifier.verify(request, lambda limit: message.body)
    except Rejected as refused:
        return refused


# The target


@pytest.mark.parametrize("variable", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize("target", TARGETS)
def test_the_raw_target_is_taken_where_the_server_gives_it(target: str, variable: str) -> None:
    message = RFC9421.signed(Message("POST", target, [("Host", HOST)], b"{}"))
    verified = verdict(RFC9421.verifier(), Request.from_wsgi(environ(message, **{variable: target})), b"{}")
    assert isinstance(verified, Verified), verified
    assert b"{}" == verified.body
    assert target == Request.from_wsgi(environ(message, **{variable: target})).target


@pytest.mark.parametrize(
    ("raw", "path_info", "query"),
    [
        ("/a/../b", "/b", ""),
        ("//a", "/a", ""),
        ("/a//b", "/a/b", ""),
        ("/a", "/b", ""),
        ("/a", "/a/", ""),
        ("/stale?x=1", "/a", ""),
        ("/a?x=1", "/a", "x=2"),
        ("/a?x=1", "/a", ""),
        ("/a", "/a", "x=1"),
        ("/%zz", "/\0", ""),
        ("/a#f", "/a", ""),
        ("http://evil.example/a", "/a", ""),
        ("/%ff", "/\ufffd".encode().decode("latin-1"), ""),
        ("/A", "/a", ""),
    ],
)
def test_a_raw_target_that_is_not_what_the_application_routes_on_is_ambiguous(
    raw: str, path_info: str, query: str
) -> None:
    """uWSGI resolves dots, waitress and mod_wsgi merge slashes, wsgiref inherits REQUEST_URI from its own environment."""
    path, _, raw_query = raw.partition("?")
    message = RFC9421.signed(Message("GET", raw, [("Host", HOST)]))
    refused = wsgi(message, RAW_URI=raw, PATH_INFO=path_info, QUERY_STRING=query)
    assert isinstance(refused, TargetAmbiguous), (path, raw_query, refused)


def test_an_encoded_slash_left_alone_by_the_server_is_still_the_same_path() -> None:
    """cheroot and mod_wsgi leave `%2F` in PATH_INFO."""
    message = RFC9421.signed(Message("GET", "/a%20b/%2Fc", [("Host", HOST)]))
    assert isinstance(wsgi(message, REQUEST_URI="/a%20b/%2Fc", PATH_INFO="/a b/%2Fc"), Verified)


@pytest.mark.parametrize("target", ["/", "/orders/1", "/a-b_c.d~e/F9", "/orders/1?x=1&x=%2F"])
def test_plain_paths_need_no_raw_target(target: str) -> None:
    message = RFC9421.signed(Message("POST", target, [("Host", HOST)], b"{}"))
    assert isinstance(wsgi(message), Verified)


@pytest.mark.parametrize("target", ["/a%2Fb", "/%7Ea"])
def test_a_spelling_that_the_server_hides_is_refused(target: str) -> None:
    assert isinstance(wsgi(RFC9421.signed(Message("POST", target, [("Host", HOST)], b"{}"))), Rejected)


@pytest.mark.parametrize("target", ["/a%20b", "/%E2%82%AC", "/a;b", "/a:b", "/a%25b"])
def test_other_paths_without_a_raw_target_are_ambiguous(target: str) -> None:
    """C11: granian WSGI, wsgiref and others have decoded them, and `%2F` is gone."""
    message = RFC9421.signed(Message("POST", target, [("Host", HOST)], b"{}"))
    assert isinstance(wsgi(message), TargetAmbiguous)


def test_an_encoded_slash_never_passes_as_a_slash() -> None:
    """C11: a signature for `/a/b` and a request for `/a%2Fb` look the same to such a server."""
    signed = RFC9421.signed(Message("GET", "/a/b", [("Host", HOST)]))
    assert isinstance(wsgi(Message("GET", "/a%2Fb", signed.headers), RAW_URI="/a%2Fb"), Rejected)


def test_a_scheme_that_covers_no_path_does_not_mind() -> None:
    for target in ("/a%20b", "/%E2%82%AC"):
        assert isinstance(wsgi(BODY.signed(Message("POST", target, (), b"{}")), BODY), Verified)


def test_a_mount_point_is_part_of_the_path() -> None:
    message = RFC9421.signed(Message("GET", "/pre/x", [("Host", HOST)]))
    assert isinstance(wsgi(message, RAW_URI="/pre/x", SCRIPT_NAME="/pre", PATH_INFO="/x"), Verified)
    assert isinstance(wsgi(message, SCRIPT_NAME="/pre", PATH_INFO="/x"), Verified)
    inside = RFC9421.signed(Message("GET", "/x", [("Host", HOST)]))
    assert isinstance(wsgi(inside, RAW_URI="/pre/x", SCRIPT_NAME="/pre", PATH_INFO="/x"), Rejected)


def test_the_path_that_the_application_routes_on_may_be_told() -> None:
    """Django rewrites PATH_INFO to text, so its adapter names the path itself."""
    message = RFC9421.signed(Message("GET", "/%E2%82%AC", [("Host", HOST)]))
    assert isinstance(wsgi(message, path="/\u20ac", RAW_URI="/%E2%82%AC", PATH_INFO="rewritten"), Verified)
    assert isinstance(wsgi(message, path="/other", RAW_URI="/%E2%82%AC"), TargetAmbiguous)


#: Covers the path under the canonical rule, which can be rebuilt where a server gives no raw target.
CANONICAL = Scheme(
    "canonical",
    base="{@method}\n{@path:canonical}\n{@query}\n{@authority}\n{created}\n{nonce}\n{body}",
    fields={"X-Time": "{created}", "X-Nonce": "{nonce}", "X-Sig": "{signature:hex}"},
    accept_weaknesses=None,
)


@pytest.mark.parametrize("raw", TARGETS)
def test_a_canonical_path_is_the_same_with_and_without_a_raw_target(raw: str) -> None:
    """http-facts: all but `%2F` and dot segments verify where the server decodes first."""
    path, _, query = raw.partition("?")
    try:
        canonical = reference.canonical_path(path.encode())
    except reference.Refused:
        canonical = None
    base = f"GET\n{canonical}\n{query}\n{HOST}\n{NOW}\n{NONCE}\n".encode()
    fields = [("Host", HOST), ("X-Time", str(NOW)), ("X-Nonce", NONCE), ("X-Sig", reference.mac(KEY, base).hex())]
    message = Message("GET", raw, fields)
    verifier = Verifier(CANONICAL, keys=KEY, origin=ORIGIN, replay="off", clock=lambda: NOW)
    assert isinstance(wsgi(message, verifier, RAW_URI=raw), Rejected if canonical is None else Verified)
    assert isinstance(verifier.verify(as_request(message)), Verified) if canonical else True
    without = wsgi(message, verifier)
    assert isinstance(without, Verified | Rejected)


# Fields


def test_wsgi_fields_keep_their_names_and_values() -> None:
    request = Request.from_wsgi(
        {**environ(Message("GET", "/", [("X-Sig", "\xe9"), ("Content-Type", "text/plain")])), "CONTENT_LENGTH": "5"}
    )
    assert {("x-sig", "\xe9"), ("content-type", "text/plain"), ("content-length", "5")} <= set(request.headers)
    assert request.body is None


def test_an_empty_content_type_of_the_server_is_an_absent_one() -> None:
    """PEP 3333 lets a server write an absent CONTENT_TYPE as nothing."""
    judged = JUDGED["canonical-request"]
    signed = judged.signed(Message("POST", "/p", [("Host", HOST)], b"{}"))
    assert isinstance(wsgi(signed, judged, CONTENT_TYPE=""), Verified)


def test_a_joined_duplicate_is_refused() -> None:
    """C5: WSGI servers join two fields with a comma."""
    for name, judged in JUDGED.items():
        signed = judged.signed()
        field = next(f for f in judged.scheme.fields if f.lower() != "content-digest")
        value = field_of(signed, field)
        variable = "HTTP_" + field.upper().replace("-", "_")
        for joined in (f"{value},{value}", f"{value}, {value}", f"{value},x", f"x,{value}"):
            result = wsgi(signed, judged, **{variable: joined, "RAW_URI": signed.target})
            # Some grammars have commas: members that say the same again, or nothing known, say nothing new.
            assert isinstance(result, Verified if judged.repeats else Rejected), (name, joined)


@pytest.mark.parametrize(
    "value", ["\u20ac", "\ud800", "\0", "", "/\xff", "x" * 100_000], ids=lambda value: ascii(value)[:20]
)
@pytest.mark.parametrize(
    "variable",
    [
        "HTTP_SIGNATURE",
        "HTTP_SIGNATURE_INPUT",
        "RAW_URI",
        "QUERY_STRING",
        "PATH_INFO",
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "CONTENT_LENGTH",
    ],
)
def test_no_value_in_an_environ_is_more_than_a_refusal(variable: str, value: Any) -> None:
    message = RFC9421.signed(Message("GET", "/p", [("Host", HOST)]))
    result = wsgi(message, **{"RAW_URI": "/p", variable: value})
    assert isinstance(result, Rejected | Verified)
    if variable in {"HTTP_SIGNATURE", "HTTP_SIGNATURE_INPUT", "REQUEST_METHOD"}:
        assert isinstance(result, Rejected)
