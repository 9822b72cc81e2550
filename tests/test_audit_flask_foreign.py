"""The audit of Flask applications that nobody here wrote, beside what `flask routes` and Flask's own routing say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import flask_admin  # type: ignore[import-untyped]
import pytest
from flask import Flask
from flask.cli import routes_command
from flask_admin.contrib.fileadmin import FileAdmin  # type: ignore[import-untyped]
from flask_appbuilder import AppBuilder, ModelView  # type: ignore[import-untyped]
from flask_appbuilder.models.sqla.interface import SQLAInterface  # type: ignore[import-untyped]
from flask_appbuilder.security.sqla.models import User  # type: ignore[import-untyped]
from flask_sqlalchemy import SQLAlchemy

from audited_apps import flask_status
from audited_flask import entries, shown, verifier
from sealgate.flask import Sealgate

NOT_RULES = {"middleware", "missing", "redirect"}


def admin(folder: Path) -> Flask:
    app = Flask("admin")
    app.secret_key = "key"
    flask_admin.Admin(app, name="admin").add_view(FileAdmin(str(folder), "/files/", name="files"))
    return app


def app_builder(folder: Path) -> Flask:
    """With users, roles, menus, its API and the documents of that."""
    app = Flask("builder")
    app.config |= {
        "FAB_API_SWAGGER_UI": True,
        "SECRET_KEY": "key",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{folder}/users.db",
    }
    database = SQLAlchemy(app)

    class Users(ModelView):  # type: ignore[misc]
        datamodel = SQLAInterface(User)
        route_base = "/more-users"

    with app.app_context():
        AppBuilder(app, database.session).add_view(Users, "Users")
    return app


FOREIGN: dict[str, tuple[Callable[[Path], Flask], int]] = {
    "flask-admin": (admin, 10),
    "flask-appbuilder": (app_builder, 70),
}


@pytest.fixture(params=FOREIGN)
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Flask, int]]:
    """And how many rules it has at least."""
    build, rules = FOREIGN[request.param]
    app = build(tmp_path)
    yield app, rules
    database = app.extensions.get("sqlalchemy")
    if database is not None:
        with app.app_context():
            database.session.remove()
            database.engine.dispose()


def told_by_flask(app: Flask) -> set[tuple[str, str]]:
    """Rules and methods, read from what the command prints."""
    printed = app.test_cli_runner().invoke(routes_command, ["--all-methods"]).output.splitlines()
    start, methods, end = (printed[0].index(title) for title in ("Endpoint", "Methods", "Rule"))
    assert start == 0
    return {
        (line[end:].strip(), method) for line in printed[2:] for method in line[methods:end].strip().split(", ") if line
    }


def test_every_rule_that_flask_prints_is_listed_and_nothing_else(foreign: tuple[Flask, int]) -> None:
    app, rules = foreign
    listed = {(entry.path, method) for entry in entries(app) if entry.kind not in NOT_RULES for method in entry.methods}
    assert told_by_flask(app) == listed
    assert len({path for path, _ in listed}) >= rules


def test_nothing_is_verified_and_every_path_is_routed_as_it_says(foreign: tuple[Flask, int]) -> None:
    app, _ = foreign
    assert {"open"} == {verdict for verdict, _, _ in shown(app)}
    examples = [(entry, method) for entry in entries(app) if entry.example for method in entry.methods if method != "*"]
    assert [entry.path if entry.kind != "redirect" else None for entry, _ in examples] == [
        routed(app, entry.example or "", method) for entry, method in examples
    ]


def test_every_rule_is_verified_once_our_hook_stands_before_it_and_so_it_is(foreign: tuple[Flask, int]) -> None:
    app, rules = foreign
    Sealgate(app, verifier())
    found = entries(app)
    assert {"verified"} == {entry.verdict for entry in found}
    asked = [
        (method, entry.example) for entry in found if entry.example for method in entry.methods[:2] if method != "*"
    ]
    assert len(asked) > rules
    assert {401} == {flask_status(app, method, path) for method, path in asked}


def routed(app: Flask, path: str, method: str) -> str | None:
    """The rule that Flask takes."""
    with app.test_request_context(path, method=method) as context:
        return None if context.request.url_rule is None else context.request.url_rule.rule
