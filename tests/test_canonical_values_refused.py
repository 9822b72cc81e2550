"""Canonical JSON from Python's own values: a clear refusal for what has no form, and its place."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

import reference
from canonical_documents import on_a_small_stack
from canonical_values import MARKER, OTHER, Float, Level, Order, Slotted, Text, Words, refused
from sealgate import ConfigurationError, canonicalize, canonicalize_json

# --- types and names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", OTHER, ids=lambda value: type(value).__name__)
def test_other_types_are_refused_by_their_name(value: object) -> None:
    for inside, before in ((value, b""), ([1, value], b"[1,"), ((value,), b"["), ({"b": 1, "a": [value]}, b'{"a":[')):
        error = refused(inside)
        assert len(before) == error.index
        assert type(value).__name__ in str(error)


@pytest.mark.parametrize(
    "name",
    [1, 1.5, True, None, b"a", (), ("a",), Level.HIGH, Slotted(), object()],
    ids=lambda name: type(name).__name__,
)
def test_names_that_are_no_str_are_refused(name: object) -> None:
    """Where `json.dumps` would write 1 as "1", and so hide a duplicate. The place is the start of the object."""
    assert len(b"{") == refused({name: 1}).index
    assert len(b'[0,{"a":{') == refused([0, {"a": {"b": 1, name: 2, "c": 3}}]).index
    assert type(name).__name__ in str(refused({"1": 0, name: 1}))


def test_two_names_of_one_text_are_a_duplicate() -> None:
    """C17: a str of another class need not be equal to itself."""
    for twice in ({"a": 1, Text("a"): 2}, {Text("a"): 1, "b": 2, Text("a"): 3}):
        assert 2 <= len(twice)
        assert len(b"[0,{") == refused([0, twice]).index


@pytest.mark.parametrize(
    "text",
    ["\ud800", "a\udfffb", "\ude00\ud83d", chr(0xD83D) + chr(0xDE00), "\udc80" * 100, Text("\ud800")],
    ids=ascii,
)
def test_halves_of_surrogate_pairs_are_refused(text: str) -> None:
    """C19: in Python also two halves are no pair."""
    assert 0 == refused(text).index
    assert len('["\u20ac",'.encode()) == refused(["\u20ac", text]).index
    assert len(b"[0,{") == refused([0, {"a": 1, text: 2, "b": 3}]).index


#: Names of a dict whose texts are not kept beside it: from so many on, room counts.
_HUGE = 16 * 1024


@pytest.mark.parametrize("size", [_HUGE, _HUGE + 1, 20_000])
@pytest.mark.parametrize(
    "twice", ["", "n00000", "n08191", "zz", "the same sixteen octets, and then more", "\U0001f600"]
)
def test_two_names_of_one_text_are_a_duplicate_in_a_dict_of_any_size(size: int, twice: str) -> None:
    names: list[str] = [f"n{number:05}" for number in range(size - 2) if f"n{number:05}" != twice]
    names += [twice, Text(twice)]
    Random(size).shuffle(names)
    value = dict.fromkeys(names, 0)
    assert len(names) == len(value)
    assert len(b"[0,{") == refused([0, value]).index
    without = [name for name in names if type(name) is str]
    expected = "{" + ",".join(f'"{name}":0' for name in sorted(without)) + "}"
    assert expected.encode() == canonicalize(dict.fromkeys(without, 0))


@pytest.mark.parametrize("place", [0, 8_000, -1])
@pytest.mark.parametrize("bad", ["\ud800", "n00001\udfff", Text("\udc80"), 1, None, ("a",)], ids=ascii)
def test_names_are_refused_in_a_dict_of_any_size(bad: Any, place: int) -> None:
    names: list[Any] = [f"n{number:05}" for number in range(_HUGE + 1)]
    names[place] = bad
    assert len(b"[0,{") == refused([0, dict.fromkeys(names, 0)]).index
    told = "a lone surrogate" if isinstance(bad, str) else type(bad).__name__
    assert told in str(refused(dict.fromkeys(names, 0)))


@pytest.mark.parametrize("bad", [math.nan, b"", "\udfff", {1: 2}, 2**53 + 1], ids=repr)
def test_values_are_refused_at_their_place_in_a_dict_of_any_size(bad: Any) -> None:
    names = [f"n{number:05}" for number in range(_HUGE + 1)]
    before = "{" + ",".join(f'"{name}":0' for name in names[:9_000]) + f',"{names[9_000]}":'
    value = {name: bad if name == names[9_000] else 0 for name in reversed(names)}
    assert len(before) + isinstance(bad, dict) == refused(value).index


@pytest.mark.parametrize(
    "make", [lambda value: [value], lambda value: (value,), lambda value: {"a": value}, lambda value: Words([value])]
)
@pytest.mark.parametrize("innermost", [[], {}, ()], ids=repr)
def test_128_levels_are_written_and_the_129th_is_refused(make: Callable[[Any], Any], innermost: Any) -> None:
    value: Any = innermost
    for _ in range(127):
        value = make(value)
    assert reference.canonical_json(json.dumps(value)) == canonicalize(value)
    opening = json.dumps(make(0), separators=(",", ":")).partition("0")[0]
    assert len(opening) * 128 == refused(make(value)).index


def test_values_that_hold_themselves_are_refused() -> None:
    array: list[Any] = [1]
    array.append(array)
    assert len(b"[1,") * 128 == refused(array).index
    mapping: dict[str, Any] = {}
    mapping["a"] = {"b": mapping}
    assert len(b'{"a":{"b":') * 64 == refused(mapping).index
    mixed: list[Any] = []
    mixed.append({"a": (mixed,)})
    assert isinstance(refused(mixed).index, int)


@pytest.mark.parametrize("make", [lambda value: [value], lambda value: (value,), lambda value: {"a": value}])
def test_deep_values_need_no_stack(make: Callable[[Any], Any]) -> None:
    value: Any = 0
    for _ in range(100_000):
        value = make(value)
    assert 128 * (5 if isinstance(value, dict) else 1) == on_a_small_stack(lambda: refused(value).index)


# --- rows of a table --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "before"),
    [
        (math.nan, ""),
        ({1: 2}, "{"),
        ({"\ud800": 1, "b": 2}, "{"),
        ({"a": 1, Text("a"): 2}, "{"),
        ({"b": b"", "a": 1}, '{"a":1,"b":'),
        ({"b": [2, math.inf], "a": {"c": None}}, '{"a":{"c":null},"b":[2,'),
        ({"a": 1, "b": {2: 3}}, '{"a":1,"b":{'),
    ],
    ids=repr,
)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 50, 2000])
def test_rows_are_refused_at_their_place(last: Any, before: str, count: int) -> None:
    value = [*(dict.fromkeys(["b", "a"], 1) for _ in range(count)), last]
    assert len("[" + '{"a":1,"b":1},' * count + before) == refused(value).index


def test_rows_have_the_same_128_levels() -> None:
    for levels, innermost in ((126, {}), (126, {"a": 1})):
        value: Any = [innermost] * 20
        for _ in range(levels):
            value = [value]
        assert reference.canonical_json(json.dumps(value)) == canonicalize(value)
        assert 128 == refused([value]).index


# --- integers and doubles ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "integer", [2**53 + 1, -(2**53) - 1, 2**60, 2**63 - 1, 2**64, 10**21, 10**21 - 1, 10**22, 10**300]
)
def test_integers_that_a_double_does_not_give_back_are_refused_or_rounded(integer: int) -> None:
    assert 0 == refused(integer).index
    assert len(b'{"a":[1,') == refused({"a": [1, integer]}).index
    expected = reference.es6_number(float(integer)).encode()
    assert expected == canonicalize(integer, round_integers=True)
    assert expected == canonicalize_json(str(integer), round_integers=True)


@pytest.mark.parametrize(
    "integer", [10**309, -(10**309), 10**400, 10**4300, 10**5000, -(10**5000), 1 << 200_000], ids=int.bit_length
)
def test_integers_beyond_the_doubles_are_not_even_rounded(integer: int) -> None:
    """Over 4300 digits CPython itself does not write them, and no other error may come of that."""
    for round_integers in (False, True):
        assert 1 == refused([integer], round_integers=round_integers).index


@pytest.mark.parametrize("number", [math.nan, -math.nan, math.inf, -math.inf, Float("nan")], ids=str)
def test_what_is_no_finite_number_is_refused(number: float) -> None:
    assert 0 == refused(number).index
    assert len(b'{"a":[1,') == refused({"a": [1, number]}).index


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [12, "abc", "\u20ac\n", [1, [], {}], {"b": 1.5, "a": None}, {"a" * 100: "b" * 100}, ["x" * 9000] * 3],
    ids=ascii,
)
def test_limit_is_in_octets_of_the_result(value: Any) -> None:
    expected = canonicalize(value)
    assert expected == canonicalize(value, limit=len(expected))
    assert len(expected) - 1 == refused(value, limit=len(expected) - 1).index


@pytest.mark.parametrize("leaf", [0, "x" * 1000, {"a": 1}])
def test_shared_values_stop_at_the_limit(leaf: Any) -> None:
    """A hundred levels of two each: more octets than there are atoms, were they written."""
    value: Any = leaf
    for _ in range(100):
        value = [value, value]
    assert 1_000_000 == refused(value, limit=1_000_000).index


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        math.nan,
        2**53 + 1,
        "\ud800",
        Order(),
        Slotted(),
        {1: 2},
        {MARKER: {MARKER: Slotted()}},
        10**5000,
        {Slotted(): 1},
    ],
    ids=lambda bad: type(bad).__name__,
)
def test_refusals_show_nothing_of_the_value(bad: object) -> None:
    """B7: nor do they ask a value to show itself."""
    for value in ([MARKER, bad], {MARKER: bad}, {MARKER: MARKER, "x": [bad]}, [f"{MARKER}\ud800", bad]):
        error = refused(value)
        shown = f"{error} {error!r} {error.args}"
        assert MARKER not in shown
        assert shown.isprintable()
        assert "9007199254740993" not in shown
        assert error.__cause__ is None


def test_rounding_is_a_choice_of_the_caller_by_name() -> None:
    with pytest.raises(TypeError):
        canonicalize(1, True)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        canonicalize_json("1", "jcs")  # type: ignore[call-arg]
    with pytest.raises(ConfigurationError):
        canonicalize_json("1", form="pyjson", round_integers=True)
