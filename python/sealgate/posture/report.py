"""The findings as text, JSON and SARIF."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sealgate import sarif as sarif_log
from sealgate._native import __version__
from sealgate.exceptions import ConfigurationError
from sealgate.posture import CHECKS
from sealgate.posture.check import Finding, Severity

__all__ = ["as_json", "as_sarif", "as_text", "ignored", "passes"]

_SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low", "info")
#: What the eye shall meet first; ISO/IEC 6429, 8.3.117 (SGR).
_COLOURS = {"bad": "1;31", "unknown": "33", "suppressed": "36", "ok": "32"}
_LEVELS: dict[str, dict[Severity, sarif_log.Level]] = {
    "bad": {"high": "error", "medium": "warning", "low": "note", "info": "note"},
    "unknown": dict.fromkeys(_SEVERITIES, "note"),
}
_GROUPS = ("bad", "unknown", "suppressed", "ok")


def ignored(given: Iterable[str]) -> dict[str, str]:
    """`ID=REASON` of a command line, for `posture(ignore=...)`. Raises `ConfigurationError`."""
    pairs = [one.partition("=")[::2] for one in given]
    reasons = dict(pairs)
    if len(reasons) != len(pairs):
        raise ConfigurationError("ignore: an id is given twice")
    return reasons


def passes(findings: Iterable[Finding], *, strict: bool = False) -> bool:
    """Whether nothing is bad that is not suppressed; `strict`: and nothing is unknown."""
    return not {_group(finding) for finding in findings} & ({"bad", "unknown"} if strict else {"bad"})


def as_text(findings: Iterable[Finding], *, width: int = 120, colour: bool = False) -> str:
    """The worst first, each with what was seen and, unless it is ok, what to do; a summary at the end.

    `width`: columns of a line.
    """
    listed = sorted(findings, key=lambda finding: (_GROUPS.index(_group(finding)), _SEVERITIES.index(finding.severity)))
    lines = [line for finding in listed for line in _lines(finding, width, colour)]
    return "\n".join([*lines, "", _summary(listed)])


def as_json(findings: Sequence[Finding], target: str | None = None) -> dict[str, Any]:
    """Ready for `json.dumps`. `summary` counts `bad`, `unknown`, `suppressed` and `ok`."""
    counts = Counter(map(_group, findings))
    return {
        "sealgate": __version__,
        "target": target,
        "summary": {group: counts[group] for group in _GROUPS},
        "findings": [asdict(finding) for finding in findings],
    }


def as_sarif(findings: Iterable[Finding]) -> dict[str, Any]:
    """SARIF 2.1.0: what is not ok."""
    return sarif_log.sarif(CHECKS, [_result(finding) for finding in findings if finding.state != "ok"])


def _group(finding: Finding) -> str:
    return finding.state if finding.suppressed is None else "suppressed"


def _lines(finding: Finding, width: int, colour: bool) -> Iterator[str]:
    group = _group(finding)
    head = f"{group:<10}  {finding.severity:<6}  {finding.id:<13}  {finding.title}"
    yield f"\x1b[{_COLOURS[group]}m{head}\x1b[0m" if colour else head
    told = ["; ".join(finding.evidence)]
    if group == "suppressed":
        told.append(f"accepted: {finding.suppressed}")
    elif group != "ok":
        told.append(f"fix: {finding.fix}")
        told.append(f"see: {finding.source}")
    for sentence in told:
        yield from textwrap.wrap(
            sentence, width, initial_indent=" " * 12, subsequent_indent=" " * 14, break_on_hyphens=False
        )


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(map(_group, findings))
    told = ", ".join(f"{counts[group]} {group}" for group in _GROUPS)
    worst = Counter(finding.severity for finding in findings if _group(finding) == "bad")
    bad = ", ".join(f"{worst[severity]} {severity}" for severity in _SEVERITIES if worst[severity])
    return f"{len(findings)} checks: {told}" + (f" ({bad})" if bad else "")


def _result(finding: Finding) -> sarif_log.Finding:
    properties: Mapping[str, Any] = {"severity": finding.severity, "state": finding.state, "fix": finding.fix}
    return sarif_log.Finding(
        finding.id,
        _LEVELS[finding.state][finding.severity],
        f"Not established: {finding.title}. {'; '.join(finding.evidence)}. {finding.fix}",
        identity=finding.id,
        suppressed=finding.suppressed,
        properties=properties,
    )
