"""What leads out of a container: the runtime's sockets, paths and devices of the host, namespaces shared with it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from sealgate.posture.check import Check, Fact, Unreadable, bad, check, judged, ok, unknown
from sealgate.posture.system import Mount, System

__all__ = ["CHECKS", "signs"]

#: Below /run, and below wherever a host's /run is mounted.
_SOCKETS = (
    *("docker.sock", "containerd/containerd.sock", "podman/podman.sock", "crio/crio.sock", "cri-dockerd.sock"),
    *("k3s/containerd/containerd.sock", "buildkit/buildkitd.sock", "snap.docker/containerd/containerd.sock"),
)
_SOCKET_NAME = re.compile(r"/(docker|containerd|podman|crio|cri-dockerd|buildkitd)\.sock$")
#: Where a runtime mounts files of its own into each container.
_RUNTIMES_OWN = re.compile(r"^/etc/(hosts|hostname|resolv\.conf|mtab)$|^/dev/(termination-log|console)$")
#: A mount says which part of a file system it shows, so these are the host's names, wherever they are mounted.
_HOST_PATHS = re.compile(
    r"^/(etc|boot|root|usr|lib|lib64|bin|sbin|dev|proc|sys|run|var/run|var/log|var/spool/cron|opt/cni)(/|$)"
    r"|^/home(/[^/]+)?$|^/var(/lib)?$|^/var/lib/(docker|containerd|kubelet|containers|rancher|etcd)$"
)
#: Everybody has them, and they say nothing; writable they are as bad as the rest.
_PUBLIC = re.compile(
    r"^/usr/share/(zoneinfo|ca-certificates)(/|$)|^/etc/(localtime|timezone|ssl/certs|pki/ca-trust)(/|$)"
)
_ON_DISKS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs"})
_LAYERED = frozenset({"overlay", "aufs", "fuse.fuse-overlayfs"})
#: File systems of the kernel, and where each belongs.
_OF_THE_KERNEL = {"proc": "/proc", "sysfs": "/sys", "devtmpfs": "/dev", "debugfs": "/sys", "tracefs": "/sys"}
_RAW = frozenset({"mem", "kmem", "port"})
_IN_CONTAINER = re.compile(r"docker|kubepods|containerd|libpod|crio|lxc|buildkit")
#: <linux/nsfs.h>: of the initial namespaces. That of the network has this number since Linux 6.18.
_INITIAL_PID, _INITIAL_NET = 0xEFFFFFFC, 0xEFFFFFF9
_NET_FIXED = (6, 18)
#: Interfaces that are on the host's side of a container.
_HOST_SIDE = re.compile(r"^(docker[0-9]|cni[0-9]|br-[0-9a-f]{12}|veth|cali|flannel|lxcbr|virbr|podman[0-9])")
_MOUNTS_DOCUMENT = 'CIS Docker Benchmark, "sensitive host system directories are not mounted on containers"'


@check(
    "sealgate.P030",
    "high",
    "no container runtime's socket",
    fix="Do not mount it: who can write to it starts containers as the host's root.",
    source='CIS Docker Benchmark, "the Docker socket is not mounted inside any containers"; unix(7)',
)
def runtime_sockets(system: System) -> Fact:
    """To connect takes write permission on the socket (unix(7)), so no connection has to be made to find out."""
    own = system.environ.get("XDG_RUNTIME_DIR", "")
    mounts: list[Mount] = []
    unclear: list[str] = []
    try:
        mounts = system.mounts()
    except Unreadable as error:
        unclear.append(str(error))  # what is at its usual place counts all the same
    mounted = [mount.point for mount in mounts if _SOCKET_NAME.search(mount.point) or _SOCKET_NAME.search(mount.root)]
    homes = [
        "/run",
        *([own] if own.startswith("/") else []),
        *(mount.point for mount in mounts if mount.kind == "tmpfs"),
    ]
    reachable: list[str] = []
    closed: list[str] = []
    for path in dict.fromkeys([*(f"{home}/{name}" for home in homes for name in _SOCKETS), *mounted]):
        if system.is_socket(path):
            (reachable if system.allows(path, os.W_OK) else closed).append(path)
    wrong = [f"{path} is there, and this process may connect" for path in reachable]
    if system.environ.get("DOCKER_HOST", ""):
        wrong.append("DOCKER_HOST names one")
    return judged(
        wrong, f"there, and closed to this process: {', '.join(closed)}" if closed else "none is there", unclear
    )


@check(
    "sealgate.P031",
    "high",
    "no host path, writable",
    fix="Mount a volume of its own instead, or what is needed of the path, read-only.",
    source=_MOUNTS_DOCUMENT,
)
def writable_host_paths(system: System) -> Fact:
    mounts = system.mounts()
    return judged(
        (_told(mount) for mount in _host_paths(system, mounts) if mount.writable), f"none among {len(mounts)} mounts"
    )


@check(
    "sealgate.P032",
    "medium",
    "no host path, readable",
    fix="Mount only what is needed of the path: /etc, /var/log or /proc of the host hold its secrets.",
    source=_MOUNTS_DOCUMENT,
)
def readable_host_paths(system: System) -> Fact:
    mounts = system.mounts()
    found = (_told(mount) for mount in _host_paths(system, mounts) if not mount.writable)
    return judged(found, f"none among {len(mounts)} mounts")


@check(
    "sealgate.P033",
    "high",
    "no raw disks or memory",
    fix="No --privileged and no --device for disks; run as a user outside the group disk.",
    source='CIS Docker Benchmark, "host devices are not directly exposed to containers"; mem(4)',
)
def devices(system: System) -> Fact:
    names = system.names("/dev")
    raw = []
    for name in names:
        found = system.found(f"/dev/{name}")
        if found is not None and (stat.S_ISBLK(found.st_mode) or (name in _RAW and stat.S_ISCHR(found.st_mode))):
            raw.append(f"/dev/{name}")
    allowed = {path: [word for mode, word in _MODES if system.allows(path, mode)] for path in raw}
    open_ones = (f"{path} may be {' and '.join(words)}" for path, words in allowed.items() if words)
    return judged(open_ones, f"{len(names)} names in /dev, {len(raw)} of them raw, and closed to this process")


@check(
    "sealgate.P034",
    "high",
    "a process namespace of its own",
    fix="No --pid=host, no hostPID: true.",
    source='pid_namespaces(7); CIS Docker Benchmark, "the host\'s process namespace is not shared"',
)
def process_namespace(system: System) -> Fact:
    number, processes = _namespace(system, "pid"), sum(name.isdigit() for name in system.names("/proc"))
    first = _first_process(system)
    told = f"pid:[{number}], {processes} processes in /proc{first}"
    if number != _INITIAL_PID:
        return ok(told)
    found = signs(system)
    if found:
        return bad(f"{told}: the host's, and this looks like a container", *found)
    return ok(f"{told}: the host's own, and nothing looks like a container")


@check(
    "sealgate.P035",
    "medium",
    "a network namespace of its own",
    fix="No --network=host, no hostNetwork: true.",
    source='network_namespaces(7); CIS Docker Benchmark, "the host\'s network namespace is not shared"',
)
def network_namespace(system: System) -> Fact:
    number = _namespace(system, "net")
    interfaces = [line.partition(":")[0].strip() for line in system.text("/proc/net/dev").splitlines() if ":" in line]
    told = f"net:[{number}], {len(interfaces)} interfaces"
    hosts = [name for name in interfaces if _HOST_SIDE.search(name)]
    is_host = number == _INITIAL_NET or bool(hosts)
    if is_host and (found := signs(system)):
        return bad(f"{told}: the host's, and this looks like a container", *found, *hosts)
    if is_host:
        return ok(f"{told}: the host's own, and nothing looks like a container")
    if _release(system) >= _NET_FIXED:
        return ok(f"{told}: not the initial one")
    return unknown(f"{told}: a kernel before 6.18 does not say which is the initial one")


CHECKS: tuple[Check[System], ...] = (
    *(runtime_sockets, writable_host_paths, readable_host_paths, devices, process_namespace, network_namespace),
)
_MODES = ((os.R_OK, "read"), (os.W_OK, "written"))


def signs(system: System) -> list[str]:
    """Why this looks like a container; empty where nothing does. Raises `Unreadable`."""
    found = [path for path in ("/.dockerenv", "/run/.containerenv") if system.is_at(path)]
    kind = system.mount_of("/").kind
    if kind in _LAYERED:
        found.append(f"/ is {kind}")
    if _IN_CONTAINER.search(system.text("/proc/self/cgroup")):
        found.append("/proc/self/cgroup names a container")
    if "KUBERNETES_SERVICE_HOST" in system.environ:
        found.append("KUBERNETES_SERVICE_HOST is set")
    return found


def _host_paths(system: System, mounts: list[Mount]) -> Iterator[Mount]:
    for mount in mounts:
        home = _OF_THE_KERNEL.get(mount.kind)
        if home is not None:
            if not f"{mount.point}/".startswith(f"{home}/"):
                yield mount
        elif mount.kind == "tmpfs":
            if mount.point not in {"/run", "/var/run"} and system.is_at(f"{mount.point}/systemd/system"):
                yield mount  # a host's /run
        elif mount.kind in _ON_DISKS and mount.point != "/" and not _RUNTIMES_OWN.search(mount.point):
            is_public = not mount.writable and _PUBLIC.search(mount.root)
            if (_HOST_PATHS.search(mount.root) and not is_public) or _is_whole_system(system, mount):
                yield mount


def _is_whole_system(system: System, mount: Mount) -> bool:
    """A volume of one's own is mounted from its root too, and is no system."""
    return mount.root == "/" and all(system.is_at(f"{mount.point}/{name}") for name in ("etc/passwd", "usr"))


def _told(mount: Mount) -> str:
    what = f"{mount.root} of {mount.kind}" if mount.root != "/" else f"the root of {mount.kind}"
    return f"{what} is mounted at {mount.point}, {'rw' if mount.writable else 'ro'}"


def _namespace(system: System, kind: str) -> int:
    link = system.link(f"/proc/self/ns/{kind}")
    found = re.fullmatch(rf"{kind}:\[([0-9]+)\]", link, re.ASCII)
    if found is None:
        raise Unreadable(f"/proc/self/ns/{kind}: not of the expected form")
    return int(found[1])


def _first_process(system: System) -> str:
    try:
        return f", the first of them {system.text('/proc/1/comm').strip()}"
    except Unreadable:
        return ""  # hidepid: the number of the namespace decides


def _release(system: System) -> tuple[int, int]:
    found = re.match(r"([0-9]+)\.([0-9]+)", system.text("/proc/sys/kernel/osrelease"), re.ASCII)
    if found is None:
        raise Unreadable("/proc/sys/kernel/osrelease: not of the expected form")
    return int(found[1]), int(found[2])
