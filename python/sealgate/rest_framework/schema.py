"""What drf-spectacular says of signatures; `sealgate.django` imports it where drf-spectacular is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension

from sealgate.django.settings import configured
from sealgate.policy import Require
from sealgate.policy.openapi import security_name, security_scheme

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema
    from drf_spectacular.utils import Direction

__all__ = ["SignatureAuthenticationExtension", "SignedJSONFieldExtension"]


class SignatureAuthenticationExtension(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """By the verifier of the class, or that of the setting SEALGATE."""

    target_class = "sealgate.rest_framework.authentication.SignatureAuthentication"
    match_subclasses = True

    @property
    def name(self) -> str:  # type: ignore[override]  # an attribute there
        return security_name(self._demand)

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:  # noqa: ARG002  the framework's
        return security_scheme(self._demand)

    @property
    def _demand(self) -> Require:
        verifier = self.target.verifier
        return configured().policy.default if verifier is None else Require((verifier,))


class SignedJSONFieldExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # registers itself
    """An object with these two members and no other; the payload is the nested serializer's."""

    target_class = "sealgate.rest_framework.fields.SignedJSONField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        envelope, serializer = self.target.envelope, self.target.serializer
        payload: dict[str, Any] | None = None
        if serializer is not None:
            payload = auto_schema._map_serializer_field(serializer, direction)  # type: ignore[no-untyped-call]
        return {
            "type": "object",
            "properties": {envelope.payload: payload or {}, envelope.signature: {"type": "string"}},
            "required": [envelope.payload, envelope.signature],
            "additionalProperties": False,
        }
