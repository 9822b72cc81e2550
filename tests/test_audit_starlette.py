"""The audit of FastAPI and Starlette, judged by what they do: what gets in unsigned, and what each route asks."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, WebSocket
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute

import leaky_fastapi
from audited_apps import answering, closed, fastapi_status, judged_by_requests, verdicts_at
from audited_fastapi import bare, done, entries, evidence, plain, shop, shown, verifier
from judged import RFC9421, SLACK
from sealgate import Rejected, Verified, Verifier, schemes
from sealgate import Request as Received
from sealgate.asgi import Layer, SignatureMiddleware
from sealgate.audit import Entry, Proof, audit
from sealgate.fastapi import Sealgate, VerifiedBy, exempt, require
from sealgate.policy import Choice, Policy

NOW = 1_700_000_000
LATER = datetime(2999, 1, 1, tzinfo=UTC)
EARLIER = datetime(2020, 1, 1, tzinfo=UTC)
ORDER = b'{"total": 1}'


class Order(BaseModel):
    total: int


def agree(app: Any, *asked: tuple[str, str]) -> list[bool]:
    """Of methods and paths: which are closed, which has to be what the audit says."""
    found = entries(app)
    refused = [fastapi_status(app, method, path) == 401 for method, path in asked]
    assert refused == [closed(found, path, method) for method, path in asked]
    return refused


# The samples


@pytest.mark.parametrize("name", leaky_fastapi.OPENINGS)
def test_every_opening_is_found_and_is_none_in_the_fixed_twin(name: str) -> None:
    path, method = leaky_fastapi.OPENINGS[name]
    body = b"{" if name in leaky_fastapi.MALFORMED else ORDER if method == "POST" else b""
    leaky, fixed = leaky_fastapi.leaky(), leaky_fastapi.fixed()
    gets_in = [fastapi_status(app, method, path, body) != 401 for app in (leaky, fixed)]
    said = [not closed(entries(app), path, method) for app in (leaky, fixed)]
    assert ([True, False], [True, False]) == (gets_in, said)


def test_the_fixed_twin_has_no_opening() -> None:
    assert {("verified", False)} == {
        (entry.verdict, entry.standing.parsed_first) for entry in entries(leaky_fastapi.fixed())
    }


@pytest.mark.parametrize("name", leaky_fastapi.PROTECTIONS)
def test_each_protection_that_is_removed_is_missed(name: str) -> None:
    path, method = leaky_fastapi.PROTECTIONS[name]
    body = ORDER if method == "POST" else b""
    without, fixed = leaky_fastapi.fixed(without=name), leaky_fastapi.fixed()
    assert [True, False] == [fastapi_status(app, method, path, body) != 401 for app in (without, fixed)]
    assert [False, True] == [closed(entries(app), path, method) for app in (without, fixed)]


@pytest.mark.parametrize(
    "without", [None, "all", *sorted(leaky_fastapi.PROTECTIONS.keys() - {"the order of middleware"})]
)
def test_verdicts_are_what_happens(without: str | None) -> None:
    app = leaky_fastapi.leaky() if without == "all" else leaky_fastapi.fixed(without)
    judged = list(judged_by_requests(entries(app), partial(fastapi_status, app)))
    assert len(judged) > 30
    assert [(method, path, said) for method, path, _, said in judged] == [
        (method, path, gets_in) for method, path, gets_in, _ in judged
    ]


def test_examples_of_verified_routes_are_answered_once_they_are_signed() -> None:
    app, signer = leaky_fastapi.fixed(), leaky_fastapi.signer()
    found = [entry for entry in entries(app) if entry.kind in {"view", "docs", "websocket"}]
    statuses = [
        fastapi_status(app, entry.methods[0], entry.example or "", body_of(entry), signer=signer) for entry in found
    ]
    assert len(found) > 20
    assert {101, 200} == set(statuses)


def body_of(entry: Entry) -> bytes:
    return ORDER if "POST" in entry.methods[:1] else b""


# What a route asks


def test_a_dependency_names_the_scheme_that_a_route_takes() -> None:
    app, slack = bare(), SLACK.verifier()
    seal = Sealgate(app, verifier())
    router = APIRouter(dependencies=[Depends(seal.require(slack, uncovered=("query",)))])
    router.add_api_route("/slack", done)
    app.include_router(router)
    app.add_api_route("/narrow", done, dependencies=[Depends(seal.require(RFC9421.verifier(), keys={"b", "a"}))])
    app.add_api_route("/both", exempt("no")(lambda: "both"), dependencies=[Depends(seal)])
    found = entries(app)
    (hook,), (narrow,), (both,) = (answering(found, path, "GET") for path in ("/slack", "/narrow", "/both"))
    weaknesses = tuple(sorted(slack.scheme.weaknesses()))
    assert (Proof("slack", tuple(slack.scheme.covered), weaknesses, max_age=slack.max_age),) == hook.standing.proofs
    assert ("verified by a rule of the route", "the query may go unsigned") == hook.standing.evidence[:2]
    assert [("a", "b"), None] == [entry.standing.proofs[0].keys for entry in (narrow, both)]
    assert [True, True, True] == agree(app, ("GET", "/slack"), ("GET", "/narrow"), ("GET", "/both"))


def test_rules_of_routers_views_and_classes_are_read_as_the_layer_reads_them() -> None:
    app, outer, inner = shop(), APIRouter(), APIRouter()

    @exempt("public")
    class Prices(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("prices")

        @exempt("a form", methods=("POST",))
        async def post(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("changed")

        async def query(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse("found")

    class Below(Prices):
        pass

    inner.add_api_route("/deep", done, methods=["GET", "POST"])
    inner.add_api_route("/own", require(SLACK.verifier())(lambda: "own"))
    outer.include_router(inner, prefix="/inner")
    outer.add_route("/prices", Prices)  # type: ignore[arg-type]
    outer.add_route("/below", Below)  # type: ignore[arg-type]
    app.include_router(exempt("public", methods=("GET",))(outer), prefix="/outer")
    asked = [
        *(("GET", f"/outer{path}") for path in ("/inner/deep", "/inner/own", "/prices", "/below")),
        *(("POST", f"/outer{path}") for path in ("/inner/deep", "/prices", "/below")),
        *(("HEAD", f"/outer{path}") for path in ("/prices", "/below")),
        *(("QUERY", f"/outer{path}") for path in ("/prices", "/below")),
    ]
    assert [False, True, False, False, True, False, True, False, True, True, True] == agree(app, *asked)


def test_an_exemption_is_told_with_its_reason_its_end_and_its_methods() -> None:
    app = shop(clock=lambda: NOW)
    for name, until in {"open": LATER, "over": EARLIER}.items():
        view = exempt(f"{name}, no data", until=until)(partial(done))
        app.add_api_route(f"/{name}", view, methods=["GET", "POST"])
    found = audit(app, now=NOW).entries
    (still,), (post,), (over,) = (
        answering(found, path, method) for path, method in (("/open", "GET"), ("/open", "POST"), ("/over", "GET"))
    )
    assert (("GET",), "exempt", "open, no data", LATER.timestamp()) == (
        still.methods,
        still.verdict,
        still.standing.reason,
        still.standing.until,
    )
    assert (("POST",), "verified", "verified") == (post.methods, post.verdict, over.verdict)
    assert "its exemption ended on 2020-01-01T00:00:00+00:00: over, no data" in over.standing.evidence


def test_a_websocket_is_exempt_only_where_its_handshake_is_named() -> None:
    app = shop()

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()

    app.websocket("/closed")(exempt("no data")(talk))
    app.websocket("/open")(exempt("no data", methods=("WEBSOCKET",))(partial(talk)))
    assert [True, False] == agree(app, ("WEBSOCKET", "/closed"), ("WEBSOCKET", "/open"))


def test_what_is_exempt_in_a_mounted_application_opens_nothing_and_what_is_required_there_holds() -> None:
    app, inner, public = shop(), bare(), bare()
    inner.add_api_route("/health", exempt("probe")(lambda: "up"))
    public.add_api_route("/list", done)
    public.add_api_route("/hook", require(SLACK.verifier())(lambda: "hook"))
    app.mount("/inner", inner)
    app.mount("/public", exempt("public")(public))
    asked = ("/inner/health", "/public/list", "/public/hook", "/public/nothing")
    assert [True, False, True, False] == agree(app, *(("GET", path) for path in asked))
    (hook,) = answering(entries(app), "/public/hook", "GET")
    assert ["slack"] == [proof.scheme for proof in hook.standing.proofs]


def test_what_is_required_behind_another_middleware_is_not_seen_by_the_layer_and_not_claimed() -> None:
    app, inner = bare(), bare()
    seal = Sealgate(app, verifier())
    inner.add_api_route("/marked", require(SLACK.verifier())(lambda: "marked"))
    inner.add_api_route("/asks", done, dependencies=[Depends(seal)])
    app.mount("/in", exempt("public")(GZipMiddleware(inner)))
    app.mount("/seen", exempt("public")(inner))
    asked = ("/in/marked", "/in/asks", "/seen/marked", "/seen/asks")
    assert [False, True, True, True] == agree(app, *(("GET", path) for path in asked))


def test_an_exempt_mount_of_an_application_with_a_layer_of_its_own_is_verified_there() -> None:
    app, inner = shop(), shop(root_path="/in")
    inner.add_api_route("/health", exempt("probe")(lambda: "up"))
    app.mount("/in", exempt("has a layer of its own")(inner))
    assert [True, False, True] == agree(app, ("GET", "/in/orders"), ("GET", "/in/health"), ("POST", "/in/orders"))


# Without the layer


def test_a_dependency_alone_verifies_its_route_and_no_other() -> None:
    app = bare()
    only = Depends(VerifiedBy(verifier()))
    router = APIRouter(dependencies=[only])
    router.add_api_route("/listed", done)
    router.add_route("/plain", plain)
    app.include_router(router, prefix="/guarded")
    app.add_api_route("/nested", done, dependencies=[Depends(within)])

    @app.post("/orders", dependencies=[only])
    async def orders(order: Order) -> int:
        return order.total

    @app.websocket("/feed", dependencies=[only])
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()

    asked = (
        ("GET", "/guarded/listed"),
        ("GET", "/guarded/plain"),
        ("GET", "/nested"),
        ("WEBSOCKET", "/feed"),
        ("GET", "/x"),
    )
    assert [True, False, True, True, False] == agree(app, *asked)
    (entry,) = answering(entries(app), "/orders", "POST")
    assert ("verified", True) == (entry.verdict, entry.standing.parsed_first)
    assert [401, 422] == [fastapi_status(app, "POST", "/orders", body) for body in (ORDER, b"{")]


async def within(verified: Annotated[Verified, Depends(VerifiedBy(verifier()))]) -> None:
    """A dependency that has one of ours."""


def test_dependencies_of_an_application_hold_for_its_own_routes_only() -> None:
    app = FastAPI(dependencies=[Depends(VerifiedBy(verifier()))], openapi_url="/schema")
    app.add_api_route("/orders", done)
    app.add_route("/plain", plain)
    assert [True, False, False] == agree(app, ("GET", "/orders"), ("GET", "/plain"), ("GET", "/schema"))


def test_what_verified_by_cannot_do_is_unknown_with_the_reason() -> None:
    class Handled(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Any]:
            return plain

    class Lenient(VerifiedBy):
        async def __call__(self, connection: HTTPConnection) -> None:  # type: ignore[override]
            """Says nothing."""

    app = bare()
    app.add_api_route("/lenient", done, dependencies=[Depends(Lenient(verifier()))])
    canonical = Verifier(schemes.canonical_json(), keys=leaky_fastapi.KEY)
    app.add_api_route("/json", lambda: "", dependencies=[Depends(VerifiedBy(canonical))], methods=["POST"])
    app.router.add_api_route(
        "/handled", done, dependencies=[Depends(VerifiedBy(verifier()))], route_class_override=Handled
    )

    @app.post("/form", dependencies=[Depends(VerifiedBy(verifier()))])
    async def form(name: Annotated[str, Form()]) -> str:
        return name

    found = entries(app)
    told = {
        path: verdicts_at(found, path, method)
        for path, method in (("/json", "POST"), ("/form", "POST"), ("/handled", "GET"))
    }
    assert {"/json": {"unknown"}, "/form": {"unknown"}, "/handled": {"unknown"}} == told
    assert {"unknown"} == verdicts_at(found, "/lenient")
    assert [200, 200] == [fastapi_status(app, "GET", path) for path in ("/handled", "/lenient")]


def test_an_override_that_a_test_has_left_is_not_verified() -> None:
    ours = VerifiedBy(verifier())
    app = bare()
    app.add_api_route("/orders", done, dependencies=[Depends(ours)])
    assert [True] == agree(app, ("GET", "/orders"))
    app.dependency_overrides[ours] = lambda: None
    assert [False] == agree(app, ("GET", "/orders"))
    app.dependency_overrides = {}
    app.add_api_route("/nested", done, dependencies=[Depends(within)])
    app.dependency_overrides[within] = lambda: None
    assert [True, False] == agree(app, ("GET", "/orders"), ("GET", "/nested"))


def test_a_proof_that_no_layer_makes_is_asked_for_in_vain() -> None:
    app, other = bare(), bare()
    seal = Sealgate(other, verifier())
    app.add_api_route("/orders", done, dependencies=[Depends(seal)])
    assert [True] == agree(app, ("GET", "/orders"))
    assert "a dependency asks for a proof that no layer makes: every request is refused" in evidence(app, "/orders")


def test_report_only_is_open_but_for_what_a_dependency_proves_by_itself() -> None:
    app = bare()
    seal = Sealgate(app, verifier(), report_only=True)
    app.add_api_route("/orders", done)
    app.add_api_route("/asks", done, dependencies=[Depends(seal)])
    app.add_api_route("/alone", done, dependencies=[Depends(VerifiedBy(verifier()))])
    assert [False, False, True] == agree(app, ("GET", "/orders"), ("GET", "/asks"), ("GET", "/alone"))
    assert [{"open"}, {"open"}] == [verdicts_at(entries(app), path) for path in ("/orders", "/asks")]


def test_verification_by_hand_is_unknown_and_not_open() -> None:
    app, partners = bare(), verifier()

    def check(connection: HTTPConnection) -> None:
        try:
            partners.verify(Received.from_asgi(dict(connection.scope)))
        except Rejected as refusal:
            raise AssertionError from refusal

    app.add_api_route("/one", done, dependencies=[Depends(check)])
    app.add_api_route("/two", done)
    assert [{"unknown"}, {"open"}] == [verdicts_at(entries(app), path) for path in ("/one", "/two")]


# Layers


def test_a_signature_middleware_closes_what_it_stands_around() -> None:
    ours = Middleware(SignatureMiddleware, verifier=verifier())
    one = Starlette(routes=[Route("/orders", plain)], middleware=[ours])
    made = Starlette(routes=[Route("/orders", plain)])
    made.add_middleware(partial(SignatureMiddleware, verifier=verifier()))
    around = SignatureMiddleware(Starlette(routes=[Route("/orders", plain)]), verifier())
    route = Starlette(routes=[Route("/orders", plain, middleware=[ours]), Route("/other", plain)])
    below = Middleware(SignatureMiddleware, verifier=verifier(), root_path="/in")
    mount = Starlette(
        routes=[Mount("/in", routes=[Route("/orders", plain)], middleware=[below]), Route("/other", plain)]
    )
    socket = Starlette(routes=[WebSocketRoute("/feed", never, middleware=[ours])])
    assert [[True, True]] * 3 == [agree(app, ("GET", "/orders"), ("GET", "/x")) for app in (one, made, around)]
    assert [True, False, False] == agree(route, ("GET", "/orders"), ("GET", "/other"), ("GET", "/x"))
    assert [True, True, False] == agree(mount, ("GET", "/in/orders"), ("GET", "/in/x"), ("GET", "/other"))
    assert [True] == agree(socket, ("WEBSOCKET", "/feed"))
    assert [False, False] == agree(
        SignatureMiddleware(one.router, verifier(), report_only=True), ("GET", "/orders"), ("GET", "/x")
    )


async def never(websocket: WebSocket) -> None:
    await websocket.accept()


def test_a_layer_that_somebody_has_changed_is_not_relied_on() -> None:
    class Lenient(SignatureMiddleware):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self._app(scope, receive, send)

    other = shop()
    apps = [
        Starlette(routes=[Route("/orders", plain)], middleware=[Middleware(Lenient, verifier=verifier())]),
        Starlette(
            routes=[Route("/orders", plain)],
            middleware=[Middleware(Layer, Policy(verifier()), "", lambda scope: Choice(None))],
        ),
        Starlette(routes=[Route("/orders", plain)], middleware=[other.user_middleware[0]]),
    ]
    assert [{"unknown"}] * 3 == [verdicts_at(entries(app), "/orders") for app in apps]


def test_an_application_that_has_started_is_judged_by_what_it_started() -> None:
    app = shop()
    assert [True] == agree(app, ("GET", "/orders"))
    assert app.middleware_stack is not None
    assert {"verified"} == {entry.verdict for entry in entries(app)}
    late = shop(layer=False)
    fastapi_status(late, "GET", "/orders")
    late.user_middleware.insert(0, shop().user_middleware[0])
    assert [False] == agree(late, ("GET", "/orders"))


def test_a_middleware_stack_put_together_in_another_way_is_not_relied_on() -> None:
    app = shop()
    app.build_middleware_stack = lambda: app.router  # type: ignore[method-assign]
    assert ({"unknown"}, True) == (verdicts_at(entries(app), "/orders"), fastapi_status(app, "GET", "/orders") != 401)


def test_a_preflight_that_passes_is_told() -> None:
    assert ("exempt", "middleware", "/{path:path}") in shown(shop(preflight=True))
    assert ("exempt", "middleware", "/{path:path}") not in shown(shop())
