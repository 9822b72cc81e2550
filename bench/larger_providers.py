"""As `providers`, with the larger of the providers' libraries: needs the extra `providers`."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

import polar.webhooks
import stream_chat.webhook
from messages import KEY
from openai import OpenAI
from providers import HOUR, WHSEC, Library, section
from twitchio.web.utils import verify_message


class _Received:
    """A request of Starlette, as far as it is asked: without the work of making one, and of its fields' names."""

    def __init__(self, fields: Mapping[str, str], body: bytes) -> None:
        self.headers = fields
        self._body = body

    async def body(self) -> bytes:
        return self._body


def _answered(waiting: Coroutine[Any, Any, bytes]) -> bool:
    try:
        waiting.send(None)
    except StopIteration:
        return True
    raise AssertionError("it waits for nothing")


_CLIENT = OpenAI(api_key="none", webhook_secret=WHSEC)
LIBRARIES = [
    Library(
        "OPENAI",
        "openai",
        "verify(m, low, tolerance=t)",
        {"verify": _CLIENT.webhooks.verify_signature, "t": HOUR},
        key=WHSEC,
    ),
    # Its `validate_event` parses the body too, and makes an event of it.
    Library(
        "POLAR",
        "polar-sdk",
        "verify(m.decode(), low, k)",
        {"verify": polar.webhooks._verify_signature, "k": WHSEC},
        key=WHSEC,
    ),
    Library(
        "STREAM_CHAT",
        "stream-chat",
        "verify(m, h['X-Signature'], k)",
        {"verify": stream_chat.webhook.verify_signature, "k": KEY},
    ),
    Library(
        "TWITCH",
        "twitchio",
        "answered(verify(request=Received(h, m), secret=k))",
        {"verify": verify_message, "answered": _answered, "Received": _Received, "k": KEY},
    ),
]

SECTIONS = [section(library) for library in LIBRARIES]
