"""Paired timing: cases that are compared run side by side, so that a drifting machine drifts under all of them."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

_clock = time.perf_counter_ns
#: Nanoseconds that one run of a case should take: long against the clock, short against the turn that the scheduler
#: of a busy machine gives to another process.
_RUN = 400_000
_QUICK_RUN = 50_000


@dataclass(frozen=True)
class Pace:
    rounds: int
    quick: bool
    rng: random.Random

    @property
    def run(self) -> int:
        return _QUICK_RUN if self.quick else _RUN


@dataclass(frozen=True)
class Case:
    """`run(n)` makes n calls and gives the nanoseconds they took. `at_most`: calls in one run."""

    run: Callable[[int], int]
    at_most: int = 1_000_000


class Pool:
    """Items to use once each: `take` hands out the next ones, and starts over after `renew`."""

    def __init__(self, items: Sequence[Any], renew: Callable[[], object] = lambda: None) -> None:
        self._items = items
        self._renew = renew
        self._at = len(items)

    def __len__(self) -> int:
        return len(self._items)

    def take(self, count: int) -> Sequence[Any]:
        if self._at + count > len(self._items):
            self._at = 0
            self._renew()
        self._at += count
        return self._items[self._at - count : self._at]


@dataclass(frozen=True)
class Row:
    """A comparison of two cases of a group. `kind`: `ratio`, or `added` microseconds. `must` and `aim`: at most."""

    name: str
    over: str
    must: float | None = None
    aim: float | None = None
    kind: str = "ratio"


@dataclass(frozen=True)
class Result:
    """A line of the table. `least` and `over_least`: microseconds."""

    section: str
    name: str
    value: float
    unit: str
    least: float | None = None
    over: str | None = None
    over_least: float | None = None
    must: float | None = None
    aim: float | None = None

    @property
    def verdict(self) -> str:
        if self.must is None:
            return ""
        if self.value > self.must:
            return "missed"
        return "met" if self.aim is None or self.value > self.aim else "met, and the aim"


@dataclass(frozen=True)
class Section:
    """`cases` are made when the section runs, since what is signed does not keep."""

    title: str
    cases: Callable[[Pace], Mapping[str, Case]]
    rows: Sequence[Row]
    facts: Callable[[Pace], Iterable[Result]] = field(default=lambda _pace: ())

    def results(self, pace: Pace) -> Iterator[Result]:
        times = _measure(self.cases(pace), pace)
        least = {name: min(each) / 1000 for name, each in times.items()}
        for row in self.rows:
            pairs = zip(times[row.name], times[row.over], strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            # A machine that is slow for a while is slow for both: what is added is taken at its best pace.
            value, unit = (ratio, "x") if row.kind == "ratio" else ((ratio - 1) * least[row.over], " µs")
            yield Result(
                self.title, row.name, value, unit, least[row.name], row.over, least[row.over], row.must, row.aim
            )
        yield from self.facts(pace)


def checked(expression: str, refused: Mapping[str, Any], **names: Any) -> Case:
    """A case that evaluates `expression`. It must be true, or None, with `names`, and false or fail with `refused`."""
    if not _accepts(expression, names):
        raise AssertionError(f"{expression} refuses what it should accept")
    if _accepts(expression, {**names, **refused}):
        raise AssertionError(f"{expression} accepts what it should refuse")
    return timed(expression, **names)


def timed(expression: str, **names: Any) -> Case:
    """A case that evaluates `expression`; its names are local variables, as in a function of one's own."""
    return Case(_compiled(expression, "for _ in _repeat(None, _count)", names))


def pooled(expression: str, pool: Pool, **names: Any) -> Case:
    """A case that evaluates `expression` with `item` from the pool, each item once."""
    loop = _compiled(expression, "for item in _count", names)
    return Case(lambda count: loop(pool.take(count)), at_most=len(pool))


def _compiled(expression: str, head: str, names: Mapping[str, Any]) -> Callable[[Any], int]:
    source = f"""
def loop(_count, {", ".join(f"{name}={name}" for name in names)}):
    _begin = _clock()
    {head}:
        {expression}
    return _clock() - _begin
"""
    scope = {**names, "_clock": _clock, "_repeat": repeat}
    exec(source, scope)
    loop: Callable[[Any], int] = scope["loop"]
    return loop


def _accepts(expression: str, names: Mapping[str, Any]) -> bool:
    try:
        verdict = eval(expression, dict(names))
    except Exception:
        return False
    return verdict is not False


def _measure(cases: Mapping[str, Case], pace: Pace) -> dict[str, list[float]]:
    counts = {name: _calibrated(case, pace.run) for name, case in cases.items()}
    times: dict[str, list[float]] = {name: [] for name in cases}
    order = list(cases)
    gc.collect()
    for _ in range(pace.rounds):
        pace.rng.shuffle(order)
        for name in order:
            times[name].append(cases[name].run(counts[name]) / counts[name])
    return times


def _calibrated(case: Case, run: int) -> int:
    count = 1
    while case.run(count) < run:
        if count == case.at_most:
            break
        count = min(count * 2, case.at_most)
    return count
