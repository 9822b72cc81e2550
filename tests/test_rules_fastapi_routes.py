"""FastAPI: rules of hosts, of websockets, of files and of pages."""

# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.staticfiles import StaticFiles
from starlette.routing import Host, Mount, WebSocketRoute

from asgi_client import signed
from fastapi_rules import BOTH, OPEN, admitted, anew, fresh
from fastapi_shop import HOST, Shop, denied, get, headers_of, post
from judged import OTHER_KEY, RFC9421
from reference import Message
from sealgate import Verifier, schemes
from sealgate.fastapi import exempt, require

# Hosts


def at(host: str, message: Message) -> Message:
    return replace(message, headers=[("Host", host), *message.headers[1:]])


def test_host_that_is_routed_on_has_its_own_rules() -> None:
    shop = Shop()
    shop.app.router.routes.insert(0, Host("www.shop.example", exempt("r")(anew())))
    shop.app.add_api_route("/a", fresh(), methods=BOTH)
    messages = (at("www.shop.example", get("/a")), get("/a"), at("www.shop.example", post("/a")))
    assert [200, 401, 401] == [shop.status(message) for message in messages]


class ForwardedHost:
    """Takes the host that a proxy is said to have been asked for, as many examples do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        if b"x-forwarded-host" in headers:
            headers[b"host"] = headers[b"x-forwarded-host"]
            scope["headers"] = list(headers.items())
        await self.app(scope, receive, send)


def test_host_written_after_the_layer_leads_to_no_other_route() -> None:
    app = FastAPI()
    app.add_middleware(ForwardedHost)  # added before, so it stands inside
    shop = Shop(app=app)
    app.router.routes.insert(0, Host("www.shop.example", exempt("r")(anew())))

    @app.api_route("/a", methods=BOTH)
    async def closed() -> None:
        shop.ran.append("closed")

    moved = at("www.shop.example", get("/a")).plus([("X-Forwarded-Host", "api.shop.example")])
    assert (401, []) == (shop.status(moved), shop.ran)


# Websockets


async def accept(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


def accepted(shop: Shop, handshake: Message) -> bool:
    with shop.client.websocket_connect(handshake.target, headers=headers_of(handshake)):
        return True


@pytest.mark.parametrize(("methods", "opens"), [(("GET", "HEAD", "POST"), False), (("WEBSOCKET",), True)])
def test_websocket_is_exempt_only_as_one(methods: tuple[str, ...], opens: bool) -> None:
    shop = Shop()

    async def feed(socket: WebSocket) -> None:
        await accept(socket)

    shop.app.websocket("/feed")(exempt("r", methods=methods)(feed))
    if opens:
        assert accepted(shop, get("/feed"))
    else:
        assert 401 == denied(shop.client, get("/feed")).status_code
    assert accepted(shop, signed(get("/feed")))


def test_exemption_of_websockets_opens_no_http_method_of_that_name() -> None:
    """`h11` takes any token for a method, and an application that is mounted may not look at it."""
    shop = Shop()
    shop.app.mount("/m", exempt("the feed", methods=("WEBSOCKET",))(anew()))
    assert 401 == shop.status(Message("WEBSOCKET", "/m/a", [HOST]))


@pytest.mark.parametrize("where", ["route", "include", "starlette", "mount"])
def test_requirement_holds_for_websockets(where: str) -> None:
    partners = RFC9421.verifier()
    shop = Shop(Verifier(schemes.SLACK, keys=OTHER_KEY))
    other = shop.seal.require(partners)
    if where == "route":
        shop.app.add_api_websocket_route("/feed", accept, dependencies=[Depends(other)])
    elif where == "include":
        inner = APIRouter()
        inner.add_api_websocket_route("/feed", accept)
        shop.app.include_router(inner, dependencies=[Depends(other)])
    else:

        async def feed(socket: WebSocket) -> None:
            await accept(socket)

        route = WebSocketRoute("/feed", require(partners)(feed))
        if where == "mount":

            async def asgi(scope: Any, receive: Any, send: Any) -> None:
                await WebSocketRoute("/feed", accept).app(scope, receive, send)

            route = Mount("/", require(partners)(asgi))  # type: ignore[assignment]
        shop.app.router.routes.append(route)
    assert accepted(shop, signed(get("/feed")))
    assert 401 == denied(shop.client, get("/feed")).status_code


# Files and pages


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("page")
    return tmp_path


def test_files_are_closed_until_their_mount_is_exempt(files: Path) -> None:
    shop = Shop()
    shop.app.mount("/public", exempt("r")(StaticFiles(directory=files, html=True)))
    shop.app.mount("/private", StaticFiles(directory=files, html=True))
    targets = ("/public/index.html", "/public/", "/private/index.html", "/private/", "/public", "/private")
    assert [200, 200, 401, 401, 401, 401] == [shop.status(get(target)) for target in targets]


def test_frontend_is_closed(files: Path) -> None:
    shop = Shop()
    shop.app.frontend("/", directory=files)
    shop.app.add_api_route("/a", exempt("r")(fresh()), methods=BOTH)
    targets = ("/", "/index.html", "/none")
    assert [401, 401, 401] == [shop.status(get(target)) for target in targets]
    assert 200 == shop.status(signed(get("/index.html")))
    assert OPEN == admitted(shop, "/a")


def test_frontend_of_a_router_that_requires_another_verifier_takes_it(files: Path) -> None:
    shop = Shop()
    inner = APIRouter(dependencies=[Depends(shop.seal.require(other := RFC9421.verifier()))])
    inner.frontend("/", directory=files)
    shop.app.include_router(inner, prefix="/ui")
    assert other is not shop.partners
    assert 200 == shop.status(signed(get("/ui/index.html")))


def test_pages_of_fastapi_and_redirects_are_closed() -> None:
    shop = Shop()
    shop.app.add_api_route("/tree/", exempt("r")(fresh()))
    targets = ("/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect", "/tree", "/docs/", "/none")
    assert [401] * 7 == [shop.status(get(target)) for target in targets]
    assert [200, 200, 200, 200, 307] == [shop.status(signed(get(target))) for target in targets[:5]]


def test_page_of_fastapi_can_be_exempt() -> None:
    shop = Shop()
    (docs,) = [route for route in shop.app.routes if getattr(route, "path", "") == "/docs"]
    exempt("a page without data")(docs.endpoint)  # type: ignore[attr-defined]
    assert [200, 401] == [shop.status(get(target)) for target in ("/docs", "/openapi.json")]
