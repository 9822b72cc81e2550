"""The audit of Django's middlewares: what stands before ours and answers is named, and what is silent is silent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.middleware.cache import FetchFromCacheMiddleware
from django.urls import path
from django.utils import translation

from audited_django import SESSIONS, asked, contrib, project, ran, standing_at
from leaky_django import COMMON, GATE, Project, answers, verifier
from sealgate.audit import Entry, audit
from sealgate.django import exempt
from wsgi_client import Unfinished

LOCALE = "django.middleware.locale.LocaleMiddleware"
UPDATE, FETCH = "django.middleware.cache.UpdateCacheMiddleware", "django.middleware.cache.FetchFromCacheMiddleware"
CORS = "corsheaders.middleware.CorsMiddleware"
SILENT = [
    *("django.middleware.security.SecurityMiddleware", "django.middleware.locale.LocaleMiddleware", COMMON, UPDATE),
    *("django.middleware.clickjacking.XFrameOptionsMiddleware", "django.middleware.common.BrokenLinkEmailsMiddleware"),
    *("django.middleware.csrf.CsrfViewMiddleware", "django.middleware.gzip.GZipMiddleware"),
    *("django.middleware.http.ConditionalGetMiddleware", "django.contrib.sessions.middleware.SessionMiddleware"),
    *("django.contrib.sites.middleware.CurrentSiteMiddleware",),
    *("django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",),
    *("django.contrib.redirects.middleware.RedirectFallbackMiddleware",),
]
PREFLIGHT = {"HTTP_ORIGIN": "https://elsewhere.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET"}
#: What may tempt a middleware to answer itself.
TEMPTATIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/a/", {}),
    ("HEAD", "/a/", {}),
    ("GET", "/a", {}),
    ("GET", "/none", {}),
    ("GET", "/de/a/", {"HTTP_ACCEPT_LANGUAGE": "de"}),
    ("GET", "/flat/", {}),
    ("GET", "/moved/", {}),
    ("GET", "/a/", {"HTTP_IF_NONE_MATCH": "*", "HTTP_IF_MODIFIED_SINCE": "Fri, 01 Jan 2100 00:00:00 GMT"}),
    ("GET", "/a/", {"HTTP_ACCEPT_ENCODING": "gzip", "HTTP_COOKIE": "sessionid=1; csrftoken=1", "REMOTE_USER": "root"}),
    ("OPTIONS", "/a/", PREFLIGHT),
    (
        "POST",
        "/a/",
        {"wsgi.input": Unfinished(), "CONTENT_LENGTH": "9", "CONTENT_TYPE": "application/x-www-form-urlencoded"},
    ),
]


@pytest.fixture(autouse=True, scope="module")
def _contrib() -> Iterator[None]:
    with contrib():
        yield


@pytest.fixture(autouse=True)
def _uncached() -> Iterator[None]:
    yield
    cache.clear()


def middlewares(application: Any) -> list[Entry]:
    return [entry for entry in audit(application).entries if entry.kind == "middleware"]


# What is silent


@pytest.mark.parametrize("name", SILENT)
def test_silent_middleware_lets_nobody_in_and_is_not_named(name: str) -> None:
    from django.contrib.flatpages.models import FlatPage
    from django.contrib.redirects.models import Redirect

    FlatPage.objects.get_or_create(url="/flat/", title="flat", content="flat")[0].sites.add(1)
    Redirect.objects.get_or_create(site_id=1, old_path="/moved/", new_path="/a/")
    settings = {"CACHE_MIDDLEWARE_SECONDS": 60, "LANGUAGES": [("en", "English"), ("de", "German")]}
    with project(path("a/", answers("a")), MIDDLEWARE=[name, GATE], **settings) as application:
        assert asked(application, "GET", "/a/", signed=True) == 200
        assert {401} == {asked(application, method, target, **more) for method, target, more in TEMPTATIONS}
        assert [] == middlewares(application)
        assert {"verified"} == {entry.verdict for entry in audit(application).entries}


def test_silent_middlewares_of_users_are_silent() -> None:
    names = [SESSIONS[0], SESSIONS[2], "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    names += ["django.contrib.auth.middleware.RemoteUserMiddleware", SESSIONS[3]]
    names += ["django.contrib.auth.middleware.PersistentRemoteUserMiddleware"]
    names += ["django.contrib.admindocs.middleware.XViewMiddleware"]
    with project(path("a/", answers("a")), MIDDLEWARE=[*names, GATE], LOGIN_URL="/login") as application:
        assert {401} == {asked(application, method, target, **more) for method, target, more in TEMPTATIONS}
        assert [] == middlewares(application)


def test_cache_that_is_filled_outside_and_read_inside_gives_nothing_away() -> None:
    names = [UPDATE, GATE, FETCH]
    with project(path("a/", answers("a")), MIDDLEWARE=names, CACHE_MIDDLEWARE_SECONDS=60) as application:
        statuses = [asked(application, "GET", "/a/", signed=signed) for signed in (True, True, False)]
        assert ([200, 200, 401], "verified") == (statuses, standing_at(application, "/a/").verdict)


# What answers


@pytest.mark.parametrize(
    "names",
    [
        [UPDATE, FETCH, GATE],
        [FETCH, GATE, UPDATE],
        ["django.middleware.cache.CacheMiddleware", GATE],
        [UPDATE, f"{__name__}.Fetch", GATE],
    ],
)
def test_cache_before_ours_opens_what_can_be_cached(names: list[str]) -> None:
    view = exempt("a probe", methods=("POST",))(answers("a"))
    with project(path("a/", view), MIDDLEWARE=names, CACHE_MIDDLEWARE_SECONDS=60) as application:
        assert asked(application, "GET", "/a/", signed=True) == 200
        got_in = {method: asked(application, method, "/a/") for method in ("GET", "HEAD", "PUT", "POST")}
        assert {"GET": 200, "HEAD": 200, "PUT": 401, "POST": 200} == got_in
        expected = {"GET": "open", "HEAD": "open", "PUT": "verified", "POST": "exempt"}
        assert expected == {method: standing_at(application, "/a/", method).verdict for method in expected}
        (named,) = middlewares(application)
        assert ("open", ("GET", "HEAD")) == (named.verdict, named.methods)


class Fetch(FetchFromCacheMiddleware):
    """A cache by another name."""


def test_cache_before_a_view_that_asks_itself_opens_it() -> None:
    from leaky_django import Orders

    with project(path("a/", Orders.as_view()), MIDDLEWARE=[UPDATE, FETCH], CACHE_MIDDLEWARE_SECONDS=60) as application:
        statuses = [asked(application, "GET", "/a/", signed=signed) for signed in (False, True, False)]
        assert [401, 200, 200] == statuses
        found = [standing_at(application, "/a/", method).verdict for method in ("GET", "POST")]
        assert ["open", "verified"] == found


def test_redirect_to_www_comes_first() -> None:
    with project(path("a/", answers("a")), MIDDLEWARE=[COMMON, GATE], PREPEND_WWW=True) as application:
        assert asked(application, "GET", "/a/") == 301
        assert [("open", ("*",))] == [(entry.verdict, entry.methods) for entry in middlewares(application)]
    with project(path("a/", answers("a")), MIDDLEWARE=[GATE, COMMON], PREPEND_WWW=True) as application:
        assert asked(application, "GET", "/a/") == 401
        assert [] == middlewares(application)


def test_preflights_that_a_cors_middleware_answers_are_exempt() -> None:
    with project(path("a/", answers("a")), MIDDLEWARE=[CORS, GATE], CORS_ALLOW_ALL_ORIGINS=True) as application:
        (named,) = middlewares(application)
        assert asked(application, "OPTIONS", "/a/", **PREFLIGHT) == 200
        assert asked(application, "OPTIONS", "/a/") == 401
        assert ("exempt", ("OPTIONS",), True) == (named.verdict, named.methods, bool(named.standing.reason))


def test_preflights_that_the_setting_lets_through_are_exempt() -> None:
    setting = {"VERIFIER": verifier(), "PREFLIGHT": True}
    with project(
        path("a/", answers("a")), MIDDLEWARE=[GATE, CORS], SEALGATE=setting, CORS_ALLOW_ALL_ORIGINS=True
    ) as application:
        (named,) = middlewares(application)
        assert asked(application, "OPTIONS", "/a/", **PREFLIGHT) == 200
        assert ("exempt", ("OPTIONS",)) == (named.verdict, named.methods)
        assert "verified" == standing_at(application, "/a/", "OPTIONS").verdict
    with project(path("a/", answers("a")), SEALGATE=setting) as application:
        assert asked(application, "OPTIONS", "/a/", **PREFLIGHT) == 401  # nobody has answered it


def test_files_of_whitenoise_are_open(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("1")
    settings = {"STATIC_ROOT": str(tmp_path), "STATIC_URL": "/static/"}
    names = ["whitenoise.middleware.WhiteNoiseMiddleware", GATE]
    with project(MIDDLEWARE=names, **settings) as application:
        assert asked(application, "GET", "/static/prices.csv") == 200
        assert [("open", ("GET", "HEAD"))] == [(entry.verdict, entry.methods) for entry in middlewares(application)]
    with project(MIDDLEWARE=names[::-1], **settings) as application:
        assert asked(application, "GET", "/static/prices.csv") == 401
        assert [] == middlewares(application)


def test_handler_of_static_files_is_named() -> None:
    with project(path("a/", answers("a")), STATIC_URL="/files/", DEBUG=True) as application:
        handler = StaticFilesHandler(application)
        first, *others = audit(handler).entries
        assert ("static", "open", "/files/<path:path>") == (first.kind, first.verdict, first.path)
        assert list(audit(application).entries) == others
        assert asked(handler, "GET", "/files/admin/css/base.css") == 200


@pytest.mark.parametrize(("place", "expected"), [(0, ["unknown"]), (1, [])])
def test_middleware_of_the_project_is_unknown_before_ours(place: int, expected: list[str]) -> None:
    names = [GATE]
    names.insert(place, "leaky_django.ping")
    with project(MIDDLEWARE=names) as application:
        found = middlewares(application)
        assert expected == [entry.verdict for entry in found]
        assert (asked(application, "GET", "/ping") == 200) == bool(expected)
        assert ["leaky_django.ping"] * len(expected) == [entry.view for entry in found]
        assert all(entry.source and entry.source.file.endswith("leaky_django.py") for entry in found)


class Sessions:
    """Another middleware of a name that is known."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        request.method = request.headers.get("X-HTTP-Method-Override", request.method)


Sessions.__name__ = Sessions.__qualname__ = "SessionMiddleware"


def test_name_that_is_known_elsewhere_is_not_known_here() -> None:
    with project(MIDDLEWARE=[f"{__name__}.Sessions", GATE]) as application:
        assert [f"{__name__}.SessionMiddleware"] == [entry.view for entry in middlewares(application)]


def test_what_may_rewrite_a_verified_request_is_named_in_its_evidence() -> None:
    with project(path("a/", answers("a")), MIDDLEWARE=[GATE, f"{__name__}.Sessions"]) as application:
        standing = standing_at(application, "/a/")
    assert "verified" == standing.verdict
    assert [True] == [f"{__name__}.SessionMiddleware" in line for line in standing.evidence if "process_view" in line]


# Languages


PROBED = i18n_patterns(path("a/", exempt("a probe")(answers("a"))))
LANGUAGES = [("en", "English"), ("de", "German")]


def probes(application: Any) -> dict[str, Any]:
    entries = [entry for entry in audit(application).entries if "GET" in entry.methods and entry.kind == "view"]
    return {str(entry.example): entry.standing for entry in entries}


def test_rule_of_a_route_counts_in_each_language() -> None:
    with (
        project(*PROBED, MIDDLEWARE=[LOCALE, GATE], LANGUAGES=LANGUAGES, LANGUAGE_CODE="en") as application,
        translation.override("en"),
    ):
        told = probes(application)
        assert {"/en/a/": "exempt", "/de/a/": "exempt"} == {target: each.verdict for target, each in told.items()}
        assert [True, True] == [ran(application, "GET", target) for target in told]
        assert {()} == {each.evidence[1:] for each in told.values()}


def test_language_that_is_chosen_after_ours_is_named() -> None:
    """The exemption counts once a request before has left its language in the thread."""
    with (
        project(*PROBED, MIDDLEWARE=[GATE, LOCALE], LANGUAGES=LANGUAGES, LANGUAGE_CODE="en") as application,
        translation.override("en"),
    ):
        told = probes(application)
        assert {"exempt"} == {each.verdict for each in told.values()}
        assert all("LocaleMiddleware stands after" in each.evidence[1] for each in told.values())
        unsigned = ran(application, "GET", "/de/a/")
        asked(application, "GET", "/de/none", signed=True)
        assert [False, True] == [unsigned, ran(application, "GET", "/de/a/")]


def test_of_two_gates_the_first_counts() -> None:
    with project(path("a/", answers("a")), MIDDLEWARE=["leaky_django.ping", GATE, GATE]) as application:
        assert ["leaky_django.ping"] == [entry.view for entry in middlewares(application)]


def test_a_middleware_that_answers_everything_does_not_make_an_audit_blind() -> None:
    with Project(MIDDLEWARE=[f"{__name__}.closed", GATE], SEALGATE={"VERIFIER": verifier()}) as application:
        assert ["unknown"] == [entry.verdict for entry in middlewares(application)]


def closed(get_response: Any) -> Any:
    return lambda request: HttpResponse("closed for the night")
