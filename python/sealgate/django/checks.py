"""System checks: `manage.py check`, and with `--deploy` what is right on a developer's machine only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.urls import get_resolver
from django.utils.module_loading import import_string

from sealgate.django.middleware import SignatureMiddleware
from sealgate.django.routes import endpoints, route_of, rules_of_found, rules_of_part
from sealgate.django.settings import configured, has_own_key
from sealgate.exceptions import ConfigurationError
from sealgate.policy import Exempt, Require
from sealgate.replay import MemoryStore, workers_suspected
from sealgate.verifier import Verifier

__all__ = ["check_deployment", "check_settings"]

#: Octets of SHA-256: "Less than L bytes is strongly discouraged" (RFC 2104, 3).
_SHORT = 32
_OURS = "sealgate.django.SignatureMiddleware"
#: What must stand further in, and why.
_INSIDE = {
    "django.middleware.cache.UpdateCacheMiddleware": "it would store the answers to unsigned requests",
    "django.middleware.cache.FetchFromCacheMiddleware": "a cached response would be given to an unsigned request",
    "django.middleware.cache.CacheMiddleware": "a cached response would be given to an unsigned request",
    "django.middleware.csrf.CsrfViewMiddleware": "it would hand out its cookie to unsigned requests",
    "django.contrib.sessions.middleware.SessionMiddleware": "an unsigned request would reach the session store",
    "django.middleware.common.CommonMiddleware": "it would answer unsigned requests (PREPEND_WWW, user agents)",
}
#: What must stand further out, and why.
_OUTSIDE = {
    "django.middleware.locale.LocaleMiddleware": "what is exempt in i18n_patterns would depend on the last request",
}


def check_settings(**_: Any) -> list[CheckMessage]:
    """`sealgate.E001` SEALGATE is wrong, `E002` no middleware, `E003` its place, `E004` it is there twice, `E005` a key
    of a view is SECRET_KEY."""
    messages: list[CheckMessage] = []
    try:
        messages.extend(_framework_keys(configured().policy.verifier))
    except ConfigurationError as error:
        messages.append(Error(str(error), hint="Read the docstring of SignatureMiddleware.", id="sealgate.E001"))
    names = list(settings.MIDDLEWARE)
    places = [place for place, name in enumerate(names) if _is_ours(name)]
    if not places:
        hint = f"Add {_OURS!r} to MIDDLEWARE, after SecurityMiddleware."
        messages.append(
            Error("SignatureMiddleware is not installed: every view is open", hint=hint, id="sealgate.E002")
        )
    messages.extend(_misplaced(names, places[:1]))
    if len(places) > 1:
        hint = "Remove all but the first from MIDDLEWARE."
        messages.append(Error("SignatureMiddleware is installed more than once", hint=hint, id="sealgate.E004"))
    return messages


def check_deployment(**_: Any) -> list[CheckMessage]:
    """`sealgate.W001` report only, `W002` DEBUG, `W003` an exempt include, `W004` an exemption that has ended, `W005` a
    middleware that may rewrite the request after the last look at it, `W006` a short key, `W007` one key for two,
    `W008` a replay store of one process where there seem to be several."""
    try:
        own = configured().policy
    except ConfigurationError:
        return []  # which is E001
    messages: list[CheckMessage] = []
    if own.report_only:
        hint = "Set SEALGATE['REPORT_ONLY'] to False once the log is quiet."
        messages.append(checks.Warning("REPORT_ONLY lets refused requests through", hint=hint, id="sealgate.W001"))
    if settings.DEBUG:
        hint = "Set DEBUG to False: its error pages show settings and local variables."
        messages.append(checks.Warning("DEBUG is on", hint=hint, id="sealgate.W002"))
    return [*messages, *_exemptions(), *_rewriters(), *_keys(own.verifier)]


def _is_ours(name: str) -> bool:
    try:
        middleware = import_string(name)
    except ImportError:
        return False  # Django says so itself, at its start
    return isinstance(middleware, type) and issubclass(middleware, SignatureMiddleware)


def _misplaced(names: Sequence[str], places: Sequence[int]) -> Iterator[CheckMessage]:
    for place in places:
        for name in names[:place]:
            if name in _INSIDE:
                hint = f"Move {_OURS!r} before it."
                yield Error(f"SignatureMiddleware stands after {name}: {_INSIDE[name]}", hint=hint, id="sealgate.E003")
        for name in names[place:]:
            if name in _OUTSIDE:
                hint = f"Move {_OURS!r} behind it."
                yield Error(
                    f"SignatureMiddleware stands before {name}: {_OUTSIDE[name]}", hint=hint, id="sealgate.E003"
                )


def _rewriters() -> Iterator[CheckMessage]:
    ours = False
    for name in settings.MIDDLEWARE:
        if ours and not name.startswith("django.") and hasattr(import_string(name), "process_view"):
            hint = "Remove it if it changes the request's method, path or query there; else silence this."
            message = f"{name} has a process_view, which runs after SignatureMiddleware has looked for the last time"
            yield checks.Warning(message, hint=hint, id="sealgate.W005")
        ours = ours or _is_ours(name)


def _framework_keys(default: Verifier) -> Iterator[CheckMessage]:
    for verifier in _verifiers(default):
        if not has_own_key(verifier):
            message = f"a key of {verifier!r} is SECRET_KEY, which signs sessions and tokens"
            hint = "Make a key with `sealgate keygen`: each serves one purpose."
            yield Error(message, hint=hint, id="sealgate.E005")


def _verifiers(default: Verifier) -> list[Verifier]:
    """Every verifier that the setting or a rule names."""
    rules = (rule for found in endpoints(get_resolver()) for rule in rules_of_found(found, "POST"))
    required = [verifier for rule in rules if isinstance(rule, Require) for verifier in rule.verifiers]
    return list(dict.fromkeys([default, *required]))


def _keys(default: Verifier) -> Iterator[CheckMessage]:
    verifiers = _verifiers(default)
    for verifier in verifiers:
        if verifier.ring.shortest < _SHORT:
            message = f"{verifier!r} has a key of {verifier.ring.shortest} bytes"
            hint = "Make a key with `sealgate keygen`: 32 random bytes (RFC 2104, 3)."
            yield checks.Warning(message, hint=hint, id="sealgate.W006")
    workers = workers_suspected()
    if workers is not None and any(isinstance(verifier.replay, MemoryStore) for verifier in verifiers):
        message = f"a replay store in memory, and {workers}: a request counts once in each"
        hint = "Give the verifiers a store that the workers share: sqlite:///..., redis://... or django-cache:default."
        yield checks.Warning(message, hint=hint, id="sealgate.W008")
    for one, other in combinations(verifiers, 2):
        if _purpose(one) == _purpose(other) and one.ring.shares_key(other.ring):
            message = f"{one!r} and {other!r} have a key in common: what is signed for one may be right for the other"
            yield checks.Warning(message, hint="Give each purpose a key of its own.", id="sealgate.W007")


def _purpose(verifier: Verifier) -> str | None:
    """What the keys of links are derived for: those are shared with no other scheme."""
    return verifier.scheme.name if verifier.scheme.longest is not None else None


def _exemptions() -> Iterator[CheckMessage]:
    """Each once: what an `include` exempts is many routes."""
    seen: set[int] = set()
    for found in endpoints(get_resolver()):
        for depth in range(1, len(found.chain) + 1):
            is_view = depth == len(found.chain)
            for rule in rules_of_found(found, "GET") if is_view else rules_of_part(found.chain[depth - 1]):
                if isinstance(rule, Exempt) and id(rule) not in seen:
                    seen.add(id(rule))
                    yield from _exemption(rule, route_of(found.chain[:depth]), covers_more=not is_view)


def _exemption(rule: Exempt, route: str, *, covers_more: bool) -> Iterator[CheckMessage]:
    if covers_more:
        methods = ", ".join(sorted(rule.methods))
        message = f"{route!r} and all that is below it take unsigned requests ({methods}): {rule.reason}"
        hint = "Exempt single views, or silence this once you have read what is below."
        yield checks.Warning(message, hint=hint, id="sealgate.W003")
    if rule.until is not None and time.time() >= rule.until:
        message = f"the exemption of {route!r} has ended, and the route is closed: {rule.reason}"
        yield checks.Warning(message, hint="Remove the decorator, or give it another `until`.", id="sealgate.W004")
