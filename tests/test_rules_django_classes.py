"""Django: rules of classes, of view sets and of what else is called like a view."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from rest_framework.response import Response

from asgi_client import signed
from django_rules import (
    CLOSED,
    HOOKED,
    HOOKS,
    LIST,
    LOOK,
    Both,
    DispatchedHooks,
    Mixed,
    OnHandler,
    admitted,
    ask,
    project,
    view,
)
from sealgate.django import exempt, require


@method_decorator(exempt("public"), name="dispatch")
class OpenParent(Both): ...


@method_decorator(require(HOOKS), name="dispatch")
class HookChild(OpenParent): ...


@method_decorator(exempt("public"), name="dispatch")
class OpenChild(DispatchedHooks): ...


@pytest.mark.parametrize(("cls", "expected"), [(HookChild, HOOKED), (OpenChild, ["anybody", "hooks"])])
def test_rule_on_the_dispatch_of_a_class_replaces_the_one_of_its_parent(cls: Any, expected: list[str]) -> None:
    with project(path("a", cls.as_view())) as handler:
        assert expected == admitted(handler, "/a")


def test_requirement_of_a_handler_holds_for_head_before_and_after_the_first_get() -> None:
    """Django REST framework learns that `get` answers HEAD only with the first request."""
    from rest_framework.viewsets import ViewSet

    class Looks(ViewSet):
        @require(HOOKS)
        def list(self, request: Any) -> Response:
            return Response([])

    head = replace(LOOK, method="HEAD", target="/a")
    with project(path("a", Looks.as_view({"get": "list"}))) as handler:
        first = ask(handler, signed(head)).status
        ask(handler, signed(replace(head, method="GET")))
        assert [401, 401] == [first, ask(handler, signed(head)).status]


@pytest.mark.parametrize("above", [True, False])
def test_rule_of_a_function_counts_above_and_below_api_view(above: bool) -> None:
    """Where the decorators of Django REST framework itself have to stand: below."""
    from rest_framework.decorators import api_view

    rule, api = require(HOOKS), api_view(["GET", "POST"])

    def look(request: Any) -> Response:
        return Response([])

    decorated = rule(api(look)) if above else api(rule(look))
    with project(path("a", decorated)) as handler:
        assert HOOKED == admitted(handler, "/a")


def test_method_that_is_named_like_an_attribute_of_the_class_opens_nothing() -> None:
    with project(path("a", OnHandler.as_view()), path("b", Mixed.as_view(LIST))) as handler:
        statuses = [
            ask(handler, replace(LOOK, method=method, target=target)).status
            for target in ("/a", "/b")
            for method in ("DISPATCH", "AS_VIEW", "__CLASS__", "HTTP_METHOD_NOT_ALLOWED", "OPENED", "GET_QUERYSET")
        ]
    assert statuses == [401] * 12


def test_view_that_has_an_attribute_named_like_ours_is_served() -> None:
    """A view may be any callable: what Django REST framework calls `actions` and `cls` may be something else."""

    class Odd:
        actions = ["publish"]
        cls = "a class of service"
        csrf_exempt = True

        def __call__(self, request: HttpRequest) -> HttpResponse:
            return view(request)

    with project(path("a", Odd())) as handler:
        assert CLOSED == admitted(handler, "/a")
