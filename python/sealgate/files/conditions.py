"""Conditions of a request (RFC 9110, 13): whether what the client has, or expects, is the file as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import mktime_tz, parsedate_tz
from http import HTTPStatus

__all__ = ["outcome", "range_counts"]

#: RFC 9110, 8.8.3. A quote cannot stand within a tag, so those in a list are found without reading the list.
_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')

Field = Callable[[str], str | None]


def outcome(field: Field, etag: str, modified: int | None) -> int:
    """200, 304 or 412, of a GET or HEAD, by the order of RFC 9110, 13.2.2. `modified`: Unix seconds."""
    match, none_match = field("If-Match"), field("If-None-Match")
    if match is not None:
        if match.strip(" \t") != "*" and ("", etag) not in _TAG.findall(match):
            return HTTPStatus.PRECONDITION_FAILED
    elif modified is not None and (since := _date(field("If-Unmodified-Since"))) is not None and modified > since:
        return HTTPStatus.PRECONDITION_FAILED
    if none_match is not None:
        # RFC 9110, 8.8.3.2: the weak comparison.
        if none_match.strip(" \t") == "*" or etag in {tag for _, tag in _TAG.findall(none_match)}:
            return HTTPStatus.NOT_MODIFIED
    elif modified is not None and (since := _date(field("If-Modified-Since"))) is not None and modified <= since:
        return HTTPStatus.NOT_MODIFIED
    return HTTPStatus.OK


def range_counts(field: Field, etag: str, modified: int | None, now: float) -> bool:
    """Whether If-Range lets a Range count (RFC 9110, 13.1.5): only by a strong validator."""
    given = field("If-Range")
    if given is None or given == etag:
        return True
    # 8.8.2.2: a time is strong once another change could not have the same one.
    return modified is not None and modified + 1 < now and _date(given) == modified and '"' not in given


def _date(value: str | None) -> int | None:
    """Unix seconds of an HTTP-date (RFC 9110, 5.6.7); None where it is none."""
    if value is None:
        return None
    try:
        parsed = parsedate_tz(value)
        return None if parsed is None else int(mktime_tz(parsed))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
