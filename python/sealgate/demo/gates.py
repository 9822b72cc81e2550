"""The three verifiers that every demo application uses. Keys and origin come from the environment."""

from __future__ import annotations

import os

from sealgate import KeyRing, Verifier, schemes

#: Where the service is reached; never taken from the request.
_ORIGIN = os.environ["SEALGATE_DEMO_ORIGIN"]

#: The default of every route: RFC 9421, a key for each partner, replays refused.
partners = Verifier(schemes.RFC9421, keys=KeyRing({"demo": os.environ["SEALGATE_DEMO_KEY"]}), origin=_ORIGIN)

#: What copied snippets sign: the body, and nothing else.
webhooks = Verifier(schemes.body("X-Signature"), keys="env:SEALGATE_DEMO_WEBHOOK_KEY")

#: The form that Express services sign: method, path, Host, Content-Type, sorted query, body.
exports = Verifier(schemes.canonical_request("X-Signature"), keys="env:SEALGATE_DEMO_EXPORT_KEY", origin=_ORIGIN)
