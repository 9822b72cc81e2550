"""Client signers: what they refuse to be made of and to send, and what of theirs is pickled."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests

import sealgate.httpx
import sealgate.requests
from client_calls import REFUSED_BY_CLIENTS
from client_libraries import CLIENTS, HTTPX, call, each_client, each_way, signer
from judged import KEY
from sealgate import ConfigurationError, schemes
from wire import Wire, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Wire]:
    with serving() as wire:
        yield wire


@pytest.fixture
def wire(server: Wire) -> Wire:
    return server.forget()


@pytest.mark.parametrize("url", ["/orders", "ftp://api.shop.example/", "data:text/plain,a", "", "//api.shop.example/"])
@each_client
def test_an_url_that_is_no_absolute_one_of_the_web_is_refused(client: Any, url: str) -> None:
    with pytest.raises((ConfigurationError, *REFUSED_BY_CLIENTS)):
        client.send(call("GET", url), auth=signer())


def test_what_requests_leaves_unprepared_is_refused_by_us() -> None:
    with pytest.raises(ConfigurationError, match="url: expected an absolute one"):
        requests.Request("GET", "ftp://api.shop.example/", auth=sealgate.requests.Auth(signer())).prepare()


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_a_relative_url_is_refused_by_us(name: str) -> None:
    with pytest.raises(ConfigurationError, match="url: expected an absolute one"):
        CLIENTS[name].send(call("GET", "/orders"), auth=signer())


FACES = [*(HTTPX[name].face for name in HTTPX), sealgate.requests]


@pytest.mark.parametrize("face", FACES, ids=lambda face: str(face.__name__))
def test_only_a_signer_signs(face: Any) -> None:
    bound = getattr(face, "Transport", None) or face.Adapter
    with pytest.raises(ConfigurationError, match="signer: expected a Signer"):
        face.Auth(schemes.RFC9421)
    with pytest.raises(ConfigurationError, match="signer: expected a Signer"):
        bound(KEY, origin="https://api.shop.example")


@pytest.mark.parametrize("origin", ["", "api.shop.example", "https://api.shop.example/path", "ftp://a", None, 5, ["a"]])
@pytest.mark.parametrize("face", FACES, ids=lambda face: str(face.__name__))
def test_a_transport_is_bound_to_an_origin(face: Any, origin: Any) -> None:
    bound = getattr(face, "Transport", None) or face.Adapter
    with pytest.raises(ConfigurationError, match="origin"):
        bound(signer(), origin=origin)


@pytest.mark.parametrize(
    "spelling", ["HTTP://API.SHOP.EXAMPLE", "http://api.shop.example:80", "http://api.shop.example/"]
)
def test_an_origin_may_be_spelled_in_another_way(spelling: str) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    transport = sealgate.httpx.Transport(signer(), origin=spelling, transport=httpx.MockTransport(answer))
    with httpx.Client(transport=transport) as client:
        client.get("http://API.shop.example:80/")
    assert "signature" in seen[0].headers


def test_an_adapter_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="holds a key"):
        pickle.dumps(sealgate.requests.Adapter(signer(), origin="https://api.shop.example"))


@each_way
def test_responses_of_requests_can_be_pickled(how: str, wire: Wire) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", sealgate.requests.Adapter(signer(), origin=wire.origin))
        if how == "auth":
            session.mount("http://", requests.adapters.HTTPAdapter())
            session.auth = sealgate.requests.Auth(signer())
        response = session.post(wire.origin, json={"total": 1})
    again = pickle.loads(pickle.dumps(response))
    assert (200, response.request.body) == (again.status_code, again.request.body)


def test_errors_of_requests_can_be_pickled() -> None:
    """They carry the request, and a worker process hands them over."""
    origin = "http://127.0.0.1:1"
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", sealgate.requests.Adapter(signer(), origin=origin))
        with pytest.raises(requests.ConnectionError) as failure:
            session.get(origin)
    assert isinstance(pickle.loads(pickle.dumps(failure.value.request)), requests.PreparedRequest)
