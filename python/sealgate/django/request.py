"""What a request is to a verifier, in Django: what it needs, its target as received, its body, and what it becomes."""

from __future__ import annotations

import logging
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest
from django.urls import Resolver404, get_resolver

from sealgate import asgi, policy, wsgi
from sealgate._native import Request, Verified
from sealgate.django.routes import Found, find, rules_of_found
from sealgate.django.settings import configured
from sealgate.exceptions import BodyUnreadable, TargetAmbiguous
from sealgate.policy import Passed, Require
from sealgate.spool import Spooled
from sealgate.wsgi import Body, hand_over

if TYPE_CHECKING:

    class Gated(HttpRequest):
        """A request that the middleware has seen."""

        verified: Verified | None
        sealgate: Chosen


__all__ = [
    "Chosen",
    "accept",
    "acts_of",
    "choose",
    "proven_already",
    "received",
    "route_of",
    "uploaded",
]

_log = logging.getLogger("sealgate")

#: What decides which view runs, and how: method, path, the path that is routed on, query string, URLconf.
Acts = tuple[Any, ...]


class Chosen(NamedTuple):
    """What a request needs; `found`: None where no route had to be resolved, or there is none.

    `as_what`: whether it passes all the same, as a `preflight`, or refused in `report-only`.
    """

    demand: Require | None
    acts: Acts
    found: Found | None
    as_what: str = ""


def received(request: HttpRequest) -> Request:
    """The request as the server received it, without its body; with what the route matched, where a scheme signs it."""
    chosen = getattr(request, "sealgate", None)
    params = None
    if chosen is not None and chosen.found is not None and chosen.demand is not None and chosen.demand.reads_params:
        params = policy.received_params(chosen.found.params, request.path_info)
    scope = getattr(request, "scope", None)
    _check_untouched(request, scope)
    if scope is None:
        # Django writes decoded text into META["PATH_INFO"].
        # Where no slash is at the start, `path` has one, and one less further on.
        path = request.path if request.path_info.startswith("/") else request.path_info
        return Request.from_wsgi(request.META, path, params=params)
    if isinstance(scope["query_string"], str):  # not a server's, but AsyncClient's
        scope = {**scope, "query_string": scope["query_string"].encode()}
    return Request.from_asgi(scope, params=params)


def _check_untouched(request: HttpRequest, scope: Any) -> None:
    """What is verified is what came; what is routed on is what a middleware further out may have made of it."""
    meta = request.META
    method, query = (meta["REQUEST_METHOD"], None) if scope is None else (scope["method"], scope["query_string"])
    query = query.decode() if isinstance(query, bytes) else query
    same = (
        request.method == method  # Django writes it in capitals
        and request.path_info == meta["PATH_INFO"]
        and (scope is None or (request.path == scope["path"] and meta["QUERY_STRING"] == query))
    )
    if not same:
        raise TargetAmbiguous("a middleware further out has changed method, path or query")


def uploaded(request: HttpRequest, demand: Require) -> Body:
    """The body, which Django has spooled under ASGI, and left in the server's input under WSGI."""
    if hasattr(request, "scope"):
        request.META["wsgi.input"] = request._stream
        request.META["wsgi.input_terminated"] = True
    return _Body(request, demand)


class _Body(Body):
    """The body of a request that Django may have read already."""

    def __init__(self, request: HttpRequest, demand: Require) -> None:
        super().__init__(request.META, demand)
        self._request = request

    def read(self, limit: int) -> bytes | Spooled:
        if self._request._read_started:  # type: ignore[attr-defined]  # see _accept
            if not hasattr(self._request, "_body"):
                _log.error("a middleware before sealgate's has consumed the body: place SignatureMiddleware first")
                raise BodyUnreadable("the body has been consumed")
            self._request.META["wsgi.input"] = BytesIO(self._request.body)
        return super().read(limit)

    def put_back(self) -> None:
        if not self._size:
            return
        super().put_back()
        stream = self._request.META["wsgi.input"]
        if not hasattr(self._request, "scope"):
            length = self._request.META.get("CONTENT_LENGTH") or "0"
            stream = LimitedStream(stream, int(length) if length.isdecimal() else 0)
        self._request._stream = stream


def proven_already(request: HttpRequest, demand: Require | None) -> Verified | None:
    """What the middleware, or a layer around Django, has proven: another time would be a replay.

    `demand`: None where any proof will do. Raises `KeyNotAllowed`.
    """
    verified: Verified | None = getattr(request, "verified", None)
    if verified is not None:
        chosen: Chosen = request.sealgate  # type: ignore[attr-defined]
        return Passed("proven", chosen.acts, chosen.demand, verified).proof(demand, acts_of(request))
    passed = wsgi.passed_in(request.META)
    if passed is not None:
        return passed.proof(demand, _outer_acts(request))
    scope: Any = getattr(request, "scope", None)
    passed = None if scope is None else asgi.passed_in(scope)
    if passed is None or (request.method, request.path) != (asgi.method_of(scope), scope["path"]):
        return None
    return passed.proof(demand, asgi.acts_of(scope))


def choose(request: HttpRequest, view: Any = None) -> Chosen:
    """`view`: which one Django has found, to be judged by its own rules where we find none."""
    own = configured().policy
    urlconf = getattr(request, "urlconf", None)
    if urlconf is None and not policy.any_rules() and not own.default.reads_params:
        return Chosen(own.default, acts_of(request), None)
    found = _found(request)
    rules = () if found is None else rules_of_found(found, request.method or "")
    if found is None and view is not None:
        rules = rules_of_found(Found(view, (), {}), request.method or "")
    return Chosen(own.demand(rules, request.method or ""), acts_of(request), found)


def _found(request: HttpRequest) -> Found | None:
    try:
        return find(get_resolver(getattr(request, "urlconf", None)), request.path_info)
    except Resolver404:
        return None
    except Exception as error:  # noqa: BLE001  a converter may fail on the path: what cannot be resolved is closed
        _log.warning("no route for %a: %s", request.path_info, type(error).__name__)
        return None


def acts_of(request: HttpRequest) -> Acts:
    query = request.META.get("QUERY_STRING", "")
    return request.method, request.path, request.path_info, query, getattr(request, "urlconf", None)


def accept(request: Gated, verified: Verified) -> None:
    """Hands the view what was proven, which may be the canonical form of what came."""
    hand_over(request.META, verified)
    if verified.query is not None:
        _hand_over_query(request, verified.query)
    request.verified = verified
    if verified.spooled is None:
        # Where Django keeps what it has read, for `body`, forms, files and `read()` alike.
        request._body = verified.body
    else:
        request._read_started = False  # type: ignore[attr-defined]  # by us; it is all there again
    request._stream = request.META["wsgi.input"]
    vars(request).pop("headers", None)  # a copy of META, if somebody has asked for it
    configured().policy.accepted(verified, request.method or "", request.path, route_of(request))


def _hand_over_query(request: Gated, query: str) -> None:
    scope: Any = getattr(request, "scope", None)
    if scope is not None:
        scope["query_string"] = query if isinstance(scope["query_string"], str) else query.encode()
    vars(request).pop("GET", None)  # if somebody has asked for it
    request.sealgate = request.sealgate._replace(acts=acts_of(request))


def _outer_acts(request: HttpRequest) -> wsgi.Acts:
    """As a WSGI layer around Django has seen them: there a path is octets as Latin-1."""
    path = request.META.get("SCRIPT_NAME", "") + request.path_info
    query = request.META.get("QUERY_STRING", "")
    return request.method or "", path.encode(errors="surrogateescape").decode("latin-1"), query


def route_of(request: HttpRequest) -> str | None:
    chosen = getattr(request, "sealgate", None)
    return None if chosen is None or chosen.found is None else chosen.found.route
