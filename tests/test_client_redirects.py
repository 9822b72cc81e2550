"""A signature is sent once: what `Auth` signed is dropped on a redirect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests

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
    signed_body,
)
from client_libraries import CLIENTS, HTTPX, call, each_client, each_httpx, sent, signer
from judged import KEY
from sealgate import ConfigurationError, Signer, schemes
from wire import Answer, Wire, redirect, serving


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
def test_auth_is_dropped_on_a_redirect_to_the_same_origin(client: Any, status: int, method: str, here: Wire) -> None:
    here.answers = [redirect(status, "/moved")]
    assert [200] == sent(client, here, "auth", order(method, here), follow=True)
    first, second = here.requests
    judged(first, here)
    assert ("/moved", set(), "mine") == (second.target, names_of(second) & SIGNED, second.one("x-own"))


@each_method
@each_status
@each_client
def test_auth_is_dropped_on_a_redirect_to_another_origin(
    client: Any, status: int, method: str, here: Wire, there: Wire
) -> None:
    here.answers = [redirect(status, there.origin + "/moved")]
    assert [200] == sent(client, here, "auth", order(method, here), follow=True)
    assert ("/moved", set()) == (there.only.target, names_of(there.only) & SIGNED)


@pytest.mark.parametrize("status", [307, 308])
@each_client
def test_the_body_and_its_type_go_on_without_the_signature(client: Any, status: int, here: Wire, there: Wire) -> None:
    here.answers = [redirect(status, there.origin + "/moved")]
    sent(client, here, "auth", order("POST", here), follow=True)
    assert (b'{"total": 1}', "text/x") == (there.only.body, there.only.one("content-type"))


@pytest.mark.parametrize("hops", [2, 5])
@each_client
def test_auth_stays_dropped_on_the_way(client: Any, hops: int, here: Wire, there: Wire) -> None:
    here.answers = [redirect(307, "/moved")] * hops
    sent(client, here, "auth", order("POST", here), follow=True)
    assert [True, *[False] * hops] == [bool(names_of(message) & SIGNED) for message in here.requests]


@each_client
def test_no_other_field_that_a_scheme_adds_is_sent_again(client: Any, here: Wire, there: Wire) -> None:
    by = Signer(schemes.SLACK, key=KEY)
    here.answers = [redirect(307, there.origin + "/moved")]
    sent(client, here, "auth", call("POST", here.origin + "/", content=b"{}"), by=by, follow=True)
    assert {"x-slack-request-timestamp", "x-slack-signature"} <= names_of(here.only)
    assert set() == {name for name in names_of(there.only) if name.startswith("x-slack")}


@each_client
def test_host_is_that_of_the_hop(client: Any, here: Wire, there: Wire) -> None:
    by = Signer(schemes.canonical_request(), key=KEY)  # which adds Host where the client leaves it to the connection
    here.answers = [redirect(302, there.origin + "/moved")]
    sent(client, here, "auth", call("GET", here.origin + "/"), by=by, follow=True)
    assert there.origin == "http://" + str(there.only.one("host"))


@each_client
def test_auth_that_is_not_followed_is_answered_as_it_came(client: Any, here: Wire) -> None:
    here.answers = [redirect(307, "/moved")]
    assert [307] == sent(client, here, "auth", order("POST", here))
    judged(here.only, here)


@pytest.mark.parametrize("name", HTTPX)
def test_the_next_request_of_httpx_is_unsigned(name: str, here: Wire) -> None:
    module, face = HTTPX[name].module, HTTPX[name].face
    here.answers = [redirect(307, "/moved")]
    with module.Client(trust_env=False, verify=False) as client:
        response = client.post(here.origin + "/", content=b"{}", auth=face.Auth(signer()))
        assert set() == set(response.next_request.headers) & SIGNED
        assert SIGNED <= set(response.request.headers)
        client.send(response.next_request, auth=face.Auth(signer()))
    assert 2 == len({judged(message, here).nonce for message in here.requests})


def test_the_next_request_of_requests_is_unsigned(here: Wire) -> None:
    here.answers = [redirect(307, "/moved")]
    with requests.Session() as session:
        session.trust_env = False
        response = session.post(here.origin, data=b"{}", auth=sealgate.requests.Auth(signer()), allow_redirects=False)
        assert response.next is not None
        assert set() == {name.lower() for name in response.next.headers} & SIGNED


@each_httpx
def test_a_request_that_is_sent_again_is_signed_anew(client: Any, here: Wire) -> None:
    module, face = client.module, client.face
    with module.Client(trust_env=False, verify=False) as session:
        request = session.build_request("POST", here.origin + "/", content=b"{}")
        for _ in range(2):
            session.send(request, auth=face.Auth(signer()))
    assert 2 == len({judged(message, here).nonce for message in here.requests})


@each_httpx
def test_what_was_signed_twice_is_dropped_whole(client: Any, here: Wire) -> None:
    module, face = client.module, client.face
    here.answers = [Answer(), redirect(307, "/moved")]
    with module.Client(trust_env=False, verify=False, follow_redirects=True) as session:
        request = session.build_request("POST", here.origin + "/", content=b"{}")
        for _ in range(2):
            session.send(request, auth=face.Auth(signer()))
    assert [SIGNED, SIGNED, set()] == [names_of(message) & SIGNED for message in here.requests]


@each_httpx
def test_what_hooks_of_httpx_write_later_is_sent(client: Any, here: Wire) -> None:
    """Event hooks run after `Auth`, and read and write the fields of the request."""

    def hook(request: Any) -> None:
        assert "signature" in request.headers
        assert {"signature", "x-own"} <= dict(request.headers.multi_items()).keys()
        request.headers["X-Own"] = "later"
        request.headers.update({"X-Trace": "1"})
        del request.headers["X-Gone"]

    here.answers = [redirect(307, "/moved")]
    with client.module.Client(trust_env=False, verify=False, follow_redirects=True) as session:
        session.event_hooks = {"request": [lambda request: hook(request) if not here.requests else None]}
        fields = {"X-Own": "mine", "X-Gone": "yes"}
        session.get(here.origin + "/", headers=fields, auth=client.face.Auth(signer()))
    assert [("later", "1", None)] * 2 == [tuple(map(m.one, ("x-own", "x-trace", "x-gone"))) for m in here.requests]
    assert [True, False] == [bool(names_of(message) & SIGNED) for message in here.requests]


@each_httpx
def test_a_signature_can_be_taken_off_by_hand(client: Any) -> None:
    request = client.module.Request("GET", "https://api.shop.example/")
    next(client.face.Auth(signer()).auth_flow(request))
    del request.headers["Signature"]
    assert ["host", "signature-input"] == list(request.headers)
    assert 2 == len(request.headers)


@pytest.mark.parametrize("name", HTTPX)
def test_a_release_that_would_send_the_signature_again_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """How `Headers` copies another is its own affair, so it is asked."""
    face, module = HTTPX[name].face, HTTPX[name].module

    class CopiesAll(module.Headers):  # type: ignore[misc, name-defined]
        def __init__(self, given: Any = None) -> None:
            super().__init__(given.raw if isinstance(given, module.Headers) else given)

    monkeypatch.setattr(face._Fields, "plain", CopiesAll)
    with pytest.raises(ConfigurationError, match="this release of the client"):
        face.Auth(signer())


def test_a_body_with_a_signature_is_taken_back_on_a_redirect(here: Wire, there: Wire) -> None:
    here.answers = [redirect(307, there.origin + "/moved")]
    sent(CLIENTS["requests"], here, "auth", enclosed(here.origin), by=in_the_body(), follow=True)
    assert (signed_body(), ENVELOPE) == (here.only.body, there.only.body)
    assert str(len(ENVELOPE)) == there.only.one("content-length")


def test_a_transport_in_process_drops_it_as_well() -> None:
    """Nothing of this depends on sockets: what Starlette's test client and mocks do is the same."""
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append("signature" in request.headers)
        return httpx.Response(307, headers={"Location": "/moved"}) if len(seen) == 1 else httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as client:
        client.post("https://api.shop.example/", content=b"{}", auth=sealgate.httpx.Auth(signer()))
    assert [True, False] == seen
