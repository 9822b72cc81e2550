"""`sealgate audit`, and `flask sealgate audit`: every way into an application, and whether one is open."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from sealgate.audit.applications import load
from sealgate.audit.command import FORMATS, OWN, Order, run
from sealgate.cli.mistakes import mistakes

__all__ = ["audit", "flask_group"]

_F = TypeVar("_F", bound=Callable[..., Any])
_file = click.Path(path_type=Path)


def _order(command: _F) -> _F:
    options: list[Callable[[Any], Any]] = [
        click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True),
        click.option("--output", type=_file, metavar="FILE", help="Write the report there; the summary is printed."),
        click.option(
            "--openapi",
            metavar="FILE",
            help=f"Compare with this document (JSON, YAML), or with `{OWN}`: what the application says of itself.",
        ),
        click.option("--baseline", type=_file, metavar="FILE", help="A report in JSON: what it has open may stay."),
        click.option("--allow-unknown", is_flag=True, help="What cannot be told from outside does not count as open."),
        click.option("--probe", is_flag=True, help="Prove the verdicts by attack, in this process; safe methods only."),
        click.option("--url", metavar="URL", help="Attack a server on loopback that has the application."),
        click.option("--unsafe", is_flag=True, help="Attack with POST, PUT, PATCH and DELETE, too: views may act."),
        click.option("--origin", metavar="URL", help="Where the application thinks that it is, for the attacks."),
        click.option("--scheme", metavar="NAME", help="Of the good request; by default what most routes have."),
        click.option("--key-env", metavar="NAME", help="Environment variable with the key of the good request."),
        click.option("--key-id", metavar="ID", help="The key's id; the `kid` of a JWK by default."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("audit")
@click.argument("target")
@_order
def audit(target: str, **settings: Any) -> None:
    """List every way into TARGET, and whether a request has to prove itself there.

    TARGET is what servers take: `shop.wsgi:application`, `app:app`, `shop:create_app()`. It is imported, from the
    working directory or from where Python looks. Exit 0: all is verified, or exempt for a reason. Exit 1: something is
    open, or unknown, or not as the OpenAPI document promises, or a probe got through. Exit 2: it could not be audited.
    """
    here = os.fspath(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    _run(target, partial(load, target), settings)


@click.group("sealgate")
def flask_group() -> None:
    """HMAC request signatures."""


@flask_group.command("audit")
@_order
def flask_audit(**settings: Any) -> None:
    """List every way into the application, and whether a request has to prove itself there.

    Exit 0: all is verified, or exempt for a reason. Exit 1: something is open, or unknown, or not as the OpenAPI
    document promises, or a probe got through. Exit 2: it could not be audited.
    """
    from flask.cli import ScriptInfo  # where this command runs, there is Flask

    found = click.get_current_context().ensure_object(ScriptInfo)
    _run(found.app_import_path or "the application", found.load_app, settings)


def _run(target: str, load: Callable[[], Any], settings: dict[str, Any]) -> None:
    with mistakes():
        closed = run(target, load, Order(**settings), sys.stdout, sys.stderr)
    sys.exit(0 if closed else 1)
