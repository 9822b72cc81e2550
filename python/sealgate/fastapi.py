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
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import aclosing, suppress
from datetime import datetime
from functools import reduce
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar, cast

from fastapi import FastAPI, HTTPException
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import APIKey
from fastapi.requests import HTTPConnection, Request
from fastapi.responses import Response, StreamingResponse
from fastapi.security.base import SecurityBase
from fastapi.websockets import WebSocket, WebSocketState
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from sealgate import policy
from sealgate._native import Verified
from sealgate.answer import answer_to
from sealgate.asgi import (
    Body,
    Layer,
    Message,
    Receive,
    Recheck,
    Scope,
    acts_of,
    method_of,
    passed_in,
    proof,
    request_of,
)
from sealgate.exceptions import (
    BodyUnreadable,
    ConfigurationError,
    FileMissing,
    InvalidSignature,
    NotCovered,
    Rejected,
    SignatureMissing,
    Unavailable,
)
from sealgate.files import Answer as FileAnswer
from sealgate.files import AsyncContent, SignedFiles
from sealgate.policy import Choice, OnVerdict, Passed, Policy, Require, Rule, exempt, require
from sealgate.policy.openapi import security_name, security_scheme
from sealgate.verifier import Verifier

__all__ = [
    "Proof",
    "Sealgate",
    "VerifiedBy",
    "exempt",
    "file_response",
    "late_routes",
    "proofs_of",
    "require",
    "rules_of",
]

_E = TypeVar("_E")
_log = logging.getLogger("sealgate")


class Proof(SecurityBase):
    """A dependency: the proof that `demand` takes, or a refusal. In OpenAPI an API key in the signature's field."""

    def __init__(self, demand: Require) -> None:
        self.demand = demand
        self.model = APIKey.model_validate(security_scheme(demand))
        self.scheme_name = security_name(demand)

    async def __call__(self, connection: HTTPConnection) -> Verified:
        _answer_refusals_of(connection)
        passed = passed_in(connection.scope)
        try:
            return proof(connection.scope, self.demand)
        except Rejected as error:
            if passed is None or passed.policy is None or not passed.policy.report_only:
                raise
            if passed.as_what != "report-only":  # which the log has already
                passed.policy.refused(error, method_of(connection.scope), connection.scope["path"])
            return cast("Verified", None)  # there is no proof, and the request shall pass


class Sealgate(Proof):
    """Closes `app`: every route is verified by `verifier`, unless it requires others or is exempt.

    As a dependency it gives the `Verified`; on a route that another verifier proved, or none, it refuses.
    `root_path`: where the application is mounted, its own if omitted; a request with another one is refused.
    `preflight`: a CORS preflight passes unsigned to a CORSMiddleware inside, but to no view. `report_only`: refused
    requests pass, loudly logged, and dependencies give None. `on_verdict`: told each `Verdict`.
    `clock`: Unix seconds, for the end of exemptions. Raises `ConfigurationError`: twice on one application, too late.
    """

    def __init__(
        self,
        app: FastAPI,
        verifier: Verifier,
        *,
        root_path: str | None = None,
        preflight: bool = False,
        report_only: bool = False,
        on_verdict: OnVerdict | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.policy = Policy(verifier, preflight=preflight, report_only=report_only, on_verdict=on_verdict, clock=clock)
        super().__init__(self.policy.default)
        installed: list[Any] = [middleware.cls for middleware in app.user_middleware]
        if Layer in installed:
            raise ConfigurationError("app: this application has its Sealgate already")
        if app.middleware_stack is not None:
            raise ConfigurationError("app: this application has started already")
        root_path = app.root_path if root_path is None else root_path
        self.app = app
        app.add_middleware(Layer, self.policy, root_path, self.choose)
        # add_middleware puts to the front, which is outermost
        app.user_middleware.append(Middleware(Recheck, self.policy, root_path, self.choose))
        _answer_refusals(app.exception_handlers)

    def require(self, *verifiers: Verifier, keys: Iterable[str] | None = None, uncovered: Iterable[str] = ()) -> Proof:
        """A dependency for routes, routers and includes: these verifiers (any of them) instead of the application's.

        `keys`, `uncovered`: as in `sealgate.policy.require`. Where several apply to one route, a verifier and its key
        must be among those of each. For an application to mount: `sealgate.fastapi.require(stripe)(application)`.
        """
        demand = policy.required(verifiers, keys, uncovered)
        policy.marked()
        return Proof(demand)

    def exempt(
        self, reason: str, *, methods: Iterable[str] = ("GET", "HEAD"), until: datetime | None = None
    ) -> Callable[[_E], _E]:
        """Marks an endpoint, a router, or an application to mount: unsigned requests pass, because of `reason`.

        Only for `methods`, where a websocket is "WEBSOCKET". A dependency that asks for a proof outweighs it, and what
        is required further in. After `until` (with a time zone) the route is closed again.
        """
        return policy.exempt(reason, methods=methods, until=until)

    def choose(self, scope: Scope) -> Choice:
        default = self.policy.default
        if not (policy.any_rules() or default.reads_params):
            return Choice(default)
        try:
            found = _route(self.app.router, scope)
        except Exception as error:  # noqa: BLE001  a convertor may fail on the path: what cannot be resolved is closed
            _log.warning("no route for %a: %s", scope["path"], type(error).__name__)
            return Choice(default)
        if found is None:
            return Choice(default)
        method = policy.WEBSOCKET if scope["type"] == "websocket" else method_of(scope)
        demand = self.policy.demand(found.rules, method)
        demands = [each.demand for each in found.proofs]
        if demands:
            own = [] if demand is None or demand is default else [demand]
            demand = reduce(policy.Require.narrowed, [*own, *demands])
        params = None
        if demand is not None and demand.reads_params:
            params = policy.received_params(found.params, scope["path"])
        return Choice(demand, found.path, params)


class VerifiedBy(SecurityBase):
    """The dependency alone, without the layer: this route is proven by `verifier` before its view runs.

    It cannot keep that nothing is parsed before: FastAPI reads and parses the body first, without this limit, and
    answers 422 to a malformed one; 404s, /docs and other routes stay open. Form endpoints have consumed the
    stream by then, so nothing could be proven: `ConfigurationError`, which is a 500. So is a scheme that signs a
    canonical form, since the view would be given the received one; a link with parameters that are ignored is refused,
    since it would be given these. Prefer `Sealgate`.
    """

    def __init__(self, verifier: Verifier) -> None:
        self.policy = Policy(verifier)
        if verifier.spool is not None:
            raise ConfigurationError("VerifiedBy: FastAPI has the body in memory by then: spool needs Sealgate")
        self.model = APIKey.model_validate(security_scheme(self.policy.default))
        self.scheme_name = security_name(self.policy.default)

    async def __call__(self, connection: HTTPConnection) -> Verified:
        _answer_refusals_of(connection)
        connection.scope.setdefault("sealgate.gate", self.policy)  # whose answer it is, where no layer stands before
        demand = self.policy.default
        with suppress(SignatureMissing, InvalidSignature):
            # No layer, or one with another verifier: then this is where it is proven.
            return proof(connection.scope, demand)
        if isinstance(connection, WebSocket):
            return await self._prove(connection, connection.receive)
        request = cast("Request", connection)
        if self.policy.verifier.scheme.body_form is not None:
            raise ConfigurationError("VerifiedBy: FastAPI has parsed the body as received: this scheme needs Sealgate")
        async with aclosing(request.stream()) as chunks:
            verified = await self._prove(request, _messages(chunks))
        request._body = verified.body  # as Request.body() does, so that the view can read it again
        return verified

    async def _prove(self, connection: HTTPConnection, receive: Receive) -> Verified:
        scope, demand = connection.scope, self.policy.default
        scope["headers"] = list(scope["headers"])  # as the layer does, against trailers
        body = Body(scope, receive, demand)
        params = policy.received_params(connection.path_params, scope["path"]) if demand.reads_params else None
        try:
            verified = await policy.averify(demand, request_of(scope, params), body.read)
        except BodyUnreadable as refusal:
            if isinstance(refusal.__cause__, ConfigurationError):
                raise refusal.__cause__ from None
            raise
        if verified.query is not None:
            raise NotCovered("parameters behind the signature, which FastAPI has handed over: this needs Sealgate")
        known = passed_in(scope)
        if known is None or known.verified is None:
            scope["sealgate"] = Passed("proven", acts_of(scope), demand, verified)
        return verified


async def file_response(
    request: Request,
    files: SignedFiles,
    param: str,
    *,
    token: str | None = None,
    filename: str | None = None,
    inline: bool = False,
) -> Response:
    """The file of `files` whose identifier is the route's parameter `param`, as far as `request` asks for it.

    The request's proof has to cover it, or with a `scope` the `token`; `filename` and `inline` as of
    `SignedFiles.answer`. A refusal is answered as the layer answers it; where there is no file `HTTPException(404)` is
    raised. Raises `ConfigurationError` where the route has no such parameter.
    """
    scope = request.scope
    passed = passed_in(scope)
    try:
        identifier = policy.received_param(request.path_params, scope["path"], param)
        verified = None if passed is None else passed.proof(None, acts_of(scope))
        proof = verified if files.scope is None and token is None else token
        file = await files.aopen(identifier, proof, param=param)
    except FileMissing as error:
        policy.log_refusal(error, method_of(scope), scope["path"])
        raise HTTPException(HTTPStatus.NOT_FOUND) from None
    except (Rejected, Unavailable) as error:
        return cast("Response", await _refuse(request, error))
    return _FileResponse(files.answer(file, method_of(scope), request.headers.get, filename=filename, inline=inline))


class _FileResponse(StreamingResponse):
    """Closes the file, whatever becomes of the client."""

    def __init__(self, answer: FileAnswer) -> None:
        self._content = AsyncContent(answer.content)
        super().__init__(self._content, answer.status, dict(answer.headers))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._content.close()


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


class _Found(NamedTuple):
    """A route that the router will take. `rules`: innermost first; `proofs`: the dependencies that ask for one."""

    path: str | None
    rules: list[Rule]
    proofs: list[Proof]
    params: Mapping[str, Any]


def _route(router: Any, scope: Scope) -> _Found | None:
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
    inner = _route(router, scope)
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


def _answer_refusals(handlers: MutableMapping[Any, Any]) -> None:
    for kind in (Rejected, Unavailable):
        handlers.setdefault(kind, _refuse)


def _answer_refusals_of(connection: HTTPConnection) -> None:
    """For applications that `Sealgate` does not know (mounted ones): Starlette keeps their handlers in the scope."""
    handlers, _ = connection.scope.get("starlette.exception_handlers", ({}, {}))
    _answer_refusals(handlers)


async def _refuse(connection: Request | WebSocket, error: Rejected | Unavailable) -> Response | None:
    """The layer's own answer, given from within."""
    passed = passed_in(connection.scope)
    if passed is None or passed.policy is None:
        policy.log_refusal(error, method_of(connection.scope), connection.scope["path"])
        gate: Policy | None = connection.scope.get("sealgate.gate")
        told = answer_to(error) if gate is None else gate.answer_to(error)
    else:
        passed.policy.refused(error, method_of(connection.scope), connection.scope["path"])
        told = passed.policy.answer_to(error)
    response = Response(told.body, told.status, dict(told.headers))
    if isinstance(connection, Request):
        return response
    waiting = connection.application_state is WebSocketState.CONNECTING
    if waiting and "websocket.http.response" in (connection.scope.get("extensions") or {}):
        await connection.send_denial_response(response)
    else:
        await connection.close(code=1008)
    return None
