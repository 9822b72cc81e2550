"""The signed field."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.utils import html
from rest_framework.utils.encoders import JSONEncoder

from sealgate.envelope import Envelope
from sealgate.exceptions import BodyMalformed, BodyTooLarge, ConfigurationError, Rejected, Unavailable

__all__ = ["SignedJSONField"]

_log = logging.getLogger("sealgate")


class _Unavailable(APIException):
    status_code = 503
    default_detail = gettext_lazy("Service temporarily unavailable, try again later.")
    default_code = "unavailable"


class SignedJSONField(serializers.JSONField):
    """A value that `envelope` has sealed: takes `{"payload": ..., "signature": "..."}`, and gives the payload.

    `serializer`: validates the payload, once its signature is proven: a serializer, its class, or another field.
    In a form, which has no objects, the document is given as its JSON text. Written out, the value is sealed anew.

    A document that proves nothing is a `ValidationError`: `invalid` if it is not of that form at all, else
    `signature-invalid`, whatever the reason; the log has it. Where the keys or the replay store are out of reach, the
    answer is 503. `required=False` and `allow_null=True` let the document be absent, or null, without a signature.
    """

    default_error_messages = {
        "invalid": gettext_lazy("Expected a signed document."),
        "signature-invalid": gettext_lazy("Invalid signature."),
    }

    def __init__(self, envelope: Envelope, *, serializer: Any = None, **settings: Any) -> None:
        if not isinstance(envelope, Envelope):
            raise ConfigurationError("envelope: expected an Envelope")
        self.envelope = envelope
        self.serializer = serializer() if isinstance(serializer, type) else serializer
        super().__init__(**settings)
        if self.serializer is not None:
            if not isinstance(self.serializer, serializers.Field):
                raise ConfigurationError("serializer: expected a serializer, or a field")
            self.serializer.bind(field_name="", parent=self)  # type: ignore[arg-type]  # as ListField does

    def get_value(self, dictionary: Any) -> Any:
        value = super().get_value(dictionary)
        if value == "" and html.is_html_input(dictionary):
            return serializers.Field.get_value(self, dictionary)  # a text area left blank: absent, or null
        return value

    def to_internal_value(self, data: Any) -> Any:
        try:
            is_text = isinstance(data, str) and html.is_html_input(getattr(self.root, "initial_data", None))
            payload = self.envelope.open_json(data) if is_text else self.envelope.open(data)
        except Rejected as error:
            extra = {"code": error.code, "status": 400, "key_id": error.key_id}
            _log.warning("refused %s: field %a (%s)", error.code, self.field_name, error, extra=extra)
            self.fail("invalid" if isinstance(error, BodyMalformed | BodyTooLarge) else "signature-invalid")
        except Unavailable as error:
            raise _Unavailable from error
        if self.serializer is None:
            return payload
        try:
            return self.serializer.run_validation(payload)
        except ValidationError as error:
            raise ValidationError({self.envelope.payload: error.detail}) from error

    def to_representation(self, value: Any) -> dict[str, Any]:  # type: ignore[override]  # a document, not a text
        """Raises `CanonicalizationError` for what has no canonical form, such as NaN."""
        if self.serializer is not None:
            value = self.serializer.to_representation(value)
        text = json.dumps(value, cls=JSONEncoder)  # times, decimals and ids as the renderer would write them
        try:
            return self.envelope.seal(json.loads(text), exact=False)
        except Unavailable as error:
            raise _Unavailable from error
