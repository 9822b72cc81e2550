"""Canonical JSON from Python's own values: what `json.dumps` takes, one form for each, and a clear refusal for the rest."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import struct
import types
import uuid
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from canonical_documents import on_a_small_stack, reordered, tables
from sealgate import ConfigurationError, Key, canonicalize, canonicalize_json
from sealgate.exceptions import CanonicalizationError, InvalidSignature

MARKER = "marker-of-a-secret"
KEY = b"a key of our own, of 32 octets.."


def refused(value: object, **options: Any) -> CanonicalizationError:
    with pytest.raises(CanonicalizationError) as error:
        canonicalize(value, **options)
    return error.value


def verdict(value: object, **options: Any) -> bytes | int | None:
    """The canonical form, or the place of the refusal; and no third thing."""
    try:
        return canonicalize(value, **options)
    except CanonicalizationError as error:
        return error.index


# --- what is written --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        (None, "null"),
        (True, "true"),
        ([False, 0, True, 1], "[false,0,true,1]"),
        ([], "[]"),
        ({}, "{}"),
        ((), "[]"),
        ((1, [2, (3,)]), "[1,[2,[3]]]"),
        ("", '""'),
        (-0.0, "0"),
        ([0.0, 1.0, -1.5, 1e16, 1e20, 1e21, 1e-6, 1e-7], "[0,1,-1.5,10000000000000000,100000000000000000000,1e+21,0.000001,1e-7]"),
        ([2**53 - 1, 1 - 2**53, 2**53, -(2**53), 2**53 + 2], "[9007199254740991,-9007199254740991,9007199254740992,-9007199254740992,9007199254740994]"),
        ([10**20, 10**21 - 10**5, 2**64 + 384], "[100000000000000000000,999999999999999900000,18446744073709552000]"),
        ('\b\t\n\f\r\0\x1f"\\/\x7f\u2028\U0001f600', '"\\b\\t\\n\\f\\r\\u0000\\u001f\\"\\\\/\x7f\u2028\U0001f600"'),
        ({"b": 1.0, "a": "\u20ac", "": None}, '{"":null,"a":"\u20ac","b":1}'),
        ({"\uffff": 1, "\U00010000": 2, "a": 3, "\ufb33": 4, "\U0001f600": 5}, '{"a":3,"\U00010000":2,"\U0001f600":5,"\ufb33":4,"\uffff":1}'),
        ({"\u00e9": 1, "e\u0301": 2}, '{"e\u0301":2,"\u00e9":1}'),
    ],
)  # fmt: skip
def test_values_have_one_form(value: Any, canonical: str) -> None:
    assert canonical.encode() == canonicalize(value)
    assert canonical.encode() == reference.canonical_json(json.dumps(value))


class Level(enum.IntEnum):
    HIGH = 3


class Flags(enum.IntFlag):
    A = 1
    B = 4


class Kind(enum.StrEnum):
    ORDER = "order"
    ALPHA = "alpha"


class Ratio(float, enum.Enum):
    HALF = 0.5


class Point(NamedTuple):
    y: int
    x: int


class Words(list[str]):
    pass


class Integer(int):
    """It says of itself that it is another."""

    def __repr__(self) -> str:
        return "13"

    __str__ = __repr__

    def __int__(self) -> int:
        return 13

    __index__ = __int__

    def __float__(self) -> float:
        return 13.0


class Float(float):
    def __repr__(self) -> str:
        return "13.0"

    def __float__(self) -> float:
        return 13.0


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "13"

    def __hash__(self) -> int:
        return 13

    def __eq__(self, other: object) -> bool:
        return False

    def encode(self, *arguments: object) -> bytes:
        return b"13"


@pytest.mark.parametrize(
    "value",
    [
        Level.HIGH, [Level.HIGH, True], Flags.A | Flags.B, Kind.ORDER, {Kind.ORDER: 1, "b": 2, Kind.ALPHA: 3}, Ratio.HALF,
        Point(2, 1), {"p": Point(2, 1)}, Words(["b", "a"]), collections.OrderedDict([("b", 1), ("a", 2)]), collections.defaultdict(list, b=[1], a=[]),
        Integer(2), Integer(2**53), Float(2.5), Text("2"), {Text("b"): Text("2"), "a": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_subclasses_are_taken_as_json_dumps_takes_them(value: Any) -> None:
    assert reference.canonical_json(json.dumps(value)) == canonicalize(value)


def test_values_stay_as_they_are() -> None:
    value = {"b": [1.0, {"d": None, "c": ()}], "a": "x"}
    canonicalize(value)
    assert ["b", "a"] == [*value]
    assert {"b": [1.0, {"d": None, "c": ()}], "a": "x"} == value


@pytest.mark.parametrize("size", [2, 9, 20, 21, 33, 1000, 20_000])
@pytest.mark.parametrize("start", ["", "12345678", "0123456789abcdef" * 2, "\U0001f600"])
def test_objects_of_any_size_are_put_in_order(size: int, start: str) -> None:
    names = [f"{start}{number}" for number in range(size)]
    Random(size).shuffle(names)
    expected = "{" + ",".join(f'"{name}":0' for name in sorted(names)) + "}"
    assert expected.encode() == canonicalize(dict.fromkeys(names, 0))


def test_rows_of_a_table_are_written_each_by_its_own_names() -> None:
    """Names that were seen in one row may be known in the next: where they are the same ones, and nowhere else."""
    for value in tables(800, seed=11):
        assert reference.canonical_json(json.dumps(value)) == canonicalize(value)


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


# --- refusals ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Order:
    id: int = 1


class Slotted:
    __slots__ = ()

    def __repr__(self) -> str:
        return MARKER


class Pretending:
    """It looks like a dict, an int and a str, and is none."""

    __class__ = dict  # type: ignore[assignment]

    def keys(self) -> list[str]:
        return ["a"]

    def __getitem__(self, name: str) -> int:
        return 1

    def __int__(self) -> int:
        return 1

    __index__ = __int__


OTHER: list[object] = [
    b"x", bytearray(b"x"), memoryview(b"x"), {1}, frozenset({1}), range(3), (n for n in [1]), iter([1]), map(str, [1]), {}.keys(), {"a": 1}.values(),
    decimal.Decimal("1.5"), fractions.Fraction(1, 2), 1j, datetime.datetime(2024, 1, 1), datetime.date(2024, 1, 1), uuid.UUID(int=0), pathlib.PurePosixPath("/"),
    Order(), Slotted(), Pretending(), object(), Order, len, ..., NotImplemented, types.MappingProxyType({"a": 1}), types.SimpleNamespace(a=1),
    collections.deque([1]), collections.ChainMap({"a": 1}), collections.UserDict({"a": 1}), collections.UserList([1]), enum.Enum("E", "A").A,  # type: ignore[attr-defined]
]  # fmt: skip


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


def test_shared_values_are_written_each_time() -> None:
    shared = {"b": 1, "a": [2]}
    assert b'[{"a":[2],"b":1},{"a":[2],"b":1},[2]]' == canonicalize([shared, shared, shared["a"]])


# --- signing what is written nowhere ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 1000, 8186, 8187, 8188, 8190, 8191, 8192, 8193, 8200, 16_384, 100_000])
def test_a_signature_of_a_value_is_that_of_its_canonical_form(size: int) -> None:
    """However it falls into the pieces that are hashed."""
    key = Key(KEY)
    for value in (
        "x" * size,
        [0] * (size // 2),
        {"b": "\u20ac" * (size // 3), "a": [{"c": None}] * 9},
        ["x" * size, "y" * size],
    ):
        octets = canonicalize(value)
        for name in ("sha256", "sha512"):
            signature = key.sign_json(value, name)
            assert reference.mac(KEY, octets, name) == signature
            key.verify_json(value, signature, name)
            key.verify_json(value, signature.hex(), name)
            with pytest.raises(InvalidSignature):
                key.verify_json([value], signature, name)


@pytest.mark.parametrize("bad", [math.nan, 2**53 + 1, b"", "\ud800", {1: 1}], ids=repr)
@pytest.mark.parametrize("size", [0, 8190, 100_000])
def test_what_has_no_canonical_form_is_neither_signed_nor_verified(bad: object, size: int) -> None:
    key = Key(KEY)
    value = ["x" * size, "y" * size, "z" * size, [bad]]
    for call in (lambda: key.sign_json(value), lambda: key.verify_json(value, bytes(32))):
        with pytest.raises(CanonicalizationError) as error:
            call()
        assert 3 * size + len(b'["","","",[') + isinstance(bad, dict) == error.value.index


# --- any value --------------------------------------------------------------------------------------------------------

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(1 - 2**53, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0]).filter(math.isfinite),
    st.text(st.characters(exclude_categories=["Cs"])),
)
_names = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.text("ab\ue000\uffff\U00010000\U0010ffff"))
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(_names, inner)),
    max_leaves=20,
)


@given(value=_values, seed=st.integers(0, 2**64))
def test_any_value_is_written_as_its_text_is(value: Any, seed: int) -> None:
    expected = reference.canonical_json(json.dumps(value))
    assert expected == canonicalize(value)
    assert expected == canonicalize(reordered(value, Random(seed)))
    assert expected == canonicalize(json.loads(expected), round_integers=True)
    assert expected == canonicalize_json(json.dumps(value))
    assert expected == canonicalize_json(json.dumps(value, ensure_ascii=False, indent=2).encode())


_large = st.one_of(st.integers(2**52, 2**70), st.integers(10**14, 10**22), st.integers(0, 400).map(lambda n: 10**n))


@given(integer=st.one_of(st.integers(), _large))
def test_any_integer_has_the_verdict_of_its_text(integer: int) -> None:
    for round_integers in (False, True):
        try:
            expected: bytes | int | None = canonicalize_json(str(integer), round_integers=round_integers)
        except CanonicalizationError as error:
            expected = error.index
        assert expected == verdict(integer, round_integers=round_integers)


_anything = st.recursive(
    st.one_of(_scalars, st.sampled_from(OTHER), st.just("\ud800"), st.just(math.nan), st.integers()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.one_of(_names, st.integers(), st.none()), inner)),
    max_leaves=8,
)


@given(value=_anything)
def test_anything_else_is_refused_and_nothing_else_is_raised(value: Any) -> None:
    found = verdict(value)
    assert isinstance(found, int) or found == canonicalize_json(found or "")


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
