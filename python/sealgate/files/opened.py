"""A file that was opened below a root."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from typing import Any

__all__ = ["OpenFile"]


class OpenFile(io.RawIOBase):
    """A regular file, as long as it was when it was opened: one that grows ends there.

    `name`: its own, without directories. `size`: octets. `modified`: Unix seconds. `etag`: an entity tag (RFC 9110,
    8.8.3), another one for each file and for each change to it.

    One that has become shorter raises `OSError`: an answer whose length has been told may not just end, or the client
    takes the next answer for the rest of it. There is no `fileno`: a server would give it to sendfile(2), which
    neither stops at the size nor tells of an early end.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._position = 0
        self.name = name
        try:
            found = os.fstat(descriptor)
        except BaseException:
            self.close()
            raise
        self.size = found.st_size
        self.modified = found.st_mtime
        # The inode and the change time tell files apart that were copied with their times; hashed, they tell nothing.
        stamp = f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
        self.etag = f'"{hashlib.sha256(stamp.encode()).hexdigest()[:32]}"'

    def __repr__(self) -> str:
        return "<OpenFile>"

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence])
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        chunk = self.read_at(self._position, len(buffer))
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def read_at(self, start: int, size: int) -> bytes:
        """At most `size` octets from `start` on; none only at the end. Raises `OSError` where the file ends before."""
        size = min(size, self.size - start)
        if size <= 0:
            return b""
        with self._lock:  # a thread may read still when the answer is given up, and the descriptor's number is reused
            if self.closed:
                raise ValueError("I/O operation on closed file")
            chunk = os.pread(self._descriptor, size, start)
        if not chunk:
            raise OSError("the file has become shorter while it was read")
        return chunk

    def close(self) -> None:
        with self._lock:
            if not self.closed:
                super().close()
                os.close(self._descriptor)
