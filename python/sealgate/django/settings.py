"""The setting `SEALGATE`, parsed once, and again when a test changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from sealgate.exceptions import ConfigurationError
from sealgate.verifier import Verifier
from sealgate.wsgi import mount_point

__all__ = ["Configured", "configured"]

_NAMES = frozenset({"VERIFIER", "SCRIPT_NAME"})
_READ_BY_US = frozenset({"SEALGATE", "FORCE_SCRIPT_NAME"})


@dataclass(frozen=True, slots=True)
class Configured:
    """`script_name`: the only SCRIPT_NAME (ASGI: root_path) that is accepted."""

    verifier: Verifier
    script_name: str


@cache
def configured() -> Configured:
    """What `SEALGATE` says. Raises `ConfigurationError`, naming the setting."""
    given = getattr(settings, "SEALGATE", None)
    if not isinstance(given, Mapping):
        raise ConfigurationError('SEALGATE: expected a dictionary such as {"VERIFIER": "shop.gate.partners"}')
    for name in given:
        if name not in _NAMES:
            raise ConfigurationError(f"SEALGATE[{name!r}]: unknown setting")
    if "VERIFIER" not in given:
        raise ConfigurationError("SEALGATE['VERIFIER']: required")
    script_name = given.get("SCRIPT_NAME", settings.FORCE_SCRIPT_NAME or "")
    return Configured(_verifier(given["VERIFIER"]), mount_point(script_name, "SEALGATE['SCRIPT_NAME']"))


def _verifier(given: Any) -> Verifier:
    if isinstance(given, str):
        try:
            given = import_string(given)
        except ImportError as error:
            raise ConfigurationError(f"SEALGATE['VERIFIER']: cannot import {given!r}") from error
    if not isinstance(given, Verifier):
        raise ConfigurationError("SEALGATE['VERIFIER']: expected a Verifier, or the dotted path of one")
    return given


def _forget(*, setting: str, **_: Any) -> None:
    if setting in _READ_BY_US:
        configured.cache_clear()


setting_changed.connect(_forget, dispatch_uid="sealgate.django.settings")
