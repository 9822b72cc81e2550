"""Signs requests, and the responses to them, the way a scheme says."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

from sealgate._native import Key, Request, Response, Scheme
from sealgate.exceptions import ConfigurationError
from sealgate.keys import KeyRing, Watched, from_environment

__all__ = ["Signer"]

#: Octets.
_SHA256 = 32
_LONGER = 10**15


class Signer:
    """Signs with one key. `key_id`: its id. `key`: 16 bytes or more, str as UTF-8, in the form in which the scheme's
    party writes it (`Scheme.key_form`); a `Key`; or `"env:NAME"`.

    Or with the newest key of that id in `"file:/path"` or `"dir:/path"`, looked at each second; `key_id` may be left
    out where there is one id. Then each call raises `Unavailable` where they cannot be read.

    Each call draws a fresh nonce (144 bits) and reads `clock` (Unix seconds).
    """

    def __init__(
        self,
        scheme: Scheme,
        *,
        key: Key | bytes | str,
        key_id: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.scheme = scheme
        self.key_id = key_id
        try:
            if isinstance(key, str) and key.startswith("env:"):
                key, named, _ = from_environment(key.removeprefix("env:"), scheme.key_form)
                key_id = key_id or named
            if isinstance(key, str) and key.startswith(("file:", "dir:")):
                self._keys: Watched | KeyRing = Watched(
                    key, hash=scheme.hash, operations=["sign"], form=scheme.key_form
                )
                self._entry = key_id = _chosen(self._keys.ring, key_id)
            else:
                self._keys = KeyRing(key if isinstance(key, Key) else Key(key, form=scheme.key_form))
                self._entry = None
        finally:
            key = b""  # not in a traceback's local variables
        if scheme.names_key and not key_id:
            raise ConfigurationError(f"key_id: the scheme {scheme.name} names the key, so key_id= is required")
        self.key_id = key_id
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Signer {getattr(self.scheme, 'name', None)} key_id={self.key_id!r}>"  # half-made, in a traceback

    def sign(self, request: Request) -> Request:
        """The request with its signature added, where the scheme writes it; an earlier signature is replaced.

        A scheme that writes into the query gives another target; one that writes into the body gives it in canonical
        form, with a Content-Length of its own where there was one.

        Raises `ConfigurationError` for what cannot be signed.
        """
        added, target, body = self.scheme.sign_whole(request, *self._drawn())
        if body is None:
            body = request.body or b""
        elif any(name == "content-length" for name, _ in request.headers):
            added = [*added, ("content-length", str(len(body)))]
        headers = _with(added, request.headers)
        return Request(
            request.method, target or request.target, headers, body, origin=request.origin, params=request.params
        )

    def sign_headers(self, request: Request) -> list[tuple[str, str]]:
        """The header fields to add: names and values; Host among them where it is covered and the request has none.

        Raises `ConfigurationError` for what cannot be signed, and where the scheme writes elsewhere.
        """
        return self.scheme.sign(request, *self._drawn())

    def sign_url(
        self,
        url: str,
        expires_in: int = 60,
        methods: Sequence[str] | None = None,
        *,
        content_type: str | None = None,
        content_length: int | None = None,
        body_limit: int | None = None,
        content_digest: bytes | None = None,
    ) -> str:
        """The absolute URL as a link, which lasts `expires_in` seconds and is for these methods.

        Only for schemes of links, such as `sealgate.schemes.signed_url()`. `url`: `https://host[:port]`, a path and a
        query, percent-encoded as it is to be sent; its origin is the verifier's. `methods`: GET if omitted.

        A link of `sealgate.schemes.signed_upload()` is for PUT if no methods are named, and says what may be uploaded.
        `content_type`: the Content-Type (RFC 9110, 8.3), octet by octet. `content_length`: how many octets; or
        `body_limit`: how many at most. `content_digest`: the SHA-256 of them, 32 octets, where the scheme signs it.

        Raises `ConfigurationError` for what is no such URL: with a user, a fragment, a blank or a character beyond
        ASCII; for a parameter that is named as one of the link's; for a time that is longer than the scheme allows;
        and for an upload that lacks one of these, or that the scheme is not for.
        """
        if self.scheme.longest is None:
            raise ConfigurationError(f"the scheme {self.scheme.name} signs requests, and no URLs")
        if isinstance(expires_in, bool) or not isinstance(expires_in, int):
            raise ConfigurationError("expires_in: expected whole seconds")
        upload = _upload(content_type, content_length, body_limit, content_digest)
        if methods is None:
            methods = ("GET",) if upload is None else ("PUT",)
        if isinstance(methods, str) or not methods:
            raise ConfigurationError("methods: expected names, such as GET")
        origin, target = _parted(url)
        request = Request(methods[0], target, origin=origin)
        key, key_id, created, nonce = self._drawn()
        _, signed, _ = self.scheme.sign_whole(
            request, key, key_id, created, nonce, created + expires_in, list(methods), upload
        )
        return f"{origin}{signed}"

    def sign_response(self, response: Response, request: Request) -> Response:
        """The response to `request` with its signature added; only for message signatures.

        `request` as received, with its signature, where it has one. Without an origin it is for `https` and its Host.
        Raises `ConfigurationError` for what cannot be signed: such as a request with a body and neither a signature
        nor a Content-Digest, which nothing could tell from another one.
        """
        added = self.scheme.sign_response(response, request, *self._drawn())
        return Response(response.status, _with(added, response.headers), response.body)

    def _drawn(self) -> tuple[Key, str | None, int, str]:
        now = self._clock()
        ring = self._keys if isinstance(self._keys, KeyRing) else self._keys.ring
        return ring.newest(self._entry, now), self.key_id, int(now), secrets.token_urlsafe(18)


def _with(added: list[tuple[str, str]], headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers and those added, which replace their namesakes."""
    names = {name.lower() for name, _ in added}
    return [*((name, value) for name, value in headers if name not in names), *added]


def _parted(url: str) -> tuple[str, str]:
    """Origin and target; what a browser would not send, or not as it is written, is none."""
    if not isinstance(url, str) or not url.isascii():
        raise ConfigurationError("url: expected ASCII; percent-encode the rest (RFC 3986, 2.1)")
    scheme, separator, rest = url.partition("://")
    authority, slash, target = rest.partition("/")
    if not separator or not slash or "?" in authority:
        raise ConfigurationError("url: expected https://host/path")
    if "@" in authority:
        raise ConfigurationError("url: a link has no user")
    if "#" in target:
        raise ConfigurationError("url: a fragment is not sent, and cannot be signed")
    return f"{scheme}://{authority}", f"/{target}"


def _upload(
    content_type: str | None, content_length: int | None, body_limit: int | None, content_digest: bytes | None
) -> tuple[str, str, bytes | None] | None:
    """What may be uploaded, as the link says it."""
    if all(given is None for given in (content_type, content_length, body_limit, content_digest)):
        return None
    if not isinstance(content_type, str):
        raise ConfigurationError("content_type: a link for an upload says of which type, such as image/png")
    if (content_length is None) == (body_limit is None):
        raise ConfigurationError(
            "content_length: a link for an upload says how long, or in body_limit how long at most"
        )
    octets = body_limit if content_length is None else content_length
    if type(octets) is not int or not 0 <= octets < _LONGER:
        raise ConfigurationError("content_length, body_limit: expected octets, in at most 15 digits")
    if content_digest is not None and (not isinstance(content_digest, bytes) or len(content_digest) != _SHA256):
        raise ConfigurationError("content_digest: expected the 32 octets of SHA-256")
    return content_type, str(octets) if body_limit is None else f"0-{octets}", content_digest


def _chosen(ring: KeyRing, key_id: str | None) -> str | None:
    """The id to sign with, of those that a file has."""
    if None in ring.key_ids:
        if key_id is not None:
            raise ConfigurationError("key_id: the key in the file has no kid")
        return None
    if key_id is None and len(ring.key_ids) == 1:
        return ring.key_ids[0]
    if key_id not in ring.key_ids:
        raise ConfigurationError("key_id: not among the keys")
    return key_id
