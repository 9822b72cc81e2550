"""The text of an envelope's signature: what it says of itself, and its octets; and what that is once it is proven."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sealgate.exceptions import Expired, SignatureMalformed
from sealgate.purpose import NAME, framed

__all__ = ["Claim", "Opened"]

VERSION = "v1"
LONGEST = 8 * 1024
_SECONDS = "0|[1-9][0-9]{0,11}"
# 342: 256 octets of a key id; 43: 32 of a signature.
_TEXT = re.compile(
    rf"{VERSION}\.([A-Za-z0-9_-]{{0,342}})\.({_SECONDS})\.({_SECONDS}|)\.([A-Za-z0-9_-]{{16,256}})\.([A-Za-z0-9_-]{{43}})"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope held, proven. `created` and `expires`: Unix seconds. A legacy one holds the payload only."""

    payload: Any = field(repr=False)
    key_id: str | None = None
    created: int | None = None
    expires: int | None = None
    nonce: str | None = field(default=None, repr=False)


class Claim(NamedTuple):
    """Unproven until its octets are verified. `created` and `expires`: Unix seconds."""

    key_id: str | None
    created: int
    expires: int | None
    nonce: str
    octets: bytes = b""

    @staticmethod
    def read(text: str) -> Claim:
        """Raises `SignatureMalformed`."""
        found = _TEXT.fullmatch(text) if len(text) <= LONGEST else None
        if found is None:
            raise SignatureMalformed("expected a version, and five members between dots")
        key_id, created, expires, nonce, octets = found.groups()
        claim = Claim(_key_id(key_id), int(created), int(expires) if expires else None, nonce, _decoded(octets))
        if claim.expires is not None and claim.expires < claim.created:
            raise SignatureMalformed("it ends before it begins")
        return claim

    def write(self) -> str:
        """As `read` reads it."""
        expires = "" if self.expires is None else self.expires
        key_id = _encoded((self.key_id or "").encode())
        return f"{VERSION}.{key_id}.{self.created}.{expires}.{self.nonce}.{_encoded(self.octets)}"

    def framed(self, purpose: str) -> bytes:
        """What is signed before the payload."""
        return framed(VERSION, purpose, self.key_id, self.created, self.expires, self.nonce)

    def end(self, max_age: int) -> int:
        """The last second in which it can be accepted."""
        end = self.created + max_age
        return end if self.expires is None else min(end, self.expires)

    def check_window(self, now: float, max_age: int) -> None:
        """Raises `Expired`; also where the clock says nothing, which is NaN."""
        if not self.created - max_age <= now <= self.end(max_age):
            raise Expired("too old, from the future, or past its own end")


def _key_id(text: str) -> str | None:
    key_id = _decoded(text).decode("latin-1")
    if key_id and not NAME.fullmatch(key_id):
        raise SignatureMalformed("key id: 1 to 256 printable characters")
    return key_id or None


def _encoded(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Of the alphabet already. RFC 4648, 3.5: bits that say nothing must be zero, or one value has many texts."""
    octets = b"" if len(text) % 4 == 1 else urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encoded(octets) != text:
        raise SignatureMalformed("base64url with a tail that is not canonical")
    return octets
