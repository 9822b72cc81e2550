"""One message, verified: `Key.verify`, and whole schemes, beside the snippet that everybody copies, and peers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import stripe
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from itsdangerous import Signer as DangerousSigner
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook
from timing import Case, Pace, Row, Section, checked, timed

from sealgate import Key, Request, Verifier, schemes

KEY = "a key of thirty-two octets, text"
_HOUR = 3600


def message(size: int) -> bytes:
    """Text, since some peers decode it."""
    return (b'{"id":"evt_1","object":"event"}' + b" " * size)[: size - 1] + b"\n"


def changed(body: bytes) -> bytes:
    """The last bit flipped; still text."""
    return body[:-1] + bytes([body[-1] ^ 1])


def snippet(body: bytes, signature: str) -> bool:
    """As it stands in a hundred services."""
    return hmac.compare_digest(hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest(), signature)


def _cryptography(key: bytes, body: bytes, signature: bytes) -> None:
    mac = HMAC(key, SHA256())
    mac.update(body)
    mac.verify(signature)


def _one_message(size: int, _pace: Pace) -> Mapping[str, Case]:
    key, body, created = KEY.encode(), message(size), int(time.time())
    bad = {"m": changed(body)}
    octets = hmac.digest(key, body, "sha256")
    text = body.decode()
    stripe_field = stripe.WebhookSignature.generate_signature_header(text, KEY)
    slack = SignatureVerifier(KEY)
    slack_field = slack.generate_signature(timestamp=str(created), body=body)
    standard = Webhook(base64.b64encode(key).decode())
    standard_fields = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(created),
        "webhook-signature": standard.sign("msg_1", datetime.fromtimestamp(created, UTC), text),
    }
    dangerous = DangerousSigner(key, digest_method=hashlib.sha256)
    return {
        "Key.verify": checked("verify(m, s)", bad, verify=Key(KEY).verify, m=body, s=octets.hex()),
        "copied snippet": checked(
            "compare(new(k, m, sha256).hexdigest(), s)",
            bad,
            compare=hmac.compare_digest,
            new=hmac.new,
            sha256=hashlib.sha256,
            k=key,
            m=body,
            s=octets.hex(),
        ),
        "hashlib.sha256, no verdict": timed("sha256(m).digest()", sha256=hashlib.sha256, m=body),
        "cryptography": checked("verify(k, m, s)", bad, verify=_cryptography, k=key, m=body, s=octets),
        "itsdangerous": checked(
            "unsign(m)",
            {"m": changed(body) + dangerous.sign(body)[size:]},
            unsign=dangerous.unsign,
            m=dangerous.sign(body),
        ),
        "stripe": checked(
            "verify(m, f, k, t)",
            bad,
            verify=stripe.WebhookSignature.verify_header,
            m=body,
            f=stripe_field,
            k=KEY,
            t=_HOUR,
        ),
        "slack_sdk": checked("valid(m, t, f)", bad, valid=slack.is_valid, m=body, t=str(created), f=slack_field),
        "standardwebhooks": checked(
            "verify(m, f, json_parse=False)", bad, verify=standard.verify, m=body, f=standard_fields
        ),
    }


def _whole_request(size: int, _pace: Pace) -> Mapping[str, Case]:
    """The same octets on the wire for both; ours makes its own `Request` of them."""
    body, created = message(size), str(int(time.time()))
    bad = {"m": changed(body)}
    signature = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    stripe_field = stripe.WebhookSignature.generate_signature_header(body.decode(), KEY)
    slack_field = SignatureVerifier(KEY).generate_signature(timestamp=created, body=body)
    other = {
        "Host": "api.shop.example",
        "Content-Type": "application/json",
        "User-Agent": "client/1.0",
        "Accept": "*/*",
    }
    wire: dict[str, dict[str, Any]] = {
        "body": {**other, "X-Signature": signature},
        "stripe": {**other, "Stripe-Signature": stripe_field},
        "slack": {**other, "X-Slack-Request-Timestamp": created, "X-Slack-Signature": slack_field},
    }
    fields = {name: list(headers.items()) for name, headers in wire.items()}
    ours = partial(checked, "verify(Request('POST', '/hook', f, m))", bad, Request=Request, m=body)
    off = partial(Verifier, keys=KEY, replay="off")
    return {
        "schemes.body": ours(verify=off(schemes.body()).verify, f=fields["body"]),
        "schemes.STRIPE": ours(verify=off(schemes.STRIPE).verify, f=fields["stripe"]),
        "schemes.SLACK": ours(verify=off(schemes.SLACK).verify, f=fields["slack"]),
        "copied snippet": checked("snippet(m, h['X-Signature'])", bad, snippet=snippet, m=body, h=wire["body"]),
        "stripe": checked(
            "verify(m, h['Stripe-Signature'], k, t)",
            bad,
            verify=stripe.WebhookSignature.verify_header,
            m=body,
            h=wire["stripe"],
            k=KEY,
            t=_HOUR,
        ),
        "slack_sdk": checked(
            "valid(m, h)", bad, valid=SignatureVerifier(KEY).is_valid_request, m=body, h=wire["slack"]
        ),
    }


#: Octets; must and aim over the snippet, must and aim over the bare hash.
_GOALS = [
    ("32 B", 32, 0.10, 0.08, 0.50, 0.43),
    ("256 B", 256, 0.18, 0.155, 0.70, 0.62),
    ("1 KiB", 1024, 0.34, 0.31, 0.87, 0.79),
    ("16 KiB", 16 * 1024, 0.84, 0.81, 1.0, 0.97),
    ("1 MiB", 1024 * 1024, 1.02, 0.99, 1.02, 1.0),
]
_PEERS = ("cryptography", "itsdangerous", "stripe", "slack_sdk", "standardwebhooks")

SECTIONS = [
    *(
        Section(
            f"verify one message of {name}",
            partial(_one_message, size),
            [
                Row("Key.verify", "copied snippet", snippet_must, snippet_aim),
                Row("Key.verify", "hashlib.sha256, no verdict", hash_must, hash_aim),
                *(Row("Key.verify", peer) for peer in _PEERS),
            ],
        )
        for name, size, snippet_must, snippet_aim, hash_must, hash_aim in _GOALS
    ),
    *(
        Section(
            f"verify one request with a body of {name}",
            partial(_whole_request, size),
            [
                Row("schemes.body", "copied snippet"),
                Row("schemes.STRIPE", "stripe"),
                Row("schemes.SLACK", "slack_sdk"),
            ],
        )
        for name, size in [("256 B", 256), ("1 KiB", 1024), ("16 KiB", 16 * 1024)]
    ),
]
