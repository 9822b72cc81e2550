"""Rows of RFC 9421, RFC 9530 and RFC 9651, each against our verifier, or our signature base."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import partial

import reference
from bulk_rows import AGREED, Row, must, refusing
from reference import Message
from sealgate import ConfigurationError, Key, Rejected, Request, Response, Scheme, Verifier, schemes
from sealgate.exceptions import InvalidSignature

__all__ = ["run_component", "run_digest", "run_signature_base", "run_structured"]

NOW, KEY, NONCE = 1_700_000_000, b"a key of our own, of 32 octets..", "n" * 24


def run_signature_base(row: Row) -> str:
    """Our lines for its components are the RFC's; the message itself our policy refuses, each for good reason."""
    if row["alg"] == "hmac-sha256":
        key = base64.b64decode(row["shared_secret_b64"])
        signature = base64.b64decode(row["signature"].split(":")[1])
        must(Key(key, published_ok=True).sign(row["signature_base"].encode()) == signature, "another signature")
    if row["message"].startswith("HTTP/"):
        return run_response_base(row)
    message = parsed(row["message"])
    fields = [
        ("Signature-Input", row["signature_input"]),
        ("Signature", row.get("signature") or f"{row['label']}=:AAAA:"),
    ]
    refusing(lambda: verifier().verify(as_request(message.plus(fields))), "", Rejected)
    if row["signature_base"] is None:  # the RFC's own example of a message whose base cannot be made again
        return AGREED
    lines = row["signature_base"].split("\n")[:-1]
    names = [identifier_of(line) for line in lines]
    if repeated(message, names):
        return refusing(lambda: our_lines(message, names), "repeated")
    must(our_lines(message, names) == lines, "another signature base")
    return AGREED


def run_response_base(row: Row) -> str:
    """What has the RFC's lines, and ours for what binds it to its request, we accept; with one changed we do not."""
    answer = parsed_response(row["message"])
    lines = row["signature_base"].split("\n")[:-1]
    sent = (
        parsed(row["related_request"]) if "related_request" in row else Message("GET", "/", [("Host", "example.com")])
    )
    request = as_request(sent)
    pairs = [(identifier_of(line), line.partition(": ")[2]) for line in lines]
    bound = {"@method": sent.method, "@authority": "example.com", "@path": sent.path, "@query": "?" + sent.query}
    more = [(f'"{name}";req', value) for name, value in bound.items()]
    label = re.match(r"[^=]*", dict(request.headers).get("signature-input", ""))[0]  # type: ignore[index]
    if label and f'"signature";req;key="{label}"' not in dict(pairs):
        more.append((f'"signature";req;key="{label}"', dict(request.headers)["signature"].partition("=")[2]))
    pairs += [pair for pair in more if pair not in pairs]

    # The RFC's own requests have no nonce.
    scheme = Scheme.message_signature(nonce=False, accept_weaknesses={"no-nonce"})

    def verify(pairs: list[tuple[str, str]]) -> None:
        params = f';created={NOW};keyid="k";nonce="{NONCE}"'
        kept = [(name, value) for name, value in answer.headers if not name.startswith("signature")]
        signed = Response(answer.status, [*kept, *reference.signed_lines(pairs, params, KEY)], answer.body)
        Verifier(scheme, keys={"k": KEY}, origin="https://example.com", clock=lambda: float(NOW)).verify_response(
            signed, request
        )

    for nth, (name, value) in enumerate(pairs):
        refusing(
            lambda nth=nth, name=name, value=value: verify([*pairs[:nth], (name, value + "x"), *pairs[nth + 1 :]]), ""
        )
    if f": {dict(answer.headers).get('content-digest')}" not in row["signature_base"]:
        return refusing(lambda: verify(pairs), "two digests", InvalidSignature)
    verify(pairs)
    return AGREED


def run_component(row: Row) -> str:
    if row["message"].startswith("HTTP/"):
        return run_response_component(row)
    message = parsed(row["message"])
    identifier = row["component"]
    name = identifier.split('"')[1]
    lines = partial(our_lines, message, [identifier], row["scheme"], row["known_sf_types"] or {})
    if row["expect"] == "error":
        return refusing(lines, AGREED)
    if not message.target.startswith("/"):
        return refusing(lines, "target")
    if repeated(message, [name]):
        return refusing(lines, "repeated")
    if any("\r\n" in value for field_name, value in message.headers if field_name.lower() == name):
        return refusing(lines, "folded")
    must(lines() == [row["expected_line"]], "another line")
    return AGREED


def run_response_component(row: Row) -> str:
    answer, request = parsed_response(row["message"]), Request("GET", "/", origin="https://example.com")
    base = ["@status", "@method;req", "@target-uri;req"]
    if ";tr" in row["component"]:
        return refusing(lambda: Scheme.message_signature(response_components=[*base, row["component"]]), "trailer")
    more = [] if row["component"] == '"@status"' else [row["component"]]
    scheme = Scheme.message_signature(response_components=[*base, *more])
    lines = [('"@status"', str(answer.status)), ('"@method";req', "GET"), ('"@target-uri";req', "https://example.com/")]
    lines += [(name, row["expected_line"].partition(": ")[2]) for name in more]
    must(lines[-1] == tuple(row["expected_line"].split(": ", 1)) or not more, "another line")
    fields = [*answer.headers, *reference.signed_lines(lines, f';created={NOW};keyid="k";nonce="{NONCE}"', KEY)]
    signed = Response(answer.status, fields)
    checker = Verifier(scheme, keys={"k": KEY}, origin="https://example.com", clock=lambda: float(NOW))
    must(row["component"].strip('"') in checker.verify_response(signed, request).covered, "not covered")
    return AGREED


_OUTER = {"item-1", "item-2", "key-generated-265"}
_DUPLICATES = {"key-generated-172", "key-generated-443"}


def run_structured(row: Row) -> str:
    """As a field that `sf` covers (RFC 9421, 2.1.1): what is serialized anew is the canonical form."""
    field = ", ".join(row["raw"])
    scheme = Scheme.message_signature(
        components=["x;sf", "@method", "@authority", "@path", "@query"], structured_fields={"x": row["header_type"]}
    )
    request = Request("GET", "/", [("X", field.encode())], origin="https://example.com")

    def line() -> str:
        return scheme.signature_base(request, "k", NOW, NONCE).decode().split("\n")[0].removeprefix('"x";sf: ')

    canonical = ", ".join(row.get("canonical", row["raw"]))
    if row.get("must_fail") and row["id"] in _OUTER:
        must(line() == field.strip(" \t"), "another form")
        return "outer"
    if row.get("must_fail"):
        return refusing(line, AGREED)
    if "duplicate" in row["name"] or row["id"] in _DUPLICATES:
        return refusing(line, "duplicate")
    if "\t" in field:
        return refusing(line, "blank")
    try:
        must(line() == canonical, "another form")
    except ConfigurationError:
        must(row.get("can_fail", False), "refused")
    return AGREED


def run_digest(row: Row) -> str:
    """RFC 9530: under a signature that covers the field."""
    message = Message("POST", "/", [("Content-Digest", row["field"])], base64.b64decode(row["body_b64"]))
    fields = reference.sign_rfc9421(message, KEY, origin="https://example.com", key_id="k", created=NOW, nonce=NONCE)
    request = as_request(message.plus(fields))
    if row["expect"] != "valid":
        return refusing(lambda: verifier().verify(request), AGREED, Rejected)
    must(verifier().verify(request).body == message.body, "another body")
    return AGREED


# --- messages ---------------------------------------------------------------------------------------------------------


def parsed(text: str) -> Message:
    """A request as it stands on the wire."""
    start, fields, body = cut(text)
    method, target, _ = start.split(" ")
    return Message(method, target, fields, body)


def parsed_response(text: str) -> Response:
    start, fields, body = cut(text)
    return Response(int(start.split(" ")[1]), fields, body)


def cut(text: str) -> tuple[str, list[tuple[str, str]], bytes]:
    head, _, body = text.partition("\r\n\r\n")
    start, *lines = re.split(r"\r\n(?![ \t])", head)
    return start, [(line.partition(":")[0], line.partition(":")[2].lstrip(" ")) for line in lines], body.encode()


def identifier_of(line: str) -> str:
    """Of a line of a signature base."""
    return re.match(r'"[^"]*"(?:;\w+(?:="[^"]*")?)*', line)[0]  # type: ignore[index]


def as_request(message: Message, origin: str | None = None) -> Request:
    return Request(message.method, message.target, list(message.headers), message.body, origin=origin)


def repeated(message: Message, names: list[str]) -> bool:
    fields = [name.lower() for name, _ in message.headers]
    return any(fields.count(name.split(";")[0].strip('"')) > 1 for name in names)


def our_lines(
    message: Message, names: list[str], scheme: str = "https", types: Mapping[str, str] | None = None
) -> list[str]:
    """The lines of our own signature base for `names`, without those that policy demands besides.

    The body is left out, or our signer would write its own digest over the one in the message.
    """
    needed = [name for name in ("@method", "@authority", "@path", "@query") if f'"{name}"' not in names]
    host = next((value.strip() for name, value in message.headers if name.lower() == "host"), "example.com")
    own = Scheme.message_signature(components=[*names, *needed], structured_fields=types)
    bodiless = Message(message.method, message.target, message.headers)
    base = own.signature_base(as_request(bodiless, f"{scheme}://{host}"), "k", NOW, NONCE).decode()
    return base.split("\n")[: len(names)]


def verifier() -> Verifier:
    return Verifier(schemes.RFC9421, keys={"k": KEY}, origin="https://example.com", clock=lambda: float(NOW))
