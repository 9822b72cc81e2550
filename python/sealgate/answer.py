"""What a refused caller is told: one public answer for every 401, problem details (RFC 9457) for all.

The reason goes to the log, with the code; never to the caller, for whom it would be an oracle. Also what a provider is
told that asks for a handshake: nothing that a browser could take for markup, or keep.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from sealgate.exceptions import HandshakeAnswered, Rejected, Unavailable

__all__ = ["ACCEPT_SIGNATURE", "Answer", "answer_to"]

ACCEPT_SIGNATURE = "Accept-Signature"


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` has Content-Type and Content-Length; 401 the WWW-Authenticate that RFC 9110 (11.6.1) demands."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def reason(self) -> str:
        return HTTPStatus(self.status).phrase


def answer_to(error: Rejected | Unavailable, accept_signature: str | None = None) -> Answer:
    """What the caller of a refused request is told.

    `accept_signature`: what the gate's own verifier asks for (RFC 9421, 5), whatever the request and its route: one
    answer for every 401.
    """
    if accept_signature is not None and error.status == HTTPStatus.UNAUTHORIZED:
        return _make(error.status, (ACCEPT_SIGNATURE, accept_signature))
    if isinstance(error, Unavailable) and error.retry_after is not None:
        return _make(error.status, ("Retry-After", str(error.retry_after)))
    if isinstance(error, HandshakeAnswered):
        return _handshake(error)
    return _make(error.status)


def _handshake(error: HandshakeAnswered) -> Answer:
    media_type = (("Content-Type", error.media_type),) if error.media_type else ()
    headers = (
        *media_type,
        ("Content-Length", str(len(error.content))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        *error.fields,
    )
    return Answer(error.status, headers, error.content)


@lru_cache
def _make(status: int, *more: tuple[str, str]) -> Answer:
    if status == HTTPStatus.OK:  # a duplicate that is acknowledged: the answer was given to the first one
        return Answer(status, (("Content-Length", "0"), ("Cache-Control", "no-store")), b"")
    problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body = json.dumps(problem).encode() + b"\n"
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        *more,
    ]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", 'Signature realm="sealgate"'))
    return Answer(status, tuple(headers), body)
