"""Django, served: every path leads to a view, so that nothing is refused for want of a route."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt

from sealgate.django import exempt, require
from served_views import HURRIED, ran


@csrf_exempt
def view(request: HttpRequest) -> HttpResponse:
    return _work(request)


@require(HURRIED)
@csrf_exempt
def hurried(request: HttpRequest) -> HttpResponse:
    return _work(request)


@exempt("probe")
def probe(request: HttpRequest) -> HttpResponse:
    return _work(request)


@csrf_exempt
def upload(request: HttpRequest) -> HttpResponse:
    file: Any = request.FILES["file"]
    return _work(request, file.read())


def _work(request: HttpRequest, file: bytes | None = None) -> HttpResponse:
    verified = request.verified  # type: ignore[attr-defined]
    query = request.META["QUERY_STRING"]
    query = query.decode() if isinstance(query, bytes) else query
    told = ran("django", verified, request.method or "", request.path, query, request.headers.get, request.body, file)
    return HttpResponse(told, content_type="application/json")


urlpatterns = [
    re_path(r"\A/?probe\Z", probe),
    re_path(r"\A/?hurried\Z", hurried),
    re_path(r"\A/?upload\Z", upload),
    re_path(r"(?s).*", view),
]
