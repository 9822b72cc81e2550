"""The audit of Starlette and FastAPI: which routes it lists, the paths it gives as examples, and what comes first."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from audited_apps import answering, calls_of, fastapi_status, verdicts_at
from audited_fastapi import bare, done, entries, evidence, plain, shop, shown
from leaky_fastapi import StatusFirst
from leaky_flask import leaky as leaky_flask_shop
from sealgate.audit import Entry
from sealgate.fastapi import exempt

ANY = "/{path:path}"
PATHS = [
    "/plain",
    "/{name}/text",
    "/{number:int}/int",
    "/{ratio:float}/float",
    "/{key:uuid}/key",
    "/a-{x}.{y}/two",
    "/f/{at:path}",
    "/caffè nero/{name}",
]


def taken(app: Any, path: str, method: str = "GET") -> Any:
    """The endpoint that the application calls."""
    seen: list[Any] = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        seen.append(scope.get("endpoint"))

    fastapi_status(watched, method, path)
    return seen[-1]


def view() -> Callable[[], str]:
    return lambda: "view"


# Routes


def test_every_example_is_routed_to_its_own_view() -> None:
    app, group, inner = bare(), APIRouter(), bare()
    views: dict[str, Any] = {}
    for on, prefix in ((app, ""), (group, "/group"), (inner, "/tè/{tenant}")):
        for path in PATHS:
            views[prefix + path] = view()
            on.add_api_route(path, views[prefix + path], methods=["GET", "POST"])
    app.include_router(group, prefix="/group")
    app.mount("/tè/{tenant}", inner)
    found = [entry for entry in entries(app) if entry.kind == "view"]
    assert set(views) == {entry.path for entry in found}
    assert [True] * len(found) == [(entry.example or "é").isascii() for entry in found]
    assert [True] * len(found) == [taken(app, entry.example or "") is views[entry.path] for entry in found]


def test_documents_static_files_front_ends_and_websockets_are_listed(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("front")
    app, group = FastAPI(), APIRouter()
    app.mount("/static", StaticFiles(directory=tmp_path))
    app.websocket("/feed")(never)
    app.router.add_websocket_route("/raw", never)
    group.frontend("/app", directory=tmp_path)
    app.include_router(group, prefix="/group")
    app.frontend("/", directory=tmp_path)
    docs = {"/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"}
    assert {("open", "docs", path) for path in docs} | {
        ("open", "static", "/static/{path:path}"),
        ("open", "static", "/group/app/{path:path}"),
        ("open", "static", "/{path:path}"),
        ("open", "websocket", "/feed"),
        ("open", "websocket", "/raw"),
    } == {each for each in shown(app) if each[1] not in {"redirect", "missing"}}
    assert [200, 200, 200] == [
        fastapi_status(app, "GET", path) for path in ("/", "/group/app/index.html", "/static/index.html")
    ]


async def never(websocket: Any) -> None:
    await websocket.accept()


def test_a_route_that_another_one_hides_is_listed_and_says_so() -> None:
    app = shop()
    app.add_api_route("/{name}", done)
    app.add_api_route("/{number:int}", done, methods=["GET", "DELETE"])
    app.mount("/orders", bare())
    found = entries(app)
    hidden = {
        (entry.path, entry.methods): entry.standing.evidence[-1]
        for entry in found
        if entry.example is None and entry.kind == "view"
    }
    assert {("/{number:int}", ("GET",)): "/1 goes to /{name} first"} == hidden
    (delete,) = answering(found, "/1", "DELETE")
    assert "/1" == delete.example


def test_an_application_that_a_route_hides_has_no_example_there() -> None:
    app, inner = bare(), bare()
    inner.add_api_route("/orders", done)
    inner.add_api_route("/other", done)
    app.add_api_route("/in/orders", view())
    app.add_api_route("/in/{rest:path}", view(), methods=["POST"])
    app.mount("/in", inner)
    assert [None, "/in/other"] == [
        entry.example
        for entry in entries(app)
        if entry.path in {"/in/orders", "/in/other"} and entry.view == "audited_fastapi.done"
    ]

    elsewhere = [(entry.kind, entry.example) for entry in entries(app) if entry.path == f"/in{ANY}"]
    assert [("redirect", None), ("missing", None)] == elsewhere


def test_a_convertor_that_refuses_everything_leaves_a_route_without_an_example() -> None:
    class Broken(Convertor[str]):
        regex = "[a-z/]+"

        def convert(self, value: str) -> str:
            raise RuntimeError

    register_url_convertor("broken", Broken())
    app = bare()
    app.add_api_route("/broken/{value:broken}", done)
    app.add_api_route("/broken/x/y", done)
    (broken,) = answering(entries(app), "/broken/x", "GET")
    assert (None, "no path could be made for it") == (broken.example, broken.standing.evidence[-1])
    assert [None] == [entry.example for entry in entries(app) if entry.path == "/broken/x/y"]


def test_redirects_and_what_no_route_takes_have_examples_that_are_so() -> None:
    app, inner = bare(), bare(redirect_slashes=False)
    app.add_api_route("/orders", done)
    inner.add_api_route("/orders", done)
    app.mount("/in", inner)
    found = {(entry.path, entry.kind): entry.example for entry in entries(app) if entry.kind != "view"}
    assert {(ANY, "redirect"), (ANY, "missing"), (f"/in{ANY}", "missing")} == set(found)
    statuses = {key: fastapi_status(app, "GET", path or "") for key, path in found.items()}
    assert {(ANY, "redirect"): 307, (ANY, "missing"): 404, (f"/in{ANY}", "missing"): 404} == statuses
    whole = Starlette(routes=[Mount("/", Starlette(routes=[Route("/orders", plain)]))])
    assert 1 == len([entry for entry in entries(whole) if entry.kind == "missing"])


def test_hosts_are_told_and_have_no_example() -> None:
    app = Starlette(routes=[Host("admin.shop.example", Router([Route("/users", plain)])), Route("/users", plain)])
    admin, everywhere = (entry for entry in entries(app) if entry.kind == "view")
    assert (None, "/users") == (admin.example, everywhere.example)
    assert "only at the host admin.shop.example" in admin.standing.evidence


def test_applications_of_other_frameworks_are_audited_where_they_are_mounted() -> None:
    flask: Any = WSGIMiddleware(leaky_flask_shop())  # type: ignore[arg-type]
    covered, exempted, alone = shop(), shop(), Starlette(routes=[Mount("/{tenant}", flask)])
    covered.mount("/flask", flask)
    assert {"verified"} == {entry.verdict for entry in entries(covered)}
    exempted.mount("/flask", exempt("all of it", methods=("GET",))(flask))
    found = entries(exempted)
    asked = ("/flask/orders/export", "/flask/guarded/refunds")
    assert [{"exempt"}, {"verified"}] == [
        verdicts_at(found, path, method) - {"unknown"} for path, method in zip(asked, ("GET", "POST"), strict=True)
    ]
    (export,) = [entry for entry in entries(alone) if entry.path == "/{tenant}/orders/export" and entry.kind == "view"]
    assert ("open", "/1/orders/export") == (export.verdict, export.example)


def test_an_application_that_mounts_itself_is_listed_once_and_says_so() -> None:
    app, closed = bare(), shop()
    app.add_api_route("/orders", done)
    app.mount("/again", app)
    closed.mount("/again", closed)
    assert [{"unknown"}, {"verified"}] == [verdicts_at(entries(each), "/again/orders") for each in (app, closed)]
    assert ("the application mounts itself: all of it again, and so on",) == evidence(app, "/again/orders")


def test_what_cannot_be_seen_is_unknown_and_verified_behind_a_layer() -> None:
    class Odd(BaseRoute):
        path = "/odd"

        def matches(self, scope: Any) -> tuple[Match, Any]:
            return Match.NONE, {}

    async def function(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("function")(scope, receive, send)

    routes = [Odd(), Mount("/function", function), Route("/route", Endpoint())]
    plain_, layered = Starlette(routes=list(routes)), shop()
    layered.router.routes.extend(routes)
    asked = ("/odd", "/function/x", "/route")
    assert [{"unknown"}, {"unknown"}, {"open"}] == [verdicts_at(entries(plain_), path) for path in asked]
    assert [{"unknown"}, {"verified"}, {"verified"}] == [verdicts_at(entries(layered), path) for path in asked]
    assert {("unknown", "mount", ANY)} == shown(function)


class Endpoint:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("endpoint")(scope, receive, send)


def test_an_exemption_of_an_application_that_answers_by_itself_is_told_by_method() -> None:
    app = shop()
    app.mount("/in", exempt("public")(Endpoint()))
    found = [(entry.methods, entry.verdict) for entry in entries(app) if entry.path == f"/in{ANY}"]
    assert {(("*",), "verified"), (("GET", "HEAD"), "exempt")} == set(found)
    assert [200, 401] == [fastapi_status(app, method, "/in/x") for method in ("GET", "POST")]


# What comes first


async def passed(request: Any, call_next: Any) -> Any:
    return await call_next(request)


FIRST: dict[str, tuple[list[Any], set[tuple[str, tuple[str, ...]]]]] = {
    "nothing": ([], set()),
    "what only passes or refuses": (
        [
            Middleware(GZipMiddleware),
            Middleware(SessionMiddleware, secret_key="key"),
            Middleware(TrustedHostMiddleware, allowed_hosts=["*"]),
            Middleware(ProxyHeadersMiddleware),
        ],
        set(),
    ),
    "preflights": ([Middleware(CORSMiddleware, allow_origins=["*"])], {("exempt", ("OPTIONS",))}),
    "redirects to https": ([Middleware(HTTPSRedirectMiddleware)], {("exempt", ("*",))}),
    "a function": ([Middleware(BaseHTTPMiddleware, dispatch=passed)], {("unknown", ("*",))}),
    "a class": ([Middleware(StatusFirst)], {("unknown", ("*",))}),
}


@pytest.mark.parametrize("name", FIRST)
def test_middleware_is_told_where_it_stands_before_the_layer_and_only_there(name: str) -> None:
    middleware, told = FIRST[name]
    outside, inside, started, around = shop(), bare(middleware=middleware), shop(), shop()
    outside.user_middleware[:0] = middleware
    started.user_middleware[:0] = middleware
    fastapi_status(started, "GET", "/orders")
    shop(inside)
    wrapped: Any = around
    for each in middleware:
        wrapped = each.cls(wrapped, *each.args, **each.kwargs)
    first = [
        {(entry.verdict, entry.methods) for entry in entries(app) if entry.kind == "middleware"}
        for app in (outside, started, wrapped, inside)
    ]
    assert [told, told, told, set()] == first


def test_middleware_behind_the_last_check_is_told() -> None:
    app = shop()
    app.user_middleware.append(Middleware(StatusFirst))
    unchecked = shop(bare(middleware=[Middleware(StatusFirst)]))
    unchecked.user_middleware.pop()
    assert [{"leaky_fastapi.StatusFirst"}] * 2 == [
        {entry.view for entry in entries(each) if entry.kind == "middleware"} for each in (app, unchecked)
    ]


def test_middleware_of_a_mounted_application_stands_behind_the_layer_around_it() -> None:
    app, inner = shop(), shop(root_path="/in")
    inner.user_middleware.insert(0, Middleware(StatusFirst))
    alone = bare()
    app.mount("/in", inner)
    alone.mount("/in", inner)
    assert [{"verified"}, {"unknown"}] == [
        {entry.verdict for entry in entries(each) if entry.kind == "middleware"} for each in (app, alone)
    ]


def test_an_application_that_answers_by_itself_is_told() -> None:
    class Own(FastAPI):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)

    app = shop(Own(openapi_url=None))
    assert {"unknown", "verified"} == verdicts_at(entries(app), "/orders")


# Work


@pytest.mark.parametrize("included", [True, False])
def test_work_is_linear_in_the_number_of_routes(included: bool) -> None:
    def work(routes: int) -> int:
        app, group = shop(), APIRouter()
        for at in range(routes):
            (group if included else app).add_api_route(f"/api/v{at % 3}/{{number}}/{at}", view())
        if included:
            app.include_router(group)
        list(entries(app))  # FastAPI makes the routes of an included router once
        return calls_of(lambda: entries(app))

    few, many = work(100), work(400)
    assert 3.2 < many / few < 4.2


def test_entries_have_the_place_of_their_view() -> None:
    (entry,) = [each for each in entries(shop()) if each.path == "/orders"]
    assert isinstance(entry, Entry)
    assert entry.source is not None
    assert ("audited_fastapi.py", "audited_fastapi.done") == (entry.source.file.rpartition("/")[2], entry.view)
    line = Path(entry.source.file).read_text().splitlines()[entry.source.line - 1]
    assert re.match(r"async def done", line)
