"""The middlewares: whether ours is there, and what stands before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandlerMixin
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.middleware.cache import FetchFromCacheMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.utils.module_loading import import_string

from sealgate.audit.entry import Entry, Standing, ends, name_of, source_of, standing
from sealgate.django.middleware import SignatureMiddleware
from sealgate.django.settings import configured
from sealgate.policy import Exempt, Policy, Rule

__all__ = ["ANY_PATH", "Chain"]

#: In the notation of `path()`.
ANY_PATH = "/<path:path>"

_OURS = "sealgate.django.SignatureMiddleware"
_SAFE = ("GET", "HEAD")


class Chain:
    """What a handler of Django does before a view.

    `policy`: None where our middleware is not installed. `doubt`: why its verdicts cannot be relied on, where they
    cannot.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._loaded = [import_string(name) for name in settings.MIDDLEWARE]
        ours = [place for place, each in enumerate(self._loaded) if _is_a(each, SignatureMiddleware)]
        place = ours[0] if ours and _has_ours(_handler(app)) else len(self._loaded)
        self._before, inside = self._loaded[:place], self._loaded[place + 1 :]
        self.policy: Policy | None = configured().policy if place < len(self._loaded) else None
        self.doubt = _doubt(self._loaded[place]) if self.policy else None
        self._missing = "SignatureMiddleware is in MIDDLEWARE and not in the application: it declined, or came later"
        if not ours:
            self._missing = "SignatureMiddleware is not in MIDDLEWARE"
        self.checks_csrf = any(_is_a(each, CsrfViewMiddleware) for each in self._loaded)
        self.appends_slash = any(_is_a(each, CommonMiddleware) for each in self._loaded)
        self._is_cached = any(_is_a(each, FetchFromCacheMiddleware) for each in self._before)
        self._chooses_language = any(_is_a(each, LocaleMiddleware) for each in self._loaded)
        self._chooses_language_late = self.policy is not None and any(_is_a(each, LocaleMiddleware) for each in inside)
        self._notes = tuple(
            f"{name_of(each)} may rewrite the request in process_view, after the last look at it"
            for each in inside
            if not each.__module__.startswith("django.") and hasattr(each, "process_view")
        )
        self._known: dict[Any, Standing] = {}

    def standing(self, rules: tuple[Rule, ...], method: str, now: float) -> Standing:
        """Before any route is asked what it demands itself."""
        key = rules, method
        if key not in self._known:  # thousands of routes have a few standings
            self._known[key] = self._judged(rules, method, now)
        return self._known[key]

    def of_route(self, rules: tuple[Rule, ...], method: str, language: str | None, now: float) -> Standing:
        """`language`: the one that the route is for, where it is for one."""
        found = self.standing(rules, method, now)
        if language is None or not rules or not self._chooses_language_late:
            return found
        return replace(found, evidence=(*found.evidence, _LATE))

    def speaks(self, language: str | None) -> bool:
        """Whether a route of this language is ever reached, as far as Django's own middleware goes."""
        if self._chooses_language:
            return language is None or language in dict(settings.LANGUAGES)
        return language in (None, settings.LANGUAGE_CODE)

    def uncached(self, found: Standing, method: str) -> Standing:
        """`found`, of a route, unless a cache stands before what makes it so."""
        if self._is_cached and method in _SAFE and found.verdict == "verified":
            return replace(found, verdict="open", evidence=(_CACHED,))
        return found

    def entries(self, prefix: str) -> Iterator[Entry]:
        """What answers, or may answer, before ours does."""
        everything = f"{prefix}{ANY_PATH}"
        for each in self._before:
            name = name_of(each)
            if name in _SILENT:
                continue
            answer = _cached if _is_a(each, FetchFromCacheMiddleware) else _ANSWERS.get(name, _unknown)
            methods, found = answer(name, self.policy is not None)
            if found is not None:
                yield Entry(everything, methods, found, "middleware", name, source_of(each))
        if self.policy is not None and self.policy.preflight:
            why = "PREFLIGHT lets a bodyless CORS preflight through to what is inside, and to no view"
            found = Standing("exempt", (why,), reason=_PREFLIGHT)
            yield Entry(everything, ("OPTIONS",), found, "middleware", _OURS)
        own = _own_methods(type(self._app))
        if own:
            found = Standing("unknown", (f"it has its own {', '.join(own)}, which may answer before any middleware",))
            yield Entry(everything, ("*",), found, "middleware", name_of(self._app), source_of(self._app))
        if isinstance(self._app, StaticFilesHandlerMixin):
            found = Standing("open", ("StaticFilesHandler stands before the application",))
            where = f"{prefix}{self._app.base_url.path.rstrip('/')}{ANY_PATH}"
            yield Entry(where, ("*",), found, "static", name_of(self._app), source_of(self._app))

    def _judged(self, rules: tuple[Rule, ...], method: str, now: float) -> Standing:
        if self.policy is None:
            ended = tuple(line for rule in rules if isinstance(rule, Exempt) for line in ends(rule, now))
            return Standing("open", (self._missing, *ended), ended=ended)
        if self.doubt is not None:
            return Standing("unknown", (self.doubt,))
        found = standing(self.policy, rules, method, now)
        return replace(found, evidence=(*found.evidence, *self._notes))


_Answer = tuple[tuple[str, ...], Standing | None]


def _cached(name: str, _gated: bool) -> _Answer:
    return _SAFE, Standing("open", (f"{name}: {_CACHED}",))


def _redirects(name: str, _gated: bool) -> _Answer:
    if not settings.PREPEND_WWW:
        return (), None  # the slash is appended once there is a 404, and ours makes none
    return ("*",), Standing("open", (f"{name} redirects to www. (PREPEND_WWW) before SignatureMiddleware",))


def _preflights(name: str, _gated: bool) -> _Answer:
    found = Standing("exempt", (f"{name} answers CORS preflights, which run no view",), reason=_PREFLIGHT)
    return ("OPTIONS",), found


def _files(name: str, _gated: bool) -> _Answer:
    return _SAFE, Standing("open", (f"{name} gives files to everybody",))


def _unknown(name: str, gated: bool) -> _Answer:
    if gated:
        return ("*",), Standing(
            "unknown", (f"{name} stands before SignatureMiddleware: whether it answers is not known",)
        )
    return ("*",), Standing("open", (f"{name}: what it answers, it answers unsigned",))


_CACHED = "a cached response, made for a signed request, is given to an unsigned one"
_LATE = "LocaleMiddleware stands after SignatureMiddleware, which sees the rules of this route in its language only"
_PREFLIGHT = "browsers cannot sign a CORS preflight"

_ANSWERS: dict[str, Callable[[str, bool], _Answer]] = {
    "django.middleware.common.CommonMiddleware": _redirects,
    "corsheaders.middleware.CorsMiddleware": _preflights,
    "whitenoise.middleware.WhiteNoiseMiddleware": _files,
}

#: They look at requests and responses, and do not answer before what is inside them has. What they do in
#: `process_view` comes after every `__call__`, and so after ours. SecurityMiddleware redirects to https.
_SILENT = frozenset(
    {
        "django.contrib.admindocs.middleware.XViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
        "django.contrib.auth.middleware.PersistentRemoteUserMiddleware",
        "django.contrib.auth.middleware.RemoteUserMiddleware",
        "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.contrib.redirects.middleware.RedirectFallbackMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.sites.middleware.CurrentSiteMiddleware",
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "django.middleware.common.BrokenLinkEmailsMiddleware",
        "django.middleware.csp.ContentSecurityPolicyMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.gzip.GZipMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.security.SecurityMiddleware",
    }
)


def _handler(app: Any) -> BaseHandler:
    """The one that has loaded the middlewares; for settings, one that loads them as a server would."""
    if isinstance(app, StaticFilesHandlerMixin):
        app = app.application
    if isinstance(app, BaseHandler) and app._middleware_chain is not None:  # type: ignore[attr-defined]
        return app
    return WSGIHandler()


def _has_ours(handler: Any) -> bool:
    """A middleware may decline (MiddlewareNotUsed), or the setting may have changed since."""
    for check in handler._view_middleware:
        method = getattr(check, "func", getattr(check, "awaitable", check))  # asgiref's wrappers
        if isinstance(getattr(method, "__self__", None), SignatureMiddleware):
            return True
    return False


def _is_a(middleware: Any, cls: type) -> bool:
    return isinstance(middleware, type) and issubclass(middleware, cls)


def _doubt(cls: type) -> str | None:
    """A class below ours may let requests by."""
    parents = cls.__mro__[: cls.__mro__.index(SignatureMiddleware)]
    own = sorted(
        {name for parent in parents for name in vars(parent) if hasattr(SignatureMiddleware, name)} - _HARMLESS
    )
    return f"{name_of(cls)} has its own {', '.join(own)}" if own else None


def _own_methods(cls: type) -> list[str]:
    """What of Django's handler a class of the project replaces."""
    theirs = {name for parent in cls.__mro__ if parent.__module__.startswith("django.") for name in vars(parent)}
    ours = {name for parent in cls.__mro__ if not parent.__module__.startswith("django.") for name in vars(parent)}
    return sorted((theirs & ours) - set(vars(object)) - _HARMLESS) if issubclass(cls, BaseHandler) else []


#: What Python writes into every class.
_HARMLESS = {
    *("__annotations__", "__dict__", "__doc__", "__firstlineno__", "__module__", "__static_attributes__"),
    "__weakref__",
}
