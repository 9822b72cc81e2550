"""Where keys come from: a ring, a key, a mapping, the environment, or a function of the key id.

No frame keeps key material in its local variables when it raises: tracebacks and error pages show those.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sealgate._native import Key, KeyRing, Request
from sealgate.exceptions import ConfigurationError

__all__ = ["Key", "KeyRing", "KeySource", "Keys", "from_environment", "load"]

_Material = Key | bytes | str
#: `None` says that the key id names no key.
Found = _Material | Sequence[_Material] | KeyRing | None
KeySource = Callable[[str | None, Request], Found | Awaitable[Found]]
Keys = KeyRing | _Material | Mapping[str, _Material | Sequence[_Material]] | KeySource


def load(keys: Keys) -> KeyRing | KeySource:
    """The ring that `keys` stands for, or the source itself where it is a function `(key_id, request)`.

    `"env:NAME"` may stand for all of it, or for a key of a mapping.

    Raises `ConfigurationError` for an empty, short or published key, one key under two ids, an unset variable.
    """
    try:
        if callable(keys):
            return keys
        if isinstance(keys, Mapping):
            keys = {key_id: _entry(material) for key_id, material in keys.items()}
        ring = _from_text(keys) if isinstance(keys, str) else keys if isinstance(keys, KeyRing) else KeyRing(keys)
    finally:
        keys = b""
    if not ring.key_ids:
        raise ConfigurationError("keys: empty")
    return ring


def found(key_id: str | None, answer: list[Found]) -> KeyRing | None:
    """A source's answer, taken out of `answer`, as a ring that knows this one key id."""
    if answer[0] is None or isinstance(answer[0], KeyRing):
        return answer.pop()  # type: ignore[return-value]  # narrowed above, and popped so that no frame keeps it
    if key_id is None:
        answer.clear()
        raise ConfigurationError("keys: a source that is asked without a key id must answer with a KeyRing")
    return KeyRing({key_id: answer.pop()})  # type: ignore[dict-item]  # as above


def from_environment(name: str) -> tuple[Key, str | None, str | None]:
    """The key in an environment variable; `kid` and `alg` where it is a JSON Web Key, as `sealgate keygen` prints."""
    text = os.fsencode(os.environ.get(name, ""))
    try:
        if not text:
            raise ConfigurationError("this environment variable is not set, or empty")
        return Key.from_jwk(text) if text.lstrip().startswith(b"{") else (Key(text), None, None)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    finally:
        text = b""


def _entry(material: Any) -> Any:
    """A mapping's key or keys, with what the environment holds in the place of its name."""
    if isinstance(material, list | tuple):
        return [_entry(one) for one in material]
    if isinstance(material, str) and material.startswith("env:"):
        return from_environment(material.removeprefix("env:"))[0]
    return material


def _from_text(text: str) -> KeyRing:
    kind, colon, name = text.partition(":")
    try:
        if colon and kind == "env":
            key, key_id, _ = from_environment(name)
            return KeyRing(key if key_id is None else {key_id: key})
        if colon and kind in {"file", "dir"}:
            raise ConfigurationError(f"keys: no key source of the kind {kind}: is available")
        return KeyRing(text)
    finally:
        text = name = kind = ""
