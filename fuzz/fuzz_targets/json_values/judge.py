"""What the target asks of Python: classes that answer for themselves, and the judges `json.dumps` and `json.loads`.

Everything that can be refused for a reason that the text of a value does not show is refused here, as None.
"""

import array
import collections
import decimal
import enum
import fractions
import gc
import json
import sys
import types
from collections.abc import Callable
from typing import Any

DEPTH = 128
MOST_DIGITS = 4300
CALLED: list[str] = []
DICTS = (dict, collections.OrderedDict, collections.defaultdict)
LEFT_ALONE = ("__new__", "__init__", "__class__", "__init_subclass__", "__subclasshook__", "__setattr__")


class Asked(Exception):
    """An object was asked for what it has an answer of its own to."""


def _hostile(base: Any) -> type:
    """A subclass that tells of every call, and answers none."""

    def answer(name: str) -> Callable[..., Any]:
        def called(*_args: object) -> Any:
            CALLED.append(name)
            raise Asked(name)

        return called

    def looked_up(self: object, name: str) -> Any:
        CALLED.append(name)
        return base.__getattribute__(self, name)

    methods = {name: answer(name) for name in dir(base) if name not in LEFT_ALONE and callable(getattr(base, name))}
    return type(f"Hostile{base.__name__.title()}", (base,), methods | {"__getattribute__": looked_up})


class Twin(str):
    """A name that a dict takes beside its equal."""

    __slots__ = ()

    def __hash__(self) -> int:
        CALLED.append("__hash__")
        return id(self)

    def __eq__(self, other: object) -> bool:
        CALLED.append("__eq__")
        return self is other


class Liar:
    """An object that says it is a dict."""

    __class__ = dict  # type: ignore[assignment]


class Saboteur:
    """Garbage that empties a container when it is collected."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self.itself = self

    def __del__(self) -> None:
        if issubclass(type(self.container), dict):
            dict.clear(self.container)
        else:
            list.clear(self.container)


Pair = collections.namedtuple("Pair", "first second")
HOSTILE = {base: _hostile(base) for base in (str, int, float, list, tuple, dict, collections.OrderedDict)}
ENUMS: dict[type, Callable[[Any], Any]] = {
    int: lambda value: enum.IntEnum("Level", {"ONE": value}).ONE,  # type: ignore[attr-defined]
    str: lambda value: enum.StrEnum("Word", {"ONE": value}).ONE,  # type: ignore[attr-defined]
    float: lambda value: enum.Enum("Size", {"ONE": value}, type=float).ONE,  # type: ignore[attr-defined]
}
OTHERS: list[Callable[[], object]] = [
    lambda: b"bytes",
    lambda: bytearray(b"[]"),
    lambda: memoryview(b"[]"),
    lambda: array.array("d", [1.0]),
    lambda: 1 + 0j,
    lambda: decimal.Decimal("1.5"),
    lambda: fractions.Fraction(1, 2),
    lambda: {"a"},
    lambda: frozenset(),
    lambda: range(3),
    lambda: iter([1]),
    lambda: (item for item in [1]),
    lambda: collections.deque([1]),
    lambda: collections.UserDict(a=1),
    lambda: collections.UserString("a"),
    lambda: collections.Counter("aab"),
    lambda: collections.ChainMap({"a": 1}),
    lambda: types.MappingProxyType({"a": 1}),
    lambda: {"a": 1}.keys(),
    lambda: Ellipsis,
    lambda: NotImplemented,
    object,
    lambda: dict,
    lambda: json,
    Liar,
]


def power(text: str) -> object:
    """Base, exponent, and what is added."""
    base, exponent, more = map(int, text.split())
    return min(max(base, -10), 10) ** (exponent % 5000) + more


def ordered() -> dict[Any, Any]:
    return collections.OrderedDict()


def defaulted() -> dict[Any, Any]:
    return collections.defaultdict(list)


def wrapped(value: object, count: int, in_lists: bool) -> object:
    for _ in range(count):
        value = [value] if in_lists else {"": value}
    return value


def many(value: object, count: int) -> object:
    return {str(nth): value for nth in range(count)}


def rows(row: Any, count: int) -> object:
    """A table; some rows have their names in another order, from the first or the second on, or fewer, or others of the
    same number.
    """
    names = list(row)
    fewer = [names[1:], names[:-1], names[1:], names[2:], names[3:], []]
    kinds = [names] * 3 + [names[::-1], names[:1] + names[:0:-1]] + fewer + [names] * 2
    values = list(row.values()) * 2
    return [dict(zip(kinds[nth % len(kinds)], values[nth % len(names) :], strict=False)) for nth in range(count)]


def subclassed(value: Any, kind: int) -> object:
    make = ENUMS.get(type(value)) if kind % 2 else HOSTILE.get(type(value))
    return value if make is None else make(value)


def other(nth: int) -> object:
    return OTHERS[nth % len(OTHERS)]()


def sabotage(container: Any) -> None:
    if issubclass(type(container), list | dict):
        Saboteur(container)


def texts(value: object) -> list[str] | None:
    """What `json.dumps` writes, in two ways."""
    try:
        kept = _kept(value, {})
        try:
            plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except Asked:  # It iterates over a subclass of list, which is taken for what it holds.
            value = kept
            plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        escaped = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return None
    # In ASCII two halves of a surrogate pair become one character.
    return [plain] if any("\ud800" <= character <= "\udfff" for character in plain) else [plain, escaped]


def _kept(value: Any, known: dict[int, Any]) -> Any:
    """What CPython keeps for the containers in `value`. Raises where names are not str, for dicts that may answer for
    themselves, and for one in itself.
    """
    kind = type(value)
    if not issubclass(kind, dict | list | tuple):
        return value
    if id(value) not in known:
        known[id(value)] = None
        if kind in DICTS and all(issubclass(type(name), str) for name in dict.keys(value)):
            made: Any = {name: _kept(member, known) for name, member in dict.items(value)}
        elif issubclass(kind, list):
            made = [_kept(item, known) for item in list.__iter__(value)]
        elif issubclass(kind, tuple):
            made = [_kept(item, known) for item in tuple.__iter__(value)]
        else:
            raise TypeError("names that are not str, or a subclass of dict")
        known[id(value)] = made
    elif known[id(value)] is None:
        raise ValueError("one in itself")
    return known[id(value)]


def has_surrogate(value: Any) -> bool:
    """Whether a str in it has half of a surrogate pair."""
    todo, known = [value], set()
    while todo:
        value = todo.pop()
        kind = type(value)
        if issubclass(kind, str):
            if any("\ud800" <= character <= "\udfff" for character in str.__iter__(value)):
                return True
        elif id(value) not in known and issubclass(kind, dict | list | tuple):
            known.add(id(value))
            if kind in DICTS:
                todo += [*dict.keys(value), *dict.values(value)]
            elif issubclass(kind, list):
                todo += list.__iter__(value)
            elif issubclass(kind, tuple):
                todo += tuple.__iter__(value)
    return False


def loaded(text: str) -> list[Any] | None:
    """The value of a text, in a list."""
    try:
        return [json.loads(text, object_pairs_hook=_unique, parse_int=_bounded, parse_constant=_refused)]
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name twice")
    return members


def _bounded(digits: str) -> int:
    if len(digits.removeprefix("-")) > MOST_DIGITS:
        raise ValueError("an integer of many digits")
    return int(digits)


def _refused(constant: str) -> None:
    raise ValueError(constant)


def pyjson(value: Any, ensure_ascii: bool) -> bytes | None:
    """The form to be met, octet by octet."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ensure_ascii, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
        return text.encode() if _depth(value) <= DEPTH else None
    except (ValueError, RecursionError):
        return None


def _depth(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if items is None else 1 + max(map(_depth, items), default=0)


def prepare() -> None:
    """The collector runs when it is told to, on what a target has made; and the bound of integers is ours."""
    sys.set_int_max_str_digits(0)
    gc.disable()
    gc.set_threshold(1, 1, 1)
    gc.collect()
    gc.freeze()
