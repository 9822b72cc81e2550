"""FastAPI: a rule counts where it is written, on routes, routers, includes, mounts and hosts, and nowhere else."""

# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Mount, Route

from asgi_client import signed
from fastapi_rules import BOTH, CLOSED, HOOKED, HOOKS, OPEN, admitted, anew, fresh, hooked, router
from fastapi_shop import Shop, get, post
from judged import KEY_ID, NOW, OTHER_KEY, RFC9421
from sealgate import ConfigurationError
from sealgate.fastapi import exempt, require


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
