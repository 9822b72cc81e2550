"""Payloads sealed by a key of a ring, derived for one purpose, for a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sealgate._native import KeyRing, Opened, Seal
from sealgate.envelope.nonces import nonce
from sealgate.envelope.shape import Shape
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
        shape: Shape,
    ) -> None:
        try:
            max_age = whole("max_age", max_age, 2**40)
            self._purpose = Purpose("sealgate envelope", purpose, keys, key_id, max_age, replay, clock)
        finally:
            keys = KeyRing({})  # a traceback shows local variables: let it not find key material here
        self.name = purpose
        self.shape = shape

    def seal(
        self, value: object, expires_in: int | None, sealed: list[Any], *, exact: bool, as_text: bool
    ) -> Steps[None]:
        if expires_in is not None and whole("expires_in", expires_in, 2**40) > self._purpose.max_age:
            raise ConfigurationError("expires_in: more than max_age, after which nothing is opened")
        ring, key_id = self._purpose.fixed or (yield from self._purpose.signing())
        payload, signature, limit = self.shape
        purpose, now, own = self.name, self._purpose.clock(), nonce()
        if as_text:
            text = Seal.sign_json(ring, purpose, value, limit, exact, key_id, now, expires_in, own, payload, signature)
            sealed.append(text)
        else:
            copy, text = Seal.sign(ring, purpose, value, limit, exact, key_id, now, expires_in, own)
            sealed.append({payload: copy, signature: text})

    def open(self, document: object, opened: list[Opened], *, awaits: bool) -> Steps[None]:
        """The order of checks: document, claim, window, keys, canonical form, signature, window again, replay."""
        purpose = self._purpose
        seal = Seal(document, self.shape.payload, self.shape.signature)
        try:
            seal.check_window(purpose.clock(), purpose.max_age)
            ring = purpose.fixed[0] if purpose.fixed else (yield from purpose.ring(seal.key_id))
            now = purpose.clock()
            proof = seal.authenticate(ring, self.name, self.shape.limit, now)
            seal.check_window(now, purpose.max_age)  # a slow key source does not extend a life
            if purpose.replay is not None:
                end = seal.end(purpose.max_age)
                yield from purpose.spend(purpose.replay, proof.key_id, seal.nonce, seal.created, end, awaits=awaits)
        except (Rejected, Unavailable) as error:
            error.key_id = seal.key_id
            raise
        opened.append(proof)
