"""The body that an ASGI server hands over in messages, read once and given on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Generator, Iterable, MutableMapping
from typing import Any

from sealgate._native import Verified
from sealgate.exceptions import BodyTooLarge, BodyUnreadable
from sealgate.policy import Require
from sealgate.spool import Kept, Spooled

__all__ = ["Body", "Message", "Receive", "Scope", "content_length"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_DONE = object()
_PIECE = 64 * 1024


class Body(Kept):
    """The body of one request, read once however often it is asked for.

    `demand`: whose verifiers say how many seconds the whole of it may take.
    """

    def __init__(self, scope: Scope, receive: Receive, demand: Require | None) -> None:
        super().__init__(math.inf if demand is None else demand.spools_over)
        self._scope = scope
        self._receive = receive
        self._demand = demand
        self._deadline: float | None = None
        self._is_whole = scope["type"] == "websocket"  # a handshake has none
        self._failure: tuple[str, int] | None = None  # no exception: its traceback has the body
        self._end: Message | None = None

    async def read(self, limit: int) -> bytes | Spooled:
        """The body, of at most `limit` octets. Raises `BodyTooLarge` as soon as it is longer, `BodyUnreadable`."""
        if self._failure is not None:
            message, status = self._failure
            raise BodyUnreadable(message, status=status)
        try:
            return await self._read(limit)
        except BodyUnreadable as error:
            self._failure = str(error), error.status
            raise

    def replace(self, verified: Verified) -> None:
        """What was proven, which may be the canonical form of what came, and of another length."""
        self._spooled = verified.spooled
        body = verified.body if self._spooled is None else b""
        if self._scope["type"] == "http":
            self._chunks, self._is_whole = [body], True
        size = len(body) if self._spooled is None else self._spooled.size
        headers = self._scope["headers"]
        for at, (name, value) in enumerate(headers):
            if len(name) == 14 and name.lower() == b"content-length" and value != (length := b"%d" % size):
                headers[at] = (name, length)

    def again(self) -> Receive:
        """For the application: what was read, in one message or of a file in several, and an end that came; then the
        server's own."""
        if self._spooled is not None:
            return self._again_of(self._spooled)
        first: list[Message] = []
        if self._chunks:
            body = b"".join(self._chunks)
            first.append({"type": "http.request", "body": body, "more_body": not self._is_whole})
        if self._end is not None:
            first.append(self._end)
        if not first:
            return self._receive

        async def receive() -> Message:
            return first.pop(0) if first else await self._receive()

        return receive

    def _again_of(self, spooled: Spooled) -> Receive:
        file, left = spooled.rewind(), spooled.size
        last = [] if self._end is None else [self._end]

        async def receive() -> Message:
            nonlocal left
            if left > 0:
                piece = file.read(_PIECE)
                left -= len(piece)
                return {"type": "http.request", "body": piece, "more_body": left > 0 or not self._is_whole}
            return last.pop() if last else await self._receive()

        return receive

    async def _read(self, limit: int) -> bytes | Spooled:
        declared = content_length(self._scope["headers"])
        if declared is not None and declared > limit:
            raise BodyTooLarge("the body is declared over the limit")
        if self._deadline is None:
            seconds = max(verifier.body_timeout for verifier in self._demand.verifiers) if self._demand else 0
            self._deadline = asyncio.get_running_loop().time() + seconds
        # Most bodies are there already, and a timer costs more than their verification.
        steps = self._fill(limit).__await__()
        waiting = next(steps, _DONE)
        if waiting is not _DONE:
            await self._wait(_Underway(steps, waiting))
        if self._size > limit:
            raise BodyTooLarge("the body is over the limit")
        if declared is not None and declared != self._size:
            raise BodyUnreadable("the body has another length than its content-length")
        return self._whole()

    async def _wait(self, filling: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout_at(self._deadline):
                await filling
        except TimeoutError:
            raise BodyUnreadable("the body took too long", status=408) from None

    async def _fill(self, limit: int) -> None:
        while not self._is_whole and self._size <= limit:
            message = await self._receive()
            if message["type"] != "http.request":
                self._end = message
                raise BodyUnreadable("the client went away before the end of the body")
            chunk = message.get("body", b"")
            self._keep(chunk)
            self._is_whole = not message.get("more_body", False)


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


def content_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """RFC 9110, 8.6 and RFC 9112, 6.3: one decimal number, and never beside Transfer-Encoding (request smuggling)."""
    lengths, codings = [], []
    for name, value in headers:
        if len(name) == 14 and name.lower() == b"content-length":
            lengths.append(value.strip(b" \t"))
        elif len(name) == 17 and name.lower() == b"transfer-encoding":
            codings.append(value.strip(b" \t").lower())
    if codings and codings != [b"chunked"]:
        raise BodyUnreadable("the body is left in another Transfer-Encoding", status=411)
    if not lengths:
        return None
    if codings or len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 18:
        raise BodyUnreadable("the length of the body is ambiguous")
    return int(lengths[0])
