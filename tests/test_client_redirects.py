"""A signature is sent once: what `Auth` signed is dropped on a redirect; a bound transport signs each hop and retry anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

import reference
import sealgate.httpx
import sealgate.requests
from client_libraries import CLIENTS, HTTPX, call, each_client, each_httpx, sent, signer
from judged import KEY, KEY_ID, NOW, RFC9421
from reference import Message
from sealgate import ConfigurationError, Signer, Verifier, schemes
from sealgate.wsgi import SignatureMiddleware
from test_clients import ENVELOPE, enclosed, in_the_body, judged, signed_body
from wire import HANG_UP, Answer, Wire, redirect, serving

SIGNED = {"signature", "signature-input", "content-digest"}


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


def names_of(message: Message) -> set[str]:
    return {name.lower() for name, _ in message.headers}


each_status = pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
each_method = pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])


def order(method: str, wire: Wire) -> Any:
    body = {"content": b'{"total": 1}'} if method == "POST" else {}
    return call(method, wire.origin + "/orders?a=1", headers={"X-Own": "mine", "Content-Type": "text/x"}, **body)


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
    library, face = HTTPX[name].library, HTTPX[name].face
    here.answers = [redirect(307, "/moved")]
    with library.Client(trust_env=False, verify=False) as client:
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
    library, face = client.library, client.face
    with library.Client(trust_env=False, verify=False) as session:
        request = session.build_request("POST", here.origin + "/", content=b"{}")
        for _ in range(2):
            session.send(request, auth=face.Auth(signer()))
    assert 2 == len({judged(message, here).nonce for message in here.requests})


@each_httpx
def test_what_was_signed_twice_is_dropped_whole(client: Any, here: Wire) -> None:
    library, face = client.library, client.face
    here.answers = [Answer(), redirect(307, "/moved")]
    with library.Client(trust_env=False, verify=False, follow_redirects=True) as session:
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
    with client.library.Client(trust_env=False, verify=False, follow_redirects=True) as session:
        session.event_hooks = {"request": [lambda request: hook(request) if not here.requests else None]}
        fields = {"X-Own": "mine", "X-Gone": "yes"}
        session.get(here.origin + "/", headers=fields, auth=client.face.Auth(signer()))
    assert [("later", "1", None)] * 2 == [tuple(map(m.one, ("x-own", "x-trace", "x-gone"))) for m in here.requests]
    assert [True, False] == [bool(names_of(message) & SIGNED) for message in here.requests]


@each_httpx
def test_a_signature_can_be_taken_off_by_hand(client: Any) -> None:
    request = client.library.Request("GET", "https://api.shop.example/")
    next(client.face.Auth(signer()).auth_flow(request))
    del request.headers["Signature"]
    assert ["host", "signature-input"] == list(request.headers)
    assert 2 == len(request.headers)


@pytest.mark.parametrize("name", HTTPX)
def test_a_release_that_would_send_the_signature_again_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """How `Headers` copies another is its own affair, so it is asked."""
    face, library = HTTPX[name].face, HTTPX[name].library

    class CopiesAll(library.Headers):  # type: ignore[misc, name-defined]
        def __init__(self, given: Any = None) -> None:
            super().__init__(given.raw if isinstance(given, library.Headers) else given)

    monkeypatch.setattr(face._Fields, "plain", CopiesAll)
    with pytest.raises(ConfigurationError, match="this release of the client"):
        face.Auth(signer())


def test_a_body_with_a_signature_is_taken_back_on_a_redirect(here: Wire, there: Wire) -> None:
    here.answers = [redirect(307, there.origin + "/moved")]
    sent(CLIENTS["requests"], here, "auth", enclosed(here.origin), by=in_the_body(), follow=True)
    assert (signed_body(), ENVELOPE) == (here.only.body, there.only.body)
    assert str(len(ENVELOPE)) == there.only.one("content-length")


# --- bound to an origin ----------------------------------------------------------------------------------------------


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
def test_a_redirect_to_another_scheme_or_name_of_the_same_host_is_unsigned(client: Any, here: Wire) -> None:
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


def retrying(times: int = 3) -> Retry:
    return Retry(times, backoff_factor=0, status_forcelist=[503], allowed_methods=None)


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
    library, face = HTTPX[name].library, HTTPX[name].face

    class Repeats(library.BaseTransport):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def handle_request(self, request: Any) -> Any:
            while (response := self.inner.handle_request(request)).status_code == 503:
                response.read()
            return response

        def close(self) -> None:
            self.inner.close()

    here.answers = [Answer(503), Answer(503)]
    with library.Client(transport=Repeats(face.Transport(signer(), origin=here.origin)), trust_env=False) as client:
        assert 200 == client.post(here.origin, content=b"{}").status_code
    assert 3 == len({judged(message, here).nonce for message in here.requests})


@pytest.mark.parametrize("name", HTTPX)
def test_the_transport_inside_opens_and_closes_with_the_client(name: str) -> None:
    library, face = HTTPX[name].library, HTTPX[name].face
    told: list[str] = []

    class Inner(library.BaseTransport):  # type: ignore[misc, name-defined]
        def __enter__(self) -> Any:
            told.append("entered")
            return self

        def __exit__(self, *error: Any) -> None:
            told.append("left")

        def close(self) -> None:
            told.append("closed")

    with library.Client(transport=face.Transport(signer(), origin="https://a.example", transport=Inner())):
        pass
    library.Client(transport=face.Transport(signer(), origin="https://a.example", transport=Inner())).close()
    assert ["entered", "left", "closed"] == told


@pytest.mark.parametrize("name", HTTPX)
def test_the_async_transport_inside_opens_and_closes_with_the_client(name: str) -> None:
    library, face = HTTPX[name].library, HTTPX[name].face
    told: list[str] = []

    class Inner(library.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        async def __aenter__(self) -> Any:
            told.append("entered")
            return self

        async def __aexit__(self, *error: Any) -> None:
            told.append("left")

        async def aclose(self) -> None:
            told.append("closed")

    async def run() -> None:
        async with library.AsyncClient(
            transport=face.AsyncTransport(signer(), origin="https://a.example", transport=Inner())
        ):
            pass
        transport = face.AsyncTransport(signer(), origin="https://a.example", transport=Inner())
        await library.AsyncClient(transport=transport).aclose()

    asyncio.run(run())
    assert ["entered", "left", "closed"] == told


# --- guarded ---------------------------------------------------------------------------------------------------------


class Shop:
    """Guarded by sealgate, with a memory of nonces, on Python's own server. Answers by path."""

    def __init__(self) -> None:
        self.origin = ""
        self.failures = 0
        self.seen: list[tuple[str, str, bytes]] = []
        self.refused = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        self.seen.append((method, path, environ["wsgi.input"].read()))
        if path == "/old":
            start_response("307 Temporary Redirect", [("Location", "/new"), ("Content-Length", "0")])
        elif self.failures:
            self.failures -= 1
            start_response("503 Service Unavailable", [("Content-Length", "0")])
        else:
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]
        return [b""]


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def guarded() -> Iterator[Shop]:
    shop = Shop()
    app: list[Callable[..., Any]] = []
    with make_server("127.0.0.1", 0, lambda e, s: app[0](e, s), handler_class=Quiet) as server:
        shop.origin = f"http://127.0.0.1:{server.server_port}"
        app.append(SignatureMiddleware(shop, Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=shop.origin)))
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield shop
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("how", ["auth", "bound"])
@each_client
def test_a_guarded_service_accepts_it(client: Any, how: str) -> None:
    by = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID)
    with guarded() as shop:
        given: dict[str, Any] = {"auth": by} if how == "auth" else {"bound": (by, shop.origin)}
        calls = [call("POST", shop.origin + "/orders?dry=1", json={"total": 1}), call("GET", shop.origin + "/orders")]
        assert [200, 200] == client.send(*calls, **given)
        assert [{"total": 1}] == [json.loads(body) for method, _, body in shop.seen if method == "POST"]
        assert [401] == client.send(calls[0])


@each_client
def test_a_guarded_service_accepts_each_hop_of_a_bound_transport_and_no_second_one_of_auth(client: Any) -> None:
    by = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID)
    with guarded() as shop:
        moved = call("POST", shop.origin + "/old", content=b"{}")
        assert [200] == client.send(moved, bound=(by, shop.origin), follow=True)
        assert [("POST", "/old", b"{}"), ("POST", "/new", b"{}")] == shop.seen
        assert [401] == client.send(moved, auth=by, follow=True)


def test_a_guarded_service_that_fails_first_accepts_the_retry_of_requests() -> None:
    by = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID)
    with guarded() as shop:
        shop.failures = 2
        attempt = call("POST", shop.origin + "/orders", json={"total": 1})
        assert [200] == CLIENTS["requests"].send(attempt, bound=(by, shop.origin), max_retries=retrying())
        assert 3 == len(shop.seen)


def test_a_transport_in_process_drops_it_as_well() -> None:
    """Nothing of this depends on sockets: what Starlette's test client and mocks do is the same."""
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append("signature" in request.headers)
        return httpx.Response(307, headers={"Location": "/moved"}) if len(seen) == 1 else httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as client:
        client.post("https://api.shop.example/", content=b"{}", auth=sealgate.httpx.Auth(signer()))
    assert [True, False] == seen
