"""The requests that the contract is about, each signed by the judge."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from judged import HOST, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421, field_of, with_field
from reference import Message, sign_github, sign_rfc9421
from sealgate import Verifier, schemes

#: What rules require: one is of the default's scheme and keys, the other is another party's.
PARTNERS = RFC9421.verifier()
HOOKS = Verifier(schemes.GITHUB, keys=OTHER_KEY)

_nonces: Iterator[int] = itertools.count()
_JSON = ("Content-Type", "application/json")

ORDER = Message("POST", "/orders", [("Host", HOST), _JSON], b'{"total": 1}')
LOOK = Message("GET", "/orders", [("Host", HOST)])
HOOK = replace(ORDER, target="/hook")
FORM = Message(
    "POST", "/form", [("Host", HOST), ("Content-Type", "application/x-www-form-urlencoded")], b"name=crate&name=box"
)
_BOUNDARY = b"a-boundary-of-forty-characters-0123456789"


def upload(content: bytes) -> Message:
    """A form with a field and a file."""
    body = (
        b"--" + _BOUNDARY + b'\r\nContent-Disposition: form-data; name="name"\r\n\r\ncrate\r\n'
        b"--" + _BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--" + _BOUNDARY + b"--\r\n"
    )  # fmt: skip
    kind = f"multipart/form-data; boundary={_BOUNDARY.decode()}"
    return Message("POST", "/form", [("Host", HOST), ("Content-Type", kind)], body)


UPLOAD = upload(b"\x00\xff")
#: Thousands of parts, which cost a parser much and a sender nothing.
BOMB = replace(UPLOAD, body=(b"--" + _BOUNDARY + b'\r\nContent-Disposition: form-data; name="n"\r\n\r\n\r\n') * 3000)
MALFORMED = replace(ORDER, body=b'{"total": ')


def signed(message: Message = ORDER, **how: Any) -> Message:
    """With RFC 9421, each time with another nonce."""
    return RFC9421.signed(message, nonce=_nonce(), **how)


def hooked(message: Message = HOOK, key: bytes = OTHER_KEY) -> Message:
    """As GitHub does, for the routes that require the other verifier."""
    return message.plus(sign_github(message, key))


def signed_without_digest(message: Message) -> Message:
    """With RFC 9421, over everything but the body."""
    how: dict[str, Any] = {"origin": ORIGIN, "key_id": KEY_ID, "created": NOW, "nonce": _nonce()}
    return message.plus(sign_rfc9421(replace(message, body=b""), KEY, **how))


def _nonce() -> str:
    return f"a-nonce-of-our-own-{next(_nonces):08}"


def _signature(message: Message, change: Callable[[str], str]) -> Message:
    return with_field(message, "Signature", change(field_of(message, "Signature")))


def _flip(text: str, at: int) -> str:
    """Another base64 digit, so that one bit of the octets differs."""
    return text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :]


#: Every one of them gets the same 401, byte for byte.
REFUSED: dict[str, Callable[[], Message]] = {
    "unsigned": lambda: ORDER,
    "unsigned and malformed JSON": lambda: MALFORMED,
    "unsigned and a form": lambda: FORM,
    "unsigned and an upload": lambda: UPLOAD,
    "unsigned at no route": lambda: replace(ORDER, target="/nowhere"),
    "unsigned and without a body": lambda: LOOK,
    "unsigned and of another method": lambda: replace(LOOK, method="DELETE"),
    "unsigned OPTIONS": lambda: replace(LOOK, method="OPTIONS"),
    "half signed": lambda: with_field(signed(), "Signature", None),
    "no parameters": lambda: with_field(signed(), "Signature-Input", None),
    "no digest": lambda: with_field(signed(), "Content-Digest", None),
    "wrong key": lambda: signed(key=OTHER_KEY),
    "another party's": lambda: hooked(ORDER),
    "one bit of the signature": lambda: _signature(signed(), lambda text: _flip(text, 8)),
    "signature too short": lambda: _signature(signed(), lambda _: "sig1=:AAAA:"),
    "signature not base64": lambda: _signature(signed(), lambda _: "sig1=:****:"),
    "signature of other bytes": lambda: _signature(signed(), lambda _: "sig1=:\xe9\xff\x80:"),
    "signature empty": lambda: _signature(signed(), lambda _: ""),
    "signature of no octets": lambda: _signature(signed(), lambda _: "sig1=::"),
    "signature no structured field": lambda: _signature(signed(), lambda _: "\x00"),
    "parameters of other bytes": lambda: with_field(signed(), "Signature-Input", "\xff\x80;;;"),
    "parameters without an end": lambda: with_field(signed(), "Signature-Input", 'sig1=("@method'),
    "signature twice": lambda: signed().plus([("Signature", "sig1=:AAAA:")]),
    "the same signature twice": lambda: (message := signed()).plus([("Signature", field_of(message, "Signature"))]),
    "one byte of the body": lambda: replace(signed(), body=b'{"total": 2}'),
    "another method": lambda: replace(signed(), method="PUT"),
    "another path": lambda: replace(signed(), target="/orders/2"),
    "a query added": lambda: replace(signed(), target="/orders?admin=1"),
    "expired": lambda: signed(created=NOW - 301),
    "from the future": lambda: signed(created=NOW + 301),
}
