"""Django: every route of the URLconf, what no route takes, and the middlewares that answer before ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.middleware.common import CommonMiddleware
from django.urls import get_resolver

from sealgate.audit.django.chain import ANY_PATH, Chain
from sealgate.audit.django.routes import METHODS, Route, routes, view_class
from sealgate.audit.django.samples import Finder
from sealgate.audit.entry import Entry, Standing, by_standing, name_of, source_of
from sealgate.audit.files import with_files
from sealgate.django.routes import rules_of_found
from sealgate.django.settings import configured
from sealgate.exceptions import ConfigurationError
from sealgate.policy import Rule

__all__ = ["entries"]


def entries(app: Any, prefix: str, now: float) -> Iterator[Entry]:
    """`app`: a WSGI or ASGI handler of Django, or its settings. Judged by the settings of this process.

    A function may answer any method: it is asked for each of RFC 9110 and PATCH, since an exemption names methods.
    Routes of a URLconf that a middleware chooses (`request.urlconf`) are not here, but that middleware is.
    """
    if not apps.ready:
        django.setup()
    chain = Chain(app)
    yield from chain.entries(prefix)
    resolver = get_resolver()
    finder = Finder(resolver)
    for route in routes(resolver):
        example = _under(prefix, finder.example(route) if chain.speaks(route.language) else None)
        judge = _judge(chain, route, now)
        for code, methods in route.views():
            source = source_of(code.code)
            for standing, alike in by_standing(methods, judge).items():
                judged = with_files(standing, route.found.view, code.code)
                yield Entry(prefix + route.path, alike, judged, route.kind, code.name, source, example)
    yield from _elsewhere(chain, finder, prefix, now)


def _elsewhere(chain: Chain, finder: Finder, prefix: str, now: float) -> Iterator[Entry]:
    """What no route takes, and is not found, or found with a slash at its end."""
    everything = f"{prefix}{ANY_PATH}"
    for standing, methods in by_standing(METHODS, lambda method: chain.standing((), method, now)).items():
        yield Entry(everything, methods, standing, "missing", example=_under(prefix, finder.missing()))
        if settings.APPEND_SLASH and chain.appends_slash:
            example = _under(prefix, finder.without_slash())
            yield Entry(everything, methods, standing, "redirect", name_of(CommonMiddleware), None, example)


def _judge(chain: Chain, route: Route, now: float) -> Callable[[str], Standing]:
    def judge(method: str) -> Standing:
        rules = tuple(rules_of_found(route.found, method))
        outer = chain.of_route(rules, method, route.language, now)
        if outer.verdict == "verified" or chain.doubt is not None or not _is_of_rest_framework(route.found.view):
            return chain.uncached(outer, method)
        inner = _inner(chain, route, rules, method, now)
        if inner is None or (outer.verdict == "exempt" and inner.verdict != "verified"):
            return outer
        reads_form = chain.checks_csrf and method == "POST" and not getattr(route.found.view, "csrf_exempt", False)
        evidence = tuple(dict.fromkeys((*inner.evidence, *outer.evidence)))
        inner = replace(inner, evidence=evidence, parsed_first=reads_form and inner.verdict == "verified")
        return chain.uncached(inner, method)

    return judge


def _inner(chain: Chain, route: Route, rules: tuple[Rule, ...], method: str, now: float) -> Standing | None:
    """By the view's own classes."""
    from sealgate.audit.django import rest_framework  # where it is installed

    try:
        policy = chain.policy or configured().policy
    except ConfigurationError as error:
        return Standing("unknown", (str(error),))
    return rest_framework.standing(route.found, rules, method, policy, now)


def _is_of_rest_framework(view: Any) -> bool:
    parents = getattr(view_class(view), "__mro__", ())
    return any((each.__module__, each.__qualname__) == ("rest_framework.views", "APIView") for each in parents)


def _under(prefix: str, path: str | None) -> str | None:
    return None if path is None else prefix + path
