"""FastAPI's dependencies: which of a route's are ours, and what they prove without a layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sealgate.audit.entry import Standing, name_of
from sealgate.audit.layers import judged
from sealgate.audit.levels import Level, ours
from sealgate.policy import Require

__all__ = ["bare", "proofs_of"]

_ASKED = "a dependency asks for the layer's proof"
_IN_VAIN = "a dependency asks for a proof that no layer makes: every request is refused"


def proofs_of(route: Any) -> tuple[Require, ...]:
    """The demands of its dependencies that ask the layer for a proof."""
    fastapi, dependant = ours(), getattr(route, "dependant", None)
    if fastapi is None or dependant is None:
        return ()
    return tuple(proof.demand for proof in fastapi.proofs_of(dependant))


def bare(
    route: Any, endpoint: Any, level: Level, overrides: Mapping[Any, Any], now: float, *, websocket: bool = False
) -> Standing:
    """What the dependencies of a route prove by themselves; `endpoint`: its view. `overrides`: the application's."""
    fastapi, dependant = ours(), getattr(route, "dependant", None)
    calls = [] if dependant is None else list(_calls(dependant, overrides))
    if fastapi is not None:
        alone = [call for call in calls if type(call) is fastapi.VerifiedBy]
        asking = [call for call in calls if type(call).__call__ is fastapi.Proof.__call__]
        if alone:
            return _verified_by(alone[0].policy, route, now, websocket=websocket)
        if asking and not level.reports_only():
            return Standing("verified", (_ASKED if level.has_layers() else _IN_VAIN,))
        calls = [call for call in calls if type(call).__call__ is not fastapi.Proof.__call__]
    return level.nothing(*_of_view(endpoint), *calls)


def _verified_by(policy: Any, route: Any, now: float, *, websocket: bool) -> Standing:
    """The body has been read by then where the route has one to parse, and a form is consumed."""
    field = None if websocket else getattr(route, "body_field", None)
    found = judged(policy, (), "*", now)
    original = getattr(route, "original_route", route)
    handler = getattr(type(original), "get_route_handler", None)
    if handler is not None and not handler.__module__.startswith("fastapi."):
        return Standing(
            "unknown", (f"{name_of(original)} has a handler of its own: whether VerifiedBy runs is not known",)
        )
    if policy.verifier.scheme.body_form is not None and not websocket:
        return Standing("unknown", ("VerifiedBy cannot hand over a canonical form: every request fails",), found.proofs)
    if field is not None and _is_form(field):
        return Standing("unknown", ("VerifiedBy stands behind a form, which has been read: every request fails",))
    before = () if field is None else ("the body is parsed before",)
    evidence = ("verified by a dependency, without the layer", *before)
    return replace(found, evidence=evidence, parsed_first=field is not None)


def _is_form(field: Any) -> bool:
    kinds = {f"{cls.__module__}.{cls.__qualname__}" for cls in type(field.field_info).__mro__}
    return "fastapi.params.Form" in kinds


def _calls(dependant: Any, overrides: Mapping[Any, Any]) -> Iterator[Any]:
    """What runs before the view. Where a test has left an override, that runs, and nothing below it."""
    for inner in dependant.dependencies:
        if inner.call in overrides:
            yield overrides[inner.call]
            continue
        yield from _calls(inner, overrides)
        yield inner.call


def _of_view(endpoint: Any) -> Iterator[Any]:
    yield endpoint
    if isinstance(endpoint, type):
        yield from (value for value in vars(endpoint).values() if callable(value))
