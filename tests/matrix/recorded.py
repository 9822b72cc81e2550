"""Recorded raw requests, from a directory: each is signed for what its client means, and sent as it was."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

from matrix.cases import SOUND
from reference import Message
from served_case import Case
from served_views import HOST

#: The field that they play with is the one that the served views read.
_NAMES = ((b"X-Sig", b"X-Tenant"), (b"X_Sig", b"X_Tenant"), (b"X-Fold", b"X-Tenant"))
_HOSTS = (b"Host: h\r\n", b"Host: a\r\n")


def recorded(directory: Path) -> list[Case]:
    """`raw_requests.jsonl` there: lines of `layer`, `case`, `raw_b64`."""
    lines = map(json.loads, (directory / "raw_requests.jsonl").read_text().splitlines())
    return [_case(f"recorded: {line['layer']} {line['case']}", base64.b64decode(line["raw_b64"])) for line in lines]


def _case(title: str, raw: bytes) -> Case:
    for old, new in _NAMES:
        raw = raw.replace(old, new)
    for host in _HOSTS:
        raw = raw.replace(host, f"Host: {HOST}\r\n".encode())
    meant = _meant(raw)

    def sent(message: Message) -> bytes:
        known = list(meant.headers)
        fields = [pair for pair in message.headers if pair not in known]
        line, end, rest = raw.partition(b"\r\n")
        return line + end + "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1") + rest

    plain = all(" " <= octet <= "~" for name, value in meant.headers if name == "X-Tenant" for octet in value)
    covers = ("x-tenant",) if plain and any(name == "X-Tenant" for name, _ in meant.headers) else ()
    return Case(title, SOUND, meant, sent, covers=covers)


def _meant(raw: bytes) -> Message:
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").replace("\r\n ", " ").split("\r\n")
    method, target, _ = line.split(" ")
    fields: dict[str, str] = {}
    for name, _, value in (field.partition(":") for field in rest):
        if "_" not in name:  # what a client signs has no twin
            fields.setdefault(name, value.strip(" \t"))
    framing = {name: fields.pop(name) for name in ("Content-Length", "Transfer-Encoding") if name in fields}
    if "Transfer-Encoding" in framing:
        size, _, chunk = body.partition(b"\r\n")
        body = chunk[: int(size, 16)]
    target = quote(target.encode("latin-1"), safe="%/?#[]@!$&'()*+,;=:~")
    return Message(method, target, list(fields.items()), body)
