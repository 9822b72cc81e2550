"""httpx: signs exactly what goes on the wire.

httpx.post(url, json=order, auth=Auth(signer))                        # one request
transport = Transport(signer, origin="https://api.shop.example")      # every redirect, every retry
httpx.Client(transport=transport)
"""

from __future__ import annotations

import httpx

from sealgate.hops import AsyncHops, AuthFlow, Hops, SentOnce, content_digest
from sealgate.signer import Signer

__all__ = ["AsyncTransport", "Auth", "Transport", "content_digest"]


class _Fields(SentOnce, httpx.Headers):
    plain = httpx.Headers


class Auth(AuthFlow, httpx.Auth):
    """Signs a request when it is sent, for the authority in its URL, or in the Host field that the caller has set.

    The body is read into memory first, and sent with its Content-Length; unless it is a stream and the caller states
    its digest, for a message signature: `headers={"Content-Digest": content_digest(file)}`, which reads the file once
    and leaves it where it stood. On a redirect the signature is dropped, its
    other fields too: the next hop goes out unsigned. `Transport` signs that as well. One for many threads and tasks.

    `params`: what the route will match, percent-decoded, for a scheme that signs it (`{param:id}`).

    Raises `ConfigurationError`, before a byte is sent: an URL that is relative or has a target that no server takes, a
    scheme that signs in the body (use `Transport`).
    """

    _fields = _Fields


class Transport(Hops, httpx.BaseTransport):
    """Signs all that goes to `origin`: each redirect and each retry with a nonce of its own; else nothing is signed.

    `transport`: what sends; `httpx.HTTPTransport()` if omitted. One that repeats requests belongs around this, not
    inside. What the client shows as `response.request` is without its signature.
    """

    def __init__(self, signer: Signer, *, origin: str, transport: httpx.BaseTransport | None = None) -> None:
        super().__init__(signer, origin, httpx.HTTPTransport() if transport is None else transport)


class AsyncTransport(AsyncHops, httpx.AsyncBaseTransport):
    """As `Transport`, for `httpx.AsyncClient`. `transport`: `httpx.AsyncHTTPTransport()` if omitted."""

    def __init__(self, signer: Signer, *, origin: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        super().__init__(signer, origin, httpx.AsyncHTTPTransport() if transport is None else transport)
