"""Whole signed requests: a hand-written canonical form, and RFC 9421 with Content-Digest."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from urllib.parse import unquote_plus

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import HMAC_SHA256
from messages import KEY, changed, message
from timing import Case, Pace, Pool, Row, Section, checked, pooled

from sealgate import Request, Scheme, Signer, Verifier, schemes

ORIGIN = "https://api.shop.example"
KEY_ID = "acme"
TARGET = "/orders/7/items?page=2&sort=price&colour=dark%20red&dry=1"
BODY = message(1024)
FIELDS = [
    ("Host", "api.shop.example"),
    ("User-Agent", "client/1.0 (linux)"),
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, br"),
    ("Connection", "keep-alive"),
    ("Content-Type", "application/json"),
    ("Content-Length", str(len(BODY))),
    ("Idempotency-Key", "5b4e2f8a-7a1d-4f0c-9c59-0f6b1d1d2a11"),
    ("X-Request-Id", "01JD8Z6M9Y2V4T0Q3K5N7P1R8S"),
    ("X-Tenant", "shop-42"),
]
_SIGNED = ("host", "content-type", "idempotency-key", "x-request-id", "x-tenant")
#: What a request of AWS's has to sign of these.
_AWS_SIGNED = ("Host", "Content-Type", "X-Amz-Date")
_WINDOW = 3600
_KEYS = {KEY_ID: KEY.encode()}

_BASE = "\n".join(
    ["{key_id}", "{created}", "{@method}", "{@path}", "{@query:sorted}"]
    + [f"{{header:{name}}}" for name in _SIGNED]
    + ["{body}"]
)
_SCHEME = Scheme(
    "own",
    base=_BASE,
    fields={"X-Key-Id": "{key_id}", "X-Created": "{created}", "X-Signature": "{signature:hex}"},
    accept_weaknesses={"no-nonce", "lossy-transform"},
)


class Refused(Exception):
    """What the pure-Python verifier raises."""


def verify_in_python(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> str:
    """The same checks as a careful developer writes them: one pass over the fields, no field twice, nothing guessed."""
    wanted = {*_SIGNED, "x-key-id", "x-created", "x-signature"}
    fields: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in wanted:
            if lower in fields:
                raise Refused("a field occurs twice")
            fields[lower] = value.strip()
    if len(fields) != len(wanted):
        raise Refused("a field is absent")
    created, key = fields["x-created"], _KEYS.get(fields["x-key-id"])
    if key is None:
        raise Refused("unknown key")
    if not (created.isascii() and created.isdigit()) or abs(time.time() - int(created)) > _WINDOW:
        raise Refused("outside the window")
    path, _, query = target.partition("?")
    pieces = sorted(query.split("&"), key=lambda piece: unquote_plus(piece.partition("=")[0]))
    lines = [fields["x-key-id"], created, method, path, "&".join(pieces), *(fields[name] for name in _SIGNED), ""]
    mac = hmac.new(key, "\n".join(lines).encode() + body, hashlib.sha256)
    if not hmac.compare_digest(mac.hexdigest(), fields["x-signature"]):
        raise Refused("another signature")
    return fields["x-key-id"]


def _own_form(_pace: Pace) -> Mapping[str, Case]:
    signer = Signer(_SCHEME, key=KEY, key_id=KEY_ID)
    signed = signer.sign_headers(Request("POST", TARGET, FIELDS, BODY, origin=ORIGIN))
    fields = [*FIELDS, *signed]
    if len(fields) != 13:
        raise AssertionError(f"13 fields are meant, not {len(fields)}")
    verifier = Verifier(_SCHEME, keys={KEY_ID: KEY}, origin=ORIGIN, replay="off", max_age=_WINDOW)
    both = {"t": TARGET, "f": fields, "m": BODY}
    bad = {"m": changed(BODY)}
    return {
        "Verifier, own scheme": checked(
            "verify(Request('POST', t, f, m))", bad, verify=verifier.verify, Request=Request, **both
        ),
        "pure Python": checked("verify('POST', t, f, m)", bad, verify=verify_in_python, **both),
    }


def _aws_sigv4(_pace: Pace) -> Mapping[str, Case]:
    """No library verifies it. botocore signs: one canonical request, key and signature, as a verifier would need."""
    signer = Signer(schemes.AWS_SIGV4, key=KEY, key_id=KEY_ID)
    fields = [*FIELDS, *signer.sign_headers(Request("POST", TARGET, FIELDS, BODY, origin=ORIGIN))]
    verifier = Verifier(schemes.AWS_SIGV4, keys={KEY_ID: KEY}, origin=ORIGIN, replay="off", max_age=_WINDOW)
    theirs = SigV4Auth(Credentials(KEY_ID, KEY), "service", "us-east-1")
    signed = dict(fields)
    request = AWSRequest("POST", ORIGIN + TARGET, {name: signed[name] for name in _AWS_SIGNED}, BODY)
    request.context["timestamp"] = signed["X-Amz-Date"]
    signature = signed["Authorization"].rpartition("=")[2]

    def as_botocore_signs(request: AWSRequest, body: bytes) -> None:
        request.data = body
        base = theirs.string_to_sign(request, theirs.canonical_request(request))
        if not hmac.compare_digest(theirs.signature(base, request), signature):
            raise Refused("another signature")

    bad = {"m": changed(BODY)}
    return {
        "Verifier, AWS Signature Version 4": checked(
            "verify(Request('POST', t, f, m))", bad, verify=verifier.verify, Request=Request, t=TARGET, f=fields, m=BODY
        ),
        "botocore, signing": checked("sign(r, m)", bad, sign=as_botocore_signs, r=request, m=BODY),
    }


@dataclass
class Foreign:
    """A request as http-message-signatures reads one."""

    method: str
    url: str
    headers: dict[str, str]


def signed_fields(
    count: int, target: str, fields: Sequence[tuple[str, str]], origin: str
) -> list[list[tuple[str, str]]]:
    """RFC 9421 signatures of one request, each with its own nonce: the fields to add."""
    signer = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID)
    request = Request("POST", target, fields, BODY, origin=origin)
    return [signer.sign_headers(request) for _ in range(count)]


def _message_signature(pace: Pace) -> Mapping[str, Case]:
    """The library is handed a request object, and so is `Verifier.verify`; in the other rows ours is made each time."""
    count = 200 if pace.quick else 4000
    pool = [[*FIELDS, *added] for added in signed_fields(count, TARGET, FIELDS, ORIGIN)]
    verifier = partial(Verifier, schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN, max_age=_WINDOW)
    off = verifier(replay="off")
    resolver = MappingKeyResolver(public_keys=_KEYS, private_keys=_KEYS)
    theirs = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=resolver)
    foreign = Foreign("POST", ORIGIN + TARGET, dict(pool[0]))
    components = ("@method", "@authority", "@path", "@query")
    bad = {"m": changed(BODY)}
    made = partial(Request, "POST", TARGET, pool[0])
    parts = {"Request": Request, "t": TARGET, "m": BODY}
    gate = SimpleNamespace(verify=verifier().verify)
    checked("gate.verify(Request('POST', t, f, m))", bad, gate=gate, f=pool[0], **parts)

    def renew() -> None:
        gate.verify = verifier().verify

    return {
        "Verifier.verify, RFC 9421": checked("verify(r)", {"r": made(changed(BODY))}, verify=off.verify, r=made(BODY)),
        "Request and Verifier, RFC 9421": checked(
            "verify(Request('POST', t, f, m))", bad, verify=off.verify, f=pool[0], **parts
        ),
        "Request and Verifier, RFC 9421, and memory replay": pooled(
            "gate.verify(Request('POST', t, item, m))", Pool(pool, renew), gate=gate, **parts
        ),
        "http-message-signatures": checked(
            "verify(r, require_components=c, body=m)", bad, verify=theirs.verify, r=foreign, c=components, m=BODY
        ),
    }


SECTIONS = [
    Section(
        "full request: key id, window, 5 of 13 fields, 4 query parameters, 1 KiB",
        _own_form,
        [Row("Verifier, own scheme", "pure Python", 0.25, 0.18)],
    ),
    Section(
        "AWS Signature Version 4, 1 KiB",
        _aws_sigv4,
        [Row("Verifier, AWS Signature Version 4", "botocore, signing", 1 / 4, 1 / 8)],
    ),
    Section(
        "RFC 9421 with Content-Digest, 1 KiB",
        _message_signature,
        [
            Row("Verifier.verify, RFC 9421", "http-message-signatures", 1 / 100, 1 / 150),
            Row("Request and Verifier, RFC 9421", "http-message-signatures"),
            Row("Request and Verifier, RFC 9421, and memory replay", "http-message-signatures"),
            Row("Request and Verifier, RFC 9421, and memory replay", "Request and Verifier, RFC 9421", kind="added"),
        ],
    ),
]
