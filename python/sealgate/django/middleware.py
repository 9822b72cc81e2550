"""The Django middleware: verifies in `__call__`, and again compares at the view."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, RawPostDataException
from django.urls import Resolver404, get_resolver, resolve

from sealgate._native import Request, Verified
from sealgate.answer import answer
from sealgate.django.settings import configured
from sealgate.exceptions import (
    BodyTooLarge,
    BodyUnreadable,
    InvalidSignature,
    Rejected,
    Unavailable,
)
from sealgate.policy import Exempt, Rule, any_rules, averify_any, rule_of, verifiers_for, verify_any
from sealgate.verifier import Verifier
from sealgate.wsgi import check_mount, declared_length

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

    class _Gated(HttpRequest):
        verified: Verified | None
        sealgate: tuple[tuple[Verifier, ...], _Acts]


__all__ = ["SignatureMiddleware"]

_log = logging.getLogger("sealgate")

#: What decides which view runs, and how: method, path, the path that is routed on, query string.
_Acts = tuple[str | None, str, str, str]


class SignatureMiddleware:
    """Verifies every request before anything inside it runs: views, 404s, other middleware; sync and async.

    It stands before UpdateCacheMiddleware, SessionMiddleware, CommonMiddleware and CsrfViewMiddleware, and after a
    middleware that chooses the language or the URLconf. A view for signed requests is `csrf_exempt`, as ever: CSRF
    protection is for cookies.

    `request.verified` is the `Verified`, or None on an exempt route. The setting `SEALGATE` has `VERIFIER` (a dotted
    path, or a `Verifier`) and `SCRIPT_NAME` (default: FORCE_SCRIPT_NAME, else "").

    Promises it cannot keep: bodies over DATA_UPLOAD_MAX_MEMORY_SIZE are refused (413); under WSGI a chunked body is
    refused (411), for Django reads it as empty, and a slow one is for the server to cut. `sealgate.wsgi` has none of
    these limits.
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

    def __call__(self, request: _Gated) -> Any:
        if self._is_async:
            return self._acall(request)
        try:
            verifiers = _choose(request)
            if verifiers:
                _accept(request, verify_any(verifiers, _received(request), partial(_read_body, request)))
        except (Rejected, Unavailable) as error:
            return _refuse(error, request)
        return self.get_response(request)

    async def _acall(self, request: _Gated) -> Any:
        try:
            verifiers = _choose(request)
            if verifiers:
                _accept(request, await averify_any(verifiers, _received(request), partial(_read_body, request)))
        except (Rejected, Unavailable) as error:
            return _refuse(error, request)
        return await self.get_response(request)

    def _check_view(
        self, request: _Gated, view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        """Another URLconf, method or path than the verified one: a middleware in between has changed the request."""
        verifiers = _verifiers(request, _rule(view) if any_rules() else None)
        if getattr(request, "sealgate", None) == (verifiers, _acts(request)):
            return None
        return _refuse(InvalidSignature("the view's request is not the one that was verified"), request)

    async def _acheck_view(
        self, request: _Gated, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        return self._check_view(request, view, args, kwargs)


def _choose(request: _Gated) -> tuple[Verifier, ...]:
    """The verifiers of the route; none where it is exempt."""
    request.verified = None
    check_mount(request.META, configured().script_name)
    urlconf = getattr(request, "urlconf", None)
    rule = None
    if urlconf is not None or any_rules():
        try:
            rule = _rule(resolve(request.path_info, urlconf).func)
        except Resolver404:
            pass  # closed, like any other path
        except Exception as error:  # noqa: BLE001  a converter may fail on the path: what cannot be resolved is closed
            _log.warning("no route for %a: %s", request.path_info, type(error).__name__)
    verifiers = _verifiers(request, rule)
    request.sealgate = (verifiers, _acts(request))
    return verifiers


def _verifiers(request: HttpRequest, rule: Rule | None) -> tuple[Verifier, ...]:
    return verifiers_for(rule, configured().verifier, request.method or "")


def _acts(request: HttpRequest) -> _Acts:
    return request.method, request.path, request.path_info, request.META.get("QUERY_STRING", "")


def _rule(view: Callable[..., Any]) -> Rule | None:
    """The rule on a view, or on the class of a class-based one; an exemption is not inherited by its subclasses."""
    rule = rule_of(view)
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)  # Django's views, and view sets
    if not isinstance(cls, type):
        return rule
    rule = rule or rule_of(cls)
    if isinstance(rule, Exempt):
        for parent in cls.__mro__[1:]:
            if rule_of(parent) is rule or rule_of(getattr(parent, "dispatch", None)) is rule:
                return None
    return rule


def _received(request: HttpRequest) -> Request:
    scope = getattr(request, "scope", None)
    if scope is None:
        return Request.from_wsgi(request.META, request.path)  # Django writes decoded text into META["PATH_INFO"]
    if isinstance(scope["query_string"], str):  # not a server's, but AsyncClient's
        scope = {**scope, "query_string": scope["query_string"].encode()}
    return Request.from_asgi(scope)


def _read_body(request: HttpRequest, _limit: int) -> bytes:
    """`request.body`, so that the view's own reading, forms and files find it; the verifier looks at its length."""
    # Django reads what Content-Length says under WSGI, and all that came under ASGI.
    length = declared_length(request.META, terminated=hasattr(request, "scope"))
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise BodyTooLarge("the body is over DATA_UPLOAD_MAX_MEMORY_SIZE") from error
    except RawPostDataException as error:
        _log.error("a middleware before sealgate's has consumed the body: place SignatureMiddleware first")
        raise BodyUnreadable("the body has been consumed") from error
    if length is not None and len(body) != length:
        # Servers hand over what came before the connection broke as if it were the body.
        raise BodyUnreadable("the body is not as long as its Content-Length")
    return body


def _accept(request: _Gated, verified: Verified) -> None:
    """Hands the view what was proven, which may be the canonical form of what came."""
    request.verified = verified
    if verified.body is not request.body:
        # Where Django keeps what it has read, for `body`, forms, files and `read()` alike.
        request._body = verified.body
        request._stream = BytesIO(verified.body)
        request.META["CONTENT_LENGTH"] = str(len(verified.body))
        vars(request).pop("headers", None)  # a copy of META, if somebody has asked for it


def _refuse(error: Rejected | Unavailable, request: HttpRequest) -> HttpResponse:
    told = answer(error, request.method or "", request.path)
    return HttpResponse(told.body, status=told.status, headers=dict(told.headers))
