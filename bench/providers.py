"""A webhook of 1 KiB, verified by a preset and by its provider's own library, from the same octets."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import resend
from Adyen.util import is_valid_hmac_notification, is_valid_hmac_payload
from box_sdk_gen.managers.webhooks import WebhooksManager as BoxWebhooks
from gidgethub.sansio import validate_event
from hubspot.utils.signature import Signature as HubSpotSignature
from linebot.v3.webhook import SignatureValidator
from mailgun.security import SecurityGuard
from messages import KEY, changed, message
from paddle_billing.Notifications import Secret
from paddle_billing.Notifications import Verifier as PaddleVerifier
from razorpay import Utility
from signed_requests import ORIGIN
from slack_sdk.signature import SignatureVerifier
from square.utils.webhooks_helper import verify_signature as verify_square
from standardwebhooks import Webhook as StandardWebhook
from stripe import WebhookSignature
from svix.webhooks import Webhook as SvixWebhook
from timing import Case, Pace, Row, Section, checked
from twilio.request_validator import RequestValidator
from workos.webhooks import Webhooks as WorkOSWebhooks

from sealgate import Request, Signer, Verifier, schemes

BODY = message(1024)
FORM = urlencode([(f"Parameter{nth}", "a value of thirty-two characters") for nth in range(20)]).encode()
HOUR = 3600
WHSEC = f"whsec_{base64.b64encode(KEY.encode()).decode()}"
_HEX = KEY.encode().hex()
_OTHER = [("Host", "api.shop.example"), ("User-Agent", "client/1.0"), ("Accept", "*/*")]
_EVENT = json.dumps({"signature": {}, "event-data": {"event": "delivered", "message": "of one KiB " * 88}}).encode()
_ITEM = {
    "additionalData": {"authCode": "076181", "cvcResult": "1 Matches", "shopper": "of one KiB " * 64},
    "amount": {"currency": "EUR", "value": 1130},
    "eventCode": "AUTHORISATION",
    "eventDate": "2026-01-09T16:27:29+01:00",
    "merchantAccountCode": "ShopExample",
    "merchantReference": "order 417",
    "pspReference": "8515131751004933",
    "success": "true",
}
_NOTIFICATION = json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": _ITEM}]}).encode()


class Library(NamedTuple):
    """How a library is called: an expression over `names` and `m`, the body, `u`, the URL, `h`, the fields by name, and
    `low`, the same by name in lower case."""

    preset: str
    name: str
    expression: str
    names: Mapping[str, Any]
    body: bytes = BODY
    key: str = KEY
    #: What changes in the body, where it is not all signed, and into what.
    change: tuple[bytes, bytes] | None = None


_RAZORPAY = "verify(m.decode(), h['X-Razorpay-Signature'], k)"
_SQUARE = "verify(request_body=m.decode(), signature_header=h[f], signature_key=k, notification_url=u)"
_HUBSPOT = "verify(h['X-HubSpot-Signature-v3'], k, m.decode(), u, 'POST', 'v3', h['X-HubSpot-Request-Timestamp'])"
_WORKOS = "verify(event_body=m, event_signature=h['WorkOS-Signature'].replace(',v1', ', v1'), secret=k)"
_RESEND_FIELDS = "{'id': h['svix-id'], 'timestamp': h['svix-timestamp'], 'signature': h['svix-signature']}"
#: It parses the body as well, and cannot be told not to.
_RESEND = f"verify({{'payload': m.decode(), 'headers': {_RESEND_FIELDS}, 'webhook_secret': k}})"
_TWILIO = RequestValidator(KEY).validate
LIBRARIES = [
    Library(
        "STRIPE",
        "stripe",
        "verify(m, h['Stripe-Signature'], k, t)",
        {"verify": WebhookSignature.verify_header, "k": KEY, "t": HOUR},
    ),
    Library("SLACK", "slack_sdk", "verify(m, h)", {"verify": SignatureVerifier(KEY).is_valid_request}),
    Library(
        "STANDARD_WEBHOOKS",
        "standardwebhooks",
        "verify(m, h, json_parse=False)",
        {"verify": StandardWebhook(WHSEC).verify},
        key=WHSEC,
    ),
    Library("SVIX", "svix", "verify(m, h)", {"verify": SvixWebhook(WHSEC).verify}, key=WHSEC),
    Library(
        "RESEND",
        "resend",
        _RESEND,
        {"verify": resend.Webhooks.verify, "k": WHSEC},
        key=WHSEC,
    ),
    Library(
        "TWILIO",
        "twilio",
        "verify(u, dict(parsed(m.decode(), True)), h['X-Twilio-Signature'])",
        {"verify": _TWILIO, "parsed": parse_qsl},
        FORM,
    ),
    Library("TWILIO_JSON", "twilio, JSON", "verify(u, m.decode(), h['X-Twilio-Signature'])", {"verify": _TWILIO}),
    Library(
        "GITHUB",
        "gidgethub",
        "verify(m, signature=h['X-Hub-Signature-256'], secret=k)",
        {"verify": validate_event, "k": KEY},
    ),
    Library("RAZORPAY", "razorpay", _RAZORPAY, {"verify": Utility().verify_webhook_signature, "k": KEY}),
    Library("HUBSPOT", "hubspot-api-client", _HUBSPOT, {"verify": HubSpotSignature.is_valid, "k": KEY}),
    Library(
        "PADDLE",
        "paddle-python-sdk",
        "verify(Sent(body=m, headers=h), k)",
        {"verify": PaddleVerifier(HOUR).verify, "k": Secret(KEY), "Sent": SimpleNamespace},
    ),
    Library(
        "LINE",
        "line-bot-sdk",
        "verify(m.decode(), h['X-Line-Signature'])",
        {"verify": SignatureValidator(KEY).validate},
    ),
    Library("SQUARE", "squareup", _SQUARE, {"verify": verify_square, "k": KEY, "f": "X-Square-HmacSha256-Signature"}),
    # It takes members apart at a comma and a blank, no other way.
    Library("WORKOS", "workos", _WORKOS, {"verify": WorkOSWebhooks(None).verify_header, "k": KEY}),  # type: ignore[arg-type]
    Library("BOX", "box-sdk-gen", "verify(m.decode(), low, k)", {"verify": BoxWebhooks.validate_message, "k": KEY}),
    Library(
        "ADYEN",
        "adyen",
        "verify(loads(m), k)",
        {"verify": is_valid_hmac_notification, "loads": json.loads, "k": _HEX},
        _NOTIFICATION,
        _HEX,
        (b"1130", b"1131"),
    ),
    Library(
        "ADYEN_PLATFORMS",
        "adyen, platforms",
        "verify(h['HmacSignature'], k, m)",
        {"verify": is_valid_hmac_payload, "k": _HEX},
        key=_HEX,
    ),
    # Its signature covers no body, and stands in it.
    Library(
        "MAILGUN",
        "mailgun",
        "verify(k, **loads(m)['signature'])",
        {"verify": SecurityGuard.verify_webhook, "loads": json.loads, "k": KEY},
        _EVENT,
        KEY,
        (b'"timestamp":"1', b'"timestamp":"2'),
    ),
]


def _webhook(library: Library, _pace: Pace) -> Mapping[str, Case]:
    scheme = getattr(schemes, library.preset)
    kind = "application/x-www-form-urlencoded" if scheme.body_form == "form" else "application/json"
    own = [*_OTHER, ("Content-Type", kind)]
    signed = Signer(scheme, key=library.key).sign(Request("POST", "/hook", own, library.body, origin=ORIGIN))
    as_sent = {name.lower(): name for name in (*dict(own), *scheme.fields)}
    fields, body = [(as_sent[name], text) for name, text in signed.headers], signed.body or b""
    bad = {"m": body.replace(*library.change) if library.change else changed(body)}
    verifier = Verifier(scheme, keys=library.key, origin=ORIGIN, replay="off", max_age=HOUR)
    verify = "verify(Request('POST', t, f, m))"
    if "body-not-covered" in scheme.weaknesses():
        verify = "verify(Request('POST', t, f, m), uncovered=w)"
    ours = checked(
        verify, bad, verify=verifier.verify, Request=Request, t=signed.target, f=fields, m=body, w=frozenset({"body"})
    )
    read = {"u": ORIGIN + signed.target, "h": dict(fields), "low": {name.lower(): text for name, text in fields}}
    theirs = checked(library.expression, bad, m=body, **read, **library.names)
    return {f"schemes.{library.preset}": ours, library.name: theirs}


def section(library: Library) -> Section:
    return Section(
        f"verify a webhook of 1 KiB: {library.name}",
        partial(_webhook, library),
        [Row(f"schemes.{library.preset}", library.name, 1.0)],
    )


SECTIONS = [section(library) for library in LIBRARIES]
