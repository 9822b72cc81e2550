"""Requests: as users write them, as WSGI and ASGI servers hand them over, and the target that the application routes on."""

from __future__ import annotations

from typing import Any

import pytest

import reference
from judged import BODY, HOST, JUDGED, KEY, KEY_ID, NONCE, NOW, ORIGIN, RFC9421, Judged, as_request, field_of
from reference import Message
from sealgate import Rejected, Request, Scheme, Verified, Verifier
from sealgate.exceptions import TargetAmbiguous

# --- as users write them ----------------------------------------------------------------------------------------------


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


def verdict(verifier: Verifier, request: Request, body: bytes = b"") -> Verified | Rejected:
    try:
        return verifier.verify(request, lambda limit: body)
    except Rejected as refused:
        return refused


# --- WSGI, PEP 3333 ---------------------------------------------------------------------------------------------------

#: Covers the path under the canonical rule, which can be rebuilt where a server gives no raw target.
CANONICAL = Scheme(
    "canonical",
    base="{@method}\n{@path:canonical}\n{@query}\n{@authority}\n{created}\n{nonce}\n{body}",
    fields={"X-Time": "{created}", "X-Nonce": "{nonce}", "X-Sig": "{signature:hex}"},
    accept_weaknesses=None,
)


def environ(message: Message, **server: str) -> dict[str, Any]:
    """As a server without a raw target gives it; `server` adds what others give."""
    from urllib.parse import unquote_to_bytes

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


def wsgi(message: Message, judged: Judged = RFC9421, path: str | None = None, **server: str) -> Verified | Rejected:
    try:
        request = Request.from_wsgi(environ(message, **server), path)
    except Rejected as refused:
        return refused
    try:
        return judged.verifier().verify(request, lambda limit: message.body)
    except Rejected as refused:
        return refused


TARGETS = [
    "/",
    "/orders/1",
    "/a%20b/%2Fc?x=1&x=2",
    "/%7Ea/~a",
    "/%E2%82%AC",
    "/a//b",
    "/a/../b",
    "/a;b=c",
    "/p?a=b?c=/",
    "/%252F",
]


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
            # Stripe's own grammar has commas: members that say the same again, or nothing known, say nothing new.
            assert isinstance(result, Verified if name == "stripe" else Rejected), (name, joined)


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


# --- ASGI -------------------------------------------------------------------------------------------------------------


def scope(message: Message, **server: Any) -> dict[str, Any]:
    from urllib.parse import unquote

    return {
        "type": "http",
        "method": message.method,
        "scheme": "https",
        "path": unquote(message.path, errors="replace"),
        "raw_path": message.path.encode(),
        "query_string": message.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in message.headers],
        **server,
    }


def asgi(message: Message, judged: Judged = RFC9421, **server: Any) -> Verified | Rejected:
    try:
        return judged.verifier().verify(Request.from_asgi(scope(message, **server)), lambda limit: message.body)
    except Rejected as refused:
        return refused


@pytest.mark.parametrize("target", TARGETS)
def test_the_raw_path_is_taken_from_an_asgi_scope(target: str) -> None:
    message = RFC9421.signed(Message("POST", target, [("Host", HOST)], b"{}"))
    assert isinstance(asgi(message), Verified)
    assert target == Request.from_asgi(scope(message)).target


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
        bare = scope(message)
        del bare["raw_path"]
        assert isinstance(verdict(RFC9421.verifier(), Request.from_asgi(bare)), kind)


def test_a_websocket_handshake_is_a_get() -> None:
    message = RFC9421.signed(Message("GET", "/ws", [("Host", HOST)]))
    opening = scope(message, type="websocket", scheme="wss")
    del opening["method"]
    request = Request.from_asgi(opening)
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
    request = Request.from_asgi(scope(Message("GET", "/", [("x", "\xe9\xff")])))
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
    judged = Judged(CANONICAL, message, lambda m, k, c, n: [], lambda m, r, n: reference.Proof(None))
    assert isinstance(wsgi(message, judged, RAW_URI=raw), Rejected if canonical is None else Verified)
    assert isinstance(judged.verifier().verify(as_request(message)), Verified) if canonical else True
    without = wsgi(message, judged)
    assert isinstance(without, Verified | Rejected)
