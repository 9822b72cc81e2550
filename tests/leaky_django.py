"""A Django project with every kind of opening, and its twin without: both as an audit or an attacker would find them.

`with leaky() as application:` or, in a process of its own, `application = leaky()`: settings are the process's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from django.conf.urls.i18n import i18n_patterns
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from django.views.static import serve

import django_project  # noqa: F401  it configures Django
from sealgate import Key, KeyRing, Request, Signer, Verifier, schemes
from sealgate.django import exempt

KEY = b"thirty-two octets of sample key!"
KEY_ID = "acme"
ORIGIN = "https://shop.example"
HERE = Path(__file__)

# These read the settings.
from drf_spectacular.views import SpectacularAPIView  # noqa: E402
from rest_framework.decorators import action, api_view, authentication_classes, permission_classes  # noqa: E402
from rest_framework.permissions import IsAuthenticatedOrReadOnly  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.routers import DefaultRouter  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework.viewsets import ViewSet  # noqa: E402

from sealgate.rest_framework import HasValidSignature, SignatureAuthentication  # noqa: E402

#: What ran, by name: the views write it.
RAN: list[str] = []

#: What is open: a path, and a method by which an unsigned request gets an answer that is no refusal.
OPENINGS: dict[str, tuple[str, str]] = {
    "forgotten route": ("/orders/export", "GET"),
    "included URLconf": ("/billing/invoices/7/", "POST"),
    "language prefix": ("/de/prices/", "GET"),
    "class-based view": ("/orders/bulk", "PUT"),
    "OPTIONS of a class-based view": ("/orders/bulk", "OPTIONS"),
    "authentication without permission": ("/quotes/", "POST"),
    "function view of REST framework": ("/rates/", "GET"),
    "safe method": ("/reports/", "HEAD"),
    "view-set action": ("/shop/items/7/refund/", "POST"),
    "root of a router": ("/shop/", "GET"),
    "path alias": ("/internal/payments/", "POST"),
    "check by hand": ("/hooks/legacy", "POST"),
    "expired exemption": ("/status", "GET"),
    "static": (f"/static/{HERE.name}", "GET"),
    "docs": ("/schema/", "GET"),
    "redirect": ("/old-orders/", "GET"),
    "appended slash": ("/quotes", "GET"),
    "middleware that answers": ("/ping", "GET"),
    "missing": ("/no-such-page", "GET"),
}


class Project(WSGIHandler):
    """A Django project of its own settings, until it is left."""

    def __init__(self, **settings: Any) -> None:
        self._settings = override_settings(**settings)
        self._settings.enable()
        try:
            super().__init__()
        except Exception:
            self._settings.disable()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._settings.disable()


class Urls:
    """A URLconf; it may be any object."""

    def __init__(self, *patterns: Any) -> None:
        self.urlpatterns = list(patterns)


def leaky(**changes: Any) -> Project:
    """Signatures are asked for by some views of REST framework, and by nothing else. `changes`: of the settings."""
    middleware = [*LANGUAGE, f"{__name__}.ping", COMMON]
    return Project(
        **{**_settings(middleware), "ROOT_URLCONF": Urls(*_patterns([], IsAuthenticatedOrReadOnly)), **changes}
    )


def fixed(**changes: Any) -> Project:
    """The same routes: the middleware stands before what answers, and every view of REST framework asks for a proof."""
    middleware = [*LANGUAGE, GATE, f"{__name__}.ping", COMMON]
    patterns = _patterns([HasValidSignature], HasValidSignature)
    return Project(**{**_settings(middleware), "ROOT_URLCONF": Urls(*patterns), **changes})


def verifier(**settings: Any) -> Verifier:
    return Verifier(schemes.RFC9421, keys=KeyRing({KEY_ID: Key(KEY)}), origin=ORIGIN, **settings)


def signer() -> Signer:
    return Signer(schemes.RFC9421, key_id=KEY_ID, key=KEY)


LANGUAGE = ["django.middleware.security.SecurityMiddleware", "django.middleware.locale.LocaleMiddleware"]
GATE = "sealgate.django.SignatureMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"


def _settings(middleware: list[str]) -> dict[str, Any]:
    return {
        "DEBUG": False,
        "LANGUAGES": [("en", "English"), ("de", "German")],
        "LANGUAGE_CODE": "en",
        "MIDDLEWARE": middleware,
        "SEALGATE": {"VERIFIER": verifier()},
        "SECRET_KEY": "of the leaky project",
        "USE_I18N": True,
    }


def _patterns(asked: list[Any], otherwise: Any) -> list[Any]:
    """`asked`: the permissions of what is open in the leaky project; `otherwise`: what the reports take."""
    router = DefaultRouter()
    router.APIRootView = type("Root", (router.APIRootView,), {**_ours(asked), "__module__": __name__})
    router.register("items", _items(asked), basename="item")
    return [
        path("orders/", Orders.as_view()),
        path("orders/export", answers("export")),
        path("orders/bulk", Bulk.as_view()),
        path("billing/", include([path("invoices/", include([path("<int:number>/", answers("invoice"))]))])),
        *i18n_patterns(path("prices/", answers("prices"))),
        path("quotes/", Orders.as_view(permission_classes=asked)),
        path("rates/", _rates(asked)),
        path("reports/", Orders.as_view(permission_classes=[otherwise])),
        path("shop/", include(router.urls)),
        path("payments/", Orders.as_view()),
        path("internal/payments/", Orders.as_view(permission_classes=asked)),
        path("hooks/legacy", by_hand),
        path("status", exempt("while partners move", until=ENDED)(answers("status"))),
        re_path(r"^static/(?P<path>.*)$", serve, {"document_root": str(HERE.parent)}),
        path("schema/", SpectacularAPIView.as_view(**_ours(asked), patterns=[])),
        path("old-orders/", RedirectView.as_view(url="/orders/")),
    ]


def _ours(asked: list[Any]) -> dict[str, Any]:
    """What a view of somebody else is given."""
    return {"authentication_classes": [SignatureAuthentication], "permission_classes": asked}


ENDED = datetime(2020, 1, 1, tzinfo=UTC)


def answers(name: str) -> Callable[..., HttpResponse]:
    """A view that takes everything."""

    @csrf_exempt
    def view(request: HttpRequest, **_: Any) -> HttpResponse:
        RAN.append(name)
        return HttpResponse(name)

    return view


@method_decorator(csrf_exempt, name="dispatch")
class Bulk(View):
    def put(self, request: HttpRequest) -> HttpResponse:
        RAN.append("bulk")
        return HttpResponse("bulk")


class Orders(APIView):
    """Closed by itself, unless somebody names other permissions."""

    authentication_classes = [SignatureAuthentication]
    permission_classes = [HasValidSignature]

    def get(self, request: Any) -> Response:
        RAN.append("orders")
        return Response("orders")

    def post(self, request: Any) -> Response:
        RAN.append("orders")
        return Response(request.data)


def _items(asked: list[Any]) -> type[ViewSet]:
    class Items(ViewSet):
        authentication_classes = [SignatureAuthentication]
        permission_classes = [HasValidSignature]

        def list(self, request: Any) -> Response:
            RAN.append("items")
            return Response([])

        def retrieve(self, request: Any, pk: str = "") -> Response:
            RAN.append("item")
            return Response(pk)

        @action(detail=True, methods=["post"], permission_classes=asked)
        def refund(self, request: Any, pk: str = "") -> Response:
            RAN.append("refund")
            return Response(pk)

    return Items


def _rates(asked: list[Any]) -> Any:
    @api_view(["GET"])
    @authentication_classes([SignatureAuthentication])
    @permission_classes(asked)
    def rates(request: Any) -> Response:
        RAN.append("rates")
        return Response({"EUR": 1})

    return rates


@csrf_exempt
def by_hand(request: HttpRequest) -> HttpResponse:
    """Parses first, and checks only what says that it is signed."""
    total = json.loads(request.body or b"null")
    if "Signature" in request.headers and getattr(request, "verified", None) is None:
        HAND.verify(Request.from_wsgi(request.META, request.path), lambda _: request.body)
    RAN.append("by hand")
    return HttpResponse(f"{total}")


HAND = verifier()


def ping(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A middleware that answers before any route."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path == "/ping":
            RAN.append("ping")
            return HttpResponse("pong")
        return get_response(request)

    return middleware
