"""A FastAPI application with every kind of rule, which keeps what its views have read."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse
from starlette.endpoints import HTTPEndpoint

from contract import HOOKS, PARTNERS
from fastapi_shop import Order
from plain_shop import change_scope, proof
from sealgate import Verified, Verifier
from sealgate.fastapi import Sealgate, require

__all__ = ["add_readers", "application"]

ALL = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"]
View = Callable[..., Any]


def application(
    partners: Verifier, seen: list[bytes], *, mount: str = "", inside: Any = None, **settings: Any
) -> FastAPI:
    """`mount`, `inside` and `settings` as in the contract."""
    app = FastAPI()
    if inside is not None:
        app.add_middleware(change_scope, inside)  # added before, so it stands inside
    seal = Sealgate(app, partners, root_path=mount, **settings)
    add_readers(app, seen, Depends(seal))

    def view() -> View:
        async def own(request: Request) -> PlainTextResponse:
            seen.append(await request.body())
            return _told(request)

        return own

    app.api_route("/plain", methods=["GET", "POST", "PUT"])(view())
    demands = {
        "/hook": seal.require(HOOKS),
        "/either": seal.require(PARTNERS, HOOKS),
        "/narrow": seal.require(PARTNERS, keys={"globex"}),
        "/wide": seal.require(PARTNERS, keys={"globex", "acme"}),
        "/loose-query": seal.require(HOOKS, uncovered=("query",)),
        "/loose-body": seal.require(PARTNERS, uncovered=["body"]),
    }
    for path, demand in demands.items():
        app.api_route(path, methods=["GET", "POST"], dependencies=[Depends(demand)])(view())

    exemptions = {
        "/health": None,
        "/once": datetime(2020, 1, 1, tzinfo=UTC),
        "/still": datetime(9999, 1, 1, tzinfo=UTC),
    }
    for path, until in exemptions.items():

        @app.api_route(path, methods=ALL)
        @seal.exempt("load balancer probe, returns no data", until=until)
        async def probe(request: Request) -> PlainTextResponse:
            return _told(request)

    _add_groups(app, seal, view)
    _add_classes(app, seal)
    return app


def add_readers(app: FastAPI, seen: list[bytes], dependency: Any) -> None:
    """What reads a body in every way; `dependency` gives the proof, or None where a refused request shall pass."""
    signed = Annotated[Verified | None, dependency]

    @app.api_route("/orders", methods=["GET", "HEAD", "POST", "PUT", "OPTIONS"])
    @app.api_route("/orders/{name}", methods=["POST"])
    async def orders(request: Request, verified: signed) -> PlainTextResponse:
        seen.append(await request.body())
        return PlainTextResponse(proof(verified))

    @app.post("/json")
    async def parsed_json(order: Order, verified: signed) -> PlainTextResponse:
        seen.append(str(order.total).encode())
        return PlainTextResponse(proof(verified))

    @app.post("/form")
    async def form(request: Request, verified: signed) -> PlainTextResponse:
        async with request.form() as fields:
            texts = ",".join(text for name, text in fields.multi_items() if isinstance(text, str))
            files = [await file.read() for file in fields.values() if not isinstance(file, str)]
        seen.append((texts + "".join(f"+{file.hex()}" for file in files)).encode())
        return PlainTextResponse(proof(verified))

    @app.post("/stream")
    async def stream(request: Request, verified: signed) -> PlainTextResponse:
        seen.append(b"".join([chunk async for chunk in request.stream()]))
        return PlainTextResponse(proof(verified))


def _add_groups(app: FastAPI, seal: Sealgate, view: Callable[[], View]) -> None:
    group, nested, public, mounted = APIRouter(), APIRouter(), APIRouter(), FastAPI()
    shared = view()
    both = ["GET", "POST"]
    group.api_route("/hook", methods=both)(shared)
    group.api_route("/own", methods=both)(require(PARTNERS)(view()))
    group.api_route("/open", methods=both)(seal.exempt("no data")(view()))
    nested.api_route("/hook", methods=both)(view())
    group.include_router(require(PARTNERS)(nested), prefix="/nested")
    public.api_route("/any", methods=both)(view())
    public.api_route("/own", methods=both)(require(PARTNERS)(view()))
    mounted.api_route("/hook", methods=both)(view())
    app.include_router(require(HOOKS)(group), prefix="/group")
    app.include_router(seal.exempt("no data")(public), prefix="/public")
    app.mount("/mounted", require(HOOKS)(mounted))
    app.post("/same-hook")(shared)


def _add_classes(app: FastAPI, seal: Sealgate) -> None:
    @seal.exempt("public")
    class Open(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            return _told(request)

    class Below(Open):
        pass

    app.add_route("/class", Open)  # type: ignore[arg-type]
    app.add_route("/subclass", Below)  # type: ignore[arg-type]


def _told(request: Request) -> PlainTextResponse:
    return PlainTextResponse(proof(request.scope["sealgate"].verified))
