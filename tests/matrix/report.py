"""The outcomes as a table: for each case who accepts, who refuses how; servers that do alike share a cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from matrix.cases import CORE
from matrix.cells import NO_FORM, WAITS, Outcome
from matrix.running import Outcomes
from served_case import CLOSED

_SERVER = "the server"


def kind(outcome: Outcome) -> str:
    """In one word, who has said what."""
    if outcome.wrong:
        return "wrong"
    if outcome.told in {"200", NO_FORM}:
        return {"200": "accepted", NO_FORM: "no form"}[outcome.told]
    ours = outcome.told[:3].isdigit() and "by the" not in outcome.told
    return "refused by us" if ours else "refused by the server"


def rows_of(outcomes: Outcomes) -> list[dict[str, Any]]:
    return [
        {"case": case, "place": place, "told": outcome.told, "wrong": outcome.wrong}
        for (case, place), outcome in outcomes.items()
    ]


def text(outcomes: Outcomes) -> str:
    lines = []
    for case, told in _by_case(outcomes).items():
        lines.append(case)
        lines += [f"    {what:34} {where}" for what, where in told]
    return "\n".join(lines)


def markdown(outcomes: Outcomes) -> str:
    """A table of each group of `CORE`, without the mounted servers: a row a request, a column for who says so."""
    told = _by_case({key: outcome for key, outcome in outcomes.items() if "-mounted/" not in key[1]})
    return "\n\n".join(_table(group, {title: told[title] for title in titles}) for group, titles in CORE.items())


def _table(group: str, told: dict[str, list[tuple[str, str]]]) -> str:
    lines = [
        f"| {group} | accepted | refused by sealgate | refused by the server or the framework |",
        "|---|---|---|---|",
    ]
    for case, outcomes in told.items():
        cells: dict[str, list[str]] = {"accepted": [], "ours": [], "server": []}
        for what, where in outcomes:
            kind = {"200": "accepted", _SERVER: "server"}.get(what, "ours")
            cells[kind].append(f"{what.partition(' ')[2]}: {where}" if kind == "ours" else where)
        lines.append(" | ".join(["| " + case.replace("|", "\\|"), *map("; ".join, cells.values())]) + " |")
    return "\n".join(lines)


def told_by(page: str) -> dict[str, dict[str, str]]:
    """Of a page with such tables: case, and server or application on it (or `all`, `others`), to what it says."""
    found: dict[str, dict[str, str]] = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) != 4 or not line.startswith("| "):
            continue
        case, accepted, ours, server = cells
        by_place = found.setdefault(case, {})
        for what, where in (("200", accepted), (_SERVER, server), *_codes(ours)):
            by_place |= {place: what for place in where.split(", ") if place}
    return found


def _codes(cell: str) -> list[tuple[str, str]]:
    return [(code, where) for code, _, where in (each.partition(": ") for each in cell.split("; ") if each)]


def spoken(outcome: Outcome) -> str:
    """As `told_by` has it."""
    told = _shorter(outcome)
    return told if told in {"200", _SERVER} else told.partition(" ")[2]


def _by_case(outcomes: Outcomes) -> dict[str, list[tuple[str, str]]]:
    """Of each case what was told where, the most frequent first."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for (case, place), outcome in outcomes.items():
        if outcome.told != NO_FORM:
            found[case][_shorter(outcome)].add(place)
    return {case: _told(by_outcome) for case, by_outcome in found.items()}


def _shorter(outcome: Outcome) -> str:
    if outcome.wrong:
        return str(outcome)
    by_server = outcome.told in {CLOSED, WAITS} or "by the " in outcome.told
    return _SERVER if by_server else outcome.told


def _told(by_outcome: dict[str, set[str]]) -> list[tuple[str, str]]:
    everywhere = {place for places in by_outcome.values() for place in places}
    ordered = sorted(by_outcome.items(), key=lambda item: -len(item[1]))
    if len(ordered) == 1:
        return [(ordered[0][0], "all")]
    return [
        (what, "others" if number == 0 else _servers(places, everywhere))
        for number, (what, places) in enumerate(ordered)
    ]


def _servers(places: Iterable[str], everywhere: set[str]) -> str:
    """A server by its name where all of its applications do alike."""
    of: dict[str, set[str]] = defaultdict(set)
    for place in places:
        of[place.partition("/")[0]].add(place)
    names = []
    for server, some in of.items():
        all_of = {place for place in everywhere if place.partition("/")[0] == server}
        names += [server] if some == all_of else sorted(some)
    return ", ".join(sorted(names))
