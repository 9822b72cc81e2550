"""Providers that write into the body or the query, or sign what a body says instead of its octets."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reference.canonical import Json, canonical_text, es6_number
from reference.message import Message, Proof, Refused, Ring, base64_octets, hex_octets, in_window, mac, match, need
from reference.parts import json_document, member
from reference.providers import BASE64, BODY_ALONE, in_milliseconds
from reference.target import authority, refuse_odd_target

Judge = Callable[[Message, Ring, float, str], Proof]


@dataclass(frozen=True)
class Inside:
    """`sign` and `judge` are given the origin last. `handed`: the body that may be read, of a message that is genuine."""

    sign: Callable[[Message, bytes, int, str, str], Message]
    judge: Judge
    fields: tuple[str, ...]
    lacks: frozenset[str]
    covered: tuple[str, ...]
    replay_class: str = "none"
    max_age: int | None = None
    hash: str = "sha256"
    handed: Callable[[Message], bytes] = lambda message: message.body
    key: Callable[[bytes], bytes | str] = bytes


def digits(value: Json) -> str:
    """A time in a member: text, or a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused("neither text nor a number")
    return value if isinstance(value, str) else es6_number(value)


def text(value: Json) -> str:
    if not isinstance(value, str) or not value:
        raise Refused("no text")
    return value


def with_members(message: Message, members: Mapping[str, Any]) -> Message:
    document: Any = json.loads(message.body)
    return replace(message, body=json.dumps({**document, **members}).encode())


# --- Linear: linear.app/developers/webhooks ---------------------------------------------------------------------------


def sign_linear(message: Message, key: bytes, created: int, id: str, origin: str) -> Message:
    stamped = with_members(message, {"webhookTimestamp": created * 1000})
    return stamped.plus([("Linear-Signature", mac(key, stamped.body).hex())])


def judge_linear(message: Message, ring: Ring, now: float, origin: str) -> Proof:
    refuse_odd_target(message)
    if message.query:
        raise Refused("a query that is not covered")
    signature = hex_octets(need(message, "Linear-Signature"))
    created = in_milliseconds(digits(member(json_document(message, None), "/webhookTimestamp")), now, 60)
    key_id = match(ring, signature, message.body)
    return Proof(key_id, created, once=(key_id, message.body))


# --- Mailgun: documentation.mailgun.com, securing webhooks ------------------------------------------------------------


def sign_mailgun(message: Message, key: bytes, created: int, id: str, origin: str) -> Message:
    signature = mac(key, f"{created}{id}".encode()).hex()
    return with_members(message, {"signature": {"timestamp": str(created), "token": id, "signature": signature}})


def judge_mailgun(message: Message, ring: Ring, now: float, origin: str) -> Proof:
    """The body is not covered: the route has to say that it takes that."""
    refuse_odd_target(message)
    if message.query:
        raise Refused("a query that is not covered")
    document = json_document(message, None)
    timestamp = digits(member(document, "/signature/timestamp"))
    created, token = in_window(timestamp, now, 300), text(member(document, "/signature/token"))
    if not re.fullmatch(r"[\x20-\x7e]{16,256}", token):
        raise Refused("not a nonce")
    signature = hex_octets(text(member(document, "/signature/signature")))
    key_id = match(ring, signature, (timestamp + token).encode())
    return Proof(key_id, created, token, once=(key_id, created, token))


# --- Twilio: twilio.com/docs/usage/security ---------------------------------------------------------------------------


def uris(message: Message, origin: str) -> Sequence[str]:
    """Without a port, and with one: Twilio does now this and now that."""
    scheme, host = origin.partition("://")[0].lower(), authority(origin)
    bare, _, port = host.partition(":") if "]" not in host else (host, "", "")
    port = port or {"https": "443", "http": "80"}[scheme]
    target = message.target if message.query else message.path
    return [f"{scheme}://{bare}{target}", f"{scheme}://{bare}:{port}{target}"]


def pairs(body: bytes) -> Sequence[tuple[str, str]]:
    """WHATWG URL, 5.1, of UTF-8 only; each pair once, by name and then by value."""
    try:
        found = {
            tuple(
                urllib.parse.unquote_to_bytes(part.replace(b"+", b" ")).decode() for part in piece.partition(b"=")[::2]
            )
            for piece in body.split(b"&")
            if piece
        }
    except UnicodeDecodeError:
        raise Refused("not UTF-8") from None
    if any("\ufffd" in part for pair in found for part in pair):
        raise Refused("what once was not UTF-8")
    return sorted((name, value) for name, value in found)


def sign_twilio(message: Message, key: bytes, created: int, id: str, origin: str) -> Message:
    base = uris(message, origin)[0] + "".join(name + value for name, value in pairs(message.body))
    return message.plus([("X-Twilio-Signature", BASE64.write(mac(key, base.encode(), "sha1")))])


def judge_twilio(message: Message, ring: Ring, now: float, origin: str) -> Proof:
    refuse_odd_target(message)
    if message.body:
        refuse_other_types(message)
    signed = "".join(name + value for name, value in pairs(message.body))
    return matched_twilio(message, ring, [uri + signed for uri in uris(message, origin)])


def refuse_other_types(message: Message) -> None:
    form = r"application/x-www-form-urlencoded[ \t]*(;[ \t]*charset=utf-8)?"
    if not re.fullmatch(form, (message.one("content-type") or "").lower()):
        raise Refused("not the type of a form in UTF-8")
    if message.one("content-encoding") is not None:
        raise Refused("an encoding that another reader would undo")


def matched_twilio(message: Message, ring: Ring, bases: Sequence[str]) -> Proof:
    signature = base64_octets(need(message, "X-Twilio-Signature"))
    for base in bases:
        try:
            return Proof(match(ring, signature, base.encode(), "sha1"))
        except Refused:
            continue
    raise Refused("no signature of this URL, with its port or without")


def canonical_form(message: Message) -> bytes:
    """WHATWG URL, 5.2."""
    quoted = [
        tuple(urllib.parse.quote_plus(part, safe="*").replace("~", "%7E") for part in pair)
        for pair in pairs(message.body)
    ]
    return "&".join("=".join(pair) for pair in quoted).encode()


def sign_twilio_json(message: Message, key: bytes, created: int, id: str, origin: str) -> Message:
    digest = f"bodySHA256={hashlib.sha256(message.body).hexdigest()}"
    signed = replace(message, target=f"{message.path}?{'&'.join(filter(None, [message.query, digest]))}")
    return signed.plus([("X-Twilio-Signature", BASE64.write(mac(key, uris(signed, origin)[0].encode(), "sha1")))])


def judge_twilio_json(message: Message, ring: Ring, now: float, origin: str) -> Proof:
    refuse_odd_target(message)
    stated = [piece.partition("=")[::2] for piece in message.query.split("&")]
    named = [value for name, value in stated if urllib.parse.unquote(name) == "bodySHA256"]
    if ("bodySHA256", hashlib.sha256(message.body).hexdigest()) not in stated or len(named) != 1:
        raise Refused("not the digest of the body, or not once")
    return matched_twilio(message, ring, uris(message, origin))


# --- Adyen: docs.adyen.com, verify HMAC signatures ---------------------------------------------------------------------


def adyen_item(document: Json) -> dict[str, Json]:
    """Of a request with one notification. Others beside it have signatures of their own, and are none of this one's."""
    match document:
        case {"notificationItems": [{"NotificationRequestItem": dict(item)}]}:
            return item
    raise Refused("not one notification")


def adyen_signed(item: Mapping[str, Json]) -> dict[str, Json]:
    """What is signed of it. Only the reference to an earlier payment may be absent, which is as good as empty."""
    names = ["pspReference", "originalReference", "merchantAccountCode", "merchantReference", "eventCode", "success"]
    texts = {name: item.get(name) for name in names if name != "originalReference" or item.get(name, "") != ""}
    if not all(isinstance(value, str) for value in texts.values()):
        raise Refused("a text that is absent, or is none")
    match item.get("amount"):
        case {"value": value, "currency": str(currency)}:
            return {**texts, "amount": {"value": value, "currency": currency}}
    raise Refused("no amount")


def adyen_base(message: Message) -> bytes:
    signed = adyen_signed(adyen_item(json_document(message, "jcs")))
    amount = signed["amount"]
    assert isinstance(amount, dict)
    value = canonical_text(amount["value"])
    first = [signed.get(name, "") for name in ("pspReference", "originalReference", "merchantAccountCode")]
    last = [value, amount["currency"], signed["eventCode"], signed["success"]]
    # With colons in one value alone, always the same, the three before it and the four after it are found all the same.
    if any(":" in str(each) for each in (*first, *last)):
        raise Refused("a value that can be cut elsewhere")
    return ":".join(str(each) for each in (*first, signed["merchantReference"], *last)).encode()


def sign_adyen(message: Message, key: bytes, created: int, id: str, origin: str) -> Message:
    document: Any = json.loads(message.body)
    item: Any = adyen_item(document)
    signature = BASE64.write(mac(key, adyen_base(message)))
    item["additionalData"] = {**item.get("additionalData", {}), "hmacSignature": signature}
    return replace(message, body=json.dumps(document).encode())


def judge_adyen(message: Message, ring: Ring, now: float, origin: str) -> Proof:
    refuse_odd_target(message)
    if message.query:
        raise Refused("a query that is not covered")
    data = adyen_item(json_document(message, "jcs")).get("additionalData")
    signature = base64_octets(text(member(data, "/hmacSignature")))
    return Proof(match(ring, signature, adyen_base(message)))


def handed_adyen(message: Message) -> bytes:
    signed = adyen_signed(adyen_item(json_document(message, "jcs")))
    return canonical_text({"notificationItems": [{"NotificationRequestItem": signed}]}).encode()


INSIDE = {
    "adyen": Inside(
        sign_adyen,
        judge_adyen,
        (),
        BODY_ALONE | {"no-time", "lossy-transform"},
        tuple(
            f"json:/notificationItems/0/NotificationRequestItem/{name}"
            for name in (
                *("pspReference", "originalReference", "merchantAccountCode", "merchantReference"),
                *("amount/value", "amount/currency", "eventCode", "success"),
            )
        ),
        handed=handed_adyen,
        key=bytes.hex,
    ),
    "linear": Inside(
        sign_linear, judge_linear, ("Linear-Signature",), BODY_ALONE | {"no-nonce"}, ("body",), "base", 60
    ),
    "mailgun": Inside(
        sign_mailgun, judge_mailgun, (), BODY_ALONE | {"body-not-covered", "adjacent-parts"}, (), "nonce"
    ),
    "twilio": Inside(
        sign_twilio,
        judge_twilio,
        ("X-Twilio-Signature",),
        frozenset({"no-time", "method-not-covered", "adjacent-parts", "lossy-transform", "sha1"}),
        ("@target-uri", "body"),
        hash="sha1",
        handed=canonical_form,
    ),
    "twilio-json": Inside(
        sign_twilio_json,
        judge_twilio_json,
        ("X-Twilio-Signature",),
        frozenset({"no-time", "method-not-covered", "lossy-transform", "sha1"}),
        ("@target-uri", "body"),
        hash="sha1",
    ),
}
