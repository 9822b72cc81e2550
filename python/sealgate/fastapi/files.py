"""Files by signed identifiers, as FastAPI's own streaming response."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

from fastapi import HTTPException
from fastapi.requests import Request
from fastapi.responses import Response, StreamingResponse

from sealgate import policy
from sealgate.asgi import acts_of, method_of, passed_in
from sealgate.exceptions import FileMissing, Rejected, Unavailable
from sealgate.fastapi.dependency import refuse
from sealgate.files import Answer, AsyncContent, SignedFiles

__all__ = ["file_response"]


async def file_response(
    request: Request,
    files: SignedFiles,
    param: str,
    *,
    token: str | None = None,
    filename: str | None = None,
    inline: bool = False,
) -> Response:
    """The file of `files` whose identifier is the route's parameter `param`, as far as `request` asks for it.

    The request's proof has to cover it, or with a `scope` the `token`; `filename` and `inline` as of
    `SignedFiles.answer`. A refusal is answered as the layer answers it; where there is no file `HTTPException(404)` is
    raised. Raises `ConfigurationError` where the route has no such parameter.
    """
    scope = request.scope
    passed = passed_in(scope)
    try:
        identifier = policy.received_param(request.path_params, scope["path"], param)
        verified = None if passed is None else passed.proof(None, acts_of(scope))
        proof = verified if files.scope is None and token is None else token
        file = await files.aopen(identifier, proof, param=param)
    except FileMissing as error:
        policy.log_refusal(error, method_of(scope), scope["path"])
        raise HTTPException(HTTPStatus.NOT_FOUND) from None
    except (Rejected, Unavailable) as error:
        return cast("Response", await refuse(request, error))
    return _FileResponse(files.answer(file, method_of(scope), request.headers.get, filename=filename, inline=inline))


class _FileResponse(StreamingResponse):
    """Closes the file, whatever becomes of the client."""

    def __init__(self, answer: Answer) -> None:
        self._content = AsyncContent(answer.content)
        super().__init__(self._content, answer.status, dict(answer.headers))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._content.close()
