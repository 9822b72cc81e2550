"""What providers sign: an entry each, from their documentation, and the facts that a scheme of theirs has to tell."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from reference.message import (
    Message,
    Pairs,
    Proof,
    Refused,
    Ring,
    base64_octets,
    hex_octets,
    in_window,
    mac,
    match,
    need,
)
from reference.target import authority, refuse_odd_target

MANY = 16


class Said(NamedTuple):
    """What a message says of itself, as text."""

    signatures: Sequence[str]
    time: str = ""
    id: str = ""


class Place(NamedTuple):
    """Where that stands. `holds_many`: signatures by several keys."""

    fields: tuple[str, ...]
    read: Callable[[Message], Said]
    write: Callable[[Said], Pairs]
    holds_many: bool = False


class Encoding(NamedTuple):
    write: Callable[[bytes], str]
    read: Callable[[str], bytes]


HEX = Encoding(bytes.hex, hex_octets)
BASE64 = Encoding(lambda octets: base64.b64encode(octets).decode(), base64_octets)


class Clock(NamedTuple):
    """A time in whole seconds as text; and back, where it is in the window."""

    write: Callable[[int], str]
    read: Callable[[str, float, int], int]


def in_milliseconds(text: str, now: float, max_age: int) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text, re.ASCII):
        raise Refused("milliseconds are one to fifteen digits")
    return near(int(text), now, max_age)


def in_rfc3339(text: str, now: float, max_age: int) -> int:
    """RFC 3339, 5.6, in upper case."""
    form = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))"
    found = re.fullmatch(form, text, re.ASCII)
    if found is None or (found[4] or "") > "23" or (found[5] or "") > "59":
        raise Refused("not RFC 3339")
    try:
        local = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        raise Refused("no such moment") from None
    offset = timedelta(hours=int(found[4] or 0), minutes=int(found[5] or 0))
    seconds = local.timestamp() - offset.total_seconds() * (-1 if found[3] == "-" else 1)
    return near(int(seconds) * 1000 + int((found[2] or "").ljust(3, "0")[:3]), now, max_age)


def near(milliseconds: int, now: float, max_age: int) -> int:
    if abs(now * 1000 - milliseconds) > max_age * 1000:
        raise Refused("outside the window")
    return milliseconds // 1000


SECONDS = Clock(str, in_window)
MILLISECONDS = Clock(lambda created: str(created * 1000), in_milliseconds)
RFC3339 = Clock(lambda created: f"{datetime.fromtimestamp(created, UTC):%Y-%m-%dT%H:%M:%SZ}", in_rfc3339)


@dataclass(frozen=True)
class Provider:
    """`base` is given the message, what it says of itself, and its target URI.

    Facts: `lacks`, `covered` and `max_age` (seconds; None where the provider names none). `key` writes the octets of a
    key as the provider hands it out. `repeats`: the provider's own field may say the same twice.
    """

    place: Place
    encoding: Encoding
    base: Callable[[Message, Said, str], bytes]
    lacks: frozenset[str]
    covered: tuple[str, ...] = ("body",)
    hash: str = "sha256"
    clock: Clock | None = None
    max_age: int | None = None
    key: Callable[[bytes], bytes | str] = bytes
    repeats: bool = False
    empty_body: bool = False

    def sign(self, message: Message, key: bytes, created: int, id: str, origin: str) -> Message:
        return self.sign_by_all(message, [key], created, id, origin)

    def sign_by_all(self, message: Message, keys: Sequence[bytes], created: int, id: str, origin: str) -> Message:
        said = Said((), self.clock.write(created) if self.clock else "", id)
        base = self.base(message, said, target_uri(message, origin))
        signatures = [self.encoding.write(mac(key, base, self.hash)) for key in keys]
        return message.plus(self.place.write(said._replace(signatures=signatures)))

    def judge(self, message: Message, ring: Ring, now: float, origin: str) -> Proof:
        refuse_odd_target(message)
        if "query-not-covered" in self.lacks and message.query:
            raise Refused("a query that is not covered")
        if {"method-not-covered", "target-not-covered"} <= self.lacks and not (message.body or self.empty_body):
            raise Refused("neither method nor path nor body")
        said = self.place.read(message)
        if not 0 < len(said.signatures) <= MANY:
            raise Refused("not one to sixteen signatures")
        created = self.clock.read(said.time, now, self.max_age or 300) if self.clock else None
        base = self.base(message, said, target_uri(message, origin))
        for text in said.signatures:
            try:
                key_id = match(ring, self.encoding.read(text), base, self.hash)
            except Refused:
                continue
            return Proof(key_id, created, once=None if created is None else (key_id, base))
        raise Refused("no signature matches")


def target_uri(message: Message, origin: str) -> str:
    """A bare `?` is no query: servers cannot tell it from none."""
    target = message.target if message.query else message.path
    return f"{origin.partition('://')[0].lower()}://{authority(origin)}{target}"


# --- where a signature stands -----------------------------------------------------------------------------------------


def field(name: str, label: str = "") -> Place:
    """Alone in a field, behind a label."""

    def read(message: Message) -> Said:
        text = need(message, name)
        if not text.startswith(label):
            raise Refused(f"not {label}")
        return Said([text.removeprefix(label)])

    return Place((name,), read, lambda said: [(name, label + said.signatures[0])])


def beside(place: Place, *, time: str = "", id: str = "", ends: str = "", constants: Pairs = ()) -> Place:
    """Beside fields with the time, with an id in which the text that ends it does not occur, and with fixed ones."""

    def read(message: Message) -> Said:
        for name, value in constants:
            if need(message, name) != value:
                raise Refused(f"{name} is not {value}")
        said = place.read(message)
        if time:
            said = said._replace(time=need(message, time))
        if id:
            said = said._replace(id=need(message, id))
        if len(said.id) > 256 or "," in said.id or (ends and ends in said.id):
            raise Refused("not an id")
        return said

    def write(said: Said) -> Pairs:
        own = [(name, value) for name, value in ((id, said.id), (time, said.time)) if name]
        return [*own, *constants, *place.write(said)]

    names = [name for name in (id, time, *(name for name, _ in constants)) if name]
    return Place((*names, *place.fields), read, write, place.holds_many)


def any_of(*names: str) -> Place:
    """In one field at least."""

    def read(message: Message) -> Said:
        found = [need(message, name) for name in names if message.one(name.lower()) is not None]
        if any("," in text for text in found):
            raise Refused("a joined duplicate")
        return Said(found)

    return Place(names, read, lambda said: list(zip(names, said.signatures, strict=False)), len(names) > 1)


def members(name: str, separator: str, signature: str, time: str | None = None, *, blank: str = "") -> Place:
    """One field, in members that may repeat, in any order, unknown ones ignored. `blank`: after a separator."""

    def read(message: Message) -> Said:
        text = need(message, name)
        if separator != "," and "," in text:
            raise Refused("a joined duplicate")
        pairs = [member.strip(" ").partition("=")[::2] for member in text.split(separator)]
        times = {value for key, value in pairs if key == time}
        if len(times) != (time is not None):
            raise Refused("not one time")
        return Said([value for key, value in pairs if key == signature], *times)

    def write(said: Said) -> Pairs:
        pairs = [*([(time, said.time)] if time else []), *((signature, each) for each in said.signatures)]
        return [(name, (separator + blank).join("=".join(pair) for pair in pairs))]

    return Place((name,), read, write, holds_many=True)


def versions(name: str) -> Place:
    """Standard Webhooks: versions and signatures between blanks; those of another version are not looked at."""

    def read(message: Message) -> Said:
        pairs = [member.partition(",")[::2] for member in need(message, name).split(" ")]
        return Said([text for version, text in pairs if version == "v1"])

    def write(said: Said) -> Pairs:
        return [(name, " ".join("v1," + each for each in said.signatures))]

    return Place((name,), read, write, holds_many=True)


# --- the usual forms --------------------------------------------------------------------------------------------------

BODY_ALONE = frozenset({"method-not-covered", "target-not-covered", "query-not-covered", "audience"})


def raw(
    place: Place,
    encoding: Encoding,
    hash: str = "sha256",
    *,
    key: Callable[[bytes], bytes | str] = bytes,
    repeats: bool = False,
) -> Provider:
    """The body as received, and nothing else."""
    lacks = BODY_ALONE | {"no-time"} | ({"sha1"} if hash == "sha1" else set())
    return Provider(place, encoding, lambda message, *_: message.body, lacks, hash=hash, key=key, repeats=repeats)


def stamped(
    place: Place, before: str, max_age: int | None, *, clock: Clock = SECONDS, repeats: bool = False
) -> Provider:
    """A text with the time in it, and the body; lower-case hex."""

    def base(message: Message, said: Said, uri: str) -> bytes:
        return before.replace("TIME", said.time).encode() + message.body

    lacks = BODY_ALONE | {"no-nonce"}
    return Provider(place, HEX, base, lacks, clock=clock, max_age=max_age, repeats=repeats)


def webhooks(prefix: str, key: Callable[[bytes], bytes | str]) -> Provider:
    """Standard Webhooks, 1.0.0, with a symmetric key."""
    return Provider(
        beside(versions(f"{prefix}-signature"), id=f"{prefix}-id", time=f"{prefix}-timestamp", ends="."),
        BASE64,
        lambda message, said, _: f"{said.id}.{said.time}.".encode() + message.body,
        BODY_ALONE | {"no-nonce"},
        clock=SECONDS,
        max_age=300,
        key=key,
    )


def whsec(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def plain_delimiters(uri: str) -> str:
    """developers.hubspot.com, validating requests, v3: these escapes are decoded, and no other."""
    return re.sub("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", lambda escape: chr(int(escape[1], 16)), uri)


PROVIDERS = {
    "adyen-platforms": raw(
        beside(field("HmacSignature"), constants=[("Protocol", "HmacSHA256")]), BASE64, key=bytes.hex
    ),
    "asana": raw(field("X-Hook-Signature"), HEX),
    "bitbucket": raw(field("X-Hub-Signature", "sha256="), HEX),
    "box": Provider(
        beside(
            any_of("Box-Signature-Primary", "Box-Signature-Secondary"),
            time="Box-Delivery-Timestamp",
            constants=[("Box-Signature-Version", "1"), ("Box-Signature-Algorithm", "HmacSHA256")],
        ),
        BASE64,
        lambda message, said, _: message.body + said.time.encode(),
        BODY_ALONE | {"no-nonce", "adjacent-parts"},
        clock=RFC3339,
        max_age=600,
    ),
    "calendly": stamped(members("Calendly-Webhook-Signature", ",", "v1", "t"), "TIME.", 180, repeats=True),
    "clerk": webhooks("svix", whsec),
    "cloudflare-stream": stamped(members("Webhook-Signature", ",", "sig1", "time"), "TIME.", None, repeats=True),
    "docusign": raw(any_of(*(f"X-DocuSign-Signature-{nth}" for nth in range(1, 17))), BASE64),
    "dodo": webhooks("webhook", whsec),
    "dropbox": raw(field("X-Dropbox-Signature"), HEX),
    "gitea": raw(field("X-Gitea-Signature"), HEX),
    "github": raw(field("X-Hub-Signature-256", "sha256="), HEX),
    "gitlab": webhooks("webhook", whsec),
    "hubspot": Provider(
        beside(field("X-HubSpot-Signature-v3"), time="X-HubSpot-Request-Timestamp"),
        BASE64,
        lambda message, said, uri: (
            (message.method + plain_delimiters(uri)).encode() + message.body + said.time.encode()
        ),
        frozenset({"no-nonce", "adjacent-parts", "lossy-transform"}),
        ("@method", "@target-uri", "body"),
        clock=MILLISECONDS,
        max_age=300,
    ),
    "intercom": raw(field("X-Hub-Signature", "sha1="), HEX, "sha1"),
    "launchdarkly": raw(field("X-LD-Signature"), HEX),
    "lemon-squeezy": raw(field("X-Signature"), HEX),
    "line": raw(field("X-Line-Signature"), BASE64),
    "meta": raw(field("X-Hub-Signature-256", "sha256="), HEX),
    "mux": stamped(members("Mux-Signature", ",", "v1", "t"), "TIME.", 300, repeats=True),
    "notion": raw(field("X-Notion-Signature", "sha256="), HEX),
    "openai": webhooks("webhook", whsec),
    "paddle": stamped(members("Paddle-Signature", ";", "h1", "ts"), "TIME:", 5),
    "pagerduty": raw(members("X-PagerDuty-Signature", ",", "v1"), HEX, repeats=True),
    "paystack": raw(field("X-Paystack-Signature"), HEX, "sha512"),
    "polar": webhooks("webhook", whsec),
    "polar-legacy": webhooks("webhook", bytes),
    "razorpay": raw(field("X-Razorpay-Signature"), HEX),
    "replicate": webhooks("webhook", whsec),
    "resend": webhooks("svix", whsec),
    "sentry": raw(field("Sentry-Hook-Signature"), HEX),
    "shopify": raw(field("X-Shopify-Hmac-Sha256"), BASE64),
    "slack": stamped(beside(field("X-Slack-Signature", "v0="), time="X-Slack-Request-Timestamp"), "v0:TIME:", 300),
    "square": Provider(
        field("X-Square-HmacSha256-Signature"),
        BASE64,
        lambda message, _, uri: uri.encode() + message.body,
        frozenset({"no-time", "method-not-covered", "adjacent-parts"}),
        ("@target-uri", "body"),
    ),
    "standard-webhooks": webhooks("webhook", whsec),
    "stream-chat": raw(field("X-Signature"), HEX),
    "stripe": stamped(members("Stripe-Signature", ",", "v1", "t"), "TIME.", 300, repeats=True),
    "svix": webhooks("svix", whsec),
    "trello": Provider(
        field("X-Trello-Webhook"),
        BASE64,
        lambda message, _, uri: message.body + uri.encode(),
        frozenset({"no-time", "method-not-covered", "adjacent-parts", "sha1"}),
        ("body", "@target-uri"),
        "sha1",
    ),
    "twitch": Provider(
        beside(
            field("Twitch-Eventsub-Message-Signature", "sha256="),
            id="Twitch-Eventsub-Message-Id",
            time="Twitch-Eventsub-Message-Timestamp",
        ),
        HEX,
        lambda message, said, _: (said.id + said.time).encode() + message.body,
        BODY_ALONE | {"no-nonce", "adjacent-parts"},
        clock=RFC3339,
        max_age=600,
    ),
    "typeform": raw(field("Typeform-Signature", "sha256="), BASE64),
    "vercel": raw(field("X-Vercel-Signature"), HEX, "sha1"),
    "woocommerce": raw(field("X-WC-Webhook-Signature"), BASE64),
    "workos": stamped(
        members("WorkOS-Signature", ",", "v1", "t", blank=" "), "TIME.", 180, clock=MILLISECONDS, repeats=True
    ),
    "x": raw(field("X-Twitter-Webhooks-Signature", "sha256="), BASE64),
    "xero": raw(field("X-Xero-Signature"), BASE64),
    "zendesk": Provider(
        beside(field("X-Zendesk-Webhook-Signature"), time="X-Zendesk-Webhook-Signature-Timestamp"),
        BASE64,
        lambda message, said, _: said.time.encode() + message.body,
        BODY_ALONE | {"no-nonce"},
        clock=RFC3339,
        max_age=300,
        empty_body=True,
    ),
    "zoom": stamped(beside(field("X-Zm-Signature", "v0="), time="X-Zm-Request-Timestamp"), "v0:TIME:", 300),
}


def sign_github(message: Message, key: bytes) -> Pairs:
    """docs.github.com, validating webhook deliveries."""
    return PROVIDERS["github"].place.write(Said([mac(key, message.body).hex()]))
