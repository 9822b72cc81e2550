"""RFC 9421, 4: which of several signatures counts; the policy decides, before any key is asked for."""

from __future__ import annotations

from typing import Any

import pytest

import reference
from judged import JUDGED, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, as_request
from reference import Message, Pairs
from sealgate import ConfigurationError, Rejected, Request, Scheme, Signer, Verified, Verifier
from sealgate.exceptions import InvalidSignature, NotCovered, Replayed, SignatureMalformed

BARE = JUDGED["rfc9421"].message
MESSAGE = BARE.plus([("Content-Digest", reference.content_digest(BARE.body))])


def signature(label: str, key: bytes = KEY, **changes: Any) -> Pairs:
    settings = {"origin": ORIGIN, "key_id": KEY_ID, "created": NOW, "nonce": label * 16, **changes}
    return reference.sign_rfc9421(MESSAGE, key, label=label, **settings)


def joined(*signatures: Pairs) -> Message:
    """As a proxy adds its own: members of one field."""
    names = ("Signature-Input", "Signature")
    return MESSAGE.plus([(name, ", ".join(dict(pairs)[name] for pairs in signatures)) for name in names])


def verifier(**policy: Any) -> Verifier:
    scheme = Scheme.message_signature(**policy)
    return Verifier(scheme, keys={KEY_ID: KEY, "proxy": OTHER_KEY}, origin=ORIGIN, clock=lambda: NOW)


def verified(message: Message, **policy: Any) -> Verified:
    return verifier(**policy).verify(as_request(message))


OURS, PROXYS = signature("sig1"), signature("ttrp", OTHER_KEY, key_id="proxy")


@pytest.mark.parametrize("message", [joined(OURS, PROXYS), joined(PROXYS, OURS)], ids=["ours first", "ours last"])
def test_of_several_the_one_under_the_policys_label_counts(message: Message) -> None:
    assert KEY_ID == verified(message).key_id
    assert "proxy" == verified(message, label="ttrp").key_id
    with pytest.raises(SignatureMalformed):
        verified(message, label="other")


def test_the_tag_is_asked_before_the_label() -> None:
    tagged = signature("zzz", tag="shop")
    assert "zzz" * 16 == verified(joined(OURS, tagged, PROXYS), tag="shop").nonce
    assert "sig1" * 16 == verified(joined(tagged, OURS)).nonce
    several = joined(tagged, signature("yyy", tag="shop"))
    assert "yyy" * 16 == verified(several, tag="shop", label="yyy").nonce
    for policy in ({"tag": "shop"}, {"tag": "shopping"}, {}):
        with pytest.raises(SignatureMalformed):
            verified(several, **policy)


@pytest.mark.parametrize("label", ["sig1", "a", "*", "*a-b_c.d"])
def test_one_signature_counts_under_any_label(label: str) -> None:
    assert KEY_ID == verified(joined(signature(label, nonce="n" * 16))).key_id


def test_a_wrong_signature_of_ours_is_not_made_up_for_by_anothers() -> None:
    forged = signature("sig1", OTHER_KEY)
    with pytest.raises(InvalidSignature):
        verified(joined(forged, PROXYS))
    with pytest.raises(InvalidSignature):
        verified(joined(signature("aaa"), forged, signature("bbb")))


def test_only_what_ours_covers_is_covered() -> None:
    little = signature("sig1", components=["@method", "@authority", "@path", "content-digest"])
    with pytest.raises(NotCovered):
        verified(joined(little, PROXYS))


def test_others_may_say_what_is_not_for_us() -> None:
    """Another algorithm, no nonce, old, components and parameters of their own; and their signature of any size."""
    inputs = [
        'p1=("@method";tr);created=1;alg="rsa-v1_5-sha256"',
        'p2=("@nonsense" "Upper" "@status";req "x";key=1)',
        'p3=();colour="blue";keyid="";nonce="";created="now"',
        'p4=("a" "a");expires=1.5',
    ]
    fields = dict(OURS)
    for position in (0, len(inputs)):
        listed = [*inputs]
        listed.insert(position, fields["Signature-Input"])
        others = ["p1=:" + "AAAA" * 128 + ":", "p2=::", "p3=:YQ:", "p4=:YR==:"]
        message = MESSAGE.plus(
            [("Signature-Input", ", ".join(listed)), ("Signature", ", ".join([*others, fields["Signature"]]))]
        )
        assert KEY_ID == verified(message).key_id


def _plus(first: str, second: str) -> Message:
    fields = dict(OURS)
    return MESSAGE.plus(
        [("Signature-Input", fields["Signature-Input"] + first), ("Signature", fields["Signature"] + second)]
    )


@pytest.mark.parametrize(
    ("more_input", "more_signature"),
    [
        (", x=()", ""),
        ("", ", x=:AAAA:"),
        (", x=()", ", y=:AAAA:"),
        (", x=(), x=()", ", x=:AAAA:"),
        (", x=()", ", x=:AAAA:, x=:AAAA:"),
        (", x=(), sig1=()", ", x=:AAAA:"),
        (", x=()", ", x=:AAAA:, sig1=:AAAA:"),
        (", x=1", ", x=:AAAA:"),
        (", x", ", x=:AAAA:"),
        (', x="()"', ", x=:AAAA:"),
        (", x=(", ", x=:AAAA:"),
        (", x=(()", ", x=:AAAA:"),
        (", x=((a))", ", x=:AAAA:"),
        (", x=(a)", ", x=:AAAA:"),
        (", x=(5)", ", x=:AAAA:"),
        (', x=("a)', ", x=:AAAA:"),
        (', x=("é")', ", x=:AAAA:"),
        (", x=();tag=shop", ", x=:AAAA:"),
        (', x=();tag="a";tag="b"', ", x=:AAAA:"),
        (", x=();created=1;created=2", ", x=:AAAA:"),
        (", x=();created=9999999999999999", ", x=:AAAA:"),
        (",", ""),
        (", x=(),", ", x=:AAAA:"),
        (" x=()", ", x=:AAAA:"),
        (", X=()", ", X=:AAAA:"),
        (", x=()", ", x=AAAA"),
        (", x=()", ', x="AAAA"'),
        (", x=()", ", x=(:AAAA:)"),
        (", x=()", ", x=:AAAA:;p"),
        (", x=()", ", x=:A*AA:"),
        (", x=()", ", x=:AAAA"),
        (", x=()", ", x"),
        (", x=(" + " ".join(f'"x{n}"' for n in range(65)) + ")", ", x=:AAAA:"),
        ("".join(f", x{n}=()" for n in range(16)), "".join(f", x{n}=::" for n in range(16))),
    ],
)
def test_what_stands_beside_ours_has_to_be_well_formed(more_input: str, more_signature: str) -> None:
    """C8: two readers of a malformed field read two messages."""
    with pytest.raises(SignatureMalformed):
        verified(_plus(more_input, more_signature))


def test_16_signatures_of_64_components_are_taken_and_17_are_not() -> None:
    sixteen = _plus("".join(f", x{n}=()" for n in range(15)), "".join(f", x{n}=::" for n in range(15)))
    assert KEY_ID == verified(sixteen).key_id
    assert KEY_ID == verified(_plus(", x=(" + " ".join(f'"x{n}"' for n in range(64)) + ")", ", x=::")).key_id


@pytest.mark.parametrize("field", [0, 1])
@pytest.mark.parametrize("member", ["x=()", "x=::", "{n}=()", "x{n}=::", "(" * 30, '"', ";" * 9])
def test_200_000_signatures_are_a_verdict_at_once(field: int, member: str) -> None:
    many = ", " + ", ".join(member.replace("{n}", str(n)) for n in range(200_000))
    with pytest.raises(Rejected):
        verified(_plus(*(many if n == field else "" for n in (0, 1))))


def test_padding_bits_make_no_second_text_of_ours_among_several() -> None:
    """A6."""
    text = dict(OURS)["Signature"]
    last = text[-3]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stray = text[:-3] + alphabet[alphabet.index(last) + 1] + text[-2:]
    for other in (stray, text.replace("=:", ":", 2).replace("sig1:", "sig1=:"), text[:-2] + ":"):
        pairs = [("Signature-Input", dict(OURS)["Signature-Input"]), ("Signature", other)]
        with pytest.raises(SignatureMalformed):
            verified(joined(pairs, PROXYS))
    assert KEY_ID == verified(joined(OURS, PROXYS)).key_id


def test_a_proxys_signature_does_not_make_a_message_new() -> None:
    once = verifier()
    assert KEY_ID == once.verify(as_request(joined(OURS))).key_id
    with pytest.raises(Replayed):
        once.verify(as_request(joined(PROXYS, OURS)))


# --- without a nonce --------------------------------------------------------------------------------------------------


def without_nonce(**changes: Any) -> Message:
    params = f';created={NOW};keyid="{KEY_ID}"' + "".join(f';{name}="{value}"' for name, value in changes.items())
    names = ("@method", "@authority", "@path", "@query", "content-digest")
    lines = [(f'"{name}"', reference.component(MESSAGE, name, ORIGIN)) for name in names]
    return MESSAGE.plus(reference.signed_lines(lines, params, KEY))


def test_a_scheme_may_do_without_a_nonce_and_says_so() -> None:
    with pytest.raises(ConfigurationError, match="no-nonce"):
        Scheme.message_signature(nonce=False)
    scheme = Scheme.message_signature(nonce=False, accept_weaknesses={"no-nonce"})
    assert ("base", {"no-nonce"}) == (scheme.replay_class, scheme.weaknesses())
    once = Verifier(scheme, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW)
    assert (KEY_ID, None) == ((proof := once.verify(as_request(without_nonce()))).key_id, proof.nonce)
    with pytest.raises(Replayed):
        once.verify(as_request(without_nonce()))
    assert "n" * 16 == once.verify(as_request(without_nonce(nonce="n" * 16))).nonce
    with pytest.raises(SignatureMalformed):
        verified(without_nonce())


def test_a_signer_without_a_nonce_writes_none() -> None:
    scheme = Scheme.message_signature(nonce=False, accept_weaknesses={"no-nonce"})
    signer = Signer(scheme, key=KEY, key_id=KEY_ID, clock=lambda: NOW)
    first, second = (signer.sign(Request("GET", "/", origin=ORIGIN)) for _ in range(2))
    assert first.headers == second.headers
    assert "nonce" not in dict(first.headers)["signature-input"]


@pytest.mark.parametrize("changes", [{"label": "Sig"}, {"label": ""}, {"label": "1"}, {"tag": "é"}, {"tag": "a\nb"}])
def test_labels_and_tags_that_cannot_be_written_are_found_at_construction(changes: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        Scheme.message_signature(**changes)


# --- what is asked for ------------------------------------------------------------------------------------------------


def test_what_is_asked_for_is_accepted_once_it_is_signed() -> None:
    """RFC 9421, 5.2: over exactly these components, with a value for each parameter; the body may be empty."""
    scheme = Scheme.message_signature(
        components=("@query", "@method", "@authority", "@path", 'priority;key="u"', "content-digest"),
        label="s-1",
        tag='a "shop"',
    )
    asked = scheme.accept_signature
    identifiers = ['"@query"', '"@method"', '"@authority"', '"@path"', '"priority";key="u"', '"content-digest"']
    assert f's-1=({" ".join(identifiers)});created;alg="hmac-sha256";tag="a \\"shop\\""' == asked
    for body in (b"", b"{}"):
        message = Message("POST", "/p", [("Priority", "u=1"), ("Content-Digest", reference.content_digest(body))], body)
        plain = {f'"{name}"': name for name in ("@query", "@method", "@authority", "@path", "content-digest")}
        lines = [
            (text, reference.component(message, plain[text], ORIGIN) if text in plain else "1") for text in identifiers
        ]
        params = f';created={NOW};alg="hmac-sha256";tag="a \\"shop\\"";keyid="{KEY_ID}";nonce="{"n" * 16}"'
        signed = message.plus(reference.signed_lines(lines, params, KEY, "s-1"))
        asking = Verifier(scheme, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW)
        assert KEY_ID == asking.verify(as_request(signed)).key_id


def test_other_schemes_ask_for_nothing() -> None:
    assert None is JUDGED["body"].scheme.accept_signature
