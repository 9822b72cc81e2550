"""The machine as this process sees it: /proc, the file system, the environment. It reads, and never writes."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from sealgate.posture.check import Unreadable

__all__ = ["Mount", "System"]

_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """A line of mountinfo (proc_pid_mountinfo(5)). `root`: the part of the file system that is mounted, from its root.

    `writable`: whether the mount and its file system are both `rw`.
    """

    root: str
    point: str
    kind: str
    source: str
    writable: bool


class System:
    """`root`: where `/` is; elsewhere for a recorded machine. `environ`: of this process. `clock`: Unix seconds."""

    def __init__(
        self,
        root: Path = Path("/"),
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self.environ = environ
        self.clock = clock

    def text(self, path: str) -> str:
        """The text of a file. Raises `Unreadable`."""
        try:
            return self._at(path).read_bytes().decode(errors="replace")
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror}") from None

    def names(self, path: str) -> list[str]:
        """What is in a directory, sorted. Raises `Unreadable`."""
        try:
            return sorted(entry.name for entry in self._at(path).iterdir())
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror}") from None

    def link(self, path: str) -> str:
        """Where a symbolic link points. Raises `Unreadable`."""
        try:
            return str(self._at(path).readlink())
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror}") from None

    def found(self, path: str) -> os.stat_result | None:
        """What `stat` says, through links; None where there is nothing, or nothing that this process can get at.

        Raises `Unreadable`.
        """
        try:
            return self._at(path).stat()
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror}") from None

    def allows(self, path: str, mode: int) -> bool:
        """Whether this process, by its effective ids, may read or write: access(2), which knows read-only mounts."""
        return os.access(self._at(path), mode, effective_ids=os.access in os.supports_effective_ids)

    def is_at(self, path: str) -> bool:
        """Whether there is something that this process can get at."""
        return os.path.exists(self._at(path))  # noqa: PTH110  Path.exists raises where a directory may not be searched

    def status(self, name: str) -> str:
        """A field of `/proc/self/status` (proc_pid_status(5)). Raises `Unreadable`."""
        for line in self.text("/proc/self/status").splitlines():
            field, _, value = line.partition(":")
            if field == name:
                return value.strip()
        raise Unreadable(f"/proc/self/status has no {name}")

    def number(self, path: str) -> int:
        """A file that is one whole number. Raises `Unreadable`."""
        text = self.text(path).strip()
        if not re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
            raise Unreadable(f"{path}: not a number")
        return int(text)

    def uids(self) -> tuple[int, ...]:
        """Real, effective, saved, of the file system. Raises `Unreadable`."""
        words = self.status("Uid").split()
        if len(words) != 4 or not all(word.isascii() and word.isdigit() for word in words):
            raise Unreadable("/proc/self/status: Uid is not four numbers")
        return tuple(map(int, words))

    def mounts(self) -> list[Mount]:
        """In the order of mountinfo: of two at one point the later covers the earlier. Raises `Unreadable`."""
        return [_mount(line) for line in self.text("/proc/self/mountinfo").splitlines()]

    def mount_of(self, path: str) -> Mount:
        """The mount that holds `path`. Raises `Unreadable`."""
        holding = [mount for mount in self.mounts() if f"{path}/".startswith(f"{mount.point.rstrip('/')}/")]
        if not holding:
            raise Unreadable(f"/proc/self/mountinfo: nothing is mounted for {path}")
        longest = max(len(mount.point) for mount in holding)
        return [mount for mount in holding if len(mount.point) == longest][-1]

    def is_socket(self, path: str) -> bool:
        found = self.found(path)
        return found is not None and stat.S_ISSOCK(found.st_mode)

    def _at(self, path: str) -> Path:
        return self._root / path.lstrip("/")


def _mount(line: str) -> Mount:
    """`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`: options follow the `-`."""
    own, dash, rest = line.partition(" - ")
    fields, later = own.split(" "), rest.split(" ")
    if not dash or len(fields) < 6 or len(later) < 3:
        raise Unreadable("/proc/self/mountinfo: not of the expected form")
    writable = all("ro" not in options.split(",") for options in (fields[5], later[2]))
    root, point, source = (_OCTAL.sub(lambda found: chr(int(found[1], 8)), text) for text in (*fields[3:5], later[1]))
    return Mount(root, point, later[0], source, writable)
