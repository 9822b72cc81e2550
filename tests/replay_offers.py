"""What a process offers to a store that others share. It has a module that a started process finds by its bare name: some
libraries bring a package that is called `tests`.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from replay_conformance import START, at_once
from sealgate import Unavailable
from sealgate.replay.sqlite import SQLiteStore

__all__ = ["offer"]


def offer(path: str, seed: int, out: str) -> None:
    """150 keys, each by four threads; the answers are left in `out`, a digit for each."""
    store = SQLiteStore(path)
    answers = at_once(4, lambda: [_patient(store, n.to_bytes(32, "big")) for n in range(seed, seed + 150)])
    Path(out).write_text("".join(str(int(new)) for row in answers for new in row))
    store.close()


def _patient(store: SQLiteStore, key: bytes) -> bool:
    """As clients do: what was unavailable is offered again."""
    while True:
        try:
            return store.add(key, START + 1000)
        except (Unavailable, sqlite3.OperationalError):
            continue
