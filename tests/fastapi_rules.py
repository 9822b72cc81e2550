"""FastAPI routes with rules of every kind, and who is let in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from asgi_client import signed
from fastapi_shop import Shop, get, post
from judged import OTHER_KEY
from reference import Message, sign_github
from sealgate import Verifier, schemes

HOOKS = Verifier(schemes.GITHUB, keys=OTHER_KEY)
BOTH = ["GET", "POST"]

# Who is let in: nobody unsigned; only the party of `HOOKS`; everybody, for GET.
CLOSED, HOOKED, OPEN = ["partners"], ["hooks"], ["anybody", "partners"]


def hooked(message: Message) -> Message:
    return message.plus(sign_github(message, OTHER_KEY))


def admitted(shop: Shop, target: str) -> list[str]:
    """Who reaches the view behind `target`."""
    order = post(target)
    senders = {"anybody": get(target), "anybody with a body": order, "partners": signed(order), "hooks": hooked(order)}
    statuses = {sender: shop.status(message) for sender, message in senders.items()}
    assert set(statuses.values()) <= {200, 401}, statuses
    return [sender for sender, status in statuses.items() if status == 200]


def fresh() -> Callable[[], Any]:
    """A view that has no rule yet."""

    async def view() -> str:
        return "seen"

    return view


def router(view: Any = None, **more: Any) -> APIRouter:
    made = APIRouter(**more)
    made.add_api_route("/a", view or fresh(), methods=BOTH)
    return made


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """A whole application."""
    await PlainTextResponse("seen")(scope, receive, send)


def anew() -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await answer(scope, receive, send)

    return application
