"""The store in memory, at its full size: a command of its own, which prints figures and fails where a promise is broken.

    python tests/replay_memory.py [--count N]

`--count`: live keys, and bad signatures; 10,000,000 unless told otherwise, which takes some minutes and 300 MB.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from sealgate import Request, Signer, Unavailable, Verifier, schemes
from sealgate.exceptions import InvalidSignature, Replayed
from sealgate.replay import MemoryStore

#: Seconds that a message with the default window is remembered.
LIFE = 361
MOST_OCTETS, MOST_SECONDS, MOST_GROWTH = 24, 0.005, 16 * 2**20
KEYS = {"acme": b"sixteen octets, or more of them"}
GOOD = Signer(schemes.RFC9421, key_id="acme", key=KEYS["acme"])
FORGER = Signer(schemes.RFC9421, key_id="acme", key=b"another key of as many octets..")
ORIGIN = "https://api.shop.example"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000_000, metavar="N")
    count = parser.parse_args().count
    for check in (live_keys, bad_signatures, valid_flood, one_verifier, direct_offers):
        begin = time.perf_counter()
        for line in check(count):
            print(f"{check.__name__.replace('_', ' ')}: {line}", flush=True)
        print(f"  {time.perf_counter() - begin:.1f} s", flush=True)


def live_keys(count: int) -> Iterator[str]:
    """Octets of memory for a key, and the slowest insert, in CPU time: not the time in which another process ran."""
    gc.disable()
    now, clock = int(time.time()) + 3600, time.thread_time_ns
    store = MemoryStore(count, clock=lambda: now)
    slowest, before, steps = 0, resident(), []
    for place in range(count):
        key, expires = os.urandom(32), now + 1 + place * LIFE // count
        begin = clock()
        new = store.add(key, expires)
        slowest = max(slowest, clock() - begin)
        assert new
        if (place + 1) % max(1, count // 10) == 0:
            steps.append((resident() - before) / (place + 1))
    gc.enable()
    assert count == len(store)
    octets = (resident() - before) / count
    yield f"{count:,} live, {octets:.1f} octets a key (on the way there, each tenth: {', '.join(f'{s:.1f}' for s in steps)})"
    yield f"slowest insert {slowest / 1e6:.3f} ms of CPU"
    now += 1000
    begin = clock()
    assert store.add(os.urandom(32), now + LIFE)
    yield f"the insert that forgets all {count:,}: {(clock() - begin) / 1e6:.3f} ms of CPU"
    assert 1 == len(store)
    assert octets <= MOST_OCTETS
    assert slowest <= MOST_SECONDS * 1e9


def bad_signatures(count: int) -> Iterator[str]:
    """What is not proven is not remembered."""
    verifier = Verifier(schemes.RFC9421, keys=KEYS, origin=ORIGIN)
    store, request = verifier.replay, signed(FORGER)
    assert isinstance(store, MemoryStore)
    for _ in range(10_000):
        refuse(verifier, request)
    gc.collect()
    before, refused = resident(), 0
    for number in range(count):
        if number % 10_000 == 0:
            request = signed(FORGER)  # before it is too old
        refused += refuse(verifier, request)
    grown = resident() - before
    yield f"{refused:,} refused, {len(store)} remembered, memory grew by {grown / 2**20:.1f} MiB"
    assert (count, 0) == (refused, len(store))
    assert grown <= MOST_GROWTH


def refuse(verifier: Verifier, request: Request) -> bool:
    try:
        verifier.verify(request)
    except InvalidSignature:
        return True
    return False


def valid_flood(_: int) -> Iterator[str]:
    """Who holds a key can fill the store, and then nothing more is accepted: nothing is evicted."""
    capacity = 20_000
    store = MemoryStore(capacity)
    verifier = Verifier(schemes.RFC9421, keys=KEYS, origin=ORIGIN, replay=store)
    requests = [signed(GOOD) for _ in range(capacity + 500)]
    verdicts = [verdict(verifier, request) for request in requests]
    again = Counter(verdict(verifier, request) for request in requests)
    yield f"of {len(requests):,} {dict(Counter(verdicts))}; the same again {dict(again)}"
    assert ["accepted"] * capacity + ["unavailable"] * 500 == verdicts
    assert {"replayed": capacity, "unavailable": 500} == dict(again)
    assert capacity == len(store)


def one_verifier(_: int) -> Iterator[str]:
    """16 threads with one verifier: each good request is accepted by one of them, no bad one by any."""
    verifier = Verifier(schemes.RFC9421, keys=KEYS, origin=ORIGIN)
    good = [signed(GOOD) for _ in range(2_000)]
    bad = [signed(FORGER) for _ in range(2_000)]
    found = [Counter[tuple[str, str]]() for _ in range(16)]
    firsts = [list[int]() for _ in range(16)]

    def hammer(thread: int) -> None:
        for at in range(len(good)):
            place = (at + thread * 7) % len(good)
            told = verdict(verifier, good[place])
            found[thread]["good", told] += 1
            if told == "accepted":
                firsts[thread].append(place)
            found[thread]["bad", verdict(verifier, bad[place])] += 1

    at_once(16, hammer)
    total = sum(found, Counter[tuple[str, str]]())
    yield f"{dict(total)}"
    assert list(range(2_000)) == sorted(place for each in firsts for place in each)
    assert {("good", "accepted"): 2_000, ("good", "replayed"): 30_000, ("bad", "forged"): 32_000} == dict(total)


def direct_offers(count: int) -> Iterator[str]:
    """8 threads offer the same keys, each in its own order."""
    offers = min(count, 1_000_000)
    now = int(time.time()) + 3600
    store = MemoryStore(offers, clock=lambda: now)
    accepted = [bytearray(offers) for _ in range(8)]

    def offer(thread: int) -> None:
        mine, stride = accepted[thread], offers // 8 * thread
        for at in range(offers):
            place = (at + stride) % offers
            if store.add(hashlib.sha256(place.to_bytes(8)).digest(), now + 1 + place % LIFE):
                mine[place] += 1

    at_once(8, offer)
    times = Counter(map(sum, zip(*accepted, strict=True)))
    yield f"{8 * offers:,} offers of {offers:,} keys; keys by how often they were accepted: {dict(times)}"
    assert {1: offers} == dict(times)


def signed(signer: Signer) -> Request:
    return signer.sign(Request("POST", "/orders?dry=1", body=b'{"count": 1}', origin=ORIGIN))


def verdict(verifier: Verifier, request: Request) -> str:
    try:
        verifier.verify(request)
    except Replayed:
        return "replayed"
    except InvalidSignature:
        return "forged"
    except Unavailable:
        return "unavailable"
    return "accepted"


def at_once(count: int, call: Callable[[int], None]) -> None:
    failed = list[BaseException]()

    def run(number: int) -> None:
        try:
            call(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def resident() -> int:
    """Octets of memory in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
