"""The walk over Python's values, whose references are borrowed, under valgrind: `python tests/valgrind_values.py`.

Exit code 1 where valgrind sees a wrong access in our module, or where there is no valgrind. What it sees in CPython alone is not
ours: CPython 3.11 reads padding that it has not written.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import OrderedDict, defaultdict
from contextlib import suppress
from typing import Any

from canonical_documents import documents
from sealgate import CanonicalizationError, Envelope, Key, canonicalize, canonicalize_json

_WALK = "--walk"
_KEY = Key("thirty-two octets of key, for this")
_ENVELOPE = Envelope("walk", keys="thirty-two octets of key, for it")


class _Text(str):
    """Hashes by identity, so that a dict can hold two of one text."""

    __slots__ = ()
    __hash__ = object.__hash__
    __eq__ = object.__eq__


def main() -> int:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("no valgrind on PATH: apt-get install valgrind", file=sys.stderr)
        return 1
    command = [valgrind, "--leak-check=no", "--num-callers=40", "--error-limit=no", sys.executable, __file__, _WALK]
    # CPython's own allocator would hide what is read after it is freed.
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONMALLOC": "malloc"}, check=False
    )
    if done.returncode or not re.search("ERROR SUMMARY", done.stderr):
        print(done.stdout, *done.stderr.splitlines()[-20:], sep="\n", file=sys.stderr)
        return 1
    blocks = re.split(r"^==\d+== *$", done.stderr, flags=re.MULTILINE)
    ours = [block for block in blocks if "_native" in block]
    print(done.stdout.strip(), f"{len(ours)} errors in our module", sep=", ")
    print(*ours[:5], sep="\n", end="\n" if ours else "")
    return 1 if ours else 0


def walk() -> None:
    values = [*documents(300, seed=3), *_shapes()]
    for value in values:
        canonical = canonicalize(value)
        assert canonicalize_json(json.dumps(value)) == canonical
        assert _KEY.sign(canonical) == _KEY.sign_json(value)
        with suppress(CanonicalizationError):  # of what comes back as something else
            assert _ENVELOPE.open(_ENVELOPE.seal(value)) == value
    refused = _refused()
    for value in refused:
        for call in (canonicalize, _KEY.sign_json, _ENVELOPE.seal):
            try:
                call(value)
            except CanonicalizationError:
                continue
            raise AssertionError(type(value))
    print(f"{len(values)} values written, {len(refused)} refused")


def _shapes() -> list[Any]:
    row = {"id": 1, "name": "Ž", "nested": {"b": [], "a": {}}, "text": 'quote " and \N{SEEDLING}' * 40}
    rows = [{**row, "id": n} for n in range(40)]
    leaves = [{"amount": n / 4, "id": n, "name": f"nr {n}"} for n in range(40)]
    tables = [leaves, rows, [*rows, {"id": 1}, *rows], tuple(rows), [dict(reversed(row.items())), *rows]]
    return [
        *tables,
        OrderedDict(row),
        defaultdict(list, row),
        [True, None, 2**53, -(2**53), 10**20, 1e300, -0.0],
        "€" * 3000,
    ]


def _refused() -> list[Any]:
    inside = [
        float("nan"),
        10**30,
        2**53 + 1,
        "\ud800",
        {1: 2},
        {"a": {_Text("x"): 1, _Text("x"): 2}},
        object(),
        b"",
        {"\ud800": 1},
    ]
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    rows = [{"a": 1, "b": 2}] * 5
    return [*inside, *([*rows, {"a": 1, "b": each}] for each in inside), deep]


if __name__ == "__main__":
    if sys.argv[1:] == [_WALK]:
        walk()
    else:
        sys.exit(main())
