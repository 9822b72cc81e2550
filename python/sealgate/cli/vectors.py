"""`sealgate vectors`: the messages that come with the package, for whoever signs or verifies in another language."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import click

from sealgate.exceptions import ConfigurationError

__all__ = ["vectors"]

_FOLDER = resources.files("sealgate") / "vectors"


@click.command()
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def vectors(name: str | None, form: str) -> None:
    """List the published vectors, or print those of one scheme, NAME: requests, keys, signature bases and verdicts.

    With --format json: all of them, by name. What stands in them is told by README.md in the same folder.
    """
    files = _files()
    if name is not None:
        if name not in files:
            raise ConfigurationError(f"no vectors of that name; there are {', '.join(files)}")
        click.echo(json.dumps(files[name], indent=2))
    elif form == "json":
        click.echo(json.dumps(files, indent=2))
    else:
        click.echo("\n".join(_line(each, file) for each, file in files.items()))
        click.echo(f"\n{_FOLDER}")


def _files() -> dict[str, Any]:
    paths = sorted((path for path in _FOLDER.iterdir() if path.name.endswith(".json")), key=lambda path: path.name)
    return {path.name.removesuffix(".json"): json.loads(path.read_text(encoding="utf-8")) for path in paths}


def _line(name: str, file: dict[str, Any]) -> str:
    verdicts = [case["verdict"] for case in file["cases"]]
    return f"{name:<28}{verdicts.count('verified'):>3} verified {verdicts.count('refused'):>3} refused"
