"""Audits of Django projects beside what the projects do: Django's own resolver names the route, requests show who gets in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.contrib.admin import site
from django.core.checks.registry import registry
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import connections
from django.test import override_settings
from django.urls import Resolver404, resolve
from django.utils import translation

import leaky_django
from leaky_django import GATE, RAN, Project, Urls, verifier
from reference import Message
from sealgate import Request
from sealgate.audit import Entry, Report, audit
from wsgi_client import call, environ_of

__all__ = ["SESSIONS", "asked", "contrib", "entries_at", "project", "ran", "standing_at", "verdicts"]


@contextmanager
def project(*patterns: Any, **settings: Any) -> Iterator[Project]:
    """A project of these patterns, behind our middleware."""
    changes = {"MIDDLEWARE": [GATE], "ROOT_URLCONF": Urls(*patterns), "SEALGATE": {"VERIFIER": verifier()}}
    with Project(**{**changes, **settings}) as application:
        yield application


def asked(application: Any, method: str, path: str, *, signed: bool = False, **environ: Any) -> int:
    """The status of the answer."""
    headers = [("Host", "shop.example")]
    if signed:
        request = Request(method, path, headers=headers, origin=leaky_django.ORIGIN)
        headers = list(leaky_django.signer().sign(request).headers)
    return call(application, environ_of(Message(method, path, headers, b""), **environ)).status


def ran(application: Any, method: str, path: str, *, signed: bool = False) -> bool:
    """Whether a view that keeps its name in `RAN` ran on such a request."""
    RAN.clear()
    asked(application, method, path, signed=signed)
    return bool(RAN)


def entries_at(report: Report, path: str, method: str) -> list[Entry]:
    """Of the route that Django takes for `path`; where it takes none, what may answer all the same."""
    route = _route(path)
    found = [entry for entry in report.entries if method in entry.methods or entry.methods == ("*",)]
    if route is None:
        return [entry for entry in found if entry.path == "/<path:path>"]
    return [entry for entry in found if entry.path == route]


def standing_at(application: WSGIHandler, path: str, method: str = "GET") -> Any:
    (entry,) = [each for each in entries_at(audit(application), path, method) if each.kind != "redirect"]
    return entry.standing


def verdicts(application: WSGIHandler, path: str) -> dict[str, str]:
    """By method."""
    found = [entry for entry in audit(application).entries if entry.path == _route(path)]
    return {method: entry.verdict for entry in found for method in entry.methods}


def _route(path: str) -> str | None:
    """As `ResolverMatch.route` has it, without anchors, which are not part of a path."""
    with translation.override(path[1:3] if re.match("/(de|en)/", path) else None):
        try:
            return "/" + re.sub(r"(?<!\[)\^|\$|\\Z", "", resolve(path).route)
        except Resolver404:
            return None


#: What `django.contrib` needs of the settings.
SESSIONS = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
_PROCESSORS = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
_TEMPLATES = {
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": _PROCESSORS},
}
_CONTRIB = ["admin", "auth", "contenttypes", "sessions", "messages", "staticfiles", "sites", "flatpages", "redirects"]
#: What the modules `admin` of the last three have registered, which are imported once.
_REGISTERED: dict[Any, Any] = {}


@contextmanager
def contrib() -> Iterator[None]:
    """`django.contrib` and REST framework as they come, with a database in memory."""
    before = connections.settings
    with suppress(AttributeError):
        del connections["default"]  # the one without an engine, that another test may have asked for
    connections.settings = connections.configure_settings(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    )
    checks = set(registry.registered_checks), set(registry.deployment_checks)
    apps = [*(f"django.contrib.{name}" for name in _CONTRIB), "rest_framework", "drf_spectacular", "sealgate.django"]
    try:
        with override_settings(INSTALLED_APPS=apps, TEMPLATES=[_TEMPLATES], SITE_ID=1, STATIC_URL="/static/"):
            call_command("migrate", verbosity=0)
            site._registry.update(_REGISTERED)
            yield
            # The site is one for all tests, and its index asks for every application of a model.
            of_ours = [model for model in site._registry if model._meta.app_label in _CONTRIB[-3:]]
            _REGISTERED.update((model, site._registry.pop(model)) for model in of_ours)
    finally:
        registry.registered_checks, registry.deployment_checks = checks  # or they are asked for apps that are gone
        connections["default"].connection.close()  # which Django does not do for a database in memory
        del connections["default"]
        connections.settings = before
