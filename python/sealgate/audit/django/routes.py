"""The routes of a URLconf: their paths in each language, what kind they are, and which code answers which method."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.urls import URLResolver
from django.urls.resolvers import LocalePrefixPattern, RegexPattern
from django.utils import translation
from django.views.generic import RedirectView, View

from sealgate import policy
from sealgate.audit.entry import layers, name_of
from sealgate.django.routes import Found, api_view_function, endpoints, rules_of_found
from sealgate.policy import Exempt

__all__ = ["METHODS", "Route", "definers", "initkwargs_of", "path_of", "routes", "view_class"]

#: Of RFC 9110, 9, and PATCH (RFC 5789).
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


class Code(NamedTuple):
    """What answers: its name, and where to read it."""

    name: str
    code: Any


class Route(NamedTuple):
    """`path`: with its leading slash. `language`: the one it is in, where it is not the same in each."""

    found: Found
    path: str
    language: str | None

    @property
    def kind(self) -> str:
        cls = view_class(self.found.view)
        if any(_is_admin(part) for part in self.found.chain) or any(map(_is_admin_view, layers(self.found.view))):
            return "admin"
        if cls is not None and issubclass(cls, RedirectView):
            return "redirect"
        module = (cls or _written(self.found.view)).__module__ or ""
        return next((kind for prefix, kind in _KINDS.items() if f"{module}.".startswith(prefix)), "view")

    def views(self) -> Iterator[tuple[Code, tuple[str, ...]]]:
        """Each piece of code that answers here, with its methods, sorted: the actions of a view set are several."""
        view = self.found.view
        cls = view_class(view)
        if cls is None:
            yield Code(name_of(view), view), tuple(sorted(METHODS | _named(self.found)))
            return
        groups: dict[str, list[str]] = {}
        actions = _actions(view)
        answered = _methods(view, cls)
        for method in sorted(answered | _named(self.found) if answered >= METHODS else answered):
            groups.setdefault(_action(actions, method), []).append(method)
        for action, methods in groups.items():
            yield _code(cls, action, methods), tuple(methods)


_KINDS = {
    "django.views.static.": "static",
    "django.contrib.staticfiles.": "static",
    "django.contrib.admin.": "admin",
    "django.contrib.admindocs.": "docs",
    "drf_spectacular.": "docs",
    "drf_yasg.": "docs",
    "rest_framework.documentation.": "docs",
    "rest_framework.schemas.": "docs",
}


def routes(resolver: URLResolver) -> Iterator[Route]:
    """Every route, once for each of its paths. LANGUAGE_CODE need not be one of LANGUAGES, and may be active."""
    languages = dict.fromkeys([settings.LANGUAGE_CODE, *(code for code, _ in settings.LANGUAGES)])
    for found in endpoints(resolver):
        if not any(_is_translated(part.pattern) for part in found.chain):
            yield Route(found, path_of(found), None)
            continue
        paths: dict[str, str] = {}
        for language in languages:
            with translation.override(language):
                paths.setdefault(path_of(found), language)
        yield from (Route(found, path, language) for path, language in paths.items())


def path_of(found: Found) -> str:
    """As `ResolverMatch.route` has it, without the anchors of regular expressions, in the language that is active."""
    return "/" + "".join(_text(part.pattern) for part in found.chain[1:])


def view_class(view: Any) -> type | None:
    """Of Django's class-based views, and of REST framework's view sets."""
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)
    return cls if isinstance(cls, type) and hasattr(cls, "as_view") else None


def initkwargs_of(view: Any) -> Mapping[str, Any]:
    """What `as_view` was given, which goes before the attributes of the class."""
    given = getattr(view, "view_initkwargs", None) or getattr(view, "initkwargs", None)
    return given if isinstance(given, dict) else {}


def definers(view: Any) -> Iterator[str]:
    """The modules whose functions stand around the view of a class, outermost first."""
    for layer in layers(view):
        yield getattr(layer, "__globals__", {}).get("__name__", type(layer).__module__)


def _written(view: Any) -> Any:
    *_, written = layers(view)
    return written if hasattr(written, "__module__") else type(written)


def _is_translated(pattern: Any) -> bool:
    if isinstance(pattern, LocalePrefixPattern):
        return True
    return not isinstance(getattr(pattern, "_route", getattr(pattern, "_regex", "")), str)


def _text(pattern: Any) -> str:
    text = str(pattern)
    if not isinstance(pattern, RegexPattern):
        return text
    text = text.removeprefix("^")
    if text.endswith("\\Z"):
        return text[:-2]
    return text[:-1] if text.endswith("$") and not text.endswith("\\$") else text


def _is_admin(part: Any) -> bool:
    """A URLconf of `AdminSite.urls`."""
    return isinstance(part, URLResolver) and part.app_name == "admin"


def _is_admin_view(layer: Any) -> bool:
    return hasattr(layer, "admin_site") or hasattr(layer, "model_admin")


def _named(found: Found) -> frozenset[str]:
    """What exemptions name beside the standard methods."""
    rules = rules_of_found(found, "GET")
    return frozenset().union(*(rule.methods for rule in rules if isinstance(rule, Exempt))) - {policy.WEBSOCKET}


def _actions(view: Any) -> Mapping[str, str]:
    actions = getattr(view, "actions", None)
    return actions if isinstance(actions, dict) else {}


def _methods(view: Any, cls: type) -> frozenset[str]:
    """What the class answers; whatever it may be, where somebody has put code of his own in between."""
    given = initkwargs_of(view)
    names = given.get("http_method_names", getattr(cls, "http_method_names", ()))
    actions = _actions(view)
    answered = {name for name in names if name in actions or hasattr(cls, name)}
    if "get" in answered and "head" in names:
        answered.add("head")
    methods = frozenset(name.upper() for name in answered)
    is_plain = issubclass(cls, View) and not any(map(_is_own, (*_deciders(cls), *definers(view))))
    return methods if is_plain and "dispatch" not in given and "setup" not in given else methods | METHODS


def _deciders(cls: type) -> Iterator[str]:
    for name in ("dispatch", "setup", "http_method_not_allowed", "__getattr__", "__getattribute__", "__init__"):
        decider = getattr(cls, name, None)
        if decider is not getattr(object, name, None):
            written = inspect.unwrap(decider) if callable(decider) else decider
            yield getattr(written, "__module__", None) or ""


def _is_own(module: str) -> bool:
    """Of a project, not of a framework that answers the methods a class has."""
    return module.partition(".")[0] not in _FRAMEWORKS


_FRAMEWORKS = {"django", "rest_framework", "drf_spectacular", "sealgate"}


def _action(actions: Mapping[str, str], method: str) -> str:
    name = method.lower()
    if name == "head" and "head" not in actions:
        name = "get"
    return actions.get(name, "")


def _code(cls: type, action: str, methods: list[str]) -> Code:
    function = api_view_function(cls, methods[0].lower()) if methods else None
    function = function or next((found for name in methods if (found := api_view_function(cls, name.lower()))), None)
    if function is not None:
        return Code(name_of(function), function)
    if action:
        return Code(f"{name_of(cls)}.{action}", getattr(cls, action, cls))
    return Code(name_of(cls), cls)
