"""FastAPI: what an exemption opens, and what stays closed beside it, below it and after it."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.endpoints import HTTPEndpoint
from starlette.routing import Mount, Route

from asgi_client import signed
from fastapi_shop import HOST, Order, Shop, get, post
from judged import BODY, KEY_ID, NOW
from reference import Message
from sealgate import Verified


def exempt_shop(**settings: Any) -> Shop:
    shop = Shop(clock=lambda: NOW)

    @shop.app.api_route("/health", methods=["GET", "HEAD", "POST"])
    @shop.seal.exempt("probe, returns no data", **settings)
    async def health() -> str:
        shop.ran.append("health")
        return "ok"

    return shop


def test_exempt_route_is_open_for_its_methods_and_for_nothing_else() -> None:
    shop = exempt_shop()
    methods = ["GET", "HEAD", "POST", "PUT", "OPTIONS"]
    statuses = [shop.status(Message(method, "/health", [HOST])) for method in methods]
    assert statuses == [200, 200, 401, 401, 401]
    assert shop.status(get("/health/")) == 401
    assert shop.status(get("/healthy")) == 401
    assert shop.status(signed(Message("POST", "/health", [HOST]))) == 200


def test_exemption_ends() -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    assert exempt_shop(until=at + timedelta(seconds=1)).status(get("/health")) == 200
    assert exempt_shop(until=at).status(get("/health")) == 401
    assert exempt_shop(until=at - timedelta(days=1)).status(get("/health")) == 401


def test_decorator_above_the_route_works_too() -> None:
    shop = Shop()

    @shop.seal.exempt("probe")
    @shop.app.get("/health")
    async def health() -> str:
        return "ok"

    assert shop.status(get("/health")) == 200


def test_dependency_outweighs_an_exemption() -> None:
    shop = Shop()
    signed_by = Annotated[Verified, Depends(shop.seal)]

    @shop.app.api_route("/odd", methods=["GET", "POST"])
    @shop.seal.exempt("a contradiction", methods=("GET", "POST"))
    async def odd(verified: signed_by, order: Order | None = None) -> str | None:
        return verified.key_id

    assert shop.status(get("/odd")) == 401
    assert shop.status(post("/odd", b'{"total": ')) == 401
    assert shop.send(signed(get("/odd"))).json() == KEY_ID


def test_exempt_mount_is_open_and_its_neighbours_are_not(tmp_path: Path) -> None:
    shop = Shop()
    (tmp_path / "a.txt").write_text("public")
    shop.app.mount("/static", shop.seal.exempt("public files")(StaticFiles(directory=tmp_path)))
    shop.app.mount("/private", StaticFiles(directory=tmp_path))
    assert shop.send(get("/static/a.txt")).text == "public"
    assert shop.status(get("/static/../private/a.txt")) == 401
    assert shop.status(Message("POST", "/static/a.txt", [HOST])) == 401
    assert shop.status(get("/private/a.txt")) == 401
    assert shop.status(signed(get("/private/a.txt"))) == 200


def test_what_is_marked_inside_a_mounted_application_does_not_open_it() -> None:
    shop = Shop()
    sub = FastAPI()

    @sub.get("/health")
    @shop.seal.exempt("meant for another application")
    async def health() -> str:
        return "ok"

    shop.app.mount("/sub", sub)
    shop.app.router.routes.append(Mount("/plain", routes=[Route("/health", health)]))
    assert shop.status(get("/sub/health")) == 401
    assert shop.status(get("/plain/health")) == 401
    assert shop.status(signed(get("/sub/health"))) == 200


def test_mounted_application_can_have_a_seal_of_its_own() -> None:
    shop = Shop()
    inner = Shop(BODY.verifier(), root_path="/sub")

    @inner.app.post("/hook")
    async def hook(order: Order, verified: Annotated[Verified, Depends(inner.seal)]) -> str:
        return verified.scheme

    shop.app.mount("/sub", shop.seal.exempt("sealed by itself", methods=["GET", "POST"])(inner.app))
    assert shop.send(BODY.signed(post("/sub/hook"))).json() == "body"
    assert shop.status(signed(post("/sub/hook"))) == 401
    assert shop.status(get("/sub/nothing")) == 401


def test_mounted_application_can_have_a_seal_with_the_same_verifier() -> None:
    shop = Shop()
    inner = Shop(shop.partners, root_path="/sub")

    @inner.app.post("/orders")
    async def orders(order: Order, verified: Annotated[Verified, Depends(inner.seal)]) -> str | None:
        return verified.key_id

    shop.app.mount("/sub", inner.app)
    assert shop.send(signed(post("/sub/orders"))).json() == KEY_ID
    assert shop.status(signed(get("/sub/nothing"))) == 404
    assert shop.status(post("/sub/orders")) == 401


def test_plain_starlette_routes_can_be_exempt_and_are_closed_without() -> None:
    shop = Shop()

    async def plain(request: Request) -> PlainTextResponse:
        return PlainTextResponse("plain")

    shop.app.add_route("/closed", plain)
    assert shop.status(get("/closed")) == 401
    shop.seal.exempt("no data")(plain)
    assert shop.status(get("/closed")) == 200


def test_exemption_of_a_class_is_not_inherited() -> None:
    shop = Shop()

    @shop.seal.exempt("no data")
    class Open(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("open")

    class Below(Open):
        async def get(self, request: Request) -> PlainTextResponse:
            shop.ran.append("below")
            return PlainTextResponse("below")

    async def hello(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("hello")(scope, receive, send)

    @shop.seal.exempt("no data")
    class Files:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await hello(scope, receive, send)

    class PrivateFiles(Files): ...

    shop.app.add_route("/open", Open)  # type: ignore[arg-type]
    shop.app.add_route("/below", Below)  # type: ignore[arg-type]
    shop.app.mount("/files", Files())
    shop.app.mount("/private", PrivateFiles())
    targets = ("/open", "/files/a", "/below", "/private/a")
    assert [shop.status(get(target)) for target in targets] == [200, 200, 401, 401]
    assert [shop.status(signed(get(target))) for target in targets] == [200, 200, 200, 200]
    assert shop.ran == ["below"]


class Prefix:
    """Takes the prefix that a proxy is said to have cut off, as many examples do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        prefix = dict(scope.get("headers", ())).get(b"x-forwarded-prefix")
        if prefix is not None:
            scope["root_path"] = prefix.decode()
        await self.app(scope, receive, send)


def test_root_path_written_after_the_layer_leads_to_no_other_route() -> None:
    """Starlette routes on what is left of the path after it: `/static/orders` would be `/orders`."""
    app = FastAPI()
    app.add_middleware(Prefix)  # added before, so it stands inside
    shop = Shop(app=app)

    async def public(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("public")(scope, receive, send)

    @app.api_route("/orders", methods=["GET", "POST"])
    async def orders() -> None:
        shop.ran.append("orders")

    @app.post("/preview/orders")
    async def preview() -> None:
        shop.ran.append("preview")

    app.mount("/static", shop.seal.exempt("public files")(public))
    assert [shop.status(get("/static/orders")), shop.status(signed(post("/preview/orders")))] == [200, 200]
    exempt = get("/static/orders").plus([("X-Forwarded-Prefix", "/static")])
    proven = signed(post("/preview/orders")).plus([("X-Forwarded-Prefix", "/preview")])
    assert [shop.status(exempt), shop.status(proven)] == [401, 401]
    assert shop.ran == ["preview"]


def test_exemption_in_an_included_router_is_found_with_its_prefixes() -> None:
    shop = Shop()
    router = APIRouter(prefix="/probes")

    @router.get("/{name}")
    @shop.seal.exempt("probe")
    async def probe(name: str) -> str:
        return name

    outer = APIRouter()
    outer.include_router(router)
    shop.app.include_router(outer, prefix="/api")
    assert shop.send(get("/api/probes/live")).json() == "live"
    assert shop.status(get("/probes/live")) == 401
    assert shop.status(get("/api/probes/a/b")) == 401


def test_path_that_a_convertor_fails_on_is_closed() -> None:
    shop = exempt_shop()

    @shop.app.get("/items/{number:int}")
    async def item(number: int) -> int:
        return number

    assert shop.status(get("/items/" + "9" * 5000)) == 401
    assert shop.status(get("/items/7")) == 401
