"""The store in memory: what it knows of deliveries, and what one key id may hold."""

from __future__ import annotations

import gc
import weakref
from functools import partial
from typing import Any

import pytest

from delivery_conformance import DeliveryConformance
from judged import NOW, RFC9421, as_request
from replay_conformance import START, Clock, at_once, fresh
from sealgate import ConfigurationError, Unavailable
from sealgate.replay import MemoryStore, QuotaStore


class TestMemory(DeliveryConformance):
    @pytest.fixture
    def store(self, clock: Clock) -> Any:
        return MemoryStore(100_000, clock=clock)


def taken(store: MemoryStore, key_id: str | None, *, most: int = 1000) -> int:
    """How many keys the store takes from this key id until it refuses."""
    for number in range(most):
        try:
            store.add(fresh(), START + 100, key_id)
        except Unavailable:
            return number
    return most


@pytest.mark.parametrize("step", ["add", "begin"])
def test_a_full_store_refuses_and_knows_what_it_had(step: str) -> None:
    store, keys = MemoryStore(3, clock=Clock()), [fresh() for _ in range(3)]
    for key in keys:
        assert "new" == store.begin(key, START + 100)
    with pytest.raises(Unavailable, match="the replay set is full"):
        getattr(store, step)(fresh(), START + 100)
    assert ["begun"] * 3 == [store.begin(key, START + 100) for key in keys]
    store.finish(keys[0], START + 100, True)
    assert "done" == store.begin(keys[0], START + 100)
    store.release(keys[0], START + 100)
    assert "new" == store.begin(fresh(), START + 100)


def test_deliveries_that_ended_make_room() -> None:
    clock = Clock()
    store = MemoryStore(3, clock=clock)
    for done in (True, False, None):
        key = fresh()
        assert "new" == store.begin(key, START + 10)
        if done is not None:
            store.finish(key, START + 10, done)
    clock.now = START + 500
    assert "new" == store.begin(fresh(), START + 1000)
    assert 1 == len(store)


def test_it_says_that_it_keeps_key_ids_apart() -> None:
    store = MemoryStore()
    assert isinstance(store, QuotaStore)
    assert True is store.by_key_id


def test_the_greediest_leave_one_part_for_each_other_and_one() -> None:
    store = MemoryStore(600, clock=Clock())
    assert [300, 150, 75] == [taken(store, "greedy"), taken(store, "another"), taken(store, "third")]
    assert [0, 38] == [taken(store, "greedy"), taken(store, "modest")]


def test_greedy_ones_in_turn_have_equal_shares() -> None:
    store, names = MemoryStore(600, clock=Clock()), ["a", "b", "c", "d", "e"]
    had = dict.fromkeys(names, 0)
    for _ in range(600):
        for name in names:
            had[name] += taken(store, name, most=1)
    assert {100} == set(had.values())
    assert 100 == 600 - len(store)
    assert 50 == taken(store, "late")


def test_a_share_that_is_used_up_says_so_and_others_are_served() -> None:
    store, known = MemoryStore(4, clock=Clock()), fresh()
    assert store.add(known, START + 100, "greedy")
    assert "new" == store.begin(fresh(), START + 100, "greedy")
    for step in (store.add, store.begin):
        with pytest.raises(Unavailable, match="share of the replay set is used up"):
            step(fresh(), START + 100, "greedy")
    assert False is store.add(known, START + 100, "greedy")
    assert True is store.add(fresh(), START + 100, "modest")
    assert True is store.add(fresh(), START + 100)


def test_without_a_key_id_there_is_no_share() -> None:
    assert 50 == taken(MemoryStore(50, clock=Clock()), None)


def test_the_share_of_what_was_released_is_free() -> None:
    store, keys = MemoryStore(10, clock=Clock()), [fresh() for _ in range(5)]
    for key in keys:
        assert "new" == store.begin(key, START + 100, "a")
    assert 0 == taken(store, "a")
    store.finish(keys[0], START + 100, True)
    for key in keys[:2]:
        for _ in range(2):
            store.release(key, START + 100, "a")
    assert [2, 3] == [taken(store, "a"), 10 - len(store) - 2]


def test_a_share_is_free_again_when_its_slice_is_over() -> None:
    clock = Clock(START // 128 * 128)
    store = MemoryStore(10, clock=clock)
    for _ in range(5):
        assert store.add(fresh(), int(clock.now) + 100, "a")
    clock.now += 127
    with pytest.raises(Unavailable, match="share"):
        store.add(fresh(), int(clock.now) + 500, "a")
    clock.now += 1
    assert [True] * 5 == [store.add(fresh(), int(clock.now) + 500, "a") for _ in range(5)]
    with pytest.raises(Unavailable, match="share"):
        store.add(fresh(), int(clock.now) + 500, "a")


@pytest.mark.parametrize("key_id", ["", "a" * 256, "\0", "ä€😀", "' OR 1=1"], ids=ascii)
def test_any_text_is_a_key_id(key_id: str) -> None:
    store = MemoryStore(10, clock=Clock())
    assert [5, 3] == [taken(store, key_id), taken(store, key_id + "x")]


@pytest.mark.parametrize("bad", [b"a", 3, "\udc80"], ids=ascii)
def test_what_is_no_text_is_no_key_id(bad: Any) -> None:
    with pytest.raises((TypeError, UnicodeEncodeError)):
        MemoryStore(10, clock=Clock()).add(fresh(), START + 100, bad)


def test_threads_take_no_more_than_their_share() -> None:
    store = MemoryStore(400, clock=Clock())
    assert 200 == sum(at_once(8, partial(taken, store, "greedy")))
    assert 100 == sum(at_once(8, partial(taken, store, "another")))


@pytest.mark.parametrize("now", [float("nan"), float("inf"), float("-inf")], ids=str)
def test_a_clock_without_a_time_is_refused(now: float) -> None:
    store = MemoryStore(10, clock=lambda: now)
    with pytest.raises(ConfigurationError, match="clock"):
        store.add(fresh(), START)
    with pytest.raises(Unavailable):
        RFC9421.verifier(replay=store).verify(as_request(RFC9421.signed()))


@pytest.mark.parametrize("answer", ["x", None, b"1"], ids=ascii)
def test_a_clock_that_gives_no_number_is_an_outage(answer: Any) -> None:
    store = MemoryStore(10, clock=lambda: answer)
    with pytest.raises(TypeError):
        store.add(fresh(), START)
    assert 0 == len(store)


def test_a_clock_that_fails_is_an_outage_and_not_an_acceptance() -> None:
    def broken() -> float:
        raise OSError("no clock")

    with pytest.raises(Unavailable):
        RFC9421.verifier(replay=MemoryStore(clock=broken)).verify(as_request(RFC9421.signed()))


def test_a_clock_of_whole_seconds_will_do() -> None:
    assert True is MemoryStore(clock=lambda: NOW).add(fresh(), NOW + 1)


def test_a_clock_may_ask_the_store_itself() -> None:
    """The clock runs before the store is locked."""
    store = MemoryStore(10, clock=lambda: NOW + len(store))
    assert [True, True] == [store.add(fresh(), NOW + 100) for _ in range(2)]


def test_a_store_that_its_clock_holds_is_collected() -> None:
    class Holding:
        def __init__(self) -> None:
            self.store = MemoryStore(10, clock=self.now)

        def now(self) -> float:
            return NOW

    holding = Holding()
    assert holding.store.add(fresh(), NOW + 10)
    gone = weakref.ref(holding)
    del holding
    gc.collect()
    assert None is gone()


@pytest.mark.parametrize("capacity", [-1, 2.5, "3", 2**64, None], ids=ascii)
def test_what_is_no_capacity_is_refused(capacity: Any) -> None:
    with pytest.raises((TypeError, OverflowError)):
        MemoryStore(capacity)


def test_a_capacity_that_no_machine_has_takes_no_memory_before_its_keys() -> None:
    store = MemoryStore(2**63, clock=Clock())
    assert [True, False] == [store.add(bytes(32), START + 9) for _ in range(2)]
