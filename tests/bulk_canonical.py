"""Canonical JSON against foreign judges, on more documents than a test run has time for: `python tests/bulk_canonical.py`.

RFC 8785 against PyPI's rfc8785, from objects and from text in every layout; the forms of `json.dumps` against CPython's json.
`--count` documents each, `--seed` for others than the usual ones. Exit code 1 where one differs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from canonical_documents import LAYOUTS, WIDE, documents, jcs_differences, pyjson_differences, tables
from reference import Json

#: Judge, the documents that it is given, one in how many of them, texts a document, what differs.
JUDGES: list[tuple[str, Callable[..., Iterator[Json]], int, int, Callable[[Json, Random], list[str]]]] = [
    ("rfc8785 of PyPI", documents, 1, 2 * len(LAYOUTS) + 1, jcs_differences),
    ("the same, tables", tables, 10, 2 * len(LAYOUTS) + 1, jcs_differences),
    ("json of CPython", partial(documents, widest=WIDE), 1, 6 * len(LAYOUTS), pyjson_differences),
]
_SHOWN = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{'judge':20}{'documents':>12}{'texts':>12}{'differences':>14}{'seconds':>10}")
    different: list[str] = []
    for judge, make, one_in, texts, differences in JUDGES:
        began, found, random = time.monotonic(), list[str](), Random(arguments.seed)
        count = arguments.count // one_in
        for document in make(count, seed=arguments.seed):
            found += differences(document, random)
        seconds = time.monotonic() - began
        print(f"{judge:20}{count:12}{count * texts:12}{len(found):14}{seconds:10.0f}", flush=True)
        different += [f"{judge}, {line}" for line in found]
    print(*different[:_SHOWN], sep="\n", end="\n" if different else "")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
