"""What providers ask of a URL before they deliver to it, and what is answered. Off unless a verifier names one.

    zoom = Verifier(schemes.ZOOM, keys=ZOOM_KEY, handshake=handshakes.ZOOM)
    meta = Verifier(schemes.META, keys=APP_SECRET, handshake=handshakes.meta(verify_token=VERIFY_TOKEN))

A probe is answered where a refusal would be, by whichever adapter there is, and is never handed to a view. Where it is
signed, it is verified as any message of that provider first: window, limits and replay hold. What is echoed or signed
is a token of 1 to 64 characters of `A-Za-z0-9_-`: no markup, and no part of a request that could be signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from functools import partial
from urllib.parse import parse_qsl

from sealgate import schemes
from sealgate._native import Request
from sealgate.exceptions import ConfigurationError
from sealgate.handshakes.arming import Arming, FileArming, MemoryArming
from sealgate.handshakes.asana import asana
from sealgate.handshakes.handshake import Handshake, Probe, Sign, Told, document, member

__all__ = [
    "DROPBOX",
    "SLACK",
    "TWITCH",
    "ZOOM",
    "Arming",
    "FileArming",
    "Handshake",
    "MemoryArming",
    "X",
    "asana",
    "meta",
]

_LONGEST_QUERY, _MOST_PARAMETERS = 2048, 16
#: Verify tokens, as keys: long enough to be no word, and one spelling in a URL and in a form.
_VERIFY_TOKEN = re.compile(r"[!-~]{16,256}")
#: "The GET hash is calculated from the query parameter string crc_token=token&nonce=nonce" (X, Account Activity API).
#: All of it, so that no delivery that X has signed, with anybody's text in it, is one.
_CRC = re.compile(rb"crc_token=([A-Za-z0-9_-]{1,64})(?:&nonce=[A-Za-z0-9_-]{1,64})?")


def meta(verify_token: str) -> Handshake:
    """WhatsApp, Instagram, Messenger: an unsigned GET with `hub.mode`, `hub.verify_token` and `hub.challenge`.

    `verify_token`: the text of 16 to 256 printable ASCII characters, without blanks, that Meta was told to send. Raises
    `ConfigurationError`.
    """
    try:
        if not isinstance(verify_token, str) or not _VERIFY_TOKEN.fullmatch(verify_token):
            raise ConfigurationError("verify_token: expected 16 to 256 printable ASCII characters, without blanks")
        if verify_token.startswith(("env:", "file:", "dir:")):
            raise ConfigurationError("verify_token: names a source that is not read here")
        digest = hashlib.sha256(verify_token.encode()).digest()
    finally:
        verify_token = ""  # a traceback shows local variables
    return Handshake("meta", schemes.META, opens="GET", challenge=partial(_hub_challenge, digest))


def _hub_challenge(digest: bytes, request: Request) -> str | None:
    """Compared by its digest, so that not even its length shows in the time that takes."""
    given = _parameters(request.query)
    told = hashlib.sha256(given.get("hub.verify_token", "").encode()).digest()
    if not hmac.compare_digest(digest, told) or given.get("hub.mode") != "subscribe":
        return None
    return given.get("hub.challenge")


def _challenge(request: Request) -> str | None:
    return _parameters(request.query).get("challenge")


def _parameters(query: str) -> Mapping[str, str]:
    """Of a query, those that occur once; none of one that is malformed or long."""
    if len(query) > _LONGEST_QUERY:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return {}
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


def _zoom_answer(token: str, sign: Sign) -> Told:
    answer = {"plainToken": token, "encryptedToken": sign(token.encode()).hex()}
    return json.dumps(answer).encode(), "application/json"


def _crc_answer(token: str, sign: Sign) -> Told:
    answer = {"response_token": "sha256=" + base64.b64encode(sign(token.encode())).decode()}
    return json.dumps(answer).encode(), "application/json"


def _crc(request: Request, body: bytes) -> Probe | None:
    """Of a GET, of which the query stands in the place of the body. X delivers nothing by GET."""
    if request.method != "GET":
        return None
    found = _CRC.fullmatch(body)
    return Probe(found and found[1].decode())


def _eventsub(request: Request, body: bytes) -> Probe | None:
    """The type of a message is not signed, so what its body has decides as well: a notification has no challenge."""
    types = [value for name, value in request.headers if name == "twitch-eventsub-message-type"]
    if types != ["webhook_callback_verification"]:
        return None
    said = document(body)
    return Probe(said.get("challenge") if isinstance(said, dict) else None)


def _query_as_body(request: Request) -> Request | None:
    """A probe as X signs it: by the scheme of its deliveries, the query as it was received for the body."""
    query = request.query.encode("latin-1")
    if request.method != "GET" or not _CRC.fullmatch(query):
        return None
    return Request("GET", "/", request.headers, query)


DROPBOX = Handshake("dropbox", schemes.DROPBOX, opens="GET", challenge=_challenge)

SLACK = Handshake("slack", schemes.SLACK, member("type", "url_verification", "challenge"))

TWITCH = Handshake("twitch", schemes.TWITCH, _eventsub)

X = Handshake("x", schemes.X, _crc, _crc_answer, _query_as_body)

ZOOM = Handshake(
    "zoom", schemes.ZOOM, member("event", "endpoint.url_validation", "payload", "plainToken"), _zoom_answer
)
