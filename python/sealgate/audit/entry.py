"""What an audit finds: every way into an application, and what a request has to prove there."""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Literal, NamedTuple

from sealgate.audit.links import said_of_links
from sealgate.policy import Exempt, Policy, Require, Rule
from sealgate.verifier import MAX_AGE

__all__ = [
    "Entry",
    "Proof",
    "Source",
    "Standing",
    "Verdict",
    "by_standing",
    "ends",
    "layers",
    "name_of",
    "source_of",
    "standing",
]

_DEEPEST = 100

#: `verified`: nothing unproven gets in. `exempt`: it does, and a reason says why. `open`: it does. `unknown`: whether
#: it does cannot be told from outside.
Verdict = Literal["verified", "exempt", "open", "unknown"]


class Source(NamedTuple):
    """Where a view is written. `line`: from 1."""

    file: str
    line: int


class Proof(NamedTuple):
    """What one verifier proves: `covered` and `weaknesses` as its scheme has them, `keys` where a route names them.

    `max_age`: seconds in which it takes a message, either way; `longest`: of a scheme of links, those one may last.
    """

    scheme: str
    covered: tuple[str, ...]
    weaknesses: tuple[str, ...]
    keys: tuple[str, ...] | None = None
    max_age: int = MAX_AGE
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A verdict and what it rests on.

    `evidence`: sentences, the reason for the verdict first. `proofs`: any one of them is enough. `parsed_first`: the
    body is parsed before it is proven. `reason`, `until` (Unix seconds): of an exemption. `ended`: sentences on
    exemptions that have, and were left in the code. `uncovered`: of `query` and `body`, what may go unsigned.
    `report_only`: it is open because refused requests pass.
    """

    verdict: Verdict
    evidence: tuple[str, ...]
    proofs: tuple[Proof, ...] = ()
    parsed_first: bool = False
    reason: str | None = None
    until: float | None = None
    ended: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    report_only: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One way in.

    `path`: the whole pattern from the root, with its leading slash, in the framework's notation. `methods`: sorted;
    `WEBSOCKET` for a handshake, `*` where the application behind it decides. `kind`: `view`, `static`, `admin`, `docs`,
    `mount`, `websocket`, `redirect`, `missing` (what no route takes) or `middleware` (what answers before a route).
    `view`: its dotted name. `example`: a path that this very route takes, as a request would write it; None where none
    could be made.
    """

    path: str
    methods: tuple[str, ...]
    standing: Standing
    kind: str = "view"
    view: str = ""
    source: Source | None = None
    example: str | None = None

    @property
    def verdict(self) -> Verdict:
        return self.standing.verdict


def standing(policy: Policy, rules: Iterable[Rule], method: str, now: float) -> Standing:
    """Of a route under a layer of ours: what `Policy.demand` finds for `method`, and why. `now`: Unix seconds."""
    ended: list[str] = []
    demand: Require = policy.default
    for rule in rules:
        if isinstance(rule, Require):
            demand = rule
            break
        if rule.admits(method, now):
            return Standing(
                "exempt", (f"exempt: {rule.reason}", *ends(rule, now)), reason=rule.reason, until=rule.until
            )
        ended.extend(ends(rule, now))
    proofs = tuple(
        Proof(
            verifier.scheme.name,
            tuple(verifier.scheme.covered),
            tuple(sorted(verifier.scheme.weaknesses())),
            None if demand.keys is None else tuple(sorted(demand.keys)),
            verifier.max_age,
            verifier.scheme.longest,
        )
        for verifier in demand.verifiers
    )
    if policy.report_only:
        evidence = ("report only: refused requests pass", *ended)
        return Standing("open", evidence, proofs, ended=tuple(ended), report_only=True)
    whose = "the application's verifier" if demand is policy.default else "a rule of the route"
    uncovered = tuple(sorted(demand.uncovered))
    unsigned = (f"the {part} may go unsigned" for part in uncovered)
    links = said_of_links(demand.verifiers, method)
    evidence = (f"verified by {whose}", *unsigned, *links, *_handshakes(demand, method), *ended)
    return Standing("verified", evidence, proofs, ended=tuple(ended), uncovered=uncovered)


def _handshakes(demand: Require, method: str) -> Iterator[str]:
    """What is answered to a request without a signature. `method`: `*` for any."""
    for verifier in demand.verifiers:
        handshake = verifier.handshake
        if handshake is not None and handshake.opens is not None and method in {handshake.opens, "*"}:
            yield f"an unsigned {handshake.opens} that is {handshake.provider}'s handshake is answered, by no view"


def by_standing(methods: Iterable[str], judge: Callable[[str], Standing]) -> Mapping[Standing, tuple[str, ...]]:
    """The methods of one route, grouped: those with equal standing are one entry."""
    groups: dict[Standing, list[str]] = {}
    for method in sorted(methods):
        groups.setdefault(judge(method), []).append(method)
    return {each: tuple(names) for each, names in groups.items()}


def name_of(view: Any) -> str:
    """Its dotted name."""
    view = _written(view)
    named = view if isinstance(getattr(view, "__qualname__", None), str) else type(view)
    return f"{named.__module__}.{named.__qualname__}"


def source_of(view: Any) -> Source | None:
    """Where it is written; None where Python cannot say."""
    view = _written(view)
    view = getattr(view, "__func__", view)
    target = view if inspect.isclass(view) or inspect.isfunction(view) else type(view)
    try:
        file = inspect.getsourcefile(target)
    except TypeError:
        return None  # built in
    line = target.__code__.co_firstlineno if inspect.isfunction(target) else _class_line(file, target)
    return None if file is None or line is None else Source(file, line)


def layers(view: Any) -> Iterator[Any]:
    """The view as it is routed, and what its decorators and `partial` stand around, outermost first."""
    for _ in range(_DEEPEST):  # an object may have every attribute
        yield view
        inner = view.func if isinstance(view, partial) else getattr(view, "__wrapped__", None)
        if inner is None or not callable(view):
            return
        view = inner


def ends(rule: Exempt, now: float) -> tuple[str, ...]:
    """When it ends, or that it has; nothing where it does not."""
    if rule.until is None:
        return ()
    end = datetime.fromtimestamp(rule.until, UTC).isoformat(timespec="seconds")
    if now < rule.until:
        return (f"until {end}",)
    return (f"its exemption ended on {end}: {rule.reason}",)


def _written(view: Any) -> Any:
    *_, written = layers(view)
    return written


def _class_line(file: str | None, cls: type) -> int | None:
    return None if file is None else _classes_in(file).get(cls.__qualname__)


@cache
def _classes_in(file: str) -> Mapping[str, int]:
    """Where each class begins, by its qualified name: `inspect` would parse the file again for each."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, RecursionError):
        return {}  # not Python, or deeper than any
    return dict(reversed(list(_classes_below(tree, ""))))


def _classes_below(node: ast.AST, scope: str) -> Iterator[tuple[str, int]]:
    """The first of a name comes first. Of a decorated class, the line of the first decorator, as of a function."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            continue
        inner = scope
        if isinstance(child, ast.ClassDef):
            inner = f"{scope}{child.name}."
            yield inner[:-1], min([child.lineno, *(each.lineno for each in child.decorator_list)])
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{scope}{child.name}.<locals>."
        yield from _classes_below(child, inner)
