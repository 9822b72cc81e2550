"""The audit as a command: what `sealgate audit`, `manage.py sealgate_audit` and `flask sealgate audit` do alike."""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from sealgate import Signer, schemes
from sealgate.audit import openapi
from sealgate.audit.applications import entries_of, framework_of
from sealgate.audit.documents import as_json, as_markdown, as_sarif
from sealgate.audit.entry import Entry
from sealgate.audit.html import as_html
from sealgate.audit.judgement import Baseline, Judgement, judge
from sealgate.audit.report import Report
from sealgate.audit.text import summary, text
from sealgate.exceptions import ConfigurationError
from sealgate.keys import from_environment

__all__ = ["FORMATS", "OWN", "Order", "run"]

#: As `--openapi`: the document that the application makes of itself. A file of this name is `./own`.
OWN = "own"
FORMATS: dict[str, Callable[[Judgement], str]] = {
    "text": text,
    "json": as_json,
    "sarif": as_sarif,
    "html": as_html,
    "markdown": as_markdown,
}
#: After so many entries the progress is told: to a terminal, to a file.
_OFTEN, _SELDOM = 100, 2000


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    `form`: a key of `FORMATS`. `openapi`: a file, or `OWN`. `key_env`: an environment variable with the key of the
    probe's good requests; `scheme`: its name, by default the one that most entries have.
    """

    form: str = "text"
    output: Path | None = None
    openapi: str | None = None
    baseline: Path | None = None
    allow_unknown: bool = False
    probe: bool = False
    unsafe: bool = False
    url: str | None = None
    origin: str | None = None
    scheme: str | None = None
    key_env: str | None = None
    key_id: str | None = None


def run(target: str, load: Callable[[], Any], order: Order, out: TextIO, err: TextIO) -> bool:
    """Audits what `load` gives, which is called `target`, and writes the report: whether all is closed.

    Raises `ConfigurationError` where it cannot be audited: also for what the application raises when it is loaded.
    """
    baseline = None if order.baseline is None else Baseline.read(order.baseline)
    probes = order.probe or order.url is not None
    if not probes and (order.unsafe or order.key_env or order.key_id or order.scheme or order.origin):
        raise ConfigurationError("--unsafe, --origin, --scheme, --key-env and --key-id are for --probe or --url")
    with redirect_stdout(err):  # what the application prints is no part of the report
        with _failing(target):
            app = load()
            framework = framework_of(app)
            report = Report(target, framework, tuple(_followed(entries_of(app, "", time.time()), err)))
            document = openapi.own_document(app, framework) if order.openapi == OWN else None
        if order.openapi is not None:
            told = openapi.read(Path(order.openapi)) if document is None else document
            report = replace(report, mismatches=openapi.join(report.entries, told))
        if probes:
            report = _probed(report, app, order)
    judgement = judge(report, baseline, allow_unknown=order.allow_unknown)
    _write(judgement, order, out)
    return judgement.closed


def _probed(report: Report, app: Any, order: Order) -> Report:
    from sealgate.audit.probe import probe  # event loops and all: not for each command line

    signer = None if order.key_env is None else _signer(report, order, order.key_env)
    attacked = app if order.url is None else order.url
    return probe(report, attacked, signer=signer, origin=order.origin, unsafe=order.unsafe)


def _signer(report: Report, order: Order, variable: str) -> Signer:
    """The scheme that most entries have, where none is named."""
    found = Counter(proof.scheme for entry in report.entries for proof in entry.standing.proofs)
    name = order.scheme or next((name for name, _ in found.most_common()), "")
    scheme = schemes.by_name().get(name)
    if scheme is None:
        raise ConfigurationError(f"--scheme: {name or 'the scheme'!r} is none that `sealgate schemes` lists")
    try:
        key, key_id, _ = from_environment(variable, scheme.key_form)
    except ConfigurationError as error:
        raise ConfigurationError(f"--key-env: {error}") from None
    return Signer(scheme, key=key, key_id=order.key_id or key_id)


def _write(judgement: Judgement, order: Order, out: TextIO) -> None:
    if order.form == "text" and order.output is None:
        terminal = out.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        written = text(judgement, width, colour=terminal and not os.environ.get("NO_COLOR"))
    else:
        written = FORMATS[order.form](judgement)
    if order.output is None:
        _print(written, out)
        return
    try:
        order.output.write_text(written, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--output {order.output}: {error.strerror}") from error
    _print(f"{summary(judgement)}\n", out)


def _print(written: str, out: TextIO) -> None:
    """What the stream's encoding has not is written as escapes."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    out.write(written.encode(encoding, "backslashreplace").decode(encoding))
    out.flush()


def _followed(entries: Iterable[Entry], err: TextIO) -> Iterator[Entry]:
    """Tells how many there are so far, where there are many."""
    terminal = err.isatty()
    number = 0
    for number, entry in enumerate(entries, 1):
        yield entry
        if terminal and number % _OFTEN == 0:
            err.write(f"\r{number} ways in")
            err.flush()
        elif not terminal and number % _SELDOM == 0:
            err.write(f"{number} ways in so far\n")
    if terminal and number >= _OFTEN:
        err.write("\r\x1b[K")


@contextmanager
def _failing(target: str) -> Iterator[None]:
    """One line for whatever the application raises; it may be anything, `SystemExit` too."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{target}: {error}" if target not in str(error) else str(error)) from error
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        last = [frame for frame in frames if "importlib" not in frame.filename][-1]  # who imported
        said = " ".join(str(error).split())
        told = f"{type(error).__name__}{said and f': {said}'}"
        raise ConfigurationError(f"could not audit {target}: {told} ({last.filename}, line {last.lineno})") from error
