"""The home-made forms: over the body, or over a request in canonical order."""

from __future__ import annotations

from reference.message import Message, Pairs, Proof, Refused, Ring, hex_octets, mac, match, need
from reference.target import refuse_odd_target, refuse_other_host, sorted_query


def sign_body(message: Message, key: bytes, *, header: str = "X-Signature", hash: str = "sha256") -> Pairs:
    return [(header, mac(key, message.body, hash).hex())]


def verify_body(message: Message, ring: Ring, *, header: str = "X-Signature", hash: str = "sha256") -> Proof:
    refuse_what_acts_uncovered(message)
    return Proof(match(ring, hex_octets(need(message, header)), message.body, hash))


def canonical_request_base(message: Message) -> bytes:
    """Method, path, Host, Content-Type, sorted query, body: one LF between (the Express form)."""
    host, kind = message.one("host"), message.one("content-type")
    if host is None or host == "" or kind == "":
        raise Refused("no Host, or an empty Content-Type that reads as none")
    head = [message.method, message.path, host, kind or "", sorted_query(message.query)]
    return "\n".join(head).encode() + b"\n" + message.body


def sign_canonical_request(message: Message, key: bytes, *, header: str = "X-Signature") -> Pairs:
    return [(header, mac(key, canonical_request_base(message)).hex())]


def verify_canonical_request(message: Message, ring: Ring, *, origin: str, header: str = "X-Signature") -> Proof:
    refuse_odd_target(message)
    refuse_other_host(message, origin)
    return Proof(match(ring, hex_octets(need(message, header)), canonical_request_base(message)))


def refuse_what_acts_uncovered(message: Message) -> None:
    refuse_odd_target(message)
    if message.query or not message.body:
        raise Refused("a scheme over the body alone, with a query or without a body")
