"""Canonical JSON: RFC 8785, and what `json.dumps` of Python writes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from reference.message import Refused

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

DEPTH = 128
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def canonical_json(text: bytes | str, *, round_integers: bool = False) -> bytes:
    """RFC 8785. An integer whose digits the ECMAScript form of its double does not give back is refused, or rounded."""

    return canonical_text(read_json(text, finite if round_integers else exact)).encode()


def exact(token: str) -> float:
    number = finite(token)
    if token not in {"-0", es6_number(number)}:
        raise Refused("an integer that a double does not hold")
    return number


def python_json(text: bytes | str, *, ensure_ascii: bool = True) -> bytes:
    """`json.dumps` with sorted names and without blanks, of what RFC 8785 would take too, but for large integers."""
    return dumped(read_json(text, int), ensure_ascii)


def dumped(value: Json, ensure_ascii: bool) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ensure_ascii).encode()


def read_json(text: bytes | str, integer: Callable[[str], float]) -> Json:
    """RFC 8259 as RFC 7493 narrows it: UTF-8 without a BOM, no name twice, no half of a pair, numbers that doubles hold."""
    try:
        value: Json = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=distinct,
            parse_int=integer,
            parse_float=finite,
            parse_constant=finite,
        )
    except (ValueError, RecursionError):
        raise Refused("no JSON text") from None
    refuse_what_has_no_form(value, 0)
    return value


def look_into(text: bytes) -> Json:
    """RFC 8259, of a text that is handed on as received: what has no canonical form may stand in it, but in no name."""
    try:
        value: Json = json.loads(
            text.decode(), object_pairs_hook=named, parse_int=lambda token: int(token[:400]), parse_constant=finite
        )
    except (ValueError, RecursionError):
        raise Refused("no JSON text") from None
    refuse_what_has_no_form(value, 0, halves=True)
    return value


def named(pairs: Sequence[tuple[str, Json]]) -> Json:
    if any(re.search("[\ud800-\udfff]", name) for name, _ in pairs):
        raise Refused("half of a surrogate pair in a name")
    return distinct(pairs)


def distinct(pairs: Sequence[tuple[str, Json]]) -> Json:
    if len(dict(pairs)) != len(pairs):
        raise Refused("a name occurs twice")
    return dict(pairs)


def finite(token: str) -> float:
    number = float(token)
    if number != number or number in {float("inf"), float("-inf")}:
        raise Refused("no finite number")
    return number


def refuse_what_has_no_form(value: Json, depth: int, *, halves: bool = False) -> None:
    """`halves`: whether half of a surrogate pair is taken, other than in a name."""
    inside: list[Json] = []
    if isinstance(value, str) and not halves and re.search("[\ud800-\udfff]", value):
        raise Refused("half of a surrogate pair")
    if isinstance(value, dict):
        inside = [*value, *value.values()]
    elif isinstance(value, list):
        inside = value
    if isinstance(value, dict | list) and depth == DEPTH:
        raise Refused("too deep")
    for each in inside:
        refuse_what_has_no_form(each, depth + 1, halves=halves)


def canonical_text(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical_text, value)) + "]"
    if isinstance(value, dict):
        # 3.2.3: names as arrays of UTF-16 code units, each an unsigned integer.
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_string(name)}:{canonical_text(value[name])}" for name in names) + "}"
    return es6_number(value)


def _string(text: str) -> str:
    """3.2.2.2."""
    return '"' + "".join(_SHORT.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in text) + '"'


def es6_number(number: float) -> str:
    """3.2.2.3: ECMA-262, Number::toString, over the shortest digits, which Python's repr has too."""
    if number == 0:
        return "0"
    if number < 0:
        return "-" + es6_number(-number)
    mantissa, _, exponent = repr(float(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of n.
    n = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    k = len(digits)
    if k <= n <= 21:
        return digits + "0" * (n - k)
    if 0 < n <= 21:
        return digits[:n] + "." + digits[n:]
    if -6 < n <= 0:
        return "0." + "0" * -n + digits
    return digits[0] + ("." + digits[1:] if k > 1 else "") + f"e{n - 1:+d}"
