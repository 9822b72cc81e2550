"""How the service is started: what it trusts of a proxy, switches and keys in its environment, and its clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from sealgate.posture.check import Check, Fact, Unreadable, bad, check, judged, ok, unknown
from sealgate.posture.system import System

__all__ = ["CHECKS", "servers", "switches"]

_SERVER = re.compile(r"(?:^|/)(gunicorn|uvicorn|hypercorn|granian|uwsgi|waitress-serve|daphne)(?:$|[: ])")
_TRUSTS = re.compile(r"^--(?:forwarded-allow-ips|trusted-proxy)(?:=(.*))?$")
#: Variables that the servers read as they read the option; GUNICORN_CMD_ARGS has options.
_TRUST_VARIABLES = ("FORWARDED_ALLOW_IPS", "UVICORN_FORWARDED_ALLOW_IPS", "GUNICORN_CMD_ARGS")
_ANYBODY = re.compile(r"\*|(?:^|,)\s*(?:0\.0\.0\.0|::)/0")

_SUBJECT = r"(?:SIGNATURES?|SIGNING|HMAC|VERIFY|VERIFICATION|AUTH|AUTHENTICATION|SECURITY)"
#: Those that open where they are on, and those that open where they are off.
_OPENS_ON = re.compile(
    rf"^(?:.*_)?(?:TEST_?MODE|TESTING|DEV_?MODE|DEBUG|FAIL_OPEN|INSECURE(?:_.*)?|UNSAFE(?:_.*)?|ALLOW_UNSIGNED(?:_.*)?"
    rf"|(?:DISABLE|SKIP|BYPASS|IGNORE|NO|WITHOUT)_(?:.*_)?{_SUBJECT}(?:_.*)?"
    rf"|{_SUBJECT}_(?:.*_)?(?:DISABLED|SKIPPED|BYPASS|OPTIONAL))$"
)
_OPENS_OFF = re.compile(
    rf"^(?:.*_)?(?:(?:VERIFY|REQUIRE|ENFORCE|ENABLE|CHECK)_(?:.*_)?{_SUBJECT}"
    rf"|{_SUBJECT}_(?:.*_)?(?:REQUIRED|ENFORCED|ENABLED))$"
)
_OFF = frozenset({"", "0", "false", "no", "off", "n", "f", "none", "disabled"})

_KEY = re.compile(r"(?:^|_)(?:SECRETS?|KEYS?|APIKEYS?|HMAC|TOKENS?|PASSWORDS?|PASSWD|CREDENTIALS?)(?:_|$)")
#: Where a key is, or whose it is, but no key: paths, ids, and the signing key's fingerprint in the Python images.
_NO_KEY = re.compile(r"(?:_FILE|_PATH|_DIR|_ID|_NAME|_URL|_URI|_SOCK|_ENV|_TTL|_MAX_AGE)$|^GPG_KEY$")
#: Characters: less is a number or a switch.
_SHORTEST = 6
_PATH = re.compile(r"^(?:/|file:|dir:|env:)")

#: Of systemd-timesyncd, which makes it when it has set the clock.
_SYNCHRONISED = "/run/systemd/timesync/synchronized"
_DAEMONS = (
    "/run/chrony/chronyd.sock",
    "/run/chrony/chronyd.pid",
    "/run/chronyd.pid",
    "/run/ntpd.pid",
    "/run/ntpd.sock",
)
_HARDWARE_CLOCK = "/sys/class/rtc/rtc0/since_epoch"
#: Seconds. The shortest window of a signature is longer; zones differ by multiples of a quarter of an hour.
_AGREE, _ZONE = 30, 15 * 60


@check(
    "sealgate.P040",
    "medium",
    "the clock is synchronised",
    fix="Run chronyd or systemd-timesyncd on the host: signatures expire by this clock.",
    source="adjtimex(2); systemd-timesyncd.service(8); rtc(4)",
)
def clock(system: System) -> Fact:
    now = system.clock()
    written = _written()
    if now < written:
        return bad(f"the clock is {written - now:.0f} s before this very file was written")
    if system.is_at(_SYNCHRONISED):
        return ok(f"{_SYNCHRONISED} is there")
    if system.is_at(_HARDWARE_CLOCK):
        apart = abs(now - system.number(_HARDWARE_CLOCK))
        if min(apart % _ZONE, _ZONE - apart % _ZONE) > _AGREE:
            return bad(f"the hardware clock is {apart:.0f} s away: the kernel sets it by a synchronised clock")
    running = [path for path in _DAEMONS if system.is_at(path)]
    if running:
        return unknown(f"{running[0]} is there; whether its clock is synchronised it does not say")
    return unknown("no sign of systemd-timesyncd, chronyd or ntpd; in a container the host's cannot be seen")


@check(
    "sealgate.P041",
    "medium",
    "forwarded fields are taken from the proxy only",
    fix="Name the proxy's address in --forwarded-allow-ips (FORWARDED_ALLOW_IPS), never *.",
    source="gunicorn, Settings, forwarded_allow_ips; uvicorn, Deployment, Running behind proxies",
)
def forwarded(system: System) -> Fact:
    wrong = [
        f"{name} admits anybody" for name in _TRUST_VARIABLES if _admits_anybody(name, system.environ.get(name, ""))
    ]
    running = dict(servers(system))
    wrong += [
        f"{server} --forwarded-allow-ips admits anybody"
        for server, words in running.items()
        if any(_ANYBODY.search(value) for value in _trusted(words))
    ]
    unclear = [] if running else ["no known server in the command line of this process or its parent"]
    if "gunicorn" in running and not _trusted(running["gunicorn"]):
        unclear.append("gunicorn may have it in its configuration file")
    return judged(wrong, f"{', '.join(running)}: nobody, or named addresses", unclear)


@check(
    "sealgate.P042",
    "high",
    "no switch in the environment that opens",
    fix="Remove the variable, and the code that reads it: tests sign with a key of their own.",
    source="CWE-489, CWE-1188",
)
def switched(system: System) -> Fact:
    wrong = (f"{name} is {state}" for name, state in switches(system.environ))
    return judged(wrong, f"none among {len(system.environ)} variables")


@check(
    "sealgate.P043",
    "medium",
    "no keys in the environment",
    fix="Give them as files: keys='file:/run/secrets/...'; the environment is in /proc, and goes to children.",
    source="proc_pid_environ(5); CWE-526; OWASP Secrets Management Cheat Sheet",
)
def environment_keys(system: System) -> Fact:
    values, unclear = dict(system.environ), []
    try:
        started_with = system.text("/proc/self/environ").split("\0")
    except Unreadable as error:
        unclear.append(str(error))
    else:
        values = dict(entry.partition("=")[::2] for entry in started_with if entry) | values
    wrong = [f"{name} looks like one" for name, value in sorted(values.items()) if _is_key(name, value)]
    return judged(wrong, f"none among {len(values)} variables", unclear)


CHECKS: tuple[Check[System], ...] = (clock, forwarded, switched, environment_keys)


def switches(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of settings or variables that, by the last part of them, turn verification off; each is `on` or `off`."""
    for name, value in sorted(values.items()):
        is_on = value.strip().lower() not in _OFF if isinstance(value, str) else bool(value)
        last = name.rpartition(".")[2].upper()
        if is_on and _OPENS_ON.search(last):
            yield name, "on"
        elif not is_on and value is not None and _OPENS_OFF.search(last):
            yield name, "off"


def servers(system: System) -> Iterator[tuple[str, list[str]]]:
    """The server that runs this process, and its words, by the command lines of its parent and its own."""
    for process in (_parent(system), "self"):
        try:
            words = system.text(f"/proc/{process}/cmdline").rstrip("\0").split("\0")
        except Unreadable:
            continue  # not told, or not to us
        for word in words[:4]:
            if (found := _SERVER.search(word)) is not None:
                yield found[1], words


def _written() -> float:
    """When this file was, in Unix seconds; 0 where that cannot be seen."""
    try:
        return Path(__file__).stat().st_mtime
    except OSError:
        return 0


def _is_key(name: str, value: str) -> bool:
    name, value = name.upper(), value.strip()
    if len(value) < _SHORTEST or _PATH.search(value):
        return False
    return _KEY.search(name) is not None and _NO_KEY.search(name) is None


def _admits_anybody(name: str, value: str) -> bool:
    words = _trusted(value.split()) if name == "GUNICORN_CMD_ARGS" else [value]
    return any(_ANYBODY.search(word) for word in words)


def _parent(system: System) -> str:
    """`0`, which is no process, where it is in another namespace or not told."""
    try:
        return system.status("PPid")
    except Unreadable:
        return "0"


def _trusted(words: list[str]) -> list[str]:
    values = [found[1] for word in words if (found := _TRUSTS.match(word)) and found[1] is not None]
    return values + [after for word, after in pairwise(words) if _TRUSTS.match(word) and "=" not in word]
