"""A FastAPI application behind a seal, a client for it, and the requests that the tests send."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.testclient import WebSocketDenialResponse

from asgi_client import ORDER
from judged import ORIGIN, RFC9421, SLACK
from reference import Message
from sealgate import Verified, Verifier
from sealgate.fastapi import Sealgate

HOST = ("Host", "api.shop.example")
JSON = ("Content-Type", "application/json")


class Order(BaseModel):
    total: int


class Shop:
    """An application, its seal, a client, and which views ran."""

    def __init__(self, verifier: Verifier | None = None, app: FastAPI | None = None, **settings: Any) -> None:
        self.app = app or FastAPI()
        self.partners = verifier or RFC9421.verifier()
        self.seal = Sealgate(self.app, self.partners, **settings)
        self.ran: list[str] = []
        self.client = TestClient(self.app, base_url=ORIGIN, raise_server_exceptions=False)

    def send(self, message: Message) -> Any:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in message.headers]
        return self.client.request(
            message.method, message.target, headers=headers, content=message.body or None, follow_redirects=False
        )

    def status(self, message: Message) -> int:
        return int(self.send(message).status_code)


def get(target: str) -> Message:
    return Message("GET", target, [HOST])


def post(target: str, body: bytes = ORDER.body) -> Message:
    return Message("POST", target, [HOST, JSON], body)


def hooked(message: Message) -> Message:
    """Signed as the other party does, whose verifier is not the application's default."""
    return SLACK.signed(message)


def shop_with_orders(**settings: Any) -> Shop:
    shop = Shop(**settings)
    signed_by = Annotated[Verified, Depends(shop.seal)]

    @shop.app.post("/orders")
    async def orders(order: Order, verified: signed_by) -> dict[str, Any]:
        shop.ran.append("orders")
        return {"total": order.total, "by": verified.key_id, "scheme": verified.scheme}

    return shop


def headers_of(message: Message) -> dict[str, str]:
    return dict(message.headers)


def denied(client: TestClient, handshake: Message) -> WebSocketDenialResponse:
    """The answer to a handshake that has to be refused."""
    with (
        pytest.raises(WebSocketDenialResponse) as denial,
        client.websocket_connect(handshake.target, headers=headers_of(handshake)),
    ):
        pass
    return denial.value
