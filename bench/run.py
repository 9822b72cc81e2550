"""What verification costs, beside what it replaces: one table of paired ratios.

    python bench/run.py [--quick] [--rounds N] [--only PATTERN] [--larger] [--format text|json]

Needs the extra `bench`, and `providers` for `--larger`. The cases of a group run round-robin in random order,
pinned to one CPU. A time is the least, a ratio the median over the rounds; what is added is that ratio less one, of
the least. Every case is shown to accept its message and to refuse a changed one before it is timed. The exit code
says nothing about speed: machines differ, and `must` and `aim` are for a quiet one.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import logging
import os
import platform
import random
import re
from collections.abc import Iterator

import asgi_frameworks
import canonical_json
import memory
import messages
import providers
import replaying
import signed_requests
import tokens
import values
import wsgi_frameworks
from timing import Pace, Result, Section

import sealgate

SECTIONS: list[Section] = [
    *messages.SECTIONS,
    *providers.SECTIONS,
    *signed_requests.SECTIONS,
    *replaying.SECTIONS,
    *tokens.SECTIONS,
    *values.SECTIONS,
    *canonical_json.SECTIONS,
    *memory.SECTIONS,
    *wsgi_frameworks.SECTIONS,
    *asgi_frameworks.SECTIONS,
]
_WIDTHS = (54, 10, 38, 10, 11, 9, 9)


def main() -> None:
    arguments = _arguments()
    pace = Pace(rounds=arguments.rounds, quick=arguments.quick, rng=random.Random(1))
    cpu = _pin()
    # A check that a case refuses makes adapters log; nothing that is timed does.
    logging.disable(logging.CRITICAL)
    gc.disable()
    results = _results(_sections(arguments.only, arguments.larger), pace)
    about = f"sealgate {sealgate.__version__}, {platform.python_implementation()} {platform.python_version()}, {cpu}"
    if arguments.format == "json":
        rows = [{**dataclasses.asdict(result), "verdict": result.verdict} for result in results]
        print(json.dumps({"about": about, "rounds": pace.rounds, "rows": rows}, indent=1))
        return
    print(f"{about}, {pace.rounds} rounds; times in µs")
    title = None
    for result in results:
        if result.section != title:
            title = result.section
            print(f"\n{title}")
            print(_line("", "least", "over", "least", "", "must", "aim", ""))
        print(_line(*_cells(result)), flush=True)


def _sections(only: str, with_larger: bool) -> list[Section]:
    sections = SECTIONS
    if with_larger:
        import larger_providers

        sections = [*sections, *larger_providers.SECTIONS]
    chosen = [section for section in sections if re.search(only, section.title)]
    if not chosen:
        raise SystemExit(f"--only: no section is named so: {only}")
    return chosen


def _results(sections: list[Section], pace: Pace) -> Iterator[Result]:
    for section in sections:
        yield from section.results(pace)
        gc.collect()


def _cells(result: Result) -> tuple[str, ...]:
    def time(microseconds: float | None) -> str:
        return "" if microseconds is None else f"{microseconds:.3f}"

    def goal(number: float | None) -> str:
        return "" if number is None else f"{number:.4g}"

    value = f"{result.value:.3f}{result.unit}"
    over = result.over or ""
    return (
        result.name,
        time(result.least),
        over,
        time(result.over_least),
        value,
        goal(result.must),
        goal(result.aim),
        result.verdict,
    )


def _line(*cells: str) -> str:
    name, least, over, *rest = cells
    left = f"{name:<{_WIDTHS[0]}}{least:>{_WIDTHS[1]}}  {over:<{_WIDTHS[2]}}"
    numbers = "".join(f"{cell:>{width}}" for cell, width in zip(rest[:-1], _WIDTHS[3:], strict=True))
    return f"{left}{numbers}  {rest[-1]}".rstrip()


def _pin() -> str:
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned"
    cpu = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})
    return f"pinned to CPU {cpu}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few short rounds: shows that it runs, not how fast")
    parser.add_argument("--rounds", type=int, metavar="N", help="default 200, with --quick 3")
    parser.add_argument("--only", default="", metavar="PATTERN", help="regular expression on the names of sections")
    parser.add_argument("--larger", action="store_true", help="the larger libraries of providers as well")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (3 if arguments.quick else 200)
    return arguments


if __name__ == "__main__":
    main()
