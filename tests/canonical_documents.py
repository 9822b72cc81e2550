"""Random JSON documents, the same ones from the same seed; the many texts that say the same; and where judges differ."""

from __future__ import annotations

import json
import math
import struct
import threading
from collections.abc import Callable, Iterator
from random import Random
from typing import TypeVar

import rfc8785

import reference
from reference import Json
from sealgate import canonicalize, canonicalize_json

#: Integers of RFC 7493, 2.2: the range of PyPI's rfc8785, and what every reader agrees on.
SAFE = 2**53 - 1
#: Who says what the canonical form of a text is.
JUDGES: dict[str, Callable[[bytes | str], bytes]] = {
    "jcs": reference.canonical_json,
    "pyjson": reference.python_json,
    "pyjson-utf8": lambda text: reference.python_json(text, ensure_ascii=False),
}
#: The widest that CPython reads.
WIDE = 10**4300 - 1

#: From one to the next, each as likely: control characters, ASCII, Latin, the two sides of the surrogates, the planes.
_PLANES = [(0x00, 0x1F), (0x20, 0x7E), (0x20, 0x7E), (0x7F, 0xFF), (0x100, 0x7FF), (0x800, 0xD7FF)]
_PLANES += [(0xE000, 0xFFFF), (0xFB33, 0xFB33), (0xFFFF, 0xFFFF), (0x10000, 0x10000), (0x1F600, 0x1F600)]
_PLANES += [(0x10000, 0x1FFFF), (0x20000, 0xFFFFF), (0x100000, 0x10FFFF)]
_MARKED = '"\\/\b\f\n\r\t\x00\x1f\x7f\u2028\u2029\ufeff<>&'


def documents(count: int, *, seed: int, widest: int = SAFE) -> Iterator[Json]:
    """`count` documents, with integers up to `widest` on both sides of zero."""
    random = Random(seed)
    for _ in range(count):
        yield _value(random, widest, depth=random.choice([0, 1, 2, 2, 3, 4]))


def _value(random: Random, widest: int, depth: int) -> Json:
    if depth == 0:
        return _scalar(random, widest)
    size = random.choice([0, 1, 2, 3, 3, 4, 5, 8])
    inner = [_value(random, widest, random.randrange(depth)) for _ in range(size)]
    return {_string(random): value for value in inner} if random.random() < 0.6 else inner


def _scalar(random: Random, widest: int) -> Json:
    kind = random.randrange(10)
    if kind < 4:
        return _string(random)
    if kind < 7:
        return _float(random)
    return _integer(random, widest) if kind < 9 else random.choice([True, False, None])


def _string(random: Random) -> str:
    """Often with a start that others have too: names are compared in strides, and differ after some."""
    start = "name" * random.choice([0, 0, 0, 1, 2, 4, 8, 9])
    size = random.choice([0, 1, 1, 2, 3, 5, 8, 13, 40])
    ranges = random.choices(_PLANES, k=random.choice([1, 2, 3]))
    return start + "".join(
        random.choice(_MARKED) if random.random() < 0.1 else chr(random.randint(*random.choice(ranges)))
        for _ in range(size)
    )


def _float(random: Random) -> float:
    """Random bits, or a decimal as people write them, or the neighbour of one where the layout changes."""
    kind = random.randrange(3)
    if kind == 0:
        number = float("nan")
        while not math.isfinite(number):
            (number,) = struct.unpack("<d", random.randbytes(8))
        return number
    if kind == 1:
        return round(random.uniform(-1, 1) * 10.0 ** random.randrange(-8, 20), random.randrange(12))
    edge = random.choice([0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1.0, 1e15, 1e16, 1e17, 2.0**53, 1e20, 1e21, 1e22, 1e23])
    return random.choice([-1, 1]) * random.choice([edge, math.nextafter(edge, math.inf), math.nextafter(edge, 0.0)])


def _integer(random: Random, widest: int) -> int:
    """Mostly of up to 80 bits; a few of any size, and of those some at the very edge."""
    chance = random.random()
    if chance < 0.01:
        return random.choice([-1, 1]) * (widest - random.randrange(3))
    bits = random.randint(1, widest.bit_length() if chance < 0.1 else min(widest.bit_length(), 80))
    return random.choice([-1, 1]) * min(widest, random.getrandbits(bits))


# --- tables -----------------------------------------------------------------------------------------------------------

_COLUMNS = ["rows", "b", "a", "\U0001f600", "\ufb33", "", "a name of some length", "a name of some letters"]


def tables(count: int, *, seed: int) -> Iterator[Json]:
    """Arrays of objects, mostly with the same names in the same order; of which some hold such an array themselves."""
    random = Random(seed)
    for _ in range(count):
        yield _rows(random, most=20, names=_COLUMNS[: random.randrange(len(_COLUMNS) + 1)])


def _rows(random: Random, most: int, names: list[str]) -> list[Json]:
    names = random.sample(names, len(names))
    if random.random() < 0.1:
        names += [f"column {nth}" for nth in range(random.choice([5, 56, 64, 65]))]
    return [_row(random, most // 3, names) for _ in range(random.randint(0, most))]


def _row(random: Random, most: int, names: list[str]) -> Json:
    change = random.randrange(16)
    if change == 0:
        names = random.sample(names, len(names))
    elif change == 1:
        # Equal, and not the same.
        names = [random.choice([name, name[:1] + name[1:]]) for name in names]
    elif change == 2:
        names = [*names[1:], "another"]
    elif change == 3:
        names = names[: random.randrange(len(names) + 1)]
    elif change == 4:
        return random.choice([None, {}, [], _rows(random, most, names)])
    values: list[Json] = [1, "x", None, {"z": 1, "y": []}]
    row = {name: random.choice(values) for name in names}
    if "rows" in row and random.random() < 0.3:
        row["rows"] = _rows(random, most, random.choice([names, _COLUMNS]))
    return row


# --- one value, many texts --------------------------------------------------------------------------------------------

LAYOUTS: dict[str, Callable[[Json, Random], str]] = {
    "compact": lambda value, _: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    "spaced": lambda value, _: json.dumps(value, ensure_ascii=False),
    "indented": lambda value, _: json.dumps(value, ensure_ascii=False, indent="\t "),
    "escaped": lambda value, _: json.dumps(value, indent=1),
    "scattered": lambda value, random: _blank(random) + scattered(value, random) + _blank(random),
}


def scattered(value: Json, random: Random) -> str:
    """Members in another order, blanks anywhere, escapes where none are needed, numbers spelled in other ways."""
    if isinstance(value, str):
        return '"' + "".join(_spelled(character, random) for character in value) + '"'
    if isinstance(value, float):
        return _number(value, random)
    if isinstance(value, dict):
        members = [(scattered(name, random), scattered(each, random)) for name, each in shuffled(value, random)]
        colon = _blank(random) + ":" + _blank(random)
        return _inside("{}", [name + colon + text for name, text in members], random)
    if isinstance(value, list):
        return _inside("[]", [scattered(each, random) for each in value], random)
    return json.dumps(value)


def reordered(value: Json, random: Random) -> Json:
    """The same value with the members of every object in another order."""
    if isinstance(value, dict):
        return {name: reordered(each, random) for name, each in shuffled(value, random)}
    return [reordered(each, random) for each in value] if isinstance(value, list) else value


def shuffled(value: dict[str, Json], random: Random) -> list[tuple[str, Json]]:
    return random.sample([*value.items()], len(value))


def _inside(brackets: str, parts: list[str], random: Random) -> str:
    comma = _blank(random) + "," + _blank(random)
    return brackets[0] + _blank(random) + comma.join(parts) + _blank(random) + brackets[1]


def _blank(random: Random) -> str:
    return random.choice(["", "", "", " ", "\n", "\t", "\r\n", "  \t\r\n"])


def _spelled(character: str, random: Random) -> str:
    escaped = json.dumps(character)[1:-1]
    if character in '"\\' or character < " ":
        return escaped if random.random() < 0.5 else f"\\u{ord(character):04X}"
    if random.random() < 0.2:
        units = character.encode("utf-16-be").hex()
        spelled = random.choice([units, units.upper()])
        return "".join(f"\\u{spelled[at : at + 4]}" for at in range(0, len(spelled), 4))
    return "\\/" if character == "/" and random.random() < 0.5 else character


def _number(number: float, random: Random) -> str:
    """Each with a fraction or an exponent: an integer token would be another matter."""
    spelled = random.choice(["{!r}", "{:.16e}", "{:.17E}", "{:.30e}", "{:.20e}"]).format(number)
    if random.random() < 0.2:
        spelled = spelled.replace("e+", "e").replace("E+", "E+0")
    return spelled


# --- where judges differ ----------------------------------------------------------------------------------------------


def jcs_differences(value: Json, random: Random) -> list[str]:
    """What PyPI's rfc8785 and our own judge say of a value, against every way of ours to say it."""
    expected = rfc8785.dumps(value)
    found = {
        "objects": canonicalize(value),
        "objects in another order": canonicalize(reordered(value, random)),
        "once more": canonicalize_json(expected),
    }
    for name, layout in LAYOUTS.items():
        text = layout(value, random)
        found[f"{name} str"] = canonicalize_json(text)
        found[f"{name} octets"] = canonicalize_json(text.encode())
    found["judge"] = reference.canonical_json(text)
    return [f"{name}: {expected!r} != {actual!r}" for name, actual in found.items() if expected != actual]


def pyjson_differences(value: Json, random: Random) -> list[str]:
    """What CPython's json says of a value, against both forms, of every layout and of the result itself."""
    different = []
    for name, layout in LAYOUTS.items():
        text = layout(value, random)
        read = json.loads(text)
        for form, ensure_ascii in (("pyjson", True), ("pyjson-utf8", False)):
            expected = json.dumps(read, sort_keys=True, separators=(",", ":"), ensure_ascii=ensure_ascii).encode()
            found = [canonicalize_json(given, form=form) for given in (text, text.encode(), expected)]
            different += [f"{form}, {name}: {expected!r} != {actual!r}" for actual in found if expected != actual]
    return different


# --- hostile shapes ---------------------------------------------------------------------------------------------------

_Result = TypeVar("_Result")


def on_a_small_stack(call: Callable[[], _Result]) -> _Result:
    """What `call` gives in a thread of 512 KiB, as some servers and libc's have them; without it, the process ends."""
    results: list[_Result] = []
    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: results.append(call()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return results[0]
