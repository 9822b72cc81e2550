"""`sealgate posture`: what around the service turns one request that gets through into an escape."""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from shutil import get_terminal_size

import click

from sealgate.exceptions import ConfigurationError
from sealgate.posture import Application, application_of, report
from sealgate.posture import posture as look

__all__ = ["posture"]

#: Columns, where there is no terminal to ask, and where it says nonsense.
_WIDTH, _NARROWEST = 120, 40


@click.command("posture")
@click.argument("target", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True)
@click.option("--ignore", multiple=True, metavar="ID=REASON", help="Accept a finding; may be given several times.")
@click.option("--strict", is_flag=True, help="What cannot be told fails, too.")
def posture(target: str | None, form: str, ignore: tuple[str, ...], strict: bool) -> None:
    """See what this process, its container and its machine would give to a request that gets through.

    With TARGET, which is what servers take (`shop.wsgi:application`, `app:app`), also what that application's settings
    and keys would. Run it where the service runs: in its container, as its user, with its environment. Nothing is
    written or tried, and no key or value of a variable is printed. Exit 0: nothing is bad. Exit 1: something is.
    """
    reasons = report.ignored(ignore)
    findings = look(None if target is None else _application(target), ignore=reasons)
    if form == "text":
        terminal = sys.stdout.isatty()
        width = max(get_terminal_size().columns, _NARROWEST) if terminal else _WIDTH
        click.echo(report.as_text(findings, width=width, colour=terminal and not os.environ.get("NO_COLOR")))
    else:
        click.echo(
            json.dumps(report.as_json(findings, target) if form == "json" else report.as_sarif(findings), indent=2)
        )
    sys.exit(0 if report.passes(findings, strict=strict) else 1)


def _application(target: str) -> Application:
    """Raises `ConfigurationError` for whatever the application raises; its words may hold a key, and are left out."""
    from sealgate.audit.applications import load

    here = os.fspath(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        with redirect_stdout(sys.stderr):
            return application_of(load(target))
    except ConfigurationError:
        raise
    except (Exception, SystemExit) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__} ({last.filename}, line {last.lineno})"
        raise ConfigurationError(f"{target}: could not be loaded: {told}") from error
