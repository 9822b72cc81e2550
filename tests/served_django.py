"""Django, served: every path leads to a view, so that nothing is refused for want of a route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django.utils.decorators import sync_and_async_middleware
from django.views.decorators.csrf import csrf_exempt

from sealgate import Verifier
from sealgate.django import exempt, require
from served_views import HURRIED, OTHERS, ran


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


def _required(verifier: Verifier) -> Callable[[HttpRequest], HttpResponse]:
    @require(verifier)
    @csrf_exempt
    def required(request: HttpRequest) -> HttpResponse:
        return _work(request)

    return required


#: By what the field X-App says, for other schemes than the default one.
_URLS = {f"django:{name}": (re_path(r"(?s).*", _required(verifier)),) for name, verifier in OTHERS.items()}


@sync_and_async_middleware
def by_scheme(get_response: Any) -> Any:
    """Chooses the URLconf, as a middleware for several hosts would."""

    def chosen(request: HttpRequest) -> Any:
        if (urls := _URLS.get(request.META["HTTP_X_APP"])) is not None:
            request.urlconf = urls  # type: ignore[attr-defined]
        return get_response(request)

    if not iscoroutinefunction(get_response):
        return chosen

    async def achosen(request: HttpRequest) -> Any:
        return await chosen(request)

    return achosen
