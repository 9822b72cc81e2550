"""The application `sealgate.django` of INSTALLED_APPS."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Tags, register

__all__ = ["SealgateConfig"]


def _check_posture(**given: Any) -> list[CheckMessage]:
    from sealgate.django.posture import check_posture  # which no process needs that serves

    return check_posture(**given)


class SealgateConfig(AppConfig):
    """Without models; the label is not `django`, which the module's last name would give."""

    name = "sealgate.django"
    label = "sealgate"
    verbose_name = "sealgate"

    def ready(self) -> None:
        """Registers the checks, and what drf-spectacular says of a signature where it is used."""
        from sealgate.django import checks  # settings have to be there

        register(checks.check_settings, Tags.security)
        register(checks.check_deployment, Tags.security, deploy=True)
        register(_check_posture, "posture", deploy=True)
        if apps.is_installed("drf_spectacular"):
            import_module("sealgate.rest_framework.schema")  # its classes register themselves
