"""The audit of REST framework's views that do something of their own: it says that it cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page, never_cache

from audited_django import asked, contrib, project, ran, standing_at
from audited_rest_framework import HOOKS, Anybody, Look, closed
from leaky_django import RAN

#: Of a page that is cached.
SECONDS = 60

# These read the settings.
from rest_framework import permissions  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from sealgate.rest_framework import HasValidSignature, Signatory, SignatureAuthentication  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def _contrib() -> Iterator[None]:
    with contrib():
        yield
    cache.clear()


def _lets_in(self: Any, *_: Any, **__: Any) -> Any:
    RAN.append("own")
    return []


def _dispatch(self: Any, request: Any, *_: Any, **__: Any) -> Any:
    return self.finalize_response(request, self.get(request))


DECIDES: dict[str, Any] = {
    "check_permissions": _lets_in,
    "get_permissions": _lets_in,
    "permission_denied": _lets_in,
    "perform_authentication": _lets_in,
    "get_authenticators": lambda self: [],
    "dispatch": _dispatch,
    "initial": _lets_in,
    "initialize_request": lambda self, request, *a, **k: APIView.initialize_request(self, request, *a, **k),
    "setup": lambda self, request, *a, **k: APIView.setup(self, request, *a, **k),
    "__new__": lambda cls, **given: object.__new__(type("Other", (cls,), {"permission_classes": []})),
    "__init__": lambda self, **given: setattr(self, "permission_classes", []),
    "permission_classes": property(lambda self: []),
    "authentication_classes": property(lambda self: []),
}


@pytest.mark.parametrize("name", DECIDES)
def test_view_that_decides_itself_is_unknown_and_says_why(name: str) -> None:
    with project(path("a/", closed(**{name: DECIDES[name]}).as_view()), MIDDLEWARE=[]) as application:
        standing = standing_at(application, "/a/")
        assert "unknown" == standing.verdict
        assert name in standing.evidence[0] or "at the request" in standing.evidence[0]


def test_decision_that_is_given_to_as_view_is_seen() -> None:
    view = closed().as_view(get_permissions=list)
    with project(path("a/", view), MIDDLEWARE=[]) as application:
        assert ran(application, "GET", "/a/")
        assert "unknown" == standing_at(application, "/a/").verdict


def test_permissions_that_are_given_to_as_view_count() -> None:
    with project(path("a/", closed().as_view(permission_classes=[])), MIDDLEWARE=[]) as application:
        assert ran(application, "GET", "/a/")
        assert "open" == standing_at(application, "/a/").verdict


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (closed().as_view(), "verified"),
        (never_cache(closed().as_view()), "verified"),
        (cache_page(SECONDS)(closed().as_view()), "unknown"),
        (method_decorator(cache_page(SECONDS), name="dispatch")(closed()).as_view(), "unknown"),
        (lambda request: closed().as_view()(request), "open"),
    ],
    ids=["plain", "never_cache", "cache_page", "cache_page on dispatch", "hidden"],
)
def test_decorator_that_may_answer_first_makes_a_view_unknown(view: Any, expected: str) -> None:
    with project(path("a/", view), MIDDLEWARE=[], CACHE_MIDDLEWARE_SECONDS=SECONDS) as application:
        assert expected == standing_at(application, "/a/").verdict


def test_page_that_is_cached_around_the_classes_is_given_away() -> None:
    """Why the case above is not verified."""
    with project(path("a/", cache_page(SECONDS)(closed().as_view())), MIDDLEWARE=[]) as application:
        assert [401, 200, 200] == [asked(application, "GET", "/a/", signed=signed) for signed in (False, True, False)]


class Lenient(HasValidSignature):
    def __new__(cls) -> Any:
        return permissions.AllowAny()


class Shadowed(HasValidSignature):
    def __init__(self) -> None:
        self.has_permission = lambda request, view: True  # type: ignore[method-assign]


class PerRequest:
    """What a class gives is not what its objects give."""

    def __get__(self, view: Any, owner: Any) -> list[Any]:
        return [HasValidSignature] if view is None else []


@pytest.mark.parametrize("permission", [[Lenient], [Shadowed], None], ids=["__new__", "__init__", "descriptor"])
def test_permission_that_is_not_what_its_class_says_is_unknown(permission: Any) -> None:
    view = closed(permission_classes=permission or PerRequest()).as_view()
    with project(path("a/", view), MIDDLEWARE=[]) as application:
        assert ran(application, "GET", "/a/")
        assert "unknown" == standing_at(application, "/a/").verdict


class Late(SignatureAuthentication):
    verifier = property(lambda self: HOOKS)  # type: ignore[assignment]


class Different(SignatureAuthentication):
    def authenticate(self, request: Any) -> Any:
        return super().authenticate(request)


class Welcomes(SignatureAuthentication):
    def __init__(self) -> None:
        self.authenticate = lambda request: (Signatory(None), None)  # type: ignore[method-assign]


def test_authentication_that_is_not_what_its_class_says_is_unknown() -> None:
    view = Look.as_view(authentication_classes=[Welcomes], permission_classes=[permissions.IsAuthenticated])
    with project(path("a/", view), MIDDLEWARE=[]) as application:
        assert ran(application, "GET", "/a/")
        assert "unknown" == standing_at(application, "/a/").verdict


@pytest.mark.parametrize("authenticator", [Late, Different, Anybody])
def test_authentication_of_its_own_is_unknown(authenticator: Any) -> None:
    view = Look.as_view(authentication_classes=[authenticator], permission_classes=[HasValidSignature])
    with project(path("a/", view), MIDDLEWARE=[]) as application:
        assert "unknown" == standing_at(application, "/a/").verdict
