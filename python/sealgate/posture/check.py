"""What a check is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

from sealgate.printable import printable

__all__ = ["Check", "Fact", "Finding", "Severity", "State", "Unreadable", "bad", "check", "judged", "ok", "unknown"]

Severity = Literal["high", "medium", "low", "info"]
#: `unknown`: what would tell could not be read, or does not tell.
State = Literal["ok", "bad", "unknown"]
_S = TypeVar("_S")
#: Pieces of evidence that one finding shows.
_MOST = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact. `title`: how it should be. `evidence`: sentences on what was read, with figures and without secrets.

    `source`: the document that asks for it. `suppressed`: the reason why a finding that is not ok is accepted.
    """

    id: str
    severity: Severity
    title: str
    state: State
    evidence: tuple[str, ...]
    fix: str
    source: str
    suppressed: str | None = None


class Fact(NamedTuple):
    state: State
    evidence: tuple[str, ...]


class Unreadable(Exception):
    """What a check reads is not there, not ours to read, or not of the form that its document gives."""


@dataclass(frozen=True, slots=True)
class Check(Generic[_S]):
    """`look` raises `Unreadable` for what it cannot read, and the finding is `unknown`."""

    id: str
    severity: Severity
    title: str
    fix: str
    source: str
    look: Callable[[_S], Fact]

    def finding(self, subject: _S) -> Finding:
        try:
            fact = self.look(subject)
        except Unreadable as error:
            fact = unknown(str(error))
        shown = [printable(sentence) for sentence in fact.evidence[:_MOST]]
        if len(fact.evidence) > _MOST:
            shown.append(f"and {len(fact.evidence) - _MOST} more")
        return Finding(self.id, self.severity, self.title, fact.state, tuple(shown), self.fix, self.source)


def check(
    id: str, severity: Severity, title: str, *, fix: str, source: str
) -> Callable[[Callable[[_S], Fact]], Check[_S]]:
    """Makes a check of the function that looks."""

    def made(look: Callable[[_S], Fact]) -> Check[_S]:
        return Check(id, severity, title, fix, source, look)

    return made


def ok(*evidence: str) -> Fact:
    return Fact("ok", evidence)


def bad(*evidence: str) -> Fact:
    return Fact("bad", evidence)


def unknown(*evidence: str) -> Fact:
    return Fact("unknown", evidence)


def judged(wrong: Iterable[str], otherwise: str, unclear: Iterable[str] = ()) -> Fact:
    """Bad where anything is wrong, unknown where anything is unclear, else ok, because of `otherwise`."""
    found, open_questions = tuple(wrong), tuple(unclear)
    if found:
        return bad(*found, *open_questions)
    return unknown(*open_questions) if open_questions else ok(otherwise)
