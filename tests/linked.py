"""Links for tests: made by the judge, and what verifier and judge say of them."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import reference
from judged import HOST, KEY, KEY_ID, NOW, ORIGIN, as_request
from reference import Message
from sealgate import Rejected, Scheme, Signer, Verifier, schemes

RING: dict[str | None, list[bytes]] = {KEY_ID: [KEY]}
NONCE = "0123456789abcdef"
FILE = "/files/a%20b/%2Fc?x=1&y=%2F&x=+&z"


def message(link: str, method: str = "GET") -> Message:
    return Message(method, link.removeprefix(ORIGIN), [("Host", HOST)])


def uploading(link: str, body: bytes, kind: str, method: str = "PUT") -> Message:
    """The content, by a link for it."""
    fields = [("Host", HOST), ("Content-Type", kind), ("Content-Length", str(len(body)))]
    return Message(method, link.removeprefix(ORIGIN), fields, body)


def link(target: str = FILE, *, key: bytes = KEY, **how: Any) -> Message:
    """By the judge."""
    how = {"key_id": KEY_ID, "created": NOW, "expires": NOW + 60, **how}
    return message(reference.sign_link(how.pop("origin", ORIGIN) + target, key, **how))


def verifier(scheme: Scheme | None = None, now: float = NOW, **settings: Any) -> Verifier:
    settings = {"keys": {KEY_ID: KEY}, "origin": ORIGIN, "clock": lambda: now, **settings}
    return Verifier(scheme or schemes.signed_url(), **settings)


def signer(scheme: Scheme | None = None, **settings: Any) -> Signer:
    return Signer(scheme or schemes.signed_url(), **{"key": KEY, "key_id": KEY_ID, "clock": lambda: NOW, **settings})


def refusal(asked: Message, by: Verifier | None = None, now: float = NOW) -> type[Rejected] | None:
    try:
        (by or verifier(now=now)).verify(as_request(asked))
    except Rejected as refused:
        return type(refused)
    return None


def judged(asked: Message, now: float = NOW, **how: Any) -> bool:
    try:
        reference.verify_link(asked, RING, now, origin=ORIGIN, **how)
    except reference.Refused:
        return False
    return True


def swapped(old: str, new: str, asked: Message | None = None) -> Message:
    asked = asked or link()
    assert old in asked.target
    return replace(asked, target=asked.target.replace(old, new, 1))


def resigned(asked: Message, name: str, key: bytes = KEY) -> Message:
    """With the right signature of this scheme, whatever it says."""
    signed, _, _ = asked.target.rpartition("&signature=")
    signature = reference.mac(reference.link_key(key, name), (ORIGIN + signed).encode())
    text = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    return replace(asked, target=f"{signed}&signature={text}")
