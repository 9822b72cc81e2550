"""RFC 9421 against http-message-signatures: both directions, random requests, and no changed octet passes either."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
)
from http_message_signatures.algorithms import HMAC_SHA256

from judged import NOW
from reference import Message
from sealgate import Rejected, Request, Scheme, Signer, Verifier, schemes

ROUNDS = 500
#: Their verifier reads the system clock; ours is told the time.
FAR = NOW + 10**9
_PATH = string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@/"
_QUERY = _PATH + "?"
_VALUE = "".join(map(chr, range(0x21, 0x7F)))


class Foreign:
    """A request as http-message-signatures reads one."""

    def __init__(self, message: Message, origin: str) -> None:
        self.method = message.method
        self.url = origin + message.target
        self.headers = dict(message.headers)

    def message(self, target: str, body: bytes) -> Message:
        return Message(self.method, target, list(self.headers.items()), body)


class Round:
    """One random request, with its origin, key and nonce."""

    def __init__(self, rng: random.Random) -> None:
        host = (
            "".join(rng.choices(string.ascii_lowercase + string.digits + "-", k=rng.randint(1, 20))).strip("-") or "h"
        )
        port = rng.choice(["", "", ":8443", ":8080"])
        self.origin = f"{rng.choice(['http', 'https'])}://{host}.example{port}"
        self.key = rng.randbytes(rng.randint(16, 100))
        self.key_id = "".join(rng.choices(_VALUE + " ", k=rng.randint(1, 40))).strip() or "k"
        self.nonce = "".join(rng.choices(_VALUE, k=rng.randint(16, 60)))
        self.body = rng.choice([b"", rng.randbytes(rng.randint(1, 300))])
        self.fields = [
            (f"x-{rng.randrange(10**6)}-{n}", "".join(rng.choices(_VALUE + " \t", k=rng.randint(0, 40))).strip())
            for n in range(rng.randint(0, 4))
        ]
        derived = rng.choice([["@authority", "@path", "@query"], ["@target-uri"], ["@request-target", "@authority"]])
        # A bare `?` is no query: ASGI and WSGI cannot tell it from none, so what a target may say of it, we do not sign.
        queries = ["", "?" + self._encoded(rng, _QUERY).ljust(1, "q"), *(["?"] if "@query" in derived else [])]
        self.target = "/" + self._encoded(rng, _PATH).lstrip("/") + rng.choice(queries)
        self.method = rng.choice(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "M-SEARCH"])
        self.components = ["@method", *derived, *(name for name, value in self.fields if "\t" not in value)]
        rng.shuffle(self.components)
        self.message = Message(
            self.method, self.target, [("Host", self.origin.partition("://")[2]), *self.fields], self.body
        )

    @staticmethod
    def _encoded(rng: random.Random, alphabet: str) -> str:
        return "".join(
            rng.choice([*alphabet, f"%{rng.randrange(256):02X}", f"%{rng.randrange(256):02x}"])
            for _ in range(rng.randint(0, 30))
        )

    @property
    def resolver(self) -> MappingKeyResolver:
        return MappingKeyResolver(public_keys={self.key_id: self.key}, private_keys={self.key_id: self.key})

    def foreign_signature(self, rng: random.Random) -> Message:
        foreign = Foreign(self.message, self.origin)
        HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=self.resolver).sign(
            foreign,
            key_id=self.key_id,
            created=datetime.fromtimestamp(NOW, UTC),
            expires=rng.choice([None, datetime.fromtimestamp(FAR, UTC)]),
            nonce=self.nonce,
            label=rng.choice(["pyhms", "sig1", "a.b_c-d*"]),
            include_alg=rng.choice([True, False]),
            covered_component_ids=self.components,
            body=self.body or None,
        )
        return foreign.message(self.target, self.body)

    def own_signature(self) -> Message:
        signer = Signer(
            Scheme.message_signature(components=self.components), key=self.key, key_id=self.key_id, clock=lambda: NOW
        )
        m = self.message
        added = signer.sign_headers(Request(m.method, m.target, list(m.headers), m.body, origin=self.origin))
        return m.plus(added)

    def verifier(self) -> Verifier:
        return Verifier(schemes.RFC9421, keys={self.key_id: self.key}, origin=self.origin, clock=lambda: NOW)

    def ours_accepts(self, message: Message) -> bool:
        try:
            verified = self.verifier().verify(
                Request(message.method, message.target, list(message.headers), message.body)
            )
        except Rejected:
            return False
        return (self.key_id, message.body) == (verified.key_id, verified.body)

    def theirs_accepts(self, message: Message) -> bool:
        verifier = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=self.resolver)
        try:
            verifier.verify(Foreign(message, self.origin), max_age=None, body=message.body)
        except (InvalidSignature, HTTPMessageSignaturesException):
            return False
        return True

    def changed(self, rng: random.Random, message: Message) -> Iterator[tuple[str, Message]]:
        """One changed octet in each part that is covered."""
        covered = next(v for n, v in message.headers if n.lower() == "signature-input")
        parts: dict[str, Any] = {"path": message.path[1:], "query": message.query, "method": message.method}
        parts |= {name: value for name, value in message.headers if f'"{name.lower()}"' in covered}
        for part, value in parts.items():
            if value:
                yield part, replaced(message, part, value, one_changed(rng, value))
        if message.body:
            at = rng.randrange(len(message.body))
            body = bytes(b ^ (1 << rng.randrange(8)) if i == at else b for i, b in enumerate(message.body))
            yield "body", Message(message.method, message.target, message.headers, body)


def one_changed(rng: random.Random, value: str) -> str:
    at = rng.randrange(len(value))
    other = rng.choice([c for c in string.ascii_uppercase + string.digits if c != value[at]])
    return value[:at] + other + value[at + 1 :]


def replaced(message: Message, part: str, old: str, new: str) -> Message:
    method, path, query, headers = message.method, message.path, message.query, list(message.headers)
    if part == "method":
        method = new
    elif part == "path":
        path = "/" + new
    elif part == "query":
        query = new
    else:
        headers = [(n, new if (n, v) == (part, old) else v) for n, v in headers]
    return Message(method, f"{path}?{query}" if "?" in message.target else path, headers, message.body)


def test_what_they_sign_we_accept_and_no_changed_octet() -> None:
    rng = random.Random(9421)
    for number in range(ROUNDS):
        this = Round(rng)
        signed = this.foreign_signature(rng)
        assert this.theirs_accepts(signed), (number, signed)
        assert this.ours_accepts(signed), (number, signed)
        for part, changed in this.changed(rng, signed):
            assert not this.theirs_accepts(changed), (number, part, changed)
            assert not this.ours_accepts(changed), (number, part, changed)


def test_what_we_sign_they_accept_and_no_changed_octet() -> None:
    rng = random.Random(1249)
    for number in range(ROUNDS):
        this = Round(rng)
        signed = this.own_signature()
        assert this.ours_accepts(signed), (number, signed)
        assert this.theirs_accepts(signed), (number, signed)
        for part, changed in this.changed(rng, signed):
            assert not this.theirs_accepts(changed), (number, part, changed)
            assert not this.ours_accepts(changed), (number, part, changed)


def test_they_see_the_coverage_that_we_claim() -> None:
    this = Round(random.Random(1))
    signed = this.own_signature()
    foreign = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=this.resolver)
    (result,) = foreign.verify(Foreign(signed, this.origin), max_age=None, body=this.body)
    theirs = {name.strip('"') for name in result.covered_components} - {"@signature-params"}
    ours = set(this.verifier().verify(Request(signed.method, signed.target, list(signed.headers), signed.body)).covered)
    assert theirs <= ours


@pytest.mark.parametrize("port", ["", ":443"])
def test_a_default_port_is_no_part_of_the_authority_for_either(port: str) -> None:
    rng = random.Random(3)
    this = Round(rng)
    this.origin = f"https://api.shop.example{port}"
    this.message = Message("POST", "/p", [("Host", "api.shop.example")], b"{}")
    this.target, this.body, this.components = "/p", b"{}", ["@method", "@authority", "@path", "@query"]
    signed = this.foreign_signature(rng)
    for origin in ("https://api.shop.example", "https://api.shop.example:443"):
        this.origin = origin
        assert (True, True) == (this.ours_accepts(signed), this.theirs_accepts(signed))
