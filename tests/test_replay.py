"""The replay set: once, never forgotten while it counts, refuses when full; and the stores over it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judged import NOW, RFC9421, as_request
from replay_conformance import Clock
from sealgate import ConfigurationError, Unavailable, Verified
from sealgate.exceptions import Replayed
from sealgate.replay import MemoryStore, ReplayStore, load


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


class Timed:
    """A store in memory that is told the time with each key."""

    def __init__(self, capacity: int) -> None:
        self._clock = Clock()
        self._store = MemoryStore(capacity, clock=self._clock)

    def add(self, key: bytes, expires: int, now: int) -> bool:
        self._clock.now = now
        return self._store.add(key, expires)

    def __len__(self) -> int:
        return len(self._store)


def test_a_key_is_new_once() -> None:
    seen = Timed(10)
    assert [True, False, False] == [seen.add(key(1), NOW + 10, NOW) for _ in range(3)]
    assert 1 == len(seen)


def test_another_expiry_is_the_same_key() -> None:
    seen = Timed(10)
    assert seen.add(key(1), NOW + 10, NOW)
    assert not seen.add(key(1), NOW + 500, NOW)
    assert not seen.add(key(1), NOW + 10, NOW + 5)


def test_a_full_set_refuses_and_evicts_nothing() -> None:
    """E9: an evicted nonce is a replay that passes."""
    seen = Timed(3)
    for number in range(3):
        assert seen.add(key(number), NOW + 100, NOW)
    with pytest.raises(Unavailable, match="full"):
        seen.add(key(3), NOW + 100, NOW)
    assert [False] * 3 == [seen.add(key(number), NOW + 100, NOW) for number in range(3)]
    assert 3 == len(seen)


def test_what_has_ended_makes_room() -> None:
    seen = Timed(3)
    for number in range(3):
        seen.add(key(number), NOW + 10, NOW)
    assert seen.add(key(3), NOW + 1000, NOW + 500)
    assert 1 == len(seen)


def test_what_ended_before_the_latest_dropped_is_not_new() -> None:
    """E12: after a clock stepped back, what was forgotten must not come in again."""
    seen = Timed(10)
    seen.add(key(1), NOW + 10, NOW)
    seen.add(key(2), NOW + 5000, NOW + 4000)
    assert not seen.add(key(1), NOW + 10, NOW)
    assert not seen.add(key(3), NOW + 10, NOW)


@given(offers=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5000)), max_size=80))
def test_nothing_is_new_twice_whatever_the_clock_does(offers: list[tuple[int, int]]) -> None:
    """Against a set that forgets nothing: each key has one end; the clock jumps both ways."""
    seen, known = Timed(100), set[int]()
    for number, step in offers:
        new = seen.add(key(number), NOW + 1 + number * 100, NOW + step)
        assert not (new and number in known)
        if new:
            known.add(number)


@given(
    lives=st.lists(st.integers(1, 300), min_size=1, max_size=40),
    steps=st.lists(st.integers(0, 60), min_size=1, max_size=40),
)
def test_a_live_key_is_never_new_again(lives: list[int], steps: list[int]) -> None:
    """The promise itself: each key has one end, the clock runs on, and what has not ended is known."""
    seen, ends, now = Timed(1000), dict[int, int](), NOW
    for number, life in enumerate(lives):
        now += steps[number % len(steps)]
        ends[number] = now + life
        assert seen.add(key(number), ends[number], now)
        for known, end in ends.items():
            if end > now:
                assert not seen.add(key(known), end, now)


def test_sixteen_threads_get_one_true() -> None:
    """E6: a check and then a set is two steps; this is one."""
    seen = Timed(100_000)
    for number in range(300):
        barrier, answers = threading.Barrier(16), list[bool]()

        def offer(number: int = number, barrier: threading.Barrier = barrier, answers: list[bool] = answers) -> None:
            barrier.wait()
            answers.append(seen.add(key(number), NOW + 100, NOW))

        threads = [threading.Thread(target=offer) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [True] + [False] * 15 == sorted(answers, reverse=True)


def test_eight_threads_verify_one_message_once() -> None:
    verifier, request = RFC9421.verifier(), as_request(RFC9421.signed())
    barrier, verdicts = threading.Barrier(8), list[Verified | None]()

    def verify() -> None:
        barrier.wait()
        try:
            verdicts.append(verifier.verify(request))
        except Replayed:
            verdicts.append(None)

    threads = [threading.Thread(target=verify) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 7 == verdicts.count(None)
    assert 8 == len(verdicts)


@pytest.mark.parametrize("bad", ["x" * 32, None, 3], ids=ascii)
def test_replay_keys_are_octets(bad: Any) -> None:
    with pytest.raises(TypeError):
        Timed(10).add(bad, NOW + 10, NOW)


def test_a_set_without_room_refuses_everything() -> None:
    with pytest.raises(Unavailable):
        Timed(0).add(key(1), NOW + 10, NOW)


@pytest.mark.parametrize("expires", [0, -1, NOW - 1, 2**63 - 1, -(2**63)])
def test_odd_expiries_do_not_crash(expires: int) -> None:
    seen = Timed(10)
    first = seen.add(key(1), expires, NOW)
    assert isinstance(first, bool)
    assert not (first and seen.add(key(1), expires, NOW))


def test_the_memory_store_reads_the_clock_it_was_given() -> None:
    clock = [float(NOW)]
    store = MemoryStore(2, clock=lambda: clock[0])
    assert store.add(key(1), NOW + 10)
    assert store.add(key(2), NOW + 10)
    clock[0] = NOW + 1000.5
    assert store.add(key(3), NOW + 2000)
    assert 1 == len(store)


def test_a_full_store_makes_a_request_unavailable_and_not_accepted() -> None:
    verifier = RFC9421.verifier(replay=MemoryStore(1, clock=lambda: NOW))
    verifier.verify(as_request(RFC9421.signed()))
    with pytest.raises(Unavailable):
        verifier.verify(as_request(RFC9421.signed(nonce="m" * 16)))
    with pytest.raises(Replayed):
        verifier.verify(as_request(RFC9421.signed()))


def test_two_verifiers_with_one_store_share_what_they_know() -> None:
    store = MemoryStore(clock=lambda: NOW)
    RFC9421.verifier(replay=store).verify(as_request(RFC9421.signed()))
    with pytest.raises(Replayed):
        RFC9421.verifier(replay=store).verify(as_request(RFC9421.signed()))


def test_two_verifiers_with_other_ages_share_what_they_know() -> None:
    """A message that one route accepted is a replay on the next, however long that one would remember it."""
    store = MemoryStore(clock=lambda: NOW)
    RFC9421.verifier(replay=store, max_age=300).verify(as_request(RFC9421.signed()))
    with pytest.raises(Replayed):
        RFC9421.verifier(replay=store, max_age=60).verify(as_request(RFC9421.signed()))


def test_each_verifier_without_a_store_has_its_own_memory() -> None:
    assert RFC9421.verifier().replay is not RFC9421.verifier().replay


def test_omitted_is_memory_and_off_is_none() -> None:
    assert isinstance(load(None, clock=lambda: NOW, max_age=300), MemoryStore)
    assert load("off", clock=lambda: NOW, max_age=300) is None
    own = MemoryStore()
    assert own is load(own, clock=lambda: NOW, max_age=300)
    assert isinstance(own, ReplayStore)


@pytest.mark.parametrize("name", ["memcached://user:pass@host", "rediss+pass", "", "pass", "Redis://pass", " off"])
def test_what_is_unknown_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(ConfigurationError, match="unknown store") as refused:
        load(name, clock=lambda: NOW, max_age=300)
    assert "pass" not in str(refused.value)


def test_what_is_no_store_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="add"):
        RFC9421.verifier(replay=3)


class TwoWays:
    """As a store of one's own may be."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def add(self, key: bytes, expires: int, /) -> bool:
        self.asked.append("add")
        return True

    async def aadd(self, key: bytes, expires: int, /) -> bool:
        self.asked.append("aadd")
        return True


def test_a_store_with_two_ways_is_awaited_where_it_can_be() -> None:
    store = TwoWays()
    verifier, request = RFC9421.verifier(replay=store), as_request(RFC9421.signed())
    verifier.verify(request)
    asyncio.run(verifier.averify(request))
    assert ["add", "aadd"] == store.asked
