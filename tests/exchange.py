"""One request and its answer, the same over WSGI and over ASGI: what the contract of the adapters is written in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from asgi_client import Event, Server, scope_of
from reference import Message
from wsgi_client import Answer, Input, call, environ_of

__all__ = [
    "BROKEN",
    "CHUNKED",
    "PIECES",
    "TRUNCATED",
    "UNDECLARED",
    "WHOLE",
    "Exchange",
    "Framing",
    "over_asgi",
    "over_wsgi",
]

_RIGHT = "right"


@dataclass(frozen=True)
class Framing:
    """How the body of a request comes.

    `length`: the Content-Length, None for none; the right one if omitted. `coding`: the Transfer-Encoding.
    `piece`: octets that come at once, all if omitted. `lost`: octets of its end that never come. `reset`: the
    connection breaks where the octets end.
    """

    length: str | None = _RIGHT
    coding: str | None = None
    piece: int | None = None
    lost: int = 0
    reset: bool = False

    def length_of(self, body: bytes) -> str | None:
        return (str(len(body)) if body else None) if self.length == _RIGHT else self.length

    def arrived(self, body: bytes) -> bytes:
        return body[: len(body) - self.lost]


WHOLE = Framing()
PIECES = Framing(piece=5)
CHUNKED = Framing(None, "chunked", piece=5)
#: As in HTTP/2, which needs neither.
UNDECLARED = Framing(None)
TRUNCATED = Framing(lost=1)
BROKEN = Framing(piece=5, lost=1, reset=True)


class Exchange(Protocol):
    """Sends `message` to `application` as a server would, and gives the answer; status 0 where there is none.

    `path`: what the server routes on, decoded, where that is not the raw target's. `raw`: whether it hands over the raw
    target at all. `mount`: where it says that the application is mounted.
    """

    def __call__(
        self,
        application: Any,
        message: Message,
        framing: Framing = WHOLE,
        *,
        path: str | None = None,
        raw: bool = True,
        mount: str = "",
    ) -> Answer: ...


def over_wsgi(
    application: Any,
    message: Message,
    framing: Framing = WHOLE,
    *,
    path: str | None = None,
    raw: bool = True,
    mount: str = "",
    terminated: bool = True,
) -> Answer:
    """`terminated`: whether the server says that reading ends where the body does."""
    body = Input(framing.arrived(message.body), framing.piece, reset=framing.reset)
    given = unquote_to_bytes(message.path.encode("latin-1")).decode("latin-1") if path is None else path
    changes = {
        "PATH_INFO": given.removeprefix(mount),
        "SCRIPT_NAME": mount,
        "CONTENT_LENGTH": framing.length_of(message.body),
        "HTTP_TRANSFER_ENCODING": framing.coding,
        "wsgi.input": body,
    }
    if not raw:
        changes["RAW_URI"] = None
    if not terminated:
        changes["wsgi.input_terminated"] = None
    answer = call(application, environ_of(message, **changes))
    return replace(answer, read=body.asked > 0)


def over_asgi(
    application: Any,
    message: Message,
    framing: Framing = WHOLE,
    *,
    path: str | None = None,
    raw: bool = True,
    mount: str = "",
) -> Answer:
    length = framing.length_of(message.body)
    framed = [("Content-Length", length), ("Transfer-Encoding", framing.coding)]
    scope = scope_of(message.plus([(name, value) for name, value in framed if value is not None]), root_path=mount)
    if path is not None:
        scope["path"] = path
    if not raw:
        del scope["raw_path"]
    server = Server(_events(message.body, framing))
    try:
        asyncio.run(asyncio.wait_for(application(scope, server.receive, server.send), 20))
    except Exception:
        if not server.sent:  # else it is for the server's log: the framework has answered 500
            raise
    return _answer(server)


def _events(body: bytes, framing: Framing) -> list[Event]:
    arrived = framing.arrived(body)
    piece = framing.piece or len(arrived) or 1
    pieces = [arrived[at : at + piece] for at in range(0, len(arrived), piece)] or [b""]
    events: list[Event] = [{"type": "http.request", "body": each, "more_body": True} for each in pieces]
    if framing.lost or framing.reset:
        return [*events, {"type": "http.disconnect"}]
    events[-1]["more_body"] = False
    return events


def _answer(server: Server) -> Answer:
    if not server.sent:
        return Answer(0, (), b"", read=server.asked > 0)
    start, *bodies = server.sent
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"])
    return Answer(start["status"], headers, b"".join(each.get("body", b"") for each in bodies), read=server.asked > 0)
