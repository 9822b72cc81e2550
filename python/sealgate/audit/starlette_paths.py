"""Paths that a Starlette or FastAPI router takes: an example of each route, and which route comes first."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Paths", "Pattern", "examples"]

_HOLE = re.compile(r"{([a-zA-Z_][a-zA-Z0-9_]*)}")
_TEXTS = ("1", "x", "a-b", "00000000-0000-0000-0000-000000000001", "2024-01-01", "en", "1.5")
#: Starlette's own convertors whose text has no slash.
_WITHIN_A_SEGMENT = frozenset({"StringConvertor", "IntegerConvertor", "FloatConvertor", "UUIDConvertor"})


class Pattern(NamedTuple):
    """What a route takes. `methods`: None for all of them; `WEBSOCKET` is one. `route`: whatever it stands for."""

    path: str
    regex: Any
    convertors: dict[str, Any]
    methods: frozenset[str] | None
    route: Any


@dataclass
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    hole: _Node | None = None
    ends: list[int] = field(default_factory=list)
    takes_the_rest: list[int] = field(default_factory=list)


class Paths:
    """The patterns of one router, in its order. The look-up of a path asks only those that have its segments."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._patterns = list(patterns)
        self._root = _Node()
        for at, pattern in enumerate(self._patterns):
            self._add(at, pattern)

    def first(self, path: str, method: str) -> Pattern | None:
        """The pattern that the router takes for it; None where it takes none."""
        for at in heapq.merge(*self._possible(self._root, path.split("/"), 0)):
            pattern = self._patterns[at]
            if (pattern.methods is None or method in pattern.methods) and pattern.regex.match(path):
                return pattern
        return None

    def takes(self, path: str) -> bool:
        """Whether a pattern has that path, with whatever method."""
        possible = self._possible(self._root, path.split("/"), 0)
        return any(self._patterns[at].regex.match(path) for some in possible for at in some)

    def _add(self, at: int, pattern: Pattern) -> None:
        node = self._root
        for segment in pattern.path.split("/"):
            if "{" not in segment:
                node = node.literal.setdefault(segment, _Node())
            elif all(
                type(pattern.convertors.get(name)).__name__ in _WITHIN_A_SEGMENT for name in _HOLE.findall(segment)
            ):
                node.hole = node.hole or _Node()
                node = node.hole
            else:
                node.takes_the_rest.append(at)
                return
        node.ends.append(at)

    def _possible(self, node: _Node, segments: list[str], depth: int) -> Iterator[list[int]]:
        yield node.takes_the_rest
        if depth == len(segments):
            yield node.ends
            return
        for below in (node.literal.get(segments[depth]), node.hole):
            if below is not None:
                yield from self._possible(below, segments, depth + 1)


def examples(pattern: Pattern) -> Iterator[str]:
    """Paths that it takes by itself, plain ones first."""
    names = _HOLE.findall(pattern.path)
    texts = [[text for text in _TEXTS if re.fullmatch(pattern.convertors[name].regex, text)] for name in names]
    for at in range(max(map(len, texts), default=1) if all(texts) else 0):
        given = iter([some[at % len(some)] for some in texts])
        path = _HOLE.sub(lambda _, given=given: next(given), pattern.path)  # type: ignore[misc]
        if _converts(pattern, path):
            yield path


def _converts(pattern: Pattern, path: str) -> bool:
    found = pattern.regex.match(path)
    try:
        for name, text in found.groupdict().items() if found else ():
            pattern.convertors[name].convert(text)
    except Exception:  # noqa: BLE001  a convertor of the application's own: its route answers 500 then
        return False
    return bool(found)
