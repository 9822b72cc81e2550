"""The store of one process, in its memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sealgate._native import ReplaySet
from sealgate.replay.workers import workers_suspected

__all__ = ["MemoryStore"]

_log = logging.getLogger("sealgate")


class MemoryStore:
    """Replay keys of one process, in its memory. Several workers each have their own: then use a shared store."""

    def __init__(self, capacity: int = 1_000_000, *, clock: Callable[[], float] = time.time) -> None:
        self._seen = ReplaySet(capacity)
        self._clock = clock
        self._looked = False

    def add(self, key: bytes, expires: int, /) -> bool:
        if not self._looked:
            self._look()
        return self._seen.add(key, expires, int(self._clock()))

    def __len__(self) -> int:
        return len(self._seen)

    def _look(self) -> None:
        """At first use, not at construction: by then the server has started its workers."""
        self._looked = True
        if (suspicion := workers_suspected()) is not None:
            _warn(suspicion)


def _warn(suspicion: str) -> None:
    if suspicion not in _told:
        _told.add(suspicion)
        _log.warning(
            "replay protection is in the memory of each worker (%s): each of them accepts a message once; "
            "choose a shared store, such as replay='sqlite:///...' or 'redis://...'",
            suspicion,
        )


_told: set[str] = set()
