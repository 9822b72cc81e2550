"""Payloads that others sign by hand: hex HMAC over `json.dumps`, as it is copied from service to service."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from envelope_reference import sign_by_hand
from judged import KEY, OTHER_KEY
from reference import Json
from sealed import VALUE, texts, values, verdict
from sealgate import ConfigurationError, Key
from sealgate.envelope import Envelope, Opened
from sealgate.exceptions import BodyMalformed, InvalidSignature, SignatureMalformed

_HASHES = ("sha256", "sha384", "sha512")
_wide = st.recursive(
    values | st.integers(-(10**300), 10**300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@given(value=_wide, utf8=st.booleans(), hash=st.sampled_from(_HASHES))
def test_what_is_signed_by_hand_is_opened_as_it_was_parsed(value: Json, utf8: bool, hash: str) -> None:
    own = Envelope.legacy(KEY, form="pyjson-utf8" if utf8 else "pyjson", hash=hash)
    signature = sign_by_hand(value, KEY, ensure_ascii=not utf8, hash=hash)
    received = {"payload": json.loads(json.dumps(value)), "signature": signature}
    assert Opened(value) == own.verify(received)
    assert json.dumps(value, sort_keys=True) == json.dumps(own.open(received), sort_keys=True)
    assert json.dumps(value, sort_keys=True) == json.dumps(own.open_json(json.dumps(received)), sort_keys=True)
    assert signature == own.seal(value)["signature"]


@given(value=values)
def test_the_canonical_form_of_rfc_8785_may_be_what_is_signed(value: Json) -> None:
    canonical = reference.canonical_json(json.dumps(value))
    own = Envelope.legacy(KEY, form="jcs")
    assert json.loads(canonical) == own.open({"payload": value, "signature": reference.mac(KEY, canonical).hex()})
    assert reference.mac(KEY, canonical).hex() == own.seal(value, exact=False)["signature"]


def test_numbers_stay_as_they_were_written() -> None:
    """`json.dumps` writes 1.0 and 1 in two ways, so they are two payloads here."""
    own = Envelope.legacy(KEY)
    received = {"payload": [1.0, 2**64], "signature": sign_by_hand([1.0, 2**64], KEY)}
    assert "[1.0, 18446744073709551616]" == json.dumps(own.open(received))
    assert "signature-invalid" == verdict(own, {**received, "payload": [1, 2**64]})


def test_members_have_the_names_that_the_others_gave_them() -> None:
    own = Envelope.legacy(KEY, payload="data", signature="hmac")
    assert VALUE == own.open({"data": VALUE, "hmac": sign_by_hand(VALUE, KEY)})
    assert {"data": VALUE, "hmac": sign_by_hand(VALUE, KEY)} == own.seal(VALUE)
    with pytest.raises(BodyMalformed):
        own.open({"data": VALUE, "hmac": sign_by_hand(VALUE, KEY), "payload": 1})


@given(other=values)
def test_another_payload_is_refused(other: Json) -> None:
    received = {"payload": other, "signature": sign_by_hand(VALUE, KEY)}
    assert (VALUE if other == VALUE else "signature-invalid") == verdict(Envelope.legacy(KEY), received)


def test_another_key_or_hash_is_refused() -> None:
    received = {"payload": VALUE, "signature": sign_by_hand(VALUE, OTHER_KEY)}
    with pytest.raises(InvalidSignature):
        Envelope.legacy(KEY).open(received)
    with pytest.raises(SignatureMalformed):
        Envelope.legacy(OTHER_KEY, hash="sha512").open(received)


_TEXTS: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "prefix": lambda text: text[:-2],
    "one more octet": lambda text: text + "00",
    "nothing": lambda text: "",
    "named hash": lambda text: "sha256=" + text,
    "line break": lambda text: text + "\n",
    "other digits": lambda text: text[:-1] + "\u0661",
    "base64": lambda text: "A" * 43 + "=",
}


@pytest.mark.parametrize("change", _TEXTS.values(), ids=_TEXTS)
def test_a_signature_is_lower_case_hex_of_the_size_of_its_hash(change: Callable[[str], str]) -> None:
    with pytest.raises(SignatureMalformed):
        Envelope.legacy(KEY).open({"payload": VALUE, "signature": change(sign_by_hand(VALUE, KEY))})


def test_it_can_be_opened_for_ever_and_says_nothing_of_itself() -> None:
    """The weakness that its documentation states."""
    own = Envelope.legacy(KEY)
    received = own.seal(VALUE)
    assert [Opened(VALUE)] * 2 == [own.verify(received), own.verify(received)]
    with pytest.raises(ConfigurationError, match="expires_in"):
        own.seal(VALUE, expires_in=60)


def test_a_key_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY_KEY", KEY.decode())
    for key in ("env:LEGACY_KEY", Key(KEY), KEY.decode()):
        assert sign_by_hand(VALUE, KEY) == Envelope.legacy(key).seal(VALUE)["signature"]


_MISTAKES: dict[str, dict[str, Any]] = {
    "short key": {"key": b"short"},
    "several keys": {"key": [KEY]},
    "unset variable": {"key": "env:SEALGATE_NO_SUCH_VARIABLE"},
    "file": {"key": "file:/run/secrets/key"},
    "unknown form": {"form": "yaml"},
    "sha1": {"hash": "sha1"},
    "md5": {"hash": "md5"},
    "one name for both": {"payload": "signature"},
}


@pytest.mark.parametrize("settings", _MISTAKES.values(), ids=_MISTAKES)
def test_mistakes_are_told_at_the_start(settings: dict[str, Any]) -> None:
    settings = {"key": KEY, **settings}
    with pytest.raises(ConfigurationError):
        Envelope.legacy(settings.pop("key"), **settings)
