"""Handshakes of websockets under ASGI: proven before they are accepted, and closed otherwise."""

from __future__ import annotations

import pytest

from asgi_client import CONNECT, DENIAL, ORDER, SOCKET, ask, layered, scope_of, signed, socket_of, told, whole
from judged import KEY_ID, OTHER_KEY
from reference import Message


def test_signed_handshake_is_accepted_and_the_application_sees_it() -> None:
    app, layer = layered()
    server = ask(layer, socket_of(signed(SOCKET)), [CONNECT])
    assert server.sent == [{"type": "websocket.accept"}]
    assert app.after == CONNECT
    assert app.verified.key_id == KEY_ID


@pytest.mark.parametrize("message", [SOCKET, signed(SOCKET, OTHER_KEY), signed(ORDER)], ids=["none", "key", "target"])
def test_unsigned_handshake_is_closed_before_it_is_accepted(message: Message) -> None:
    app, layer = layered()
    server = ask(layer, socket_of(message), [CONNECT])
    assert server.sent == [{"type": "websocket.close", "code": 1008}]
    assert server.asked == 1
    assert app.calls == 0


def test_unsigned_handshake_gets_the_public_answer_where_the_server_can_send_one() -> None:
    app, layer = layered()
    server = ask(layer, socket_of(SOCKET, DENIAL), [CONNECT])
    kind, *answer = told(server)
    _, *over_http = told(ask(layer, scope_of(ORDER), whole(b"")))
    assert kind == "websocket.http.response.start"
    assert server.sent[1]["type"] == "websocket.http.response.body"
    assert answer == over_http
    assert app.calls == 0


def test_extensions_of_none_are_no_extensions() -> None:
    _, layer = layered()
    server = ask(layer, {**socket_of(SOCKET), "extensions": None}, [CONNECT])
    assert server.sent == [{"type": "websocket.close", "code": 1008}]


def test_handshake_is_not_answered_when_the_client_left_first() -> None:
    _, layer = layered()
    assert ask(layer, socket_of(SOCKET), [{"type": "websocket.disconnect", "code": 1006}]).sent == []


def test_handshake_counts_once() -> None:
    _, layer = layered()
    message = signed(SOCKET)
    first, second = (ask(layer, socket_of(message), [CONNECT]).sent for _ in range(2))
    assert first == [{"type": "websocket.accept"}]
    assert second == [{"type": "websocket.close", "code": 1008}]
