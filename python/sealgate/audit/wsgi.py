"""WSGI: what stands around an application, what is mounted beside it, and applications that no framework made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from types import MethodType
from typing import Any

from sealgate.audit.applications import entries_of
from sealgate.audit.entry import Entry, Standing, name_of, source_of
from sealgate.audit.layers import class_path, inner_of, judged, wrapped
from sealgate.wsgi import SignatureMiddleware

__all__ = ["ANY_PATH", "around", "entries"]

ANY_PATH = "/<path:path>"
_ALL = ("*",)
Own = Callable[[str], Iterator[Entry]]


def entries(app: Any, prefix: str, now: float) -> Iterator[Entry]:
    """Of any WSGI callable: what its layers answer, and what is within, as far as it can be seen."""
    return around(app, prefix, now)


def around(app: Any, prefix: str, now: float, bottom: Any = None, own: Own | None = None) -> Iterator[Entry]:
    """Of `app` and what it wraps, outermost first, down to `bottom`, whose entries are `own`, given a prefix."""
    return _Walk(prefix, now, bottom, own).entries(app)


@dataclass
class _Walk:
    prefix: str
    now: float
    bottom: Any
    own: Own | None

    def entries(self, app: Any) -> Iterator[Entry]:
        if self.own is not None and app == self.bottom:
            yield from self.own(self.prefix)
            return
        if isinstance(app, SignatureMiddleware):
            yield from self._verified(app)
            return
        if self.own is None and isinstance(app, MethodType) and getattr(app.__func__, "__module__", "") == "flask.app":
            # `DispatcherMiddleware(not_found, {"/shop": shop.wsgi_app})`: past what may stand in its place by now
            yield from import_module("sealgate.audit.flask").rules(app.__self__, self.prefix, self.now)
            return
        read = _KNOWN.get(class_path(app))
        inner = inner_of(app, self.bottom)
        if read is not None:
            yield from read(self, app)
        elif inner is not None:
            yield self._entry("middleware", app, Standing("unknown", (f"{name_of(app)} may answer first",)))
        if inner is not None:
            yield from self._below(inner)
        elif self.own is not None:
            why = f"whether {name_of(app)} hands every request on cannot be seen"
            yield self._entry("middleware", app, Standing("unknown", (why,)))
            yield from self.own(self.prefix)
        else:
            why = "an application of no known framework: what it asks for cannot be seen"
            yield self._entry("mount", app, Standing("unknown", (why,)), example=f"{self.prefix}/")

    def _below(self, inner: Any) -> Iterator[Entry]:
        """`inner` may be a framework's."""
        if self.own is not None:
            yield from self.entries(inner)
        else:
            yield from entries_of(inner, self.prefix, self.now)

    def _verified(self, app: Any) -> Iterator[Entry]:
        layer = judged(app.policy, (), "*", self.now)
        if type(app).__call__ is not SignatureMiddleware.__call__:
            layer = Standing("unknown", (f"{name_of(app)} changes what SignatureMiddleware does",))
        whole = self._entry("mount", app.app, layer, example=f"{self.prefix}/")
        inner = [wrapped(entry, layer) for entry in self._below(app.app)]
        if not any((entry.path, entry.methods) == (whole.path, whole.methods) for entry in inner):
            yield whole
        yield from inner

    def _mounts(self, app: Any) -> Iterator[Entry]:
        for path, mounted in app.mounts.items():
            below = self.prefix + path.rstrip("/")
            if self.own is not None and (mounted == self.bottom or mounted is self.bottom.__self__):
                yield from self.own(below)  # the very application, at another place; and so on below that
            else:
                yield from entries_of(mounted, below, self.now)

    def _files(self, app: Any) -> Iterator[Entry]:
        for path, _ in app.exports:
            yield self._entry("static", app, Standing("open", ("files, before the application",)), path)

    def _proxy(self, app: Any) -> Iterator[Entry]:
        for path in app.targets:
            yield self._entry("mount", app, Standing("open", ("handed to another server",)), path)

    def _debugger(self, app: Any) -> Iterator[Entry]:
        yield self._entry("middleware", app, Standing("open", ("the debugger answers first, with a console",)))

    def _passes(self, _app: Any) -> Iterator[Entry]:
        yield from ()

    def _entry(self, kind: str, view: Any, standing: Standing, below: str = "", example: str | None = None) -> Entry:
        path = self.prefix + below.rstrip("/") + ANY_PATH
        return Entry(path, _ALL, standing, kind, name_of(view), source_of(view), example)


#: Werkzeug's, by name: they are known where Werkzeug is not installed.
_KNOWN: dict[str, Callable[[_Walk, Any], Iterator[Entry]]] = {
    "a2wsgi.asgi.ASGIMiddleware": _Walk._passes,
    "werkzeug.middleware.dispatcher.DispatcherMiddleware": _Walk._mounts,
    "werkzeug.middleware.shared_data.SharedDataMiddleware": _Walk._files,
    "werkzeug.middleware.http_proxy.ProxyMiddleware": _Walk._proxy,
    "werkzeug.debug.DebuggedApplication": _Walk._debugger,
    "werkzeug.middleware.proxy_fix.ProxyFix": _Walk._passes,
    "werkzeug.middleware.lint.LintMiddleware": _Walk._passes,
    "werkzeug.middleware.profiler.ProfilerMiddleware": _Walk._passes,
}
