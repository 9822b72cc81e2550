"""What the tests of client libraries send, and how they judge what arrived."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from urllib3.util import Retry

import reference
from client_libraries import HTTPX, Call, call
from judged import KEY, NOW, RFC9421
from reference import Message, Proof
from sealgate import Signer, schemes
from wire import Wire

SIGNED = {"signature", "signature-input", "content-digest"}


def names_of(message: Message) -> set[str]:
    return {name.lower() for name, _ in message.headers}


each_status = pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
each_method = pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])


def order(method: str, wire: Wire) -> Any:
    body = {"content": b'{"total": 1}'} if method == "POST" else {}
    return call(method, wire.origin + "/orders?a=1", headers={"X-Own": "mine", "Content-Type": "text/x"}, **body)


def retrying(times: int = 3) -> Retry:
    return Retry(times, backoff_factor=0, status_forcelist=[503], allowed_methods=None)


def judged(message: Message, wire: Wire) -> Proof:
    return reference.verify_rfc9421(message, RFC9421.ring, NOW, origin=wire.origin)


#: What they raise for an URL that they cannot send.
REFUSED_BY_CLIENTS: tuple[type[Exception], ...] = (
    *(HTTPX[name].module.InvalidURL for name in HTTPX),
    *(HTTPX[name].module.UnsupportedProtocol for name in HTTPX),
    requests.RequestException,
)


ENVELOPE = b'{"data": {"total": 1.0}, "note": "unsigned"}'


def in_the_body() -> Signer:
    """A scheme that writes its signature into the body."""
    return Signer(schemes.envelope(), key=KEY)


def signed_body() -> bytes:
    """`ENVELOPE` with its signature, in canonical form."""
    members = json.loads(ENVELOPE)
    signature = reference.mac(KEY, reference.canonical_json(json.dumps(members["data"]))).hex()
    return reference.canonical_json(json.dumps({**members, "hmac": signature}))


def enclosed(url: str) -> Call:
    return call("POST", url, content=ENVELOPE, headers={"Content-Type": "application/json"})
