"""Payloads that others sign by hand: a key, the JSON text, and hex."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from sealgate import keys as key_sources
from sealgate._native import Key, canonicalize, canonicalize_json
from sealgate.envelope.claim import Opened
from sealgate.exceptions import CanonicalizationError, ConfigurationError, SignatureMalformed
from sealgate.steps import Steps

__all__ = ["ByHand"]

_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_FORMS = {"pyjson", "pyjson-utf8", "jcs"}


class ByHand:
    """How `Envelope.legacy` seals and opens."""

    name = "legacy"

    def __init__(self, key: Key | bytes | str, form: str, hash: str) -> None:
        try:
            if isinstance(key, str) and key.startswith("env:"):
                key, _, _ = key_sources.from_environment(key.removeprefix("env:"))
            self._key = key if isinstance(key, Key) else Key(key)
        finally:
            key = b""  # not in a traceback's local variables
        if self._key.not_before is not None or self._key.not_after is not None:
            raise ConfigurationError("key: has a not_before or a not_after, and nothing here says when it is used")
        if form not in _FORMS:
            raise ConfigurationError("form: expected pyjson, pyjson-utf8 or jcs")
        if hash not in _HEX_DIGITS:
            raise ConfigurationError("hash: expected sha256, sha384 or sha512")
        self.form = form
        self._hash = hash

    def sign(self, octets: bytes, expires_in: int | None) -> Steps[str]:
        yield from ()  # its one key is here
        if expires_in is not None:
            raise ConfigurationError("expires_in: a legacy envelope has no end")
        return self._key.sign(octets, self._hash).hex()

    def prove(self, text: str, canonical: Callable[[], bytes], *, awaits: bool) -> Steps[Opened]:  # noqa: ARG002  as `Timed`
        yield from ()
        if not re.fullmatch(f"[0-9a-f]{{{_HEX_DIGITS[self._hash]}}}", text):
            raise SignatureMalformed("expected lower-case hex, of this hash's size")
        octets = canonical()
        self._key.verify(octets, text, self._hash)
        return Opened(json.loads(octets))

    def canonical(self, value: object, limit: int) -> bytes:
        """Raises `CanonicalizationError`, at an index that is `limit` or more where there is too much of it."""
        if self.form == "jcs":
            return canonicalize(value, limit=limit)
        canonicalize(value, round_integers=True, limit=limit)  # refuses what json.dumps would make something of
        try:
            text = json.dumps(value, ensure_ascii=self.form == "pyjson", separators=(",", ":")).encode()
        except Exception:  # noqa: BLE001  a list's subclass, whose code may raise anything
            raise CanonicalizationError("a value that json.dumps does not take") from None
        return canonicalize_json(text, form=self.form, limit=limit)
