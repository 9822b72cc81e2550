"""What this process could write: the root file system, programs and settings of the system, the kernel's switches."""

from __future__ import annotations

import os

from sealgate.posture.check import Check, Fact, bad, check, judged, ok
from sealgate.posture.system import System

__all__ = ["CHECKS"]

#: Programs, libraries and settings: who writes there runs code as somebody else.
_OF_THE_SYSTEM = (
    *("/etc", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/local/bin", "/usr/local/lib", "/bin", "/sbin"),
    *("/lib", "/boot", "/etc/passwd", "/etc/shadow", "/etc/ld.so.preload", "/etc/cron.d", "/etc/sudoers.d"),
)
#: Each runs a program as the host's root, or stops the machine.
_OF_THE_KERNEL = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hotplug",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
)


@check(
    "sealgate.P020",
    "medium",
    "root file system read-only",
    fix="--read-only with --tmpfs /tmp, readOnlyRootFilesystem: true, ProtectSystem=strict; or another user.",
    source='mount(8); CIS Docker Benchmark, "the container\'s root filesystem is mounted as read only"',
)
def root_file_system(system: System) -> Fact:
    mount = system.mount_of("/")
    told = f"/ is {mount.kind}, mounted {'rw' if mount.writable else 'ro'}"
    if not mount.writable:
        return ok(told)
    if system.allows("/", os.W_OK):
        return bad(f"{told}, and this process may write there")
    return ok(f"{told}, and this process may not write there")


@check(
    "sealgate.P021",
    "high",
    "system directories read-only",
    fix="Run as a user who owns none of them, on a read-only root file system.",
    source="access(2); NIST SP 800-190, 4.4.4",
)
def system_directories(system: System) -> Fact:
    present = [path for path in _OF_THE_SYSTEM if system.is_at(path)]
    writable = [f"{path} is writable" for path in present if system.allows(path, os.W_OK)]
    return judged(writable, f"none of {len(present)} is writable", [] if present else ["none of them is there"])


@check(
    "sealgate.P022",
    "high",
    "kernel settings read-only",
    fix="No --privileged, and no /proc or /sys of the host; the runtime's default mounts them read-only.",
    source="proc_sys(5); cgroups(7), release_agent; core(5), piping core dumps to a program",
)
def kernel_settings(system: System) -> Fact:
    agents = [f"{mount.point}/release_agent" for mount in system.mounts() if mount.kind == "cgroup" and mount.writable]
    paths = [path for path in (*_OF_THE_KERNEL, *agents) if system.is_at(path)]
    writable = [f"{path} is writable" for path in paths if system.allows(path, os.W_OK)]
    hidden = [] if paths else ["/proc/sys and /sys show none of them"]
    return judged(writable, f"none of {', '.join(paths)} is writable", hidden)


CHECKS: tuple[Check[System], ...] = (root_file_system, system_directories, kernel_settings)
