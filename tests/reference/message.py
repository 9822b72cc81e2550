"""A message, what is proven of it, and how its octets are written and matched."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

Pairs = Sequence[tuple[str, str]]
Ring = Mapping[str | None, Sequence[bytes]]

FIELD_LIMIT = 8 * 1024


class Refused(Exception):
    """The judge does not accept the message."""


@dataclass(frozen=True)
class Message:
    """`params`: what a route would match in the path, decoded once."""

    method: str
    target: str
    headers: Pairs = ()
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def plus(self, added: Pairs) -> Message:
        return replace(self, headers=(*self.headers, *added))

    def one(self, name: str) -> str | None:
        """The one value of a covered field, without outer blanks; None where absent (RFC 9110, 5.5)."""
        if any(n.lower() != name and n.lower().replace("_", "-") == name for n, _ in self.headers):
            raise Refused("a twin that some servers read as the same field")
        values = [value.strip(" \t") for n, value in self.headers if n.lower() == name]
        if len(values) > 1:
            raise Refused("a covered field occurs twice")
        if values and not re.fullmatch(r"[\x20-\x7e]*", values[0]):
            raise Refused("octets outside 0x20..0x7e in a covered field")
        return values[0] if values else None


@dataclass(frozen=True)
class Proof:
    """`once` is what identifies the message for ever: the same `once` twice is a replay; None means no such claim."""

    key_id: str | None
    created: int | None = None
    nonce: str | None = None
    once: tuple[object, ...] | None = None


@dataclass
class Memory:
    """Replay protection as a set: nothing is ever forgotten."""

    seen: set[tuple[object, ...]] = field(default_factory=set)

    def admit(self, proof: Proof) -> None:
        if proof.once is not None and proof.once in self.seen:
            raise Refused("replayed")
        if proof.once is not None:
            self.seen.add(proof.once)


def mac(key: bytes, data: bytes, algorithm: str = "sha256") -> bytes:
    """HMAC, RFC 2104."""
    return hmac.new(key, data, algorithm).digest()


# --- what all share ---------------------------------------------------------------------------------------------------


def need(message: Message, name: str) -> str:
    value = message.one(name.lower())
    if not value or len(value) > FIELD_LIMIT:
        raise Refused(f"{name} is absent, empty or too long")
    return value


def in_window(text: str, now: float, max_age: int) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        raise Refused("seconds are one to twelve digits")
    if abs(now - int(text)) > max_age:
        raise Refused("outside the window")
    return int(text)


def hex_octets(text: str) -> bytes:
    if not re.fullmatch(r"(?:[0-9a-f]{2})+", text):
        raise Refused("not lower-case hex")
    return bytes.fromhex(text)


def base64_octets(text: str) -> bytes:
    """Strict, RFC 4648, 3.3 and 3.5: encoding what was decoded must give the same text."""
    try:
        octets = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused("not base64") from None
    if base64.b64encode(octets).decode() != text:
        raise Refused("base64 with stray bits")
    return octets


def match(ring: Ring, signature: bytes, base: bytes, hash: str = "sha256") -> str | None:
    for key_id, keys in ring.items():
        if any(hmac.compare_digest(mac(key, base, hash), signature) for key in keys):
            return key_id
    raise Refused("no key gives this signature")
