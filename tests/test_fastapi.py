"""FastAPI: the layer, the dependency, rules by route, and that what cannot be resolved is closed."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, File, Form, Request, UploadFile, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.endpoints import HTTPEndpoint
from starlette.routing import Match, Mount, Route
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from judged import BODY, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421, SLACK, with_field
from reference import Message
from sealgate import ConfigurationError, Verified, Verifier, schemes
from sealgate.fastapi import Sealgate, VerifiedBy

HOST = ("Host", "api.shop.example")
JSON = ("Content-Type", "application/json")
ORDER = Message("POST", "/orders", [HOST, JSON], b'{"total": 1}')
_nonces = (f"another-fresh-nonce-{number:06}" for number in itertools.count())


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


def signed(message: Message = ORDER, key: bytes = KEY, created: int = NOW) -> Message:
    return RFC9421.signed(message, key, created, next(_nonces))


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


# The promise


def test_signed_request_reaches_the_view_with_its_verdict() -> None:
    shop = shop_with_orders()
    response = shop.send(signed())
    assert response.status_code == 200
    assert response.json() == {"total": 1, "by": KEY_ID, "scheme": "rfc9421"}


WRONG: dict[str, Message] = {
    "no signature": ORDER,
    "another key": signed(key=OTHER_KEY),
    "one bit of the body": Message("POST", "/orders", signed().headers, b'{"total": 0}'),
    "another method": Message("PUT", "/orders", signed().headers, ORDER.body),
    "an added query": Message("POST", "/orders?dry=1", signed().headers, ORDER.body),
    "expired": signed(created=NOW - 301),
    "from the future": signed(created=NOW + 301),
    "octets outside ASCII": with_field(signed(), "Signature", "sig1=:\xff\xfe:"),
    "the signature twice": signed().plus([("Signature", "sig1=:AAAA:")]),
    "malformed JSON": post("/orders", b'{"total": '),
    "not UTF-8": post("/orders", b"\xff\xfe"),
    "the wrong type": post("/orders", b'{"total": "many"}'),
    "malformed multipart": Message("POST", "/orders", [HOST, ("Content-Type", "multipart/form-data")], b"--"),
    "no such route": get("/nothing"),
    "wrong method": Message("DELETE", "/orders", [HOST]),
    "a redirect": post("/orders/"),
    "documentation": get("/docs"),
    "schema": get("/openapi.json"),
    "head": Message("HEAD", "/orders", [HOST]),
    "options": Message("OPTIONS", "/orders", [HOST]),
}


@pytest.mark.parametrize("why", WRONG)
def test_wrong_request_is_401_before_any_parser_and_any_view(why: str) -> None:
    shop = shop_with_orders()
    assert shop.status(WRONG[why]) == 401
    assert shop.ran == []


def test_every_401_is_the_same_answer_from_the_layer_and_from_the_dependency() -> None:
    shop = shop_with_orders()

    @shop.app.get("/both", dependencies=[Depends(shop.seal), Depends(shop.seal.require(SLACK.verifier()))])
    async def both() -> None:
        shop.ran.append("both")

    sub = FastAPI()

    @sub.get("/inner", dependencies=[Depends(shop.seal)])
    async def inner() -> None:
        shop.ran.append("inner")

    shop.app.mount("/sub", shop.seal.exempt("its own rules")(sub))
    by_the_dependency = [signed(get("/both")), get("/sub/inner")]
    answers = [shop.send(message) for message in [*(WRONG[why] for why in WRONG if why != "head"), *by_the_dependency]]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {json.dumps(sorted(answer.headers.multi_items())) for answer in answers} == {
        json.dumps(sorted(answers[0].headers.multi_items()))
    }
    assert json.loads(answers[0].content)["status"] == 401
    assert answers[0].headers["www-authenticate"] == 'Signature realm="sealgate"'
    assert shop.ran == []


def test_signed_requests_get_the_framework_s_own_answers() -> None:
    shop = shop_with_orders()
    statuses = {
        "malformed": shop.status(signed(post("/orders", b'{"total": '))),
        "not found": shop.status(signed(get("/nothing"))),
        "method": shop.status(signed(Message("DELETE", "/orders", [HOST]))),
        "redirect": shop.status(signed(post("/orders/"))),
        "docs": shop.status(signed(get("/docs"))),
    }
    assert statuses == {"malformed": 422, "not found": 404, "method": 405, "redirect": 307, "docs": 200}


def test_replay_is_refused() -> None:
    shop = shop_with_orders()
    message = signed()
    assert [shop.status(message) for _ in range(3)] == [200, 401, 401]
    assert shop.ran == ["orders"]


def test_layer_and_dependencies_spend_one_nonce() -> None:
    shop = Shop()
    askers = [shop.seal, shop.seal.require(shop.partners), VerifiedBy(shop.partners)]

    @shop.app.post("/all", dependencies=[Depends(asker) for asker in askers])
    async def everything(order: Order, verified: Annotated[Verified, Depends(shop.seal, use_cache=False)]) -> int:
        return order.total

    assert shop.status(signed(post("/all"))) == 200


def test_body_over_the_limit_is_413() -> None:
    shop = shop_with_orders(verifier=RFC9421.verifier(body_limit=11))
    assert shop.status(signed()) == 413
    assert shop.ran == []


def test_store_that_is_down_is_503_and_does_not_touch_exempt_routes() -> None:
    class Down:
        def add(self, key: bytes, expires: int, /) -> bool:
            raise ConnectionError

    shop = shop_with_orders(verifier=RFC9421.verifier(replay=Down()))

    @shop.app.get("/health")
    @shop.seal.exempt("probe")
    async def health() -> str:
        return "ok"

    assert shop.status(signed()) == 503
    assert shop.status(get("/health")) == 200


# What the view can still do


def test_view_can_read_the_raw_body_again() -> None:
    shop = Shop()

    @shop.app.post("/raw")
    async def raw(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    assert shop.send(signed(post("/raw", b"\x00\xff"))).content == b"\x00\xff"


def test_forms_still_parse() -> None:
    shop = Shop()

    @shop.app.post("/form")
    async def form(name: Annotated[str, Form()], verified: Annotated[Verified, Depends(shop.seal)]) -> str:
        return name

    kind = ("Content-Type", "application/x-www-form-urlencoded")
    assert shop.send(signed(Message("POST", "/form", [HOST, kind], b"name=Ada+L"))).json() == "Ada L"


def test_file_uploads_still_parse() -> None:
    shop = Shop()

    @shop.app.post("/upload")
    async def upload(file: Annotated[UploadFile, File()]) -> tuple[str | None, int]:
        return file.filename, len(await file.read())

    part = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n' + bytes(3000) + b"\r\n--x--\r\n"
    )
    kind = ("Content-Type", "multipart/form-data; boundary=x")
    assert shop.send(signed(Message("POST", "/upload", [HOST, kind], part))).json() == ["a.bin", 3000]


def test_streaming_responses_and_background_tasks_still_run() -> None:
    shop = Shop()

    @shop.app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"%d" % number

        return StreamingResponse(parts())

    @shop.app.post("/later")
    async def later(tasks: BackgroundTasks) -> None:
        tasks.add_task(shop.ran.append, "task")

    assert shop.send(signed(get("/stream"))).content == b"012"
    assert shop.status(signed(post("/later"))) == 200
    assert shop.ran == ["task"]


def test_disconnect_reaches_a_streaming_response() -> None:
    shop = Shop()
    stopped = []

    @shop.app.get("/endless")
    async def endless() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"."
                    await asyncio.sleep(0)
            finally:
                stopped.append(True)

        return StreamingResponse(parts())

    message = signed(get("/endless"))
    headers = [(name.lower().encode(), value.encode()) for name, value in message.headers]
    scope = {"type": "http", "method": "GET", "path": "/endless", "raw_path": b"/endless", "query_string": b""}
    sent: list[Any] = []

    async def drive() -> None:
        begun = asyncio.Event()
        events = iter([{"type": "http.request"}])

        async def receive() -> Any:
            for event in events:
                return event
            await begun.wait()
            return {"type": "http.disconnect"}

        async def send(event: Any) -> None:
            sent.append(event)
            if len(sent) > 3:
                begun.set()

        await asyncio.wait_for(shop.app({**scope, "root_path": "", "headers": headers}, receive, send), 20)

    asyncio.run(drive())
    assert sent[0]["status"] == 200
    assert stopped == [True]


# Exemptions


def exempt_shop(**settings: Any) -> Shop:
    shop = Shop(clock=lambda: NOW)

    @shop.app.api_route("/health", methods=["GET", "HEAD", "POST"])
    @shop.seal.exempt("probe, returns no data", **settings)
    async def health() -> str:
        shop.ran.append("health")
        return "ok"

    return shop


def test_exempt_route_is_open_for_its_methods_and_for_nothing_else() -> None:
    shop = exempt_shop()
    methods = ["GET", "HEAD", "POST", "PUT", "OPTIONS"]
    statuses = [shop.status(Message(method, "/health", [HOST])) for method in methods]
    assert statuses == [200, 200, 401, 401, 401]
    assert shop.status(get("/health/")) == 401
    assert shop.status(get("/healthy")) == 401
    assert shop.status(signed(Message("POST", "/health", [HOST]))) == 200


def test_exemption_ends() -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    assert exempt_shop(until=at + timedelta(seconds=1)).status(get("/health")) == 200
    assert exempt_shop(until=at).status(get("/health")) == 401
    assert exempt_shop(until=at - timedelta(days=1)).status(get("/health")) == 401


def test_decorator_above_the_route_works_too() -> None:
    shop = Shop()

    @shop.seal.exempt("probe")
    @shop.app.get("/health")
    async def health() -> str:
        return "ok"

    assert shop.status(get("/health")) == 200


def test_dependency_outweighs_an_exemption() -> None:
    shop = Shop()
    signed_by = Annotated[Verified, Depends(shop.seal)]

    @shop.app.api_route("/odd", methods=["GET", "POST"])
    @shop.seal.exempt("a contradiction", methods=("GET", "POST"))
    async def odd(verified: signed_by, order: Order | None = None) -> str | None:
        return verified.key_id

    assert shop.status(get("/odd")) == 401
    assert shop.status(post("/odd", b'{"total": ')) == 401
    assert shop.send(signed(get("/odd"))).json() == KEY_ID


def test_exempt_mount_is_open_and_its_neighbours_are_not(tmp_path: Path) -> None:
    shop = Shop()
    (tmp_path / "a.txt").write_text("public")
    shop.app.mount("/static", shop.seal.exempt("public files")(StaticFiles(directory=tmp_path)))
    shop.app.mount("/private", StaticFiles(directory=tmp_path))
    assert shop.send(get("/static/a.txt")).text == "public"
    assert shop.status(get("/static/../private/a.txt")) == 401
    assert shop.status(Message("POST", "/static/a.txt", [HOST])) == 401
    assert shop.status(get("/private/a.txt")) == 401
    assert shop.status(signed(get("/private/a.txt"))) == 200


def test_what_is_marked_inside_a_mounted_application_does_not_open_it() -> None:
    shop = Shop()
    sub = FastAPI()

    @sub.get("/health")
    @shop.seal.exempt("meant for another application")
    async def health() -> str:
        return "ok"

    shop.app.mount("/sub", sub)
    shop.app.router.routes.append(Mount("/plain", routes=[Route("/health", health)]))
    assert shop.status(get("/sub/health")) == 401
    assert shop.status(get("/plain/health")) == 401
    assert shop.status(signed(get("/sub/health"))) == 200


def test_mounted_application_can_have_a_seal_of_its_own() -> None:
    shop = Shop()
    inner = Shop(BODY.verifier())

    @inner.app.post("/hook")
    async def hook(order: Order, verified: Annotated[Verified, Depends(inner.seal)]) -> str:
        return verified.scheme

    shop.app.mount("/sub", shop.seal.exempt("sealed by itself", methods=["GET", "POST"])(inner.app))
    assert shop.send(BODY.signed(post("/sub/hook"))).json() == "body"
    assert shop.status(signed(post("/sub/hook"))) == 401
    assert shop.status(get("/sub/nothing")) == 401


def test_exempt_websocket_needs_no_signature() -> None:
    shop = Shop()

    @shop.app.websocket("/public")
    @shop.seal.exempt("public prices")
    async def public(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("open")

    with shop.client.websocket_connect("/public") as socket:
        assert socket.receive_text() == "open"


def test_plain_starlette_routes_can_be_exempt_and_are_closed_without() -> None:
    shop = Shop()

    async def plain(request: Request) -> PlainTextResponse:
        return PlainTextResponse("plain")

    shop.app.add_route("/closed", plain)
    assert shop.status(get("/closed")) == 401
    shop.seal.exempt("no data")(plain)
    assert shop.status(get("/closed")) == 200


def test_exemption_of_a_class_is_not_inherited() -> None:
    shop = Shop()

    @shop.seal.exempt("no data")
    class Open(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("open")

    class Below(Open):
        async def get(self, request: Request) -> PlainTextResponse:
            shop.ran.append("below")
            return PlainTextResponse("below")

    async def hello(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("hello")(scope, receive, send)

    @shop.seal.exempt("no data")
    class Files:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await hello(scope, receive, send)

    class PrivateFiles(Files): ...

    shop.app.add_route("/open", Open)  # type: ignore[arg-type]
    shop.app.add_route("/below", Below)  # type: ignore[arg-type]
    shop.app.mount("/files", Files())
    shop.app.mount("/private", PrivateFiles())
    targets = ("/open", "/files/a", "/below", "/private/a")
    assert [shop.status(get(target)) for target in targets] == [200, 200, 401, 401]
    assert [shop.status(signed(get(target))) for target in targets] == [200, 200, 200, 200]
    assert shop.ran == ["below"]


def test_first_route_decides_as_it_does_in_the_router() -> None:
    shop = Shop()

    @shop.app.get("/{name}")
    async def closed(name: str) -> str:
        shop.ran.append(name)
        return name

    @shop.app.get("/health")
    @shop.seal.exempt("never reached")
    async def health() -> str:
        shop.ran.append("health")
        return "ok"

    assert shop.status(get("/health")) == 401
    assert shop.status(signed(get("/health"))) == 200
    assert shop.ran == ["health"]


def test_routes_of_one_path_have_their_own_rules() -> None:
    shop = Shop()
    router = APIRouter()

    @router.get("/both")
    async def closed() -> str:
        return "closed"

    @router.post("/both")
    @shop.seal.exempt("takes anything", methods=["post"])
    async def opened() -> str:
        return "open"

    shop.app.include_router(router)
    shop.app.include_router(router, prefix="/again")
    shop.app.add_api_route("/plain", closed, methods=["GET"])
    shop.app.add_api_route("/plain", opened, methods=["POST"])
    targets = ("/both", "/again/both", "/plain")
    assert [shop.status(post(target)) for target in targets] == [200, 200, 200]
    assert [shop.status(get(target)) for target in targets] == [401, 401, 401]
    assert [shop.status(signed(get(target))) for target in targets] == [200, 200, 200]


def test_path_that_a_convertor_fails_on_is_closed() -> None:
    shop = exempt_shop()

    @shop.app.get("/items/{number:int}")
    async def item(number: int) -> int:
        return number

    assert shop.status(get("/items/" + "9" * 5000)) == 401
    assert shop.status(get("/items/7")) == 401


def test_route_that_matches_in_its_own_way_stays_closed() -> None:
    shop = Shop()

    class Odd(APIRoute):
        def matches(self, scope: Any) -> tuple[Match, Any]:
            return (
                (Match.FULL, {"endpoint": self.endpoint, "path_params": {}})
                if scope["path"] == "/r/health"
                else (Match.NONE, {})
            )

    router = APIRouter(route_class=Odd)

    @router.get("/secret")
    async def secret() -> str:
        shop.ran.append("secret")
        return "secret"

    plain = APIRouter()

    @plain.get("/health")
    @shop.seal.exempt("probe")
    async def health() -> str:
        return "ok"

    router.include_router(plain)
    shop.app.include_router(router, prefix="/r")
    assert shop.status(get("/r/health")) == 401
    assert shop.ran == []


def test_inner_middleware_cannot_move_a_request_to_another_route() -> None:
    app = FastAPI()

    class Rewrite:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/health" and scope["query_string"] == b"as=admin":
                scope["path"] = "/admin"
            await self.app(scope, receive, send)

    app.add_middleware(Rewrite)
    shop = Shop(app=app)

    @app.get("/health")
    @shop.seal.exempt("probe")
    async def health() -> str:
        return "ok"

    @app.get("/admin")
    async def admin() -> str:
        shop.ran.append("admin")
        return "admin"

    assert shop.status(get("/health")) == 200
    assert shop.status(get("/health?as=admin")) == 401
    assert shop.status(signed(get("/health?as=admin"))) == 401
    assert shop.ran == []


def test_middleware_that_is_added_later_stands_outside() -> None:
    shop = shop_with_orders()
    shop.app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"], allow_methods=["POST"])
    asks = [("Origin", "https://shop.example"), ("Access-Control-Request-Method", "POST")]
    assert shop.status(Message("OPTIONS", "/orders", [HOST, *asks])) == 200
    assert shop.status(ORDER) == 401


# Requirements


def stripe_shop() -> tuple[Shop, Verifier]:
    shop = Shop()
    other = SLACK.verifier()

    @shop.app.post("/hook", dependencies=[Depends(shop.seal.require(other))])
    async def hook(order: Order) -> int:
        shop.ran.append("hook")
        return order.total

    @shop.app.post("/orders")
    async def orders(order: Order) -> int:
        shop.ran.append("orders")
        return order.total

    return shop, other


def test_required_verifier_replaces_the_default_on_its_route_only() -> None:
    shop, _ = stripe_shop()
    assert shop.status(hooked(post("/hook"))) == 200
    assert shop.status(signed(post("/hook"))) == 401
    assert shop.status(hooked(post("/orders", b'{"total": 2}'))) == 401
    assert shop.status(signed(post("/orders"))) == 200
    assert shop.ran == ["hook", "orders"]


def test_required_verifier_goes_before_the_parser_too() -> None:
    shop, _ = stripe_shop()
    assert shop.status(post("/hook", b'{"total": ')) == 401
    assert shop.status(hooked(post("/hook", b'{"total": '))) == 422


def test_requirement_gives_the_verdict_as_a_parameter() -> None:
    shop = Shop()
    other = SLACK.verifier()

    @shop.app.post("/hook")
    async def hook(verified: Annotated[Verified, Depends(shop.seal.require(other))]) -> str:
        return verified.scheme

    assert shop.send(hooked(post("/hook"))).json() == "slack"


def test_any_of_several_required_verifiers_will_do() -> None:
    shop = Shop()

    @shop.app.post("/hook")
    async def hook(verified: Annotated[Verified, Depends(shop.seal.require(SLACK.verifier(), BODY.verifier()))]) -> str:
        return verified.scheme

    assert shop.send(hooked(post("/hook"))).json() == "slack"
    assert shop.send(BODY.signed(post("/hook"))).json() == "body"
    assert shop.status(signed(post("/hook"))) == 401


def test_requirement_is_found_within_other_dependencies() -> None:
    shop = Shop()
    requirement = shop.seal.require(SLACK.verifier())

    async def caller(verified: Annotated[Verified, Depends(requirement)]) -> str:
        return verified.scheme

    @shop.app.post("/hook")
    async def hook(who: Annotated[str, Depends(caller)]) -> str:
        return who

    assert shop.send(hooked(post("/hook"))).json() == "slack"
    assert shop.status(post("/hook", b"{")) == 401


@pytest.mark.parametrize("where", ["router", "include", "nested"])
def test_requirement_of_a_router_holds_for_its_routes(where: str) -> None:
    shop = Shop()
    demand = [Depends(shop.seal.require(SLACK.verifier()))]
    router = APIRouter(dependencies=demand if where == "router" else [])

    @router.post("/{number:int}")
    async def hook(number: int, order: Order) -> int:
        return number + order.total

    @router.get("/health")
    @shop.seal.exempt("a requirement outweighs it")
    async def health() -> str:
        return "ok"

    outer = APIRouter(prefix="/v1", dependencies=demand if where == "nested" else [])
    outer.include_router(router, prefix="/hooks", dependencies=demand if where == "include" else [])
    shop.app.include_router(outer, prefix="/api")
    target = "/api/v1/hooks/7"
    assert shop.send(hooked(post(target))).json() == 8
    assert shop.status(signed(post(target))) == 401
    assert shop.status(post(target, b"{")) == 401
    assert shop.status(get("/api/v1/hooks/health")) == 401
    assert shop.status(hooked(post("/api/v1/hooks/none"))) == 401


def test_exemption_in_an_included_router_is_found_with_its_prefixes() -> None:
    shop = Shop()
    router = APIRouter(prefix="/probes")

    @router.get("/{name}")
    @shop.seal.exempt("probe")
    async def probe(name: str) -> str:
        return name

    outer = APIRouter()
    outer.include_router(router)
    shop.app.include_router(outer, prefix="/api")
    assert shop.send(get("/api/probes/live")).json() == "live"
    assert shop.status(get("/probes/live")) == 401
    assert shop.status(get("/api/probes/a/b")) == 401


def test_route_added_after_the_first_request_counts() -> None:
    shop, other = stripe_shop()
    router = APIRouter()
    shop.app.include_router(router)
    assert shop.status(hooked(post("/late"))) == 401

    @router.post("/late", dependencies=[Depends(shop.seal.require(other))])
    async def late() -> str:
        return "late"

    assert shop.status(hooked(post("/late", b'{"total": 3}'))) == 200


def test_requirements_that_exclude_each_other_refuse_everybody() -> None:
    shop = Shop()
    demands = [Depends(shop.seal.require(SLACK.verifier())), Depends(shop.seal)]

    @shop.app.post("/hook", dependencies=demands)
    async def hook(order: Order) -> None:
        shop.ran.append("hook")

    messages = (post("/hook", b"{"), hooked(post("/hook")), signed(post("/hook")))
    assert [shop.status(message) for message in messages] == [401, 401, 401]
    assert shop.ran == []


def test_requirements_that_overlap_take_what_is_in_all() -> None:
    shop = Shop()
    slack, body = SLACK.verifier(), BODY.verifier()
    router = APIRouter(dependencies=[Depends(shop.seal.require(slack, body))])

    @router.post("/hook", dependencies=[Depends(shop.seal.require(body, shop.partners))])
    async def hook() -> str:
        return "ok"

    shop.app.include_router(router)
    assert shop.status(BODY.signed(post("/hook"))) == 200
    assert shop.status(hooked(post("/hook"))) == 401
    assert shop.status(signed(post("/hook"))) == 401


def test_required_websocket() -> None:
    shop = Shop()
    other = RFC9421.verifier(keys={KEY_ID: OTHER_KEY})

    @shop.app.websocket("/feed")
    async def feed(socket: WebSocket, verified: Annotated[Verified, Depends(shop.seal.require(other))]) -> None:
        await socket.accept()
        await socket.send_text(verified.key_id or "")

    with shop.client.websocket_connect("/feed", headers=_fields(signed(get("/feed"), OTHER_KEY))) as socket:
        assert socket.receive_text() == KEY_ID
    assert _denied(shop.client, signed(get("/feed"))).status_code == 401


# Websockets


def _fields(message: Message) -> dict[str, str]:
    return dict(message.headers)


def _denied(client: TestClient, handshake: Message) -> WebSocketDenialResponse:
    with (
        pytest.raises(WebSocketDenialResponse) as denial,
        client.websocket_connect(handshake.target, headers=_fields(handshake)),
    ):
        pass
    return denial.value


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
    with shop.client.websocket_connect("/feed?room=7", headers=_fields(signed(get("/feed?room=7")))) as socket:
        socket.send_text("!")
        assert socket.receive_text() == KEY_ID + "!"


@pytest.mark.parametrize("target", ["/feed", "/nothing"])
def test_unsigned_handshake_gets_the_public_401(target: str) -> None:
    shop = feed_shop()
    denial = _denied(shop.client, get(target))
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

    shop.app.mount("/sub", shop.seal.exempt("its own rules")(sub))
    client = TestClient(shop.app if denies else without_extension, base_url=ORIGIN)
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/sub/feed"):
        pass
    if denies:
        assert isinstance(refused.value, WebSocketDenialResponse)
        assert (refused.value.status_code, refused.value.content) == (401, shop.send(get("/x")).content)
    else:
        assert refused.value.code == 1008
    assert shop.ran == []


def test_dependency_closes_a_socket_that_another_one_has_accepted() -> None:
    shop = Shop()
    sub = FastAPI()

    async def greet(socket: WebSocket) -> None:
        await socket.accept()

    @sub.websocket("/feed", dependencies=[Depends(greet), Depends(shop.seal)])
    async def feed(socket: WebSocket) -> None:
        shop.ran.append("feed")

    shop.app.mount("/sub", shop.seal.exempt("its own rules")(sub))
    with shop.client.websocket_connect("/sub/feed") as socket, pytest.raises(WebSocketDisconnect) as refused:
        socket.receive_text()
    assert refused.value.code == 1008
    assert shop.ran == []


# OpenAPI


def test_openapi_names_the_scheme_and_its_facts() -> None:
    shop = shop_with_orders()
    schema = shop.app.openapi()
    ((name, model),) = schema["components"]["securitySchemes"].items()
    scheme = shop.partners.scheme
    assert (model["type"], model["in"], model["name"].lower()) == ("apiKey", "header", "signature")
    assert model["x-sealgate"] == {
        "scheme": "rfc9421",
        "covered": list(scheme.covered),
        "weaknesses": sorted(scheme.weaknesses()),
    }
    assert schema["paths"]["/orders"]["post"]["security"] == [{name: []}]


def test_openapi_names_what_a_route_requires() -> None:
    shop = shop_with_orders()

    @shop.app.post("/hook", dependencies=[Depends(shop.seal.require(SLACK.verifier(), BODY.verifier()))])
    async def hook() -> None: ...

    schema = shop.app.openapi()
    ((name, _),) = schema["paths"]["/hook"]["post"]["security"][0].items()
    model = schema["components"]["securitySchemes"][name]
    assert model["name"] == "X-Slack-Signature"
    assert [facts["scheme"] for facts in model["x-sealgate"]["any_of"]] == ["slack", "body"]
    assert len(schema["components"]["securitySchemes"]) == 2


def test_openapi_keys_hold_what_openapi_allows() -> None:
    odd = Verifier(schemes.body("X!Sig"), keys=KEY)
    assert Shop().seal.require(odd, BODY.verifier()).scheme_name == "body-X-Sig-or-body-X-Signature"


# Configuration


def test_second_seal_on_one_application_is_refused() -> None:
    shop = Shop()
    with pytest.raises(ConfigurationError, match="already"):
        Sealgate(shop.app, BODY.verifier())


def test_seal_on_an_application_that_has_started_is_refused() -> None:
    app = FastAPI()
    with TestClient(app), pytest.raises(ConfigurationError, match="started"):
        Sealgate(app, RFC9421.verifier())


@pytest.mark.parametrize(
    "make", [lambda seal: seal.require(), lambda seal: seal.require(KEY), lambda seal: VerifiedBy(KEY)]
)
def test_rule_without_a_verifier_is_refused(make: Callable[[Sealgate], object]) -> None:
    with pytest.raises(ConfigurationError):
        make(Shop().seal)


def test_exempt_needs_a_reason() -> None:
    with pytest.raises(ConfigurationError, match="reason"):
        Shop().seal.exempt(" ")


def test_application_may_word_its_own_refusals_from_within() -> None:
    from sealgate import Rejected

    app = FastAPI()

    @app.exception_handler(Rejected)
    async def own(request: Request, error: Rejected) -> JSONResponse:
        return JSONResponse({"own": True}, error.status)

    shop = Shop(app=app)

    @app.get("/both", dependencies=[Depends(shop.seal), Depends(shop.seal.require(SLACK.verifier()))])
    async def both() -> None: ...

    response = shop.send(signed(get("/both")))
    assert (response.status_code, response.json()) == (401, {"own": True})


# The dependency alone


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
        alone.send(message) for message in (ORDER, signed(key=OTHER_KEY), post("/raw", b"\xff"), WRONG["expired"])
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
        TestClient(alone.app, base_url=ORIGIN).post("/form", content=message.body, headers=_fields(signed(message)))
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

    with alone.client.websocket_connect("/feed", headers=_fields(signed(get("/feed")))) as socket:
        assert socket.receive_text() == KEY_ID
    assert _denied(alone.client, get("/feed")).status_code == 401
