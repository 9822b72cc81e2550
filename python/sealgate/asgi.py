"""The ASGI layer (ASGI 3.0): it owns the body, and nothing behind it runs on a request that is not proven.

    app = SignatureMiddleware(app, verifier)

`http` and `websocket` are verified, a websocket by its handshake, before it is accepted; what is said on the socket
afterwards is not covered. `lifespan` passes, anything else is refused. Event loop: asyncio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, MutableMapping
from contextlib import suppress
from typing import Any, cast

from sealgate import policy
from sealgate._native import Request, Verified
from sealgate.answer import answer
from sealgate.exceptions import (
    BodyTooLarge,
    BodyUnreadable,
    ConfigurationError,
    InvalidSignature,
    Rejected,
    SignatureMissing,
    TargetAmbiguous,
    Unavailable,
)
from sealgate.verifier import Verifier

__all__ = [
    "Body",
    "Passed",
    "Recheck",
    "SignatureMiddleware",
    "method_of",
    "passed_in",
    "proof",
    "refuse",
    "request_of",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
#: The verifiers, any of which must prove a request; none where it is exempt. Never raises.
Choose = Callable[[Scope], tuple[Verifier, ...]]

_KEY = "sealgate"  # not scope["state"], which not every server provides
_DONE = object()
_WEBSOCKET_POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1


class SignatureMiddleware:
    """Lets through what `verifier` proves, every path of it, with the very bytes that were proven.

    The verdict is `scope["sealgate"].verified`. `root_path`: where the application is mounted; a request with another
    one is refused. `choose`: the verifiers of a request, where they differ by route.
    """

    def __init__(self, app: App, verifier: Verifier, *, root_path: str = "", choose: Choose | None = None) -> None:
        if not isinstance(verifier, Verifier):
            raise ConfigurationError("verifier: expected a Verifier")
        self._app = app
        self._default = (verifier,)
        self._root_path = root_path
        self._choose = choose

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, send)
            return
        if kind not in {"http", "websocket"}:
            raise ConfigurationError(f"asgi: a scope of the type {kind!a} cannot be verified")
        # Trailers come after the verdict, and uvicorn appends them to the list that it has handed over.
        scope["headers"] = list(scope["headers"])
        if scope.get("root_path", "") != self._root_path:
            # What is signed is the whole path; what is routed on is the rest of it after this.
            await refuse(TargetAmbiguous("root_path is not the configured one"), scope, receive, send)
            return
        verifiers = self._default if self._choose is None else self._choose(scope)
        settled = _settled(scope, verifiers)
        if settled is not None or not verifiers:
            scope[_KEY] = Passed(scope, settled.verifiers, settled.verified) if settled else Passed(scope, (), None)
            await self._app(scope, receive, send)
            return
        body = Body(scope, receive, max(verifier.body_timeout for verifier in verifiers))
        try:
            verified = await policy.averify_any(verifiers, request_of(scope), body.read)
        except (Rejected, Unavailable) as error:
            await refuse(error, scope, receive, send)
            return
        # In the scope itself, not in a copy: what stands outside reads there what the router writes.
        scope[_KEY] = Passed(scope, verifiers, verified)
        _declare_length(scope["headers"], len(verified.body))
        await self._app(scope, _replay(verified.body, receive) if kind == "http" else receive, send)


class Passed:
    """What the layer let through, and as what: proven by one of `verifiers`, or exempt where `verified` is None."""

    __slots__ = ("method", "path", "query", "root_path", "verified", "verifiers")

    def __init__(self, scope: Scope, verifiers: tuple[Verifier, ...], verified: Verified | None) -> None:
        self.verifiers = verifiers
        self.verified = verified
        self.method = method_of(scope)
        self.path: str = scope["path"]
        self.query: bytes = scope.get("query_string", b"")
        self.root_path: str = scope.get("root_path", "")

    def unchanged(self, scope: Scope) -> bool:
        """Whether method, path and query are still the ones that were let through."""
        seen = (method_of(scope), scope["path"], scope.get("query_string", b""))
        return seen == (self.method, self.path, self.query)


class Recheck:
    """Stands where the router is: refuses what the layer did not let through as this method, path and query.

    Whatever rewrites a request between the two would send a signature, or an exemption, to another route.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            passed = passed_in(scope)
            if passed is None or not passed.unchanged(scope) or passed.root_path != scope.get("root_path", ""):
                changed = InvalidSignature("method, path or query is not what the layer let through")
                await refuse(changed, scope, receive, send)
                return
        await self._app(scope, receive, send)


class Body:
    """The body of one request, read once however often it is asked for. `seconds`: for the whole of it."""

    def __init__(self, scope: Scope, receive: Receive, seconds: float) -> None:
        self._scope = scope
        self._receive = receive
        self._seconds = seconds
        self._deadline: float | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._whole = scope["type"] == "websocket"  # a handshake has none
        self._failure: BodyUnreadable | None = None

    async def read(self, limit: int) -> bytes:
        """The body, of at most `limit` octets. Raises `BodyTooLarge` as soon as it is longer, `BodyUnreadable`."""
        if self._failure is not None:
            raise self._failure
        try:
            return await self._read(limit)
        except BodyUnreadable as error:
            self._failure = error
            raise

    async def _read(self, limit: int) -> bytes:
        declared = _content_length(self._scope["headers"])
        if declared is not None and declared > limit:
            raise BodyTooLarge("the body is declared over the limit")
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._seconds
        # Most bodies are there already, and a timer costs more than their verification.
        steps = self._fill(limit).__await__()
        waiting = next(steps, _DONE)
        if waiting is not _DONE:
            await self._wait(_Underway(steps, waiting))
        if self._size > limit:
            raise BodyTooLarge("the body is over the limit")
        if declared is not None and declared != self._size:
            raise BodyUnreadable("the body has another length than its content-length")
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0] if self._chunks else b""

    async def _wait(self, filling: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout_at(self._deadline):
                await filling
        except TimeoutError:
            raise BodyUnreadable("the body took too long", status=408) from None

    async def _fill(self, limit: int) -> None:
        while not self._whole and self._size <= limit:
            message = await self._receive()
            if message["type"] != "http.request":
                raise BodyUnreadable("the client went away before the end of the body")
            chunk = message.get("body", b"")
            self._chunks.append(chunk)
            self._size += len(chunk)
            self._whole = not message.get("more_body", False)


class _Underway:
    """A coroutine that has taken its first step and waits for something: awaiting this is awaiting the rest of it."""

    def __init__(self, steps: Generator[Any, Any, None], waiting: object) -> None:
        self._steps = steps
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, None]:
        waiting = self._waiting
        try:
            while True:
                try:
                    answer = yield waiting
                except BaseException as error:  # noqa: BLE001  a cancellation is for what waits
                    waiting = self._steps.throw(error)
                else:
                    waiting = self._steps.send(answer)
        except StopIteration:
            return


async def refuse(error: Rejected | Unavailable, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers `error`. A websocket is denied: with the same answer where the server can send one, else by a close."""
    told = answer(error, method_of(scope), scope["path"])
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
    with suppress(OSError):  # "If send() is called on a closed connection the server should raise [...] OSError" (ASGI)
        await send({"type": f"{prefix}.response.start", "status": told.status, "headers": headers})
        await send({"type": f"{prefix}.response.body", "body": told.body, "more_body": False})


def proof(scope: Scope, verifiers: tuple[Verifier, ...]) -> Verified:
    """The layer's verdict on this very request, if one of `verifiers` gave it; else `Rejected`."""
    passed = passed_in(scope)
    if passed is None or passed.verified is None:
        raise SignatureMissing("nothing was proven before this point: no layer, or an exempt route")
    if not set(passed.verifiers) <= set(verifiers):
        raise InvalidSignature("proven by a verifier that this route does not take")
    if not passed.unchanged(scope):
        raise InvalidSignature("method, path or query is not what was proven")
    return passed.verified


def request_of(scope: Scope) -> Request:
    """The request of an `http` or `websocket` scope, without its body."""
    return Request.from_asgi(cast("dict[str, Any]", scope))  # "scope: dict" (ASGI); frameworks type it more loosely


def method_of(scope: Scope) -> str:
    """The method; a websocket handshake is a GET (RFC 6455, 4.1)."""
    return str(scope["method"]) if scope["type"] == "http" else "GET"


def passed_in(scope: Scope) -> Passed | None:
    """Ours, or nothing: a value of another type under our key was not put there by a layer of ours."""
    passed = scope.get(_KEY)
    return passed if type(passed) is Passed else None


def _settled(scope: Scope, verifiers: tuple[Verifier, ...]) -> Passed | None:
    """What an outer layer has proven already, for this route too: the same message must not be spent twice."""
    passed = passed_in(scope)
    if passed is None or passed.verified is None or not passed.unchanged(scope):
        return None
    return passed if not verifiers or set(passed.verifiers) <= set(verifiers) else None


def _content_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """RFC 9110, 8.6 and RFC 9112, 6.3: one decimal number, and never beside Transfer-Encoding (request smuggling)."""
    lengths = []
    chunked = False
    for name, value in headers:
        if len(name) == 14 and name.lower() == b"content-length":
            lengths.append(value.strip(b" \t"))
        elif len(name) == 17 and name.lower() == b"transfer-encoding":
            chunked = True
    if not lengths:
        return None
    if chunked or len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 18:
        raise BodyUnreadable("the length of the body is ambiguous")
    return int(lengths[0])


def _declare_length(headers: list[tuple[bytes, bytes]], size: int) -> None:
    """What is handed on may be the canonical form of what came, and of another length."""
    for at, (name, value) in enumerate(headers):
        if len(name) == 14 and name.lower() == b"content-length" and value != (length := str(size).encode()):
            headers[at] = (name, length)


def _replay(body: bytes, receive: Receive) -> Receive:
    """One message with the whole body, then the server's own, so that a disconnect still arrives."""
    handed_over = False

    async def again() -> Message:
        nonlocal handed_over
        if handed_over:
            return await receive()
        handed_over = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
