"""The dependency that hands on what a layer proved, and how a refusal from within is answered."""

# Annotations stay objects here: FastAPI reads those of a dependency that is an instance, and cannot resolve text.

from collections.abc import MutableMapping
from typing import Any, cast

from fastapi.openapi.models import APIKey
from fastapi.requests import HTTPConnection, Request
from fastapi.responses import Response
from fastapi.security.base import SecurityBase
from fastapi.websockets import WebSocket, WebSocketState

from sealgate import policy
from sealgate._native import Verified
from sealgate.answer import answer_to
from sealgate.asgi import method_of, passed_in, proof
from sealgate.exceptions import Rejected, Unavailable
from sealgate.policy import Policy, Require
from sealgate.policy.openapi import security_name, security_scheme

__all__ = ["Proof", "answer_refusals", "answer_refusals_of", "refuse"]


class Proof(SecurityBase):
    """A dependency: the proof that `demand` takes, or a refusal. In OpenAPI an API key in the signature's field."""

    def __init__(self, demand: Require) -> None:
        self.demand = demand
        self.model = APIKey.model_validate(security_scheme(demand))
        self.scheme_name = security_name(demand)

    async def __call__(self, connection: HTTPConnection) -> Verified:
        answer_refusals_of(connection)
        passed = passed_in(connection.scope)
        try:
            return proof(connection.scope, self.demand)
        except Rejected as error:
            if passed is None or passed.policy is None or not passed.policy.report_only:
                raise
            if passed.as_what != "report-only":  # which the log has already
                passed.policy.refused(error, method_of(connection.scope), connection.scope["path"])
            return cast("Verified", None)  # there is no proof, and the request shall pass


def answer_refusals(handlers: MutableMapping[Any, Any]) -> None:
    for kind in (Rejected, Unavailable):
        handlers.setdefault(kind, refuse)


def answer_refusals_of(connection: HTTPConnection) -> None:
    """For applications that `Sealgate` does not know (mounted ones): Starlette keeps their handlers in the scope."""
    handlers, _ = connection.scope.get("starlette.exception_handlers", ({}, {}))
    answer_refusals(handlers)


async def refuse(connection: Request | WebSocket, error: Rejected | Unavailable) -> Response | None:
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
