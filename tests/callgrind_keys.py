"""An unknown key id costs what a known one costs, in instructions: `python tests/callgrind_keys.py`.

A stopwatch would see the machine, callgrind counts: the core's own instructions, and all of the process. Exit code 1
where a ring's counts lie further apart than one of the two bounds, or where there is no valgrind.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

from sealgate import Key, KeyRing, Rejected, Request, Scheme, Scope, SealgateError, Signer, Verifier, schemes

_ORIGIN = "https://api.shop.example"
_NOW = 1_800_000_000
_ROUNDS = 100
#: CPython caches attribute look-ups by the version of the type and the address of the name: where two of them meet, each
#: refusal of one class costs 640 instructions more, whatever the key. So everything is counted again with new versions
#: of the exceptions, and the least counts; some hundred instructions of a refusal still are the interpreter's mood.
_LAYOUTS = 5
_REFUSE = "--refuse"
_CORE = "_native.abi3.so"
#: Instructions that the core's own counts may lie apart; one block of SHA-256 takes ten times as many.
_CORE_APART = 200
#: The share that all of the process may lie apart.
_APART = 0.01
#: How many keys the widest id has, and how many of them have ended.
_RINGS = ((1, 0), (2, 0), (2, 1), (5, 0), (5, 3))
#: Ids of one length: it is public, and each octet of it costs. `thin` has one key, `wide` all of them.
_ASKED = ("wide", "thin", "none")
_NOBODYS = b"thirty-two octets of nobody's key"


def main() -> int:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("no valgrind on PATH: apt-get install valgrind", file=sys.stderr)
        return 1
    counts = _instructions(valgrind)
    failed = False
    print(
        "what       candidates  ended  core: "
        + "  ".join(f"{key_id:>6}" for key_id in _ASKED)
        + "  apart  in all, apart"
    )
    for what, (candidates, ended) in product(_WAYS, _RINGS):
        core, process = zip(*(counts.pop(0) for _ in _ASKED), strict=True)
        core_apart = max(core) - min(core)
        apart = (max(process) - min(process)) / min(process)
        failed |= core_apart > _CORE_APART or apart > _APART
        cells = "  ".join(f"{count:6.0f}" for count in core)
        print(
            f"{what:9}  {candidates:10}  {ended:5}        {cells}  {core_apart:5.0f}  {min(process):6.0f}  {apart:.3%}"
        )
    return 1 if failed else 0


def refuse() -> None:
    """What names each key id and is signed with nobody's key; between two of them a part of callgrind's ends."""
    refusals = [_refusals(*each) for each in product(_WAYS.values(), _RINGS, _ASKED)]
    for refusal in refusals:
        refusal(20)  # keys prepare their states at the first use
    time.clock_getres(time.CLOCK_MONOTONIC)
    for layout in range(_LAYOUTS):
        setattr(SealgateError, "layout", layout)  # noqa: B010 -- no attribute that it has
        for refusal in refusals:
            refusal(_ROUNDS)
            time.clock_getres(time.CLOCK_MONOTONIC)


def _refusals(way: _Way, ring: tuple[int, int], key_id: str) -> Callable[[int], None]:
    candidates, ended = ring
    wide = [
        Key(b"one of several keys, this is nr %02d" % n, not_after=_NOW if n < ended else None)
        for n in range(candidates)
    ]
    keys = KeyRing({"thin": b"thirty-two octets of the thin key", "wide": wide})
    verify = way(keys, key_id)

    def refuse(rounds: int) -> None:
        for _ in range(rounds):
            try:
                verify()
            except Rejected:
                continue
            raise AssertionError("nobody's signature was accepted")

    return refuse


def _request(scheme: Scheme, keys: KeyRing, key_id: str) -> Callable[[], object]:
    verifier = Verifier(scheme, keys=keys, origin=_ORIGIN, replay="off", clock=_clock)
    request = Request("POST", "/orders", [("Content-Type", "application/json")], b'{"total":1}', origin=_ORIGIN)
    return partial(verifier.verify, Signer(scheme, key=_NOBODYS, key_id=key_id, clock=_clock).sign(request))


def _token(keys: KeyRing, key_id: str) -> Callable[[], object]:
    nobodys = Scope("download:resource", keys={key_id: _NOBODYS}, clock=_clock)
    return partial(Scope("download:resource", keys=keys, clock=_clock).verify, nobodys.token("doc-123"), "doc-123")


_Way = Callable[[KeyRing, str], Callable[[], object]]
#: The key as it is, one that is derived for each message, and one that is derived for its purpose.
_WAYS: dict[str, _Way] = {
    "rfc9421": partial(_request, schemes.RFC9421),
    "aws-sigv4": partial(_request, schemes.AWS_SIGV4),
    "token": _token,
}


def _clock() -> float:
    return _NOW


def _instructions(valgrind: str) -> list[tuple[float, float]]:
    """Of one refusal, for each ring and id: the core's own, and all."""
    with tempfile.TemporaryDirectory() as folder:
        tool = ["--tool=callgrind", f"--callgrind-out-file={folder}/out", "--dump-before=clock_getres*"]
        done = subprocess.run(
            [valgrind, *tool, sys.executable, __file__, _REFUSE],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        parts = sorted(Path(folder).glob("out.*"), key=lambda part: int(part.suffix[1:]))
        cells = len(_WAYS) * len(_RINGS) * len(_ASKED)
        counted = [_core_and_all(part.read_text()) for part in parts[-_LAYOUTS * cells :]]
    if not all(core for core, _ in counted):
        raise SystemExit(f"callgrind saw nothing of {_CORE}")
    least = [zip(*counted[cell::cells], strict=True) for cell in range(cells)]
    return [(min(core) / _ROUNDS, min(process) / _ROUNDS) for core, process in least]


def _core_and_all(part: str) -> tuple[int, int]:
    """What one part of callgrind's counts; the line behind `calls=` counts what is called, which is counted there."""
    objects: dict[str, str] = {}
    core = process = 0
    is_core = is_called = False
    for line in part.splitlines():
        if named := re.match(r"(c?)ob=\((\d+)\)(?: (.+))?", line):
            called, number, name = named.groups()
            objects[number] = name or objects[number]
            is_core = is_core if called else objects[number].endswith(_CORE)
        elif line.startswith("calls="):
            is_called = True
        elif cost := re.match(r"[-+*\d]\S* (\d+)$", line):
            if not is_called:
                process += int(cost[1])
                core += int(cost[1]) if is_core else 0
            is_called = False
    return core, process


if __name__ == "__main__":
    if sys.argv[1:] == [_REFUSE]:
        refuse()
    else:
        sys.exit(main())
