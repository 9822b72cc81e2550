"""A client that sends exactly the bytes it is given, over a real socket."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import select
import socket
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Answer", "Message", "send"]

_SECONDS = 20.0
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it goes on the wire. `fields`: names and values, as octets, so that no library repairs them."""

    method: str
    target: str
    fields: tuple[tuple[str, bytes], ...] = ()
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def has(self, name: str) -> bool:
        return any(known.lower() == name.lower() for known, _ in self.fields)

    def value(self, name: str) -> bytes:
        return next(value for known, value in self.fields if known.lower() == name.lower())

    def digest(self) -> bytes:
        """The body's `Content-Digest` (RFC 9530)."""
        return b"sha-256=:%s:" % base64.b64encode(hashlib.sha256(self.body).digest())

    def with_field(self, name: str, value: bytes | None) -> Message:
        """With the field of this name set to `value` where it stands, or at the end; None takes it away."""
        if not self.has(name):
            return self if value is None else replace(self, fields=(*self.fields, (name, value)))
        changed = ((known, value if known.lower() == name.lower() else old) for known, old in self.fields)
        return replace(self, fields=tuple((known, new) for known, new in changed if new is not None))

    def wire(self) -> bytes:
        framing = (("Content-Length", b"%d" % len(self.body)), ("Connection", b"close"))
        fields = [b"%s: %s\r\n" % (name.encode(), value) for name, value in (*self.fields, *framing)]
        head = f"{self.method} {self.target} HTTP/1.1\r\n".encode()
        return b"".join([head, *fields, b"\r\n", self.body])


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body's JSON object; empty where the body is anything else."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def echoes(self, body: bytes) -> bool:
        """The view says that it was given these very bytes."""
        return bool(self.json().get("sha256") == hashlib.sha256(body).hexdigest())


def send(port: int, wire: bytes, *, seconds: float = _SECONDS) -> Answer:
    """The answer to `wire`, sent to a port of this machine; waits `seconds` for each step.

    Raises `OSError` or `HTTPException` where there is no answer.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _write(connection, wire)
        with http.client.HTTPResponse(connection) as response:
            response.begin()
            return Answer(response.status, response.read())


def _write(connection: socket.socket, wire: bytes) -> None:
    """Sends until all is sent or an answer comes: a server refuses a body that is too large without reading it."""
    rest = memoryview(wire)
    while rest:
        readable, writable, _ = select.select([connection], [connection], [], _SECONDS)
        if readable:
            return
        if not writable:
            raise TimeoutError(f"the server took nothing for {_SECONDS:.0f} s")
        try:
            rest = rest[connection.send(rest[:_PIECE]) :]
        except (BrokenPipeError, ConnectionResetError):
            return  # closed after an early answer, which is read next
