"""Canonical JSON, from text and from objects, beside rfc8785 and beside orjson's sorted form, which is not RFC 8785.

Text in escapes stands among the hostile documents, beside orjson alone, also where clients send it in good faith. The
goal over `json.loads` and rfc8785, 1/25, is for documents of many values, at which rfc8785 is slow: a long string
is one value, whose escapes `json.loads` reads in a tight loop of its own. The ratio is about 1/9.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import geometric_mean
from typing import Any

import documents
import orjson
import rfc8785
from documents import MIB, Document
from timing import Case, Pace, Result, Row, Section, timed

from sealgate import canonicalize, canonicalize_json
from sealgate.exceptions import CanonicalizationError

_GROWTH = "canonical JSON from text, time per MB by size"
#: Octets of a document that takes milliseconds, and rfc8785 up to 0.3 s: fewer rounds will do. A first call after so
#: long a pause takes up to twice its time, whatever is paused for; so a run of all but rfc8785 is some calls.
_LARGE = 100_000
_ROUNDS_OF_LARGE = 20
_CALLS_OF_LARGE = 5
_MB = 1_000_000


@dataclass(frozen=True)
class _Expected:
    octets: bytes
    value: Any = None


@dataclass(frozen=True)
class _Way:
    """How a document `m` is made canonical. `exact`: the octets are RFC 8785; if not, they read as the same value.
    `slow`: one call on a large document is a run."""

    name: str
    expression: str
    names: Mapping[str, Any]
    exact: bool = True
    slow: bool = False

    def case(self, document: Any, changed: Any, expected: _Expected) -> Case:
        """A case that is shown to give what is expected, and for the changed document something else or nothing."""
        if not self._gives(expected, document):
            raise AssertionError(f"{self.name} does not give what is expected")
        if self._gives(expected, changed):
            raise AssertionError(f"{self.name} gives the same for another document")
        return timed(self.expression, m=document, **self.names)

    def _gives(self, expected: _Expected, document: Any) -> bool:
        try:
            octets = eval(self.expression, {**self.names, "m": document})
        except ValueError:
            return False
        return bool(octets == expected.octets if self.exact else json.loads(octets) == expected.value)


@dataclass(frozen=True)
class _Peer:
    """`must` and `aim`: for every document. `mean_must` and `mean_aim`: for the geometric mean over them."""

    way: _Way
    must: float
    aim: float | None = None
    mean_must: float | None = None
    mean_aim: float | None = None


@dataclass(frozen=True)
class _Comparison:
    title: str
    documents: Callable[[], Iterator[Document]]
    source: Callable[[bytes], Any]
    ours: _Way
    peers: Sequence[_Peer]

    def results(self, pace: Pace) -> Iterator[Result]:
        ratios: dict[str, list[float]] = {peer.way.name: [] for peer in self.peers}
        for document in self.documents():
            value = json.loads(document.text)
            expected = _Expected(rfc8785.dumps(value), value)
            for peer in self.peers:
                result = self._result(document, expected, peer, pace)
                ratios[peer.way.name].append(result.value)
                yield result
        for peer in self.peers:
            if peer.mean_must is not None:
                mean = geometric_mean(ratios[peer.way.name])
                yield Result(
                    self.title, "geometric mean", mean, "x", None, peer.way.name, None, peer.mean_must, peer.mean_aim
                )

    def _result(self, document: Document, expected: _Expected, peer: _Peer, pace: Pace) -> Result:
        source, changed = self.source(document.text), self.source(document.changed)
        ours, theirs = (way.case(source, changed, expected) for way in (self.ours, peer.way))
        return _paired(self.title, document, ours, peer, theirs, pace)


def _paired(title: str, document: Document, ours: Case, peer: _Peer, theirs: Case, pace: Pace) -> Result:
    if len(document.text) >= _LARGE:
        pace = replace(pace, rounds=min(pace.rounds, _ROUNDS_OF_LARGE))
        ours, theirs = _steady(ours), theirs if peer.way.slow else _steady(theirs)
    row = Row(document.name, peer.way.name, peer.must, peer.aim)
    [result] = Section(title, lambda _pace: {document.name: ours, peer.way.name: theirs}, [row]).results(pace)
    return result


def _steady(case: Case) -> Case:
    return Case(lambda count: case.run(count * _CALLS_OF_LARGE) // _CALLS_OF_LARGE, case.at_most)


_sorted = {"dumps": orjson.dumps, "option": orjson.OPT_SORT_KEYS}
_ORJSON = _Way(
    "orjson.loads + sorted dumps", "dumps(loads(m), None, option)", {"loads": orjson.loads, **_sorted}, exact=False
)
_FROM_TEXT = _Way("canonicalize_json", "canonicalize_json(m)", {"canonicalize_json": canonicalize_json})
_TEXT = _Comparison(
    "text to RFC 8785",
    documents.usual,
    bytes,
    _FROM_TEXT,
    [
        _Peer(
            _Way("json.loads + rfc8785", "dumps(loads(m))", {"loads": json.loads, "dumps": rfc8785.dumps}, slow=True),
            *(1 / 25, None),
            *(1 / 33, 1 / 45),
        ),
        _Peer(_ORJSON, 0.70, 0.50),
    ],
)
_OBJECTS = _Comparison(
    "objects to RFC 8785",
    documents.usual,
    json.loads,
    _Way("canonicalize", "canonicalize(m)", {"canonicalize": canonicalize}),
    [
        _Peer(_Way("rfc8785", "dumps(m)", {"dumps": rfc8785.dumps}, slow=True), *(1 / 18, None), *(1 / 33, 1 / 40)),
        _Peer(_Way("orjson sorted dumps", "dumps(m, None, option)", _sorted, exact=False), 1.75, 1.2),
    ],
)
_HOSTILE = _Comparison(
    "hostile 1 MiB documents",
    lambda: documents.hostile(MIB),
    bytes,
    _FROM_TEXT,
    [_Peer(_ORJSON, 3, 1)],
)


def _hostile(pace: Pace) -> Iterator[Result]:
    yield from _HOSTILE.results(pace)
    [peer] = _HOSTILE.peers
    for document in documents.refused(MIB):
        _refuse(document.text)
        theirs = timed(peer.way.expression, m=document.text, **peer.way.names)
        yield _paired(_HOSTILE.title, document, timed("refuse(m)", refuse=_refuse, m=document.text), peer, theirs, pace)


def _refuse(text: bytes) -> None:
    try:
        canonicalize_json(text)
    except CanonicalizationError:
        return
    raise AssertionError("what should be refused is canonicalized")


def _growth(pace: Pace) -> Iterator[Result]:
    block = documents.nested(_MB)[1:-1]
    canonical = rfc8785.dumps(json.loads(b"[%b]" % block))[1:-1]
    sizes = (1, 10) if pace.quick else (1, 10, 100)
    yield from _grown("nested", {size: (_times(block, size), _times(canonical, size)) for size in sizes}, pace)
    objects = {size: documents.HOSTILE["names, shuffled"](size * _MB) for size in (1, 10)}
    yield from _grown("names, shuffled", {size: (text, _in_order(text)) for size, text in objects.items()}, pace)


def _grown(shape: str, texts: Mapping[int, tuple[bytes, bytes]], pace: Pace) -> Iterator[Result]:
    """`texts`: by size in MB, with what they give."""
    first: tuple[str, float] | None = None
    for size, (text, expected) in texts.items():
        case = _FROM_TEXT.case(text, text[:-1], _Expected(expected))
        least = min(case.run(1) for _ in range(1 + min(pace.rounds, 40 // size))) / 1000
        name = f"{shape}, {size} MB"
        first = first or (name, least)
        yield Result(_GROWTH, name, least / size / first[1], "x", least, *first)


def _times(item: bytes, count: int) -> bytes:
    return b"[%b]" % b",".join([item] * count)


def _in_order(text: bytes) -> bytes:
    """Of one object, whose names are all as long."""
    return b"{%b}" % b",".join(sorted(text[1:-1].split(b",")))


def _nothing(_pace: Pace) -> Mapping[str, Case]:
    return {}


SECTIONS = [
    Section(_TEXT.title, _nothing, (), _TEXT.results),
    Section(_OBJECTS.title, _nothing, (), _OBJECTS.results),
    Section(_HOSTILE.title, _nothing, (), _hostile),
    Section(_GROWTH, _nothing, (), _growth),
]
