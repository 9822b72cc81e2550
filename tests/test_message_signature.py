"""RFC 9421: what a signature must say and cover, whatever the message proposes."""

from __future__ import annotations

import base64
from typing import Any

import pytest

import reference
from judged import JUDGED, KEY, KEY_ID, NONCE, NOW, ORIGIN, as_request
from reference import Message
from sealgate import ConfigurationError, Rejected, Request, Scheme, Signer, Verifier
from sealgate.exceptions import InvalidSignature, NotCovered


def rfc9421(message: Message | None = None, **changes: Any) -> Request:
    message = message or JUDGED["rfc9421"].message
    settings = {"origin": ORIGIN, "key_id": KEY_ID, "created": NOW, "nonce": NONCE, **changes}
    return as_request(message.plus(reference.sign_rfc9421(message, KEY, **settings)))


def refused_by_policy(request: Request) -> Rejected:
    """The signature itself is right: only policy refuses."""
    with pytest.raises(Rejected) as refused:
        JUDGED["rfc9421"].verifier().verify(request)
    assert not isinstance(refused.value, InvalidSignature)
    return refused.value


_ALL = ("@method", "@authority", "@path", "@query", "content-digest")


@pytest.mark.parametrize("missing", _ALL)
def test_each_required_component_must_be_covered(missing: str) -> None:
    """B4, D1: refused by coverage, not by the signature."""
    error = refused_by_policy(rfc9421(components=[name for name in _ALL if name != missing]))
    assert isinstance(error, NotCovered)


def test_a_signature_over_nothing_is_refused() -> None:
    assert isinstance(refused_by_policy(rfc9421(components=[])), NotCovered)


@pytest.mark.parametrize(
    "components",
    [
        ("@target-uri", "@method", "content-digest"),
        ("@request-target", "@authority", "@method", "content-digest"),
        ("content-digest", "@query", "@path", "@authority", "@method", "content-type", "host"),
        ("@scheme", *_ALL),
    ],
)
def test_other_covers_of_the_same_parts_are_accepted(components: tuple[str, ...]) -> None:
    assert KEY_ID == JUDGED["rfc9421"].verifier().verify(rfc9421(components=components)).key_id


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"},
        {"alg": "hmac-sha512"},
        {"alg": "HMAC-SHA256"},
        {"alg": ""},
        {"alg": "rsa-pss-sha512"},
        {"tag": "another-application"},
        {"tag": ""},
        {"nonce": "n" * 15},
        {"nonce": "n" * 257},
        {"nonce": ""},
        {"key_id": "k" * 257},
        {"expires": NOW - 1},
        {"colour": "blue"},
    ],
    ids=str,
)
def test_parameters_that_the_policy_does_not_take_are_refused(changes: dict[str, Any]) -> None:
    """D5: the message names no algorithm but ours; nonce and key id keep their limits."""
    refused_by_policy(rfc9421(**changes))


@pytest.mark.parametrize(
    "changes", [{"alg": "hmac-sha256"}, {"expires": NOW}, {"nonce": "n" * 16}, {"nonce": "n" * 256}], ids=str
)
def test_parameters_at_their_limits_are_taken(changes: dict[str, Any]) -> None:
    assert KEY_ID == JUDGED["rfc9421"].verifier().verify(rfc9421(**changes)).key_id


def test_a_key_id_of_256_octets_is_taken() -> None:
    verifier = JUDGED["rfc9421"].verifier(keys={"k" * 256: KEY})
    assert "k" * 256 == verifier.verify(rfc9421(key_id="k" * 256)).key_id


def test_a_nonce_with_quotes_and_backslashes_is_read_as_written() -> None:
    nonce = 'a"b\\c' * 4
    assert nonce == JUDGED["rfc9421"].verifier().verify(rfc9421(nonce=nonce)).nonce


@pytest.mark.parametrize("left_out", ["created", "keyid", "nonce"])
def test_created_keyid_and_nonce_are_required(left_out: str) -> None:
    message = JUDGED["rfc9421"].message
    message = message.plus([("Content-Digest", reference.content_digest(message.body))])
    params: dict[str, str | int] = {"created": NOW, "keyid": KEY_ID, "nonce": NONCE}
    del params[left_out]
    refused_by_policy(as_request(signed_with(message, reference.signature_params(_ALL, params))))


def signed_with(message: Message, params: str, components: tuple[str, ...] = _ALL, label: str = "sig1") -> Message:
    """Signed over `params` as written, however odd."""
    signature = base64.b64encode(
        reference.mac(KEY, reference.signature_base(message, components, params, ORIGIN))
    ).decode()
    return message.plus([("Signature-Input", f"{label}={params}"), ("Signature", f"{label}=:{signature}:")])


@pytest.mark.parametrize(
    "params",
    [
        '({c});created="{now}";keyid="acme";nonce="{nonce}"',
        '({c});created={now}.0;keyid="acme";nonce="{nonce}"',
        '({c});created=-{now};keyid="acme";nonce="{nonce}"',
        '({c});created={now};keyid=acme;nonce="{nonce}"',
        '({c});created={now};keyid="acme";nonce={nonce}',
        '({c});created={now};keyid="acme";nonce=:bm9uY2Vub25jZW5vbmNlbm9uY2U=:',
        '({c});created={now};keyid="acme";nonce="{nonce}";alg',
        '({c});created={now};created={now};keyid="acme";nonce="{nonce}"',
        '({c});created={now};keyid="evil";keyid="acme";nonce="{nonce}"',
        '({c});created={now};keyid="acme";nonce="{nonce}";alg="none";alg="hmac-sha256"',
        '({c});Created={now};keyid="acme";nonce="{nonce}"',
        '({c};created={now};keyid="acme";nonce="{nonce}"',
        '({c}) ;created={now};keyid="acme";nonce="{nonce}"',
        '({c});created={now};keyid="acme";nonce="{nonce}",',
        '({c});created={now};keyid="acme";nonce="{nonce}"x',
        '({c});created={now};keyid="ac\\me";nonce="{nonce}"',
    ],
)
def test_signature_parameters_of_another_form_are_refused(params: str) -> None:
    """C8: a lax structured-field parser reads two messages as one."""
    message = JUDGED["rfc9421"].message
    message = message.plus([("Content-Digest", reference.content_digest(message.body))])
    listed = " ".join(f'"{name}"' for name in _ALL)
    text = params.replace("{c}", listed).replace("{now}", str(NOW)).replace("{nonce}", NONCE)
    with pytest.raises(Rejected):
        JUDGED["rfc9421"].verifier().verify(as_request(signed_with(message, text)))


def test_a_covered_field_counts_once() -> None:
    """C5, F11: twice in one message is read differently by every server."""
    message = JUDGED["rfc9421"].message
    request = rfc9421(components=(*_ALL, "content-type"))
    for twin in (("Content-Type", "application/json"), ("content-type", "text/html"), ("Content_Type", "text/html")):
        with pytest.raises(Rejected):
            JUDGED["rfc9421"].verifier().verify(
                Request(message.method, message.target, [*request.headers, twin], message.body)
            )


def test_64_components_are_taken_and_65_are_not() -> None:
    extra = [(f"x-{n}", "v") for n in range(60)]
    message = JUDGED["rfc9421"].message.plus(extra)
    at_limit = (*_ALL, *(name for name, _ in extra[:59]))
    assert 64 == len(at_limit)
    assert KEY_ID == JUDGED["rfc9421"].verifier().verify(rfc9421(message, components=at_limit)).key_id
    refused_by_policy(rfc9421(message, components=(*at_limit, "x-59")))


def test_any_label_may_name_the_one_signature() -> None:
    assert KEY_ID == JUDGED["rfc9421"].verifier().verify(rfc9421(label="proxy_sig")).key_id


def test_a_header_named_like_a_derived_component_changes_nothing() -> None:
    """C7, RFC 9421 7.5.1."""
    request = rfc9421()
    for twin in (("@method", "GET"), ("@path", "/admin")):
        injected = Request(request.method, request.target, [*request.headers, twin], request.body or b"")
        assert KEY_ID == JUDGED["rfc9421"].verifier().verify(injected).key_id
        other = Request("GET", "/admin", [*request.headers, twin], request.body or b"")
        with pytest.raises(InvalidSignature):
            JUDGED["rfc9421"].verifier().verify(other)


@pytest.mark.parametrize(
    "digest",
    [
        "{right}, sha-512=:AAAA:",
        "sha-512={right512}, sha-256=:{wrong}:",
        "md5=:Sd/dVLAcvNLSq16eXua5uQ==:",
        "sha-256=:{wrong}:, {right}",
        "{right}, sha-256=:{wrong}:",
        "SHA-256={octets}",
        "sha-256={octets};q=1",
        "sha-256=:{wrong}:",
        "sha-256",
        "sha-256=()",
        "unixsum=:AAAA:",
        "",
    ],
)
def test_a_digest_downgrade_is_refused_under_a_right_signature(digest: str) -> None:
    """D2, RFC 9530 6.6: a digest that is wrong, of a deprecated algorithm alone, or contradicted by its double."""
    message = JUDGED["rfc9421"].message
    right = reference.content_digest(message.body)
    fields = {
        "right": right,
        "octets": right.partition("=")[2],
        "right512": reference.content_digest(message.body, "sha-512").partition("=")[2],
        "wrong": reference.content_digest(b"other").split(":")[1],
    }
    text = digest.format(**fields)
    with pytest.raises(reference.Refused):
        reference.check_content_digest(text, message.body)
    signed = signed_with(
        message.plus([("Content-Digest", text)]),
        reference.signature_params(_ALL, {"created": NOW, "keyid": KEY_ID, "nonce": NONCE}),
    )
    refused_by_policy(as_request(signed))


@pytest.mark.parametrize(
    "text",
    ["{stray}", 'x="{right}", {stray}', '{stray}, x="{right}"', "xsha-256=:{octets}:, {stray}", "{stray}, *{right}"],
)
def test_a_digest_has_one_text_whatever_stands_beside_it(text: str) -> None:
    """A6: stray bits in its last character are another text of the same octets; another member lends it none."""
    message = JUDGED["rfc9421"].message
    right = reference.content_digest(message.body)
    octets = right.split(":")[1]
    other = octets[:-2] + chr(ord(octets[-2]) + 1) + "="
    assert base64.b64decode(octets) == base64.b64decode(other)
    fields = {"right": right, "octets": octets, "stray": f"sha-256=:{other}:"}
    refused_by_policy(rfc9421(message.plus([("Content-Digest", text.format(**fields))])))


@pytest.mark.parametrize("other", ["{sha512}", "md5=:Sd/dVLAcvNLSq16eXua5uQ==:", "unixsum=:AAAA:", "x"])
def test_a_right_digest_may_stand_beside_others(other: str) -> None:
    """RFC 9530, 2: a recipient may ignore algorithms that it does not take, as long as one that it takes is there."""
    message = JUDGED["rfc9421"].message
    both = f"{reference.content_digest(message.body)}, {other}".format(
        sha512=reference.content_digest(message.body, "sha-512")
    )
    assert KEY_ID == JUDGED["rfc9421"].verifier().verify(rfc9421(message.plus([("Content-Digest", both)]))).key_id


def test_a_tag_that_was_configured_is_demanded() -> None:
    """D7: one key in two applications."""
    scheme = Scheme.message_signature("tagged", tag="shop")
    verifier = Verifier(scheme, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW)
    assert KEY_ID == verifier.verify(rfc9421(tag="shop")).key_id
    for request in (rfc9421(), rfc9421(tag="shopping"), rfc9421(tag="")):
        with pytest.raises(Rejected):
            verifier.verify(request)


def test_components_that_were_configured_are_demanded_and_signed() -> None:
    scheme = Scheme.message_signature("more", components=("@method", "@authority", "@path", "@query", "content-type"))
    verifier = Verifier(scheme, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW)
    with pytest.raises(NotCovered):
        verifier.verify(rfc9421())
    assert KEY_ID == verifier.verify(rfc9421(components=(*_ALL, "content-type"))).key_id
    signer = Signer(scheme, key=KEY, key_id=KEY_ID, clock=lambda: NOW)
    message = JUDGED["rfc9421"].message
    signed = signer.sign(Request(message.method, message.target, list(message.headers), message.body, origin=ORIGIN))
    assert "content-type" in verifier.verify(signed).covered


@pytest.mark.parametrize(
    "components", [("@nonsense",), ("@status",), ("Content-Type",), ("@method", "@method"), ("",), ("a b",)]
)
def test_components_that_cannot_be_covered_are_found_at_construction(components: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError):
        Scheme.message_signature("typo", components=components)
