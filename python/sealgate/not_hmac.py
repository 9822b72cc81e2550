"""What is asked for and is no HMAC, or none to accept: named, so that nobody looks for a preset or guesses a key."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["NOT_HMAC"]

_PUBLIC_KEY = "with a key pair, not with a shared key"
_BARE_HASH = "a bare SHA-256 of the client secret and the request, no HMAC: whoever has seen one can lengthen it"
_PLAIN = "the key itself in a field: it proves nothing about the request, and each message gives the key away"

_SNS = (
    f"Amazon SNS signs {_PUBLIC_KEY} (RSA, a certificate that the message names): "
    "pin the certificate's host and verify with cryptography"
)
_FAL = (
    f"fal.ai signs {_PUBLIC_KEY} (Ed25519, X-Fal-Webhook-Signature): "
    "verify it with PyNaCl or cryptography and the keys that fal.ai publishes"
)

#: By the names that a preset would have: why there is none, and what to do instead.
NOT_HMAC: Mapping[str, str] = {
    "apple-app-store": f"App Store server notifications are signed {_PUBLIC_KEY} (JWS, ES256, an X.509 chain): "
    "use Apple's app-store-server-library",
    "aws-sns": _SNS,
    "discord": f"Discord signs {_PUBLIC_KEY} (Ed25519, X-Signature-Ed25519 over X-Signature-Timestamp and the body): "
    "verify it with PyNaCl or cryptography and the application's public key",
    "fal": _FAL,
    "fal-ai": _FAL,
    "github-sha1": "X-Hub-Signature is the same HMAC with SHA-1, kept for old receivers: "
    "GitHub sends X-Hub-Signature-256 beside it, use schemes.GITHUB",
    "gitlab-token": f"X-Gitlab-Token is {_PLAIN}; set a signing token in GitLab and use schemes.STANDARD_WEBHOOKS",
    "hubspot-v1": f"X-HubSpot-Signature v1 is {_BARE_HASH}; HubSpot sends v3 beside it, use schemes.HUBSPOT",
    "hubspot-v2": f"X-HubSpot-Signature v2 is {_BARE_HASH}; HubSpot sends v3 beside it, use schemes.HUBSPOT",
    "paypal": f"PayPal signs {_PUBLIC_KEY} (RSA, a certificate that the message names): "
    "ask its verify-webhook-signature API, or pin the certificate's host and verify with cryptography",
    "plaid": f"Plaid signs {_PUBLIC_KEY} (JWT, ES256, Plaid-Verification): "
    "verify it with PyJWT and the key that Plaid's API gives, and compare the body's digest",
    "sendgrid": f"SendGrid signs {_PUBLIC_KEY} (ECDSA, X-Twilio-Email-Event-Webhook-Signature): "
    "verify it with EventWebhook of the sendgrid package",
    "sns": _SNS,
    "telegram": f"X-Telegram-Bot-Api-Secret-Token is {_PLAIN}; "
    "compare it in constant time, and take requests from Telegram's networks only",
}
