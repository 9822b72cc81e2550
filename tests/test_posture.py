"""Each check of a machine on paper: what it calls bad, what it cannot tell, and that nothing else changes its mind."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from recorded_machine import NOW, recorded
from sealgate.exceptions import ConfigurationError
from sealgate.posture import CHECKS, Finding, posture

DISK = "ext4 /dev/sda1 rw"
OLD_KERNEL = {"/proc/sys/kernel/osrelease": "5.15.0-91-generic\n"}
CRASHES = "Max core file size        {}              unlimited         bytes\n"


def found(root: Path, **machine: Any) -> dict[str, Finding]:
    return {finding.id.removeprefix("sealgate."): finding for finding in posture(system=recorded(root, **machine))}


def test_a_container_with_every_protection_is_all_right(tmp_path: Path) -> None:
    findings = found(tmp_path)
    assert {"ok"} == {finding.state for finding in findings.values()}, findings
    assert 24 == len(findings)
    assert all(finding.evidence for finding in findings.values())
    assert ("uid 1000 is 1000 outside (the initial user namespace)",) == findings["P006"].evidence


#: What changes, the one check that minds, and what it says.
BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("P002", "CAP_SYS_ADMIN: mounts", {"status": {"CapEff": f"{1 << 21:016x}"}}),
    ("P002", "CAP_SYS_PTRACE", {"status": {"CapPrm": f"{1 << 19:016x}"}}),
    ("P003", "CAP_CHOWN, CAP_NET_RAW, capability 41", {"status": {"CapEff": f"{1 << 41 | 1 << 13 | 1:016x}"}}),
    ("P004", "NoNewPrivs 0", {"status": {"NoNewPrivs": "0"}}),
    ("P005", "Seccomp 0", {"status": {"Seccomp": "0"}}),
    ("P006", "uid 1000 is 0 outside", {"files": {"/proc/self/uid_map": "1000 0 1\n"}}),
    ("P007", "RLIMIT_CORE unlimited", {"files": {"/proc/self/limits": CRASHES.format("unlimited")}}),
    ("P007", "RLIMIT_CORE 2", {"files": {"/proc/self/limits": CRASHES.format("2")}}),
    ("P007", "a pipe, to which", {"files": {"/proc/sys/kernel/core_pattern": "|/usr/bin/keep %p\n"}}),
    ("P008", "fs.suid_dumpable 1", {"files": {"/proc/sys/fs/suid_dumpable": "1\n"}}),
    ("P009", "any process of this user", {"files": {"/proc/sys/kernel/yama/ptrace_scope": "0\n"}}),
    ("P011", "unconfined", {"files": {"/proc/self/attr/current": "unconfined\n"}}),
    ("P011", "unconfined_t", {"files": {"/proc/self/attr/current": "system_u:system_r:unconfined_t:s0\0"}}),
    ("P020", "may write there", {"mounts": ["613 1 0:52 / / rw - overlay overlay rw"], "open_to_us": ["/"]}),
    ("P021", "/etc is writable", {"open_to_us": ["/etc"]}),
    ("P021", "/etc/passwd is writable", {"open_to_us": ["/etc/passwd"]}),
    ("P022", "core_pattern is writable", {"open_to_us": ["/proc/sys/kernel/core_pattern"]}),
    (
        "P022",
        "/sys/fs/cgroup/rdma/release_agent is writable",
        {
            "files": {"/sys/fs/cgroup/rdma/release_agent": ""},
            "mounts": ["700 618 0:40 / /sys/fs/cgroup/rdma rw - cgroup cgroup rw,rdma"],
            "open_to_us": ["/sys/fs/cgroup/rdma/release_agent"],
        },
    ),
    ("P030", "/run/docker.sock", {"special": {"/run/docker.sock": stat.S_IFSOCK}, "open_to_us": ["/run/docker.sock"]}),
    (
        "P030",
        "/hidden",
        {
            "special": {"/hidden": stat.S_IFSOCK},
            "mounts": ["700 613 0:23 /docker.sock /hidden rw - tmpfs tmpfs rw"],
            "open_to_us": ["/hidden"],
        },
    ),
    (
        "P030",
        "/host/run/crio/crio.sock",
        {
            "special": {"/host/run/crio/crio.sock": stat.S_IFSOCK},
            "mounts": ["700 613 0:23 / /host/run ro - tmpfs tmpfs rw"],
            "open_to_us": ["/host/run/crio/crio.sock"],
        },
    ),
    ("P030", "DOCKER_HOST names one", {"environ": {"DOCKER_HOST": "tcp://user:pw@10.0.0.1:2375"}}),
    ("P031", "/etc of ext4 is mounted at /conf, rw", {"mounts": [f"700 613 8:1 /etc /conf rw - {DISK}"]}),
    ("P031", "/etc/ssl/certs of ext4", {"mounts": [f"700 613 8:1 /etc/ssl/certs /etc/ssl/certs rw - {DISK}"]}),
    ("P031", "at /a b,", {"mounts": [f"700 613 8:1 /root/.ssh /a\\040b rw - {DISK}"]}),
    ("P031", "the root of proc is mounted at /host/proc", {"mounts": ["700 613 0:4 / /host/proc rw - proc proc rw"]}),
    ("P031", "the root of sysfs is mounted at /system", {"mounts": ["700 613 0:4 / /system rw - sysfs sysfs rw"]}),
    (
        "P031",
        "the root of ext4 is mounted at /host",
        {"files": {"/host/etc/passwd": "", "/host/usr/x": ""}, "mounts": [f"700 613 8:1 / /host rw - {DISK}"]},
    ),
    (
        "P031",
        "the root of tmpfs is mounted at /host/run",
        {"files": {"/host/run/systemd/system/x": ""}, "mounts": ["700 613 0:23 / /host/run rw - tmpfs tmpfs rw"]},
    ),
    ("P032", "/var/log of ext4 is mounted at /logs, ro", {"mounts": [f"700 613 8:1 /var/log /logs ro - {DISK}"]}),
    ("P032", "ro", {"mounts": ["700 613 8:1 /home/me /me rw - xfs /dev/sda1 ro"]}),
    ("P033", "/dev/sda may be read", {"special": {"/dev/sda": stat.S_IFBLK}, "open_to_us": ["/dev/sda"]}),
    ("P033", "/dev/mem may be read", {"special": {"/dev/mem": stat.S_IFCHR}, "open_to_us": ["/dev/mem"]}),
    ("P034", "the host's, and this looks like a container", {"links": {"/proc/self/ns/pid": "pid:[4026531836]"}}),
    ("P035", "the host's, and this looks like a container", {"links": {"/proc/self/ns/net": "net:[4026531833]"}}),
    ("P035", "docker0", {"files": {**OLD_KERNEL, "/proc/net/dev": "h\nh\n lo: 0\n docker0: 0\n"}}),
    ("P040", "before this very file was written", {"now": 0}),
    (
        "P040",
        "the hardware clock is 100 s away",
        {
            "files": {
                "/run/systemd/timesync/synchronized": None,
                "/sys/class/rtc/rtc0/since_epoch": f"{NOW - 100}\n",
            }
        },
    ),
    ("P041", "FORWARDED_ALLOW_IPS admits anybody", {"environ": {"FORWARDED_ALLOW_IPS": "*"}}),
    ("P041", "FORWARDED_ALLOW_IPS admits anybody", {"environ": {"FORWARDED_ALLOW_IPS": "10.0.0.1,0.0.0.0/0"}}),
    ("P041", "GUNICORN_CMD_ARGS", {"environ": {"GUNICORN_CMD_ARGS": "--workers 2 --forwarded-allow-ips=*"}}),
    (
        "P041",
        "uvicorn --forwarded-allow-ips admits anybody",
        {"files": {"/proc/1/cmdline": "python3\0/bin/uvicorn\0shop:app\0--forwarded-allow-ips\0*\0"}},
    ),
    (
        "P041",
        "gunicorn --forwarded-allow-ips admits anybody",
        {"files": {"/proc/self/cmdline": "python3\0/bin/gunicorn\0--forwarded-allow-ips=*\0shop:app\0"}},
    ),
    ("P042", "SKIP_VERIFY is on", {"environ": {"SKIP_VERIFY": "yes"}}),
    ("P042", "TEST_MODE is on", {"environ": {"SHOP_TEST_MODE": "1"}}),
    ("P042", "DISABLE_SIGNATURE_CHECK is on", {"environ": {"DISABLE_SIGNATURE_CHECK": "true"}}),
    ("P042", "SHOP_VERIFY_SIGNATURES is off", {"environ": {"SHOP_VERIFY_SIGNATURES": "false"}}),
    ("P042", "HMAC_REQUIRED is off", {"environ": {"HMAC_REQUIRED": "0"}}),
    ("P042", "FLASK_DEBUG is on", {"environ": {"FLASK_DEBUG": "1"}}),
    ("P043", "PARTNER_KEY looks like one", {"environ": {"PARTNER_KEY": "0123456789abcdef"}}),
    ("P043", "API_TOKEN looks like one", {"environ": {"API_TOKEN": "abcdef"}}),
    ("P043", "DB_PASSWORD looks like one", {"files": {"/proc/self/environ": "DB_PASSWORD=hunter2\0"}}),
]


def test_root_is_bad_with_any_of_its_four_ids(tmp_path: Path) -> None:
    for place in range(4):
        uids = ["1000"] * place + ["0"] + ["1000"] * (3 - place)
        findings = found(tmp_path / str(place), status={"Uid": "\t".join(uids)})
        assert ("bad", place == 1) == (findings["P001"].state, findings["P006"].state == "bad")


@pytest.mark.parametrize(("check", "told", "machine"), BAD, ids=[f"{check}-{told}" for check, told, _ in BAD])
def test_what_opens_is_bad_and_nothing_else_is(check: str, told: str, machine: dict[str, Any], tmp_path: Path) -> None:
    findings = found(tmp_path, **machine)
    assert {check: "bad"} == {code: finding.state for code, finding in findings.items() if finding.state != "ok"}
    assert told in "; ".join(findings[check].evidence)
    assert findings[check].fix
    assert findings[check].source


UNKNOWN: list[tuple[str, str, dict[str, Any]]] = [
    ("P001", "not four numbers", {"status": {"Uid": "1000\t1000\t1000"}}),
    ("P001", "not four numbers", {"status": {"Uid": "1000\t1000\troot\t1000"}}),
    ("P001", "not four numbers", {"status": {"Uid": "\u00b2\t1000\t1000\t1000"}}),
    ("P003", "CapEff is not hexadecimal", {"status": {"CapEff": "all of them"}}),
    ("P004", "/proc/self/status has no NoNewPrivs", {"status": {"NoNewPrivs": None}}),
    ("P005", "none of 0, 1 and 2", {"status": {"Seccomp": "3"}}),
    ("P006", "uid 1000 is not in", {"files": {"/proc/self/uid_map": "0 100000 1000\n"}}),
    ("P006", "not of the expected form", {"files": {"/proc/self/uid_map": "\n"}}),
    ("P006", "not of the expected form", {"files": {"/proc/self/uid_map": "\u00b2 0 1\n"}}),
    ("P007", "no core file size", {"files": {"/proc/self/limits": "Limit\n"}}),
    ("P007", "is told the limit", {"files": {"/proc/sys/kernel/core_pattern": "|/usr/bin/keep %P %c\n"}}),
    ("P007", "a socket", {"files": {"/proc/sys/kernel/core_pattern": "@/run/core.sock\n"}}),
    ("P008", "which has no meaning", {"files": {"/proc/sys/fs/suid_dumpable": "7\n"}}),
    ("P009", "No such file", {"files": {"/proc/sys/kernel/yama/ptrace_scope": None}}),
    ("P009", "not a number", {"files": {"/proc/sys/kernel/yama/ptrace_scope": "one\n"}}),
    ("P010", "/dev/dm-1: whether", {"files": {"/proc/swaps": "Filename\n/dev/dm-1 partition 1 0 -2\n"}}),
    ("P011", "no label", {"files": {"/proc/self/attr/current": "\0"}}),
    ("P020", "not of the expected form", {"files": {"/proc/self/mountinfo": "613 498\n"}}),
    ("P020", "not of the expected form", {"files": {"/proc/self/mountinfo": "613 498 0:52 / / rw overlay x rw\n"}}),
    ("P020", "not of the expected form", {"files": {"/proc/self/mountinfo": "613 498 0:52 / rw - overlay x rw\n"}}),
    ("P020", "not of the expected form", {"files": {"/proc/self/mountinfo": "613 498 0:52 / / rw - overlay x\n"}}),
    ("P020", "nothing is mounted for /", {"files": {"/proc/self/mountinfo": "614 613 0:55 / /proc rw - proc x rw\n"}}),
    ("P035", "a kernel before 6.18", {"files": OLD_KERNEL}),
    ("P040", "whether its clock", {"files": {"/run/systemd/timesync/synchronized": None, "/run/ntpd.pid": "7"}}),
    ("P040", "no sign of", {"files": {"/run/systemd/timesync/synchronized": None}}),
    ("P041", "no known server", {"files": {"/proc/1/cmdline": "/sbin/init\0"}}),
    ("P041", "configuration file", {"files": {"/proc/1/cmdline": "gunicorn: master [shop]\0"}}),
    ("P043", "/proc/self/environ", {"files": {"/proc/self/environ": None}}),
]


@pytest.mark.parametrize(("check", "told", "machine"), UNKNOWN, ids=[f"{check}-{told}" for check, told, _ in UNKNOWN])
def test_what_cannot_be_told_is_unknown_and_never_ok(
    check: str, told: str, machine: dict[str, Any], tmp_path: Path
) -> None:
    findings = found(tmp_path, **machine)
    assert "unknown" == findings[check].state
    assert told in "; ".join(findings[check].evidence)
    assert set() == {code for code, finding in findings.items() if finding.state == "bad"}


def test_a_machine_that_shows_nothing_is_unknown_throughout(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    machine = recorded(tmp_path / "full", environ={})
    machine._root = tmp_path / "empty"
    states = {finding.id: finding.state for finding in posture(system=machine)}
    assert {"sealgate.P042": "ok"} == {code: state for code, state in states.items() if state != "unknown"}


@pytest.mark.parametrize(
    "machine",
    [
        {"status": {"CapEff": f"{1 << 10:016x}"}},
        {"files": {"/proc/self/uid_map": "0 100000 65536\n"}},
        {"files": {"/proc/sys/kernel/core_pattern": "|/bin/keep\n", "/proc/self/limits": CRASHES.format("1")}},
        {"files": {"/proc/swaps": "Filename\n/dev/zram0 partition 1 0 -2\n"}},
        {"files": {"/proc/self/attr/current": "system_u:system_r:container_t:s0:c1,c2\0"}},
        {"files": {"/proc/self/attr/current": "system_u:system_r:httpd_t:s0\0"}},
        {"mounts": ["700 613 0:9 /etc /conf rw - nfs4 nas:/export rw"]},
        {"mounts": ["613 1 0:52 / / rw - overlay overlay rw"]},
        {"special": {"/run/docker.sock": stat.S_IFSOCK, "/dev/sda": stat.S_IFBLK}},
        {"files": {"/run/docker.sock": "a file"}, "open_to_us": ["/run/docker.sock"]},
        {"open_to_us": ["/dev/null"]},
        {"environ": {"FORWARDED_ALLOW_IPS": "10.0.0.1", "SKIP_VERIFY": "0", "VERIFY_SIGNATURES": "1"}},
        {"environ": {"KEY_FILE": "x", "KEYS": "file:/run/keys", "GPG_KEY": "E3FF", "MONKEY": "banana", "TOKEN": " "}},
        {"files": {"/proc/1/cmdline": "python3\0/bin/gunicorn\0--forwarded-allow-ips\x00127.0.0.1\0"}},
        {"files": {"/proc/1/cmdline": "python3\0/bin/uvicorn\0--host\0*\0--forwarded-allow-ips=::1\0"}},
    ],
    ids=repr,
)
def test_what_only_looks_like_an_opening_is_not_bad(machine: dict[str, Any], tmp_path: Path) -> None:
    assert {} == {code: finding for code, finding in found(tmp_path, **machine).items() if finding.state != "ok"}


def test_a_hardware_clock_in_another_zone_is_no_finding(tmp_path: Path) -> None:
    files = {"/run/systemd/timesync/synchronized": None, "/sys/class/rtc/rtc0/since_epoch": f"{NOW + 7201}\n"}
    assert "unknown" == found(tmp_path, files=files)["P040"].state


def test_what_is_bad_is_bad_though_something_else_cannot_be_read(tmp_path: Path) -> None:
    gone = dict.fromkeys(["/proc/self/environ", "/proc/self/mountinfo", "/proc/self/status"])
    environ = {"PARTNER_KEY": "0123456789abcdef", "FORWARDED_ALLOW_IPS": "*"}
    socket = {"special": {"/run/docker.sock": stat.S_IFSOCK}, "open_to_us": ["/run/docker.sock"]}
    findings = found(tmp_path, files=gone, environ=environ, **socket)
    assert {"P030", "P041", "P043"} == {code for code, finding in findings.items() if finding.state == "bad"}
    assert "/proc/self/environ: No such file or directory" in findings["P043"].evidence


def test_the_hosts_own_namespaces_are_no_finding_outside_containers(tmp_path: Path) -> None:
    host = {
        "files": {"/.dockerenv": None},
        "mounts": [f"27 1 8:1 / / rw,relatime - {DISK}"],
        "links": {"/proc/self/ns/pid": "pid:[4026531836]", "/proc/self/ns/net": "net:[4026531833]"},
    }
    findings = found(tmp_path, **host)
    assert {"ok"} == {findings[code].state for code in ("P034", "P035")}
    assert "nothing looks like a container" in findings["P034"].evidence[0]


@pytest.mark.parametrize(
    ("files", "environ"),
    [
        ({"/.dockerenv": None, "/run/.containerenv": ""}, {}),
        ({"/.dockerenv": None, "/proc/self/cgroup": "11:memory:/kubepods/burstable/pod7/4f1a\n"}, {}),
        ({"/.dockerenv": None}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}),
    ],
    ids=repr,
)
def test_every_sign_of_a_container_counts(
    files: dict[str, str | None], environ: dict[str, str], tmp_path: Path
) -> None:
    mounts = [f"27 1 8:1 / / ro,relatime - {DISK}"]
    links = {"/proc/self/ns/pid": "pid:[4026531836]"}
    findings = found(tmp_path, files=files, environ=environ, mounts=mounts, links=links)
    assert "bad" == findings["P034"].state


def test_evidence_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    mounts = ["700 613 8:1 /etc /a\\033[2Jb rw - ext4 /dev/sda1 rw"]
    findings = found(tmp_path, mounts=mounts, environ={"A\x1b[2J_KEY": "0123456789abcdef"})
    told = findings["P031"].evidence + findings["P043"].evidence
    assert ("/etc of ext4 is mounted at /a\\x1b[2Jb, rw", "A\\x1b[2J_KEY looks like one") == told


def test_long_evidence_is_cut_and_counted(tmp_path: Path) -> None:
    findings = found(tmp_path, environ={f"KEY_{number:02}": "0123456789abcdef" for number in range(25)})
    assert (21, "and 5 more") == (len(findings["P043"].evidence), findings["P043"].evidence[-1])


def test_ids_are_stable_and_each_is_looked_at_once(tmp_path: Path) -> None:
    """They stand in other people's lists of what is accepted."""
    ids = [
        *(f"P{number:03}" for number in range(1, 12)),
        *("P020", "P021", "P022", "P030", "P031", "P032", "P033", "P034", "P035", "P040", "P041", "P042", "P043"),
        *("P050", "P051", "P052", "P053", *(f"P{number:03}" for number in range(60, 70))),
    ]
    assert [f"sealgate.{code}" for code in ids] == list(CHECKS)
    assert [code for code in ids if code < "P050"] == list(found(tmp_path))


def test_a_finding_is_accepted_with_a_reason_and_stays_in_the_list(tmp_path: Path) -> None:
    machine = recorded(tmp_path, status={"Uid": "0\t0\t0\t0"}, files={"/proc/self/uid_map": "0 100000 65536\n"})
    ignore = {"sealgate.P001": " the sandbox maps it ", "sealgate.P002": "never needed"}
    findings = {finding.id: finding for finding in posture(ignore=ignore, system=machine)}
    assert ("bad", "the sandbox maps it") == (findings["sealgate.P001"].state, findings["sealgate.P001"].suppressed)
    assert ("ok", None) == (findings["sealgate.P002"].state, findings["sealgate.P002"].suppressed)


@pytest.mark.parametrize("ignore", [{"sealgate.P001": ""}, {"sealgate.P001": " \t"}, {"P001": "why"}, {"x": "why"}])
def test_no_reason_and_no_such_check_are_mistakes(ignore: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ignore: "):
        posture(ignore=ignore, system=recorded(tmp_path))
