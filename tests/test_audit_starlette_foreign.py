"""The audit of FastAPI and Starlette applications that nobody here wrote, beside their schema, their routes and requests."""
# Annotations stay objects here: FastAPI reads them.

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import sqladmin
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.routing import Host, Mount, WebSocketRoute
from starlette_admin.contrib.sqla import Admin, ModelView

from audited_apps import fastapi_status
from audited_fastapi import entries, shown, verifier
from sealgate.asgi import SignatureMiddleware
from sealgate.audit.entry import name_of
from sealgate.fastapi import Sealgate

ENGINE = create_engine("sqlite://", poolclass=NullPool)  # which leaves no connection open
NOT_ROUTES = {"middleware", "missing", "redirect"}


class Tables(DeclarativeBase):
    pass


class Customer(Tables):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class User(schemas.BaseUser[uuid.UUID]):
    pass


async def manager() -> AsyncIterator[Any]:
    class Manager(UUIDIDMixin, BaseUserManager[Any, uuid.UUID]):
        reset_password_token_secret = verification_token_secret = "key"

    yield Manager(None)  # type: ignore[arg-type]


def users() -> FastAPI:
    """Every router that fastapi-users has."""
    app = FastAPI()
    backend = AuthenticationBackend[Any, Any](
        "jwt", BearerTransport("login"), lambda: JWTStrategy(secret="key", lifetime_seconds=60)
    )
    kit = FastAPIUsers[Any, uuid.UUID](manager, [backend])
    app.include_router(kit.get_auth_router(backend), prefix="/auth")
    app.include_router(kit.get_register_router(User, schemas.BaseUserCreate), prefix="/auth")
    app.include_router(kit.get_reset_password_router(), prefix="/auth")
    app.include_router(kit.get_verify_router(User), prefix="/auth")
    app.include_router(kit.get_users_router(User, schemas.BaseUserUpdate), prefix="/users")
    return app


def sql_admin() -> FastAPI:
    app = FastAPI()
    sqladmin.Admin(app, ENGINE).add_view(type("View", (sqladmin.ModelView,), {}, model=Customer))
    return app


def starlette_admin() -> Starlette:
    app = Starlette()
    admin = Admin(ENGINE, secret_key="key")
    admin.add_view(ModelView(Customer))
    admin.mount_to(app)
    return app


FOREIGN: dict[str, tuple[Callable[[], Any], int]] = {
    "fastapi-users": (users, 10),
    "sqladmin": (sql_admin, 15),
    "starlette-admin": (starlette_admin, 10),
}


@pytest.fixture(params=FOREIGN)
def foreign(request: pytest.FixtureRequest) -> tuple[Any, int]:
    """And how many routes it has at least."""
    build, routes = FOREIGN[request.param]
    return build(), routes


def walked(routes: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Paths and methods, through FastAPI's public iterator and Starlette's attributes."""
    for route in iter_route_contexts(routes):
        original: Any = route.original_route
        if isinstance(original, Mount | Host):
            below = f"{prefix}{getattr(original, 'path', '')}"
            yield from walked(original.routes, below) if original.routes else [(f"{below}/{{path:path}}", "GET")]
        elif isinstance(original, WebSocketRoute):
            yield f"{prefix}{route.path}", "WEBSOCKET"
        elif isinstance(route.endpoint, type) and issubclass(route.endpoint, HTTPEndpoint):
            named = [
                method
                for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
                if hasattr(route.endpoint, method.lower())
            ]
            yield from ((f"{prefix}{route.path}", method) for method in named)
        else:
            yield from ((f"{prefix}{route.path}", method) for method in route.methods or ())


def listed(app: Any) -> set[tuple[str, str]]:
    return {(entry.path, method) for entry in entries(app) if entry.kind not in NOT_ROUTES for method in entry.methods}


def test_every_route_is_listed_and_nothing_else(foreign: tuple[Any, int]) -> None:
    app, routes = foreign
    expected = set(walked(app.routes))
    # HEAD comes with GET wherever Starlette answers it, which a class or static files do not say.
    assert expected == {each for each in listed(app) if each in expected or each[1] != "HEAD"}
    assert len({path for path, _ in expected}) >= routes


def test_every_operation_of_the_schema_is_listed() -> None:
    app = users()
    operations = {
        (path, method.upper()) for path, operations in app.openapi()["paths"].items() for method in operations
    }
    views = {(entry.path, method) for entry in entries(app) if entry.kind == "view" for method in entry.methods}
    assert operations == views
    assert len(operations) > 10


def test_nothing_is_verified_and_every_example_reaches_its_view(foreign: tuple[Any, int]) -> None:
    app, _ = foreign
    assert {"open"} == {verdict for verdict, _, _ in shown(app)}
    examples = [entry for entry in entries(app) if entry.kind in {"view", "docs"} and entry.example]
    if not isinstance(app, FastAPI):  # starlette-admin asks for a token of its own before it routes a POST
        examples = [entry for entry in examples if "GET" in entry.methods]
    assert len(examples) > 8
    called = [endpoint(app, entry.methods[0], entry.example or "") for entry in examples]
    assert [entry.view for entry in examples] == [name_of(each) for each in called]


def endpoint(app: Any, method: str, path: str) -> Any:
    """What the application calls."""
    called: list[Any] = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        finally:
            called.append(scope.get("endpoint"))

    fastapi_status(watched, method, path)
    return called[-1]


def test_every_route_is_verified_once_our_layer_stands_before_it_and_so_it_is(foreign: tuple[Any, int]) -> None:
    app, routes = foreign
    if isinstance(app, FastAPI):
        Sealgate(app, verifier())
    else:
        app.add_middleware(SignatureMiddleware, verifier=verifier())
    found = entries(app)
    assert {"verified"} == {entry.verdict for entry in found}
    asked = [
        (method, entry.example) for entry in found if entry.example for method in entry.methods[:2] if method != "*"
    ]
    assert len(asked) > routes
    assert {401} == {fastapi_status(app, method, path) for method, path in asked}
