"""ASGI: Starlette and FastAPI with what they mount, what stands around them, and applications of no framework.

No framework is imported here: what an application is, the names of its classes say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote

from sealgate.asgi import Layer, Recheck
from sealgate.audit.applications import entries_of, framework_of
from sealgate.audit.entry import Entry, Standing, name_of, source_of
from sealgate.audit.layers import class_path, inner_of
from sealgate.audit.levels import Asked, Level, installed
from sealgate.audit.starlette_routes import ANY_PATH, Mounted, Place, Routes

__all__ = ["entries"]

_PREFLIGHT = "a CORS preflight is answered without a view"
_TO_HTTPS = "redirected to https, without a view"
#: Middleware that answers by itself, and what is known of that: methods, verdict, reason.
_ANSWERING: dict[str, tuple[tuple[str, ...], str]] = {
    "starlette.middleware.cors.CORSMiddleware": (("OPTIONS",), _PREFLIGHT),
    "starlette.middleware.httpsredirect.HTTPSRedirectMiddleware": (("*",), _TO_HTTPS),
}
#: Middleware that answers nothing but refusals.
_PASSING = frozenset(
    {
        "fastapi._body_limit.AppBodyLimitMiddleware",
        "fastapi._body_limit._BodyLimitExceptionMiddleware",
        "fastapi.middleware.asyncexitstack.AsyncExitStackMiddleware",
        "fastapi.telemetry._asgi.ExceptionTelemetryMiddleware",
        "starlette.middleware.body_limit.RequestBodyLimitMiddleware",
        "starlette.middleware.errors.ServerErrorMiddleware",
        "starlette.middleware.exceptions.ExceptionMiddleware",
        "starlette.middleware.gzip.GZipMiddleware",
        "starlette.middleware.opentelemetry.OpenTelemetryMiddleware",
        "starlette.middleware.sessions.SessionMiddleware",
        "starlette.middleware.trustedhost.TrustedHostMiddleware",
        "uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware",
    }
)
#: Bridges to WSGI.
_BRIDGES = frozenset(
    {"a2wsgi.wsgi.WSGIMiddleware", "asgiref.wsgi.WsgiToAsgi", "starlette.middleware.wsgi.WSGIMiddleware"}
)
_NOT_SEEN = "its middleware is put together in a way that cannot be seen to the end"
_OWN_STACK = frozenset({"fastapi.applications", "starlette.applications", "starlette.routing"})


def entries(app: Any, prefix: str, now: float) -> Iterator[Entry]:
    """Of any ASGI application: every route and method, what no route takes, and what answers before our layer."""
    yield from _Walk(now).entries(app, Level(), Place(prefix, prefix))


class _Stands(NamedTuple):
    """One middleware of an application, or around it. `shown`: what its name is, such as a function it calls."""

    cls: type
    shown: Any
    layer: Any = None
    used: tuple[Any, ...] = ()


class _Walk:
    def __init__(self, now: float) -> None:
        self._now = now

    def entries(self, app: Any, level: Level, place: Place) -> Iterator[Entry]:
        if id(app) in place.above:
            yield from self._unseen(app, "the application mounts itself: all of it again, and so on", level, place)
            return
        place = replace(place, above=place.above | {id(app)})
        if framework_of(app) in {"starlette", "fastapi"}:
            yield from self._framework(app, level, place)
        elif isinstance(app, Layer):
            yield from self.entries(inner_of(app), level.with_layers([installed(app, inner_of(app))]), place)
        elif framework_of(app) != "asgi" or class_path(app) in _BRIDGES:
            inner = inner_of(app) if class_path(app) in _BRIDGES else app
            for entry in entries_of(inner, place.prefix, self._now):
                path = None if entry.example is None else unquote(entry.example.removeprefix(place.prefix))
                example = None if path is None else place.at(path, entry.methods)
                for standing, methods in level.standings(Asked(entry.standing), entry.methods, self._now).items():
                    yield replace(entry, standing=standing, methods=methods, example=example)
        elif inner_of(app) is not None:
            yield from self._answers(_Stands(type(app), app), level, place)
            yield from self.entries(inner_of(app), level, place)
        else:
            why = "an application of no known framework: what it asks for cannot be seen"
            yield from self._unseen(app, why, level, place)

    def _unseen(self, app: Any, why: str, level: Level, place: Place) -> Iterator[Entry]:
        for standing, methods in level.standings(Asked(Standing("unknown", (why,))), ("*",), self._now).items():
            path, example = place.prefix + ANY_PATH, place.at("/")
            yield Entry(path, methods, standing, "mount", name_of(app), source_of(app), example)

    def _framework(self, app: Any, level: Level, place: Place) -> Iterator[Entry]:
        """A Starlette or FastAPI application, or a router by itself."""
        router = app.router if hasattr(app, "user_middleware") else app
        stack, doubt = _stack(app, router)
        layers = [installed(each.layer, app) for each in stack if each.layer is not None]
        layers = [replace(layer, doubt=doubt or layer.doubt) for layer in layers]
        if layers:
            yield from self._first(app, stack, level, place)
        if any(layer.policy.preflight for layer in layers):
            yield from self._unproven(_Stands(Layer, Layer), ("OPTIONS",), _exempt(_PREFLIGHT), level, place)
        level = level.with_layers(layers, [used for each in stack if not layers for used in each.used])
        for found in Routes(router, app, level, place, self._now).entries():
            if isinstance(found, Mounted):
                yield from self.entries(found.app, found.level, found.place)
            else:
                yield found

    def _first(self, app: Any, stack: list[_Stands], level: Level, place: Place) -> Iterator[Entry]:
        """What stands outside our layer, or so far inside that nothing checks the request again."""
        outermost = next(at for at, each in enumerate(stack) if each.layer is not None)
        last = max((at for at, each in enumerate(stack) if each.cls is Recheck), default=outermost)
        by_route = any(installed(each.layer, app).by_route for each in stack if each.layer is not None)
        for each in stack[:outermost]:
            yield from self._answers(each, level, place)
        for each in stack[last + 1 :] if by_route else ():
            yield from self._answers(each, level, place, "stands behind the last check: it may change the route")
        if type(app).__call__.__module__ not in _OWN_STACK:
            yield from self._answers(_Stands(type(app), app), level, place)

    def _answers(self, stands: _Stands, level: Level, place: Place, why: str = "may answer first") -> Iterator[Entry]:
        known = class_path(stands.cls)
        if known in _PASSING:
            return
        if known in _ANSWERING:
            methods, reason = _ANSWERING[known]
            yield from self._unproven(stands, methods, _exempt(reason), level, place)
        else:
            bare = Standing("unknown", (f"{name_of(stands.shown)} {why}",))
            yield from self._unproven(stands, ("*",), bare, level, place)

    def _unproven(
        self, stands: _Stands, methods: tuple[str, ...], bare: Standing, level: Level, place: Place
    ) -> Iterator[Entry]:
        name, source = name_of(stands.shown), source_of(stands.shown)
        for standing, named in level.standings(Asked(bare), methods, self._now).items():
            yield Entry(place.prefix + ANY_PATH, named, standing, "middleware", name, source)


def _exempt(reason: str) -> Standing:
    return Standing("exempt", (f"exempt: {reason}",), reason=reason)


def _stack(app: Any, router: Any) -> tuple[list[_Stands], str]:
    """What stands before the routes, outermost first; and why a layer in it cannot be relied on."""
    inside, inside_seen = _chain(getattr(router, "middleware_stack", None), router.app)
    if router is app:
        return inside, "" if inside_seen else _NOT_SEEN
    if app.middleware_stack is not None:
        built, seen = _chain(app.middleware_stack, router)
        if seen:
            return [*built, *inside], "" if inside_seen else _NOT_SEEN
    declared = [_declared(each, app) for each in app.user_middleware]
    builds = getattr(app.build_middleware_stack, "__module__", "")
    seen = inside_seen and app.middleware_stack is None and builds in _OWN_STACK
    return [*declared, *inside], "" if seen else _NOT_SEEN


def _chain(outermost: Any, end: Any) -> tuple[list[_Stands], bool]:
    """What is wrapped around `end`, and whether that could be seen to the end."""
    found: list[_Stands] = []
    while outermost is not None and outermost != end:
        used = (*vars(type(outermost)).values(), *getattr(outermost, "__dict__", {}).values())
        layer = outermost if isinstance(outermost, Layer) else None
        found.append(_Stands(type(outermost), getattr(outermost, "dispatch_func", outermost), layer, used))
        outermost = inner_of(outermost, end)
    return found, outermost is not None


def _declared(middleware: Any, app: Any) -> _Stands:
    cls: Any = middleware.cls
    args, settings = tuple(middleware.args), dict(middleware.kwargs)
    while isinstance(cls, partial) and not cls.args:
        cls, settings = cls.func, {**cls.keywords, **settings}
    layer = cls(app.router, *args, **settings) if isinstance(cls, type) and issubclass(cls, Layer) else None
    shown = settings.get("dispatch", cls)
    used = (cls, *vars(cls).values(), *args, *settings.values())
    return _Stands(cls, shown, layer, used)
