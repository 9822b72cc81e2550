"""The Django middleware: verifies in `__call__`, and again compares at the view."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import get_resolver

from sealgate import policy
from sealgate.django.request import Chosen, accept, acts_of, choose, proven_already, received, route_of, uploaded
from sealgate.django.settings import configured
from sealgate.exceptions import InvalidSignature, Rejected, SignatureMissing, Unavailable
from sealgate.policy import Require
from sealgate.replay import Delivery
from sealgate.wsgi import Body, Told, check_mount, field_names, has_body

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

    from sealgate.django.request import Gated

__all__ = ["SignatureMiddleware"]


class SignatureMiddleware:
    """Verifies every request before anything inside it runs: views, 404s, other middleware; sync and async.

    It stands before UpdateCacheMiddleware, SessionMiddleware, CommonMiddleware and CsrfViewMiddleware, and after a
    middleware that chooses the language or the URLconf. A view for signed requests is `csrf_exempt`, as ever: CSRF
    protection is for cookies.

    `request.verified` is the `Verified`, or None on an exempt route. The setting `SEALGATE` has `VERIFIER` (a dotted
    path, or a `Verifier`), `SCRIPT_NAME` (default: FORCE_SCRIPT_NAME, else ""), `PREFLIGHT`, `REPORT_ONLY` and
    `ON_VERDICT` (see `sealgate.policy.Policy`). The body is read up to the verifier's `body_limit`, whatever
    DATA_UPLOAD_MAX_MEMORY_SIZE says; body, forms, files and `read()` work in the view.

    Promises it cannot keep: under ASGI, Django has read the whole body by then, so a slow or large one is for the
    server to cut. And its last look is before the `process_view` of middlewares further in: one that rewrites the
    method there (django-method-override) sends a signed request to what nobody signed. The check W005 names it.
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
        body, delivery = None, Delivery()
        try:
            demand = _admit(request)
            if demand is not None:
                verified = proven_already(request, demand)
                if verified is None:
                    body = uploaded(request, demand)
                    verified = policy.verify(demand, received(request), body.read, delivery)
                accept(request, verified)
        except (Rejected, Unavailable) as error:
            told = _refuse(error, request, body)
            if told is not None:
                return told
        if not delivery.is_underway:
            return _answered(request, self.get_response(request))
        try:
            return _told(self.get_response(request), delivery)
        except BaseException:
            delivery.answered(None)
            raise

    async def _acall(self, request: Gated) -> Any:
        body, delivery = None, Delivery()
        try:
            demand = _admit(request)
            if demand is not None:
                verified = proven_already(request, demand)
                if verified is None:
                    body = uploaded(request, demand)
                    verified = await policy.averify(demand, received(request), body.read, delivery)
                accept(request, verified)
        except (Rejected, Unavailable) as error:
            told = _refuse(error, request, body)
            if told is not None:
                return told
        if not delivery.is_underway:
            return _answered(request, await self.get_response(request))
        try:
            return await _atold(await self._awhole(request, delivery), delivery)
        except BaseException:
            await delivery.aanswered(None)
            raise

    async def _awhole(self, request: Gated, delivery: Delivery) -> Any:
        """The answer. A client that goes away stops no view here: a thread could not be stopped, and would go on while
        the message counts as never seen."""
        running = asyncio.ensure_future(self.get_response(request))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await delivery.aanswered((await running).status_code)
            raise

    def _check_view(self, request: Gated, view: Callable[..., Any], _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Another URLconf, method or path than the verified one: a middleware in between has changed the request."""
        chosen: Chosen | None = getattr(request, "sealgate", None)
        if chosen is not None and chosen.as_what == "report-only":
            return None
        if chosen is None or chosen.acts != acts_of(request) or not _leads_to(chosen, view, request):
            return _refuse(InvalidSignature("the view's request is not the one that was verified"), request)
        if chosen.as_what == "preflight":
            return _refuse(SignatureMissing("a preflight that no CORS middleware has answered"), request)
        return None

    async def _acheck_view(
        self, request: Gated, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        return self._check_view(request, view, args, kwargs)


def _admit(request: Gated) -> Require | None:
    """What has to be proven; None where the request passes as it is."""
    request.verified = None
    chosen = choose(request)
    request.sealgate = chosen
    check_mount(request.META, configured().script_name)
    if chosen.demand is None:
        return None
    own = configured().policy
    if own.preflight and own.is_preflight(request.method or "", has_body(request.META), field_names(request.META)):
        request.sealgate = chosen._replace(as_what="preflight")
        return None
    return chosen.demand


def _answered(request: Gated, response: HttpResponseBase) -> HttpResponseBase:
    """A preflight to no view comes to no `process_view`; what is not there is told to signers only."""
    if request.sealgate.as_what == "preflight" and response.status_code == HTTPStatus.NOT_FOUND:
        return _refuse(SignatureMissing("a preflight that no CORS middleware has answered"), request) or response
    return response


def _told(response: HttpResponseBase, delivery: Delivery) -> HttpResponseBase:
    """The answer to a request of which duplicates are to be acknowledged; of a stream it is told at its end."""
    if isinstance(response, StreamingHttpResponse):
        status = response.status_code
        response.streaming_content = Told(iter(response), delivery, lambda: status)
    else:
        delivery.answered(response.status_code)
    return response


async def _atold(response: HttpResponseBase, delivery: Delivery) -> HttpResponseBase:
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = _Told(response.streaming_content, delivery, response.status_code)
    else:
        await delivery.aanswered(response.status_code)
    return response


class _Told:
    """As `Told`, awaiting."""

    def __init__(self, chunks: Iterator[bytes] | AsyncIterator[bytes], delivery: Delivery, status: int) -> None:
        self._chunks = chunks
        self._delivery = delivery
        self._status = status

    async def __aiter__(self) -> AsyncIterator[bytes]:
        over: int | None = None
        try:
            chunks = self._chunks
            if isinstance(chunks, AsyncIterator):
                async for chunk in chunks:
                    yield chunk
            else:
                for chunk in await sync_to_async(lambda: list(chunks))():  # as Django does itself
                    yield chunk
            over = self._status
        except (GeneratorExit, asyncio.CancelledError):  # the client went away, and the view has run all the same
            over = self._status
            raise
        finally:
            await self._delivery.aanswered(over)

    def close(self) -> None:
        """Django closes what nobody reads to its end, or at all; the generator would end whenever it is collected."""
        self._delivery.answered(self._status)

    def __del__(self) -> None:
        if self._delivery.is_underway:  # Django 6.1 does not close an answer that could not even begin
            self.close()


def _leads_to(chosen: Chosen, view: Callable[..., Any], request: HttpRequest) -> bool:
    """Whether the request still needs what it was seen to need: a language may have been chosen since, say."""
    if chosen.found is None and not policy.any_rules():
        return True
    again = choose(request, view)
    return again.demand == chosen.demand and (again.found is None or again.found.view is view)


def _refuse(error: Rejected | Unavailable, request: Gated, body: Body | None = None) -> HttpResponse | None:
    """The answer; None where the request passes all the same, with its body as it came."""
    told = configured().policy.refused(error, request.method or "", request.path, route_of(request))
    if told is not None:
        # Not every server drops the content of an answer to HEAD; the client would take it for the next answer.
        content = b"" if request.method == "HEAD" else told.body
        return HttpResponse(content, status=told.status, headers=dict(told.headers))
    request.verified = None
    request.sealgate = choose(request)._replace(as_what="report-only")
    if body is not None:
        body.put_back()
    return None
