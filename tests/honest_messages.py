"""A signed message of any scheme, and where in it the signature and the time stand.

They are found in the message itself: the signature is what another key changes, the time is the text that says when.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from judged import HOST, KEY, KEY_ID, NOW, ORIGIN, as_request, field_of, with_field
from reference import Message, Refused, aws_sigv4, link_key, mac
from sealgate import Key, KeyRing, Request, Scheme, Verifier

_KINDS = {"form": "application/x-www-form-urlencoded"}
#: What is sent: to a scheme that signs members, all that it signs.
_BODIES = {
    "json": b'{"data": 1, "signature": {}}',
    "form": b"data=1&a=b",
    "adyen": b'{"notificationItems": [{"NotificationRequestItem": {"pspReference": "1", "merchantAccountCode": "Shop", '
    b'"merchantReference": "2", "amount": {"value": 3, "currency": "EUR"}, "eventCode": "AUTHORISATION", '
    b'"success": "true"}}]}',
}
#: How a party writes a key.
FORMS: dict[str, Callable[[bytes], str]] = {
    "text": bytes.decode,
    "hex": bytes.hex,
    "base64": lambda key: base64.b64encode(key).decode(),
    "whsec": lambda key: f"whsec_{base64.b64encode(key).decode()}",
}
NONCE = "b3k2pp5k7z-50gnwp_yemd"
#: How a time is written, in seconds; the longest that fits is the one that was meant.
TIMES: dict[str, Callable[[int], str]] = {
    "milliseconds": lambda at: str(at * 1000),
    "rfc3339": lambda at: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}",
    "http-date": lambda at: f"{datetime.fromtimestamp(at, UTC):%a, %d %b %Y %H:%M:%S GMT}",
    "amz-date": lambda at: f"{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}",
    "seconds": str,
}
_ENCODINGS: list[tuple[Callable[[bytes], str], Callable[[str], bytes]]] = [
    (bytes.hex, bytes.fromhex),
    (lambda octets: base64.b64encode(octets).decode(), lambda text: base64.b64decode(text, validate=True)),
    (
        lambda octets: base64.urlsafe_b64encode(octets).decode().rstrip("="),
        lambda text: base64.urlsafe_b64decode(text + "="),
    ),
]


@dataclass(frozen=True)
class Spot:
    """Where a text stands in a message: in the nth field, or else in the target or the body."""

    where: int | str
    start: int
    end: int


@dataclass(frozen=True)
class Honest:
    """A message that the scheme's party would send, at `now`. `more`: characters of a query."""

    scheme: Scheme
    now: int = NOW
    body: bytes | None = None
    more: int = 0
    target: str = "/orders"
    key: bytes = KEY
    param: str = "doc-1"

    @property
    def unsigned(self) -> Message:
        form = self.scheme.body_form
        bare = "body-not-covered" in self.scheme.weaknesses() and not self.scheme.members
        body = b"" if bare else self.usual_body if self.body is None else self.body
        fields = [("Host", HOST), ("Content-Type", _KINDS.get(form or "", "application/json"))]
        target = f"{self.target}?{'a' * self.more}" if self.more else self.target
        return Message("POST", target, fields, body, dict.fromkeys(self.scheme.params, self.param))

    @property
    def usual_body(self) -> bytes:
        kind = "form" if self.scheme.body_form == "form" else "json"
        return _BODIES.get(self.scheme.name, _BODIES[kind])

    @property
    def key_id(self) -> str | None:
        return KEY_ID if self.scheme.names_key else None

    @cached_property
    def message(self) -> Message:
        return self.signed(self.key, self.now)

    def signed(self, key: bytes, created: int) -> Message:
        unsigned, octets = self.unsigned, Key(key, published_ok=True)
        added, target, body = self.scheme.sign_whole(_with_origin(unsigned), octets, self.key_id, created, NONCE)
        return replace(
            unsigned,
            target=target or unsigned.target,
            headers=[*unsigned.headers, *added],
            body=unsigned.body if body is None else body,
        )

    def verifier(self, replay: str | None = "off") -> Verifier:
        key = Key(FORMS[self.scheme.key_form](self.key), form=self.scheme.key_form, published_ok=True)
        keys = KeyRing({self.key_id: key} if self.key_id else key)
        return Verifier(self.scheme, keys=keys, origin=ORIGIN, clock=lambda: self.now, replay=replay)

    @property
    def uncovered(self) -> frozenset[str]:
        """Where a scheme of a party covers no body that it sends, the route has to take that."""
        lacks_body = "body-not-covered" in self.scheme.weaknesses() and self.scheme.members
        return frozenset({"body"} if lacks_body else ())

    @cached_property
    def signature(self) -> Spot:
        """What another key changes. Keys enough that no character is the same by chance in all of them."""
        others = [
            texts_of(self.signed(b"another key of thirty-two octets" + bytes([nth]), self.now)) for nth in range(24)
        ]
        (spot,) = [spot for where, text in texts_of(self.message).items() if (spot := _differing(where, text, others))]
        return spot

    @cached_property
    def time(self) -> tuple[str, Spot] | None:
        """How the time is written, and where, if there is one."""
        if "no-time" in self.scheme.weaknesses():
            return None
        for form, write in TIMES.items():
            for where, text in texts_of(self.message).items():
                start = text.find(write(self.now).encode("latin-1"))
                if start >= 0:
                    return form, Spot(where, start, start + len(write(self.now)))
        raise AssertionError(f"{self.scheme.name}: no time is found")

    def resigned(self, text: bytes) -> Message:
        """With this for a time, under a signature that is right for it."""
        assert self.time is not None
        form, spot = self.time
        if form == "amz-date":
            return self._resigned_with_a_derived_key(spot, text)
        honest = TIMES[form](self.now).encode()
        base = self.base
        assert text_at(self.message, self.signature) == self._written(base), "or the rest would be no signature"
        return put(self.message, (self.signature, self._written(base.replace(honest, text))), (spot, text))

    @property
    def base(self) -> bytes:
        """What is signed."""
        return self.scheme.signature_base(_with_origin(self.unsigned), self.key_id, self.now, NONCE)

    def _resigned_with_a_derived_key(self, spot: Spot, text: bytes) -> Message:
        """AWS Signature Version 4, whose key is of the day, and whose base has the time in it twice."""
        message = put(self.message, (spot, text))
        authorization = field_of(self.message, "Authorization")
        scope, names = re.findall(r"Credential=[^/]*/([^,]*), ?SignedHeaders=([^,]*),", authorization)[0]
        day = text[:8].decode("latin-1")
        message = with_field(message, "Authorization", authorization.replace(scope[:8], day, 1))
        scope = day + scope[8:]
        digest = hashlib.sha256(message.body).hexdigest()
        try:
            request = aws_sigv4.canonical_request(message, names.split(";"), digest, s3=False)
        except Refused:
            return message  # a field that is no ASCII has no signature at all
        base = aws_sigv4.signature_base(text.decode("latin-1"), scope, request)
        signature = mac(aws_sigv4.derived(self.key, scope), base).hex()
        signed = field_of(message, "Authorization").rpartition("=")[0] + "=" + signature
        return with_field(message, "Authorization", signed)

    def _written(self, base: bytes) -> bytes:
        write, _ = self.encoding
        key = self.key if self.scheme.longest is None else link_key(self.key, self.scheme.name)
        return write(mac(key, base, self.scheme.hash)).encode()

    @cached_property
    def encoding(self) -> tuple[Callable[[bytes], str], Callable[[str], bytes]]:
        text = text_at(self.message, self.signature).decode()
        for write, read in _ENCODINGS:
            try:
                if write(read(text)) == text:
                    return write, read
            except ValueError:
                continue
        raise AssertionError(f"{self.scheme.name}: {text} is in no known encoding")


def _with_origin(message: Message) -> Request:
    return Request(
        message.method, message.target, list(message.headers), message.body, origin=ORIGIN, params=message.params
    )


def request_of(message: Message) -> Request:
    """As it was received; `Message` has text for each octet of a field."""
    return as_request(message)


def texts_of(message: Message) -> dict[int | str, bytes]:
    fields = {nth: value.encode("latin-1") for nth, (_, value) in enumerate(message.headers)}
    return {**fields, "target": message.target.encode("latin-1"), "body": message.body}


def _differing(where: int | str, text: bytes, others: list[dict[int | str, bytes]]) -> Spot | None:
    differs = [
        nth for nth in range(len(text)) if any(other[where][nth : nth + 1] != text[nth : nth + 1] for other in others)
    ]
    if not differs:
        return None
    end = differs[-1] + 1
    while text[end : end + 1] == b"=":  # the padding is the same for all
        end += 1
    return Spot(where, differs[0], end)


def as_large(honest: Honest, message: Message) -> Message:
    """The honest message, if its body or its target has to be as large as that of `message`: with a member that nobody
    signs, where the signature is one, or a query of its own, which a link signs."""
    if honest.scheme.longest is not None:
        honest = replace(honest, more=max(0, len(message.target) - len(honest.message.target)))
    body = honest.message.body
    if len(message.body) > len(body):
        body = body.rstrip().removesuffix(b"}") + b',"more":"%s"}' % (b"x" * (len(message.body) - len(body)))
    return replace(honest.message, body=body)


def text_at(message: Message, spot: Spot) -> bytes:
    return texts_of(message)[spot.where][spot.start : spot.end]


def put(message: Message, *texts: tuple[Spot, bytes]) -> Message:
    """With each of these texts in its spot. The last in a place comes first: the others stay where they are."""
    for spot, text in sorted(texts, key=lambda pair: -pair[0].start):
        whole = texts_of(message)[spot.where]
        message = _with(message, spot.where, whole[: spot.start] + text + whole[spot.end :])
    return message


def _with(message: Message, where: int | str, text: bytes) -> Message:
    if where == "body":
        return replace(message, body=text)
    if where == "target":
        return replace(message, target=text.decode("latin-1"))
    fields = [
        (name, text.decode("latin-1") if nth == where else value) for nth, (name, value) in enumerate(message.headers)
    ]
    return replace(message, headers=fields)
