"""The server matrix: odd and hostile raw requests, signed by the judge for what the client means, to every server.

    python tests/server_matrix.py [--servers NAME ...] [--apps NAME ...] [--schemes NAME ...] [--corpus DIRECTORY]
                                  [--core] [--rounds 1] [--format text|json|markdown]

Sound is a refusal, or one view that has been given what was signed; the table says which, case by case. It fails where
an outcome is not sound, a worker was lost, or we have raised an exception. `--corpus`: a directory with recorded raw
requests, `raw_requests.jsonl`. `--rounds`: the whole again, to see whether memory grows. nginx comes from the system.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from matrix import report
from matrix.cases import CORE, known
from matrix.cells import SCHEMES
from matrix.dialogues import DIALOGUES
from matrix.recorded import recorded
from matrix.rows import ROWS
from matrix.running import Outcomes, started, tried
from served_case import Case

APPS = ("wsgi", "flask", "asgi", "fastapi", "django")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME", help=" ".join(ROWS))
    parser.add_argument("--apps", nargs="+", choices=APPS, default=APPS)
    parser.add_argument("--schemes", nargs="+", choices=SCHEMES, default=SCHEMES)
    parser.add_argument("--corpus", type=Path, metavar="DIRECTORY")
    parser.add_argument("--cases", default="", metavar="TEXT", help="only cases with this in their title")
    parser.add_argument("--core", action="store_true", help="only the cases of the page on servers")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    asked = parser.parse_args()
    more = recorded(asked.corpus) if asked.corpus else []

    core = {title for titles in CORE.values() for title in titles}

    def cases(scheme: str) -> list[Case]:
        chosen = [case for case in known(scheme) if not asked.core or case.title in core]
        return [case for case in [*chosen, *more] if asked.cases in case.title]

    dialogues = {title: said for title, said in DIALOGUES.items() if asked.cases in title and not asked.core}
    begin = time.monotonic()
    wrong: list[str] = []
    outcomes: Outcomes = {}
    with (
        tempfile.TemporaryDirectory(prefix="sealgate-matrix-") as home,
        started([ROWS[name] for name in asked.servers], Path(home)) as servers,
    ):
        cells = [server.cells(asked.apps, asked.schemes) for server in servers]
        ready = [(str(cell), cell.afterwards()) for group in cells for cell in group]
        wrong += [f"{cell} at the start: {what}" for cell, what in ready if what]
        processes = [server.processes() for server in servers]
        memory = [[sum(found.values())] for found in processes]
        for _ in range(asked.rounds):
            outcomes = tried(cells, cases, dialogues)
            wrong += [f"{cell} {case}: {outcome}" for (case, cell), outcome in outcomes.items() if outcome.wrong]
            for server, before, held in zip(servers, processes, memory, strict=True):
                now = server.processes()
                held.append(sum(now.values()))
                if set(before) != set(now) or not server.is_alive():
                    wrong.append(f"{server.row.name}: processes {sorted(before)} became {sorted(now)}")
        for server in servers:
            ours = [line for line in server.run.log().splitlines() if "/sealgate/" in line]
            wrong += [f"{server.row.name} has logged {line}" for line in ours[:3]]
        names = [server.row.name for server in servers]
    match asked.format:
        case "json":
            print(json.dumps(report.rows_of(outcomes), indent=1))
        case "markdown":
            print(report.markdown(outcomes))
        case _:
            print(report.text(outcomes))
            for name, held in zip(names, memory, strict=True):
                print(f"{name:28} resident MiB: {' -> '.join(f'{size:.1f}' for size in held)}")
    told = Counter(report.kind(outcome) for outcome in outcomes.values())
    seconds = time.monotonic() - begin
    print(
        f"{len(outcomes) * asked.rounds} requests, {dict(told)}, {len(wrong)} wrong, {seconds:.0f} s", file=sys.stderr
    )
    for line in wrong[:200]:
        print(line, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
