"""A Flask shop that verifies by hand, here and there, and what it mounts; and its twin, where `Sealgate` closes it all.

`OPENINGS`: where an unsigned request is answered in the leaky one. Those of `MALFORMED` need a body that is no JSON.
`PROTECTIONS`: what `fixed(without=...)` can leave out, and a way in that is then open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Blueprint, Flask, Response, abort, request
from flask.views import MethodView
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from sealgate import Rejected, Request, Signer, Verifier, schemes
from sealgate.flask import Sealgate
from sealgate.wsgi import SignatureMiddleware

__all__ = ["KEY", "KEY_ID", "MALFORMED", "OPENINGS", "ORIGIN", "PROTECTIONS", "fixed", "leaky", "signer"]

KEY = b"thirty-two octets of test key, A"
KEY_ID = "acme"
ORIGIN = "https://api.shop.example"
MIGRATION_ENDED = datetime(2020, 1, 1, tzinfo=UTC)
STARTED = 1_500_000_000.0  # before it ended

OPENINGS: dict[str, tuple[str, str]] = {
    "forgotten route": ("/orders/export", "GET"),
    "blueprint without the hook": ("/admin/users", "GET"),
    "add_url_rule without the decorator": ("/legacy/orders", "POST"),
    "path alias": ("/v1/orders", "POST"),
    "handler of a class without a check": ("/invoices/7", "DELETE"),
    "HEAD where only POST is checked": ("/orders", "HEAD"),
    "automatic OPTIONS": ("/orders", "OPTIONS"),
    "redirect to a trailing slash": ("/catalogue", "GET"),
    "static": ("/static/leaky_flask.py", "GET"),
    "docs": ("/openapi.json", "GET"),
    "parsed before it is verified": ("/import", "POST"),
    "WSGI middleware that answers first": ("/status", "GET"),
    "mounted application": ("/hooks/github", "POST"),
    "mounted WSGI function": ("/reports/daily", "GET"),
    "report only": ("/preview/orders", "POST"),
    "hook that answers first": ("/partners/cached", "GET"),
    "preprocessor that answers first": ("/partners/tenants/none", "GET"),
    "expired exemption": ("/partners/migration", "POST"),
    "exempt blueprint": ("/partners/public/refund", "POST"),
}
MALFORMED = frozenset({"parsed before it is verified"})
PROTECTIONS: dict[str, tuple[str, str]] = {
    "the gate": ("/orders/export", "GET"),
    "no middleware around it": ("/status", "GET"),
    "the gate of the mounted application": ("/hooks/github", "POST"),
    "the middleware of the mounted function": ("/reports/daily", "GET"),
    "refusals": ("/preview/orders", "POST"),
    "the gate of the partners": ("/partners/orders", "POST"),
    "the order of hooks": ("/partners/cached", "GET"),
    "a clock that goes": ("/partners/migration", "POST"),
    "the closed blueprint": ("/partners/public/refund", "POST"),
}

View = Callable[..., Any]


def signer() -> Signer:
    return Signer(schemes.RFC9421, key_id=KEY_ID, key=KEY)


def leaky() -> Flask:
    """Everything in `OPENINGS`."""
    verifier = _verifier()
    check = _check(verifier)
    shop = _shop(_checked(check), check)
    partners = _partners(verifier, clock=lambda: STARTED, public=("GET", "POST"))
    partners.before_request_funcs[None].insert(0, _cached)
    partners.url_value_preprocessor(_tenant)
    return _mounted(
        shop,
        {
            "/hooks": _hooks(),
            "/reports": _report,
            "/preview": _preview(verifier, report_only=True),
            "/partners": partners,
        },
        status_first=True,
    )


def fixed(without: str | None = None) -> Flask:
    """The same routes without an opening, or with the one that is there `without` one of `PROTECTIONS`."""
    verifier = _verifier()
    shop = _shop(lambda view: view, None)
    if without != "the gate":
        Sealgate(shop, verifier)
    hooks = _hooks()
    if without != "the gate of the mounted application":
        Sealgate(hooks, verifier, script_name="/hooks")
    reports: WSGIApplication = _report
    if without != "the middleware of the mounted function":
        reports = SignatureMiddleware(_report, verifier, script_name="/reports")
    partners = _partners(
        verifier,
        clock=(lambda: STARTED) if without == "a clock that goes" else time.time,
        public=("GET", "POST") if without == "the closed blueprint" else (),
        gate=without != "the gate of the partners",
    )
    if without == "the order of hooks":
        partners.before_request_funcs[None].insert(0, _cached)
    else:
        partners.before_request(_cached)
    return _mounted(
        shop,
        {
            "/hooks": hooks,
            "/reports": reports,
            "/preview": _preview(verifier, report_only=without == "refusals"),
            "/partners": partners,
        },
        status_first=without == "no middleware around it",
    )


def _verifier() -> Verifier:
    return Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN)


def _check(verifier: Verifier) -> Callable[[], None]:
    """Verification by hand."""

    def check() -> None:
        try:
            verifier.verify(Request.from_wsgi(request.environ), lambda limit: request.get_data())
        except Rejected as refusal:
            abort(refusal.status)

    return check


def _checked(check: Callable[[], None]) -> Callable[[View], View]:
    """The decorator, which somebody wrote with POST in mind."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **values: Any) -> Any:
            if request.method == "POST":
                check()
            return view(*args, **values)

        return checked

    return decorate


def _shop(checked: Callable[[View], View], hook: Callable[[], None] | None) -> Flask:
    app = Flask("shop", static_folder=str(Path(__file__).parent), static_url_path="/static")
    guarded, admin = Blueprint("guarded", __name__), Blueprint("admin", __name__)
    if hook is not None:
        app.before_request(_parse)
        guarded.before_request(hook)

    def orders() -> dict[str, Any]:
        return {"orders": []}

    class Invoice(MethodView):
        decorators = [checked]

        def post(self, number: str) -> dict[str, str]:
            return {"paid": number}

        def delete(self, number: str) -> dict[str, str]:
            return {"deleted": number}

    @checked
    def imported() -> dict[str, int]:
        return {"orders": len(request.get_json())}

    app.add_url_rule("/orders", "orders", checked(orders), methods=["GET", "POST"])
    app.add_url_rule("/orders/export", "export", orders)
    app.add_url_rule("/legacy/orders", "legacy", orders, methods=["POST"])
    app.add_url_rule("/v1/orders", "alias", orders, methods=["POST"])
    app.add_url_rule("/import", "import", imported, methods=["POST"])
    app.add_url_rule("/catalogue/", "catalogue", checked(lambda: "catalogue"), methods=["GET", "POST"])
    app.add_url_rule("/openapi.json", "docs", lambda: {"openapi": "3.1.0", "paths": {}})
    app.add_url_rule("/invoices/<number>", view_func=Invoice.as_view("invoice"))
    app.add_url_rule("/status", "status", lambda: "up")
    guarded.add_url_rule("/refunds", "refunds", orders, methods=["POST"])
    admin.add_url_rule("/users", "users", lambda: {"users": ["ada"]})
    app.register_blueprint(guarded, url_prefix="/guarded")
    app.register_blueprint(admin, url_prefix="/admin")
    return app


def _parse() -> None:
    if request.endpoint == "import":
        request.get_json()


def _hooks() -> Flask:
    app = Flask("hooks", static_folder=None)
    app.add_url_rule("/github", "github", lambda: "thank you", methods=["POST"])
    return app


def _preview(verifier: Verifier, *, report_only: bool) -> Flask:
    app = Flask("preview", static_folder=None)
    Sealgate(app, verifier, script_name="/preview", report_only=report_only)
    app.add_url_rule("/orders", "orders", lambda: {"orders": []}, methods=["POST"])
    return app


def _partners(verifier: Verifier, *, clock: Callable[[], float], public: Iterable[str], gate: bool = True) -> Flask:
    app, blueprint = Flask("partners", static_folder=None), Blueprint("public", __name__)
    if gate:
        Sealgate(app, verifier, script_name="/partners", clock=clock)
    if public:
        Sealgate.exempt("price lists, no data of anybody", methods=public)(blueprint)
    migration = Sealgate.exempt("the old client signs nothing", methods=("POST",), until=MIGRATION_ENDED)
    app.add_url_rule("/orders", "orders", lambda: {"orders": []}, methods=["POST"])
    app.add_url_rule("/cached", "cached", lambda: "fresh")
    app.add_url_rule("/tenants/<tenant>", "tenant", lambda tenant: {"tenant": tenant})
    app.add_url_rule("/migration", "migration", migration(lambda: "moved"), methods=["POST"])
    blueprint.add_url_rule("/prices", "prices", lambda: {"tea": 1})
    blueprint.add_url_rule("/refund", "refund", lambda: {"refunded": 1}, methods=["POST"])
    app.register_blueprint(blueprint, url_prefix="/public")
    return app


def _cached() -> Response | None:
    return Response("cached") if request.path == "/cached" else None


def _tenant(endpoint: str | None, values: dict[str, Any] | None) -> None:
    if values and values.get("tenant") == "none":
        abort(404)


def _report(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"turnover"]


def _mounted(shop: Flask, mounts: dict[str, WSGIApplication], *, status_first: bool) -> Flask:
    inner: WSGIApplication = StatusFirst(shop.wsgi_app) if status_first else shop.wsgi_app
    shop.wsgi_app = DispatcherMiddleware(inner, mounts)  # type: ignore[method-assign]
    return shop


class StatusFirst:
    """Answers a load balancer before the application is asked."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == "/status":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"up"]
        return self.app(environ, start_response)
