"""A signed field in the OpenAPI document that drf-spectacular writes."""

from __future__ import annotations

import django_project  # noqa: F401  settings come first

# isort: split
import contextlib
import io
import json
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
from django.test import override_settings
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

import sealgate.rest_framework.schema  # noqa: F401  as sealgate.django does where drf-spectacular is installed
from judged import KEY, SLACK
from sealed import envelope
from sealgate.envelope import Envelope
from sealgate.rest_framework import SignatureAuthentication, SignedJSONField

ENVELOPE = envelope()


class Quote(serializers.Serializer[Any]):
    total = serializers.IntegerField()


class OwnField(SignedJSONField):
    """A subclass is described as well."""


class Checkout(serializers.Serializer[Any]):
    anything = SignedJSONField(ENVELOPE)
    quote = SignedJSONField(ENVELOPE, serializer=Quote, help_text="As it was offered.")
    quotes = OwnField(ENVELOPE, serializer=Quote(many=True), required=False)
    total = SignedJSONField(
        Envelope.legacy(KEY, payload="data", signature="hmac"), serializer=serializers.IntegerField()
    )
    listed = serializers.ListField(child=SignedJSONField(ENVELOPE, serializer=Quote))
    offer = SignedJSONField(ENVELOPE, serializer=Quote, read_only=True)


class Shop(APIView):
    authentication_classes: list[Any] = []
    schema = AutoSchema()
    serializer_class = Checkout

    def post(self, request: Any) -> Response:
        return Response(self.serializer_class(request.data).data)


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The components; a warning of drf-spectacular, which goes to the standard error, is a failure."""
    warnings = io.StringIO()
    with override_settings(ROOT_URLCONF=__name__), contextlib.redirect_stderr(warnings):
        generator = SchemaGenerator(patterns=[path("shop", Shop.as_view())])  # type: ignore[no-untyped-call]
        document = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    assert "" == warnings.getvalue()
    components: dict[str, Any] = json.loads(json.dumps(document))["components"]["schemas"]
    return components


def signed(payload: Any, **more: Any) -> dict[str, Any]:
    members = {"payload": payload, "signature": {"type": "string"}}
    return {"type": "object", "properties": members, "required": [*members], "additionalProperties": False, **more}


QUOTE = {"$ref": "#/components/schemas/Quote"}
_FIELDS = {
    "anything": signed({}),
    "quote": signed(QUOTE, description="As it was offered."),
    "quotes": signed({"type": "array", "items": QUOTE}),
    "listed": {"type": "array", "items": signed(QUOTE)},
    "offer": signed(QUOTE, readOnly=True),
    "total": {
        "type": "object",
        "properties": {"data": {"type": "integer"}, "hmac": {"type": "string"}},
        "required": ["data", "hmac"],
        "additionalProperties": False,
    },
}


@pytest.mark.parametrize("name", _FIELDS)
def test_a_signed_field_is_an_object_with_exactly_its_two_members(written: dict[str, Any], name: str) -> None:
    assert _FIELDS[name] == written["Checkout"]["properties"][name]


def test_the_payloads_schema_is_a_component_of_its_own(written: dict[str, Any]) -> None:
    assert {"total": {"type": "integer"}} == written["Quote"]["properties"]


def test_what_is_sealed_has_the_form_that_is_described(written: dict[str, Any]) -> None:
    schema = {**written["Checkout"]["properties"]["quote"], "components": {"schemas": written}}
    sealed = ENVELOPE.seal({"total": 1})
    jsonschema.validate(sealed, schema)
    for wrong in (
        {**sealed, "x": 1},
        {"payload": {"total": 1}},
        {**sealed, "payload": {"total": "x"}},
        sealed["payload"],
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


SCRIPT = """
import sys
from django.conf import settings
settings.configure(INSTALLED_APPS={apps!r}, SEALGATE={{}})
import django; django.setup()
import sealgate.rest_framework
print("sealgate.rest_framework.schema" in sys.modules)
"""


@pytest.mark.parametrize(
    ("apps", "imported"),
    [
        (["sealgate.django"], False),
        (["drf_spectacular"], False),
        (["sealgate.django", "drf_spectacular"], True),
    ],
)
def test_extensions_are_there_where_both_applications_are(apps: list[str], imported: bool) -> None:
    script = SCRIPT.format(apps=apps)
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60)
    assert (f"{imported}\n", "") == (done.stdout, done.stderr)


class Signed(APIView):
    authentication_classes = [SignatureAuthentication]
    schema = AutoSchema()

    def get(self, request: Any) -> Response:
        return Response()


def test_a_signature_is_an_api_key_in_its_field() -> None:
    with override_settings(SEALGATE={"VERIFIER": SLACK.verifier()}):
        document = SchemaGenerator(patterns=[path("signed", Signed.as_view())]).get_schema(public=True)
    ((name, scheme),) = document["components"]["securitySchemes"].items()
    assert ("slack-X-Slack-Signature", "apiKey", "header", "X-Slack-Signature") == (
        name,
        scheme["type"],
        scheme["in"],
        scheme["name"],
    )
    assert "slack" == scheme["x-sealgate"]["scheme"]
    assert {name: []} in document["paths"]["/signed"]["get"]["security"]
