"""Django and Django REST framework, called from Node."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from interop_parts import ENVELOPE, told, verifiers
from sealgate.django import require
from sealgate.rest_framework import HasValidSignature, SignatureAuthentication, SignedJSONField

_VERIFIERS = verifiers()
PARTNERS = _VERIFIERS.pop("partners")


def _answer(request: HttpRequest) -> HttpResponse:
    query: Any = request.META["QUERY_STRING"]
    query = query.decode() if isinstance(query, bytes) else query
    verified = request.verified  # type: ignore[attr-defined]
    return HttpResponse(told(verified, request.method or "", request.path, query, request.body))


@csrf_exempt
def view(request: HttpRequest, id: UUID | None = None) -> HttpResponse:
    return _answer(request)


class Checkout(serializers.Serializer[Any]):
    quote = SignedJSONField(ENVELOPE)


class Rest(APIView):
    """Behind the middleware, its own classes ask again, and get the same proof."""

    authentication_classes = [SignatureAuthentication]
    permission_classes = [HasValidSignature]

    def post(self, request: Request) -> Response | HttpResponse:
        checkout = Checkout(data=request.data)
        checkout.is_valid(raise_exception=True)
        return Response({"by": request.auth.key_id, "quote": checkout.validated_data["quote"]})


class Through(APIView):
    authentication_classes = [SignatureAuthentication]
    permission_classes = [HasValidSignature]

    def _told(self, request: Request) -> HttpResponse:
        return _answer(request._request)

    get = post = put = patch = delete = _told


def _patterns() -> list[URLPattern]:
    parts = {part: require(verifier)(view) for part, verifier in _VERIFIERS.items()}
    documents = parts.pop("documents")
    return [
        path("documents/<uuid:id>", documents),
        *(re_path(rf"(?s)^{part}(?:/.*)?\Z", each) for part, each in parts.items()),
        path("checkout", Rest.as_view()),
        re_path(r"(?s)^rest(?:/.*)?\Z", Through.as_view()),
        re_path(r"(?s)^partners(?:/.*)?\Z", view),
    ]


urlpatterns = _patterns()
