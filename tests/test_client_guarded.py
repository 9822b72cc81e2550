"""Clients and a service that sealgate guards, over real sockets: one signature is accepted once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from client_calls import retrying
from client_libraries import CLIENTS, call, each_client
from judged import KEY, KEY_ID
from sealgate import Signer, Verifier, schemes
from sealgate.wsgi import SignatureMiddleware


class Shop:
    """Guarded by sealgate, with a memory of nonces, on Python's own server. Answers by path."""

    def __init__(self) -> None:
        self.origin = ""
        self.failures = 0
        self.seen: list[tuple[str, str, bytes]] = []

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
