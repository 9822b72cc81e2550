"""Which verifiers or exemption an endpoint has: what `require` and `exempt` write on it, and who reads it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import MethodType
from typing import Any, TypeVar

from sealgate.exceptions import ConfigurationError, KeyNotAllowed
from sealgate.verifier import Verifier

__all__ = [
    "WEBSOCKET",
    "Exempt",
    "Require",
    "Rule",
    "any_rules",
    "exempt",
    "marked",
    "require",
    "required",
    "rule_of",
    "rules_of_view",
]

_E = TypeVar("_E")
_RULE = "__sealgate__"
_numbers = itertools.count()
_PARTS = frozenset({"query", "body"})

#: What stands for "WEBSOCKET" among an exemption's methods: no token (RFC 9110, 5.6.2), so no HTTP method equals it.
WEBSOCKET = "websocket handshake"


@dataclass(frozen=True, slots=True)
class Require:
    """Proven by one of `verifiers`, by a key of `keys` where they are given; `uncovered` parts may go unsigned."""

    verifiers: tuple[Verifier, ...]
    keys: frozenset[str] | None = None
    uncovered: frozenset[str] = frozenset()
    #: Octets above which a body goes to a file: only where all of the verifiers take it from there.
    spools_over: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        over = [math.inf if verifier.spool is None else verifier.spool for verifier in self.verifiers]
        object.__setattr__(self, "spools_over", max(over, default=math.inf))

    @property
    def reads_params(self) -> bool:
        """Whether a scheme signs what the route has matched, so that the route comes first."""
        return any(verifier.scheme.params for verifier in self.verifiers)

    def takes(self, other: Require) -> bool:
        """Whether a proof under `other` is as good as one under this; the key is for `check_key`."""
        return self is other or (set(other.verifiers) <= set(self.verifiers) and other.uncovered <= self.uncovered)

    def check_key(self, key_id: str | None) -> None:
        """Raises `KeyNotAllowed`."""
        if self.keys is not None and key_id not in self.keys:
            error = KeyNotAllowed("a valid signature, by a key that this route does not admit")
            error.key_id = key_id
            raise error

    def narrowed(self, other: Require) -> Require:
        """What both demand. Where no verifier is in both, the first one's: the other demand will refuse."""
        verifiers = tuple(verifier for verifier in self.verifiers if verifier in other.verifiers)
        keys = other.keys if self.keys is None else self.keys if other.keys is None else self.keys & other.keys
        return Require(verifiers or self.verifiers, keys, self.uncovered & other.uncovered)


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


def require(
    *verifiers: Verifier, keys: Iterable[str] | None = None, uncovered: Iterable[str] = ()
) -> Callable[[_E], _E]:
    """This endpoint is verified by these verifiers (any of them), not by the application's default.

    `keys`: the key ids that are admitted; a valid signature by another one is 403. `uncovered`: `"query"`, `"body"`, or
    both, may be there without a signature over them; the view must not act on them. Verifiers that share a key must
    share a replay store: otherwise a message counts once for each.
    """
    return _marker(required(verifiers, keys, uncovered))


def required(verifiers: tuple[Verifier, ...], keys: Iterable[str] | None, uncovered: Iterable[str]) -> Require:
    """The rule of `require`. Raises `ConfigurationError`."""
    if not verifiers or not all(isinstance(verifier, Verifier) for verifier in verifiers):
        raise ConfigurationError("require: expected one verifier or several")
    if isinstance(keys, str) or isinstance(uncovered, str):
        raise ConfigurationError("require: keys and uncovered are sequences, such as {'acme'} and ('query',)")
    allowed = None if keys is None else frozenset(keys)
    if allowed is not None and not (allowed and all(isinstance(key_id, str) for key_id in allowed)):
        raise ConfigurationError("require: keys must name one key id or several")
    parts = frozenset(uncovered)
    if not parts <= _PARTS:
        raise ConfigurationError("require: uncovered may hold 'query' and 'body'")
    return Require(verifiers, allowed, parts)


def exempt(
    reason: str, *, methods: Iterable[str] = ("GET", "HEAD"), until: datetime | None = None
) -> Callable[[_E], _E]:
    """This endpoint takes unsigned requests for `methods`, because of `reason`, until `until` (with a time zone).

    A websocket is exempt only where `methods` has `"WEBSOCKET"`.
    """
    if not isinstance(reason, str) or not reason.strip():
        raise ConfigurationError("exempt: a reason is required")
    if isinstance(methods, str):
        raise ConfigurationError("exempt: methods must be a sequence of method names")
    if until is not None and until.tzinfo is None:
        raise ConfigurationError("exempt: until must have a time zone")
    named = {WEBSOCKET if method.upper() == "WEBSOCKET" else method.upper() for method in methods}
    return _marker(Exempt(reason, frozenset(named), until.timestamp() if until else None))


def rule_of(endpoint: Any) -> Rule | None:
    """The rule on this very endpoint, not on a class it inherits from; None where it has none of its own."""
    holder, prefix = _place(endpoint)
    for each in (holder, type(holder)):  # an object of a marked class, but not of a class derived from it
        found = [name for name in getattr(each, "__dict__", {}) if type(name) is str and name.startswith(prefix)]
        if found:
            rule = vars(each)[max(found)]
            return rule if isinstance(rule, Require | Exempt) else None
    return None


def rules_of_view(view: Any, cls: Any = None, handler: str | None = None) -> Iterator[Rule]:
    """The rules of a view, innermost first: of `handler`, the method of its class that answers; of itself; of `cls`.

    A class inherits what is required of its parents, but no exemption: what opens a view is written on that view.
    """
    rule = rule_of(view)
    if not isinstance(cls, type):
        if rule is not None:
            yield rule
        return
    if handler is not None:
        answering = rule_of(getattr(cls, handler, None))
        if answering is not None and (isinstance(answering, Require) or handler in vars(cls)):
            yield answering
    if rule is not None and not (isinstance(rule, Exempt) and _is_inherited(rule, cls)):
        yield rule
    for parent in cls.__mro__:
        for holder in (parent, vars(parent).get("dispatch")):  # where Django's method_decorator writes
            rule = rule_of(holder)
            if rule is not None and (parent is cls or isinstance(rule, Require)):
                yield rule


def _is_inherited(rule: Exempt, cls: type) -> bool:
    """Whether a view of `cls` is exempt for what stands on a parent: on it, its `dispatch`, or in its `decorators`."""
    parents = cls.__mro__[1:]
    by_decorators = bool(getattr(cls, "decorators", None)) and "decorators" not in vars(cls)
    return by_decorators or any(
        rule_of(parent) is rule or rule_of(getattr(parent, "dispatch", None)) is rule for parent in parents
    )


def any_rules() -> bool:
    """False until `require` or `exempt` has marked something in this process."""
    return _Marks.any


def marked() -> None:
    """For rules that stand elsewhere than on an endpoint."""
    _Marks.any = True


def _place(endpoint: Any) -> tuple[Any, str]:
    """Where a rule is written: on the endpoint; a bound method has no attributes, so on the object it belongs to."""
    if isinstance(endpoint, MethodType):
        return endpoint.__self__, f"{_RULE}{endpoint.__name__} "
    return endpoint, f"{_RULE} "


def _marker(rule: Rule) -> Callable[[_E], _E]:
    def mark(endpoint: _E) -> _E:
        if isinstance(endpoint, partial) and hasattr(endpoint, "__wrapped__"):
            return endpoint  # Django's method_decorator decorates again at each call; the rule is on the method
        if rule_of(endpoint) is not None:
            raise ConfigurationError(f"{endpoint!r} has a rule already: require or exempt, once")
        holder, prefix = _place(endpoint)
        try:
            # Each rule under a name of its own: what a wrapper copies from a parent must not replace it.
            setattr(holder, f"{prefix}{next(_numbers):012}", rule)
        except AttributeError as error:
            raise ConfigurationError(f"{type(endpoint).__name__} cannot have a rule") from error
        marked()
        return endpoint

    return mark
