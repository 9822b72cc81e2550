"""What a row of foreign vectors may come to, and how that is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sealgate import SealgateError

Row = dict[str, Any]

AGREED = "agrees"
REFUSED = "beyond us, and refused"
DECLARED = {
    "sha224": "SHA-224 is none of our hashes",
    "truncated": "a truncated signature is refused, its octets being right (RFC 2104, 5)",
    "repeated": "a covered field that occurs twice is refused: servers join it differently",
    "folded": "a folded line is refused: servers unfold it differently",
    "target": "only origin-form targets are taken",
    "duplicate": "a key or parameter that occurs twice is refused: readers take different ones",
    "outer": "blanks around a field are no part of it (RFC 9110, 5.5), so a tab there does no harm",
    "blank": "a field with a tab or another control character in it is refused: servers treat them differently",
    "trailer": "a trailer (tr) is refused: no server hands it over before the body is read",
    "redirect": "a redirect that is signed by members of its query is no scheme of ours",
    "key": "a key of Standard Webhooks is 24 to 64 octets",
    "empty": "a signature of the body alone is refused without a body, unless its provider sends such",
    "octets": "a target of octets that no target has is refused: servers decode it differently",
    "path": "a path that is signed like another one is refused: dot segments and empty ones",
    "two digests": "B.2.4 shows a message with another Content-Digest than the one it signs: the RFC's own slip",
}


class Disagreement(Exception):
    """The row and we do not agree, and nothing above says why."""


def must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Disagreement(otherwise)


def refusing(call: Callable[[], object], outcome: str, kind: type[SealgateError] = SealgateError) -> str:
    """`outcome`, if the call is refused as it should be."""
    try:
        call()
    except kind:
        return outcome
    raise Disagreement("accepted")
