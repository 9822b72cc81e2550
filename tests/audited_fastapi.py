"""A small FastAPI shop to audit, and what an audit says of it."""
# Annotations stay objects here: FastAPI cannot resolve the text of a local one.

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse

import leaky_fastapi
from audited_apps import answering
from sealgate import Verifier, schemes
from sealgate.audit import Entry, audit
from sealgate.fastapi import Sealgate

__all__ = ["bare", "done", "entries", "evidence", "plain", "shop", "shown", "verifier"]


def verifier(**settings: Any) -> Verifier:
    return Verifier(
        schemes.RFC9421, keys={leaky_fastapi.KEY_ID: leaky_fastapi.KEY}, origin=leaky_fastapi.ORIGIN, **settings
    )


def bare(**settings: Any) -> FastAPI:
    """Without documents, which would be routes as well."""
    return FastAPI(openapi_url=None, **settings)


def shop(app: FastAPI | None = None, *, layer: bool = True, **settings: Any) -> FastAPI:
    app = app or bare()
    if layer:
        Sealgate(app, verifier(), **settings)
    app.add_api_route("/orders", done, methods=["GET", "POST"])
    return app


async def done() -> str:
    return "done"


async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("plain")


def entries(app: Any) -> tuple[Entry, ...]:
    return audit(app).entries


def evidence(app: Any, path: str, method: str = "GET") -> tuple[str, ...]:
    return tuple(each for entry in answering(entries(app), path, method) for each in entry.standing.evidence)


def shown(app: Any) -> set[tuple[str, str, str]]:
    """Verdict, kind and path of each entry."""
    return {(entry.verdict, entry.kind, entry.path) for entry in entries(app)}
