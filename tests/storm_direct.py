"""The stores without servers: 8 processes of 8 threads offer the same keys; memory, 8 threads.

    python tests/storm_direct.py [--offers 1000000] [--store memory|sqlite|redis]

Each key is new for exactly one of all offers. What was unavailable is offered again, and counted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from replay_conformance import at_once
from replay_redis import RedisServer
from sealgate.replay import MemoryStore, ReplayStore, load

STORES = ("memory", "sqlite", "redis")
THREADS = 8
_SPAWN = multiprocessing.get_context("spawn")


def offer(store: ReplayStore, keys: int, expires: int) -> tuple[list[int], int]:
    """The keys that were new, and how often the store was unavailable."""
    new, unavailable = list[int](), 0
    for number in range(keys):
        while True:
            try:
                if store.add(number.to_bytes(32, "big"), expires):
                    new.append(number)
                break
            except Exception:
                unavailable += 1
    return new, unavailable


def _worker(url: str, keys: int, expires: int, barrier: Barrier, answers: Any) -> None:
    store = load(url, clock=time.time, max_age=300)
    assert store is not None
    barrier.wait()
    answers.put(at_once(THREADS, partial(offer, store, keys, expires)))


def direct(name: str, offers: int) -> tuple[int, list[int], int, float]:
    """How many keys, those that were new, how often it was unavailable, and seconds."""
    processes = 1 if name == "memory" else 8
    keys, expires = offers // (THREADS * processes), int(time.time()) + 3600
    with ExitStack() as stack:
        begin = time.monotonic()
        if name == "memory":
            rows = at_once(THREADS, partial(offer, MemoryStore(), keys, expires))
        else:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sealgate-storm-")))
            url = f"sqlite://{directory}/replay.db"
            if name == "redis":
                url = stack.enter_context(RedisServer()).url
            barrier, answers = _SPAWN.Barrier(processes + 1), _SPAWN.SimpleQueue()
            workers = [
                _SPAWN.Process(target=_worker, args=(url, keys, expires, barrier, answers)) for _ in range(processes)
            ]
            for worker in workers:
                worker.start()
            barrier.wait()
            begin = time.monotonic()
            rows = [row for _ in workers for row in answers.get()]
            for worker in workers:
                worker.join()
        seconds = time.monotonic() - begin
    new = sorted(number for row, _ in rows for number in row)
    return keys, new, sum(unavailable for _, unavailable in rows), seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offers", type=int, default=1_000_000)
    parser.add_argument("--store", choices=STORES, action="append")
    asked = parser.parse_args()
    wrong = False
    for name in asked.store or STORES:
        keys, new, unavailable, seconds = direct(name, asked.offers)
        wrong |= new != list(range(keys))
        verdict = "each key once" if new == list(range(keys)) else "WRONG"
        print(f"{name}: {asked.offers} offers of {keys} keys, {verdict}; {unavailable} unavailable; {seconds:.1f} s")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
