"""The signer: what it adds, what it replaces, what it refuses to start with; the judge verifies all of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

import reference
from judged import HOST, KEY, KEY_ID, NOW, ORIGIN, RFC9421, Judged, as_message, each_scheme
from reference import Message
from sealgate import ConfigurationError, Key, Request, Scheme, Signer, Verifier, schemes


def signer(judged: Judged, **settings: Any) -> Signer:
    return judged.signer(**{"clock": lambda: NOW + 0.9, **settings})


def unsigned(judged: Judged) -> Request:
    message = judged.message
    return Request(message.method, message.target, list(message.headers), message.body, origin=ORIGIN)


@each_scheme
def test_method_target_body_and_other_fields_stay(judged: Judged) -> None:
    before = unsigned(judged)
    after = signer(judged).sign(before)
    assert (before.method, before.target, before.body, before.origin) == (
        after.method,
        after.target,
        after.body,
        after.origin,
    )
    assert before.headers == after.headers[: len(before.headers)]


@each_scheme
def test_sign_adds_the_fields_that_sign_headers_gives(judged: Judged) -> None:
    added = {name.lower() for name, _ in signer(judged).sign_headers(unsigned(judged))}
    assert {name for name, _ in signer(judged).sign(unsigned(judged)).headers} == added | {
        name.lower() for name, _ in judged.message.headers
    }


@each_scheme
def test_signing_again_replaces_the_first_signature(judged: Judged) -> None:
    once = signer(judged).sign(unsigned(judged))
    twice = signer(judged, clock=lambda: NOW + 1).sign(once)
    assert sorted(name for name, _ in once.headers) == sorted(name for name, _ in twice.headers)
    judged.judge(as_message(twice), judged.ring, NOW + 1)


@each_scheme
def test_the_clock_is_cut_to_whole_seconds(judged: Judged) -> None:
    proof = judged.judge(as_message(signer(judged).sign(unsigned(judged))), judged.ring, NOW)
    assert (NOW if judged.timed else None) == proof.created


def test_nonces_are_fresh_and_long() -> None:
    """E8: 144 bits from the operating system, never twice."""
    nonces = set()
    for _ in range(10_000):
        nonce = reference.verify_rfc9421(
            as_message(signer(RFC9421).sign(unsigned(RFC9421))), RFC9421.ring, NOW, origin=ORIGIN
        ).nonce
        assert nonce is not None
        assert 18 <= len(base64.urlsafe_b64decode(nonce + "=" * (-len(nonce) % 4)))
        nonces.add(nonce)
    assert 10_000 == len(nonces)


def test_a_body_gets_a_digest_that_is_the_judges() -> None:
    fields = dict(signer(RFC9421).sign(unsigned(RFC9421)).headers)
    assert reference.content_digest(RFC9421.message.body) == fields["content-digest"]
    without = Request("GET", "/", [("Host", HOST)], origin=ORIGIN)
    assert "content-digest" not in dict(signer(RFC9421).sign(without).headers)


@pytest.mark.parametrize(
    "digest",
    [
        reference.content_digest(RFC9421.message.body, "sha-512"),
        reference.content_digest(b"another body"),
        "sha-256=:AAAA:",
        "",
    ],
)
def test_a_digest_that_is_already_there_is_written_anew(digest: str) -> None:
    """Whatever the caller set, what leaves is a message that the judge accepts."""
    message = RFC9421.message.plus([("Content-Digest", digest)])
    request = Request(message.method, message.target, list(message.headers), message.body, origin=ORIGIN)
    signed = as_message(signer(RFC9421).sign(request))
    assert reference.content_digest(message.body) == signed.one("content-digest")
    assert KEY_ID == reference.verify_rfc9421(signed, RFC9421.ring, NOW, origin=ORIGIN).key_id


def test_the_authority_comes_from_the_request_to_be_signed() -> None:
    """From its origin, or its Host field where it has no origin."""
    message = RFC9421.message
    for headers, origin in (((), ORIGIN), ([("Host", HOST)], ORIGIN), ([("Host", HOST)], None)):
        request = Request(message.method, message.target, list(headers), message.body, origin=origin)
        signed = as_message(signer(RFC9421).sign(request))
        assert KEY_ID == reference.verify_rfc9421(signed, RFC9421.ring, NOW, origin=ORIGIN).key_id


@pytest.mark.parametrize(
    "origin", ["https://API.Shop.Example", "https://api.shop.example:443", "https://api.shop.example/"]
)
def test_spellings_of_an_origin_sign_the_same_authority(origin: str) -> None:
    """RFC 9421, 2.2.3: lower case, without the default port."""
    request = Request("GET", "/", origin=origin)
    signed = as_message(signer(RFC9421).sign(request))
    assert KEY_ID == reference.verify_rfc9421(signed, RFC9421.ring, NOW, origin=ORIGIN).key_id


def test_another_port_is_another_authority() -> None:
    signed = as_message(signer(RFC9421).sign(Request("GET", "/", origin=ORIGIN + ":8443")))
    with pytest.raises(reference.Refused):
        reference.verify_rfc9421(signed, RFC9421.ring, NOW, origin=ORIGIN)
    assert KEY_ID == reference.verify_rfc9421(signed, RFC9421.ring, NOW, origin=ORIGIN + ":8443").key_id


@pytest.mark.parametrize("key_id", ['quo"te', "back\\slash", "a b", "~", "k" * 256])
def test_a_key_id_is_written_so_that_it_reads_back(key_id: str) -> None:
    """sf-string escapes, RFC 9651 4.1.6."""
    signed = signer(RFC9421, key_id=key_id).sign(unsigned(RFC9421))
    assert key_id == reference.verify_rfc9421(as_message(signed), {key_id: [KEY]}, NOW, origin=ORIGIN).key_id
    assert key_id == RFC9421.verifier(keys={key_id: KEY}).verify(signed).key_id


@pytest.mark.parametrize("key_id", ["caf\u00e9", "a\nb", "\x7f", "\0", "k" * 257])
def test_a_key_id_that_no_field_can_carry_is_refused_when_signing(key_id: str) -> None:
    """A line break would be header injection."""
    with pytest.raises(ConfigurationError):
        signer(RFC9421, key_id=key_id).sign(unsigned(RFC9421))


@pytest.mark.parametrize("key_id", ["caf\u00e9", "a\r\nX-Evil: 1", "a\nb", "\x7f", "\0", "a,b", "k" * 257])
def test_a_key_id_that_would_break_a_field_is_not_written(key_id: str) -> None:
    """A line break would be header injection; a comma is a joined duplicate to every verifier."""
    scheme = Scheme(
        "named",
        base="{body}",
        fields={"X-Key": "{key_id}", "X-Sig": "{signature:hex}"},
        accept_weaknesses=None,
    )
    with pytest.raises(ConfigurationError):
        Signer(scheme, key=KEY, key_id=key_id).sign(Request("POST", "/", body=b"{}"))


@pytest.mark.parametrize("method", ["", "G T", "GET\r\n", "G\u00c9T"], ids=ascii)
def test_a_method_that_is_no_token_is_not_signed(method: str) -> None:
    with pytest.raises(ConfigurationError):
        signer(RFC9421).sign(Request(method, "/", origin=ORIGIN))


@pytest.mark.parametrize("key_id", [None, ""])
def test_a_scheme_that_names_its_key_needs_a_key_id(key_id: str | None) -> None:
    with pytest.raises(ConfigurationError, match="key_id"):
        Signer(schemes.RFC9421, key=KEY, key_id=key_id)


@pytest.mark.parametrize("key", [b"", "", b"short", "env:SEALGATE_TEST_KEY"], ids=ascii)
def test_a_key_that_is_no_key_is_found_at_construction(key: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """B1."""
    monkeypatch.delenv("SEALGATE_TEST_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=r"key|SEALGATE_TEST_KEY"):
        Signer(schemes.GITHUB, key=key)


@pytest.mark.parametrize("name", ["file:/run/secrets/acme", "dir:/run/secrets/acme", " env:ACME_WEBHOOK_KEY"])
def test_a_source_that_the_signer_cannot_read_is_not_the_key(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"names a source|no such file"):
        Signer(schemes.GITHUB, key=name)
    request = Request("POST", "/", body=b"{}")
    ((_, value),) = Signer(schemes.GITHUB, key=name.encode()).sign_headers(request)
    assert f"sha256={reference.mac(name.encode(), b'{}').hex()}" == value


def test_a_key_may_be_text_octets_a_key_or_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALGATE_TEST_KEY", KEY.decode())
    request = Request("POST", "/", body=b"{}")
    signatures = {
        tuple(Signer(schemes.GITHUB, key=key).sign_headers(request)[0])
        for key in (KEY, KEY.decode(), Key(KEY), "env:SEALGATE_TEST_KEY")
    }
    assert 1 == len(signatures)


@pytest.mark.parametrize("target", ["http://a.example/", "*", "p", "", "//p", "/p#f", "/p q"], ids=ascii)
def test_a_target_that_reads_two_ways_is_not_signed(target: str) -> None:
    """What no verifier accepts is not worth a signature."""
    with pytest.raises(ConfigurationError):
        signer(RFC9421).sign(Request("GET", target, origin=ORIGIN))


@pytest.mark.parametrize(
    "target", ["/", "/a%20b/%2Fc?x=1&x=2", "/%7Ea/%61?%61=%7e", "/a/../b/./c", "/?", "/a?b?c", "/a;b=c,d@e:f!$&'()*+"]
)
@each_scheme
def test_every_target_that_a_client_sends_can_be_signed(judged: Judged, target: str) -> None:
    query = target.partition("?")[2]
    if query and {"query-not-covered"} & judged.scheme.weaknesses():
        return
    message = Message("POST", target, judged.message.headers, judged.message.body)
    request = Request("POST", target, list(message.headers), message.body, origin=ORIGIN)
    if "aws-sigv4" == judged.scheme.name and ".." in target:  # it is signed like another path
        with pytest.raises(ConfigurationError):
            signer(judged).sign(request)
        return
    signed = signer(judged).sign(request)
    judged.judge(as_message(signed), judged.ring, NOW)
    assert message.body == judged.verifier().verify(signed).body


@each_scheme
def test_no_field_holds_a_line_break_or_is_long(judged: Judged) -> None:
    """Servers cut at 8190 octets a field, uWSGI at 4096 for all: ours stay far below a KiB."""
    added = signer(judged).sign_headers(unsigned(judged))
    text = "".join(f"{name}: {value}" for name, value in added)
    assert text.isprintable()
    assert text.isascii()
    assert 1024 > len(text)


def test_signing_and_verifying_meet_without_the_judge() -> None:
    verifier = Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN)
    signed = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID).sign(unsigned(RFC9421))
    assert RFC9421.message.body == verifier.verify(signed).body
