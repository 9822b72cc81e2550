"""The replay store in memory: what an insert costs, and what a million remembered messages weigh."""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cachetools import TTLCache
from timing import Case, Pace, Result, Row, Section

from sealgate.replay import MemoryStore

#: Seconds that a message with the default window is remembered.
_LIFE = 361
#: Requests a second, and keys that live beside those of the others.
_RATE, _HELD = 300, 500_000
#: Keys that are made at a time: what waits longer to be added would be cold.
_PART = 5_000
_TITLE = "replay store in memory, insert of a new key"


class DictStore:
    """A dict with checks for what has ended; it never forgets, and is not bounded."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._seen: dict[bytes, int] = {}
        self._clock = clock

    def add(self, key: bytes, expires: int) -> bool:
        now = self._clock()
        if expires <= now:
            return False
        known = self._seen.get(key)
        if known is not None and known > now:
            return False
        self._seen[key] = expires
        return True


class TTLStore:
    """cachetools: bounded, and it evicts what is still live when it is full."""

    def __init__(self) -> None:
        self._seen: TTLCache[bytes, bool] = TTLCache(10_000_000, _LIFE)

    def add(self, key: bytes, _expires: int) -> bool:
        if key in self._seen:
            return False
        self._seen[key] = True
        return True


#: What is compared, and how it is made.
_STORES: dict[str, Callable[[], Any]] = {
    "MemoryStore.add": lambda: MemoryStore(10_000_000),
    "dict check and set": DictStore,
    "cachetools.TTLCache": TTLStore,
}


def _keys(count: int) -> list[tuple[bytes, int]]:
    now = int(time.time())
    return [(os.urandom(32), now + 1 + place * _LIFE // count) for place in range(count)]


def _timed(add: Callable[[bytes, int], bool], pairs: Iterable[tuple[bytes, int]]) -> int:
    begin = time.perf_counter_ns()
    for key, expires in pairs:
        add(key, expires)
    return time.perf_counter_ns() - begin


def _knows(add: Callable[[bytes, int], bool]) -> None:
    key, expires = os.urandom(32), int(time.time()) + _LIFE
    if (add(key, expires), add(key, expires)) != (True, False):
        raise AssertionError("a store must know what it has seen")


def _filled(make: Callable[[], Any], keys: int) -> Case:
    """An insert of those that fill a new store: its growth is in the time as well."""
    _knows(make().add)

    def run(count: int) -> int:
        add = make().add
        parts = [_PART] * (keys // _PART) or [keys]
        return sum(_timed(add, _keys(part)) for part in parts) * count // sum(parts)

    return Case(run, at_most=keys)


def _held(make: Callable[[], Any], keys: int, at_most: int) -> Case:
    """Fresh keys every time, in a store that holds as many as the others' do."""
    add = make().add
    _knows(add)
    _timed(add, _keys(keys))
    return Case(lambda count: _timed(add, _keys(count)), at_most)


def _fills(pace: Pace) -> Mapping[str, Case]:
    keys = 1_000 if pace.quick else _LIFE * _RATE
    return {name: _filled(make, keys) for name, make in _STORES.items()}


def _inserts(pace: Pace) -> Mapping[str, Case]:
    held, at_most = (1_000, 100) if pace.quick else (_HELD, _PART)
    return {name: _held(make, held, at_most) for name, make in _STORES.items()}


def _weight(pace: Pace) -> Iterable[Result]:
    """In a process of its own: what was freed before would hide what is taken now."""
    keys = 50_000 if pace.quick else 1_000_000
    script = str(Path(__file__).resolve())
    output = subprocess.run([sys.executable, script, str(keys)], check=True, capture_output=True, text=True).stdout
    measured = json.loads(output)
    count = f"{keys:,}"
    yield Result(_TITLE, f"memory per key, {count} live", measured["octets"], " B", must=24, aim=16)
    yield Result(_TITLE, f"slowest of {count} inserts, CPU time", measured["slowest"], " ms", must=5, aim=1)


def _weigh(keys: int) -> dict[str, float]:
    now = int(time.time())
    clock = time.thread_time_ns  # not the time in which another process ran
    store = MemoryStore(keys)
    slowest = 0
    gc.disable()
    before = _resident()
    for place in range(keys):
        key, expires = os.urandom(32), now + 1 + place * _LIFE // keys
        begin = clock()
        store.add(key, expires)
        slowest = max(slowest, clock() - begin)
    octets = (_resident() - before) / len(store)
    return {"octets": octets, "slowest": slowest / 1e6}


def _resident() -> int:
    """Octets of memory in use; where the system does not say, the most ever used."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


SECTIONS = [
    Section(
        f"{_TITLE}: from none, {_RATE} a second for as long as one is remembered",
        _fills,
        [
            Row("MemoryStore.add", "dict check and set", 0.7, 0.5),
            Row("MemoryStore.add", "cachetools.TTLCache", 1 / 8, 1 / 12),
        ],
        _weight,
    ),
    # No goal was set for this: all of it is misses of the cache, which each store leaves to the next.
    Section(
        f"{_TITLE}: beside {_HELD:,} live ones, the stores taking turns",
        _inserts,
        [Row("MemoryStore.add", "dict check and set"), Row("MemoryStore.add", "cachetools.TTLCache")],
    ),
]

if __name__ == "__main__":
    print(json.dumps(_weigh(int(sys.argv[1]))))
