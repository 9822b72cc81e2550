"""HTTP/2 in place of HTTP/1.1: the same octets are written, and sent as one stream, where they have such a form."""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from served_socket import Answer, Connection

#: Fields of one connection, which HTTP/2 does not have (RFC 9113, 8.2.2), and which we use for framing.
_FRAMING = (b"connection", b"transfer-encoding")


class Inexpressible(Exception):
    """What is odd in these octets is a matter of HTTP/1.1."""


class Stream(Connection):
    """A connection of which each request is the only stream."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        settings = H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._state = H2Connection(settings)
        self._events: list[Event] = []

    def write(self, octets: bytes) -> None:
        fields, body = _parsed(octets)
        self._state.initiate_connection()
        self._state.send_headers(1, fields, end_stream=not body)
        self._send()
        while body and not self._over():
            room = min(self._state.local_flow_control_window(1), self._state.max_outbound_frame_size)
            if not room:
                self._receive()
                continue
            self._state.send_data(1, body[:room], end_stream=len(body) <= room)
            body = body[room:]
            self._send()

    def end(self) -> None:
        self._connection.end()

    def answered(self, seconds: float) -> bool:
        return bool(self._events) or self._connection.answered(seconds)

    def answer(self, method: str = "GET") -> Answer | None:
        while not self._over():
            self._receive()
        fields: dict[bytes, bytes] = {}
        content = b""
        for event in self._events:
            if isinstance(event, ResponseReceived):
                fields = dict(event.headers or ())
            elif isinstance(event, DataReceived):
                content += event.data or b""
        if b":status" not in fields:
            return None
        named = {name.decode(): value.decode("latin-1") for name, value in fields.items()}
        return Answer(int(fields[b":status"]), named, content)

    def _over(self) -> bool:
        return any(isinstance(event, StreamEnded | StreamReset | ConnectionTerminated) for event in self._events)

    def _send(self) -> None:
        self._connection.send(self._state.data_to_send())

    def _receive(self) -> None:
        octets = self._connection.received()
        if not octets:
            self._events.append(ConnectionTerminated())
            return
        try:
            events = self._state.receive_data(octets)
        except ProtocolError:
            events = [ConnectionTerminated()]
        for event in events:
            if isinstance(event, DataReceived):
                self._state.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 1)
        self._events += events
        self._send()


def _parsed(octets: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    head, end, body = octets.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    words = line.split(b" ")
    if not end or len(words) != 3 or words[2] != b"HTTP/1.1":
        raise Inexpressible
    fields, authority, framing = [], b"", {}
    for field in lines:
        name, colon, value = field.partition(b":")
        if not colon or name != name.strip() or field[:1] in b" \t" or b"\r" in field or b"\n" in field:
            raise Inexpressible
        name, value = name.lower(), value.strip(b" \t")
        if name in {b"content-length", *_FRAMING}:
            if name in framing:
                raise Inexpressible
            framing[name] = value
        if name == b"host" and not authority:
            authority = value
        elif name not in _FRAMING:
            fields.append((name, value))
    if b"transfer-encoding" in framing:
        body = _unchunked(body, framing)
    elif framing.get(b"content-length", b"0") != b"%d" % len(body):
        raise Inexpressible
    pseudo = [(b":method", words[0]), (b":scheme", b"http"), (b":authority", authority), (b":path", words[1])]
    return [*pseudo, *fields], body


def _unchunked(octets: bytes, framing: dict[bytes, bytes]) -> bytes:
    """Only where nothing about the chunks is odd: otherwise it is about them."""
    body, rest = b"", octets
    if b"content-length" in framing or framing[b"transfer-encoding"] != b"chunked":
        raise Inexpressible
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if not size.isalnum() or len(size) > 7:
            raise Inexpressible
        try:
            length = int(size, 16)
        except ValueError:
            raise Inexpressible from None
        if length == 0:
            if rest != b"\r\n":
                raise Inexpressible
            return body
        if rest[length : length + 2] != b"\r\n":
            raise Inexpressible
        body, rest = body + rest[:length], rest[length + 2 :]
