"""Rows, started: their cells, their processes, and how much memory those hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from matrix.cells import Cell, Outcome
from matrix.dialogues import Dialogue
from matrix.nginx import Nginx
from matrix.rows import Row
from served_case import Case
from servers import Running, serving

#: (case, cell) -> outcome.
Outcomes = dict[tuple[str, str], Outcome]


class Started:
    """A row that runs. `processes()`: of the server, by process id, with their resident MiB."""

    def __init__(self, row: Row, run: Running, port: int, nginx: Nginx | None) -> None:
        self.row = row
        self.run = run
        self._port = port
        self._nginx = nginx

    def cells(self, apps: Sequence[str], schemes: Sequence[str]) -> list[Cell]:
        return [
            Cell(self.row, self.run, self._port, app, scheme)
            for scheme in schemes
            for app in self.row.server.apps
            if app in apps
        ]

    def processes(self) -> dict[int, float]:
        return {pid: _resident(pid) for pid in family(self.run.process.pid)}

    def is_alive(self) -> bool:
        return self.run.process.poll() is None and (self._nginx is None or self._nginx.process.poll() is None)


@contextmanager
def started(rows: Sequence[Row], home: Path) -> Iterator[list[Started]]:
    """Starts all at once, and stops them by their process ids on every way out."""
    with ExitStack() as stack:
        runs = stack.enter_context(serving([row.server for row in rows], home))
        found = []
        for row in rows:
            run, nginx = runs[row.name], None
            if row.front:
                nginx = Nginx(row.front, run.port, row.mount, home / row.name)
                stack.callback(nginx.end)
                nginx.wait_until_listening()
            found.append(Started(row, run, run.port if nginx is None else nginx.port, nginx))
        yield found


def tried(
    cells_of: Sequence[Sequence[Cell]], cases_of: Callable[[str], Sequence[Case]], dialogues: Mapping[str, Dialogue]
) -> Outcomes:
    """All cases and dialogues in all cells; `cells_of`: by server: they are asked side by side, the cells of each in turn."""

    def outcomes(cells: Sequence[Cell]) -> Outcomes:
        return {
            **{(case.title, str(cell)): cell.tried(case) for cell in cells for case in cases_of(cell.scheme)},
            **{
                (title, str(cell)): dialogue(cell)
                for cell in cells
                if not cell.row.http2
                for title, dialogue in dialogues.items()
            },
        }

    with ThreadPoolExecutor(max(1, len(cells_of))) as clients:
        return {key: outcome for found in clients.map(outcomes, cells_of) for key, outcome in found.items()}


def family(pid: int) -> list[int]:
    """`pid` and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))
