"""What a handshake is, as data, and what a verifier asks of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sealgate._native import Request, Scheme, canonicalize_json
from sealgate.exceptions import BodyMalformed, CanonicalizationError, ConfigurationError, HandshakeAnswered
from sealgate.keys import KeySource, Watched
from sealgate.steps import Steps

__all__ = ["TOKEN", "Handshake", "Probe", "Sign", "Told", "document", "member"]

#: What may be echoed, or signed for whoever asks.
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Octets of a body that can be a probe; larger ones are not looked at.
_LONGEST = 8 * 1024

#: The signature octets of a token, by the key that proved the message.
Sign = Callable[[bytes], bytes]
#: The content of an answer, and its media type.
Told = tuple[bytes, str]


class Probe(NamedTuple):
    """A message that is one. `token`: what it asks to be answered, as it came, of any type."""

    token: object


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Handshake:
    """How a provider asks whether a URL is meant for its deliveries; `sealgate.handshakes` has one for each.

    `provider`: its name. `scheme`: the one of its deliveries.

    Where probes are signed, `probe`: of a proven request and its body, whether it is one; `write`: the answer, if that
    is not the token alone; `restate`: a probe that is signed otherwise than deliveries are, as the request that their
    scheme can verify.

    Where they are not, `opens`: their method; `challenge`: what a request asks to be echoed, None where it is no probe;
    or `receive`: of a request and the verifier's key source, takes the key that it brings, and gives the answer.
    """

    provider: str
    scheme: Scheme
    probe: Callable[[Request, bytes], Probe | None] | None = None
    write: Callable[[str, Sign], Told] | None = None
    restate: Callable[[Request], Request | None] | None = None
    opens: str | None = None
    challenge: Callable[[Request], str | None] | None = None
    receive: Callable[[Request, KeySource], Steps[HandshakeAnswered | None]] | None = None

    def __repr__(self) -> str:
        return f"<Handshake {self.provider}>"

    def check(self, scheme: Scheme, source: KeySource | None) -> None:
        """Raises `ConfigurationError` unless it is for a verifier of these. `source`: of its keys, if they have one."""
        if scheme is not self.scheme:
            name = f"sealgate.schemes.{self.scheme.name.upper()}"
            raise ConfigurationError(f"handshake: the one of {self.provider} is for {name}")
        if self.receive is not None and (source is None or isinstance(source, Watched)):
            raise ConfigurationError(f"keys: the handshake of {self.provider} brings the key: expected a function")

    def restated(self, request: Request) -> Request | None:
        """What to verify instead of `request`, where that is a probe of its own form; None where it is not."""
        return None if self.restate is None else self.restate(request)

    def answer(self, request: Request, body: bytes, sign: Sign) -> HandshakeAnswered | None:
        """What to answer to a proven message; None where it is a delivery. Raises `BodyMalformed`."""
        found = None if self.probe is None else self.probe(request, body)
        if found is None:
            return None
        token = found.token
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            raise BodyMalformed(f"a probe of {self.provider} whose token is not one that is answered")
        told = _plain(token) if self.write is None else self.write(token, sign)
        return HandshakeAnswered(self.provider, *told, signed=True)

    def unsigned(self, request: Request, source: KeySource | None) -> Steps[None]:
        """Of a request without a signature. Raises `HandshakeAnswered` or `Unavailable`; else it is to be refused."""
        if request.method != self.opens:
            return
        if self.challenge is not None:
            token = self.challenge(request)
            if token is not None and TOKEN.fullmatch(token):
                raise HandshakeAnswered(self.provider, *_plain(token), signed=False)
        if self.receive is not None and source is not None:
            told = yield from self.receive(request, source)
            if told is not None:
                raise told


def member(name: str, says: str, *path: str) -> Callable[[Request, bytes], Probe | None]:
    """A probe is a JSON object in which the member `name` `says` this; its token is the member at `path`.

    An object in which a name occurs twice is no probe: it says two things.
    """

    def probe(_: Request, body: bytes) -> Probe | None:
        if says.encode() not in body:
            return None
        said = document(body)
        if not isinstance(said, dict) or said.get(name) != says:
            return None
        token: Any = said
        for step in path:
            token = token.get(step) if isinstance(token, dict) else None
        return Probe(token)

    return probe


def document(body: bytes) -> Any:
    """What a short JSON text says; None where it is long, or not clear."""
    try:
        return json.loads(canonicalize_json(body, limit=_LONGEST))
    except CanonicalizationError:
        return None


def _plain(token: str) -> Told:
    return token.encode(), "text/plain; charset=utf-8"
