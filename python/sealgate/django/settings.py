"""The setting `SEALGATE`, parsed once, and again when a test changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import Signal
from django.utils.encoding import force_bytes
from django.utils.module_loading import import_string

from sealgate.exceptions import ConfigurationError
from sealgate.keys import holds
from sealgate.policy import OnVerdict, Policy, Verdict
from sealgate.verifier import Verifier
from sealgate.wsgi import mount_point

__all__ = ["Configured", "configured", "has_own_key", "verdict_given"]

_NAMES = frozenset({"VERIFIER", "SCRIPT_NAME", "PREFLIGHT", "REPORT_ONLY", "ON_VERDICT"})
_READ_BY_US = frozenset({"SEALGATE", "FORCE_SCRIPT_NAME", "SECRET_KEY", "SECRET_KEY_FALLBACKS"})

#: Sent with `verdict`, a `sealgate.policy.Verdict`, after each decision; an exception of a receiver is logged.
verdict_given = Signal()


@dataclass(frozen=True, slots=True)
class Configured:
    """`script_name`: the only SCRIPT_NAME (ASGI: root_path) that is accepted."""

    policy: Policy
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
    verifier = _imported("VERIFIER", given["VERIFIER"])
    if not isinstance(verifier, Verifier):
        raise ConfigurationError("SEALGATE['VERIFIER']: expected a Verifier, or the dotted path of one")
    if not has_own_key(verifier):
        raise ConfigurationError("SEALGATE['VERIFIER']: a key is Django's SECRET_KEY, which signs sessions and tokens")
    hook = _imported("ON_VERDICT", given.get("ON_VERDICT"))
    if hook is not None and not callable(hook):
        raise ConfigurationError("SEALGATE['ON_VERDICT']: expected a function, or the dotted path of one")
    flags = {name.lower(): given.get(name, False) for name in ("PREFLIGHT", "REPORT_ONLY")}
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise ConfigurationError(f"SEALGATE[{name.upper()!r}]: expected True or False")
    script_name = given.get("SCRIPT_NAME", settings.FORCE_SCRIPT_NAME or "")
    policy = Policy(verifier, on_verdict=_Tell(hook), **flags)
    return Configured(policy, mount_point(script_name, "SEALGATE['SCRIPT_NAME']"))


def has_own_key(verifier: Verifier) -> bool:
    """Whether no key of the verifier is SECRET_KEY or a fallback of it, in any form that HMAC takes for the same."""
    try:
        return not any(holds(verifier.ring, force_bytes(one)) for one in _framework_keys())
    except ImproperlyConfigured:
        return True  # there is no SECRET_KEY


def _framework_keys() -> list[str | bytes]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


class _Tell:
    """The hook of the settings, and the signal; false where nobody listens, so that no verdict is made."""

    def __init__(self, hook: OnVerdict | None) -> None:
        self._hook = hook

    def __bool__(self) -> bool:
        return self._hook is not None or bool(verdict_given.receivers)

    def __call__(self, verdict: Verdict) -> None:
        verdict_given.send_robust(sender=Policy, verdict=verdict)
        if self._hook is not None:
            self._hook(verdict)


def _imported(name: str, given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return import_string(given)
    except ImportError as error:
        raise ConfigurationError(f"SEALGATE[{name!r}]: cannot import {given!r}") from error


def _forget(*, setting: str, **_: Any) -> None:
    if setting in _READ_BY_US:
        configured.cache_clear()


setting_changed.connect(_forget, dispatch_uid="sealgate.django.settings")
