"""Templates: what their parts mean, how fields are read."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

import reference
from judged import CLAIMS, HOST, JUDGED, KEY, KEY_ID, NONCE, NOW, ORIGIN, SEGMENTS, as_request, field_of, with_field
from reference import PROVIDERS, Message
from reference.providers import HEX
from sealgate import ConfigurationError, Key, Members, Rejected, Request, Scheme, Verifier
from sealgate.exceptions import InvalidSignature, SignatureMalformed


def own(base: str = SEGMENTS, fields: Mapping[str, str | Members] = CLAIMS, **settings: Any) -> Scheme:
    return Scheme("own", base=base, fields=fields, **settings)


def own_message(body: bytes = b"{}", created: str = str(NOW), nonce: str = NONCE, base: bytes | None = None) -> Message:
    head = f"POST\n/p\nq=1\n{HOST}\n{KEY_ID}\n{created}\n{nonce}\ntext/plain\n"
    signature = reference.mac(KEY, base if base is not None else head.encode() + body)
    fields = [
        ("X-Key", KEY_ID),
        ("X-Time", created),
        ("X-Nonce", nonce),
        ("X-Sig", base64.b64encode(signature).decode()),
    ]
    return Message("POST", "/p?q=1", [("Host", HOST), ("Content-Type", "text/plain"), *fields], body)


def own_verifier(scheme: Scheme | None = None, **settings: Any) -> Verifier:
    return Verifier(scheme or own(), keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW, **settings)


def test_a_template_writes_its_parts_as_received() -> None:
    verified = own_verifier().verify(as_request(own_message()))
    assert (KEY_ID, NOW, NONCE) == (verified.key_id, verified.created, verified.nonce)
    assert "nonce" == own().replay_class
    assert frozenset() == own().weaknesses()
    assert own().names_key


def test_a_template_signs_what_it_verifies() -> None:
    unsigned = Message("POST", "/p?q=1", [("Host", HOST), ("Content-Type", "text/plain")], b"{}")
    request = Request(unsigned.method, unsigned.target, list(unsigned.headers), unsigned.body, origin=ORIGIN)
    added = own().sign(request, Key(KEY), KEY_ID, NOW, NONCE)
    assert sorted(own_message().headers[2:]) == sorted(added)
    base = own().signature_base(request, KEY_ID, NOW, NONCE)
    assert f"POST\n/p\nq=1\n{HOST}\n{KEY_ID}\n{NOW}\n{NONCE}\ntext/plain\n{{}}".encode() == base


def test_the_query_hole_has_no_question_mark_and_is_empty_where_there_is_none() -> None:
    scheme = own(
        "{@method}\n{@path}\n{@query}\n{@authority}\n{created}\n{nonce}\n{body}",
        {**CLAIMS, "X-Key": "{key_id}"},
        accept_weaknesses=None,
    )
    for target, path, query in (("/p", "/p", ""), ("/p?", "/p", ""), ("/p?a=?", "/p", "a=?")):
        base = scheme.signature_base(Request("GET", target, origin=ORIGIN), KEY_ID, NOW, NONCE)
        assert f"GET\n{path}\n{query}\n{HOST}\n{NOW}\n{NONCE}\n".encode() == base


def test_a_body_can_be_hashed_into_the_base() -> None:
    scheme = own(SEGMENTS.replace("{body}", "{body:sha256:hex}"))
    request = Request("POST", "/p?q=1", [("Content-Type", "text/plain")], b"{}", origin=ORIGIN)
    base = scheme.signature_base(request, KEY_ID, NOW, NONCE)
    assert base.endswith(b"text/plain\n44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")


@pytest.mark.parametrize("raw", ["/", "/a%20b/%2Fc", "/%7Ea/~a", "/a//b/", "/%E2%82%AC", "/a%2fb", "/a:b@c!$&'()*+,;="])
def test_canonical_paths_are_the_judges(raw: str) -> None:
    scheme = own(SEGMENTS.replace("{@path}", "{@path:canonical}"), accept_weaknesses=None)
    base = scheme.signature_base(Request("GET", raw, origin=ORIGIN), KEY_ID, NOW, NONCE)
    assert reference.canonical_path(raw.encode()) == base.decode().split("\n")[1]


@pytest.mark.parametrize(
    "raw", ["/a/../b", "/./a", "/%2e%2E/a", "/%zz", "/%", "/%0", "/%00", "/a%0Ab", "/%7f", "/%ff", "/%C3"]
)
def test_paths_without_a_canonical_form_are_refused(raw: str) -> None:
    scheme = own(SEGMENTS.replace("{@path}", "{@path:canonical}"), accept_weaknesses=None)
    with pytest.raises(reference.Refused):
        reference.canonical_path(raw.encode())
    message = own_message()
    with pytest.raises(Rejected):
        own_verifier(scheme).verify(as_request(Message(message.method, raw, message.headers, message.body)))


@pytest.mark.parametrize(
    "text",
    [
        "123abc",
        "1e9",
        "nan",
        "-5",
        "+5",
        "5_0",
        "\u0661\u0662",
        "5" * 5000,
        "1" * 13,
        "1700000000.0",
        "0x65",
        "",
        "١٢٣",
    ],
    ids=ascii,
)
def test_a_time_is_one_to_twelve_digits_even_under_a_right_signature(text: str) -> None:
    """E2, E3: many spellings of one time would be many messages."""
    base = f"POST\n/p\nq=1\n{HOST}\n{KEY_ID}\n".encode() + text.encode() + f"\n{NONCE}\ntext/plain\n{{}}".encode()
    message = own_message(base=base)
    wire = [(n, text.encode() if n == "X-Time" else v.encode()) for n, v in message.headers]
    with pytest.raises(Rejected):
        own_verifier(max_age=10**9 * 2).verify(Request("POST", "/p?q=1", wire, b"{}"))


@pytest.mark.parametrize("text", [f" {NOW} ", f"\t{NOW}"])
def test_blanks_around_a_field_are_not_part_of_it(text: str) -> None:
    """C10, RFC 9110 5.5: some parsers leave outer blanks in the value."""
    assert NOW == own_verifier().verify(as_request(with_field(own_message(), "X-Time", text))).created


def test_base64_signatures_have_one_spelling() -> None:
    """A6: stray bits, another alphabet, padding and blanks are other texts, not other spellings."""
    text = dict(own_message().headers)["X-Sig"]
    assert text.endswith("=")
    stray = text[:-2] + chr(ord(text[-2]) + 1) + "="
    spellings = [stray, text[:-1], text + "=", text + "\n", text[:20] + " " + text[20:], text.replace("=", "%3D")]
    spellings += [text.replace("+", "-").replace("/", "_"), "=" + text, text + text, text[:4] + "=" + text[4:]]
    for spelling in spellings:
        if spelling != text:
            with pytest.raises(Rejected):
                own_verifier().verify(as_request(with_field(own_message(), "X-Sig", spelling)))


@pytest.mark.parametrize("name", ["body", *(name for name, provider in PROVIDERS.items() if provider.encoding is HEX)])
def test_hex_signatures_are_lower_case_and_whole(name: str) -> None:
    """A1, A4: every prefix, every extension, the empty text, upper case and non-hex are refused."""
    judged = JUDGED[name]
    field, size = judged.fields[-1], 2 * hashlib.new(judged.hash).digest_size
    text = field_of(judged.signed(), field)
    lead, digits = text[:-size], text[-size:]
    bad = [lead + digits[:length] for length in range(size)]
    bad += [text + "00" * more for more in range(1, 33)]
    bad += [lead + digits.upper(), text[:-1] + "g", text[:-1] + "\u00e9", text[:-2] + "\u00e9", lead + "x" + digits]
    for signature in bad:
        if signature != text:
            with pytest.raises(Rejected):
                judged.verifier().verify(as_request(with_field(judged.signed(), field, signature)))


@pytest.mark.parametrize("name", sorted(JUDGED))
def test_a_signature_of_any_other_length_is_a_refusal(name: str) -> None:
    """A3: where a comparison throws at another length, a receiver dies of one request."""
    judged = JUDGED[name]
    signed = judged.signed()
    for length in [*range(130), 1000, 8191, 8192, 8193, 10_000, 100_000]:
        for text in ("0" * length, "=" * length, ":" + "A" * length + ":", "\xff" * length):
            for field in {field for field, _ in signed.headers} & set(judged.fields):
                with pytest.raises(Rejected):
                    judged.verifier().verify(as_request(with_field(signed, field, text)))


def test_the_label_before_a_signature_is_part_of_the_scheme() -> None:
    """D10: the right octets under another version are another scheme's."""
    slack = JUDGED["slack"]
    text = dict(slack.signed().headers)["X-Slack-Signature"]
    for other in (
        "v1=" + text[3:],
        "V0=" + text[3:],
        text[3:],
        "v0==" + text[3:],
        "v0=v0=" + text[3:],
        "v0" + text[3:],
    ):
        with pytest.raises(Rejected):
            slack.verifier().verify(as_request(with_field(slack.signed(), "X-Slack-Signature", other)))


def stripe_field(text: str) -> Message:
    return with_field(JUDGED["stripe"].signed(), "Stripe-Signature", text)


def test_members_repeat_in_any_order_and_unknown_ones_are_ignored() -> None:
    text = dict(JUDGED["stripe"].signed().headers)["Stripe-Signature"]
    time, right = text.split(",")
    wrong = "v1=" + "0" * 64
    good = [
        f"{right},{time}",
        f"{time},{wrong},{right}",
        f"{time},{right},{wrong}",
        f"{time},v0=junk,{right}",
        f"{time},{time},{right}",
    ]
    good += [
        f"{time},v1=zz,{right}",
        f"{time},v1=00,{right}",
        f"{time}," + f"{wrong}," * 15 + right,
        f"{time},{right},{right}",
    ]
    for field in good:
        message = stripe_field(field)
        assert NOW == JUDGED["stripe"].proof(message).created
        assert NOW == JUDGED["stripe"].verifier().verify(as_request(message)).created


def test_members_that_contradict_or_overflow_are_refused() -> None:
    """A12: more than sixteen signatures, or over 8 KiB, is refused before any is compared."""
    text = dict(JUDGED["stripe"].signed().headers)["Stripe-Signature"]
    time, right = text.split(",")
    wrong = "v1=" + "0" * 64
    bad = [f"{time},t={NOW + 1},{right}", time, right, f"{time},v0{right[2:]}", f"{time}," + f"{wrong}," * 16 + right]
    bad += [f"t=,{right}", f"t,{right}", f"{time},v1", f"{time},v1=", f"{time},{wrong}", ",,", f"t={NOW}x,{right}"]
    for field in bad:
        message = stripe_field(field)
        with pytest.raises(reference.Refused):
            JUDGED["stripe"].proof(message)
        with pytest.raises(Rejected):
            JUDGED["stripe"].verifier().verify(as_request(message))


def test_own_fields_hold_eight_kib_and_no_more() -> None:
    text = dict(JUDGED["stripe"].signed().headers)["Stripe-Signature"]
    at_limit = text + ",x=" + "y" * (8 * 1024 - len(text) - 3)
    assert 8 * 1024 == len(at_limit)
    assert NOW == JUDGED["stripe"].verifier().verify(as_request(stripe_field(at_limit))).created
    with pytest.raises(SignatureMalformed):
        JUDGED["stripe"].verifier().verify(as_request(stripe_field(at_limit + "y")))


def test_a_claim_in_two_places_must_be_the_same_octets() -> None:
    scheme = own(fields={**CLAIMS, "X-Also": Members(",", "t={created}", "s={signature:hex}")})
    right = reference.mac(KEY, f"POST\n/p\nq=1\n{HOST}\n{KEY_ID}\n{NOW}\n{NONCE}\ntext/plain\n{{}}".encode()).hex()
    same = own_message().plus([("X-Also", f"t={NOW},s={right}")])
    assert NOW == own_verifier(scheme).verify(as_request(same)).created
    for other in (f"t=0{NOW},s={right}", f"t={NOW + 1},s={right}"):
        with pytest.raises(Rejected):
            own_verifier(scheme).verify(as_request(own_message().plus([("X-Also", other)])))


_HOLES = ["{header:x-a}", "{header:x-b?}", "{@path}", "{@query}", "{nonce}", "{body}"]
_LITERALS = [".", "a", "aa", ".a", "a.a", "-"]
#: Every text of up to three of the very characters that the literals are made of.
_TEXTS = ["".join(text) for length in range(4) for text in itertools.product(".a", repeat=length)]


@pytest.mark.parametrize("literals", list(itertools.product(_LITERALS, repeat=2)), ids=ascii)
def test_unequal_parts_never_share_a_base(literals: tuple[str, str]) -> None:
    """C1: where a base comes out at all, it is nobody else's; tried with every text, between every two parts."""
    for holes in itertools.permutations(_HOLES, 2):
        base = f"{literals[1]}{holes[0]}{literals[0]}{holes[1]}{literals[1]}"
        fields = {"X-Sig": "{signature:hex}", **({"X-Nonce": "{nonce}"} if "{nonce}" in holes else {})}
        scheme = Scheme("framed", base=base, fields=fields, accept_weaknesses=None)
        made: dict[bytes, tuple[str | None, ...]] = {}
        for texts in itertools.product(_TEXTS, repeat=2):
            values = dict(zip(holes, texts, strict=True))
            octets = _base_of(scheme, values)
            if octets is not None:
                assert tuple(values.values()) == made.setdefault(octets, tuple(values.values())), (base, octets)
        assert len(made) > 10, base


def _base_of(scheme: Scheme, values: dict[str, str]) -> bytes | None:
    headers = [(name, values[hole]) for name, hole in (("X-A", _HOLES[0]), ("X-B", _HOLES[1])) if hole in values]
    target = f"/{values.get('{@path}', '')}?{values.get('{@query}', '')}"
    request = Request("POST", target, headers, values.get("{body}", "").encode(), origin=ORIGIN)
    try:
        return scheme.signature_base(request, None, NOW, "n" * 16 + values.get("{nonce}", ""))
    except ConfigurationError:
        return None


def test_a_value_that_holds_the_literal_after_it_is_refused() -> None:
    """C1, C2: `a.` + `b` and `a` + `.b` would be one signature base."""
    scheme = Scheme(
        "dotted",
        base="{header:x-a}.{header:x-b}.{@method}.{body}",
        fields={"X-Sig": "{signature:hex}"},
        accept_weaknesses=None,
    )
    verifier = Verifier(scheme, keys=KEY, origin=ORIGIN, clock=lambda: NOW)

    def signed(a: str, b: str) -> Request:
        signature = reference.mac(KEY, f"{a}.{b}.POST.{{}}".encode()).hex()
        return Request("POST", "/p", [("X-A", a), ("X-B", b), ("X-Sig", signature)], b"{}")

    assert b"{}" == verifier.verify(signed("a", "b")).body
    for a, b in (("a.b", "c"), ("a", "b.c"), (".", "b"), ("a.", "b")):
        with pytest.raises(Rejected) as refused:
            verifier.verify(signed(a, b))
        assert not isinstance(refused.value, InvalidSignature)


@pytest.mark.parametrize("claim", ["created", "nonce", "message_id", "expires"])
def test_a_claim_that_is_not_signed_is_found_at_construction(claim: str) -> None:
    """What a stranger can write beside a right signature must not be shown as proven."""
    fields = {"X-Claim": f"{{{claim}}}", "X-Sig": "{signature:hex}"}
    with pytest.raises(ConfigurationError, match="sign"):
        Scheme("loose", base="{@method}\n{body}", fields=fields, accept_weaknesses=None)


def test_values_are_never_scanned_for_holes() -> None:
    message = Message("POST", "/p?q=1", [("Host", HOST), ("Content-Type", "{body}{created}")], b"{signature}")
    request = Request(message.method, message.target, list(message.headers), message.body, origin=ORIGIN)
    base = own().signature_base(request, KEY_ID, NOW, NONCE)
    assert base.endswith(b"\n{body}{created}\n{signature}")


def test_swapped_header_names_are_refused() -> None:
    """C4: the values stay, the names change places."""
    scheme = own(
        "{header:x-from}\n{header:x-to}\n{@method}\n{body}", {"X-Sig": "{signature:hex}"}, accept_weaknesses=None
    )
    signature = reference.mac(KEY, b"alice\nbob\nPOST\n{}").hex()
    verifier = Verifier(scheme, keys=KEY, origin=ORIGIN)
    right = [("X-From", "alice"), ("X-To", "bob"), ("X-Sig", signature)]
    assert b"{}" == verifier.verify(Request("POST", "/", right, b"{}")).body
    with pytest.raises(InvalidSignature):
        verifier.verify(Request("POST", "/", [("X-To", "alice"), ("X-From", "bob"), ("X-Sig", signature)], b"{}"))
