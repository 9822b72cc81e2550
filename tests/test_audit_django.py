"""The audit of Django projects: every opening is found, none is found where there is none, and each protection counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.asgi import ASGIHandler
from django.urls import include, path

from audited_django import asked, entries_at, project, ran, standing_at, verdicts
from leaky_django import COMMON, GATE, LANGUAGE, OPENINGS, RAN, answers, fixed, leaky, verifier
from sealgate import ConfigurationError
from sealgate.audit import audit
from sealgate.django import SignatureMiddleware, exempt, require

SAFE = {"GET", "HEAD"}
ALL = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
PING = "leaky_django.ping"
CACHE = "django.middleware.cache."


# The leaky project, and its twin


@pytest.mark.parametrize(("target", "method"), OPENINGS.values(), ids=OPENINGS.keys())
def test_opening_is_found_and_is_one(target: str, method: str) -> None:
    with leaky() as application:
        found = entries_at(audit(application), target, method)
        assert {"open"} == {entry.verdict for entry in found}
        assert asked(application, method, target) not in {401, 403}


@pytest.mark.parametrize(("target", "method"), OPENINGS.values(), ids=OPENINGS.keys())
def test_opening_is_closed_in_the_twin_and_called_verified(target: str, method: str) -> None:
    with fixed() as application:
        found = entries_at(audit(application), target, method)
        assert {"verified"} == {entry.verdict for entry in found}
        assert asked(application, method, target) == 401
        assert asked(application, method, target, signed=True) != 401


def test_the_twin_has_no_opening_and_refuses_whatever_the_audit_names() -> None:
    with fixed() as application:
        entries = audit(application).entries
        assert {"verified"} == {entry.verdict for entry in entries}
        targets = {(method, entry.example) for entry in entries if entry.example for method in entry.methods}
        RAN.clear()
        assert {401} == {asked(application, method, target) for method, target in targets}
        assert [] == RAN
        assert len(targets) > 100


def test_what_is_closed_in_the_leaky_project_refuses() -> None:
    """Views of REST framework that ask for a proof themselves."""
    with leaky() as application:
        entries = [entry for entry in audit(application).entries if entry.verdict == "verified"]
        closed = {(method, str(entry.example)) for entry in entries for method in entry.methods}
        RAN.clear()
        assert {401} == {asked(application, method, target) for method, target in closed}
        assert [] == RAN
        assert {"/orders/", "/payments/", "/reports/", "/shop/items/"} <= {target for _, target in closed}


def test_both_have_the_same_ways_in() -> None:
    found = []
    for make in (leaky, fixed):
        with make() as application:
            entries = [entry for entry in audit(application).entries if entry.kind != "middleware"]
            found.append({(entry.path, method) for entry in entries for method in entry.methods})
    assert found[0] == found[1]


@pytest.mark.parametrize("make", [leaky, fixed])
def test_settings_and_handlers_are_the_same_application(make: Callable[[], Any]) -> None:
    with make() as application:
        expected = audit(application).entries
        assert expected == audit(settings).entries == audit(ASGIHandler()).entries
        assert "django" == audit(settings).framework


# Each protection, taken away


@pytest.mark.parametrize(
    ("changes", "method", "target", "expected"),
    [
        ({"MIDDLEWARE": [*LANGUAGE, PING, COMMON]}, "GET", "/orders/export", "open"),
        ({"MIDDLEWARE": [*LANGUAGE, PING, COMMON]}, "GET", "/no-such-page", "open"),
        ({"SEALGATE": {"VERIFIER": verifier(), "REPORT_ONLY": True}}, "POST", "/billing/invoices/7/", "open"),
        ({"SEALGATE": {"VERIFIER": verifier(), "REPORT_ONLY": True}}, "GET", "/orders/", "open"),
        ({"MIDDLEWARE": [*LANGUAGE, PING, GATE, COMMON]}, "GET", "/ping", "unknown"),
        ({"MIDDLEWARE": [*LANGUAGE, f"{__name__}.Lenient"]}, "GET", "/orders/export", "unknown"),
        ({"MIDDLEWARE": [*LANGUAGE, f"{__name__}.Declining"]}, "GET", "/orders/export", "open"),
    ],
    ids=["none", "none: missing", "report only", "report only, view", "late", "derived", "declined"],
)
def test_without_a_protection_the_verdict_is_another(
    changes: dict[str, Any], method: str, target: str, expected: str
) -> None:
    with fixed() as application:
        entries = [each for each in entries_at(audit(application), target, method) if each.kind != "redirect"]
        assert {"verified"} == {entry.verdict for entry in entries}
        assert asked(application, method, target) == 401
    with fixed(**changes) as application:
        entries = [each for each in entries_at(audit(application), target, method) if each.kind != "redirect"]
        assert expected in {entry.verdict for entry in entries}
        assert asked(application, method, target) not in {401, 403}


class Lenient(SignatureMiddleware):
    """Lets a neighbour by."""

    def __call__(self, request: Any) -> Any:
        return self.get_response(request)

    def _check_view(self, *_: Any) -> None: ...


class Declining(SignatureMiddleware):
    """Not on this host."""

    def __init__(self, get_response: Any) -> None:
        raise MiddlewareNotUsed


class Named(SignatureMiddleware):
    """Nothing of its own that decides."""

    realm = "shop"


def test_a_class_below_ours_that_changes_nothing_is_ours() -> None:
    with project(path("a", answers("a")), MIDDLEWARE=[f"{__name__}.Named"]) as application:
        assert "verified" == standing_at(application, "/a").verdict
        assert not ran(application, "GET", "/a")


def test_a_handler_of_other_settings_is_what_counts() -> None:
    """It has loaded its middlewares before the setting named ours."""
    with project(path("a", answers("a")), MIDDLEWARE=[]) as application:
        settings.MIDDLEWARE = [GATE]
        assert "open" == standing_at(application, "/a").verdict
        assert ran(application, "GET", "/a")


def test_a_handler_with_a_method_of_its_own_is_named() -> None:
    from leaky_django import Project, Urls

    class Own(Project):
        def __call__(self, environ: Any, start_response: Any) -> Any:
            return super().__call__(environ, start_response)

    with Own(ROOT_URLCONF=Urls(), MIDDLEWARE=[GATE], SEALGATE={"VERIFIER": verifier()}) as application:
        first = audit(application).entries[0]
        assert ("middleware", "unknown", True) == (first.kind, first.verdict, "__call__" in first.standing.evidence[0])


# Rules


def test_exemption_is_said_with_its_reason_for_its_methods() -> None:
    rule = exempt("a probe, no data", methods=("GET", "PURGE"), until=datetime(2999, 1, 1, tzinfo=UTC))
    with project(path("a", rule(answers("a")))) as application:
        expected = {method: "exempt" if method in {"GET", "PURGE"} else "verified" for method in {*ALL, "PURGE"}}
        assert expected == verdicts(application, "/a")
        standing = standing_at(application, "/a")
        assert ("a probe, no data", 32472144000.0) == (standing.reason, standing.until)
        got_in = {method: "exempt" if ran(application, method, "/a") else "verified" for method in expected}
        assert expected == got_in


def test_exemption_that_has_ended_closes_and_is_named() -> None:
    rule = exempt("while partners move", until=datetime(2020, 1, 1, tzinfo=UTC))
    with project(path("a", rule(answers("a")))) as application:
        standing = standing_at(application, "/a")
        assert "verified" == standing.verdict
        assert "its exemption ended on 2020-01-01T00:00:00+00:00: while partners move" in standing.evidence
        assert not ran(application, "GET", "/a")
        before = datetime(2019, 1, 1, tzinfo=UTC).timestamp()
        then = [
            entry for entry in audit(application, now=before).entries if entry.path == "/a" and "GET" in entry.methods
        ]
        assert ["exempt"] == [entry.verdict for entry in then]


def test_exemption_of_an_include_is_that_of_every_view_below_without_a_rule() -> None:
    below = [path("a", answers("a")), path("own", require(verifier())(answers("own")))]
    with project(path("public/", exempt("no data")(include(below)))) as application:
        assert "exempt" == standing_at(application, "/public/a").verdict
        assert "verified" == standing_at(application, "/public/own").verdict
        assert "verified" == standing_at(application, "/public/none").verdict
        assert [True, False] == [ran(application, "GET", target) for target in ("/public/a", "/public/own")]
        assert 401 == asked(application, "GET", "/public/none")


def test_a_requirement_is_said_with_its_scheme_and_keys() -> None:
    from judged import OTHER_KEY
    from sealgate import Verifier, schemes

    hooks = Verifier(schemes.GITHUB, keys={"octo": OTHER_KEY})
    view = require(hooks, keys={"octo"}, uncovered=("query",))(answers("hook"))
    with project(path("hook", view)) as application:
        standing = standing_at(application, "/hook", "POST")
        (proof,) = standing.proofs
    assert ("github", ("octo",)) == (proof.scheme, proof.keys)
    assert "method-not-covered" in proof.weaknesses
    assert "the query may go unsigned" in standing.evidence


def test_settings_that_are_wrong_cannot_be_audited() -> None:
    with project(path("a", answers("a")), MIDDLEWARE=[]):
        settings.MIDDLEWARE, settings.SEALGATE = [GATE], {}
        with pytest.raises(ConfigurationError, match="SEALGATE"):
            audit(settings)
