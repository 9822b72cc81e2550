"""A machine on paper: the files that a container with every protection shows, and what one test changes of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from sealgate.posture import System

NOW = 1_900_000_000
#: As `docker run --read-only --cap-drop=ALL --security-opt no-new-privileges --user 1000 --ulimit core=0` shows them.
STATUS = {
    "Name": "python3",
    "PPid": "1",
    "Uid": "1000\t1000\t1000\t1000",
    "Gid": "1000\t1000\t1000\t1000",
    "CapInh": "0000000000000000",
    "CapPrm": "0000000000000000",
    "CapEff": "0000000000000000",
    "CapBnd": "0000000000000000",
    "NoNewPrivs": "1",
    "Seccomp": "2",
}
MOUNTS = [
    "613 498 0:52 / / ro,relatime master:190 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/u,workdir=/w",
    "614 613 0:55 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw",
    "615 613 0:56 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755",
    "618 613 0:58 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro",
    "619 618 0:32 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw",
    "622 613 8:1 /var/lib/docker/containers/4f1a/hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw,discard",
    "623 613 8:1 /var/lib/docker/volumes/uploads/_data /srv/uploads rw,relatime - ext4 /dev/sda1 rw,discard",
    "624 613 8:1 /usr/share/zoneinfo/Europe/Berlin /etc/localtime ro,relatime - ext4 /dev/sda1 rw,discard",
    "625 613 259:3 / /srv/volume rw,relatime - ext4 /dev/nvme1n1 rw",
    "499 614 0:55 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw",
]
FILES = {
    "/.dockerenv": "",
    "/dev/null": "",
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "/proc/1/cmdline": "/usr/bin/python3\0/usr/local/bin/uvicorn\0shop:app\0",
    "/proc/1/comm": "uvicorn\n",
    "/proc/net/dev": "Inter-|   Receive\n face |bytes\n    lo: 0 0\n  eth0: 10 2\n",
    "/proc/self/attr/current": "docker-default (enforce)\n",
    "/proc/self/cgroup": "0::/\n",
    "/proc/self/cmdline": "/usr/bin/python3\0-c\0from multiprocessing.spawn import spawn_main\0",
    "/proc/self/environ": "PATH=/usr/bin\0HOME=/srv\0",
    "/proc/self/limits": "Limit  Soft Limit  Hard Limit  Units\nMax core file size        0                    0         bytes\n",
    "/proc/self/uid_map": "         0          0 4294967295\n",
    "/proc/swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
    "/proc/sys/fs/suid_dumpable": "2\n",
    "/proc/sys/kernel/core_pattern": "core\n",
    "/proc/sys/kernel/osrelease": "6.18.2-generic\n",
    "/proc/sys/kernel/yama/ptrace_scope": "1\n",
    "/run/systemd/timesync/synchronized": "",
    "/usr/bin/python3": "",
}
LINKS = {"/proc/self/ns/pid": "pid:[4026532461]", "/proc/self/ns/net": "net:[4026532464]"}


class Recorded(System):
    """`open_to_us`: paths that the process may read and write. `special`: paths that are sockets or devices."""

    def __init__(
        self,
        root: Path,
        environ: Mapping[str, str],
        now: float,
        open_to_us: Collection[str],
        special: Mapping[str, int],
    ) -> None:
        super().__init__(root, environ, lambda: now)
        self._open_to_us = open_to_us
        self._special = special

    def allows(self, path: str, mode: int) -> bool:
        return path in self._open_to_us

    def found(self, path: str) -> os.stat_result | None:
        if path in self._special:
            return os.stat_result((self._special[path] | stat.S_IRUSR, *[0] * 9))
        return super().found(path)


def recorded(
    root: Path,
    files: Mapping[str, str | None] | None = None,
    *,
    status: Mapping[str, str | None] | None = None,
    mounts: Collection[str] = (),
    links: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    now: float = NOW,
    open_to_us: Collection[str] = (),
    special: Mapping[str, int] | None = None,
) -> Recorded:
    """The machine above with other files; None takes one away. `mounts` come after its own, and cover them."""
    fields = {**STATUS, **(status or {})}
    written: dict[str, str | None] = {
        **FILES,
        "/proc/self/status": "".join(f"{name}:\t{value}\n" for name, value in fields.items() if value is not None),
        "/proc/self/mountinfo": "".join(f"{line}\n" for line in (*MOUNTS, *mounts)),
        **dict.fromkeys(special or {}, ""),
        **(files or {}),
    }
    for path, text in written.items():
        if text is not None:
            place = root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    for path, target in {**LINKS, **(links or {})}.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    return Recorded(root, environ or {"PATH": "/usr/bin", "HOME": "/srv"}, now, open_to_us, special or {})
