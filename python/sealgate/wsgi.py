"""WSGI (PEP 3333): verifies every request, and owns the body, so that the application reads what was proven."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from sealgate._native import Request
from sealgate.answer import answer
from sealgate.exceptions import (
    BodyTooLarge,
    BodyUnreadable,
    ConfigurationError,
    Rejected,
    TargetAmbiguous,
    Unavailable,
)
from sealgate.verifier import Verifier

__all__ = ["SignatureMiddleware", "check_mount", "declared_length", "mount_point", "read_body", "replace_body"]

_CHUNK = 64 * 1024
_LONGEST = 19  # digits
_MOUNT = re.compile(r"(/[!-.0-~]+)*")


class SignatureMiddleware:
    """Verifies every request before `app` sees it: every path is closed, and none can be exempt.

    `script_name`: where the application is mounted; a request with another SCRIPT_NAME is refused.
    The application finds the `Verified` at `environ["sealgate.verified"]`, and its body in `wsgi.input` as ever.
    """

    def __init__(self, app: WSGIApplication, verifier: Verifier, *, script_name: str = "") -> None:
        if not isinstance(verifier, Verifier):
            raise ConfigurationError("verifier: expected a Verifier")
        self._app = app
        self._verifier = verifier
        self._mount = mount_point(script_name)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        verifier = self._verifier
        try:
            check_mount(environ, self._mount)
            read = partial(read_body, environ, timeout=verifier.body_timeout)
            verified = verifier.verify(Request.from_wsgi(environ), read)
        except (Rejected, Unavailable) as error:
            return _refuse(error, environ, start_response)
        replace_body(environ, verified.body)
        environ["sealgate.verified"] = verified
        return self._app(environ, start_response)


def read_body(
    environ: WSGIEnvironment, limit: int, timeout: float, *, clock: Callable[[], float] = time.monotonic
) -> bytes:
    """The whole body: at most `limit` bytes; no read begins later than `timeout` seconds after the first.

    Raises `BodyTooLarge`, and `BodyUnreadable` with status 400, 408 (too slow) or 411 (no length that can be trusted);
    besides, what the server's stream raises.
    """
    length = declared_length(environ, terminated=bool(environ.get("wsgi.input_terminated")))
    if length is not None and length > limit:
        raise BodyTooLarge("the body is over the limit")
    left = limit + 1 if length is None else length
    deadline = clock() + timeout
    chunks: list[bytes] = []
    while left > 0:
        if chunks and clock() > deadline:
            raise BodyUnreadable("the body took too long", status=408)
        chunk = environ["wsgi.input"].read(min(left, _CHUNK))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    body = b"".join(chunks)
    if length is None and len(body) > limit:
        raise BodyTooLarge("the body is over the limit")
    if length is not None and len(body) != length:
        # Servers hand over what came before the connection broke as if it were the body.
        raise BodyUnreadable("the body is not as long as its Content-Length")
    return body


def declared_length(environ: WSGIEnvironment, *, terminated: bool) -> int | None:
    """Bytes in the body as framed, None where it lasts until the stream ends: only where that is `terminated`.

    Raises `BodyUnreadable` for a framing that two readers could take in two ways.
    """
    length = environ.get("CONTENT_LENGTH") or None
    if "HTTP_TRANSFER_ENCODING" in environ:
        if length is not None:
            # RFC 9112, 6.3: "Such a message might indicate an attempt to perform request smuggling"
            raise BodyUnreadable("Content-Length and Transfer-Encoding together")
        if environ["HTTP_TRANSFER_ENCODING"] != "chunked" or not terminated:
            raise BodyUnreadable("this server cannot hand over a body in that Transfer-Encoding", status=411)
        return None
    if length is None:
        return None if terminated else 0
    if len(length) > _LONGEST or not (length.isascii() and length.isdigit()):
        raise BodyUnreadable("Content-Length is not a number")
    return int(length)


def replace_body(environ: WSGIEnvironment, body: bytes) -> None:
    """Puts `body` where the application reads it; its framing on the wire is over."""
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)


def mount_point(given: Any, setting: str = "script_name") -> str:
    """`given`, if it can be a SCRIPT_NAME; else raises `ConfigurationError`, naming the setting."""
    if not isinstance(given, str) or not _MOUNT.fullmatch(given):
        raise ConfigurationError(f"{setting}: expected '' or an ASCII path such as '/shop', without a slash at its end")
    return given


def check_mount(environ: WSGIEnvironment, mount: str) -> None:
    """Raises `TargetAmbiguous` unless the request came to this mount.

    gunicorn lets a trusted peer send SCRIPT_NAME as a header: it moves the route while the whole path, which is what
    was signed, stays the same.
    """
    if environ.get("SCRIPT_NAME", "") != mount:
        raise TargetAmbiguous("SCRIPT_NAME is not the configured one")


def _refuse(error: Rejected | Unavailable, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    method = environ.get("REQUEST_METHOD", "")
    told = answer(error, method, environ.get("PATH_INFO", ""))
    start_response(f"{told.status} {told.reason}", list(told.headers))
    # Not every server drops the content of an answer to HEAD; the client would take it for the next answer.
    return [] if method == "HEAD" else [told.body]
