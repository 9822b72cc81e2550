"""Other people's verifiers, called as their documentation says, on a message as a framework would hand it to them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import http_message_signatures as foreign_signatures
import linebot.v3.webhook
import paddle_billing.Notifications as paddle
import razorpay
import slack_sdk.signature
import square.utils.webhooks_helper
import standardwebhooks
import stripe
import svix.webhooks
import twilio.request_validator
import workos.webhooks._resource
from anymail.exceptions import AnymailWebhookValidationFailure
from django.conf import settings
from django.test import RequestFactory
from gidgethub import ValidationFailure
from gidgethub.sansio import validate_event
from hubspot.exceptions import InvalidSignatureTimestampError
from hubspot.utils.signature import Signature as HubSpotSignature

from judged import KEY, KEY_ID, ORIGIN
from reference import Message

TEXT = KEY.decode()
_WHSEC = "whsec_" + base64.b64encode(KEY).decode()


class Fields(dict[str, str]):
    """One value for a field, whatever the case of its name, and joined with a comma as CGI does."""

    def __init__(self, message: Message) -> None:
        super().__init__()
        for name, value in message.headers:
            text = value.encode("latin-1").decode("utf-8", "surrogateescape")  # as aiohttp does
            name = name.lower().replace("_", "-")
            self[name] = f"{self[name]},{text}" if name in self else text

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = "") -> Any:
        return super().get(name.lower(), default)


@dataclass(frozen=True)
class Peer:
    """`refusals`: what the library says that it raises. A verdict may also be a boolean."""

    name: str
    scheme: str
    verify: Callable[[Message, Fields], object]
    refusals: tuple[type[Exception], ...] = ()

    def asked(self, message: Message) -> Callable[[], str]:
        """What says `accepted`, `refused`, or the name of the exception that escapes."""
        fields = Fields(message)

        def verdict() -> str:
            try:
                return "refused" if self.verify(message, fields) is False else "accepted"
            except self.refusals:
                return "refused"
            except Exception as error:
                return type(error).__name__

        return verdict


def _text(message: Message) -> str:
    """As `get_data(as_text=True)` of a framework, for libraries that take nothing else."""
    return message.body.decode("utf-8", "replace")


def _twilio(parameters: Callable[[Message], Any]) -> Callable[[Message, Fields], object]:
    validator = twilio.request_validator.RequestValidator(TEXT)
    return lambda message, fields: validator.validate(
        ORIGIN + message.target, parameters(message), fields.get("X-Twilio-Signature")
    )


class _Form(dict[str, list[str]]):
    def getlist(self, name: str) -> list[str]:
        return self[name]


class _Keys(foreign_signatures.HTTPSignatureKeyResolver):  # type: ignore[misc]
    def resolve_public_key(self, key_id: str) -> bytes:
        if key_id != KEY_ID:
            raise foreign_signatures.InvalidSignature("unknown key")
        return KEY


def _rfc9421(message: Message, fields: Fields) -> object:
    verifier = foreign_signatures.HTTPMessageVerifier(
        signature_algorithm=foreign_signatures.algorithms.HMAC_SHA256, key_resolver=_Keys()
    )
    request = SimpleNamespace(method=message.method, url=ORIGIN + message.target, headers=fields)
    return verifier.verify(request, require_components=("@method", "@authority", "@path"), body=message.body)


def _anymail() -> Callable[[Message, Fields], object]:
    from anymail.webhooks.mailgun import MailgunTrackingWebhookView

    view = MailgunTrackingWebhookView(webhook_signing_key=TEXT)

    def verify(message: Message, fields: Mapping[str, str]) -> object:
        request = RequestFactory().post(message.target, message.body, content_type="application/json")
        return view.validate_request(request)

    return verify


def peers() -> list[Peer]:
    """Needs the extra `test`."""
    settings.configure(ANYMAIL={}, ALLOWED_HOSTS=["*"])
    unverified = standardwebhooks.WebhookVerificationError
    foreign = foreign_signatures.exceptions.HTTPMessageSignaturesException
    return [
        Peer(
            "stripe",
            "stripe",
            lambda m, f: stripe.WebhookSignature.verify_header(m.body, f.get("Stripe-Signature"), TEXT, 300),
            (stripe.SignatureVerificationError,),
        ),
        Peer(
            "slack_sdk",
            "slack",
            lambda m, f: slack_sdk.signature.SignatureVerifier(TEXT).is_valid_request(m.body, f),
        ),
        Peer(
            "standardwebhooks",
            "standard-webhooks",
            lambda m, f: standardwebhooks.Webhook(_WHSEC).verify(m.body, f, json_parse=False),
            (unverified,),
        ),
        Peer("svix", "svix", lambda m, f: svix.webhooks.Webhook(_WHSEC).verify(m.body, f), (unverified,)),
        Peer("twilio, form", "twilio", _twilio(lambda m: _Form(parse_qs(_text(m), keep_blank_values=True)))),
        Peer("twilio, JSON", "twilio-json", _twilio(_text)),
        Peer(
            "gidgethub",
            "github",
            lambda m, f: validate_event(m.body, signature=f.get("X-Hub-Signature-256"), secret=TEXT),
            (ValidationFailure,),
        ),
        Peer(
            "razorpay",
            "razorpay",
            lambda m, f: razorpay.Utility().verify_webhook_signature(_text(m), f.get("X-Razorpay-Signature"), TEXT),
            (razorpay.errors.SignatureVerificationError,),
        ),
        Peer(
            "hubspot",
            "hubspot",
            lambda m, f: HubSpotSignature.is_valid(
                signature=f.get("X-HubSpot-Signature-v3"),
                client_secret=TEXT,
                request_body=_text(m),
                http_uri=ORIGIN + m.target,
                http_method=m.method,
                signature_version="v3",
                timestamp=f.get("X-HubSpot-Request-Timestamp"),
            ),
            (InvalidSignatureTimestampError,),
        ),
        Peer(
            "paddle",
            "paddle",
            lambda m, f: paddle.Verifier(300).verify(SimpleNamespace(body=m.body, headers=f), paddle.Secret(TEXT)),
        ),
        Peer(
            "line-bot-sdk",
            "line",
            lambda m, f: linebot.v3.webhook.SignatureValidator(TEXT).validate(_text(m), f.get("X-Line-Signature")),
        ),
        Peer(
            "squareup",
            "square",
            lambda m, f: square.utils.webhooks_helper.verify_signature(
                request_body=_text(m),
                signature_header=f.get("X-Square-HmacSha256-Signature"),
                signature_key=TEXT,
                notification_url=ORIGIN + m.target,
            ),
        ),
        Peer(
            "workos",
            "workos",
            # It takes members apart at a comma and a blank, no other way.
            lambda m, f: workos.webhooks._resource.Webhooks(None).verify_header(  # type: ignore[arg-type]
                event_body=m.body,
                event_signature=f.get("WorkOS-Signature").replace(",v1=", ", v1="),
                secret=TEXT,
                tolerance=180,
            ),
            (ValueError,),
        ),
        Peer("django-anymail", "mailgun", _anymail(), (AnymailWebhookValidationFailure,)),
        Peer("http-message-signatures", "rfc9421", _rfc9421, (foreign,)),
    ]
