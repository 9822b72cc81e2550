"""Files with keys, as tests write them and ask them, and a clock that only tests move."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import reference
from judged import KEY, KEY_ID, NOW, OTHER_KEY
from sealgate import Rejected
from sealgate.keys import Watched

THIRD_KEY = b"thirty-two octets of test key, C"


class Clock:
    """Monotonic seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def jwk(octets: bytes = KEY, **changes: Any) -> dict[str, Any]:
    """RFC 7517 and RFC 7518, 6.4; None leaves a member out."""
    k = base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
    members = {"kty": "oct", "kid": KEY_ID, "alg": "HS256", "k": k, **changes}
    return {name: value for name, value in members.items() if value is not None}


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys or [jwk()])}).encode()


def written(path: Path, text: bytes) -> Path:
    """In one step, and for nobody else to read."""
    new = path.with_name(f".{path.name}.new")
    new.touch(mode=0o600)
    new.write_bytes(text)
    return new.rename(path)


def two_keys() -> bytes:
    return jwks(jwk(), jwk(OTHER_KEY, kid="globex"))


def folder_of_one(path: Path) -> Path:
    """A folder with the key of `KEY_ID`, in its octets."""
    path.mkdir()
    written(path / KEY_ID, KEY + b"\n")
    return path


def watched(where: Path, clock: Clock, **settings: Any) -> Watched:
    return Watched(f"{'dir' if where.is_dir() else 'file'}:{where}", clock=clock, **{"hash": "sha256", **settings})


def signers(keys: Watched) -> list[str]:
    """Of three keys, those that the source accepts, with their ids."""
    ring, accepted = keys.ring, []
    for name, octets in (("A", KEY), ("B", OTHER_KEY), ("C", THIRD_KEY)):
        try:
            accepted.append(f"{name}:{ring.verify(b'm', reference.mac(octets, b'm'), now=NOW)}")
        except Rejected:
            continue
    return accepted


def link_to_itself(at: Path) -> None:
    at.symlink_to(at)
