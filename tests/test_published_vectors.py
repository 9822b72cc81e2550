"""The published vectors are what the core does today, and what the judge says of each message."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import envelope_reference
import published_values
import reference
import scope_reference
from judged import JUDGED, KEY_ID
from published import ACTION, KEY, SCHEMES, file_of, text_of
from reference import INSIDE, Memory, Message, Proof, Refused, Ring
from reference.message import hex_octets, match, need
from reference.parts import FORMS, json_document
from sealgate import ConfigurationError, Key

VECTORS = Path(__file__).parent.parent / "python" / "sealgate" / "vectors"
_ALL = {path.stem: json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json"))}
VALUES = {"sealed-values", "tokens"}
FILES = {name: file for name, file in _ALL.items() if name not in VALUES}
#: Gives the proof, and what may be read where that is not the body.
Judge = Callable[[Message, Ring, float, str], tuple[Proof, bytes | None]]


def _proof(judge: Callable[[Message, Ring, float, str], Proof]) -> Judge:
    return lambda message, ring, now, origin: (judge(message, ring, now, origin), None)


def _inside(inside: reference.Inside) -> Judge:
    return lambda message, ring, now, origin: (inside.judge(message, ring, now, origin), inside.handed(message))


def _links(*, upload: bool, once: bool) -> Judge:
    return _proof(
        lambda message, ring, now, origin: reference.verify_link(
            message, ring, now, origin=origin, once=once, upload=upload
        )
    )


def _canonical_json(form: str) -> Judge:
    def judge(message: Message, ring: Ring, now: float, origin: str) -> tuple[Proof, bytes]:
        reference.templates.refuse_what_acts_uncovered(message)
        octets = FORMS[form][1](json_document(message, form))
        return Proof(match(ring, hex_octets(need(message, "X-Signature")), octets)), octets

    return judge


def _envelope(form: str) -> Judge:
    return lambda message, ring, now, origin: reference.verify_envelope(message, ring, form=form)


def _scoped(template: str) -> Judge:
    return lambda message, ring, now, origin: reference.verify_scoped(message, ring, template)


JUDGES: dict[str, Judge] = {
    **{name: _proof(lambda m, r, n, _, judge=judged.judge: judge(m, r, n)) for name, judged in JUDGED.items()},  # type: ignore[misc]
    **{name: _inside(inside) for name, inside in INSIDE.items()},
    **{
        f"canonical-json{tail}": _canonical_json(f"jcs{tail}".removeprefix("jcs-"))
        for tail in ("", "-pyjson", "-pyjson-utf8")
    },
    "envelope": _envelope("jcs"),
    "envelope-pyjson": _envelope("pyjson"),
    "scoped": _scoped("download:resource:{param:id}"),
    "scoped-action": _scoped(ACTION),
    "signed-upload": _links(upload=True, once=False),
    "signed-upload-once": _links(upload=True, once=True),
    "signed-url": _links(upload=False, once=False),
    "signed-url-once": _links(upload=False, once=True),
}

each_file = pytest.mark.parametrize("name", FILES)


def octets(value: str | dict[str, str]) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"])


def message_of(request: dict[str, Any]) -> Message:
    headers = [(name, value) for name, value in request["headers"]]
    return Message(request["method"], request["target"], headers, octets(request["body"]), request.get("params", {}))


def test_there_is_a_file_for_every_scheme() -> None:
    assert set(SCHEMES) | VALUES == set(_ALL)


@each_file
def test_a_file_is_what_the_core_makes_today(name: str) -> None:
    """`python tests/write_vectors.py` writes them; what then differs is a change for everyone who signs in another language."""
    assert text_of(file_of(name, SCHEMES[name])) == (VECTORS / f"{name}.json").read_text()


@each_file
def test_the_judge_gives_each_message_the_verdict_that_stands_there(name: str) -> None:
    file = FILES[name]
    ring = {file["key"]["id"]: [KEY]}
    cases = {case["id"]: case for case in file["cases"]}
    for case in cases.values():
        memory = Memory()
        for before in case.get("after", ()):
            judged(name, file["origin"], cases[before], ring, memory)
        found = judged(name, file["origin"], case, ring, memory)
        assert (case["id"], case["verdict"] == "verified") == (case["id"], found is not None)
        if found is not None:
            proof, read = found
            assert (case.get("key_id"), case.get("created"), case.get("nonce")) == (
                proof.key_id,
                proof.created,
                proof.nonce,
            )
            body = octets(case["request"]["body"])
            assert octets(case.get("read", case["request"]["body"])) == (body if read is None else read)


def judged(
    name: str, origin: str, case: dict[str, Any], ring: Ring, memory: Memory
) -> tuple[Proof, bytes | None] | None:
    message = message_of(case["request"])
    try:
        reference.refuse_other_host(message, origin)
        reference.refuse_odd_length(message)
        found = JUDGES[name](message, ring, case["now"], origin)
        memory.admit(found[0])
    except Refused:
        return None
    return found


@each_file
def test_a_signature_is_the_hmac_of_the_base(name: str) -> None:
    file = FILES[name]
    signed = [case for case in file["cases"] if "base" in case]
    macs = [reference.mac(bytes.fromhex(file["hmac_key"]), octets(case["base"]), file["hash"]).hex() for case in signed]
    assert macs == [case["signature"] for case in signed]
    assert macs


@each_file
def test_each_file_has_what_is_accepted_and_what_is_refused(name: str) -> None:
    verdicts = [(case["verdict"], case.get("code")) for case in FILES[name]["cases"]]
    assert len(verdicts) == len({case["id"] for case in FILES[name]["cases"]})
    assert ("verified", None) in verdicts
    assert {("refused", "signature-missing"), ("refused", "signature-invalid")} <= set(verdicts)
    assert (FILES[name]["replay"] in {"nonce", "base"}) == (("refused", "nonce-replayed") in verdicts)
    assert (FILES[name]["key"]["id"] is None) == (KEY_ID not in {case.get("key_id") for case in FILES[name]["cases"]})


@each_file
def test_the_key_is_one_that_a_service_cannot_have(name: str) -> None:
    key = FILES[name]["key"]
    with pytest.raises(ConfigurationError, match="published"):
        Key(key["text"], form=key["form"])


def test_the_installed_package_has_them() -> None:
    folder = resources.files("sealgate") / "vectors"
    assert {f"{name}.json" for name in _ALL} <= {path.name for path in folder.iterdir()}
    assert all(
        FILES[name] == json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("rfc9421", "github")
    )


def test_the_page_tells_every_member_and_every_code() -> None:
    page = set(re.findall(r"`([a-z_-]+)`", (VECTORS / "README.md").read_text()))
    cases = [case for file in _ALL.values() for case in file["cases"]]
    members = {name for part in (*_ALL.values(), *cases, *(case.get("request", {}) for case in cases)) for name in part}
    assert set() == (members | {case["code"] for case in cases if "code" in case}) - page - {"claims"}


# --- sealed values and tokens -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "made"), [*published_values.files()])
def test_a_file_of_values_is_what_is_made_today(name: str, made: dict[str, Any]) -> None:
    assert text_of(made) == (VECTORS / f"{name}.json").read_text()


def test_the_judge_opens_what_is_opened() -> None:
    file = _ALL["sealed-values"]
    for case in file["cases"]:
        found = value_judged(
            lambda case=case: envelope_reference.unsealed(
                case["document"], file["name"], {KEY_ID: [KEY]}, case["now"], file["max_age"]
            )
        )
        assert (case["id"], case["verdict"] == "verified" or "twice" in case) == (case["id"], found)


def test_the_judge_grants_what_is_granted() -> None:
    file = _ALL["tokens"]
    for case in file["cases"]:
        found = value_judged(
            lambda case=case: scope_reference.granted(
                case["token"], file["name"], case["subject"], {KEY_ID: [KEY]}, case["now"], file["max_age"]
            )
        )
        assert (case["id"], case["verdict"] == "verified" or "twice" in case) == (case["id"], found)


def value_judged(ask: Callable[[], object]) -> bool:
    """Of one message: that it is the second is not the judge's to see."""
    try:
        ask()
    except Refused:
        return False
    return True


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_value_is_signed_with_the_derived_key(name: str) -> None:
    """HKDF-SHA256 (RFC 5869), one block: the salt is zeros, the info stands in the file."""
    file = _ALL[name]
    assert (
        reference.mac(reference.mac(bytes(32), KEY), bytes.fromhex(file["hkdf_info"]) + b"\x01").hex()
        == file["hmac_key"]
    )
    signed = [case for case in file["cases"] if "base" in case]
    macs = [reference.mac(bytes.fromhex(file["hmac_key"]), octets(case["base"])).hex() for case in signed]
    assert [case["signature"] for case in signed] == macs
    assert len(macs) == 3
