"""What the clients share: each hop of a request is signed as it goes on the wire, and no signature goes there twice.

httpx and httpx2 have the same face, so what they are given is made here, and neither is imported.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from typing import Any, BinaryIO, NamedTuple

from sealgate._native import Origins, Request
from sealgate.exceptions import ConfigurationError
from sealgate.signer import Signer

__all__ = [
    "AsyncHops",
    "AuthFlow",
    "Fields",
    "Hop",
    "Hops",
    "SentOnce",
    "bound_to",
    "checked",
    "content_digest",
    "sign_hop",
    "signs_digest",
    "spelled",
]

Fields = list[tuple[str, str]]

_PIECE = 64 * 1024
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_WEB = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Hop(NamedTuple):
    """One sending of a request: the caller's fields, those of the signature, and the body as it was signed."""

    kept: Fields
    added: Fields
    body: bytes


def sign_hop(
    signer: Signer,
    method: str,
    target: str,
    origin: str,
    fields: Iterable[Any],
    body: bytes | None,
    params: Mapping[str, str] | None = None,
) -> Hop:
    """Signs what is about to be sent. `fields`: pairs of str (Latin-1) or bytes; an earlier signature is left out.

    `body`: None where the fields have its digest (`signs_digest`). `params`: what the route will match, for schemes
    that sign it. Raises `ConfigurationError` where the scheme cannot sign such a request.
    """
    old = {name.lower() for name in signer.scheme.fields}
    if body is None:
        kept = [pair for pair in _text_of(fields) if pair[0].lower() not in old]
        request = Request(method, target, kept, b"", origin=origin, params=params)
        return Hop(kept, [pair for pair in signer.sign(request).headers if pair not in request.headers], b"")
    kept = [pair for pair in _framed(fields, body) if pair[0].lower() not in old]
    request = Request(method, target, kept, body, origin=origin, params=params)
    signed = signer.sign(request)
    added = [pair for pair in signed.headers if pair not in request.headers and pair[0] not in _FRAMING]
    names = {name.lower() for name, _ in added}
    kept = [pair for pair in kept if pair[0].lower() not in names]  # such as the caller's own Content-Digest
    signed_body = signed.body or b""
    if signed_body != body:
        kept = _framed(kept, signed_body)
    return Hop(kept, added, signed_body)


def signs_digest(signer: Signer) -> bool:
    """Whether a request can be signed by the digest of its body, without the body (RFC 9421 with RFC 9530)."""
    return "Signature-Input" in signer.scheme.fields


def content_digest(file: BinaryIO) -> str:
    """The Content-Digest (RFC 9530) of the rest of a file, which is then where it stood; it is never in memory."""
    start = file.tell()
    digest = hashlib.sha256()
    try:
        while piece := file.read(_PIECE):
            digest.update(piece)
    finally:
        file.seek(start)
    return f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"


def checked(signer: Signer) -> Signer:
    """`signer`, if it is one, and its scheme leaves the target as it is: a client has made its URL by then."""
    if not isinstance(signer, Signer):
        raise ConfigurationError("signer: expected a Signer, such as Signer(schemes.RFC9421, key_id=..., key=...)")
    if signer.scheme.query:
        name = signer.scheme.name
        raise ConfigurationError(
            f"signer: the scheme {name} signs in the target: use Signer.sign, and send what it gives"
        )
    return signer


def bound_to(origin: str) -> str:
    """`origin`, if it is one, as it is compared."""
    if not isinstance(origin, str):
        raise ConfigurationError("origin: expected one, such as https://api.shop.example")
    Origins(origin)
    return spelled(origin)


def spelled(origin: str) -> str:
    """The one spelling of an origin (RFC 9110, 4.2.3): lower case, without the default port or an empty one."""
    scheme, _, authority = origin.lower().partition("://")
    return f"{scheme}://{authority.removesuffix('/').removesuffix(_DEFAULT_PORTS.get(scheme, ':')).removesuffix(':')}"


class SentOnce:
    """Header fields, some of which go on the wire once; mixed into a library's `Headers`.

    Whoever reads these fields reads all of them, and whoever copies them, as a redirect does with `Headers(fields)`,
    copies the caller's own only. `plain`: the library's `Headers`.
    """

    plain: type[Any]
    _all: Any

    def __init__(self, own: Any, once: Any) -> None:
        super().__init__(own)  # type: ignore[call-arg]  # of Headers
        self._all = self.plain([*own, *once])

    @property
    def raw(self) -> Any:
        return self._all.raw

    def __setitem__(self, name: str, value: str) -> None:
        self._all[name] = value
        super().__setitem__(name, value)  # type: ignore[misc]

    def __delitem__(self, name: str) -> None:
        del self._all[name]
        if super().__contains__(name):  # type: ignore[misc]
            super().__delitem__(name)  # type: ignore[misc]

    def update(self, *given: Any, **named: Any) -> None:
        super().update(*given, **named)  # type: ignore[misc]
        self._all.update(*given, **named)


def _read(name: str) -> Callable[..., Any]:
    def read(self: SentOnce, *given: Any, **named: Any) -> Any:
        return getattr(self._all, name)(*given, **named)

    return read


for _name in ("keys", "values", "items", "multi_items", "get", "get_list"):
    setattr(SentOnce, _name, _read(_name))
for _name in ("getitem", "contains", "iter", "len", "eq", "repr"):
    setattr(SentOnce, f"__{_name}__", _read(f"__{_name}__"))


class AuthFlow:
    """`auth_flow` of httpx's and httpx2's `Auth`."""

    _fields: type[SentOnce]

    def __init__(self, signer: Signer, *, params: Mapping[str, str] | None = None) -> None:
        self._signer = checked(signer)
        self._params = params
        once: Any = self._fields([], [(b"signature", b"")])
        if "signature" not in once or "signature" in self._fields.plain(once):
            raise ConfigurationError("this release of the client would send a signature again on a redirect")

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        if not self._is_streamed(request):
            request.read()
        yield from self.auth_flow(request)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        if not self._is_streamed(request):
            await request.aread()
        for signed in self.auth_flow(request):
            yield signed

    def _is_streamed(self, request: Any) -> bool:
        """Whether the caller has stated the digest of a body that is not in memory."""
        return signs_digest(self._signer) and "Content-Digest" in request.headers and not hasattr(request, "_content")

    def auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """The body has been read, or is streamed."""
        own = self._fields.plain(request.headers).raw  # without the signature of an earlier sending
        body = None if self._is_streamed(request) else request.content
        hop = _sign(self._signer, request, own, _authority_of(request), body, self._params)
        if body is not None and hop.body != body:
            name = self._signer.scheme.name
            raise ConfigurationError(f"the scheme {name} signs in the body, which a redirect would send: use Transport")
        request.headers = self._fields(_octets(hop.kept), _octets(hop.added))
        yield request


class _Bound:
    """A transport around another, bound to one origin."""

    def __init__(self, signer: Signer, origin: str, inner: Any, params: Mapping[str, str] | None = None) -> None:
        self._signer = checked(signer)
        self._params = params
        self._origin = bound_to(origin)
        self._inner = inner

    def _is_for(self, request: Any) -> bool:
        return _origin_of(request.url) == self._origin

    def _signed(self, request: Any) -> Any:
        """Another request: the one that the client keeps, and redirects, never has a signature."""
        if any(name in request.headers for name in self._signer.scheme.fields):
            raise ConfigurationError("the request is signed already: use the transport or Auth, not both")
        hop = _sign(self._signer, request, request.headers.raw, self._origin, request.content, self._params)
        fields = _octets([*hop.kept, *hop.added])
        return type(request)(
            request.method, request.url, headers=fields, content=hop.body, extensions=request.extensions
        )


class Hops(_Bound):
    """`BaseTransport` of httpx and httpx2."""

    def handle_request(self, request: Any) -> Any:
        if self._is_for(request):
            request.read()
            request = self._signed(request)
        return self._inner.handle_request(request)

    def __enter__(self) -> Any:
        self._inner.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._inner.__exit__(*error)

    def close(self) -> None:
        self._inner.close()


class AsyncHops(_Bound):
    """`AsyncBaseTransport` of httpx and httpx2."""

    async def handle_async_request(self, request: Any) -> Any:
        if self._is_for(request):
            await request.aread()
            request = self._signed(request)
        return await self._inner.handle_async_request(request)

    async def __aenter__(self) -> Any:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._inner.__aexit__(*error)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _sign(
    signer: Signer,
    request: Any,
    fields: Iterable[Any],
    origin: str,
    body: bytes | None,
    params: Mapping[str, str] | None,
) -> Hop:
    # The extension "target" replaces the target on the wire.
    target: bytes = request.extensions.get("target", request.url.raw_path)
    return sign_hop(signer, request.method, target.decode("latin-1"), origin, fields, body, params)


def _origin_of(url: Any) -> str:
    return f"{_WEB.get(url.scheme, url.scheme)}://{url.netloc.decode('ascii')}"


def _authority_of(request: Any) -> str:
    """Where this request says that it goes: Host, if the caller has set another, is what the other side reads."""
    url = request.url
    if url.scheme not in _WEB or not url.host:
        raise ConfigurationError("url: expected an absolute one, of http or https")
    return f"{_WEB[url.scheme]}://{request.headers.get('Host') or url.netloc.decode('ascii')}"


def _framed(fields: Iterable[Any], body: bytes) -> Fields:
    """`fields` as text, with the length of a body that is in memory by now: not every server takes a chunked one."""
    given = _text_of(fields)
    plain = [pair for pair in given if pair[0].lower() not in _FRAMING]
    if body or len(plain) != len(given):
        plain.append(("Content-Length", str(len(body))))
    return plain


def _text_of(fields: Iterable[Any]) -> Fields:
    return [(_latin(name), _latin(value)) for name, value in fields]


def _latin(text: str | bytes) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else text


def _octets(fields: Fields) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
