"""FastAPI: the dependency alone, without a layer, and the promises that it cannot keep."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import asyncio
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Form, Request, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient

from asgi_client import ORDER, Event, Server, scope_of, signed, whole
from contract import Instead, VerdictContract
from exchange import over_asgi
from fastapi_routes import add_readers
from fastapi_shop import HOST, Order, Shop, denied, get, headers_of, post, shop_with_orders
from judged import KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421
from reference import Message
from sealgate import ConfigurationError, Signer, Verified, Verifier, schemes
from sealgate import Request as SignedRequest
from sealgate.fastapi import VerifiedBy

_OTHERS = "it closes the routes that ask for it, once they are found"
_PARSES = "FastAPI reads and parses the body before it asks a dependency"


class TestDependencyAlone(VerdictContract):
    over = over_asgi
    parsers = ("starlette.formparsers.FormParser.parse", "starlette.formparsers.MultiPartParser.parse", "json.loads")
    CANNOT = {
        "every refusal is 401 before the view": Instead(
            _OTHERS, {"unsigned at no route": (404, []), "unsigned and of another method": (405, [])}
        ),
        "every 401 is the same answer": Instead(
            _OTHERS, dict.fromkeys(("unsigned at no route", "unsigned and of another method"), False)
        ),
        "not found and not allowed are told to signers only": Instead(
            _OTHERS, {"unsigned 404": 404, "unsigned 405": 405}
        ),
        "odd methods are a refusal and nothing else": Instead(_OTHERS, {"other answers": {405}}),
        "odd targets are a refusal and nothing else": Instead(_OTHERS, {"other answers": {404}}),
        "path that is not the raw one is refused": Instead(
            _OTHERS,
            {
                "/orders/": (307, []),
                **dict.fromkeys(("/Orders", "/orders/../orders", "/", "", "/health"), (404, [])),
            },
        ),
        "server without a raw target takes plain paths only": Instead(
            _OTHERS, dict.fromkeys(("/or%20ders", "/%C3%A9"), 404)
        ),
        "body of a signature that fails without it is not read": Instead(
            _OTHERS,
            dict.fromkeys((("unsigned and at no route", framing) for framing in ("whole", "chunked")), (404, False)),
        ),
        "unsigned body never reaches a parser": Instead(_PARSES, {"statuses": {401, 422}, "parsed": {"json.loads"}}),
        "malformed body is the frameworks to refuse once it is signed": Instead(_PARSES, (422, True)),
        "view reads the form that was signed": Instead(
            "FastAPI has parsed what came, so nothing is proven: a mistake in the configuration",
            dict.fromkeys(("raw", "json"), (500, [])),
        ),
        "parameters behind a signed url are let through where they are named": Instead(
            "FastAPI has parsed the query before it asks a dependency",
            dict.fromkeys(("one", "both", "signed, and another appended"), (401, [])),
        ),
        "application takes its own mount only": Instead(
            "it does not know where the application is mounted",
            {
                ("", "/shop"): 200,
                ("/shop", ""): 200,
                **{(mount, "/shop/orders"): 404 for mount in ("", "/shop")},
            },
        ),
    }

    def build(self, verifier: Verifier, *, mount: str = "") -> FastAPI:
        app = FastAPI()
        add_readers(app, self.seen, Depends(VerifiedBy(verifier)))
        return app


class Alone:
    """An application without a layer, one of whose routes asks for a proof."""

    def __init__(self, verifier: Verifier | None = None) -> None:
        self.app = FastAPI()
        self.verifier = verifier or RFC9421.verifier()
        self.client = TestClient(self.app, base_url=ORIGIN, raise_server_exceptions=False)
        self.ran: list[str] = []
        proven = Annotated[Verified, Depends(VerifiedBy(self.verifier))]

        @self.app.post("/orders")
        async def orders(order: Order, verified: proven) -> str | None:
            self.ran.append("orders")
            return verified.key_id

        @self.app.post("/raw")
        async def raw(request: Request, verified: proven) -> PlainTextResponse:
            self.ran.append("raw")
            return PlainTextResponse(await request.body())

        @self.app.post("/form")
        async def form(verified: proven, name: Annotated[str, Form()]) -> str:
            self.ran.append("form")
            return name

        @self.app.get("/open")
        async def opened() -> str:
            return "open"

    send = Shop.send
    status = Shop.status


def test_dependency_alone_proves_json_and_raw_bodies() -> None:
    alone = Alone()
    assert alone.send(signed()).json() == KEY_ID
    assert alone.send(signed(post("/raw", b"\xff\x00"))).content == b"\xff\x00"


def test_dependency_alone_gives_the_public_401() -> None:
    alone = Alone()
    refused = [
        alone.send(message)
        for message in (ORDER, signed(key=OTHER_KEY), post("/raw", b"\xff"), signed(created=NOW - 301))
    ]
    layered = shop_with_orders().send(ORDER)
    assert {(one.status_code, one.content, one.headers["www-authenticate"]) for one in refused} == {
        (401, layered.content, layered.headers["www-authenticate"])
    }
    assert alone.ran == []


def test_dependency_alone_refuses_replays_and_large_bodies() -> None:
    alone = Alone()
    message = signed()
    assert [alone.status(message), alone.status(message)] == [200, 401]
    small = Alone(RFC9421.verifier(body_limit=5))
    assert [small.status(signed()), small.status(signed(post("/raw")))] == [413, 413]
    assert small.ran == []


def test_dependency_alone_parses_first_and_leaves_other_routes_open() -> None:
    alone = Alone()
    assert alone.status(post("/orders", b'{"total": ')) == 422
    assert [alone.status(get(target)) for target in ("/open", "/docs", "/nothing")] == [200, 200, 404]


def test_dependency_alone_fails_closed_where_a_form_was_read_before_it() -> None:
    alone = Alone()
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    message = Message("POST", "/form", [HOST, kind], b"name=Ada")
    assert alone.status(signed(message)) == 500
    assert alone.status(message) == 401
    with pytest.raises(ConfigurationError, match="form"):
        TestClient(alone.app, base_url=ORIGIN).post("/form", content=message.body, headers=headers_of(signed(message)))
    assert alone.ran == []


def test_dependency_alone_spends_one_nonce_however_often_it_is_asked() -> None:
    alone = Alone()
    askers = [VerifiedBy(alone.verifier), VerifiedBy(alone.verifier)]

    @alone.app.post("/twice", dependencies=[Depends(asker) for asker in askers])
    async def twice() -> str:
        return "ok"

    assert alone.status(signed(post("/twice"))) == 200


def test_dependency_alone_proves_a_handshake() -> None:
    alone = Alone()

    @alone.app.websocket("/feed")
    async def feed(socket: WebSocket, verified: Annotated[Verified, Depends(VerifiedBy(alone.verifier))]) -> None:
        await socket.accept()
        await socket.send_text(verified.key_id or "")

    with alone.client.websocket_connect("/feed", headers=headers_of(signed(get("/feed")))) as socket:
        assert socket.receive_text() == KEY_ID
    assert denied(alone.client, get("/feed")).status_code == 401


def test_trailers_do_not_become_headers_after_the_verdict_of_the_dependency() -> None:
    """As with the layer, and whether or not FastAPI has looked at the headers before."""
    message = signed(post("/orders"))
    scope = scope_of(message)
    headers, server = scope["headers"], Server(whole(message.body))

    async def receive() -> Event:
        headers.append((b"x-tenant", b"evil"))
        return await server.receive()

    request = Request(scope, receive)
    assert asyncio.run(VerifiedBy(RFC9421.verifier())(request)).key_id == KEY_ID
    assert request.headers.raw == scope_of(message)["headers"]


def test_a_canonical_form_is_not_proven_after_the_parser_has_seen_the_received_one() -> None:
    """What the view was given and what was proven would be two texts."""
    alone = Alone(Verifier(schemes.canonical_json(), keys=KEY))
    signed = Signer(schemes.canonical_json(), key=KEY).sign(
        SignedRequest("POST", "/orders", [("Content-Type", "application/json")], b'{"total": 1}')
    )
    answer = alone.client.post("/orders", content=b'{"total": 1.0}', headers=dict(signed.headers))
    assert (500, []) == (answer.status_code, alone.ran)
