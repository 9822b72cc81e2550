"""Header fields: twice, under another name, folded, with odd octets; and those that proxies write."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from judged import field_of, with_field
from reference import Message
from served_case import (
    AMBIGUOUS,
    ASGI,
    INVALID,
    MALFORMED,
    MISSING,
    OK,
    SERVER,
    TENANT,
    UNCOVERED,
    UNREADABLE,
    WSGI,
    But,
    Case,
    Sent,
    added,
    changed,
    on_wire,
    post,
    preceded,
    renamed,
)


def _spelled(how: Callable[[str], str]) -> Sent:
    """Sent with the names of all fields in another spelling."""
    return lambda message: on_wire(
        Message(message.method, message.target, [(how(name), value) for name, value in message.headers], message.body)
    )


def _again(name: str) -> Sent:
    """Sent with this field twice."""
    return lambda message: on_wire(message.plus([(name, field_of(message, name))]))


def _before_tenant(field_line: bytes) -> Sent:
    """Sent with a line of this text in the middle of the header section."""
    return lambda message: on_wire(message).replace(b"\r\nX-Tenant", b"\r\n" + field_line + b"\r\nX-Tenant")


_Tenant = partial(Case, signed=post(TENANT), covers=("x-tenant",))

_JOINED = But(INVALID, WSGI, "makes one value of the two, which nobody has signed")
_TWIN = But(MALFORMED, ASGI, "hands over both, and a bridge to WSGI would make one of them")
_NO_FOLD = But(SERVER, "gunicorn granian uvicorn-httptools", "refuses obs-fold (RFC 9112, 5.2)")
_LOST = "hands over an empty value for one that is not ASCII"
_TRIMS_MORE = "trims more than SP and HTAB: the view is given what was signed"
_READS_ON = "takes the rest of the header section for the body after a line that is no field"
_UNDERSCORE = "takes `_` for `-` in a name: the view is given what was signed"

TWICE = [
    *(
        _Tenant(f"a covered field twice, {what}", MALFORMED, sent=added(("X-Tenant", value)), but=(_JOINED,))
        for what, value in (("alike", "bob"), ("differing", "evil"))
    ),
    *(
        Case(f"{name} twice, alike", MALFORMED, post(), _again(name))
        for name in ("Signature", "Signature-Input", "Content-Digest")
    ),
    Case("Signature twice, another label", MALFORMED, post(), added(("Signature", "x=:AAAA:"))),
    Case("Signature-Input twice, another label", MALFORMED, post(), added(("Signature-Input", "x=()"))),
    Case("Content-Digest twice, another hash", MALFORMED, post(), added(("Content-Digest", "x=:AAAA:")), (_JOINED,)),
    *(
        Case(
            f"Host twice, {what}",
            AMBIGUOUS,
            post(),
            added(("Host", host)),
            (But(SERVER, "gunicorn uvicorn-h11 hypercorn", "one Host only (RFC 9112, 3.2)"),),
        )
        for what, host in (("alike", "api.shop.example"), ("differing", "evil.example"))
    ),
    Case(
        "an uncovered Content-Type twice",
        OK,
        post(),
        added(("Content-Type", "text/plain")),
        (But(SERVER, "gunicorn", "one Content-Type only"),),
    ),
]

TWINS = [
    *(
        _Tenant(f"{twin} {where} X-Tenant", OK, sent=sent((twin, "evil")), but=(_TWIN,))
        for twin in ("X_Tenant", "x_tenant")
        for where, sent in (("before", preceded), ("after", added))
    ),
    *(
        Case(f"{twin} {where} the signed one", OK, post(), sent((twin, "evil")), (_TWIN,))
        for twin in ("Content_Digest", "Signature_Input")
        for where, sent in (("before", preceded), ("after", added))
    ),
    _Tenant(
        "X_Tenant for X-Tenant",
        UNCOVERED,
        sent=renamed("X-Tenant", "X_Tenant"),
        but=(But(OK, "granian-wsgi", _UNDERSCORE), _TWIN),
    ),
    Case(
        "Content_Digest for Content-Digest",
        UNCOVERED,
        post(),
        renamed("Content-Digest", "Content_Digest"),
        (But(OK, "granian-wsgi", _UNDERSCORE), _TWIN),
    ),
    Case(
        "Signature_Input for Signature-Input",
        MISSING,
        post(),
        renamed("Signature-Input", "Signature_Input"),
        (But(OK, "granian-wsgi", _UNDERSCORE), _TWIN),
    ),
    Case("Content_Length beside Content-Length", OK, post(), added(("Content_Length", "3")), (_TWIN,)),
    Case(
        "Transfer_Encoding beside Content-Length",
        OK,
        post(),
        added(("Transfer_Encoding", "chunked")),
        (But(UNREADABLE, "granian-wsgi", "takes `_` for `-` in a name: two lengths"),),
    ),
]

VALUES = [
    _Tenant("a covered field as signed", OK),
    _Tenant("its value changed", INVALID, sent=changed("X-Tenant", "evil")),
    _Tenant("its value in capitals", INVALID, sent=changed("X-Tenant", "BOB")),
    _Tenant("its value empty", INVALID, sent=changed("X-Tenant", "")),
    _Tenant("it is taken away", UNCOVERED, sent=changed("X-Tenant", None)),
    _Tenant("blanks after it", OK, sent=changed("X-Tenant", "bob \t ")),
    _Tenant("a tab before it", OK, sent=changed("X-Tenant", "\t bob")),
    _Tenant(
        "a fold inside it",
        INVALID,
        sent=changed("X-Tenant", "b\r\n ob"),
        but=(_NO_FOLD, But(MALFORMED, "runserver", "keeps the line break")),
    ),
    _Tenant("a fold after it", OK, sent=changed("X-Tenant", "bob\r\n "), but=(_NO_FOLD,)),
    _Tenant("a fold before it", OK, sent=changed("X-Tenant", "\r\n bob"), but=(_NO_FOLD,)),
    *(
        _Tenant(
            f"octets of {what} in it",
            MALFORMED,
            sent=changed("X-Tenant", value),
            but=(But(INVALID, "granian-wsgi", _LOST),),
        )
        for what, value in (("Latin-1", "bob\xe9"), ("UTF-8", "b\xc3\xb6b"))
    ),
    _Tenant(
        "a no-break space after it",
        MALFORMED,
        sent=changed("X-Tenant", "bob\xa0"),
        but=(But(INVALID, "granian-wsgi", _LOST), But(OK, "runserver", _TRIMS_MORE)),
    ),
    _Tenant(
        "a vertical tab after it", SERVER, sent=changed("X-Tenant", "bob\x0b"), but=(But(OK, "runserver", _TRIMS_MORE),)
    ),
    _Tenant(
        "a control character in it",
        MALFORMED,
        sent=changed("X-Tenant", "b\x01b"),
        but=(But(SERVER, "gunicorn waitress granian uvicorn-httptools", "refuses control characters"),),
    ),
    _Tenant(
        "a NUL in it", SERVER, sent=changed("X-Tenant", "b\0b"), but=(But(MALFORMED, "runserver", "reads any octet"),)
    ),
    *(
        _Tenant(what, SERVER, sent=_before_tenant(text), but=(But(MISSING, "runserver", _READS_ON),))
        for what, text in (("a blank before a colon", b"X-Tenant : evil"), ("a line without a colon", b"evil"))
    ),
]

_LONG = But(SERVER, "gunicorn", "limits a field to 8190 octets")

SIGNATURE_FIELDS = [
    *(Case(f"no {name}", MISSING, post(), changed(name, None)) for name in ("Signature", "Signature-Input")),
    Case("no Content-Digest", UNCOVERED, post(), changed("Content-Digest", None)),
    Case("an empty Signature", MISSING, post(), changed("Signature", "")),
    Case("another signature", INVALID, post(), changed("Signature", f"sig1=:{'A' * 43}=:")),
    Case("a Signature that is no dictionary", MALFORMED, post(), changed("Signature", "\"'();=,")),
    Case("a Signature of 9000 octets", MALFORMED, post(), changed("Signature", f"sig1=:{'A' * 9000}:"), (_LONG,)),
    Case(
        "Latin-1 in Signature",
        MALFORMED,
        post(),
        changed("Signature", "\xe9\xff"),
        (But(MISSING, "granian-wsgi", _LOST),),
    ),
    Case("names in capitals", OK, post(), _spelled(str.upper)),
    Case("names in small letters", OK, post(), _spelled(str.lower)),
    Case(
        "a folded Signature",
        MALFORMED,
        post(),
        lambda message: on_wire(
            with_field(message, "Signature", "\r\n ".join(field_of(message, "Signature").split("=:", 1)))
        ),
        (_NO_FOLD,),
    ),
]

_FORWARDED = [
    ("X-Forwarded-Proto", "http"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-For", "192.0.2.1"),
    ("X-Forwarded-Prefix", "/evil"),
    ("Forwarded", "host=evil.example;proto=http"),
]
_REWRITING = [
    ("X-Original-URL", "/evil"),
    ("X-Rewrite-URL", "/evil"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("PATH_INFO", "/evil"),
]

PROXY_FIELDS = [
    Case("what a proxy says of the client", OK, post(), added(*_FORWARDED)),
    Case("what rewrites the request elsewhere", OK, post(), added(*_REWRITING)),
    Case(
        "SCRIPT_NAME as a field",
        OK,
        post(),
        added(("SCRIPT_NAME", "/orders")),
        (But(AMBIGUOUS, "gunicorn", "moves the mount for a peer on loopback"),),
    ),
    Case(
        "SCRIPT_NAME of another path as a field",
        OK,
        post(),
        added(("SCRIPT_NAME", "/evil")),
        (But("500 by the server", "gunicorn", "cannot take it off the path, before any application runs"),),
    ),
    Case("another Host", AMBIGUOUS, post(), changed("Host", "evil.example")),
    Case("an empty Host", AMBIGUOUS, post(), changed("Host", "")),
    Case("a Host with octets of Latin-1", AMBIGUOUS, post(), changed("Host", "api.shop.example\xe9")),
    Case("Host in capitals, with the port", OK, post(), changed("Host", "API.shop.example:443")),
    Case(
        "no Host",
        OK,
        post(),
        changed("Host", None),
        (
            But(SERVER, "uvicorn-h11 hypercorn", "HTTP/1.1 needs one (RFC 9112, 3.2)"),
            But(AMBIGUOUS, "granian", "hands over an empty one"),
        ),
    ),
    *(
        Case(f"{what} in an uncovered field", OK, post(), added(("X-Note", value)))
        for what, value in (("Latin-1", "caf\xe9"), ("UTF-8", "\xe2\x82\xac"))
    ),
]
