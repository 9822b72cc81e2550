"""What every replay store does alike. A class for each store inherits this."""

from __future__ import annotations

import os
import random
import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from judged import RFC9421, as_request
from sealgate import ConfigurationError, Unavailable
from sealgate.exceptions import Expired, Replayed
from sealgate.replay import MemoryStore, ReplayStore
from suite import Suite

#: A server's own clock cannot be set: that of the tests is ahead of it, so that the server forgets nothing early.
START = int(time.time()) + 86_400


class Clock:
    """Unix seconds, as they are set."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def fresh() -> bytes:
    return os.urandom(32)


def at_once(count: int, call: Callable[[], Any]) -> list[Any]:
    """What `call` gave in each of so many threads that were let go together."""
    barrier, answers = threading.Barrier(count), list[Any]()

    def run() -> None:
        barrier.wait()
        answers.append(call())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class Conformance(Suite):
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @abstractmethod
    def store(self, clock: Clock) -> Any:
        """A fixture: a store that reads this clock."""

    def test_a_key_is_new_once(self, store: ReplayStore) -> None:
        key = fresh()
        assert [True, False, False] == [store.add(key, START + 100) for _ in range(3)]

    def test_another_key_is_new(self, store: ReplayStore) -> None:
        first = fresh()
        other = first[:-1] + bytes([first[-1] ^ 1])
        assert [True, True] == [store.add(first, START + 100), store.add(other, START + 100)]

    def test_a_key_of_any_octets_is_a_key(self, store: ReplayStore) -> None:
        keys = [bytes(32), b"\xff" * 32, b"\r\n" * 16, b"' OR 1=1; -- \0".ljust(32), b"sealgate:" + bytes(23)]
        assert [True] * 5 == [store.add(key, START + 7) for key in keys]
        assert [False] * 5 == [store.add(key, START + 7) for key in keys]

    @pytest.mark.parametrize("other", [30, 50, 200, 5000])
    def test_a_live_key_with_another_expiry_is_the_same_key(self, store: ReplayStore, other: int) -> None:
        key = fresh()
        assert store.add(key, START + 100)
        assert False is store.add(key, START + other)

    def test_a_key_is_known_until_its_last_second_and_has_then_ended(self, store: ReplayStore, clock: Clock) -> None:
        key, end = fresh(), START + 200
        assert store.add(key, end)
        for now in (end - 1, end - 0.001, end, end + 0.001, end + 1, end + 127, end + 128, end + 1000):
            clock.now = now
            assert False is store.add(key, end), now - end

    @pytest.mark.parametrize("ahead", [1, 2, 127, 128, 129, 256, 3600])
    def test_what_ends_a_second_later_is_new(self, store: ReplayStore, clock: Clock, ahead: int) -> None:
        clock.now = START + 50.999
        assert True is store.add(fresh(), START + 50 + ahead)

    @pytest.mark.parametrize("behind", [0, 1, 61, 128, 5000])
    def test_what_has_ended_is_not_new(self, store: ReplayStore, clock: Clock, behind: int) -> None:
        clock.now = START + 50
        assert False is store.add(fresh(), START + 50 - behind)

    @pytest.mark.parametrize("expires", [0, -1, -(2**63), 2**63 - 1], ids=str)
    def test_odd_expiries_are_answered(self, store: ReplayStore, expires: int) -> None:
        key = fresh()
        assert (expires > START) is store.add(key, expires)
        assert False is store.add(key, expires)

    @pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
    def test_a_key_of_another_length_is_refused(self, store: ReplayStore, length: int) -> None:
        with pytest.raises(ConfigurationError, match="32 octets"):
            store.add(bytes(length), START + 100)

    @pytest.mark.parametrize("bad", ["x" * 32, None, 3], ids=ascii)
    def test_a_key_that_is_not_bytes_is_refused(self, store: ReplayStore, bad: Any) -> None:
        with pytest.raises(TypeError):
            store.add(bad, START + 100)

    def test_eight_threads_get_one_true(self, store: ReplayStore) -> None:
        """A check and then a set is two steps; this is one."""
        for _ in range(30):
            key = fresh()
            assert [False] * 7 + [True] == sorted(at_once(8, partial(store.add, key, START + 100)))

    @pytest.mark.parametrize("seed", range(5))
    def test_verdicts_are_the_native_sets(self, store: ReplayStore, clock: Clock, seed: int) -> None:
        """Each key has one end, and the clock runs on: then all stores say the same."""
        draw, judge = random.Random(seed), MemoryStore(100_000, clock=clock)
        ends = {fresh(): START + draw.randrange(-50, 700) for _ in range(60)}
        ours, theirs = list[bool](), list[bool]()
        for _ in range(300):
            key = draw.choice(list(ends))
            clock.now += draw.choice([0, 0, 0.4, 1, 3, 9])
            ours.append(bool(store.add(key, ends[key])))
            theirs.append(judge.add(key, ends[key]))
        assert theirs == ours
        assert 10 < sum(theirs) < 60

    def test_a_clock_that_steps_ten_minutes_either_way_accepts_nothing_twice(
        self, store: ReplayStore, clock: Clock
    ) -> None:
        verifier = RFC9421.verifier(replay=store, clock=clock)
        request, verdicts = as_request(RFC9421.signed(created=START)), list[bool]()
        for number, step in enumerate((0, 600, 0, -600, -10, 300, 1200, 3, 299, -299, 700, 0)):
            clock.now = START + step
            for offered in (RFC9421.signed(created=START + step, nonce=f"{number:016}"), None):
                try:
                    verifier.verify(request if offered is None else as_request(offered))
                except (Expired, Replayed, Unavailable):
                    verdicts += [False] * (offered is None)
                else:
                    verdicts += [True] * (offered is None)
        assert [True] + [False] * 11 == verdicts


class Remembering(Conformance):
    """A store that forgets by the clock it was given, and knows until when it forgot."""

    def test_what_ended_before_the_latest_forgotten_is_not_new(self, store: ReplayStore, clock: Clock) -> None:
        """A clock that is set back does not bring back what was forgotten."""
        old = fresh()
        assert store.add(old, START + 10)
        clock.now = START + 4000
        assert store.add(fresh(), START + 5000)
        clock.now = START
        slice_end = (START + 10) // 128 * 128 + 127
        assert [False, False] == [store.add(old, START + 10), store.add(fresh(), slice_end)]
        assert True is store.add(fresh(), slice_end + 1)

    @pytest.mark.parametrize("seed", range(5))
    def test_verdicts_are_the_native_sets_whatever_the_clock_does(
        self, store: ReplayStore, clock: Clock, seed: int
    ) -> None:
        draw, judge = random.Random(seed), MemoryStore(100_000, clock=clock)
        ends = {fresh(): START + draw.randrange(-50, 3000) for _ in range(100)}
        ours, theirs = list[bool](), list[bool]()
        for step in range(400):
            key = draw.choice(list(ends))
            clock.now = START + step * 7 + draw.randrange(-600, 600)
            ours.append(bool(store.add(key, ends[key])))
            theirs.append(judge.add(key, ends[key]))
        assert theirs == ours
        assert 10 < sum(theirs) < 100
