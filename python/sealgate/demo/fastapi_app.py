"""The demo in FastAPI: a layer that goes before the body is parsed, and a dependency that gives views the proof."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

from sealgate import Verified
from sealgate.demo import gates
from sealgate.fastapi import Sealgate

app = FastAPI()
seal = Sealgate(app, gates.partners)
ran: list[str] = []

Signed = Annotated[Verified, Depends(seal)]
hooks = [Depends(seal.require(gates.webhooks))]
exports = [Depends(seal.require(gates.exports))]


class Order(BaseModel):
    amount: int


@app.get("/orders/{number}")
async def read_order(number: int, request: Request, verified: Signed) -> dict[str, Any]:
    return {**await _work(f"order {number}", request), "key_id": verified.key_id}


@app.api_route("/orders/{number}", methods=["POST", "PUT"])
async def order(number: int, order: Order, request: Request, verified: Signed) -> dict[str, Any]:
    return {**await _work(f"order {number}: {order.amount}", request), "key_id": verified.key_id}


@app.api_route("/hooks/paid", methods=["POST", "PUT"], dependencies=hooks)
async def paid(order: Order, request: Request) -> dict[str, Any]:
    return await _work(f"paid {order.amount}", request)


@app.api_route("/hooks/refunded", methods=["POST", "PUT"], dependencies=hooks)
async def refunded(order: Order, request: Request) -> dict[str, Any]:
    return await _work(f"refunded {order.amount}", request)


@app.api_route("/exports/{number}", methods=["POST", "PUT"], dependencies=exports)
async def export(number: int, order: Order, request: Request) -> dict[str, Any]:
    return await _work(f"export {number}: {order.amount}", request)


@app.api_route("/health", methods=["GET", "POST"])
@seal.exempt("load balancer probe, returns no data")
async def health() -> dict[str, Any]:
    return {"ok": True}


@app.get("/runs")
async def runs() -> dict[str, Any]:
    return {"runs": len(ran)}


async def _work(what: str, request: Request) -> dict[str, Any]:
    """Counts the run, and shows which body the view was given."""
    ran.append(what)
    return {"ran": what, "sha256": hashlib.sha256(await request.body()).hexdigest()}
