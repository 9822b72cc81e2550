"""The report for other programs, and for a page that renders Markdown: JSON, SARIF and GitHub Flavored Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from sealgate.audit import words
from sealgate.audit.entry import Entry
from sealgate.audit.judgement import Judgement
from sealgate.audit.report import VERDICTS
from sealgate.printable import printable
from sealgate.sarif import Finding, Level, sarif

__all__ = ["RULES", "as_json", "as_markdown", "as_sarif", "findings"]

#: Rule ids of the SARIF document. They stay: other people's suppressions name them.
RULES = {
    "sealgate/open": "An unsigned request gets in here, and no exemption says that it may.",
    "sealgate/report-only": "Signatures are checked and refusals only logged: an unsigned request gets in.",
    "sealgate/unknown": "Whether an unsigned request gets in here cannot be told from outside.",
    "sealgate/parsed-first": "The body is parsed before its signature is verified.",
    "sealgate/expired-exemption": "An exemption has ended: the route is closed again, and the exemption can go.",
    "sealgate/not-enforced": "The OpenAPI document asks for a signature that the application does not ask for.",
    "sealgate/mismatch": "The OpenAPI document and the application differ.",
    "sealgate/probe": "A request went otherwise than the verdict of its route says.",
}


def as_json(judgement: Judgement) -> str:
    """What `--baseline` reads.

    An object: `target`, `framework`, `closed`, `summary` (verdict to number), `entries`, `mismatches`, `attacks`,
    `baseline`.
    """
    report = judgement.report
    told = {
        "target": report.target,
        "framework": report.framework,
        "closed": judgement.closed,
        "summary": report.counts,
        "entries": [_entry(entry) for entry in report.in_order],
        "mismatches": [asdict(mismatch) for mismatch in report.mismatches],
        "attacks": [asdict(attack) for attack in report.attacks],
        "baseline": {
            "known": [{"path": entry.path, "methods": entry.methods} for entry in judgement.known],
            "fixed": [way._asdict() for way in judgement.fixed],
            "gone": [way._asdict() for way in judgement.gone],
            "vanished": judgement.vanished,
        },
    }
    return json.dumps(_clean(told), indent=2) + "\n"


def as_sarif(judgement: Judgement) -> str:
    """SARIF 2.1.0. Openings that the baseline knows are there, suppressed."""
    return json.dumps(sarif(RULES, findings(judgement)), indent=2) + "\n"


def as_markdown(judgement: Judgement) -> str:
    """A table of what is not verified, and the verified ones folded below it."""
    report = judgement.report
    entries = sorted(report.in_order, key=lambda entry: VERDICTS.index(entry.verdict))
    unproven = [entry for entry in entries if entry.verdict != "verified"]
    proven = entries[len(unproven) :]
    verdict = "closed" if judgement.closed else "not closed"
    lines = [f"## Audit of {_code(report.target)}: {verdict}", "", f"{report.summary}.", ""]
    lines.extend(_table("", unproven))
    lines.extend(_table(f"{len(proven)} verified", proven))
    for title, told in _sections(judgement):
        lines.extend([f"### {title}", "", *(f"- {line}" for line in told), ""])
    return "\n".join(lines).rstrip("\n") + "\n"


def findings(judgement: Judgement) -> Iterator[Finding]:
    """What the audit found, most important first for each entry."""
    is_known = judgement.is_known()
    for entry in judgement.report.in_order:
        if entry.verdict in {"open", "unknown"}:
            rule = "sealgate/report-only" if entry.standing.report_only else f"sealgate/{entry.verdict}"
            level: Level = "error" if entry.verdict == "open" else "warning"
            accepted = "known from the baseline" if is_known(entry) else None
            yield _finding(rule, level, entry, words.why(entry), accepted)
        elif entry.standing.parsed_first:
            yield _finding("sealgate/parsed-first", "note", entry, words.why(entry))
        if ended := entry.standing.ended:
            yield _finding("sealgate/expired-exemption", "note", entry, ended)
    for mismatch in judgement.report.mismatches:
        unkept = mismatch in judgement.unenforced
        rule = "sealgate/not-enforced" if mismatch.code == "not-enforced" else "sealgate/mismatch"
        said = printable(f"{mismatch.method} {mismatch.path}: {mismatch.what}")
        identity = f"{mismatch.code} {mismatch.method} {mismatch.path}"
        yield Finding(rule, "error" if unkept else "note", said, identity=identity, properties=asdict(mismatch))
    for attack in judgement.refuted:
        said = printable(words.went(attack))
        identity = f"{attack.method} {attack.path} {attack.name}"
        yield Finding("sealgate/probe", "error", said, identity=identity, properties=asdict(attack))


def _finding(rule: str, level: Level, entry: Entry, why: Iterable[str], accepted: str | None = None) -> Finding:
    return Finding(
        rule,
        level,
        printable(f"{words.methods(entry)} {entry.path}: {'; '.join(why)}"),
        None if entry.source is None else entry.source.file,
        None if entry.source is None else entry.source.line,
        identity=f"{' '.join(entry.methods)} {entry.path} {entry.view}",
        suppressed=accepted,
        properties={"path": entry.path, "methods": entry.methods, "verdict": entry.verdict, "view": entry.view},
    )


def _entry(entry: Entry) -> dict[str, Any]:
    standing = entry.standing
    return {
        "path": entry.path,
        "methods": entry.methods,
        "verdict": entry.verdict,
        "evidence": standing.evidence,
        "proofs": [proof._asdict() for proof in standing.proofs],
        "parsed_first": standing.parsed_first,
        "reason": standing.reason,
        "until": standing.until,
        "ended": standing.ended,
        "uncovered": standing.uncovered,
        "report_only": standing.report_only,
        "kind": entry.kind,
        "view": entry.view,
        "file": entry.source and entry.source.file,
        "line": entry.source and entry.source.line,
        "example": entry.example,
    }


def _clean(value: Any) -> Any:
    """Lone surrogates are no text (RFC 8259, 8.2)."""
    if isinstance(value, str):
        return words.encodable(value)
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value


def _table(title: str, entries: list[Entry]) -> Iterator[str]:
    """GFM, 4.10; folded below `title` where there is one."""
    if not entries:
        return
    if title:
        yield from ("<details>", f"<summary>{title}</summary>", "")
    yield from ("| verdict | methods | path | why | where |", "| --- | --- | --- | --- | --- |")
    for entry in entries:
        verdict = f"**{entry.verdict}**" if entry.verdict in {"open", "unknown"} else entry.verdict
        where = " ".join(_code(part) for part in (entry.view, words.place(entry.source)) if part)
        why = _plain("; ".join(words.why(entry)))
        yield f"| {verdict} | {_code(words.methods(entry))} | {_code(entry.path)} | {why} | {where} |"
    yield ""
    if title:
        yield from ("</details>", "")


def _sections(judgement: Judgement) -> Iterator[tuple[str, list[str]]]:
    told = {
        "OpenAPI": [
            f"{mismatch.code}: {_code(f'{mismatch.method} {mismatch.path}')}: {_plain(mismatch.what)}"
            for mismatch in judgement.report.mismatches
        ],
        "Probe": [_plain(words.went(attack)) for attack in judgement.refuted],
        "Known from the baseline": [_code(f"{words.methods(entry)} {entry.path}") for entry in judgement.known],
        "Fixed since the baseline": [_code(str(way)) for way in judgement.fixed],
        "Gone since the baseline": [_code(str(way)) for way in judgement.gone],
    }
    return ((title, lines) for title, lines in told.items() if lines)


def _plain(said: str) -> str:
    """Text that is no markup: "any ASCII punctuation character may be backslash-escaped" (CommonMark, 2.4)."""
    return re.sub(r"([\\`*_{}\[\]<>#~|&!$@])", r"\\\1", printable(said))


def _code(said: str) -> str:
    """A code span, with a fence that is not in it (CommonMark, 6.1); a bar would end the cell (GFM, 4.10)."""
    said = printable(said) or " "
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", said)), default=0))
    gap = " " if said[0] in "` " or said[-1] in "` " else ""
    return f"{fence}{gap}{said}{gap}{fence}".replace("|", "\\|")
