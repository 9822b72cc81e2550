"""The demo in Flask: one extension, every route closed."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Flask, request

from sealgate.demo import gates
from sealgate.flask import Sealgate

app = Flask(__name__)
seal = Sealgate(app, gates.partners)
ran: list[str] = []


@app.route("/orders/<int:number>", methods=["GET", "POST", "PUT"])
def order(number: int) -> dict[str, Any]:
    return _work(f"order {number}")


@app.route("/hooks/paid", methods=["POST", "PUT"])
@seal.require(gates.webhooks)
def paid() -> dict[str, Any]:
    return _work("paid")


@app.route("/hooks/refunded", methods=["POST", "PUT"])
@seal.require(gates.webhooks)
def refunded() -> dict[str, Any]:
    return _work("refunded")


@app.route("/exports/<int:number>", methods=["POST", "PUT"])
@seal.require(gates.exports)
def export(number: int) -> dict[str, Any]:
    return _work(f"export {number}")


@app.route("/health", methods=["GET", "POST"])
@seal.exempt("load balancer probe, returns no data")
def health() -> dict[str, Any]:
    return {"ok": True}


@app.get("/runs")
def runs() -> dict[str, Any]:
    return {"runs": len(ran)}


def _work(what: str) -> dict[str, Any]:
    """Counts the run, parses the body as an application would, and shows which body it was given."""
    ran.append(what)
    if request.method != "GET":
        request.get_json()  # answers 400 itself
    return {"ran": what, "sha256": hashlib.sha256(request.get_data()).hexdigest()}
