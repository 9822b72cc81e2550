"""One assertion for a test suite: no route is forgotten.

def test_every_route_is_verified() -> None:
    assert_all_routes_verified(app)
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sealgate.audit import audit, words
from sealgate.audit.entry import Entry
from sealgate.printable import printable

__all__ = ["assert_all_routes_verified"]


def assert_all_routes_verified(
    app: Any, *, allow_exempt: bool | Collection[str] = True, allow_unknown: bool = False, now: float | None = None
) -> None:
    """Raises `AssertionError` that names each way into `app` which is neither verified nor exempt for a reason.

    `app`: an application of any framework, `django.conf.settings`, or text such as `"shop.wsgi:application"`.
    `allow_exempt`: False for no exemption at all, or the paths that may have one, as the audit writes them.
    `allow_unknown`: lets pass what cannot be told from outside. `now`: Unix seconds, by which exemptions end.
    Raises `ConfigurationError` where it cannot be audited; an application without any way in does not pass either.
    """
    __tracebackhide__ = True  # pytest shows the test's line
    report = audit(app, now=now)
    if not report.entries:
        raise AssertionError(f"{report.target}: the audit found no way in: is it the application?")
    failing = [entry for entry in report.in_order if not _passes(entry, allow_exempt, allow_unknown=allow_unknown)]
    if failing:
        told = "\n".join(f"  {_told(entry)}" for entry in failing)
        raise AssertionError(f"{report.target}: {len(failing)} of {len(report.entries)} ways in are open:\n{told}")


def _passes(entry: Entry, allow_exempt: bool | Collection[str], *, allow_unknown: bool) -> bool:
    match entry.verdict:
        case "verified":
            return True
        case "exempt":
            return allow_exempt if isinstance(allow_exempt, bool) else entry.path in allow_exempt
        case "unknown":
            return allow_unknown
    return False


def _told(entry: Entry) -> str:
    where = words.place(entry.source)
    why = "; ".join(words.why(entry))
    return printable(f"{entry.verdict} {words.methods(entry)} {entry.path}: {why}{where and f' ({where})'}")
