"""What all the served applications share: who may sign, and a record of each view that ran and each verdict given."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sealgate import Scheme, Verified, Verifier, schemes
from sealgate.policy import Verdict

KEY = b"thirty-two octets of test key, A"
KEY_ID = "acme"
ORIGIN = "https://api.shop.example"
HOST = "api.shop.example"
#: Octets, above the 2.5 MB that Django takes into memory.
LIMIT = 4 * 1024 * 1024
#: Seconds that `/hurried` gives a body.
HURRY = 0.4
METHODS = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "BREW"]

#: Where the applications are mounted, and so what SCRIPT_NAME or root_path has to be.
MOUNT = os.environ.get("SERVED_MOUNT", "")

#: A canonical request over the path as received, with everything that the views read.
CANONICAL = Scheme(
    "served-canonical",
    base="{@method}\n{@path}\n{@query}\n{@authority}\n{header:x-tenant?}\n{key_id}\n{created}\n{nonce}\n{body}",
    fields={"X-Key": "{key_id}", "X-Time": "{created}", "X-Nonce": "{nonce}", "X-Sig": "{signature:hex}"},
)
PARTNERS = Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN, body_limit=LIMIT)
#: By what follows the name of an application, after a colon.
OTHERS = {
    "canonical": Verifier(CANONICAL, keys={KEY_ID: KEY}, origin=ORIGIN, body_limit=LIMIT),
    "body": Verifier(schemes.body(), keys=KEY, origin=ORIGIN, body_limit=LIMIT),
}
HURRIED = Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN, body_limit=LIMIT, body_timeout=HURRY)


def ran(
    app: str,
    verified: Verified | None,
    method: str,
    path: str,
    query: str,
    field: Callable[[str], str | None],
    body: bytes,
    file: bytes | None = None,
) -> bytes:
    """Each view calls this with what it was given, and answers with the record. `file`: as parsed from a form."""
    record = {
        "app": app,
        "process": os.getpid(),
        "nonce": verified and verified.nonce,
        "method": method,
        "path": path,
        "query": query,
        "tenant": field("X-Tenant"),
        "body": hashlib.sha256(body).hexdigest(),
        "file": None if file is None else hashlib.sha256(file).hexdigest(),
    }
    return _write(record)


def judged(verdict: Verdict) -> None:
    """The `on_verdict` hook."""
    _write({"verdict": verdict.code})


def _write(record: dict[str, Any]) -> bytes:
    line = json.dumps(record).encode()
    with Path(os.environ["SERVED_RECORDS"]).open("ab", buffering=0) as records:
        records.write(line + b"\n")  # one write: lines of several threads do not mix
    return line
