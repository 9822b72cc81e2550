"""Audits beside what applications do: which entry answers for a path, and whether an unsigned request gets in."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Flask
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from sealgate import Request, Signer
from sealgate.audit import Entry

__all__ = ["answering", "calls_of", "closed", "fastapi_status", "flask_status", "judged_by_requests", "verdicts_at"]

Ask = Callable[[str, str, bytes], int]
JSON = "application/json"


def answering(entries: Iterable[Entry], path: str, method: str) -> list[Entry]:
    """What may answer: whatever stands before the routes, and of these the nearest kind. `*` is for methods not named."""
    taking = [
        entry
        for entry in entries
        if re.fullmatch(_regex(entry.path), path) and (method in entry.methods or "*" in entry.methods)
    ]
    named = {(entry.path, entry.kind) for entry in taking if method in entry.methods}
    taking = [entry for entry in taking if method in entry.methods or (entry.path, entry.kind) not in named]
    first = [entry for entry in taking if entry.kind == "middleware"]
    routes = [entry for entry in taking if entry.kind not in {"middleware", "redirect", "missing"}]
    others = [entry for entry in taking if entry.kind in {"redirect", "missing"}]
    nearest = max((entry.path for entry in others), key=len, default="")
    return first + (routes or [entry for entry in others if entry.path == nearest])


def closed(entries: Iterable[Entry], path: str, method: str) -> bool:
    """Whether an audit says that nothing unproven gets in there, nor to a parser."""
    found = answering(entries, path, method)
    assert found, f"the audit knows nothing of {method} {path}"
    return all(entry.verdict == "verified" and not entry.standing.parsed_first for entry in found)


def verdicts_at(entries: Iterable[Entry], path: str, method: str = "GET") -> set[str]:
    return {entry.verdict for entry in answering(entries, path, method)}


def judged_by_requests(entries: Iterable[Entry], ask: Ask) -> Iterator[tuple[str, str, bool, bool]]:
    """Method, path, whether an unsigned request gets in there, and whether the audit says so.

    Where that is unknown, nothing is asked; nor whether a route is closed that something unknown stands before.
    """
    entries = list(entries)
    for entry in entries:
        if entry.example is None or entry.kind == "middleware" or entry.verdict == "unknown":
            continue
        named = {
            each for other in entries if (other.path, other.kind) == (entry.path, entry.kind) for each in other.methods
        }
        for method in {"GET", "POST", "PURGE"} - named if entry.methods == ("*",) else entry.methods:
            before = [each for each in answering(entries, entry.example, method) if each.kind == "middleware"]
            if entry.verdict != "verified" or not before:
                yield method, entry.example, ask(method, entry.example, b"") != 401, entry.verdict != "verified"


def flask_status(app: Flask, method: str, path: str, body: bytes = b"", *, signer: Signer | None = None) -> int:
    """The status of the answer to a request, signed or not, at the origin of the samples."""
    headers = _headers(method, path, body, signer)
    client, origin = app.test_client(), "https://api.shop.example"
    return client.open(path, method=method, data=body, headers=headers, base_url=origin, buffered=True).status_code


def fastapi_status(app: Any, method: str, path: str, body: bytes = b"", *, signer: Signer | None = None) -> int:
    """As `flask_status`; 101 for a websocket that is accepted, 403 for one that is closed before."""
    headers = dict(_headers("GET" if method == "WEBSOCKET" else method, path, body, signer))
    client = TestClient(app, base_url="https://api.shop.example", raise_server_exceptions=False)
    if method != "WEBSOCKET":
        return client.request(method, path, content=body or None, headers=headers, follow_redirects=False).status_code
    try:
        with client.websocket_connect(path, headers=headers):
            return 101
    except WebSocketDenialResponse as denial:
        return denial.status_code
    except WebSocketDisconnect:
        return 403


def calls_of(run: Callable[[], object]) -> int:
    """How many functions are entered, in Python and in C: what a run costs on any machine."""
    count = 0

    def entered(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(entered)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def _headers(method: str, path: str, body: bytes, signer: Signer | None) -> list[tuple[str, str]]:
    plain = [("Content-Type", JSON)] if body else []
    if signer is None:
        return plain
    origin = "https://api.shop.example"
    signed = signer.sign(
        Request(method, path, headers=[("Host", "api.shop.example"), *plain], body=body, origin=origin)
    )
    return list(signed.headers)


def _regex(pattern: str) -> str:
    """Of a pattern in Flask's notation, or in Starlette's."""
    parts = re.split(r"(<[^>]*>|\{[^}]*\})", pattern)
    holes = [".*" if "path" in part.partition(":")[0 if "<" in part else 2] else "[^/]+" for part in parts[1::2]]
    return "".join(re.escape(text) + hole for text, hole in zip(parts[::2], [*holes, ""], strict=True))
