"""The judge of tokens: their own specification once more, with the standard library and the judge of JSON only."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from envelope_reference import Ring, decoded, encoded, framed
from reference import Json, Refused, canonical_json

AHEAD = 60


@dataclass(frozen=True)
class Said:
    """What a token says of itself."""

    key_id: str | None
    created: int
    life: int
    nonce: bytes | None = None
    claims: dict[str, Json] = field(default_factory=dict)


def scope_key(key: bytes, scope: str) -> bytes:
    """HKDF-SHA256 (RFC 5869): extract with a salt of zeros, expand to one block."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, framed(["sealgate scope", scope]) + b"\x01", "sha256")


def head_of(said: Said) -> bytes:
    claims = canonical_json(json.dumps(said.claims)) if said.claims else b""
    kind, nonce = (b"\x01", b"") if said.nonce is None else (b"\x02", said.nonce)
    times = said.created.to_bytes(5, "big") + said.life.to_bytes(4, "big")
    return kind + times + nonce + (said.key_id or "").encode() + b"\x00" + claims


def octets_of(head: bytes, scope: str, subject: str, key: bytes) -> bytes:
    return hmac.digest(scope_key(key, scope), framed([subject]) + head, "sha256")


def token_of(said: Said, scope: str, subject: str, key: bytes) -> str:
    return signed(head_of(said), scope, subject, key)


def signed(head: bytes, scope: str, subject: str, key: bytes) -> str:
    """Whatever `head` is."""
    return encoded(head + octets_of(head, scope, subject, key))


def granted(text: str, scope: str, subject: str, ring: Ring, now: float, max_age: int = 86400) -> Said:
    """What a token says, proven, by the ring's own key id; raises `Refused`."""
    octets = decoded(text)
    head, signature = octets[:-32], octets[-32:]
    said = read(head)
    if not said.created - AHEAD <= now <= said.created + min(said.life, max_age):
        raise Refused("outside the window")
    candidates = keys(ring, said.key_id)
    found = [own for own, key in candidates if hmac.compare_digest(signature, octets_of(head, scope, subject, key))]
    if not found:
        raise Refused("no key signed this")
    if head_of(said) != head:
        raise Refused("claims that are not canonical")
    return replace(said, key_id=found[0])


def keys(ring: Ring, key_id: str | None) -> Iterator[tuple[str | None, bytes]]:
    """Those of a key id, or without one all."""
    for own, keys in ring.items():
        if key_id in (None, own):
            yield from ((own, key) for key in keys)


def read(head: bytes) -> Said:
    if head[:1] not in (b"\x01", b"\x02"):
        raise Refused("no kind that is known")
    nonce, rest = (head[10:26], head[26:]) if head[0] == 2 else (None, head[10:])
    if nonce is not None and len(nonce) != 16:
        raise Refused("no whole nonce")
    key_id, end, claims = rest.partition(b"\x00")
    created = int.from_bytes(head[1:6], "big")
    if not end or len(key_id) > 256 or not all(0x20 <= octet <= 0x7E for octet in key_id) or created >= 10**12:
        raise Refused("no key id, or no second")
    if len(claims) > 2048:
        raise Refused("claims over the limit")
    said = Said(key_id.decode() or None, created, int.from_bytes(head[6:10], "big"), nonce)
    if not claims:
        return said
    try:
        value = json.loads(claims)
    except (ValueError, RecursionError):
        raise Refused("no JSON") from None
    if not isinstance(value, dict) or not value:
        raise Refused("no object with members")
    return Said(said.key_id, said.created, said.life, said.nonce, value)
