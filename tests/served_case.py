"""A hostile or odd request, and the verdict on it: one for all servers, or listed per server with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from judged import with_field
from reference import Message, Pairs
from served_views import HOST

#: What comes of a request: the view saw what was signed; a status and code of sealgate's; or somebody else's answer.
OK = "200"
MISSING = "401 signature-missing"
MALFORMED = "401 signature-malformed"
INVALID = "401 signature-invalid"
UNCOVERED = "401 component-not-covered"
DIGEST = "401 digest-mismatch"
AMBIGUOUS = "400 target-ambiguous"
UNREADABLE = "400 body-unreadable"
NO_LENGTH = "411 body-unreadable"
SLOW = "408 body-unreadable"
TOO_LARGE = "413 body-too-large"
SERVER = "refused by the server"
CLOSED = "closed by the server"

#: Servers by the start of their names, and applications on them.
WSGI = "gunicorn waitress granian-wsgi runserver"
ASGI = "uvicorn hypercorn granian-asgi"
NO_RAW_TARGET = "granian-wsgi runserver"
#: They hand over a request once its body is complete: nothing of ours runs before.
WHOLE_BODY_FIRST = "waitress uvicorn/django hypercorn/django granian-asgi/django"

Sent = Callable[[Message], bytes]


@dataclass(frozen=True)
class But:
    """Another outcome on some servers. `where`: names such as `gunicorn` or `uvicorn/django`, with blanks between."""

    outcome: str
    where: str
    why: str


def stands(place: str, where: str) -> bool:
    """Whether `where` names `place`."""
    server, _, app = place.partition("/")
    names = [name.partition("/")[::2] for name in where.split()]
    return any(server.startswith(name) and only in {"", app} for name, only in names)


@dataclass(frozen=True)
class Case:
    """`expect`: the outcome, or several with ` | ` between, where what comes first is a matter of chance.

    `signed`: what the client signs, or only sends where `unsigned`; `covers`: fields besides the usual components.
    `sent`: its octets on the wire. `ends`: the client then closes its side. Of `but`, the first that holds counts.
    """

    title: str
    expect: str
    signed: Message
    sent: Sent | None = None
    but: tuple[But, ...] = ()
    covers: tuple[str, ...] = ()
    unsigned: bool = False
    ends: bool = False

    def __str__(self) -> str:
        return self.title

    def expected(self, place: str) -> str:
        return next((but.outcome for but in self.but if stands(place, but.where)), self.expect)

    def wire(self, message: Message) -> bytes:
        return (self.sent or on_wire)(message)


BODY = b'{"total": 1}'
JSON = ("Content-Type", "application/json")
TENANT = ("X-Tenant", "bob")
CHUNKED = "Transfer-Encoding: chunked\r\n"


def get(target: str, *fields: tuple[str, str]) -> Message:
    return Message("GET", target, [("Host", HOST), *fields])


def post(*fields: tuple[str, str], body: bytes = BODY, target: str = "/orders") -> Message:
    return Message("POST", target, [("Host", HOST), JSON, *fields], body)


def on_wire(
    message: Message, *, line: str | None = None, framing: str | None = None, payload: bytes | None = None
) -> bytes:
    """The octets of a request, each character one octet. `framing`: field lines instead of the Content-Length."""
    if framing is None:
        framing = f"Content-Length: {len(message.body)}\r\n" if message.body else ""
    fields = "".join(f"{name}: {value}\r\n" for name, value in message.headers)
    head = f"{line or f'{message.method} {message.target} HTTP/1.1'}\r\n{fields}{framing}\r\n"
    return head.encode("latin-1") + (message.body if payload is None else payload)


def line(text: str) -> Sent:
    """Sent with another request line."""
    return partial(on_wire, line=text)


def framed(framing: str, payload: bytes | None = None) -> Sent:
    """Sent with these field lines for the body, and other octets as the body."""
    return partial(on_wire, framing=framing, payload=payload)


def changed(name: str, value: str | None) -> Sent:
    """Sent with another value of this field, or without it."""
    return lambda message: on_wire(with_field(message, name, value))


def added(*fields: tuple[str, str]) -> Sent:
    """Sent with more fields after the signed ones."""
    return lambda message: on_wire(message.plus(fields))


def preceded(*fields: tuple[str, str]) -> Sent:
    """Sent with more fields before the signed ones."""
    return lambda message: on_wire(_with(message, (*fields, *message.headers)))


def renamed(old: str, new: str) -> Sent:
    """Sent with this field under another name."""
    return lambda message: on_wire(_with(message, [(new if name == old else name, v) for name, v in message.headers]))


def chunks(body: bytes, *, extension: bytes = b"", trailers: bytes = b"") -> bytes:
    """RFC 9112, 7.1, in two chunks."""
    written = [b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in (body[:3], body[3:])]
    return b"".join([*written, b"0\r\n", trailers, b"\r\n"])


def _with(message: Message, fields: Iterable[tuple[str, str]]) -> Message:
    pairs: Pairs = list(fields)
    return Message(message.method, message.target, pairs, message.body)
