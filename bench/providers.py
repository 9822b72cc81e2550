"""A webhook of 1 KiB, verified by a preset and by its provider's own library, from the same octets."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from gidgethub.sansio import validate_event
from hubspot.utils.signature import Signature as HubSpotSignature
from linebot.v3.webhook import SignatureValidator
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
URL = f"{ORIGIN}/hook"
_HOUR = 3600
_WHSEC = f"whsec_{base64.b64encode(KEY.encode()).decode()}"
_OTHER = [("Host", "api.shop.example"), ("User-Agent", "client/1.0"), ("Accept", "*/*")]


class Library(NamedTuple):
    """How a library is called: an expression over `m`, the body, `h`, the fields by name, and `names`."""

    preset: str
    name: str
    expression: str
    names: Mapping[str, Any]


_SQUARE_FIELD = "X-Square-HmacSha256-Signature"
_LINE = "verify(m.decode(), h['X-Line-Signature'])"
_RAZORPAY = "verify(m.decode(), h['X-Razorpay-Signature'], k)"
_SQUARE = "verify(request_body=m.decode(), signature_header=h[f], signature_key=k, notification_url=u)"
_HUBSPOT = "verify(h['X-HubSpot-Signature-v3'], k, m.decode(), u, 'POST', 'v3', h['X-HubSpot-Request-Timestamp'])"
_WORKOS = "verify(event_body=m, event_signature=h['WorkOS-Signature'].replace(',v1', ', v1'), secret=k)"
LIBRARIES = [
    Library(
        "STRIPE",
        "stripe",
        "verify(m, h['Stripe-Signature'], k, t)",
        {"verify": WebhookSignature.verify_header, "k": KEY, "t": _HOUR},
    ),
    Library("SLACK", "slack_sdk", "verify(m, h)", {"verify": SignatureVerifier(KEY).is_valid_request}),
    Library(
        "STANDARD_WEBHOOKS",
        "standardwebhooks",
        "verify(m, h, json_parse=False)",
        {"verify": StandardWebhook(_WHSEC).verify},
    ),
    Library("SVIX", "svix", "verify(m, h)", {"verify": SvixWebhook(_WHSEC).verify}),
    Library(
        "TWILIO",
        "twilio",
        "verify(u, dict(parsed(m.decode(), True)), h['X-Twilio-Signature'])",
        {"verify": RequestValidator(KEY).validate, "parsed": parse_qsl, "u": URL},
    ),
    Library(
        "GITHUB",
        "gidgethub",
        "verify(m, signature=h['X-Hub-Signature-256'], secret=k)",
        {"verify": validate_event, "k": KEY},
    ),
    Library("RAZORPAY", "razorpay", _RAZORPAY, {"verify": Utility().verify_webhook_signature, "k": KEY}),
    Library("HUBSPOT", "hubspot-api-client", _HUBSPOT, {"verify": HubSpotSignature.is_valid, "k": KEY, "u": URL}),
    Library(
        "PADDLE",
        "paddle-python-sdk",
        "verify(Sent(body=m, headers=h), k)",
        {"verify": PaddleVerifier(_HOUR).verify, "k": Secret(KEY), "Sent": SimpleNamespace},
    ),
    Library(
        "LINE",
        "line-bot-sdk",
        "verify(m.decode(), h['X-Line-Signature'])",
        {"verify": SignatureValidator(KEY).validate},
    ),
    Library(
        "SQUARE",
        "squareup",
        _SQUARE,
        {"verify": verify_square, "k": KEY, "u": URL, "f": _SQUARE_FIELD},
    ),
    # It takes members apart at a comma and a blank, no other way.
    Library("WORKOS", "workos", _WORKOS, {"verify": WorkOSWebhooks(None).verify_header, "k": KEY}),  # type: ignore[arg-type]
]


def _webhook(library: Library, _pace: Pace) -> Mapping[str, Case]:
    scheme = getattr(schemes, library.preset)
    body = FORM if scheme.body_form == "form" else BODY
    kind = "application/x-www-form-urlencoded" if scheme.body_form == "form" else "application/json"
    fields = [*_OTHER, ("Content-Type", kind)]
    key = _WHSEC if scheme.key_form == "whsec" else KEY
    fields += Signer(scheme, key=key).sign_headers(Request("POST", "/hook", fields, body, origin=ORIGIN))
    bad = {"m": changed(body)}
    verifier = Verifier(scheme, keys=key, origin=ORIGIN, replay="off", max_age=_HOUR)
    return {
        f"schemes.{library.preset}": checked(
            "verify(Request('POST', '/hook', f, m))", bad, verify=verifier.verify, Request=Request, f=fields, m=body
        ),
        library.name: checked(library.expression, bad, m=body, h=dict(fields), **library.names),
    }


SECTIONS = [
    Section(
        f"verify a webhook of 1 KiB: {library.name}",
        partial(_webhook, library),
        [Row(f"schemes.{library.preset}", library.name, 1.0)],
    )
    for library in LIBRARIES
]
