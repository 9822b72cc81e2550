"""Tokens: each permits one action on one subject, for a time, and once where it says so.

    downloads = Scope("download:resource", keys=ring)
    token = downloads.token("doc-123", expires_in=60, once=True)
    downloads.verify(token, "doc-123")                     # Granted, or Rejected, or Unavailable

The subject is signed, and is not in the token: who verifies says which one is asked for. The text is URL-safe, 63
characters with a key id of four, 84 for a single use, and it has one spelling: base64url (RFC 4648, 5), without
padding, of

    kind 1 | created 5 | life 4 | nonce 16 | key id, 0 | claims | signature 32

Numbers are big-endian. Kind: 1, or 2 for a token that may be used once; only that one has a nonce. Created: Unix
seconds; life: seconds. Key id: ASCII, nothing for an anonymous key, and then an octet of zeros. Claims: a JSON object
in canonical form (RFC 8785) or, where there are none, nothing. Signature: the 32 octets of HMAC-SHA256. Signed are the
subject, after its length in 8 octets, and all that comes before the signature. The key is derived from the ring's by
HKDF-SHA256 (RFC 5869), without salt; its info is `sealgate scope` and the scope, each after its length in 8 octets.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from sealgate._native import Granted, KeyRing, Token
from sealgate.exceptions import ConfigurationError, InvalidSignature, Rejected, Unavailable
from sealgate.identifiers import PLAIN, form
from sealgate.purpose import Keys, Purpose, whole
from sealgate.replay import ReplayStore
from sealgate.steps import Steps, arun, run

__all__ = ["Granted", "Scope"]

MAX_AGE = 24 * 60 * 60


class Scope:
    """Gives tokens for one action, such as `download:resource`, and verifies them; any other text is refused.

    `name`: 1 to 256 printable ASCII characters; a token of another scope is refused, and so is all else that the keys
    have signed. `keys`, `key_id` and `clock`: as of an `Envelope`. `replay`: where tokens for one use are remembered, a
    store, or None for memory; with `"off"` there are none. `max_age`: seconds; no token lives longer.
    `subject`: the form of a subject, for `re.fullmatch`, or `"uuid4"`; if omitted, a letter, a digit or `_`, and then
    `.:@~-` as well. It is matched before anything is proven, so let it be quick. Whatever its form, a subject has 1 to
    256 printable ASCII characters.

    Raises `ConfigurationError`, naming the setting.
    """

    def __init__(
        self,
        name: str,
        *,
        keys: Keys,
        key_id: str | None = None,
        replay: ReplayStore | str | None = None,
        max_age: int = MAX_AGE,
        subject: str = PLAIN,
        clock: Callable[[], float] = time.time,
    ) -> None:
        try:
            max_age = whole("max_age", max_age, 2**32 - 1)
            self._purpose = Purpose("sealgate scope", name, keys, key_id, max_age, replay, clock)
        finally:
            keys = KeyRing({})  # a traceback shows local variables: let it not find key material here
        self._is_subject = form("subject", subject)

    def __repr__(self) -> str:
        return (
            f"<Scope {self._purpose.name!r}>" if hasattr(self, "_purpose") else "<Scope>"
        )  # half-made, in a traceback

    @property
    def name(self) -> str:
        """As it was given."""
        return self._purpose.name

    def __deepcopy__(self, memo: object) -> Scope:
        return self  # a copied store would not know what this one has seen

    def token(
        self, subject: str, *, expires_in: int = 60, once: bool = False, claims: Mapping[str, Any] | None = None
    ) -> str:
        """Letters, digits, `-` and `_`. `expires_in`: seconds. `once`: it may be used once.

        `claims`: a JSON object of at most 2048 octets; whoever has the token can read them, and nobody can change them.

        Raises `ConfigurationError` where the subject has another form, `CanonicalizationError` for claims that have no
        canonical form or are too many, and `Unavailable`.
        """
        made: list[str] = []
        run(self._make(subject, expires_in, once, claims, made), "atoken")
        return made[0]

    async def atoken(
        self, subject: str, *, expires_in: int = 60, once: bool = False, claims: Mapping[str, Any] | None = None
    ) -> str:
        """As `token`, and awaits a key source that is a coroutine."""
        made: list[str] = []
        await arun(self._make(subject, expires_in, once, claims, made))
        return made[0]

    def verify(self, token: str, subject: str) -> Granted:
        """What `token` permits on `subject`. A token for one use is used up.

        Raises `Rejected` or `Unavailable`, whatever both are, and nothing else.
        """
        granted: list[Granted] = []
        run(self.steps(token, subject, granted, awaits=False), "averify")
        return granted[0]

    async def averify(self, token: str, subject: str) -> Granted:
        """As `verify`, and awaits key sources and stores that are coroutines."""
        granted: list[Granted] = []
        await arun(self.steps(token, subject, granted, awaits=True))
        return granted[0]

    def steps(self, text: str, subject: str, granted: list[Granted], *, awaits: bool) -> Steps[None]:
        """The order of checks: subject, claim, window, keys, signature, window again, replay.

        Yields what is to be awaited, for a driver (`sealgate.steps`); leaves what is granted in `granted`.
        """
        if not self._is_subject(subject):
            raise InvalidSignature("the subject is none of this scope")
        purpose, token = self._purpose, Token(text)
        key_id = token.key_id
        try:
            token.check_window(purpose.clock(), purpose.max_age)
            ring = purpose.fixed[0] if purpose.fixed else (yield from purpose.ring(key_id))
            now = purpose.clock()
            proof = token.authenticate(ring, subject, now)
            token.check_window(now, purpose.max_age)  # a slow key source does not extend a life
            nonce = proof.nonce
            if nonce is not None:
                if purpose.replay is None:
                    raise Unavailable("a token for one use, and replay is off")
                end = token.end(purpose.max_age)
                yield from purpose.spend(purpose.replay, proof.key_id, nonce, proof.created, end, awaits=awaits)
        except (Rejected, Unavailable) as error:
            error.key_id = key_id
            raise
        granted.append(proof)

    def _make(
        self, subject: str, expires_in: int, once: bool, claims: Mapping[str, Any] | None, made: list[str]
    ) -> Steps[None]:
        if not self._is_subject(subject):
            raise ConfigurationError("subject: not of this scope's form")
        if whole("expires_in", expires_in, 2**40) > self._purpose.max_age:
            raise ConfigurationError("expires_in: more than max_age, after which nothing is accepted")
        if once and self._purpose.replay is None:
            raise ConfigurationError("once: nothing remembers a token that was used, since replay is off")
        if claims is not None and not isinstance(claims, dict):
            raise ConfigurationError("claims: expected a dict")
        ring, key_id = self._purpose.fixed or (yield from self._purpose.signing())
        nonce = secrets.token_bytes(16) if once else None
        made.append(Token.sign(ring, subject, key_id, self._purpose.clock(), expires_in, nonce, claims or None))
