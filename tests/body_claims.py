"""A scheme with its claims in members of the body, and a client of it that has the standard library only."""

from __future__ import annotations

import base64
import json
from typing import Any

import reference
from judged import KEY, NONCE, NOW
from sealgate import Members, Request, Scheme, Verifier

JSON = [("Content-Type", "application/json")]
BASE = "{key_id}:{created}:{nonce}:{json:/data}"
PLACES: dict[str, str | Members] = {
    "/key": "{key_id}",
    "/meta/at": "{created}",
    "/meta/nonce": "n={nonce}",
    "/sig": "v1={signature:base64}",
}
#: What Adyen signs inside.
NOTIFICATION = b"""{"live": "false", "notificationItems": [{"NotificationRequestItem": {
    "amount": {"currency": "EUR", "value": 1130}, "eventCode": "CAPTURE", "eventDate": "2019-05-06T17:15:34+02:00",
    "merchantAccountCode": "Shop", "merchantReference": "order 1", "originalReference": "7914073381342284",
    "paymentMethod": "visa", "pspReference": "8825408195409505", "success": "true"}}]}"""
#: The least: a signature, and whatever else a test adds.
SIGNED: dict[str, str | Members] = {"/sig": "{signature:hex}"}


def scheme_of(base: str = BASE, json: dict[str, str | Members] = PLACES, **settings: Any) -> Scheme:
    return Scheme("own", base=base, json=json, **{"accept_weaknesses": None, **settings})


def document(
    data: Any = 1, *, key: bytes = KEY, key_id: str = "acme", created: Any = str(NOW), nonce: str = NONCE
) -> Any:
    """As a client of the standard library would write it."""
    base = f"{key_id}:{created}:{nonce}:".encode() + reference.canonical_json(json.dumps(data))
    signature = base64.b64encode(reference.mac(key, base)).decode()
    return {
        "data": data,
        "key": key_id,
        "meta": {"at": created, "nonce": f"n={nonce}"},
        "sig": f"v1={signature}",
    }


def request_of(value: Any, *more: tuple[str, str], **settings: Any) -> Request:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Request("POST", "/orders", [*JSON, *more], body, **settings)


def verifier_of(scheme: Scheme | None = None, **settings: Any) -> Verifier:
    return Verifier(scheme or scheme_of(), **{"keys": {"acme": KEY}, "clock": lambda: NOW, **settings})
