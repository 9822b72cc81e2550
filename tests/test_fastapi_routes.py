"""FastAPI: the rules are those of the route that answers, and what cannot be resolved is closed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from starlette.routing import Match

from asgi_client import ORDER, signed
from fastapi_shop import HOST, Shop, get, post, shop_with_orders
from reference import Message


def test_first_route_decides_as_it_does_in_the_router() -> None:
    shop = Shop()

    @shop.app.get("/{name}")
    async def closed(name: str) -> str:
        shop.ran.append(name)
        return name

    @shop.app.get("/health")
    @shop.seal.exempt("never reached")
    async def health() -> str:
        shop.ran.append("health")
        return "ok"

    assert shop.status(get("/health")) == 401
    assert shop.status(signed(get("/health"))) == 200
    assert shop.ran == ["health"]


def test_routes_of_one_path_have_their_own_rules() -> None:
    shop = Shop()
    router = APIRouter()

    @router.get("/both")
    async def closed() -> str:
        return "closed"

    @router.post("/both")
    @shop.seal.exempt("takes anything", methods=["post"])
    async def opened() -> str:
        return "open"

    shop.app.include_router(router)
    shop.app.include_router(router, prefix="/again")
    shop.app.add_api_route("/plain", closed, methods=["GET"])
    shop.app.add_api_route("/plain", opened, methods=["POST"])
    targets = ("/both", "/again/both", "/plain")
    assert [shop.status(post(target)) for target in targets] == [200, 200, 200]
    assert [shop.status(get(target)) for target in targets] == [401, 401, 401]
    assert [shop.status(signed(get(target))) for target in targets] == [200, 200, 200]


def test_route_that_matches_in_its_own_way_stays_closed() -> None:
    shop = Shop()

    class Odd(APIRoute):
        def matches(self, scope: Any) -> tuple[Match, Any]:
            return (
                (Match.FULL, {"endpoint": self.endpoint, "path_params": {}})
                if scope["path"] == "/r/health"
                else (Match.NONE, {})
            )

    router = APIRouter(route_class=Odd)

    @router.get("/secret")
    async def secret() -> str:
        shop.ran.append("secret")
        return "secret"

    plain = APIRouter()

    @plain.get("/health")
    @shop.seal.exempt("probe")
    async def health() -> str:
        return "ok"

    router.include_router(plain)
    shop.app.include_router(router, prefix="/r")
    assert shop.status(get("/r/health")) == 401
    assert shop.ran == []


def test_inner_middleware_cannot_move_a_request_to_another_route() -> None:
    app = FastAPI()

    class Rewrite:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/health" and scope["query_string"] == b"as=admin":
                scope["path"] = "/admin"
            await self.app(scope, receive, send)

    app.add_middleware(Rewrite)
    shop = Shop(app=app)

    @app.get("/health")
    @shop.seal.exempt("probe")
    async def health() -> str:
        return "ok"

    @app.get("/admin")
    async def admin() -> str:
        shop.ran.append("admin")
        return "admin"

    assert shop.status(get("/health")) == 200
    assert shop.status(get("/health?as=admin")) == 401
    assert shop.status(signed(get("/health?as=admin"))) == 401
    assert shop.ran == []


def test_middleware_that_is_added_later_stands_outside() -> None:
    shop = shop_with_orders()
    shop.app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"], allow_methods=["POST"])
    asks = [("Origin", "https://shop.example"), ("Access-Control-Request-Method", "POST")]
    assert shop.status(Message("OPTIONS", "/orders", [HOST, *asks])) == 200
    assert shop.status(ORDER) == 401
