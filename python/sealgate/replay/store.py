"""What every store promises, and the checks that all of ours make first."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from sealgate.exceptions import ConfigurationError

__all__ = ["KEY_LENGTH", "SLICE", "ReplayStore", "ended"]

#: Octets of a replay key, a SHA-256.
KEY_LENGTH = 32
#: Seconds of expiry that are forgotten together, as in the native set.
SLICE = 128


@runtime_checkable
class ReplayStore(Protocol):
    """`key`: 32 bytes. `expires`: Unix seconds until which the key must be remembered; what has ended is not new.

    A store that has two ways has `aadd` too, a coroutine: it is asked where it can be awaited.
    """

    def add(self, key: bytes, expires: int, /) -> bool | Awaitable[bool]:
        """True if `key` was not there; afterwards it is. Two callers never both get True."""


def ended(key: bytes, expires: int, now: float) -> bool:
    """Whether the message is over, and so not new. Raises `ConfigurationError` for what is no replay key."""
    if not isinstance(key, bytes):
        raise TypeError("replay: a key is bytes")
    if len(key) != KEY_LENGTH:
        raise ConfigurationError(f"replay: a key has {KEY_LENGTH} octets")
    return expires <= int(now)
