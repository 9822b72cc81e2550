"""Keys: signing and checking octets, what a key refuses to be, rings."""

from __future__ import annotations

import base64
import copy
import json
import os
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from judged import KEY, KEY_ID, OTHER_KEY, RFC9421, as_request
from sealgate import ConfigurationError, Key, KeyRing
from sealgate.exceptions import InvalidSignature
from sealgate.keys import from_environment, holds, load

OCTETS = b"thirty-two octets of test key, A"
HASHES = ("sha256", "sha384", "sha512")


@given(
    octets=st.binary(min_size=16, max_size=300).filter(lambda octets: octets.strip(b"\0 \t\r\n")),
    message=st.binary(max_size=500),
    hash=st.sampled_from(HASHES),
)
def test_signatures_are_the_judges(octets: bytes, message: bytes, hash: str) -> None:
    key = Key(octets, short_ok=True)
    expected = reference.mac(octets, message, hash)
    assert expected == key.sign(message, hash)
    key.verify(message, expected, hash)
    key.verify(message, expected.hex(), hash)


@pytest.mark.parametrize("size", [63, 64, 65, 127, 128, 129, 256])
@pytest.mark.parametrize("hash", HASHES)
def test_keys_around_a_block_are_the_judges(size: int, hash: str) -> None:
    """A10."""
    octets = bytes(range(1, 256))[:size] if size < 256 else bytes(range(1, 256)) + b"\1"
    assert reference.mac(octets, b"message", hash) == Key(octets).sign(b"message", hash)


@pytest.mark.parametrize("hash", HASHES)
def test_every_other_length_of_a_right_signature_is_refused(hash: str) -> None:
    """A1: prefixes, extensions, nothing."""
    key = Key(OCTETS)
    right = key.sign(b"message", hash)
    for signature in [right[:length] for length in range(len(right))] + [right + bytes(more) for more in range(1, 33)]:
        with pytest.raises(InvalidSignature):
            key.verify(b"message", signature, hash)


@pytest.mark.parametrize("hash", HASHES)
def test_no_wrong_signature_passes(hash: str) -> None:
    """A2: ten thousand random ones, and each single flipped bit."""
    key = Key(OCTETS)
    right = key.sign(b"message", hash)
    wrong = [os.urandom(len(right)) for _ in range(10_000)]
    wrong += [
        bytes(b ^ (1 << bit) if i == at else b for i, b in enumerate(right))
        for at in range(len(right))
        for bit in range(8)
    ]
    for signature in wrong:
        with pytest.raises(InvalidSignature):
            key.verify(b"message", signature, hash)


@pytest.mark.parametrize(
    "text",
    ["", "zz", "00", "g" * 64, "\u00e9" * 64, "\u0661" * 64, " " * 64, "0" * 63, "0" * 65, "\0" * 64, "0x" + "0" * 62],
    ids=ascii,
)
def test_text_that_is_no_lower_case_hex_is_an_invalid_signature(text: str) -> None:
    """A3 to A5: no other exception, whatever the characters."""
    with pytest.raises(InvalidSignature):
        Key(OCTETS).verify(b"message", text)


def test_upper_case_hex_is_refused() -> None:
    key = Key(OCTETS)
    text = key.sign(b"message").hex()
    key.verify(b"message", text)
    with pytest.raises(InvalidSignature):
        key.verify(b"message", text.upper())


@pytest.mark.parametrize("hash", ["md5", "none", "", "SHA256", "sha-256", "blake2b", "sha224"])
def test_unknown_hashes_are_our_mistake(hash: str) -> None:
    key = Key(OCTETS)
    with pytest.raises(ConfigurationError):
        key.sign(b"message", hash)
    with pytest.raises(ConfigurationError):
        key.verify(b"message", b"", hash)


def test_sha1_serves_vectors_and_providers() -> None:
    assert reference.mac(OCTETS, b"message", "sha1") == Key(OCTETS).sign(b"message", "sha1")


@pytest.mark.parametrize("octets", [b"", "", b"x" * 15, "x" * 15], ids=ascii)
def test_short_keys_are_refused(octets: Any) -> None:
    """B1."""
    with pytest.raises(ConfigurationError, match="key"):
        Key(octets)


@pytest.mark.parametrize("octets", [b"", ""])
def test_an_empty_key_is_refused_even_where_short_ones_are_taken(octets: Any) -> None:
    with pytest.raises(ConfigurationError, match="key"):
        Key(octets, short_ok=True)


@pytest.mark.parametrize("octets", [b"\0" * 16, b"\0" * 64, b" " * 32, b"\t\n" * 16], ids=ascii)
def test_a_key_of_nothing_but_nul_or_blanks_is_refused(octets: bytes) -> None:
    """A11, B1: NULs are the HMAC key of no octets at all; blanks are a setting that nobody filled in."""
    with pytest.raises(ConfigurationError, match="key"):
        Key(octets)


def test_sixteen_octets_are_enough_and_fewer_need_a_word() -> None:
    assert reference.mac(b"sixteen octets..", b"") == Key(b"sixteen octets..").sign(b"")
    assert reference.mac(b"j", b"") == Key(b"j", short_ok=True).sign(b"")


def test_text_is_its_utf_8() -> None:
    text = "clé de seize octets"
    assert reference.mac(text.encode(), b"m") == Key(text).sign(b"m")


@pytest.mark.parametrize("octets", [None, 17, 3.5, object, [1] * 32, ("x" * 32,), bytearray(32)], ids=ascii)
def test_what_is_no_text_or_octets_is_no_key(octets: Any) -> None:
    with pytest.raises(ConfigurationError, match="key"):
        Key(octets)


@pytest.mark.parametrize(
    "name",
    [
        "env:ACME_WEBHOOK_KEY",
        " ENV:ACME_WEBHOOK_KEY",
        "file:/run/secrets/acme",
        "dir:/run/secrets/acme",
        "FILE=/run/secrets/acme",
        "https://vault.example/acme",
    ],
)
def test_name_of_a_source_is_no_key_but_the_same_octets_are(name: str) -> None:
    """B1: who deploys reads the name in a repository, and could sign with it."""
    for take in (lambda: Key(name), lambda: KeyRing({"acme": name}), lambda: KeyRing({"acme": [OCTETS, name]})):
        with pytest.raises(ConfigurationError, match="key: names a source"):
            take()
    assert reference.mac(name.encode(), b"m") == Key(name.encode()).sign(b"m")


#: GitHub, Slack, Standard Webhooks, Square, HubSpot, Paddle, Box, AWS, Hawk, Zendesk, Adyen; RFC 4231, RFC 7515, 7517 and
#: 7520 (as octets), RFC 9421.
_PUBLISHED = [
    b"It's a Secret to Everybody",
    b"8f742231b10e8888abcd99yyyzzz85a5",
    b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    b"Ibxx_5AKakO-3qeNVR61Dw",
    b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
    b"pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_WvRO0eL4Bj9rgYYIBZY6wZhG4EHy9jzh",
    b"SamplePrimaryKey",
    b"SampleSecondaryKey",
    b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    b"werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn",
    b"dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
    b"this_secret_is_for_testing_only",
    bytes.fromhex("44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"),
    b"\x0b" * 20,
    b"\xaa" * 20,
    bytes(range(1, 26)),
    b"\xaa" * 131,
    base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    ),
    base64.urlsafe_b64decode("GawgguFyGrWKav7AX4VKUg=="),
    base64.urlsafe_b64decode("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg="),
    base64.b64decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="),
]


@pytest.mark.parametrize("published", _PUBLISHED, ids=lambda octets: octets[:12].hex())
def test_published_keys_need_a_word(published: bytes) -> None:
    with pytest.raises(ConfigurationError, match="published"):
        Key(published)
    with pytest.raises(ConfigurationError, match="published"):
        Key(published, short_ok=True)
    assert reference.mac(published, b"m") == Key(published, published_ok=True).sign(b"m")


def test_a_short_published_key_needs_both_words() -> None:
    with pytest.raises(ConfigurationError, match="published"):
        Key(b"12345", short_ok=True)


@pytest.mark.parametrize("same", [OCTETS, OCTETS + b"\0", b"\xaa" * 100])
def test_a_ring_says_whether_it_holds_given_octets(same: bytes) -> None:
    """A key that has another purpose in the same process, such as a framework's own."""
    ring = KeyRing({"acme": [b"another key of ours, of 32 octets", OCTETS], "globex": b"\xaa" * 100})
    assert holds(ring, same)
    for other in (OCTETS[:-1], OCTETS + b"x", b"", b" ", b"\0" * 40, b"short"):
        assert not holds(ring, other)


def test_a_key_leaves_its_process_in_no_way() -> None:
    """B6."""
    key, ring = Key(OCTETS), KeyRing({"acme": OCTETS})
    for thing in (key, ring):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
        with pytest.raises(TypeError):
            copy.copy(thing)
        with pytest.raises(TypeError):
            copy.deepcopy(thing)
        assert not hasattr(thing, "__dict__")


def test_a_ring_knows_its_key_ids_in_order() -> None:
    assert ("b", "a") == KeyRing({"b": OCTETS, "a": b"another key of ours, of 32 octets"}).key_ids
    assert (None,) == KeyRing(OCTETS).key_ids
    assert () == KeyRing({}).key_ids


def test_one_id_may_have_several_keys_for_rotation() -> None:
    assert ("acme",) == KeyRing({"acme": [OCTETS, b"another key of ours, of 32 octets"]}).key_ids


@pytest.mark.parametrize(
    "keys", [{"a": OCTETS, "b": OCTETS}, {"a": OCTETS, "b": OCTETS + b"\0"}, {"a": Key(OCTETS), "b": OCTETS.decode()}]
)
def test_one_key_under_two_ids_is_refused(keys: Any) -> None:
    """A11."""
    with pytest.raises(ConfigurationError, match="key") as refused:
        KeyRing(keys)
    assert OCTETS.decode() not in str(refused.value)


@pytest.mark.parametrize("key_id", ["", "k" * 257, "\u20ac" * 100])
def test_key_ids_have_1_to_256_octets(key_id: str) -> None:
    with pytest.raises(ConfigurationError, match="key id"):
        KeyRing({key_id: OCTETS})
    assert ("k" * 256,) == KeyRing({"k" * 256: OCTETS}).key_ids


# --- the environment, JSON Web Keys ---


def jwk(**changes: object) -> str:
    """RFC 7517 and RFC 7518, 6.4; None leaves a member out."""
    octets = base64.urlsafe_b64encode(OCTETS).rstrip(b"=").decode()
    members = {"kty": "oct", "k": octets, "kid": "acme", "alg": "HS256", **changes}
    return json.dumps({name: value for name, value in members.items() if value is not None})


def test_a_json_web_key_in_the_environment_is_the_key_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, named in (
        (jwk(), ("acme", "HS256")),
        (jwk(kid=None, alg=None), (None, None)),
        (f" {jwk()}\n", ("acme", "HS256")),
    ):
        monkeypatch.setenv("SEALGATE_TEST_KEY", text)
        key, key_id, algorithm = from_environment("SEALGATE_TEST_KEY")
        assert (reference.mac(OCTETS, b"m"), *named) == (key.sign(b"m"), key_id, algorithm)


def test_any_other_text_in_the_environment_is_the_key_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALGATE_TEST_KEY", "whsec_of sixteen octets or more")
    key, key_id, algorithm = from_environment("SEALGATE_TEST_KEY")
    assert (reference.mac(b"whsec_of sixteen octets or more", b"m"), None, None) == (key.sign(b"m"), key_id, algorithm)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        "{}}",
        jwk(kty="EC"),
        jwk(kty=None),
        jwk(k=None),
        jwk(k=17),
        jwk(k=""),
        jwk(k="not base64!" * 3),
        jwk(k=base64.urlsafe_b64encode(OCTETS).decode()),
        jwk(k=base64.b64encode(b"\xff" * 33).decode()),
        jwk(k="AAAA" * 5 + "B"),
        jwk(k="AAAA" * 5 + "AB"),
        jwk(kid=17),
        jwk(alg=["HS256"]),
        jwk(k=base64.urlsafe_b64encode(b"short").rstrip(b"=").decode()),
    ],
    ids=lambda text: text[:40],
)
def test_what_starts_like_a_json_web_key_and_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7515, 2: base64url without padding; and never the whole text as if it were the key."""
    monkeypatch.setenv("SEALGATE_TEST_KEY", text)
    with pytest.raises(ConfigurationError, match="SEALGATE_TEST_KEY") as refused:
        from_environment("SEALGATE_TEST_KEY")
    assert base64.urlsafe_b64encode(OCTETS).decode()[:20] not in str(refused.value)
    with pytest.raises(ConfigurationError):
        load("env:SEALGATE_TEST_KEY")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_json_web_key_in_the_environment_is_for_the_schemes_hash(
    algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEALGATE_TEST_KEY", jwk(alg=algorithm))
    for keys in ("env:SEALGATE_TEST_KEY", {"acme": "env:SEALGATE_TEST_KEY"}, {"acme": ["env:SEALGATE_TEST_KEY"]}):
        with pytest.raises(ConfigurationError, match="alg"):
            RFC9421.verifier(keys=keys)


def test_a_named_json_web_key_makes_a_named_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALGATE_TEST_KEY", jwk())
    ring = load("env:SEALGATE_TEST_KEY")
    assert isinstance(ring, KeyRing)
    assert ("acme",) == ring.key_ids


def test_the_environment_holds_a_key_of_a_mapping_as_text_or_as_a_json_web_key(monkeypatch: pytest.MonkeyPatch) -> None:
    jwk = json.dumps({"kty": "oct", "kid": "elsewhere", "k": base64.urlsafe_b64encode(KEY).decode().rstrip("=")})
    for text in (KEY.decode(), jwk):
        monkeypatch.setenv("SEALGATE_TEST_KEY", text)
        for keys in ("env:SEALGATE_TEST_KEY", [OTHER_KEY, "env:SEALGATE_TEST_KEY"]):
            assert KEY_ID == RFC9421.verifier(keys={KEY_ID: keys}).verify(as_request(RFC9421.signed())).key_id


def test_the_text_of_a_json_web_key_is_not_the_key() -> None:
    jwk = json.dumps({"kty": "oct", "k": base64.urlsafe_b64encode(KEY).decode().rstrip("=")})
    for keys in (jwk, {KEY_ID: jwk}, {KEY_ID: [KEY, jwk]}):
        with pytest.raises(ConfigurationError, match="JSON Web Key"):
            RFC9421.verifier(keys=keys)
