"""Names of files: what may stand in an allow-list, and in the field that names a download."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

__all__ = ["disposition", "is_name", "relative"]

#: Octets: of a name (NAME_MAX), and of a path with its NUL (PATH_MAX).
_NAME, _PATH = 255, 4096
#: Control characters and line ends would end a field; half a surrogate pair is no text.
_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: They show `gpj.exe` as `exe.jpg` (Unicode Standard Annex #9, 2).
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: What a quoted string may hold without an escape (RFC 9110, 5.6.4), but for `%`, which some browsers decode.
_UNQUOTED = re.compile(r"[^ !#$&-\[\]-~]")
_ATTRIBUTE = "!#$&+-.^_`|~"  # RFC 8187, 3.2.1: attr-char, besides letters and digits


def relative(path: object) -> str:
    """`path`, if it leads down from a directory: names with `/` between them. Raises `ValueError`: what it is not."""
    if type(path) is not str:
        raise ValueError("no text")
    if not path:
        raise ValueError("empty")
    if path.startswith("/"):
        raise ValueError("not relative")
    for name in path.split("/"):
        if not is_name(name):
            raise ValueError("no list of names with / between them: . and .. are none, nor what has other separators")
    if len(path.encode()) >= _PATH:
        raise ValueError("too long")
    return path


def is_name(name: object) -> bool:
    """Whether it is text that names one file, on every system."""
    if type(name) is not str or name in {"", ".", ".."} or not {"/", "\\"}.isdisjoint(name):
        return False
    if _REORDERING.search(name) or not _CATEGORIES.isdisjoint(map(unicodedata.category, name)):
        return False
    return len(name.encode()) <= _NAME


def disposition(name: str, *, inline: bool) -> str:
    """The value of Content-Disposition (RFC 6266, 4), with the name as UTF-8 (RFC 8187) where it is not plain."""
    kind = "inline" if inline else "attachment"
    plain = _UNQUOTED.sub("_", name)
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE)}"
    return f'{kind}; filename="{plain}"{extended}'
