"""The form that an identifier has: looked at before anything is looked up by it."""

from __future__ import annotations

import re
from collections.abc import Callable

from sealgate.exceptions import ConfigurationError

__all__ = ["PLAIN", "form"]

_LONGEST = 256
#: No separator of paths, no blank, no quote, and neither `.` nor `-` to begin with: the name of a file, or an argument.
PLAIN = r"[A-Za-z0-9_][A-Za-z0-9_.:@~-]*"
#: RFC 9562, 5.4, in lower case: a resource has one spelling.
_NAMED = {"uuid4": "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"}


def form(setting: str, pattern: str) -> Callable[[object], bool]:
    """Whether something is an identifier: 1 to 256 printable ASCII characters that `pattern` matches whole.

    `pattern`: for `re.fullmatch`, or `"uuid4"`. Raises `ConfigurationError`, naming `setting`.
    """
    if type(pattern) is not str:
        raise ConfigurationError(f"{setting}: expected a regular expression, or uuid4")
    try:
        matches = re.compile(_NAMED.get(pattern, pattern)).fullmatch
    except (re.error, OverflowError, RecursionError):
        raise ConfigurationError(f"{setting}: no regular expression") from None

    def has_form(given: object) -> bool:
        # Of a str itself: a subclass answers with code of its own.
        if type(given) is not str or not 0 < len(given) <= _LONGEST:
            return False
        return given.isascii() and given.isprintable() and matches(given) is not None

    return has_form
