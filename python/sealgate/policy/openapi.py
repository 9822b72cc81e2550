"""What OpenAPI says of a route that asks for a signature."""

from __future__ import annotations

import re
from typing import Any

from sealgate._native import Scheme
from sealgate.policy.rules import Require

__all__ = ["security_name", "security_scheme"]


def security_scheme(demand: Require) -> dict[str, Any]:
    """A security scheme (OpenAPI 3.1, 4.8.27): an API key where the signature is; `x-sealgate` says the rest.

    `http` with the scheme "signature" is not in IANA's registry, so tools would not offer it.
    """
    schemes = [verifier.scheme for verifier in demand.verifiers]
    facts = [_facts(scheme) for scheme in schemes]
    first = schemes[0]
    return {
        "type": "apiKey",
        "in": "query" if first.carrier in first.query and first.carrier not in first.fields else "header",
        "name": _carrier(first),
        "description": "HMAC signature of the request: " + " or ".join(scheme.name for scheme in schemes),
        "x-sealgate": facts[0] if len(facts) == 1 else {"any_of": facts},
    }


def security_name(demand: Require) -> str:
    """Its name under components (OpenAPI 3.1, 4.8.7)."""
    names = "-or-".join(f"{verifier.scheme.name}-{_carrier(verifier.scheme)}" for verifier in demand.verifiers)
    return re.sub(r"[^a-zA-Z0-9._-]", "-", names)


def _carrier(scheme: Scheme) -> str:
    return scheme.carrier or "body"


def _facts(scheme: Scheme) -> dict[str, Any]:
    return {"scheme": scheme.name, "covered": list(scheme.covered), "weaknesses": sorted(scheme.weaknesses())}
