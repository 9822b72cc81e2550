"""The form of `json.dumps(value, sort_keys=True, separators=(",", ":"))`: CPython's own json is the judge."""

from __future__ import annotations

import json
import math
import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_documents import WIDE, documents, pyjson_differences
from sealgate import ConfigurationError, canonicalize_json
from sealgate.exceptions import CanonicalizationError

FORMS = {"pyjson": True, "pyjson-utf8": False}

each_form = pytest.mark.parametrize("form", FORMS)


def dumps(text: str, form: str) -> bytes:
    value = json.loads(text)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=FORMS[form]).encode()


def test_random_documents_in_every_layout_are_what_json_dumps_writes() -> None:
    """The whole number of them: `python tests/bulk_canonical.py`."""
    random = Random(3)
    for document in documents(1_500, seed=3, widest=WIDE):
        assert [] == pyjson_differences(document, random)


@pytest.mark.parametrize(
    ("text", "ascii_only", "utf8"),
    [
        (' { "b" : 1.0 , "a" : [ ] } ', '{"a":[],"b":1.0}', '{"a":[],"b":1.0}'),
        ("[-0,-0.0,0.0,0e5,-0E-5]", "[0,-0.0,0.0,0.0,-0.0]", "[0,-0.0,0.0,0.0,-0.0]"),
        ("[1.0,1e0,1E+2,100,1.50]", "[1.0,1.0,100.0,100,1.5]", "[1.0,1.0,100.0,100,1.5]"),
        ("[1e15,1e16,1e-4,1e-5,1e22,1e100]", "[1000000000000000.0,1e+16,0.0001,1e-05,1e+22,1e+100]", "[1000000000000000.0,1e+16,0.0001,1e-05,1e+22,1e+100]"),
        ("[123456789012345.0,0.00012,0.000012]", "[123456789012345.0,0.00012,1.2e-05]", "[123456789012345.0,0.00012,1.2e-05]"),
        ("[1e-400,5e-324,1.7976931348623157e308]", "[0.0,5e-324,1.7976931348623157e+308]", "[0.0,5e-324,1.7976931348623157e+308]"),
        ("[9007199254740993,18446744073709551616]", "[9007199254740993,18446744073709551616]", "[9007199254740993,18446744073709551616]"),
        ('"\u20ac\U0001f600\u00ff\u2028"', r'"\u20ac\ud83d\ude00\u00ff\u2028"', '"\u20ac\U0001f600\u00ff\u2028"'),
        (r'"\u20AC\uD83D\uDE00\/\u0041"', r'"\u20ac\ud83d\ude00/A"', '"\u20ac\U0001f600/A"'),
        ('"\x7f\\u007F\\u001F\\b\\u0022\\u005c"', r'"\u007f\u007f\u001f\b\"\\"', '"\x7f\x7f\\u001f\\b\\"\\\\"'),
    ],
)  # fmt: skip
def test_texts_have_one_form(text: str, ascii_only: str, utf8: str) -> None:
    for form, expected in (("pyjson", ascii_only.encode()), ("pyjson-utf8", utf8.encode())):
        assert expected == dumps(text, form)
        assert expected == canonicalize_json(text, form=form) == canonicalize_json(text.encode(), form=form)
        assert expected == canonicalize_json(expected, form=form)


@each_form
def test_names_are_in_the_order_of_their_code_points(form: str) -> None:
    """As Python compares str, and not as RFC 8785 does."""
    names = ["\U0001f600", "\uffff", "\U00010000", "\ufb33", "\ud7ff", "a", "A", "", "a\0", "aa", "\x7f", "~", "\x80"]
    for ensure_ascii in (True, False):
        text = json.dumps(dict.fromkeys(names, 0), ensure_ascii=ensure_ascii)
        assert sorted(names) == [*json.loads(canonicalize_json(text, form=form))]
        assert dumps(text, form) == canonicalize_json(text, form=form)


@each_form
@pytest.mark.parametrize("sign", ["", "-"])
def test_integers_keep_their_digits_up_to_4300_of_them(sign: str, form: str) -> None:
    """The limit of CPython itself: to convert more takes time that is quadratic."""
    longest = sign + "9" * 4300
    assert longest.encode() == dumps(longest, form) == canonicalize_json(longest, form=form)
    for digits in ("1" * 4301, "1" + "0" * 4300, "9" * 1_000_000):
        with pytest.raises(CanonicalizationError) as error:
            canonicalize_json(f'{{"a":[1,{sign}{digits}]}}', form=form)
        assert len('{"a":[1,') == error.value.index


@each_form
@pytest.mark.parametrize("digits", ["0." + "1" * 5000, "1" * 5000 + "e-4990", "1" * 300 + "." + "0" * 5000])
def test_digits_of_a_number_with_a_fraction_or_an_exponent_have_no_limit(digits: str, form: str) -> None:
    assert dumps(digits, form) == canonicalize_json(digits, form=form)


@each_form
@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" * 400 + ".0", r'"\ud800"', '{"a":1,"a":2}']
)
def test_what_json_dumps_would_let_through_is_refused_all_the_same(text: str, form: str) -> None:
    """C17, C19: the last of two names wins there, and in another parser the first."""
    assert json.dumps(json.loads(text))
    with pytest.raises(CanonicalizationError):
        canonicalize_json(text, form=form)


@pytest.mark.parametrize("form", FORMS)
def test_rounding_is_refused_with_a_form_that_keeps_all_digits(form: str) -> None:
    with pytest.raises(ConfigurationError):
        canonicalize_json("1", form=form, round_integers=True)
    assert b"1" == canonicalize_json("1", form=form, round_integers=False)


@each_form
@given(bits=st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_any_double_is_written_as_its_repr(form: str, bits: list[int]) -> None:
    numbers = [struct.unpack("<d", struct.pack("<Q", each))[0] for each in bits]
    numbers = [number for number in numbers if math.isfinite(number)]
    expected = json.dumps(numbers, separators=(",", ":")).encode()
    for spelled in ("{!r}", "{:.17e}", "{:.20E}"):
        assert expected == canonicalize_json(f"[{','.join(map(spelled.format, numbers))}]", form=form)


@each_form
@given(text=st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_any_number_is_written_as_python_reads_it(form: str, text: str) -> None:
    assert dumps(text, form) == canonicalize_json(text, form=form)


@each_form
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_string_is_written_as_json_dumps_writes_it(form: str, text: str) -> None:
    expected = json.dumps(text, ensure_ascii=FORMS[form]).encode()
    for spelled in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        assert expected == canonicalize_json(spelled, form=form)
