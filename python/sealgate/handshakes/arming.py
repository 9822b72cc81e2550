"""Whether a key that comes in a message may be stored: once, and for a time, after an operator has said so."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from sealgate.exceptions import ConfigurationError

__all__ = ["Arming", "FileArming", "MemoryArming"]

#: Seconds: an operator waits for it, and whoever comes first while it lasts is believed.
_LONGEST = 3600


class Arming(Protocol):
    """`take`, also a coroutine: True once after each arming, before its end; False otherwise."""

    def take(self) -> bool | Awaitable[bool]: ...


class MemoryArming:
    """In this process, and so where there is one worker. `clock`: seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: float | None = None

    def arm(self, seconds: float) -> None:
        """From now on, for so long, 3600 at most. An earlier arming ends. Raises `ConfigurationError`."""
        until = self._clock() + _checked(seconds)
        with self._lock:
            self._until = until

    def disarm(self) -> None:
        with self._lock:
            self._until = None

    def take(self) -> bool:
        with self._lock:
            until, self._until = self._until, None
        return until is not None and self._clock() < until


class FileArming:
    """By a file, for all processes of one host: there while it is armed.

    `path`: absolute, of a file that does not exist, in a directory to which operators and workers may write, and nobody
    else: who can make the file can arm. `clock`: Unix seconds.
    """

    def __init__(self, path: str | os.PathLike[str], clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        if not self.path.is_absolute():
            raise ConfigurationError("path: expected an absolute path")
        self._clock = clock

    def arm(self, seconds: float) -> None:
        """As of `MemoryArming`. Raises `OSError` where the file cannot be made."""
        until = self._clock() + _checked(seconds)
        aside = self._aside()
        with os.fdopen(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o660), "w") as file:
            file.write(repr(until))
        aside.replace(self.path)

    def disarm(self) -> None:
        self.path.unlink(missing_ok=True)

    def take(self) -> bool:
        """Of all that try to move the file away, one can. Raises `OSError` where the directory cannot be written."""
        aside = self._aside()
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return False
        try:
            return self._clock() < float(aside.read_text())
        finally:
            aside.unlink()

    def _aside(self) -> Path:
        return self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")


def _checked(seconds: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST:
        raise ConfigurationError(f"seconds: expected a number above 0, and {_LONGEST} at most")
    return seconds
