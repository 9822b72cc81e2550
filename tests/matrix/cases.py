"""What the matrix sends besides the cases of the ordinary suite: lines, fields and framings that readers take in two ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reference import Message
from served_bodies import CHUNKS, LENGTHS, SIZES
from served_case import BODY, CHUNKED, TENANT, Case, Sent, added, chunks, framed, get, line, on_wire, post, preceded
from served_fields import PROXY_FIELDS, SIGNATURE_FIELDS, TWICE, TWINS, VALUES
from served_targets import ALTERED, AS_SIGNED, METHODS
from served_views import HOST

#: No outcome is expected of it, only that it is sound.
SOUND = "sound"
_LENGTH = f"Content-Length: {len(BODY)}\r\n"
_SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n"


def _octets(change: Callable[[bytes], bytes]) -> Sent:
    """Sent with the octets of the request as they come out of `change`."""
    return lambda message: change(on_wire(message))


def _head(change: Callable[[bytes], bytes]) -> Sent:
    """As `_octets`, of the header section alone."""

    def sent(message: Message) -> bytes:
        head, end, body = on_wire(message).partition(b"\r\n\r\n")
        return change(head + end) + body

    return sent


def _swap(old: bytes, new: bytes) -> Sent:
    return _head(lambda head: head.replace(old, new, 1))


def _chunked(payload: bytes, framing: str = CHUNKED) -> Sent:
    return framed(framing, payload)


def _repeated(place: int) -> Sent:
    """Sent with one of the fields that signing has added, once more."""
    return lambda message: on_wire(message.plus([message.headers[place]]))


def _twin(place: int, where: int) -> Sent:
    """Sent with a field beside it whose name has `_` for `-`."""

    def sent(message: Message) -> bytes:
        name, _ = message.headers[place]
        fields = [*message.headers]
        fields.insert(where, (name.replace("-", "_"), "evil"))
        return on_wire(replace(message, headers=fields))

    return sent


def _longer(size: int) -> Sent:
    """Sent with a signature field of that many octets."""

    def sent(message: Message) -> bytes:
        name, value = message.headers[-1]
        return on_wire(replace(message, headers=[*message.headers[:-1], (name, value + "A" * (size - len(value)))]))

    return sent


def _many(count: int, value: str = "x") -> Sent:
    return added(*((f"X-Filler-{number}", value) for number in range(count)))


def _targets() -> list[Case]:
    signed = [
        "/a/../../b",
        "/%2e%2e/b",
        "/a/%2e%2e%2fb",
        "/a/..;/b",
        "/a\\..\\b",
        "/a%5c..%5cb",
        "/a%00/b",
        "/a%0d%0ab",
    ]
    signed += [
        "/a///b",
        "/./a",
        "/a/.",
        "/%2F%2Fa",
        "/%252e%252e/a",
        "/a?x=%00",
        "/a?x=/../b",
        "/a%3Fb",
        "/a%23b",
        "/%",
    ]
    signed += ["/a%C0%AFb", "/a%ED%A0%80b", "/" + "a" * 3000, "/a?" + "x" * 3000]
    sent = [
        ("an authority as the target", f"GET {HOST}:443 HTTP/1.1"),
        ("two slashes and a host", f"GET //{HOST}/a HTTP/1.1"),
        ("the absolute form without a path", f"GET http://{HOST} HTTP/1.1"),
        ("the absolute form of another scheme", "GET file:///a HTTP/1.1"),
        ("a fragment with a query", "GET /a#?x=1 HTTP/1.1"),
        ("a semicolon", "GET /a;x=1 HTTP/1.1"),
        ("a backslash", "GET \\a HTTP/1.1"),
        ("two blanks", "GET  /a HTTP/1.1"),
        ("a tab for a blank", "GET\t/a\tHTTP/1.1"),
        ("a blank at the end", "GET /a HTTP/1.1 "),
        ("no version", "GET /a"),
        ("HTTP/1.2", "GET /a HTTP/1.2"),
        ("HTTP/2.0", "GET /a HTTP/2.0"),
        ("HTTP/11", "GET /a HTTP/11"),
        ("http/1.1 in small letters", "GET /a http/1.1"),
        ("a method with a NUL", "G\0ET /a HTTP/1.1"),
        ("a method with a colon", "GET: /a HTTP/1.1"),
        ("an empty method", " /a HTTP/1.1"),
        ("a carriage return in the target", "GET /a\rb HTTP/1.1"),
        ("a vertical tab in the target", "GET /a\x0bb HTTP/1.1"),
    ]
    return [
        *(Case(f"{target[:20]} as the client means it", SOUND, get(target)) for target in signed),
        *(Case(f"{what}, for /a", SOUND, get("/a"), line(text)) for what, text in sent),
        Case("an empty line before", SOUND, get("/a"), _octets(lambda octets: b"\r\n" + octets)),
        Case("a bare LF before", SOUND, get("/a"), _octets(lambda octets: b"\n" + octets)),
        Case(
            "the preface of HTTP/2",
            SOUND,
            get("/a"),
            _octets(lambda octets: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + octets),
        ),
    ]


def _fields() -> list[Case]:
    tenant = post(TENANT)
    lines = [
        ("bare LF at the end of each line", lambda head: head.replace(b"\r\n", b"\n")),
        ("bare CR at the end of each line", lambda head: head.replace(b"\r\n", b"\r")),
        ("a bare LF at the end of one line", lambda head: head.replace(b"bob\r\n", b"bob\n")),
        ("a bare LF, and a field after it", lambda head: head.replace(b"X-Tenant: bob", b"X-Note: a\nX-Tenant: evil")),
        ("a bare CR, and a field after it", lambda head: head.replace(b"X-Tenant: bob", b"X-Note: a\rX-Tenant: evil")),
        ("a bare CR in the value", lambda head: head.replace(b"bob", b"b\rob")),
        ("a bare LF in the value", lambda head: head.replace(b"bob", b"b\nob")),
        ("a blank before the first field", lambda head: head.replace(b"\r\n", b"\r\n ", 1)),
        ("a tab before the colon", lambda head: head.replace(b"X-Tenant:", b"X-Tenant\t:")),
        ("a NUL in the name", lambda head: head.replace(b"X-Tenant:", b"X-Ten\0ant:")),
        ("a blank in the name", lambda head: head.replace(b"X-Tenant:", b"X Tenant:")),
        ("an empty name", lambda head: head.replace(b"X-Tenant:", b":")),
        ("octets of Latin-1 in the name", lambda head: head.replace(b"X-Tenant:", b"X-T\xe9nant:")),
        ("a dotless i in the name", lambda head: head.replace(b"X-Tenant:", "X-Tenan\u0131:".encode())),
        ("a field of control characters", lambda head: head.replace(b"\r\nX-Tenant:", b"\r\n\x01\x02: a\r\nX-Tenant:")),
        ("two CR before the LF", lambda head: head.replace(b"bob\r\n", b"bob\r\r\n")),
        ("the end of the head early, by bare LF", lambda head: head.replace(b"\r\nX-Tenant:", b"\n\nX-Tenant:")),
    ]
    plain = [
        ("100 fields", _many(100)),
        ("300 fields", _many(300)),
        ("64 fields of 1000 octets", _many(64, "x" * 1000)),
        ("the last field of the signature twice", _repeated(-1)),
        ("the first field of the signature twice", _repeated(-2)),
        ("a twin of the last field of the signature, before", _twin(-1, 0)),
        ("a twin of the last field of the signature, after", _twin(-1, 99)),
        *((f"a signature field of {size} octets", _longer(size)) for size in (8190, 8192, 8193, 20_000, 70_000)),
        ("CONTENT_TYPE as a field", added(("CONTENT_TYPE", "text/evil"))),
        ("CONTENT_LENGTH before Content-Length", preceded(("CONTENT_LENGTH", "3"))),
        ("HTTP_X_TENANT as a field", added(("HTTP_X_TENANT", "evil"))),
        ("REQUEST_URI as a field", added(("REQUEST_URI", "/evil"), ("RAW_URI", "/evil"))),
        ("wsgi.input as a field", added(("wsgi.input", "evil"), ("sealgate.verified", "evil"))),
        ("Proxy and REMOTE_USER as fields", added(("Proxy", "evil"), ("REMOTE_USER", "admin"))),
        ("X-Script-Name as a field", added(("X-Script-Name", "/evil"), ("X-Forwarded-Prefix", "/evil"))),
        ("a blank Host before the signed one", preceded(("Host", ""))),
        ("a Host with a path", _swap(f"Host: {HOST}".encode(), f"Host: {HOST}/evil".encode())),
        ("a Host with a user", _swap(b"Host: ", b"Host: evil@")),
        ("a Host with a port of letters", _swap(f"Host: {HOST}".encode(), f"Host: {HOST}:evil".encode())),
        (
            "Upgrade: h2c",
            added(("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")),
        ),
        ("Upgrade: websocket without a key", added(("Connection", "Upgrade"), ("Upgrade", "websocket"))),
        ("Upgrade: of one's own", added(("Connection", "Upgrade"), ("Upgrade", "evil/1"))),
        ("Connection names a signed field", added(("Connection", "X-Tenant"))),
        ("Expect: 100-continue, and the body at once", added(("Expect", "100-continue"))),
        ("Expect: of one's own", added(("Expect", "evil"))),
        ("Range and TE", added(("Range", "bytes=0-1"), ("TE", "trailers"))),
    ]
    return [
        *(Case(f"{what} (X-Tenant)", SOUND, tenant, _head(change), covers=("x-tenant",)) for what, change in lines),
        *(Case(what, SOUND, tenant, sent, covers=("x-tenant",)) for what, sent in plain),
    ]


def _bodies() -> list[Case]:
    twelve = b"c\r\n" + BODY + b"\r\n"
    whole = twelve + b"0\r\n\r\n"
    both = [
        ("chunks, then a length", f"{CHUNKED}{_LENGTH}", whole),
        ("a length, then chunks", f"{_LENGTH}{CHUNKED}", whole),
        ("a length, then chunks, and a request behind", f"{_LENGTH}{CHUNKED}", whole + _SMUGGLED),
        ("a length of 0, and chunks", f"Content-Length: 0\r\n{CHUNKED}", whole),
        ("chunked twice", CHUNKED * 2, whole),
        ("chunked, and identity after it", f"{CHUNKED}Transfer-Encoding: identity\r\n", whole),
        ("identity, and chunked after it", f"Transfer-Encoding: identity\r\n{CHUNKED}", whole),
        ("chunked with a blank before the colon", f"Transfer-Encoding : chunked\r\n{_LENGTH}", BODY),
        ("chunked on a folded line", f"Transfer-Encoding:\r\n chunked\r\n{_LENGTH}", BODY),
        ("chunked after a vertical tab", f"Transfer-Encoding: \x0bchunked\r\n{_LENGTH}", BODY),
        ("an empty coding beside a length", f"Transfer-Encoding:\r\n{_LENGTH}", BODY),
        ("Transfer_Encoding beside a length", f"Transfer_Encoding: chunked\r\n{_LENGTH}", BODY),
        ("three lengths, alike", _LENGTH * 3, BODY),
        ("a length on a folded line", f"Content-Length:\r\n {len(BODY)}\r\n", BODY),
        ("a length with a tab inside", f"Content-Length: 1\t{len(BODY) - 10}\r\n", BODY),
        ("a length of Arabic digits", f"Content-Length: {'١٢'.encode().decode('latin-1')}\r\n", BODY),
        ("an empty length", "Content-Length:\r\n", b""),
        ("no framing, and a body", "", BODY),
        ("a length of 99 digits", f"Content-Length: {'9' * 99}\r\n", BODY),
        ("a length of zeros and the number", f"Content-Length: {'0' * 30}{len(BODY)}\r\n", BODY),
    ]
    odd = [
        ("a size with zeros before it", b"0000000c\r\n" + BODY + b"\r\n0\r\n\r\n"),
        ("a size in capitals", b"C\r\n" + BODY + b"\r\n0\r\n\r\n"),
        ("a size with a blank after it", b"c \r\n" + BODY + b"\r\n0\r\n\r\n"),
        ("a size with a blank before it", b" c\r\n" + BODY + b"\r\n0\r\n\r\n"),
        ("a size with a plus", b"+c\r\n" + BODY + b"\r\n0\r\n\r\n"),
        ("a size with an underscore", b"0_c\r\n" + BODY + b"\r\n0\r\n\r\n"),
        ("a size of 2**64 and 12", b"1000000000000000c\r\n" + BODY + b"\r\n0\r\n\r\n"),
        ("an empty size", b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
        ("a bare LF after the size", b"c\n" + BODY + b"\r\n0\r\n\r\n"),
        ("a bare CR after the size", b"c\r" + BODY + b"\r\n0\r\n\r\n"),
        ("a bare LF after the chunk", b"c\r\n" + BODY + b"\n0\r\n\r\n"),
        ("nothing after the chunk", b"c\r\n" + BODY + b"0\r\n\r\n"),
        ("two more octets after the chunk", b"c\r\n" + BODY + b"xx\r\n0\r\n\r\n"),
        ("an extension with quotes", b'c;a="b;c\\"d"\r\n' + BODY + b"\r\n0\r\n\r\n"),
        ("an extension with a bare LF", b"c;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n"),
        ("an extension of 20000 octets", b"c;" + b"a" * 20_000 + b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
        ("a last chunk of many zeros", twelve + b"0000000000\r\n\r\n"),
        ("a last chunk with an extension", twelve + b"0;a=b\r\n\r\n"),
        ("a bare LF after the last chunk", twelve + b"0\n\n"),
        ("a trailer that frames", twelve + b"0\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (
            "a trailer of Host and the method",
            twelve + b"0\r\nHost: evil.example\r\nX-HTTP-Method-Override: DELETE\r\n\r\n",
        ),
        ("a trailer that is no field", twelve + b"0\r\nevil\r\n\r\n"),
        ("200 trailers", twelve + b"0\r\n" + b"X-A: b\r\n" * 200 + b"\r\n"),
        ("a request behind the last chunk", whole + _SMUGGLED),
        ("one octet a chunk", b"".join(b"1\r\n%c\r\n" % octet for octet in BODY) + b"0\r\n\r\n"),
    ]
    keep = Message("POST", "/orders", [*post().headers, ("Connection", "keep-alive")], BODY)
    return [
        *(Case(f"{what} (body)", SOUND, post(), _chunked(payload, framing)) for what, framing, payload in both),
        *(Case(f"{what} (chunks)", SOUND, post(), _chunked(payload)) for what, payload in odd),
        Case("HTTP/1.0 and keep-alive", SOUND, keep, line("POST /orders HTTP/1.0")),
        Case("GET with chunks", SOUND, Message("GET", "/a", [("Host", HOST)], BODY), _chunked(chunks(BODY))),
        Case("a body of zeros", SOUND, post(body=bytes(range(256)) * 16)),
        Case(
            "a form",
            SOUND,
            replace(
                post(body=b"a=b&a=c&%zz=%"),
                headers=[("Host", HOST), ("Content-Type", "application/x-www-form-urlencoded")],
            ),
        ),
        Case("a body for HEAD", SOUND, Message("HEAD", "/a", [("Host", HOST)], BODY)),
    ]


OWN = [*_targets(), *_fields(), *_bodies()]
SUITE = [*AS_SIGNED, *ALTERED, *METHODS, *TWICE, *TWINS, *VALUES, *SIGNATURE_FIELDS, *PROXY_FIELDS]
SUITE += [*LENGTHS, *CHUNKS, *SIZES]
_OF_RFC9421 = ("Signature", "signature", "Content-Digest", "Content_Digest")


def known(scheme: str) -> list[Case]:
    """All that has a form under `scheme`."""
    if scheme == "rfc9421":
        return [*SUITE, *OWN]
    return [case for case in SUITE if not any(name in case.title for name in _OF_RFC9421)] + OWN


#: What the ordinary suite sends to the servers that it starts for the matrix, and what the page on servers has: where
#: servers differ, and no outcome is a matter of chance.
CORE = {
    "paths": [
        "/orders as signed",
        "/a%20b as signed",
        "/a%2Fb as signed",
        "/%7Ea as signed",
        "/a//b as signed",
        "/a/../b as signed",
        "/a/%2e%2e/b as signed",
        "/a?b?c=/ as signed",
        "/ is sent as %2F",
        "~ is sent as %7E",
        "dot segments before the signed path",
        "two slashes at the start",
        "/%2F%2Fa as the client means it",
        "a slash before the signed path",
        "an added fragment",
        "the absolute form, of another host",
        "a query in another order",
        "POST sent as post",
    ],
    "fields": [
        "a covered field twice, differing",
        "X_Tenant after X-Tenant",
        "X_Tenant for X-Tenant",
        "HTTP_X_TENANT as a field",
        "a fold inside it",
        "octets of Latin-1 in it",
        "a bare LF, and a field after it (X-Tenant)",
        "a bare CR, and a field after it (X-Tenant)",
        "100 fields",
        "300 fields",
        "a signature field of 8193 octets",
        "SCRIPT_NAME as a field",
        "Host twice, differing",
        "another Host",
        "no Host",
        "Upgrade: h2c",
    ],
    "bodies": [
        "GET with a body",
        "a body of another content",
        "chunks",
        "chunks with extensions",
        "a trailer X-Tenant",
        "the signature in trailers",
        "Transfer-Encoding: gzip, chunked",
        "a length, then chunks (body)",
        "a length twice, alike",
        "a length twice, differing",
        "HTTP/1.0 with chunks",
    ],
}
