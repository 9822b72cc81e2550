"""Python's own values, for canonical JSON: what `json.dumps` takes in another class, what it does not take, and how a
refusal is looked at."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import types
import uuid
from typing import Any, NamedTuple

import pytest

from sealgate import canonicalize
from sealgate.exceptions import CanonicalizationError

MARKER = "marker-of-a-secret"


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
