"""One application on each adapter whose answer the request asks for, to be asked the same twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import fastapi
import flask
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from starlette.responses import StreamingResponse

import django_project
from exchange import Exchange, over_asgi, over_wsgi
from judged import RFC9421
from sealgate import Verifier, asgi, wsgi
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate
from sealgate.replay import Seen

__all__ = ["SHOPS", "Desk", "Ledger", "Shop", "acknowledging", "urlpatterns"]


def acknowledging(store: Any, **settings: Any) -> Verifier:
    return RFC9421.verifier(replay=store, duplicates="acknowledge", **settings)


class Ledger:
    """A store in a dict, which says what it was asked. `broken`: the steps that fail."""

    def __init__(self) -> None:
        self.known: dict[bytes, Seen] = {}
        self.asked: list[str] = []
        self.broken: frozenset[str] = frozenset()

    def add(self, key: bytes, expires: int, /) -> bool:
        return self._take("add", key, "spent") == "new"

    def begin(self, key: bytes, expires: int, /) -> Seen:
        return self._take("begin", key, "begun")

    def finish(self, key: bytes, expires: int, done: bool, /) -> None:
        self._note("done" if done else "spent")
        self.known[key] = "done" if done else "spent"

    def release(self, key: bytes, expires: int, /) -> None:
        self._note("release")
        del self.known[key]

    def _take(self, step: str, key: bytes, state: Seen) -> Seen:
        self._note(step)
        known = self.known.get(key)
        if known is None:
            self.known[key] = state
        return known or "new"

    def _note(self, step: str) -> None:
        self.asked.append(step)
        if step in self.broken:
            raise OSError("down")


class Desk:
    """What the view does: `does` for its next runs, `ran` how often it has run, `meanwhile` called while it runs."""

    does = "200"
    ran = 0
    meanwhile: Callable[[], object] | None = None

    @classmethod
    def serve(cls) -> int | None:
        """The status to answer with; None for a stream. Raises where that is asked for."""
        cls.ran += 1
        if cls.meanwhile is not None:
            # In a thread: a view that is a coroutine has an event loop of its own already.
            thread = threading.Thread(target=cls.meanwhile)
            thread.start()
            thread.join()
        if cls.does == "raise":
            raise RuntimeError("the view fails")
        return None if cls.does.startswith("stream") else int(cls.does)

    @classmethod
    def chunks(cls) -> Iterator[bytes]:
        yield b"one"
        if cls.does == "stream, raise":
            raise RuntimeError("the stream fails")
        yield b"two"

    @classmethod
    async def achunks(cls) -> AsyncIterator[bytes]:
        for chunk in cls.chunks():
            yield chunk


class Shop:
    """`build(verifier)` gives the application; `over`: how it is spoken to."""

    def __init__(self, name: str, over: Exchange, build: Callable[[Verifier], Any]) -> None:
        self.name = name
        self.over = over
        self.build = build

    def send(self, application: Any, message: Any) -> int:
        """The status; 0 where the server is told of an exception, and 1 where that comes within the answer."""
        try:
            return self.over(application, message).status
        except RuntimeError as error:
            return 1 if "stream" in str(error) else 0


def _wsgi(verifier: Verifier) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        status = Desk.serve()
        start_response(f"{status or 200} Some", [])
        return Desk.chunks() if status is None else [b"ok"]

    return wsgi.SignatureMiddleware(application, verifier)


def _asgi(verifier: Verifier) -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        status = Desk.serve()
        await send({"type": "http.response.start", "status": status or 200, "headers": []})
        for chunk in Desk.chunks() if status is None else [b"ok"]:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return asgi.SignatureMiddleware(application, verifier)


def _flask(verifier: Verifier) -> Any:
    app = flask.Flask(__name__)
    FlaskSealgate(app, verifier)

    @app.post("/orders")
    def orders() -> Any:
        status = Desk.serve()
        return flask.Response(Desk.chunks()) if status is None else flask.Response("ok", status)

    return app


def _fastapi(verifier: Verifier) -> Any:
    app = fastapi.FastAPI()
    FastAPISealgate(app, verifier)

    @app.post("/orders")
    async def orders() -> Any:
        status = Desk.serve()
        return StreamingResponse(Desk.achunks()) if status is None else fastapi.Response("ok", status)

    return app


def _view(request: HttpRequest) -> HttpResponseBase:
    status = Desk.serve()
    return StreamingHttpResponse(Desk.chunks()) if status is None else HttpResponse("ok", status=status)


async def _aview(request: HttpRequest) -> HttpResponseBase:
    await asyncio.sleep(0)
    status = Desk.serve()
    return StreamingHttpResponse(Desk.achunks()) if status is None else HttpResponse("ok", status=status)


urlpatterns = [path("orders", _view)]


class AsyncUrls:
    urlpatterns = (path("orders", _aview),)


def _django(handler: Callable[[], Any], urlconf: Any) -> Callable[[Verifier], Any]:
    def build(verifier: Verifier) -> Any:
        settings = {"VERIFIER": verifier}
        override_settings(ROOT_URLCONF=urlconf, SEALGATE=settings, MIDDLEWARE=_MIDDLEWARE).enable()
        return handler()

    return build


_MIDDLEWARE = [name for name in django_project.MIDDLEWARE if "csrf" not in name.lower() and "cache" not in name]

SHOPS = [
    Shop("wsgi", over_wsgi, _wsgi),
    Shop("asgi", over_asgi, _asgi),
    Shop("flask", over_wsgi, _flask),
    Shop("fastapi", over_asgi, _fastapi),
    Shop("django wsgi", over_wsgi, _django(WSGIHandler, "duplicate_shops")),
    Shop("django asgi", over_asgi, _django(get_asgi_application, AsyncUrls)),
    Shop("django asgi, sync views", over_asgi, _django(get_asgi_application, "duplicate_shops")),
]
