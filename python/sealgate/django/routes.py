"""The route a request takes, with every `include` around its view: where the rules of a URLconf stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import wraps
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.urls import Resolver404, URLPattern, URLResolver

from sealgate import policy
from sealgate.exceptions import ConfigurationError
from sealgate.policy import Rule

__all__ = [
    "Found",
    "api_view_function",
    "endpoints",
    "exempt",
    "find",
    "require",
    "route_of",
    "rules_of_found",
    "rules_of_part",
]

_E = TypeVar("_E")


class Found(NamedTuple):
    """A view and what leads to it: `chain` from the root inwards, `params` as the patterns converted them."""

    view: Callable[..., Any]
    chain: tuple[Any, ...]
    params: dict[str, Any]

    @property
    def route(self) -> str:
        """The pattern, as `ResolverMatch.route` has it."""
        return route_of(self.chain)


def route_of(chain: Sequence[Any]) -> str:
    """What the parts of a chain say together, without the root, which is every path."""
    return "".join(str(part.pattern) for part in chain[1:])


def require(*verifiers: Any, **settings: Any) -> Callable[[_E], _E]:
    """As `sealgate.policy.require`, and for what `include(...)`, `path(...)`, `static(...)` and `site.urls` give."""
    return _on_urls(policy.require(*verifiers, **settings))


def exempt(reason: str, **settings: Any) -> Callable[[_E], _E]:
    """As `sealgate.policy.exempt`, and for what `include(...)`, `path(...)`, `static(...)` and `site.urls` give."""
    return _on_urls(policy.exempt(reason, **settings))


def find(resolver: URLResolver, path: str) -> Found | None:
    """The view of `path`, by the order of Django's own `resolve`; raises what a converter raises."""
    match = resolver.pattern.match(path)
    if not match:
        return None
    rest, _, params = match
    for pattern in resolver.url_patterns:
        try:
            found = _find_in(pattern, rest)
        except Resolver404:
            continue  # a converter that declines
        if found is not None:
            return Found(found.view, (resolver, *found.chain), {**params, **found.params})
    return None


def _find_in(pattern: Any, path: str) -> Found | None:
    if isinstance(pattern, URLResolver):
        return find(pattern, path)
    leaf = pattern.resolve(path)
    return None if leaf is None else Found(leaf.func, (pattern,), leaf.captured_kwargs or {})


def endpoints(resolver: URLResolver) -> Iterator[Found]:
    """Every view of a URLconf, with what leads to it."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from (Found(found.view, (resolver, *found.chain), {}) for found in endpoints(pattern))
        else:
            yield Found(pattern.callback, (resolver, pattern), {})


def rules_of_part(part: Any) -> Iterator[Rule]:
    """Of a pattern, and of the URLconf that it includes."""
    for holder in (part, getattr(part, "urlconf_name", None)):
        rule = policy.rule_of(holder)
        if rule is not None:
            yield rule


def rules_of_found(found: Found, method: str) -> Iterator[Rule]:
    """Innermost first: of the view, of its pattern, of each `include` around it."""
    view = found.view
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)  # Django's views, and view sets
    handler = _handler(view, cls, method.lower())
    function = api_view_function(cls, handler)
    if function is not None:
        yield from policy.rules_of_view(function)
    yield from policy.rules_of_view(view, cls, handler)
    for part in reversed(found.chain):
        yield from rules_of_part(part)


def _handler(view: Any, cls: Any, method: str) -> str:
    """The name of the method of `cls` that answers; for HEAD that of GET, as `View.setup` and view sets do."""
    actions = getattr(view, "actions", None)  # a view set's; another view may have anything there
    if isinstance(actions, dict) and hasattr(cls, "as_view"):
        return str(actions.get("get" if method == "head" and "head" not in actions else method, method))
    return "get" if method == "head" and not hasattr(cls, "head") else method


def api_view_function(cls: Any, handler: str) -> Any:
    """What `rest_framework.decorators.api_view` decorates, and keeps in the closure of its handlers."""
    function: Any = getattr(cls, handler, None)
    if getattr(function, "__qualname__", "") != "api_view.<locals>.decorator.<locals>.handler":
        return None
    return function.__closure__[0].cell_contents


class _Included:
    """A URLconf with a rule of its own: the one it stands for, which others may include without that rule, has none."""

    def __init__(self, urlconf: Any) -> None:
        self._urlconf = urlconf

    def __getattr__(self, name: str) -> Any:
        return getattr(self._urlconf, name)

    @property
    def urlpatterns(self) -> Any:
        return getattr(self._urlconf, "urlpatterns", self._urlconf)


def _on_urls(mark: Callable[[Any], Any]) -> Callable[[_E], _E]:
    """Marks no shared thing: what is included, routed or imported elsewhere as well stays as it is there."""

    def marked(given: Any) -> Any:
        if isinstance(given, tuple):  # include(...) and site.urls: (URLconf, application namespace, instance namespace)
            urlconf, *namespaces = given
            if isinstance(urlconf, _Included):
                raise ConfigurationError("this include has a rule already: require or exempt, once")
            return (mark(_Included(urlconf)), *namespaces)
        if isinstance(given, list):  # static(...): patterns
            return [mark(copy(pattern)) for pattern in given]
        if isinstance(given, URLPattern | URLResolver):
            return mark(copy(given))
        if isinstance(given, FunctionType):
            if policy.rule_of(given) is not None:
                mark(given)  # refuses
            return mark(_wrapper(given))
        return mark(given)

    return marked


def _wrapper(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return markcoroutinefunction(wrapper) if iscoroutinefunction(view) else wrapper
