"""The libraries that verify or sign webhooks, from PyPI."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import parse_qs

import Adyen.util
import gidgethub.sansio
import mailgun.security
import resend
import standardwebhooks
import stripe
import svix.webhooks
from box_sdk_gen.internal.utils import compute_webhook_signature
from box_sdk_gen.managers.webhooks import WebhooksManager
from paddle_billing.Notifications import PaddleSignature, Secret
from razorpay.utility.utility import Utility
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator

from provider_libraries import Exchange, Library, any_octets, form


def _stripe() -> Library:
    def accepts(it: Exchange) -> Any:
        return stripe.WebhookSignature.verify_header(it.text, it.fields["stripe-signature"], it.key, 300)

    def signs(it: Exchange) -> dict[str, str]:
        return {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(it.text, it.key, it.created)}

    return Library("stripe", accepts, signs)


def _slack() -> Library:
    def signs(it: Exchange) -> dict[str, str]:
        signature = SignatureVerifier(it.key).generate_signature(timestamp=str(it.created), body=it.text)
        return {"X-Slack-Request-Timestamp": str(it.created), "X-Slack-Signature": signature or ""}

    return Library("slack", lambda it: SignatureVerifier(it.key).is_valid_request(it.text, it.fields), signs)


def _stray_bits(text: str) -> Any:
    """Base64 by a decoder that does not look at the last bits."""
    return base64.b64decode(text.partition(",")[2]) if text.startswith("v1,") else text


def _webhooks(scheme: str, prefix: str, library: Callable[[str], Any], **options: Any) -> Library:
    def signs(it: Exchange) -> dict[str, str]:
        # They take a naive time for UTC.
        at = datetime.fromtimestamp(it.created, UTC).replace(tzinfo=None)
        signature = library(it.key).sign(it.id, at, it.text)
        return {f"{prefix}-id": it.id, f"{prefix}-timestamp": str(it.created), f"{prefix}-signature": signature}

    def accepts(it: Exchange) -> Any:
        return library(it.key).verify(it.message.body, it.fields, **options)

    return Library(scheme, accepts, signs, reads=_stray_bits)


def _twilio() -> Library:
    def pairs(it: Exchange) -> Any:
        class Pairs(dict[str, list[str]]):
            def getlist(self, name: str) -> list[str]:
                return self[name]

        return Pairs(parse_qs(it.text, keep_blank_values=True))

    return Library(
        "twilio",
        lambda it: RequestValidator(it.key).validate(it.url, pairs(it), it.fields["x-twilio-signature"]),
        lambda it: {"X-Twilio-Signature": RequestValidator(it.key).compute_signature(it.url, pairs(it))},
        form,
        kind="application/x-www-form-urlencoded",
        says=lambda body: parse_qs(body.decode(), keep_blank_values=True),
    )


def _mailgun() -> Library:
    def accepts(it: Exchange) -> bool:
        return mailgun.security.SecurityGuard.verify_webhook(signing_key=it.key, **json.loads(it.text)["signature"])

    return Library("mailgun", accepts)


def _twilio_json() -> Library:
    def accepts(it: Exchange) -> bool:
        return RequestValidator(it.key).validate(it.url, it.text, it.fields["x-twilio-signature"])

    return Library("twilio-json", accepts)


def _box() -> Library:
    def signs(it: Exchange) -> dict[str, str]:
        at = datetime.fromtimestamp(it.created, UTC).isoformat()
        stated = {
            "box-delivery-timestamp": at,
            "box-signature-version": "1",
            "box-signature-algorithm": "HmacSHA256",
        }
        return {**stated, "box-signature-primary": compute_webhook_signature(it.text, stated, it.key) or ""}

    return Library("box", lambda it: WebhooksManager.validate_message(it.text, it.fields, it.key), signs)


def _paddle() -> Library:
    def signs(it: Exchange) -> dict[str, str]:
        signature = PaddleSignature.calculate_hmac(it.key, b"%d:%b" % (it.created, it.message.body)).hexdigest()
        return {"Paddle-Signature": f"ts={it.created};h1={signature}"}

    def accepts(it: Exchange) -> bool:
        return PaddleSignature().verify(it.fields["paddle-signature"], it.text, Secret(it.key))

    return Library("paddle", accepts, signs)


def _adyen() -> Library:
    def signs(it: Exchange) -> dict[str, str]:
        signature = Adyen.util.generate_payload_sig(it.message.body, it.key).decode()
        return {"HmacSignature": signature, "Protocol": "HmacSHA256"}

    def accepts(it: Exchange) -> bool:
        # What says how it was signed is left to its caller.
        signature, protocol = it.fields["hmacsignature"], it.fields["protocol"]
        return protocol == "HmacSHA256" and Adyen.util.is_valid_hmac_payload(signature, it.key, it.message.body)

    return Library("adyen-platforms", accepts, signs, any_octets)


def _adyen_notification() -> Library:
    def item(body: bytes) -> Any:
        return json.loads(body)["notificationItems"][0]["NotificationRequestItem"]

    def body(rng: Random) -> bytes:
        texts = [
            "".join(rng.choices(string.ascii_letters + string.digits + ' !"#%+/\\\n\té€𝄞', k=12)) for _ in range(4)
        ]
        of_item = {
            "additionalData": {"authCode": "076181", texts[0]: "5 No AVS data provided"},
            "amount": {"currency": rng.choice(["EUR", "JPY"]), "value": rng.choice([0, -50, rng.randrange(10**9)])},
            "eventCode": rng.choice(["AUTHORISATION", "CAPTURE"]),
            "eventDate": "2023-01-09T16:27:29+01:00",
            "merchantAccountCode": texts[1],
            "merchantReference": rng.choice(["", "order:", "::"]) + texts[2],
            "operations": ["CANCEL", "REFUND"],
            "pspReference": f"{rng.randrange(10**16)}",
            "success": rng.choice(["true", "false"]),
            **rng.choice([{}, {"originalReference": ""}, {"originalReference": texts[3]}]),
        }
        document = {"live": "false", "notificationItems": [{"NotificationRequestItem": of_item}]}
        return json.dumps(document, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1])).encode()

    def signs(it: Exchange) -> bytes:
        document = json.loads(it.text)
        notification = document["notificationItems"][0]["NotificationRequestItem"]
        signature = Adyen.util.generate_notification_sig(notification, it.key).decode()
        notification["additionalData"]["hmacSignature"] = signature
        return json.dumps(document, indent=1).encode()

    def says(body: bytes) -> Any:
        """What their library signs, and the signature; nothing where it cannot read it."""
        try:
            read = item(body)
            amount = [read["amount"]["value"], read["amount"]["currency"]]
            texts = ["pspReference", "originalReference", "merchantAccountCode", "merchantReference", "eventCode"]
            signature = read["additionalData"]["hmacSignature"]
            return [*(read.get(name, "") for name in (*texts, "success")), *amount, signature]
        except (ValueError, KeyError, IndexError):
            return None

    def accepts(it: Exchange) -> Any:
        # Without the members of that name it answers None.
        return Adyen.util.is_valid_hmac_notification(json.loads(it.message.body), it.key) is True

    return Library("adyen", accepts, signs, body, says=says)


def _github() -> Library:
    def accepts(it: Exchange) -> None:
        signature = it.fields["x-hub-signature-256"]
        gidgethub.sansio.validate_event(it.message.body, signature=signature, secret=it.key)

    return Library("github", accepts, body=any_octets)


def _razorpay() -> Library:
    def accepts(it: Exchange) -> Any:
        return Utility().verify_webhook_signature(it.text, it.fields["x-razorpay-signature"], it.key)

    return Library("razorpay", accepts)


def _resend() -> Library:
    def accepts(it: Exchange) -> None:
        headers: Any = {name: it.fields[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
        resend.Webhooks.verify({"payload": it.text, "headers": headers, "webhook_secret": it.key})

    # It does not ask which version a signature is of.
    return Library("resend", accepts, reads=lambda text: text.partition(",")[2] or text)


#: All that the tests install.
LIBRARIES = {
    "stripe": _stripe(),
    "slack_sdk": _slack(),
    "standardwebhooks": _webhooks("standard-webhooks", "webhook", standardwebhooks.Webhook, json_parse=False),
    "svix": _webhooks("svix", "svix", svix.webhooks.Webhook),
    "twilio": _twilio(),
    "twilio, JSON": _twilio_json(),
    "box-sdk-gen": _box(),
    "paddle-python-sdk": _paddle(),
    "adyen": _adyen_notification(),
    "adyen, platforms": _adyen(),
    "gidgethub": _github(),
    "razorpay": _razorpay(),
    "mailgun": _mailgun(),
    "resend": _resend(),
}
