"""Which verifier or exemption a route has, by endpoint and never by path. Framework-neutral."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sealgate._native import Request, Verified
from sealgate.exceptions import ConfigurationError, Rejected, Replayed, SignatureMissing
from sealgate.verifier import ReadBody, Verifier

__all__ = ["Exempt", "Require", "Rule", "averify_any", "exempt", "require", "rule_of", "verifiers_for", "verify_any"]

_E = TypeVar("_E")
_RULE = "__sealgate__"


@dataclass(frozen=True, slots=True)
class Require:
    """The route's own verifiers, any of which may prove a request."""

    verifiers: tuple[Verifier, ...]


@dataclass(frozen=True, slots=True)
class Exempt:
    """The route takes unsigned requests, for the methods named and no longer than `until` (Unix seconds)."""

    reason: str
    methods: frozenset[str]
    until: float | None

    def admits(self, method: str, now: float) -> bool:
        return method in self.methods and (self.until is None or now < self.until)


Rule = Require | Exempt


class _Marks:
    """Whether any endpoint has a rule: without one, no adapter needs to resolve the route first."""

    any = False


def require(*verifiers: Verifier) -> Callable[[_E], _E]:
    """This endpoint is verified by these verifiers (any of them), not by the application's default.

    Verifiers that share a key must share a replay store: otherwise a message counts once for each.
    """
    if not verifiers or not all(isinstance(verifier, Verifier) for verifier in verifiers):
        raise ConfigurationError("require: expected one verifier or several")
    return _marker(Require(verifiers))


def exempt(
    reason: str, *, methods: Iterable[str] = ("GET", "HEAD"), until: datetime | None = None
) -> Callable[[_E], _E]:
    """This endpoint takes unsigned requests for `methods`, because of `reason`, until `until` (with a time zone)."""
    if not isinstance(reason, str) or not reason.strip():
        raise ConfigurationError("exempt: a reason is required")
    if isinstance(methods, str):
        raise ConfigurationError("exempt: methods must be a sequence of method names")
    if until is not None and until.tzinfo is None:
        raise ConfigurationError("exempt: until must have a time zone")
    return _marker(Exempt(reason, frozenset(map(str.upper, methods)), until.timestamp() if until else None))


def rule_of(endpoint: Any) -> Rule | None:
    """The rule on this very endpoint, not on a class it inherits from; None for the application's default."""
    for holder in (endpoint, type(endpoint)):  # an object of a marked class, but not of a class derived from it
        rule = getattr(holder, "__dict__", {}).get(_RULE)
        if isinstance(rule, Require | Exempt):
            return rule
    return None


def any_rules() -> bool:
    """False until `require` or `exempt` has marked something in this process."""
    return _Marks.any


def verifiers_for(rule: Rule | None, default: Verifier, method: str, now: float | None = None) -> tuple[Verifier, ...]:
    """The verifiers any of which must prove the request; none where it is exempt."""
    if rule is None:
        return (default,)
    if isinstance(rule, Require):
        return rule.verifiers
    return () if rule.admits(method, time.time() if now is None else now) else (default,)


def verify_any(verifiers: tuple[Verifier, ...], request: Request, read_body: ReadBody | None) -> Verified:
    """The first proof; otherwise the refusal that says most, which is the last that found a signature."""
    if len(verifiers) == 1:
        return verifiers[0].verify(request, read_body)
    refusal: Rejected = SignatureMissing()
    for verifier in verifiers:
        try:
            return verifier.verify(request, read_body)
        except SignatureMissing:
            continue
        except Replayed:
            raise  # proven, and known: another verifier's store has not seen it
        except Rejected as error:
            refusal = error
    raise refusal


async def averify_any(verifiers: tuple[Verifier, ...], request: Request, read_body: ReadBody | None) -> Verified:
    """As `verify_any`, awaiting."""
    if len(verifiers) == 1:
        return await verifiers[0].averify(request, read_body)
    refusal: Rejected = SignatureMissing()
    for verifier in verifiers:
        try:
            return await verifier.averify(request, read_body)
        except SignatureMissing:
            continue
        except Replayed:
            raise  # proven, and known: another verifier's store has not seen it
        except Rejected as error:
            refusal = error
    raise refusal


def _marker(rule: Rule) -> Callable[[_E], _E]:
    def mark(endpoint: _E) -> _E:
        if rule_of(endpoint) is not None:
            raise ConfigurationError(f"{endpoint!r} has a rule already: require or exempt, once")
        try:
            setattr(endpoint, _RULE, rule)
        except AttributeError as error:
            raise ConfigurationError(f"{type(endpoint).__name__} cannot have a rule") from error
        _Marks.any = True
        return endpoint

    return mark
