"""What an audit is asked about: finds the application, its framework, and every way into it."""

from __future__ import annotations

import ast
import inspect
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from sealgate.audit.entry import Entry, name_of
from sealgate.audit.report import Report
from sealgate.exceptions import ConfigurationError

__all__ = ["audit", "entries_of", "framework_of", "load"]


def audit(target: Any, *, now: float | None = None) -> Report:
    """Every way into `target`: an application, `django.conf.settings`, or what a server is given to find one.

    `now`: Unix seconds, by which exemptions end. Raises `ConfigurationError` where there is no application.
    """
    app = load(target) if isinstance(target, str) else target
    found = tuple(_behind(tuple(entries_of(app, "", time.time() if now is None else now))))
    return Report(target if isinstance(target, str) else name_of(app), framework_of(app), found)


def _behind(entries: tuple[Entry, ...]) -> Iterator[Entry]:
    """Says of a route that is verified what may answer before it is asked: that has an entry of its own."""
    first = [each for each in entries if each.kind == "middleware" and each.verdict in {"open", "unknown"}]
    for entry in entries:
        names = [each.view for each in first if entry.path.startswith(each.path.rpartition("/")[0] + "/")]
        if not names or entry.verdict != "verified":
            yield entry
        else:
            note = f"unless {' or '.join(dict.fromkeys(names))} answers first"
            yield replace(entry, standing=replace(entry.standing, evidence=(*entry.standing.evidence, note)))


def load(target: str) -> Any:
    """The application that `module:attribute` or `module:factory()` names, as WSGI and ASGI servers read it.

    A factory may be given literals: `shop:create_app("production", debug=False)`. Raises `ConfigurationError`.
    """
    module, colon, text = target.partition(":")
    if not (colon and all(name.isidentifier() for name in module.split("."))):
        raise ConfigurationError(f"{target!r}: expected module:attribute or module:factory()")
    try:
        expression = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ConfigurationError(f"{target!r}: expected module:attribute or module:factory()") from error
    app = _value(expression, _imported(module, target), target)
    if not (callable(app) or framework_of(app) == "django"):
        raise ConfigurationError(f"{target!r} is {name_of(app)}, and no application")
    return app


def entries_of(app: Any, prefix: str, now: float) -> Iterator[Entry]:
    """Of an application of any framework, mounted at `prefix` (without a slash at its end)."""
    return iter(import_module(_kind_of(app).module).entries(app, prefix, now))


def framework_of(app: Any) -> str:
    """`django`, `flask`, `fastapi`, `starlette`, `wsgi` or `asgi`."""
    return _kind_of(app).framework


class _Kind(NamedTuple):
    framework: str
    module: str


_DJANGO = _Kind("django", "sealgate.audit.django")
_WSGI = _Kind("wsgi", "sealgate.audit.wsgi")
_ASGI = _Kind("asgi", "sealgate.audit.starlette")

#: By a class among those of the application: no framework is imported to find out.
_KINDS = {
    "django.conf.LazySettings": _DJANGO,
    "django.core.handlers.base.BaseHandler": _DJANGO,
    "flask.app.Flask": _Kind("flask", "sealgate.audit.flask"),
    "fastapi.applications.FastAPI": _Kind("fastapi", "sealgate.audit.starlette"),
    "starlette.applications.Starlette": _Kind("starlette", "sealgate.audit.starlette"),
    "starlette.routing.Router": _Kind("starlette", "sealgate.audit.starlette"),
    "sealgate.asgi.Layer": _ASGI,
}


def _kind_of(app: Any) -> _Kind:
    for cls in type(app).__mro__:
        kind = _KINDS.get(f"{cls.__module__}.{cls.__qualname__}")
        if kind is not None:
            return kind
    return _ASGI if _takes_scope(app) else _WSGI


def _takes_scope(app: Any) -> bool:
    """Whether it is called as an ASGI application is: a coroutine function, or one of `scope`, `receive` and `send`."""
    called = app if inspect.isroutine(app) or isinstance(app, partial) else getattr(type(app), "__call__", app)  # noqa: B004  what a call runs
    if inspect.iscoroutinefunction(called):
        return True
    try:
        names = list(inspect.signature(called).parameters)
    except (TypeError, ValueError):
        return False  # built in
    return names[-3:] == ["scope", "receive", "send"]


def _imported(module: str, target: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(f"{error.name}.")):
            raise
        raise ConfigurationError(f"{target!r}: there is no module {error.name!r}") from error


def _value(expression: ast.expr, module: Any, target: str) -> Any:
    match expression:
        case ast.Name(id=name):
            return _member(module, name, target)
        case ast.Attribute(value=owner, attr=name):
            return _member(_value(owner, module, target), name, target)
        case ast.Call(func=factory, args=given, keywords=named) if all(each.arg for each in named):
            try:
                values = [ast.literal_eval(each) for each in given]
                settings = {str(each.arg): ast.literal_eval(each.value) for each in named}
            except ValueError as error:
                raise ConfigurationError(f"{target!r}: a factory is given literals only") from error
            return _value(factory, module, target)(*values, **settings)
    raise ConfigurationError(f"{target!r}: expected module:attribute or module:factory()")


def _member(holder: Any, name: str, target: str) -> Any:
    try:
        return getattr(holder, name)
    except AttributeError as error:
        raise ConfigurationError(f"{target!r}: there is no {name!r} in it") from error
