"""The demo's outcome as one table: a row a case, a column a server; below it what each scheme declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from sealgate.demo.story import Cell, Outcome, declared

__all__ = ["console", "progress", "show", "summary"]

#: Columns, where the output is no terminal that has a width.
_WIDTH = 132


def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error; wide enough for the table where it is a file."""
    made = Console(stderr=stderr)
    return made if made.is_terminal else Console(stderr=stderr, width=_WIDTH)


def show(outcome: Outcome, console: Console) -> None:
    """Prints the table, the weaknesses that explain its accepted changes, and one line that sums it up."""
    table = Table("scheme and case", *(title.replace(", ", "\n") for title in outcome.runs))
    for scheme, rows in groupby(outcome.rows(), key=lambda row: row[0].scheme):
        table.add_section()
        table.add_row(Text(scheme, style="bold"))
        for row in rows:
            table.add_row(_title(row[0]), *map(_status, row))
    table.add_section()
    table.add_row("runs of the views, counted by the application", *_runs(outcome))
    console.print(table)
    for scheme in dict.fromkeys(cell.scheme for cell in outcome.cells):
        console.print(Text(_declaration(scheme)))
    console.print(Text(summary(outcome), style="bold green" if outcome.ok else "bold red"))


@contextmanager
def progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each server on a terminal; elsewhere a line when a server is done."""
    if not console.is_terminal:
        yield lambda title, done, of: console.print(f"{title}: {of} cases sent") if done == of else None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def follow(title: str, done: int, of: int) -> None:
            if title not in tasks:
                tasks[title] = bars.add_task(title, total=of)
            bars.update(tasks[title], completed=done)

        yield follow


def summary(outcome: Outcome) -> str:
    right = sum(cell.ok for cell in outcome.cells)
    miscounted = [title for title, (counted, expected) in outcome.runs.items() if counted != expected]
    tail = f"; views ran too often or too seldom: {', '.join(miscounted)}" if miscounted else ""
    return f"{len(outcome.cells)} requests, {right} as expected{tail}, {outcome.seconds:.1f} s"


def _declaration(scheme: str) -> str:
    said = declared(scheme)
    covers, weak = " ".join(said["covered"]), ", ".join(said["weaknesses"]) or "none"
    return f"{scheme}: covers {covers}; replay class {said['replay']}; weaknesses: {weak}"


def _title(cell: Cell) -> Text:
    title = Text(f"  {cell.case}")
    if cell.weakness:
        title.append(f" (accepted: {cell.weakness})", style="yellow")
    if cell.expected_code:
        title.append(f" ({cell.expected_code})", style="dim")
    return title


def _status(cell: Cell) -> Text:
    if cell.ok:
        return Text(f"{cell.status}", style="green")
    got, expected = _answer(cell.status, cell.code), _answer(cell.expected, cell.expected_code)
    return Text(f"{got}, expected {expected}" + (f": {cell.note}" if cell.note else ""), style="bold red")


def _answer(status: int | None, code: str | None) -> str:
    return " ".join(["no answer" if status is None else f"{status}", *([code] if code else [])])


def _runs(outcome: Outcome) -> Iterator[Text]:
    for counted, expected in outcome.runs.values():
        right = counted == expected
        yield Text(f"{counted}" if right else f"{counted}, expected {expected}", style="green" if right else "bold red")
