"""The deployment around the signatures: what turns one request that gets through into an escape.

Each fact is looked up where the system says it, and nothing is written or tried. It is about this very process: ask
where the service runs, as its user. No key and no value of a variable or setting is in a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sealgate.exceptions import ConfigurationError
from sealgate.posture import application, container, files, keys, process, service
from sealgate.posture.application import Application
from sealgate.posture.check import Check, Finding, Severity, State
from sealgate.posture.frameworks import application_of
from sealgate.posture.system import System

__all__ = ["CHECKS", "Application", "Finding", "Severity", "State", "System", "application_of", "posture"]

_OF_SYSTEM: tuple[Check[System], ...] = (*process.CHECKS, *files.CHECKS, *container.CHECKS, *service.CHECKS)
_OF_APPLICATION: tuple[Check[Application], ...] = (*keys.CHECKS, *application.CHECKS)
#: By id: how it should be.
CHECKS: Mapping[str, str] = {
    **{check.id: check.title for check in _OF_SYSTEM},
    **{check.id: check.title for check in _OF_APPLICATION},
}


def posture(
    application: Application | None = None,
    *,
    ignore: Mapping[str, str] | None = None,
    system: System | None = None,
) -> tuple[Finding, ...]:
    """Every check of the process and its machine, and with an `application` of that too; in the order of their ids.

    `ignore`: id to the reason why a finding is accepted; it stays in the list, with `suppressed`. `system`: a recorded
    machine in the place of this one. Raises `ConfigurationError` for an unknown id or a blank reason.
    """
    reasons = dict(ignore or {})
    for name, reason in reasons.items():
        if name not in CHECKS:
            raise ConfigurationError(f"ignore: there is no check {name!a}")
        if not reason.strip():
            raise ConfigurationError(f"ignore: {name} needs a reason")
    machine = System() if system is None else system
    found = [check.finding(machine) for check in _OF_SYSTEM]
    if application is not None:
        found += [check.finding(application) for check in _OF_APPLICATION]
    return tuple(
        replace(one, suppressed=reasons[one.id].strip()) if one.id in reasons and one.state != "ok" else one
        for one in found
    )
