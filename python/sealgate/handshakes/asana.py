"""Asana: the first request to a URL brings the key of all that follow, and nothing proves whose it is.

So it is believed once, while an operator waits for it, and only where there is no key yet.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sealgate import keys as key_sources
from sealgate import schemes
from sealgate._native import Request
from sealgate.exceptions import ConfigurationError, HandshakeAnswered
from sealgate.handshakes.arming import Arming
from sealgate.handshakes.handshake import Handshake
from sealgate.keys import KeySource
from sealgate.steps import Steps, ask

__all__ = ["Store", "asana"]

#: Keeps a key, which comes as text, and answers True; or False where there is one already, which stays.
Store = Callable[[str, Request], bool | Awaitable[bool]]

_FIELD = "X-Hook-Secret"
#: As other tokens, and no shorter than a key may be.
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,64}")


def asana(store: Store, *, arming: Arming) -> Handshake:
    """An unsigned POST with `X-Hook-Secret`, stored and echoed; refused unless armed, and where there is a key already.

    `store(key, request)`: a function or coroutine that keeps the key, and answers True; or False where there is one,
    which it does not replace. The verifier's `keys` is a function that gives what was stored: a `KeyRing`, or None
    before. `arming`: a `MemoryArming`, a `FileArming`, or an object with `take`. One arming is for one request: where
    `store` fails that is 503, and since nobody knows what it kept, it must be armed again.

    Whoever finds the URL while it is armed can bring a key too: arm for seconds, just before Asana is asked.
    """
    if not callable(store) or not callable(getattr(arming, "take", None)):
        raise ConfigurationError("asana: expected a function that stores the key, and an arming with take")
    return Handshake("asana", schemes.ASANA, opens="POST", receive=partial(_receive, store, arming))


def _receive(store: Store, arming: Arming, request: Request, source: KeySource) -> Steps[HandshakeAnswered | None]:
    told = _told(request)
    if told is None or not (yield from ask("arming", _is_true, lambda *_: arming.take(), None, None)):
        return None
    ring = yield from key_sources.ask(source, None, request)
    if len(ring):
        return None
    # What is told holds the key, so that no frame does: a traceback shows those.
    kept = yield from ask("key store", _is_true, lambda told, request: store(told.fields[0][1], request), told, request)
    return told if kept else None


def _told(request: Request) -> HandshakeAnswered | None:
    """The echo, of a POST in which the field occurs once and can be a key."""
    given = [value for name, value in request.headers if name == _FIELD.lower()]
    if request.method != "POST" or len(given) != 1 or not _SECRET.fullmatch(given[0]):
        return None
    return HandshakeAnswered("asana", fields=((_FIELD, given[0]),), signed=False)


def _is_true(answer: list[Any]) -> bool:
    """Raises `TypeError` for what is neither True nor False: it may have meant either."""
    said = answer.pop()
    if not isinstance(said, bool):
        raise TypeError("expected True or False")
    return said
