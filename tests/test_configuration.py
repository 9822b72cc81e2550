"""A service that is set up wrongly does not start; what raises names the setting."""

from __future__ import annotations

import math
from typing import Any

import pytest

from judged import (
    HOST,
    KEY,
    KEY_ID,
    ORIGIN,
    OTHER_KEY,
    RFC9421,
    SLACK,
    as_request,
)
from reference import Message
from sealgate import ConfigurationError, Key, Scheme, Verifier, schemes
from sealgate.exceptions import (
    NotCovered,
)


@pytest.mark.parametrize(
    "keys",
    [
        b"",
        "",
        " " * 32,
        b"short",
        "short",
        {},
        {"acme": b""},
        {"acme": []},
        {"acme": [KEY, b""]},
        {"": KEY},
        {"k" * 257: KEY},
    ],
    ids=lambda keys: ascii(keys)[:20],
)
def test_a_key_that_is_no_key_is_found_at_construction(keys: Any) -> None:
    """B1: empty, blank, short, absent."""
    with pytest.raises(ConfigurationError, match="key"):
        Verifier(schemes.RFC9421, keys=keys, origin=ORIGIN)


@pytest.mark.parametrize(
    "keys", [None, 17, object(), [KEY], {"acme": None}, {"acme": 3}, {3: KEY}, {"acme": [None]}], ids=ascii
)
def test_what_is_not_key_material_is_found_at_construction(keys: Any) -> None:
    with pytest.raises((ConfigurationError, TypeError)):
        Verifier(schemes.RFC9421, keys=keys, origin=ORIGIN)


@pytest.mark.parametrize("name", ["env:ACME_WEBHOOK_KEY", "file:/run/secrets/acme", "https://vault.example/acme"])
def test_a_source_that_is_named_where_none_is_read_is_found_at_construction(name: str) -> None:
    for keys in ({"acme": name}, {"acme": [KEY, name]}):
        with pytest.raises(ConfigurationError, match=r"names a source|not set, or empty"):
            Verifier(schemes.RFC9421, keys=keys, origin=ORIGIN)


@pytest.mark.parametrize(
    "published",
    [
        b"It's a Secret to Everybody",
        b"8f742231b10e8888abcd99yyyzzz85a5",
        b"uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==",
    ],
)
def test_published_keys_are_refused(published: bytes) -> None:
    with pytest.raises(ConfigurationError, match="published"):
        Verifier(schemes.GITHUB, keys=published)
    Verifier(schemes.GITHUB, keys=Key(published, published_ok=True))


@pytest.mark.parametrize(
    "keys",
    [
        {"acme": KEY, "globex": KEY},
        {"acme": KEY, "globex": KEY + b"\0"},
        {"acme": [KEY, OTHER_KEY], "globex": [b"x" * 32, KEY + b"\0\0\0"]},
        {"acme": Key(KEY), "globex": KEY.decode()},
    ],
    ids=range(4),
)
def test_one_key_under_two_ids_is_found_at_construction(keys: Any) -> None:
    """A11: `k` and `k\\0` are one HMAC key."""
    with pytest.raises(ConfigurationError, match="key"):
        Verifier(schemes.RFC9421, keys=keys, origin=ORIGIN)


def test_a_key_over_a_block_and_its_hash_are_one_key() -> None:
    """A11: RFC 2104 hashes a long key, so the two ids would share it."""
    import hashlib

    long = b"long key " * 9
    with pytest.raises(ConfigurationError, match="key"):
        Verifier(schemes.RFC9421, keys={"acme": long, "globex": hashlib.sha256(long).digest()}, origin=ORIGIN)


def test_an_origin_is_required_where_the_authority_is_covered() -> None:
    with pytest.raises(ConfigurationError, match="origin"):
        Verifier(schemes.RFC9421, keys=KEY)
    assert schemes.RFC9421.needs_origin
    assert not schemes.GITHUB.needs_origin


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "api.shop.example",
        "https://",
        "https://host/path",
        "https://host?q",
        "ftp://host",
        "https://ho st",
        "https://host:99999",
        "https://user@host",
        "https://host:port",
        "//host",
        [],
        [""],
        ["https://a.example", "b"],
        "https://h\u00f6st",
    ],
    ids=ascii,
)
def test_an_origin_that_is_none_is_found_at_construction(origin: Any) -> None:
    with pytest.raises(ConfigurationError, match="origin"):
        Verifier(schemes.RFC9421, keys=KEY, origin=origin)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, 300.5, "300", None, 10**30], ids=str)
@pytest.mark.parametrize("setting", ["max_age", "body_limit"])
def test_a_limit_that_is_none_is_found_at_construction(setting: str, value: Any) -> None:
    """B3: zero, NaN and infinity would switch the check off; None is the default age, and no body limit at all."""
    if value is None and setting == "max_age":
        assert 300 == RFC9421.verifier(max_age=None).max_age
        return
    with pytest.raises(ConfigurationError, match=setting):
        RFC9421.verifier(**{setting: value})


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "30", None], ids=str)
def test_a_body_timeout_that_is_none_is_found_at_construction(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="body_timeout"):
        RFC9421.verifier(body_timeout=value)


@pytest.mark.parametrize("scheme", [None, "rfc9421", object(), schemes, dict], ids=ascii)
def test_an_unknown_scheme_is_found_at_construction(scheme: Any) -> None:
    with pytest.raises(ConfigurationError, match="scheme"):
        Verifier(scheme, keys=KEY, origin=ORIGIN)


@pytest.mark.parametrize("replay", ["redis", "", "on", "memory://", object(), True], ids=ascii)
def test_an_unknown_store_is_found_at_construction(replay: Any) -> None:
    with pytest.raises(ConfigurationError, match="replay"):
        RFC9421.verifier(replay=replay)


def test_a_schemes_own_age_is_the_default() -> None:
    assert 300 == SLACK.verifier().max_age
    short = Scheme.message_signature("short", max_age=60)
    assert 60 == Verifier(short, keys=KEY, origin=ORIGIN).max_age
    assert 30 == Verifier(short, keys=KEY, origin=ORIGIN, max_age=30).max_age


def test_an_environment_variable_that_is_not_set_is_found_at_construction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEALGATE_TEST_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="SEALGATE_TEST_KEY"):
        RFC9421.verifier(keys="env:SEALGATE_TEST_KEY")
    monkeypatch.setenv("SEALGATE_TEST_KEY", "")
    with pytest.raises(ConfigurationError, match="SEALGATE_TEST_KEY"):
        RFC9421.verifier(keys="env:SEALGATE_TEST_KEY")
    monkeypatch.setenv("SEALGATE_TEST_KEY", KEY.decode())
    assert KEY_ID != RFC9421.verifier(keys="env:SEALGATE_TEST_KEY").verify(as_request(RFC9421.signed())).key_id


def test_a_head_or_get_without_a_body_needs_no_digest() -> None:
    for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        signed = RFC9421.signed(Message(method, "/", [("Host", HOST)]))
        assert b"" == RFC9421.verifier().verify(as_request(signed)).body


def test_a_body_added_to_a_get_is_refused() -> None:
    signed = RFC9421.signed(Message("GET", "/", [("Host", HOST)]))
    with pytest.raises(NotCovered):
        RFC9421.verifier().verify(as_request(Message("GET", "/", signed.headers, b"added")))
