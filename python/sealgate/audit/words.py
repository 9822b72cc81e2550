"""What every form of the report says of an entry, and how text from an application is made safe to show."""

from __future__ import annotations

import os
from pathlib import Path

from sealgate.audit.entry import Entry, Proof, Source
from sealgate.audit.report import Attack

__all__ = [
    "brief",
    "each_method",
    "encodable",
    "methods",
    "place",
    "proof",
    "went",
    "why",
]


#: RFC 9110, 9.3, and RFC 5789.
_EVERY = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
#: Who takes these takes whatever comes.
_UNUSUAL = frozenset({"CONNECT", "TRACE"})
_KINDS = {
    "static": "static files",
    "admin": "an admin site",
    "docs": "documentation",
    "mount": "mounted",
    "redirect": "a redirect",
    "missing": "no route",
    "middleware": "before any route",
}


def why(entry: Entry) -> tuple[str, ...]:
    """Sentences: the evidence, and what the proofs are worth."""
    parsed = ("the body is parsed before it is proven",) if entry.standing.parsed_first else ()
    return (*entry.standing.evidence, *map(proof, entry.standing.proofs), *parsed)


def brief(entry: Entry) -> str:
    """On one line: what it is, the schemes with their weaknesses, the evidence."""
    found = entry.standing.proofs if entry.verdict == "verified" else ()
    proofs = [f"{each.scheme} ({', '.join(each.weaknesses)})" if each.weaknesses else each.scheme for each in found]
    parsed = ["the body is parsed first"] if entry.standing.parsed_first else []
    schemes = [" or ".join(proofs)] if proofs else []
    kind = [_KINDS[entry.kind]] if entry.kind in _KINDS else []
    return "; ".join([*kind, *parsed, *schemes, *entry.standing.evidence])


def proof(proven: Proof) -> str:
    """`github covers body; weak: no-time; keys: acme`."""
    weak = f"; weak: {', '.join(proven.weaknesses)}" if proven.weaknesses else ""
    keys = f"; keys: {', '.join(proven.keys)}" if proven.keys is not None else ""
    return f"{proven.scheme} covers {' '.join(proven.covered) or 'nothing'}{weak}{keys}"


def methods(entry: Entry) -> str:
    return ", ".join(each_method(entry))


def each_method(entry: Entry) -> tuple[str, ...]:
    """`any` where it takes every one, `any but GET, HEAD` where it takes nearly every one."""
    missing = _EVERY.difference(entry.methods)
    if missing & _UNUSUAL or len(missing) > len(_EVERY) // 2:
        return entry.methods
    return (f"any but {', '.join(sorted(missing))}" if missing else "any",)


def place(source: Source | None) -> str:
    """`shop/views.py:41`, from the working directory where it is below it; empty where it is not known."""
    if source is None:
        return ""
    file, here = Path(os.path.normpath(source.file)), Path.cwd()
    return f"{file.relative_to(here) if file.is_relative_to(here) else file}:{source.line}"


def went(attack: Attack) -> str:
    """`POST /orders, tampered body: answered 200, the view ran`."""
    answered = "no answer" if attack.status is None else f"answered {attack.status}"
    ran = {True: ", the view ran", False: ", the view did not run", None: ""}[attack.ran]
    return f"{attack.method} {attack.path}, {attack.name}: {answered}{ran}{attack.detail and f': {attack.detail}'}"


def encodable(text: str) -> str:
    """With lone surrogates, which are no text (RFC 8259, 8.2), written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
