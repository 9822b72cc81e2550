"""What a request is to a verifier, in Django: what it needs, its target as received, its body, and what it becomes."""

from __future__ import annotations

import logging
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest
from django.urls import get_resolver

from sealgate import policy
from sealgate._native import Request, Verified
from sealgate.django.routes import Found, find, rules_of_found
from sealgate.django.settings import configured
from sealgate.exceptions import BodyUnreadable, TargetAmbiguous
from sealgate.policy import Require
from sealgate.wsgi import Acts as OuterActs
from sealgate.wsgi import Body, settle

if TYPE_CHECKING:

    class Gated(HttpRequest):
        """A request that the middleware has seen."""

        verified: Verified | None
        sealgate: Chosen


__all__ = ["Chosen", "accept", "acts_of", "choose", "outer_acts", "received", "route_of", "uploaded"]

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
    if scope is None:
        # Django writes decoded text into META["PATH_INFO"].
        return Request.from_wsgi(request.META, request.path, params=params)
    if request.path != scope["path"]:
        raise TargetAmbiguous("a middleware has changed the path")
    if isinstance(scope["query_string"], str):  # not a server's, but AsyncClient's
        scope = {**scope, "query_string": scope["query_string"].encode()}
    return Request.from_asgi(scope, params=params)


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

    def read(self, limit: int) -> bytes:
        if self._request._read_started:  # type: ignore[attr-defined]  # see _accept
            if not hasattr(self._request, "_body"):
                _log.error("a middleware before sealgate's has consumed the body: place SignatureMiddleware first")
                raise BodyUnreadable("the body has been consumed")
            self._request.META["wsgi.input"] = BytesIO(self._request.body)
        return super().read(limit)

    def put_back(self) -> None:
        if not self._chunks:
            return
        super().put_back()
        stream = self._request.META["wsgi.input"]
        if not hasattr(self._request, "scope"):
            length = self._request.META.get("CONTENT_LENGTH") or "0"
            stream = LimitedStream(stream, int(length) if length.isdecimal() else 0)
        self._request._stream = stream


def choose(request: HttpRequest) -> Chosen:
    own = configured().policy
    urlconf = getattr(request, "urlconf", None)
    if urlconf is None and not policy.any_rules() and not own.default.reads_params:
        return Chosen(own.default, acts_of(request), None)
    try:
        found = find(get_resolver(urlconf), request.path_info)
    except Exception as error:  # noqa: BLE001  a converter may fail on the path: what cannot be resolved is closed
        _log.warning("no route for %a: %s", request.path_info, type(error).__name__)
        found = None
    method = request.method or ""
    demand = own.default if found is None else own.demand(rules_of_found(found, method), method)
    return Chosen(demand, acts_of(request), found)


def acts_of(request: HttpRequest) -> Acts:
    query = request.META.get("QUERY_STRING", "")
    return request.method, request.path, request.path_info, query, getattr(request, "urlconf", None)


def accept(request: Gated, demand: Require, verified: Verified) -> None:
    """Hands the view what was proven, which may be the canonical form of what came."""
    settle(request.META, demand, verified, outer_acts(request))
    request.verified = verified
    # Where Django keeps what it has read, for `body`, forms, files and `read()` alike.
    request._body = verified.body
    request._stream = request.META["wsgi.input"]
    vars(request).pop("headers", None)  # a copy of META, if somebody has asked for it
    configured().policy.accepted(verified, request.method or "", request.path, route_of(request))


def outer_acts(request: HttpRequest) -> OuterActs:
    """As a WSGI layer around Django has seen them: there PATH_INFO is octets as Latin-1."""
    path = request.path_info.encode(errors="surrogateescape").decode("latin-1")
    return request.method or "", request.META.get("SCRIPT_NAME", ""), path, request.META.get("QUERY_STRING", "")


def route_of(request: HttpRequest) -> str | None:
    chosen = getattr(request, "sealgate", None)
    return None if chosen is None or chosen.found is None else chosen.found.route
