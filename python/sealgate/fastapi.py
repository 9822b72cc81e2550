"""FastAPI: an ASGI layer that goes first, and a dependency that hands its verdict to the view.

    seal = Sealgate(app, partners)
    Signed = Annotated[Verified, Depends(seal)]

    @app.post("/orders")
    async def orders(order: Order, verified: Signed): ...

    @app.post("/stripe", dependencies=[Depends(seal.require(stripe))])
    @app.get("/health")
    @seal.exempt("load balancer probe, returns no data")
    app.mount("/static", seal.exempt("public")(StaticFiles(directory="static")))

Every path is closed: /docs, /openapi.json, mounts, redirects and 404s too. FastAPI parses the body before it asks a
dependency, so the layer looks for the route's requirement first. A mounted application is one route: what is
marked inside it does not open it. Middleware added before `Sealgate` stands inside, and may not rewrite the target.
"""
# Annotations stay objects here: FastAPI reads those of a dependency that is an instance, and cannot resolve text.

import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Any, TypeVar, cast

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.requests import HTTPConnection, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.security.base import SecurityBase
from fastapi.websockets import WebSocket, WebSocketState
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match

from sealgate import policy
from sealgate._native import Scheme, Verified
from sealgate.answer import answer
from sealgate.asgi import (
    Body,
    Message,
    Passed,
    Receive,
    Recheck,
    Scope,
    SignatureMiddleware,
    method_of,
    passed_in,
    proof,
    request_of,
)
from sealgate.exceptions import BodyUnreadable, ConfigurationError, Rejected, Unavailable
from sealgate.verifier import Verifier

__all__ = ["Sealgate", "VerifiedBy"]

_E = TypeVar("_E")
_log = logging.getLogger("sealgate")


class _Proof(SecurityBase):
    """A dependency: the proof by one of `verifiers`, or a refusal. In OpenAPI an API key in the signature's field."""

    def __init__(self, verifiers: tuple[Verifier, ...]) -> None:
        if not verifiers or not all(isinstance(verifier, Verifier) for verifier in verifiers):
            raise ConfigurationError("verifier: expected a Verifier")
        self.verifiers = verifiers
        schemes = [verifier.scheme for verifier in verifiers]
        facts = [_facts(scheme) for scheme in schemes]
        self.model = APIKey.model_validate(
            {
                "in": APIKeyIn.header,
                "name": _field(schemes[0]),
                "description": "HMAC signature of the request: " + " or ".join(scheme.name for scheme in schemes),
                "x-sealgate": facts[0] if len(facts) == 1 else {"any_of": facts},
            }
        )
        name = "-or-".join(f"{scheme.name}-{_field(scheme)}" for scheme in schemes)
        self.scheme_name = re.sub(r"[^a-zA-Z0-9._-]", "-", name)  # a key under components (OpenAPI 3.1, 4.8.7)

    async def __call__(self, connection: HTTPConnection) -> Verified:
        _answer_refusals_of(connection)
        return proof(connection.scope, self.verifiers)


class Sealgate(_Proof):
    """Closes `app`: every route is verified by `verifier`, unless it requires others or is exempt.

    As a dependency it gives the `Verified`; on a route that another verifier proved, or none, it refuses.
    `root_path`: where the application is mounted, its own if omitted; a request with another one is refused.
    `clock`: Unix seconds, for the end of exemptions. Raises `ConfigurationError`: twice on one application, too late.
    """

    def __init__(
        self,
        app: FastAPI,
        verifier: Verifier,
        *,
        root_path: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__((verifier,))
        installed: list[Any] = [middleware.cls for middleware in app.user_middleware]
        if SignatureMiddleware in installed:
            raise ConfigurationError("app: this application has its Sealgate already")
        if app.middleware_stack is not None:
            raise ConfigurationError("app: this application has started already")
        root_path = app.root_path if root_path is None else root_path
        self._app = app
        self._verifier = verifier
        self._clock = clock
        app.add_middleware(SignatureMiddleware, verifier, root_path=root_path, choose=self._choose)
        app.user_middleware.append(Middleware(Recheck))  # add_middleware puts to the front, which is outermost
        _answer_refusals(app.exception_handlers)

    def require(self, *verifiers: Verifier) -> _Proof:
        """A dependency for routes, routers and includes: these verifiers (any of them) instead of the application's.

        Where several apply to one route, a verifier must be among those of each.
        """
        return policy.require(*verifiers)(_Proof(verifiers))

    def exempt(
        self, reason: str, *, methods: Iterable[str] = ("GET", "HEAD"), until: datetime | None = None
    ) -> Callable[[_E], _E]:
        """Marks an endpoint, or an application to mount: unsigned requests pass for `methods`, because of `reason`.

        A dependency that asks for a proof outweighs it. After `until` (with a time zone) the route is closed again.
        """
        return policy.exempt(reason, methods=methods, until=until)

    def _choose(self, scope: Scope) -> tuple[Verifier, ...]:
        if not policy.any_rules():
            return self.verifiers
        try:
            found = _route(self._app.router.routes, scope)
        except Exception as error:  # noqa: BLE001  a convertor may fail on the path: what cannot be resolved is closed
            _log.warning("no route for %a: %s", scope["path"], type(error).__name__)
            return self.verifiers
        if found is None:
            return self.verifiers
        endpoint, dependant = found
        rule = policy.rule_of(endpoint)
        demands = [rule.verifiers] if isinstance(rule, policy.Require) else []
        demands += () if dependant is None else _demands(dependant)
        if not demands:
            return policy.verifiers_for(rule, self._verifier, method_of(scope), self._clock())
        first, *others = demands
        # None left must not read as an exemption: of demands that exclude each other take one, the others will refuse.
        return tuple(one for one in first if all(one in other for other in others)) or first


class VerifiedBy:
    """The dependency alone, without the layer: this route is proven by `verifier` before its view runs.

    It cannot keep that nothing is parsed before: FastAPI reads and parses the body first, without this limit, and
    answers 422 to a malformed one; 404s, /docs and other routes stay open. Form endpoints have consumed the
    stream by then, so nothing could be proven: `ConfigurationError`, which is a 500. So is a scheme that signs a
    canonical form, since the view would be given the received one. Prefer `Sealgate`.
    """

    def __init__(self, verifier: Verifier) -> None:
        if not isinstance(verifier, Verifier):
            raise ConfigurationError("verifier: expected a Verifier")
        self.verifiers = (verifier,)

    async def __call__(self, connection: HTTPConnection) -> Verified:
        _answer_refusals_of(connection)
        with suppress(Rejected):  # no layer, or one with another verifier: then this is where it is proven
            return proof(connection.scope, self.verifiers)
        if isinstance(connection, WebSocket):
            return await self._prove(connection, connection.receive)
        request = cast("Request", connection)
        if self.verifiers[0].scheme.body_form is not None:
            raise ConfigurationError("VerifiedBy: FastAPI has parsed the body as received: this scheme needs Sealgate")
        async with aclosing(request.stream()) as chunks:
            verified = await self._prove(request, _messages(chunks))
        request._body = verified.body  # as Request.body() does, so that the view can read it again
        return verified

    async def _prove(self, connection: HTTPConnection, receive: Receive) -> Verified:
        scope, (verifier,) = connection.scope, self.verifiers
        scope["headers"] = list(scope["headers"])  # as the layer does, against trailers
        body = Body(scope, receive, verifier.body_timeout)
        try:
            verified = await verifier.averify(request_of(scope), body.read)
        except BodyUnreadable as refusal:
            if isinstance(refusal.__cause__, ConfigurationError):
                raise refusal.__cause__ from None
            raise
        known = passed_in(scope)
        if known is None or known.verified is None:
            scope["sealgate"] = Passed(scope, self.verifiers, verified)
        return verified


def _messages(chunks: AsyncIterator[bytes]) -> Receive:
    """The body as ASGI messages again, from a request that FastAPI may have read."""

    async def receive() -> Message:
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            return {"type": "http.request"}
        except ClientDisconnect:
            return {"type": "http.disconnect"}
        except RuntimeError as error:  # "Stream consumed"
            raise ConfigurationError("VerifiedBy: a form was read before it could be verified, use Sealgate") from error
        return {"type": "http.request", "body": chunk, "more_body": True}

    return receive


def _route(routes: Sequence[BaseRoute], scope: Scope) -> tuple[Any, Dependant | None] | None:
    """Endpoint and dependencies of the route that the router will take: the first full match, in its order."""
    probe = dict(scope)  # matching writes to it
    for route in routes:
        if route.matches(probe)[0] is Match.FULL:
            return _within(route, probe)
    return None


def _within(route: BaseRoute, probe: Scope) -> tuple[Any, Dependant | None] | None:
    """The same within an included router; for any other route, of itself."""
    for context in iter_route_contexts([route]):
        original = context.original_route
        if original is not route and isinstance(original, APIRoute) and type(original).matches is not APIRoute.matches:
            return None  # it matches in its own way, which the context does not know
        match, child = context.matches(probe)
        if match is Match.FULL:
            return child.get("endpoint"), getattr(context, "dependant", None)
    return None


def _demands(dependant: Dependant) -> Iterator[tuple[Verifier, ...]]:
    if isinstance(dependant.call, _Proof):
        yield dependant.call.verifiers
    for inner in dependant.dependencies:
        yield from _demands(inner)


def _answer_refusals(handlers: MutableMapping[Any, Any]) -> None:
    for kind in (Rejected, Unavailable):
        handlers.setdefault(kind, _refuse)


def _answer_refusals_of(connection: HTTPConnection) -> None:
    """For applications that `Sealgate` does not know (mounted ones): Starlette keeps their handlers in the scope."""
    handlers, _ = connection.scope.get("starlette.exception_handlers", ({}, {}))
    _answer_refusals(handlers)


async def _refuse(connection: Request | WebSocket, error: Rejected | Unavailable) -> Response | None:
    """The layer's own answer, given from within."""
    told = answer(error, method_of(connection.scope), connection.scope["path"])
    response = Response(told.body, told.status, dict(told.headers))
    if isinstance(connection, Request):
        return response
    waiting = connection.application_state is WebSocketState.CONNECTING
    if waiting and "websocket.http.response" in (connection.scope.get("extensions") or {}):
        await connection.send_denial_response(response)
    else:
        await connection.close(code=1008)
    return None


def _field(scheme: Scheme) -> str:
    """The field that carries the signature itself: written after its parameters."""
    return scheme.fields[-1]


def _facts(scheme: Scheme) -> dict[str, Any]:
    return {"scheme": scheme.name, "covered": list(scheme.covered), "weaknesses": sorted(scheme.weaknesses())}
