"""Payloads sealed by a key of a ring, derived for one purpose, for a time."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

from sealgate._native import KeyRing, canonicalize
from sealgate.envelope.claim import Claim, Opened
from sealgate.exceptions import ConfigurationError, Rejected, Unavailable
from sealgate.purpose import Keys, Purpose, whole
from sealgate.replay import ReplayStore
from sealgate.steps import Steps

__all__ = ["Timed"]


class Timed:
    """How an `Envelope` seals and opens."""

    form = "jcs"

    def __init__(
        self,
        purpose: str,
        keys: Keys,
        key_id: str | None,
        max_age: int,
        replay: ReplayStore | str | None,
        clock: Callable[[], float],
    ) -> None:
        try:
            max_age = whole("max_age", max_age, 2**40)
            self._purpose = Purpose("sealgate envelope", purpose, keys, key_id, max_age, replay, clock)
        finally:
            keys = KeyRing({})  # a traceback shows local variables: let it not find key material here
        self.name = purpose

    def sign(self, octets: bytes, expires_in: int | None) -> Steps[str]:
        if expires_in is not None and whole("expires_in", expires_in, 2**40) > self._purpose.max_age:
            raise ConfigurationError("expires_in: more than max_age, after which nothing is opened")
        ring, key_id = yield from self._purpose.signing()
        now = self._purpose.clock()
        created = int(now)
        claim = Claim(key_id, created, None if expires_in is None else created + expires_in, secrets.token_urlsafe(18))
        return claim._replace(octets=ring.sign(claim.framed(self.name) + octets, key_id, now=now)).write()

    def prove(self, text: str, canonical: Callable[[], bytes], *, awaits: bool) -> Steps[Opened]:
        """The order of checks: claim, window, keys, canonical form, signature, window again, replay."""
        purpose, claim = self._purpose, Claim.read(text)
        try:
            claim.check_window(purpose.clock(), purpose.max_age)
            ring = yield from purpose.ring(claim.key_id)
            octets = canonical()
            now = purpose.clock()
            key_id = ring.verify(claim.framed(self.name) + octets, claim.octets, claim.key_id, now=now)
            claim.check_window(now, purpose.max_age)  # a slow key source does not extend a life
            if purpose.replay is not None:
                end = claim.end(purpose.max_age)
                yield from purpose.spend(purpose.replay, key_id, claim.nonce, claim.created, end, awaits=awaits)
        except (Rejected, Unavailable) as error:
            error.key_id = claim.key_id
            raise
        return Opened(json.loads(octets), key_id, claim.created, claim.expires, claim.nonce)

    def canonical(self, value: object, limit: int) -> bytes:
        """Raises `CanonicalizationError`, at an index that is `limit` or more where there is too much of it."""
        return canonicalize(value, limit=limit)
