"""`report_only` in Django, under WSGI and ASGI."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from typing import Any

from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

import django_project  # noqa: F401  it configures Django
from asgi_client import ORDER, signed
from judged import RFC9421
from report_only import FORM, HOOKS, LARGE, Asgi, Routed, Seen, Wsgi, read_all
from sealgate import Verifier
from sealgate.django import exempt, require
from wsgi_client import call, environ_of


class Django:
    """The project of both handlers."""

    stack: ExitStack
    seen: list[Seen]
    GATE = "sealgate.django.SignatureMiddleware"

    def settings(self, verifier: Verifier | None, inside: str | None = None, **settings: Any) -> dict[str, Any]:
        def saw(request: HttpRequest, body: bytes, end: str) -> HttpResponse:
            verified = getattr(request, "verified", None)
            self.seen.append((body, end, verified and (verified.key_id or "anonymous")))
            return HttpResponse("seen")

        def orders(request: HttpRequest) -> HttpResponse:
            return saw(request, *read_all(request))

        def form(request: HttpRequest) -> HttpResponse:
            if request.method != "POST":
                return HttpResponse(status=405)
            return saw(request, *read_all(request.FILES["f"]))

        class Urls:
            urlpatterns = [
                path("orders", orders),
                path("form", form),
                path("open", exempt("public")(lambda request: orders(request))),
                path("hook", require(HOOKS)(lambda request: orders(request))),
            ]

        gate = {"VERIFIER": verifier, **{name.upper(): value for name, value in settings.items()}}
        return {
            "MIDDLEWARE": [*([] if verifier is None else [self.GATE]), *([] if inside is None else [inside])],
            "ROOT_URLCONF": Urls,
            "SEALGATE": gate,
        }

    def test_request_that_a_middleware_changes_passes_without_a_proof(self) -> None:
        """The view would take the proof of another method for its own."""
        change = self.settings(RFC9421.verifier(), f"{__name__}.overrides_method", report_only=True)
        with override_settings(**change):
            message = signed(replace(LARGE, target="/orders"))
            status = self.send(self.handler(), message)  # type: ignore[attr-defined]
        assert (200, [None]) == (status, [name for _, _, name in self.seen])
        assert ["signature-invalid"] == [record.code for record in self.logged()]  # type: ignore[attr-defined]

    def test_exempt_request_that_a_middleware_moves_passes_and_is_logged(self) -> None:
        change = self.settings(RFC9421.verifier(), f"{__name__}.moves", report_only=True)
        with override_settings(**change):
            look = replace(ORDER, method="GET", target="/open", body=b"")
            status = self.send(self.handler(), look)  # type: ignore[attr-defined]
        assert (200, [(b"", "end", None)]) == (status, self.seen)
        assert ["signature-invalid"] == [record.code for record in self.logged()]  # type: ignore[attr-defined]


def overrides_method(get_response: Any) -> Any:
    return _changing(get_response, "method", "PUT")


def moves(get_response: Any) -> Any:
    return _changing(get_response, "path_info", "/orders")


def _changing(get_response: Any, name: str, value: str) -> Any:
    def middleware(request: HttpRequest) -> Any:
        setattr(request, name, value)
        return get_response(request)

    return middleware


class TestDjango(Django, Wsgi, Routed):
    def build(self, verifier: Verifier | None, **settings: Any) -> Any:
        self.stack.enter_context(override_settings(**self.settings(verifier, **settings)))
        return self.handler()

    def handler(self) -> Any:
        return WSGIHandler()

    def test_body_consumed_by_an_earlier_middleware_is_not_read_again(self) -> None:
        """What stands in the input behind it is another request's, or nothing, and nothing means to wait."""
        settings = self.settings(RFC9421.verifier(), report_only=True)
        settings["MIDDLEWARE"].insert(0, f"{__name__}.parses")

        class OneBody(BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                assert self.tell() < len(self.getvalue()), "nothing more will come: a socket would wait"
                return super().read(size)

        message = signed(replace(FORM, target="/orders"))
        with override_settings(**settings):
            status = call(self.handler(), environ_of(message, **{"wsgi.input": OneBody(message.body)})).status
        assert (200, [(b"", "end", None)]) == (status, self.seen)


def parses(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> Any:
        assert request.FILES
        return get_response(request)

    return middleware


class TestDjangoAsgi(Django, Asgi, Routed):
    never_seen = frozenset({"truncated", "truncated at once"})

    def build(self, verifier: Verifier | None, **settings: Any) -> Any:
        self.stack.enter_context(override_settings(**self.settings(verifier, **settings)))
        return self.handler()

    def handler(self) -> Any:
        return get_asgi_application()
