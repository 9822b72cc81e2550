"""A key for one purpose is HKDF's, judged by RFC 5869 and by pyca/cryptography; rings sign and verify messages."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

import reference
from judged import KEY, OTHER_KEY
from sealgate import ConfigurationError, Key, KeyRing
from sealgate.exceptions import InvalidSignature, UnknownKey

#: RFC 5869, A.3: SHA-256, no salt, no info; the first 32 octets of its output.
RFC5869_A3 = bytes.fromhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d")
RING = KeyRing({"acme": [KEY, OTHER_KEY], "globex": b"a third key of thirty-two octets"})
_octets = st.binary(min_size=16, max_size=200).filter(lambda octets: octets.strip(b"\0 \t\r\n"))


def test_the_derived_key_is_rfc_5869s() -> None:
    assert reference.mac(RFC5869_A3, b"message") == Key(b"\x0b" * 22).derive(b"").sign(b"message")


@given(octets=_octets, label=st.binary(max_size=200))
def test_the_derived_key_is_cryptographys(octets: bytes, label: bytes) -> None:
    derived = HKDF(SHA256(), length=32, salt=None, info=label).derive(octets)
    assert reference.mac(derived, b"message") == Key(octets).derive(label).sign(b"message")
    ring = KeyRing({"acme": octets}).derive(label)
    assert reference.mac(derived, b"message") == ring.sign(b"message")
    assert "acme" == ring.verify(b"message", reference.mac(derived, b"message"), "acme")


@given(label=st.binary(max_size=40))
def test_no_signature_is_a_derived_key(label: bytes) -> None:
    """Who is given signatures over octets of his choice is not given the key of a purpose."""
    key = Key(KEY)
    for octets in (label, label + b"\1", b"\0" * 32 + label):
        assert key.derive(label).sign(b"") != Key(key.sign(octets)).sign(b"")


@given(message=st.binary(max_size=300), hash=st.sampled_from(["sha256", "sha384", "sha512"]))
def test_a_ring_signs_with_the_first_key_of_an_id(message: bytes, hash: str) -> None:
    assert reference.mac(KEY, message, hash) == RING.sign(message, hash=hash)
    assert reference.mac(KEY, message, hash) == RING.sign(message, "acme", hash)
    assert reference.mac(b"a third key of thirty-two octets", message, hash) == RING.sign(message, "globex", hash)


@given(message=st.binary(max_size=300), hash=st.sampled_from(["sha256", "sha384", "sha512"]))
def test_a_ring_names_the_key_that_signed(message: bytes, hash: str) -> None:
    for key in (KEY, OTHER_KEY):
        signature = reference.mac(key, message, hash)
        for given_id in ("acme", None):
            assert "acme" == RING.verify(message, signature, given_id, hash)
            assert "acme" == RING.verify(message, signature.hex(), given_id, hash)
        with pytest.raises(InvalidSignature):
            RING.verify(message, signature, "globex", hash)
        with pytest.raises(UnknownKey):
            RING.verify(message, signature, "nobody", hash)
        with pytest.raises(InvalidSignature):
            RING.verify(message + b"!", signature, "acme", hash)


def test_an_anonymous_ring_answers_to_any_key_id() -> None:
    ring = KeyRing(KEY)
    assert [None, None] == [ring.verify(b"m", reference.mac(KEY, b"m"), key_id) for key_id in (None, "acme")]
    assert reference.mac(KEY, b"m") == ring.sign(b"m")
    assert (None,) == ring.derive(b"x").key_ids


@pytest.mark.parametrize("signature", [b"", b"x" * 31, b"x" * 33, "", "zz" * 32, "é" * 64, "\ud800"], ids=ascii)
def test_signatures_of_another_form_are_invalid(signature: Any) -> None:
    with pytest.raises(InvalidSignature):
        RING.verify(b"m", signature, "acme")


def test_large_messages_are_signed_without_the_interpreters_lock() -> None:
    message = b"m" * 300_000
    assert reference.mac(KEY, message) == RING.sign(message)
    assert "acme" == RING.verify(message, reference.mac(OTHER_KEY, message))


def test_what_has_no_key_cannot_sign() -> None:
    for ring, key_id in ((KeyRing({}), None), (RING, "nobody"), (KeyRing(KEY), "acme"), (RING, "\ud800")):
        with pytest.raises(ConfigurationError, match="key id"):
            ring.sign(b"m", key_id)
    with pytest.raises(InvalidSignature):
        KeyRing({}).verify(b"m", b"x" * 32)
    with pytest.raises(UnknownKey):
        KeyRing({}).derive(b"x").verify(b"m", b"x" * 32, "acme")


def test_derived_rings_know_the_same_ids() -> None:
    assert RING.key_ids == RING.derive(b"x").key_ids
    assert "<KeyRing ('acme', 'globex')>" == repr(RING.derive(b"x"))
    assert RING.derive(b"x").sign(b"m") != RING.derive(b"y").sign(b"m")
