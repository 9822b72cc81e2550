"""Any value is opened as it was sealed, type by type, or is not sealed; none is altered in silence."""

from __future__ import annotations

import gc
import json
import math
import random
import string
import sys
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from pathlib import PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from judged import KEY
from reference import Refused, canonical_json
from sealed import envelope
from sealgate import CanonicalizationError, Rejected
from sealgate.envelope import Envelope

COUNT = 10_000
_EDGES = [2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**15, 10**16, 10**20, 10**21, 10**22, 10**30, 2**1023]


class Color(IntEnum):
    RED = 1


class Word(StrEnum):
    RED = "red"


class Text(str):
    __slots__ = ()


class Number(float):
    pass


class Items(list[Any]):
    pass


class Names(dict[str, Any]):
    pass


@dataclass
class Point:
    x: int


Pair = namedtuple("Pair", "a b")

STRANGE: dict[str, Any] = {
    "a tuple": (1, 2),
    "an empty tuple": (),
    "a named tuple": Pair(1, 2),
    "a set": {1},
    "a frozenset": frozenset("a"),
    "bytes": b"a",
    "a bytearray": bytearray(b"a"),
    "a memoryview": memoryview(b"a"),
    "a range": range(3),
    "a deque": deque([1]),
    "a complex number": 1j,
    "a Decimal": Decimal("1.5"),
    "a Fraction": Fraction(1, 2),
    "a date": date(2026, 1, 2),
    "a datetime": datetime(2026, 1, 2, tzinfo=UTC),
    "a UUID": UUID(int=7),
    "a path": PurePosixPath("a"),
    "an IntEnum": Color.RED,
    "a StrEnum": Word.RED,
    "a subclass of str": Text("a"),
    "a subclass of float": Number(1.5),
    "a subclass of list": Items([1]),
    "a subclass of dict": Names(a=1),
    "an OrderedDict": OrderedDict(a=1),
    "a defaultdict": defaultdict(int, a=1),
    "a Counter": Counter("a"),
    "a UserDict": UserDict(a=1),
    "a mapping proxy": MappingProxyType({"a": 1}),
    "a namespace": SimpleNamespace(a=1),
    "a dataclass": Point(1),
    "an object": object(),
    "a class": int,
    "not a number": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "a float without a fraction": 1.0,
    "a large one": 1e20,
    "a negative one": -3.0,
    "minus zero": -0.0,
    "half of a surrogate pair": "a\ud800",
    "the other half": "\udc00",
    "an integer beyond 2**53": 2**53 + 1,
    "an integer beyond the doubles": 10**400,
    "a name that is a number": {1: 1},
    "a name that is true": {True: 1},
    "a name that is nothing": {None: 1},
    "a name that is a tuple": {("a",): 1},
    "a name that is a subclass of str": {Text("a"): 1},
    "a name that is a StrEnum": {Word.RED: 1},
    "a name with half of a surrogate pair": {"\ud800": 1},
}


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE)
def test_what_would_come_back_as_something_else_is_not_sealed(value: Any) -> None:
    for payload in (value, [value], {"a": {"b": [1, value]}}, [{"a": value}] * 9):
        with pytest.raises(CanonicalizationError):
            envelope().seal(payload)


_TOLD: dict[str, tuple[Any, str]] = {
    "its class": ((1,), "not tuple at index 6"),
    "that of a subclass": (Color.RED, "not Color at index 6"),
    "that of a name": ({Word.RED: 1}, "expected a name that is a str, not Word"),
    "what becomes of it": (2.0, "a float without a fraction, which would come back as an int"),
    "what cannot be written": ("\ud800", "a lone surrogate at index 6"),
    "what no double is": (math.nan, "a number beyond the doubles"),
}


@pytest.mark.parametrize(("value", "message"), _TOLD.values(), ids=_TOLD)
def test_it_is_told_what_was_wrong_and_where(value: Any, message: str) -> None:
    with pytest.raises(CanonicalizationError, match=message):
        envelope().seal({"a": [value]})


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if type(one) is float:
        return repr(one) == repr(other)  # which tells -0.0 from 0.0
    if type(one) is list:
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is dict:
        names = {name: type(name) for name in one} == {name: type(name) for name in other}
        return names and all(same(value, other[name]) for name, value in one.items())
    return bool(one == other)


def comes_back(value: Any) -> bool:
    """Whether the judge's canonical form gives the very same back."""
    try:
        return same(value, json.loads(canonical_json(json.dumps(value))))
    except (TypeError, ValueError, OverflowError, RecursionError, Refused):
        return False


def test_the_judge_of_values_tells_them_apart() -> None:
    """Or its consent would mean nothing."""
    alike = [(1, 1.0), (1, True), (0, False), (0.0, -0.0), ("a", Text("a")), ([1], (1,)), ({"a": 1}, {"a": True})]
    assert [] == [pair for pair in alike if same(*pair) or same(*reversed(pair))]
    assert [] == [name for name, value in STRANGE.items() if comes_back(value)]
    assert comes_back({"a": [1, 1.5, True, None, "\U0001f600", {}, [], 1e21, 2**53, 5e-324]})


_CHARACTERS = string.printable + "\0\x1f\x7f\x80éß\u2028\ufeff\uffff€𝄞\U0001f600\U0010ffff"


def _text(rng: random.Random) -> str:
    return "".join(rng.choices(_CHARACTERS, k=rng.choice((0, 1, 2, 5, 30))))


def _bits(rng: random.Random) -> float:
    return float(rng.choice((rng.random(), rng.uniform(-1e6, 1e6), rng.lognormvariate(0, 90), rng.randrange(1000) / 4)))


_LEAVES: list[Callable[[random.Random], Any]] = [
    lambda rng: rng.choice((None, True, False, 0, 1, "", [], {}, 0.5)),
    lambda rng: rng.randint(-1000, 1000),
    lambda rng: rng.choice((1, -1)) * (rng.choice(_EDGES) + rng.randint(-1, 1)),
    lambda rng: rng.getrandbits(rng.randint(1, 90)),
    _bits,
    _text,
    _text,
]


def _payload(rng: random.Random, depth: int, strange: list[Any]) -> Any:
    kind = rng.random()
    if kind < 0.01:
        return rng.choice(strange)
    if depth == 0 or kind < 0.5:
        return rng.choice(_LEAVES)(rng)
    size = rng.choice((0, 1, 2, 3, 8))
    if kind < 0.75:
        return [_payload(rng, depth - 1, strange) for _ in range(size)]
    return {_text(rng): _payload(rng, depth - 1, strange) for _ in range(size)}


def test_ten_thousand_values_come_back_as_they_were_or_are_not_sealed() -> None:
    rng, strange = random.Random(8), list(STRANGE.values())
    own, by_hand = envelope(), [Envelope.legacy(KEY, form=form) for form in ("pyjson", "pyjson-utf8", "jcs")]
    found = Counter[bool]()
    for _ in range(COUNT):
        value = _payload(rng, 4, strange)
        expected = comes_back(value)
        found[expected] += 1
        assert expected == _survives(own, value), value
        assert None is _altered(rng.choice(by_hand), value)
    assert min(found.values()) > COUNT // 10


def _survives(own: Envelope, value: Any) -> bool:
    try:
        sealed = own.seal(value)
    except CanonicalizationError:
        return False
    assert same(value, sealed["payload"])
    assert same(value, own.open(sealed))
    assert same(value, own.open_json(json.dumps(sealed)))
    return True


def _altered(own: Envelope, value: Any) -> Any:
    """What became of it."""
    try:
        opened = own.open(own.seal(value))
    except CanonicalizationError:
        return None
    return None if same(value, opened) else (value, opened)


_LOOSE: dict[str, tuple[Any, Any]] = {
    "a tuple": ((1, (2,)), [1, [2]]),
    "an OrderedDict": (OrderedDict(b=1, a=2), {"a": 2, "b": 1}),
    "an IntEnum": ([Color.RED], [1]),
    "a StrEnum as a name": ({Word.RED: Word.RED}, {"red": "red"}),
    "a float without a fraction": ([1.0, -0.0, 1e20], [1, 0, 10**20]),
}


@pytest.mark.parametrize(("value", "opened"), _LOOSE.values(), ids=_LOOSE)
def test_what_is_alike_is_sealed_where_that_was_asked_for(value: Any, opened: Any) -> None:
    own = envelope()
    sealed = own.seal(value, exact=False)
    assert same(opened, sealed["payload"])
    assert same(opened, own.open(sealed))


def test_integers_and_floats_of_a_legacy_envelope_stay_what_they_are() -> None:
    """`json.dumps` writes 1.0 where RFC 8785 writes 1."""
    own = Envelope.legacy(KEY)
    for value in (1.0, 1, -0.0, 2**64, [1e20, 10**20]):
        assert same(value, own.open(own.seal(value)))
    with pytest.raises(CanonicalizationError):
        Envelope.legacy(KEY, form="jcs").seal(1.0)


def test_no_reference_is_lost_and_none_is_kept() -> None:
    """What is built shares its texts and numbers with what was walked, whether it is opened, sealed or refused."""
    text, number, own = "a text of its own" * 3, 10**9 + 7, envelope()
    value = {"a": text, "b": [number, {text: text}]}
    sealed = own.seal(value)
    calls: list[Callable[[], Any]] = [
        lambda: own.seal(value),
        lambda: own.open(sealed),
        lambda: own.open({**sealed, "payload": [value]}),
        lambda: own.seal([value, {1}]),
        lambda: own.seal([value, 2.0]),
    ]
    for call in calls:
        call_twice = [_counts(call, text, number) for _ in range(2)]
        assert call_twice[0] == call_twice[1]


def _counts(call: Callable[[], Any], *held: Any) -> list[int]:
    for _ in range(50):
        with suppress(CanonicalizationError, Rejected):
            call()
    gc.collect()
    return [sys.getrefcount(each) for each in held]
