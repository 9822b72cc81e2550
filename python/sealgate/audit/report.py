"""The findings of one audit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sealgate.audit.entry import Entry, Verdict

__all__ = ["LEFT_OUT", "VERDICTS", "Attack", "Mismatch", "Report"]

#: The worst first.
VERDICTS: tuple[Verdict, ...] = ("open", "unknown", "exempt", "verified")

#: The name of an `Attack` that is none, but says which ones were not made, and why: it has no status.
LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What the OpenAPI document and the application say differently of one operation. `what`: a sentence.

    `code`: `not-enforced`, `not-declared`, `optional`, `undocumented` or `no-such-route`.
    """

    path: str
    method: str
    code: str
    what: str


@dataclass(frozen=True, slots=True)
class Attack:
    """One request that a probe made. `name`: what was wrong with it. `status`: of the answer, None without one.

    `held`: whether the verdict of its entry is what happened. `ran`: whether the view ran, where that can be seen.
    """

    path: str
    method: str
    name: str
    status: int | None
    held: bool
    ran: bool | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """`target`: as it was named. `framework`: `django`, `flask`, `fastapi`, `starlette`, `wsgi` or `asgi`."""

    target: str
    framework: str
    entries: tuple[Entry, ...]
    mismatches: tuple[Mismatch, ...] = field(default=())
    attacks: tuple[Attack, ...] = field(default=())

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many entries have each verdict, the worst first; each verdict is there."""
        found = Counter(entry.verdict for entry in self.entries)
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def attacks_made(self) -> tuple[Attack, ...]:
        return tuple(attack for attack in self.attacks if attack.name != LEFT_OUT)

    @property
    def in_order(self) -> tuple[Entry, ...]:
        """The entries by path, whatever order the framework gave them."""
        return tuple(sorted(self.entries, key=lambda entry: (entry.path, entry.methods, entry.kind, entry.view)))

    @property
    def summary(self) -> str:
        """`42 ways in: 38 verified, 3 exempt, 1 open`."""
        ways = len(self.entries)
        told = ", ".join(f"{number} {verdict}" for verdict, number in reversed(self.counts.items()) if number)
        return f"{ways} way{'s' * (ways != 1)} in{f': {told}' if told else ''}"
