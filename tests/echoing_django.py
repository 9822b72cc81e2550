"""A guarded Django project that answers with what it was given, and keeps it as it would have come over the wire."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, HttpResponseRedirect, JsonResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

import django_project  # noqa: F401  it configures Django
from judged import NOW, OTHER_KEY
from reference import Message
from sealgate import Verifier, schemes
from sealgate.django import require
from sealgate.testing import FixedClock

CLOCK = FixedClock(NOW)
GIVEN: list[Message] = []


def given(request: HttpRequest) -> Message:
    """What the project was given, as it would have come over the wire."""
    if scope := getattr(request, "scope", None):
        query = scope["query_string"]
        target = scope["raw_path"].decode() + (f"?{query.decode()}" if query else "")
        return Message(scope["method"], target, [(n.decode(), v.decode("latin-1")) for n, v in scope["headers"]])
    meta = request.META
    assert meta["RAW_URI"].partition("?")[2] == meta["QUERY_STRING"]
    fields = [(key.removeprefix("HTTP_").replace("_", "-"), meta[key]) for key in meta if key.startswith("HTTP_")]
    return Message(meta["REQUEST_METHOD"], meta["RAW_URI"], [*fields, ("Content-Type", meta.get("CONTENT_TYPE", ""))])


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    body = request.body
    seen = given(request)
    GIVEN.append(Message(seen.method, seen.target, seen.headers, body))
    files = {name: file.read().decode() for name, file in request.FILES.items()}
    return JsonResponse(
        {
            "by": request.verified.scheme,  # type: ignore[attr-defined]
            "path": request.path,
            "get": dict(request.GET.lists()),
            "post": dict(request.POST.lists()),
            "files": files,
            "body": body.decode("latin-1"),
            "cookie": request.COOKIES.get("shop"),
            "uri": request.build_absolute_uri(),
            "server": [request.META["SERVER_NAME"], request.META["SERVER_PORT"]],
        }
    )


def moved(request: HttpRequest, status: int) -> HttpResponse:
    answer = HttpResponseRedirect("/orders?moved=1") if status == 302 else HttpResponsePermanentRedirect("/orders")
    answer.status_code = status
    answer.set_cookie("shop", "visited")
    return answer


def away(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(f"https://api.shop.example{request.GET['port']}/orders")


def by(verifier: Verifier) -> Any:
    @require(verifier)
    @csrf_exempt
    def view(request: HttpRequest, **_: Any) -> HttpResponse:
        return echo(request)

    return view


class Urls:
    urlpatterns: list[Any] = [
        path("moved/<int:status>", csrf_exempt(moved)),
        path("away", away),
        path("stripe", by(Verifier(schemes.STRIPE, keys=OTHER_KEY, clock=CLOCK))),
        path("sealed", by(Verifier(schemes.envelope(), keys=OTHER_KEY))),
        path("documents/<str:id>", by(Verifier(schemes.scoped(), keys=OTHER_KEY))),
        re_path("", echo),
    ]
