"""A Flask application with every kind of rule, which keeps what its views have read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from flask.views import MethodView

from contract import HOOKS, PARTNERS
from sealgate import Verifier
from sealgate.flask import Sealgate

__all__ = ["application", "proof"]

ALL = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"]


def proof() -> str:
    return "no proof" if g.verified is None else g.verified.key_id or "anonymous"


def application(
    partners: Verifier,
    seen: list[bytes],
    *,
    mount: str = "",
    inside: str | Mapping[str, str] | None = None,
    **settings: Any,
) -> Flask:
    """`mount`, `inside` and `settings` as in the contract."""
    app = Flask(__name__)
    app.testing = True
    seal = Sealgate(app, partners, script_name=mount, **settings)

    def view(name: str = "") -> str:
        seen.append(request.get_data())
        return proof()

    def rule(target: str, mark: Any = None, methods: Sequence[str] = ("GET", "POST"), on: Any = app) -> None:
        def own(name: str = "") -> str:
            return view(name)

        endpoint = target.strip("/").replace("/", "-")
        own = own if mark is None else mark(own)
        on.add_url_rule(target, endpoint, own, methods=methods, provide_automatic_options=False)

    rule("/orders", methods=["GET", "POST", "PUT", "OPTIONS"])
    rule("/orders/<name>")
    rule("/plain", methods=["GET", "POST", "PUT"])
    rule("/hook", seal.require(HOOKS))
    rule("/either", seal.require(PARTNERS, HOOKS))
    rule("/narrow", seal.require(PARTNERS, keys={"globex"}))
    rule("/wide", seal.require(PARTNERS, keys={"globex", "acme"}))
    rule("/loose-query", seal.require(HOOKS, uncovered=("query",)))
    rule("/loose-body", seal.require(PARTNERS, uncovered=["body"]))

    exemptions: dict[str, datetime | None] = {
        "health": None,
        "once": datetime(2020, 1, 1, tzinfo=UTC),
        "still": datetime(9999, 1, 1, tzinfo=UTC),
    }
    for name, until in exemptions.items():
        mark = seal.exempt("load balancer probe, returns no data", until=until)
        app.add_url_rule(f"/{name}", name, mark(lambda: proof()), methods=ALL, provide_automatic_options=False)

    @app.post("/form")
    def form() -> str:
        files = "".join(f"+{file.read().hex()}" for file in request.files.values())
        seen.append((",".join(request.form.getlist("name")) + files).encode())
        return proof()

    @app.post("/json")
    def parsed_json() -> str:
        seen.append(str(request.get_json()["total"]).encode())
        return proof()

    @app.post("/stream")
    def stream() -> str:
        seen.append(request.stream.read())
        return proof()

    group, nested, public = (Blueprint(name, __name__) for name in ("group", "nested", "public"))
    rule("/hook", on=nested)
    rule("/hook", on=group)
    rule("/own", seal.require(PARTNERS), on=group)
    rule("/open", seal.exempt("no data"), on=group)
    rule("/any", on=public)
    rule("/own", seal.require(PARTNERS), on=public)
    group.register_blueprint(seal.require(PARTNERS)(nested), url_prefix="/nested")
    app.register_blueprint(seal.require(HOOKS)(group), url_prefix="/group")
    app.register_blueprint(seal.exempt("no data")(public), url_prefix="/public")
    app.add_url_rule("/same-hook", "same-hook", app.view_functions["group.hook"], methods=["POST"])

    _add_classes(app, seal)
    _add_inside(app, inside)
    return app


def _add_classes(app: Flask, seal: Sealgate) -> None:
    @seal.exempt("public")
    class OnClass(MethodView):
        def get(self) -> str:
            return proof()

    class BelowClass(OnClass):
        pass

    class Closed(MethodView):
        def get(self) -> str:
            return proof()

    app.add_url_rule("/class", view_func=seal.exempt("public")(Closed.as_view("exempt")))
    app.add_url_rule("/subclass", view_func=Closed.as_view("closed"))
    app.add_url_rule("/class-rule", view_func=OnClass.as_view("on-class"))
    app.add_url_rule("/subclass-rule", view_func=BelowClass.as_view("below-class"))


def _add_inside(app: Flask, inside: str | Mapping[str, str] | None) -> None:
    if isinstance(inside, Mapping):

        @app.before_request
        def change() -> None:
            request.method = inside.get("method", request.method)
            request.path = inside.get("path", request.path)
            request.query_string = inside.get("query", "").encode() or request.query_string

    elif inside == "cache":
        answers: dict[str, Response] = {}

        @app.before_request
        def answer() -> Response | None:
            return answers.get(request.path) if request.method == "GET" else None

        @app.after_request
        def keep(response: Response) -> Response:
            return answers.setdefault(request.path, response) if response.status_code == 200 else response
