"""The page on servers: its examples run; `test_server_matrix.py` has its tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import requests

import sealgate.httpx
import sealgate.requests
from client_calls import judged
from client_libraries import signer
from judged import KEY, KEY_ID, ORIGIN
from matrix.nginx import _LOCATIONS
from matrix.rows import ROWS
from sealgate import KeyRing, Verifier, schemes
from sealgate.hops import content_digest
from wire import serving

PAGE = (Path(__file__).parent.parent / "docs" / "servers.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_verifier_that_spools_is_made_as_the_page_says() -> None:
    names: dict[str, Any] = {
        "Verifier": Verifier,
        "schemes": schemes,
        "ring": KeyRing({KEY_ID: KEY}),
        "origin": ORIGIN,
    }
    exec(compile(PYTHON[0], "docs/servers.md", "exec"), names)
    assert (2**20, 2**31) == (names["uploads"].spool, names["uploads"].body_limit)


def test_clients_send_a_file_as_the_page_says(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b"content" * 1000)
    with serving() as wire:
        for line in PYTHON[1].splitlines():
            with path.open("rb") as file:
                names = {
                    "requests": requests,
                    "httpx": httpx,
                    "sealgate": sealgate,
                    "content_digest": content_digest,
                    "signer": signer(),
                    "file": file,
                    "url": f"{wire.origin}/files",
                }
                exec(compile(line, "docs/servers.md", "exec"), names)
        assert [KEY_ID] * 2 == [judged(message, wire).key_id for message in wire.requests]
        assert {path.read_bytes()} == {message.body for message in wire.requests}


def test_set_ups_are_as_many_as_the_page_says() -> None:
    assert f"{len(ROWS)} set-ups" in PAGE


def test_nginx_is_set_up_as_the_page_says() -> None:
    assert all(text.split("{{ ")[1].split(" }}")[0] in PAGE for text in _LOCATIONS.values())
