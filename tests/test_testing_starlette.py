"""sealgate.testing.starlette: FastAPI's own test client against a guarded application; the judge reads what it was given."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.testclient import TestClient
from fastapi.websockets import WebSocket
from starlette.testclient import WebSocketDenialResponse

import reference
import sealgate.httpx2
import signed_clients
from judged import KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421
from reference import Message
from sealgate import ConfigurationError, Signer, Verifier, schemes
from sealgate.fastapi import Sealgate
from sealgate.testing import FixedClock
from sealgate.testing.starlette import SignedClient, sign_as
from signed_clients import CLOCK, PARTNER, SignedClients

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


class Shop(signed_clients.Shop):
    def __init__(self, origin: str = ORIGIN) -> None:
        super().__init__(origin)
        self.started: list[str] = []

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> Any:
            self.started.append("up")
            yield
            self.started.append("down")

        self.app = app = FastAPI(lifespan=lifespan)
        seal = Sealgate(app, Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=origin, clock=CLOCK), clock=CLOCK)
        stripe = seal.require(Verifier(schemes.STRIPE, keys=OTHER_KEY, clock=CLOCK))
        sealed = seal.require(Verifier(schemes.envelope(), keys=OTHER_KEY))

        @app.post("/stripe", dependencies=[Depends(stripe)])
        @app.post("/sealed", dependencies=[Depends(sealed)])
        async def other(request: Request) -> Any:
            return await self.echo(request)

        @app.api_route("/moved/{status}", methods=["GET", "POST"])
        async def moved(status: int) -> Any:
            answer = RedirectResponse("/orders?moved=1", status)
            answer.set_cookie("shop", "visited")
            return answer

        @app.get("/away")
        async def away() -> Any:
            return RedirectResponse("https://elsewhere.example/orders")

        @app.get("/slash/")
        async def slash(request: Request) -> Any:
            return await self.echo(request)

        @app.websocket("/feed")
        async def feed(socket: WebSocket) -> None:
            await socket.accept()
            await socket.send_json({"verified": socket.scope["sealgate"].verified.key_id, "url": str(socket.url)})
            await socket.close()

        @app.api_route("/{rest:path}", methods=METHODS)
        async def anything(request: Request) -> Any:
            return await self.echo(request)

    async def echo(self, request: Request) -> JSONResponse:
        query = request.url.query
        target = request.scope["raw_path"].decode() + (f"?{query}" if query else "")
        fields = [(name.decode(), value.decode("latin-1")) for name, value in request.scope["headers"]]
        self.given.append(Message(request.method, target, fields, await request.body()))
        async with request.form() as form:
            files = {name: (await file.read()).decode() for name, file in form.items() if not isinstance(file, str)}
            fields_of_form = {name: value for name, value in form.items() if isinstance(value, str)}
        return JSONResponse(
            {
                "by": request.scope["sealgate"].verified.scheme,
                "form": fields_of_form,
                "files": files,
                "cookie": request.cookies.get("shop"),
                "url": str(request.url),
            }
        )

    def client(self, **settings: Any) -> Any:
        return SignedClient(self.app, **{"signer": PARTNER, "origin": self.origin, **settings})

    def plain(self) -> TestClient:
        return TestClient(self.app)


@pytest.fixture
def shop() -> Shop:
    return Shop()


class TestStarlette(SignedClients):
    sign_as = staticmethod(sign_as)

    def said(self, answer: Any) -> dict[str, Any]:
        said: dict[str, Any] = answer.json()
        return said


def test_a_client_has_its_base_url_again_after_its_block(shop: Shop) -> None:
    client = shop.plain()
    with sign_as(client, PARTNER, origin=ORIGIN):
        assert ORIGIN == str(client.base_url).rstrip("/")
    with pytest.raises(ConfigurationError, match="origin"), sign_as(client, PARTNER, origin="api.shop.example"):
        pass
    assert "http://testserver" == str(client.base_url).rstrip("/")


def test_the_method_can_be_an_argument(shop: Shop) -> None:
    client = shop.client()
    assert [200, 401] == [client.request("PUT", "/orders", sign_as=who).status_code for who in (PARTNER, None)]


def test_json_forms_files_and_streams_are_signed_as_sent(shop: Shop) -> None:
    client = shop.client()
    client.post("/orders", json={"name": "é"})
    assert {"name": "é"} == json.loads(shop.given[0].body)
    assert {"name": "a b"} == client.post("/orders", data={"name": "a b"}).json()["form"]
    answer = client.post("/orders", data={"name": "a b"}, files={"file": ("a.txt", b"content")}).json()
    assert ({"name": "a b"}, {"file": "content"}) == (answer["form"], answer["files"])
    client.post("/orders", content=(chunk for chunk in [b"one ", b"two"]))
    assert b"one two" == shop.given[-1].body
    for message in shop.given:
        reference.verify_rfc9421(message, RFC9421.ring, NOW, origin=ORIGIN)


def test_what_the_route_will_match_is_signed() -> None:
    given: list[Message] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given.append(Message(scope["method"], "/", [(n.decode(), v.decode()) for n, v in scope["headers"]]))
        await JSONResponse({})(scope, receive, send)

    with sign_as(TestClient(app), Signer(schemes.scoped(), key=OTHER_KEY), params={"id": "a b"}) as client:
        client.get("/documents/a%20b")
    assert reference.mac(OTHER_KEY, b"download:resource:a b").hex() == given[0].one("x-hmac-signature")


def test_a_redirect_of_the_routing_is_followed(shop: Shop) -> None:
    shop.app.router.routes = [route for route in shop.app.router.routes if getattr(route, "path", "") != "/{rest:path}"]
    assert 200 == shop.client().get("/slash").status_code


def test_a_redirect_to_another_origin_is_unsigned(shop: Shop) -> None:
    assert 401 == shop.client().get("/away").status_code
    assert f"{ORIGIN}/away" == str(shop.client().get("/away", follow_redirects=False).request.url)


def test_auth_of_httpx2_signs_once(shop: Shop) -> None:
    """The client follows redirects of itself, and hands all of it to the application in this process."""
    client = TestClient(shop.app, base_url=ORIGIN)
    auth = sealgate.httpx2.Auth(PARTNER)
    assert [200, 401] == [client.post(path, json={}, auth=auth).status_code for path in ("/orders", "/moved/307")]
    assert KEY_ID == shop.proof.key_id


@pytest.mark.parametrize("origin", [ORIGIN, "http://api.shop.example:8080"])
def test_the_handshake_of_a_websocket_is_signed(origin: str) -> None:
    shop = Shop(origin)
    client = shop.client()
    with client.websocket_connect("/feed") as socket:
        told = socket.receive_json()
    assert {"verified": KEY_ID, "url": f"ws{origin.removeprefix('http')}/feed"} == told
    with pytest.raises(WebSocketDenialResponse) as denial, client.websocket_connect("/feed", sign_as=None):
        pass
    assert 401 == denial.value.status_code


def test_a_websocket_of_an_ordinary_client_is_signed_within_a_block(shop: Shop) -> None:
    client = TestClient(shop.app)
    with sign_as(client, PARTNER, origin=ORIGIN), client.websocket_connect("/feed") as socket:
        assert KEY_ID == socket.receive_json()["verified"]


def test_the_lifespan_runs_as_ever(shop: Shop) -> None:
    with shop.client() as client:
        assert (200, ["up"]) == (client.post("/orders").status_code, shop.started)
    assert ["up", "down"] == shop.started


def test_an_answer_that_is_still_streaming_ends_with_the_client(shop: Shop) -> None:
    ended: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    client = SignedClient(app, PARTNER)
    client.send(client.build_request("GET", "/"), stream=True)
    client.close()
    assert [True] == ended


def test_a_host_of_the_tests_choice_is_left(shop: Shop) -> None:
    assert 400 == shop.client().get("/orders", headers={"Host": "evil.example"}).status_code


def test_a_client_after_its_block_is_as_it_was(shop: Shop) -> None:
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append({name: value for name, value in scope.items() if name not in {"state", "extensions"}})
        await JSONResponse({})(scope, receive, send)

    used, untouched = TestClient(app), TestClient(app)
    with sign_as(used, PARTNER, origin=ORIGIN):
        pass
    for client in (used, untouched):
        client.post("/orders?ö=ß", json={})
    assert scopes[0] == scopes[1]


def test_a_clock_stands_still_until_it_is_told() -> None:
    clock = FixedClock(NOW)
    told = [clock(), clock()]
    clock.tick()
    told.append(clock())
    clock.tick(-61.5)
    assert [NOW, NOW, NOW + 1, NOW - 60.5, f"FixedClock({NOW - 60.5})"] == [*told, clock(), repr(clock)]
    clock.now = NOW
    assert NOW == clock()


def test_one_clock_serves_signer_verifier_and_seal(shop: Shop) -> None:
    client = shop.client()
    CLOCK.tick(10_000)
    assert 200 == client.post("/orders").status_code
    assert NOW + 10_000 == shop.proof.created
    assert asyncio.run(_averified()) == NOW


async def _averified() -> int | None:
    clock = FixedClock(NOW)
    verifier = Verifier(schemes.STRIPE, keys=OTHER_KEY, clock=clock)
    signed = Signer(schemes.STRIPE, key=OTHER_KEY, clock=clock).sign(sealgate.Request("POST", "/", [], b"{}"))
    return (await verifier.averify(signed)).created
