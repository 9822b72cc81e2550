"""What a signed request adds to one of FastAPI and of a bare ASGI application, called as an ASGI server calls them."""

from __future__ import annotations

import asyncio
import atexit
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from messages import snippet
from signed_requests import BODY
from timing import Case, Pace, Pool, Section
from wsgi_frameworks import BARE, SNIPPET, TARGET, check, forgetful, rows, signed_pool, verifiers

from sealgate import Verifier
from sealgate.asgi import App, Message, Receive, Scope, Send, SignatureMiddleware
from sealgate.fastapi import Sealgate


def _scope(fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """As uvicorn gives it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "root_path": "",
        "method": "POST",
        "path": TARGET,
        "raw_path": TARGET.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in fields],
        "state": {},
    }


class _Connection:
    """The server's side of one request."""

    __slots__ = ("_body", "status")

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.status = 0

    async def receive(self) -> Message:
        if self._body is None:
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]


def _case(app: App, scopes: Sequence[dict[str, Any]], verifier: Verifier | None = None, *, bare: bool = False) -> Case:
    renew = forgetful(verifier)
    pool = Pool(scopes, renew)

    async def batch(chosen: Sequence[dict[str, Any]]) -> int:
        begin = time.perf_counter_ns()
        for template in chosen:
            connection = _Connection(BODY)
            await app(template.copy(), connection.receive, connection.send)
        return time.perf_counter_ns() - begin

    async def one(body: bytes) -> int:
        connection = _Connection(body)
        await app(scopes[0].copy(), connection.receive, connection.send)
        renew()
        return connection.status

    check(lambda body: _LOOP.run_until_complete(one(body)), bare=bare)
    return Case(lambda count: _LOOP.run_until_complete(batch(pool.take(count))), at_most=len(pool))


_LOOP = asyncio.new_event_loop()
atexit.register(_LOOP.close)


def _bare_asgi(pace: Pace) -> Mapping[str, Case]:
    scopes = [_scope(fields) for fields in signed_pool(pace)]
    return {
        BARE: _case(_app, scopes, bare=True),
        SNIPPET: _case(_Snippet(_app), scopes),
        **{name: _case(SignatureMiddleware(_app, each), scopes, each) for name, each in verifiers().items()},
    }


async def _app(_scope: Scope, receive: Receive, send: Send) -> None:
    body = await _whole(receive)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"%d" % len(body)})


async def _whole(receive: Receive) -> bytes:
    chunks = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


class _Snippet:
    """The copied snippet as an ASGI layer."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        given = dict(scope["headers"]).get(b"x-signature", b"").decode("latin-1")
        if not snippet(body, given):
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return

        async def again() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)


def _fastapi(pace: Pace) -> Mapping[str, Case]:
    scopes = [_scope(fields) for fields in signed_pool(pace)]

    def application(verifier: Verifier | None = None, *dependencies: Any) -> App:
        app = FastAPI(openapi_url=None)
        if verifier is not None:
            Sealgate(app, verifier)
        app.post(TARGET, dependencies=list(dependencies))(_view)
        return app

    return {
        BARE: _case(application(), scopes, bare=True),
        SNIPPET: _case(application(None, Depends(_guard)), scopes),
        **{name: _case(application(each), scopes, each) for name, each in verifiers().items()},
    }


async def _view(request: Request) -> Response:
    return Response(str(len(await request.body())))


async def _guard(request: Request) -> None:
    if not snippet(await request.body(), request.headers.get("X-Signature", "")):
        raise HTTPException(401)


_ROWS = rows((5.0, 4.0), (9, 6))

SECTIONS = [
    Section("added to a bare ASGI request of 1 KiB, which is read", _bare_asgi, _ROWS),
    Section("added to a FastAPI request of 1 KiB, which its view reads", _fastapi, _ROWS),
]
