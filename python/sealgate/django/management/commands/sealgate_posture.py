"""`manage.py sealgate_posture`: what around this project turns one request that gets through into an escape."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sealgate.django.posture import application
from sealgate.exceptions import ConfigurationError
from sealgate.posture import posture, report

__all__ = ["Command"]


class Command(BaseCommand):
    help = (
        "Look at this process, its machine and this project. Exit 0 if nothing is bad, 1 if something is, 2 a mistake."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--ignore", action="append", default=[], metavar="ID=REASON", help="Accept a finding.")
        parser.add_argument("--strict", action="store_true", help="What cannot be told fails too.")
        parser.add_argument("--format", choices=["text", "json", "sarif"], default="text")

    def handle(self, *, ignore: list[str], strict: bool, format: str, **_: Any) -> None:
        try:
            findings = posture(application(), ignore=report.ignored(ignore))
        except ConfigurationError as error:
            raise CommandError(str(error), returncode=2) from error
        if format == "json":
            self.stdout.write(json.dumps(report.as_json(findings), indent=2))
        elif format == "sarif":
            self.stdout.write(json.dumps(report.as_sarif(findings), indent=2))
        else:
            self.stdout.write(report.as_text(findings, colour=self.stdout.isatty()))
        if not report.passes(findings, strict=strict):
            sys.exit(1)
