"""Findings as SARIF 2.1.0 (OASIS standard, errata 01), which code scanning services read."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sealgate._native import __version__

__all__ = ["Finding", "Level", "sarif"]

#: 3.27.10
Level = Literal["error", "warning", "note"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#: A versioned hierarchical string (3.5.4.2).
_FINGERPRINT = "sealgate/v1"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result. `file`: a path, absolute or from the root of the sources. `line`: from 1.

    `identity`: what tells it from the rule's other findings and stays when lines move; `message` if empty.
    `suppressed`: the reason why it is accepted. `properties`: JSON values, for who reads more than the message.
    """

    rule: str
    level: Level
    message: str
    file: str | None = None
    line: int | None = None
    identity: str = ""
    suppressed: str | None = None
    properties: Mapping[str, Any] | None = None


def sarif(rules: Mapping[str, str], findings: Iterable[Finding], root: Path | None = None) -> dict[str, Any]:
    """A log with one run, ready for `json.dumps`. `rules`: id to what it means, in one sentence; all are listed.

    `root`: of the sources, the working directory if omitted; files below it are named from there. Raises `KeyError`
    for a finding without its rule.
    """
    root = Path.cwd() if root is None else root
    numbers = {rule: number for number, rule in enumerate(rules)}
    seen: Counter[tuple[str, str]] = Counter()
    driver = {
        "name": "sealgate",
        "version": __version__,
        "rules": [{"id": rule, "shortDescription": {"text": _message(what)}} for rule, what in rules.items()],
    }
    results = [_result(finding, numbers[finding.rule], root, seen) for finding in findings]
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _result(finding: Finding, rule_index: int, root: Path, seen: Counter[tuple[str, str]]) -> dict[str, Any]:
    """3.27. Equal findings are counted, so that each has a fingerprint of its own."""
    same = finding.rule, finding.identity or finding.message
    seen[same] += 1
    told = repr((*same, seen[same])).encode("utf-8", "backslashreplace")
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": finding.level,
        "message": {"text": _message(finding.message)},
        "partialFingerprints": {_FINGERPRINT: hashlib.sha256(told).hexdigest()},
    }
    if finding.file is not None:
        result["locations"] = [{"physicalLocation": _place(finding.file, finding.line, root)}]
    if finding.suppressed is not None:
        result["suppressions"] = [{"kind": "external", "justification": _visible(finding.suppressed)}]
    if finding.properties is not None:
        result["properties"] = _clean(finding.properties)
    return result


def _place(file: str, line: int | None, root: Path) -> dict[str, Any]:
    """3.29. A relative reference against %SRCROOT%, the root of the repository, by the custom that 3.4.4 describes."""
    path = Path(os.path.normpath(root / file))
    if path.is_relative_to(root):
        artifact = {"uri": _uri(path.relative_to(root)), "uriBaseId": "%SRCROOT%"}
    else:
        artifact = {"uri": f"file://{_uri(path)}"}
    place: dict[str, Any] = {"artifactLocation": artifact}
    if line is not None and line > 0:
        place["region"] = {"startLine": line}
    return place


def _uri(path: Path) -> str:
    """RFC 3986, of the octets that the file system has. `a:b` alone would be a scheme: 4.2."""
    text = path.as_posix()
    try:
        octets = os.fsencode(text)
    except UnicodeEncodeError:  # no file system has it: the name of code that was compiled from a string
        octets = text.encode("utf-8", "surrogatepass")
    return quote(octets, safe="/")


def _message(text: str) -> str:
    """Braces are doubled (3.11.5); nothing in the text becomes a link (3.11.6)."""
    return _visible(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _visible(text: str) -> str:
    """Without control characters, which a viewer may act on, and lone surrogates, which are no text in JSON."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _visible(value)
    if isinstance(value, Mapping):
        return {_visible(str(name)): _clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
