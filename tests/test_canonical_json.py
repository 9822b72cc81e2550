"""Canonical JSON from text: RFC 8785's own vectors, foreign judges, and each refusal with its place."""

from __future__ import annotations

import json
import struct
import unicodedata
from pathlib import Path
from random import Random

import pytest

import reference
from canonical_documents import JUDGES, documents, jcs_differences, on_a_small_stack
from sealgate import ConfigurationError, canonicalize, canonicalize_json
from sealgate.exceptions import CanonicalizationError

RFC8785 = json.loads((Path(__file__).parent / "vectors" / "rfc8785.json").read_text())
LONGEST = 256 * 1024 * 1024
MARKER = "marker-of-a-secret"

each_form = pytest.mark.parametrize("form", JUDGES)


def refused(text: bytes | str, form: str = "jcs", limit: int = LONGEST) -> int | None:
    """The place of the refusal."""
    with pytest.raises(CanonicalizationError) as error:
        canonicalize_json(text, form=form, limit=limit)
    return error.value.index


# --- published vectors, foreign judges --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in RFC8785["documents"]])
def test_rfc_8785_documents(case: dict[str, str]) -> None:
    expected = bytes.fromhex(case["canonical_hex"])
    assert expected == canonicalize_json(case["text"])
    assert expected == canonicalize_json(case["text"].encode())
    assert expected == canonicalize(json.loads(case["text"]))
    assert expected == reference.canonical_json(case["text"])


def test_rfc_8785_order_of_names() -> None:
    ordered = canonicalize_json(RFC8785["order"]["text"])
    assert RFC8785["order"]["values"] == [*json.loads(ordered).values()]
    assert ordered == canonicalize(json.loads(RFC8785["order"]["text"]))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["ieee754"]) for case in RFC8785["numbers"]])
def test_rfc_8785_numbers(case: dict[str, str | None]) -> None:
    assert case["ieee754"]
    (number,) = struct.unpack(">d", bytes.fromhex(case["ieee754"]))
    if case["text"] is None:
        assert 0 == refused(repr(number))
        with pytest.raises(CanonicalizationError):
            canonicalize(number)
    else:
        assert case["text"].encode() == canonicalize_json(f"{number:.17e}") == canonicalize(number)
        assert case["text"].encode() == canonicalize_json(case["text"])


def test_rfc_8785_numbers_that_have_no_place_are_refused() -> None:
    """Appendix D: `1.4e+9999` is no double, and 2**63 - 1 would be another number."""
    text = RFC8785["big_numbers"]
    assert text.index("1.4e+9999") == refused(text)
    text = text.replace("1.4e+9999", "1.4e+99")
    assert text.index("9223372036854775807") == refused(text)
    rounded = b'{"giantNumber":1.4e+99,"int64Max":9223372036854776000,"payMeThis":26000.33}'
    assert rounded == canonicalize_json(text, round_integers=True)


def test_random_documents_in_every_layout_are_what_rfc8785_of_pypi_writes() -> None:
    """The whole number of them: `python tests/bulk_canonical.py`."""
    random = Random(8785)
    for document in documents(2_000, seed=8785):
        assert [] == jcs_differences(document, random)


# --- what is written --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (' [ 1 ,\t{ "b" : 2 ,\r\n "a" : [ ] } ] \n', '[1,{"a":[],"b":2}]'),
        ("-0", "0"),
        ("-0.0", "0"),
        ("[0e5,-0E-5,0.000]", "[0,0,0]"),
        ("1e-400", "0"),
        ("-1e-400", "0"),
        ("[1.0,1e0,10e-1,1E+0]", "[1,1,1,1]"),
        ("9007199254740992", "9007199254740992"),
        ("-9007199254740992", "-9007199254740992"),
        ("9007199254740993.0", "9007199254740992"),
        ("9007199254740994", "9007199254740994"),
        ("100000000000000000000", "100000000000000000000"),
        ("[1e20,1e21]", "[100000000000000000000,1e+21]"),
        ("[999999999999999.9,0.1e-6]", "[999999999999999.9,1e-7]"),
        ("0.1000000000000000055511151231257827", "0.1"),
        (r'"\u0041\/\u0022\u005C\u002f"', r'"A/\"\\/"'),
        (r'"\u0008\u0009\u000A\u000c\u000D\u0000\u001F"', r'"\b\t\n\f\r\u0000\u001f"'),
        ('"\\u007f\\u0080\\u2028\\ufeff\\uffff"', '"\x7f\x80\u2028\ufeff\uffff"'),
        (r'"\uD83D\uDE00"', '"\U0001f600"'),
        (r'{"\u0061\u0000":1,"a":2}', '{"a":2,"a\\u0000":1}'),
        ('{"__proto__":1,"":2,"toJSON":3}', '{"":2,"__proto__":1,"toJSON":3}'),
    ],
)
def test_texts_have_one_form(text: str, canonical: str) -> None:
    assert canonical.encode() == canonicalize_json(text)
    assert canonical.encode() == canonicalize_json(text.encode())
    assert canonical.encode() == canonicalize_json(canonical)
    assert canonical.encode() == reference.canonical_json(text)


def test_names_are_in_the_order_of_their_utf_16_units() -> None:
    """C18: U+1F600 and U+10000 are surrogate pairs, and so they stand before U+FB33 and U+FFFF."""
    names = ["\ufb33", "\U0001f600", "\uffff", "\U00010000", "\ue000", "\ud7ff", "a"]
    text = json.dumps(dict.fromkeys(names, 0), ensure_ascii=False)
    expected = ["a", "\ud7ff", "\U00010000", "\U0001f600", "\ue000", "\ufb33", "\uffff"]
    assert expected == [*json.loads(canonicalize_json(text))]
    assert expected == [*json.loads(canonicalize_json(json.dumps(json.loads(text))))]
    assert expected == [*json.loads(canonicalize(json.loads(text)))]


def test_texts_that_unicode_normalization_would_unify_stay_apart() -> None:
    """C23; RFC 8785, 3.1: strings "as is"."""
    composed, decomposed = (unicodedata.normalize(form, "\u00c5ngstr\u00f6m") for form in ("NFC", "NFD"))
    assert composed != decomposed
    both = json.dumps({decomposed: 1, composed: 2}, ensure_ascii=False)
    assert f'{{"{decomposed}":1,"{composed}":2}}'.encode() == canonicalize_json(both)
    assert canonicalize_json(f'"{composed}"') != canonicalize_json(f'"{decomposed}"')


@pytest.mark.parametrize("size", [2, 3, 7, 8, 9, 16, 17, 20, 21, 33, 64, 1000, 20_000])
@pytest.mark.parametrize("start", ["", "1234567", "12345678", "0123456789abcdef", "0123456789abcdef" * 3])
def test_objects_of_any_size_are_put_in_order_and_hide_no_duplicate(size: int, start: str) -> None:
    """Small and large objects, and names with a short and a long start in common, may well be sorted in other ways."""
    names = [f"{start}{number}" for number in range(size)]
    Random(size).shuffle(names)
    members = [f'"{name}":0' for name in names]
    ordered = ",".join(f'"{name}":0' for name in sorted(names))
    assert f"{{{ordered}}}".encode() == canonicalize_json("{" + ",".join(members) + "}")
    text = "{" + ",".join([*members, members[size // 2]]) + "}"
    assert text.rindex('"', 0, text.rindex('"')) == refused(text)


# --- refusals ---------------------------------------------------------------------------------------------------------

NOT_JSON: list[tuple[bytes, int]] = [
    (b"", 0), (b" \t\r\n", 4), (b"\xef\xbb\xbf{}", 0), ("{}".encode("utf-16"), 0), (b"{\0}\0", 1),
    # octets that are no UTF-8: stray, overlong, a surrogate, cut short, beyond U+10FFFF
    (b'["\xff"]', 2), (b'["a\xc0\xaf"]', 3), (b'["\xed\xa0\x80"]', 2), (b'["\xe2\x82"]', 2), (b'["\xf4\x90\x80\x80"]', 2), (b"[\xa0]", 1),
    # after the end
    (b"{} x", 3), (b"1 2", 2), (b"{}}", 2), (b"[]}", 2), (b"nullnull", 4), (b"[]\0", 2), (b"1 #", 2), (b"{}{}", 2),
    # literals
    (b"nul", 0), (b"True", 0), (b"[truE]", 1), (b"NaN", 0), (b"Infinity", 0), (b"[-Infinity]", 2), (b"undefined", 0),
    # numbers: their grammar, and their range
    (b"01", 0), (b"-01", 1), (b"00", 0), (b"-", 1), (b"--1", 1), (b"+1", 0), (b".5", 0), (b"1.", 2), (b"-1.e5", 3), (b"1e", 2), (b"1e+", 3), (b"1.5E-x", 5),
    (b"0x10", 1), (b"1_000", 1), (b"1L", 1), ("\uff11".encode(), 0), ("\u0661".encode(), 0), (b"1e400", 0), (b"[1,-1e400]", 3), (b"1.7976931348623159e308", 0),
    # strings: their ends, control characters, escapes, halves of surrogate pairs
    (b'"', 0), (b'"abc', 0), (b'["a, 1]', 1), (b"'a'", 0), (b'"\0"', 1), (b'"a\nb"', 2), (b'"0123456789abcde\x1f"', 16), (b'"a\tb"', 2),
    (rb'"\x"', 1), (b'"\\', 1), (rb'"\u12', 1), (rb'"\u12G4"', 1), (rb'"\u+041"', 1), (rb'"\U0041"', 1), (b'"\\\xc3\xa9"', 1),
    (rb'"\ud800"', 1), (rb'"a\uDC00b"', 2), (rb'"\ud800\ud800"', 1), (rb'"\ud800\u0041"', 1), (rb'"\ud800x"', 1), (rb'"\uDE00\uD83D"', 1), (rb'{"\udfff":1}', 2),
    # arrays, objects
    (b"[", 1), (b"[1", 2), (b"[1,", 3), (b"[1,]", 3), (b"[,1]", 1), (b"[1 2]", 3), (b"[1}", 2), (b"]", 0), (b"[1,,2]", 3), (b"[1;2]", 2),
    (b"{", 1), (b'{"a"', 4), (b'{"a":', 5), (b'{"a":1', 6), (b'{"a":1,', 7), (b'{"a":1,}', 7), (b'{"a" 1}', 5), (b'{"a":1 "b":2}', 7), (b'{"a"::1}', 5), (b'{"a":1]', 6),
    # names that are no strings
    (b"{a:1}", 1), (b"{'a':1}", 1), (b"{1:1}", 1), (b"{null:1}", 1), (b"{,}", 1), (b"{[]:1}", 1), (b'{"a":1,2:2}', 7),
    # what some parsers pass over
    (b"/**/1", 0), (b"[1//x\n]", 2), (b"\x0b1", 0), (b"\x0c1", 0), (b"\xc2\xa01", 0), ("[\u20281]".encode(), 1),
]  # fmt: skip
TWICE = [
    b'{"a":1,>"a":1}', b'{"":1,>"":2}', b'{"b":1,"a":2,>"b":3}', b'{"a":1,"b":2,>"a":3}', b'[{"x":{"a":1,"c":{},>"a":2},"b":0}]',
    rb'{"ru\u006e":1,>"run":2}', rb'{"run":1,>"ru\u006E":2}', rb'{"z":0,"ru\u006e":1,>"\u0072un":2}', rb'{"a/":1,>"a\/":2}', rb'{"\n":1,>"\u000a":2}',
    rb'{"\ud83d\ude00":1,>"' + "\U0001f600".encode() + b'":2}', rb'{"\u00e9":1,"e":0,>"' + "\u00e9".encode() + b'":2}',
    b'{"__proto__":1,>"__proto__":2}', b'{"0123456789abcdefghijklmnop":1,>"0123456789abcdefghijklmnop":2}',
]  # fmt: skip
INEXACT = [
    b"9007199254740993", b"-9007199254740993", b"9999999999999999", b"1000000000000000000000", b"1152921504606846976", b"9223372036854775807", b"-9223372036854775808",
    b"18446744073709551615", b"1" + b"0" * 300, b"123456789012345678901234567890", b"-" + b"9" * 17,
]  # fmt: skip
REFUSED = [*NOT_JSON, *((text.replace(b">", b""), text.index(b">")) for text in TWICE)]
_BEFORE = '["\u20ac\U0001f600\\u00e9",'.encode()


@each_form
@pytest.mark.parametrize(("text", "index"), REFUSED, ids=ascii)
def test_malformed_texts_are_refused_with_their_place(text: bytes, index: int, form: str) -> None:
    """C17, C19: as octets and as str, at the start and after characters of more octets than one."""
    for octets, place in ((text, index), (_BEFORE + text, len(_BEFORE) + index)):
        with pytest.raises(reference.Refused):
            JUDGES[form](octets)
        assert place == refused(octets, form)
        if "\ufffd" not in (characters := octets.decode(errors="replace")):
            assert len(octets[:place].decode()) == refused(characters, form)


@pytest.mark.parametrize("digits", INEXACT, ids=ascii)
def test_integers_whose_digits_their_double_does_not_give_back_are_refused_or_rounded(digits: bytes) -> None:
    assert 0 == refused(digits)
    assert 2 == refused(b"[ " + digits + b"]")
    expected = reference.es6_number(float(int(digits))).encode()
    assert expected == canonicalize_json(digits, round_integers=True) == canonicalize(int(digits), round_integers=True)
    for form, judge in ((form, JUDGES[form]) for form in ("pyjson", "pyjson-utf8")):
        assert digits == canonicalize_json(digits, form=form) == judge(digits)


@pytest.mark.parametrize(
    "digits", ["1" + "0" * 309, "-" + "9" * 309, "1" + "0" * 400, "9" * 4301, "1" * 100_000], ids=len
)
def test_integers_beyond_the_doubles_are_not_even_rounded(digits: str) -> None:
    for round_integers in (False, True):
        with pytest.raises(CanonicalizationError) as error:
            canonicalize_json(f"[{digits}]", round_integers=round_integers)
        assert 1 == error.value.index


def test_halves_of_surrogate_pairs_in_a_str_are_refused() -> None:
    """A str of Python may hold them, and two of them are no pair."""
    assert [1, 0, 5] == [refused(text) for text in ('"\ud800"', "\udfff", '["\u20ac",\ude00')]
    assert 2 == refused('{"\ud83d\ude00":1}')
    assert 7 == refused('"\\ud83d\ude00"')


@pytest.mark.parametrize(("text", "index"), REFUSED, ids=ascii)
def test_refusals_show_nothing_of_the_text(text: bytes, index: int) -> None:
    """B7: `str` and `repr` of an error are written to logs."""
    for octets in (b'[{"%b":"%b"},' % (MARKER.encode(), MARKER.encode()) + text, text + MARKER.encode()):
        with pytest.raises(CanonicalizationError) as error:
            canonicalize_json(octets)
        shown = f"{error.value} {error.value!r} {error.value.args}"
        assert MARKER not in shown
        assert shown.isprintable()
        assert shown.isascii()
        assert error.value.__cause__ is None


# --- limits -----------------------------------------------------------------------------------------------------------

#: What opens and closes levels, and how often that makes 128 of them.
DEEP = [("[", "]", 128), ('{"a":', "}", 128), ('[{"a":', "}]", 64), ('{"b":0,"a":', "}", 128)]


@each_form
@pytest.mark.parametrize(("opening", "closing", "times"), DEEP)
def test_128_levels_are_read_and_the_129th_is_refused(opening: str, closing: str, times: int, form: str) -> None:
    allowed, closings = opening * times, closing * times
    text = allowed + "0" + closings
    assert JUDGES[form](text) == canonicalize_json(text, form=form)
    for innermost in ("[]", "{}"):
        assert len(allowed) == refused(allowed + innermost + closings, form)


def test_levels_are_counted_again_after_each_end() -> None:
    text = "[" + ",".join(["[" * 127 + "]" * 127] * 3) + "]"
    assert text.encode() == canonicalize_json(text)


@each_form
@pytest.mark.parametrize(("opening", "closing", "times"), DEEP)
def test_deep_texts_need_no_stack(opening: str, closing: str, times: int, form: str) -> None:
    text = opening * 100_000 + "0" + closing * 100_000
    assert len(opening) * times == on_a_small_stack(lambda: refused(text, form))


@each_form
def test_limit_is_in_octets_of_the_text(form: str) -> None:
    assert JUDGES[form]('["\u20ac"]') == canonicalize_json('["\u20ac"]', form=form, limit=7)
    assert JUDGES[form]('["\u20ac"]') == canonicalize_json('["\u20ac"]'.encode(), form=form, limit=7)
    assert 6 == refused('["\u20ac"]'.encode(), form, limit=6)
    assert 4 == refused('["\u20ac"]', form, limit=6)
    assert 1 == refused("[]" + " " * 100, form, limit=1)


def test_texts_are_read_up_to_256_mebioctets() -> None:
    assert b"1" == canonicalize_json(b"1".rjust(LONGEST))
    assert LONGEST == refused(b"1".rjust(LONGEST + 1))


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, 1, 1.5, bytearray(b"1"), memoryview(b"1"), [b"1"], {}, Path("x")], ids=repr)
def test_texts_are_octets_or_str(text: object) -> None:
    with pytest.raises(TypeError):
        canonicalize_json(text)  # type: ignore[arg-type]


class Octets(bytes):
    pass


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "2"


@pytest.mark.parametrize(
    "text", [b"[1]", "[1]", b"[ 1]", "[1 ]", Octets(b"[1]"), Octets(b"[ 1]"), Text("[1]"), Text("[1 ]")], ids=repr
)
def test_result_is_octets_of_no_subclass(text: bytes | str) -> None:
    """Also where the text is canonical as it stands."""
    result = canonicalize_json(text)
    assert (bytes, b"[1]") == (type(result), result)


@pytest.mark.parametrize("form", ["", "JCS", "rfc8785", "pyjson_utf8", "pyjson ", "\0", "\u00e9"], ids=ascii)
def test_unknown_forms_are_refused(form: str) -> None:
    with pytest.raises(ConfigurationError):
        canonicalize_json("1", form=form)


@pytest.mark.parametrize("limit", [0, -1, True, False, LONGEST + 1, 2**64, -(2**64)])
def test_limits_that_are_none_are_refused(limit: int) -> None:
    with pytest.raises(ConfigurationError):
        canonicalize_json("1", limit=limit)
    with pytest.raises(ConfigurationError):
        canonicalize(1, limit=limit)
