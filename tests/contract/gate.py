"""What every adapter promises: the classes that its test class inherits."""

from __future__ import annotations

from contract.bodies import Bodies
from contract.places import Places
from contract.proofs import Proofs
from contract.rules import Layers, Rules
from contract.targets import Targets
from contract.verdicts import ReportOnly, Verdicts

__all__ = ["GateContract", "VerdictContract"]


class VerdictContract(Proofs, Places, Targets, Bodies):
    """For what gives a verdict on the routes that ask for one, and closes no others."""


class GateContract(VerdictContract, Rules, Layers, Verdicts, ReportOnly):
    """For what closes every route."""
