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
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, suppress
from datetime import datetime
from functools import reduce
from typing import Any, TypeVar, cast

from fastapi import FastAPI
from fastapi.openapi.models import APIKey
from fastapi.requests import HTTPConnection, Request
from fastapi.security.base import SecurityBase
from fastapi.websockets import WebSocket
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from sealgate import policy
from sealgate._native import Verified
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
from sealgate.exceptions import BodyUnreadable, ConfigurationError, InvalidSignature, NotCovered, SignatureMissing
from sealgate.fastapi.dependency import Proof, answer_refusals, answer_refusals_of
from sealgate.fastapi.files import file_response
from sealgate.fastapi.routes import late_routes, proofs_of, route_of, rules_of
from sealgate.policy import Choice, OnVerdict, Passed, Policy, exempt, require
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
        answer_refusals(app.exception_handlers)

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
            found = route_of(self.app.router, scope)
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
        answer_refusals_of(connection)
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
