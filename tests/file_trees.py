"""Directories with files for the tests of `SignedFiles`: a root, a canary outside, and everything that might lead there."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from judged import KEY, KEY_ID, NOW, ORIGIN
from reference import Message, sign_rfc9421
from sealgate import Request, SignedFiles, Verified, Verifier, _native, schemes

INSIDE = b"what is inside"
CANARY = b"the canary: what nobody may read"
UUID = "3f2b8c1e-9d4a-4c6b-8a57-0e1f2d3c4b5a"
OTHER = "b1c2d3e4-f5a6-4b7c-8d9e-0f1a2b3c4d5e"
#: The names of what lies below the root and may not be given, and what leads out of it.
FORBIDDEN = {
    "parent": "../outside/canary.txt",
    "parent within": "down/../../outside/canary.txt",
    "parent that stays": "down/../plain.txt",
    "here": "./plain.txt",
    "empty name": "down//deep.txt",
    "slash at the end": "plain.txt/",
    "absolute": "/etc/passwd",
    "two slashes": "//etc/passwd",
    "link to a file": "link.txt",
    "link within the root": "inner-link.txt",
    "link to a directory": "link/canary.txt",
    "link to a directory within the root": "inner-down/deep.txt",
    "link that leads to itself": "loop",
    "link to nothing": "nowhere",
    "directory": "down",
    "file as a directory": "plain.txt/deep.txt",
    "FIFO": "fifo",
    "socket": "socket",
    "absent": "absent.txt",
    "absent directory": "absent/plain.txt",
    "NUL": "plain.txt\0.png",
    "NUL outside": "../outside/canary.txt\0",
    "backslash": "..\\outside\\canary.txt",
    "long name": "x" * 256,
    "long path": "/".join(["x" * 200] * 30),
    "empty": "",
    "parent alone": "..",
    "here alone": ".",
    "encoded": "%2e%2e%2foutside%2fcanary.txt",
    "full-width dots": "\uff0e\uff0e/outside/canary.txt",
    "two-dot leader": "\u2025/outside/canary.txt",
    "division slash": "..\u2215outside\u2215canary.txt",
    "home": "~/canary.txt",
    "drive": "C:/plain.txt",
}


def tree(directory: Path) -> Path:
    """A root below `directory`, beside `outside`, which has the canary."""
    root, outside = directory / "root", directory / "outside"
    (root / "down").mkdir(parents=True)
    outside.mkdir()
    (outside / "canary.txt").write_bytes(CANARY)
    (root / "plain.txt").write_bytes(INSIDE)
    (root / "down" / "deep.txt").write_bytes(INSIDE)
    (root / "empty.txt").touch()
    (root / "link.txt").symlink_to(outside / "canary.txt")
    (root / "inner-link.txt").symlink_to("plain.txt")
    (root / "inner-down").symlink_to("down")
    (root / "link").symlink_to(outside)
    (root / "loop").symlink_to("loop")
    (root / "nowhere").symlink_to(outside / "nothing")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(root)  # the path of a socket may not be long
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
    return root


def signed(target: str = f"/files/{UUID}", method: str = "GET", **settings: Any) -> Message:
    """By the judge."""
    message = Message(method, target, [("Host", ORIGIN.partition("//")[2])])
    given = {"key": KEY, "created": NOW, "nonce": os.urandom(16).hex(), **settings}
    key = given.pop("key")
    return message.plus(sign_rfc9421(message, key, origin=ORIGIN, key_id=KEY_ID, **given))


def verified(target: str = f"/files/{UUID}") -> Verified:
    verifier = Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW)
    message = signed(target)
    return verifier.verify(Request(message.method, message.target, message.headers, message.body))


#: Whether the system is asked for the whole way at once, or each step is taken by itself.
WAYS = {"asked": False, "step by step": True}


@contextmanager
def by(way: str) -> Iterator[None]:
    """All that is opened below a root meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sealgate._native.Root", partial(_native.Root, walk=WAYS[way]))
        yield


def naive(root: Path, **settings: Any) -> SignedFiles:
    """Whose resolver makes an identifier a path, as it stands: what remains is the opening."""
    return SignedFiles(root, lambda identifier: identifier, ids=r"(?s).*", **settings)
