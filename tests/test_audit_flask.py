"""The audit of Flask applications, judged by Flask: what gets in unsigned, and which rule takes a path."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, g, request, request_started
from flask.views import MethodView
from flask.wrappers import Request as FlaskRequest

import leaky_flask
from audited_apps import answering, closed, flask_status, judged_by_requests, verdicts_at
from audited_flask import entries, evidence, shop, shown, verifier
from judged import RFC9421, SLACK
from sealgate import Rejected, Request
from sealgate.audit import Proof, audit
from sealgate.flask import Sealgate

NOW = 1_700_000_000
LATER = datetime(2999, 1, 1, tzinfo=UTC)
EARLIER = datetime(2020, 1, 1, tzinfo=UTC)


# The samples


@pytest.mark.parametrize("name", leaky_flask.OPENINGS)
def test_every_opening_is_found_and_is_none_in_the_fixed_twin(name: str) -> None:
    path, method = leaky_flask.OPENINGS[name]
    body = b"{" if name in leaky_flask.MALFORMED else b"{}" if method == "POST" else b""
    leaky, fixed = leaky_flask.leaky(), leaky_flask.fixed()
    gets_in = [flask_status(app, method, path, body) != 401 for app in (leaky, fixed)]
    said = [not closed(entries(app), path, method) for app in (leaky, fixed)]
    assert ([True, False], [True, False]) == (gets_in, said)


def test_the_fixed_twin_has_no_opening() -> None:
    assert {"verified"} == {entry.verdict for entry in entries(leaky_flask.fixed())}


@pytest.mark.parametrize("name", leaky_flask.PROTECTIONS)
def test_each_protection_that_is_removed_is_missed(name: str) -> None:
    path, method = leaky_flask.PROTECTIONS[name]
    body = b"{}" if method == "POST" else b""
    without, fixed = leaky_flask.fixed(without=name), leaky_flask.fixed()
    assert [True, False] == [flask_status(app, method, path, body) != 401 for app in (without, fixed)]
    assert [False, True] == [closed(entries(app), path, method) for app in (without, fixed)]


@pytest.mark.parametrize(
    "without", [None, "all", *sorted(leaky_flask.PROTECTIONS.keys() - {"no middleware around it"})]
)
def test_verdicts_are_what_happens(without: str | None) -> None:
    app = leaky_flask.leaky() if without == "all" else leaky_flask.fixed(without)
    judged = list(judged_by_requests(entries(app), partial(flask_status, app)))
    assert len(judged) > 30
    assert [(method, path, said) for method, path, _, said in judged] == [
        (method, path, gets_in) for method, path, gets_in, _ in judged
    ]


def test_examples_of_verified_routes_are_answered_once_they_are_signed() -> None:
    app, signer = leaky_flask.fixed(), leaky_flask.signer()
    examples = [(entry.methods[0], entry.example) for entry in entries(app) if entry.kind == "view" and entry.example]
    statuses = {flask_status(app, method, path, b"{}", signer=signer) for method, path in examples if path}
    assert len(examples) > 15
    assert statuses <= {200, 400}


# What a rule asks


def test_a_rule_and_its_scheme_are_named() -> None:
    app = shop()
    slack = SLACK.verifier()
    app.add_url_rule("/slack", "slack", Sealgate.require(slack, uncovered=("query",))(lambda: "slack"))
    app.add_url_rule("/narrow", "narrow", Sealgate.require(RFC9421.verifier(), keys={"globex", "acme"})(lambda: ""))
    (slack_entry,) = answering(entries(app), "/slack", "GET")
    (narrow,) = answering(entries(app), "/narrow", "GET")
    (default,) = answering(entries(app), "/orders", "POST")
    weaknesses = tuple(sorted(slack.scheme.weaknesses()))
    assert (
        Proof("slack", tuple(slack.scheme.covered), weaknesses, max_age=slack.max_age),
    ) == slack_entry.standing.proofs
    assert ("verified by a rule of the route", "the query may go unsigned") == slack_entry.standing.evidence
    assert [("acme", "globex")] == [proof.keys for proof in narrow.standing.proofs]
    assert [("rfc9421", "verified by the application's verifier")] == [
        (default.standing.proofs[0].scheme, default.standing.evidence[0])
    ]


def test_an_exemption_is_told_with_its_reason_its_end_and_its_methods() -> None:
    app = shop(clock=lambda: NOW)
    methods = ["GET", "POST"]
    for name, until in {"open": LATER, "over": EARLIER}.items():
        mark = Sealgate.exempt(f"{name}, no data", until=until)
        app.add_url_rule(f"/{name}", name, mark(lambda: ""), methods=methods)
    found = audit(app, now=NOW).entries
    (still,), (post,) = answering(found, "/open", "HEAD"), answering(found, "/open", "POST")
    (over,) = answering(found, "/over", "GET")
    assert (("GET", "HEAD"), "exempt", "open, no data", LATER.timestamp()) == (
        still.methods,
        still.verdict,
        still.standing.reason,
        still.standing.until,
    )
    assert (("OPTIONS", "POST"), "verified") == (post.methods, post.verdict)
    assert "verified" == over.verdict
    assert "its exemption ended on 2020-01-01T00:00:00+00:00: over, no data" in over.standing.evidence


def test_a_clock_that_stands_still_keeps_an_ended_exemption_open() -> None:
    app = shop(clock=lambda: 1.0)
    app.add_url_rule("/over", "over", Sealgate.exempt("no data", until=EARLIER)(lambda: ""))
    assert (200, {"open"}) == (flask_status(app, "GET", "/over"), verdicts_at(entries(app), "/over"))


def test_rules_of_blueprints_hold_for_what_is_below_them() -> None:
    app, outer, inner = shop(), Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.add_url_rule("/deep", "deep", lambda: "deep")
    inner.add_url_rule("/own", "own", Sealgate.require(SLACK.verifier())(lambda: "own"))
    outer.register_blueprint(inner, url_prefix="/inner")
    app.register_blueprint(Sealgate.exempt("public")(outer), url_prefix="/outer")
    app.add_url_rule("/odd", "outer.odd.name", lambda: "an endpoint with dots, in no blueprint of that name")
    found = entries(app)
    for path in ("/outer/inner/deep", "/outer/inner/own", "/odd"):
        assert (flask_status(app, "GET", path) == 401) == closed(found, path, "GET"), path
    assert {"exempt"} == verdicts_at(found, "/outer/inner/deep")


def test_handlers_of_a_class_are_judged_one_by_one() -> None:
    app = shop()

    @Sealgate.exempt("public")
    class Prices(MethodView):
        def get(self) -> str:
            return "prices"

        @Sealgate.exempt("a form", methods=("POST",))
        def post(self) -> str:
            return "changed"

    class Below(Prices):
        pass

    app.add_url_rule("/prices", view_func=Prices.as_view("prices"))
    app.add_url_rule("/below", view_func=Below.as_view("below"))
    found = entries(app)
    asked = [(path, method) for path in ("/prices", "/below") for method in ("GET", "HEAD", "POST", "OPTIONS")]
    assert [flask_status(app, method, path) == 401 for path, method in asked] == [
        closed(found, path, method) for path, method in asked
    ]
    (entry,) = answering(found, "/prices", "GET")
    assert entry.view.endswith("Prices")


def test_report_only_is_open_everywhere() -> None:
    app = shop(report_only=True)
    assert ({"open"}, 200) == ({entry.verdict for entry in entries(app)}, flask_status(app, "GET", "/orders"))


def test_a_preflight_that_passes_is_told() -> None:
    app = shop(preflight=True)
    assert ("exempt", "middleware", "/<path:path>") in shown(app)
    assert ("exempt", "middleware", "/<path:path>") not in shown(shop())


# What is not there, or comes first


def test_an_application_without_the_extension_is_open_everywhere() -> None:
    app = shop(gate=False)
    assert {"open"} == {entry.verdict for entry in entries(app)}
    assert [200, 404] == [flask_status(app, "GET", path) for path in ("/orders", "/nothing")]


def test_a_hook_that_was_taken_out_is_missed() -> None:
    app = shop()
    app.before_request_funcs[None].clear()
    assert (200, {"open"}) == (flask_status(app, "GET", "/orders"), verdicts_at(entries(app), "/orders"))
    assert "sealgate is installed, but its hook is gone" in evidence(app, "/orders")


def test_a_hook_before_ours_may_answer_and_one_behind_it_may_not() -> None:
    app = shop()
    app.before_request(lambda: Response("theirs"))
    assert closed(entries(app), "/orders", "GET")
    app.before_request_funcs[None].insert(0, lambda: Response("theirs"))
    assert (200, {"unknown", "verified"}) == (
        flask_status(app, "GET", "/orders"),
        verdicts_at(entries(app), "/orders"),
    )


def test_preprocessors_are_told_where_they_run_and_judged_by_what_they_can_do() -> None:
    app, blueprint = shop(), Blueprint("tenants", __name__)

    def keep(endpoint: str | None, values: dict[str, Any] | None) -> None:
        g.language = None if values is None else values.pop("language", None)

    def look_up(endpoint: str | None, values: dict[str, Any] | None) -> None:
        if values and values["tenant"] == "none":
            abort(404)

    app.url_value_preprocessor(keep)
    blueprint.url_value_preprocessor(look_up)
    blueprint.add_url_rule("/<tenant>", "tenant", lambda tenant: tenant)
    app.register_blueprint(blueprint, url_prefix="/tenants")
    first = {entry.view.rpartition(".")[2] for entry in entries(app) if entry.kind == "middleware"}
    assert {"look_up"} == first
    assert 404 == flask_status(app, "GET", "/tenants/none")
    told = [
        sum("sees the values of the path first" in each for each in evidence(app, path))
        for path in ("/orders", "/tenants/a")
    ]
    assert [1, 2] == told


def test_a_signal_before_our_hook_is_told() -> None:
    app = shop()

    def refuse(sender: Flask) -> None:
        abort(418)

    with request_started.connected_to(refuse, app):
        assert (418, {"unknown", "verified"}) == (
            flask_status(app, "GET", "/orders"),
            verdicts_at(entries(app), "/orders"),
        )
    assert closed(entries(app), "/orders", "GET")


@pytest.mark.parametrize("name", ["preprocess_request", "full_dispatch_request", "ensure_sync"])
def test_nothing_is_verified_where_the_dispatch_of_hooks_was_changed(name: str) -> None:
    changed = type("Changed", (Flask,), {name: lambda self, *given: None})
    app = changed("changed", static_folder=None)
    Sealgate(app, verifier())
    app.add_url_rule("/orders", "orders", lambda: "orders")
    assert {"unknown"} == {entry.verdict for entry in entries(app)}


def test_nothing_is_verified_where_a_request_says_otherwise_what_it_is() -> None:
    class Overriding(FlaskRequest):
        @property
        def method(self) -> str:
            return self.headers.get("X-Method", "GET")

        @method.setter
        def method(self, value: str) -> None:
            pass

    app = shop()
    app.add_url_rule("/prices", "prices", Sealgate.exempt("public")(lambda: "prices"), methods=["GET", "POST"])
    app.request_class = Overriding
    assert ({"unknown"}, 200) == (verdicts_at(entries(app), "/prices", "POST"), flask_status(app, "POST", "/prices"))


@pytest.mark.parametrize("name", ["__call__", "wsgi_app"])
def test_an_application_that_answers_by_itself_is_told(name: str) -> None:
    app = type("Changed", (Flask,), {name: lambda self, *given: getattr(Flask, name)(self, *given)})("changed")
    Sealgate(app, verifier())
    assert {"unknown", "verified"} == verdicts_at(entries(app), "/nothing")


def test_verification_by_hand_is_unknown_and_not_open() -> None:
    app, proven = shop(gate=False), Blueprint("proven", __name__)
    partners = verifier()

    def check() -> None:
        try:
            partners.verify(Request.from_wsgi(request.environ), lambda limit: request.get_data())
        except Rejected as refusal:
            abort(refusal.status)

    def logged(view: Any) -> Any:
        return wraps(view)(lambda *given: view(*given))

    def checked(view: Any) -> Any:
        return wraps(view)(lambda *given: check() or view(*given))  # type: ignore[func-returns-value]

    app.add_url_rule("/decorated", "decorated", logged(logged(logged(checked(lambda: "decorated")))))
    proven.before_request(check)
    proven.add_url_rule("/one", "one", lambda: "one")
    app.register_blueprint(proven, url_prefix="/proven")
    found = entries(app)
    asked = ("/proven/one", "/decorated", "/orders")
    assert [{"unknown"}, {"unknown"}, {"open"}] == [verdicts_at(found, path) for path in asked]
