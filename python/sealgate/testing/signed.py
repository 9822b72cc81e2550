"""What the kit's clients share: as whom a client signs now, and how a request that is ready for a server is signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from wsgiref.types import WSGIEnvironment

from sealgate.hops import Hop, bound_to, checked, sign_hop
from sealgate.signer import Signer

__all__ = ["UNCHANGED", "As", "Other", "SignedAs", "as_", "as_target", "authority_of", "sign_environ", "visible"]

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


class Unchanged(Enum):
    UNCHANGED = "as the client signs"


UNCHANGED = Unchanged.UNCHANGED
#: A `sign_as=`: another signer for this request, or None for no signature.
Other = Signer | Unchanged | None


class As(NamedTuple):
    """`origin`: None for the client's own. `params`: what the route will match, for a scheme that signs it."""

    signer: Signer | None = None
    origin: str | None = None
    params: Mapping[str, str] | None = None

    def sign(self, method: str, target: str, origin: str, fields: Any, body: bytes) -> Hop | None:
        if self.signer is None:
            return None
        return sign_hop(self.signer, method, target, origin, fields, body, self.params)


def as_(signer: Signer | None, origin: str | None, params: Mapping[str, str] | None = None) -> As:
    """Checked."""
    return As(signer and checked(signer), origin and bound_to(origin), params)


class SignedAs:
    """As whom one client signs now."""

    def __init__(self) -> None:
        self.now = As()

    @contextmanager
    def changed(
        self, other: Other, origin: str | None = None, params: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        before = self.now
        if other is not UNCHANGED:
            self.now = as_(other, origin or before.origin, params)
        try:
            yield
        finally:
            self.now = before


def sign_environ(environ: WSGIEnvironment, now: As) -> None:
    """Makes of a test client's `environ` what a server makes of a signed request."""
    if now.origin is not None:
        _place(environ, now.origin)
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1")
    environ["QUERY_STRING"] = visible(environ.get("QUERY_STRING", "").encode("latin-1"))
    # Werkzeug has one, of the text as it was typed.
    target = visible(environ.get("RAW_URI", as_target(path, environ["QUERY_STRING"])).encode("latin-1"))
    environ |= {"RAW_URI": target, "REQUEST_URI": target}
    body = environ["wsgi.input"].read()
    authority = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    origin = f"{environ['wsgi.url_scheme']}://{authority}"
    hop = now.sign(environ["REQUEST_METHOD"], target, origin, list(_fields(environ)), body)
    environ["wsgi.input"] = BytesIO(body if hop is None else hop.body)
    if hop is None:
        return
    for name, value in hop.added:
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    if hop.body != body:
        environ["CONTENT_LENGTH"] = str(len(hop.body))


def as_target(path: bytes, query: str) -> str:
    """The raw target (RFC 9112, 3.2.1) of a decoded path: each octet that needs no encoding as it is."""
    return quote(path, safe="/:@!$&'()*+,;=") + (f"?{query}" if query else "")


def visible(query: bytes) -> str:
    """As every client sends it: visible ASCII."""
    return quote(query, safe=_VISIBLE)


def authority_of(origin: str) -> tuple[str, str, str, str]:
    """Scheme, authority, host and port."""
    url = urlsplit(origin)
    return url.scheme, url.netloc, url.hostname or "", str(url.port or _DEFAULT_PORTS[url.scheme])


def _place(environ: WSGIEnvironment, origin: str) -> None:
    """Where the test has not said otherwise. A redirect within the origin has lost its port, as Django follows it."""
    scheme, authority, host, port = authority_of(origin)
    if environ.get("HTTP_HOST", environ["SERVER_NAME"]) in {"testserver", host}:
        environ |= {"HTTP_HOST": authority, "SERVER_NAME": host, "SERVER_PORT": port, "wsgi.url_scheme": scheme}


def _fields(environ: WSGIEnvironment) -> Iterator[tuple[str, str]]:
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            yield key.removeprefix("HTTP_").replace("_", "-").lower(), value
        elif key in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value:
            yield key.replace("_", "-").lower(), value
