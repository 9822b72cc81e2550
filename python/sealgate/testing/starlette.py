"""Starlette's test client, which is FastAPI's, signed.

client = SignedClient(app, Signer(schemes.RFC9421, key_id="acme", key=KEY), origin="https://api.shop.example")
client.post("/orders", json={"total": 1})
client.post("/orders", sign_as=None)                                 # unsigned
client.post("/stripe", json={"id": 1}, sign_as=Signer(schemes.STRIPE, key=STRIPE_KEY))

with sign_as(client, Signer(schemes.STRIPE, key=STRIPE_KEY)):        # any TestClient
    client.post("/stripe", json={"id": 1})
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

from starlette.testclient import TestClient

from sealgate.hops import Hops
from sealgate.signer import Signer
from sealgate.testing.signed import UNCHANGED, As, Other, SignedAs, as_

__all__ = ["SignedClient", "sign_as"]

_C = TypeVar("_C", bound=TestClient)


@contextmanager
def sign_as(
    client: _C, signer: Signer | None, *, origin: str | None = None, params: Mapping[str, str] | None = None
) -> Iterator[_C]:
    """Within the block `client` signs as `signer`; unsigned, if None.

    `origin`: where the application thinks that it is, such as `https://api.shop.example`; the client's `base_url` if
    omitted. `params`: what the route will match, for a scheme that signs it.
    """
    before = client.base_url
    client.base_url = origin or before
    try:
        with _signing(client).changed(signer, origin, params):
            yield client
    finally:
        client.base_url = before


def _signs(send: Callable[..., Any]) -> Any:
    @wraps(send)
    def signed(self: TestClient, *args: Any, sign_as: Other = UNCHANGED, **request: Any) -> Any:
        with _signing(self).changed(sign_as):
            return send(self, *args, **request)

    return signed


class SignedClient(TestClient):
    """`TestClient` that signs as `signer`, or as `sign_as=` of one request says: another `Signer`, or None.

    `origin`: as of `sign_as`. `client`: what `TestClient` takes. Redirects within the origin are signed as well, and
    so is the handshake of a websocket.
    """

    def __init__(self, app: Any, signer: Signer | None, *, origin: str = "http://testserver", **client: Any) -> None:
        super().__init__(app, base_url=origin, **client)
        _signing(self).now = as_(signer, origin)

    request = _signs(TestClient.request)
    get = _signs(TestClient.get)
    options = _signs(TestClient.options)
    head = _signs(TestClient.head)
    post = _signs(TestClient.post)
    put = _signs(TestClient.put)
    patch = _signs(TestClient.patch)
    delete = _signs(TestClient.delete)
    websocket_connect = _signs(TestClient.websocket_connect)


def _signing(client: Any) -> SignedAs:
    """The client's own: from now on its requests pass by here, each hop of a redirect too."""
    known: SignedAs | None = vars(client).get("_sealgate")
    if known is None:
        known = client._sealgate = SignedAs()
        client._transport = _Transport(client, known)
    return known


class _Transport:
    def __init__(self, client: Any, signed_as: SignedAs) -> None:
        self._client = client
        self._signed_as = signed_as
        self._inner = client._transport

    def handle_request(self, request: Any) -> Any:
        now = self._signed_as.now
        if now == As():
            return self._inner.handle_request(request)
        origin = self._client.base_url
        if request.url.scheme in {"ws", "wss"} and request.url.host == "testserver":
            request = _placed(request, origin)
        if now.signer is None:
            return self._inner.handle_request(request)
        bound = f"{origin.scheme}://{origin.netloc.decode()}"
        return Hops(now.signer, bound, self._inner, now.params).handle_request(request)

    def close(self) -> None:
        self._inner.close()


def _placed(request: Any, origin: Any) -> Any:
    """At the origin: TestClient opens a websocket at `ws://testserver`, whatever its `base_url`."""
    url = request.url.copy_with(scheme=f"ws{origin.scheme.removeprefix('http')}", host=origin.host, port=origin.port)
    fields = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
    return type(request)(request.method, url, headers=fields, extensions=request.extensions)
