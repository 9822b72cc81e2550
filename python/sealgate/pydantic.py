"""A sealed value as a type (pydantic 2): its model sees the payload only once its signature is proven.

    class Order(BaseModel):
        total: int

    SignedOrder = Annotated[SignedPayload[Order], Envelope("checkout", keys=ring)]

    @app.post("/orders")
    def create(order: SignedOrder): ...           # order.payload is an Order, order.key_id who sealed it

A document that does not prove itself is `Rejected`, and no `ValidationError`: in FastAPI that is the one 401 for all,
and what is wrong with a proven payload is a 422. FastAPI answers a refusal where `sealgate.fastapi` is at work in the
application; a handler of one's own for `Rejected` and `Unavailable` does as well.

By the time a type is asked, the body has been parsed. So the proof is over its values: of a name that occurs twice,
the parser has dropped one, and a body that is no JSON at all is FastAPI's own 422. Where no parser may run on unproven
bytes, let `Sealgate` verify the body itself (`schemes.envelope`).

Dumping a model seals its payload anew, in Python and in JSON mode.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar, get_args

from pydantic_core import core_schema, to_jsonable_python

from sealgate.envelope import Envelope
from sealgate.exceptions import ConfigurationError

__all__ = ["SignedPayload"]

_T = TypeVar("_T")


class SignedPayload(Generic[_T]):
    """A payload that was sealed, or is to be: `Annotated[SignedPayload[Order], envelope]`.

    `created` and `expires`: Unix seconds. One that is made by hand, to be sealed, has its payload only.
    """

    # No dataclass: pydantic would build the schema from its fields, and ask no envelope.
    __slots__ = ("created", "expires", "key_id", "nonce", "payload")

    def __init__(
        self,
        payload: _T,
        key_id: str | None = None,
        created: int | None = None,
        expires: int | None = None,
        nonce: str | None = None,
    ) -> None:
        self.payload = payload
        self.key_id = key_id
        self.created = created
        self.expires = expires
        self.nonce = nonce

    def __repr__(self) -> str:
        return f"<SignedPayload key_id={self.key_id!r} created={self.created!r}>"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        raise ConfigurationError("SignedPayload: which envelope? Annotated[SignedPayload[...], envelope] says it")

    @classmethod
    def __sealed_by__(cls, envelope: Envelope, source: Any, handler: Any) -> core_schema.CoreSchema:
        """The schema of `source`, which is this type, annotated with `envelope`."""
        (model,) = get_args(source) or (Any,)
        document = core_schema.typed_dict_schema(
            {
                envelope.payload: core_schema.typed_dict_field(handler.generate_schema(model)),
                envelope.signature: core_schema.typed_dict_field(core_schema.str_schema()),
            },
            extra_behavior="forbid",
        )

        def prove(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> SignedPayload[Any]:
            if isinstance(value, cls):  # made by hand: no text is parsed to one
                return value
            try:
                opened = envelope.verify(value)
            except ConfigurationError as error:  # a ValueError, which would become the caller's fault
                raise RuntimeError(str(error)) from error
            proven = validate({envelope.payload: opened.payload, envelope.signature: value[envelope.signature]})
            payload = proven[envelope.payload]
            return cls(payload, opened.key_id, opened.created, opened.expires, opened.nonce)

        def seal(value: SignedPayload[Any], serialize: core_schema.SerializerFunctionWrapHandler) -> dict[str, Any]:
            dumped = serialize({envelope.payload: value.payload, envelope.signature: ""})
            return envelope.seal(to_jsonable_python(dumped[envelope.payload]), exact=False)

        return core_schema.no_info_wrap_validator_function(
            prove,
            document,
            serialization=core_schema.wrap_serializer_function_ser_schema(seal, schema=document),
        )
