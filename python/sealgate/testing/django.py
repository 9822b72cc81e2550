"""Django's test clients, signed.

client = SignedClient(Signer(schemes.RFC9421, key_id="acme", key=KEY), origin="https://api.shop.example")
client.post("/orders", {"total": 1}, content_type="application/json")
client.post("/orders", sign_as=None)                                  # unsigned
client.post("/stripe", {"id": 1}, sign_as=Signer(schemes.STRIPE, key=STRIPE_KEY))

with sign_as(client, Signer(schemes.STRIPE, key=STRIPE_KEY)):         # any Client, AsyncClient or APIClient
    client.post("/stripe", {"id": 1})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from django.test import AsyncClient, Client
from django.test.client import FakePayload

from sealgate.signer import Signer
from sealgate.testing.signed import UNCHANGED, As, Other, SignedAs, as_, as_target, authority_of, sign_environ, visible

if TYPE_CHECKING:
    _Either = Client
else:
    _Either = object

__all__ = ["SignedAsyncClient", "SignedClient", "sign_as"]

_C = TypeVar("_C", bound=Client | AsyncClient)
_KEY = "sealgate"


@contextmanager
def sign_as(
    client: _C, signer: Signer | None, *, origin: str | None = None, params: Mapping[str, str] | None = None
) -> Iterator[_C]:
    """Within the block `client` signs as `signer`; unsigned, if None.

    `origin`: where the application thinks that it is, such as `https://api.shop.example`; the client's own if omitted.
    `params`: what the route will match, for a scheme that signs it.
    """
    with _signing(client).changed(signer, origin, params):
        yield client


class _Signs(_Either):
    def __init__(self, signer: Signer | None, *, origin: str | None = None, **client: Any) -> None:
        super().__init__(**client)
        _signing(self).now = as_(signer, origin)

    def generic(self, *args: Any, sign_as: Other = UNCHANGED, **extra: Any) -> Any:
        with _signing(self).changed(sign_as):
            return super().generic(*args, **extra)

    def request(self, **request: Any) -> Any:
        # An AsyncClient goes on when `generic` is long over.
        return super().request(**{_KEY: _signing(self).now, **request})


class SignedClient(_Signs, Client):
    """`django.test.Client` that signs as `signer`, or as `sign_as=` of one request says: another `Signer`, or None.

    `origin`: as of `sign_as`. `client`: what `Client` takes. Redirects that it follows are signed as well.
    """


class SignedAsyncClient(_Signs, AsyncClient):  # type: ignore[misc]  # of either kind
    """As `SignedClient`, for `django.test.AsyncClient`."""


def _signing(client: Any) -> SignedAs:
    """The client's own. All that it sends is built by one method, last of all, after cookies and credentials."""
    known: SignedAs | None = vars(client).get("_sealgate")
    if known is None:
        known = client._sealgate = SignedAs()
        name, sign = (
            ("_base_scope", _sign_scope) if isinstance(client, AsyncClient) else ("_base_environ", sign_environ)
        )
        setattr(client, name, _Build(getattr(client, name), sign, known))
    return known


class _Build:
    def __init__(self, build: Any, sign: Any, signed_as: SignedAs) -> None:
        self._build = build
        self._sign = sign
        self._signed_as = signed_as

    def __call__(self, **request: Any) -> dict[str, Any]:
        now: As = request.pop(_KEY, self._signed_as.now)
        built: dict[str, Any] = self._build(**request)
        if now != As():
            self._sign(built, now)
        return built


def _sign_scope(scope: dict[str, Any], now: As) -> None:
    """Makes of AsyncClient's scope what an ASGI server makes of a signed request."""
    host = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"][-1]  # last: the test's own
    scheme, server = scope["scheme"], scope["server"]
    if now.origin is not None:
        placed, authority, name, port = authority_of(now.origin)
        if host in {"testserver", name}:
            scheme, host, server = placed, authority, (name, port)
    fields = [(b"host", host.encode("latin-1")), *(pair for pair in scope["headers"] if pair[0] != b"host")]
    # AsyncClient reads the octets of a path as Latin-1, which is WSGI's way; ASGI: "decoded from UTF-8".
    path = scope["path"].encode("latin-1")
    query = visible(scope["query_string"].encode())
    body = scope["_body_file"].read() if "_body_file" in scope else b""
    hop = now.sign(scope["method"], as_target(path, query), f"{scheme}://{host}", fields, body)
    if hop is not None:
        fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in hop.kept + hop.added]
    scope |= {
        "scheme": scheme,
        "server": server,
        "path": path.decode(errors="replace"),
        "raw_path": as_target(path, "").encode(),
        "query_string": query.encode(),
        "headers": fields,
        "_body_file": FakePayload(body if hop is None else hop.body),
    }
