"""FastAPI: handshakes of websockets, by the layer, the dependency, a requirement and an exemption."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from asgi_client import signed
from fastapi_shop import Shop, denied, get, headers_of
from judged import KEY_ID, ORIGIN, OTHER_KEY, RFC9421
from sealgate import Verified


def feed_shop() -> Shop:
    shop = Shop()

    @shop.app.websocket("/feed")
    async def feed(socket: WebSocket, verified: Annotated[Verified, Depends(shop.seal)]) -> None:
        shop.ran.append("feed")
        await socket.accept()
        await socket.send_text((verified.key_id or "") + await socket.receive_text())

    return shop


def test_signed_handshake_is_accepted_and_messages_flow() -> None:
    shop = feed_shop()
    with shop.client.websocket_connect("/feed?room=7", headers=headers_of(signed(get("/feed?room=7")))) as socket:
        socket.send_text("!")
        assert socket.receive_text() == KEY_ID + "!"


@pytest.mark.parametrize("target", ["/feed", "/nothing"])
def test_unsigned_handshake_gets_the_public_401(target: str) -> None:
    shop = feed_shop()
    denial = denied(shop.client, get(target))
    assert (denial.status_code, denial.content) == (401, shop.send(get("/feed")).content)
    assert shop.ran == []


@pytest.mark.parametrize("denies", [True, False])
def test_dependency_refuses_a_handshake_as_the_layer_does(denies: bool) -> None:
    shop = Shop()
    sub = FastAPI()

    @sub.websocket("/feed")
    async def feed(socket: WebSocket, verified: Annotated[Verified, Depends(shop.seal)]) -> None:
        shop.ran.append("feed")

    async def without_extension(scope: Any, receive: Any, send: Any) -> None:
        await shop.app({**scope, "extensions": None}, receive, send)

    shop.app.mount("/sub", shop.seal.exempt("its own rules", methods=["WEBSOCKET"])(sub))
    client = TestClient(shop.app if denies else without_extension, base_url=ORIGIN)
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/sub/feed"):
        pass
    if denies:
        assert isinstance(refused.value, WebSocketDenialResponse)
        assert (refused.value.status_code, refused.value.content) == (401, shop.send(get("/x")).content)
    else:
        assert refused.value.code == 1008
    assert shop.ran == []


def test_dependency_closes_a_socket_that_has_been_accepted() -> None:
    shop = Shop()

    @shop.app.websocket("/feed")
    @shop.seal.exempt("asks by itself", methods=["WEBSOCKET"])
    async def feed(socket: WebSocket) -> None:
        await socket.accept()
        await shop.seal(socket)
        shop.ran.append("feed")

    with shop.client.websocket_connect("/feed") as socket, pytest.raises(WebSocketDisconnect) as refused:
        socket.receive_text()
    assert refused.value.code == 1008
    assert shop.ran == []


def test_required_websocket() -> None:
    shop = Shop()
    other = RFC9421.verifier(keys={KEY_ID: OTHER_KEY})

    @shop.app.websocket("/feed")
    async def feed(socket: WebSocket, verified: Annotated[Verified, Depends(shop.seal.require(other))]) -> None:
        await socket.accept()
        await socket.send_text(verified.key_id or "")

    with shop.client.websocket_connect("/feed", headers=headers_of(signed(get("/feed"), OTHER_KEY))) as socket:
        assert socket.receive_text() == KEY_ID
    assert denied(shop.client, signed(get("/feed"))).status_code == 401


def test_exempt_websocket_needs_no_signature() -> None:
    shop = Shop()

    @shop.app.websocket("/public")
    @shop.seal.exempt("public prices", methods=["WEBSOCKET"])
    async def public(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("open")

    with shop.client.websocket_connect("/public") as socket:
        assert socket.receive_text() == "open"
