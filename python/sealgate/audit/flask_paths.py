"""Paths that a Flask application takes: an example of each rule, as its own map routes them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from werkzeug.exceptions import NotFound
from werkzeug.routing import AnyConverter, FloatConverter, IntegerConverter, Map, MapAdapter, Rule, UUIDConverter
from werkzeug.routing.exceptions import RequestRedirect

__all__ = ["ANY_PATH", "Example", "Paths"]

ANY_PATH = "/<path:path>"
_NOWHERE = "/no-rule-takes-this"
_TEXTS = ("1", "x", "a-b", "xx", "xxx", "2024-01-01", "1.5", "en", "x/x")


class Example(NamedTuple):
    """`path`: from the root of the server. `why`: where there is none."""

    path: str | None
    why: str = ""


#: Methods, and what is an example for all of them.
Reached = tuple[tuple[str, ...], Example]


class Paths:
    """Of one map, mounted at `prefix`."""

    def __init__(self, rules: Map, prefix: str) -> None:
        self._rules = rules
        self._prefix = prefix
        self._adapters: dict[str, MapAdapter] = {}

    def examples(self, rule: Rule, methods: Sequence[str]) -> Iterator[Reached]:
        """A path that goes to `rule`, with those of `methods` with which it does; and the others."""
        return self._reached(_built(rule), methods, lambda found: found is rule)

    def redirected(self, rule: Rule, methods: Sequence[str], *, unslashed: bool = False) -> Iterator[Reached]:
        """A path of `rule`, or one that lacks its last slash, with those of `methods` that redirect it; and the others.

        Werkzeug redirects with the methods of the rule only where no rule before it takes the path with that method.
        """
        built = ((place, path.rstrip("/") if unslashed else path) for place, path in _built(rule))
        return self._reached(built, methods, lambda found: isinstance(found, RequestRedirect))

    def _reached(
        self, built: Iterable[tuple[str, str]], methods: Sequence[str], meant: Callable[[Rule | Exception], bool]
    ) -> Iterator[Reached]:
        reached: tuple[str, ...] = ()
        example, why = "", "no path could be made for it"
        for place, path in built:
            found = {method: self._found(place, path, method) for method in methods}
            here = tuple(method for method in methods if meant(found[method]))
            if len(here) > len(reached):
                reached, example = here, self._prefix + path
            others = {str(each.rule) for each in found.values() if isinstance(each, Rule) and not meant(each)}
            why = f"{path} goes to {', '.join(sorted(others))} first" if others else f"{path} does not come here"
            if reached == tuple(methods):
                break
        if reached:
            yield reached, Example(example)
        rest = tuple(method for method in methods if method not in reached)
        if rest:
            yield rest, Example(None, why)

    def missing(self) -> Example:
        """A path that no rule takes."""
        if isinstance(self._found("", _NOWHERE, "GET"), NotFound):  # and not what another method is allowed for
            return Example(self._prefix + _NOWHERE)
        return Example(None, "a rule takes every path")

    def _found(self, place: str, path: str, method: str) -> Rule | Exception:
        """The rule that takes it, or what is raised, also by a converter of the application's own."""
        websocket = method == "WEBSOCKET"
        method = "GET" if websocket else method
        try:
            return self._at(place).match(unquote(path), method=method, websocket=websocket, return_rule=True)[0]
        except Exception as error:  # noqa: BLE001  a finding, not a failure of the audit
            return error

    def _at(self, place: str) -> MapAdapter:
        """Bound to a host, or to a subdomain."""
        if place not in self._adapters:
            self._adapters[place] = (
                self._rules.bind(place or "localhost")
                if self._rules.host_matching
                else self._rules.bind("localhost", subdomain=place)
            )
        return self._adapters[place]


def _built(rule: Rule) -> Iterator[tuple[str, str]]:
    """Host or subdomain, and path, for values that its converters take."""
    values = {name: list(_values(rule._converters[name])) for name in rule.arguments if name in rule._converters}
    if not all(values.values()):
        return
    for at in range(max(map(len, values.values()), default=1)):
        chosen = {name: some[at % len(some)] for name, some in values.items()}
        built = _build(rule, {**chosen, **(rule.defaults or {})})
        if built is not None:
            yield built


def _build(rule: Rule, values: dict[str, Any]) -> tuple[str, str] | None:
    try:
        return rule.build(values, append_unknown=False)
    except Exception:  # noqa: BLE001  a converter of the application's own may refuse any value
        return None


def _values(converter: Any) -> Iterator[Any]:
    if isinstance(converter, AnyConverter):
        yield from sorted(converter.items)
    elif isinstance(converter, IntegerConverter | FloatConverter):
        yield converter.num_convert(1 if converter.min is None else converter.min)
    elif isinstance(converter, UUIDConverter):
        yield uuid.UUID(int=1)
    else:
        longest = re.search(r"\{(\d+)", converter.regex)
        texts = (*_TEXTS, "x" * int(longest[1])) if longest else _TEXTS
        yield from (text for text in texts if re.fullmatch(converter.regex, text))
