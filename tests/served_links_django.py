"""Django, and Django REST framework with it: the views of `served_links`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.views import APIView

from sealgate import Verified
from sealgate.django import exempt, require
from sealgate.rest_framework import HasValidSignature, SignatureAuthentication
from served_links import DROPS, LINKS, ONCE, UPLOADS, granted, handed


def view(request: HttpRequest, name: str) -> HttpResponse:
    verified: Verified = request.verified  # type: ignore[attr-defined]
    return HttpResponse(handed(verified, request.META["QUERY_STRING"], dict(request.GET.lists()), request.body))


def of(name: str) -> Any:
    """The view once more: rules are the view's own."""

    def own(request: HttpRequest, name: str) -> HttpResponse:
        return view(request, name)

    own.__name__ = name
    return own


@exempt("takes a token")
def document(request: HttpRequest, name: str) -> HttpResponse:
    text, status = granted(request.GET["token"], name)
    return HttpResponse(text, status=status)


class Whatever(BaseParser):
    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> bytes:
        read: bytes = stream.read()
        return read


class _Links(SignatureAuthentication):
    verifier = LINKS


class _Uploads(SignatureAuthentication):
    verifier = UPLOADS


class Files(APIView):
    authentication_classes = [_Links]
    permission_classes = [HasValidSignature]
    parser_classes = [Whatever]

    def get(self, request: Request, name: str) -> HttpResponse:
        given, parsed = request._request, dict(request.query_params.lists())
        body = given.body if given.method == "GET" else request.data
        return HttpResponse(handed(request.auth, given.META["QUERY_STRING"], parsed, body))


class Pictures(Files):
    authentication_classes = [_Uploads]

    def put(self, request: Request, name: str) -> HttpResponse:
        return self.get(request, name)


_METHODS = ("GET", "DELETE", "PUT")
urlpatterns = [
    path("files/<name>", require(LINKS, ONCE)(of("files"))),
    path("pictures/<name>", require(UPLOADS)(of("pictures"))),
    path("drops/<name>", require(DROPS, uncovered=("body",))(of("drops"))),
    path("documents/<name>", document),
    path("rest/files/<name>", exempt("Django REST framework verifies", methods=_METHODS)(Files.as_view())),
    path("rest/pictures/<name>", exempt("Django REST framework verifies", methods=_METHODS)(Pictures.as_view())),
]
