"""What every replay store that knows deliveries does alike. A class for each store inherits this."""

from __future__ import annotations

import random
from abc import abstractmethod
from functools import partial
from typing import Any, get_args

import pytest

from replay_conformance import START, Clock, at_once, fresh
from sealgate import ConfigurationError
from sealgate.replay import AcknowledgingStore, Seen
from suite import Suite

#: Where a delivery stands, by how it got there.
STATES = {"add": "spent", "begin": "begun", "done": "done", "undone": "spent"}


def brought(store: Any, key: bytes, expires: int, way: str) -> None:
    """Brings a fresh key to where that way ends."""
    if way == "add":
        assert True is store.add(key, expires)
        return
    assert "new" == store.begin(key, expires)
    if way != "begin":
        store.finish(key, expires, way == "done")


class DeliveryConformance(Suite):
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @abstractmethod
    def store(self, clock: Clock) -> Any:
        """A fixture: a store that reads this clock."""

    def test_it_has_the_steps(self, store: Any) -> None:
        assert isinstance(store, AcknowledgingStore)

    @pytest.mark.parametrize("way", STATES)
    def test_what_is_known_of_a_key_is_how_far_it_came(self, store: Any, way: str) -> None:
        key = fresh()
        brought(store, key, START + 100, way)
        assert [STATES[way]] * 3 == [store.begin(key, START + 100) for _ in range(3)]

    @pytest.mark.parametrize("way", STATES)
    def test_to_add_what_was_begun_is_not_new_however_it_ended(self, store: Any, way: str) -> None:
        key = fresh()
        brought(store, key, START + 100, way)
        assert False is store.add(key, START + 100)
        assert STATES[way] == store.begin(key, START + 100)

    @pytest.mark.parametrize("other", [30, 50, 200, 5000])
    def test_a_key_with_another_expiry_is_the_same_delivery(self, store: Any, other: int) -> None:
        key = fresh()
        assert "new" == store.begin(key, START + 100)
        assert "begun" == store.begin(key, START + other)

    @pytest.mark.parametrize("way", ["begin", "done", "undone"])
    def test_what_is_released_is_as_if_never_seen(self, store: Any, way: str) -> None:
        key = fresh()
        brought(store, key, START + 100, way)
        store.release(key, START + 100)
        assert ["new", "begun"] == [store.begin(key, START + 100) for _ in range(2)]
        store.release(key, START + 100)
        assert [True, False] == [store.add(key, START + 100) for _ in range(2)]

    def test_a_delivery_is_begun_and_released_as_often_as_it_takes(self, store: Any) -> None:
        key = fresh()
        for _ in range(50):
            assert "new" == store.begin(key, START + 100)
            store.release(key, START + 100)
        assert "new" == store.begin(key, START + 100)
        store.finish(key, START + 100, True)
        assert "done" == store.begin(key, START + 100)

    def test_one_key_says_nothing_of_another(self, store: Any) -> None:
        keys = [fresh()[:-1] + bytes([number]) for number in range(40)]
        ways = dict(zip(keys, list(STATES) * 10, strict=True))
        for key, way in ways.items():
            brought(store, key, START + 100, way)
        released = [key for key, way in ways.items() if way == "done"][::2]
        for key in released:
            store.release(key, START + 100)
        expected = {key: "new" if key in released else STATES[way] for key, way in ways.items()}
        assert expected == {key: store.begin(key, START + 100) for key in keys}

    @pytest.mark.parametrize("step", ["done", "undone", "release"])
    def test_what_is_not_there_is_passed_over(self, store: Any, step: str) -> None:
        """It has ended meanwhile, or the store has lost it: there is nobody to tell."""
        key = fresh()
        self._end(store, key, START + 100, step)
        assert "new" == store.begin(key, START + 100)

    @pytest.mark.parametrize("way", STATES)
    def test_a_delivery_is_known_until_its_last_second_and_has_then_ended(
        self, store: Any, clock: Clock, way: str
    ) -> None:
        key, end = fresh(), START + 200
        brought(store, key, end, way)
        clock.now = end - 1
        assert STATES[way] == store.begin(key, end)
        clock.now = end - 0.001
        assert STATES[way] == store.begin(key, end)
        for now in (end, end + 0.001, end + 1, end + 127, end + 128, end + 1000):
            clock.now = now
            assert ["spent", False] == [store.begin(key, end), store.add(key, end)], now - end

    @pytest.mark.parametrize("behind", [0, 1, 61, 128, 5000])
    def test_what_has_ended_is_not_begun(self, store: Any, clock: Clock, behind: int) -> None:
        key = fresh()
        clock.now = START + 50
        assert "spent" == store.begin(key, START + 50 - behind)

    @pytest.mark.parametrize("step", ["done", "undone", "release"])
    def test_an_answer_that_comes_after_the_end_brings_nothing_back(self, store: Any, clock: Clock, step: str) -> None:
        """A view may take longer than its message lives."""
        key, end = fresh(), START + 10
        assert "new" == store.begin(key, end)
        for now in (end, end + 1, end + 500):
            clock.now = now
            self._end(store, key, end, step)
            assert ["spent", False] == [store.begin(key, end), store.add(key, end)]

    @pytest.mark.parametrize("step", [600, -600])
    @pytest.mark.parametrize("way", STATES)
    def test_a_clock_that_steps_ten_minutes_changes_no_delivery(
        self, store: Any, clock: Clock, way: str, step: int
    ) -> None:
        key, end = fresh(), START + 5000
        brought(store, key, end, way)
        for now in (START + step, START, START + step / 2, START - step, START):
            clock.now = now
            assert STATES[way] == store.begin(key, end), now - START

    @pytest.mark.parametrize("way", STATES)
    def test_a_clock_that_is_set_back_begins_nothing_again(self, store: Any, clock: Clock, way: str) -> None:
        key, end = fresh(), START + 100
        brought(store, key, end, way)
        clock.now = START + 700
        assert "spent" == store.begin(key, end)
        assert "new" == store.begin(fresh(), START + 5000)
        clock.now = START
        assert store.begin(key, end) in {"spent", STATES[way]}

    @pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
    @pytest.mark.parametrize("step", ["begin", "done", "release"])
    def test_a_key_of_another_length_is_refused(self, store: Any, step: str, length: int) -> None:
        with pytest.raises(ConfigurationError, match="32 octets"):
            self._end(store, bytes(length), START + 100, step)

    @pytest.mark.parametrize("bad", ["x" * 32, None, 3], ids=ascii)
    @pytest.mark.parametrize("step", ["begin", "done", "release"])
    def test_a_key_that_is_not_bytes_is_refused(self, store: Any, step: str, bad: Any) -> None:
        with pytest.raises(TypeError):
            self._end(store, bad, START + 100, step)

    def test_eight_threads_begin_one_delivery(self, store: Any) -> None:
        for _ in range(20):
            begin = partial(store.begin, fresh(), START + 100)
            assert ["begun"] * 7 + ["new"] == sorted(at_once(8, begin))

    def test_of_threads_that_add_and_begin_one_is_the_first(self, store: Any) -> None:
        for _ in range(20):
            key = fresh()
            calls = iter([partial(store.add, key, START + 100), partial(store.begin, key, START + 100)] * 4)
            answers = at_once(8, lambda calls=calls: next(calls)())  # type: ignore[misc]
            assert 1 == sum(answer in (True, "new") for answer in answers), answers
            assert set(answers) <= {True, False, "new", "begun", "spent"}

    def test_threads_that_release_have_it_one_after_the_other(self, store: Any) -> None:
        """Between a `new` and its release nobody else gets one."""
        key, running, most = fresh(), list[int](), list[int]()

        def deliver() -> int:
            had = 0
            for _ in range(60):
                if store.begin(key, START + 100) == "new":
                    running.append(1)
                    most.append(len(running))
                    running.pop()
                    store.release(key, START + 100)
                    had += 1
            return had

        assert sum(at_once(4, deliver)) == len(most) >= 1
        assert 1 == max(most)

    @pytest.mark.parametrize("seed", range(5))
    def test_answers_are_those_of_a_table_of_states(self, store: Any, clock: Clock, seed: int) -> None:
        """Each key has one end, the clock runs on, and only who began a delivery ends it."""
        draw, ends = random.Random(seed), dict[bytes, int]()
        known, found, wanted = dict[bytes, Seen](), list[Any](), list[Any]()
        for _ in range(30):
            ends[fresh()] = START + draw.randrange(-50, 700)
        for _ in range(300):
            key = draw.choice(list(ends))
            clock.now += draw.choice([0, 0, 0.4, 1, 3])
            over, state = ends[key] <= int(clock.now), known.get(key, "new")
            step = draw.choice(["add", "begin", "begin", "done", "undone", "release"])
            if step in {"add", "begin"}:
                found.append(store.add(key, ends[key]) if step == "add" else store.begin(key, ends[key]))
                told: Seen = "spent" if over else state
                wanted.append(told == "new" if step == "add" else told)
                if told == "new":
                    known[key] = "spent" if step == "add" else "begun"
            elif state == "begun":
                self._end(store, key, ends[key], step)
                if step == "release":
                    del known[key]
                else:
                    known[key] = "done" if step == "done" else "spent"
        assert wanted == found
        assert set(get_args(Seen)) | {True, False} <= set(wanted)

    @staticmethod
    def _end(store: Any, key: Any, expires: int, step: str) -> None:
        if step in {"begin", "release"}:
            getattr(store, step)(key, expires)
        else:
            store.finish(key, expires, step == "done")
