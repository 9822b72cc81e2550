"""What a framework knows of an application: read off the application itself, and no framework is imported for it."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sealgate import Verifier
from sealgate.exceptions import ConfigurationError
from sealgate.policy import Policy, Require, rule_of, rules_of_view
from sealgate.posture.application import Application, ring_of

__all__ = ["application_of", "sources"]

#: What wraps an application keeps it under one of these names.
_WRAPPED = ("wsgi_app", "asgi_app", "app", "_app", "application", "wrapped", "wrap_app", "wsgi", "asgi")
_PROXY_FIX = ("x_for", "x_proto", "x_host", "x_port", "x_prefix")
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_HANDLERS = ("get", "post", "put", "patch", "delete")
_DOCS = frozenset({"docs", "apidocs", "swagger", "swagger-ui", "redoc", "openapi.json", "swagger.json", "apispec.json"})


def application_of(app: Any) -> Application:
    """Of Django (also `django.conf.settings`), Flask, FastAPI, Starlette, or any callable; with what is around it.

    Raises `ConfigurationError` for what is no application.
    """
    layers = list(_layers(app))
    for layer in layers:
        for kind in type(layer).__mro__:
            read = _READERS.get(f"{kind.__module__}.{kind.__qualname__}")
            if read is not None:
                return read(layer, layers)
    if not callable(app):
        raise ConfigurationError(f"{type(app).__module__}.{type(app).__qualname__} is no application")
    proxies = tuple(_trusting(layers))
    return Application(
        "WSGI or ASGI", _verifiers(_policies(layers), ()), None, _globals(), proxies=proxies, sources=sources()
    )


def sources() -> tuple[str, ...]:
    """The files of the loaded modules that are neither Python's, nor installed, nor ours."""
    return tuple(sorted({str(module.__file__) for module in _own_modules()}))


def _django(app: Any, layers: Iterable[Any]) -> Application:  # noqa: ARG001  as every reader is called
    known: Application = import_module("sealgate.django.posture").application()
    around = _verifiers(_policies(layers), ())
    return replace(
        known,
        verifiers=tuple(dict.fromkeys([*around, *known.verifiers])),
        proxies=(*_trusting(layers), *known.proxies),
    )


def _flask(app: Any, layers: Iterable[Any]) -> Application:
    views = [(view, getattr(view, "view_class", None)) for view in app.view_functions.values()]
    rules = [
        *(rule for view, cls in views for handler in _HANDLERS for rule in rules_of_view(view, cls, handler)),
        *(rule_of(blueprint) for blueprint in app.blueprints.values()),
    ]
    gate = app.extensions.get("sealgate")
    paths = [str(rule.rule) for rule in app.url_map.iter_rules()]
    secret = None if app.secret_key is None else ring_of(app.secret_key)
    return Application(
        "Flask",
        _verifiers([*_policies(layers), *([] if gate is None else [gate.policy])], rules),
        debug=bool(app.debug),
        settings={**_globals(), **app.config},
        docs=tuple(path for path in paths if _DOCS & set(path.lower().split("/"))),
        proxies=tuple(_trusting(layers)),
        sources=sources(),
        secrets={} if secret is None else {"app.secret_key": secret},
    )


def _starlette(app: Any, layers: Iterable[Any]) -> Application:
    installed = [each for one in (app, *_mounted(app)) for each in getattr(one, "user_middleware", ())]
    given = [part for each in installed for part in (*each.args, *each.kwargs.values())]
    policies = [*_policies(layers), *(part for part in given if isinstance(part, Policy))]
    rules = [rule for route in _routes(app) for rule in _rules_of_route(route)]
    own = [Require((part,)) for part in given if isinstance(part, Verifier)]
    docs = [getattr(app, name, None) for name in ("docs_url", "redoc_url", "openapi_url")]
    return Application(
        "FastAPI" if hasattr(app, "openapi_url") else "Starlette",
        _verifiers(policies, [*rules, *own]),
        debug=bool(app.debug),
        settings=_globals(),
        docs=tuple(path for path in docs if path),
        proxies=(*_trusting(layers), *_trusting_middleware(installed)),
        sources=sources(),
    )


#: By the module and name of a class.
_READERS: dict[str, Callable[[Any, list[Any]], Application]] = {
    "django.conf.LazySettings": _django,
    "django.core.handlers.base.BaseHandler": _django,
    "flask.app.Flask": _flask,
    "starlette.applications.Starlette": _starlette,
}


def _layers(app: Any) -> Iterator[Any]:
    """The application and what it wraps, outermost first."""
    seen: set[int] = set()
    waiting = [app]
    while waiting:
        layer = waiting.pop(0)
        layer = getattr(layer, "__self__", layer)  # a bound method, such as Flask's wsgi_app
        if id(layer) in seen or isinstance(layer, ModuleType):
            continue
        seen.add(id(layer))
        yield layer
        waiting += [inner for name in _WRAPPED if callable(inner := getattr(layer, name, None))]


def _policies(layers: Iterable[Any]) -> list[Policy]:
    return [layer.policy for layer in layers if isinstance(getattr(layer, "policy", None), Policy)]


def _verifiers(policies: Iterable[Policy], rules: Iterable[Any]) -> tuple[Verifier, ...]:
    demands = [*(policy.default for policy in policies), *(rule for rule in rules if isinstance(rule, Require))]
    return tuple(dict.fromkeys(verifier for demand in demands for verifier in demand.verifiers))


def _mounted(app: Any) -> Iterator[Any]:
    """The applications that are mounted in `app`, and in those."""
    for route in getattr(app, "routes", None) or ():
        inner = getattr(route, "app", None)
        if getattr(inner, "routes", None) is not None and not hasattr(route, "dependant"):
            yield inner
            yield from _mounted(inner)


def _routes(app: Any) -> Iterator[Any]:
    """With those of included routers, which FastAPI keeps apart, and of mounted applications."""
    contexts = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", iter)
    for one in (app, *_mounted(app)):
        yield from contexts(one.routes)


def _rules_of_route(route: Any) -> Iterator[Any]:
    endpoint = getattr(route, "endpoint", None)
    yield from rules_of_view(endpoint, endpoint if isinstance(endpoint, type) else None)
    yield rule_of(getattr(route, "app", None))
    dependants = [route.dependant] if getattr(route, "dependant", None) is not None else []
    while dependants:
        dependant = dependants.pop()
        call = dependant.call
        yield getattr(call, "demand", None)
        inner = getattr(call, "policy", None)
        if isinstance(inner, Policy):
            yield inner.default
        dependants += dependant.dependencies


def _trusting(layers: Iterable[Any]) -> Iterator[str]:
    for layer in layers:
        name = type(layer).__name__
        if name == "ProxyFix":
            trusted = [f"{field}={getattr(layer, field)}" for field in _PROXY_FIX if getattr(layer, field, 0)]
            if trusted:
                yield f"ProxyFix({', '.join(trusted)}) is around the application"
        elif name == "ProxyHeadersMiddleware" and getattr(layer.trusted_hosts, "always_trust", False):
            yield "ProxyHeadersMiddleware around the application trusts everybody"


def _trusting_middleware(installed: Iterable[Any]) -> Iterator[str]:
    for middleware in installed:
        trusted = middleware.kwargs.get("trusted_hosts", middleware.args[0] if middleware.args else "127.0.0.1")
        if getattr(middleware.cls, "__name__", "") == "ProxyHeadersMiddleware" and "*" in trusted:
            yield "ProxyHeadersMiddleware trusts everybody"


def _own_modules() -> Iterator[ModuleType]:
    """Those that were written for the application: neither Python's, nor installed, nor ours."""
    library, ours = sysconfig.get_path("stdlib"), Path(__file__).parents[1]
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not (isinstance(file, str) and file.endswith(".py")):
            continue
        path = Path(file)
        if not (_INSTALLED & set(path.parts) or path.is_relative_to(library) or path.is_relative_to(ours)):
            yield module


def _globals() -> dict[str, Any]:
    """Constants of the application's own modules, by their dotted names."""
    return {
        f"{module.__name__}.{name}": value
        for module in _own_modules()
        for name, value in vars(module).items()
        if name.isupper()
    }
