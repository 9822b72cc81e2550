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
_PROBE = Message("GET", "/health")


@dataclass(frozen=True, slots=True)
class Case:
    """`expect`: the status; None is the application's own answer to a body that it cannot parse. `code`: as logged.

    `by`: who signs; None is nobody. `age`: seconds since `created`. `key`: whose. `options`: for `signers.stdlib`.
    `change`: what happens on the way. `again`: the bytes of the row before, once more. `works`: the route is one that
    counts its runs and shows the body it was given.
    """

    scheme: str
    title: str
    expect: int | None
    code: str | None = None
    message: Message = _ORDER
    by: Literal["stdlib", "curl", "pypi"] | None = "stdlib"
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


def _all_but(name: str) -> dict[str, Any]:
    return {"components": tuple(component for component in COMPONENTS if component != name)}


_retyped = _field("Content-Type", b"application/jsoo")
_covers_latin1 = _field("Signature-Input", b'sig1=("\xe9");created=1')

_rfc9421 = partial(Case, "rfc9421")
_hook = partial(Case, "body", message=_PAID)
_export = partial(Case, "canonical-request", message=_EXPORT)

CASES: tuple[Case, ...] = (
    _rfc9421("signed with hmac of the standard library", 200),
    _rfc9421("signed with openssl dgst, sent by curl", 200, by="curl"),
    _rfc9421("signed with http-message-signatures", 200, by="pypi"),
    _rfc9421("GET without a body, signed", 200, message=Message("GET", "/orders/1", _JSON)),
    _rfc9421("no signature", 401, "signature-missing", by=None),
    _rfc9421("wrong key", 401, "signature-invalid", key="wrong"),
    _rfc9421("unknown key id", 401, "key-unknown", options={"key_id": "nobody"}),
    _rfc9421("one bit of the body changed", 401, "digest-mismatch", change=_body(b'{"amount": 0}')),
    _rfc9421("body changed, and its Content-Digest with it", 401, "signature-invalid", change=_digest_too),
    _rfc9421("one bit of the path changed", 401, "signature-invalid", change=_target("/orders/0?dry=1")),
    _rfc9421("one bit of the query changed", 401, "signature-invalid", change=_target("/orders/1?dry=0")),
    _rfc9421("query taken away", 401, "signature-invalid", change=_target("/orders/1")),
    _rfc9421("method changed", 401, "signature-invalid", change=_method("PUT")),
    _rfc9421("one bit of a covered field changed", 401, "signature-invalid", change=_retyped),
    _rfc9421("covered field taken away", 401, "component-not-covered", change=_field("Content-Type", None)),
    _rfc9421("sent to another host", 400, "target-ambiguous", change=_field("Host", b"api.shop.example")),
    _rfc9421('right key, but alg="none"', 401, "signature-malformed", options={"alg": "none"}),
    _rfc9421('right key, but alg="hmac-sha512"', 401, "signature-malformed", options={"alg": "hmac-sha512"}),
    _rfc9421('right key, but alg="rsa-pss-sha512"', 401, "signature-malformed", options={"alg": "rsa-pss-sha512"}),
    _rfc9421("right key, but the query not covered", 401, "component-not-covered", options=_all_but("@query")),
    _rfc9421("right key, but the body not covered", 401, "component-not-covered", options=_all_but("content-digest")),
    _rfc9421("right key, but no nonce", 401, "signature-malformed", options={"without": ("nonce",)}),
    _rfc9421("right key, but no time", 401, "signature-malformed", options={"without": ("created",)}),
    _rfc9421("expired", 401, "signature-expired", age=400),
    _rfc9421("from the future", 401, "signature-expired", age=-400),
    _rfc9421("signature with non-ASCII octets", 401, "signature-malformed", change=_field("Signature", b"sig1=:\xe9:")),
    _rfc9421("Signature-Input with non-ASCII octets", 401, "signature-malformed", change=_covers_latin1),
    _rfc9421("body of 11 MiB", 413, "body-too-large", message=replace(_ORDER, body=_BIG)),
    _rfc9421("malformed JSON, unsigned", 401, "signature-missing", by=None, message=replace(_ORDER, body=_BROKEN)),
    _rfc9421("malformed JSON, signed: the application's answer", None, message=replace(_ORDER, body=_BROKEN)),
    _rfc9421("replay: the first time", 200),
    _rfc9421("replay: the same bytes again", 401, "nonce-replayed", again=True),
    _rfc9421("unknown path, unsigned", 401, "signature-missing", by=None, message=replace(_ORDER, target="/nowhere")),
    _rfc9421("unknown path, signed", 404, message=replace(_ORDER, target="/nowhere"), works=False),
    _rfc9421("exempt health probe, unsigned GET", 200, by=None, message=_PROBE, works=False),
    _rfc9421(
        "exempt health probe, unsigned POST", 401, "signature-missing", by=None, message=replace(_PROBE, method="POST")
    ),
    # No time and no nonce: what is signed once is accepted for ever, so there are no rows for age and replay.
    _hook("signed with hmac of the standard library", 200),
    _hook("signed with openssl dgst, sent by curl", 200, by="curl"),
    _hook("no signature", 401, "signature-missing", by=None),
    _hook("wrong key", 401, "signature-invalid", key="wrong"),
    _hook("one bit of the body changed", 401, "signature-invalid", change=_body(b'{"amount": 0}')),
    _hook("empty body, signed", 401, "component-not-covered", message=replace(_PAID, body=b"")),
    _hook("query added", 401, "component-not-covered", change=_target("/hooks/paid?dry=1")),
    _hook("same body, another route", 200, change=_target("/hooks/refunded"), weakness="target-not-covered"),
    _hook("same body, another method", 200, change=_method("PUT"), weakness="method-not-covered"),
    _hook("same body, another host", 200, change=_field("Host", b"api.shop.example"), weakness="audience"),
    _hook("signature with non-ASCII octets", 401, "signature-malformed", change=_field("X-Signature", b"\xe9" * 64)),
    _hook("signature of another length", 401, "signature-malformed", change=_field("X-Signature", b"00")),
    _hook("signature given twice", 401, "signature-malformed", change=_twice("X-Signature")),
    _hook("body of 11 MiB", 413, "body-too-large", message=replace(_PAID, body=_BIG)),
    _hook("malformed JSON, unsigned", 401, "signature-missing", by=None, message=replace(_PAID, body=_BROKEN)),
    _hook("malformed JSON, signed: the application's answer", None, message=replace(_PAID, body=_BROKEN)),
    # The same holds for the Express form.
    _export("signed with hmac of the standard library", 200),
    _export("signed with openssl dgst, sent by curl", 200, by="curl"),
    _export("no signature", 401, "signature-missing", by=None),
    _export("wrong key", 401, "signature-invalid", key="wrong"),
    _export("one bit of the body changed", 401, "signature-invalid", change=_body(b'{"amount": 0}')),
    _export("one bit of the path changed", 401, "signature-invalid", change=_target("/exports/0?b=2&a=1")),
    _export("one bit of the query changed", 401, "signature-invalid", change=_target("/exports/1?b=3&a=1")),
    _export("query in another order", 200, change=_target("/exports/1?a=1&b=2"), weakness="lossy-transform"),
    _export("method changed", 401, "signature-invalid", change=_method("PUT")),
    _export("one bit of a covered field changed", 401, "signature-invalid", change=_retyped),
    _export("sent to another host", 400, "target-ambiguous", change=_field("Host", b"api.shop.example")),
    _export("signature with non-ASCII octets", 401, "signature-malformed", change=_field("X-Signature", b"\xe9" * 64)),
    _export("body of 11 MiB", 413, "body-too-large", message=replace(_EXPORT, body=_BIG)),
    _export("malformed JSON, unsigned", 401, "signature-missing", by=None, message=replace(_EXPORT, body=_BROKEN)),
    _export("malformed JSON, signed: the application's answer", None, message=replace(_EXPORT, body=_BROKEN)),
)
