"""A client that writes exactly the octets it is given, and reads one answer after another."""

from __future__ import annotations

import json
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

#: Seconds for each step; nothing here waits for them to pass.
_SECONDS = 15.0
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """`fields`: names in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    def __init__(self, connected: socket.socket, stream: BinaryIO) -> None:
        self._socket = connected
        self._stream = stream

    def write(self, octets: bytes) -> None:
        """Until all is written, or an answer comes: a server refuses what is too large without reading it."""
        rest = memoryview(octets)
        while rest:
            readable, writable, _ = select.select([self._socket], [self._socket], [], _SECONDS)
            if readable and len(rest) < len(octets):
                return
            if not writable:
                raise TimeoutError("the server reads nothing")
            try:
                rest = rest[self._socket.send(rest[:_PIECE]) :]
            except (BrokenPipeError, ConnectionResetError):
                return  # closed after an early answer, which is read next

    def end(self) -> None:
        """Nothing more will be written."""
        with suppress(OSError):  # the server may have closed it already
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leaves without a word: whatever the other side writes meets a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def answer(self, method: str = "GET") -> Answer | None:
        """The next answer, also an interim one; None where the connection was closed instead, or octets of no HTTP."""
        try:
            line = self._stream.readline()
            if not line.startswith(b"HTTP/1."):
                return None
            status = int(line.split()[1])
            fields = dict(self._fields())
            return Answer(status, fields, self._body(status, method, fields))
        except ConnectionError:
            return None

    def answered(self, seconds: float) -> bool:
        """Whether something comes within that time."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    def read(self, size: int) -> bytes:
        return self._stream.read(size)

    def send(self, octets: bytes) -> None:
        """As long as it is taken."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(octets)

    def acknowledge_at_once(self) -> None:
        """Of what comes next (tcp(7)): a server that writes an answer in two parts would wait 40 ms in between."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def received(self) -> bytes:
        """What has come, or comes next; nothing where the connection is closed."""
        try:
            return self._socket.recv(_PIECE)
        except ConnectionError:
            return b""

    def frame(self) -> bytes:
        """One message of a websocket, of less than 64 KiB (RFC 6455, 5.2)."""
        _, size = self._stream.read(2)
        return self._stream.read(int.from_bytes(self._stream.read(2)) if size == 126 else size)

    def _fields(self) -> Iterator[tuple[str, str]]:
        while (field := self._stream.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = field.partition(":")
            yield name.lower(), value.strip(" ")

    def _body(self, status: int, method: str, fields: dict[str, str]) -> bytes:
        """RFC 9112, 6.3."""
        if status < 200 or status in {204, 304} or method == "HEAD":
            return b""
        if fields.get("transfer-encoding") == "chunked":
            return b"".join(self._chunks())
        return self._stream.read(int(fields["content-length"]) if "content-length" in fields else -1)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._stream.readline(), 16):
            yield self._stream.read(size)
            self._stream.readline()
        self._stream.readline()


@contextmanager
def connected(port: int, seconds: float = _SECONDS) -> Iterator[Connection]:
    with socket.create_connection(("127.0.0.1", port), seconds) as opened, opened.makefile("rb") as stream:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Connection(opened, stream)
