"""AWS Signature Version 4, in the Authorization field and in the query, for a service of one's own.

Written from "Create a signed AWS API request" in the IAM User Guide, and "Authenticating requests" in the S3 API Reference.
"""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reference.message import Message, Pairs, Proof, Refused, Ring, hex_octets, mac, need
from reference.target import refuse_odd_target, refuse_other_host

UNSIGNED = "UNSIGNED-PAYLOAD"
_HEADER = re.compile(r"AWS4-HMAC-SHA256 +(.*)")
_CREDENTIAL = re.compile(r"(?P<key_id>.{1,256})/(?P<day>[0-9]{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_OWN = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"]


@dataclass(frozen=True)
class Aws:
    """What both sides have agreed on. `longest`: seconds that a presigned target may last; None: signed in the field."""

    origin: str
    region: str = "us-east-1"
    service: str = "service"
    s3: bool = False
    longest: int | None = None
    unsigned: bool = False

    @property
    def max_age(self) -> int:
        return 900 if self.s3 else 300


def encoded(text: bytes) -> str:
    """UriEncode, of one segment or one half of a parameter."""
    return urllib.parse.quote(text, safe="-._~")


def parameters(query: str) -> list[tuple[bytes, bytes]]:
    """Decoded: a plus is a space. A percent sign that encodes nothing is refused."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", query):
        raise Refused("malformed percent-encoding")
    halves = [piece.partition("=")[::2] for piece in query.split("&")] if query else []
    name_and_value = [[urllib.parse.unquote_to_bytes(half.replace("+", " ")) for half in pair] for pair in halves]
    return [(name, value) for name, value in name_and_value]


def canonical_path(path: str, s3: bool) -> str:
    """S3 signs what is sent; the others encode it once more. What AWS would remove is refused."""
    if s3:
        return path
    segments = path.split("/")[1:]
    if {".", ".."} & set(segments) or "" in segments[:-1]:
        raise Refused("a path that is signed like another one")
    return "/" + "/".join(encoded(segment.encode()) for segment in segments)


def canonical_query(pairs: list[tuple[bytes, bytes]]) -> str:
    written = sorted((encoded(name), encoded(value)) for name, value in pairs if name != b"X-Amz-Signature")
    return "&".join(f"{name}={value}" for name, value in written)


def canonical_request(message: Message, signed: Sequence[str], payload: str, s3: bool) -> str:
    values = []
    for name in signed:
        value = message.one(name)
        if value is None:
            raise Refused(f"the signed field {name} is absent")
        values.append(f"{name}:{re.sub(' +', ' ', value)}\n")
    head = [message.method, canonical_path(message.path, s3), canonical_query(parameters(message.query))]
    return "\n".join([*head, "".join(values), ";".join(signed), payload])


def signature_base(time: str, scope: str, request: str) -> bytes:
    return f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}".encode()


def derived(key: bytes, scope: str) -> bytes:
    step = b"AWS4" + key
    for part in scope.split("/"):
        step = mac(step, part.encode())
    return step


def amz_date(created: float) -> str:
    return datetime.fromtimestamp(created, UTC).strftime("%Y%m%dT%H%M%SZ")


def seconds_of(text: str) -> int:
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text, re.ASCII):
        raise Refused("not the basic form of ISO 8601")
    try:
        return int(datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise Refused("a time that there is not") from None


# --- signing ----------------------------------------------------------------------------------------------------------


def _signed_names(message: Message) -> list[str]:
    names = {name.lower() for name, _ in message.headers}
    return sorted({name for name in names if name.startswith("x-amz-") or name in {"host", "content-type"}})


def sign_aws_sigv4(
    message: Message, key: bytes, aws: Aws, *, key_id: str, created: int, payload: str | None = None
) -> Pairs:
    """The fields to add. `payload`: what X-Amz-Content-Sha256 says; of S3 the digest of the body if omitted."""
    time, digest = amz_date(created), hashlib.sha256(message.body).hexdigest()
    payload = digest if payload is None and aws.s3 else payload
    added = [("X-Amz-Date", time), *([] if payload is None else [("X-Amz-Content-Sha256", payload)])]
    message = message.plus(added)
    names, scope = _signed_names(message), f"{time[:8]}/{aws.region}/{aws.service}/aws4_request"
    base = signature_base(time, scope, canonical_request(message, names, payload or digest, aws.s3))
    listed, signature = ";".join(names), mac(derived(key, scope), base).hex()
    value = f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={listed}, Signature={signature}"
    return [*added, ("Authorization", value)]


def presign_aws_sigv4(
    message: Message, key: bytes, aws: Aws, *, key_id: str, created: int, lasts: int | None = None
) -> Message:
    """The message with a signature in its query."""
    time, names = amz_date(created), _signed_names(message)
    scope = f"{time[:8]}/{aws.region}/{aws.service}/aws4_request"
    values = ["AWS4-HMAC-SHA256", f"{key_id}/{scope}", time, str(lasts or aws.longest), ";".join(names)]
    own = [f"{name}={encoded(value.encode())}" for name, value in zip(_OWN, values, strict=False)]
    message = replace(message, target=f"{message.path}?{'&'.join([*filter(None, [message.query]), *own])}")
    payload = UNSIGNED if aws.s3 else hashlib.sha256(message.body).hexdigest()
    base = signature_base(time, scope, canonical_request(message, names, payload, aws.s3))
    return replace(message, target=f"{message.target}&X-Amz-Signature={mac(derived(key, scope), base).hex()}")


# --- verifying --------------------------------------------------------------------------------------------------------


def _in_field(message: Message) -> tuple[str, str, str, str]:
    given = _HEADER.fullmatch(need(message, "Authorization"))
    members = [member.strip(" ").partition("=")[::2] for member in given[1].split(",")] if given else []
    if sorted(name for name, _ in members) != ["Credential", "Signature", "SignedHeaders"]:
        raise Refused("not the three members, each once")
    if any(name.lower().decode("latin-1") in map(str.lower, _OWN) for name, _ in parameters(message.query)):
        raise Refused("a signature in the query too")
    found = dict(members)
    return found["Credential"], need(message, "X-Amz-Date"), found["SignedHeaders"], found["Signature"]


def _in_query(message: Message, longest: int) -> tuple[str, str, str, str, int]:
    pairs = parameters(message.query)
    found = {}
    for own in _OWN:
        values = [value for name, value in pairs if name.lower() == own.lower().encode()]
        if len(values) != 1 or own.encode() not in dict(pairs):
            raise Refused(f"{own} is not there once")
        found[own] = values[0].decode("latin-1")
    if found["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256":
        raise Refused("another algorithm")
    if (message.one("authorization") or "").startswith("AWS4-") or message.one("x-amz-date") is not None:
        raise Refused("part of a signature in the fields")
    if not re.fullmatch("[0-9]{1,12}", found["X-Amz-Expires"]) or not 1 <= int(found["X-Amz-Expires"]) <= longest:
        raise Refused("it lasts for ever, or not at all")
    texts = [found[name] for name in ("X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature")]
    return texts[0], texts[1], texts[2], texts[3], int(found["X-Amz-Expires"])


def _payload(message: Message, aws: Aws) -> str:
    """What stands for the body in the canonical request."""
    stated = message.one("x-amz-content-sha256")
    if aws.longest is not None:
        in_query = [value for name, value in parameters(message.query) if name.lower() == b"x-amz-content-sha256"]
        if len(in_query) + (stated is not None) > 1:
            raise Refused("the digest is stated twice")
        if in_query and b"X-Amz-Content-Sha256" not in dict(parameters(message.query)):
            raise Refused("the digest under another name")
        stated = in_query[0].decode("latin-1") if in_query else stated
    digest = hashlib.sha256(message.body).hexdigest()
    if stated is None:
        stated = UNSIGNED if aws.s3 and aws.longest is not None else digest
    if stated == UNSIGNED and aws.unsigned and not message.body:
        return UNSIGNED
    if stated != digest:
        raise Refused("the body is not signed, or another one is")
    return digest


def verify_aws_sigv4(message: Message, ring: Ring, now: float, *, aws: Aws) -> Proof:
    refuse_odd_target(message)
    refuse_other_host(message, aws.origin)
    lasts = None
    if aws.longest is None:
        credential, time, listed, text = _in_field(message)
    else:
        credential, time, listed, text, lasts = _in_query(message, aws.longest)
    created = seconds_of(time)
    if abs(now - created) > aws.max_age and (lasts is None or now < created):
        raise Refused("outside the window")
    if lasts is not None and now > created + lasts:
        raise Refused("past its own end")
    claimed, names = _CREDENTIAL.fullmatch(credential), listed.split(";")
    if claimed is None or (claimed["day"], claimed["region"], claimed["service"]) != (
        time[:8],
        aws.region,
        aws.service,
    ):
        raise Refused("another scope")
    if names != sorted(set(names)) or len(names) > 64 or "host" not in names or listed != listed.lower():
        raise Refused("signed headers: not sorted, not unique, too many, or without host")
    if any(not re.fullmatch(r"[!#$%&'*+\-.^`|~0-9a-z]+", name) for name in names):
        raise Refused("a name that is none")
    present = {name.lower() for name, _ in message.headers}
    # CloudFront adds that one behind the signer.
    own = {name for name in present if name.replace("_", "-").startswith("x-amz-")} - {"x-amz-cf-id"}
    if own - set(names):
        raise Refused("a field of AWS's own is not signed")
    if message.body and message.one("content-type") is not None and "content-type" not in names:
        raise Refused("the type of the body is not signed")
    scope = f"{claimed['day']}/{claimed['region']}/{claimed['service']}/aws4_request"
    request = canonical_request(message, names, _payload(message, aws), aws.s3)
    base, signature = signature_base(time, scope, request), hex_octets(text)
    candidates: Ring = ring if None in ring else {claimed["key_id"]: ring.get(claimed["key_id"], ())}
    for key_id, keys in candidates.items():
        if any(mac(derived(key, scope), base) == signature for key in keys):
            again = lasts is not None or message.method in {"GET", "HEAD"}
            return Proof(key_id, created, None, None if again else ("aws-sigv4", key_id, base, created))
    raise Refused("no key gives this signature")
