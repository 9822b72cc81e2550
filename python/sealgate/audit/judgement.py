"""Whether an application passes: what is open, what a baseline knows of, where document and probe say otherwise."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sealgate.audit.entry import Entry, Verdict
from sealgate.audit.report import VERDICTS, Attack, Mismatch, Report
from sealgate.audit.words import encodable
from sealgate.exceptions import ConfigurationError

__all__ = ["Baseline", "Judgement", "Way", "judge"]

#: Mismatches that promise more than the application keeps.
_FAILING = frozenset({"not-enforced"})
_T = TypeVar("_T")


class Way(NamedTuple):
    """One method of one path."""

    path: str
    method: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier report. `ways`: how many entries had which verdict; `mismatches`: path, method and code."""

    ways: Counter[tuple[Way, Verdict]]
    mismatches: Counter[tuple[Way, str]]

    @classmethod
    def read(cls, file: Path) -> Baseline:
        """What `--format json` wrote. Raises `ConfigurationError`."""
        try:
            told = json.loads(file.read_bytes())
            return cls(
                Counter(found for entry in told["entries"] for found in _read_entry(entry)),
                Counter((Way(_text(m["path"]), _text(m["method"])), _text(m["code"])) for m in told["mismatches"]),
            )
        except OSError as error:
            raise ConfigurationError(f"baseline {file}: {error.strerror}") from error
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"baseline {file}: not a report that --format json wrote") from error


@dataclass(frozen=True, slots=True)
class Judgement:
    """`openings`, `unenforced` and `refuted` each fail an audit; the rest is told.

    `report`: as it was found, but an entry of which the baseline knows some methods is two. `openings`: entries that
    are open, or unknown where that is not allowed, and not known from the baseline.
    `unenforced`: what the document promises and the application does not keep. `refuted`: attacks that went otherwise
    than the verdict says. `known`: openings that the baseline has. `fixed`: openings of the baseline that are closed.
    `gone`: openings of the baseline that are no way in any more. `vanished`: how many of its other ways in are gone.
    """

    report: Report
    openings: tuple[Entry, ...]
    unenforced: tuple[Mismatch, ...]
    refuted: tuple[Attack, ...]
    known: tuple[Entry, ...] = ()
    fixed: tuple[Way, ...] = ()
    gone: tuple[Way, ...] = ()
    vanished: int = 0

    def is_known(self) -> Callable[[Entry], bool]:
        """Tells whether an entry of the report is an opening that the baseline has; of two that are equal, neither."""
        return (set(self.known) - set(self.openings)).__contains__

    @property
    def closed(self) -> bool:
        return not (self.openings or self.unenforced or self.refuted)


def judge(report: Report, baseline: Baseline | None = None, *, allow_unknown: bool = False) -> Judgement:
    """An unknown way in counts as open unless `allow_unknown`. What was unknown in the baseline may not be open now."""
    before = Baseline(Counter(), Counter()) if baseline is None else baseline
    ways, documented = before.ways.copy(), before.mismatches.copy()
    entries: list[Entry] = []
    openings: list[Entry] = []
    known: list[Entry] = []
    for entry in report.in_order:
        if entry.verdict in {"verified", "exempt"} or (entry.verdict == "unknown" and allow_unknown):
            entries.append(entry)
            continue
        new = tuple(method for method, way in _ways(entry) if not _is_known(ways, way, entry.verdict))
        old = tuple(method for method in entry.methods if method not in new)
        for methods, found in ((new, openings), (old, known)):
            if methods or (found is openings and not entry.methods):
                found.append(replace(entry, methods=methods))
                entries.append(found[-1])
    unenforced = tuple(
        mismatch
        for mismatch in report.mismatches
        if mismatch.code in _FAILING and not _take(documented, (_way(mismatch.path, mismatch.method), mismatch.code))
    )
    refuted = tuple(attack for attack in report.attacks if not attack.held)
    report = replace(report, entries=tuple(entries))
    return Judgement(report, tuple(openings), unenforced, refuted, tuple(known), *_changes(report, before))


def _is_known(ways: Counter[tuple[Way, Verdict]], way: Way, verdict: Verdict) -> bool:
    """Each known opening counts once, so that a second one of the same name is new."""
    return _take(ways, (way, verdict)) or (verdict == "unknown" and _take(ways, (way, "open")))


def _take(left: Counter[_T], wanted: _T) -> bool:
    if left[wanted] <= 0:
        return False
    left[wanted] -= 1
    return True


def _changes(report: Report, baseline: Baseline) -> tuple[tuple[Way, ...], tuple[Way, ...], int]:
    """Fixed, gone, and the number of other ways in that are gone."""
    worst: dict[Way, Verdict] = {}
    for entry in report.entries:
        for _, way in _ways(entry):
            worst[way] = min(worst.get(way, entry.verdict), entry.verdict, key=VERDICTS.index)
    open_before = sorted({way for (way, verdict), number in baseline.ways.items() if number and _is_open(verdict)})
    others = {way for way, verdict in baseline.ways if not _is_open(verdict)} - set(open_before)
    fixed = tuple(way for way in open_before if way in worst and not _is_open(worst[way]))
    return fixed, tuple(way for way in open_before if way not in worst), len(others - set(worst))


def _is_open(verdict: Verdict) -> bool:
    return verdict in {"open", "unknown"}


def _ways(entry: Entry) -> Iterator[tuple[str, Way]]:
    """Each method with its way in."""
    return ((method, _way(entry.path, method)) for method in entry.methods)


def _way(path: str, method: str) -> Way:
    """As a report in JSON has it, so that a report is its own baseline."""
    return Way(encodable(path), encodable(method))


def _read_entry(entry: Any) -> Iterator[tuple[Way, Verdict]]:
    if entry["verdict"] not in VERDICTS or not isinstance(entry["methods"], list):
        raise ValueError("no entry")
    return ((Way(_text(entry["path"]), _text(method)), entry["verdict"]) for method in entry["methods"])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
