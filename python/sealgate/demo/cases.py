"""What the demo sends, and what must come back: one row a case, written by hand and not derived from the product.

A change is made after signing, to the very bytes that are sent. Where a scheme accepts a change because it covers less,
the row names the weakness that the scheme declares for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from sealgate.demo.client import Message
from sealgate.demo.signers import COMPONENTS

__all__ = ["CASES", "SCHEMES", "Case"]

SCHEMES = ("rfc9421", "body", "canonical-request")

_JSON = (("Content-Type", b"application/json"),)
_AMOUNT = b'{"amount": 1}'
_BROKEN = b'{"amount": '
_BIG = b'{"amount": 1, "note": "%s"}' % (b"x" * (11 * 1024 * 1024))

_ORDER = Message("POST", "/orders/1?dry=1", _JSON, _AMOUNT)
_PAID = Message("POST", "/hooks/paid", _JSON, _AMOUNT)
_EXPORT = Message("POST", "/exports/1?b=2&a=1", _JSON, _AMOUNT)


@dataclass(frozen=True, slots=True)
class Case:
    """`expect`: the status; None is the application's own answer to a body that it cannot parse.

    `by`: who signs; None is nobody. `age`: seconds since `created`. `key`: whose. `options`: for `signers.stdlib`.
    `change`: what happens on the way. `again`: the bytes of the row before, once more. `works`: the route is one that
    counts its runs and shows the body it was given.
    """

    scheme: str
    title: str
    expect: int | None = 401
    message: Message = _ORDER
    by: Literal["stdlib", "curl", "library"] | None = "stdlib"
    age: int = 0
    key: Literal["right", "wrong"] = "right"
    options: Mapping[str, Any] = field(default_factory=dict)
    change: Callable[[Message], Message] | None = None
    weakness: str | None = None
    again: bool = False
    works: bool = True


def _body(new: bytes) -> Callable[[Message], Message]:
    return lambda message: replace(message, body=new)


def _method(new: str) -> Callable[[Message], Message]:
    return lambda message: replace(message, method=new)


def _target(new: str) -> Callable[[Message], Message]:
    return lambda message: replace(message, target=new)


def _field(name: str, new: bytes | None) -> Callable[[Message], Message]:
    return lambda message: message.with_field(name, new)


def _twice(name: str) -> Callable[[Message], Message]:
    return lambda message: replace(message, fields=(*message.fields, (name, message.value(name))))


def _digest_too(message: Message) -> Message:
    """An attacker who changes the body and writes the digest that fits it."""
    changed = replace(message, body=b'{"amount": 0}')
    return changed.with_field("Content-Digest", changed.digest())


def _all_but(*names: str) -> tuple[str, ...]:
    return tuple(name for name in COMPONENTS if name not in names)


_rfc9421 = partial(Case, "rfc9421")
_hook = partial(Case, "body", message=_PAID)
_export = partial(Case, "canonical-request", message=_EXPORT)

CASES: tuple[Case, ...] = (
    _rfc9421("signed with hmac of the standard library", 200),
    _rfc9421("signed with openssl dgst, sent by curl", 200, by="curl"),
    _rfc9421("signed with http-message-signatures", 200, by="library"),
    _rfc9421("GET without a body, signed", 200, message=Message("GET", "/orders/1", _JSON)),
    _rfc9421("no signature", by=None),
    _rfc9421("wrong key", key="wrong"),
    _rfc9421("unknown key id", options={"key_id": "nobody"}),
    _rfc9421("one bit of the body changed", change=_body(b'{"amount": 0}')),
    _rfc9421("body changed, and its Content-Digest with it", change=_digest_too),
    _rfc9421("one bit of the path changed", change=_target("/orders/0?dry=1")),
    _rfc9421("one bit of the query changed", change=_target("/orders/1?dry=0")),
    _rfc9421("query taken away", change=_target("/orders/1")),
    _rfc9421("method changed", change=_method("PUT")),
    _rfc9421("one bit of a covered field changed", change=_field("Content-Type", b"application/jsoo")),
    _rfc9421("covered field taken away", change=_field("Content-Type", None)),
    _rfc9421("sent to another host", 400, change=_field("Host", b"api.shop.example")),
    _rfc9421('right key, but alg="none"', options={"alg": "none"}),
    _rfc9421('right key, but alg="hmac-sha512"', options={"alg": "hmac-sha512"}),
    _rfc9421('right key, but alg="rsa-pss-sha512"', options={"alg": "rsa-pss-sha512"}),
    _rfc9421("right key, but the query not covered", options={"components": _all_but("@query")}),
    _rfc9421("right key, but the body not covered", options={"components": _all_but("content-digest")}),
    _rfc9421("right key, but no nonce", options={"without": ("nonce",)}),
    _rfc9421("right key, but no time", options={"without": ("created",)}),
    _rfc9421("expired", age=400),
    _rfc9421("from the future", age=-400),
    _rfc9421("signature with non-ASCII octets", change=_field("Signature", b"sig1=:\xe9\xff:")),
    _rfc9421("Signature-Input with non-ASCII octets", change=_field("Signature-Input", b"sig1=(\xe9);created=1")),
    _rfc9421("body of 11 MiB", 413, message=replace(_ORDER, body=_BIG)),
    _rfc9421("malformed JSON, unsigned", by=None, message=replace(_ORDER, body=_BROKEN)),
    _rfc9421("malformed JSON, signed: the application's answer", None, message=replace(_ORDER, body=_BROKEN)),
    _rfc9421("replay: the first time", 200),
    _rfc9421("replay: the same bytes again", again=True),
    _rfc9421("unknown path, unsigned", by=None, message=replace(_ORDER, target="/nowhere")),
    _rfc9421("unknown path, signed", 404, message=replace(_ORDER, target="/nowhere"), works=False),
    _rfc9421("exempt health probe, unsigned GET", 200, by=None, message=Message("GET", "/health"), works=False),
    _rfc9421("exempt health probe, unsigned POST", by=None, message=Message("POST", "/health"), works=False),
    #
    _hook("signed with hmac of the standard library", 200),
    _hook("signed with openssl dgst, sent by curl", 200, by="curl"),
    _hook("no signature", by=None),
    _hook("wrong key", key="wrong"),
    _hook("one bit of the body changed", change=_body(b'{"amount": 0}')),
    _hook("empty body, signed", message=replace(_PAID, body=b"")),
    _hook("query added", change=_target("/hooks/paid?dry=1")),
    _hook("same body, another route", 200, change=_target("/hooks/refunded"), weakness="target-not-covered"),
    _hook("same body, another method", 200, change=_method("PUT"), weakness="method-not-covered"),
    _hook("same body, another host", 200, change=_field("Host", b"api.shop.example"), weakness="audience"),
    _hook("signature with non-ASCII octets", change=_field("X-Signature", b"\xe9" * 64)),
    _hook("signature of another length", change=_field("X-Signature", b"00")),
    _hook("signature given twice", change=_twice("X-Signature")),
    _hook("body of 11 MiB", 413, message=replace(_PAID, body=_BIG)),
    _hook("malformed JSON, unsigned", by=None, message=replace(_PAID, body=_BROKEN)),
    _hook("malformed JSON, signed: the application's answer", None, message=replace(_PAID, body=_BROKEN)),
    #
    _export("signed with hmac of the standard library", 200),
    _export("signed with openssl dgst, sent by curl", 200, by="curl"),
    _export("no signature", by=None),
    _export("wrong key", key="wrong"),
    _export("one bit of the body changed", change=_body(b'{"amount": 0}')),
    _export("one bit of the path changed", change=_target("/exports/0?b=2&a=1")),
    _export("one bit of the query changed", change=_target("/exports/1?b=3&a=1")),
    _export("query in another order", 200, change=_target("/exports/1?a=1&b=2"), weakness="lossy-transform"),
    _export("method changed", change=_method("PUT")),
    _export("one bit of a covered field changed", change=_field("Content-Type", b"application/jsoo")),
    _export("sent to another host", change=_field("Host", b"api.shop.example")),
    _export("signature with non-ASCII octets", change=_field("X-Signature", b"\xe9" * 64)),
    _export("body of 11 MiB", 413, message=replace(_EXPORT, body=_BIG)),
    _export("malformed JSON, unsigned", by=None, message=replace(_EXPORT, body=_BROKEN)),
    _export("malformed JSON, signed: the application's answer", None, message=replace(_EXPORT, body=_BROKEN)),
)
