"""Files of an allow-list as answers of a view, of REST framework's too."""

from __future__ import annotations

from typing import Any, cast

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase

from sealgate import policy
from sealgate._native import Verified
from sealgate.answer import answer_to
from sealgate.django.request import proven_already, route_of
from sealgate.django.settings import configured
from sealgate.exceptions import FileMissing, Rejected, Unavailable
from sealgate.files import AsyncContent, OpenFile, SignedFiles

__all__ = ["afile_response", "file_response"]


def file_response(
    request: HttpRequest,
    files: SignedFiles,
    param: str,
    *,
    token: str | None = None,
    filename: str | None = None,
    inline: bool = False,
) -> HttpResponseBase:
    """The file of `files` whose identifier is the route's parameter `param`, as far as `request` asks for it.

    The request's proof has to cover it, or with a `scope` the `token`; `filename` and `inline` as of
    `SignedFiles.answer`. A refusal is answered as the middleware answers it; where there is no file `Http404` is
    raised. Raises `ConfigurationError` where the route has no such parameter.
    """
    request = _plain(request)
    try:
        file = files.open(*_asked(request, files, param, token), param=param)
    except (Rejected, Unavailable) as error:
        return _turned_away(request, error)
    return _answered(request, files, file, filename, inline=inline)


async def afile_response(
    request: HttpRequest,
    files: SignedFiles,
    param: str,
    *,
    token: str | None = None,
    filename: str | None = None,
    inline: bool = False,
) -> HttpResponseBase:
    """As `file_response`, in a view that is a coroutine: it awaits resolvers, key sources and stores."""
    request = _plain(request)
    try:
        file = await files.aopen(*_asked(request, files, param, token), param=param)
    except (Rejected, Unavailable) as error:
        return _turned_away(request, error)
    return _answered(request, files, file, filename, inline=inline)


def _plain(request: Any) -> HttpRequest:
    """REST framework's stands around Django's."""
    return cast("HttpRequest", getattr(request, "_request", request))


def _asked(
    request: HttpRequest, files: SignedFiles, param: str, token: str | None
) -> tuple[str, Verified | str | None]:
    """The identifier, and the proof. What a route adds of its own (`captured_kwargs`) nobody has signed."""
    match: Any = request.resolver_match
    converted = {} if match is None else match.captured_kwargs
    identifier = policy.received_param(converted, request.path_info, param)
    return identifier, proven_already(request, None) if files.scope is None and token is None else token


def _answered(
    request: HttpRequest, files: SignedFiles, file: OpenFile, filename: str | None, *, inline: bool
) -> HttpResponseBase:
    answer = files.answer(file, request.method or "", request.headers.get, filename=filename, inline=inline)
    content: Any = AsyncContent(answer.content) if hasattr(request, "scope") else answer.content
    response = FileResponse(content, status=answer.status, headers=dict(answer.headers))
    if "Content-Type" not in dict(answer.headers):
        del response.headers["Content-Type"]  # of an answer without content, which Django has given one
    return response


def _turned_away(request: HttpRequest, error: Rejected | Unavailable) -> HttpResponse:
    policy.log_refusal(error, request.method or "", request.path, route_of(request))
    if isinstance(error, FileMissing):
        raise Http404
    told = configured().policy.answer_to(error) if hasattr(request, "sealgate") else answer_to(error)
    content = b"" if request.method == "HEAD" else told.body
    return HttpResponse(content, status=told.status, headers=dict(told.headers))
