"""A file on a local disk, for the processes of one host: SQLite with a write-ahead log."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import random
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from sealgate.exceptions import ConfigurationError, Unavailable
from sealgate.replay.store import SLICE, Seen, check_key, ended

__all__ = ["SQLiteStore"]

#: Seconds that one `add` waits for other threads and processes; that the end of a delivery does, and the first opening.
_PATIENCE, _ENDING, _OPENING = 0.25, 2.0, 5.0
#: Rows that one `add` deletes at most, of those that have ended.
_STEP = 32
_CAPACITY = 10_000_000
_DURABLE = ("NORMAL", "FULL")
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs"})
_log = logging.getLogger("sealgate")
_T = TypeVar("_T")
_Ask = Callable[..., sqlite3.Cursor]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (key BLOB PRIMARY KEY, slice INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_by_slice ON seen (slice);
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER, slice INTEGER, floor INTEGER);
INSERT INTO state VALUES (1, 0, 0, -9223372036854775808) ON CONFLICT DO NOTHING;
"""


class SQLiteStore:
    """Replay keys in the file at `path`, which is absolute and on a local disk.

    `capacity`: keys; a full store refuses. `synchronous`: `NORMAL` outlives the end of every process, but after a loss
    of power the last accepted messages may be accepted once more; `FULL` syncs each of them to the disk before it is
    accepted. `clock`: Unix seconds.

    One connection, since SQLite has one writer a file; it is closed before a fork and opened anew on both sides of it,
    since the locks of a file do not survive one (sqlite.org/howtocorrupt.html, 2.6). Several stores of one process may
    have the same file.

    Raises `ConfigurationError` where the file cannot be used, and `Unavailable` or `sqlite3.Error` later.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        capacity: int = _CAPACITY,
        synchronous: str = "NORMAL",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = os.fspath(path)
        if not Path(self._path).is_absolute() or "\0" in self._path or ":memory:" in self._path:
            raise ConfigurationError("replay: SQLite needs the absolute path of a file: sqlite:///run/replay.db")
        if synchronous not in _DURABLE:
            raise ConfigurationError("replay: synchronous is NORMAL or FULL")
        if type(capacity) is not int or not 0 <= capacity < 2**40:
            raise ConfigurationError("replay: capacity is a whole number of keys")
        if (kind := _file_system(self._path)) in _REMOTE:
            raise ConfigurationError(f"replay: SQLite needs a local disk, this path is on {kind}")
        self.synchronous = synchronous
        self._capacity = capacity
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        try:
            self._open(_OPENING).close()
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"replay: the SQLite file cannot be used: {error}") from None
        _stores.add(self)

    @classmethod
    def from_url(cls, url: str, *, clock: Callable[[], float] = time.time) -> SQLiteStore:
        """`sqlite:///absolute/path`, with `?synchronous=FULL` and `?capacity=...`."""
        parts = urlsplit(url)
        if not url.startswith("sqlite:///") or parts.fragment:
            raise ConfigurationError("replay: SQLite needs the absolute path of a file: sqlite:///run/replay.db")
        settings = dict(parse_qsl(parts.query, keep_blank_values=True))
        capacity = settings.pop("capacity", str(_CAPACITY))
        synchronous = settings.pop("synchronous", "NORMAL").upper()
        if settings or not (capacity.isascii() and capacity.isdigit() and len(capacity) < 13):
            raise ConfigurationError("replay: SQLite takes ?synchronous=NORMAL|FULL and ?capacity=keys")
        return cls(unquote(parts.path), capacity=int(capacity), synchronous=synchronous, clock=clock)

    def __repr__(self) -> str:
        return f"<SQLiteStore {self._path} synchronous={self.synchronous}>"

    def add(self, key: bytes, expires: int, /) -> bool:
        return self._insert(key, expires, "spent") == "new"

    async def aadd(self, key: bytes, expires: int, /) -> bool:
        """In a thread: a disk may be slow, and the event loop is not to wait for it."""
        return await asyncio.to_thread(self.add, key, expires)

    def begin(self, key: bytes, expires: int, /) -> Seen:
        return self._insert(key, expires, "begun")

    async def abegin(self, key: bytes, expires: int, /) -> Seen:
        """As `aadd`, and so on."""
        return await asyncio.to_thread(self.begin, key, expires)

    def finish(self, key: bytes, _expires: int, done: bool, /) -> None:
        check_key(key)
        state = "done" if done else "spent"
        self._end(lambda ask: ask("UPDATE seen SET state = ? WHERE key = ?", (state, key)))

    async def afinish(self, key: bytes, expires: int, done: bool, /) -> None:
        await asyncio.to_thread(self.finish, key, expires, done)

    def release(self, key: bytes, _expires: int, /) -> None:
        check_key(key)

        def steps(ask: _Ask) -> None:
            gone = ask("DELETE FROM seen WHERE key = ?", (key,)).rowcount
            ask("UPDATE state SET size = size - ?", (gone,))

        self._end(steps)

    async def arelease(self, key: bytes, expires: int, /) -> None:
        await asyncio.to_thread(self.release, key, expires)

    def __len__(self) -> int:
        """Keys in the file, some of which may have ended."""
        with self._lock:
            size: int = self._connected().execute("SELECT size FROM state").fetchone()[0]
        return size

    def close(self) -> None:
        """Closes the file; the next `add` opens it again."""
        with self._lock:
            self._disconnect()

    def __del__(self) -> None:
        if getattr(self, "_connection", None) is not None:  # half-made, where its file was refused
            self._disconnect()

    def _insert(self, key: bytes, expires: int, state: Seen) -> Seen:
        """The same steps as in the native set."""
        now = int(self._clock())
        over = ended(key, expires, now)

        def steps(ask: _Ask) -> Seen:
            before = size, current, floor = ask("SELECT size, slice, floor FROM state").fetchone()
            if current != now // SLICE:
                current = now // SLICE
                last = ask("SELECT max(slice) FROM seen WHERE slice < ?", (current,)).fetchone()[0]
                if last is not None:
                    floor = max(floor, (last + 1) * SLICE - 1)
            if floor >= 0:
                ends = "SELECT key FROM seen WHERE slice <= ? ORDER BY slice LIMIT ?"
                size -= ask(f"DELETE FROM seen WHERE key IN ({ends})", (floor // SLICE, _STEP)).rowcount  # noqa: S608
            known: Seen = "spent"
            if not over and expires > floor:
                row = (key, expires // SLICE, state)
                if ask("INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row).rowcount == 1:
                    known = "new"
                    if size >= self._capacity:
                        raise Unavailable("the replay file is full")
                else:
                    known = ask("SELECT state FROM seen WHERE key = ?", (key,)).fetchone()[0]
            after = (size + (known == "new"), current, floor)
            if after != before:
                ask("UPDATE state SET size = ?, slice = ?, floor = ?", after)
            return known

        return self._write(steps)

    def _end(self, steps: Callable[[_Ask], object]) -> None:
        """As `_write`, and with more patience: nobody comes back to say it again."""
        end = time.monotonic() + _ENDING
        while True:
            try:
                self._write(steps)
            except (Unavailable, sqlite3.OperationalError):
                if time.monotonic() > end:
                    raise
                time.sleep(random.uniform(0.005, 0.03))  # noqa: S311  as in `_open`
            else:
                return

    def _write(self, steps: Callable[[_Ask], _T]) -> _T:
        """Takes the steps as one transaction of one writer."""
        if not self._lock.acquire(timeout=_PATIENCE):
            raise Unavailable("the replay file is busy")
        try:
            ask = self._connected().execute
            ask("BEGIN IMMEDIATE")
            try:
                result = steps(ask)
                ask("COMMIT")
            except BaseException:
                if self._connection is not None and self._connection.in_transaction:
                    ask("ROLLBACK")
                raise
        except sqlite3.Error:
            self._disconnect()  # the next one opens it anew, whatever was wrong with this connection
            raise
        finally:
            self._lock.release()
        return result

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != _identity(self._path):
            _log.error("the replay file was replaced or deleted: what it knew is forgotten")
            self._disconnect()
        if self._connection is None:
            self._connection = self._open(_PATIENCE)
            self._file = _identity(self._path)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self, patience: float) -> sqlite3.Connection:
        _make(self._path)
        end = time.monotonic() + patience
        connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        while True:
            try:
                # Several processes that make the file at once are told "locked" without any patience.
                if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                    if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
                        raise sqlite3.NotSupportedError("this file system has no write-ahead log")
                    connection.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
                elif connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone() is None:
                    connection.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
                connection.execute(f"PRAGMA synchronous = {self.synchronous}")
                connection.execute("SELECT size, slice, floor FROM state").fetchone()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    connection.close()
                    raise
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                time.sleep(random.uniform(0.005, 0.03))  # noqa: S311  so that they do not try again together
            except BaseException:
                connection.close()
                raise
            else:
                return connection


def _make(path: str) -> None:
    """A file that nobody else may read, where there is none. Raises `OSError` for what cannot be one.

    What is there is not opened here: its close would cancel every lock that this process has on it, those of other
    stores too (sqlite.org/howtocorrupt.html, 2.2), and whoever opened it next would take the log that they write for
    nobody's, and delete it.
    """
    with _making:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            if not stat.S_ISREG(os.stat(path).st_mode) or not os.access(path, os.R_OK | os.W_OK):  # noqa: PTH116
                raise PermissionError(errno.EACCES, "not a file that can be read and written") from None


def _identity(path: str) -> tuple[int, int]:
    """Which file that is; one that is gone is none."""
    try:
        status = os.stat(path)  # noqa: PTH116  a microsecond, on each request
    except FileNotFoundError:
        return 0, 0
    return status.st_dev, status.st_ino


def _file_system(path: str) -> str | None:
    """Its type, where the system says."""
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    best: tuple[str, str | None] = ("", None)
    for line in mounts:
        place, kind = line.split(" ")[1:3]
        place = place.replace("\\040", " ")
        inside = real == place or real.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best[0]):
            best = (place, kind)
    return best[1]


_stores: weakref.WeakSet[SQLiteStore] = weakref.WeakSet()
_forking = threading.Lock()
_making = threading.Lock()
_held: list[SQLiteStore] = []


def _before_fork() -> None:
    _forking.acquire()
    for store in list(_stores):
        store._lock.acquire()
        _held.append(store)
        store._disconnect()
    _making.acquire()


def _after_fork() -> None:
    _making.release()
    while _held:
        _held.pop()._lock.release()
    _forking.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
