"""What the posture reads off applications of each framework: every verifier, and what their settings open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import INFO, WARNING
from django.core.checks.registry import CheckRegistry
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path
from fastapi import APIRouter, Depends, FastAPI
from flask import Blueprint, Flask
from flask.views import MethodView
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

import django_project
from judged import KEY, OTHER_KEY, RFC9421
from sealgate import Verifier, asgi, exceptions, fastapi, flask, schemes, wsgi
from sealgate.django import require
from sealgate.django.posture import application as django_application
from sealgate.django.posture import check_posture
from sealgate.keys import holds
from sealgate.posture import CHECKS, application_of

OURS = "sealgate.django.SignatureMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"


def hooks() -> Verifier:
    return Verifier(schemes.GITHUB, keys=OTHER_KEY)


def view(*_: Any, **__: Any) -> Any:
    return HttpResponse("")


@pytest.mark.parametrize("where", ["default", "view", "method view", "blueprint", "around"])
def test_flask_verifiers_are_found_wherever_they_are_named(where: str) -> None:
    partners, others = RFC9421.verifier(), hooks()
    app = Flask("shop")
    seal = flask.Sealgate(app, others if where == "default" else partners)
    if where == "view":
        app.add_url_rule("/hook", "hook", seal.require(others)(lambda: ""), methods=["POST"])
    elif where == "method view":

        class Hook(MethodView):
            @seal.require(others)
            def put(self) -> str:
                return ""

        app.add_url_rule("/hook", view_func=Hook.as_view("hook"))
    elif where == "blueprint":
        app.register_blueprint(seal.require(others)(Blueprint("hooks", __name__)))
    elif where == "around":
        app.wsgi_app = wsgi.SignatureMiddleware(app.wsgi_app, others)  # type: ignore[method-assign]
    found = application_of(app).verifiers
    assert others in found
    assert (1 if where == "default" else 2) == len(found)


def test_flask_settings() -> None:
    app = Flask("shop")
    plain = application_of(app)
    assert ("Flask", False, (), (), {}) == (plain.framework, plain.debug, plain.docs, plain.proxies, plain.secrets)
    app.debug = True
    app.secret_key = "what signs sessions"
    app.config["SKIP_VERIFY"] = True
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=0, x_host=1)  # type: ignore[method-assign]
    app.add_url_rule("/api/docs", "docs", lambda: "")
    known = application_of(app)
    assert (True, ("/api/docs",), True) == (known.debug, known.docs, known.settings["SKIP_VERIFY"])
    assert ("ProxyFix(x_for=1, x_host=1) is around the application",) == known.proxies
    assert holds(known.secrets["app.secret_key"], b"what signs sessions")


def test_flask_is_found_within_what_is_around_it() -> None:
    app = Flask("shop")
    flask.Sealgate(app, RFC9421.verifier())
    known = application_of(ProxyFix(wsgi.SignatureMiddleware(app, hooks())))
    assert ("Flask", 2) == (known.framework, len(known.verifiers))
    assert ("ProxyFix(x_for=1, x_proto=1) is around the application",) == known.proxies


@pytest.mark.parametrize(
    "where", ["default", "route", "router", "included with", "by itself", "mount", "endpoint", "around"]
)
def test_fastapi_verifiers_are_found_wherever_they_are_named(where: str) -> None:
    partners, others = RFC9421.verifier(), hooks()
    app = FastAPI()
    seal = fastapi.Sealgate(app, others if where == "default" else partners)
    needs = [Depends(seal.require(others))]
    router = APIRouter(dependencies=needs if where == "router" else [])
    router.add_api_route("/hook", view, dependencies=needs if where == "route" else [])
    target: Any = app
    if where == "by itself":
        router.add_api_route("/alone", view, dependencies=[Depends(fastapi.VerifiedBy(others))])
    app.include_router(router, dependencies=needs if where == "included with" else [])
    if where == "mount":
        app.mount("/below", fastapi.require(others)(Starlette(routes=[])))
    elif where == "endpoint":
        app.add_route("/plain", fastapi.require(others)(lambda request: PlainTextResponse("")))
    elif where == "around":
        target = asgi.SignatureMiddleware(app, others)
    found = application_of(target).verifiers
    assert others in found
    assert (1 if where == "default" else 2) == len(found)


def test_fastapi_settings() -> None:
    plain = application_of(FastAPI())
    assert ("FastAPI", False, ("/docs", "/redoc", "/openapi.json"), ()) == (
        *(plain.framework, plain.debug),
        *(plain.docs, plain.proxies),
    )
    app = FastAPI(debug=True, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=["10.0.0.1"])
    assert (True, (), ()) == (application_of(app).debug, application_of(app).docs, application_of(app).proxies)
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts="*")
    told = "ProxyHeadersMiddleware trusts everybody"
    assert (told,) == application_of(app).proxies
    around = application_of(ProxyHeadersMiddleware(app, trusted_hosts="*")).proxies  # type: ignore[arg-type]
    assert {told, "ProxyHeadersMiddleware around the application trusts everybody"} == set(around)


def test_starlette_and_what_is_mounted_in_it() -> None:
    below = FastAPI()
    fastapi.Sealgate(below, hooks())
    app = Starlette(routes=[Route("/x", view), Mount("/api", below)])
    app.add_middleware(asgi.SignatureMiddleware, RFC9421.verifier())
    known = application_of(app)
    assert ("Starlette", ()) == (known.framework, known.docs)
    assert ["github", "rfc9421"] == sorted(verifier.scheme.name for verifier in known.verifiers)


def test_an_application_of_no_framework_has_the_layers_that_are_around_it() -> None:
    partners = RFC9421.verifier()

    def plain(environ: Any, start_response: Any) -> list[bytes]:
        return []

    known = application_of(wsgi.SignatureMiddleware(plain, partners))
    assert ("WSGI or ASGI", (partners,), None) == (known.framework, known.verifiers, known.debug)
    with pytest.raises(exceptions.ConfigurationError, match=r"^builtins\.int is no application$"):
        application_of(7)


def test_sources_are_the_applications_own_files() -> None:
    sources = application_of(Flask("shop")).sources
    assert __file__ in sources
    assert [] == [file for file in sources if "/flask/" in file or "/sealgate/posture/" in file or "/json/" in file]


class Signed:
    urlpatterns = [path("orders/", require(hooks())(view)), path("orders", view)]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    with override_settings(MIDDLEWARE=[OURS], DEBUG=False, ROOT_URLCONF=Signed, APPEND_SLASH=True):
        yield


@pytest.mark.parametrize("target", [WSGIHandler, lambda: settings], ids=["handler", "settings"])
def test_django_verifiers_are_those_of_the_setting_and_of_rules(target: Any) -> None:
    known = application_of(target())
    assert ("Django", ["rfc9421", "github"]) == (known.framework, [each.scheme.name for each in known.verifiers])
    assert django_project.PARTNERS in known.verifiers
    around = application_of(wsgi.SignatureMiddleware(target(), RFC9421.verifier())) if target is WSGIHandler else known
    assert (3 if target is WSGIHandler else 2) == len(around.verifiers)


def test_django_settings() -> None:
    known = django_application()
    assert (False, (), (), ()) == (known.debug, known.docs, known.proxies, known.redirects)
    assert holds(known.secrets["SECRET_KEY"], settings.SECRET_KEY.encode())
    believing = {"USE_X_FORWARDED_HOST": True, "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}
    with override_settings(DEBUG=True, MIDDLEWARE=[OURS, COMMON], SKIP_VERIFY="1", **believing):
        known = django_application()
    assert (True, "1") == (known.debug, known.settings["SKIP_VERIFY"])
    assert ["SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST"] == [told.partition(":")[0] for told in known.proxies]
    assert ("APPEND_SLASH is on, and 1 routes end in a slash",) == known.redirects
    with override_settings(MIDDLEWARE=[OURS, COMMON], APPEND_SLASH=False):
        assert () == django_application().redirects


def test_django_middleware_is_judged_by_the_system_checks() -> None:
    with override_settings(MIDDLEWARE=[COMMON, OURS]):
        known = django_application()
    assert "sealgate.E003" in {code for code, _ in known.own_checks or ()}


def test_django_documentation_pages_are_found() -> None:
    from drf_spectacular.views import SpectacularAPIView

    urls = type("Urls", (), {"urlpatterns": [path("schema", SpectacularAPIView.as_view()), path("orders", view)]})
    with override_settings(ROOT_URLCONF=urls):
        assert ("/schema",) == django_application().docs


def test_the_systems_checks_say_what_the_posture_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """`manage.py check --deploy`; SILENCED_SYSTEM_CHECKS is how Django accepts a finding."""
    monkeypatch.setenv("SHOP_PARTNER_KEY", KEY.decode())
    messages = {message.id: message for message in check_posture()}
    assert set(messages) <= set(CHECKS)
    assert {WARNING, INFO} >= {message.level for message in messages.values()}
    told = messages["sealgate.P050"]
    assert (WARNING, True) == (told.level, bool(told.hint))
    assert "SHOP_PARTNER_KEY" in told.msg
    assert KEY.decode() not in str(list(messages.values()))
    with override_settings(SILENCED_SYSTEM_CHECKS=["sealgate.P050"]):
        assert told.is_silenced()
    monkeypatch.delenv("SHOP_PARTNER_KEY")
    assert "sealgate.P050" not in {message.id for message in check_posture()}


def test_the_systems_checks_tell_nothing_twice() -> None:
    with override_settings(DEBUG=True, MIDDLEWARE=[COMMON, OURS]):
        assert set() == {message.id for message in check_posture()} & {
            "sealgate.P060",
            "sealgate.P062",
            "sealgate.P064",
            "sealgate.P065",
        }


def test_it_can_be_registered_as_a_check_of_deployments() -> None:
    registry = CheckRegistry()
    registry.register(check_posture, "posture", deploy=True)
    quiet = registry.run_checks(tags=["posture"])
    loud = registry.run_checks(tags=["posture"], include_deployment_checks=True)
    assert ([], True) == (quiet, {message.id for message in loud} <= set(CHECKS))
