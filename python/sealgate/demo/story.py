"""Starts the servers, sends every case to each of them, and judges what comes back."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from importlib.util import find_spec
from subprocess import TimeoutExpired
from typing import Any

from sealgate import schemes
from sealgate.demo import signers
from sealgate.demo.cases import CASES, SCHEMES, Case
from sealgate.demo.client import Answer, Message, send
from sealgate.demo.servers import SERVERS, Running, Server, running
from sealgate.exceptions import ConfigurationError

__all__ = ["Cell", "Outcome", "declared", "judge", "played"]

#: The environment variable of each scheme's key. One key, one purpose.
KEYS = {
    "rfc9421": "SEALGATE_DEMO_KEY",
    "body": "SEALGATE_DEMO_WEBHOOK_KEY",
    "canonical-request": "SEALGATE_DEMO_EXPORT_KEY",
}
_KEY = re.compile(r"[0-9A-Za-z_-]{32,256}", re.ASCII)
_RUNS = Message("GET", "/runs")


@dataclass(frozen=True, slots=True)
class Cell:
    """One request: what came back against what must. `status` is None where nothing came back.

    `code`: why sealgate refused, as the server's log says; the caller is never told.
    """

    scheme: str
    case: str
    server: str
    status: int | None
    code: str | None
    expected: int
    expected_code: str | None
    weakness: str | None = None
    note: str | None = None

    @property
    def ok(self) -> bool:
        return (self.status, self.code, self.note) == (self.expected, self.expected_code, None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`runs`: how often the views of a server ran, as it says itself, and how often they had to."""

    cells: tuple[Cell, ...]
    runs: Mapping[str, tuple[int | None, int]]
    seconds: float

    @property
    def ok(self) -> bool:
        return bool(self.cells) and all(cell.ok for cell in self.cells) and all(a == b for a, b in self.runs.values())

    def rows(self) -> list[tuple[Cell, ...]]:
        """The cells of each case, one a server, in the order of `runs`."""
        columns = [[cell for cell in self.cells if cell.server == title] for title in self.runs]
        return list(zip(*columns, strict=True))

    def as_json(self) -> dict[str, Any]:
        """Everything, for machines."""
        return {
            "ok": self.ok,
            "requests": len(self.cells),
            "as_expected": sum(cell.ok for cell in self.cells),
            "seconds": round(self.seconds, 1),
            "view_runs": {server: {"counted": a, "expected": b} for server, (a, b) in self.runs.items()},
            "schemes": {name: declared(name) for name in SCHEMES},
            "cells": [asdict(cell) | {"ok": cell.ok} for cell in self.cells],
        }


@contextmanager
def played(only: str | None, follow: Callable[[str, int, int], None]) -> Iterator[tuple[Outcome, list[Running]]]:
    """Starts the servers (of one framework, if `only` names it) and sends every case to each; stops them at the end.

    `follow` is told a server's title, the cases done and their number. Raises `ConfigurationError` where a program or
    package is missing, `StartError` where a server does not start.
    """
    _require_all()
    keys = {scheme: _key(variable) for scheme, variable in KEYS.items()}
    began = time.monotonic()
    servers = [server for server in SERVERS if only in {None, server.framework}]
    with running(servers, {KEYS[scheme]: key for scheme, key in keys.items()}) as started:
        cells: list[Cell] = []
        runs: dict[str, tuple[int | None, int]] = {}
        for up in started:
            up.wait_until_ready()
            caller = _Caller(up, {scheme: key.encode() for scheme, key in keys.items()})
            for done, case in enumerate(CASES, start=1):
                cells.append(caller.cell(case))
                follow(up.server.title, done, len(CASES))
            runs[up.server.title] = (caller.runs(), sum(_runs(case, up.server) for case in CASES))
        yield Outcome(tuple(cells), runs, time.monotonic() - began), started


def judge(case: Case, server: Server, answer: Answer | None, code: str | None = None, note: str | None = None) -> Cell:
    """The cell for an answer; a view that ran must have been given the body that was sent."""
    expected = server.malformed if case.expect is None else case.expect
    if answer is not None and case.works and answer.status == 200 and not answer.echoes(case.message.body):
        note = "the view was given another body"
    if case.weakness is not None and case.weakness not in declared(case.scheme)["weaknesses"]:
        note = "the scheme does not declare this weakness"
    status = None if answer is None else answer.status
    return Cell(case.scheme, case.title, server.title, status, code, expected, case.code, case.weakness, note)


def declared(scheme: str) -> dict[str, Any]:
    """What the scheme itself says that it covers, and where it is weak."""
    described = schemes.by_name()[scheme]
    return {
        "fields": list(described.fields),
        "covered": list(described.covered),
        "replay": described.replay_class,
        "weaknesses": sorted(described.weaknesses()),
    }


class _Caller:
    """Signs and sends the cases to one server. `keys`: by scheme."""

    def __init__(self, up: Running, keys: Mapping[str, bytes]) -> None:
        self._up = up
        self._keys = keys
        self._last = b""

    def cell(self, case: Case) -> Cell:
        answer, note = None, None
        try:
            answer = self._answer(case)
        except (OSError, HTTPException, TimeoutExpired) as error:
            note = f"{type(error).__name__}: {error}"
        return judge(case, self._up.server, answer, self._up.refusal(), note)

    def runs(self) -> int | None:
        """The server's own count, asked for with a signature like everything else; None where it gives none."""
        key = self._keys["rfc9421"]
        asked = signers.stdlib("rfc9421", self._here(_RUNS), key, created=int(time.time()))
        try:
            count = send(self._up.port, asked.wire()).json().get("runs")
        except (OSError, HTTPException):
            return None
        return count if isinstance(count, int) else None

    def _answer(self, case: Case) -> Answer:
        if not case.again:
            message = self._here(case.message)
            key = self._keys[case.scheme] if case.key == "right" else secrets.token_bytes(32)
            created = int(time.time()) - case.age
            if case.by == "curl":
                return signers.curl(case.scheme, message, key)
            if case.by == "pypi":
                message = signers.pypi(message, key, created=created)
            elif case.by == "stdlib":
                message = signers.stdlib(case.scheme, message, key, created=created, **case.options)
            self._last = (case.change(message) if case.change else message).wire()
        return send(self._up.port, self._last)

    def _here(self, message: Message) -> Message:
        return Message(
            message.method, message.target, (("Host", self._up.authority.encode()), *message.fields), message.body
        )


def _runs(case: Case, server: Server) -> bool:
    return case.works and (case.expect == 200 or (case.expect is None and server.view_parses))


def _key(variable: str) -> str:
    """A fresh key, or the caller's own from the environment, to sign requests by hand while the servers are kept."""
    key = os.environ.get(variable) or secrets.token_urlsafe(32)
    if not _KEY.fullmatch(key):
        raise ConfigurationError(f"{variable}: the demo takes a key of 32 to 256 letters, digits, - and _")
    return key


def _require_all() -> None:
    missing = [program for program in signers.PROGRAMS if shutil.which(program) is None]
    if missing:
        raise ConfigurationError(f"the demo needs {' and '.join(missing)} on the PATH")
    modules = [name for name in ("django", "flask", "fastapi", "gunicorn", "uvicorn") if find_spec(name) is None]
    if modules:
        raise ConfigurationError(f"the demo needs {' and '.join(modules)}: pip install 'sealgate[demo]'")
