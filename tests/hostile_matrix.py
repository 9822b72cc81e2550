"""The hostile matrix, ours and other people's, as one table.

    python tests/hostile_matrix.py [--only PATTERN] [--format text|markdown]

Each row is a way to spoil a signed message, in many variants (`hostile_cases.py`); each column is a verifier that
accepts the message as it was. `refused` is a verdict for all variants. Anything else is what became of the worst one:
`accepted`, or the exception that escapes; beside the last row stands what it cost, over the cost of an honest
message whose body is as large.
Exit 1 if anything else than a refusal came of ours.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable

from honest_messages import Honest, as_large, request_of
from hostile_cases import CASES, Case
from hostile_peers import peers
from reference import Message
from sealgate import Rejected, schemes

#: Of a message, what says the verdict: what frameworks do before that is not counted.
Ask = Callable[[Message], Callable[[], str]]
_ACROSS = 5
_VERDICTS = ("refused", "a verdict")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", metavar="PATTERN", help="regular expression on the names of verifiers")
    parser.add_argument("--format", choices=["text", "markdown"], default="text")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    now = int(time.time())
    honest = {name: Honest(scheme, now) for name, scheme in schemes.by_name().items()}
    columns = [("sealgate", [(each, _ours(each)) for each in honest.values()])]
    columns += [(peer.name, [(honest[peer.scheme], peer.asked)]) for peer in peers()]
    columns = [column for column in columns if re.search(arguments.only, column[0])]
    for name, verifiers in columns:
        for each, ask in verifiers:
            if (said := ask(each.message)()) != "accepted":
                sys.exit(f"{name} does not accept what {each.scheme.name} signs: {said}")
    print(f"sealgate: {len(honest)} schemes; the worst verdict of all\n")
    ours = True
    for start in range(0, len(columns), _ACROSS):
        rows = [["", *(name for name, _ in columns[start : start + _ACROSS])]]
        rows += [[case.name, *(_cell(case, each) for _, each in columns[start : start + _ACROSS])] for case in CASES]
        _show(rows, arguments.format)
        ours = ours and (rows[0][1] != "sealgate" or all(row[1].startswith(_VERDICTS) for row in rows[1:]))
    sys.exit(0 if ours else 1)


def _ours(honest: Honest) -> Ask:
    verifier = honest.verifier()

    def ask(message: Message) -> Callable[[], str]:
        request = request_of(message)

        def verdict() -> str:
            try:
                verifier.verify(request, uncovered=honest.uncovered)
            except Rejected:
                return "refused"
            except Exception as error:
                return type(error).__name__
            return "accepted"

        return verdict

    return ask


def _show(rows: list[list[str]], form: str) -> None:
    if form == "markdown":
        head, *others = rows
        print("\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *others)), end="\n\n")
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()


def _cell(case: Case, verifiers: Iterable[tuple[Honest, Ask]]) -> str:
    """The worst of all: an exception, then what was accepted and may not be."""
    seen: list[str] = []
    cost = 0.0
    for honest, ask in verifiers:
        for message in case.messages(honest):
            verdict = ask(message)
            seen.append(verdict())
            if case.name.startswith("200,000"):
                cost = max(cost, _least(verdict, 3) / _least(ask(as_large(honest, message)), 20))
    if not seen:
        return "-"
    escaped = sorted({each for each in seen if each not in {"accepted", "refused"}})
    worst = ", ".join(escaped) or ("accepted" if "accepted" in seen else "refused")
    if case.may_be_accepted and not escaped:
        worst = _VERDICTS[1]
    return f"{worst}, {cost:,.0f}x" if cost else worst


def _least(verdict: Callable[[], str], times: int) -> int:
    """Nanoseconds of CPU time."""

    def timed() -> int:
        start = time.thread_time_ns()
        verdict()
        return time.thread_time_ns() - start

    return min(timed() for _ in range(times))


if __name__ == "__main__":
    main()
