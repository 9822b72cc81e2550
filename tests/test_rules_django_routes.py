"""Django: the rule that counts is that of the route which Django takes, whatever decides about it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from django.conf.urls.i18n import i18n_patterns
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, URLPattern, include, path, register_converter
from django.utils import translation
from django.utils.functional import lazy

from asgi_client import signed
from django_rules import CLOSED, GATE, HOOKED, HOOKS, LOOK, OPEN, Urls, admitted, ask, fresh, project, view
from sealgate.django import exempt, require


class Moody:
    """A converter that says "not mine" in Django's own words."""

    regex = "[a-z]+"

    def to_python(self, value: str) -> str:
        raise Resolver404({"path": value})

    def to_url(self, value: str) -> str:
        return value


register_converter(Moody, "moody")


def test_requirement_holds_behind_a_converter_that_declines() -> None:
    """Django takes it for "no match" and goes on to the next pattern."""
    with project(path("<moody:name>", view), path("hook", require(HOOKS)(fresh()))) as handler:
        assert HOOKED == admitted(handler, "/hook")


def test_language_of_the_path_counts() -> None:
    patterns = i18n_patterns(path("open", exempt("r")(fresh())), path("closed", view))
    middleware = ["django.middleware.locale.LocaleMiddleware", GATE]
    with project(*patterns, MIDDLEWARE=middleware, LANGUAGES=[("en", "English"), ("de", "Deutsch")]) as handler:
        targets = ("/de/open", "/en/open", "/de/closed", "/en/closed")
        assert [OPEN, OPEN, CLOSED, CLOSED] == [admitted(handler, target) for target in targets]


def test_language_chosen_after_verification_opens_nothing() -> None:
    """A translated path is another one in each language, and the caller names the language."""

    def public() -> str:
        return "oeffentlich/" if translation.get_language() == "de" else "public/"

    inner = include([path("a", view)])
    patterns = [
        path(lazy(public, str)(), exempt("r")(inner)),  # type: ignore[arg-type]
        path("public/", inner),
    ]
    middleware = [GATE, "django.middleware.locale.LocaleMiddleware"]
    message = replace(LOOK, target="/public/a")
    with ExitStack() as stack:
        stack.callback(translation.activate, translation.get_language())
        translation.activate("en")
        handler = stack.enter_context(
            project(*patterns, MIDDLEWARE=middleware, LANGUAGES=[("en", "English"), ("de", "Deutsch")])
        )
        german = ask(handler, message.plus([("Accept-Language", "de")]))
    assert german.status == 401


def test_urlconf_of_a_request_counts() -> None:
    middleware = [f"{__name__}.by_tenant", GATE]
    with project(path("a", exempt("r")(fresh())), MIDDLEWARE=middleware) as handler:
        message = replace(LOOK, target="/a")
        statuses = [ask(handler, each).status for each in (message, message.plus([("X-Tenant", "other")]))]
        proven = ask(handler, signed(message).plus([("X-Tenant", "other")])).status
    assert (statuses, proven) == ([200, 401], 200)


OTHER = Urls(path("a", view))


def by_tenant(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        if "X-Tenant" in request.headers:
            request.urlconf = OTHER  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def test_pattern_added_after_the_start_counts_from_the_next_request() -> None:
    with project(path("a", view)) as handler:
        assert CLOSED == admitted(handler, "/a")
        from django.conf import settings

        late: URLPattern = path("late", require(HOOKS)(fresh()))
        settings.ROOT_URLCONF.urlpatterns.append(late)
        assert HOOKED == admitted(handler, "/late")
