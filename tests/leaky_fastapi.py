"""A FastAPI shop that has `VerifiedBy` on some routes, and what it mounts; and its twin, where `Sealgate` closes it all.

`OPENINGS`: where an unsigned request is answered in the leaky one. Those of `MALFORMED` need a body that is no JSON.
`PROTECTIONS`: what `fixed(without=...)` can leave out, and a way in that is then open.
"""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, WebSocket
from pydantic import BaseModel
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles

from sealgate import Signer, Verifier, schemes
from sealgate.fastapi import Sealgate, VerifiedBy, exempt

__all__ = ["KEY", "KEY_ID", "MALFORMED", "OPENINGS", "ORIGIN", "PROTECTIONS", "fixed", "leaky", "signer"]

KEY = b"thirty-two octets of test key, A"
KEY_ID = "acme"
ORIGIN = "https://api.shop.example"
MIGRATION_ENDED = datetime(2020, 1, 1, tzinfo=UTC)
STARTED = 1_500_000_000.0  # before it ended

OPENINGS: dict[str, tuple[str, str]] = {
    "forgotten route": ("/orders/export", "GET"),
    "router without the dependency": ("/admin/users", "GET"),
    "add_route on a router with the dependency": ("/guarded/legacy", "POST"),
    "path alias": ("/v1/orders", "POST"),
    "class without a dependency": ("/invoices/7", "DELETE"),
    "HEAD that comes with GET": ("/guarded/prices", "HEAD"),
    "OPTIONS": ("/invoices/7", "OPTIONS"),
    "redirect of a slash": ("/orders/export/", "GET"),
    "websocket": ("/feed", "WEBSOCKET"),
    "static": ("/static/leaky_fastapi.py", "GET"),
    "docs": ("/docs", "GET"),
    "OpenAPI document": ("/openapi.json", "GET"),
    "parsed before it is verified": ("/orders", "POST"),
    "mounted application": ("/hooks/github", "POST"),
    "mounted ASGI function": ("/reports/daily", "GET"),
    "report only": ("/preview/orders", "POST"),
    "middleware that answers first": ("/partners/status", "GET"),
    "expired exemption": ("/partners/migration", "POST"),
    "exempt include": ("/partners/public/refund", "POST"),
    "exempt mount": ("/partners/tools/reset", "POST"),
}
MALFORMED = frozenset({"parsed before it is verified"})
PROTECTIONS: dict[str, tuple[str, str]] = {
    "the layer": ("/orders/export", "GET"),
    "refusals": ("/orders", "POST"),
    "the order of middleware": ("/partners/status", "GET"),
    "a clock that goes": ("/partners/migration", "POST"),
    "the closed include": ("/partners/public/refund", "POST"),
    "the closed mount": ("/partners/tools/reset", "POST"),
    "the closed route": ("/orders/export", "GET"),
    "the closed websocket": ("/feed", "WEBSOCKET"),
}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Order(BaseModel):
    total: int


def signer() -> Signer:
    return Signer(schemes.RFC9421, key_id=KEY_ID, key=KEY)


def leaky() -> FastAPI:
    """Everything in `OPENINGS`."""
    verifier = _verifier()
    shop, partners, preview = FastAPI(), FastAPI(), FastAPI()
    _add_shop(shop, [Depends(VerifiedBy(verifier))])
    Sealgate(preview, verifier, root_path="/preview", report_only=True)
    _add_preview(preview)
    Sealgate(partners, verifier, root_path="/partners", clock=lambda: STARTED)
    partners.add_middleware(StatusFirst)
    _add_partners(partners, "", public=("GET", "POST"), tools=("GET", "POST"))
    shop.mount("/preview", preview)
    shop.mount("/partners", partners)
    return shop


def fixed(without: str | None = None) -> FastAPI:
    """The same routes without an opening, or with the one that is there `without` one of `PROTECTIONS`."""
    shop, preview = FastAPI(), FastAPI()
    if without != "the order of middleware":
        shop.add_middleware(StatusFirst)  # added before, so it stands inside
    if without != "the layer":
        clock = (lambda: STARTED) if without == "a clock that goes" else time.time
        Sealgate(shop, _verifier(), clock=clock, report_only=without == "refusals")
    if without == "the order of middleware":
        shop.add_middleware(StatusFirst)
    both = ("GET", "POST")
    _add_shop(
        shop,
        [],
        export=("GET",) if without == "the closed route" else (),
        feed=("WEBSOCKET",) if without == "the closed websocket" else (),
    )
    _add_preview(preview)
    _add_partners(
        shop,
        "/partners",
        public=both if without == "the closed include" else (),
        tools=both if without == "the closed mount" else (),
    )
    shop.mount("/preview", preview)
    return shop


def _verifier() -> Verifier:
    return Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN)


def _add_shop(app: FastAPI, dependencies: list[Any], *, export: Iterable[str] = (), feed: Iterable[str] = ()) -> None:
    guarded, admin, hooks = APIRouter(dependencies=dependencies), APIRouter(), FastAPI()

    @app.post("/orders", dependencies=dependencies)
    async def orders(order: Order) -> dict[str, int]:
        return {"total": order.total}

    async def listed() -> list[str]:
        return []

    async def plain(request: Request) -> PlainTextResponse:
        return PlainTextResponse("plain")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    app.get("/orders/export")(_exempted(export)(listed))
    app.add_api_route("/v1/orders", listed, methods=["POST"])
    app.websocket("/feed")(_exempted(feed)(socket))
    app.add_route("/invoices/{number}", Invoice)  # type: ignore[arg-type]
    guarded.add_api_route("/orders", listed)
    guarded.add_route("/legacy", plain, methods=["POST"])
    guarded.add_route("/prices", plain)
    admin.add_api_route("/users", listed)
    hooks.add_api_route("/github", listed, methods=["POST"])
    app.include_router(guarded, prefix="/guarded")
    app.include_router(admin, prefix="/admin")
    app.mount("/hooks", hooks)
    app.mount("/reports", _report)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent))


def _add_preview(app: FastAPI) -> None:
    @app.post("/orders")
    async def orders() -> list[str]:
        return []


def _add_partners(app: FastAPI, prefix: str, *, public: Iterable[str], tools: Iterable[str]) -> None:
    router, prices, mounted = APIRouter(), APIRouter(), FastAPI()

    async def done() -> str:
        return "done"

    async def refund() -> str:
        return "refunded"

    router.add_api_route("/orders", done, methods=["POST"])
    router.add_api_route("/status", done)
    migration = exempt("the old client signs nothing", methods=("POST",), until=MIGRATION_ENDED)

    @router.post("/migration")
    @migration
    async def migrated() -> str:
        return "migrated"

    prices.add_api_route("/prices", done)
    prices.add_api_route("/refund", refund, methods=["POST"])
    mounted.add_api_route("/reset", done, methods=["POST"])
    router.include_router(_exempted(public)(prices), prefix="/public")
    app.include_router(router, prefix=prefix)
    app.mount(f"{prefix}/tools", _exempted(tools)(mounted))


def _exempted(methods: Iterable[str]) -> Callable[[Any], Any]:
    return exempt("no data of anybody", methods=methods) if methods else lambda endpoint: endpoint


class Invoice(HTTPEndpoint):
    async def post(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("paid")

    async def delete(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("deleted")

    async def options(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("POST, DELETE")


async def _report(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("turnover")(scope, receive, send)


class StatusFirst:
    """Answers a load balancer before the application is asked."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/partners/status":
            await PlainTextResponse("up")(scope, receive, send)
            return
        await self.app(scope, receive, send)
