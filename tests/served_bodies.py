"""Bodies: how they are framed, cut short, too long, or altered."""

from __future__ import annotations

import gzip

from judged import with_field
from reference import Message
from served_case import (
    BODY,
    CHUNKED,
    CLOSED,
    DIGEST,
    MALFORMED,
    MISSING,
    NO_LENGTH,
    OK,
    SERVER,
    TENANT,
    TOO_LARGE,
    UNREADABLE,
    WHOLE_BODY_FIRST,
    But,
    Case,
    chunks,
    framed,
    on_wire,
    post,
)
from served_views import LIMIT

_LENGTH = f"Content-Length: {len(BODY)}\r\n"
_NO_CHUNKS = But(NO_LENGTH, "runserver", "hands over no body without a length")
_BLANKS = "leaves the blanks after it, which no framing of WSGI has"
_APPENDS = "appends trailers to the header fields"
_NO_ANSWER = But(f"500 by the server | {CLOSED}", "granian-asgi/django", "Django answers nothing to a client that left")
_WAITS = But(f"{CLOSED} | {SERVER}", WHOLE_BODY_FIRST, "waits for the rest of the body before the application runs")
_READS_WHAT_CAME = But(DIGEST, "granian-wsgi", "hands over what came before the error, as if it were the body")


def _trailing_signature(message: Message) -> bytes:
    """The signature comes after the body, where no field of it belongs."""
    names = ("Signature-Input", "Signature")
    trailers = "".join(f"{name}: {value}\r\n" for name, value in message.headers if name in names).encode()
    for name in names:
        message = with_field(message, name, None)
    return on_wire(message, framing=CHUNKED, payload=chunks(BODY, trailers=trailers))


LENGTHS = [
    Case("a body of another content", DIGEST, post(), framed(_LENGTH, BODY.replace(b"1", b"9"))),
    Case("no body and no length", OK, post(body=b""), framed("")),
    Case("no body, and a length of 0", OK, post(body=b""), framed("Content-Length: 0\r\n")),
    Case("a length with a leading zero", OK, post(), framed(f"Content-Length: 0{len(BODY)}\r\n")),
    Case(
        "a length between blanks",
        OK,
        post(),
        framed(f"Content-Length: \t{len(BODY)} \r\n"),
        (But(UNREADABLE, "runserver uvicorn-httptools/django", _BLANKS),),
    ),
    *(
        Case(
            f"a length of {length!r}",
            SERVER,
            post(),
            framed(f"Content-Length: {length}\r\n"),
            (But("400 target-ambiguous", "runserver", "hands over any length"),),
        )
        for length in ("+12", "0x0c", "-1", "1_2", "12abc")
    ),
    Case(
        "two lengths in one field",
        SERVER,
        post(),
        framed("Content-Length: 12, 12\r\n"),
        (
            But("400 target-ambiguous", "runserver", "hands over any length"),
            But(OK, "uvicorn-h11 hypercorn", "makes one of two that are alike (RFC 9110, 8.6)"),
        ),
    ),
    Case(
        "a length twice, alike",
        OK,
        post(),
        framed(_LENGTH * 2),
        (But(SERVER, "gunicorn waitress uvicorn-httptools", "may refuse them (RFC 9110, 8.6)"),),
    ),
    Case(
        "a length twice, differing",
        SERVER,
        post(),
        framed(f"{_LENGTH}Content-Length: 3\r\n"),
        (But(OK, "runserver", "takes the first, and the view is given what was signed"),),
    ),
    Case(
        "a length twice, differing, the shorter one first",
        SERVER,
        post(),
        framed(f"Content-Length: 3\r\n{_LENGTH}"),
        (But(DIGEST, "runserver", "takes the first"),),
    ),
    Case(
        "octets after the body",
        OK,
        post(),
        framed(_LENGTH, BODY + b"GET /x HTTP/1.1\r\n"),
        (But(f"{OK} | {SERVER} | {SERVER}, after the view", "uvicorn-httptools", "reads on before it answers"),),
    ),
    Case("gzip stays as it was signed", OK, post(("Content-Encoding", "gzip"), body=gzip.compress(BODY, mtime=0))),
]

CHUNKS = [
    Case("chunks", OK, post(), framed(CHUNKED, chunks(BODY)), (_NO_CHUNKS,)),
    Case("chunks with extensions", OK, post(), framed(CHUNKED, chunks(BODY, extension=b";a=b")), (_NO_CHUNKS,)),
    Case("Chunked, in another case", OK, post(), framed("Transfer-Encoding: Chunked\r\n", chunks(BODY)), (_NO_CHUNKS,)),
    Case(
        "chunked, between blanks",
        OK,
        post(),
        framed("Transfer-Encoding: \tchunked \r\n", chunks(BODY)),
        (_NO_CHUNKS, But(NO_LENGTH, "uvicorn-httptools/django", _BLANKS)),
    ),
    Case("chunks of another content", DIGEST, post(), framed(CHUNKED, chunks(b'{"total": 9}')), (_NO_CHUNKS,)),
    *(
        Case(
            f"a trailer {name}",
            OK,
            post(TENANT),
            framed(CHUNKED, chunks(BODY, trailers=name.encode() + b": evil\r\n")),
            (_NO_CHUNKS, But(MALFORMED, "uvicorn-httptools", _APPENDS)),
            covers=("x-tenant",),
        )
        for name in ("X-Tenant", "X_Tenant")
    ),
    Case(
        "the signature in trailers",
        MISSING,
        post(),
        _trailing_signature,
        (But(OK, "uvicorn-httptools", f"{_APPENDS}, and the signature holds"),),
    ),
    Case(
        "Transfer-Encoding: gzip, chunked",
        NO_LENGTH,
        post(),
        framed("Transfer-Encoding: gzip, chunked\r\n", chunks(BODY)),
        (But(SERVER, "waitress uvicorn-h11 hypercorn", "knows no other coding"),),
    ),
    Case(
        "Transfer-Encoding: chunked, chunked",
        NO_LENGTH,
        post(),
        framed("Transfer-Encoding: chunked, chunked\r\n", chunks(BODY)),
        (
            But(SERVER, "gunicorn uvicorn hypercorn", "chunked is applied once (RFC 9112, 6.1)"),
            But(OK, "waitress", "takes chunks off once, and hands over a length"),
        ),
    ),
    *(
        Case(
            f"Transfer-Encoding: {coding}",
            SERVER,
            post(),
            framed(f"Transfer-Encoding: {coding}\r\n", chunks(BODY)),
            (But(NO_LENGTH, "runserver", "hands over any coding"),),
        )
        for coding in ("identity", "chunked, identity", "chunked;q=1", "xchunked", "\x0bchunked")
    ),
    Case(
        "chunks and a length",
        UNREADABLE,
        post(),
        framed(CHUNKED + _LENGTH, chunks(BODY)),
        (
            But(SERVER, "gunicorn uvicorn-httptools", "refuses both together (RFC 9112, 6.3)"),
            But(
                OK, "waitress granian", "drops the length, as RFC 9112, 6.3, allows; the view is given what was signed"
            ),
        ),
    ),
    Case(
        "a length, and the last chunk at the start of the body",
        UNREADABLE,
        post(body=b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"),
        lambda message: on_wire(message, framing=f"{CHUNKED}Content-Length: {len(message.body)}\r\n"),
        (
            But(SERVER, "gunicorn uvicorn-httptools", "refuses both together (RFC 9112, 6.3)"),
            But(DIGEST, "waitress granian", "drops the length: the body is empty"),
        ),
    ),
    *(
        Case(
            f"a chunk size that is {what}",
            SERVER,
            post(),
            framed(CHUNKED, size + b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
            (
                _NO_CHUNKS,
                _READS_WHAT_CAME,
                _NO_ANSWER,
                But(UNREADABLE, "gunicorn granian-asgi", "lets the application read up to the error"),
            ),
        )
        for what, size in (("no number", b"zz"), ("negative", b"-c"), ("marked as hexadecimal", b"0xc"))
    ),
]

#: The client has left: whether it is told, and by whom, is a matter of what the server sees first.
_LEFT = f"{CLOSED} | {SERVER} | {UNREADABLE}"
_BIG = b"\x00" * LIMIT


def _in_one_chunk(message: Message) -> bytes:
    return on_wire(message, framing=CHUNKED, payload=b"%x\r\n%s\r\n0\r\n\r\n" % (len(message.body), message.body))


SIZES = [
    *(
        Case(title, _LEFT, signed, framed(_LENGTH, signed.body[:5]), (_NO_ANSWER,), ends=True)
        for title, signed in (
            ("a truncated body", post()),
            ("a truncated body, of which the part is signed", post(body=BODY[:5])),
        )
    ),
    Case(
        "truncated chunks",
        _LEFT,
        post(),
        framed(CHUNKED, b"5\r\n" + BODY[:5] + b"\r\n"),
        (_NO_CHUNKS, _READS_WHAT_CAME, _NO_ANSWER),
        ends=True,
    ),
    Case(
        "chunks without the last one",
        _LEFT,
        post(),
        framed(CHUNKED, b"c\r\n" + BODY + b"\r\n"),
        (
            _NO_CHUNKS,
            But(OK, "granian-wsgi", "cannot be told from an end there; the digest says that nothing is missing"),
            _NO_ANSWER,
        ),
        ends=True,
    ),
    Case("a body of the limit", OK, post(body=_BIG)),
    Case("chunks of the limit", OK, post(body=_BIG), _in_one_chunk, (_NO_CHUNKS,)),
    Case("a body over the limit", TOO_LARGE, post(body=_BIG + b"x")),
    Case("chunks over the limit", TOO_LARGE, post(body=_BIG + b"x"), _in_one_chunk, (_NO_CHUNKS,)),
    Case(
        "a length over the limit, before the body",
        TOO_LARGE,
        post(),
        framed(f"Content-Length: {LIMIT + 1}\r\n"),
        (_NO_ANSWER, _WAITS),
    ),
    Case(
        "a length over all limits, before the body",
        TOO_LARGE,
        post(),
        framed(f"Content-Length: {10**18}\r\n"),
        (But(SERVER, "waitress", "has a limit of its own"), _NO_ANSWER, _WAITS),
    ),
]
