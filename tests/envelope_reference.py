"""The judge of envelopes: their own specification once more, with the standard library and the judge of JSON only."""

from __future__ import annotations

import base64
import hmac
import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reference import Json, Refused, canonical_json, python_json

Document = Mapping[str, object]
Ring = Mapping[str | None, Sequence[bytes]]

ALPHABET = set(string.ascii_letters + string.digits + "-_")
DIGITS = set(string.digits)


@dataclass(frozen=True)
class Sealed:
    """What a signature says of itself."""

    key_id: str | None
    created: int
    expires: int | None
    nonce: str


def framed(parts: Sequence[str]) -> bytes:
    return b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)


def purpose_key(key: bytes, purpose: str) -> bytes:
    """HKDF-SHA256 (RFC 5869): extract with a salt of zeros, expand to one block."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, framed(["sealgate envelope", purpose]) + b"\x01", "sha256")


def octets_of(value: Json, purpose: str, sealed: Sealed, key: bytes) -> bytes:
    expires = "" if sealed.expires is None else str(sealed.expires)
    head = ["v1", purpose, sealed.key_id or "", str(sealed.created), expires, sealed.nonce]
    body = canonical_json(json.dumps(value))
    return hmac.digest(purpose_key(key, purpose), framed(head) + body, "sha256")


def seal(value: Json, purpose: str, sealed: Sealed, key: bytes) -> dict[str, Json]:
    return {"payload": value, "signature": text_of(sealed, octets_of(value, purpose, sealed, key))}


def text_of(sealed: Sealed, octets: bytes) -> str:
    expires = "" if sealed.expires is None else str(sealed.expires)
    key_id = (sealed.key_id or "").encode()
    return ".".join(["v1", encoded(key_id), str(sealed.created), expires, sealed.nonce, encoded(octets)])


def unsealed(document: Document, purpose: str, ring: Ring, now: float, max_age: int = 300) -> tuple[Json, Sealed]:
    """The payload and what was said of it; raises `Refused`."""
    if set(document) != {"payload", "signature"} or not isinstance(document["signature"], str):
        raise Refused("not exactly a payload and a signature")
    parts = document["signature"].split(".")
    if len(parts) != 6 or parts[0] != "v1":
        raise Refused("not of the first version")
    sealed = Sealed(
        decoded(parts[1]).decode("ascii", "replace") or None,
        seconds(parts[2]),
        seconds(parts[3]) if parts[3] else None,
        parts[4],
    )
    octets = decoded(parts[5])
    if sealed.key_id is not None and not (len(sealed.key_id) <= 256 and all(" " <= c <= "~" for c in sealed.key_id)):
        raise Refused("no key id")
    if not 16 <= len(sealed.nonce) <= 256 or not set(sealed.nonce) <= ALPHABET:
        raise Refused("no nonce")
    if sealed.expires is not None and (now > sealed.expires or sealed.expires < sealed.created):
        raise Refused("ended")
    if abs(now - sealed.created) > max_age:
        raise Refused("outside the window")
    value = json.loads(canonical_json(json.dumps(document["payload"])))
    keys = ring.get(sealed.key_id, ()) if sealed.key_id is not None else [key for keys in ring.values() for key in keys]
    if not any(hmac.compare_digest(octets, octets_of(value, purpose, sealed, key)) for key in keys):
        raise Refused("no key signed this")
    return value, sealed


def sign_by_hand(value: Json, key: bytes, *, ensure_ascii: bool = True, hash: str = "sha256") -> str:
    """What is copied from service to service."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ensure_ascii)
    assert python_json(text, ensure_ascii=ensure_ascii) == text.encode()
    return hmac.new(key, text.encode(), hash).hexdigest()


def seconds(text: str) -> int:
    if not 1 <= len(text) <= 12 or not set(text) <= DIGITS or (text[0] == "0" and text != "0"):
        raise Refused("no number of seconds")
    return int(text)


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def decoded(text: str) -> bytes:
    if not set(text) <= ALPHABET or len(text) % 4 == 1:
        raise Refused("no base64url")
    octets = base64.urlsafe_b64decode(text + "==")
    if encoded(octets) != text:
        raise Refused("a tail with bits in it")
    return octets
