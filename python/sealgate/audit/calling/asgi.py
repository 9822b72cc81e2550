"""An ASGI application, called as a server does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import copy_context
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from sealgate._native import Request
from sealgate.audit.calling import answers
from sealgate.audit.calling.answers import Answer, answered, failed
from sealgate.exceptions import ConfigurationError

__all__ = ["Asgi"]

_POLICY_VIOLATION = 1008  # RFC 6455, 7.4.1: how a handshake of ours is refused where it cannot be answered
_PORTS = {"http": 80, "https": 443}


class Asgi:
    """ASGI 3.0, on an event loop of its own; the application is started and stopped, if it wants to be."""

    def __init__(self, application: Any, origin: str) -> None:
        self._application = application
        self._origin = origin
        self._state: dict[str, Any] = {}

    def __enter__(self) -> Asgi:
        if asyncio._get_running_loop() is not None:
            raise ConfigurationError("probe: an event loop is running here: probe from a thread of its own")
        self._runner = asyncio.Runner()
        try:
            self._runner.run(self._start())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._stop())
        finally:
            self._runner.close()

    def call(self, request: Request, *, websocket: bool = False) -> Answer:
        scope = _scope(request, self._origin, websocket=websocket)
        asking = self._ask({**scope, "state": self._state.copy()}, request.body or b"")
        # A context for each request, as servers have it: in the runner's own, what frameworks keep there would pile up.
        return self._runner.run(asking, context=copy_context())

    async def _start(self) -> None:
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._told: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state}
        self._life = asyncio.ensure_future(self._application(scope, self._events.get, self._told.put))
        told = await self._tell("lifespan.startup")
        if told is not None and told["type"] == "lifespan.startup.failed":
            await self._end()
            raise ConfigurationError(f"probe: the application did not start: {told.get('message', '')}")

    async def _stop(self) -> None:
        await self._tell("lifespan.shutdown")
        await self._end()

    async def _end(self) -> None:
        self._life.cancel()
        done, _ = await asyncio.wait({self._life}, timeout=answers.SECONDS)
        if done and not self._life.cancelled():
            self._life.exception()  # "If an exception is raised [...] the server must continue" (ASGI, lifespan)

    async def _tell(self, what: str) -> Mapping[str, Any] | None:
        """What the application says to this event; None where it takes no such events."""
        self._events.put_nowait({"type": what})
        waiting = asyncio.ensure_future(self._told.get())
        await asyncio.wait({waiting, self._life}, timeout=answers.SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            await asyncio.sleep(0)
        if waiting.done():
            return waiting.result()
        waiting.cancel()
        return None

    async def _ask(self, scope: dict[str, Any], body: bytes) -> Answer:
        server = _Server(scope["type"], body)
        task = asyncio.ensure_future(self._application(scope, server.receive, server.send))
        done, _ = await asyncio.wait({task}, timeout=answers.SECONDS)
        if not done:
            task.cancel()
            await asyncio.wait({task}, timeout=answers.SECONDS)
            return server.answer or Answer(None, failure=f"no answer in {answers.SECONDS:g} s")
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if server.answer is not None:
            return server.answer  # what was sent is sent, whatever came of it afterwards
        return Answer(None, failure="no answer") if error is None else failed(error)


class _Server:
    """A server's side of one request. The client goes away once it has the status: what follows may never end."""

    def __init__(self, kind: str, body: bytes) -> None:
        self._answered = asyncio.Event()
        self._websocket = kind == "websocket"
        self._first: list[dict[str, Any]] = [
            {"type": "websocket.connect"}
            if self._websocket
            else {"type": "http.request", "body": body, "more_body": False}
        ]
        self.answer: Answer | None = None

    async def receive(self) -> dict[str, Any]:
        if self._first:
            return self._first.pop()
        await self._answered.wait()
        return {"type": "websocket.disconnect", "code": 1000} if self._websocket else {"type": "http.disconnect"}

    async def send(self, event: Mapping[str, Any]) -> None:
        if self.answer is not None:
            return
        match event["type"]:
            case "http.response.start" | "websocket.http.response.start":
                fields = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.get("headers", ()))
                self.answer = answered(int(event["status"]), fields)
            case "websocket.accept":
                self.answer = Answer(101)
            case "websocket.close":  # before it is accepted: "the server must [...] return a HTTP 403" (ASGI)
                self.answer = Answer(403, ours=event.get("code") == _POLICY_VIOLATION)
        if self.answer is not None:
            self._answered.set()


def _scope(request: Request, origin: str, *, websocket: bool) -> dict[str, Any]:
    at = urlsplit(origin)
    path, _, query = request.target.partition("?")
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
    if request.body and not websocket:
        headers.append((b"content-length", str(len(request.body)).encode()))
    scope: dict[str, Any] = {
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": (at.hostname, at.port or _PORTS[at.scheme]),
    }
    if websocket:
        more: dict[str, Any] = {"subprotocols": [], "extensions": {"websocket.http.response": {}}}
        return {**scope, **more, "type": "websocket", "scheme": "wss" if at.scheme == "https" else "ws"}
    return {**scope, "type": "http", "scheme": at.scheme, "method": request.method}
