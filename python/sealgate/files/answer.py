"""What is answered with a file: its fields, and its octets in chunks; the same in every framework.

Frameworks carry it as their own streaming response. What of the file is sent is decided here: of the four, one knows
no ranges, one answers several with 416, one knows no conditions, and none keeps to the order of RFC 9110, 13.2.2.
"""

from __future__ import annotations

import asyncio
import mimetypes
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from sealgate.files.conditions import outcome, range_counts
from sealgate.files.names import disposition
from sealgate.files.opened import OpenFile
from sealgate.files.ranges import asked

__all__ = ["Answer", "AsyncContent", "Content", "answer_of"]

_CHUNK = 64 * 1024
_LATEST = 253_402_300_799  # what formatdate can write
#: What compressed files are: their name tells what is in them, and the coding (RFC 9110, 8.4) would be undone.
_CODINGS = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}
_ANY_TYPE = "application/octet-stream"
_Part = bytes | range
_Headers = list[tuple[str, str]]


class Content:
    """The octets of an answer, in chunks. `close`: the file is closed; at the end it is, too."""

    def __init__(self, file: OpenFile, parts: Sequence[_Part]) -> None:
        self._file = file
        self._parts = parts
        if not parts:
            self.close()

    def __iter__(self) -> Iterator[bytes]:
        try:
            for part in self._parts:
                if isinstance(part, bytes):
                    yield part
                    continue
                at = part.start
                while at < part.stop:
                    chunk = self._file.read_at(at, min(_CHUNK, part.stop - at))
                    at += len(chunk)
                    yield chunk
        finally:
            self.close()

    def close(self) -> None:
        self._file.close()


class AsyncContent:
    """As `Content`, read in threads."""

    def __init__(self, content: Content) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = iter(self._content)
        try:
            while chunk := await asyncio.to_thread(next, chunks, b""):
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        self._content.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """`content`: in chunks, to be closed however it ends."""

    status: int
    headers: _Headers
    content: Content

    @property
    def reason(self) -> str:
        return HTTPStatus(self.status).phrase


def answer_of(
    file: OpenFile,
    method: str,
    field: Callable[[str], str | None],
    name: str,
    cache_control: str,
    now: float,
    *,
    inline: bool,
) -> Answer:
    """As `SignedFiles.answer`. `name`: what the client shall call it."""
    # RFC 9110, 8.8.2.1: no Last-Modified is later than Date.
    modified = int(min(file.modified, now)) if 0 <= file.modified <= _LATEST else None
    headers = [("Cache-Control", cache_control), ("X-Content-Type-Options", "nosniff")]
    validators = [("ETag", file.etag)]
    if modified is not None:
        validators.append(("Last-Modified", formatdate(modified, usegmt=True)))
    reads = method in {"GET", "HEAD"}
    status = outcome(field, file.etag, modified) if reads else HTTPStatus.OK
    if status == HTTPStatus.NOT_MODIFIED:
        return Answer(status, [*headers, *validators], Content(file, ()))
    if status == HTTPStatus.PRECONDITION_FAILED:
        return Answer(status, [*headers, ("Content-Length", "0")], Content(file, ()))
    media_type = _media_type(name)
    headers += [*validators, ("Accept-Ranges", "bytes"), ("Content-Disposition", disposition(name, inline=inline))]
    wanted = field("Range") if method == "GET" else None  # RFC 9110, 14.2: for no other method
    ranges = None
    if wanted is not None and range_counts(field, file.etag, modified, now):
        ranges = asked(wanted, file.size)
    if ranges is None:
        whole: list[_Part] = [range(file.size)] if file.size and method != "HEAD" else []
        sized = [("Content-Type", media_type), ("Content-Length", str(file.size))]
        return Answer(HTTPStatus.OK, headers + sized, Content(file, whole))
    if not ranges:
        refused = [("Content-Range", f"bytes */{file.size}"), ("Content-Length", "0")]
        return Answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers[:2] + refused, Content(file, ()))
    parts, described = _partial(ranges, file.size, media_type)
    length = sum(map(len, parts))
    sized = [*described, ("Content-Length", str(length))]
    return Answer(HTTPStatus.PARTIAL_CONTENT, headers + sized, Content(file, parts))


def _partial(ranges: Sequence[range], size: int, media_type: str) -> tuple[list[_Part], _Headers]:
    """RFC 9110, 15.3.7: one range by itself, several as parts of a multipart (14.6)."""
    places = [f"bytes {each.start}-{each.stop - 1}/{size}" for each in ranges]
    if len(ranges) == 1:
        return [ranges[0]], [("Content-Type", media_type), ("Content-Range", places[0])]
    boundary = secrets.token_hex(16)  # 128 bits, so that no content has it
    parts: list[_Part] = []
    for each, place in zip(ranges, places, strict=True):
        head = f"--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {place}\r\n\r\n"
        parts += [(f"\r\n{head}" if parts else head).encode("ascii"), each]
    parts.append(f"\r\n--{boundary}--\r\n".encode("ascii"))
    return parts, [("Content-Type", f"multipart/byteranges; boundary={boundary}")]


def _media_type(name: str) -> str:
    """By the ending of the name; behind a directory, or `data:` and the like would be read as a URL's scheme."""
    found, coding = mimetypes.guess_type(f"./{name}")
    return (found or _ANY_TYPE) if coding is None else _CODINGS.get(coding, _ANY_TYPE)
