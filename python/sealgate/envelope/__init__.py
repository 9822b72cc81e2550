"""Values that leave the service and come back: sealed for one purpose, and opened only as they were sealed.

    envelope = Envelope("checkout", keys=ring)
    document = envelope.seal({"total": 100})      # {"payload": {"total": 100}, "signature": "v1...."}
    envelope.open(document)                       # {"total": 100}, or Rejected, or Unavailable

The signature is a text of six members between dots, URL-safe, each with one spelling:

    v1 . key id . created . expires . nonce . signature

Key id: base64url, empty for an anonymous key. Created and expires: Unix seconds; expires may be empty. Nonce: 16 to 256
characters of base64url's. Signature: the 32 octets of HMAC-SHA256, base64url (RFC 4648, 5), without padding. Signed are
`v1`, the purpose, key id, created, expires and nonce, each after its length in 8 octets, big-endian; and then the
canonical JSON of the payload (RFC 8785). The key is derived from the ring's by HKDF-SHA256 (RFC 5869), without salt;
its info is `sealgate envelope` and the purpose, framed in the same way.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, get_origin

from sealgate._native import Key, KeyRing, Opened, canonicalize_json
from sealgate.envelope.by_hand import ByHand
from sealgate.envelope.shape import Shape
from sealgate.envelope.timed import Timed
from sealgate.exceptions import BodyMalformed, BodyTooLarge, CanonicalizationError, ConfigurationError
from sealgate.purpose import Keys
from sealgate.replay import ReplayStore
from sealgate.steps import arun, run

__all__ = ["Envelope", "Keys", "Opened"]

MAX_AGE = 300
LIMIT = 10 * 1024 * 1024


class Envelope:
    """Seals JSON values for one purpose, and opens what was sealed for it.

    `purpose`: 1 to 256 printable ASCII characters; what was sealed for another one is refused.
    `keys`: bytes or str (one anonymous key), a mapping, a `KeyRing`, `"env:NAME"`, or a function or coroutine
    `(key_id, None)`. `key_id`: whose key seals, the ring's first if omitted. Of several keys of one id the first seals,
    and each opens. `max_age`: seconds, either way. `replay`: `"off"`, and an envelope is opened as often as it comes
    while it lives; or a store, or None for memory, and it is opened once.
    `payload` and `signature`: names of the two members. `limit`: octets of canonical JSON. `clock`: Unix seconds.

    Raises `ConfigurationError`, naming the setting.
    """

    def __init__(
        self,
        purpose: str,
        *,
        keys: Keys,
        key_id: str | None = None,
        max_age: int = MAX_AGE,
        replay: ReplayStore | str | None = "off",
        payload: str = "payload",
        signature: str = "signature",
        limit: int = LIMIT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        try:
            shape = Shape.of(payload, signature, limit)
            self._take(Timed(purpose, keys, key_id, max_age, replay, clock, shape))
        finally:
            keys = KeyRing({})  # a traceback shows local variables: let it not find key material here

    @classmethod
    def legacy(
        cls,
        key: Key | bytes | str,
        *,
        payload: str = "payload",
        signature: str = "signature",
        form: str = "pyjson",
        hash: str = "sha256",
        limit: int = LIMIT,
    ) -> Envelope:
        """For payloads that others sign by hand: lower-case hex HMAC over the payload's JSON, and nothing else.

        `form`: `pyjson`, that is `json.dumps(payload, sort_keys=True, separators=(",", ":"))`; `pyjson-utf8`, the same
        with `ensure_ascii=False`; or `jcs` (RFC 8785). `hash`: `sha256`, `sha384` or `sha512`. `key`: 16 bytes or more,
        or `"env:NAME"`; it is used as it is, so let it serve nothing else.

        Nothing says when a payload was signed, nor what for: whoever has seen one can send it for ever, to each place
        that takes this key. Use `Envelope(...)` where both sides are yours.
        """
        envelope = cls.__new__(cls)
        try:
            envelope._take(ByHand(key, form, hash, Shape.of(payload, signature, limit)))
        finally:
            key = b""
        return envelope

    def _take(self, way: Timed | ByHand) -> None:
        self._way = way
        self.payload, self.signature, self.limit = way.shape

    def __repr__(self) -> str:
        return f"<Envelope {self._way.name!r}>" if hasattr(self, "_way") else "<Envelope>"  # half-made, in a traceback

    def __deepcopy__(self, memo: object) -> Envelope:
        return self  # frameworks copy what fields are made of; a copied store would not know what this one has seen

    def seal(self, value: Any, *, expires_in: int | None = None, exact: bool = True) -> dict[str, Any]:
        """`{"payload": ..., "signature": "..."}`; the payload is a copy of `value`, as `open` will give it.

        `expires_in`: seconds, where it shall live shorter than `max_age`. `exact`: what is opened equals what was
        sealed, type by type, and what JSON gives back as something else is refused: a tuple, a subclass such as an
        `IntEnum` or an `OrderedDict`, a float such as `1.0`, which comes back as `1`. Without it, it is sealed as what
        it comes back as.

        Raises `CanonicalizationError` for that, and for what has no canonical form: a set, bytes, a Decimal, a date,
        NaN, a lone surrogate, an integer that a double does not hold; and `Unavailable`.
        """
        sealed: list[dict[str, Any]] = []
        run(self._way.seal(value, expires_in, sealed, exact=exact, as_text=False), "aseal")
        return sealed[0]

    async def aseal(self, value: Any, *, expires_in: int | None = None, exact: bool = True) -> dict[str, Any]:
        """As `seal`, and awaits a key source that is a coroutine."""
        sealed: list[dict[str, Any]] = []
        await arun(self._way.seal(value, expires_in, sealed, exact=exact, as_text=False))
        return sealed[0]

    def seal_json(self, value: Any, *, expires_in: int | None = None, exact: bool = True) -> str:
        """As `seal`; the document's JSON text, for `open_json`."""
        sealed: list[str] = []
        run(self._way.seal(value, expires_in, sealed, exact=exact, as_text=True), "aseal_json")
        return sealed[0]

    async def aseal_json(self, value: Any, *, expires_in: int | None = None, exact: bool = True) -> str:
        """As `seal_json`, and awaits a key source that is a coroutine."""
        sealed: list[str] = []
        await arun(self._way.seal(value, expires_in, sealed, exact=exact, as_text=True))
        return sealed[0]

    def open(self, document: Any) -> Any:
        """The payload of a parsed JSON document: what its proven canonical form says, so `1.0` is given as `1`.

        Raises `Rejected` or `Unavailable`, whatever the document is, and nothing else.
        """
        return self.verify(document).payload

    async def aopen(self, document: Any) -> Any:
        """As `open`, and awaits key sources and stores that are coroutines."""
        return (await self.averify(document)).payload

    def open_json(self, text: bytes | str) -> Any:
        """As `open`, for the document's JSON text, in which no name may occur twice; most parsers would drop one."""
        return self.open(self._parsed(text))

    def verify(self, document: Any) -> Opened:
        """As `open`; the payload, and who sealed it when."""
        opened: list[Opened] = []
        run(self._way.open(document, opened, awaits=False), "averify or aopen")
        return opened[0]

    async def averify(self, document: Any) -> Opened:
        """As `verify`, and awaits."""
        opened: list[Opened] = []
        await arun(self._way.open(document, opened, awaits=True))
        return opened[0]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """`Annotated[SignedPayload[...], envelope]`: see `sealgate.pydantic`, which this module does not import."""
        build = getattr(get_origin(source) or source, "__sealed_by__", None)
        if build is None:
            raise ConfigurationError("an envelope annotates SignedPayload[...] itself, and nothing around it")
        return build(self, source, handler)

    def _parsed(self, text: bytes | str) -> Any:
        if not isinstance(text, bytes | str):
            raise BodyMalformed("expected a JSON text")
        octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")  # which is no UTF-8 then
        if len(octets) > self.limit:
            raise BodyTooLarge("the text is over the limit")
        try:
            return json.loads(canonicalize_json(octets, form=self._way.form, limit=self.limit))
        except CanonicalizationError as error:
            raise BodyMalformed("the text has no canonical form", error.index) from None
