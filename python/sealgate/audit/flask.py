"""Flask: the rules of an application, what runs before our hook, and what stands around it."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import MethodType
from typing import Any

from flask import Flask, appcontext_pushed, request_started
from flask.wrappers import Request
from werkzeug.routing import Rule as Route

from sealgate.audit.entry import Entry, Standing, by_standing, name_of, source_of
from sealgate.audit.files import with_files
from sealgate.audit.flask_paths import ANY_PATH, Example, Paths
from sealgate.audit.layers import judged, nothing
from sealgate.audit.wsgi import around
from sealgate.flask import Gate
from sealgate.policy import Rule

__all__ = ["entries", "rules"]

#: Of a rule that names no methods: those that an exemption may have apart.
_ALL = frozenset({"*", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
#: What Flask does with a request before and around the hooks: where one is overridden, nobody knows.
_ANSWERING = ("__call__",)
_DECIDING = ("full_dispatch_request", "preprocess_request", "ensure_sync")
#: What our hook reads of a request.
_READ = ("blueprint", "blueprints", "endpoint", "environ", "method", "url_rule")
#: What a `url_value_preprocessor` that only keeps a value looks up; anything else might raise.
_KEEPERS = frozenset({"g"})


def entries(app: Flask, prefix: str, now: float) -> Iterator[Entry]:
    """Every rule and method, what is answered where no rule is, and what answers before our hook."""
    bottom = MethodType(Flask.wsgi_app, app)
    return around(app.wsgi_app, prefix, now, bottom, lambda at: rules(app, at, now))


def rules(app: Flask, prefix: str, now: float) -> Iterator[Entry]:
    """As `entries`, without what stands around its `wsgi_app`."""
    return _Application(app, prefix, now).entries()


class _Application:
    def __init__(self, app: Flask, prefix: str, now: float) -> None:
        self._app = app
        self._prefix = prefix
        self._now = now
        self._paths = Paths(app.url_map, prefix)
        gate = app.extensions.get("sealgate")
        hooks = app.before_request_funcs.get(None, [])
        self._gate = gate if isinstance(gate, Gate) and gate.check in hooks else None
        self._before = hooks[: hooks.index(self._gate.check)] if self._gate else []
        self._installed = "" if gate is None or self._gate else "sealgate is installed, but its hook is gone"
        self._overridden = [name for name in _DECIDING if _is_overridden(app, name)]
        own = app.request_class.__mro__
        self._overridden += [
            name for cls in own[: own.index(Request) if Request in own else None] for name in _READ if name in vars(cls)
        ]

    def entries(self) -> Iterator[Entry]:
        if self._gate is not None:
            yield from self._first()
        for route in self._app.url_map.iter_rules():
            if not route.build_only:
                yield from self._of(route)
        yield self._missing()

    def _first(self) -> Iterator[Entry]:
        """What may answer, or fail, before our hook."""
        if self._gate is not None and self._gate.policy.preflight:
            reason = "a CORS preflight is answered without a view"
            standing = Standing("exempt", (f"exempt: {reason}",), reason=reason)
            yield self._entry(ANY_PATH, ("OPTIONS",), standing, "middleware", Gate, Example(None))
        for hook in self._before:
            yield self._middleware(hook, f"the hook {name_of(hook)} goes first: it may answer")
        for functions in self._app.url_value_preprocessors.values():
            for function in functions:
                if not _only_keeps(function):
                    yield self._middleware(function, f"the preprocessor {name_of(function)} goes first: it may abort")
        for signal in (appcontext_pushed, request_started):
            for receiver in signal.receivers_for(self._app) if signal.receivers else ():
                yield self._middleware(receiver, f"{name_of(receiver)} is told first ({signal.name}): it may abort")
        for name in _ANSWERING:
            if _is_overridden(self._app, name):
                yield self._middleware(type(self._app), f"{name_of(self._app)} has a {name} of its own")

    def _of(self, route: Route) -> Iterator[Entry]:
        view = self._app.view_functions.get(route.endpoint)
        shown = getattr(view, "view_class", view)
        kind = self._kind(route)
        methods = sorted({"WEBSOCKET"} if route.websocket else route.methods or _ALL)
        if route.redirect_to is not None:
            for reached, example in self._paths.redirected(route, methods):
                yield self._redirect(route.rule, reached, example)
            return
        for standing, names in by_standing(methods, lambda method: self._standing(route, view, method)).items():
            for reached, example in self._paths.examples(route, names):
                yield self._entry(route.rule, _shown(reached), standing, kind, shown, example)
        if route.strict_slashes and not route.is_leaf and route.rule != "/":
            found = list(self._paths.redirected(route, methods, unslashed=True))
            if any(example.path is not None for _, example in found):
                for reached, example in found:  # methods that another rule takes too, or `*` would mean them
                    yield self._redirect(route.rule.rstrip("/"), reached, example)

    def _redirect(self, rule: str, methods: tuple[str, ...], example: Example) -> Entry:
        """Werkzeug raises it when it has found no rule, so that no rule's exemption counts."""
        return self._entry(rule, _shown(methods), self._without_route(), "redirect", None, example)

    def _missing(self) -> Entry:
        return self._entry(ANY_PATH, ("*",), self._without_route(), "missing", None, self._paths.missing())

    def _standing(self, route: Route, view: Any, method: str) -> Standing:
        request = _matched(route, method)
        if self._gate is None:
            standing = self._bare(route, view, request)
        else:
            standing = self._judged(self._gate, list(self._gate.rules(request)), request.method)
        notes = [
            f"{name_of(function)} sees the values of the path first"
            for name in (None, *reversed(request.blueprints))
            for function in self._app.url_value_preprocessors.get(name, ())
        ]
        place = route.host if self._app.url_map.host_matching else route.subdomain
        notes += [f"only at the host or subdomain {place}"] if place else []
        cls = getattr(view, "view_class", None)
        return with_files(_noted(standing, notes), view, cls)

    def _judged(self, gate: Gate, rules: list[Rule], method: str) -> Standing:
        if self._overridden:
            names = ", ".join(self._overridden)
            return Standing(
                "unknown", (f"{name_of(self._app)} has its own {names}: whether our hook runs is not known",)
            )
        return judged(gate.policy, rules, method, self._now)

    def _without_route(self) -> Standing:
        if self._gate is not None:
            return self._judged(self._gate, [], "*")
        return _noted(nothing(*self._app.before_request_funcs.get(None, ())), [self._installed])

    def _bare(self, route: Route, view: Any, request: Request) -> Standing:
        """Without the extension."""
        used: list[Any] = []
        for name in (None, *request.blueprints):
            used += self._app.before_request_funcs.get(name, ())
        if not (request.method == "OPTIONS" and getattr(route, "provide_automatic_options", False)):
            cls = getattr(view, "view_class", None)
            used += [view, getattr(cls, request.method.lower(), None), getattr(cls, "dispatch_request", None)]
        return _noted(nothing(*used), [self._installed])

    def _kind(self, route: Route) -> str:
        if route.websocket:
            return "websocket"
        owner, _, last = str(route.endpoint).rpartition(".")
        scaffold = self._app.blueprints.get(owner) if owner else self._app
        return "static" if last == "static" and scaffold is not None and scaffold.has_static_folder else "view"

    def _middleware(self, function: Any, why: str) -> Entry:
        return self._entry(ANY_PATH, ("*",), Standing("unknown", (why,)), "middleware", function, Example(None))

    def _entry(
        self, rule: str, methods: tuple[str, ...], standing: Standing, kind: str, view: Any, example: Example
    ) -> Entry:
        standing = _noted(standing, [example.why])
        view_name, source = ("", None) if view is None else (name_of(view), source_of(view))
        return Entry(self._prefix + rule, methods, standing, kind, view_name, source, example.path)


def _matched(route: Route, method: str) -> Request:
    """The request that Flask has when it has taken `route`: what its own properties say, the gate reads."""
    request = Request({"REQUEST_METHOD": "GET" if method == "WEBSOCKET" else method})
    request.url_rule = route
    return request


def _shown(methods: tuple[str, ...]) -> tuple[str, ...]:
    """`*` stands for those beside it as well."""
    return ("*",) if "*" in methods else methods


def _noted(standing: Standing, notes: list[str]) -> Standing:
    return replace(standing, evidence=(*standing.evidence, *(note for note in notes if note)))


def _is_overridden(app: Flask, name: str) -> bool:
    return getattr(getattr(app, name), "__func__", None) is not getattr(Flask, name)


def _only_keeps(function: Callable[..., Any]) -> bool:
    """Whether it does no more than move values to where the views look for them, so that it cannot answer."""
    if not inspect.isfunction(function) or function.__closure__:
        return False
    steps = list(dis.get_instructions(function))
    looked_up = {step.argval for step in steps if step.opname in {"LOAD_GLOBAL", "LOAD_NAME"}}
    return looked_up <= _KEEPERS and not any(step.opname in {"RAISE_VARARGS", "IMPORT_NAME"} for step in steps)
