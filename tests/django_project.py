"""A Django project in one file: settings, views of every kind of rule, and the URLconf."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path, register_converter
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_page
from django.views.decorators.csrf import csrf_exempt

from contract import HOOKS, PARTNERS

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "sealgate.django.SignatureMiddleware",
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
]

settings.configure(
    ALLOWED_HOSTS=["*"],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    CACHE_MIDDLEWARE_SECONDS=0,
    INSTALLED_APPS=["sealgate.django"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=MIDDLEWARE,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
    ROOT_URLCONF="django_project",
    SEALGATE={"VERIFIER": "django_project.PARTNERS"},
    SECRET_KEY="for tests only",
)
django.setup()

# As in a project: views are imported once settings are there.
from rest_framework.response import Response  # noqa: E402
from rest_framework.viewsets import ViewSet  # noqa: E402

from sealgate.django import exempt, require  # noqa: E402

SEEN: list[bytes] = []


def _proof(request: HttpRequest) -> str:
    verified = request.verified  # type: ignore[attr-defined]
    return "no proof" if verified is None else verified.key_id or "anonymous"


@csrf_exempt
def orders(request: HttpRequest, name: str = "") -> HttpResponse:
    SEEN.append(request.body)
    return HttpResponse(_proof(request))


def orders_under(rule: Callable[[Any], Any]) -> Callable[..., Any]:
    """Another view that does the same, with a rule of its own."""

    @rule
    @csrf_exempt
    def view(request: HttpRequest) -> HttpResponse:
        return orders(request)

    return view


@csrf_exempt
async def async_orders(request: HttpRequest) -> HttpResponse:
    return orders(request)


@csrf_exempt
def stream(request: HttpRequest) -> HttpResponse:
    SEEN.append(request.read())
    return HttpResponse(_proof(request))


@csrf_exempt
def form(request: HttpRequest) -> HttpResponse:
    files = "".join(f"+{file.read().hex()}" for file in request.FILES.values())
    SEEN.append((",".join(request.POST.getlist("name")) + files).encode())
    return HttpResponse(_proof(request))


@csrf_exempt
def parsed_json(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return HttpResponse(status=405)
    try:
        SEEN.append(str(json.loads(request.body)["total"]).encode())
    except ValueError:
        return JsonResponse({}, status=400)
    return HttpResponse(_proof(request))


@cache_page(60)
def cached(request: HttpRequest) -> HttpResponse:
    SEEN.append(request.body)
    return HttpResponse("cached")


@exempt("load balancer probe, returns no data")
def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_proof(request))


@exempt("while partners move", until=datetime(2020, 1, 1, tzinfo=UTC))
def once(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_proof(request))


@exempt("while partners move", until=datetime(9999, 1, 1, tzinfo=UTC))
def still(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_proof(request))


@method_decorator(exempt("public"), name="dispatch")
class OnDispatch(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(_proof(request))


@exempt("public")
class OnClass(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(_proof(request))


class BelowDispatch(OnDispatch):
    pass


class BelowClass(OnClass):
    pass


@method_decorator(exempt("public"), name="dispatch")
class Colours(ViewSet):
    def list(self, request: HttpRequest) -> Response:
        return Response([])


class BelowColours(Colours):
    pass


class Colour:
    """A converter that fails on paths which its expression admits."""

    regex = "[a-z]+"

    def to_python(self, value: str) -> int:
        return {"red": 1}[value]

    def to_url(self, value: int) -> str:
        return {1: "red"}[value]


register_converter(Colour, "colour")


@exempt("public")
def colour(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(str(number))


@require(HOOKS)
class Hook(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        return orders(request)


class OtherUrls:
    """Another URLconf; a URLconf may be any object."""

    urlpatterns: list[Any] = [path("moved", orders_under(require(HOOKS)))]


class LateUrls:
    """A URLconf whose views are imported when it is first used."""

    @property
    def urlpatterns(self) -> list[Any]:
        return [path("late", orders_under(require(HOOKS)))]


@csrf_exempt
def shared(request: HttpRequest) -> HttpResponse:
    return orders(request)


group = [
    path("hook", shared),
    path("own", orders_under(require(PARTNERS))),
    path("open", orders_under(exempt("no data"))),
    path("nested/", require(PARTNERS)(include([path("hook", orders)]))),
]
public = [path("any", orders), path("own", orders_under(require(PARTNERS)))]

urlpatterns: list[Any] = [
    path("orders", orders),
    path("orders/<name>", orders),
    path("plain", orders),
    path("async-orders", async_orders),
    path("stream", stream),
    path("form", form),
    path("json", parsed_json),
    path("cached", cached),
    path("hook", orders_under(require(HOOKS))),
    path("class-hook", csrf_exempt(Hook.as_view())),
    path("either", orders_under(require(PARTNERS, HOOKS))),
    path("narrow", orders_under(require(PARTNERS, keys={"globex"}))),
    path("wide", orders_under(require(PARTNERS, keys={"globex", "acme"}))),
    path("loose-query", orders_under(require(HOOKS, uncovered=("query",)))),
    path("loose-body", orders_under(require(PARTNERS, uncovered=["body"]))),
    path("health", health),
    path("once", once),
    path("still", still),
    path("group/", require(HOOKS)(include(group))),
    path("public/", exempt("no data")(include(public))),
    path("same-hook", shared),
    path("class", OnDispatch.as_view()),
    path("class-rule", OnClass.as_view()),
    path("subclass", BelowDispatch.as_view()),
    path("subclass-rule", BelowClass.as_view()),
    path("view-set", Colours.as_view({"get": "list"})),
    path("below-view-set", BelowColours.as_view({"get": "list"})),
    path("colours/<colour:number>", colour),
]


def changes(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """A middleware that changes every request as the setting INSIDE says."""

    def change(request: HttpRequest) -> Any:
        inside = settings.INSIDE
        request.method = inside.get("method", request.method)
        request.path = request.path_info = inside.get("path", request.path)
        request.META["QUERY_STRING"] = inside.get("query", request.META["QUERY_STRING"])
        return get_response(request)

    return change
