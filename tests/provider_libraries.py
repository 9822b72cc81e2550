"""Providers' own libraries under one face, and random exchanges with them: what one signs, the other accepts or not."""

from __future__ import annotations

import base64
import json
import string
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from urllib.parse import urlencode

from reference import INSIDE, PROVIDERS, Inside, Message, Provider
from sealgate import Rejected, Request, Scheme, Signer, Verifier, schemes

JUDGES: dict[str, Provider | Inside] = {**PROVIDERS, **INSIDE}
ORIGIN = "https://hooks.shop.example"
HOST = "hooks.shop.example"
_KEY = string.ascii_letters + string.digits + "-_"
_TEXT = string.ascii_letters + string.digits + ' !"#%&+=:;,.{}[]\\/~\n\té€𝄞'


@dataclass(frozen=True)
class Exchange:
    """A message between a provider and its customer. `key`: as the provider hands it out."""

    message: Message
    key: str
    created: int
    id: str = "msg_0"

    @property
    def fields(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.message.headers}

    @property
    def text(self) -> str:
        return self.message.body.decode()

    @property
    def url(self) -> str:
        return ORIGIN + self.message.target


@dataclass(frozen=True)
class Library:
    """`signs`: the fields that it adds, or the body with the signature in it, where it can sign. `body`: what it can be given. `reads`: what it makes of a field
    of its own, where it takes several spellings for one. `says`: what a body says, where the octets are not signed."""

    scheme: str
    accepts: Callable[[Exchange], Any]
    signs: Callable[[Exchange], Mapping[str, str] | bytes] | None = None
    body: Callable[[Random], bytes] = lambda rng: json_text(rng)
    kind: str = "application/json"
    reads: Callable[[str], Any] = str
    says: Callable[[bytes], Any] = bytes

    @property
    def preset(self) -> Scheme:
        return schemes.by_name()[self.scheme]

    def accepted_by_them(self, exchange: Exchange) -> bool:
        """Their refusals are answers and exceptions of many kinds."""
        try:
            return self.accepts(exchange) is not False
        except Exception:
            return False

    def accepted_by_us(self, exchange: Exchange) -> bool:
        message = exchange.message
        uncovered = frozenset({"body"}) if "body-not-covered" in self.preset.weaknesses() else frozenset[str]()
        verifier = Verifier(self.preset, keys=exchange.key, origin=ORIGIN, clock=lambda: exchange.created)
        try:
            verifier.verify(
                Request(message.method, message.target, list(message.headers), message.body), uncovered=uncovered
            )
        except Rejected:
            return False
        return True

    def exchange(self, rng: Random) -> Exchange:
        """A random one, unsigned. Their clocks are the system's."""
        key = JUDGES[self.scheme].key("".join(rng.choices(_KEY, k=rng.randint(24, 64))).encode())
        path = "/" + "".join(rng.choices(string.ascii_letters + "-._~%", k=rng.randint(0, 20))).replace("%", "%C3%A9")
        query = urlencode({"a b": "".join(rng.choices(_TEXT, k=3)), "c": rng.randrange(10**6)})
        target = path if "query-not-covered" in self.preset.weaknesses() else rng.choice([path, f"{path}?{query}"])
        message = Message("POST", target, [("Host", HOST), ("Content-Type", self.kind)], self.body(rng))
        message_id = "msg_" + "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(12, 40)))
        return Exchange(message, key if isinstance(key, str) else key.decode(), int(time.time()), message_id)

    def signed_by_them(self, exchange: Exchange) -> Exchange:
        """Or by the independent judge, where the library only verifies."""
        if self.signs is not None:
            message, signed = exchange.message, self.signs(exchange)
            with_it = replace(message, body=signed) if isinstance(signed, bytes) else message.plus(list(signed.items()))
            return replace(exchange, message=with_it)
        provider, key = JUDGES[self.scheme], octets(exchange.key)
        signed = provider.sign(exchange.message, key, exchange.created, exchange.id, ORIGIN)
        return replace(exchange, message=signed)

    def signed_by_us(self, exchange: Exchange) -> Exchange:
        message = exchange.message
        signer = Signer(self.preset, key=exchange.key, clock=lambda: exchange.created)
        signed = signer.sign(
            Request(message.method, message.target, list(message.headers), message.body, origin=ORIGIN)
        )
        return replace(
            exchange, message=Message(signed.method, signed.target, list(signed.headers), signed.body or b"")
        )

    def changed(self, rng: Random, exchange: Exchange) -> Iterator[tuple[str, Exchange]]:
        """One octet changed in the body, and in each field that is the scheme's own, and in what else is covered."""
        message, preset = exchange.message, self.preset
        changed: dict[str, Message] = {}
        if any(name == "body" or name.startswith("json:") for name in preset.covered):
            changed["body"] = replace(message, body=self.another(rng, message.body))
        if "target-not-covered" not in preset.weaknesses():
            changed["target"] = replace(message, target="/" + other(rng, message.target[1:] + "a"))
        if "method-not-covered" not in preset.weaknesses():
            changed["method"] = replace(message, method="PUT")
        own = {name.lower() for name in preset.fields}
        for at, (name, value) in enumerate(message.headers):
            if name.lower() in own:
                headers = list(message.headers)
                headers[at] = (name, other(rng, value))
                changed[name] = replace(message, headers=headers)
        yield from ((part, replace(exchange, message=one)) for part, one in changed.items())

    def another(self, rng: Random, body: bytes) -> bytes:
        while self.says(changed := other(rng, body.decode("latin-1")).encode("latin-1")) == self.says(body):
            pass
        return changed

    def reads_the_same(self, one: Exchange, other: Exchange) -> bool:
        """Whether, to the library, no more was changed than a spelling: we know one spelling only."""
        differing = [(a[1], b[1]) for a, b in zip(one.message.headers, other.message.headers, strict=True) if a != b]
        return bool(differing) and all(self.reads(a) == self.reads(b) for a, b in differing)


def octets(key: str) -> bytes:
    return base64.b64decode(key.removeprefix("whsec_")) if key.startswith("whsec_") else key.encode()


def other(rng: Random, text: str) -> str:
    """The text with another letter or digit in the place of one."""
    places = [at for at, character in enumerate(text) if character in string.ascii_letters + string.digits]
    at = rng.choice(places)
    alphabet = string.digits if text[at].isdigit() else string.ascii_letters
    return text[:at] + rng.choice([c for c in alphabet if c != text[at]]) + text[at + 1 :]


def json_text(rng: Random) -> bytes:
    """JSON, with characters beyond ASCII as they are or escaped."""
    value = {"id": f"evt_{rng.randrange(10**9)}", "".join(rng.choices(_TEXT, k=5)): "".join(rng.choices(_TEXT, k=20))}
    return json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1])).encode()


def any_octets(rng: Random) -> bytes:
    return rng.choice([json_text(rng), rng.randbytes(rng.randint(1, 200)) + b"x"])


def form(rng: Random) -> bytes:
    names = ["From", "To", "Body", "".join(rng.choices(_TEXT, k=4))]
    pairs = [(rng.choice(names), "".join(rng.choices(_TEXT, k=rng.randint(0, 9)))) for _ in range(rng.randint(1, 6))]
    return urlencode([("Sid", "CA1"), *pairs]).encode()


def exchanges(
    library: Library, rounds: int, seed: int, sign: Callable[[Exchange], Exchange]
) -> Iterator[tuple[str, bool, Exchange]]:
    """What anybody must make of them: the part that was changed, and whether it is to be accepted."""
    rng = Random(seed)
    for _ in range(rounds):
        signed = sign(library.exchange(rng))
        yield "", True, signed
        for part, changed in library.changed(rng, signed):
            yield part, False, changed


def disagreements(library: Library, rounds: int) -> list[str]:
    """Both directions; one line for each exchange that somebody accepted or refused wrongly."""
    found = []
    for seed, sign in enumerate((library.signed_by_them, library.signed_by_us)):
        genuine = None
        for part, right, exchange in exchanges(library, rounds, seed, sign):
            genuine = exchange if right else genuine
            theirs, ours = library.accepted_by_them(exchange), library.accepted_by_us(exchange)
            same = not right and genuine is not None and library.reads_the_same(genuine, exchange)
            if ours is not right or (theirs is not right and not same):
                found.append(f"{('theirs', 'ours')[seed]} {part or 'genuine'}: {theirs=} {ours=} {exchange}")
    return found
