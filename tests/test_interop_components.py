"""RFC 9421 against http-message-signatures and requests-http-signature: components with parameters, and responses."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
import requests
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
)
from http_message_signatures.algorithms import HMAC_SHA256
from requests_http_signature import HTTPSignatureAuth

from sealgate import Rejected, Request, Response, Scheme, Signer, Verifier, schemes

ROUNDS = 200
NOW = 1_700_000_000
ORIGIN = "https://api.shop.example"
KEY, KEY_ID = b"a key that only both ends know..", "acme"
RESOLVER = MappingKeyResolver(public_keys={KEY_ID: KEY}, private_keys={KEY_ID: KEY})
#: Theirs reads the system clock; ours is told the time.
FAR = datetime.fromtimestamp(NOW + 10**9, UTC)
PARAMETRISED = ['"@query-param";name="pp"', '"priority";sf', '"x-octets";bs', '"x-dict";key="k"', '"x-dict";key="n"']
NONCELESS = Scheme.message_signature(nonce=False, accept_weaknesses={"no-nonce"})


@dataclass(frozen=True)
class Sent:
    """A request, and where `status` is set a response to it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    status: int | None = None
    answered: Sent | None = None

    def foreign(self) -> Any:
        """As http-message-signatures reads it."""
        if self.status is None:
            return type(
                "Request", (), {"method": self.method, "url": ORIGIN + self.target, "headers": dict(self.headers)}
            )
        assert self.answered
        parts = {"status_code": self.status, "headers": dict(self.headers), "request": self.answered.foreign()}
        return type("Response", (), parts)

    def ours(self) -> Request:
        return Request(self.method, self.target, list(self.headers.items()), self.body, origin=ORIGIN)

    def our_response(self) -> Response:
        assert self.status is not None
        return Response(self.status, list(self.headers.items()), self.body)


def random_request(rng: random.Random) -> Sent:
    value = "".join(rng.choices(string.ascii_letters + " é/&=+%~*'", k=rng.randint(0, 12)))
    member = rng.choice([str(rng.randint(0, 999)), '"a b"', "(a  b)", "tok;q=1", "?0"])
    headers = {
        "Host": "api.shop.example",
        "Priority": f"u={rng.randint(0, 7)},i" + rng.choice(["", ";x", ' , a=("b"  c)']),
        "X-Octets": "".join(rng.choices(string.printable[:94], k=rng.randint(1, 20))),
        "X-Dict": rng.choice(["k={0},n", "a, k={0} ,n;x=1", "n={0},  k={0}"]).format(member),
    }
    target = f"/{rng.randrange(10**6)}?a=1&pp={quote(value, safe='')}&&b"
    return Sent(rng.choice(["GET", "POST", "PUT"]), target, headers, rng.choice([b"", rng.randbytes(30)]))


def random_components(rng: random.Random) -> list[str]:
    components = ["@method", "@authority", "@path", "@query", *rng.sample(PARAMETRISED, rng.randint(1, 5))]
    rng.shuffle(components)
    return components


def theirs(sent: Sent, components: list[str], rng: random.Random) -> Sent:
    """Signed by http-message-signatures."""
    message = sent.foreign()
    HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=RESOLVER).sign(
        message,
        key_id=KEY_ID,
        created=datetime.fromtimestamp(NOW, UTC),
        expires=rng.choice([None, FAR]),
        nonce="".join(rng.choices(string.ascii_letters, k=20)),
        label=rng.choice(["sig1", "pyhms"]),
        include_alg=rng.choice([True, False]),
        covered_component_ids=components,
        body=sent.body or None,
    )
    return replace(sent, headers=message.headers)


def they_accept(sent: Sent) -> bool:
    verifier = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=RESOLVER)
    try:
        verifier.verify(sent.foreign(), max_age=None, body=sent.body)
    except (InvalidSignature, HTTPMessageSignaturesException):
        return False
    return True


def we_accept(sent: Sent, scheme: Scheme = schemes.RFC9421) -> bool:
    verifier = Verifier(scheme, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW)
    try:
        if sent.answered is None:
            proof = verifier.verify(sent.ours())
        else:
            proof = verifier.verify_response(sent.our_response(), sent.answered.ours())
    except Rejected:
        return False
    return (KEY_ID, sent.body) == (proof.key_id, proof.body)


def changed(sent: Sent) -> Iterator[tuple[str, Sent]]:
    """One octet in each part that is covered."""
    covered = next(value for name, value in sent.headers.items() if name.lower() == "signature-input")
    if sent.status is not None:
        assert sent.answered
        yield "status", replace(sent, status=sent.status ^ 1)
        for part, other in changed_request(sent.answered):
            yield f"request {part}", replace(sent, answered=other)
    else:
        yield from changed_request(sent)
    if sent.body:
        yield "body", replace(sent, body=bytes([sent.body[0] ^ 1]) + sent.body[1:])
    for name, old, new in (
        ("Priority", "u=", "u=1"),
        ("X-Octets", "", "x"),
        ("X-Dict", "k=", "k=1"),
        ("X-Dict", "n", "n1"),
    ):
        member = {"k=": ';key="k"', "n": ';key="n"'}.get(old, "")
        if f'"{name.lower()}"{member}' in covered:
            yield name, replace(sent, headers={**sent.headers, name: sent.headers[name].replace(old, new, 1)})
    signature = sent.headers.get("Signature") or sent.headers["signature"]
    name = "Signature" if "Signature" in sent.headers else "signature"
    octet = signature[signature.index(":") + 1]
    other = signature.replace(f":{octet}", f":{'A' if octet != 'A' else 'B'}", 1)
    yield "signature", replace(sent, headers={**sent.headers, name: other})


def changed_request(sent: Sent) -> Iterator[tuple[str, Sent]]:
    yield "method", replace(sent, method="DELETE")
    yield "path", replace(sent, target="/x" + sent.target[1:])
    yield "query", replace(sent, target=sent.target.replace("pp=", "pp=x"))


def both_and_nothing_changed(number: int, signed: Sent, scheme: Scheme = schemes.RFC9421) -> None:
    assert (True, True) == (they_accept(signed), we_accept(signed, scheme)), (number, signed)
    for part, other in changed(signed):
        assert (False, False) == (they_accept(other), we_accept(other, scheme)), (number, part, other)


def our_signer(scheme: Scheme = schemes.RFC9421) -> Signer:
    return Signer(scheme, key=KEY, key_id=KEY_ID, clock=lambda: NOW)


def test_requests_signed_by_http_message_signatures_with_parameters() -> None:
    rng = random.Random(1)
    for number in range(ROUNDS):
        both_and_nothing_changed(number, theirs(random_request(rng), random_components(rng), rng))


def test_requests_signed_by_us_with_parameters() -> None:
    rng = random.Random(2)
    for number in range(ROUNDS):
        sent, scheme = random_request(rng), Scheme.message_signature(components=random_components(rng))
        signed = our_signer(scheme).sign(sent.ours())
        as_theirs = {name.title(): value for name, value in signed.headers}
        both_and_nothing_changed(number, replace(sent, headers=as_theirs))


def random_response(rng: random.Random) -> Sent:
    request = random_request(rng)
    signed = our_signer().sign(request.ours())
    if request.body or rng.random() < 0.5:
        request = replace(request, headers=dict(signed.headers))
    body = rng.choice([b"", rng.randbytes(30)])
    return Sent("", "", {"Content-Type": "a/b"}, body, rng.choice([200, 404, 503]), request)


def test_responses_signed_by_us() -> None:
    rng = random.Random(3)
    for number in range(ROUNDS):
        sent = random_response(rng)
        assert sent.answered
        signed = our_signer().sign_response(sent.our_response(), sent.answered.ours())
        both_and_nothing_changed(number, replace(sent, headers=dict(signed.headers)))


def test_responses_signed_by_http_message_signatures() -> None:
    rng = random.Random(4)
    for number in range(ROUNDS):
        sent = random_response(rng)
        assert sent.answered
        components = ["@status", '"@method";req', rng.choice(['"@authority";req', '"@target-uri";req'])]
        if components[-1] != '"@target-uri";req':
            components += ['"@path";req', '"@query";req']
        if "signature" in sent.answered.headers:
            components.append(
                rng.choice(['"signature";req;key="sig1"', '"signature";key="sig1";req', '"signature";req'])
            )
        both_and_nothing_changed(number, theirs(sent, components, rng))


# --- requests-http-signature ------------------------------------------------------------------------------------------


class Auth(HTTPSignatureAuth):
    """Whose clock says what ours says."""

    def get_created(self, request: requests.PreparedRequest) -> datetime:
        return datetime.fromtimestamp(NOW, UTC)


def prepared(sent: Sent, auth: HTTPSignatureAuth | None = None) -> requests.PreparedRequest:
    return requests.Request(
        sent.method, ORIGIN + sent.target, sent.headers, data=sent.body or None, auth=auth
    ).prepare()


def they_accept_prepared(sent: Sent) -> bool:
    try:
        Auth.verify(prepared(sent), signature_algorithm=HMAC_SHA256, key_resolver=RESOLVER, max_age=None)
    except (InvalidSignature, HTTPMessageSignaturesException):
        return False
    return True


TARGET_URI = Scheme.message_signature(components=["@method", "@authority", "@target-uri"])


@pytest.mark.parametrize("nonce", [True, False])
def test_requests_signed_by_requests_http_signature(nonce: bool) -> None:
    """With its own defaults: method, authority and target URI; a nonce only where it is told to."""
    rng = random.Random(5)
    for number in range(ROUNDS):
        sent = random_request(rng)
        auth = Auth(signature_algorithm=HMAC_SHA256, key=KEY, key_id=KEY_ID, use_nonce=nonce)
        request = prepared(sent, auth)
        signed = replace(sent, headers={str(name): str(value) for name, value in request.headers.items()})
        scheme = schemes.RFC9421 if nonce else NONCELESS
        assert (True, True) == (they_accept_prepared(signed), we_accept(signed, scheme)), (number, signed)
        for part, other in changed(signed):
            assert (False, False) == (they_accept_prepared(other), we_accept(other, scheme)), (number, part)


def test_requests_signed_by_us_for_requests_http_signature() -> None:
    rng = random.Random(6)
    for number in range(ROUNDS):
        sent = random_request(rng)
        signed = replace(sent, headers=dict(our_signer(TARGET_URI).sign(sent.ours()).headers))
        assert (True, True) == (they_accept_prepared(signed), we_accept(signed)), (number, signed)
        for part, other in changed(signed):
            assert (False, False) == (they_accept_prepared(other), we_accept(other)), (number, part)
