"""Published vectors, each with its source: HMAC, digests, signature bases, and one message at least for every scheme."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import reference
from reference import Message
from sealgate import ConfigurationError, Key, KeyRing, Rejected, Request, Verifier, schemes
from sealgate.exceptions import DigestMismatch, InvalidSignature

VECTORS = Path(__file__).parent / "vectors"
SCHEMES = schemes.by_name()
_FILES = {path.stem: json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json"))}
_SCHEME_CASES = {
    f"{name}-{case['id']}": case for name, file in _FILES.items() for case in file.get("cases", ()) if "scheme" in case
}


BASES: dict[str, Callable[[Message], bytes]] = {
    "canonical-request": reference.canonical_request_base,
    "scoped": lambda message: reference.scoped_base(message, "download:resource:{param:id}")[0],
    "envelope": lambda message: reference.scoped_base(message, "{json:/data}")[0],
    "adyen": reference.adyen_base,
}


def of(file: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in _FILES[file]["cases"]]


def message_of(case: dict[str, Any], added: bool = True) -> Message:
    request = case["request"]
    message = Message(
        request["method"],
        request["target"],
        [(n, v) for n, v in request["headers"]],
        request["body"].encode(),
        case.get("params", {}),
    )
    return message.plus([(n, v) for n, v in case["fields"]]) if added else message


def request_of(message: Message, origin: str | None = None) -> Request:
    return Request(
        message.method, message.target, list(message.headers), message.body, origin=origin, params=message.params
    )


def key_of(case: dict[str, Any]) -> Key:
    return Key(case["key"], form=SCHEMES[case["scheme"]].key_form, short_ok=True, published_ok=True)


def verifier_of(case: dict[str, Any]) -> Verifier:
    key_id = case.get("key_id")
    return Verifier(
        SCHEMES[case["scheme"]],
        keys=KeyRing({key_id: key_of(case)} if key_id else key_of(case)),
        origin=case.get("origin"),
        clock=lambda: float(case["now"]),
    )


@pytest.mark.parametrize("file", _FILES)
def test_every_vector_names_its_source(file: str) -> None:
    assert len(_FILES[file]["source"]) > 10


@pytest.mark.parametrize("case", of("rfc4231"))
def test_rfc_4231_signatures_are_ours(case: dict[str, str]) -> None:
    key = Key(bytes.fromhex(case["key_hex"]), short_ok=True, published_ok=True)
    message = bytes.fromhex(case["message_hex"])
    signature = key.sign(message, case["hash"])
    if "truncated_hex" in case:
        assert case["truncated_hex"] == signature.hex()[: len(case["truncated_hex"])]
        with pytest.raises(InvalidSignature):
            key.verify(message, bytes.fromhex(case["truncated_hex"]), case["hash"])
    else:
        assert case["signature_hex"] == signature.hex()
        key.verify(message, bytes.fromhex(case["signature_hex"]), case["hash"])
        key.verify(message, case["signature_hex"], case["hash"])


def test_rfc_4231_short_keys_need_a_word() -> None:
    with pytest.raises(ConfigurationError):
        Key(b"Jefe")


def test_rfc_9421_b_2_5_base_and_signature() -> None:
    case = _FILES["rfc9421_b25"]
    key = base64.b64decode(case["key_b64"])
    message = message_of({**case, "fields": []})
    base = reference.signature_base(
        message, case["components"], case["signature_input"].partition("=")[2], case["origin"]
    )
    assert case["signature_base"] == base.decode()
    signature = base64.b64decode(case["signature"].split(":")[1])
    assert signature == Key(key, published_ok=True).sign(base)
    Key(key, published_ok=True).verify(base, signature)


def test_rfc_9421_b_2_5_is_refused_by_policy_not_by_its_signature() -> None:
    """B4: it covers neither method nor path nor body, and has no nonce: a proof of nearly nothing."""
    case = _FILES["rfc9421_b25"]
    fields = [("Signature-Input", case["signature_input"]), ("Signature", case["signature"])]
    verifier = Verifier(
        schemes.RFC9421,
        keys=KeyRing({case["key_id"]: Key(base64.b64decode(case["key_b64"]), published_ok=True)}),
        origin=case["origin"],
        clock=lambda: float(case["created"]),
    )
    with pytest.raises(Rejected) as refused:
        verifier.verify(request_of(message_of({**case, "fields": fields})))
    assert not isinstance(refused.value, InvalidSignature)


@pytest.mark.parametrize("case", of("rfc9530"))
def test_rfc_9530_digests(case: dict[str, Any]) -> None:
    """D2: deprecated algorithms are refused, right as their digest may be."""
    key, origin, now = b"a key of our own, of 32 octets..", "https://example.com", 1_700_000_000
    message = Message("POST", "/", [("Content-Digest", case["field"])], case["body"].encode())
    signed = message.plus(reference.sign_rfc9421(message, key, origin=origin, key_id="k", created=now, nonce="n" * 16))
    verifier = Verifier(schemes.RFC9421, keys={"k": key}, origin=origin, clock=lambda: float(now))
    if case["accepted"]:
        assert case["body"].encode() == verifier.verify(request_of(signed)).body
    else:
        with pytest.raises(Rejected):
            verifier.verify(request_of(signed))
    altered = Message(signed.method, signed.target, signed.headers, signed.body + b" ")
    with pytest.raises(DigestMismatch if case["accepted"] else Rejected):
        verifier.verify(request_of(altered))


@pytest.mark.parametrize("case", _SCHEME_CASES.values(), ids=_SCHEME_CASES)
def test_scheme_vectors_are_accepted(case: dict[str, Any]) -> None:
    uncovered = frozenset(case.get("uncovered", ()))
    verified = verifier_of(case).verify(request_of(message_of(case)), uncovered=uncovered)
    assert (case["scheme"], case.get("key_id")) == (verified.scheme, verified.key_id)
    assert (case.get("created"), case.get("nonce")) == (verified.created, verified.nonce)
    assert case.get("message_id") == verified.message_id
    assert case.get("canonical", case["request"]["body"]).encode() == verified.body


@pytest.mark.parametrize("case", _SCHEME_CASES.values(), ids=_SCHEME_CASES)
def test_scheme_vectors_with_another_body_are_refused(case: dict[str, Any]) -> None:
    message = message_of(case)
    with pytest.raises(Rejected):
        verifier_of(case).verify(request_of(replace(message, body=message.body + b"\0")))


@pytest.mark.parametrize(
    "case",
    # What is `rewritten` says why we would write it in another way.
    [pytest.param(case, id=name) for name, case in _SCHEME_CASES.items() if not {"nonce", "rewritten"} & case.keys()],
)
def test_scheme_vectors_are_what_we_sign(case: dict[str, Any]) -> None:
    unsigned = request_of(message_of(case, added=False), case.get("origin"))
    created, message_id = case.get("created", 0), case.get("message_id", "n" * 24)
    scheme, key_id = SCHEMES[case["scheme"]], case.get("key_id")
    added, target, body = scheme.sign_whole(unsigned, key_of(case), key_id, created, message_id)
    assert [(n.lower(), v) for n, v in case["fields"]] == [(n.lower(), v) for n, v in added]
    assert (case.get("signed_target"), case.get("signed")) == (target, None if body is None else body.decode())


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=name) for name, case in _SCHEME_CASES.items() if "signature_base" in case]
)
def test_signature_bases(case: dict[str, Any]) -> None:
    """The judge's base is the vector's, and so is ours where the message does not choose its coverage."""
    message = message_of(case)
    if case["scheme"] == "rfc9421":
        params = dict(message.headers)["Signature-Input"].partition("=")[2]
        components = [name.strip('"') for name in params.partition(")")[0].strip("(").split(" ")]
        assert case["signature_base"] == reference.signature_base(message, components, params, case["origin"]).decode()
    else:
        base = SCHEMES[case["scheme"]].signature_base(request_of(message), None, 0, "n" * 24)
        assert case["signature_base"].encode() == base == BASES[case["scheme"]](message)
