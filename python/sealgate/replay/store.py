"""What every store promises, and the checks that all of ours make first."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal, Protocol, runtime_checkable

from sealgate.exceptions import ConfigurationError

__all__ = ["KEY_LENGTH", "SLICE", "AcknowledgingStore", "QuotaStore", "ReplayStore", "Seen", "check_key", "ended"]

#: Octets of a replay key, a SHA-256.
KEY_LENGTH = 32
#: Seconds of expiry that are forgotten together, as in the native set.
SLICE = 128
#: What a store knew of a message: nothing (it is in progress from here on); in progress elsewhere; answered with
#: success; or whatever else `add` answers False to: accepted by `add`, finished without success, ended.
Seen = Literal["new", "begun", "done", "spent"]


@runtime_checkable
class ReplayStore(Protocol):
    """`key`: 32 bytes. `expires`: Unix seconds until which the key must be remembered; what has ended is not new.

    A store that has two ways has `aadd` too, a coroutine: it is asked where it can be awaited.
    """

    def add(self, key: bytes, expires: int, /) -> bool | Awaitable[bool]:
        """True if `key` was not there; afterwards it is. Two callers never both get True."""


@runtime_checkable
class AcknowledgingStore(ReplayStore, Protocol):
    """A store that also knows how the delivery of a message went, so that a duplicate can be acknowledged.

    To `add`, a key that was begun and not released is one that was there. A store that has two ways has `abegin`,
    `afinish` and `arelease` too. `finish` and `release` say nothing of a key that has ended meanwhile.
    """

    def begin(self, key: bytes, expires: int, /) -> Seen | Awaitable[Seen]:
        """What was known of `key`. Two callers never both get `new`, and neither gets it where `add` gave True."""

    def finish(self, key: bytes, expires: int, done: bool, /) -> Awaitable[None] | None:
        """Of what this caller began: from here on it is `done`, or else `spent`."""

    def release(self, key: bytes, expires: int, /) -> Awaitable[None] | None:
        """Of what this caller began, finished or not: it is as if it had never been seen."""


@runtime_checkable
class QuotaStore(ReplayStore, Protocol):
    """A store that keeps one key id from filling it for all: with `by_key_id`, `add`, and `begin` and `release` where
    it has them, take the key id as a third argument. The same of one message; None counts towards no quota.
    """

    by_key_id: bool

    def add(self, key: bytes, expires: int, key_id: str | None = None, /) -> bool | Awaitable[bool]:
        """As `ReplayStore.add`; a key id whose share is used up is refused as by a full store."""


def ended(key: bytes, expires: int, now: float) -> bool:
    """Whether the message is over, and so not new. Raises `ConfigurationError` for what is no replay key."""
    check_key(key)
    return expires <= int(now)


def check_key(key: bytes) -> None:
    """Raises `ConfigurationError` for what is no replay key."""
    if not isinstance(key, bytes):
        raise TypeError("replay: a key is bytes")
    if len(key) != KEY_LENGTH:
        raise ConfigurationError(f"replay: a key has {KEY_LENGTH} octets")
