"""Providers that write into the body or the query, or sign what a body says: judged as the others are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from body_claims import NOTIFICATION
from judged import HOST, KEY, NONCE, NOW, ORIGIN, OTHER_KEY, as_message, as_request, field_of, with_field
from reference import INSIDE, Message
from sealgate import Rejected, Request, Signer, Verified, Verifier, schemes
from sealgate.exceptions import BodyMalformed, Expired, InvalidSignature, NotCovered, Replayed, SignatureMissing

_JSON = [("Host", HOST), ("Content-Type", "application/json")]
_FORM = [("Host", HOST), ("Content-Type", "application/x-www-form-urlencoded")]
MESSAGES = {
    "adyen": Message("POST", "/orders", _JSON, NOTIFICATION),
    "linear": Message("POST", "/orders", _JSON, b'{"action": "create", "n": [1.5, null]}'),
    "mailgun": Message("POST", "/orders", _JSON, b'{"event-data": {"event": "opened"}}'),
    "twilio": Message("POST", "/orders?b=2&a=1", _FORM, b"To=%2B1+5&Body=%E2%82%AC&To=&Body=~*"),
    "twilio-json": Message("POST", "/orders?b=2&a=1", _JSON, b'{"total": 1}'),
}
TIMED = [name for name, inside in INSIDE.items() if inside.replay_class != "none"]
each_inside = pytest.mark.parametrize("name", INSIDE)


def signed(name: str, message: Message | None = None, key: bytes = KEY, created: int = NOW, id: str = NONCE) -> Message:
    """By the judge."""
    return INSIDE[name].sign(message or MESSAGES[name], key, created, id, ORIGIN)


def verifier(name: str, now: float = NOW, **settings: Any) -> Verifier:
    settings = {"keys": INSIDE[name].key(KEY), "origin": ORIGIN, "clock": lambda: now, **settings}
    return Verifier(schemes.by_name()[name], **settings)


def uncovered(name: str) -> frozenset[str]:
    """What its route has to say."""
    return frozenset({"body"}) if "body-not-covered" in INSIDE[name].lacks else frozenset()


def verify(name: str, message: Message, now: float = NOW, **settings: Any) -> Verified:
    return verifier(name, now, **settings).verify(as_request(message), uncovered=uncovered(name))


def judge(name: str, message: Message) -> tuple[reference.Proof, bytes] | None:
    try:
        reference.refuse_other_host(message, ORIGIN)
        reference.refuse_odd_length(message)
        return INSIDE[name].judge(message, {None: [KEY]}, NOW, ORIGIN), INSIDE[name].handed(message)
    except (reference.Refused, UnicodeEncodeError):
        return None


@each_inside
def test_a_scheme_tells_the_truth_about_itself(name: str) -> None:
    scheme, inside = schemes.by_name()[name], INSIDE[name]
    assert inside.fields == scheme.fields
    facts = (scheme.replay_class, scheme.weaknesses(), scheme.max_age, scheme.hash, scheme.covered)
    assert (inside.replay_class, inside.lacks, inside.max_age, inside.hash, inside.covered) == facts
    assert not scheme.names_key


@each_inside
def test_what_the_judge_signs_we_accept(name: str) -> None:
    message = signed(name)
    proof, handed = judge(name, message) or (None, b"")
    assert proof is not None
    verified = verify(name, message)
    assert (proof.key_id, proof.created, proof.nonce) == (verified.key_id, verified.created, verified.nonce)
    assert (INSIDE[name].covered, handed) == (verified.covered, verified.body)


@each_inside
def test_what_we_sign_the_judge_accepts(name: str) -> None:
    message = MESSAGES[name]
    request = Request(message.method, message.target, list(message.headers), message.body, origin=ORIGIN)
    ours = as_message(Signer(schemes.by_name()[name], key=INSIDE[name].key(KEY), clock=lambda: NOW).sign(request))
    assert judge(name, ours) is not None
    assert NOW == verify(name, ours).created if name in TIMED else True


@each_inside
def test_another_key_is_refused_and_no_signature_is_a_missing_one(name: str) -> None:
    with pytest.raises(InvalidSignature):
        verify(name, signed(name, key=OTHER_KEY))
    with pytest.raises(SignatureMissing):
        verify(name, MESSAGES[name])


@pytest.mark.parametrize("name", TIMED)
def test_the_window_is_exact_and_a_message_is_accepted_once(name: str) -> None:
    age = INSIDE[name].max_age or 300
    for created in (NOW - age, NOW + age):
        assert created == verify(name, signed(name, created=created)).created
    for created in (NOW - age - 1, NOW + age + 1):
        with pytest.raises(Expired):
            verify(name, signed(name, created=created))
    once, request = verifier(name), as_request(signed(name))
    once.verify(request, uncovered=uncovered(name))
    with pytest.raises(Replayed):
        once.verify(request, uncovered=uncovered(name))


def test_mailgun_covers_no_body_and_works_only_where_the_route_takes_that() -> None:
    message = signed("mailgun")
    with pytest.raises(NotCovered):
        verifier("mailgun").verify(as_request(message))
    other = replace(message, body=message.body.replace(b"opened", b"failed"))
    assert other.body == verify("mailgun", other).body
    assert "body-not-covered" in INSIDE["mailgun"].lacks


_ODD = [r'"cut \ud83d"', r'"\ud83d\ud83d\ude00"', r'"\ude00\ud83d"', r'["\uDFFF\""]', "1e400", "-1e999", "1" * 400]
_NO_JSON = [r'"\ud83"', r'"\ud83g"', r'"\x"', '"\ud800"', "1e", "NaN", "-", r'{"\ud83d": 1}', r'{"a": 1, "\u0061": 2}']


@pytest.mark.parametrize("odd", _ODD)
@pytest.mark.parametrize("name", ["linear", "mailgun"])
def test_what_a_body_holds_beside_the_claims_need_have_no_canonical_form(name: str, odd: str) -> None:
    """As JavaScript writes a title that is cut within a character; it is handed on as received."""
    body = b'{"title": %s, "z": {}}' % odd.encode()
    message = INSIDE[name].sign(replace(MESSAGES[name], body=b'{"z": {}}'), KEY, NOW, NONCE, ORIGIN)
    stamped = message.body.replace(b'{"z": {}', body[:-1])
    fields = [("Linear-Signature", reference.mac(KEY, stamped).hex())] if name == "linear" else []
    message = replace(message, body=stamped, headers=[*MESSAGES[name].headers, *fields])
    assert odd.encode() in verify(name, message).body
    assert judge(name, message) is not None


@pytest.mark.parametrize("odd", _NO_JSON)
def test_what_is_no_json_is_a_refusal_wherever_it_stands(odd: str) -> None:
    body = b'{"title": %s, "webhookTimestamp": %d}' % (odd.encode("utf-8", "surrogatepass"), NOW * 1000)
    message = Message("POST", "/orders", [*_JSON, ("Linear-Signature", reference.mac(KEY, body).hex())], body)
    with pytest.raises(BodyMalformed):
        verify("linear", message)
    assert judge("linear", message) is None


def test_half_of_a_character_is_no_claim_and_no_part_of_what_is_signed_by_its_form() -> None:
    body = rb'{"signature": {"timestamp": "%d", "token": "%s\ud83d", "signature": "00"}}' % (NOW, NONCE.encode())
    with pytest.raises(Rejected, match="no string"):
        verify("mailgun", Message("POST", "/orders", _JSON, body))
    with pytest.raises(BodyMalformed):
        verify("adyen", replace(signed("adyen"), body=signed("adyen").body.replace(b"visa", rb"\ud83d")))


_TIMES = [
    "abc",
    "nan",
    10**30,
    -1,
    "5_0",
    "\u0661\u0667",
    "1" * 5000,
    "",
    None,
    True,
    [],
    {},
    1.5,
    f" {NOW}",
    f"+{NOW}",
    f"{NOW}\n",
]


@pytest.mark.parametrize("time", _TIMES, ids=lambda time: ascii(time)[:12])
def test_a_time_that_is_none_is_a_refusal(time: Any) -> None:
    """Under a right signature of just these octets."""
    body = json.dumps({"webhookTimestamp": time}).encode()
    linear = Message("POST", "/orders", [*_JSON, ("Linear-Signature", reference.mac(KEY, body).hex())], body)
    digits = time if isinstance(time, str) else json.dumps(time)
    signature = reference.mac(KEY, f"{digits}{NONCE}".encode()).hex()
    claims = {"signature": {"timestamp": time, "token": NONCE, "signature": signature}}
    mailgun = Message("POST", "/orders", _JSON, json.dumps(claims).encode())
    for name, message in (("linear", linear), ("mailgun", mailgun)):
        with pytest.raises(Rejected):
            verify(name, message)


@pytest.mark.parametrize("member", ["timestamp", "token", "signature"])
@pytest.mark.parametrize(
    "value", ["", None, 0, [], {}, "\u00e9", "x" * 9000, ["a"], "v1=00," * 200_000], ids=lambda value: ascii(value)[:12]
)
def test_a_claim_that_is_none_is_a_refusal(member: str, value: Any) -> None:
    document = json.loads(signed("mailgun").body)
    document["signature"][member] = value
    with pytest.raises(Rejected):
        verify("mailgun", replace(MESSAGES["mailgun"], body=json.dumps(document).encode()))
    del document["signature"][member]
    with pytest.raises(Rejected):
        verify("mailgun", replace(MESSAGES["mailgun"], body=json.dumps(document).encode()))


@pytest.mark.parametrize("name", [name for name, inside in INSIDE.items() if inside.fields])
def test_a_signature_of_any_other_form_is_a_refusal(name: str) -> None:
    message = signed(name)
    (field,) = INSIDE[name].fields
    right = field_of(message, field)
    texts = [right[:length] for length in range(len(right))] + [
        right * 2,
        right + "00",
        right + "=",
        right[:-1] + "\u00e9",
    ]
    texts += [right.swapcase(), f"{right},{right}", f"{right} {right}", right + "," * 200_000, "\xff" * 64, "0" * 64]
    for text in texts:
        with pytest.raises(Rejected):
            verify(name, with_field(message, field, text))
    for twice in ([(field, right)], [(field, "x")], [(field.replace("-", "_"), right)]):
        with pytest.raises(Rejected):
            verify(name, message.plus(twice))


@pytest.mark.parametrize(
    "change",
    [
        lambda query: query.replace("&bodySHA256=", "&bodySHA256=00&bodySHA256="),
        lambda query: query.replace("bodySHA256", "body%53HA256"),
        lambda query: query + "&body%53HA256=00",
        lambda query: query.replace("bodySHA256", "bodysha256"),
        lambda query: query[:-1],
        lambda query: query[:-64] + query[-64:].upper(),
        lambda query: query[:-64],
        lambda query: query.replace("=", "%3D"),
    ],
)
def test_the_digest_in_a_query_stands_there_once_and_in_one_spelling(change: Callable[[str], str]) -> None:
    """Under a right signature of just this URL: one reader's first is another's last."""
    message = signed("twilio-json")
    other = replace(message, target=f"/orders?{change(message.query)}")
    again = reference.inside.BASE64.write(reference.mac(KEY, (ORIGIN + other.target).encode(), "sha1"))
    assert judge("twilio-json", with_field(message, "X-Twilio-Signature", field_of(message, "X-Twilio-Signature")))
    with pytest.raises(Rejected):
        verify("twilio-json", with_field(other, "X-Twilio-Signature", again))


@pytest.mark.parametrize("port", ["", ":443"])
@pytest.mark.parametrize("name", ["twilio", "twilio-json"])
def test_twilio_signs_a_url_with_its_port_or_without(name: str, port: str) -> None:
    message = signed(name)
    uri = f"{ORIGIN}{port}{message.target}"
    base = uri + ("".join(map("".join, reference.inside.pairs(message.body))) if name == "twilio" else "")
    signature = reference.inside.BASE64.write(reference.mac(KEY, base.encode(), "sha1"))
    either = with_field(message, "X-Twilio-Signature", signature)
    assert INSIDE[name].handed(message) == verify(name, either).body
    for other in (":80", ":8443"):
        with pytest.raises(Rejected):
            verify(name, either, origin=f"{ORIGIN}{other}")


# --- near a valid message, with the key -------------------------------------------------------------------------------

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_json = st.dictionaries(_text, st.none() | st.integers(-9, 9) | _text, max_size=3).map(
    lambda value: json.dumps(value).encode()
)
_form = st.lists(st.tuples(_text, _text), max_size=4).map(lambda pairs: urlencode(pairs).encode())
_item = st.fixed_dictionaries(
    {
        **dict.fromkeys(("pspReference", "merchantAccountCode", "merchantReference", "eventCode", "success"), _text),
        "amount": st.fixed_dictionaries({"currency": _text, "value": st.integers(-9, 9) | st.none() | _text}),
    },
    optional={"originalReference": _text, "additionalData": st.just({"hmacSignature": 1})},
)
_notification = _item.map(lambda item: json.dumps({"notificationItems": [{"NotificationRequestItem": item}]}).encode())
_BODIES = {"twilio": _form, "adyen": _notification}
_pieces = [
    b"",
    b"0",
    b"=",
    b"&",
    b"+",
    b"%",
    b"%e2%82%ac",
    b"%ff",
    b"~",
    b",",
    b'"',
    b"}",
    b"\\u0000",
    b"1e3",
    b"\xff",
    b'"webhookTimestamp":1,',
    b',{"NotificationRequestItem":{}}',
    b'"originalReference":"",',
    b"bodySHA256=00&",
]


def spliced(octets: bytes, draw: st.DrawFn) -> bytes:
    at, cut = draw(st.integers(0, len(octets))), draw(st.integers(0, 2))
    return octets[:at] + draw(st.sampled_from(_pieces)) + octets[at + cut :]


@st.composite
def near(draw: st.DrawFn, name: str) -> Message:
    """Changed before it was signed, after, or both."""
    body = draw(_BODIES.get(name, _json))
    message = replace(MESSAGES[name], body=body, method=draw(st.sampled_from(["POST", "GET"])))
    kinds = ["application/json; charset=utf-8", "application/x-www-form-urlencoded;charset=UTF-8", "text/plain"]
    if draw(st.booleans()):
        message = with_field(message, "Content-Type", draw(st.sampled_from(kinds)))
    if name == "twilio" and draw(st.booleans()):
        message = replace(message, body=spliced(message.body, draw))
    try:
        message = signed(name, message, created=NOW + draw(st.sampled_from([0, 0, 60, 61, -301])))
    except reference.Refused:
        return message
    for part in draw(st.lists(st.sampled_from(["body", "target", "field"]), max_size=2)):
        if part == "body":
            message = replace(message, body=spliced(message.body, draw))
        elif part == "target":
            message = replace(message, target=spliced(message.target.encode(), draw).decode("latin-1"))
        else:
            at = draw(st.integers(0, len(message.headers) - 1))
            headers = list(message.headers)
            headers[at] = (headers[at][0], spliced(headers[at][1].encode(), draw).decode("latin-1"))
            message = replace(message, headers=headers)
    return message


@each_inside
@given(data=st.data())
def test_near_a_valid_message_the_judge_agrees(name: str, data: st.DataObject) -> None:
    """Both ways: no acceptance that the judge denies, no refusal of what it accepts."""
    message = data.draw(near(name))
    found = judge(name, message)
    try:
        ours = verify(name, message)
    except Rejected:
        assert found is None
    else:
        assert found is not None
        proof, handed = found
        assert (proof.key_id, proof.created, proof.nonce, handed) == (ours.key_id, ours.created, ours.nonce, ours.body)
