"""What a model may be made of: unions, discriminators, validators of each kind; none is given what nobody has proven."""
# Annotations stay objects here: pydantic cannot resolve the text of a local one.

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    field_validator,
    model_validator,
)

from judged import KEY
from sealed import document, envelope
from sealgate import Rejected
from sealgate.envelope import Envelope
from sealgate.exceptions import InvalidSignature
from sealgate.pydantic import SignedPayload

ENVELOPE = envelope()
REFUNDS = envelope("refund")
SEEN: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    SEEN.clear()


def see(value: Any) -> Any:
    SEEN.append(value)
    return value


def see_and(value: Any, handler: Callable[[Any], Any]) -> Any:
    return see(handler(see(value)))


def kind_of(value: Any) -> str:
    return str(see(value)["kind"])


class Card(BaseModel):
    kind: Literal["card"]
    last: str

    @model_validator(mode="before")
    @classmethod
    def _before(cls, value: Any) -> Any:
        return see(value)

    @model_validator(mode="wrap")
    @classmethod
    def _wrap(cls, value: Any, handler: Any) -> Any:
        return see_and(value, handler)

    @field_validator("last", mode="plain")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return see(value)


class Cash(BaseModel):
    kind: Literal["cash"]


CARD: dict[str, Any] = {"kind": "card", "last": "1234"}
KINDS: dict[str, Any] = {
    "a model": Card,
    "a union": Card | Cash,
    "a union from left to right": Annotated[Card | Cash, Field(union_mode="left_to_right")],
    "a union told apart by a member": Annotated[Card | Cash, Field(discriminator="kind")],
    "a union told apart by a function": Annotated[
        Annotated[Card, Tag("card")] | Annotated[Cash, Tag("cash")], Discriminator(kind_of)
    ],
    "a union with what takes anything": Card | dict[str, Any] | Any,
    "a validator before": Annotated[Any, BeforeValidator(see)],
    "a validator after": Annotated[Any, AfterValidator(see)],
    "a validator around": Annotated[Any, WrapValidator(see_and)],
    "a validator instead": Annotated[Any, PlainValidator(see)],
    "several": Annotated[Card, BeforeValidator(see), AfterValidator(see), WrapValidator(see_and)],
    "an optional model": Card | None,
    "a dict of lists of anything": dict[str, Annotated[Any, BeforeValidator(see)]],
    "an envelope in an envelope": Annotated[SignedPayload[Annotated[Any, BeforeValidator(see)]], REFUNDS] | Card,
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def _unproven() -> list[Any]:
    good = document(CARD)
    return [
        {**good, "payload": {**CARD, "last": "9999"}},
        {**good, "payload": "card"},
        {**good, "extra": CARD},
        {"payload": CARD, "signature": ""},
        {"payload": CARD},
        document(CARD, key=b"one more key of thirty-two octet"),
        CARD,
        [good],
        None,
        "card",
    ]


def _adapters(kind: Any) -> list[TypeAdapter[Any]]:
    """The type by itself, and within what holds types."""
    sealed = Annotated[SignedPayload[kind], ENVELOPE]

    class Holder(BaseModel):
        payment: sealed  # type: ignore[valid-type]

    class Outer(BaseModel):
        holders: list[Holder]

    return [TypeAdapter(each) for each in (sealed, list[sealed], dict[str, sealed], Holder, Outer)]  # type: ignore[valid-type]


def _within(received: Any) -> list[Any]:
    holder = {"payment": received}
    return [received, [received], {"a": received}, holder, {"holders": [holder]}]


@each_kind
def test_nothing_within_is_given_what_is_not_proven(kind: Any) -> None:
    for received in _unproven():
        for adapter, held in zip(_adapters(kind), _within(received), strict=True):
            with pytest.raises(Rejected):
                adapter.validate_python(held)
    assert [] == SEEN


@pytest.mark.parametrize("kind", [KINDS[name] for name in KINDS if not name.startswith("an envelope")])
def test_each_of_them_is_given_what_is_proven(kind: Any) -> None:
    """Or the silence above would mean nothing."""
    for adapter, held in zip(_adapters(kind), _within(document(CARD)), strict=True):
        adapter.validate_python(held)
    assert [] != SEEN
    assert {"1234"} == {_last(value) for value in SEEN} - {None}


def _last(value: Any) -> Any:
    value = value.model_dump() if isinstance(value, BaseModel) else value
    return value.get("last") if isinstance(value, dict) else value if value != "card" else None


def test_of_several_documents_those_before_the_refused_one_are_seen_and_none_after_it() -> None:
    many: TypeAdapter[Any] = TypeAdapter(list[Annotated[SignedPayload[Annotated[Any, BeforeValidator(see)]], ENVELOPE]])
    with pytest.raises(InvalidSignature):
        many.validate_python([document(1), {**document(2), "payload": 3}, document(4)])
    assert [1] == SEEN


def test_an_envelope_in_an_envelope_is_proven_twice() -> None:
    within = Annotated[SignedPayload[Annotated[Any, BeforeValidator(see)]], REFUNDS]
    both: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[within], ENVELOPE])  # type: ignore[valid-type]
    inner = REFUNDS.seal({"total": 1})
    assert {"total": 1} == both.validate_python(ENVELOPE.seal(inner)).payload.payload
    assert [{"total": 1}] == SEEN
    for wrong in ({**inner, "payload": {"total": 2}}, ENVELOPE.seal({"total": 1}), {"total": 1}):
        with pytest.raises(Rejected):
            both.validate_python(ENVELOPE.seal(wrong))
    assert [{"total": 1}] == SEEN


def test_two_envelopes_in_a_union_open_nothing_of_the_second() -> None:
    """A refusal ends the union, also where the first has opened it: a type that says which is no union."""
    first, second = Annotated[SignedPayload[int], ENVELOPE], Annotated[SignedPayload[int], REFUNDS]
    ordered = Annotated[first | second, Field(union_mode="left_to_right")]  # type: ignore[operator]
    for either in (first | second, ordered):  # type: ignore[operator]
        with pytest.raises(InvalidSignature):
            TypeAdapter(either).validate_python(REFUNDS.seal(1))
    opened: Any = TypeAdapter(ordered).validate_python(ENVELOPE.seal(1))
    assert 1 == opened.payload


def test_what_stands_around_the_type_is_given_the_document_as_it_came() -> None:
    """The promise that a type cannot keep."""

    class Outer(BaseModel):
        payment: Annotated[SignedPayload[Card], ENVELOPE]

        @model_validator(mode="before")
        @classmethod
        def _before(cls, value: Any) -> Any:
            return see(value)

    beside: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[Card], ENVELOPE, BeforeValidator(see)])
    tampered = {**document(CARD), "payload": {**CARD, "last": "9999"}}
    for adapter, held in ((TypeAdapter(Outer), {"payment": tampered}), (beside, tampered)):
        with pytest.raises(InvalidSignature):
            adapter.validate_python(held)
    assert [{"payment": tampered}, tampered] == SEEN
    either = dict[str, Any] | Annotated[SignedPayload[Card], ENVELOPE]
    with pytest.raises(InvalidSignature):
        TypeAdapter(either).validate_python(tampered)
    ordered: TypeAdapter[Any] = TypeAdapter(Annotated[either, Field(union_mode="left_to_right")])
    assert tampered == ordered.validate_python(tampered)


def test_what_is_wrong_with_a_proven_payload_is_a_validation_error() -> None:
    told_apart = KINDS["a union told apart by a member"]
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[told_apart], ENVELOPE])
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(document({"kind": "gold"}))
    assert ["union_tag_invalid"] == [error["type"] for error in refused.value.errors()]


def test_the_same_holds_for_values_that_are_signed_by_hand() -> None:
    own, several = Envelope.legacy(KEY), KINDS["several"]
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[SignedPayload[several], own])
    with pytest.raises(Rejected):
        adapter.validate_python({**own.seal(CARD), "payload": {**CARD, "last": "9999"}})
    assert [] == SEEN
    assert "1234" == adapter.validate_python(own.seal(CARD)).payload.last
