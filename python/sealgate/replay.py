"""Stores that remember which messages were accepted, so that each counts once.

A store is any object with `add(key: bytes, expires: int) -> bool`, sync or async: atomic, True for a new key. Whatever
it raises makes the request `Unavailable`; it refuses when it is full and never evicts what could still be accepted.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from sealgate._native import ReplaySet
from sealgate.exceptions import ConfigurationError

__all__ = ["MemoryStore", "ReplayStore", "load"]


@runtime_checkable
class ReplayStore(Protocol):
    """`key`: 32 bytes. `expires`: Unix seconds until which the key must be remembered."""

    def add(self, key: bytes, expires: int, /) -> bool | Awaitable[bool]:
        """True if `key` was not there; afterwards it is. Two callers never both get True."""


class MemoryStore:
    """Replay keys of one process, in its memory. Several workers each have their own: then use a shared store."""

    def __init__(self, capacity: int = 1_000_000, *, clock: Callable[[], float] = time.time) -> None:
        self._seen = ReplaySet(capacity)
        self._clock = clock

    def add(self, key: bytes, expires: int, /) -> bool:
        return self._seen.add(key, expires, int(self._clock()))

    def __len__(self) -> int:
        return len(self._seen)


def load(replay: ReplayStore | str | None, *, clock: Callable[[], float]) -> ReplayStore | None:
    """The store that `replay` names: omitted is memory, `"off"` is none."""
    if replay is None:
        return MemoryStore(clock=clock)
    if replay == "off":
        return None
    if isinstance(replay, str):
        raise ConfigurationError(f"replay: unknown store {replay.partition(':')[0]!r}")
    if not isinstance(replay, ReplayStore):
        raise ConfigurationError("replay: a store needs a method add(key, expires)")
    return replay
