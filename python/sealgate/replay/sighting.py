"""What one process has seen of the server that holds the replay keys: who answers, and whether it keeps them."""

from __future__ import annotations

import logging
import math
from typing import Any

from sealgate.exceptions import Unavailable

__all__ = ["Sighting"]

#: Seconds from the latest end of a message to the end of its entry: the margin, and the second it is rounded up by.
_MARGIN = 61
_log = logging.getLogger("sealgate")


class Sighting:
    """`max_age`: seconds. `connections`: how many were made; `looked`: how many there were at the last look.

    Behind each new connection there may be another server, so nothing is answered before it was looked at.
    """

    def __init__(self, max_age: int) -> None:
        self.connections = self.looked = 0
        self._max_age = max_age
        self._next = -math.inf
        self._who: tuple[Any, Any] | None = None
        self._told = False
        self._evicts: str | None = None
        #: The server's latest time: what ended by then may have been forgotten, even if its clock is set back.
        self._floor = 0
        #: The latest end of what was stored, and the end until which what was stored may be lost.
        self._latest = self._lost = 0

    def is_due(self, monotonic: float, every: float) -> bool:
        due = monotonic >= self._next
        if due:
            self._next = monotonic + every
        return due

    def see(self, sections: list[Any], connections: int, now: float) -> None:
        """`server`, `replication` and `memory` of `INFO`, or an error; `connections` before they were asked for."""
        self.looked = connections
        if any(isinstance(section, Exception) for section in sections):
            if not self._told:
                self._told = True
                _log.warning(
                    "replay: INFO is refused, so neither a restart of the server nor an eviction can be noticed"
                )
            return
        server, replication, memory = sections
        who = (server.get("run_id"), replication.get("master_replid"))
        if self._who is not None and who != self._who:
            # An entry that was stored by now is of a message that was created by now; or, if its signer's clock is
            # ahead, of one that ends no later than the latest that this process has stored.
            self._lost = max(self._lost, int(now) + self._max_age + _MARGIN, self._latest)
            _log.error("replay: another server answers than before; messages created until now are unavailable")
        self._who = who
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy != "noeviction" and policy != self._evicts:
            _log.error("replay: maxmemory-policy is %s, which forgets live keys; only noeviction will do", policy)
        self._evicts = None if policy == "noeviction" else policy

    def check(self, expires: int, server_time: int) -> None:
        """Raises `Unavailable` where the server may have forgotten a message that ends then."""
        self._floor = max(self._floor, server_time)
        if self._evicts is not None:
            raise Unavailable("the replay store may evict what it was given")
        if expires <= self._lost:
            raise Unavailable("the replay store may have forgotten the message")
        if expires <= self._floor:
            raise Unavailable("the replay store's clock is ahead")

    def stored(self, expires: int) -> None:
        self._latest = max(self._latest, expires)
