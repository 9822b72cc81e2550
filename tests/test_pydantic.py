"""`SignedPayload[Order]`: a model sees a payload once its signature is proven, and seals what it writes."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

import envelope_reference as judge
from envelope_reference import sign_by_hand
from judged import KEY, NOW
from reference import Json
from sealed import PURPOSE, RING, SEALED, document, envelope, values
from sealgate import ConfigurationError, Rejected, Unavailable
from sealgate.envelope import Envelope
from sealgate.exceptions import BodyMalformed, Expired, InvalidSignature, Replayed, SignatureMissing
from sealgate.pydantic import SignedPayload

ENVELOPE = envelope()


class Order(BaseModel):
    total: int
    at: datetime | None = None


SignedOrder = Annotated[SignedPayload[Order], ENVELOPE]


class Checkout(BaseModel):
    order: SignedOrder
    note: str = ""


ANY: TypeAdapter[SignedPayload[Any]] = TypeAdapter(Annotated[SignedPayload[Any], ENVELOPE])


def proven(sealed: Any) -> Json:
    return judge.unsealed(sealed, PURPOSE, RING, NOW)[0]


@given(value=values)
def test_a_proven_payload_is_the_validated_value(value: Json) -> None:
    expected = json.dumps(ENVELOPE.open(document(value)))
    assert expected == json.dumps(ANY.validate_python(document(value)).payload)
    assert expected == json.dumps(ANY.validate_json(json.dumps(document(value))).payload)


def test_the_payload_is_a_model_and_who_sealed_it_is_there() -> None:
    received = document({"total": "7", "at": "2026-01-02T03:04:05Z"}, judge.Sealed("acme", NOW, NOW + 9, "n" * 16))
    order = Checkout.model_validate({"order": received}).order
    assert Order(total=7, at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == order.payload
    assert ("acme", NOW, NOW + 9, "n" * 16) == (order.key_id, order.created, order.expires, order.nonce)
    assert "<SignedPayload key_id='acme' created=1700000000>" == repr(order)


_REFUSED: dict[str, tuple[Any, type[Rejected]]] = {
    "another payload": ({**document({"total": 1}), "payload": {"total": 2}}, InvalidSignature),
    "another payload that is no order": ({**document({"total": 1}), "payload": "x"}, InvalidSignature),
    "too old": (document({"total": 1}, judge.Sealed("acme", NOW - 301, None, "n" * 16)), Expired),
    "no signature": ({"payload": {"total": 1}}, SignatureMissing),
    "one member more": ({**document({"total": 1}), "x": 1}, BodyMalformed),
    "an order": ({"total": 1}, SignatureMissing),
    "null": (None, BodyMalformed),
    "a list": ([], BodyMalformed),
    "a text": (json.dumps(document({"total": 1})), BodyMalformed),
}


@pytest.mark.parametrize(("received", "refusal"), _REFUSED.values(), ids=_REFUSED)
def test_what_is_not_proven_is_a_refusal_and_no_validation_error(received: Any, refusal: type[Rejected]) -> None:
    """A list of what is wrong would be an oracle, and 422 the wrong answer."""
    document = {"order": received, "note": ["wrong too"]}
    with pytest.raises(refusal):
        Checkout.model_validate(document)
    with pytest.raises(refusal):
        Checkout.model_validate_json(json.dumps(document))


@given(received=values | st.fixed_dictionaries({"payload": values, "signature": values}))
def test_any_json_gives_a_payload_or_a_refusal(received: Json) -> None:
    with pytest.raises(Rejected):
        ANY.validate_python(received)


def test_a_union_tries_nothing_else_once_a_document_is_refused() -> None:
    either: TypeAdapter[Any] = TypeAdapter(SignedOrder | dict[str, Any])
    assert Order(total=1) == either.validate_python(document({"total": 1})).payload
    with pytest.raises(InvalidSignature):
        either.validate_python(_REFUSED["another payload"][0])


def test_the_model_sees_nothing_before_the_signature_is_proven() -> None:
    seen: list[Any] = []

    def see(value: Any) -> Any:
        seen.append(value)
        return value

    watched: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[Annotated[Any, BeforeValidator(see)]], ENVELOPE])
    with pytest.raises(InvalidSignature):
        watched.validate_python({**document(1), "payload": 2})
    assert [] == seen
    watched.validate_python(document(1))
    assert [1] == seen


def test_errors_of_a_proven_payload_stand_where_they_were_sent() -> None:
    with pytest.raises(ValidationError) as refused:
        Checkout.model_validate({"order": document({"total": "x"})})
    assert [("order", "payload", "total")] == [error["loc"] for error in refused.value.errors()]


def test_members_have_the_envelopes_names() -> None:
    own = Envelope.legacy(KEY, payload="data", signature="hmac")
    by_hand: TypeAdapter[SignedPayload[Order]] = TypeAdapter(Annotated[SignedPayload[Order], own])
    opened = by_hand.validate_python({"data": {"total": 1}, "hmac": sign_by_hand({"total": 1}, KEY)})
    assert (Order(total=1), None, None) == (opened.payload, opened.key_id, opened.created)
    assert {
        "data": {"total": 1, "at": None},
        "hmac": sign_by_hand({"at": None, "total": 1}, KEY),
    } == by_hand.dump_python(opened)
    assert {"data", "hmac"} == set(by_hand.json_schema()["properties"])
    with pytest.raises(ValidationError) as refused:
        by_hand.validate_python({"data": {}, "hmac": sign_by_hand({}, KEY)})
    assert [("data", "total")] == [error["loc"] for error in refused.value.errors()]


def test_an_envelope_may_be_opened_once() -> None:
    once: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[int], envelope(replay=None)])
    once.validate_python(document(1))
    with pytest.raises(Replayed):
        once.validate_python(document(1))


def test_dumping_seals_anew() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    model = Checkout(order=SignedPayload(Order(total=1, at=at)))
    for dumped in (model.model_dump(), model.model_dump(mode="json"), json.loads(model.model_dump_json())):
        assert {"total": 1, "at": "2026-01-02T03:04:05Z"} == proven(dumped["order"])
        assert model.order.payload == Checkout.model_validate(dumped).order.payload
    assert {"total": 1} == proven(Checkout(order=SignedPayload(Order(total=1))).model_dump(exclude_none=True)["order"])


class Price(BaseModel):
    amount: Decimal = Field(alias="Amount")
    tags: set[str] = set()


@dataclass
class Point:
    x: float


def test_the_payload_is_dumped_as_its_own_type_says() -> None:
    price: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[Price], ENVELOPE])
    made = SignedPayload(Price(Amount=Decimal("1.50"), tags={"a"}))
    assert {"Amount": "1.50", "tags": ["a"]} == proven(price.dump_python(made, by_alias=True))
    assert {"Amount": "1.50", "tags": ["a"]} == proven(json.loads(price.dump_json(made, by_alias=True)))
    points: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[list[Point]], ENVELOPE])
    assert [{"x": 0.5}] == proven(points.dump_python(SignedPayload([Point(0.5)])))
    assert [Point(0.5)] == points.validate_python(points.dump_python(SignedPayload([Point(0.5)]))).payload


@given(value=values)
def test_any_json_is_sealed_as_it_is(value: Json) -> None:
    assert ENVELOPE.open(document(value)) == proven(ANY.dump_python(SignedPayload(value)))


@pytest.mark.parametrize("value", [float("nan"), "\ud800", 2**64], ids=ascii)
def test_what_has_no_canonical_form_is_our_error(value: Any) -> None:
    with pytest.raises((PydanticSerializationError, ValueError)):
        ANY.dump_python(SignedPayload(value))


_MODES = ["validation", "serialization"]


@pytest.mark.parametrize("mode", _MODES)
def test_the_json_schema_has_exactly_the_two_members(mode: Any) -> None:
    schema = TypeAdapter(SignedOrder).json_schema(mode=mode)
    assert {"$ref": "#/$defs/Order"} == schema["properties"]["payload"]
    assert "string" == schema["properties"]["signature"]["type"]
    assert (["payload", "signature"], False) == (schema["required"], schema["additionalProperties"])
    assert {"total", "at"} == set(schema["$defs"]["Order"]["properties"])


def test_a_type_may_hold_itself() -> None:
    class Node(BaseModel):
        children: list["Node"] = []
        order: SignedOrder | None = None

    tree: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[Node], ENVELOPE])
    value: Json = {"children": [{"children": [], "order": None}], "order": None}
    opened = tree.validate_python(document(value))
    assert value == proven(tree.dump_python(opened))


def test_without_an_envelope_there_is_no_schema() -> None:
    """Fail closed: a payload that nobody proves."""
    without: list[Any] = [SignedPayload[Order], SignedPayload, SignedPayload[Order] | None, list[SignedPayload[Order]]]
    for bare in without:
        with pytest.raises(ConfigurationError, match="which envelope"):
            TypeAdapter(bare)
    with pytest.raises(ConfigurationError, match="which envelope"):

        class _Unproven(BaseModel):
            order: SignedPayload[Order]


def test_an_envelope_annotates_the_payload_and_nothing_else() -> None:
    others: list[Any] = [
        Annotated[Order, ENVELOPE],
        Annotated[SignedPayload[Order] | None, ENVELOPE],
        Annotated[int, ENVELOPE],
    ]
    for other in others:
        with pytest.raises(ConfigurationError, match="annotates"):
            TypeAdapter(other)
    outside: TypeAdapter[Any] = TypeAdapter(SignedOrder | None)
    assert None is outside.validate_python(None)


def test_two_envelopes_make_two_types() -> None:
    other: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[Order], envelope("refund")])
    with pytest.raises(InvalidSignature):
        other.validate_python(document({"total": 1}))
    assert 1 == other.validate_python(judge.seal({"total": 1}, "refund", SEALED, KEY)).payload.total


def test_a_mistake_of_ours_is_no_validation_error() -> None:
    """`ConfigurationError` is a ValueError: pydantic would tell the caller that the document is wrong."""

    async def source(key_id: str | None, request: None) -> bytes:
        return KEY

    own: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[int], envelope(keys=source, key_id="acme")])
    with pytest.raises(RuntimeError, match="coroutine"):
        own.validate_python(document(1))


def test_keys_out_of_reach_are_no_validation_error() -> None:
    def source(key_id: str | None, request: None) -> bytes:
        raise OSError

    own: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[int], envelope(keys=source)])
    with pytest.raises(Unavailable):
        own.validate_python(document(1))


def test_models_are_copied_with_what_they_hold() -> None:
    model = Checkout.model_validate({"order": document({"total": 1})})
    for other in (model.model_copy(deep=True), copy.deepcopy(model)):
        assert (1, "acme") == (other.order.payload.total, other.order.key_id)
