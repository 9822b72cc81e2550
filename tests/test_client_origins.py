"""A transport that is bound to an origin signs each hop and each retry anew, and nothing for others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

import reference
import sealgate.httpx
import sealgate.requests
from client_calls import (
    ENVELOPE,
    SIGNED,
    each_method,
    each_status,
    enclosed,
    in_the_body,
    judged,
    names_of,
    order,
    retrying,
    signed_body,
)
from client_libraries import CLIENTS, HTTPX, call, each_client, sent, signer
from judged import NOW, RFC9421
from reference import Message
from wire import HANG_UP, Answer, Wire, redirect, serving


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Wire, Wire]]:
    with serving() as here, serving() as there:
        yield here, there


@pytest.fixture
def here(servers: tuple[Wire, Wire]) -> Wire:
    return servers[0].forget()


@pytest.fixture
def there(servers: tuple[Wire, Wire]) -> Wire:
    """Another origin: another port."""
    return servers[1].forget()


@each_method
@each_status
@each_client
def test_each_hop_within_the_origin_is_signed_anew(client: Any, status: int, method: str, here: Wire) -> None:
    here.answers = [redirect(status, "/moved?b=2"), redirect(status, here.origin + "/a%2fb")]
    assert [200] == sent(client, here, "bound", order(method, here), follow=True)
    assert 3 == len({judged(message, here).nonce for message in here.requests})


@each_status
@each_client
def test_a_hop_to_another_origin_is_unsigned_and_the_way_back_signed(
    client: Any, status: int, here: Wire, there: Wire
) -> None:
    here.answers = [redirect(status, there.origin + "/away")]
    there.answers = [redirect(status, here.origin + "/back")]
    assert [200] == sent(client, here, "bound", order("POST", here), follow=True)
    assert ("/away", set()) == (there.only.target, names_of(there.only) & SIGNED)
    assert ["/orders?a=1", "/back"] == [message.target for message in here.requests]
    assert 2 == len({judged(message, here).nonce for message in here.requests})


@each_client
def test_a_request_to_another_origin_is_unsigned(client: Any, here: Wire, there: Wire) -> None:
    client.send(call("POST", there.origin + "/", content=b"{}"), bound=(signer(), here.origin))
    assert (set(), b"{}") == (names_of(there.only) & SIGNED, there.only.body)


@each_client
def test_a_redirect_to_another_name_of_the_same_host_is_unsigned(client: Any, here: Wire) -> None:
    other = here.origin.replace("127.0.0.1", "localhost")
    here.answers = [redirect(307, other + "/moved")]
    sent(client, here, "bound", order("GET", here), follow=True)
    assert [True, False] == [bool(names_of(message) & SIGNED) for message in here.requests]


@each_client
def test_a_generator_is_there_again_for_the_next_hop(client: Any, here: Wire, there: Wire) -> None:
    here.answers = [redirect(307, "/moved"), redirect(307, there.origin)]
    content = (chunk for chunk in [b"one ", b"two"])
    sent(client, here, "bound", call("POST", here.origin, content=content), follow=True)
    assert [b"one two"] * 3 == [message.body for message in [*here.requests, there.only]]
    assert 2 == len({judged(message, here).nonce for message in here.requests})


@each_client
def test_a_body_that_the_scheme_writes_is_written_anew_for_each_hop(client: Any, here: Wire, there: Wire) -> None:
    here.answers = [redirect(307, "/moved"), redirect(307, there.origin)]
    sent(client, here, "bound", enclosed(here.origin), by=in_the_body(), follow=True)
    assert [signed_body()] * 2 == [message.body for message in here.requests]
    assert ENVELOPE == there.only.body


def test_a_generator_that_was_read_by_requests_is_framed_as_what_it_is_now(here: Wire, there: Wire) -> None:
    here.answers = [redirect(307, there.origin)]
    attempt = call("POST", here.origin, content=(chunk for chunk in [b"one ", b"two"]))
    sent(CLIENTS["requests"], here, "bound", attempt, follow=True)
    assert ("7", None) == (there.only.one("content-length"), there.only.one("transfer-encoding"))


def test_a_file_is_sent_again_from_where_it_stood(here: Wire, tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"read before, sent")
    here.answers = [redirect(307, "/moved")]
    with path.open("rb") as file:
        file.read(len(b"read before, "))
        sent(CLIENTS["requests"], here, "bound", call("POST", here.origin, content=file), follow=True)
    assert [b"sent"] * 2 == [message.body for message in here.requests]
    assert 2 == len({judged(message, here).nonce for message in here.requests})


@pytest.mark.parametrize("failure", [Answer(503), HANG_UP], ids=["status", "broken connection"])
@pytest.mark.parametrize("content", [None, b"{}", [b"one ", b"two"]], ids=["no body", "bytes", "iterable"])
def test_each_retry_of_requests_is_signed_anew(failure: Answer, content: Any, here: Wire) -> None:
    here.answers = [failure, failure, failure]
    attempt = call("POST", here.origin + "/orders", **({} if content is None else {"content": iter(content)}))
    if isinstance(content, bytes):
        attempt = call("POST", here.origin + "/orders", content=content)
    assert [200] == sent(CLIENTS["requests"], here, "bound", attempt, max_retries=retrying())
    assert 4 == len({judged(message, here).nonce for message in here.requests})
    assert 1 == len({message.body for message in here.requests})


def test_retries_of_requests_come_to_their_end_as_ever(here: Wire) -> None:
    here.answers = [Answer(503)] * 9
    with pytest.raises(requests.exceptions.RetryError):
        sent(CLIENTS["requests"], here, "bound", call("GET", here.origin), max_retries=retrying(2))
    assert 3 == len({judged(message, here).nonce for message in here.requests})


def test_retries_through_a_proxy_are_signed_anew(here: Wire) -> None:
    origin = "http://api.shop.example"
    here.answers = [Answer(503)]
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", sealgate.requests.Adapter(signer(), origin=origin, max_retries=retrying()))
        for _ in range(2):
            session.get(origin + "/a%20b", proxies={"http": here.origin})
    asked = [Message(message.method, "/a%20b", message.headers) for message in here.requests]
    assert 3 == len({reference.verify_rfc9421(m, RFC9421.ring, NOW, origin=origin).nonce for m in asked})


def test_without_an_adapter_retries_send_one_signature_again(here: Wire) -> None:
    """What `Auth` alone cannot help: urllib3 repeats what it was given, and a verifier refuses the replay."""
    here.answers = [Answer(503)]
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", HTTPAdapter(max_retries=retrying()))
        session.get(here.origin, auth=sealgate.requests.Auth(signer()))
    assert 1 == len({judged(message, here).nonce for message in here.requests})


@pytest.mark.parametrize("name", HTTPX)
def test_a_transport_around_ours_may_repeat(name: str, here: Wire) -> None:
    module, face = HTTPX[name].module, HTTPX[name].face

    class Repeats(module.BaseTransport):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def handle_request(self, request: Any) -> Any:
            while (response := self.inner.handle_request(request)).status_code == 503:
                response.read()
            return response

        def close(self) -> None:
            self.inner.close()

    here.answers = [Answer(503), Answer(503)]
    with module.Client(transport=Repeats(face.Transport(signer(), origin=here.origin)), trust_env=False) as client:
        assert 200 == client.post(here.origin, content=b"{}").status_code
    assert 3 == len({judged(message, here).nonce for message in here.requests})


@pytest.mark.parametrize("name", HTTPX)
def test_the_transport_inside_opens_and_closes_with_the_client(name: str) -> None:
    module, face = HTTPX[name].module, HTTPX[name].face
    told: list[str] = []

    class Inner(module.BaseTransport):  # type: ignore[misc, name-defined]
        def __enter__(self) -> Any:
            told.append("entered")
            return self

        def __exit__(self, *error: Any) -> None:
            told.append("left")

        def close(self) -> None:
            told.append("closed")

    with module.Client(transport=face.Transport(signer(), origin="https://a.example", transport=Inner())):
        pass
    module.Client(transport=face.Transport(signer(), origin="https://a.example", transport=Inner())).close()
    assert ["entered", "left", "closed"] == told


@pytest.mark.parametrize("name", HTTPX)
def test_the_async_transport_inside_opens_and_closes_with_the_client(name: str) -> None:
    module, face = HTTPX[name].module, HTTPX[name].face
    told: list[str] = []

    class Inner(module.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        async def __aenter__(self) -> Any:
            told.append("entered")
            return self

        async def __aexit__(self, *error: Any) -> None:
            told.append("left")

        async def aclose(self) -> None:
            told.append("closed")

    async def run() -> None:
        async with module.AsyncClient(
            transport=face.AsyncTransport(signer(), origin="https://a.example", transport=Inner())
        ):
            pass
        transport = face.AsyncTransport(signer(), origin="https://a.example", transport=Inner())
        await module.AsyncClient(transport=transport).aclose()

    asyncio.run(run())
    assert ["entered", "left", "closed"] == told
