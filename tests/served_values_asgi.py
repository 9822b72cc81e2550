"""Sealed values behind FastAPI: models that hold models, unions, and validators of each kind; nothing else guards these."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from typing import Annotated, Any, Literal

from fastapi import FastAPI
from fastapi.requests import Request
from fastapi.responses import JSONResponse
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from sealgate import Rejected
from sealgate.pydantic import SignedPayload
from served_values import FILES, ONCE, ORDERS, saw


def _wrapped(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return handler(saw("wrap", value))


class Item(BaseModel):
    sku: Annotated[str, BeforeValidator(lambda value: saw("before", value)), WrapValidator(_wrapped)]


class Card(BaseModel):
    kind: Literal["card"]
    last: str

    @model_validator(mode="wrap")
    @classmethod
    def _see(cls, value: Any, handler: Any) -> Any:
        return handler(saw("model, wrap", value))


class Cash(BaseModel):
    kind: Literal["cash"]


class Order(BaseModel):
    total: Annotated[int, AfterValidator(lambda value: saw("after", value))]
    items: list[Item] = []
    paid: Annotated[Card | Cash, Field(discriminator="kind")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _see(cls, value: Any) -> Any:
        return saw("model, before", value)

    @field_validator("items", mode="before")
    @classmethod
    def _see_items(cls, value: Any) -> Any:
        return saw("field, before", value)


class Refund(BaseModel):
    refund: int

    @model_validator(mode="before")
    @classmethod
    def _see(cls, value: Any) -> Any:
        return saw("model, before", value)


SignedOrder = Annotated[SignedPayload[Order | Refund], ORDERS]


class Checkout(BaseModel):
    order: SignedOrder


class Nested(BaseModel):
    checkout: Checkout
    more: list[Checkout] = []


app = FastAPI()


@app.exception_handler(Rejected)
async def _refused(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({}, getattr(error, "status", 500))


@app.post("/orders")
async def orders(checkout: Checkout) -> Any:
    return saw("view", checkout.order.payload.model_dump())


@app.post("/many")
async def many(checkouts: list[Checkout]) -> Any:
    return saw("view", [checkout.order.payload.model_dump() for checkout in checkouts])


@app.post("/nested")
async def nested(nested: Nested) -> Any:
    return saw("view", nested.checkout.order.payload.model_dump())


@app.post("/once")
def once(order: Annotated[SignedPayload[Order], ONCE]) -> Any:
    return saw("view", order.payload.model_dump())


@app.get("/files/{name}")
def file(name: str, token: str) -> Any:
    return saw("view", FILES.verify(token, name).subject)
