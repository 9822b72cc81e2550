"""FastAPI: what the layer and the dependency promise together, and how a seal may be set."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from asgi_client import ORDER, signed
from contract import AsgiContract
from fastapi_routes import application
from fastapi_shop import HOST, Order, Shop, get, post, shop_with_orders
from judged import BODY, KEY, KEY_ID, NOW, OTHER_KEY, RFC9421, SLACK, with_field
from reference import Message
from sealgate import ConfigurationError, Verified, Verifier
from sealgate.fastapi import Sealgate, VerifiedBy


class TestFastapi(AsgiContract):
    parsers = ("starlette.formparsers.FormParser.parse", "starlette.formparsers.MultiPartParser.parse", "json.loads")
    groups = ("/group", "/mounted")
    routes = {"/orders": "/orders", "/orders/7": "/orders/{name}", "/hook": "/hook"}

    def build(self, verifier: Verifier, **settings: Any) -> FastAPI:
        return application(verifier, self.seen, **settings)


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


def test_layer_and_dependencies_spend_one_nonce() -> None:
    shop = Shop()
    askers = [shop.seal, shop.seal.require(shop.partners), VerifiedBy(shop.partners)]

    @shop.app.post("/all", dependencies=[Depends(asker) for asker in askers])
    async def everything(order: Order, verified: Annotated[Verified, Depends(shop.seal, use_cache=False)]) -> int:
        return order.total

    assert shop.status(signed(post("/all"))) == 200


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
