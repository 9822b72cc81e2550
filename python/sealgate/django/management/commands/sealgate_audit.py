"""`manage.py sealgate_audit`: every way into the project, and whether a request has to prove itself there."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sealgate.audit.command import FORMATS, OWN, Order, run
from sealgate.exceptions import SealgateError

__all__ = ["Command"]


class Command(BaseCommand):
    help = (
        "Lists every way into the project. Exit 0: all is verified, or exempt for a reason. Exit 1: something is open, "
        "or unknown, or not as the OpenAPI document promises, or a probe got through. Exit 2: it could not be audited."
    )
    #: A project whose checks fail can still be audited.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", dest="form", choices=list(FORMATS), default="text")
        parser.add_argument("--output", type=Path, metavar="FILE", help="Write the report there.")
        parser.add_argument("--openapi", metavar="FILE", help=f"Compare with this document, or with `{OWN}`.")
        parser.add_argument("--baseline", type=Path, metavar="FILE", help="A report in JSON: what it has open may be.")
        parser.add_argument("--allow-unknown", action="store_true", help="Unknown does not count as open.")
        parser.add_argument("--probe", action="store_true", help="Prove the verdicts by attack; safe methods only.")
        parser.add_argument("--url", metavar="URL", help="Attack a server on loopback that has the project.")
        parser.add_argument("--unsafe", action="store_true", help="Attack with methods that change something, too.")
        parser.add_argument("--origin", metavar="URL", help="Where the project thinks that it is, for the attacks.")
        parser.add_argument("--scheme", metavar="NAME", help="Of the good request; by default what most routes have.")
        parser.add_argument("--key-env", metavar="NAME", help="Environment variable with the key of the good request.")
        parser.add_argument("--key-id", metavar="ID", help="The key's id; the `kid` of a JWK by default.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  the framework's
        order = Order(**{name: options[name] for name in Order.__dataclass_fields__})
        out, err = options.get("stdout") or sys.stdout, options.get("stderr") or sys.stderr  # without added line ends
        try:
            closed = run(settings.SETTINGS_MODULE, lambda: settings, order, out, err)
        except SealgateError as error:
            raise CommandError(str(error), returncode=2) from error
        if not closed:
            sys.exit(1)
