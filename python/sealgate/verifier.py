"""The one order of checks, for every framework: claims, window, keys, body, signature, digest, coverage, replay.

Where members of the body carry the claims, the body comes first, and then its claims, the window and the keys.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from sealgate import keys as key_sources
from sealgate import replay as replay_stores
from sealgate._native import KeyRing, Origins, Prover, Request, Response, Scheme, Verified
from sealgate.exceptions import (
    BodyTooLarge,
    BodyUnreadable,
    ConfigurationError,
    Rejected,
    SignatureMissing,
    Unavailable,
)
from sealgate.handshakes import Handshake
from sealgate.keys import NO_KEYS
from sealgate.replay import Delivery
from sealgate.spool import Spooled
from sealgate.steps import Steps, arun, run, waits

__all__ = ["BODY_LIMIT", "ReadBody", "Verifier"]

BODY_LIMIT = 10 * 1024 * 1024
MAX_AGE = 300
_NOTHING: frozenset[str] = frozenset()
#: What a verifier is made of.
_SETTLED = frozenset(
    {"scheme", "ring", "source", "handshake", "body_limit", "body_timeout", "spool", "max_age", "replay", "origins"}
    | {"_acknowledging", "_asks_each", "_clock", "_claims_in_body", "_prover"}
)
_OVER_SPOOL = "the body is over spool=, and the message does not state its digest"
_log = logging.getLogger("sealgate")

#: Reads the body, at most so many bytes; raises `BodyTooLarge` or `BodyUnreadable` where it cannot. `Spooled`: only
#: where `Verifier.spool` says so.
ReadBody = Callable[[int], bytes | Spooled | Awaitable[bytes | Spooled]]


class Verifier:
    """Verifies requests signed by one scheme with keys of one ring.

    `scheme`: a preset or constructor of `sealgate.schemes`, or a `Scheme`.
    `keys`: bytes or str (one anonymous key, as the scheme's party writes it: `Scheme.key_form`), a mapping, a
    `KeyRing`, a function or coroutine `(key_id, request)`, `"file:/path"` or `"dir:/path"` (`sealgate.keys.Watched`),
    or `"env:NAME"`, also as a value of the mapping: the text of a key, or a JSON Web Key.
    `origin`: `https://host[:port]`, or several; required where the scheme covers the authority.
    `replay`: a store, `"off"`, or omitted for memory. `duplicates`: `"reject"`; or `"acknowledge"`, and a duplicate of
    what was answered 2xx is answered 200, and does not come to the view; it needs a store that knows how a delivery
    went (`AcknowledgingStore`), as all of ours do. `max_age`: seconds, either way; the scheme's own, else 300.
    `handshake`: of `sealgate.handshakes`, the one of this scheme's provider, whose probes are then answered.
    `body_limit`: bytes. `body_timeout`: seconds for the whole body. `clock`: Unix seconds. `spool`: bytes; a larger
    body is kept in a temporary file, not in memory, where a digest of it is signed: the view reads it from the request,
    and `Verified.spooled` has it, `Verified.body` does not.
    `ring` has the keys, of a file those read first; it is empty where a function gives them. `source`: what gives them
    anew, if anything does. `origins`: None where no origin is configured. Settings cannot be assigned afterwards.

    Raises `ConfigurationError`, naming the setting.
    """

    def __init__(
        self,
        scheme: Scheme,
        *,
        keys: key_sources.Keys,
        origin: str | Sequence[str] | None = None,
        replay: replay_stores.ReplayStore | str | None = None,
        duplicates: str = "reject",
        handshake: Handshake | None = None,
        max_age: int | None = None,
        body_limit: int = BODY_LIMIT,
        body_timeout: float = 30,
        spool: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.scheme = scheme
        try:
            if not isinstance(scheme, Scheme):
                raise ConfigurationError("scheme: expected a Scheme, such as sealgate.schemes.RFC9421")
            loaded = key_sources.load(keys, hash=scheme.hash, operations=["verify"], form=scheme.key_form)
            known = loaded.ring if isinstance(loaded, key_sources.Watched) else loaded
            self.ring = known if isinstance(known, KeyRing) else NO_KEYS
            self.source: key_sources.KeySource | None = None if isinstance(loaded, KeyRing) else loaded
        finally:
            keys = NO_KEYS  # a traceback shows local variables: let it not find key material here
        if handshake is not None and not isinstance(handshake, Handshake):
            raise ConfigurationError("handshake: expected one of sealgate.handshakes")
        if handshake is not None:
            handshake.check(scheme, self.source)
        self.handshake = handshake
        if scheme.needs_origin and origin is None:
            raise ConfigurationError(f"origin: the scheme {scheme.name} covers the authority, so origin= is required")
        self.body_limit = _positive("body_limit", body_limit)
        self.body_timeout = _seconds("body_timeout", body_timeout)
        if spool is not None and handshake is not None:
            raise ConfigurationError("spool: a handshake reads the body, which has to be in memory")
        self.spool = None if spool is None else _spooling(scheme, spool)
        self.max_age = _positive("max_age", max_age if max_age is not None else scheme.max_age or MAX_AGE)
        once = scheme.replay_class in {"nonce", "base"}
        lasts = max(self.max_age, scheme.longest or 0)
        self.replay = replay_stores.load(replay, clock=clock, max_age=lasts) if once else None
        self._acknowledging = _acknowledging(duplicates, self.replay)
        #: Asked for each key id, it gives a ring of that one; a file gives all of them.
        self._asks_each = self.source is not None and not isinstance(self.source, key_sources.Watched)
        self.origins = None if origin is None else Origins(origin)
        self._clock = clock
        self._claims_in_body = scheme.claims_in_body
        #: `steps` in one call, where nothing has to be waited for.
        self._prover = None if self.source is not None else self._made_prover()

    def __setattr__(self, name: str, value: object) -> None:
        # What was checked together holds together: one setting changed alone could open the gate.
        if name in _SETTLED and hasattr(self, "_prover"):
            raise AttributeError(f"{name}: a verifier does not change; make another")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name in _SETTLED:
            raise AttributeError(f"{name}: a verifier does not change; make another")
        super().__delattr__(name)

    def __repr__(self) -> str:
        return f"<Verifier {getattr(self.scheme, 'name', None)}>"  # half-made, in a traceback

    def verify(
        self,
        request: Request,
        read_body: ReadBody | None = None,
        *,
        uncovered: frozenset[str] = frozenset(),
        delivery: Delivery | None = None,
    ) -> Verified:
        """The proof, or `Rejected`, or `Unavailable`; whatever the bytes, nothing else.

        `read_body` is called once everything that needs no body holds; without it `request.body` is the body.
        `uncovered`: of `query` and `body`, what is taken though it acts and the signature does not cover it.
        `delivery`: a fresh one, for whoever gives the answer, and can tell it which that was; where `duplicates` are
        to be acknowledged and there is none, they are rejected. With it a provider's probe is `HandshakeAnswered`;
        without it none is: an unsigned one is refused, and of a signed one this is the proof.
        """
        if self._prover is not None and read_body is None and delivery is None:
            return self._prover.prove(request, uncovered or None)
        proven: list[Verified] = []
        run(self.steps(request, read_body, uncovered, delivery, proven, awaits=False), "averify")
        return proven[0]

    async def averify(
        self,
        request: Request,
        read_body: ReadBody | None = None,
        *,
        uncovered: frozenset[str] = frozenset(),
        delivery: Delivery | None = None,
    ) -> Verified:
        """As `verify`, and awaits key sources, stores and bodies that are coroutines."""
        proven: list[Verified] = []
        await arun(self.steps(request, read_body, uncovered, delivery, proven, awaits=True))
        return proven[0]

    def verify_response(self, response: Response, request: Request) -> Verified:
        """The proof that `response` answers `request`, or `Rejected`, or `Unavailable`; only for message signatures.

        `request` is the one that was sent, with its signature, or what a client library kept of it; `origin` says whom
        it was for. The response's signature covers its status, its body, and what tells the request from any other.
        Raises `ConfigurationError` where the scheme signs no responses.
        """
        proven: list[Verified] = []
        steps = self.steps(request, lambda _: response.body, _NOTHING, None, proven, awaits=False, response=response)
        run(steps, "averify_response")
        return proven[0]

    async def averify_response(self, response: Response, request: Request) -> Verified:
        """As `verify_response`, and awaits key sources and stores that are coroutines."""
        proven: list[Verified] = []
        await arun(self.steps(request, lambda _: response.body, _NOTHING, None, proven, awaits=True, response=response))
        return proven[0]

    def steps(
        self,
        request: Request,
        read_body: ReadBody | None,
        uncovered: frozenset[str],
        delivery: Delivery | None,
        proven: list[Verified],
        *,
        awaits: bool,
        response: Response | None = None,
    ) -> Steps[None]:
        """The order of checks. Yields what is to be awaited, for a driver (`sealgate.steps`); leaves the proof in
        `proven`. `awaits`: whether the driver can; otherwise as `verify`. `response`: what is to be proven, where it is
        not the request.
        """
        handshake = None if delivery is None else self.handshake
        if handshake is not None and (restated := handshake.restated(request)) is not None:
            request, read_body = restated, None
        try:
            if response is None:
                claim = self.scheme.claim(
                    request, self.origins, self._clock(), self.max_age, self.body_limit, uncovered or None
                )
            else:
                claim = self.scheme.claim_response(
                    response, request, self.origins, self._clock(), self.max_age, self.body_limit
                )
        except SignatureMissing:
            if handshake is not None:
                yield from handshake.unsigned(request, self.source)
            raise
        verified = None
        try:
            ring = self.ring
            if self.source is not None and not self._claims_in_body:
                ring = yield from key_sources.ask(self.source, claim.key_id, request, self.scheme.key_form)
            signs_body = claim.signs_body
            if not signs_body and not self._claims_in_body:
                claim.authenticate(ring, None)  # before a byte of the body is read: only its digest is signed
            body: Any
            if read_body is None:
                body = request.body
            else:
                limit = claim.body_limit
                if signs_body and self.spool is not None:
                    limit = min(limit, self.spool)  # what is signed itself has to be in memory
                try:
                    body = read_body(limit)
                    if waits(body):
                        body = yield body
                except BodyTooLarge as error:
                    if limit < claim.body_limit:
                        raise BodyTooLarge(_OVER_SPOOL) from error
                    raise
                except (Rejected, Unavailable):
                    raise
                except Exception as error:
                    _log.info("body unreadable: %s", type(error).__name__)
                    raise BodyUnreadable("the body could not be read") from error
            if type(body) is bytes:
                size = len(body)
            elif type(body) is Spooled and self.spool is not None:
                if signs_body:  # by a reader that knows no limit
                    raise BodyTooLarge(_OVER_SPOOL)
                size = body.size
            else:
                raise BodyUnreadable("the body has not been read")
            if size > self.body_limit:
                raise BodyTooLarge("the body is over the limit")
            if self._claims_in_body:
                claim = claim.with_body(body, self._clock())
                if self.source is not None:
                    ring = yield from key_sources.ask(self.source, claim.key_id, request, self.scheme.key_form)
            if signs_body or self._claims_in_body:
                claim.authenticate(ring, body if signs_body else None)
            if type(body) is bytes:
                verified = claim.conclude(body, self._clock())
            else:
                verified, body = claim.conclude_spooled(body, self._clock()), b""  # which no base holds
            told = None
            if handshake is not None:
                told = handshake.answer(request, verified.body, partial(claim.sign_token, ring))
            if self.replay is not None and (remembered := claim.replay_key(body)) is not None:
                key, expires = remembered
                key_id = self._quota(verified, ring)
                if delivery is None or self._acknowledging is None or told is not None:
                    yield from replay_stores.remember(self.replay, key, expires, key_id, awaits=awaits)
                else:
                    yield from delivery.begin(self._acknowledging, key, expires, key_id, awaits=awaits)
            if told is not None:
                raise told
        except (Rejected, Unavailable) as error:
            error.key_id = error.key_id or (claim if verified is None else verified).key_id
            raise
        proven.append(verified)

    def _made_prover(self) -> Prover:
        store = self.replay
        remember = None if store is None else partial(_remember, store)
        own = store if type(store) is replay_stores.MemoryStore else None
        return Prover(self.scheme, self.ring, self.origins, self._clock, self.max_age, self.body_limit, remember, own)

    def _quota(self, verified: Verified, ring: KeyRing) -> str | None:
        """Whose share of the store it counts to: one key id among others may not fill it for all of them."""
        return verified.key_id if self._asks_each or len(ring) > 1 else None


def _remember(
    store: replay_stores.ReplayStore,
    verified: Verified,
    key: bytes,
    expires: int,
    key_id: str | None,
    said: bool | BaseException | None,
) -> None:
    """`said`: what the store has answered, or raised, if it was asked already. Raises `Replayed` and `Unavailable`."""
    asked = store if said is None else _Asked(said)
    try:
        run(replay_stores.remember(asked, key, expires, key_id, awaits=False), "averify")
    except (Rejected, Unavailable) as error:
        error.key_id = verified.key_id
        raise


class _Asked:
    """A store that says again what it said."""

    def __init__(self, said: bool | BaseException) -> None:
        self._said = said

    def add(self, *_: object) -> bool:
        if isinstance(self._said, BaseException):
            raise self._said
        return self._said


def _spooling(scheme: Scheme, size: int) -> int:
    if scheme.signs_body or scheme.claims_in_body:
        raise ConfigurationError(f"spool: the scheme {scheme.name} signs the body itself, which has to be in memory")
    return _positive("spool", size)


def _acknowledging(duplicates: str, store: replay_stores.ReplayStore | None) -> replay_stores.AcknowledgingStore | None:
    """The store that duplicates are looked up in, where they are acknowledged. Raises `ConfigurationError`."""
    if duplicates == "reject":
        return None
    if duplicates != "acknowledge":
        raise ConfigurationError("duplicates: expected reject or acknowledge")
    if store is None:
        raise ConfigurationError("duplicates: nothing is remembered: replay is off, or the scheme signs no time")
    if not isinstance(store, replay_stores.AcknowledgingStore):
        raise ConfigurationError("duplicates: acknowledge needs a store with begin, finish and release")
    return store


def _positive(name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**40:
        raise ConfigurationError(f"{name}: expected a whole number above 0, and below 2**40")
    return value


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigurationError(f"{name}: expected a finite number of seconds above 0")
    return value
