"""The Django middleware: verifies in `__call__`, and again compares at the view."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver

from sealgate import policy
from sealgate._native import Request, Verified
from sealgate.django.routes import Found, find, rules_of_found
from sealgate.django.settings import configured
from sealgate.exceptions import (
    BodyUnreadable,
    InvalidSignature,
    Rejected,
    SignatureMissing,
    TargetAmbiguous,
    Unavailable,
)
from sealgate.policy import Require
from sealgate.wsgi import Body, check_mount, field_names, has_body, settle, settled

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

    class Gated(HttpRequest):
        """A request that the middleware has seen."""

        verified: Verified | None
        sealgate: Chosen


__all__ = ["SignatureMiddleware", "received", "uploaded"]

_log = logging.getLogger("sealgate")

#: What decides which view runs, and how: method, path, the path that is routed on, query string, URLconf.
_Acts = tuple[Any, ...]


class Chosen(NamedTuple):
    """What a request needs, and what it came as; `found`: None where no route had to be resolved, or there is none."""

    demand: Require | None
    acts: _Acts
    found: Found | None
    preflight: bool = False


class SignatureMiddleware:
    """Verifies every request before anything inside it runs: views, 404s, other middleware; sync and async.

    It stands before UpdateCacheMiddleware, SessionMiddleware, CommonMiddleware and CsrfViewMiddleware, and after a
    middleware that chooses the language or the URLconf. A view for signed requests is `csrf_exempt`, as ever: CSRF
    protection is for cookies.

    `request.verified` is the `Verified`, or None on an exempt route. The setting `SEALGATE` has `VERIFIER` (a dotted
    path, or a `Verifier`), `SCRIPT_NAME` (default: FORCE_SCRIPT_NAME, else ""), `PREFLIGHT`, `REPORT_ONLY` and
    `ON_VERDICT` (see `sealgate.policy.Policy`). The body is read up to the verifier's `body_limit`, whatever
    DATA_UPLOAD_MAX_MEMORY_SIZE says; body, forms, files and `read()` work in the view.

    A promise it cannot keep under ASGI: Django has read the whole body by then, so a slow or large one is for the
    server to cut.
    """

    sync_capable = True
    async_capable = True
    process_view: Callable[..., Any]

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        configured()  # a mistake stops the start, not the first request
        _ = get_resolver().url_patterns  # imports the views, and with them their rules
        self.get_response: Callable[[HttpRequest], Any] = get_response
        self._is_async = iscoroutinefunction(get_response)
        # Django would send a sync method through a thread.
        self.process_view = self._acheck_view if self._is_async else self._check_view
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Gated) -> Any:
        if self._is_async:
            return self._acall(request)
        body = None
        try:
            demand = _admit(request)
            if demand is not None:
                verified = settled(request.META, demand, outer_acts(request))
                if verified is None:
                    body = uploaded(request, demand)
                    verified = policy.verify(demand, received(request), body.read)
                _accept(request, demand, verified)
        except (Rejected, Unavailable) as error:
            told = _refuse(error, request, body)
            if told is not None:
                return told
        return self.get_response(request)

    async def _acall(self, request: Gated) -> Any:
        body = None
        try:
            demand = _admit(request)
            if demand is not None:
                verified = settled(request.META, demand, outer_acts(request))
                if verified is None:
                    body = uploaded(request, demand)
                    verified = await policy.averify(demand, received(request), body.read)
                _accept(request, demand, verified)
        except (Rejected, Unavailable) as error:
            told = _refuse(error, request, body)
            if told is not None:
                return told
        return await self.get_response(request)

    def _check_view(self, request: Gated, view: Callable[..., Any], _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Another URLconf, method or path than the verified one: a middleware in between has changed the request."""
        chosen: Chosen | None = getattr(request, "sealgate", None)
        if chosen is None or chosen.acts != _acts(request) or not _leads_to(chosen, view, request):
            return _refuse(InvalidSignature("the view's request is not the one that was verified"), request)
        if chosen.preflight:
            return _refuse(SignatureMissing("a preflight that no CORS middleware has answered"), request)
        return None

    async def _acheck_view(
        self, request: Gated, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        return self._check_view(request, view, args, kwargs)


def received(request: HttpRequest) -> Request:
    """The request as the server received it, without its body; with what the route matched, where a scheme signs it."""
    chosen = getattr(request, "sealgate", None)
    params = None
    if chosen is not None and chosen.found is not None and chosen.demand is not None and chosen.demand.reads_params:
        params = policy.received_params(chosen.found.params, request.path_info)
    scope = getattr(request, "scope", None)
    if scope is None:
        # Django writes decoded text into META["PATH_INFO"].
        return Request.from_wsgi(request.META, request.path, **({} if params is None else {"params": params}))
    if request.path != scope["path"]:
        raise TargetAmbiguous("a middleware has changed the path")
    if isinstance(scope["query_string"], str):  # not a server's, but AsyncClient's
        scope = {**scope, "query_string": scope["query_string"].encode()}
    return Request.from_asgi(scope, **({} if params is None else {"params": params}))


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
        super().put_back()
        stream = self._request.META["wsgi.input"]
        if not hasattr(self._request, "scope"):
            length = self._request.META.get("CONTENT_LENGTH") or "0"
            stream = LimitedStream(stream, int(length) if length.isdecimal() else 0)
        self._request._stream = stream


def _admit(request: Gated) -> Require | None:
    """What has to be proven; None where the request passes as it is."""
    request.verified = None
    chosen = _choose(request)
    request.sealgate = chosen
    check_mount(request.META, configured().script_name)
    if chosen.demand is None:
        return None
    if configured().policy.is_preflight(request.method or "", has_body(request.META), field_names(request.META)):
        request.sealgate = chosen._replace(preflight=True)
        return None
    return chosen.demand


def _choose(request: HttpRequest) -> Chosen:
    own = configured().policy
    urlconf = getattr(request, "urlconf", None)
    if urlconf is None and not policy.any_rules() and not own.default.reads_params:
        return Chosen(own.default, _acts(request), None)
    try:
        found = find(get_resolver(urlconf), request.path_info)
    except Exception as error:  # noqa: BLE001  a converter may fail on the path: what cannot be resolved is closed
        _log.warning("no route for %a: %s", request.path_info, type(error).__name__)
        found = None
    method = request.method or ""
    demand = own.default if found is None else own.demand(rules_of_found(found, method), method)
    return Chosen(demand, _acts(request), found)


def _leads_to(chosen: Chosen, view: Callable[..., Any], request: HttpRequest) -> bool:
    if chosen.found is not None:
        return chosen.found.view is view
    # Rules may have come with a URLconf that was imported since.
    return not policy.any_rules() or _choose(request).demand == chosen.demand


def _acts(request: HttpRequest) -> _Acts:
    query = request.META.get("QUERY_STRING", "")
    return request.method, request.path, request.path_info, query, getattr(request, "urlconf", None)


def _accept(request: Gated, demand: Require, verified: Verified) -> None:
    """Hands the view what was proven, which may be the canonical form of what came."""
    settle(request.META, demand, verified, outer_acts(request))
    request.verified = verified
    # Where Django keeps what it has read, for `body`, forms, files and `read()` alike.
    request._body = verified.body
    request._stream = request.META["wsgi.input"]
    vars(request).pop("headers", None)  # a copy of META, if somebody has asked for it
    configured().policy.accepted(verified, request.method or "", request.path, _route(request))


def outer_acts(request: HttpRequest) -> tuple[str, ...]:
    """As a WSGI layer around Django has seen them: there PATH_INFO is octets as Latin-1."""
    path = request.path_info.encode(errors="surrogateescape").decode("latin-1")
    return request.method or "", request.META.get("SCRIPT_NAME", ""), path, request.META.get("QUERY_STRING", "")


def _refuse(error: Rejected | Unavailable, request: HttpRequest, body: Body | None = None) -> HttpResponse | None:
    """The answer; None where the request passes all the same, with its body as it came."""
    told = configured().policy.refused(error, request.method or "", request.path, _route(request))
    if told is not None:
        return HttpResponse(told.body, status=told.status, headers=dict(told.headers))
    if body is not None:
        body.put_back()
    return None


def _route(request: HttpRequest) -> str | None:
    chosen = getattr(request, "sealgate", None)
    return None if chosen is None or chosen.found is None else chosen.found.route
