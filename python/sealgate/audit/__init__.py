"""The audit: every way into an application, and what a request has to prove there.

report = audit("shop.wsgi:application")
assert all(entry.verdict in {"verified", "exempt"} for entry in report.entries)
"""

from sealgate.audit.applications import audit, entries_of
from sealgate.audit.entry import Entry, Proof, Source, Standing
from sealgate.audit.report import Attack, Mismatch, Report

__all__ = ["Attack", "Entry", "Mismatch", "Proof", "Report", "Source", "Standing", "audit", "entries_of"]
