"""Keys in files: looked at each second, by content, and swapped whole.

A key id of a request never becomes a path: names are listed when the keys are read. As everywhere in this package, no
frame keeps key material in its local variables when it raises.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sealgate._native import Key, KeyRing
from sealgate.exceptions import ConfigurationError, Unavailable

__all__ = ["LAST_GOOD", "MOST_KEYS", "PERIOD", "Watched"]

#: Seconds from one look to the next.
PERIOD = 1.0
#: Seconds for which keys that can no longer be read stay in use.
LAST_GOOD = 300.0
#: Octets of a file, files of a directory, keys of a key id.
_LONGEST, _MOST_FILES, MOST_KEYS = 1024 * 1024, 1000, 16
_ATTEMPTS = 3
_log = logging.getLogger("sealgate")


class Watched:
    """A key source `(key_id, request)`: the keys of a file or of a directory.

    `file:/path`: a JSON Web Key Set (RFC 7517, 5), or one JSON Web Key. Keys of one `kid` are candidates of one key id:
    all but one of them must have an `exp`. `dir:/path`: one file a key, whose name is the key id; it holds the key as
    text (less one line feed at its end), or as JSON. Names that begin with a dot are somebody else's.

    Deleted or empty: `Unavailable` from the next look on. What cannot be read for another reason leaves the last good
    keys in use for `LAST_GOOD` seconds. `form`: of a key's text, as of `load`. `clock`: seconds that never go back.
    Raises `ConfigurationError` where the keys cannot be read at first.
    """

    def __init__(
        self,
        where: str,
        *,
        hash: str | None = None,
        operations: Sequence[str] = (),
        form: str = "text",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        kind, _, path = where.partition(":")
        if kind not in {"file", "dir"} or not path.startswith("/") or "\0" in path:
            raise ConfigurationError("keys: expected file:/path or dir:/path, and an absolute path")
        self._where = where
        self.path = Path(path)
        self._is_directory = kind == "dir"
        self._hash = hash
        self._operations = list(operations)
        self._form = form
        self._clock = clock
        self._salt = secrets.token_bytes(16)
        self._lock, self._process = threading.Lock(), os.getpid()
        self._has_warned = False
        now = clock()
        self._seen = self._look(_Seen(None, b"", now, None), now)
        if self._seen.ring is None:
            raise ConfigurationError(f"keys: {self._seen.wrong}")

    def __repr__(self) -> str:
        return f"<Watched {self._where!r}>"

    def __call__(self, key_id: str | None, request: object) -> KeyRing:  # noqa: ARG002  as every source is asked
        """All the keys, whichever is asked for. Raises `Unavailable`."""
        return self.ring

    @property
    def ring(self) -> KeyRing:
        """The keys as they are now. Raises `Unavailable`."""
        now, seen = self._clock(), self._seen
        if now >= seen.due:
            seen = self._looked(seen, now)
        if seen.ring is None or now - (seen.due if seen.bad_since is None else seen.bad_since) >= LAST_GOOD:
            raise Unavailable("the keys cannot be read")
        return seen.ring

    def _looked(self, seen: _Seen, now: float) -> _Seen:
        """What there is to see now; one thread looks, and others wait for it only where the last look is long ago."""
        if self._process != os.getpid():  # a lock that was held at the fork would be held for ever
            self._lock, self._process = threading.Lock(), os.getpid()
        if not self._lock.acquire(timeout=0 if now - seen.due < PERIOD else PERIOD):
            return self._seen
        try:
            if now >= self._seen.due:
                self._seen = self._look(self._seen, now)
            return self._seen
        finally:
            self._lock.release()

    def _look(self, last: _Seen, now: float) -> _Seen:
        due = now + PERIOD
        texts: dict[str, bytes] = {}
        try:
            texts = self._read()
            digest = self._digest(texts)
            if digest == last.digest:
                return replace(last, due=due)
            ring = self._ring(texts)
        except (_NoKeys, FileNotFoundError) as error:
            wrong = f"{self._where}: {error if isinstance(error, _NoKeys) else 'no such file or directory'}"
            if last.ring is not None:
                _log.error("keys: %s: nothing is accepted any more", wrong)
            return _Seen(None, b"", due, now, wrong)
        except (ConfigurationError, OSError) as error:
            wrong = f"{self._where}: {_reason(error)}"
            if last.ring is not None and last.bad_since is None:
                _log.error("keys: %s: the keys read before stay in use for %d seconds", wrong, LAST_GOOD)
            return _Seen(last.ring, b"", due, now if last.bad_since is None else last.bad_since, wrong)
        finally:
            texts.clear()
        if last.bad_since is not None:
            _log.warning("keys: %s: read again", self._where)
        return _Seen(ring, digest, due, None)

    def _read(self) -> dict[str, bytes]:
        """Each file's octets, by name; of one moment: where a file changes meanwhile, all are read again."""
        for _ in range(_ATTEMPTS):
            texts: dict[str, bytes] = {}
            try:
                paths = self._paths()
                read = {path: _octets(path, texts) for path in paths}
                if self._paths() == paths and all(_identity(path.stat()) == seen for path, seen in read.items()):
                    self._warn(read)
                    return dict(texts)
            except FileNotFoundError:
                if not self.path.exists():
                    raise
            finally:
                texts.clear()
        raise ConfigurationError("changes while it is read, or names a file that does not exist")

    def _paths(self) -> list[Path]:
        if not self._is_directory:
            return [self.path]
        paths = sorted(path for path in self.path.iterdir() if not path.name.startswith("."))
        if len(paths) > _MOST_FILES:
            raise ConfigurationError(f"more than {_MOST_FILES} files")
        return paths

    def _digest(self, texts: dict[str, bytes]) -> bytes:
        """Salted: it stays in memory as long as the process, and says nothing of the keys."""
        digest = hashlib.sha256(self._salt)
        for name, text in texts.items():
            for part in (os.fsencode(name), text):
                digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    def _ring(self, texts: dict[str, bytes]) -> KeyRing:
        keys: dict[str | None, list[Key]] = {}
        for name in texts:
            for key, key_id in self._keys(name, texts):
                keys.setdefault(key_id, []).append(key)
        if not keys:
            raise _NoKeys("no key")
        anonymous = keys.pop(None, None)
        if anonymous is not None:
            return KeyRing(anonymous[0])
        return KeyRing({key_id: _candidates(key_id, several) for key_id, several in keys.items() if key_id is not None})

    def _keys(self, name: str, texts: dict[str, bytes]) -> Iterator[tuple[Key, str | None]]:
        """The keys of one file, with their key ids."""
        if not texts[name].strip():
            raise _NoKeys(f"{name!a}: empty")
        if self._is_directory and not texts[name].lstrip().startswith(b"{"):
            if texts[name].startswith(b"\xef\xbb\xbf"):
                raise ConfigurationError(f"{name!a}: begins with a byte order mark")
            try:
                yield Key(texts[name].removesuffix(b"\n"), form=self._form), name
            except ConfigurationError as error:
                raise ConfigurationError(f"{name!a}: {error}") from None
            return
        try:
            named = Key.from_jwks(texts[name], hash=self._hash, operations=self._operations)
            if not self._is_directory and any(key_id is None for _, key_id in named):
                Key.from_jwk(texts[name])  # one key may go without: a set's may not
        except ConfigurationError as error:
            raise ConfigurationError(f"{name!a}: {error}") from None
        for key, key_id in named:
            if self._is_directory and key_id not in {None, name}:
                raise ConfigurationError(f"{name!a}: a kid that is not the file's name")
            yield key, name if self._is_directory else key_id

    def _warn(self, read: dict[Path, _Identity]) -> None:
        open_to_all = [path.name for path, seen in read.items() if seen[-1] & (stat.S_IRGRP | stat.S_IROTH)]
        if open_to_all and not self._has_warned:
            self._has_warned = True
            _log.warning("keys: %s: readable by group or others: %s", self._where, ", ".join(map(ascii, open_to_all)))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the last look gave. `due`: when to look again; `bad_since`: when it was first found unreadable."""

    ring: KeyRing | None
    digest: bytes
    due: float
    bad_since: float | None
    wrong: str | None = None


class _NoKeys(ConfigurationError):
    """There is a file, and no key in it: the keys were taken away, which is no accident of writing."""


#: Device, inode, size, time of the last change, mode.
_Identity = tuple[int, int, int, int, int]


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode


def _octets(path: Path, into: dict[str, bytes]) -> _Identity:
    """Reads a file, and says what it was before. Never waits for the writer of a FIFO, and takes no device."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ConfigurationError(f"{path.name!a}: not a regular file")
        if before.st_size > _LONGEST:
            raise ConfigurationError(f"{path.name!a}: over 1 MiB")
        with open(descriptor, "rb", closefd=False) as file:
            into[path.name] = file.read(_LONGEST)
    finally:
        os.close(descriptor)
    return _identity(before)


def _candidates(key_id: str, keys: list[Key]) -> list[Key]:
    """RFC 7517, 4.5: keys of one `kid` are alternatives; here one key and those that it takes the place of."""
    if len(keys) > MOST_KEYS:
        raise ConfigurationError(f"more than {MOST_KEYS} keys of the key id {key_id!r}")
    if sum(key.not_after is None for key in keys) > 1:
        raise ConfigurationError(f"several keys of the key id {key_id!r} have no exp: which is the old one?")
    return keys


def _reason(error: ConfigurationError | OSError) -> str:
    if isinstance(error, OSError):
        return f"cannot be read: {errno.errorcode.get(error.errno or 0, 'unknown error')}"
    return str(error)
