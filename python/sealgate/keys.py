"""Where keys come from: a ring, a key, a mapping, the environment, or a function of the key id."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

from sealgate._native import Key, KeyRing, Request
from sealgate.exceptions import ConfigurationError

__all__ = ["Key", "KeyRing", "KeySource", "Keys", "load"]

_Material = Key | bytes | str
#: `None` says that the key id names no key.
_Found = _Material | Sequence[_Material] | KeyRing | None
KeySource = Callable[[str | None, Request], _Found | Awaitable[_Found]]
Keys = KeyRing | _Material | Mapping[str, _Material | Sequence[_Material]] | KeySource


def load(keys: Keys) -> KeyRing | KeySource:
    """The ring that `keys` stands for, or the source itself where it is a function `(key_id, request)`.

    Raises `ConfigurationError` for an empty, short or published key, one key under two ids, an unset variable.
    """
    if callable(keys):
        return keys
    ring = _from_text(keys) if isinstance(keys, str) else keys if isinstance(keys, KeyRing) else KeyRing(keys)
    if not ring.key_ids:
        raise ConfigurationError("keys: empty")
    return ring


def found(key_id: str | None, answer: _Found) -> KeyRing | None:
    """A source's answer as a ring that knows this one key id."""
    if answer is None or isinstance(answer, KeyRing):
        return answer
    if key_id is None:
        raise ConfigurationError("keys: a source that is asked without a key id must answer with a KeyRing")
    return KeyRing({key_id: answer})


def _from_text(text: str) -> KeyRing:
    kind, colon, name = text.partition(":")
    if colon and kind == "env":
        value = os.environ.get(name)
        if not value:
            raise ConfigurationError(f"keys: the environment variable {name} is not set, or empty")
        return KeyRing(value)
    if colon and kind in {"file", "dir"}:
        raise ConfigurationError(f"keys: no key source of the kind {kind}: is available")
    return KeyRing(text)
