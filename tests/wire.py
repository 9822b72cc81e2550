"""A server on loopback that keeps every request as it came over the wire, octet by octet, and answers as it is told."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import BinaryIO

from reference import Message, Pairs


class Answer:
    def __init__(self, status: int = 200, fields: Pairs = (), body: bytes = b"") -> None:
        self.status = status
        self.fields = list(fields)
        self.body = body


def redirect(status: int, location: str) -> Answer:
    return Answer(status, [("Location", location)])


#: Breaks the connection, after the request has been read.
HANG_UP = Answer(0)


class Wire:
    """`requests`: what came. `answers`: for the first ones, in order; 200 afterwards. `connections`: how many."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.requests: list[Message] = []
        self.answers: list[Answer] = []
        self.connections = 0

    def forget(self) -> Wire:
        """As if nothing had come yet."""
        self.requests.clear()
        self.answers.clear()
        self.connections = 0
        return self

    @property
    def only(self) -> Message:
        (message,) = self.requests
        return message

    def take(self, message: Message) -> Answer:
        self.requests.append(message)
        return self.answers.pop(0) if self.answers else Answer()


@contextmanager
def serving() -> Iterator[Wire]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 64

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            wire.connections += 1
            while (message := _read(self.rfile)) is not None:
                answer = wire.take(message)
                if answer is HANG_UP:
                    return
                self.wfile.write(_written(answer, message.method))

    with Server(("127.0.0.1", 0), Handler) as server:
        wire = Wire(f"http://127.0.0.1:{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield wire
        finally:
            server.shutdown()
            thread.join()


def _read(stream: BinaryIO) -> Message | None:
    line = stream.readline().decode("latin-1")
    if not line:
        return None
    method, target, _ = line.split(" ")
    fields = []
    while (field := stream.readline().decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = field.partition(":")
        fields.append((name, value.strip(" ")))
    lower = {name.lower(): value for name, value in fields}
    if lower.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(stream))
    else:
        body = stream.read(int(lower.get("content-length", 0)))
    return Message(method, target, fields, body)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while size := int(stream.readline(), 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()


def _written(answer: Answer, method: str) -> bytes:
    fields = [*answer.fields, ("Content-Length", str(len(answer.body)))]
    head = f"HTTP/1.1 {answer.status} Told\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
    return head.encode("latin-1") + (b"" if method == "HEAD" else answer.body)
