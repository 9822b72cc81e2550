"""What an application's own settings open, whatever its framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sealgate import Key, KeyRing, Verifier
from sealgate.exceptions import ConfigurationError
from sealgate.posture.check import Check, Fact, bad, check, judged, ok, unknown
from sealgate.posture.service import servers, switches
from sealgate.posture.system import System
from sealgate.replay import MemoryStore, workers_suspected

__all__ = ["CHECKS", "Application", "none_known", "ring_of"]

#: Of modules and names: caches that drop live entries, or are asked in two steps.
_CULLING = {
    "django.core.cache.backends.base.BaseCache": "a Django cache: it culls, or forgets at a restart",
    "cachetools.Cache": "a cachetools cache: it drops live entries when it is full",
    "cachelib.base.BaseCache": "a cachelib cache: it culls when it is full",
    "dogpile.cache.region.CacheRegion": "a dogpile cache: it may drop live entries",
}
_PLAIN = (bool, int, str)
_ORDER = frozenset({"sealgate.E002", "sealgate.E003", "sealgate.E004"})
#: What a check of this table says too.
_ELSEWHERE = frozenset({"sealgate.W002", "sealgate.W008"})


@dataclass(frozen=True, slots=True, repr=False)
class Application:
    """What a framework knows of one application. It has no repr: `settings` are full of secrets.

    `settings`: values by name. `docs`, `proxies`, `redirects`: paths or sentences, one for each thing that is on.
    `sources`: paths of its Python files. `secrets`: keys of the framework's own, by name. `own_checks`: ids and
    messages of Django's system checks that are ours, None for another framework.
    """

    framework: str
    verifiers: tuple[Verifier, ...]
    debug: bool | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    docs: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    redirects: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    secrets: Mapping[str, KeyRing] = field(default_factory=dict)
    own_checks: tuple[tuple[str, str], ...] | None = None
    system: System = field(default_factory=System)

    @property
    def rings(self) -> list[tuple[str, KeyRing]]:
        """Every ring that has keys, and whose it is."""
        named = [*((repr(verifier), verifier.ring) for verifier in self.verifiers), *self.secrets.items()]
        return [(owner, ring) for owner, ring in named if ring.key_ids]


@check(
    "sealgate.P060",
    "high",
    "debugging is off",
    fix="DEBUG = False; app.debug = False: its error pages show settings, variables, and a console.",
    source="Django, Deployment checklist; Flask, Debugging Application Errors; CWE-489",
)
def debugging(application: Application) -> Fact:
    told = f"{application.framework}: debug is {application.debug}"
    if application.debug is None:
        return unknown(f"{application.framework} has no such setting")
    return bad(told) if application.debug else ok(told)


@check(
    "sealgate.P061",
    "low",
    "no pages that describe the API",
    fix="FastAPI(docs_url=None, redoc_url=None, openapi_url=None), or let them be verified like every route.",
    source="FastAPI, Metadata and Docs URLs; OWASP API9:2023",
)
def docs(application: Application) -> Fact:
    return judged((f"{path} is served" for path in application.docs), "none is served")


@check(
    "sealgate.P062",
    "high",
    "a replay store that all workers share",
    fix="Give the verifiers replay='sqlite:///path', 'redis://...' or 'django-cache:default'.",
    source="RFC 9421, 7.2.2",
)
def shared_store(application: Application) -> Fact:
    own = [
        f"{verifier!r} remembers in memory"
        for verifier in application.verifiers
        if isinstance(verifier.replay, MemoryStore)
    ]
    if not own:
        return judged(
            (), f"none of {len(application.verifiers)} verifiers remembers in memory", none_known(application)
        )
    workers = workers_suspected()
    if workers is not None:
        return bad(*(f"{told}, and there is {workers}" for told in own))
    if not dict(servers(application.system)):
        return unknown(*own, "how many workers the service has cannot be seen from here")
    return ok(*own, "and one worker")


@check(
    "sealgate.P063",
    "high",
    "no replay store that forgets",
    fix="Redis with maxmemory-policy noeviction, or SQLite: what is dropped before its time can be replayed.",
    source="RFC 9421, 7.2.2; Redis, Key eviction",
)
def culling_store(application: Application) -> Fact:
    wrong, unclear = [], none_known(application)
    for verifier in application.verifiers:
        store = verifier.replay
        reason = next(
            (_CULLING[name] for part in _parts(store) for name in _names(type(part)) if name in _CULLING), None
        )
        if reason is not None:
            wrong.append(f"{verifier!r} uses {reason}")
        elif store is not None and not type(store).__module__.startswith("sealgate.replay."):
            unclear.append(f"{verifier!r}: what {type(store).__qualname__} drops is not known here")
    return judged(wrong, f"none of {len(application.verifiers)} verifiers", unclear)


@check(
    "sealgate.P064",
    "high",
    "verification before sessions, CSRF and caches",
    fix="Move sealgate.django.SignatureMiddleware before them.",
    source="Django, Middleware ordering; the checks E002, E003 and E004",
)
def order(application: Application) -> Fact:
    if application.own_checks is None:
        return ok(f"{application.framework} has no list of middleware; `sealgate audit` says what runs first")
    return judged(
        (f"{code}: {told}" for code, told in application.own_checks if code in _ORDER), "the middleware stands right"
    )


@check(
    "sealgate.P065",
    "medium",
    "no other finding of the system checks",
    fix="python -m django check --deploy says what to do.",
    source="Django, System check framework",
)
def own_checks(application: Application) -> Fact:
    others = [
        f"{code}: {told}"
        for code, told in application.own_checks or ()
        if code not in _ORDER and code not in _ELSEWHERE
    ]
    return judged(others, "none")


@check(
    "sealgate.P066",
    "medium",
    "each verifier knows its origin",
    fix="Verifier(..., origin='https://api.example.com'): what was sent to another host is refused then.",
    source="RFC 9421, 7.2.1; RFC 9110, 7.2",
)
def origin(application: Application) -> Fact:
    without = [verifier for verifier in application.verifiers if verifier.origins is None]
    wrong = (f"{verifier!r} takes any Host" for verifier in without)
    return judged(wrong, f"{len(application.verifiers)} verifiers", none_known(application))


@check(
    "sealgate.P067",
    "medium",
    "no forwarded fields believed in the application",
    fix="Leave it to the server, for the proxy's address only; or suppress this where the proxy always sets them.",
    source="Django, Settings, SECURE_PROXY_SSL_HEADER; Werkzeug, X-Forwarded-For Proxy Fix; RFC 7239, 8.1",
)
def proxies(application: Application) -> Fact:
    return judged(application.proxies, "none is")


@check(
    "sealgate.P068",
    "low",
    "no redirect of a signed request",
    fix="APPEND_SLASH = False: the client repeats a redirected POST as a GET, for a path that it did not sign.",
    source="Django, Settings, APPEND_SLASH; RFC 9110, 15.4.2",
)
def redirects(application: Application) -> Fact:
    return judged(application.redirects, "none is known")


@check(
    "sealgate.P069",
    "high",
    "no switch in the settings that opens",
    fix="Remove the setting, and the code that reads it: tests sign with a key of their own.",
    source="CWE-489, CWE-1188",
)
def switched(application: Application) -> Fact:
    plain = {
        name: value
        for name, value in application.settings.items()
        if isinstance(value, _PLAIN) and name.rpartition(".")[2] != "DEBUG"  # which is P060
    }
    return judged((f"{name} is {state}" for name, state in switches(plain)), f"none among {len(plain)} settings")


CHECKS: tuple[Check[Application], ...] = (
    *(debugging, docs, shared_store, culling_store, order, own_checks, origin, proxies, redirects, switched),
)


def ring_of(secret: str | bytes) -> KeyRing | None:
    """A ring to compare others with: `secret` in any of the forms that HMAC takes for the same key (RFC 2104, 2)."""
    try:
        return KeyRing(Key(secret, short_ok=True, published_ok=True))
    except ConfigurationError:
        return None  # nothing but zeros and blanks, which no ring holds


def none_known(application: Application) -> list[str]:
    """Why a check of verifiers cannot tell, where there are none; what an audit says of that is another matter."""
    return [] if application.verifiers else ["no verifier is known"]


def _parts(store: Any) -> list[Any]:
    """A store, and what it keeps in its attributes."""
    return [store, *getattr(store, "__dict__", {}).values()]


def _names(kind: type) -> list[str]:
    return [f"{one.__module__}.{one.__qualname__}" for one in kind.__mro__]
