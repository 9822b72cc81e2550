"""The audit of Django's routes: each is listed once, in each language, with an example that it takes, in linear time."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.syndication.views import Feed
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path, resolve
from django.utils import translation
from django.utils.functional import lazystr
from django.views import View
from django.views.generic import RedirectView

import django_project  # noqa: F401  it registers a converter
from audited_django import asked, project
from leaky_django import GATE, answers
from sealgate.audit import Entry, audit
from sealgate.django import exempt

LANGUAGES: dict[str, Any] = {
    "LANGUAGES": [("en", "English"), ("de", "German"), ("pt-br", "Portuguese")],
    "LANGUAGE_CODE": "en",
}
LOCALE = "django.middleware.locale.LocaleMiddleware"
ALL = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")


def listed(application: WSGIHandler) -> list[Entry]:
    return [entry for entry in audit(application).entries if entry.kind not in {"missing", "middleware"}]


def view(request: HttpRequest, **_: Any) -> HttpResponse:
    return HttpResponse("")


# Paths and their examples


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ([path("", view)], {"/": "/"}),
        ([path("a/<int:n>/<slug:s>", view)], {"/a/<int:n>/<slug:s>": "/a/7/7"}),
        ([path("<uuid:u>/", view)], {"/<uuid:u>/": "/00000000-0000-4000-8000-000000000007/"}),
        ([path("<path:rest>", view)], {"/<path:rest>": "/7"}),
        ([path("<name>", view)], {"/<name>": "/7"}),
        (
            [re_path(r"^a/(?P<year>[0-9]{4})/(?P<slug>[a-z]+)/$", view)],
            {"/a/(?P<year>[0-9]{4})/(?P<slug>[a-z]+)/": "/a/2024/a/"},
        ),
        ([re_path(r"^a/(\d{2})$", view)], {r"/a/(\d{2})": "/a/07"}),
        ([re_path(r"^(?P<kind>shoe|hat)/$", view)], {"/(?P<kind>shoe|hat)/": "/shoe/"}),
        ([re_path(r"^a$|^b$", view)], {"/a$|^b": "/a"}),
        ([re_path(r"\.php\Z", view)], {r"/\.php": "/.php"}),
        ([path("<colour:number>", view)], {"/<colour:number>": None}),
        ([path("a/", include([path("b/", include([path("<int:n>", view)]))]))], {"/a/b/<int:n>": "/a/b/7"}),
        ([re_path(r"^(?P<x>\w+)/", include([re_path(r"^in/$", view)]))], {r"/(?P<x>\w+)/in/": "/7/in/"}),
        ([path("a", view), path("a", View.as_view())], {"/a": "/a"}),
        ([path("<name>", view), path("a", view)], {"/<name>": "/7", "/a": None}),
        ([re_path(r"^ab*", view), path("ac", view)], {"/ab*": "/a", "/ac": None}),
        ([re_path(r"^x|y", view), path("by", view)], {"/x|y": None, "/by": None}),
        ([path("a", view, {"extra": 1}, name="a")], {"/a": "/a"}),
        ([path("a b/ü", view)], {"/a b/ü": "/a%20b/%C3%BC"}),
    ],
)
def test_path_is_listed_with_an_example_that_it_takes(patterns: list[Any], expected: dict[str, str | None]) -> None:
    with project(*patterns) as application:
        found = {entry.path: entry.example for entry in reversed(listed(application)) if "GET" in entry.methods}
        assert expected == found
        taken = [example for example in found.values() if example]
        assert [resolve(unquote(example)).func for example in taken] == [view] * len(taken)


def test_route_that_another_hides_is_listed_without_an_example() -> None:
    with project(path("a", view), path("a", answers("hidden"))) as application:
        assert ["/a", None] == [entry.example for entry in listed(application)]


def test_example_is_of_the_very_route_wherever_the_same_urlconf_is_included() -> None:
    shared = [path("x", view)]
    with project(path("a/", include(shared)), path("b/", include((shared, "b")))) as application:
        assert {"/a/x": "/a/x", "/b/x": "/b/x"} == {entry.path: entry.example for entry in listed(application)}


def test_no_example_of_what_is_missing_where_everything_is_taken() -> None:
    for patterns, expected in (([], "/no-such-page"), ([path("<path:all>", view)], None)):
        with project(*patterns) as application:
            assert [expected] == [entry.example for entry in audit(application).entries if entry.kind == "missing"]


def test_examples_are_what_django_resolves_whatever_the_order() -> None:
    """URLconfs made at random, of patterns that hide each other."""
    dice = random.Random(9421)
    pieces = ["a/", "b", "<int:n>/", "<slug:s>", "<path:p>", "a", "ab/", "<str:t>/b", "<uuid:u>", ""]
    expressions = [r"^a/$", r"^(?P<x>[ab]+)/$", r"b$", r"^a?b/$", r"^ab*", r"^(?:a|b)/", r"(?P<y>\d+)"]
    seen = 0
    for _ in range(60):
        with project(*_random_urls(dice, pieces, expressions, 3)) as application:
            for entry in listed(application):
                if entry.example is not None:
                    seen += 1
                    assert entry.view.endswith(resolve(unquote(entry.example)).func.__name__), entry
    assert seen > 100


def _random_urls(dice: random.Random, pieces: list[str], expressions: list[str], depth: int) -> Iterator[Any]:
    for _ in range(dice.randint(1, 5)):
        target: Any = _unique()
        if depth and dice.random() < 0.4:
            target = include(list(_random_urls(dice, pieces, expressions, depth - 1)))
        if dice.random() < 0.3:
            yield re_path(dice.choice(expressions), target)
        else:
            yield path(dice.choice(pieces), target)


def _unique(count: Iterator[int] = iter(range(10**6))) -> Callable[..., HttpResponse]:  # noqa: B008  counts on
    def one(request: HttpRequest, **_: Any) -> HttpResponse:
        return HttpResponse("")

    one.__name__ = one.__qualname__ = f"view{next(count)}_"
    return one


# Languages


def test_route_is_listed_in_each_language() -> None:
    patterns = [path("plain", view), *i18n_patterns(path("prices/", view), path("<int:n>", view))]
    with project(*patterns, MIDDLEWARE=[LOCALE], **LANGUAGES) as application:
        found = {entry.path: entry.example for entry in listed(application)}
        starts = [language for language, _ in LANGUAGES["LANGUAGES"]]
        expected = {f"/{start}/prices/": f"/{start}/prices/" for start in starts}
        assert {"/plain": "/plain", **expected, **{f"/{start}/<int:n>": f"/{start}/7" for start in starts}} == found
        for example in found.values():
            with translation.override(str(example).split("/")[1]):
                assert resolve(str(example)).func is view


def test_default_language_may_go_without_its_prefix() -> None:
    patterns = i18n_patterns(path("prices/", view), prefix_default_language=False)
    with project(*patterns, **LANGUAGES) as application:
        assert ["/prices/", "/de/prices/", "/pt-br/prices/"] == [entry.path for entry in listed(application)]


def test_without_a_middleware_that_chooses_it_a_language_has_no_example() -> None:
    """Another middleware may choose: the routes are listed."""
    patterns = i18n_patterns(path("a", view))
    with project(*patterns, **LANGUAGES) as application, translation.override("en"):
        assert {"/en/a": "/en/a", "/de/a": None, "/pt-br/a": None} == {e.path: e.example for e in listed(application)}
        assert [200, 404] == [asked(application, "GET", f"/{start}/a", signed=True) for start in ("en", "de")]


def test_default_language_that_is_not_one_of_the_languages_is_listed() -> None:
    """As `en-us` is not one of Django's own."""
    patterns = i18n_patterns(path("a", view))
    given = {"LANGUAGE_CODE": "en-us", "LANGUAGES": [("en", "English")]}
    with project(*patterns, **given) as application, translation.override("en-us"):
        assert {"/en-us/a": "/en-us/a", "/en/a": None} == {e.path: e.example for e in listed(application)}
        assert [200, 404] == [asked(application, "GET", f"/{start}/a", signed=True) for start in ("en-us", "en")]
    with project(*patterns, MIDDLEWARE=[GATE, LOCALE], **given) as application, translation.override("en-us"):
        assert {"/en-us/a": None, "/en/a": "/en/a"} == {e.path: e.example for e in listed(application)}
        assert [404, 200] == [asked(application, "GET", f"/{start}/a", signed=True) for start in ("en-us", "en")]


def test_translated_pattern_is_listed_in_each_translation() -> None:
    class Name:
        """A lazy translation."""

        def __str__(self) -> str:
            return {"de": "preise/", "en": "prices/"}.get(translation.get_language() or "", "prices/")

    words = lazystr(Name())
    with project(path(words, view), path("x", view), MIDDLEWARE=[LOCALE], **LANGUAGES) as application:  # type: ignore[arg-type]
        found = {entry.path: entry.example for entry in listed(application)}
    assert {"/prices/": "/prices/", "/preise/": "/preise/", "/x": "/x"} == found


# Methods, names and kinds


class Both(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("")

    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("")


class Narrow(Both):
    http_method_names = ["get", "head"]


class Catches(Both):
    def dispatch(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        return HttpResponse(request.method)


class News(Feed):  # type: ignore[type-arg]
    pass


async def coroutine(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


def given(request: HttpRequest, value: int) -> HttpResponse:
    return HttpResponse(str(value))


def wraps_badly(inner: Any) -> Any:
    from functools import update_wrapper

    return update_wrapper(lambda request: HttpResponse(""), inner)


@pytest.mark.parametrize(
    ("routed", "methods", "name"),
    [
        (view, ALL, "view"),
        (coroutine, ALL, "coroutine"),
        (partial(given, value=1), ALL, "given"),
        (News(), ALL, "News"),
        (Both.as_view(), ("GET", "HEAD", "OPTIONS", "POST"), "Both"),
        (Narrow.as_view(), ("GET", "HEAD"), "Narrow"),
        (Both.as_view(http_method_names=["post"]), ("POST",), "Both"),
        (Catches.as_view(), ALL, "Catches"),
        (wraps_badly(Both.as_view()), ALL, "Both"),
    ],
)
def test_methods_are_those_that_something_answers(routed: Any, methods: tuple[str, ...], name: str) -> None:
    with project(path("a", routed)) as application:
        (entry,) = listed(application)
    assert (methods, f"{__name__}.{name}") == (entry.methods, entry.view)
    assert entry.source is not None
    assert __file__ == entry.source.file


def test_method_that_an_exemption_names_is_listed_where_any_may_be_answered() -> None:
    rule = exempt("a cache", methods=("PURGE",))
    for cls, methods in ((Both, ()), (Catches, ("PURGE",))):
        with project(path("a", rule(cls.as_view()))) as application:
            found = [entry for entry in listed(application) if entry.verdict == "exempt"]
            assert [methods] * bool(methods) == [entry.methods for entry in found]
            answered = asked(application, "PURGE", "/a") == 200
            assert answered == bool(methods)


def test_kind_of_a_redirect_is_said() -> None:
    with project(path("a", RedirectView.as_view(url="/b")), path("b", view)) as application:
        assert ["redirect", "view"] == [entry.kind for entry in listed(application)]


def test_line_of_a_view_is_where_it_is_written() -> None:
    with project(path("a", view), path("b", Both.as_view())) as application:
        lines = [entry.source.line for entry in listed(application) if entry.source]
    text = Path(__file__).read_text().splitlines()
    assert ["def view(request: HttpRequest, **_: Any) -> HttpResponse:", "class Both(View):"] == [
        text[line - 1] for line in lines
    ]


# Work


def _calls(run: Callable[[], object]) -> int:
    """How many Python functions are called."""
    count = 0

    def seen(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def _flat(number: int) -> list[Any]:
    return [path(f"things/{n}/<int:id>/", answers("x")) for n in range(number)]


def _tenants(number: int) -> list[Any]:
    return [path(f"<slug:tenant>/things/{n}/", answers("x")) for n in range(number)]


def _expressions(number: int) -> list[Any]:
    return [re_path(rf"^things/{n}/(?P<id>\d+)/$", answers("x")) for n in range(number)]


def _nested(number: int) -> list[Any]:
    return [path(f"area{n}/", include([path(f"x{m}", answers("x")) for m in range(10)])) for n in range(number // 10)]


def _classes(number: int) -> list[Any]:
    return [path(f"things/{n}", Both.as_view()) for n in range(number)]


def _anywhere(number: int) -> list[Any]:
    """Nothing says where they begin."""
    return [re_path(rf"thing{n}x", answers("x")) for n in range(number)]


@pytest.mark.parametrize("make", [_flat, _tenants, _expressions, _nested, _classes, _anywhere])
def test_work_grows_with_the_number_of_routes_and_no_faster(make: Callable[[int], list[Any]]) -> None:
    counts = []
    for number in (200, 400, 800):
        with project(*make(number)) as application:
            audit(application)  # what Django compiles once
            counts.append(_calls(lambda: audit(application)))
    assert counts[2] - counts[1] < 2.2 * (counts[1] - counts[0])
