"""Links: URLs that end with the signature of all that is before it."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from reference.message import Message, Proof, Refused, Ring, mac, match
from reference.target import authority, refuse_odd_length, refuse_odd_target, refuse_other_host

LONGEST = 604_800
_NAMES = ("methods", "key_id", "created", "expires", "nonce", "signature")


def link_key(key: bytes, name: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt, one block; the info is two texts, each after its length in 8 octets."""
    info = b"".join(len(part).to_bytes(8, "big") + part for part in (b"sealgate links", name.encode()))
    return mac(mac(bytes(32), key), info + b"\x01")


def sign_link(
    url: str,
    key: bytes,
    *,
    key_id: str,
    created: int,
    expires: int,
    methods: Sequence[str] = ("GET",),
    nonce: str | None = None,
    prefix: str = "",
) -> str:
    """`url` with what is said of it, and the signature of both. With `nonce` it is good once."""
    said = {"methods": ".".join(methods), "key_id": key_id, "created": created, "expires": expires, "nonce": nonce}
    pairs = [f"{prefix}{name}={value}" for name, value in said.items() if value is not None]
    whole = url + ("&" if "?" in url else "?") + "&".join(pairs)
    derived = link_key(key, "signed-url" if nonce is None else "signed-url-once")
    signature = base64.urlsafe_b64encode(mac(derived, whole.encode())).decode().rstrip("=")
    return f"{whole}&{prefix}signature={signature}"


def verify_link(
    message: Message,
    ring: Ring,
    now: float,
    *,
    origin: str,
    once: bool = False,
    longest: int = LONGEST,
    prefix: str = "",
) -> Proof:
    refuse_odd_target(message)
    refuse_other_host(message, origin)
    refuse_odd_length(message)
    said = {}
    for name in _NAMES if once else [name for name in _NAMES if name != "nonce"]:
        own = (prefix + name).encode()
        pairs = [piece.partition("=") for piece in message.query.split("&")]
        alike = [(text, value) for text, _, value in pairs if unquote_to_bytes(text) == own]
        if [text.encode() for text, _ in alike] != [own] or not alike[0][1] or "," in alike[0][1]:
            raise Refused(f"not one {name}")
        said[name] = alike[0][1]
    signed, separator, text = message.target.rpartition(f"&{prefix}signature=")
    if not separator or text != said["signature"] or not re.fullmatch(r"[\w-]{43}", text, re.ASCII):
        raise Refused("the signature is not the last")
    octets = base64.urlsafe_b64decode(text + "=")
    if base64.urlsafe_b64encode(octets).decode() != text + "=":
        raise Refused("stray bits")
    if not all(re.fullmatch(r"[0-9]{1,12}", said[name], re.ASCII) for name in ("created", "expires")):
        raise Refused("seconds are one to twelve digits")
    created, expires = int(said["created"]), int(said["expires"])
    if not (created - 300 <= now <= expires and 0 < expires - created <= longest):
        raise Refused("not now, or for too long")
    if message.method not in said["methods"].split("."):
        raise Refused("for another method")
    if message.body:
        raise Refused("a body that is not covered")
    if len(said["key_id"]) > 256 or (once and not 16 <= len(said["nonce"]) <= 256):
        raise Refused("a key id or a nonce of another size")
    name = "signed-url-once" if once else "signed-url"
    whole = f"{origin.partition('://')[0].lower()}://{authority(origin)}{signed}".encode()
    keys = {said["key_id"]: [link_key(key, name) for key in ring.get(said["key_id"], ())]}
    key_id = match(keys, octets, whole)
    nonce = said["nonce"] if once else None
    return Proof(key_id, created, nonce, (key_id, nonce, created) if once else None)
