"""Flask's test client, signed.

app.test_client_class = SignedClient
client = app.test_client(signer=Signer(schemes.RFC9421, key_id="acme", key=KEY), origin="https://api.shop.example")
client.post("/orders", json={"total": 1})
client.post("/orders", sign_as=None)                                 # unsigned
client.post("/stripe", json={"id": 1}, sign_as=Signer(schemes.STRIPE, key=STRIPE_KEY))

with sign_as(client, Signer(schemes.STRIPE, key=STRIPE_KEY)):        # any FlaskClient
    client.post("/stripe", json={"id": 1})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from flask.sessions import SessionMixin
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sealgate.signer import Signer
from sealgate.testing.signed import UNCHANGED, As, Other, SignedAs, as_, as_target, sign_environ

__all__ = ["SignedClient", "sign_as"]

_C = TypeVar("_C", bound=FlaskClient)
_BASES = {"base_url", "subdomain", "url_scheme"}


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


class SignedClient(FlaskClient):
    """`FlaskClient` that signs as `signer`, or as `sign_as=` of one request says: another `Signer`, or None.

    `origin`: as of `sign_as`; cookies are that host's. Redirects that it follows are signed as well.
    """

    def __init__(self, *args: Any, signer: Signer | None, origin: str | None = None, **client: Any) -> None:
        super().__init__(*args, **client)
        _signing(self).now = as_(signer, origin)

    def open(self, *args: Any, sign_as: Other = UNCHANGED, **request: Any) -> TestResponse:
        with _signing(self).changed(sign_as):
            return super().open(*args, **request)

    @contextmanager
    def session_transaction(self, *args: Any, **request: Any) -> Iterator[SessionMixin]:
        with super().session_transaction(*args, **_placed(self, args, request)) as session:
            yield session


def _signing(client: Any) -> SignedAs:
    """The client's own: from now on its environs pass by here, each hop of a redirect too."""
    known: SignedAs | None = vars(client).get("_sealgate")
    if known is None:
        known = client._sealgate = SignedAs()
        client.open = _Placed(client)
        client.run_wsgi_app = _Run(client)
    return known


class _Placed:
    def __init__(self, client: Any) -> None:
        self._client = client
        self._open = client.open

    def __call__(self, *args: Any, **request: Any) -> Any:
        return self._open(*args, **_placed(self._client, args, request))


class _Run:
    def __init__(self, client: Any) -> None:
        self._client = client
        self._run = client.run_wsgi_app

    def __call__(self, environ: dict[str, Any], *args: Any, **settings: Any) -> Any:
        now = _signing(self._client).now
        if now != As():
            # A redirect starts from the environ that was given: it gets the body again, and not the signature.
            given, environ = environ, dict(environ)
            environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read())
            given["wsgi.input"] = BytesIO(environ["wsgi.input"].getvalue())
            _mend(environ)
            sign_environ(environ, now)
        return self._run(environ, *args, **settings)


def _mend(environ: dict[str, Any]) -> None:
    """Werkzeug's raw target is the text that was typed, without `query_string=`, and the same after a redirect."""
    root = environ["SCRIPT_NAME"]
    typed = environ.pop("RAW_URI", "").partition("?")[0]
    environ.pop("REQUEST_URI", None)
    if unquote_to_bytes(typed.encode("latin-1")) == environ["PATH_INFO"].encode("latin-1"):
        query = environ["QUERY_STRING"]
        environ["RAW_URI"] = as_target(root.encode("latin-1"), "") + typed + (f"?{query}" if query else "")


def _placed(client: Any, args: tuple[Any, ...], request: dict[str, Any]) -> dict[str, Any]:
    """At the origin, unless the test says where."""
    origin = _signing(client).now.origin
    path = args[0] if args else request.get("path", "/")
    if origin is None or not isinstance(path, str) or urlsplit(path).netloc or len(args) > 1 or _BASES & request.keys():
        return request
    root = client.application.config["APPLICATION_ROOT"]
    return {**request, "base_url": f"{origin}/{root.lstrip('/')}"}
