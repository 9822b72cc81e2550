"""Which verifier or exemption a route has, by endpoint and never by path; and what becomes of a refusal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sealgate._native import Request, Verified
from sealgate.answer import Answer, answer_to
from sealgate.exceptions import (
    ConfigurationError,
    KeyNotAllowed,
    Rejected,
    Replayed,
    SignatureMissing,
    Unavailable,
)
from sealgate.verifier import ReadBody, Verifier

__all__ = [
    "WEBSOCKET",
    "Choice",
    "Exempt",
    "OnVerdict",
    "Passed",
    "Policy",
    "Require",
    "Rule",
    "Verdict",
    "any_rules",
    "averify",
    "exempt",
    "received_params",
    "require",
    "rule_of",
    "rules_of_view",
    "verify",
]

_E = TypeVar("_E")
_RULE = "__sealgate__"
_PARTS = frozenset({"query", "body"})
_log = logging.getLogger("sealgate")

#: The method by which an exemption names websockets: their handshake is a GET, but what follows is no reading.
WEBSOCKET = "WEBSOCKET"


@dataclass(frozen=True, slots=True)
class Require:
    """Proven by one of `verifiers`, by a key of `keys` where they are given; `uncovered` parts may go unsigned."""

    verifiers: tuple[Verifier, ...]
    keys: frozenset[str] | None = None
    uncovered: frozenset[str] = frozenset()

    @property
    def reads_params(self) -> bool:
        """Whether a scheme signs what the route has matched, so that the route comes first."""
        return any(getattr(verifier.scheme, "params", ()) for verifier in self.verifiers)

    def takes(self, other: Require) -> bool:
        """Whether a proof under `other` is as good as one under this; the key is for `check_key`."""
        return self is other or (set(other.verifiers) <= set(self.verifiers) and other.uncovered <= self.uncovered)

    def check_key(self, verified: Verified) -> None:
        """Raises `KeyNotAllowed`."""
        if self.keys is not None and verified.key_id not in self.keys:
            error = KeyNotAllowed("a valid signature, by a key that this route does not admit")
            error.key_id = verified.key_id
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
    return _marker(Exempt(reason, frozenset(map(str.upper, methods)), until.timestamp() if until else None))


def rule_of(endpoint: Any) -> Rule | None:
    """The rule on this very endpoint, not on a class it inherits from; None where it has none of its own."""
    for holder in (endpoint, type(endpoint)):  # an object of a marked class, but not of a class derived from it
        rule = getattr(holder, "__dict__", {}).get(_RULE)
        if isinstance(rule, Require | Exempt):
            return rule
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
        rule = rule_of(parent)
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


class Choice(NamedTuple):
    """What a request needs; `demand` is None where it is exempt. `route`: its pattern, where it has been resolved."""

    demand: Require | None
    route: str | None = None
    params: Mapping[str, str] | None = None


class Passed:
    """What was let through, and as what: `proven` under `demand`, `exempt`, a `preflight`, or refused in `report-only`.

    `acts`: what decided which view runs, and how, such as method, path and query; in the adapter's own form.
    """

    __slots__ = ("acts", "as_what", "demand", "verified")

    def __init__(self, as_what: str, acts: Any, demand: Require | None, verified: Verified | None = None) -> None:
        self.as_what = as_what
        self.acts = acts
        self.demand = demand
        self.verified = verified

    def proof(self, demand: Require | None, acts: Any) -> Verified | None:
        """The proof of the very request, where `demand` takes it, or there is none. Raises `KeyNotAllowed`."""
        if self.verified is None or self.demand is None or self.acts != acts:
            return None
        if demand is not None:
            if not demand.takes(self.demand):
                return None
            demand.check_key(self.verified)
        return self.verified


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an `on_verdict` hook is told.

    `code`: `verified`, or that of the refusal. `key_id`: whose key it was; of a refusal what it claims, unproven.
    `route`: the route's pattern, where it was resolved. `scheme`: the one that proved it. `refused`: False also where
    `report_only` let the request through.
    """

    code: str
    method: str
    path: str
    route: str | None
    key_id: str | None
    scheme: str | None
    refused: bool


OnVerdict = Callable[[Verdict], object]


class Policy:
    """What one application demands of every request, and what becomes of a refusal.

    `verifier`: the default. `report_only`: refused requests pass, loudly logged; nothing is protected then.
    `preflight`: a CORS preflight passes unsigned to what answers it, but to no view. `on_verdict`: told each verdict.
    `clock`: Unix seconds, for the end of exemptions.
    """

    __slots__ = ("_clock", "_on_verdict", "default", "preflight", "report_only", "verifier")

    def __init__(
        self,
        verifier: Verifier,
        *,
        report_only: bool = False,
        preflight: bool = False,
        on_verdict: OnVerdict | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(verifier, Verifier):
            raise ConfigurationError("verifier: expected a Verifier")
        for name, flag in (("report_only", report_only), ("preflight", preflight)):
            if not isinstance(flag, bool):
                raise ConfigurationError(f"{name}: expected True or False")
        if on_verdict is not None and not callable(on_verdict):
            raise ConfigurationError("on_verdict: expected a function of one verdict")
        self.verifier = verifier
        self.default = Require((verifier,))
        self.report_only = report_only
        self.preflight = preflight
        self._on_verdict = on_verdict
        self._clock = clock

    def demand(self, rules: Iterable[Rule], method: str) -> Require | None:
        """What the innermost of `rules` that says something about `method` demands; None: the request is exempt."""
        for rule in rules:
            if isinstance(rule, Require):
                return rule
            if rule.admits(method, self._clock()):
                return None
        return self.default

    def is_preflight(self, method: str, has_body: bool, names: Iterable[str]) -> bool:
        """Whether this is a preflight (Fetch standard, 4.8) that is let through: OPTIONS, bodyless, with both fields.

        `names`: of the header fields, in lower case.
        """
        if not self.preflight or method != "OPTIONS" or has_body:
            return False
        return {"origin", "access-control-request-method"} <= set(names)

    def accepted(self, verified: Verified, method: str, path: str, route: str | None = None) -> None:
        """Tells the hook."""
        if self._on_verdict:
            self._tell(Verdict("verified", method, path, route, verified.key_id, verified.scheme, refused=False))

    def refused(self, error: Rejected | Unavailable, method: str, path: str, route: str | None = None) -> Answer | None:
        """The answer to a request that is refused, which is logged; None where it passes all the same."""
        log_refusal(error, method, path, route, "report only, let through:" if self.report_only else "refused")
        if self._on_verdict:
            refused = not self.report_only
            self._tell(Verdict(error.code, method, path, route, error.key_id, None, refused))
        return None if self.report_only else answer_to(error)

    def _tell(self, verdict: Verdict) -> None:
        try:
            if self._on_verdict:
                self._on_verdict(verdict)
        except Exception:  # noqa: BLE001  the hook's, not the request's
            _log.exception("on_verdict failed")  # the verdict stands


def log_refusal(
    error: Rejected | Unavailable, method: str, path: str, route: str | None = None, verb: str = "refused"
) -> None:
    """One record a refusal, quoted so that it stays on one line; `key_id` is what the request claims, unproven."""
    extra = {"code": error.code, "status": error.status, "key_id": error.key_id, "route": route}
    _log.warning("%s %s: %a %a key %a (%s)", verb, error.code, method, path, error.key_id, error, extra=extra)


def verify(demand: Require, request: Request, read_body: ReadBody | None) -> Verified:
    """The first proof; otherwise the refusal that says most, which is the last that found a signature."""
    refusal: Rejected = SignatureMissing()
    for verifier in demand.verifiers:
        try:
            verified = verifier.verify(request, read_body, uncovered=demand.uncovered)
        except SignatureMissing:
            continue
        except Replayed:
            raise  # proven, and known: another verifier's store has not seen it
        except Rejected as error:
            refusal = error
        else:
            demand.check_key(verified)
            return verified
    raise refusal


async def averify(demand: Require, request: Request, read_body: ReadBody | None) -> Verified:
    """As `verify`, awaiting."""
    refusal: Rejected = SignatureMissing()
    for verifier in demand.verifiers:
        try:
            verified = await verifier.averify(request, read_body, uncovered=demand.uncovered)
        except SignatureMissing:
            continue
        except Replayed:
            raise  # as above
        except Rejected as error:
            refusal = error
        else:
            demand.check_key(verified)
            return verified
    raise refusal


def received_params(converted: Mapping[str, Any], path: str) -> dict[str, str]:
    """What a route matched, as received and decoded once, from what its converters made of it.

    A signature over `{param:id}` is over text: a converter that changed it (`007` to 7) would hand the view what nobody
    signed. Such a parameter is left out, and so refused where a scheme needs it.
    """
    segments = path.split("/")
    received: dict[str, str] = {}
    for name, value in converted.items():
        text = str(value)
        if isinstance(value, str):
            found = {value} if value in path else set()
        else:
            found = {segment for segment in segments if segment.lower() == text.lower()}  # a UUID in capitals
        if len(found) == 1:
            received[name] = found.pop()
    return received


def _marker(rule: Rule) -> Callable[[_E], _E]:
    def mark(endpoint: _E) -> _E:
        if rule_of(endpoint) is not None:
            raise ConfigurationError(f"{endpoint!r} has a rule already: require or exempt, once")
        try:
            setattr(endpoint, _RULE, rule)
        except AttributeError as error:
            raise ConfigurationError(f"{type(endpoint).__name__} cannot have a rule") from error
        marked()
        return endpoint

    return mark
