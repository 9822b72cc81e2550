"""Messages signed with AWS Signature Version 4 by the judge, and how they are verified."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import reference
from judged import AWS, HOST, JUDGED, KEY, KEY_ID, NOW, ORIGIN, as_request, with_field
from reference import Message, mac
from reference.aws_sigv4 import canonical_request, derived, signature_base
from sealgate import Scheme, Verified, Verifier, schemes

JUDGE = JUDGED["aws-sigv4"]
POST = JUDGE.message.plus([("Content-Type", "application/json")])
GET = Message("GET", "/orders?page=2", [("Host", HOST)])
S3 = replace(AWS, s3=True)
DAY = "20231114"  # of NOW
SCOPE = f"{DAY}/us-east-1/service/aws4_request"


def signed(message: Message = POST, aws: reference.Aws = AWS, **settings: Any) -> Message:
    """By the judge."""
    settings = {"key": KEY, "key_id": KEY_ID, "created": NOW, **settings}
    return message.plus(reference.sign_aws_sigv4(message, settings.pop("key"), aws, **settings))


def by_hand(message: Message, *names: str, payload: str | None = None, time: str = f"{DAY}T221320Z") -> Message:
    """Signed over these fields, and no other rule of ours kept."""
    message = with_field(message, "X-Amz-Date", time)
    payload = hashlib.sha256(message.body).hexdigest() if payload is None else payload
    request = canonical_request(message, names, payload, False)
    base = signature_base(time, SCOPE, request)
    signature = mac(derived(KEY, SCOPE), base).hex()
    return message.plus([("Authorization", authorization(";".join(names), signature))])


def authorization(names: str, signature: str, scope: str = SCOPE) -> str:
    return f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={names}, Signature={signature}"


def verifier(scheme: Scheme = schemes.AWS_SIGV4, now: float = NOW, **settings: Any) -> Verifier:
    return Verifier(scheme, **{"keys": {KEY_ID: KEY}, "origin": ORIGIN, "clock": lambda: now, **settings})


def verify(message: Message, scheme: Scheme = schemes.AWS_SIGV4, now: float = NOW, **settings: Any) -> Verified:
    return verifier(scheme, now, **settings).verify(as_request(message))


def own(**settings: Any) -> Scheme:
    return schemes.aws_sigv4(**{"region": "us-east-1", "service": "service", **settings})
