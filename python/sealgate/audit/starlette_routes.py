"""The routes of one Starlette or FastAPI router, included ones too: what each takes, and what it asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import quote

from sealgate.asgi import Layer
from sealgate.audit.dependencies import bare, proofs_of
from sealgate.audit.entry import Entry, Standing, name_of, source_of
from sealgate.audit.files import with_files
from sealgate.audit.layers import class_path, inner_of, is_a
from sealgate.audit.levels import Asked, Installed, Level, Rules, installed, no_rules, ours
from sealgate.audit.starlette_paths import Paths, Pattern, examples
from sealgate.policy import WEBSOCKET, Rule

__all__ = ["ANY_PATH", "Mounted", "Place", "Routes"]

ANY_PATH = "/{path:path}"
_NOWHERE = "/no-route-takes-this"
_HTTP_ENDPOINT = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
_ANY_METHOD = (*_HTTP_ENDPOINT, "WEBSOCKET")
_FILES = "starlette.staticfiles.StaticFiles"
_PLAIN = "/:@!$&'()*+,;="  # besides unreserved ones (RFC 3986, 3.3)
_ALL_PATHS = re.compile("")


def _always(_path: str, _method: str) -> bool:
    return True


@dataclass(frozen=True)
class Place:
    """Where a router stands. `prefix`: as patterns; `example`: as a path, encoded, None where there is none.

    `reaches`: whether such a path below it comes here, past the routes of the applications around it. `above`: the
    identities of these.
    """

    prefix: str = ""
    example: str | None = ""
    reaches: Callable[[str, str], bool] = _always
    above: frozenset[int] = frozenset()

    def at(self, path: str, methods: Iterable[str] = ("*",)) -> str | None:
        """The whole of `path`, encoded, if it comes here with all of `methods`."""
        asked = {*methods, *_ANY_METHOD} if "*" in methods else methods
        return self.below(path) if all(self.reaches(path, method) for method in asked) else None

    def below(self, path: str) -> str | None:
        return None if self.example is None else self.example + quote(path, safe=_PLAIN)


class Mounted(NamedTuple):
    """An application that a route hands over to."""

    app: Any
    level: Level
    place: Place


class _Found(NamedTuple):
    """One route. `taken`: with what its includes add; `routers`: those it is included through, innermost first."""

    taken: Any
    routers: tuple[Any, ...]
    kind: str
    pattern: Pattern


class Routes:
    """Of `router`, whose application is `app`; `overrides`: of its dependencies."""

    def __init__(self, router: Any, app: Any, level: Level, place: Place, now: float) -> None:
        self._router = router
        self._level = level
        self._place = place
        self._now = now
        self._overrides: Mapping[Any, Any] = getattr(app, "dependency_overrides", None) or {}
        self._found = list(_all(router))
        # A host's routes come first for that host only.
        self._paths = Paths(each.pattern for each in self._found if each.kind not in {"host", "other"})

    def entries(self) -> Iterator[Entry | Mounted]:
        for found in self._found:
            yield from _KINDS[found.kind](self, found)
        yield from self._elsewhere()

    def _view(self, found: _Found) -> Iterator[Entry]:
        taken, websocket = found.taken, found.kind == "websocket"
        endpoint = taken.endpoint
        asked = Asked(
            bare(taken, endpoint, self._level, self._overrides, self._now, websocket=websocket),
            lambda method: _rules(endpoint, found.routers, method),
            proofs_of(taken),
        )
        level = self._level.with_layers(_around(getattr(taken, "app", None), endpoint))
        kind = "docs" if getattr(endpoint, "__module__", "") == "fastapi.applications" else found.kind
        yield from self._judged(found, taken.path, asked, kind, endpoint, level)

    def _files(self, found: _Found) -> Iterator[Entry]:
        """A front end: static files, after all other routes."""
        asked = Asked(
            bare(found.taken, None, self._level, self._overrides, self._now),
            no_rules,
            proofs_of(found.taken),
        )
        path = found.pattern.path.replace("{path}", "{path:path}")
        yield from self._judged(found, path, asked, "static", None, self._level)

    def _mount(self, found: _Found) -> Iterator[Entry | Mounted]:
        mount = found.taken
        rules = _rules_of_mount(mount.app, found.routers)
        seen = hasattr(getattr(mount.app, "router", mount.app), "routes")
        if is_a(mount.app, _FILES):
            asked = Asked(self._level.nothing(), rules)
            yield from self._judged(found, mount.path + ANY_PATH, asked, "static", mount.app, self._level)
            return
        path = next(examples(found.pattern), None)
        below = None if path is None else path.rpartition("/")[0]
        place = Place(
            self._place.prefix + mount.path,
            None if below is None else self._place.below(below),
            lambda path, method: below is not None and self._reaches(found, below + path, method),
            self._place.above,
        )
        yield Mounted(mount.app, self._level.below(rules, seen=seen), place)

    def _host(self, found: _Found) -> Iterator[Mounted]:
        host = found.taken
        rules = _rules_of_mount(host.app, found.routers)
        seen = hasattr(getattr(host.app, "router", host.app), "routes")
        level = self._level.below(rules, seen=seen, note=f"only at the host {host.host}")
        yield Mounted(host.app, level, Place(self._place.prefix, None, above=self._place.above))

    def _other(self, found: _Found) -> Iterator[Entry]:
        route = found.taken
        why = f"a route of the kind {class_path(route)}: what it takes cannot be seen"
        asked = Asked(Standing("unknown", (why,)), None)
        path = str(getattr(route, "path", ANY_PATH))
        for standing, methods in self._level.standings(asked, ("*",), self._now).items():
            yield Entry(self._place.prefix + path, methods, standing, "view", name_of(route), source_of(route))

    def _judged(self, found: _Found, path: str, asked: Asked, kind: str, view: Any, level: Level) -> Iterator[Entry]:
        for standing, shown in level.standings(asked, _methods(found), self._now).items():
            for reached, example, why in self._examples(found, shown):
                noted = with_files(replace(standing, evidence=(*standing.evidence, why)) if why else standing, view)
                view_name, source = ("", None) if view is None else (name_of(view), source_of(view))
                yield Entry(self._place.prefix + path, reached, noted, kind, view_name, source, example)

    def _examples(self, found: _Found, methods: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str | None, str]]:
        """A path that goes to the route, with those of `methods` with which it does; and the others, and why."""
        reached: tuple[str, ...] = ()
        example, why = "", "no path could be made for it"
        for path in examples(found.pattern):
            firsts = {method: self._paths.first(path, method) for method in methods}
            here = tuple(method for method in methods if self._goes(found, firsts[method], path, method))
            if len(here) > len(reached):
                reached, example = here, path
            others = {first.path for first in firsts.values() if first is not None and first is not found.pattern}
            why = f"{path} goes to {', '.join(sorted(others))} first" if others else f"{path} goes elsewhere"
            if reached == tuple(methods):
                break
        if reached:
            yield reached, self._place.below(example), ""
        rest = tuple(method for method in methods if method not in reached)
        if rest:
            yield rest, None, why

    def _goes(self, found: _Found, first: Pattern | None, path: str, method: str) -> bool:
        return first is found.pattern and self._place.reaches(path, method)

    def _reaches(self, found: _Found, path: str, method: str) -> bool:
        return self._goes(found, self._paths.first(path, method), path, method)

    def _elsewhere(self) -> Iterator[Entry]:
        """What no route takes, and what differs from one in its last slash."""
        if any(found.kind == "mount" and found.taken.path == "" for found in self._found):
            return
        path = self._place.prefix + ANY_PATH
        missing = None if self._paths.takes(_NOWHERE) else self._place.at(_NOWHERE)
        slashed = None
        if getattr(self._router, "redirect_slashes", False):
            slashed = next(filter(None, map(self._slashed, self._found)), None)
        for standing, methods in self._level.standings(Asked(self._level.nothing()), ("*",), self._now).items():
            if slashed is not None:
                yield Entry(path, methods, standing, "redirect", example=self._place.at(slashed))
            yield Entry(path, methods, standing, "missing", example=missing)

    def _slashed(self, found: _Found) -> str | None:
        """A path that is redirected to one of the route."""
        if found.kind not in {"view", "mount"}:
            return None
        for path in examples(found.pattern):
            other = path.rpartition("/")[0] + "/" if found.kind == "mount" else path
            other = other.rstrip("/") if other.endswith("/") else f"{other}/"
            if other != "/" and other and not self._paths.takes(other):
                return other
        return None


#: How each kind of route is read.
_KINDS: dict[str, Callable[[Routes, _Found], Iterator[Any]]] = {
    "view": Routes._view,
    "websocket": Routes._view,
    "mount": Routes._mount,
    "host": Routes._host,
    "static": Routes._files,
    "other": Routes._other,
}
#: By a class among those of the route: no framework is imported to find out.
_CLASSES = {
    "starlette.routing.WebSocketRoute": "websocket",
    "starlette.routing.Mount": "mount",
    "starlette.routing.Host": "host",
    "starlette.routing.Route": "view",
    "fastapi.routing._EffectiveRouteContext": "view",
}


def _all(router: Any) -> Iterator[_Found]:
    for taken, routers in _flat(router.routes, ()):
        kind = next((_CLASSES[name] for name in map(class_path, type(taken).__mro__) if name in _CLASSES), "other")
        yield _Found(taken, routers, kind, _pattern(taken, kind))
    late = [*getattr(router, "_low_priority_routes", ())]
    fastapi = ours()
    if fastapi is not None:
        late += [each for route in router.routes for each in fastapi.late_routes(route)]
    for group in late:
        original, prefix = getattr(group, "original_route", group), getattr(group, "frontend_prefix", "")
        for route in original.routes:
            path = "/".join(part.strip("/") for part in (prefix, route.path) if part.strip("/"))
            pattern = Pattern(
                f"/{path}/{{path}}" if path else "/{path}",
                re.compile(f"^/{re.escape(path)}(/|$)" if path else "^/"),
                {"path": _Anything},
                frozenset(route.methods),
                route,
            )
            yield _Found(group, (), "static", pattern)


class _Anything:
    regex = ".*"

    @staticmethod
    def convert(text: str) -> str:
        return text


def _flat(routes: Iterable[Any], routers: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Those of included routers where these stand; `routers`: innermost first."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from _flat(route.effective_candidates(), (route.original_router, *routers))
        else:
            yield getattr(route, "starlette_route", None) or route, routers


def _pattern(taken: Any, kind: str) -> Pattern:
    if kind in {"host", "other"}:
        return Pattern("", _ALL_PATHS, {}, None, taken)
    methods: frozenset[str] | None = None
    if kind == "websocket":
        methods = frozenset({"WEBSOCKET"})
    elif kind == "view":
        methods = frozenset(taken.methods) if taken.methods else None
    return Pattern(taken.path_format, taken.path_regex, taken.param_convertors, methods, taken)


def _methods(found: _Found) -> set[str]:
    """`*` where what answers decides."""
    if found.pattern.methods is not None:
        return set(found.pattern.methods)
    if is_a(found.taken.app, _FILES):
        return {"GET", "HEAD"}
    endpoint = getattr(found.taken, "endpoint", None)
    if isinstance(endpoint, type) and is_a(endpoint, "starlette.endpoints.HTTPEndpoint"):
        named = {method for method in _HTTP_ENDPOINT if getattr(endpoint, method.lower(), None) is not None}
        return named | ({"HEAD"} if "GET" in named else set())
    return {"*"}


def _rules(endpoint: Any, routers: Iterable[Any], method: str) -> list[Rule]:
    """As `Sealgate` finds them."""
    fastapi = ours()
    if fastapi is None:
        return []
    scope = {"type": "websocket"} if method == WEBSOCKET else {"type": "http", "method": method}
    return [rule for each in (endpoint, *routers) for rule in fastapi.rules_of(each, scope)]


def _rules_of_mount(app: Any, routers: Iterable[Any]) -> Rules:
    return lambda method: _rules(app, routers, method)


def _around(app: Any, endpoint: Any) -> list[Installed]:
    """Layers of ours around one view: `Route(middleware=[Middleware(SignatureMiddleware, ...)])`."""
    layers: list[Installed] = []
    while app is not None and app is not endpoint and not hasattr(app, "__code__"):
        if isinstance(app, Layer):
            layers.append(installed(app, None))
        app = inner_of(app)
    return layers
