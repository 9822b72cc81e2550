"""Schemes over the body, or over a template."""

from __future__ import annotations

from reference.message import Message, Pairs, Proof, Refused, Ring, hex_octets, in_window, mac, match, need
from reference.target import refuse_odd_target, refuse_other_host, sorted_query

MANY = 16


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


def sign_github(message: Message, key: bytes) -> Pairs:
    """docs.github.com, validating webhook deliveries."""
    return [("X-Hub-Signature-256", "sha256=" + mac(key, message.body).hex())]


def verify_github(message: Message, ring: Ring) -> Proof:
    refuse_what_acts_uncovered(message)
    text = need(message, "X-Hub-Signature-256")
    if not text.startswith("sha256="):
        raise Refused("not sha256=")
    return Proof(match(ring, hex_octets(text[7:]), message.body))


def sign_slack(message: Message, key: bytes, created: int) -> Pairs:
    """api.slack.com, verifying requests from Slack."""
    signature = mac(key, b"v0:%d:%b" % (created, message.body)).hex()
    return [("X-Slack-Request-Timestamp", str(created)), ("X-Slack-Signature", "v0=" + signature)]


def verify_slack(message: Message, ring: Ring, now: float, max_age: int = 300) -> Proof:
    refuse_what_acts_uncovered(message)
    created, text = need(message, "X-Slack-Request-Timestamp"), need(message, "X-Slack-Signature")
    seconds = in_window(created, now, max_age)
    if not text.startswith("v0="):
        raise Refused("not v0=")
    base = b"v0:" + created.encode() + b":" + message.body
    key_id = match(ring, hex_octets(text[3:]), base)
    return Proof(key_id, seconds, once=("slack", key_id, base))


def sign_stripe(message: Message, key: bytes, created: int) -> Pairs:
    """docs.stripe.com, verify webhook signatures manually."""
    return [("Stripe-Signature", f"t={created},v1={mac(key, b'%d.%b' % (created, message.body)).hex()}")]


def verify_stripe(message: Message, ring: Ring, now: float, max_age: int = 300) -> Proof:
    refuse_what_acts_uncovered(message)
    members = [member.strip(" ").partition("=")[::2] for member in need(message, "Stripe-Signature").split(",")]
    times = {value for name, value in members if name == "t"}
    given = [value for name, value in members if name == "v1"]
    if len(times) != 1 or not 0 < len(given) <= MANY:
        raise Refused("not one time and one to sixteen signatures")
    (created,) = times
    seconds = in_window(created, now, max_age)
    base = created.encode() + b"." + message.body
    for text in given:
        try:
            key_id = match(ring, hex_octets(text), base)
        except Refused:
            continue
        return Proof(key_id, seconds, once=("stripe", key_id, base))
    raise Refused("no signature matches")


def refuse_what_acts_uncovered(message: Message) -> None:
    refuse_odd_target(message)
    if message.query or not message.body:
        raise Refused("a scheme over the body alone, with a query or without a body")
