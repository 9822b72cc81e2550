"""Ranges of a file (RFC 9110, 14): which octets a Range field asks for."""

from __future__ import annotations

import re

__all__ = ["MOST", "asked"]

#: Ranges in one request; a field with more asks for the whole (RFC 9110, 17.15: many small ones are an attack).
MOST = 16
#: RFC 9110, 14.1.1: int-range and suffix-range. 18 digits are more than a file has octets.
_RANGE = re.compile(r"(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


def asked(field: str, size: int) -> list[range] | None:
    """The octets that `field` asks for, of `size`: overlapping and adjacent ranges as one; none cannot be satisfied.

    None: the field is to be ignored. It has another unit, it is no Range field, or it asks for too many.
    """
    unit, equals, listed = field.partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes":
        return None
    specs = [spec for spec in (each.strip(" \t") for each in listed.split(",", 4 * MOST)) if spec]
    if not 0 < len(specs) <= MOST:
        return None
    found: list[range] = []
    for spec in specs:
        match = _RANGE.fullmatch(spec)
        if match is None:
            return None
        first, last, suffix = match.groups()
        if suffix is not None:
            start, stop = max(0, size - int(suffix)), size
            if size == 0 and int(suffix) > 0:
                return None  # satisfiable, by all of nothing, which Content-Range cannot say
        else:
            start, stop = int(first), min(size, int(last) + 1) if last else size
            if last and int(last) < int(first):
                return None  # RFC 9110, 14.1.1: invalid
        if start < stop:
            found.append(range(start, stop))
    return _joined(found)


def _joined(ranges: list[range]) -> list[range]:
    """In order, where any two of them overlap or meet; as they were asked for where none do."""
    joined: list[range] = []
    for each in sorted(ranges, key=lambda each: each.start):
        if joined and each.start <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, each.stop))
        else:
            joined.append(each)
    return joined if len(joined) < len(ranges) else ranges
