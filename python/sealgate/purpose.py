"""What signs for one purpose: keys derived for it alone, the clock, and what was used up.

No frame keeps key material in its local variables when it raises: tracebacks and error pages show those.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from sealgate import keys as key_sources
from sealgate import replay as replay_stores
from sealgate._native import Key, KeyRing
from sealgate.exceptions import ConfigurationError
from sealgate.steps import Steps

__all__ = ["NAME", "Keys", "Purpose", "framed", "whole"]

#: Of a purpose, and of a key id.
NAME = re.compile(r"[ -~]{1,256}")
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


class Purpose:
    """`kind`: a word of ours, of what signs. `name`: 1 to 256 printable ASCII characters, of the purpose.

    The keys of another kind or another name are other keys: HKDF-SHA256 (RFC 5869) with both as its info, framed.
    `max_age`: seconds after which nothing is accepted. Raises `ConfigurationError`, naming the setting.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        keys: Keys,
        key_id: str | None,
        max_age: int,
        replay: replay_stores.ReplayStore | str | None,
        clock: Callable[[], float],
    ) -> None:
        try:
            source = key_sources.load(cast("key_sources.Keys", keys), hash="sha256", operations=["sign", "verify"])
        finally:
            keys = _NO_KEYS
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigurationError("purpose: expected 1 to 256 printable ASCII characters")
        if isinstance(source, KeyRing) and key_id is not None and key_id not in source.key_ids:
            raise ConfigurationError("key_id: not among the keys")
        self._label = framed(kind, name)
        self._keys = source.derive(self._label) if isinstance(source, KeyRing) else source
        self.kind = kind
        self.name = name
        self.clock = clock
        self.max_age = max_age
        self.replay = replay_stores.load(replay, clock=clock, max_age=max_age)
        self._derived = (_NO_KEYS, _NO_KEYS)
        self._key_id = key_id
        #: The derived keys, and whose of them signs, where no source has to be asked.
        self.fixed = _signing(self._keys, key_id) if isinstance(self._keys, KeyRing) else None

    def ring(self, key_id: str | None) -> Steps[KeyRing]:
        """The derived keys, with those of `key_id`. Raises `Unavailable`."""
        if isinstance(self._keys, KeyRing):
            return self._keys
        ring = yield from key_sources.ask(self._keys, key_id, None)
        of, derived = self._derived
        if of is not ring:  # a file's keys are the same ring until they change
            derived = ring.derive(self._label)
            self._derived = (ring, derived)
        return derived

    def signing(self) -> Steps[tuple[KeyRing, str | None]]:
        """The derived keys, and whose of them signs: the one that was named, or the ring's first."""
        return self.fixed or _signing((yield from self.ring(self._key_id)), self._key_id)

    def spend(
        self, store: replay_stores.ReplayStore, key_id: str | None, nonce: str, created: int, end: int, *, awaits: bool
    ) -> Steps[None]:
        """Of what is proven, and ends after the Unix second `end`. Raises `Replayed` and `Unavailable`."""
        replay_key = hashlib.sha256(framed(self.kind, self.name, key_id, nonce, created)).digest()
        return replay_stores.remember(store, replay_key, end + _REPLAY_MARGIN, key_id, awaits=awaits)


def _signing(ring: KeyRing, key_id: str | None) -> tuple[KeyRing, str | None]:
    return ring, key_id if key_id is not None or not ring.key_ids else ring.key_ids[0]


def framed(*parts: str | int | None) -> bytes:
    """Each part as UTF-8 after its length, in 8 octets; none is empty. No two lists of parts give the same octets."""
    octets = [b"" if part is None else str(part).encode() for part in parts]
    return b"".join(len(part).to_bytes(8, "big") + part for part in octets)


def whole(name: str, value: int, most: int) -> int:
    """A setting. Raises `ConfigurationError`."""
    if type(value) is not int or not 0 < value <= most:
        raise ConfigurationError(f"{name}: expected a whole number from 1 to {most}")
    return value
