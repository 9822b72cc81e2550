"""`SignedPayload[Order]` as a body of FastAPI: 401 before 422, and the schema in /openapi.json."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import pytest
from fastapi import FastAPI
from fastapi.requests import Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel

import envelope_reference as judge
from judged import KEY, NOW, ORIGIN, RFC9421
from sealed import PURPOSE, RING, SEALED, document, envelope
from sealgate import Rejected, Unavailable
from sealgate.fastapi import Sealgate
from sealgate.pydantic import SignedPayload

ENVELOPE = envelope()


class Order(BaseModel):
    total: int


SignedOrder = Annotated[SignedPayload[Order], ENVELOPE]


_V = TypeVar("_V")


def _as_it_is(view: _V) -> _V:
    return view


class Shop:
    """`sealed`: behind a seal, which the routes are exempt from; else with handlers of the application's own."""

    def __init__(self, *, sealed: bool) -> None:
        self.app = FastAPI()
        self.ran: list[Any] = []
        mark: Callable[[_V], _V] = _as_it_is
        if sealed:
            seal = Sealgate(self.app, RFC9421.verifier())
            mark = seal.exempt("the body is signed", methods=("GET", "POST"))
        else:
            self.app.add_exception_handler(Rejected, _refused)
            self.app.add_exception_handler(Unavailable, _refused)

        @self.app.post("/orders")
        @mark
        def orders(order: SignedOrder, dry: int = 0) -> dict[str, Any]:
            self.ran.append(order.payload)
            return {"total": order.payload.total, "by": order.key_id}

        @self.app.post("/several")
        @mark
        async def several(orders: list[SignedOrder], note: str = "") -> int:
            return sum(order.payload.total for order in orders)

        @self.app.get("/offer")
        @mark
        def offer() -> SignedOrder:
            return SignedPayload(Order(total=3))

        @self.app.get("/openapi")
        @mark
        def openapi() -> dict[str, Any]:
            return self.app.openapi()

        self.client = TestClient(self.app, base_url=ORIGIN, raise_server_exceptions=False)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Rejected | Unavailable)
    return JSONResponse({}, error.status)


@pytest.fixture(params=[True, False], ids=["Sealgate", "own handlers"])
def shop(request: pytest.FixtureRequest) -> Shop:
    return Shop(sealed=request.param)


def test_a_proven_order_reaches_the_view(shop: Shop) -> None:
    answer = shop.client.post("/orders", json=document({"total": 1}))
    assert (200, {"total": 1, "by": "acme"}) == (answer.status_code, answer.json())
    assert 3 == shop.client.post("/several", json=[document({"total": 1}), document({"total": 2})]).json()


_REFUSED: dict[str, Any] = {
    "tampered": {**document({"total": 1}), "payload": {"total": 2}},
    "tampered, and no order": {**document({"total": 1}), "payload": {"total": "x"}},
    "too old": document({"total": 1}, judge.Sealed("acme", NOW - 301, None, "n" * 16)),
    "for another purpose": judge.seal({"total": 1}, "refund", SEALED, KEY),
    "unsigned": {"total": 1},
    "malformed signature": {"payload": {"total": 1}, "signature": "x"},
    "signature of another type": {"payload": {"total": 1}, "signature": {"a": 1}},
    "one member more": {**document({"total": 1}), "x": 1},
    "a list": [],
    "a number": 7,
    "null": None,
}


@pytest.mark.parametrize("received", _REFUSED.values(), ids=_REFUSED)
def test_what_is_not_proven_is_401_before_anything_else_is_looked_at(shop: Shop, received: Any) -> None:
    """Also where the rest of the request is wrong: what is wrong is told to nobody who proves nothing."""
    body = json.dumps(received)
    headers = {"Content-Type": "application/json"}
    answers = [shop.client.post(path, content=body, headers=headers) for path in ("/orders", "/orders?dry=x")]
    answers.append(shop.client.post("/several?note=", content=f"[{body}]", headers=headers))
    assert [401, 401, 401] == [answer.status_code for answer in answers]
    assert 1 == len({answer.content for answer in answers})
    assert [] == shop.ran


def test_what_is_wrong_with_a_proven_order_is_422(shop: Shop) -> None:
    answer = shop.client.post("/orders", json=document({"total": "x"}))
    assert 422 == answer.status_code
    assert [["body", "payload", "total"]] == [error["loc"] for error in answer.json()["detail"]]
    assert 422 == shop.client.post("/orders?dry=x", json=document({"total": 1})).status_code
    assert [] == shop.ran


@pytest.mark.parametrize(("body", "status"), [(b"{", 422), (b"", 422), (b"\xff", 400)])
def test_a_body_that_fastapi_cannot_read_is_its_own_answer(shop: Shop, body: bytes, status: int) -> None:
    """The promise that a type cannot keep: FastAPI parses first."""
    answer = shop.client.post("/orders", content=body, headers={"Content-Type": "application/json"})
    assert status == answer.status_code
    assert [] == shop.ran


def test_of_a_name_that_occurs_twice_the_proof_is_over_what_the_parser_kept(shop: Shop) -> None:
    """The other one: `Envelope.open_json` refuses what a parser has dropped before a type is asked."""
    text = json.dumps(document({"total": 1})).replace('"payload"', '"payload": {"total": 9}, "payload"', 1)
    answer = shop.client.post("/orders", content=text, headers={"Content-Type": "application/json"})
    assert (200, 1) == (answer.status_code, answer.json()["total"])


def test_an_answer_is_sealed(shop: Shop) -> None:
    offer = shop.client.get("/offer").json()
    assert {"total": 3} == ENVELOPE.open(offer)
    assert 200 == shop.client.post("/orders", json=offer).status_code
    assert "acme" == judge.unsealed(offer, PURPOSE, RING, NOW)[1].key_id


def test_keys_out_of_reach_are_503() -> None:
    def source(key_id: str | None, request: None) -> bytes:
        raise OSError

    shop = Shop(sealed=False)
    lost = Annotated[SignedPayload[Order], envelope(keys=source)]

    @shop.app.post("/lost")
    def view(order: lost) -> None: ...

    assert 503 == shop.client.post("/lost", json=document({"total": 1})).status_code


def test_openapi_has_exactly_the_two_members(shop: Shop) -> None:
    written = shop.client.get("/openapi").json()
    sent = written["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    given = written["paths"]["/offer"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    for schema in (sent, given):
        assert {"$ref": "#/components/schemas/Order"} == schema["properties"]["payload"]
        assert "string" == schema["properties"]["signature"]["type"]
        assert (["payload", "signature"], False) == (schema["required"], schema["additionalProperties"])
    assert {"total"} == set(written["components"]["schemas"]["Order"]["properties"])
