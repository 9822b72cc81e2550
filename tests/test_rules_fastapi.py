"""FastAPI: a rule counts where it is written, on routes, routers, includes, mounts and hosts, and nowhere else."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Match, Mount, Route, WebSocketRoute

from asgi_client import signed
from fastapi_shop import HOST, Shop, denied, get, headers_of, post
from judged import KEY_ID, NOW, OTHER_KEY, RFC9421
from reference import Message, sign_github
from sealgate import ConfigurationError, Verifier, schemes
from sealgate.fastapi import exempt, require

HOOKS = Verifier(schemes.GITHUB, keys=OTHER_KEY)
BOTH = ["GET", "POST"]

# Who is let in: nobody unsigned; only the party of `HOOKS`; everybody, for GET.
CLOSED, HOOKED, OPEN = ["partners"], ["hooks"], ["anybody", "partners"]


def hooked(message: Message) -> Message:
    return message.plus(sign_github(message, OTHER_KEY))


def admitted(shop: Shop, target: str) -> list[str]:
    """Who reaches the view behind `target`."""
    order = post(target)
    senders = {"anybody": get(target), "anybody with a body": order, "partners": signed(order), "hooks": hooked(order)}
    statuses = {sender: shop.status(message) for sender, message in senders.items()}
    assert set(statuses.values()) <= {200, 401}, statuses
    return [sender for sender, status in statuses.items() if status == 200]


def fresh() -> Callable[[], Any]:
    """A view that has no rule yet."""

    async def view() -> str:
        return "seen"

    return view


def router(view: Any = None, **more: Any) -> APIRouter:
    made = APIRouter(**more)
    made.add_api_route("/a", view or fresh(), methods=BOTH)
    return made


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """A whole application."""
    await PlainTextResponse("seen")(scope, receive, send)


def anew() -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await answer(scope, receive, send)

    return application


def nested(*marks: Callable[[Any], Any]) -> APIRouter:
    """A router in a router in a router: marked from the outside inwards."""
    inner = router()
    for mark in reversed(marks[1:]):
        mark(inner)
        outer = APIRouter()
        outer.include_router(inner, prefix="/in")
        inner = outer
    marks[0](inner)
    return inner


def unmarked(given: Any) -> Any:
    return given


#: What is done to the application, and who reaches each target.
PLACES: dict[str, tuple[Callable[[Shop], None], dict[str, list[str]]]] = {
    "no rule": (lambda shop: shop.app.include_router(router()), {"/a": CLOSED}),
    "endpoints": (
        lambda shop: (
            shop.app.add_api_route("/open", exempt("r")(fresh()), methods=BOTH),
            shop.app.add_api_route("/hooks", require(HOOKS)(fresh()), methods=BOTH),
        ),
        {"/open": OPEN, "/hooks": HOOKED},
    ),
    "dependencies": (
        lambda shop: (
            shop.app.add_api_route("/route", fresh(), methods=BOTH, dependencies=[Depends(shop.seal.require(HOOKS))]),
            shop.app.include_router(router(dependencies=[Depends(shop.seal.require(HOOKS))]), prefix="/router"),
            shop.app.include_router(router(), prefix="/include", dependencies=[Depends(shop.seal.require(HOOKS))]),
            shop.app.include_router(router(), prefix="/beside"),
        ),
        {"/route": HOOKED, "/router/a": HOOKED, "/include/a": HOOKED, "/beside/a": CLOSED},
    ),
    "routers": (
        lambda shop: (
            shop.app.include_router(exempt("r")(router()), prefix="/open"),
            shop.app.include_router(require(HOOKS)(router()), prefix="/hooks"),
            shop.app.include_router(require(HOOKS)(router(exempt("r")(fresh()))), prefix="/inner"),
            shop.app.include_router(exempt("r")(router(require(HOOKS)(fresh()))), prefix="/outer"),
        ),
        {"/open/a": OPEN, "/hooks/a": HOOKED, "/inner/a": ["anybody", "hooks"], "/outer/a": HOOKED},
    ),
    "nested routers": (
        lambda shop: (
            shop.app.include_router(nested(exempt("r"), require(HOOKS)), prefix="/1"),
            shop.app.include_router(nested(require(HOOKS), exempt("r")), prefix="/2"),
            shop.app.include_router(nested(exempt("r"), unmarked, unmarked), prefix="/3"),
            shop.app.include_router(nested(exempt("r"), require(HOOKS), unmarked), prefix="/4"),
            shop.app.include_router(nested(unmarked, unmarked), prefix="/5"),
        ),
        {
            "/1/in/a": HOOKED,
            "/2/in/a": ["anybody", "hooks"],
            "/3/in/in/a": OPEN,
            "/4/in/in/a": HOOKED,
            "/5/in/a": CLOSED,
        },
    ),
    "mounts": (
        lambda shop: (
            shop.app.mount("/open", exempt("r")(anew())),
            shop.app.mount("/hooks", require(HOOKS)(anew())),
            shop.app.mount("/closed", anew()),
            shop.app.include_router(mounted(exempt("r")(anew())), prefix="/in"),
            shop.app.include_router(mounted(anew()), prefix="/in-closed"),
        ),
        {"/open/a": OPEN, "/hooks/a": HOOKED, "/closed/a": CLOSED, "/in/m/a": OPEN, "/in-closed/m/a": CLOSED},
    ),
    "mounted applications": (
        lambda shop: (
            shop.app.mount("/open", exempt("r")(sub())),
            shop.app.mount("/hooks", require(HOOKS)(sub())),
            shop.app.mount("/closed", sub()),
        ),
        {"/open/a": OPEN, "/hooks/a": HOOKED, "/closed/a": CLOSED},
    ),
    "classes": (
        lambda shop: (
            shop.app.router.routes.append(Route("/open", OpenEndpoint)),
            shop.app.router.routes.append(Route("/hooks", HookEndpoint)),
            shop.app.router.routes.append(Route("/below-open", BelowOpenEndpoint)),
        ),
        {"/open": OPEN, "/hooks": HOOKED, "/below-open": CLOSED},
    ),
    "the first route that matches": (
        lambda shop: (
            shop.app.include_router(router()),
            shop.app.include_router(exempt("r")(router())),
            shop.app.mount("/", exempt("r")(anew())),
        ),
        {"/a": CLOSED, "/b": OPEN},
    ),
    "convertors": (
        lambda shop: (
            shop.app.add_api_route("/{number:int}", exempt("r")(fresh()), methods=BOTH),
            shop.app.add_api_route("/{rest:path}", fresh(), methods=BOTH),
        ),
        {"/7": OPEN, "/7a": CLOSED, "/7/": CLOSED, "/%37": OPEN},
    ),
}


def sub() -> FastAPI:
    made = FastAPI()
    made.add_api_route("/a", fresh(), methods=BOTH)
    return made


def mounted(application: Any) -> APIRouter:
    made = APIRouter()
    made.mount("/m", application)
    return made


class Endpoint(HTTPEndpoint):
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("seen")

    async def post(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("seen")


@exempt("public")
class OpenEndpoint(Endpoint): ...


class BelowOpenEndpoint(OpenEndpoint): ...


@require(HOOKS)
class HookEndpoint(Endpoint): ...


class BelowHookEndpoint(HookEndpoint): ...


class HandlerEndpoint(Endpoint):
    @require(HOOKS)
    async def post(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("seen")


@pytest.mark.parametrize("place", PLACES)
def test_rule_counts_where_it_is_written_and_nowhere_else(place: str) -> None:
    build, expected = PLACES[place]
    shop = Shop()
    build(shop)
    assert expected == {target: admitted(shop, target) for target in expected}


@pytest.mark.parametrize("endpoint", [BelowHookEndpoint, HandlerEndpoint])
def test_requirement_of_a_class_holds_as_in_the_other_frameworks(endpoint: Any) -> None:
    """A parent's, and a handler's."""
    shop = Shop()
    shop.app.router.routes.append(Route("/a", endpoint))
    assert HOOKED == admitted(shop, "/a")


@pytest.mark.parametrize("kind", ["application", "routes"])
def test_requirement_within_a_mount_holds(kind: str) -> None:
    """What is marked inside a mount does not open it, but a demand made there is one."""
    shop, view = Shop(), require(HOOKS)(fresh())
    inner = FastAPI()
    inner.add_api_route("/a", view, methods=BOTH)
    plain = [Route("/a", HookEndpoint)]
    shop.app.router.routes.append(Mount("/m", inner) if kind == "application" else Mount("/m", routes=plain))
    assert "partners" not in admitted(shop, "/m/a")


class Versioned(APIRoute):
    """A route that decides by more than its path, as many examples of versions do."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        return super().matches(scope)


@pytest.mark.parametrize("included", [True, False])
def test_requirement_holds_on_a_route_that_matches_in_its_own_way(included: bool) -> None:
    shop = Shop()
    made = APIRouter(route_class=Versioned) if included else shop.app.router
    made.route_class = Versioned
    made.add_api_route("/a", require(HOOKS)(fresh()), methods=BOTH)
    if included:
        shop.app.include_router(made)
    assert "partners" not in admitted(shop, "/a")


def test_requirement_around_an_exemption_is_joined_with_a_dependency() -> None:
    """For POST the exemption says nothing: what the router demands and what the dependency demands exclude each other."""
    shop, inner = Shop(), APIRouter()
    inner.add_api_route("/a", exempt("r")(fresh()), methods=BOTH, dependencies=[Depends(shop.seal)])
    shop.app.include_router(require(HOOKS)(inner))
    assert [401, 401] == [shop.status(each) for each in (signed(post("/a")), hooked(post("/a")))]


def test_router_included_twice_has_the_requirement_of_each_include() -> None:
    shop, shared = Shop(), router()
    shop.app.include_router(shared, prefix="/hooks", dependencies=[Depends(shop.seal.require(HOOKS))])
    shop.app.include_router(shared, prefix="/plain")
    outer = exempt("r")(APIRouter())
    outer.include_router(shared)
    shop.app.include_router(outer, prefix="/open")
    shop.app.include_router(shared, prefix="/again")
    targets = ("/hooks/a", "/plain/a", "/open/a", "/again/a")
    assert [HOOKED, CLOSED, OPEN, CLOSED] == [admitted(shop, target) for target in targets]


def test_rule_on_an_endpoint_goes_with_the_endpoint() -> None:
    shop, shared = Shop(), fresh()
    shop.app.add_api_route("/public", exempt("r")(shared), methods=BOTH)
    shop.app.add_api_route("/private", shared, methods=BOTH)
    assert [OPEN, OPEN] == [admitted(shop, target) for target in ("/public", "/private")]


def test_rule_on_an_application_goes_with_the_application() -> None:
    shop, shared = Shop(), anew()
    shop.app.mount("/public", exempt("r")(shared))
    shop.app.mount("/private", shared)
    assert [OPEN, OPEN] == [admitted(shop, target) for target in ("/public/a", "/private/a")]


def test_names_still_lead_to_routes_that_have_rules() -> None:
    shop = Shop()
    inner = APIRouter()
    inner.add_api_route("/item/{number}", fresh(), name="item")
    outer = exempt("r")(APIRouter())
    outer.include_router(require(HOOKS)(inner), prefix="/inner")
    shop.app.include_router(outer, prefix="/outer")
    shop.app.mount("/files", exempt("r")(anew()), name="files")
    assert "/outer/inner/item/7" == shop.app.url_path_for("item", number="7")
    assert "/files/a" == shop.app.url_path_for("files", path="/a")


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


# Changes after the start


def test_rule_added_after_the_start_counts_from_the_next_request() -> None:
    shop, late, later = Shop(), fresh(), router()
    shop.app.add_api_route("/a", late, methods=BOTH)
    shop.app.include_router(later, prefix="/router")
    before = [admitted(shop, target) for target in ("/a", "/router/a")]
    require(HOOKS)(late)
    exempt("r")(later)
    after = [admitted(shop, target) for target in ("/a", "/router/a")]
    assert ([CLOSED, CLOSED], [HOOKED, OPEN]) == (before, after)


# What a rule says


def test_keys_of_a_rule_are_the_only_ones() -> None:
    partners = RFC9421.verifier(keys={KEY_ID: RFC9421.keys[KEY_ID], "globex": OTHER_KEY})
    shop = Shop(partners)
    shop.app.add_api_route("/rule", require(partners, keys={"globex"})(fresh()), methods=BOTH)
    only = Depends(shop.seal.require(partners, keys={"globex"}))
    both = Depends(shop.seal.require(partners, keys={"globex", KEY_ID}))
    shop.app.add_api_route("/dependency", fresh(), methods=BOTH, dependencies=[only])
    shop.app.add_api_route("/narrowed", fresh(), methods=BOTH, dependencies=[both, only])
    shop.app.add_api_route("/both", fresh(), methods=BOTH, dependencies=[both])
    targets = ("/rule", "/dependency", "/narrowed", "/both")
    assert [403, 403, 403, 200] == [shop.status(signed(post(target))) for target in targets]


def test_query_that_may_go_uncovered_may_and_no_other() -> None:
    """GitHub signs the body alone."""
    shop = Shop()
    shop.app.add_api_route("/a", require(HOOKS, uncovered=("query",))(fresh()), methods=BOTH)
    shop.app.add_api_route("/b", require(HOOKS)(fresh()), methods=BOTH)
    loose = Depends(shop.seal.require(HOOKS, uncovered=("query",)))
    strict = Depends(shop.seal.require(HOOKS))
    shop.app.add_api_route("/c", fresh(), methods=BOTH, dependencies=[loose])
    shop.app.add_api_route("/d", fresh(), methods=BOTH, dependencies=[loose, strict])
    statuses = [shop.status(hooked(post(f"/{name}?x=1"))) for name in "abcd"]
    assert [200, 401, 200, 401] == statuses


@pytest.mark.parametrize(("seconds", "status"), [(-1, 401), (0, 401), (1, 200)])
def test_exemption_of_a_router_ends(seconds: int, status: int) -> None:
    shop = Shop(clock=lambda: NOW)
    until = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)
    shop.app.include_router(exempt("r", until=until)(router()))
    assert status == shop.status(get("/a"))


@pytest.mark.parametrize("mark", [require(HOOKS), exempt("r")])
def test_second_rule_is_a_configuration_error(mark: Callable[[Any], Any]) -> None:
    with pytest.raises(ConfigurationError, match="has a rule already"):
        mark(exempt("r")(router()))
