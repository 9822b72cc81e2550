"""The assertion for a test suite: what it lets pass, and how it says what it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

import leaky_fastapi
import leaky_flask
from leaky_flask import ORIGIN
from sealgate import Verifier, schemes
from sealgate.exceptions import ConfigurationError
from sealgate.flask import Sealgate
from sealgate.testing.audit import assert_all_routes_verified

UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


def shop(*, exempt: bool = False, until: datetime | None = None, now: datetime = UNTIL) -> Flask:
    """One route, and one that may be exempt."""
    app = Flask("shop", static_folder=None)
    verifier = Verifier(schemes.RFC9421, keys={"acme": leaky_flask.KEY}, origin=ORIGIN)
    seal = Sealgate(app, verifier, clock=now.timestamp)
    health = seal.exempt("load balancer probe", until=until)(lambda: "") if exempt else lambda: ""
    app.add_url_rule("/orders", "orders", lambda: "", methods=["POST"])
    app.add_url_rule("/health", "health", health)
    return app


def failure(app: Any, **settings: Any) -> str:
    with pytest.raises(AssertionError) as raised:
        assert_all_routes_verified(app, **settings)
    return str(raised.value)


@pytest.mark.parametrize("sample", [leaky_flask, leaky_fastapi], ids=["flask", "fastapi"])
def test_a_closed_application_passes_and_an_open_one_does_not(sample: Any) -> None:
    assert_all_routes_verified(sample.fixed())
    assert "ways in are open" in failure(sample.leaky())


def test_an_application_may_be_named_as_for_a_server() -> None:
    assert_all_routes_verified("leaky_flask:fixed()")
    assert failure("leaky_flask:leaky()").startswith("leaky_flask:leaky(): ")


def test_every_opening_is_named_with_its_reason_and_its_place() -> None:
    told = failure(leaky_flask.leaky())
    count = int(told.split()[1])
    assert count == len(told.splitlines()) - 1
    (line,) = [line for line in told.splitlines() if " /orders/export: " in line]
    assert "open GET, HEAD, OPTIONS /orders/export: nothing asks for a signature" in line
    assert "leaky_flask.py:" in line


def test_an_exemption_passes_unless_the_test_says_otherwise() -> None:
    app = shop(exempt=True)
    assert_all_routes_verified(app)
    assert_all_routes_verified(app, allow_exempt={"/health"})
    for allowed in (False, set(), {"/orders"}):
        assert "exempt GET, HEAD /health: exempt: load balancer probe" in failure(app, allow_exempt=allowed)


def test_an_exemption_that_has_ended_is_none() -> None:
    for days, passes in ((1, True), (-1, False)):
        now = UNTIL + timedelta(days)
        app, asked = shop(exempt=True, until=UNTIL, now=now), {"allow_exempt": False, "now": now.timestamp()}
        if passes:
            assert_all_routes_verified(app, **asked)
        else:
            assert "/health" in failure(app, **asked)


def test_what_cannot_be_told_fails_unless_the_test_says_otherwise() -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        return []

    assert "unknown" in failure(application)
    assert_all_routes_verified(application, allow_unknown=True)


def test_what_is_no_application_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="no application"):
        assert_all_routes_verified("json:__name__")


def test_pytest_points_at_the_test_and_shows_the_openings(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from sealgate.testing.audit import assert_all_routes_verified

        def application(environ, start_response):
            return []

        def test_all_is_closed():
            assert_all_routes_verified(application)
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines([">*assert_all_routes_verified(application)", "E *1 of 1 ways in are open:*"])
    done.stdout.no_fnmatch_line("*_passes*")


pytest_plugins = ["pytester"]
