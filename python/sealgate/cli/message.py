"""Reading a plain HTTP/1.1 request message from a file, and writing it back with more fields."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import IO

from sealgate import Request
from sealgate.exceptions import ConfigurationError
from sealgate.verifier import BODY_LIMIT

__all__ = ["Message"]

_HEAD_LIMIT = 64 * 1024
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_Wrong = Callable[[str], ConfigurationError]


@dataclass(frozen=True, slots=True)
class Message:
    """A plain HTTP/1.1 request message (RFC 9112, 2.1). `lines`: request line and field lines, with their ends."""

    name: str
    method: str
    target: bytes
    fields: list[tuple[bytes, bytes]]
    lines: list[bytes]
    end: bytes
    body: bytes

    @classmethod
    def read(cls, file: IO[bytes]) -> Message:
        """Lines end in LF or CR LF; the body is exactly what follows the empty line. Raises `ConfigurationError`."""
        name = str(getattr(file, "name", "-"))  # a stream need not have one
        wrong = partial(_wrong, name)
        lines: list[bytes] = []
        size = 0
        while (line := file.readline(_HEAD_LIMIT + 1 - size)) not in {b"\n", b"\r\n"}:
            size += len(line)
            if size > _HEAD_LIMIT:
                raise wrong("request line and header fields are larger than 64 KiB")
            if not line.endswith(b"\n"):
                raise wrong("no empty line ends the header fields")
            lines.append(line)
        body = file.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            raise wrong("the body is larger than 10 MiB")
        if not lines:
            raise wrong("line 1: expected a request line")
        method, target = _request_line(lines[0], wrong)
        fields = [_field(line, number, wrong) for number, line in enumerate(lines[1:], start=2)]
        for field, value in fields:
            if field.lower() == b"transfer-encoding":
                raise wrong("Transfer-Encoding: write the body as it is, without chunks")
            if field.lower() == b"content-length" and value != b"%d" % len(body):
                raise wrong(f"Content-Length is not {len(body)}, the number of octets after the empty line")
        return cls(name, method, target, fields, lines, line, body)

    def request(self, origin: str | None, params: dict[str, str]) -> Request:
        return Request(self.method, self.target, self.fields, self.body, origin=origin, params=params)

    def added(self, signed: Request) -> list[tuple[str, str]]:
        """The fields that a signed request has and the message has not."""
        given = [(name.lower().decode(), value.decode("latin-1")) for name, value in self.fields]
        return [field for field in signed.headers if field not in given]

    def with_signature(self, added: list[tuple[str, str]], target: str | None, body: bytes | None) -> bytes:
        """The message with these fields, in place of any of the same names, and this target and body if there are."""
        line = (
            self.lines[0]
            if target is None
            else self.lines[0].replace(b" %b " % self.target, b" %b " % target.encode("latin-1"))
        )
        names = {name.lower().encode() for name, _ in added}
        kept = [line for (name, _), line in zip(self.fields, self.lines[1:], strict=True) if name.lower() not in names]
        new = [f"{name}: {value}".encode("latin-1") + self.end for name, value in added]
        return b"".join([line, *kept, *new, self.end, self.body if body is None else body])


def _request_line(line: bytes, wrong: _Wrong) -> tuple[str, bytes]:
    """RFC 9112, 3: method SP request-target SP HTTP-version."""
    parts = line.rstrip(b"\r\n").split(b" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or parts[2] != b"HTTP/1.1":
        raise wrong("line 1: expected `METHOD /target HTTP/1.1`")
    return parts[0].decode(), parts[1]


def _field(line: bytes, number: int, wrong: _Wrong) -> tuple[bytes, bytes]:
    """RFC 9112, 5: no white space before the colon, no folded lines."""
    name, colon, value = line.removesuffix(b"\n").removesuffix(b"\r").partition(b":")
    if not colon or not _TOKEN.fullmatch(name):
        raise wrong(f"line {number}: expected `Name: value`")
    if b"\r" in value or b"\0" in value:
        raise wrong(f"line {number}: a field value has no CR and no NUL")
    return name, value.strip(b" \t")


def _wrong(name: str, message: str) -> ConfigurationError:
    return ConfigurationError(f"{name}: {message}")
