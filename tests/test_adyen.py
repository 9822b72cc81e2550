"""Adyen's notifications: what its signature leaves open is closed, or told."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import Adyen.util
import pytest

import reference
from body_claims import JSON, NOTIFICATION
from judged import KEY, ORIGIN, OTHER_KEY
from reference import Message
from sealgate import ConfigurationError, KeyRing, Rejected, Request, Signer, Verified, Verifier, schemes
from sealgate.exceptions import BodyMalformed, InvalidSignature, NotCovered, SignatureMalformed, SignatureMissing

ADYEN = reference.INSIDE["adyen"]
SIGNED = ADYEN.sign(Message("POST", "/adyen", JSON, NOTIFICATION), KEY, 0, "", ORIGIN).body
Change = Callable[[Any, Any], Any]


def verify(body: bytes | str, key: bytes = KEY, target: str = "/adyen", **settings: Any) -> Verified:
    body = body.encode() if isinstance(body, str) else body
    return Verifier(schemes.ADYEN, keys=key.hex(), **settings).verify(Request("POST", target, JSON, body))


def changed(change: Change) -> bytes:
    """The signed notification, after `change` of the document and the item in it."""
    document = json.loads(SIGNED)
    change(document, document["notificationItems"][0]["NotificationRequestItem"])
    return json.dumps(document).encode()


def judged(body: bytes) -> bytes | None:
    """What the judge would hand on; None where it refuses."""
    message = Message("POST", "/adyen", JSON, body)
    try:
        ADYEN.judge(message, {None: [KEY]}, 0, ORIGIN)
        return ADYEN.handed(message)
    except reference.Refused:
        return None


def test_the_application_is_handed_what_is_signed_and_nothing_else() -> None:
    expected = {
        "amount": {"currency": "EUR", "value": 1130},
        "eventCode": "CAPTURE",
        "merchantAccountCode": "Shop",
        "merchantReference": "order 1",
        "originalReference": "7914073381342284",
        "pspReference": "8825408195409505",
        "success": "true",
    }
    verified = verify(SIGNED)
    assert {"notificationItems": [{"NotificationRequestItem": expected}]} == json.loads(verified.body)
    assert (judged(SIGNED), None, None, "adyen") == (verified.body, verified.key_id, verified.created, verified.scheme)


@pytest.mark.parametrize("empty", [{}, {"originalReference": ""}])
def test_a_payment_without_an_earlier_one_has_no_reference_to_it(empty: dict[str, str]) -> None:
    document = json.loads(NOTIFICATION)
    del document["notificationItems"][0]["NotificationRequestItem"]["originalReference"]
    document["notificationItems"][0]["NotificationRequestItem"].update(empty)
    request = Request("POST", "/adyen", JSON, json.dumps(document).encode())
    signed = Signer(schemes.ADYEN, key=KEY.hex()).sign(request)
    assert Adyen.util.is_valid_hmac_notification(json.loads(signed.body or b""), KEY.hex())
    verified = verify(signed.body or b"")
    assert (judged(signed.body or b""), False) == (verified.body, b"originalReference" in verified.body)


def test_what_is_not_signed_may_change_and_is_not_handed_on() -> None:
    def more(document: Any, item: Any) -> None:
        document.update(live="true", notificationItem=[{}], NotificationRequestItem=item)
        item.update(eventDate="2038-01-01T00:00:00Z", reason="none", value=1, currency="USD", paymentMethod="cash")
        item["additionalData"]["amount"] = {"value": 1}
        item["amount"]["Value"] = 1

    assert verify(SIGNED).body == verify(changed(more)).body
    padded = SIGNED.replace(b'"pspReference"', b'\n\t"psp\\u0052eference"').replace(b"1130", b"1.130e3")
    assert verify(SIGNED).body == verify(padded).body


@pytest.mark.parametrize("name", ["pspReference", "merchantAccountCode", "merchantReference", "eventCode", "success"])
@pytest.mark.parametrize("value", [None, 1, True, ["x"], {"x": "x"}, "other", "", "tru\u0435", "\ud83d\ude00"])
def test_a_signed_text_that_changed_is_refused(name: str, value: object) -> None:
    def change(document: Any, item: Any) -> None:
        item[name] = value

    with pytest.raises(InvalidSignature if isinstance(value, str) else BodyMalformed):
        verify(changed(change))


_CHANGES: dict[str, tuple[Change, type[Rejected]]] = {
    "absent": (lambda _, item: item.pop("merchantReference"), BodyMalformed),
    "no amount": (lambda _, item: item.pop("amount"), BodyMalformed),
    "an array for the amount": (lambda _, item: item.update(amount=[1130, "EUR"]), BodyMalformed),
    "the amount as text": (lambda _, item: item["amount"].update(value="1130"), InvalidSignature),
    "no value": (lambda _, item: item["amount"].update(value=None), InvalidSignature),
    "another value": (lambda _, item: item["amount"].update(value=1131), InvalidSignature),
    "a fraction": (lambda _, item: item["amount"].update(value=1130.5), InvalidSignature),
    "a value that holds a colon": (lambda _, item: item["amount"].update(value={"a": 1}), SignatureMalformed),
    "another currency": (lambda _, item: item["amount"].update(currency="JPY"), InvalidSignature),
    "no reference any more": (lambda _, item: item.pop("originalReference"), InvalidSignature),
    "an empty reference": (lambda _, item: item.update(originalReference=""), InvalidSignature),
    "null for a reference": (lambda _, item: item.update(originalReference=None), BodyMalformed),
    "the reference moved": (
        lambda _, item: item.update(pspReference="8825408195409505:7914073381342284", originalReference=""),
        SignatureMalformed,
    ),
    "two values in one": (
        lambda _, item: item.update(merchantAccountCode="Shop:order 1", merchantReference="1130"),
        SignatureMalformed,
    ),
    "no signature": (lambda _, item: item["additionalData"].pop("hmacSignature"), SignatureMissing),
    "an empty signature": (lambda _, item: item["additionalData"].update(hmacSignature=""), SignatureMissing),
    "no additional data": (lambda _, item: item.pop("additionalData"), SignatureMissing),
    "an array of signatures": (
        lambda _, item: item.update(additionalData=[{"hmacSignature": "x"}]),
        SignatureMissing,
    ),
    "a signature that is a number": (
        lambda _, item: item["additionalData"].update(hmacSignature=1),
        SignatureMalformed,
    ),
    "a signature with more": (
        lambda _, item: item["additionalData"].update(hmacSignature=item["additionalData"]["hmacSignature"] + "="),
        SignatureMalformed,
    ),
    "a signature of the payload": (
        lambda _, item: item["additionalData"].update(hmacSignature="A" * 43 + "="),
        InvalidSignature,
    ),
    "the signature elsewhere": (
        lambda document, item: document.update(additionalData=item.pop("additionalData")),
        SignatureMissing,
    ),
    "no item": (lambda document, _: document.update(notificationItems=[]), SignatureMissing),
    "an item twice": (
        lambda document, _: document.update(notificationItems=document["notificationItems"] * 2),
        BodyMalformed,
    ),
    "an item behind it": (lambda document, _: document["notificationItems"].append({}), BodyMalformed),
    "an item before it": (lambda document, _: document["notificationItems"].insert(0, {}), BodyMalformed),
    "an array in the array": (
        lambda document, _: document.update(notificationItems=[document["notificationItems"]]),
        SignatureMissing,
    ),
    "an object for the array": (
        lambda document, _: document.update(notificationItems={"0": document["notificationItems"][0]}),
        SignatureMissing,
    ),
    "an object with a huge index": (
        lambda document, _: document.update(notificationItems={"999999999999999999999": {}}),
        SignatureMissing,
    ),
    "the item itself": (lambda document, item: document.update(notificationItems=[item]), SignatureMissing),
    "the name in another script": (
        lambda document, _: document.update({"notificationIt\u0435ms": document.pop("notificationItems")}),
        SignatureMissing,
    ),
}


@pytest.mark.parametrize(("change", "refused"), _CHANGES.values(), ids=_CHANGES)
def test_another_shape_or_value_is_refused(change: Change, refused: type[Rejected]) -> None:
    body = changed(change)
    assert judged(body) is None
    with pytest.raises(refused):
        verify(body)


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ('"success"', '"success": "false", "success"'),
        ('"success"', '"succes\\u0073": "false", "success"'),
        ('"hmacSignature"', '"hmacSignature": "", "hmacSignature"'),
        ('"notificationItems"', '"notificationItems": [], "notificationItems"'),
        ('"currency"', '"currency": "JPY", "currency"'),
        ('"live"', '"more": {"a": 1, "a": 2}, "live"'),
        ('"live"', '"more": "\\ud800", "live"'),
        ('"live"', '"more": 9007199254740993, "live"'),
        ('"live"', '"more": ' + "[" * 128 + "]" * 128 + ', "live"'),
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_what_two_readers_read_differently_is_malformed(text: str, twice: str) -> None:
    body = SIGNED.decode().replace(text, twice)
    assert body != SIGNED.decode()
    assert judged(body.encode()) is None
    with pytest.raises(BodyMalformed):
        verify(body)


def of_one(item: Any, signature: bytes) -> bytes:
    item["additionalData"] = {"hmacSignature": signature.decode()}
    return json.dumps({"notificationItems": [{"NotificationRequestItem": item}]}).encode()


@pytest.mark.parametrize("reference", ["a:b", ":", "::", "urn:order:7:1130:EUR", "14-08-2020-09:53:00", "\u00e9:"])
def test_the_merchants_reference_may_hold_colons(reference: str) -> None:
    item = json.loads(NOTIFICATION)["notificationItems"][0]["NotificationRequestItem"]
    item["merchantReference"] = reference
    body = of_one(item, Adyen.util.generate_notification_sig(item, KEY.hex()))
    handed = json.loads(verify(body).body)["notificationItems"][0]["NotificationRequestItem"]
    assert reference == handed["merchantReference"]
    assert judged(body) == verify(body).body
    del item["additionalData"]
    signed = Signer(schemes.ADYEN, key=KEY.hex()).sign(Request("POST", "/adyen", JSON, of_one(item, b"")))
    assert Adyen.util.is_valid_hmac_notification(json.loads(signed.body or b""), KEY.hex())


_TEXTS = ["pspReference", "originalReference", "merchantAccountCode", "eventCode", "success"]


@pytest.mark.parametrize("name", [*_TEXTS, "currency"])
def test_any_other_value_with_a_colon_is_refused_and_never_signed(name: str) -> None:
    """Two notifications have one signature in Adyen's own library."""
    item = json.loads(NOTIFICATION)["notificationItems"][0]["NotificationRequestItem"]
    (item["amount"] if name == "currency" else item).update({name: "a:b"})
    body = of_one(item, Adyen.util.generate_notification_sig(item, KEY.hex()))
    assert judged(body) is None
    with pytest.raises(SignatureMalformed, match="holds the text that sets it apart"):
        verify(body)
    with pytest.raises(ConfigurationError, match="holds the text that sets it apart"):
        Signer(schemes.ADYEN, key=KEY.hex()).sign(Request("POST", "/adyen", JSON, body))


@pytest.mark.parametrize("parts", [8, 9, 12])
def test_of_all_notifications_with_one_signature_one_is_accepted(parts: int) -> None:
    """However the eight values are cut out of what is signed."""
    words = [str(nth) for nth in range(parts)]
    signature = Signer(schemes.body("X"), key=KEY).sign(Request("POST", "/", [], ":".join(words).encode()))
    mac = base64.b64encode(bytes.fromhex(dict(signature.headers)["x"]))
    taken = set()
    for cut in itertools.combinations(range(1, parts), 7):
        at = [0, *cut, parts]
        values = [":".join(words[first:last]) for first, last in itertools.pairwise(at)]
        psp, original, account, merchant, value, currency, event, success = values
        item = {
            "pspReference": psp,
            "originalReference": original,
            "merchantAccountCode": account,
            "merchantReference": merchant,
            "eventCode": event,
            "success": success,
            "amount": {"value": int(value) if value.isdigit() else value, "currency": currency},
        }
        with suppress(Rejected):
            taken.add(verify(of_one(item, mac)).body)
    assert 1 == len(taken)


def test_keys_are_hexadecimal_and_any_of_a_ring_may_have_signed() -> None:
    with pytest.raises(InvalidSignature):
        verify(SIGNED, OTHER_KEY)
    for keys in (KEY.hex(), KEY.hex().upper()):
        assert verify(SIGNED).body == Verifier(schemes.ADYEN, keys=keys).verify(Request("POST", "/", JSON, SIGNED)).body
    ring = KeyRing({"old": KEY, "new": OTHER_KEY})
    assert "old" == Verifier(schemes.ADYEN, keys=ring).verify(Request("POST", "/", JSON, SIGNED)).key_id
    with pytest.raises(ConfigurationError):
        Verifier(schemes.ADYEN, keys="not hexadecimal, of forty characters....")


def test_a_query_or_another_type_is_refused_and_no_body_has_no_signature() -> None:
    with pytest.raises(NotCovered):
        verify(SIGNED, target="/adyen?live=true")
    with pytest.raises(SignatureMissing):
        verify(b"")
    for fields in ([("Content-Type", "text/plain")], [*JSON, ("Content-Encoding", "gzip")]):
        with pytest.raises(BodyMalformed):
            Verifier(schemes.ADYEN, keys=KEY.hex()).verify(Request("POST", "/adyen", fields, SIGNED))
