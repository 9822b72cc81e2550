"""Canonical JSON from Python's own values: what `json.dumps` takes, one form for each."""

from __future__ import annotations

import collections
import json
import math
import struct
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from canonical_documents import reordered, tables
from canonical_values import OTHER, Flags, Float, Integer, Kind, Level, Point, Ratio, Text, Words, verdict
from sealgate import Key, canonicalize, canonicalize_json
from sealgate.exceptions import CanonicalizationError, InvalidSignature

KEY = b"a key of our own, of 32 octets.."


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


def test_shared_values_are_written_each_time() -> None:
    shared = {"b": 1, "a": [2]}
    assert b'[{"a":[2],"b":1},{"a":[2],"b":1},[2]]' == canonicalize([shared, shared, shared["a"]])


def test_integers_are_held_up_to_2_to_the_53_and_then_every_second_one() -> None:
    for integer in (sign * (2**53 + step) for sign in (1, -1) for step in range(-40, 41)):
        held = reference.es6_number(float(integer)) == str(integer)
        assert (str(integer).encode() if held else 0) == verdict(integer)
        assert (step := abs(integer) - 2**53) <= 0 or held == (step % 2 == 0)


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
