"""The service of `served_files` in Django: plain views, coroutines, and views of REST framework."""

from __future__ import annotations

import os
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "served_files_settings"

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from sealgate.django import afile_response, exempt, file_response
from sealgate.rest_framework import HasValidSignature, SignatureAuthentication
from served_files import BY_TOKEN, REPORTS, TRUSTING, descriptors


@csrf_exempt
def report(request: HttpRequest, id: str) -> HttpResponseBase:
    return file_response(request, REPORTS, "id")


async def areport(request: HttpRequest, id: str) -> HttpResponseBase:
    return await afile_response(request, REPORTS, "id")


class Report(APIView):
    authentication_classes = [SignatureAuthentication]
    permission_classes: list[type[BasePermission]] = [HasValidSignature]

    def get(self, request: Request, id: str) -> HttpResponseBase:
        return file_response(request, REPORTS, "id")


def any_file(request: HttpRequest, id: str) -> HttpResponseBase:
    return file_response(request, TRUSTING, "id")


@exempt("tokens are its proof")
def by_token(request: HttpRequest, id: Any) -> HttpResponseBase:
    return file_response(request, BY_TOKEN, "id", token=request.GET.get("token"), filename="yours.txt", inline=True)


@exempt("a mistake")
def unproven(request: HttpRequest, id: str) -> HttpResponseBase:
    return file_response(request, REPORTS, "id")


@exempt("for the test")
def count(request: HttpRequest) -> HttpResponse:
    return HttpResponse(descriptors())


urlpatterns = [
    path("files/<str:id>", report),
    path("coroutines/<str:id>", areport),
    path("rest/<str:id>", Report.as_view()),
    path("any/<path:id>", any_file),
    path("tokens/<uuid:id>", by_token),
    path("exempt/<str:id>", unproven),
    path("descriptors", count),
]

wsgi, asgi = get_wsgi_application(), get_asgi_application()
