"""The store of one process, in its memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Self

from sealgate._native import ReplaySet
from sealgate.replay.workers import workers_suspected

__all__ = ["MemoryStore"]

_log = logging.getLogger("sealgate")


class MemoryStore(ReplaySet):
    """Replay keys of one process, in its memory. Several workers each have their own: then use a shared store.

    `capacity`: keys; a full store refuses. What one key id holds must be less than what is left for all, so that it
    alone can take one half: the greediest of n leave one part in n + 1. `clock`: Unix seconds.
    """

    __slots__ = ()
    by_key_id = True

    def __new__(cls, capacity: int = 1_000_000, *, clock: Callable[[], float] = time.time) -> Self:
        return super().__new__(cls, capacity, clock, _look)


def _look() -> None:
    """At first use, not at construction: by then the server has started its workers."""
    if (suspicion := workers_suspected()) is not None and suspicion not in _told:
        _told.add(suspicion)
        _log.warning(
            "replay protection is in the memory of each worker (%s): each of them accepts a message once; "
            "choose a shared store, such as replay='sqlite:///...' or 'redis://...'",
            suspicion,
        )


_told: set[str] = set()
