"""The published vectors of what is no request: sealed values (`Envelope`) and tokens (`Scope`)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from envelope_reference import framed, purpose_key
from judged import KEY_ID, NOW
from published import DOCUMENT, KEY, octets
from scope_reference import scope_key
from sealgate import Envelope, Key, KeyRing, Rejected, Scope, canonicalize

PURPOSE, SCOPE = "checkout", "download:resource"
_AGE = 300
_RING = KeyRing({KEY_ID: Key(KEY, published_ok=True)})
_OTHERS = KeyRing({KEY_ID: b"another key of thirty-two octets"})
_VALUES: dict[str, Any] = {
    "an object": {"total": 100, "currency": "€", "items": []},
    "numbers and names in many scripts": {"é😀\0": [1.5, 1000.0, -0.0, 1e-7, 1e30], "z": {"b": None, "a": True}},
    "null": None,
}


def files() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "sealed-values", _file("sealgate envelope", PURPOSE, purpose_key(KEY, PURPOSE), [*_sealed()])
    yield "tokens", _file("sealgate scope", SCOPE, scope_key(KEY, SCOPE), [*_tokens()])


def _file(label: str, name: str, derived: bytes, cases: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "scheme": "sealed-values" if label == "sealgate envelope" else "tokens",
        "name": name,
        "key": {"id": KEY_ID, "text": KEY.decode(), "form": "text"},
        "hkdf_info": framed([label, name]).hex(),
        "hmac_key": derived.hex(),
        "hash": "sha256",
        "max_age": _AGE,
        "cases": cases,
    }


# --- sealed values ----------------------------------------------------------------------------------------------------


def _envelope(keys: KeyRing = _RING, purpose: str = PURPOSE, now: int = NOW) -> Envelope:
    return Envelope(purpose, keys=keys, max_age=_AGE, clock=lambda: now, replay=None)


def _sealed() -> Iterator[dict[str, Any]]:
    for title, value in _VALUES.items():
        document = _made(lambda value=value: _envelope().seal(value, exact=False))
        signature = document["signature"].split(".")
        head = framed(["v1", PURPOSE, KEY_ID, signature[2], signature[3], signature[4]])
        yield {
            **_opened(title, document),
            "created": NOW,
            "nonce": signature[4],
            "base": octets(head + canonicalize(value)),
            "signature": _hex(signature[5]),
        }
    good = _made(lambda: _envelope().seal(_VALUES["an object"]))
    short = _made(lambda: _envelope().seal(1, expires_in=60))
    head, _, octets_of = good["signature"].rpartition(".")
    parts = good["signature"].split(".")
    yield _opened("in its last second", good, NOW + _AGE)
    yield _opened("a second too late", good, NOW + _AGE + 1)
    yield _opened("past its own end", short, NOW + 61)
    yield _opened("from the future", good, NOW - _AGE - 1)
    yield _opened("again", good, again=True)
    yield _opened("by another key", _made(lambda: _envelope(_OTHERS).seal(1)))
    yield _opened("for another purpose", _made(lambda: _envelope(purpose="refund").seal(1)))
    yield _opened("another payload", {**good, "payload": {"total": 1}})
    yield _opened("a payload with a member more", {**good, "payload": {**good["payload"], "admin": True}})
    yield _opened("a member beside the two", {**good, "more": 1})
    yield _opened("no signature", {"payload": good["payload"]})
    yield _opened("no payload", {"signature": good["signature"]})
    yield _opened("a signature that is no text", {**good, "signature": 1})
    yield _opened("another time", {**good, "signature": ".".join([*parts[:2], str(NOW + 1), *parts[3:]])})
    yield _opened("an end that was not there", {**good, "signature": ".".join([*parts[:3], str(NOW + 9), *parts[4:]])})
    yield _opened("another nonce", {**good, "signature": ".".join([*parts[:4], "b" * 24, parts[5]])})
    yield _opened("another key id", {**good, "signature": ".".join([parts[0], "Z2xvYmV4", *parts[2:]])})
    yield _opened("another version", {**good, "signature": "v2" + good["signature"][2:]})
    yield _opened("a part less", {**good, "signature": head})
    yield _opened("padding", {**good, "signature": good["signature"] + "="})
    yield _opened("stray bits", {**good, "signature": f"{head}.{_with_stray_bits(octets_of)}"})
    yield _opened(
        "a time with a zero before it", {**good, "signature": ".".join([*parts[:2], "0" + parts[2], *parts[3:]])}
    )


def _opened(title: str, document: dict[str, Any], now: int = NOW, *, again: bool = False) -> dict[str, Any]:
    envelope = _envelope(now=now)
    return _case(title, {"document": document}, now, lambda: envelope.open(document), again)


# --- tokens -----------------------------------------------------------------------------------------------------------


def _scope(keys: KeyRing = _RING, name: str = SCOPE, now: int = NOW) -> Scope:
    return Scope(name, keys=keys, max_age=_AGE, clock=lambda: now)


def _tokens() -> Iterator[dict[str, Any]]:
    claims = {"name": "€.pdf", "size": 333333333.3333333}
    made = {
        "a download": _made(lambda: _scope().token(DOCUMENT)),
        "once": _made(lambda: _scope().token(DOCUMENT, once=True)),
        "with claims": _made(lambda: _scope().token(DOCUMENT, expires_in=_AGE, claims=claims)),
    }
    for title, token in made.items():
        raw = _decoded(token)
        yield {
            **_granted(title, token),
            "created": NOW,
            "claims": claims if title == "with claims" else {},
            "base": octets(framed([DOCUMENT]) + raw[:-32]),
            "signature": raw[-32:].hex(),
        }
    good, once = made["a download"], made["once"]
    yield _granted("in its last second", good, now=NOW + 60)
    yield _granted("a second too late", good, now=NOW + 61)
    yield _granted("a minute early", good, now=NOW - 60)
    yield _granted("from the future", good, now=NOW - 61)
    yield _granted("the other one again", good, again=True)
    yield _granted("again", once, again=True)
    yield _granted("for another document", good, DOCUMENT[:-1] + "0")
    yield _granted("for a document in upper case", good, DOCUMENT.upper())
    yield _granted("for no document", good, "../../etc/passwd")
    yield _granted("by another key", _made(lambda: _scope(_OTHERS).token(DOCUMENT)))
    yield _granted("of another scope", _made(lambda: _scope(name="delete:resource").token(DOCUMENT)))
    yield _granted("one for once as one for ever", _changed(once, 0, 1))
    yield _granted("a longer life", _changed(good, 9, 255))
    yield _granted("another claim", _changed(made["with claims"], 25, 255))
    yield _granted("an octet of the signature changed", _changed(good, -1, 0))
    yield _granted("cut", good[:-4])
    yield _granted("with more behind it", good + "AAAA")
    yield _granted("padded", good + "=")
    yield _granted("stray bits", _with_stray_bits(good))
    yield _granted("of another kind", _changed(good, 0, 3))
    yield _granted("nothing", "")


def _granted(title: str, token: str, subject: str = DOCUMENT, *, now: int = NOW, again: bool = False) -> dict[str, Any]:
    scope = _scope(now=now)
    return _case(title, {"subject": subject, "token": token}, now, lambda: scope.verify(token, subject), again)


# --- both -------------------------------------------------------------------------------------------------------------


def _case(title: str, asked: dict[str, Any], now: int, ask: Callable[[], object], again: bool) -> dict[str, Any]:
    """`twice`: it is the second time that counts."""
    case = {"id": title, "now": now, **asked, **({"twice": True} if again else {})}
    if again:
        ask()
    try:
        ask()
    except Rejected as refused:
        return {**case, "verdict": "refused", "code": refused.code}
    return {**case, "verdict": "verified"}


def _made(make: Callable[[], Any]) -> Any:
    """With nonces that are the same each time."""
    octets, text = (lambda count: bytes(range(count))), (lambda: bytes(range(16)).hex())
    with mock.patch("secrets.token_bytes", octets), mock.patch("sealgate.envelope.timed.nonce", text):
        return make()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _hex(text: str) -> str:
    return _decoded(text).hex()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _changed(token: str, at: int, octet: int) -> str:
    raw = bytearray(_decoded(token))
    raw[at] = octet if raw[at] != octet else octet ^ 1
    return _encoded(bytes(raw))


def _with_stray_bits(text: str) -> str:
    """The same octets in another spelling, where the last character has bits that say nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]
