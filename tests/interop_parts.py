"""The shop that Express, Koa and the Python frameworks serve alike: who signs what, and what its views answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from sealgate import Envelope, Scheme, Verified, Verifier, schemes

KEY = b"thirty-two octets of test key, A"
KEY_ID = "acme"
ORIGIN = "https://api.shop.example"
HOST = "api.shop.example"
ACTION = "action:{json:/action:text}:resource:{json:/resourceId:text}"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

#: Each part of the path, and its scheme; as in interop/shop.js.
PARTS: Mapping[str, Scheme] = {
    "hooks": schemes.body("X-Signature"),
    "exports": schemes.canonical_request("X-Signature"),
    "orders": schemes.canonical_json("X-API-Signature"),
    "reports": schemes.canonical_json("X-API-Signature", form="pyjson"),
    "quotes": schemes.envelope("/data", "/hmac"),
    "documents": schemes.scoped("download:resource:{param:id}"),
    "actions": schemes.scoped(ACTION),
    "partners": schemes.RFC9421,
}
#: What `/checkout` of the Django application opens.
ENVELOPE = Envelope("checkout", keys={KEY_ID: KEY})


def verifiers() -> dict[str, Verifier]:
    return {
        part: Verifier(scheme, keys={KEY_ID: KEY} if scheme.names_key else KEY, origin=ORIGIN)
        for part, scheme in PARTS.items()
    }


def told(verified: Verified, method: str, path: str, query: str, body: bytes) -> bytes:
    """What each view answers: what it was given. `path`: decoded."""
    given = {"scheme": verified.scheme, "method": method, "path": path, "query": query}
    return json.dumps(given | {"body": base64.b64encode(body).decode()}).encode()
