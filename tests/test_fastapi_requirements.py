"""FastAPI: verifiers that a route, a router or another dependency requires."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends

from asgi_client import signed
from fastapi_shop import Order, Shop, get, hooked, post
from judged import BODY, SLACK
from sealgate import Verified, Verifier


def slack_shop() -> tuple[Shop, Verifier]:
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
    shop, _ = slack_shop()
    assert shop.status(hooked(post("/hook"))) == 200
    assert shop.status(signed(post("/hook"))) == 401
    assert shop.status(hooked(post("/orders", b'{"total": 2}'))) == 401
    assert shop.status(signed(post("/orders"))) == 200
    assert shop.ran == ["hook", "orders"]


def test_required_verifier_goes_before_the_parser_too() -> None:
    shop, _ = slack_shop()
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


def test_route_added_after_the_first_request_counts() -> None:
    shop, other = slack_shop()
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
