"""Views of Django REST framework that ask for a signature, without the middleware; they keep what they have read."""

from __future__ import annotations

from typing import Any

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import django_project
from contract import HOOKS
from plain_shop import proof
from sealgate.rest_framework import HasValidSignature, SignatureAuthentication

__all__ = ["Signed", "urlpatterns"]


class Signed(APIView):
    authentication_classes = [SignatureAuthentication]
    permission_classes = [HasValidSignature]

    def answer(self, request: Request, read: bytes) -> Response:
        django_project.SEEN.append(read)
        return django_project.HttpResponse(proof(request.auth))


class Orders(Signed):
    def get(self, request: Request, name: str = "") -> Any:
        return self.answer(request, request.body)

    post = put = options = get


class Json(Signed):
    def post(self, request: Request) -> Any:
        return self.answer(request, str(request.data["total"]).encode())


class Form(Signed):
    def post(self, request: Request) -> Any:
        files = "".join(f"+{file.read().hex()}" for file in request.FILES.values())
        return self.answer(request, (",".join(request.POST.getlist("name")) + files).encode())


class Stream(Signed):
    def post(self, request: Request) -> Any:
        return self.answer(request, request.stream.read())


class OfAnother(SignatureAuthentication):
    verifier = HOOKS


class Another(Orders):
    authentication_classes = [OfAnother]


urlpatterns = [
    path("of-another", Another.as_view()),
    path("orders", Orders.as_view()),
    path("orders/<name>", Orders.as_view()),
    path("json", Json.as_view()),
    path("form", Form.as_view()),
    path("stream", Stream.as_view()),
]
