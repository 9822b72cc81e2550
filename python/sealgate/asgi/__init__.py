"""The ASGI layer (ASGI 3.0): it owns the body, and nothing behind it runs on a request that is not proven.

    app = SignatureMiddleware(app, verifier)

`http` and `websocket` are verified, a websocket by its handshake, before it is accepted; what is said on the socket
afterwards is not covered. `lifespan` passes, anything else is refused. Event loop: asyncio.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from sealgate import policy
from sealgate._native import Request, Verified
from sealgate.answer import Answer
from sealgate.asgi.received import Body, Message, Receive, Scope, content_length
from sealgate.exceptions import (
    ConfigurationError,
    InvalidSignature,
    Rejected,
    SignatureMissing,
    TargetAmbiguous,
    Unavailable,
)
from sealgate.policy import Choice, OnVerdict, Passed, Policy, Require
from sealgate.replay import Delivery
from sealgate.verifier import Verifier

__all__ = [
    "App",
    "Body",
    "Layer",
    "Message",
    "Receive",
    "Recheck",
    "Scope",
    "Send",
    "SignatureMiddleware",
    "acts_of",
    "method_of",
    "passed_in",
    "proof",
    "refuse",
    "request_of",
]

Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = "sealgate"  # not scope["state"], which not every server provides
_WEBSOCKET_POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1
#: What the content of an answer comes in (ASGI, and its extensions).
_CONTENT = frozenset({"http.response.body", "http.response.pathsend", "http.response.zerocopysend"})


class Layer:
    """The layer of an application whose routes have rules. `choose`: what a request needs; it never raises."""

    def __init__(self, app: App, policy: Policy, root_path: str, choose: Callable[[Scope], Choice]) -> None:
        self.app = app
        self.policy = policy
        self._root_path = root_path
        self.choose = choose

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, send)
            return
        if kind not in {"http", "websocket"}:
            raise ConfigurationError(f"asgi: a scope of the type {kind!a} cannot be verified")
        # Trailers come after the verdict, and uvicorn appends them to the list that it has handed over.
        scope["headers"] = list(scope["headers"])
        choice = self.choose(scope)
        body = Body(scope, receive, choice.demand)
        delivery = Delivery() if kind == "http" else None  # a handshake has no answer to tell of
        try:
            passed = await self._admit(scope, choice, body, delivery)
        except (Rejected, Unavailable) as error:
            told = self.policy.refused(error, method_of(scope), scope["path"], choice.route)
            if told is not None:
                await refuse(told, scope, receive, send)
                return
            passed = Passed("report-only", acts_of(scope), choice.demand, policy=self.policy)
        # In the scope itself, not in a copy: what stands outside reads there what the router writes.
        scope[_KEY] = passed
        if delivery is not None and delivery.is_underway:
            await _answer(self.app, scope, body.again(), send, delivery)
        else:
            await self.app(scope, body.again(), send)

    async def _admit(self, scope: Scope, choice: Choice, body: Body, delivery: Delivery | None) -> Passed:
        demand, acts = choice.demand, acts_of(scope)
        if scope.get("root_path", "") != self._root_path:
            # What is signed is the whole path; what is routed on is the rest of it after this.
            raise TargetAmbiguous("root_path is not the configured one")
        # What an outer layer has proven, for this route too, must not be spent twice.
        outer = passed_in(scope)
        verified = None if outer is None else outer.proof(demand, acts)
        if outer is not None and verified is not None:
            body.replace(verified)  # what stands in between may have put another there
            return Passed("proven", acts, outer.demand, verified, self.policy)
        if demand is None:
            return Passed("exempt", acts, None, policy=self.policy)
        if self.policy.preflight and _is_preflight(self.policy, scope):
            return Passed("preflight", acts, demand, policy=self.policy)
        verified = await policy.averify(demand, request_of(scope, choice.params), body.read, delivery)
        body.replace(verified)
        if verified.query is not None:
            scope["query_string"] = verified.query.encode()
            acts = acts_of(scope)
        self.policy.accepted(verified, method_of(scope), scope["path"], choice.route)
        return Passed("proven", acts, demand, verified, self.policy)


async def _answer(app: App, scope: Scope, receive: Receive, send: Send, delivery: Delivery) -> None:
    """The application answers, and `delivery` is told: before the last of it is sent, so that who repeats a message
    that was answered finds it so; what runs in the background afterwards does not count."""
    status = None

    async def told(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] in _CONTENT and not message.get("more_body", False):
            await delivery.aanswered(status)
        try:
            await send(message)
        except OSError:  # the client has gone, and the view has run all the same
            await delivery.aanswered(status)
            raise

    try:
        await app(scope, receive, told)
    except Exception:
        await delivery.aanswered(None)
        raise
    finally:
        await delivery.aanswered(status)  # within the answer the client has gone, or there was none


class SignatureMiddleware(Layer):
    """Lets through what `verifier` proves, every path of it, with the very bytes that were proven.

    The verdict is `scope["sealgate"].verified`. `root_path`: where the application is mounted; a request with another
    one is refused. `report_only`: refused requests pass, loudly logged. `on_verdict`: told each `Verdict`.
    """

    def __init__(
        self,
        app: App,
        verifier: Verifier,
        *,
        root_path: str = "",
        report_only: bool = False,
        on_verdict: OnVerdict | None = None,
    ) -> None:
        one = Policy(verifier, report_only=report_only, on_verdict=on_verdict)
        always = Choice(one.default)
        super().__init__(app, one, root_path, lambda _scope: always)


class Recheck:
    """Stands where the router is: refuses what the layer did not let through to this very route.

    Whatever rewrites a request between the two would send a signature, or an exemption, to another route. A preflight
    that no CORS middleware has answered ends here too: no view runs on it.
    """

    def __init__(self, app: App, policy: Policy, root_path: str, choose: Callable[[Scope], Choice]) -> None:
        self.app = app
        self.policy = policy
        self._root_path = root_path
        self.choose = choose

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            error = self._changed(scope)
            if error is not None:
                told = self.policy.refused(error, method_of(scope), scope["path"])
                if told is not None:
                    await refuse(told, scope, receive, send)
                    return
                scope[_KEY] = Passed("report-only", acts_of(scope), None, policy=self.policy)
        await self.app(scope, receive, send)

    def _changed(self, scope: Scope) -> Rejected | None:
        passed = passed_in(scope)
        if passed is not None and passed.as_what == "report-only":
            return None
        if passed is None or passed.acts != acts_of(scope) or scope.get("root_path", "") != self._root_path:
            return InvalidSignature("method, path or query is not what the layer let through")
        if passed.as_what == "preflight":
            return SignatureMissing("a preflight that no CORS middleware has answered")
        # Routes may look at more than that, such as Host.
        demand = self.choose(scope).demand
        try:
            same = demand is None if passed.as_what == "exempt" else passed.proof(demand, passed.acts) is not None
        except Rejected as error:
            return error
        return None if same else InvalidSignature("the route is not the one that the layer let through")


async def refuse(told: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Gives the answer. A websocket is denied: with the same one where the server can send it, else by a close."""
    prefix = "http"
    if scope["type"] == "websocket":
        # "This message must be responded to with either an Accept message or a Close message" (ASGI, websocket.connect)
        if (await receive())["type"] != "websocket.connect":
            return
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": _WEBSOCKET_POLICY_VIOLATION})
            return
        prefix = "websocket.http"
    headers = [(name.lower().encode(), value.encode()) for name, value in told.headers]
    # Not every server drops the content of an answer to HEAD: granian sends it over HTTP/2, which ends the stream.
    content = b"" if method_of(scope) == "HEAD" else told.body
    with suppress(OSError):  # "If send() is called on a closed connection the server should raise [...] OSError" (ASGI)
        await send({"type": f"{prefix}.response.start", "status": told.status, "headers": headers})
        await send({"type": f"{prefix}.response.body", "body": content, "more_body": False})


def proof(scope: Scope, demand: Require) -> Verified:
    """The layer's verdict on this very request, if it is one that `demand` takes; else raises `Rejected`."""
    passed = passed_in(scope)
    if passed is None or passed.verified is None:
        raise SignatureMissing("nothing was proven before this point: no layer, or an exempt route")
    verified = passed.proof(demand, acts_of(scope))
    if verified is None:
        raise InvalidSignature("proven by a verifier that this route does not take, or for another request")
    return verified


def request_of(scope: Scope, params: Mapping[str, str] | None = None) -> Request:
    """The request of an `http` or `websocket` scope, without its body."""
    given = cast("dict[str, Any]", scope)  # "scope: dict" (ASGI); frameworks type it more loosely
    return Request.from_asgi(given, params=params)


def method_of(scope: Scope) -> str:
    """The method; a websocket handshake is a GET (RFC 6455, 4.1)."""
    return str(scope["method"]) if scope["type"] == "http" else "GET"


def acts_of(scope: Scope) -> tuple[str, str, bytes]:
    """What decides which view runs: method, path and query."""
    return method_of(scope), scope["path"], scope.get("query_string", b"")


def passed_in(scope: Scope) -> Passed | None:
    """Ours, or nothing: a value of another type under our key was not put there by a layer of ours."""
    passed = scope.get(_KEY)
    return passed if type(passed) is Passed else None


def _is_preflight(policy: Policy, scope: Scope) -> bool:
    names = [name.decode("latin-1").lower() for name, _ in scope["headers"]]
    has_body = "transfer-encoding" in names or content_length(scope["headers"]) not in {None, 0}
    return scope["type"] == "http" and policy.is_preflight(method_of(scope), has_body, names)
