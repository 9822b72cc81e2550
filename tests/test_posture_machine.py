"""The posture of real processes: what it says of this one, read again by others; and of one that is confined."""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import sealgate
from confined import NOBODY
from sealgate.posture import posture
from sealgate.posture.process import CAPABILITIES, named

_CONFINED = str(Path(__file__).with_name("confined.py"))
_PACKAGE = str(Path(sealgate.__file__).parents[1])
_LIBC = ctypes.CDLL(None, use_errno=True)
#: <linux/prctl.h>.
_GET_SECCOMP, _GET_NO_NEW_PRIVS = 21, 39
#: setpriv(1), prlimit(1). What is left of root is what it takes to become another user, and goes with it.
_IS_ROOT = os.geteuid() == 0
CONFINE = [
    *("setpriv", "--no-new-privs", *(["--inh-caps=-all", "--bounding-set=-all,+setuid,+setgid"] if _IS_ROOT else [])),
    *("prlimit", "--core=1:1"),
]
ARGUMENTS = ["nobody"] if _IS_ROOT else []
#: What such a process may not do, whatever the machine is.
GREEN = {f"sealgate.P{number:03}" for number in (1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 33, 43)}

Findings = Mapping[str, tuple[str, list[str]]]


def of_this_process() -> Findings:
    return {finding.id: (finding.state, list(finding.evidence)) for finding in posture()}


def of_another(*command: str, arguments: Sequence[str] = (), **environ: str) -> Findings:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": _PACKAGE, "PYTHONDONTWRITEBYTECODE": "1", **environ}
    ran = subprocess.run(
        [*command, sys.executable, _CONFINED, *arguments], env=environ, capture_output=True, check=False, timeout=60
    )
    assert (0, b"") == (ran.returncode, ran.stderr)
    return {code: (state, evidence) for code, (state, evidence) in json.loads(ran.stdout).items()}


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout


def capget() -> list[int]:
    """The effective, permitted and inheritable set, by the system call capget(2)."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
    data = ctypes.create_string_buffer(24)
    assert 0 == _LIBC.capget(header, data)
    low, high = struct.unpack("=3I", data.raw[:12]), struct.unpack("=3I", data.raw[12:])
    return [below | above << 32 for below, above in zip(low, high, strict=True)]


def test_capabilities_have_the_names_that_util_linux_gives_them() -> None:
    assert [name.lower() for name in CAPABILITIES] == said("setpriv", "--list-caps").split()[: len(CAPABILITIES)]


def test_capabilities_are_those_of_the_system_call() -> None:
    effective, permitted, _ = capget()
    findings = of_this_process()
    told = " ".join(sentence for code in ("sealgate.P002", "sealgate.P003") for sentence in findings[code][1])
    held = set(named(effective | permitted))
    assert held - {"CAP_NET_BIND_SERVICE"} == set(re.findall(r"CAP_[A-Z_]+", told))
    assert f"CapEff {effective:016x}, CapPrm {permitted:016x}" in told
    assert (bool(held - {"CAP_NET_BIND_SERVICE"})) == ("bad" in {findings[f"sealgate.P00{n}"][0] for n in (2, 3)})


def test_the_user_and_no_new_privs_are_those_that_setpriv_dumps() -> None:
    dumped = dict(line.split(": ", 1) for line in said("setpriv", "--dump").splitlines() if ": " in line)
    findings = of_this_process()
    assert [f"uid {dumped['uid']} real, {dumped['euid']} effective"] == [
        ", ".join(findings["sealgate.P001"][1][0].split(", ")[:2])
    ]
    assert ("bad" if "0" in {dumped["uid"], dumped["euid"]} else "ok") == findings["sealgate.P001"][0]
    assert ("ok" if dumped["no_new_privs"] == "1" else "bad") == findings["sealgate.P004"][0]
    assert int(dumped["no_new_privs"]) == _LIBC.prctl(_GET_NO_NEW_PRIVS, 0, 0, 0, 0)


def test_the_filter_is_the_one_that_prctl_tells_of() -> None:
    mode = _LIBC.prctl(_GET_SECCOMP, 0, 0, 0, 0)
    state, evidence = of_this_process()["sealgate.P005"]
    assert ("ok" if mode else "bad", f"Seccomp {mode}") == (state, evidence[0].split(":")[0])


def test_the_limit_of_core_dumps_is_that_of_getrlimit() -> None:
    for limit in ("1", "4096", "unlimited"):
        soft = said(
            "prlimit", f"--core={limit}:", sys.executable, "-c", "import resource as r; print(r.getrlimit(4)[0])"
        )
        assert soft.strip() == ("-1" if limit == "unlimited" else limit)
        state, evidence = of_another("prlimit", f"--core={limit}:")["sealgate.P007"]
        assert f"RLIMIT_CORE {limit}," in evidence[0]
        assert limit == "1" or state == "bad"
    assert 4 == resource.RLIMIT_CORE


def test_what_is_writable_is_what_the_shell_finds_writable() -> None:
    """test(1) asks access(2) with the effective ids."""
    findings = of_this_process()
    paths = ["/etc", "/usr", "/usr/bin", "/etc/passwd", "/proc/sys/kernel/core_pattern"]
    writable = said("sh", "-c", f"for path in {' '.join(paths)}; do test -w $path && echo $path; done; true").split()
    told = {sentence.split()[0] for code in ("sealgate.P021", "sealgate.P022") for sentence in findings[code][1]}
    assert set(writable) == told & set(paths)


def test_the_root_file_system_is_mounted_as_findmnt_says() -> None:
    kind, options = said("findmnt", "--noheadings", "--output", "FSTYPE,OPTIONS", "/").split()
    flag = "ro" if "ro" in options.split(",") else "rw"
    assert of_this_process()["sealgate.P020"][1][0].startswith(f"/ is {kind}, mounted {flag}")


def test_disks_are_those_that_find_finds() -> None:
    disks = said("find", "/dev", "-maxdepth", "1", "-type", "b", "(", "-readable", "-o", "-writable", ")").split()
    state, evidence = of_this_process()["sealgate.P033"]
    shown = {sentence.split()[0] for sentence in evidence} if state == "bad" else set()
    assert set(sorted(disks)[:20]) == {path for path in shown if path.startswith("/dev/")} - {"/dev/mem", "/dev/port"}


def test_namespaces_are_those_that_stat_sees() -> None:
    findings = of_this_process()
    for code, kind in (("sealgate.P034", "pid"), ("sealgate.P035", "net")):
        number = said("stat", "--dereference", "--format=%i", f"/proc/self/ns/{kind}").strip()
        assert f"{kind}:[{number}]" in findings[code][1][0]


def test_a_confined_process_is_green_where_a_free_one_is_not() -> None:
    free = of_another("prlimit", "--core=4096:", PARTNER_KEY="0123456789abcdef")
    confined = of_another(*CONFINE, arguments=[*ARGUMENTS, "filter"])
    assert {"ok"} == {confined[code][0] for code in GREEN}, {code: confined[code] for code in GREEN}
    assert {"sealgate.P007", "sealgate.P043"} <= {code for code in GREEN if free[code][0] == "bad"}
    if _IS_ROOT:
        changed = {"sealgate.P001", "sealgate.P003"}
        assert changed <= {code for code in GREEN if free[code][0] == "bad"}
    assert {code for code, (state, _) in confined.items() if state == "bad"} <= {
        code for code, (state, _) in free.items() if state == "bad"
    }


@pytest.mark.parametrize(
    ("tool", "code", "figures"),
    [
        (["setpriv", "--no-new-privs"], "sealgate.P004", "NoNewPrivs 1"),
        (["prlimit", "--core=1:1"], "sealgate.P007", "RLIMIT_CORE 1"),
    ],
)
def test_each_restriction_turns_its_own_check(tool: list[str], code: str, figures: str) -> None:
    before, after = of_another("prlimit", "--core=8192:"), of_another("prlimit", "--core=8192:", *tool)
    assert "ok" == after[code][0]
    assert figures in after[code][1][0]
    assert {code} >= {name for name in before if before[name][0] != after[name][0]}


def allowed(*command: str) -> bool:
    return subprocess.run([*command, "true"], capture_output=True, check=False, timeout=60).returncode == 0


def test_namespaces_and_read_only_mounts_are_seen() -> None:
    """Where the kernel lets nobody make a namespace, the container that does so has made ours."""
    apart = ["unshare", "--mount", "--pid", "--net", "--fork", "--mount-proc"]
    if allowed(*apart):
        remount = 'umount -R -l /sys; for at in / /proc; do mount -o remount,bind,ro $at || exit 9; done; exec "$@"'
        findings = of_another(*apart, "sh", "-c", remount, "sh")
        expected = {"sealgate.P020": "/ is", "sealgate.P021": "none of", "sealgate.P022": "none of"}
        assert "ok" == findings["sealgate.P034"][0]
        assert "the first of them" in findings["sealgate.P034"][1][0]
        assert findings["sealgate.P035"][0] in {"ok", "unknown"}
        assert "1 interfaces" in findings["sealgate.P035"][1][0]
    else:
        findings = of_another(*CONFINE, arguments=ARGUMENTS)
        expected = {"sealgate.P021": "none of", "sealgate.P022": "none of"}
    assert {(code, "ok") for code in expected} == {(code, findings[code][0]) for code in expected}, findings
    assert all(findings[code][1][0].startswith(start) for code, start in expected.items())


def test_root_in_a_user_namespace_is_root_and_not_the_hosts() -> None:
    """And without such a namespace the same user is none."""
    uid = NOBODY if _IS_ROOT else os.geteuid()
    as_nobody = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if _IS_ROOT else []
    if allowed(*as_nobody, "unshare", "--user", "--map-root-user"):
        findings = of_another(*CONFINE, arguments=[*ARGUMENTS, "namespace"])
        expected = "bad", "ok", f"uid 0 is {uid} outside"
    else:
        findings = of_another(*CONFINE, arguments=ARGUMENTS)
        expected = "ok", "ok", f"uid {uid} is {uid} outside"
    state, evidence = findings["sealgate.P006"]
    assert expected == (findings["sealgate.P001"][0], state, evidence[0].partition(" (")[0])
