"""Paths that a route takes: made from its patterns, and given out only where this very route takes them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import quote

from django.urls import Resolver404, URLResolver
from django.urls.resolvers import LocalePrefixPattern, RegexPattern, RoutePattern
from django.utils import translation
from django.utils.regex_helper import normalize

from sealgate.audit.django.routes import Route

__all__ = ["Finder"]

#: What is tried for a parameter, in this order.
_VALUES = (
    *("7", "a", "json", "en", "2024", "07", "item", "00000000-0000-4000-8000-000000000007", "a/b", "0" * 40, ".json"),
    "",
)
#: And before that, for a parameter of that name.
_HINTS = {"format": ["json"]}
#: How many combinations, and how many patterns that stand before the right one: what is left out has no example.
_TRIES = 200


class Finder:
    """Finds the route of a path as Django's resolver does, the first that takes it, in time that does not grow.

    Patterns are looked up by what their paths begin and end with; those that do not say are always tried.
    """

    def __init__(self, resolver: URLResolver) -> None:
        self._resolver = resolver
        self._indexes: dict[int, _Index] = {}
        self._values: dict[Any, list[str]] = {}
        self._slashless: str | None = None

    def example(self, route: Route) -> str | None:
        """A path that leads to `route`, as a request would write it; None where none was found."""
        chain = list(map(id, route.found.chain))
        with translation.override(route.language or translation.get_language()):
            for path in itertools.islice(self._paths(route.found.chain[1:]), _TRIES):
                if self._taken_by(path) == chain:
                    self._note(path)
                    return quote(path, _SEGMENTS)
        return None

    def missing(self) -> str | None:
        """A path that no route takes."""
        return _NOWHERE if self._taken_by(_NOWHERE) == [] else None

    def without_slash(self) -> str | None:
        """A path that a route would take with a slash at its end; known once the examples are made."""
        return self._slashless

    def _note(self, path: str) -> None:
        if self._slashless is None and len(path) > 1 and path.endswith("/") and self._taken_by(path[:-1]) == []:
            self._slashless = quote(path[:-1], _SEGMENTS)

    def _taken_by(self, path: str) -> list[int] | None:
        """The identities of the patterns from the root to the view; empty where there is no view, None in doubt."""
        try:
            return self._find(self._resolver, path)
        except _UndecidedError:
            return None

    def _find(self, resolver: URLResolver, path: str) -> list[int]:
        match = resolver.pattern.match(path)
        if not match:
            return []
        index = self._indexes.get(id(resolver))
        if index is None:
            index = self._indexes[id(resolver)] = _Index(resolver.url_patterns)
        for tries, pattern in enumerate(index.candidates(match[0])):
            if tries == _TRIES:
                raise _UndecidedError
            found = self._find(pattern, match[0]) if isinstance(pattern, URLResolver) else _leaf(pattern, match[0])
            if found:
                return [id(resolver), *found]
        return []

    def _paths(self, parts: tuple[Any, ...]) -> Iterator[str]:
        for texts in itertools.product(*(list(itertools.islice(self._texts(part.pattern), 3)) for part in parts)):
            yield "/" + "".join(texts)

    def _texts(self, pattern: Any) -> Iterator[str]:
        """What `pattern` may take of a path."""
        if isinstance(pattern, RoutePattern):
            pieces = _PARAMETER.split(str(pattern))
            names, literals = pieces[1::2], pieces[0::2]
            for values in itertools.product(*(self._values_of(pattern.converters[name]) for name in names)):
                yield "".join(itertools.chain(*itertools.zip_longest(literals, values, fillvalue="")))
        elif isinstance(pattern, RegexPattern):
            for form, names in normalize(pattern.regex.pattern):
                for values in itertools.islice(_combinations(names, pattern.regex.pattern), _TRIES):
                    text = form % dict(zip(names, values, strict=True))
                    match = pattern.match(text)
                    if match and not match[0]:
                        yield text
        elif isinstance(pattern, LocalePrefixPattern):
            yield pattern.language_prefix

    def _values_of(self, converter: Any) -> list[str]:
        if converter not in self._values:
            self._values[converter] = [value for value in _VALUES if _converts(converter, value)][:2]
        return self._values[converter]


class _UndecidedError(Exception):
    """What Django does with this path cannot be told, or takes too long to find out."""


#: What a path may have beside letters and digits (RFC 3986, 3.3).
_SEGMENTS = "/:@!$&'()*+,;=~-._"
_NOWHERE = "/no-such-page"

#: A parameter of `path()`; its name is the group.
_PARAMETER = re.compile(r"<(?:[^>:]+:)?([^>]+)>")


def _leaf(pattern: Any, path: str) -> list[int]:
    try:
        return [id(pattern)] if pattern.resolve(path) else []
    except Resolver404:
        return []  # a converter that declines
    except Exception as error:  # a converter may fail on what its expression admits, and the answer is 500
        raise _UndecidedError from error


def _converts(converter: Any, value: str) -> bool:
    try:
        return bool(re.fullmatch(converter.regex, value)) and converter.to_python(value) is not None
    except Exception:  # noqa: BLE001  as above
        return False


def _combinations(names: list[str], regex: str) -> Iterator[tuple[str, ...]]:
    """Values for these parameters: one for all, and then others; where the expression has words, these."""
    words = {name: text.split("|") for name, text in _WORDS.findall(regex)} | _HINTS
    yield from (tuple(words.get(name, (value,))[0] for name in names) for value in _VALUES)
    yield from itertools.product(*(words.get(name, _VALUES) for name in names))


#: A group of words.
_WORDS = re.compile(r"\(\?P<(\w+)>([\w|-]+)\)")


class _Ends(NamedTuple):
    """What every path that a pattern takes begins and ends with."""

    head: str
    tail: str


class _Index:
    """The patterns of one URLconf, by the ends of their paths."""

    def __init__(self, patterns: list[Any]) -> None:
        self._tables: dict[tuple[int, int], dict[_Ends, list[tuple[int, Any]]]] = {}
        for place, pattern in enumerate(patterns):
            ends = _ends_of(pattern.pattern)
            table = self._tables.setdefault((len(ends.head), len(ends.tail)), {})
            table.setdefault(ends, []).append((place, pattern))

    def candidates(self, path: str) -> list[Any]:
        """In the order of the URLconf."""
        found: list[tuple[int, Any]] = []
        for (head, tail), table in self._tables.items():
            found.extend(table.get(_Ends(path[:head], path[len(path) - tail :]), ()))
        return [pattern for _, pattern in sorted(found, key=itemgetter(0))]


def _ends_of(pattern: Any) -> _Ends:
    text = getattr(pattern, "_route", getattr(pattern, "_regex", None))
    if not isinstance(text, str):
        return _Ends("", "")  # another in each language
    if isinstance(pattern, RoutePattern):
        pieces = _PARAMETER.split(text)
        return _Ends(pieces[0], pieces[-1] if getattr(pattern, "_is_endpoint", False) else "")
    literal = _LITERAL.match(text)
    if literal is None or "|" in text:
        return _Ends("", "")
    return _Ends(literal[1][:-1] if literal[2] else literal[1], "")


#: What a regular expression begins with, and what may take its last character back.
_LITERAL = re.compile(r"\^([\w/-]*)([*?{])?", re.ASCII)
