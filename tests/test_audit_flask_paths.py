"""The audit of Flask: the paths it gives as examples, what is mounted beside an application, and what stands around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from a2wsgi import ASGIMiddleware
from flask import Flask
from werkzeug.debug import DebuggedApplication
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.middleware.profiler import ProfilerMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.middleware.shared_data import SharedDataMiddleware
from werkzeug.routing import BaseConverter, Rule, ValidationError

from audited_apps import answering, calls_of, flask_status, judged_by_requests, verdicts_at
from audited_fastapi import shop as fastapi_shop
from audited_flask import entries, evidence, shop, shown, verifier
from leaky_flask import StatusFirst
from sealgate.audit import Entry, audit
from sealgate.flask import Sealgate
from sealgate.wsgi import SignatureMiddleware

ANY = "/<path:path>"
RULES = [
    "/plain",
    "/<name>/text",
    "/<string(length=5):code>",
    "/<string(minlength=2, maxlength=3):short>/short",
    "/<int:number>/int",
    "/<int(min=7, max=9):number>/seven",
    "/<int(fixed_digits=4):year>/year",
    "/<float:ratio>/float",
    "/<uuid:key>/key",
    "/<any(tea, coffee):drink>/any",
    "/files/<path:name>",
    "/a-<int:first>.<string:last>/two",
    "/tree/",
    "/caffè nero/<name>",
]

#: The methods of a rule that names none.
TAKEN = ("GET", "HEAD", "OPTIONS")


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def routed(app: Flask, path: str, method: str) -> str | None:
    """The rule that Flask takes."""
    with app.test_request_context(path, method=method) as context:
        return None if context.request.url_rule is None else context.request.url_rule.rule


# Examples


def test_every_example_is_routed_to_its_own_rule() -> None:
    app = shop()
    for at, rule in enumerate(RULES):
        app.add_url_rule(rule, f"view-{at}", lambda **values: "", methods=["GET", "POST"])
    found = [entry for entry in entries(app) if entry.kind == "view"]
    assert {*RULES, "/orders"} == {entry.path for entry in found}
    assert [entry.path for entry in found] == [
        routed(app, entry.example or "", method) for entry in found for method in entry.methods[:1]
    ]
    assert [entry.path for entry in found] == [routed(app, entry.example or "", "POST") for entry in found]


def test_a_path_that_redirects_is_told_and_is_never_exempt() -> None:
    app = shop()
    app.add_url_rule("/tree/", "tree", Sealgate.exempt("public")(lambda: "tree"))
    app.url_map.add(Rule("/old", endpoint="old", redirect_to="orders"))
    found = {entry.path: entry for entry in entries(app) if entry.kind == "redirect"}
    assert {"/tree": "verified", "/old": "verified"} == {path: entry.verdict for path, entry in found.items()}
    client = app.test_client()
    assert [401, 401, 200] == [client.get(path).status_code for path in ("/tree", "/old", "/tree/")]


def test_a_path_redirects_only_with_the_methods_that_no_other_rule_takes() -> None:
    app = shop()
    app.add_url_rule("/<first>/<last>", "any", Sealgate.exempt("public")(lambda first, last: ""))
    app.add_url_rule("/<any(k, l):name>/z/", "tree", lambda name: "", methods=["GET", "POST"])
    found = entries(app)
    redirects = [entry for entry in found if entry.kind == "redirect"]
    assert [(("POST",), "/k/z"), (TAKEN, None)] == [(entry.methods, entry.example) for entry in redirects]
    assert ["/l/z goes to /<first>/<last> first"] == [entry.standing.evidence[-1] for entry in redirects[1:]]
    assert ({"exempt"}, {"verified"}) == (verdicts_at(found, "/x/y", "GET"), verdicts_at(found, "/k/z", "POST"))
    client = app.test_client()
    assert [200, 401] == [client.get("/k/z").status_code, client.post("/k/z").status_code]


def test_a_rule_for_every_method_has_an_example_for_those_that_no_other_rule_takes() -> None:
    app = shop()
    app.add_url_rule("/<first>/<last>", "any", Sealgate.exempt("public")(lambda first, last: ""))
    app.view_functions |= {"every": lambda name: "", "tree": lambda name: ""}
    app.url_map.add(Rule("/<any(k):name>/every", endpoint="every"))
    app.url_map.add(Rule("/<any(k):name>/old", endpoint="old", redirect_to="orders"))
    app.url_map.add(Rule("/<any(k):name>/tree/", endpoint="tree"))
    found = [entry for entry in entries(app) if entry.path.startswith("/<any") and not entry.path.endswith("/")]
    assert [
        ("redirect", ("*",), "/k/old"),
        ("redirect", ("*",), "/k/tree"),
        ("redirect", TAKEN, None),
        ("redirect", TAKEN, None),
        ("view", ("*",), "/k/every"),
        ("view", TAKEN, None),
    ] == sorted(((entry.kind, entry.methods, entry.example) for entry in found), key=str)
    judged = list(judged_by_requests(entries(app), partial(flask_status, app)))
    assert {("/k/every", "PURGE"), ("/k/old", "PURGE"), ("/k/tree", "PURGE")} <= {
        (path, method) for method, path, _, _ in judged
    }
    assert [] == [each for each in judged if each[2] != each[3]]
    client = app.test_client()
    assert {200, 401} == {client.open("/k/tree", method=method).status_code for method in ("GET", "PURGE")}


def test_what_no_rule_takes_has_an_example_that_none_takes() -> None:
    app = shop()
    (missing,) = [entry for entry in entries(app) if entry.kind == "missing"]
    assert (None, "verified") == (routed(app, missing.example or "", "GET"), missing.verdict)
    app.add_url_rule("/<path:everything>", "everything", lambda everything: "", methods=["POST"])
    (missing,) = [entry for entry in entries(app) if entry.kind == "missing"]
    assert (None, "a rule takes every path") == (missing.example, missing.standing.evidence[-1])


def test_a_rule_that_another_one_hides_is_listed_and_says_so() -> None:
    app = shop()
    app.add_url_rule("/orders", "again", lambda: "again", methods=["GET", "DELETE"])
    hidden = [entry for entry in entries(app) if entry.path == "/orders" and entry.example is None]
    assert [("GET", "HEAD", "OPTIONS")] == [entry.methods for entry in hidden]
    assert "/orders goes to /orders first" in hidden[0].standing.evidence
    reached = {
        method for entry in entries(app) if entry.path == "/orders" and entry.example for method in entry.methods
    }
    assert {"GET", "HEAD", "OPTIONS", "POST", "DELETE"} == reached


@pytest.mark.parametrize("error", [ValidationError, RuntimeError])
def test_a_converter_that_refuses_everything_leaves_a_route_without_an_example(error: type[Exception]) -> None:
    class Broken(BaseConverter):
        def to_python(self, value: str) -> str:
            raise error

    app = shop()
    app.url_map.converters["broken"] = Broken
    app.add_url_rule("/broken/<broken:value>", "broken", lambda value: "")
    (entry,) = answering(entries(app), "/broken/x", "GET")
    assert ("verified", None) == (entry.verdict, entry.example)


def test_hosts_and_subdomains_are_told() -> None:
    app = Flask("hosts", static_folder=None, host_matching=True)
    app.add_url_rule("/", "admin", lambda: "", host="admin.shop.example")
    below = shop(gate=False)
    below.url_map.default_subdomain = ""
    below.subdomain_matching = True
    below.add_url_rule("/", "docs", lambda: "", subdomain="docs")
    told = [evidence(each, "/")[1:] for each in (app, below)]
    assert [("only at the host or subdomain admin.shop.example",), ("only at the host or subdomain docs",)] == told
    assert ["/", "/"] == [entry.example for each in (app, below) for entry in entries(each) if entry.path == "/"]


def test_rules_of_werkzeug_itself_are_read_as_it_routes_them() -> None:
    app = shop()
    open_ = Sealgate.exempt("any", methods=("GET",))(lambda: "")
    app.view_functions |= {"every": open_, "socket": lambda: ""}
    app.url_map.add(Rule("/every", endpoint="every"))
    app.url_map.add(Rule("/socket", endpoint="socket", websocket=True))
    app.url_map.add(Rule("/built", endpoint="built", build_only=True))
    app.url_map.add(Rule("/nowhere", endpoint="nowhere", methods=["GET"]))
    found = entries(app)
    assert ["exempt", "verified"] == sorted({entry.verdict for entry in found if entry.path == "/every"})
    assert {"exempt"} == verdicts_at(found, "/every", "GET")
    assert {("verified", "websocket", "/socket"), ("verified", "view", "/nowhere")} <= shown(app)
    assert "/built" not in {entry.path for entry in found}


# Beside it


def test_mounted_applications_are_audited_where_they_stand() -> None:
    app, inner, deep = shop(), shop(gate=False), shop()
    inner.wsgi_app = DispatcherMiddleware(inner.wsgi_app, {"/deep": deep})  # type: ignore[method-assign]
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/inner": inner, "/raw": hello})  # type: ignore[method-assign]
    found = entries(app)
    asked = {
        "/orders": {"verified"},
        "/inner/orders": {"open"},
        "/inner/deep/orders": {"verified"},
        "/raw/x": {"unknown"},
    }
    assert asked == {path: verdicts_at(found, path) for path in asked}
    client = app.test_client()
    assert [200, 200] == [client.get(path).status_code for path in ("/inner/orders", "/raw/x")]
    assert {"/orders", "/inner/orders", "/inner/deep/orders"} == {
        entry.example for entry in found if entry.kind == "view"
    }


def test_a_middleware_of_ours_around_it_verifies_what_is_open_within() -> None:
    app = shop(gate=False)
    app.wsgi_app = SignatureMiddleware(app.wsgi_app, verifier())  # type: ignore[method-assign]
    assert ({"verified"}, 401) == (verdicts_at(entries(app), "/orders"), app.test_client().get("/orders").status_code)
    assert {"verified"} == {entry.verdict for entry in entries(app)}
    outside = SignatureMiddleware(hello, verifier())
    assert [("verified", "mount", ANY)] == [(each.verdict, each.kind, each.path) for each in audit(outside).entries]
    loose = SignatureMiddleware(shop(gate=False), verifier(), report_only=True)
    assert {"open"} == {entry.verdict for entry in entries(loose)}
    both = SignatureMiddleware(shop(), verifier(), report_only=True)
    assert {"verified"} == verdicts_at(entries(both), "/orders")


def test_an_application_below_a_prefix_and_one_beside_itself_are_audited_once_for_each_place() -> None:
    app, itself = shop(), shop(gate=False)
    below = DispatcherMiddleware(hello, {"/shop": app.wsgi_app})
    itself.wsgi_app = DispatcherMiddleware(itself.wsgi_app, {"/again": itself})  # type: ignore[method-assign]
    views = [{(each.verdict, each.example) for each in entries(one) if each.kind == "view"} for one in (below, itself)]
    assert [{("verified", "/shop/orders")}, {("open", "/orders"), ("open", "/again/orders")}] == views
    assert 200 == itself.test_client().get("/again/orders").status_code


def test_an_asgi_application_behind_a_bridge_is_audited() -> None:
    bridge = ASGIMiddleware(fastapi_shop())  # type: ignore[arg-type]
    assert {"verified"} == verdicts_at(entries(bridge), "/orders")


def test_a_layer_that_only_reports_says_nothing_of_what_cannot_be_seen() -> None:
    assert {("unknown", "mount", ANY)} == shown(SignatureMiddleware(hello, verifier(), report_only=True)) - {
        ("open", "mount", ANY)
    }


def test_a_middleware_of_ours_that_somebody_has_changed_is_not_relied_on() -> None:
    class Lenient(SignatureMiddleware):
        def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return self._app(environ, start_response)

    assert {"unknown"} == {entry.verdict for entry in entries(Lenient(shop(gate=False), verifier()))}


# Around it

AROUND: dict[str, tuple[Callable[[WSGIApplication], Any], set[tuple[str, str, str]]]] = {
    "nothing": (lambda app: app, set()),
    "proxy fields": (ProxyFix, set()),
    "lint": (LintMiddleware, set()),
    "profiler": (ProfilerMiddleware, set()),
    "proxy and lint": (lambda app: ProxyFix(LintMiddleware(app)), set()),
    "files": (
        lambda app: SharedDataMiddleware(app, {"/shared": "/srv"}),
        {("open", "static", "/shared/<path:path>")},
    ),
    "another server": (
        lambda app: ProxyMiddleware(app, {"/api/": {"target": "http://127.0.0.1:1/"}}),
        {("open", "mount", "/api/<path:path>")},
    ),
    "debugger": (DebuggedApplication, {("open", "middleware", ANY)}),
    "one that answers": (StatusFirst, {("unknown", "middleware", ANY)}),
    "one behind another": (lambda app: ProxyFix(StatusFirst(ProxyFix(app))), {("unknown", "middleware", ANY)}),
    "a function": (
        lambda app: lambda environ, start_response: app(environ, start_response),
        {("unknown", "middleware", ANY)},
    ),
    "a partial": (lambda app: partial(hello_or, app), {("unknown", "middleware", ANY)}),
    "one that hides it": (lambda app: Hidden(app), {("unknown", "middleware", ANY)}),
}


def hello_or(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return hello(environ, start_response) if environ["PATH_INFO"] == "/hello" else app(environ, start_response)


class Hidden:
    __slots__ = ("kept",)

    def __init__(self, app: WSGIApplication) -> None:
        self.kept = [app]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.kept[0](environ, start_response)


@pytest.mark.parametrize("name", AROUND)
def test_what_stands_around_an_application_is_told(name: str) -> None:
    wrap, first = AROUND[name]
    app, plain = shop(), shop()
    app.wsgi_app = wrap(app.wsgi_app)  # type: ignore[method-assign]
    assert shown(plain) | first == shown(app)
    assert shown(plain) | first == shown(wrap(shop())) or name == "one that hides it"


def test_an_application_that_cannot_be_seen_is_unknown_and_never_verified() -> None:
    assert {("unknown", "mount", ANY)} == shown(hello) == shown(Hidden(shop()))


# Work


@pytest.mark.parametrize("gate", [True, False])
def test_work_is_linear_in_the_number_of_routes(gate: bool) -> None:
    def work(routes: int) -> int:
        app = shop(gate=gate)
        for at in range(routes):
            app.add_url_rule(f"/api/{at}/<int:number>", f"view-{at}", lambda number: "", methods=["GET", "POST"])
        list(entries(app))  # Werkzeug sorts its rules once
        return calls_of(lambda: entries(app))

    few, many = work(250), work(1000)
    assert 3.5 < many / few < 4.2


def test_entries_have_the_place_of_their_view() -> None:
    app = shop()
    (entry,) = [each for each in entries(app) if each.path == "/orders"]
    assert isinstance(entry, Entry)
    assert entry.source is not None
    assert ("audited_flask.py", "audited_flask.shop.<locals>.<lambda>") == (
        entry.source.file.rpartition("/")[2],
        entry.view,
    )
