"""The client libraries under one face: what is sent, signed by their `Auth` or by a transport bound to an origin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import httpx
import httpx2
import pytest
import requests

import sealgate.httpx
import sealgate.httpx2
import sealgate.requests
from judged import KEY, KEY_ID, NOW, RFC9421
from sealgate import Signer
from wire import Wire


class Call(NamedTuple):
    method: str
    url: str
    more: dict[str, Any] = {}


def call(method: str, url: str, **more: Any) -> Call:
    """`more`: headers, json, data, files, and `content` for what is sent as it is."""
    return Call(method, url, more)


def signer(**settings: Any) -> Signer:
    return Signer(RFC9421.scheme, **{"key": KEY, "key_id": KEY_ID, "clock": lambda: NOW, **settings})


class Httpx:
    """httpx or httpx2, sync."""

    prefix = ""

    def __init__(self, module: Any, face: Any) -> None:
        self.module = module
        self.face = face

    def send(
        self,
        *calls: Call,
        auth: Signer | None = None,
        bound: tuple[Signer, str] | None = None,
        params: dict[str, str] | None = None,
        follow: bool = False,
        **settings: Any,
    ) -> list[int]:
        """The status of each call; all by one client. `bound`: a signer, and the origin of the transport."""
        if bound is not None:
            transport = getattr(self.face, f"{self.prefix}Transport")
            # Certificates take longer to load than all the rest.
            inner = getattr(self.module, f"{self.prefix}HTTPTransport")(verify=False)
            settings["transport"] = transport(bound[0], origin=bound[1], transport=inner)
        if auth is not None:
            settings["auth"] = self.face.Auth(auth, params=params)
        return self.statuses(calls, {"trust_env": False, "verify": False, "follow_redirects": follow, **settings})

    def statuses(self, calls: Sequence[Call], settings: dict[str, Any]) -> list[int]:
        with self.module.Client(**settings) as client:
            return [client.request(each.method, each.url, **each.more).status_code for each in calls]


class AsyncHttpx(Httpx):
    prefix = "Async"

    def statuses(self, calls: Sequence[Call], settings: dict[str, Any]) -> list[int]:
        async def asked() -> list[int]:
            async with self.module.AsyncClient(**settings) as client:
                answers = [await client.request(each.method, each.url, **_awaited(each.more)) for each in calls]
            return [answer.status_code for answer in answers]

        return asyncio.run(asked())


class Requests:
    def send(
        self,
        *calls: Call,
        auth: Signer | None = None,
        bound: tuple[Signer, str] | None = None,
        params: dict[str, str] | None = None,
        follow: bool = False,
        **settings: Any,
    ) -> list[int]:
        with requests.Session() as session:
            session.trust_env = False
            if bound is not None:
                adapter = sealgate.requests.Adapter(bound[0], origin=bound[1], **settings)
                session.mount("http://", adapter)
            if auth is not None:
                session.auth = sealgate.requests.Auth(auth, params=params)
            return [
                session.request(each.method, each.url, allow_redirects=follow, **_data(each.more)).status_code
                for each in calls
            ]


def _awaited(more: dict[str, Any]) -> dict[str, Any]:
    content = more.get("content")
    if content is None or isinstance(content, bytes | str):
        return more

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in content:
            yield chunk

    return {**more, "content": chunks()}


def _data(more: dict[str, Any]) -> dict[str, Any]:
    return {"data" if name == "content" else name: value for name, value in more.items()}


HTTPX = {
    "httpx": Httpx(httpx, sealgate.httpx),
    "httpx2": Httpx(httpx2, sealgate.httpx2),
}
CLIENTS: dict[str, Any] = {
    **HTTPX,
    "httpx-async": AsyncHttpx(httpx, sealgate.httpx),
    "httpx2-async": AsyncHttpx(httpx2, sealgate.httpx2),
    "requests": Requests(),
}

each_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
each_httpx = pytest.mark.parametrize("client", HTTPX.values(), ids=HTTPX)


def sent(client: Any, wire: Wire, how: str, *calls: Call, by: Signer | None = None, **settings: Any) -> list[int]:
    """`how`: "auth" or "bound"; signed by `by`, for the server that `wire` is."""
    by = by or signer()
    given: dict[str, Any] = {"auth": by} if how == "auth" else {"bound": (by, wire.origin)}
    statuses: list[int] = client.send(*calls, **given, **settings)
    return statuses


each_way = pytest.mark.parametrize("how", ["auth", "bound"])
