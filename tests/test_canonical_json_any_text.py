"""Canonical JSON from text: any octets are read as the judge reads them, and any number and name written as it does."""

from __future__ import annotations

import decimal
import json
import struct
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from canonical_documents import JUDGES, LAYOUTS, documents
from sealgate import canonicalize_json
from sealgate.exceptions import CanonicalizationError

each_form = pytest.mark.parametrize("form", JUDGES)

_TOKENS = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b'"a"', b'"b"', rb'"\u0061"', b'""', b'"a":', b'{"a":1}', b" ", b"\n", b"true", b"null", b"NaN",
    b"1", b"-", b"0", b".5", b"e9", b"1.0", b"1e400", b"9007199254740993", rb"\ud83d", rb"\ude00", "\u20ac".encode(), b"\xff", b"\\", b"\xef\xbb\xbf",
]  # fmt: skip
_seeds = st.integers(0, 2**64)
#: What happens to a valid text, at a place.
_CHANGES: list[Callable[[bytes, int, Random], bytes]] = [
    lambda text, at, random: text[:at],
    lambda text, at, random: text[:at] + text[at + 1 :],
    lambda text, at, random: text[:at] + text[at : at + 9] + text[at:],
    lambda text, at, random: text[:at] + bytes([text[at] ^ 1 << random.randrange(8)]) + text[at + 1 :],
    lambda text, at, random: text[:at] + random.choice(_TOKENS) + text[at:],
    lambda text, at, random: text[:at] + random.choice(_TOKENS) + text[at + 1 :],
]


def near_valid(seed: int) -> bytes:
    random = Random(seed)
    (document,) = documents(1, seed=seed)
    text = random.choice([*LAYOUTS.values()])(document, random).encode()
    return random.choice(_CHANGES)(text, random.randrange(len(text)), random)


_texts = st.one_of(
    st.binary(max_size=60), st.lists(st.sampled_from(_TOKENS), max_size=12).map(b"".join), _seeds.map(near_valid)
)


def verdict(text: bytes | str, form: str) -> bytes | int | None:
    """The canonical form, or the place of the refusal; and no third thing."""
    try:
        return canonicalize_json(text, form=form)
    except CanonicalizationError as error:
        return error.index


@each_form
@given(text=_texts)
def test_any_octets_are_accepted_or_refused_as_the_judge_does(form: str, text: bytes) -> None:
    actual = verdict(text, form)
    try:
        expected: bytes | None = JUDGES[form](text)
    except reference.Refused:
        expected = None
    if expected is None:
        assert isinstance(actual, int)
        assert actual in range(len(text) + 1)
    else:
        assert expected == actual
        assert expected == verdict(expected, form)
        assert json.loads(text, parse_int=float) == json.loads(expected, parse_int=float)


@given(text=_texts)
def test_a_text_and_its_octets_have_one_verdict(text: bytes) -> None:
    characters = text.decode(errors="replace")
    text = characters.encode()
    place = verdict(text, "jcs")
    assert verdict(characters, "jcs") == (len(text[:place].decode()) if isinstance(place, int) else place)


def number(random: Random) -> str:
    """Any that is not beyond the doubles, with up to 50 digits, of which many are zeros and nines."""
    digits = "".join(random.choices(random.choice(["0123456789", "01", "09", "0000001"]), k=random.randint(1, 25)))
    whole = random.choice(["0", digits.lstrip("0") or "0"])
    fraction = random.choice(["", f".{digits[::-1]}"])
    exponent = random.choice(["", "", f"{random.choice('eE')}{random.choice(['', '+', '-'])}{random.randrange(280)}"])
    return random.choice(["", "-"]) + whole + fraction + exponent


@given(seed=_seeds)
def test_any_numbers_are_written_as_ecmascript_writes_their_doubles(seed: int) -> None:
    random = Random(seed)
    numbers = [number(random) for _ in range(30)]
    expected = "[" + ",".join(reference.es6_number(float(text)) for text in numbers) + "]"
    assert expected.encode() == canonicalize_json(f"[{','.join(numbers)}]", round_integers=True)
    for text in numbers:
        held = text.strip("-0123456789") != "" or text in {"-0", reference.es6_number(float(text))}
        assert held == isinstance(verdict(text, "jcs"), bytes)


@given(bits=st.integers(0, 0x7FEF_FFFF_FFFF_FFFE), digits=st.integers(1, 40))
def test_numbers_beside_the_middle_of_two_doubles_are_rounded_to_the_nearer_one(bits: int, digits: int) -> None:
    """The digits that decide may be hundreds of places behind; in the very middle the even one is meant."""
    below, above = (decimal.Decimal(each) for each in struct.unpack("<2d", struct.pack("<2Q", bits, bits + 1)))
    with decimal.localcontext(prec=1200):
        middle = (below + above) / 2
        little = middle.scaleb(-10 * digits - 17)
        for number in (middle - little, middle, middle + little, below + little):
            plain = f"{number:f}"
            for text in (plain if "." in plain else f"{plain}.0", f"-{number:e}"):
                expected = float(text)
                assert reference.es6_number(expected).encode() == canonicalize_json(text)
                assert repr(expected).encode() == canonicalize_json(text, form="pyjson")


_names = st.text(
    'ab\0\x1f"\\/\x7f\x80\xff\u07ff\u0800\ud7ff\ue000\ufffd\uffff\U00010000\U0001f600\U0010ffff', max_size=5
)


_starts = st.sampled_from(["", "name", "a name of 16 ch.", "\u20ac" * 9])


@given(names=st.lists(st.builds(str.__add__, _starts, _names), unique=True), seed=_seeds)
def test_any_names_are_put_in_order(names: list[str], seed: int) -> None:
    """With and without escapes, which the order does not see."""
    random = Random(seed)
    for form, key in (("jcs", lambda name: name.encode("utf-16-be")), ("pyjson", str)):
        text = LAYOUTS["scattered"](dict.fromkeys(names, 0), random)
        assert sorted(names, key=key) == [*json.loads(canonicalize_json(text, form=form))]
