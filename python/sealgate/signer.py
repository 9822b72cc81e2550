"""Signs requests the way a scheme says."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from sealgate._native import Key, Request, Scheme
from sealgate.exceptions import ConfigurationError
from sealgate.keys import from_environment

__all__ = ["Signer"]


class Signer:
    """Signs with one key. `key`: 16 bytes or more, str as UTF-8, a `Key`, or `"env:NAME"`. `key_id`: its id.

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
                key, named, _ = from_environment(key.removeprefix("env:"))
                key_id = key_id or named
            self._key = key if isinstance(key, Key) else Key(key)
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

        A scheme that writes into the body gives it in canonical form, with a Content-Length of its own where there was
        one. Raises `ConfigurationError` for what cannot be signed.
        """
        added, body = self.scheme.sign_whole(request, *self._drawn())
        if body is None:
            body = request.body or b""
        elif any(name == "content-length" for name, _ in request.headers):
            added = [*added, ("content-length", str(len(body)))]
        names = {name.lower() for name, _ in added}
        headers = [*((name, value) for name, value in request.headers if name not in names), *added]
        return Request(request.method, request.target, headers, body, origin=request.origin, params=request.params)

    def sign_headers(self, request: Request) -> list[tuple[str, str]]:
        """The header fields to add: names and values; Host among them where it is covered and the request has none.

        Raises `ConfigurationError` for what cannot be signed, and where the scheme writes into the body.
        """
        return self.scheme.sign(request, *self._drawn())

    def _drawn(self) -> tuple[Key, str | None, int, str]:
        return self._key, self.key_id, int(self._clock()), secrets.token_urlsafe(18)
