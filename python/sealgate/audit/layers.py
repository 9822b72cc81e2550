"""What stands between a request and a view: layers of ours, one within another, and code of others that may answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

from sealgate.audit.entry import Entry, Standing, name_of, standing
from sealgate.policy import Policy, Rule

__all__ = ["by_hand", "class_path", "inner_of", "is_a", "judged", "nothing", "reached", "verifies", "within", "wrapped"]

#: With these an application verifies by hand.
_VERIFYING = frozenset(
    {"Envelope", "Gate", "Policy", "Scope", "Sealgate", "SignatureMiddleware", "SignedFiles", "VerifiedBy", "Verifier"}
)
#: Where wrappers keep what they wrap.
_INNER = (
    *("app", "_app", "application", "wrapped", "wrap_app", "wsgi", "wsgi_app", "wsgi_application"),
    *("asgi", "asgi_app", "other_asgi_app"),
)


def judged(policy: Policy, rules: Sequence[Rule], method: str, now: float) -> Standing:
    """`standing`; open where an exemption that has ended by `now` still lets requests through by the policy's clock."""
    found = standing(policy, rules, method, now)
    if found.verdict == "verified" and policy.demand(rules, method) is None:
        return replace(found, verdict="open", evidence=("by the application's clock it is exempt", *found.evidence[1:]))
    return found


def within(outer: Standing, inner: Standing) -> Standing:
    """Of what both have to let through, `outer` first. The inner one counts where it verifies, or the outer is open."""
    closes = inner.verdict == "verified" != outer.verdict
    decides = outer.verdict == "open" != inner.verdict
    if closes or decides:
        return replace(inner, evidence=(*inner.evidence, *(f"around it: {each}" for each in outer.evidence[:1])))
    again = inner.evidence[:1] if inner.verdict == "verified" and inner != outer else ()
    return replace(outer, evidence=(*outer.evidence, *(f"within: {each}" for each in again)))


def wrapped(entry: Entry, outer: Standing) -> Entry:
    """What becomes of `entry` behind a layer."""
    return replace(entry, standing=within(outer, entry.standing))


def nothing(*used: Any) -> Standing:
    """Of a route where no layer or dependency of ours stands; `used`: the functions that run, of others."""
    for each in used:
        if by_hand(each):
            return Standing("unknown", (f"{name_of(each)} verifies by hand: what it lets through is not known",))
    return Standing("open", ("nothing asks for a signature",))


def by_hand(function: Any) -> bool:
    """Whether its code, or that of what it wraps or calls next, names a verifier of ours."""
    return any(map(verifies, reached(function)))


def reached(function: Any) -> Iterator[Any]:
    """What its code, or that of what it wraps or calls next, holds or looks up."""
    seen: set[int] = set()
    while function is not None and id(function) not in seen:
        seen.add(id(function))
        yield from _within_reach(function)
        function = getattr(function, "__wrapped__", None)


def inner_of(wrapper: Any, known: Any = None) -> Any:
    """What it wraps, as far as that can be seen: `known`, if that is among what it holds."""
    own = getattr(wrapper, "__dict__", {})
    held = [own[name] for name in _INNER if name in own]
    held += _cells(wrapper) if type(wrapper) is FunctionType else ()
    held += wrapper.args if type(wrapper) is partial else ()
    held = [each for each in held if callable(each)]
    if known is not None and any(value == known for value in held):
        return known
    return held[0] if held else None


def is_a(thing: Any, path: str) -> bool:
    """Whether that class is among those of `thing`, or of the class that it is: nothing is imported to find out."""
    cls = thing if isinstance(thing, type) else type(thing)
    return any(class_path(each) == path for each in cls.__mro__)


def class_path(thing: Any) -> str:
    cls = thing if isinstance(thing, type) else type(thing)
    return f"{cls.__module__}.{cls.__qualname__}"


def verifies(value: Any) -> bool:
    """Whether it is a verifier of ours, or the class of one."""
    # By type, not by `isinstance`, which asks proxies what they stand for.
    cls = value if type(value) is type else type(value)
    return cls.__module__.partition(".")[0] == "sealgate" and cls.__qualname__ in _VERIFYING


def _within_reach(function: Any) -> Iterator[Any]:
    """What a callable holds, what its code looks up, and what the functions and modules among that give it."""
    if type(function) is partial:
        yield from function.args
        function = function.func
    held = getattr(function, "__self__", function)
    code = getattr(function, "__func__", function)
    if type(code) is not FunctionType:
        code = getattr(type(function), "__call__", None)  # noqa: B004  what a call runs
    if type(held) is not FunctionType:
        yield from getattr(held, "__dict__", {}).values()
    if type(code) is not FunctionType:
        return
    names = set(_names(code.__code__))
    for value in _looked_up(code, names):
        yield value
        if type(value) is ModuleType:
            yield from (each for name, each in vars(value).items() if name in names)
        elif type(value) is FunctionType:
            yield from _looked_up(value, set(_names(value.__code__)))


def _looked_up(function: FunctionType, names: set[str]) -> Iterator[Any]:
    yield from _cells(function)
    yield from (function.__globals__[name] for name in names if name in function.__globals__)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _names(constant)


def _cells(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
