"""Where keys come from: a ring, a key, a mapping, the environment, files, or a function of the key id.

No frame keeps key material in its local variables when it raises: tracebacks and error pages show those.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sealgate._native import Key, KeyRing, Request
from sealgate.exceptions import ConfigurationError
from sealgate.keys.files import Watched
from sealgate.steps import Steps
from sealgate.steps import ask as ask_outside

__all__ = ["NO_KEYS", "Key", "KeyRing", "KeySource", "Keys", "Watched", "ask", "from_environment", "holds", "load"]

#: Knows no key id, and costs what the knowledge of one does.
NO_KEYS = KeyRing({})

_Material = Key | bytes | str
#: `None` says that the key id names no key.
Found = _Material | Sequence[_Material] | KeyRing | None
KeySource = Callable[[str | None, Request], Found | Awaitable[Found]]
Keys = KeyRing | _Material | Mapping[str, _Material | Sequence[_Material]] | KeySource
#: RFC 7518, 3.1.
_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def load(
    keys: Keys, *, hash: str | None = None, operations: Sequence[str] = (), form: str = "text"
) -> KeyRing | KeySource:
    """The ring that `keys` stands for, or the source itself where it is a function `(key_id, request)`.

    `"env:NAME"` may stand for all of it, or for a key of a mapping; `"file:/path"` and `"dir:/path"` for all of it, as
    a `Watched`. `hash` and `operations`: what the `alg` and the `key_ops` of a JSON Web Key must allow. `form`: how the
    scheme's party writes its keys (`Scheme.key_form`); a `Key` and a JSON Web Key are octets already.

    Raises `ConfigurationError` for an empty, short or published key, one key under two ids, an unset variable, a file
    that cannot be read.
    """
    try:
        if callable(keys):
            return keys
        if isinstance(keys, str) and keys.startswith(("file:", "dir:")):
            return Watched(keys, hash=hash, operations=operations, form=form)
        if isinstance(keys, str) and keys.startswith("env:"):
            keys, key_id = _named(keys.removeprefix("env:"), hash, form)
            keys = keys if key_id is None else {key_id: keys}
        elif isinstance(keys, Mapping):
            keys = {key_id: _entry(material, hash, form) for key_id, material in keys.items()}
        ring = keys if isinstance(keys, KeyRing) else KeyRing(_decoded(keys, form))
    finally:
        keys = b""
    if not ring.key_ids:
        raise ConfigurationError("keys: empty")
    return ring


def ask(source: KeySource, key_id: str | None, request: Request | None, form: str = "text") -> Steps[KeyRing]:
    """The keys that `source` gives for `key_id`, in a ring. `form`: as of `load`. Raises `Unavailable`."""
    return ask_outside("key source", partial(_found, key_id, form), source, key_id, request)


def _found(key_id: str | None, form: str, answer: list[Found]) -> KeyRing:
    """A source's answer, taken out of `answer`, as a ring that knows this one key id."""
    if answer[0] is None:
        return NO_KEYS
    if isinstance(answer[0], KeyRing):
        return answer.pop()  # type: ignore[return-value]  # narrowed above, and popped so that no frame keeps it
    if key_id is None:
        answer.clear()
        raise ConfigurationError("keys: a source that is asked without a key id must answer with a KeyRing")
    return KeyRing({key_id: _decoded(answer.pop(), form)})


def from_environment(name: str, form: str = "text") -> tuple[Key, str | None, str | None]:
    """The key in an environment variable; `kid` and `alg` where it is a JSON Web Key, as `sealgate keygen` prints.

    `form`: as of `load`.
    """
    text = os.fsencode(os.environ.get(name, ""))
    try:
        if not text:
            raise ConfigurationError("this environment variable is not set, or empty")
        return Key.from_jwk(text) if text.lstrip().startswith(b"{") else (Key(text, form=form), None, None)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    finally:
        text = b""


def holds(ring: KeyRing, octets: bytes) -> bool:
    """Whether `octets` are a key of the ring, in any of the forms that HMAC takes for the same key (RFC 2104, 2)."""
    try:
        return ring.shares_key(KeyRing(Key(octets, short_ok=True, published_ok=True)))
    except ConfigurationError:
        return False  # nothing but zeros and blanks, which no ring holds
    finally:
        octets = b""


def _entry(material: Any, hash: str | None, form: str) -> Any:
    """A mapping's key or keys, with what the environment holds in the place of its name."""
    try:
        if isinstance(material, list | tuple):
            return [_entry(one, hash, form) for one in material]
        if isinstance(material, str) and material.startswith("env:"):
            return _named(material.removeprefix("env:"), hash, form)[0]
        return _decoded(material, form)
    finally:
        material = b""


def _decoded(material: Any, form: str) -> Any:
    """Text of another form than its own octets, as the key that it stands for."""
    try:
        if form == "text":
            return material
        if isinstance(material, list | tuple):
            return [_decoded(one, form) for one in material]
        return Key(material, form=form) if isinstance(material, str | bytes) else material
    finally:
        material = b""


def _named(name: str, hash: str | None, form: str) -> tuple[Key, str | None]:
    """The key in an environment variable, and its key id."""
    key, key_id, algorithm = from_environment(name, form)
    if algorithm is not None and hash is not None and _HASHES[algorithm] != hash:
        raise ConfigurationError(f"{name}: alg {algorithm} is not for {hash}, the scheme's hash")
    return key, key_id
