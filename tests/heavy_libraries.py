"""The larger of the providers' libraries and we, 200 messages each way: `python tests/heavy_libraries.py [COUNT]`.

They come with the extra `providers`, which the tests do without. Exit code 1 where one does not agree.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import logging
import re
import sys
from typing import Any

import linebot.v3.webhook
import openai
import polar.webhooks
import stream_chat.webhook
import twitchio.web.utils
import workos.webhooks._verification
from hubspot.utils.signature import Signature
from square.utils.webhooks_helper import verify_signature
from starlette.requests import Request as StarletteRequest

from provider_libraries import Exchange, Library, any_octets, disagreements
from reference.providers import plain_delimiters


def _square() -> Library:
    def accepts(it: Exchange) -> bool:
        return verify_signature(
            request_body=it.text,
            signature_header=it.fields["x-square-hmacsha256-signature"],
            signature_key=it.key,
            notification_url=it.url,
        )

    return Library("square", accepts)


def _hubspot() -> Library:
    """It leaves the escapes in the URI to its caller."""

    def signs(it: Exchange) -> dict[str, str]:
        at = str(it.created * 1000)
        signature = Signature.get_signature(it.key, it.text, "v3", plain_delimiters(it.url), it.message.method, at)
        return {"X-HubSpot-Request-Timestamp": at, "X-HubSpot-Signature-v3": signature}

    def accepts(it: Exchange) -> bool:
        signature, at = it.fields["x-hubspot-signature-v3"], it.fields["x-hubspot-request-timestamp"]
        return Signature.is_valid(signature, it.key, it.text, plain_delimiters(it.url), it.message.method, "v3", at)

    return Library("hubspot", accepts, signs)


def _line() -> Library:
    def accepts(it: Exchange) -> Any:
        return linebot.v3.webhook.SignatureValidator(it.key).validate(it.text, it.fields["x-line-signature"])

    return Library("line", accepts)


def _workos() -> Library:
    def accepts(it: Exchange) -> None:
        workos.webhooks._verification.verify_header(
            event_body=it.message.body, event_signature=it.fields["workos-signature"], secret=it.key
        )

    # It does not ask what the members are called.
    return Library("workos", accepts, reads=lambda text: re.sub("(?:^|(?<=, ))[A-Za-z][0-9]?=", "=", text))


def _openai() -> Library:
    def accepts(it: Exchange) -> None:
        client = openai.OpenAI(api_key="none", webhook_secret=it.key)
        client.webhooks.verify_signature(it.message.body, it.fields)

    return Library("openai", accepts)


def _polar(scheme: str) -> Library:
    """It takes a secret for both, the octets that it stands for and its text."""

    def accepts(it: Exchange) -> bool:
        try:
            polar.webhooks.validate_event(it.message.body, it.fields, it.key, frozenset(), lambda event: event)
        except polar.webhooks.PolarWebhookVerificationError:
            return False
        except polar.webhooks.PolarWebhookUnknownTypeError:
            return True
        return False

    def reads(text: str) -> Any:
        return base64.b64decode(text.partition(",")[2]) if text.startswith("v1,") else text

    return Library(scheme, accepts, reads=reads)


def _stream_chat() -> Library:
    def accepts(it: Exchange) -> bool:
        return stream_chat.webhook.verify_signature(it.message.body, it.fields["x-signature"], it.key)

    return Library("stream-chat", accepts, body=any_octets)


def _twitch() -> Library:
    def accepts(it: Exchange) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": it.message.body, "more_body": False}

        fields = [(name.encode(), value.encode()) for name, value in it.fields.items()]
        request = StarletteRequest({"type": "http", "method": "POST", "headers": fields}, receive)
        asyncio.run(twitchio.web.utils.verify_message(request=request, secret=it.key))

    # It does not ask what hash a signature is said to be of.
    return Library("twitch", accepts, reads=lambda text: text.partition("=")[2] or text)


HEAVY = {
    "squareup": _square(),
    "hubspot-api-client": _hubspot(),
    "line-bot-sdk": _line(),
    "workos": _workos(),
    "openai": _openai(),
    "polar-sdk": _polar("polar"),
    "polar-sdk, older secrets": _polar("polar-legacy"),
    "stream-chat": _stream_chat(),
    "twitchio": _twitch(),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=200)
    count = parser.parse_args().count
    logging.disable()  # some tell of each refusal, and nearly all here are to be refused
    found = {name: disagreements(library, count) for name, library in HEAVY.items()}
    for name, lines in found.items():
        print(f"{name}: {count} messages each way, {len(lines)} disagreements", *lines[:5], sep="\n  ")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
