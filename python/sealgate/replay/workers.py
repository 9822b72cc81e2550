"""Whether this process looks like one of several workers that serve the same application."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

__all__ = ["workers_suspected"]

_PROC = Path("/proc")
_SERVER = re.compile(r"(?:^|/)(gunicorn|uvicorn|hypercorn|granian|uwsgi)(?:$|[ :/]|\.py$|-)")
_WORKERS = re.compile(r"^(?:--workers[ =]|--processes[ =]|-w[ =]?|-p )(\d{1,4})$")


def workers_suspected() -> str | None:
    """Why several processes seem to serve this application, or None.

    A guess, from `WEB_CONCURRENCY`, and where there is a /proc, from the command line of this process and its parent,
    and the parent's other children. Several hosts, or a supervisor that starts single processes, cannot be seen.
    """
    asked = os.environ.get("WEB_CONCURRENCY", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 5 and int(asked) > 1:
        return f"WEB_CONCURRENCY={int(asked)}"
    for pid in (os.getppid(), os.getpid()):
        words = _command(pid)
        server = next((found[1] for word in words[:4] if (found := _SERVER.search(word))), None)
        if server is not None and (workers := max(_asked(words), _children(pid) if pid != os.getpid() else 0)) > 1:
            return f"{server} with {workers} workers"
    return None


def _command(pid: int) -> list[str]:
    """Empty where the system does not say."""
    try:
        line = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return line.decode(errors="replace").rstrip("\0").split("\0")


def _asked(words: list[str]) -> int:
    pairs = (*words, *(f"{first} {second}" for first, second in pairwise(words)))
    return max((int(found[1]) for word in pairs if (found := _WORKERS.match(word))), default=1)


def _children(pid: int) -> int:
    """Processes of this name that the server runs: its other children are trackers and the like."""
    try:
        children = (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    except OSError:
        return 0
    ours = _command(os.getpid())
    return sum(_command(int(child)) == ours for child in children)
