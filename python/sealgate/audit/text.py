"""The report on a terminal, or as plain text: a line for each way in, the worst first, and a summary."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from unicodedata import combining, east_asian_width

from sealgate.audit import words
from sealgate.audit.entry import Entry, Verdict
from sealgate.audit.judgement import Judgement
from sealgate.audit.report import VERDICTS
from sealgate.printable import printable

__all__ = ["summary", "text"]

#: ISO/IEC 6429, 8.3.117 (SGR).
_COLOURS: dict[Verdict, str] = {"open": "1;31", "unknown": "1;33", "exempt": "36", "verified": "32"}
_SHOWN: dict[Verdict, str] = {"open": "OPEN", "unknown": "UNKNOWN", "exempt": "exempt", "verified": "verified"}
_HEAD = ("VERDICT", "METHODS", "PATH", "WHY")
#: Terminal cells: of the columns, where there is no terminal that limits them; of what is said of one entry, and of any
#: one name; what the reasons need beside the columns.
_METHODS, _PATH, _SAID, _NAME, _NARROW = 24, 56, 2000, 400, 30
_GAP = "  "


def text(judgement: Judgement, width: int | None = None, *, colour: bool = False) -> str:
    """`width`: terminal cells a line; None for a file, where no line is cut."""
    entries = sorted(judgement.report.in_order, key=lambda entry: VERDICTS.index(entry.verdict))
    rows = [(entry, _name(words.methods(entry)), _name(entry.path)) for entry in entries]
    columns = (
        max(map(len, _SHOWN.values())),
        min(_METHODS, max(map(_cells, [_HEAD[1], *(methods for _, methods, _ in rows)]))),
        min(_PATH if width is None else max(16, width // 3), max(map(_cells, [_HEAD[2], *(row[2] for row in rows)]))),
    )
    is_known = judgement.is_known()
    lines = [_row(_HEAD[:3], columns) + _HEAD[3]] if rows else []
    for entry, methods, path in rows:
        label = _SHOWN[entry.verdict]
        start = _row((label, methods, path), columns)
        why = ("known from the baseline; " if is_known(entry) else "") + printable(words.brief(entry))
        first, *rest = _beside(entry, start, why, sum(columns) + 3 * len(_GAP), width)
        lines.append(_coloured(label, _COLOURS[entry.verdict], colour=colour) + first[len(label) :])
        lines.extend(rest)
    lines.extend(_further(judgement))
    lines.append(_coloured(summary(judgement), "1;32" if judgement.closed else "1;31", colour=colour))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def summary(judgement: Judgement) -> str:
    """One line, the last one of the report."""
    report = judgement.report
    parts = [report.summary]
    if judgement.known:
        parts.append(f"{len(judgement.known)} known from the baseline")
    if report.mismatches:
        parts.append(f"{len(report.mismatches)} differ from the OpenAPI document")
    if made := len(report.attacks_made):
        refuted = len(judgement.refuted)
        went = f"{refuted} went otherwise than the verdicts say" if refuted else "each went as the verdicts say"
        parts.append(f"{made} attack{'s' * (made != 1)}: {went}")
    return "; ".join(parts)


def _row(cells: Iterable[str], columns: Iterable[int]) -> str:
    return "".join(_padded(cell, size) + _GAP for cell, size in zip(cells, columns, strict=True))


def _beside(entry: Entry, start: str, why: str, indent: int, width: int | None) -> list[str]:
    """The lines of an entry. The reasons of an opening are all shown; of another one, what fits in its line."""
    below = _cells(start) > indent
    if width is not None and width - indent < _NARROW:
        below, indent = True, 4
    room = _SAID if width is None else max(_NARROW, width - indent)
    if entry.verdict in {"verified", "exempt"}:
        told = [_cut(why, room)]
    else:
        where = _name(" ".join(filter(None, (entry.view, words.place(entry.source)))))
        told = [*_wrapped(_cut(why, _SAID), room), *_wrapped(where, room)] or [""]
    lines = [" " * indent + line for line in told]
    return [start, *lines] if below else [start + told[0], *lines[1:]]


def _further(judgement: Judgement) -> Iterator[str]:
    """What is not about one entry as it stands now."""
    report = judgement.report
    for entry in report.in_order:
        for said in entry.standing.ended:
            yield _name(f"ended exemption: {words.methods(entry)} {entry.path}: {said}")
    for mismatch in report.mismatches:
        yield _name(f"OpenAPI, {mismatch.code}: {mismatch.method} {mismatch.path}: {mismatch.what}")
    for attack in judgement.refuted:
        yield _name(f"probe: {words.went(attack)}")
    for word, ways in (("fixed", judgement.fixed), ("gone", judgement.gone)):
        for way in ways:
            yield _name(f"{word} since the baseline: {way}")
    if judgement.vanished:
        yield f"gone since the baseline: {judgement.vanished} that were not open"


def _name(shown: str) -> str:
    return _cut(printable(shown), _NAME)


def _wrapped(said: str, room: int) -> list[str]:
    return textwrap.wrap(said, room, break_on_hyphens=False)


def _cut(said: str, room: int) -> str:
    """No wider than `room`."""
    if _cells(said) <= room:
        return said
    while _cells(said) > room - 1:
        said = said[: max(room - 1, 0)] if len(said) >= room else said[:-1]
    return said + "…"


def _padded(said: str, room: int) -> str:
    return said + " " * (room - _cells(said))


def _cells(said: str) -> int:
    """How wide a terminal shows it (Unicode Standard Annex #11)."""
    if said.isascii():
        return len(said)
    return sum(0 if combining(char) else 1 + (east_asian_width(char) in {"W", "F"}) for char in said)


def _coloured(said: str, colour_code: str, *, colour: bool) -> str:
    return f"\x1b[{colour_code}m{said}\x1b[0m" if colour else said
