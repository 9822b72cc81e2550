"""Clients that sign without sealgate: the standard library, a shell with openssl and curl, and a library from PyPI.

They share no code with each other, nor with what verifies them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import HMAC_SHA256

from sealgate.demo.client import Answer, Message

__all__ = ["COMPONENTS", "PROGRAMS", "curl", "pypi", "stdlib"]

#: What must be on the PATH.
PROGRAMS = ("sh", "openssl", "curl")

COMPONENTS = ("@method", "@authority", "@path", "@query", "content-type", "content-digest")


def stdlib(
    scheme: str,
    message: Message,
    key: bytes,
    *,
    created: int,
    key_id: str = "demo",
    alg: str | None = None,
    components: tuple[str, ...] = COMPONENTS,
    without: tuple[str, ...] = (),
) -> Message:
    """Signs with `hmac` and `hashlib`. `created`: Unix seconds.

    `alg`, `components` and `without` (parameters left out) are for signers that ask for less than is due.
    """
    if scheme == "body":
        return message.with_field("X-Signature", _hex(key, message.body))
    if scheme == "canonical-request":
        return message.with_field("X-Signature", _hex(key, _canonical_request(message)))
    if message.body:
        message = message.with_field("Content-Digest", message.digest())
    parameters = {"created": f"{created}", "nonce": f'"{secrets.token_urlsafe(18)}"', "keyid": f'"{key_id}"'}
    if alg is not None:
        parameters["alg"] = f'"{alg}"'
    names = [name for name in components if name.startswith("@") or message.has(name)]
    covered = "({})".format(" ".join(f'"{name}"' for name in names))
    covered += "".join(f";{name}={value}" for name, value in parameters.items() if name not in without)
    lines = [f'"{name}": {_component(message, name)}' for name in names]
    base = "\n".join([*lines, f'"@signature-params": {covered}'])
    signature = base64.b64encode(hmac.digest(key, base.encode("latin-1"), "sha256"))
    message = message.with_field("Signature-Input", f"sig1={covered}".encode())
    return message.with_field("Signature", b"sig1=:%s:" % signature)


def pypi(message: Message, key: bytes, *, created: int) -> Message:
    """Signs with http-message-signatures: its own base, its own parameters and their order, its own digest."""
    resolver = MappingKeyResolver(public_keys={}, private_keys={"demo": key})
    outgoing = _Outgoing(message)
    HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=resolver).sign(
        outgoing,
        key_id="demo",
        created=datetime.fromtimestamp(created, UTC),
        nonce=secrets.token_urlsafe(18),
        covered_component_ids=("@method", "@authority", "@path", "@query", "content-type"),
        body=message.body,
    )
    return replace(message, fields=tuple((name, value.encode()) for name, value in outgoing.headers.items()))


def curl(scheme: str, message: Message, key: bytes) -> Answer:
    """Signs and sends from a shell, as an operator would: the signature by `openssl dgst`, the request by `curl`.

    openssl takes the key as an argument, which others on the machine can see: fit for a key that was made a second ago.
    Raises `OSError` where no answer comes.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "KEY": key.decode(),
        "METHOD": message.method,
        "AUTHORITY": message.value("Host").decode(),
        "URL_PATH": message.path,
        "QUERY": message.query,
        "TYPE": message.value("Content-Type").decode(),
        "BODY": message.body.decode(),
    }
    script = ["sh", "-euc", _SHELL[scheme] + _SEND]
    done = subprocess.run(script, env=environment, capture_output=True, check=False, timeout=30)  # noqa: S603
    body, _, status = done.stdout.rpartition(b"\n")
    if done.returncode or not status.isdigit():
        raise OSError(f"curl: {done.stderr.decode(errors='replace').strip()}")
    return Answer(int(status), body)


_SHELL = {
    "rfc9421": r"""
        DIGEST="sha-256=:$(printf %s "$BODY" | openssl dgst -sha256 -binary | openssl base64 -A):"
        PARAMS='("@method" "@authority" "@path" "@query" "content-type" "content-digest")'
        PARAMS="$PARAMS;created=$(date +%s);nonce=\"$(openssl rand -hex 16)\";keyid=\"demo\""
        BASE=$(
            printf '"@method": %s\n"@authority": %s\n' "$METHOD" "$AUTHORITY"
            printf '"@path": %s\n"@query": ?%s\n' "$URL_PATH" "$QUERY"
            printf '"content-type": %s\n"content-digest": %s\n' "$TYPE" "$DIGEST"
            printf '"@signature-params": %s' "$PARAMS"
        )
        SIGNATURE=$(printf %s "$BASE" | openssl dgst -sha256 -mac HMAC -macopt "key:$KEY" -binary | openssl base64 -A)
        set -- -H "Content-Digest: $DIGEST" -H "Signature-Input: sig1=$PARAMS" -H "Signature: sig1=:$SIGNATURE:"
    """,
    "body": r"""
        SIGNATURE=$(printf %s "$BODY" | openssl dgst -sha256 -mac HMAC -macopt "key:$KEY" -r | cut -d' ' -f1)
        set -- -H "X-Signature: $SIGNATURE"
    """,
    "canonical-request": r"""
        SORTED=$(printf %s "$QUERY" | tr '&' '\n' | LC_ALL=C sort -t= -s -k1,1 | paste -sd '&' -)
        SIGNATURE=$(printf '%s\n%s\n%s\n%s\n%s\n%s' "$METHOD" "$URL_PATH" "$AUTHORITY" "$TYPE" "$SORTED" "$BODY" |
                    openssl dgst -sha256 -mac HMAC -macopt "key:$KEY" -r | cut -d' ' -f1)
        set -- -H "X-Signature: $SIGNATURE"
    """,
}

_SEND = r"""
        curl -q --silent --show-error --globoff --max-time 20 -X "$METHOD" -H "Content-Type: $TYPE" "$@" \
             --data-binary "$BODY" --write-out '\n%{http_code}' "http://$AUTHORITY$URL_PATH${QUERY:+?$QUERY}"
"""


class _Outgoing:
    """A request the way http-message-signatures wants to see it."""

    def __init__(self, message: Message) -> None:
        self.method = message.method
        self.url = f"http://{message.value('Host').decode()}{message.target}"
        self.headers = {name: value.decode() for name, value in message.fields}


def _hex(key: bytes, base: bytes) -> bytes:
    return hmac.new(key, base, hashlib.sha256).hexdigest().encode()


def _canonical_request(message: Message) -> bytes:
    pieces = message.query.split("&")
    pieces.sort(key=lambda piece: unquote_to_bytes(piece.partition("=")[0].replace("+", " ")))
    head = [message.method, message.path, message.value("Host").decode(), message.value("Content-Type").decode()]
    return "\n".join([*head, "&".join(pieces), ""]).encode() + message.body


def _component(message: Message, name: str) -> str:
    """RFC 9421, 2.2.7: `@query` begins with `?`, and is a bare one where there is no query."""
    derived: dict[str, Callable[[], str]] = {
        "@method": lambda: message.method,
        "@authority": lambda: message.value("Host").decode(),
        "@path": lambda: message.path,
        "@query": lambda: f"?{message.query}",
    }
    return derived[name]() if name in derived else message.value(name).decode("latin-1")
