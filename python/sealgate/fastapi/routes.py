"""Which route a router will take, and what is marked on it: asked before FastAPI itself is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fastapi.dependencies.models import Dependant
from starlette.routing import Match

from sealgate import policy
from sealgate.asgi import Scope, method_of
from sealgate.fastapi.dependency import Proof
from sealgate.policy import Require, Rule

__all__ = ["late_routes", "proofs_of", "route_of", "rules_of"]


class _Found(NamedTuple):
    """A route that the router will take. `rules`: innermost first; `proofs`: the dependencies that ask for one."""

    path: str | None
    rules: list[Rule]
    proofs: list[Proof]
    params: Mapping[str, Any]


def route_of(router: Any, scope: Scope) -> _Found | None:
    """The route that a router takes: its first full match, or else one of those that it keeps for last."""
    late = [route for each in router.routes for route in late_routes(each)]
    return _first(router.routes, scope) or _first([*getattr(router, "_low_priority_routes", ()), *late], scope)


def late_routes(route: Any) -> Iterator[Any]:
    if hasattr(route, "effective_low_priority_routes"):  # of an included router
        yield from route.effective_low_priority_routes()


def _first(routes: Iterable[Any], scope: Scope) -> _Found | None:
    probe = dict(scope)  # matching writes to it
    for route in routes:
        match, child = route.matches(probe)
        if match is not Match.FULL:
            continue
        context, outer = route, list[Rule]()
        while hasattr(route, "original_router"):  # an included one, whose own match says what is taken within
            outer = [*rules_of(route.original_router, scope), *outer]
            _, child, route, context = route._match(probe)
        taken = getattr(context, "starlette_route", None) or context or route
        dependant = getattr(context, "dependant", None) or getattr(taken, "dependant", None)
        endpoint = child.get("endpoint")
        found = _Found(
            getattr(taken, "path", None),
            [*rules_of(endpoint, scope), *outer],
            [] if dependant is None else list(proofs_of(dependant)),
            child.get("path_params", {}),
        )
        return _below(endpoint, {**scope, **child}, found)
    return None


def _below(mounted: Any, scope: Scope, found: _Found) -> _Found:
    """What is required within a mounted application holds; what is exempt there opens nothing."""
    router = getattr(mounted, "router", mounted)
    if not hasattr(router, "routes"):
        return found
    inner = route_of(router, scope)
    if inner is None:
        return found
    required: list[Rule] = [rule for rule in inner.rules if isinstance(rule, Require)]
    params = {**found.params, **inner.params}
    return found._replace(rules=[*required, *found.rules], proofs=[*inner.proofs, *found.proofs], params=params)


def rules_of(endpoint: Any, scope: Scope) -> list[Rule]:
    cls = endpoint if isinstance(endpoint, type) else None  # Starlette's HTTPEndpoint
    handler = method_of(scope).lower()
    if handler == "head" and not hasattr(cls, handler):
        handler = "get"
    return list(policy.rules_of_view(endpoint, cls, handler))


def proofs_of(dependant: Dependant) -> Iterator[Proof]:
    if isinstance(dependant.call, Proof):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from proofs_of(inner)
