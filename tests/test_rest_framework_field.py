"""`SignedJSONField`: a serializer sees a payload once its signature is proven, and seals what it writes."""

from __future__ import annotations

import django_project  # noqa: F401  settings come first

# isort: split
import copy
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.test import override_settings
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.renderers import HTMLFormRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

import envelope_reference as judge
from envelope_reference import sign_by_hand
from judged import KEY, NOW
from reference import Json
from sealed import PURPOSE, RING, VALUE, document, envelope, values
from sealgate import CanonicalizationError, ConfigurationError
from sealgate.envelope import Envelope
from sealgate.rest_framework import SignedJSONField

ENVELOPE = envelope()
INVALID = ErrorDetail("Expected a signed document.", "invalid")
REFUSED = ErrorDetail("Invalid signature.", "signature-invalid")


class Quote(serializers.Serializer[Any]):
    total = serializers.DecimalField(max_digits=9, decimal_places=2)
    currency = serializers.CharField(max_length=3)
    at = serializers.DateTimeField(required=False)


class Checkout(serializers.Serializer[Any]):
    quote = SignedJSONField(ENVELOPE)
    note = serializers.CharField(required=False)


class NestedCheckout(serializers.Serializer[Any]):
    quote = SignedJSONField(ENVELOPE, serializer=Quote)


class ManyQuotes(serializers.Serializer[Any]):
    quote = SignedJSONField(ENVELOPE, serializer=Quote(many=True))


class Quotes(serializers.Serializer[Any]):
    quotes = serializers.ListField(child=SignedJSONField(ENVELOPE))


QUOTE: dict[str, Json] = {"total": "10.50", "currency": "EUR"}


def errors(serializer: Any) -> Any:
    assert not serializer.is_valid()
    return json.loads(json.dumps(serializer.errors))


def codes(serializer: Any) -> Any:
    assert not serializer.is_valid()
    return [(str(error), error.code) for error in serializer.errors["quote"]]


def proven(sealed: Any) -> Json:
    return judge.unsealed(sealed, PURPOSE, RING, NOW)[0]


@given(value=values)
def test_a_proven_payload_is_the_validated_value(value: Json) -> None:
    serializer = Checkout(data={"quote": document(value), "note": "x"})
    serializer.is_valid(raise_exception=True)
    assert {"quote": ENVELOPE.open(document(value)), "note": "x"} == serializer.validated_data


_REFUSED: dict[str, tuple[Any, ErrorDetail]] = {
    "another payload": ({**document(), "payload": 1}, REFUSED),
    "another key": (document(key=b"one more key of thirty-two octet"), REFUSED),
    "unknown key id": (document(sealed=judge.Sealed("nobody", NOW, None, "n" * 16)), REFUSED),
    "too old": (document(sealed=judge.Sealed("acme", NOW - 301, None, "n" * 16)), REFUSED),
    "from the future": (document(sealed=judge.Sealed("acme", NOW + 301, None, "n" * 16)), REFUSED),
    "past its end": (document(sealed=judge.Sealed("acme", NOW - 9, NOW - 1, "n" * 16)), REFUSED),
    "signed for another purpose": (
        judge.seal(VALUE, "refund", judge.Sealed("acme", NOW, None, "n" * 16), KEY),
        REFUSED,
    ),
    "signed by hand": ({"payload": VALUE, "signature": sign_by_hand(VALUE, KEY)}, REFUSED),
    "no signature": ({"payload": VALUE}, REFUSED),
    "signature is null": ({"payload": VALUE, "signature": None}, REFUSED),
    "no payload": ({"signature": document()["signature"]}, INVALID),
    "one member more": ({**document(), "x": 1}, INVALID),
    "the payload alone": (VALUE, REFUSED),
    "a list": ([document()], INVALID),
    "its JSON text": (json.dumps(document()), INVALID),
    "a number": (1, INVALID),
    "NaN": ({**document(), "payload": float("nan")}, INVALID),
    "half of a surrogate pair": ({**document(), "payload": "\ud800"}, INVALID),
    "over the limit": ({**document(), "payload": "x" * 11_000_000}, INVALID),
}


@pytest.mark.parametrize(("received", "expected"), _REFUSED.values(), ids=_REFUSED)
def test_what_is_not_proven_is_a_validation_error_that_says_no_more(received: Any, expected: ErrorDetail) -> None:
    for serializer in (Checkout(data={"quote": received}), NestedCheckout(data={"quote": received})):
        assert [(str(expected), expected.code)] == codes(serializer)
        assert {} == serializer.validated_data


def test_the_log_has_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    received = _REFUSED["too old"][0]
    Checkout(data={"quote": received}).is_valid()
    (record,) = caplog.records
    assert ("sealgate", logging.WARNING) == (record.name, record.levelno)
    assert ("signature-expired", 400, "acme") == tuple(record.__dict__[name] for name in ("code", "status", "key_id"))
    assert "refused signature-expired: field 'quote' (too old, from the future, or past its own end)" == record.message
    assert received["signature"] not in str(vars(record))


@given(received=values | st.fixed_dictionaries({"payload": values, "signature": values}))
def test_any_json_gives_a_value_or_a_validation_error(received: Json) -> None:
    assert not Checkout(data={"quote": received}).is_valid()


def test_the_nested_serializer_validates_the_proven_payload() -> None:
    serializer = NestedCheckout(data={"quote": document({**QUOTE, "more": 1, "at": "2026-01-02T03:04:05Z"})})
    serializer.is_valid(raise_exception=True)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert {"quote": {"total": Decimal("10.50"), "currency": "EUR", "at": at}} == serializer.validated_data


def test_errors_of_a_proven_payload_stand_where_they_were_sent() -> None:
    expected = {
        "quote": {"payload": {"total": ["A valid number is required."], "currency": ["This field is required."]}}
    }
    assert expected == errors(NestedCheckout(data={"quote": document({"total": "x"})}))
    expected_of_many = {"quote": {"payload": {"1": {"currency": ["This field is required."]}}}}
    assert expected_of_many == errors(ManyQuotes(data={"quote": document([QUOTE, {"total": 1}])}))


def test_the_nested_serializer_sees_nothing_before_the_signature_is_proven() -> None:
    seen: list[Any] = []

    class Watching(Quote):
        def to_internal_value(self, data: Any) -> Any:
            seen.append((data, self.context["shop"]))
            return super().to_internal_value(data)

    class Watched(serializers.Serializer[Any]):
        quote = SignedJSONField(ENVELOPE, serializer=Watching)

    for received in ({"payload": QUOTE, "signature": document()["signature"]}, {"payload": QUOTE, "signature": "x"}):
        assert not Watched(data={"quote": received}, context={"shop": 1}).is_valid()
    assert [] == seen
    assert Watched(data={"quote": document(QUOTE)}, context={"shop": 1}).is_valid()
    assert [(QUOTE, 1)] == seen


def test_a_field_may_validate_the_payload() -> None:
    class Total(serializers.Serializer[Any]):
        quote = SignedJSONField(ENVELOPE, serializer=serializers.IntegerField(min_value=3))

    assert Total(data={"quote": document(3)}).is_valid()
    expected = {"quote": {"payload": ["Ensure this value is greater than or equal to 3."]}}
    assert expected == errors(Total(data={"quote": document(2)}))


def test_lists_of_documents_are_read_one_by_one() -> None:
    assert {"quotes": [1, 2]} == _validated(Quotes(data={"quotes": [document(1), document(2)]}))
    expected = {"quotes": {"1": [str(REFUSED)]}}
    assert expected == errors(Quotes(data={"quotes": [document(1), {**document(2), "payload": 3}]}))


def _validated(serializer: Any) -> Any:
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


class Optional(serializers.Serializer[Any]):
    quote = SignedJSONField(ENVELOPE, required=False, allow_null=True, write_only=True)


def test_absent_and_null_are_what_drf_makes_of_them() -> None:
    assert {"quote": ["This field is required."]} == errors(Checkout(data={}))
    assert {"quote": ["This field may not be null."]} == errors(Checkout(data={"quote": None}))
    assert {} == _validated(Optional(data={}))
    assert {"quote": None} == _validated(Optional(data={"quote": None}))
    assert {} == Optional({"quote": 1}).data
    assert {"note": "x"} == _validated(Checkout(data={"note": "x"}, partial=True))
    assert [(str(REFUSED), "signature-invalid")] == codes(Checkout(data={"quote": {"payload": 1}}, partial=True))


def test_a_proven_null_is_a_value() -> None:
    assert {"quote": None} == _validated(Checkout(data={"quote": document(None)}))


def test_members_have_the_envelopes_names() -> None:
    own = Envelope.legacy(KEY, payload="data", signature="hmac")

    class ByHand(serializers.Serializer[Any]):
        quote = SignedJSONField(own, serializer=Quote)

    received = {"data": {"total": 1, "currency": "EURO"}, "hmac": sign_by_hand({"total": 1, "currency": "EURO"}, KEY)}
    assert {"quote": {"data": {"currency": ["Ensure this field has no more than 3 characters."]}}} == errors(
        ByHand(data={"quote": received})
    )
    assert {"data": QUOTE, "hmac": sign_by_hand(QUOTE, KEY)} == ByHand({"quote": QUOTE}).data["quote"]


@given(value=values.filter(lambda value: value is not None))
def test_values_are_written_sealed(value: Json) -> None:
    written = json.loads(JSONRenderer().render(Checkout({"quote": value}).data))
    assert ENVELOPE.open(document(value)) == proven(written["quote"])
    assert {"quote": proven(written["quote"])} == _validated(Checkout(data=written))


def test_what_the_renderer_would_encode_is_sealed_as_it_would_be_written() -> None:
    """And so what is signed is what is sent, whatever the setting for decimals and times."""
    value = {
        "decimal": Decimal("1.5"),
        "id": UUID(int=7),
        "at": datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        "for": timedelta(minutes=1),
        "lazy": gettext_lazy("Invalid input."),
        "tuple": (1, None),
        7: "a number as a name",
    }
    written = json.loads(JSONRenderer().render(Checkout({"quote": value}).data))
    assert json.loads(JSONRenderer().render(value)) == proven(written["quote"])


def test_the_nested_serializer_writes_the_payload() -> None:
    class Exact(Quote):
        total = serializers.DecimalField(max_digits=9, decimal_places=2, coerce_to_string=False)
        at = serializers.DateTimeField(format=None)

    class Holder(serializers.Serializer[Any]):
        quote = SignedJSONField(ENVELOPE, serializer=Exact)

    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    written = Holder({"quote": {"total": Decimal("10.50"), "currency": "EUR", "at": at, "hidden": 1}}).data["quote"]
    assert {"total": 10.5, "currency": "EUR", "at": "2026-01-02T03:04:05Z"} == proven(written)
    assert [QUOTE, QUOTE] == proven(ManyQuotes({"quote": [QUOTE, QUOTE]}).data["quote"])


def test_a_read_only_field_is_sealed_and_never_read() -> None:
    class Offer(serializers.Serializer[Any]):
        quote = SignedJSONField(ENVELOPE, serializer=Quote, source="*", read_only=True)

    assert QUOTE == proven(Offer(QUOTE).data["quote"])
    assert {} == _validated(Offer(data={"quote": document(QUOTE)}))
    assert None is Checkout({"quote": None}).data["quote"]


@pytest.mark.parametrize("value", [float("nan"), {"x": float("inf")}, "\ud800", 2**64], ids=ascii)
def test_what_has_no_canonical_form_is_our_error(value: Any) -> None:
    with pytest.raises(CanonicalizationError):
        Checkout({"quote": value}).data  # noqa: B018


def test_copies_share_the_envelope_and_its_memory() -> None:
    """DRF copies the fields that a class declares for each of its objects: what one has opened, all have."""
    own = envelope(replay=None)

    class Once(serializers.Serializer[Any]):
        quote = SignedJSONField(own, serializer=Quote)

    assert Once(data={"quote": document(QUOTE)}).is_valid()
    assert [(str(REFUSED), "signature-invalid")] == codes(Once(data={"quote": document(QUOTE)}))
    field = Once().fields["quote"]
    assert isinstance(field, SignedJSONField)
    assert own is copy.deepcopy(field).envelope
    assert field.serializer is not Once().fields["quote"].serializer  # type: ignore[attr-defined]


@pytest.mark.parametrize("settings", [{"envelope": None}, {"serializer": int}, {"serializer": "Quote"}], ids=repr)
def test_mistakes_are_told_when_the_class_is_made(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        SignedJSONField(**{"envelope": ENVELOPE, **settings})


class Shop(APIView):
    authentication_classes: list[Any] = []
    parser_classes = [JSONParser, FormParser, MultiPartParser]
    renderer_classes = [JSONRenderer]
    serializer_class: type[serializers.Serializer[Any]] = NestedCheckout

    def post(self, request: Any) -> Response:
        serializer = self.serializer_class(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(self.serializer_class(serializer.validated_data).data)


def send(data: Any, format: str = "json", serializer: Any = NestedCheckout) -> Response:
    request = APIRequestFactory().post("/", data, format=format)
    response = Shop.as_view(serializer_class=serializer)(request)
    response.render()
    return response


def test_a_view_takes_and_gives_documents() -> None:
    answer = send({"quote": document(QUOTE)})
    assert 200 == answer.status_code
    assert QUOTE == proven(json.loads(answer.content)["quote"])
    refused = send({"quote": {"payload": QUOTE, "signature": "x"}})
    assert (400, {"quote": ["Invalid signature."]}) == (refused.status_code, json.loads(refused.content))


@pytest.mark.parametrize("kind", ["multipart", "urlencoded"])
def test_a_form_sends_the_text_of_a_document(kind: str) -> None:
    def status(text: str) -> int:
        if kind == "multipart":
            return send({"quote": text}, "multipart").status_code
        body = urlencode({"quote": text})
        request = APIRequestFactory().post("/", body, content_type="application/x-www-form-urlencoded")
        return Shop.as_view()(request).status_code

    text = json.dumps(document(QUOTE))
    assert 200 == status(text)
    for broken in ("", "{", text[:-1], text.replace("EUR", "USD"), text.replace("{", '{"payload": 1, ', 1), "null"):
        assert 400 == status(broken)


def test_forms_may_leave_the_document_blank_where_it_may_be_absent() -> None:
    def form(**fields: str) -> Any:
        return MultiValueDict({name: [value] for name, value in fields.items()})

    class Nullable(serializers.Serializer[Any]):
        quote = SignedJSONField(ENVELOPE, allow_null=True)

    class Absent(serializers.Serializer[Any]):
        quote = SignedJSONField(ENVELOPE, required=False)

    text = json.dumps(document())
    for serializer in (Nullable, Absent, Checkout):
        assert {"quote": VALUE} == _validated(serializer(data=form(quote=text)))
    assert {"quote": None} == _validated(Nullable(data=form(quote="")))
    assert {} == _validated(Absent(data=form(quote=""))) == _validated(Absent(data=form()))
    assert [(str(INVALID), "invalid")] == codes(Checkout(data=form(quote="")))
    assert {"quotes": [VALUE, VALUE]} == _validated(Quotes(data=MultiValueDict({"quotes": [text, text]})))


TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [f"{serializers.__file__.removesuffix('serializers.py')}templates"],
        "OPTIONS": {"libraries": {"rest_framework": "rest_framework.templatetags.rest_framework"}},
    }
]


@override_settings(TEMPLATES=TEMPLATES)
def test_the_browsable_form_shows_the_document_as_json() -> None:
    shown = HTMLFormRenderer().render(Checkout({"quote": 1}).data)
    assert "<textarea" in shown
    assert "&quot;signature&quot;: &quot;v1.YWNtZQ." in shown
    sent_back = Checkout(data=MultiValueDict({"quote": ["{broken"]}))
    assert not sent_back.is_valid()
    assert "{broken" in HTMLFormRenderer().render(sent_back.data)


def test_keys_out_of_reach_are_503_and_no_validation_error() -> None:
    def source(key_id: str | None, request: None) -> Any:
        raise OSError("vault at https://user:password@vault")

    class Lost(serializers.Serializer[Any]):
        quote = SignedJSONField(envelope(keys=source, key_id="acme"))

    answer = send({"quote": document()}, serializer=Lost)
    assert 503 == answer.status_code
    assert {"detail": "Service temporarily unavailable, try again later."} == json.loads(answer.content)


def test_the_module_can_be_a_setting_of_rest_framework() -> None:
    """Views import what settings name: a module that imports views would wait for itself."""
    script = (
        "import sys, django\n"
        "from django.conf import settings\n"
        "settings.configure(REST_FRAMEWORK={'DEFAULT_PAGINATION_CLASS': 'sealgate.rest_framework.SignedJSONField'})\n"
        "django.setup()\n"
        "import sealgate.rest_framework\n"
        "assert 'rest_framework.views' not in sys.modules\n"
        "import rest_framework.views\n"
        "import rest_framework.generics\n"
        "print(rest_framework.generics.GenericAPIView.pagination_class.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60)
    assert ("SignedJSONField\n", "") == (done.stdout, done.stderr)
