"""Payloads that others sign by hand: a key, the JSON text, and hex."""

from __future__ import annotations

import json
import re
from typing import Any

from sealgate import keys as key_sources
from sealgate._native import Key, Opened, canonicalize, canonicalize_json, canonicalize_same, sealed_members
from sealgate.envelope.shape import Shape
from sealgate.exceptions import (
    BodyMalformed,
    BodyTooLarge,
    CanonicalizationError,
    ConfigurationError,
    SignatureMalformed,
)
from sealgate.steps import Steps

__all__ = ["ByHand"]

_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_FORMS = {"pyjson", "pyjson-utf8", "jcs"}


class ByHand:
    """How `Envelope.legacy` seals and opens."""

    name = "legacy"

    def __init__(self, key: Key | bytes | str, form: str, hash: str, shape: Shape) -> None:
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
        self.shape = shape

    def seal(
        self, value: object, expires_in: int | None, sealed: list[Any], *, exact: bool, as_text: bool
    ) -> Steps[None]:
        yield from ()  # its one key is here
        if expires_in is not None:
            raise ConfigurationError("expires_in: a legacy envelope has no end")
        octets = self._canonical(value, exact=exact)
        text = self._key.sign(octets, self._hash).hex()
        if as_text:
            names = [json.dumps(name, ensure_ascii=False) for name in (self.shape.payload, self.shape.signature)]
            sealed.append(f'{{{names[0]}:{octets.decode()},{names[1]}:"{text}"}}')
        else:
            sealed.append({self.shape.payload: json.loads(octets), self.shape.signature: text})

    def open(self, document: object, opened: list[Opened], *, awaits: bool) -> Steps[None]:  # noqa: ARG002  as `Timed`
        yield from ()
        value, text = sealed_members(document, self.shape.payload, self.shape.signature)
        if not re.fullmatch(f"[0-9a-f]{{{_HEX_DIGITS[self._hash]}}}", text):
            raise SignatureMalformed("expected lower-case hex, of this hash's size")
        try:
            octets = self._canonical(value, exact=False)
        except CanonicalizationError as error:
            if error.index is not None and error.index >= self.shape.limit:  # so many octets were canonical
                raise BodyTooLarge("the payload is over the limit") from None
            raise BodyMalformed("the payload has no canonical form", error.index) from None
        self._key.verify(octets, text, self._hash)
        opened.append(Opened(json.loads(octets)))

    def _canonical(self, value: object, *, exact: bool) -> bytes:
        """Raises `CanonicalizationError`, at an index that is `limit` or more where there is too much of it."""
        limit, is_jcs = self.shape.limit, self.form == "jcs"
        # Where json.dumps writes, this refuses what that would make something of.
        if exact:
            octets = canonicalize_same(value, whole_floats=not is_jcs, round_integers=not is_jcs, limit=limit)
        else:
            octets = canonicalize(value, round_integers=not is_jcs, limit=limit)
        if is_jcs:
            return octets
        try:
            text = json.dumps(value, ensure_ascii=self.form == "pyjson", separators=(",", ":")).encode()
        except Exception:  # noqa: BLE001  a list's subclass, whose code may raise anything
            raise CanonicalizationError("a value that json.dumps does not take") from None
        return canonicalize_json(text, form=self.form, limit=limit)
