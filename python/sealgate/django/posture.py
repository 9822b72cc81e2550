"""What Django's settings say of the deployment, for `sealgate.posture`; and its findings as system checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Info
from django.core.checks import Warning as Caution
from django.urls import get_resolver

from sealgate.django.checks import check_deployment, check_settings
from sealgate.django.routes import Found, endpoints, rules_of_found
from sealgate.django.settings import configured
from sealgate.exceptions import ConfigurationError
from sealgate.policy import Require
from sealgate.posture import Application, Finding, posture
from sealgate.posture.application import ring_of
from sealgate.posture.frameworks import sources
from sealgate.verifier import Verifier

__all__ = ["application", "check_posture"]

_COMMON = "django.middleware.common.CommonMiddleware"
#: Settings that make Django believe what a request says of the way it came, and what it believes.
_BELIEVED = {
    "SECURE_PROXY_SSL_HEADER": "the scheme",
    "USE_X_FORWARDED_HOST": "the host",
    "USE_X_FORWARDED_PORT": "the port",
}
_DOCUMENTING = ("drf_spectacular.views", "drf_yasg.", "rest_framework.schemas.", "django.contrib.admindocs.")
#: Findings that a system check of ours gives already, under its own id.
_GIVEN_ALREADY = frozenset({"sealgate.P060", "sealgate.P062", "sealgate.P064", "sealgate.P065"})


def application() -> Application:
    """The project of `DJANGO_SETTINGS_MODULE`."""
    if not apps.ready:
        django.setup()
    found = list(endpoints(get_resolver()))
    secrets = {"SECRET_KEY": ring_of(settings.SECRET_KEY)}
    messages = [*check_settings(), *check_deployment()]
    return Application(
        "Django",
        tuple(_verifiers(found)),
        debug=bool(settings.DEBUG),
        # Of those that are set: a default is neither a key nor a switch, and Django warns who reads a deprecated one.
        settings={
            name: getattr(settings, name) for name in dir(settings) if name.isupper() and settings.is_overridden(name)
        },
        docs=tuple(f"/{one.route}" for one in found if _module_of(one).startswith(_DOCUMENTING)),
        proxies=tuple(
            f"{name}: {what} is taken from a field" for name, what in _BELIEVED.items() if getattr(settings, name)
        ),
        redirects=tuple(_redirects(found)),
        sources=sources(),
        secrets={name: ring for name, ring in secrets.items() if ring is not None},
        own_checks=tuple((str(message.id), message.msg) for message in messages),
    )


def check_posture(**_: Any) -> list[CheckMessage]:
    """Each check of `sealgate.posture` that is bad as a warning, and as information where it cannot tell."""
    given = (one for one in posture(application()) if one.state != "ok" and one.id not in _GIVEN_ALREADY)
    return [_message(finding) for finding in given]


def _message(finding: Finding) -> CheckMessage:
    kind = Caution if finding.state == "bad" else Info
    told = f"{finding.title}: {'; '.join(finding.evidence)}"
    return kind(told, hint=f"{finding.fix} See {finding.source}.", id=finding.id)


def _verifiers(found: Iterable[Found]) -> Iterator[Verifier]:
    """Each once: of the setting, and of every rule."""
    try:
        default = [configured().policy.verifier]
    except ConfigurationError:
        default = []  # which is E001
    rules = (rule for one in found for rule in rules_of_found(one, "POST"))
    required = (verifier for rule in rules if isinstance(rule, Require) for verifier in rule.verifiers)
    yield from dict.fromkeys([*default, *required])


def _redirects(found: Iterable[Found]) -> Iterator[str]:
    if settings.APPEND_SLASH and _COMMON in settings.MIDDLEWARE:
        ending = sum(one.route.rstrip("$").endswith("/") for one in found)
        if ending:
            yield f"APPEND_SLASH is on, and {ending} routes end in a slash"


def _module_of(found: Found) -> str:
    view = getattr(found.view, "view_class", None) or getattr(found.view, "cls", None) or found.view
    return str(getattr(view, "__module__", ""))
