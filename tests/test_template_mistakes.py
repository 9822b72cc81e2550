"""Templates: what is found at construction, and what their weaknesses are."""

from __future__ import annotations

import hashlib
import random

import pytest

import reference
from judged import CLAIMS, KEY, SEGMENTS, as_request
from reference import Message
from sealgate import ConfigurationError, Rejected, Request, Scheme, Signer, Verifier, schemes

_BODY_ONLY = {"method-not-covered", "target-not-covered", "query-not-covered", "audience"}


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("{bdy}", r"unknown part.*index 0"),
        ("v0:{bdy}", r"unknown part.*index 3"),
        ("{body:rot13}", r"index 0"),
        ("{body", r"index 0"),
        ("body}", r"index 4"),
        ("{}", r"index 0"),
        ("{@pth}", r"unknown part.*index 0"),
        ("{header:}", r"index 0"),
        ("{header:bad name}", r"index 0"),
        ("{signature:hex}{body}", r"."),
    ],
)
def test_a_typo_in_a_template_is_found_at_construction(base: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Scheme("typo", base=base, fields={"X-Signature": "{signature:hex}"}, accept_weaknesses=None)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"X-Signature": "constant"},
        {"X-Signature": "{signature}"},
        {"X-Signature": "{signature:hex"},
        {"X-Signature": "{signature:rot13}"},
        {"X-Signature": "{body}{signature:hex}"},
        {"X Signature": "{signature:hex}"},
        {"": "{signature:hex}"},
        {"X-Signature\r\nX": "{signature:hex}"},
        {"X-Sig:": "{signature:hex}"},
    ],
    ids=ascii,
)
def test_fields_that_cannot_carry_a_signature_are_found_at_construction(fields: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        Scheme("typo", base="{body}", fields=fields, accept_weaknesses=None)


@pytest.mark.parametrize("hash", ["md5", "none", "", "SHA256", "sha-256", "sha1", "hmac-sha256"])
def test_only_sound_hashes_are_chosen_and_never_by_the_message(hash: str) -> None:
    """D5: `none`, md5, and sha1 outside a provider's own scheme."""
    with pytest.raises(ConfigurationError):
        Scheme("hash", base=SEGMENTS, fields=CLAIMS, hash=hash)


def test_a_users_scheme_accepts_exactly_its_own_weaknesses() -> None:
    exact = {"no-time", *_BODY_ONLY}
    fields = {"X-Signature": "{signature:hex}"}
    assert exact == Scheme("exact", base="{body}", fields=fields, accept_weaknesses=exact).weaknesses()
    for wrong in (exact - {"no-time"}, exact - {"audience"}, exact | {"sha1"}, exact | {"no-such"}, set()):
        with pytest.raises(ConfigurationError):
            Scheme("wrong", base="{body}", fields=fields, accept_weaknesses=wrong)


def test_adjacent_parts_are_a_weakness() -> None:
    """C2: nothing between two variable parts, so octets can move from one to the other."""
    scheme = Scheme(
        "joined", base="{header:x-a}{header:x-b}{body}", fields={"X-S": "{signature:hex}"}, accept_weaknesses=None
    )
    assert "adjacent-parts" in scheme.weaknesses()


@pytest.mark.parametrize(
    ("base", "adjacent"),
    [
        ("{@path}{header:x-a:sha256:hex}.{body}", True),
        ("{header:x-a:sha256:hex}{@path}.{body}", False),
        ("{header:x-a:sha256:hex}{body:sha512:hex}", False),
        ("{@path}.{header:x-a:sha256:hex}{body}", False),
    ],
)
def test_a_digest_does_not_end_the_part_before_it(base: str, adjacent: bool) -> None:
    """C2: what follows a path can be the digest, or a longer path that holds one; only the digest's own end is known."""
    scheme = Scheme("joined", base=base, fields={"X-S": "{signature:hex}"}, accept_weaknesses=None)
    assert adjacent == ("adjacent-parts" in scheme.weaknesses())


def test_a_raw_digest_may_hold_the_literal_after_it() -> None:
    """Its length says where it ends: one digest in eight of 32 octets has a line feed."""
    scheme = Scheme(
        "raw", base="{@method}\n{body:sha256}\n{@path}", fields={"X-S": "{signature:hex}"}, accept_weaknesses=None
    )
    signer, verifier = Signer(scheme, key=KEY), Verifier(scheme, keys=KEY)
    drawn = random.Random(300)
    bodies = [drawn.randbytes(drawn.randrange(40)) for _ in range(300)]
    assert any(b"\n" in hashlib.sha256(body).digest() for body in bodies)
    for body in bodies:
        signed = signer.sign(Request("POST", "/p", body=body))
        base = b"POST\n" + hashlib.sha256(body).digest() + b"\n/p"
        assert reference.mac(KEY, base).hex() == dict(signed.headers)["x-s"]
        assert body == verifier.verify(signed).body


def test_a_host_that_may_be_absent_covers_no_audience() -> None:
    """D1: without the field, the message is good at every host."""
    for part, covered in (("{header:host?}", False), ("{header:host}", True)):
        scheme = Scheme("host", base=f"{part}\n{{body}}", fields={"X-S": "{signature:hex}"}, accept_weaknesses=None)
        assert covered == ("audience" not in scheme.weaknesses())


@pytest.mark.parametrize("hash", ["sha384", "sha512"])
def test_other_hashes_are_the_judges(hash: str) -> None:
    message = Message("POST", "/", (), b"{}")
    signed = message.plus(reference.sign_body(message, KEY, hash=hash))
    verifier = Verifier(schemes.body(hash=hash), keys=KEY)
    assert b"{}" == verifier.verify(as_request(signed)).body
    with pytest.raises(Rejected):
        verifier.verify(as_request(message.plus(reference.sign_body(message, KEY))))


def test_the_header_of_a_home_made_scheme_is_ours_to_name() -> None:
    """M6 and M17 name `X-API-Signature` and `X-Hmac-Signature`."""
    message = Message("POST", "/", (), b"{}")
    for header in ("X-API-Signature", "X-Hmac-Signature"):
        signed = message.plus(reference.sign_body(message, KEY, header=header))
        assert b"{}" == Verifier(schemes.body(header), keys=KEY).verify(as_request(signed)).body
