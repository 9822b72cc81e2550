"""The demo in Django, for WSGI (`wsgi`) and ASGI (`asgi`): one middleware, one setting, every route closed."""

from __future__ import annotations

import hashlib
import json
import secrets

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path

from sealgate.demo import gates
from sealgate.django import exempt, require

settings.configure(
    ALLOWED_HOSTS=["*"],  # so that a changed Host reaches the verifier
    DATA_UPLOAD_MAX_MEMORY_SIZE=gates.partners.body_limit,
    INSTALLED_APPS=["sealgate.django"],
    MIDDLEWARE=["sealgate.django.SignatureMiddleware"],
    ROOT_URLCONF=__name__,
    SEALGATE={"VERIFIER": "sealgate.demo.gates.partners"},
    SECRET_KEY=secrets.token_urlsafe(32),
)
django.setup(set_prefix=False)

ran: list[str] = []


def order(request: HttpRequest, number: int) -> JsonResponse:
    return _work(request, f"order {number}")


@require(gates.webhooks)
def paid(request: HttpRequest) -> JsonResponse:
    return _work(request, "paid")


@require(gates.webhooks)
def refunded(request: HttpRequest) -> JsonResponse:
    return _work(request, "refunded")


@require(gates.exports)
def export(request: HttpRequest, number: int) -> JsonResponse:
    return _work(request, f"export {number}")


@exempt("load balancer probe, returns no data")
def health(_: HttpRequest) -> JsonResponse:
    return JsonResponse({"ok": True})


def runs(_: HttpRequest) -> JsonResponse:
    return JsonResponse({"runs": len(ran)})


def _work(request: HttpRequest, what: str) -> JsonResponse:
    """Counts the run, parses the body as an application would, and shows which body it was given."""
    ran.append(what)
    if request.method != "GET":
        try:
            json.loads(request.body)
        except ValueError:
            return JsonResponse({"error": "the body is not JSON"}, status=400)
    return JsonResponse({"ran": what, "sha256": hashlib.sha256(request.body).hexdigest()})


urlpatterns = [
    path("orders/<int:number>", order),
    path("hooks/paid", paid),
    path("hooks/refunded", refunded),
    path("exports/<int:number>", export),
    path("health", health),
    path("runs", runs),
]

wsgi = WSGIHandler()
asgi = ASGIHandler()
