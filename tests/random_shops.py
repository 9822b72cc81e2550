"""Applications of rules, groups, mounts, layers and dependencies, put together by chance."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, WebSocket
from flask import Blueprint, Flask
from flask.views import MethodView
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Rule

from audited_fastapi import bare, plain, verifier
from sealgate import asgi, wsgi
from sealgate.fastapi import Sealgate, VerifiedBy, exempt, require
from sealgate.flask import Sealgate as FlaskSealgate

__all__ = ["fastapi_shop", "flask_shop"]

PARTNERS, HOOKS = verifier(), verifier()
OVER = datetime(2020, 1, 1, tzinfo=UTC)
METHODS = (["GET"], ["GET", "POST"], ["POST"], ["DELETE", "GET"], ["OPTIONS", "HEAD"])
EXEMPT = (("GET",), ("GET", "HEAD", "POST"), ("POST", "WEBSOCKET"), ("GET", "OPTIONS", "DELETE"))
FLASK_PATHS = (
    "/a",
    "/b",
    "/<x>",
    "/<int:x>",
    "/a/<y>",
    "/f/<path:p>",
    "/c/",
    "/a/b",
    "/<x>/<uuid:y>",
    "/<any(k,l):x>/z/",
)
FASTAPI_PATHS = ("/a", "/b", "/{x}", "/{x:int}", "/a/{y}", "/{p:path}", "/c/", "/a/b")


def marked(chance: Random) -> Callable[[Any], Any]:
    """A rule, or none."""
    marks = [exempt("any", methods=chance.choice(EXEMPT)), require(HOOKS), exempt("over", methods=("GET",), until=OVER)]
    return chance.choice([*marks, *[lambda endpoint: endpoint] * 3])


def flask_shop(chance: Random, depth: int = 2, root: str = "") -> Flask:
    app = Flask("random", static_folder=None)
    if chance.random() < 0.6:
        FlaskSealgate(app, PARTNERS, script_name=root, report_only=chance.random() < 0.15)
    _fill_flask(chance, app, depth)
    inner: Any = app.wsgi_app
    if chance.random() < 0.3:
        inner = ProxyFix(inner)
    if depth and chance.random() < 0.5:
        inner = DispatcherMiddleware(inner, {"/mounted": flask_shop(chance, depth - 1, f"{root}/mounted")})
    if chance.random() < 0.15:
        inner = wsgi.SignatureMiddleware(inner, PARTNERS, script_name=root, report_only=chance.random() < 0.2)
    app.wsgi_app = inner  # type: ignore[method-assign]
    return app


def _fill_flask(chance: Random, on: Flask | Blueprint, depth: int) -> None:
    for at in range(chance.randint(1, 5)):
        path, kind = chance.choice(FLASK_PATHS), chance.randrange(7)
        if kind < 3:
            methods, strict = chance.choice([*METHODS, None]), chance.random() < 0.7
            view = marked(chance)(lambda **values: "view")
            on.add_url_rule(path, f"view-{at}", view, methods=methods, strict_slashes=strict)
        elif kind == 3:
            on.add_url_rule(path, view_func=marked(chance)(_flask_class(chance).as_view(f"class-{at}")))
        elif kind == 4 and isinstance(on, Flask):
            _flask_rule(chance, on, path, at)
        elif depth:
            group = Blueprint(f"group-{at}", __name__, url_prefix=chance.choice(["/g", "/a", f"/<q{depth}>"]))
            _fill_flask(chance, group, depth - 1)
            on.register_blueprint(marked(chance)(group))


def _flask_rule(chance: Random, app: Flask, path: str, at: int) -> None:
    """One that Flask itself would not add: it may be for every method, and for none but a redirect."""
    app.view_functions[f"rule-{at}"] = marked(chance)(lambda **values: "view")
    redirect_to = chance.choice([None, None, "b"])
    methods = chance.choice([*METHODS, None])
    app.url_map.add(Rule(path, endpoint=f"rule-{at}", methods=methods, redirect_to=redirect_to))


def _flask_class(chance: Random) -> type[MethodView]:
    class Parent(MethodView):
        def get(self, **values: Any) -> str:
            return "got"

        @marked(chance)
        def post(self, **values: Any) -> str:
            return "posted"

    class Child(Parent):
        pass

    marked(chance)(Parent)
    return chance.choice([Parent, Child])


def fastapi_shop(chance: Random, depth: int = 2, root: str = "") -> FastAPI:
    app = bare(redirect_slashes=chance.random() < 0.8)
    seal = (
        Sealgate(app, PARTNERS, root_path=root, report_only=chance.random() < 0.15) if chance.random() < 0.6 else None
    )
    _fill_fastapi(chance, app.router, seal, depth, root)
    return app


def _fill_fastapi(chance: Random, on: APIRouter, seal: Sealgate | None, depth: int, root: str | None) -> None:
    """`root`: None in a router that is to be included, which cannot mount."""
    for _ in range(chance.randint(1, 4)):
        path, kind = chance.choice(FASTAPI_PATHS), chance.randrange(9)
        if kind < 3:
            asked = _dependencies(chance, seal)
            on.add_api_route(path, marked(chance)(lambda: "view"), methods=chance.choice(METHODS), dependencies=asked)
        elif kind == 3:
            on.add_route(path, marked(chance)(_copy(plain)), methods=chance.choice(METHODS))
        elif kind == 4:
            on.add_route(path, _fastapi_class(chance))
        elif kind == 5:
            on.add_api_websocket_route(path, marked(chance)(_copy(_talk)), dependencies=_dependencies(chance, seal))
        elif kind == 6 and depth:
            group = APIRouter(dependencies=_dependencies(chance, seal))
            _fill_fastapi(chance, group, seal, depth - 1, None)
            on.include_router(marked(chance)(group), prefix=chance.choice(["/g", "/a", f"/{{q{depth}}}/g"]))
        elif depth and root is not None:
            below = chance.choice(["/m", "/a"])
            mounted = (
                fastapi_shop(chance, depth - 1, root + below) if kind == 7 else _starlette_shop(chance, root + below)
            )
            on.mount(below, marked(chance)(mounted))


def _starlette_shop(chance: Random, root: str) -> Starlette:
    ours = Middleware(asgi.SignatureMiddleware, verifier=PARTNERS, root_path=root)
    return Starlette(
        routes=[Route(chance.choice(["/a", "/{x}"]), marked(chance)(_copy(plain)))],
        middleware=chance.choice([[ours], []]),
    )


def _dependencies(chance: Random, seal: Sealgate | None) -> list[Any]:
    ours: list[Any] = [VerifiedBy(PARTNERS)] if chance.random() < 0.2 else []
    if seal is not None and chance.random() < 0.2:
        return [Depends(each) for each in (*ours, chance.choice([seal, seal.require(HOOKS, PARTNERS)]))]
    return [Depends(each) for each in ours]


def _fastapi_class(chance: Random) -> Any:
    class Parent(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("got")

        @marked(chance)
        async def post(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("posted")

    class Child(Parent):
        pass

    marked(chance)(Parent)
    return chance.choice([Parent, Child])


async def _talk(websocket: WebSocket) -> None:
    await websocket.accept()


def _copy(function: Any) -> Any:
    """Another endpoint of the same kind: a rule stands on one."""

    async def own(given: Any) -> Any:
        return await function(given)

    own.__annotations__ = dict(function.__annotations__)
    own.__annotations__["given"] = next(iter(function.__annotations__.values()))
    return own
