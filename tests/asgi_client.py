"""Speaks ASGI by hand: what a server says, an application that keeps what it saw, and the requests that tests send."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from judged import KEY, NOW, RFC9421
from reference import Message
from sealgate import Verified, Verifier
from sealgate.asgi import SignatureMiddleware

Event = dict[str, Any]
ORDER = Message(
    "POST", "/orders", [("Host", "api.shop.example"), ("Content-Type", "application/json")], b'{"total": 1}'
)
SOCKET = Message("GET", "/feed?room=7", [("Host", "api.shop.example")])
CONNECT = {"type": "websocket.connect"}
DENIAL = {"websocket.http.response": {}}
_nonces = (f"a-fresh-nonce-{number:06}" for number in itertools.count())


class App:
    """Answers 200 with the body it read, and keeps what it saw."""

    def __init__(self) -> None:
        self.calls = 0
        self.bodies: list[bytes] = []
        self.scope: Event = {}
        self.after: Event = {}

    async def __call__(self, scope: Event, receive: Any, send: Any) -> None:
        self.calls += 1
        self.scope = scope
        if scope["type"] == "http":
            message = await receive()
            assert message.keys() == {"type", "body", "more_body"}
            self.bodies.append(message["body"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": message["body"], "more_body": True})
            self.after = await receive()
            await send({"type": "http.response.body", "body": b""})
        else:
            self.after = await receive()
            await send({"type": "websocket.accept"})

    @property
    def verified(self) -> Verified:
        verified = self.scope["sealgate"].verified
        assert isinstance(verified, Verified)
        return verified


class Server:
    """Says `events` in order, each in a turn of the event loop, then nothing more, like a connection that stays open."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = list(events)
        self.asked = 0
        self.sent: list[Event] = []

    async def receive(self) -> Event:
        self.asked += 1
        if self.asked > 1:
            await asyncio.sleep(0)
        if not self.events:
            await asyncio.Event().wait()
        return self.events.pop(0)

    async def send(self, event: Event) -> None:
        self.sent.append(event)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


def scope_of(message: Message, **more: Any) -> Event:
    """As a server hands `message` over; `more` replaces what it says."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": message.method,
        "scheme": "https",
        "path": unquote_to_bytes(message.path.encode("latin-1")).decode("utf-8", "replace"),
        "raw_path": message.path.encode("latin-1"),
        "query_string": message.query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in message.headers],
        **more,
    }


def socket_of(message: Message, extensions: Event | None = None) -> Event:
    scope = scope_of(message, type="websocket", scheme="wss", subprotocols=[])
    del scope["method"]
    return scope if extensions is None else {**scope, "extensions": extensions}


def whole(body: bytes) -> list[Event]:
    return [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]


def ask(app: Any, scope: Event, events: Sequence[Event]) -> Server:
    server = Server(events)
    asyncio.run(asyncio.wait_for(app(scope, server.receive, server.send), 20))
    return server


def signed(message: Message = ORDER, key: bytes = KEY, created: int = NOW) -> Message:
    return RFC9421.signed(message, key, created, next(_nonces))


def layered(verifier: Verifier | None = None) -> tuple[App, SignatureMiddleware]:
    app = App()
    return app, SignatureMiddleware(app, verifier or RFC9421.verifier())


def told(server: Server) -> tuple[Any, ...]:
    start, body = server.sent
    return start["type"], start["status"], start["headers"], body["body"]
