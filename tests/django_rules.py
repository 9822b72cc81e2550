"""Django views with rules of every kind, projects made of some of them, and who is let in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View

import django_project  # noqa: F401  it configures Django
from asgi_client import ORDER, signed
from judged import OTHER_KEY, RFC9421
from reference import Message, sign_github
from sealgate import Verifier, schemes
from sealgate.django import exempt, require
from wsgi_client import Answer, call, environ_of

HOOKS = Verifier(schemes.GITHUB, keys=OTHER_KEY)

# These read the settings.
from django.contrib.syndication.views import Feed  # noqa: E402
from rest_framework.decorators import action  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.routers import SimpleRouter  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework.viewsets import ViewSet  # noqa: E402

LOOK = Message("GET", "/", [ORDER.headers[0]])
GATE = "sealgate.django.SignatureMiddleware"

# Who is let in: nobody unsigned; only the party of `HOOKS`; everybody, for GET.
CLOSED, HOOKED, OPEN = ["partners"], ["hooks"], ["anybody", "partners"]


class Urls:
    """A URLconf; it may be any object."""

    def __init__(self, *patterns: Any) -> None:
        self.urlpatterns = list(patterns)


@contextmanager
def project(*patterns: Any, **settings: Any) -> Iterator[WSGIHandler]:
    changes = {"MIDDLEWARE": [GATE], "ROOT_URLCONF": Urls(*patterns), "SEALGATE": {"VERIFIER": RFC9421.verifier()}}
    with override_settings(**{**changes, **settings}):
        yield WSGIHandler()


def hooked(message: Message) -> Message:
    return message.plus(sign_github(message, OTHER_KEY))


def admitted(handler: WSGIHandler, target: str) -> list[str]:
    """Who reaches the view behind `target`."""
    order, look = replace(ORDER, target=target), replace(LOOK, target=target)
    senders = {"anybody": look, "anybody with a body": order, "partners": signed(order), "hooks": hooked(order)}
    statuses = {sender: call(handler, environ_of(message)).status for sender, message in senders.items()}
    assert set(statuses.values()) <= {200, 401}, statuses
    return [sender for sender, status in statuses.items() if status == 200]


def ask(handler: WSGIHandler, message: Message, **changes: Any) -> Answer:
    return call(handler, environ_of(message, **changes))


def view(request: HttpRequest, **_: Any) -> HttpResponse:
    return HttpResponse("none" if request.verified is None else request.verified.scheme)  # type: ignore[attr-defined]


def fresh() -> Callable[..., HttpResponse]:
    """A view like `view` that has no rule yet."""
    return lambda request, **more: view(request, **more)


async def coroutine(request: HttpRequest) -> HttpResponse:
    return view(request)


urlpatterns = [path("shared", view, name="shared")]


class Both(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return view(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        return view(request)


@method_decorator(exempt("public"), name="dispatch")
class OnDispatch(Both): ...


@exempt("public")
class OnClass(Both): ...


class OnHandler(Both):
    @method_decorator(exempt("public"))
    def get(self, request: HttpRequest) -> HttpResponse:
        return view(request)


@method_decorator(exempt("public"), name="get")
class OnNamedHandler(Both):
    def get(self, request: HttpRequest) -> HttpResponse:
        return view(request)


class Coroutines(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return view(request)

    async def post(self, request: HttpRequest) -> HttpResponse:
        return view(request)


@exempt("public")
class OpenCoroutines(Coroutines): ...


@require(HOOKS)
class Hooks(Both): ...


class BelowHooks(Hooks): ...


@exempt("a probe")
class OpenBelowHooks(Hooks): ...


@method_decorator(require(HOOKS), name="dispatch")
class DispatchedHooks(Both): ...


class Colours(ViewSet):
    def list(self, request: Any) -> Response:
        return Response([])

    def create(self, request: Any) -> Response:
        return Response([])


@exempt("public")
class OpenColours(Colours): ...


@require(HOOKS)
class HookColours(Colours): ...


class Mixed(Colours):
    @action(detail=False, methods=["get", "post"])
    def closed(self, request: Any) -> Response:
        return Response([])

    @exempt("public")
    @action(detail=False, methods=["get", "post"])
    def opened(self, request: Any) -> Response:
        return Response([])

    @action(detail=False, methods=["get", "post"])
    @require(HOOKS)
    def hooks(self, request: Any) -> Response:
        return Response([])


class OpenApi(APIView):
    @exempt("public")
    def get(self, request: Any) -> Response:
        return Response([])

    def post(self, request: Any) -> Response:
        return Response([])


def routed(view_set: Any) -> Any:
    router = SimpleRouter(trailing_slash=False)
    router.register("mixed", view_set, basename="mixed")
    return router


class News(Feed):
    title = link = description = "/news"

    def items(self) -> list[str]:
        return []


LIST = {"get": "list", "post": "create"}
