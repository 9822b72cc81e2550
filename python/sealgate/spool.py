"""Bodies that are too large for memory: a temporary file, whose digest is made while it comes."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import suppress
from tempfile import TemporaryFile

from sealgate.exceptions import Unavailable

__all__ = ["Kept", "Spooled"]


class Spooled:
    """The body of one request, in a file without a name. `size`: octets.

    `file` is handed to the application, from its start; it is closed once nobody has it any more.
    """

    __slots__ = ("_sha256", "file", "size")

    def __init__(self) -> None:
        try:
            with TemporaryFile(buffering=0) as file:
                self.file: io.BufferedRandom = _File(_Descriptor(os.dup(file.fileno()), "r+b"))
        except OSError as error:
            raise Unavailable("no temporary file for the body") from error
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Raises `Unavailable` where the file system is full."""
        try:
            self.file.write(chunk)
        except OSError as error:
            raise Unavailable("the body could not be written to a temporary file") from error
        self._sha256.update(chunk)
        self.size += len(chunk)

    def digest(self, hash: str) -> bytes:
        """Of all of it, by a hash of hashlib's."""
        if hash == "sha256":
            return self._sha256.digest()
        self.rewind()
        return hashlib.file_digest(self.file, hash).digest()

    def rewind(self) -> io.BufferedRandom:
        """The file, from its start."""
        try:
            self.file.seek(0)
        except OSError as error:  # what was buffered is written first
            raise Unavailable("the body could not be written to a temporary file") from error
        return self.file


class _Descriptor(io.FileIO):
    def __del__(self) -> None:
        self.close()  # without a warning: whoever reads a request's body does not close it


class _File(io.BufferedRandom):
    def __del__(self) -> None:
        with suppress(OSError):  # a full disk: nobody needs the rest of it
            self.close()


class Kept:
    """What was read of a body: in memory, or in a file once it is over `most` octets."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._chunks: list[bytes] = []
        self._size = 0
        self._spooled: Spooled | None = None

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= self._most:
            self._chunks.append(chunk)
            return
        if self._spooled is None:
            self._spooled = Spooled()
            for earlier in self._chunks:
                self._spooled.write(earlier)
            self._chunks = []
        self._spooled.write(chunk)

    def _whole(self) -> bytes | Spooled:
        if self._spooled is not None:
            return self._spooled
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0] if self._chunks else b""
