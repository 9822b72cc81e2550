"""sealgate.rest_framework: what authentication and permission alone, without the middleware, promise of a view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

import django_project
from contract import ORDER, Instead, VerdictContract, hooked, signed
from exchange import over_asgi, over_wsgi
from judged import RFC9421
from sealgate import Verifier
from sealgate.asgi import SignatureMiddleware as AsgiLayer
from sealgate.wsgi import SignatureMiddleware as WsgiLayer

_OTHERS = "it closes the views that ask for it, once they are found"
_OWN = "Django REST framework renders every answer itself"
_SPOOLS = "Django has read the whole body, without a deadline, before any view"
_GONE = "Django gives no answer to a client that has gone"
_NOT_FOUND: tuple[int, list[bytes]] = (404, [])

WEAKER = {
    "every refusal is 401 before the view": Instead(_OTHERS, {"unsigned at no route": _NOT_FOUND}),
    "every 401 is the same answer": Instead(
        _OWN,  # with the methods of the view
        dict.fromkeys(
            ("the public one", "unsigned at no route", "unsigned and a form", "unsigned and an upload"), False
        ),
    ),
    "not found and not allowed are told to signers only": Instead(_OTHERS, {"unsigned 404": 404}),
    "odd targets are a refusal and nothing else": Instead(_OTHERS, {"other answers": {404}}),
    "path that is not the raw one is refused": Instead(
        _OTHERS, dict.fromkeys(("/Orders", "/orders/", "/orders/../orders", "/", "", "/health"), _NOT_FOUND)
    ),
    "server without a raw target takes plain paths only": Instead(
        _OTHERS, dict.fromkeys(("/or%20ders", "/%C3%A9"), 404)
    ),
    "application takes its own mount only": Instead(_OTHERS, {(mount, "/shop/orders"): 404 for mount in ("", "/shop")}),
    "body of a signature that fails without it is not read": Instead(
        _OTHERS, {("unsigned and at no route", framing): (404, False) for framing in ("whole", "chunked")}
    ),
}


class OfViews(VerdictContract):
    handler: ClassVar[Callable[[], Any]]
    parsers = (
        "rest_framework.parsers.JSONParser.parse",
        "rest_framework.parsers.FormParser.parse",
        "rest_framework.parsers.MultiPartParser.parse",
    )

    @pytest.fixture(autouse=True)
    def _ready(self, _promise: None) -> Iterator[None]:
        self.seen = django_project.SEEN
        self.seen.clear()
        self._entered: list[override_settings] = []
        yield
        for each in reversed(self._entered):
            each.disable()

    def build(self, verifier: Verifier, *, mount: str = "") -> Any:
        self._entered.append(
            override_settings(
                ROOT_URLCONF="rest_framework_views",
                MIDDLEWARE=[],
                SEALGATE={"VERIFIER": verifier, "SCRIPT_NAME": mount},
            )
        )
        self._entered[-1].enable()
        return self.handler()


class TestWsgi(OfViews):
    over = over_wsgi
    handler = WSGIHandler
    CANNOT = WEAKER


class TestAsgi(OfViews):
    over = over_asgi
    handler = staticmethod(get_asgi_application)
    CANNOT = {
        **WEAKER,
        "body of a signature that fails without it is not read": Instead(
            _SPOOLS,
            {
                (case, framing): (404 if case == "unsigned and at no route" else 401, True)
                for case in ("unsigned", "wrong key", "unsigned and at no route")
                for framing in ("whole", "chunked")
            },
        ),
        "body declared over the limit is not read": Instead(_SPOOLS, (413, True)),
        "slow body is refused": Instead(_SPOOLS, (200, [ORDER.body])),
        "truncated body is refused": Instead(_GONE, {"one byte short": (False, [])}),
        "broken connection is refused": Instead(_GONE, dict.fromkeys(("declared", "chunked"), (0, []))),
    }


@pytest.mark.parametrize("shop", [TestWsgi, TestAsgi])
def test_layer_middleware_and_authentication_spend_one_nonce(shop: type[OfViews]) -> None:
    seen = django_project.SEEN
    seen.clear()
    verifier, message = RFC9421.verifier(), signed()
    views = {"ROOT_URLCONF": "rest_framework_views", "MIDDLEWARE": django_project.MIDDLEWARE}
    with override_settings(**views, SEALGATE={"VERIFIER": verifier}):
        application = shop.handler()
        statuses = [shop.over(application, each).status for each in (message, message, ORDER)]
        layer = {over_wsgi: WsgiLayer, over_asgi: AsgiLayer}[shop.over](application, verifier)
        statuses += [shop.over(layer, each).status for each in (signed(), message, ORDER)]
    assert ([200, 401, 401, 200, 401, 401], [ORDER.body] * 2) == (statuses, seen)


@pytest.mark.parametrize("shop", [TestWsgi, TestAsgi])
def test_view_that_names_another_verifier_does_not_take_the_proof_of_the_middleware(shop: type[OfViews]) -> None:
    seen = django_project.SEEN
    seen.clear()
    views = {"ROOT_URLCONF": "rest_framework_views", "MIDDLEWARE": django_project.MIDDLEWARE}
    message = replace(ORDER, target="/of-another")
    with override_settings(**views, SEALGATE={"VERIFIER": RFC9421.verifier()}):
        application = shop.handler()
        sent = [signed(message), hooked(message), hooked(signed(message))]
        statuses = [shop.over(application, each).status for each in sent]
    assert ([401, 401, 200], [ORDER.body]) == (statuses, seen)
