"""HMAC request signatures, verified in Rust before a parser sees a byte.

verifier = Verifier(schemes.RFC9421, keys={"acme": key}, origin="https://api.shop.example")
verified = verifier.verify(request)      # Verified, or raises Rejected or Unavailable
"""

from sealgate import schemes
from sealgate._native import (
    Key,
    KeyRing,
    Members,
    Request,
    Response,
    Scheme,
    Verified,
    __version__,
    canonicalize,
    canonicalize_json,
)
from sealgate.envelope import Envelope
from sealgate.exceptions import CanonicalizationError, ConfigurationError, Rejected, SealgateError, Unavailable
from sealgate.files import SignedFiles
from sealgate.scope import Scope
from sealgate.signer import Signer
from sealgate.verifier import Verifier

__all__ = [
    "CanonicalizationError",
    "ConfigurationError",
    "Envelope",
    "Key",
    "KeyRing",
    "Members",
    "Rejected",
    "Request",
    "Response",
    "Scheme",
    "Scope",
    "SealgateError",
    "SignedFiles",
    "Signer",
    "Unavailable",
    "Verified",
    "Verifier",
    "__version__",
    "canonicalize",
    "canonicalize_json",
    "schemes",
]
