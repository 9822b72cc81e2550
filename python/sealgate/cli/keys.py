"""`sealgate keys`: the next key of a key file, and how old the keys are. No key is ever printed."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from sealgate.keys import rotation

__all__ = ["keys"]

_GRACE = 24 * 60 * 60
_LEAD = 5
_format = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
_file = click.argument("file", type=click.Path(path_type=Path))
_at = click.option("--at", type=click.IntRange(0, 999_999_999_999), metavar="SECONDS", help="Unix time to take as now.")


@click.group("keys")
def keys() -> None:
    """Rotate the keys of a file (a JSON Web Key Set, or one JSON Web Key), or see how they stand."""


@keys.command("rotate")
@_file
@click.option("--key-id", metavar="ID", help="Whose key; may be left out where the file has keys of one id.")
@click.option(
    "--grace",
    type=click.IntRange(0, 10**9),
    default=_GRACE,
    show_default=True,
    metavar="SECONDS",
    help="For so long the old key is still accepted.",
)
@click.option(
    "--lead",
    type=click.IntRange(0, 10**9),
    metavar="SECONDS",
    help=f"After so long, when all know it, the new key counts; {_LEAD}, or the grace if that is less.",
)
@_at
@_format
def rotate_command(file: Path, key_id: str | None, grace: int, lead: int | None, at: int | None, form: str) -> None:
    """Write the next key into FILE, in one step, and let the old one end after the grace period."""
    now = int(time.time()) if at is None else at
    lead = min(_LEAD, grace) if lead is None else lead
    rotated = rotation.rotate(file, grace=grace, lead=lead, now=now, key_id=key_id)
    told = {"key_id": rotated, "not_before": now + lead, "old_not_after": now + grace}
    if form == "json":
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(f"{rotated!a}: a new key from {_time(now + lead)} on, the old one until {_time(now + grace)}")


@keys.command("status")
@_file
@_at
@_format
def status(file: Path, at: int | None, form: str) -> None:
    """List the keys of FILE: ids, ages, validity, hash; which one signs."""
    told = rotation.states(file, int(time.time()) if at is None else at)
    if form == "json":
        click.echo(json.dumps([asdict(one) for one in told], indent=2))
        return
    rows = [("KEY ID", "STATE", "FROM", "UNTIL", "AGE", "HASH")]
    for one in told:
        state = f"{one.state}, signs" if one.signs else one.state
        age = "-" if one.age is None else f"{one.age // 86400} d {one.age % 86400 // 3600} h"
        key_id = "-" if one.key_id is None else ascii(one.key_id)[1:-1]
        rows.append((key_id, state, _time(one.not_before), _time(one.not_after), age, one.hash or "any"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _time(second: int | None) -> str:
    """RFC 3339, or the number where a calendar has no such day."""
    if second is None:
        return "-"
    try:
        return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return str(second)
