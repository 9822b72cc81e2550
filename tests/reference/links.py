"""Links: URLs that end with the signature of all that is before it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote_to_bytes

from reference.message import Message, Proof, Refused, Ring, mac, match
from reference.target import authority, refuse_odd_length, refuse_odd_target, refuse_other_host

LONGEST = 604_800
_USUAL = ("methods", "key_id", "created", "expires")


@dataclass(frozen=True)
class Upload:
    """What may be uploaded. `most`: any length up to `length`. `digest`: SHA-256; None for links that sign none."""

    kind: str
    length: int
    most: bool = False
    digest: bytes | None = None

    @classmethod
    def of(cls, kind: str, body: bytes) -> Upload:
        return cls(kind, len(body), digest=hashlib.sha256(body).digest())


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
    upload: Upload | None = None,
) -> str:
    """`url` with what is said of it, and the signature of both. With `nonce` it is good once."""
    said: dict[str, object] = {"methods": ".".join(methods), "key_id": key_id, "created": created, "expires": expires}
    said |= {} if nonce is None else {"nonce": nonce}
    if upload is not None:
        said |= {"content_type": _quoted(upload.kind), "content_length": f"{'0-' * upload.most}{upload.length}"}
        said |= {} if upload.digest is None else {"content_digest": _text(upload.digest)}
    pairs = [f"{prefix}{name}={value}" for name, value in said.items()]
    whole = url + ("&" if "?" in url else "?") + "&".join(pairs)
    name = _name(upload is not None, upload is not None and upload.digest is not None, nonce is not None)
    return f"{whole}&{prefix}signature={_text(mac(link_key(key, name), whole.encode()))}"


def verify_link(
    message: Message,
    ring: Ring,
    now: float,
    *,
    origin: str,
    once: bool = False,
    longest: int = LONGEST,
    prefix: str = "",
    ignored: Sequence[str] = (),
    upload: bool = False,
    digest: bool = True,
) -> Proof:
    """`upload`: it is of those that say what may be uploaded; with `digest` they say its digest as well."""
    refuse_odd_target(message)
    refuse_other_host(message, origin)
    refuse_odd_length(message)
    message = _without(message, ignored)
    stated = ["content_type", "content_length", *["content_digest"] * digest] if upload else []
    names = [*_USUAL, *["nonce"] * once, *stated, "signature"]
    said = {name: _said(message, prefix + name) for name in names}
    signed, separator, text = message.target.rpartition(f"&{prefix}signature=")
    if not separator or text != said["signature"]:
        raise Refused("the signature is not the last")
    octets = _octets(text)
    if not all(re.fullmatch(r"[0-9]{1,12}", said[name], re.ASCII) for name in ("created", "expires")):
        raise Refused("seconds are one to twelve digits")
    created, expires = int(said["created"]), int(said["expires"])
    if not (created - 300 <= now <= expires and 0 < expires - created <= longest):
        raise Refused("not now, or for too long")
    if message.method not in said["methods"].split("."):
        raise Refused("for another method")
    if upload:
        _refuse_other_content(message, said)
    elif message.body:
        raise Refused("a body that is not covered")
    if len(said["key_id"]) > 256 or (once and not 16 <= len(said["nonce"]) <= 256):
        raise Refused("a key id or a nonce of another size")
    name = _name(upload, digest, once)
    whole = f"{origin.partition('://')[0].lower()}://{authority(origin)}{signed}".encode()
    keys: Ring = {said["key_id"]: [link_key(key, name) for key in ring.get(said["key_id"], ())]}
    key_id = match(keys, octets, whole)
    nonce = said["nonce"] if once else None
    return Proof(key_id, created, nonce, (key_id, nonce, created) if once else None)


def _name(upload: bool, digest: bool, once: bool) -> str:
    return f"signed-{'upload' if upload else 'url'}{'-any' * (upload and not digest)}{'-once' * once}"


def _without(message: Message, ignored: Sequence[str]) -> Message:
    """The message without those of these parameters that it ends with, each of which occurs once."""
    pairs = message.query.split("&")
    while pairs and "=" in pairs[-1] and pairs[-1].partition("=")[0] in ignored:
        name = pairs.pop().partition("=")[0].encode()
        if [pair for pair in message.query.split("&") if unquote_to_bytes(pair.partition("=")[0]) == name][1:]:
            raise Refused("an ignored parameter that occurs twice")
    return (
        replace(message, target=f"{message.path}?{'&'.join(pairs)}") if pairs else replace(message, target=message.path)
    )


def _said(message: Message, name: str) -> str:
    pairs = [piece.partition("=") for piece in message.query.split("&")]
    alike = [(text, value) for text, _, value in pairs if unquote_to_bytes(text) == name.encode()]
    if [text for text, _ in alike] != [name] or not alike[0][1] or "," in alike[0][1]:
        raise Refused(f"not one {name}")
    return alike[0][1]


def _refuse_other_content(message: Message, said: dict[str, str]) -> None:
    if _quoted(message.one("content-type") or "") != said["content_type"]:
        raise Refused("another Content-Type")
    if any(message.one(name) is not None for name in ("content-encoding", "content-range")):
        raise Refused("not the whole content as it is")
    length = re.fullmatch(r"(0-)?(0|[1-9][0-9]{0,14})", said["content_length"], re.ASCII)
    if length is None:
        raise Refused("a length that is none")
    least, most = 0 if length[1] else int(length[2]), int(length[2])
    if not all(least <= size <= most for size in (len(message.body), int(message.one("content-length") or least))):
        raise Refused("another length")
    stated = said.get("content_digest")
    if stated is not None and _octets(stated) != hashlib.sha256(message.body).digest():
        raise Refused("another content")


def _quoted(kind: str) -> str:
    return quote(kind, safe="")


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _octets(text: str) -> bytes:
    """32 of them, in their one spelling."""
    if not re.fullmatch(r"[\w-]{43}", text, re.ASCII) or _text(octets := base64.urlsafe_b64decode(text + "=")) != text:
        raise Refused("no 32 octets in base64url")
    return octets
