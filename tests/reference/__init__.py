"""The judge: every scheme once more, from its own specification, with the standard library only.

Nothing here comes from sealgate: no code, no table, no parser. It is written for reading, not for speed, and it is
stricter than it is kind: what it accepts, sealgate must accept, and what sealgate accepts, it must accept.
"""

from __future__ import annotations

from reference.aws_sigv4 import Aws, presign_aws_sigv4, sign_aws_sigv4, verify_aws_sigv4
from reference.canonical import Json, canonical_json, es6_number, python_json, read_json
from reference.inside import INSIDE, Inside, adyen_base
from reference.links import Upload, link_key, sign_link, verify_link
from reference.message import Memory, Message, Pairs, Proof, Refused, Ring, mac
from reference.parts import FORMS, member, only, scoped_base, sign_envelope, sign_scoped, verify_envelope, verify_scoped
from reference.providers import BODY_ALONE, PROVIDERS, Provider, sign_github
from reference.rfc9421 import (
    PLAIN,
    check_content_digest,
    component,
    content_digest,
    sign_rfc9421,
    signature_base,
    signature_params,
    signed_lines,
    verify_rfc9421,
)
from reference.target import canonical_path, refuse_odd_length, refuse_other_host
from reference.templates import (
    canonical_request_base,
    sign_body,
    sign_canonical_request,
    verify_body,
    verify_canonical_request,
)

__all__ = [
    "BODY_ALONE",
    "FORMS",
    "INSIDE",
    "PLAIN",
    "PROVIDERS",
    "Aws",
    "Inside",
    "Json",
    "Memory",
    "Message",
    "Pairs",
    "Proof",
    "Provider",
    "Refused",
    "Ring",
    "Upload",
    "adyen_base",
    "canonical_json",
    "canonical_path",
    "canonical_request_base",
    "check_content_digest",
    "component",
    "content_digest",
    "es6_number",
    "link_key",
    "mac",
    "member",
    "only",
    "presign_aws_sigv4",
    "python_json",
    "read_json",
    "refuse_odd_length",
    "refuse_other_host",
    "scoped_base",
    "sign_aws_sigv4",
    "sign_body",
    "sign_canonical_request",
    "sign_envelope",
    "sign_github",
    "sign_link",
    "sign_rfc9421",
    "sign_scoped",
    "signature_base",
    "signature_params",
    "signed_lines",
    "verify_aws_sigv4",
    "verify_body",
    "verify_canonical_request",
    "verify_envelope",
    "verify_link",
    "verify_rfc9421",
    "verify_scoped",
]
