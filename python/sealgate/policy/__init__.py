"""Which verifier or exemption a route has, by endpoint and never by path; and what becomes of a refusal."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

from sealgate._native import Request, Verified
from sealgate.answer import Answer, answer_to
from sealgate.exceptions import (
    ConfigurationError,
    HandshakeAnswered,
    NotCovered,
    Rejected,
    Replayed,
    SignatureMissing,
    Unavailable,
)
from sealgate.policy.rules import (
    WEBSOCKET,
    Exempt,
    Require,
    Rule,
    any_rules,
    exempt,
    marked,
    require,
    required,
    rule_of,
    rules_of_view,
)
from sealgate.replay import Delivery
from sealgate.steps import Steps, arun, run
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
    "log_refusal",
    "marked",
    "received_param",
    "received_params",
    "require",
    "required",
    "rule_of",
    "rules_of_view",
    "verify",
]

_log = logging.getLogger("sealgate")


class Choice(NamedTuple):
    """What a request needs; `demand` is None where it is exempt. `route`: its pattern, where it has been resolved."""

    demand: Require | None
    route: str | None = None
    params: Mapping[str, str] | None = None


class Passed:
    """What was let through, and as what: `proven` under `demand`, `exempt`, a `preflight`, or refused in `report-only`.

    `acts`: what decided which view runs, and how, such as method, path and query; in the adapter's own form. `policy`:
    whose, where others further in may refuse the request as well.
    """

    __slots__ = ("acts", "as_what", "demand", "policy", "verified")

    def __init__(
        self,
        as_what: str,
        acts: Any,
        demand: Require | None,
        verified: Verified | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.policy = policy
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
            demand.check_key(self.verified.key_id)
        return self.verified


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an `on_verdict` hook is told.

    `code`: `verified`, or that of the refusal. `key_id`: whose key it was; of a refusal what it claims, unproven.
    `route`: the route's pattern, where it was resolved. `scheme`: the one that proved it. `refused`: False also where
    `report_only` let the request through. An acknowledged duplicate is refused as `nonce-replayed`, and a provider's
    probe that was answered as `handshake`: no view runs.
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

    __slots__ = ("_on_verdict", "clock", "default", "preflight", "report_only", "verifier")

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
        if on_verdict is not None and (not callable(on_verdict) or inspect.iscoroutinefunction(on_verdict)):
            raise ConfigurationError("on_verdict: expected a function of one verdict, and no coroutine")
        self.verifier = verifier
        self.default = Require((verifier,))
        self.report_only = report_only
        self.preflight = preflight
        self._on_verdict = on_verdict
        self.clock = clock

    def demand(self, rules: Iterable[Rule], method: str) -> Require | None:
        """What the innermost of `rules` that says something about `method` demands; None: the request is exempt."""
        for rule in rules:
            if isinstance(rule, Require):
                return rule
            if rule.admits(method, self.clock()):
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
        is_probe = isinstance(error, HandshakeAnswered)  # there is nothing in it for a view
        passes = self.report_only and not is_probe
        verb = "answered" if is_probe else "acknowledged" if error.status == HTTPStatus.OK else "refused"
        log_refusal(error, method, path, route, "report only, let through:" if passes else verb)
        if self._on_verdict:
            self._tell(Verdict(error.code, method, path, route, error.key_id, None, refused=not passes))
        return None if passes else self.answer_to(error)

    def answer_to(self, error: Rejected | Unavailable) -> Answer:
        """What the caller of a refused request is told."""
        return answer_to(error, self.verifier.scheme.accept_signature)

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
    # Not the exception itself: whoever keeps the record would keep its traceback, and with that the body.
    _log.warning("%s %s: %a %a key %a (%s)", verb, error.code, method, path, error.key_id, str(error), extra=extra)


def verify(demand: Require, request: Request, read_body: ReadBody | None, delivery: Delivery | None = None) -> Verified:
    """The first proof; otherwise the refusal that says most, which is the last that found a signature.

    `delivery`: a fresh one, for whoever gives the answer; without it no handshake is answered.
    """
    proven: list[Verified] = []
    run(_prove(demand, request, read_body, delivery, proven, awaits=False), "averify")
    return proven[0]


async def averify(
    demand: Require, request: Request, read_body: ReadBody | None, delivery: Delivery | None = None
) -> Verified:
    """As `verify`, awaiting."""
    proven: list[Verified] = []
    await arun(_prove(demand, request, read_body, delivery, proven, awaits=True))
    return proven[0]


def _prove(
    demand: Require,
    request: Request,
    read_body: ReadBody | None,
    delivery: Delivery | None,
    proven: list[Verified],
    *,
    awaits: bool,
) -> Steps[None]:
    refusal: Rejected = SignatureMissing()
    for verifier in demand.verifiers:
        try:
            yield from verifier.steps(request, read_body, demand.uncovered, delivery, proven, awaits=awaits)
        except SignatureMissing:
            continue
        except HandshakeAnswered as error:
            if error.signed:
                demand.check_key(error.key_id)
            raise
        except Replayed as error:
            if error.status == HTTPStatus.OK:
                demand.check_key(error.key_id)
            raise  # proven, and known: another verifier's store has not seen it
        except Rejected as error:
            refusal = error
        else:
            try:
                demand.check_key(proven[0].key_id)
            except Rejected as error:
                if delivery is not None:
                    yield from delivery.tell(error.status, awaits=awaits)
                raise
            return
    try:
        raise refusal
    finally:
        del refusal  # its traceback has this frame, and so the body: both would wait for the garbage collector


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


def received_param(converted: Mapping[str, Any], path: str, name: str) -> str:
    """One of `received_params`. Raises `NotCovered` where it is not what stands in the path, as of a part of the host.

    Raises `ConfigurationError` where the route has no such parameter.
    """
    if name not in converted:
        raise ConfigurationError(f"param: the route has no parameter {name!r}")
    received = received_params({name: converted[name]}, path)
    if name not in received:
        raise NotCovered("the parameter is not as it stands in the path")
    return received[name]
