"""The route a request takes, with every `include` around its view: where the rules of a URLconf stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from django.urls import URLResolver

from sealgate import policy
from sealgate.policy import Rule

__all__ = ["Found", "endpoints", "exempt", "find", "require", "route_of", "rules_of_found", "rules_of_part"]

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
        if isinstance(pattern, URLResolver):
            found = find(pattern, rest)
        else:
            leaf = pattern.resolve(rest)
            found = None if leaf is None else Found(leaf.func, (pattern,), leaf.captured_kwargs or {})  # type: ignore[attr-defined]  # stubs lag
        if found is not None:
            return Found(found.view, (resolver, *found.chain), {**params, **found.params})
    return None


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
    cls = getattr(found.view, "view_class", None) or getattr(found.view, "cls", None)  # Django's views, and view sets
    handler = method.lower()
    handler = getattr(found.view, "actions", {}).get(handler, handler)
    if handler == "head" and not hasattr(cls, handler):
        handler = "get"  # as View.setup does
    yield from policy.rules_of_view(found.view, cls, handler)
    for part in reversed(found.chain):
        yield from rules_of_part(part)


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
    def marked(given: Any) -> Any:
        if isinstance(given, tuple):  # include(...) and site.urls: (URLconf, application namespace, instance namespace)
            urlconf, *namespaces = given
            return (mark(_Included(urlconf)), *namespaces)
        if isinstance(given, list):  # static(...): patterns
            return [mark(pattern) for pattern in given]
        return mark(given)

    return marked
