"""Django's system checks: each finding, and its absence, by Django's own runner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.checks import run_checks
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path

import django_project
from judged import KEY, ORIGIN, OTHER_KEY, RFC9421
from sealgate import Verifier, schemes
from sealgate.django import SignatureMiddleware, exempt, require

OURS = "sealgate.django.SignatureMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


class Closed:
    urlpatterns = [path("orders", view)]


GOOD: dict[str, Any] = {"MIDDLEWARE": [SECURITY, OURS], "DEBUG": False, "ROOT_URLCONF": Closed}


class Below(SignatureMiddleware):
    """A middleware of one's own that is ours all the same."""


class Overrides:
    def __init__(self, get_response: Any) -> None: ...

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        request.method = request.headers.get("X-HTTP-Method-Override", request.method)


class Open:
    urlpatterns = [
        path(
            "below/", exempt("sessions, VPN only", methods=("GET", "POST"))(include([path("a", view), path("b", view)]))
        ),
        path("probe", exempt("a probe")(lambda request: HttpResponse(""))),
        path("once", exempt("moving", until=datetime(2020, 1, 1, tzinfo=UTC))(lambda request: HttpResponse(""))),
    ]


@pytest.fixture(autouse=True)
def _root() -> Iterator[None]:
    with override_settings(**GOOD):
        yield


def found(*, deploy: bool = False, **settings: Any) -> list[str]:
    with override_settings(**settings):
        messages = run_checks(tags=["security"], include_deployment_checks=deploy)
    ours = [message for message in messages if (message.id or "").startswith("sealgate.")]
    assert all(message.hint for message in ours)
    return sorted(str(message.id) for message in ours)


def test_a_project_that_is_right_has_no_finding() -> None:
    assert [] == found() == found(deploy=True)


def test_a_middleware_that_derives_from_ours_is_ours() -> None:
    assert [] == found(MIDDLEWARE=[SECURITY, f"{__name__}.Below"])


@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        {"VERIFIER": "shop.gate.partners"},
        {"VERIFIER": object()},
        {"VERIFIER": RFC9421.verifier(), "VERIFIRE": 1},
        {"VERIFIER": RFC9421.verifier(), "REPORT_ONLY": "no"},
        {"VERIFIER": RFC9421.verifier(), "ON_VERDICT": "shop.metrics.count"},
    ],
)
def test_settings_that_are_wrong(given: Any) -> None:
    assert ["sealgate.E001"] == found(SEALGATE=given) == found(SEALGATE=given, deploy=True)


def test_no_middleware() -> None:
    assert ["sealgate.E002"] == found(MIDDLEWARE=[SECURITY])


@pytest.mark.parametrize(
    "before",
    [
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
        "django.middleware.cache.CacheMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
)
def test_middleware_after_one_that_acts(before: str) -> None:
    assert ["sealgate.E003"] == found(MIDDLEWARE=[SECURITY, before, OURS])
    assert [] == found(MIDDLEWARE=[SECURITY, OURS, before])


def test_middleware_before_the_one_that_chooses_the_language() -> None:
    """Else `i18n_patterns` lead where the language of the thread's last request does."""
    locale = "django.middleware.locale.LocaleMiddleware"
    assert ["sealgate.E003"] == found(MIDDLEWARE=[SECURITY, OURS, locale])
    assert [] == found(MIDDLEWARE=[SECURITY, locale, OURS])


def test_middleware_twice() -> None:
    assert ["sealgate.E004"] == found(MIDDLEWARE=[SECURITY, OURS, OURS])


def test_report_only_is_for_the_roll_out() -> None:
    given = {"VERIFIER": RFC9421.verifier(), "REPORT_ONLY": True}
    assert [[], ["sealgate.W001"]] == [found(SEALGATE=given, deploy=deploy) for deploy in (False, True)]


def test_debug_is_for_developers() -> None:
    assert [[], ["sealgate.W002"]] == [found(DEBUG=True, deploy=deploy) for deploy in (False, True)]


def test_open_includes_and_ended_exemptions_are_named_once() -> None:
    """An `include` is open for whatever is put below it later; one view is not."""
    assert ["sealgate.W003", "sealgate.W004"] == found(ROOT_URLCONF=Open, deploy=True)
    assert [] == found(ROOT_URLCONF=Open)


def test_what_may_rewrite_the_request_after_the_last_look_is_named() -> None:
    overrides, csrf = f"{__name__}.Overrides", "django.middleware.csrf.CsrfViewMiddleware"
    assert ["sealgate.W005"] == found(MIDDLEWARE=[SECURITY, OURS, csrf, overrides], deploy=True)
    assert [] == found(MIDDLEWARE=[SECURITY, overrides, OURS, csrf], deploy=True)
    assert [] == found(MIDDLEWARE=[SECURITY, OURS, overrides])


@pytest.mark.parametrize(("size", "ids"), [(16, ["sealgate.W006"]), (31, ["sealgate.W006"]), (32, [])])
def test_short_keys_are_named(size: int, ids: list[str]) -> None:
    assert ids == found(SEALGATE={"VERIFIER": RFC9421.verifier(keys={"acme": b"k" * size})}, deploy=True)


def test_one_key_for_two_verifiers_is_named() -> None:
    """Keys serve one purpose; also where only a rule names the second verifier."""
    same, other = (Verifier(schemes.GITHUB, keys=key) for key in (KEY, OTHER_KEY))
    links = Verifier(schemes.signed_url(), keys=KEY, origin=ORIGIN)  # whose key is derived
    for verifier, ids in ((same, ["sealgate.W007"]), (other, []), (links, [])):
        urls = type("Urls", (), {"urlpatterns": [path("hook", require(verifier)(view))]})
        assert ids == found(ROOT_URLCONF=urls, deploy=True)
        assert [] == found(ROOT_URLCONF=urls)


def test_a_store_in_memory_with_several_workers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    shared = {"VERIFIER": RFC9421.verifier(replay="off")}
    assert [["sealgate.W008"], []] == [found(deploy=True), found(SEALGATE=shared, deploy=True)]


def test_a_finding_says_which_route_and_why() -> None:
    with override_settings(ROOT_URLCONF=Open):
        messages = run_checks(tags=["security"], include_deployment_checks=True)
    (message,) = [message for message in messages if message.id == "sealgate.W003"]
    assert "'below/' and all that is below it take unsigned requests (GET, POST): sessions, VPN only" == message.msg


def test_settings_that_change_are_read_again() -> None:
    with override_settings(SEALGATE={"VERIFIER": "django_project.PARTNERS"}):
        assert [] == found()
    assert ["sealgate.E001"] == found(SEALGATE={"VERIFIER": django_project})


_DJANGOS = "Django's own key, which signs its sessions"


class FrameworkKey:
    urlpatterns = [path("hook", require(Verifier(schemes.GITHUB, keys=_DJANGOS))(view))]


@pytest.mark.parametrize("keys", [_DJANGOS, {"acme": [KEY, _DJANGOS]}, _DJANGOS.encode() + b"\0"], ids=repr)
@pytest.mark.parametrize("setting", [{"SECRET_KEY": _DJANGOS}, {"SECRET_KEY_FALLBACKS": ["x", _DJANGOS]}], ids=str)
def test_a_key_that_is_djangos_own_is_an_error(keys: Any, setting: dict[str, Any]) -> None:
    own = {"VERIFIER": Verifier(schemes.GITHUB, keys=keys)}
    with override_settings(SEALGATE=own):
        assert "sealgate.E001" not in {message.id for message in run_checks()}
        with override_settings(**setting):
            (message,) = [message for message in run_checks() if message.id == "sealgate.E001"]
            assert ("SECRET_KEY" in message.msg, _DJANGOS in message.msg) == (True, False)


def test_a_views_key_that_is_djangos_own_is_an_error() -> None:
    with override_settings(ROOT_URLCONF=FrameworkKey):
        assert "sealgate.E005" not in {message.id for message in run_checks()}
        with override_settings(SECRET_KEY=_DJANGOS):
            (message,) = [message for message in run_checks() if message.id == "sealgate.E005"]
            assert _DJANGOS not in str(message)
