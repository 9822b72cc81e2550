"""Mistakes in usage or configuration end in one line on standard error, and exit 2; a traceback is a bug."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from sealgate.exceptions import SealgateError
from sealgate.printable import printable

__all__ = ["mistakes"]


@contextmanager
def mistakes() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        raise _Mistake(error.format_message()) from error
    except SealgateError as error:
        raise _Mistake(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(130)


class _Mistake(click.ClickException):
    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"sealgate: {printable(self.message)}", file=file, err=file is None)
