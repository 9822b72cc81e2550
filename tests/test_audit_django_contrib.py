"""The audit of applications that others wrote: every route that Django serves is listed, and none is called verified."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from django.urls import get_resolver, include, path, resolve

from audited_django import SESSIONS, asked, contrib, project
from leaky_django import GATE
from sealgate.audit import Entry, audit
from sealgate.django import exempt

ELSEWHERE = {"missing", "middleware"}
FORMS = {"GET", "HEAD", "POST"}


@pytest.fixture(autouse=True, scope="module")
def _contrib() -> Iterator[None]:
    with contrib(), override_settings(DEBUG=True):  # or there are no static files
        yield


def quickstart() -> list[Any]:
    """The project of REST framework's own quickstart, with the admin, and drf-spectacular's pages."""
    from django.contrib import admin
    from django.contrib.auth.models import Group, User
    from django.contrib.staticfiles.urls import staticfiles_urlpatterns
    from drf_spectacular.openapi import AutoSchema
    from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
    from rest_framework import permissions, routers, serializers, viewsets

    class UserSerializer(serializers.HyperlinkedModelSerializer):
        class Meta:
            model = User
            fields = ["url", "username", "email", "groups"]

    class GroupSerializer(serializers.HyperlinkedModelSerializer):
        class Meta:
            model = Group
            fields = ["url", "name"]

    class UserViewSet(viewsets.ModelViewSet[User]):
        queryset = User.objects.all().order_by("-date_joined")
        serializer_class = UserSerializer
        permission_classes = [permissions.IsAuthenticated]
        schema = AutoSchema()

    class GroupViewSet(viewsets.ModelViewSet[Group]):
        queryset = Group.objects.all().order_by("name")
        serializer_class = GroupSerializer
        permission_classes = [permissions.IsAuthenticated]
        schema = AutoSchema()

    router = routers.DefaultRouter()
    router.register(r"users", UserViewSet)
    router.register(r"groups", GroupViewSet)
    site = admin.AdminSite()
    for model in (User, Group):
        site.register(model)
    return [
        path("admin/", site.urls),
        path("api/", include(router.urls)),
        path("api-auth/", include("rest_framework.urls", namespace="rest_framework")),
        path("schema/", SpectacularAPIView.as_view(), name="schema"),
        path("schema/swagger/", SpectacularSwaggerView.as_view(url_name="schema")),
        path("schema/redoc/", SpectacularRedocView.as_view(url_name="schema")),
        path("accounts/", include("django.contrib.auth.urls")),
        path("pages/", include("django.contrib.flatpages.urls")),
        *staticfiles_urlpatterns("/static/"),
    ]


def routes(application: WSGIHandler) -> list[Entry]:
    return [entry for entry in audit(application).entries if entry.path != "/<path:path>" or entry.kind == "admin"]


def plain(route: str) -> str:
    """Without anchors."""
    return "/" + re.sub(r"(?<!\[)\^|\$|\\Z", "", route)


def test_every_view_that_djangos_documentation_lists_is_listed() -> None:
    """`django.contrib.admindocs` has an enumeration of its own."""
    from django.contrib.admindocs.views import extract_views_from_urlpatterns

    with project(*quickstart()) as application:
        expected = {plain(regex) for _, regex, *_ in extract_views_from_urlpatterns(get_resolver().url_patterns)}
        assert expected == {entry.path for entry in routes(application)}
        assert len(expected) > 40


def test_every_route_that_django_can_reverse_is_listed() -> None:
    with project(*quickstart()) as application:
        expected = {re.sub(r"\\([/.-])", r"\1", regex) for regex in reversible(get_resolver())}
        listed = {str(entry.example) for entry in routes(application) if entry.example}
        assert [] == [regex for regex in expected if not any(re.fullmatch(f"/{regex}", path) for path in listed)]


def reversible(resolver: Any, prefix: str = "") -> Iterator[str]:
    """The whole expressions of what `reverse` knows, in every namespace."""
    for name in resolver.reverse_dict:
        for _, regex, *_ in resolver.reverse_dict.getlist(name):
            yield prefix + regex.removesuffix(r"\Z").removesuffix("$")
    for start, inner in resolver.namespace_dict.values():
        yield from reversible(inner, prefix + start)


def test_every_endpoint_and_method_that_rest_framework_lists_is_listed() -> None:
    from rest_framework.schemas.generators import EndpointEnumerator

    with project(*quickstart()) as application:
        endpoints = EndpointEnumerator().get_api_endpoints()
        expected = {(path, method) for path, method, _ in endpoints}
        templated = {(template(entry.path), method) for entry in routes(application) for method in entry.methods}
        assert expected <= templated
        ours = {(path, method) for path, method in templated if path in {path for path, _ in expected}}
        assert {"HEAD", "OPTIONS"} == {method for _, method in ours - expected}
        assert len(expected) >= 13


def template(path: str) -> str:
    return re.sub(r"\(\?P<(\w+)>[^()]*\)|<(?:\w+:)?(\w+)>", lambda match: "{" + (match[1] or match[2]) + "}", path)


@pytest.mark.parametrize("middleware", [[], SESSIONS])
def test_nothing_of_others_is_verified_without_us(middleware: list[str]) -> None:
    with project(*quickstart(), MIDDLEWARE=middleware) as application:
        assert {"open"} == {entry.verdict for entry in audit(application).entries}


def test_everything_is_verified_behind_the_middleware_and_refuses() -> None:
    with project(*quickstart(), MIDDLEWARE=[GATE, *SESSIONS]) as application:
        entries = audit(application).entries
        assert {"verified"} == {entry.verdict for entry in entries}
        assert {401} == {asked(application, method, target) for method, target in asks(entries)}


def test_an_exempt_admin_is_exempt_for_the_methods_named_and_is_asked_for_by_nobody_else() -> None:
    from django.contrib import admin

    marked = exempt("sessions and CSRF, VPN only", methods=("GET", "HEAD", "POST"))(admin.AdminSite().urls)
    with project(path("admin/", marked), MIDDLEWARE=[GATE, *SESSIONS]) as application:
        entries = [entry for entry in audit(application).entries if entry.kind not in ELSEWHERE]
        assert {"admin"} == {entry.kind for entry in entries}
        expected = {(method, entry.verdict) for entry in entries for method in entry.methods}
        assert {(method, "exempt" if method in FORMS else "verified") for method, _ in expected} == expected
        told = {ask: asked(application, *ask) == 401 for ask in asks(entries)}
        assert {method in FORMS for method, _ in told} == {True, False}
        assert {ask: ask[0] not in FORMS for ask in told} == told


def asks(entries: Any) -> set[tuple[str, str]]:
    return {(method, str(entry.example)) for entry in entries if entry.example for method in entry.methods}


def test_every_example_is_taken_by_its_very_route() -> None:
    with project(*quickstart()) as application:
        entries = [entry for entry in routes(application) if entry.kind != "missing"]
        without = {entry.path for entry in entries if entry.example is None}
        taken = {plain(resolve(str(entry.example)).route): entry.path for entry in entries if entry.example}
        assert set() == without
        assert {route: route for route in taken} == taken


def test_kinds_are_told_apart() -> None:
    with project(*quickstart()) as application:
        kinds: dict[str, set[str]] = {}
        for entry in routes(application):
            kinds.setdefault(entry.kind, set()).add(entry.path.split("/")[1])
    assert {
        "admin": {"admin"},
        "docs": {"schema"},
        "static": {"static"},
        "view": {"api", "api-auth", "accounts", "pages"},
    } == kinds
