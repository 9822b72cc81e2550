"""What each provider asks of a URL, made with the standard library alone, and what it wants to be answered."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from judged import KEY, NOW
from reference import Message
from sealgate import Scheme, Verifier, handshakes, schemes
from sealgate.handshakes import Handshake, MemoryArming

__all__ = ["PROVIDERS", "SECRET", "VERIFY_TOKEN", "Asked", "asana_post", "crc", "hub", "mac", "slack", "twitch", "zoom"]

VERIFY_TOKEN = "a verify token, and a long one".replace(" ", "-")
#: The one in Asana's documentation.
SECRET = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"
PLAIN, JSON = "text/plain; charset=utf-8", "application/json"


@dataclass(frozen=True)
class Asked:
    """`probe`: of one provider. `unsigned`: it bears no signature. `told`: media type, content, further fields."""

    name: str
    scheme: Scheme
    handshake: Callable[[], Handshake]
    probe: Message
    delivery: Message
    told: tuple[str | None, bytes, dict[str, str]]
    unsigned: bool = False

    def verifier(self, now: float = NOW, *, on: bool = True, **settings: Any) -> Verifier:
        """With its handshake, unless it is not `on`."""
        keys = (lambda *_: None) if on and self.name == "asana" else KEY
        handshake = self.handshake() if on else None
        return Verifier(self.scheme, **{"keys": keys, "handshake": handshake, "clock": lambda: now, **settings})

    def __str__(self) -> str:
        return self.name


def mac(octets: bytes, key: bytes = KEY) -> bytes:
    return hmac.digest(key, octets, "sha256")


def zoom(body: bytes | object, key: bytes = KEY, at: int = NOW) -> Message:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = "v0=" + mac(b"v0:%d:%s" % (at, octets), key).hex()
    fields = [("x-zm-request-timestamp", str(at)), ("x-zm-signature", signature), ("Content-Type", JSON)]
    return Message("POST", "/hook", fields, octets)


def slack(body: bytes | object, key: bytes = KEY, at: int = NOW) -> Message:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = "v0=" + mac(b"v0:%d:%s" % (at, octets), key).hex()
    fields = [("X-Slack-Request-Timestamp", str(at)), ("X-Slack-Signature", signature), ("Content-Type", JSON)]
    return Message("POST", "/hook", fields, octets)


def twitch(
    body: bytes | object, kind: str = "webhook_callback_verification", key: bytes = KEY, at: int = NOW
) -> Message:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    time = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    identity = "e76c6bd4-55c9-4987-8304-da1588d8988b"
    fields = {
        "Id": identity,
        "Timestamp": time,
        "Type": kind,
        "Signature": "sha256=" + mac(f"{identity}{time}".encode() + octets, key).hex(),
    }
    named = [(f"Twitch-Eventsub-Message-{name}", value) for name, value in fields.items()]
    return Message("POST", "/hook", [*named, ("Content-Type", JSON)], octets)


def crc(query: str, key: bytes = KEY, method: str = "GET") -> Message:
    """X signs the query as it is sent (`validateSignature(..., url.parse(req.url).query)` in its own autohook)."""
    return Message(method, f"/hook?{query}", [_x_field(query.encode("latin-1"), key)])


def hub(**changes: str) -> Message:
    given = {"mode": "subscribe", "challenge": "1158201444", "verify_token": VERIFY_TOKEN, **changes}
    return Message("GET", "/hook?" + "&".join(f"hub.{name}={value}" for name, value in given.items()))


def asana_post(*secrets: str) -> Message:
    return Message("POST", "/hook", [("X-Hook-Secret", secret) for secret in secrets], b"{}")


def _x_field(octets: bytes, key: bytes = KEY) -> tuple[str, str]:
    return "x-twitter-webhooks-signature", "sha256=" + base64.b64encode(mac(octets, key)).decode()


def _armed() -> Handshake:
    arming = MemoryArming()
    arming.arm(60)
    return handshakes.asana(lambda *_: True, arming=arming)


def _delivered(field: str, prefix: str = "") -> Message:
    body = b'{"events": []}'
    return Message("POST", "/hook", [(field, prefix + mac(body).hex()), ("Content-Type", JSON)], body)


def _providers() -> Iterator[Asked]:
    event: dict[str, Any] = {"event": "endpoint.url_validation", "event_ts": 1654503849680}
    token = "qgg8vlvZRS6UYooatFL8Aw"  # of Zoom's documentation
    yield Asked(
        "zoom",
        schemes.ZOOM,
        lambda: handshakes.ZOOM,
        zoom(event | {"payload": {"plainToken": token}}),
        zoom({"event": "meeting.started", "payload": {"plainToken": token}}),
        (JSON, json.dumps({"plainToken": token, "encryptedToken": mac(token.encode()).hex()}).encode(), {}),
    )
    token = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"  # of Slack's
    yield Asked(
        "slack",
        schemes.SLACK,
        lambda: handshakes.SLACK,
        slack({"token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": token, "type": "url_verification"}),
        slack({"type": "event_callback", "challenge": token}),
        (PLAIN, token.encode(), {}),
    )
    token = "pogchamp-kappa-360noscope-vohiyo"  # of Twitch's
    subscription = {"id": "f1c2a387", "status": "webhook_callback_verification_pending", "type": "channel.follow"}
    yield Asked(
        "twitch",
        schemes.TWITCH,
        lambda: handshakes.TWITCH,
        twitch({"challenge": token, "subscription": subscription}),
        twitch({"event": {"challenge": token}, "subscription": subscription}, "notification"),
        (PLAIN, token.encode(), {}),
    )
    token = "M2RkODJkZmMtYjlkYi00NmQ4LTk0MGUtM2JjYzkwM2Q4MjQ0"
    answer = "sha256=" + base64.b64encode(mac(token.encode())).decode()
    tweet = Message("POST", "/hook", [_x_field(b'{"a": 1}')], b'{"a": 1}')
    yield Asked(
        "x",
        schemes.X,
        lambda: handshakes.X,
        crc(f"crc_token={token}&nonce=MTc2OTUxODI5MjkxNA"),
        tweet,
        (JSON, json.dumps({"response_token": answer}).encode(), {}),
    )
    yield Asked(
        "meta",
        schemes.META,
        lambda: handshakes.meta(VERIFY_TOKEN),
        hub(),
        _delivered("X-Hub-Signature-256", "sha256="),
        (PLAIN, b"1158201444", {}),
        unsigned=True,
    )
    yield Asked(
        "dropbox",
        schemes.DROPBOX,
        lambda: handshakes.DROPBOX,
        Message("GET", "/hook?challenge=abc123"),
        _delivered("X-Dropbox-Signature"),
        (PLAIN, b"abc123", {}),
        unsigned=True,
    )
    yield Asked(
        "asana",
        schemes.ASANA,
        _armed,
        asana_post(SECRET),
        _delivered("X-Hook-Signature"),
        (None, b"", {"x-hook-secret": SECRET}),
        unsigned=True,
    )


PROVIDERS = {asked.name: asked for asked in _providers()}
