"""The next key of a key file, written in one step; and what a key file says of its keys."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealgate._native import Key
from sealgate.exceptions import ConfigurationError
from sealgate.keys.files import MOST_KEYS

__all__ = ["KeyState", "rotate", "states"]

#: Octets of a new key: RFC 7518, 3.2, "A key of the same size as the hash output [...] or larger MUST be used".
_SIZES = {"HS256": 32, "HS384": 48, "HS512": 64}
_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_LONGEST = 1024 * 1024
_LAST_SECOND = 999_999_999_999


@dataclass(frozen=True, slots=True)
class KeyState:
    """What may be told of a key. `state`: `valid`, `ended` or `early`; `signs`: it is the one to sign with.

    `not_before`, `not_after`: Unix seconds; `age`: seconds since `not_before`.
    """

    key_id: str | None
    state: str
    signs: bool
    not_before: int | None
    not_after: int | None
    age: int | None
    hash: str | None


def states(path: Path, now: int) -> list[KeyState]:
    """Of the keys of a JSON Web Key Set, or of one JSON Web Key. Raises `ConfigurationError`, and never shows a key."""
    with _opened(path, os.O_RDONLY) as descriptor:
        jwks = _read(path, descriptor)
    told: list[KeyState] = []
    for jwk in jwks:
        begin, end = jwk.get("nbf"), jwk.get("exp")
        state = "ended" if end is not None and end <= now else "early" if (begin or 0) > now else "valid"
        age = None if begin is None or begin > now else now - begin
        told.append(KeyState(jwk.get("kid"), state, False, begin, end, age, _HASHES.get(jwk.get("alg", ""))))
    newest: dict[str | None, int] = {}
    for place, one in enumerate(told):
        rival = newest.get(one.key_id)
        if one.state == "valid" and (rival is None or _begin(one) > _begin(told[rival])):
            newest[one.key_id] = place
    jwks.clear()
    return [_signing(one) if place in newest.values() else one for place, one in enumerate(told)]


def rotate(path: Path, *, grace: int, lead: int, now: int, key_id: str | None = None) -> str:
    """Writes the next key of `key_id` (of the only one where it is left out), and gives the id back.

    The new key counts from `now` + `lead` seconds on; the keys before it end at `now` + `grace`, if not sooner, and
    those that have ended are left out. All else in the file stays. The file is replaced in one step, with its mode and
    owner, and a link is followed. Raises `ConfigurationError`, naming what is wrong, and then nothing has changed.
    """
    if not 0 <= lead <= grace:
        raise ConfigurationError("the new key must count before the old one ends: lead must not be over grace")
    if now + grace > _LAST_SECOND:
        raise ConfigurationError("grace: too long")
    path = Path(os.path.realpath(path))
    with _opened(path, os.O_RDONLY) as descriptor:
        _lock(path, descriptor)
        jwks = _read(path, descriptor)
        try:
            key_id = _chosen(jwks, key_id)
            ours = [jwk for jwk in jwks if jwk.get("kid") == key_id]
            pattern = max(ours, key=lambda jwk: jwk.get("nbf", -1))
            new = {name: value for name, value in pattern.items() if name not in {"k", "nbf", "exp", "iat"}}
            size = _SIZES[new.get("alg", "HS256")]
            new |= {"k": base64.urlsafe_b64encode(secrets.token_bytes(size)).rstrip(b"=").decode(), "nbf": now + lead}
            for jwk in ours:
                jwk["exp"] = min(jwk.get("exp", _LAST_SECOND), now + grace)
            kept = [jwk for jwk in jwks if jwk.get("kid") != key_id or (now < jwk["exp"] > jwk.get("nbf", -1))]
            if sum(jwk.get("kid") == key_id for jwk in kept) >= MOST_KEYS:
                raise ConfigurationError(f"{path}: {MOST_KEYS} keys of this id still count: a shorter grace ends them")
            text = json.dumps({"keys": [new, *kept]}, indent=2).encode() + b"\n"
            Key.from_jwks(text)
            _replace(path, text, os.fstat(descriptor))
        finally:
            text = b""
            new, pattern, jwk = {}, {}, {}
            ours, kept = [], []
            jwks.clear()
    return key_id


def _begin(one: KeyState) -> int:
    return -1 if one.not_before is None else one.not_before


def _signing(one: KeyState) -> KeyState:
    return KeyState(one.key_id, one.state, True, one.not_before, one.not_after, one.age, one.hash)


def _chosen(jwks: list[dict[str, Any]], key_id: str | None) -> str:
    named = list(dict.fromkeys(jwk.get("kid") for jwk in jwks))
    if None in named:
        raise ConfigurationError("a key of the file has no kid, which a set must have")
    if key_id is None and len(named) != 1:
        raise ConfigurationError("the file has keys of several ids: say which with --key-id")
    chosen = named[0] if key_id is None else key_id
    if chosen is None or chosen not in named:
        raise ConfigurationError("the file has no key of this id")
    return chosen


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise ConfigurationError(f"{path}: {reason}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(path: Path, descriptor: int) -> None:
    """Refuses where another rotation is at work, or has replaced the file since it was opened."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unchanged = os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        unchanged = False
    if not unchanged:
        raise ConfigurationError(f"{path}: is being rotated by somebody else")


def _read(path: Path, descriptor: int) -> list[dict[str, Any]]:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"{path}: not a regular file")
    if found.st_size > _LONGEST:
        raise ConfigurationError(f"{path}: over 1 MiB")
    text = b""
    read: dict[str, Any] = {}
    listed: list[dict[str, Any]] = []
    try:
        with open(descriptor, "rb", closefd=False) as file:
            text = file.read(_LONGEST)
        Key.from_jwks(text)  # the strict reader; what it takes is read again, for what it does not look at
        read = json.loads(text, object_pairs_hook=_members)
        listed = [read] if read.get("keys") is None else read["keys"]
        return [{name: value for name, value in jwk.items() if value is not None} for jwk in listed]
    except ConfigurationError as error:
        wrong = str(error)
    except (ValueError, RecursionError):
        wrong = "one name twice, or a number that is none"
    finally:
        text, read, listed = b"", {}, []
    raise ConfigurationError(f"{path}: {wrong}")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        pairs.clear()
        members.clear()
        raise ValueError("one name twice")
    return members


def _replace(path: Path, text: bytes, old: os.stat_result) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = -1
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
        with open(descriptor, "wb", closefd=False) as file:
            file.write(text)
        os.fsync(descriptor)
        temporary.rename(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be replaced: {error.strerror}") from None
    finally:
        text = b""
        if descriptor >= 0:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)  # it is there where it could not take the file's place
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
