"""Payloads sealed by a key of a ring, derived for one purpose, for a time."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from sealgate import keys as key_sources
from sealgate import replay as replay_stores
from sealgate._native import Key, KeyRing, canonicalize
from sealgate.envelope.claim import KEY_ID, Claim, Opened, framed
from sealgate.exceptions import ConfigurationError, Rejected, Unavailable
from sealgate.steps import Steps

__all__ = ["Keys", "Timed", "whole"]

_LABEL = "sealgate envelope"
_REPLAY_MARGIN = 60
_NO_KEYS = KeyRing({})

_Material = Key | bytes | str
#: As a verifier's; but a function is asked without a request, for None.
Keys = (
    KeyRing
    | _Material
    | Mapping[str, _Material | Sequence[_Material]]
    | Callable[[str | None, None], key_sources.Found | Awaitable[key_sources.Found]]
)


class Timed:
    """How an `Envelope` seals and opens."""

    form = "jcs"

    def __init__(
        self,
        purpose: str,
        keys: Keys,
        key_id: str | None,
        max_age: int,
        replay: replay_stores.ReplayStore | str | None,
        clock: Callable[[], float],
    ) -> None:
        try:
            source = key_sources.load(cast("key_sources.Keys", keys), hash="sha256", operations=["sign", "verify"])
        finally:
            keys = _NO_KEYS  # a traceback shows local variables: let it not find key material here
        if not isinstance(purpose, str) or not KEY_ID.fullmatch(purpose):
            raise ConfigurationError("purpose: expected 1 to 256 printable ASCII characters")
        if isinstance(source, KeyRing) and key_id is not None and key_id not in source.key_ids:
            raise ConfigurationError("key_id: not among the keys")
        self.name = purpose
        self._label = framed(_LABEL, purpose)
        self._keys = source.derive(self._label) if isinstance(source, KeyRing) else source
        self._derived = (_NO_KEYS, _NO_KEYS)
        self._key_id = key_id
        self._max_age = whole("max_age", max_age, 2**40)
        self._replay = replay_stores.load(replay, clock=clock, max_age=self._max_age)
        self._clock = clock

    def sign(self, octets: bytes, expires_in: int | None) -> Steps[str]:
        if expires_in is not None and whole("expires_in", expires_in, 2**40) > self._max_age:
            raise ConfigurationError("expires_in: more than max_age, after which nothing is opened")
        ring = yield from self._ring(self._key_id)
        key_id = self._key_id if self._key_id is not None or not ring.key_ids else ring.key_ids[0]
        now = self._clock()
        created = int(now)
        claim = Claim(key_id, created, None if expires_in is None else created + expires_in, secrets.token_urlsafe(18))
        return claim._replace(octets=ring.sign(claim.framed(self.name) + octets, key_id, now=now)).write()

    def prove(self, text: str, canonical: Callable[[], bytes], *, awaits: bool) -> Steps[Opened]:
        """The order of checks: claim, window, keys, canonical form, signature, window again, replay."""
        claim = Claim.read(text)
        try:
            claim.check_window(self._clock(), self._max_age)
            ring = yield from self._ring(claim.key_id)
            octets = canonical()
            now = self._clock()
            key_id = ring.verify(claim.framed(self.name) + octets, claim.octets, claim.key_id, now=now)
            claim.check_window(now, self._max_age)  # a slow key source does not extend a life
            if self._replay is not None:
                once = framed(_LABEL, self.name, key_id, claim.nonce, claim.created)
                replay_key, end = hashlib.sha256(once).digest(), claim.end(self._max_age) + _REPLAY_MARGIN
                yield from replay_stores.remember(self._replay, replay_key, end, key_id, awaits=awaits)
        except (Rejected, Unavailable) as error:
            error.key_id = claim.key_id
            raise
        return Opened(json.loads(octets), key_id, claim.created, claim.expires, claim.nonce)

    def canonical(self, value: object, limit: int) -> bytes:
        """Raises `CanonicalizationError`, at an index that is `limit` or more where there is too much of it."""
        return canonicalize(value, limit=limit)

    def _ring(self, key_id: str | None) -> Steps[KeyRing]:
        if isinstance(self._keys, KeyRing):
            return self._keys
        ring = yield from key_sources.ask(self._keys, key_id, None)
        of, derived = self._derived
        if of is not ring:  # a file's keys are the same ring until they change
            derived = ring.derive(self._label)
            self._derived = (ring, derived)
        return derived


def whole(name: str, value: int, most: int) -> int:
    """A setting. Raises `ConfigurationError`."""
    if type(value) is not int or not 0 < value <= most:
        raise ConfigurationError(f"{name}: expected a whole number from 1 to {most}")
    return value
