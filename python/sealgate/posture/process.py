"""What this process may do: its user, capabilities and system calls, and who may read its memory."""

from __future__ import annotations

from sealgate.posture.check import Check, Fact, Unreadable, bad, check, judged, ok, unknown
from sealgate.posture.system import System

__all__ = ["CAPABILITIES", "CHECKS", "named"]

#: By number, in the order of <linux/capability.h>.
CAPABILITIES = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
    *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"),
    *("MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"),
    "CHECKPOINT_RESTORE",
)
#: What each gives beyond the container, or over the signatures.
_DANGEROUS = {
    "CAP_SYS_ADMIN": "mounts, namespaces, and much else",
    "CAP_SYS_PTRACE": "reads and changes other processes' memory",
    "CAP_SYS_MODULE": "loads code into the kernel",
    "CAP_SYS_RAWIO": "reads and writes memory and disks",
    "CAP_SYS_BOOT": "loads another kernel",
    "CAP_SYS_TIME": "sets the clock by which signatures expire",
    "CAP_DAC_READ_SEARCH": "reads every file, and opens the host's by handle",
    "CAP_NET_ADMIN": "changes routes and firewalls",
    "CAP_BPF": "runs programs in the kernel",
    "CAP_PERFMON": "traces the kernel",
    "CAP_SYSLOG": "reads kernel addresses",
    "CAP_MAC_ADMIN": "changes the security modules' policy",
    "CAP_MAC_OVERRIDE": "passes by the security modules' policy",
    "CAP_CHECKPOINT_RESTORE": "reads other processes' memory maps",
    "CAP_AUDIT_CONTROL": "silences the audit log",
}
#: Needed for ports below 1024, and for nothing else.
_HARMLESS = {"CAP_NET_BIND_SERVICE"}
_ALL_IDS = 2**32 - 1
_CAPABILITIES_DOCUMENT = (
    'capabilities(7); CIS Docker Benchmark, "Linux kernel capabilities are restricted within containers"'
)


@check(
    "sealgate.P001",
    "high",
    "not root",
    fix="Run as a user of its own: USER in the Dockerfile, runAsNonRoot in Kubernetes, User= in systemd.",
    source='credentials(7); CIS Docker Benchmark, "a user for the container has been created"',
)
def root(system: System) -> Fact:
    uids = system.uids()
    told = "uid {} real, {} effective, {} saved, {} of the file system".format(*uids)
    return bad(told) if 0 in uids else ok(told)


@check(
    "sealgate.P002",
    "high",
    "no dangerous capability",
    fix="Drop them all: --cap-drop=ALL, capabilities.drop: [ALL] in Kubernetes, CapabilityBoundingSet= in systemd.",
    source=_CAPABILITIES_DOCUMENT,
)
def dangerous_capabilities(system: System) -> Fact:
    held = _held(system)
    return judged((f"{name}: {_DANGEROUS[name]}" for name in held if name in _DANGEROUS), _sets(system))


@check(
    "sealgate.P003",
    "medium",
    "no other capability",
    fix="Drop them all, and give back only NET_BIND_SERVICE where a port below 1024 is needed.",
    source=_CAPABILITIES_DOCUMENT,
)
def other_capabilities(system: System) -> Fact:
    others = [name for name in _held(system) if name not in _DANGEROUS and name not in _HARMLESS]
    return bad(f"{', '.join(others)} ({_sets(system)})") if others else ok(_sets(system))


@check(
    "sealgate.P004",
    "medium",
    "no_new_privs is set",
    fix="--security-opt no-new-privileges, allowPrivilegeEscalation: false, NoNewPrivileges=yes, or setpriv(1).",
    source="prctl(2), PR_SET_NO_NEW_PRIVS; Linux, Documentation/userspace-api/no_new_privs.rst",
)
def no_new_privileges(system: System) -> Fact:
    flag = system.status("NoNewPrivs")
    if flag not in {"0", "1"}:
        raise Unreadable("/proc/self/status: NoNewPrivs is neither 0 nor 1")
    return ok("NoNewPrivs 1") if flag == "1" else bad("NoNewPrivs 0: a set-user-ID program gives its owner's rights")


@check(
    "sealgate.P005",
    "medium",
    "system calls are filtered",
    fix="Leave the runtime's default profile on; seccompProfile: RuntimeDefault; SystemCallFilter= in systemd.",
    source='seccomp(2); CIS Docker Benchmark, "the default seccomp profile is not Disabled"',
)
def seccomp(system: System) -> Fact:
    modes = {"0": bad("Seccomp 0: no filter"), "1": ok("Seccomp 1: strict"), "2": ok("Seccomp 2: a filter")}
    mode = system.status("Seccomp")
    if mode not in modes:
        raise Unreadable("/proc/self/status: Seccomp is none of 0, 1 and 2")
    return modes[mode]


@check(
    "sealgate.P006",
    "medium",
    "its root is not the host's root",
    fix="Run as another user, or in a user namespace: rootless, userns-remap, hostUsers: false.",
    source='user_namespaces(7); CIS Docker Benchmark, "Enable user namespace support"',
)
def host_root(system: System) -> Fact:
    lines = [line.split() for line in system.text("/proc/self/uid_map").splitlines()]
    if not lines or not all(
        len(line) == 3 and all(word.isascii() and word.isdigit() for word in line) for line in lines
    ):
        raise Unreadable("/proc/self/uid_map: not of the expected form")
    mapped = [(int(inside), int(outside), int(count)) for inside, outside, count in lines]
    uid = system.uids()[1]
    outside = next((there + uid - here for here, there, count in mapped if here <= uid < here + count), None)
    if outside is None:
        return unknown(f"uid {uid} is not in /proc/self/uid_map")
    space = "the initial user namespace" if mapped == [(0, 0, _ALL_IDS)] else "a user namespace"
    told = f"uid {uid} is {outside} outside ({space})"
    return bad(told) if outside == 0 else ok(told)


@check(
    "sealgate.P007",
    "medium",
    "no core dumps",
    fix="RLIMIT_CORE 0 (--ulimit core=0, LimitCORE=0); where core_pattern is a pipe 1, which stops that too.",
    source="core(5); getrlimit(2)",
)
def core_dumps(system: System) -> Fact:
    limit = _core_limit(system)
    pattern = system.text("/proc/sys/kernel/core_pattern").strip()
    told = f"RLIMIT_CORE {limit}, core_pattern {pattern.split(' ')[0]}"
    if limit != "0" and limit != "1":
        return bad(f"{told}: a crash writes the memory, with the keys")
    if pattern.startswith("@"):
        return unknown(f"{told}: a socket, to which the limit may not matter")
    if pattern.startswith("|") and limit == "0":
        if "%c" in pattern:
            return unknown(f"{told}: the handler is told the limit; whether it heeds it cannot be seen")
        return bad(f"{told}: a pipe, to which a limit of 0 does not matter")
    return ok(told)


@check(
    "sealgate.P008",
    "medium",
    "no dumps of processes that changed user",
    fix="sysctl fs.suid_dumpable=0 (or 2).",
    source="proc_sys_fs(5); Linux, Documentation/admin-guide/sysctl/fs.rst",
)
def suid_dumpable(system: System) -> Fact:
    mode = system.number("/proc/sys/fs/suid_dumpable")
    if mode not in {0, 1, 2}:
        raise Unreadable(f"fs.suid_dumpable is {mode}, which has no meaning")
    return bad("fs.suid_dumpable 1: for debugging only") if mode == 1 else ok(f"fs.suid_dumpable {mode}")


@check(
    "sealgate.P009",
    "low",
    "memory closed to the user's other processes",
    fix="sysctl kernel.yama.ptrace_scope=1 (or more).",
    source="ptrace(2); Linux, Documentation/admin-guide/LSM/Yama.rst",
)
def ptrace_scope(system: System) -> Fact:
    scope = system.number("/proc/sys/kernel/yama/ptrace_scope")
    told = f"kernel.yama.ptrace_scope {scope}"
    return ok(told) if scope > 0 else bad(f"{told}: any process of this user may read the keys in memory")


@check(
    "sealgate.P010",
    "info",
    "no unencrypted swap",
    fix="Turn swap off (swapoff, memory-swap equal to memory), or encrypt it (dm-crypt with a random key).",
    source="proc_swaps(5); swapon(8)",
)
def swap(system: System) -> Fact:
    areas = [line.split() for line in system.text("/proc/swaps").splitlines()[1:]]
    on_disk = [area for area in areas if not area[0].startswith("/dev/zram")]
    if not on_disk:
        return ok(f"/proc/swaps: {len(areas)} areas, none of them on a disk")
    return unknown(*(f"{area[0]}: whether it is encrypted cannot be seen here" for area in on_disk))


@check(
    "sealgate.P011",
    "low",
    "confined by a security module",
    fix="Leave the runtime's AppArmor profile or SELinux type on; AppArmorProfile=, SELinuxContext= in systemd.",
    source='apparmor(7), selinux(8); CIS Docker Benchmark, "an AppArmor Profile is enabled"',
)
def confinement(system: System) -> Fact:
    label = system.text("/proc/self/attr/current").rstrip("\0\n")
    if label == "unconfined" or ":unconfined_t:" in label:
        return bad(f"its label is {label}")
    if label.endswith("(enforce)") or label.count(":") >= 3:
        return ok(f"its label is {label}")
    return unknown(f"its label is {label}" if label else "there is no label")


CHECKS: tuple[Check[System], ...] = (
    *(root, dangerous_capabilities, other_capabilities, no_new_privileges, seccomp, host_root),
    *(core_dumps, suid_dumpable, ptrace_scope, swap, confinement),
)


def named(mask: int) -> list[str]:
    """The capabilities of a set of bits; a kernel newer than the table may have more."""
    return [
        f"CAP_{CAPABILITIES[bit]}" if bit < len(CAPABILITIES) else f"capability {bit}"
        for bit in range(mask.bit_length())
        if mask >> bit & 1
    ]


def _held(system: System) -> list[str]:
    """Effective and permitted ones: what is permitted becomes effective when the process asks for it."""
    return named(_mask(system, "CapEff") | _mask(system, "CapPrm"))


def _sets(system: System) -> str:
    return f"CapEff {_mask(system, 'CapEff'):016x}, CapPrm {_mask(system, 'CapPrm'):016x}"


def _mask(system: System, field: str) -> int:
    try:
        return int(system.status(field), 16)
    except ValueError:
        raise Unreadable(f"/proc/self/status: {field} is not hexadecimal") from None


def _core_limit(system: System) -> str:
    """The soft limit, in bytes, or `unlimited`."""
    for line in system.text("/proc/self/limits").splitlines():
        if line.startswith("Max core file size"):
            return line.removeprefix("Max core file size").split()[0]
    raise Unreadable("/proc/self/limits has no core file size")
