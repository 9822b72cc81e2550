"""Links over real sockets, below a prefix and behind a proxy: the origin is the configured one, the target the raw one."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from sealgate import Signer, schemes
from served_views import HOST, KEY, KEY_ID, ORIGIN
from servers import SERVERS, Running, serving

_SERVED = [
    replace(SERVERS[name], command=SERVERS[name].command.replace(application, f"served_links:{interface}"))
    for name, application, interface in (
        ("gunicorn-gthread", "served_wsgi:app", "wsgi"),
        ("uvicorn-h11", "served_asgi:app", "asgi"),
        ("uvicorn-httptools", "served_asgi:app", "asgi"),
    )
]
_FILE = f"{ORIGIN}/shop/files/a%20b?x=%2F"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    with serving(_SERVED, tmp_path_factory.mktemp("links")) as running:
        yield running


@pytest.fixture(params=[server.name for server in _SERVED])
def served(request: pytest.FixtureRequest, started: dict[str, Running]) -> Running:
    return started[request.param]


def target(*, once: bool = False, ago: float = 0, url: str = _FILE) -> str:
    clock = time.time() - ago
    signer = Signer(schemes.signed_url(once=once), key=KEY, key_id=KEY_ID, clock=lambda: clock)
    return signer.sign_url(url).removeprefix(ORIGIN)


def asked(run: Running, target: str, method: str = "GET", body: bytes | None = None, **fields: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, target, body, {"Host": HOST, **named})
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, text if answer.status == 200 else ""
    finally:
        connection.close()


def test_a_link_opens_what_it_names_below_a_prefix_and_behind_a_proxy(served: Running) -> None:
    link = target()
    proxied = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "http", "X_Forwarded_Prefix": "/other"}
    assert [(200, "a b / signed-url")] * 3 == [asked(served, link), asked(served, link), asked(served, link, **proxied)]


HOSTILE = {
    "unsigned": "/shop/files/a%20b?x=%2F",
    "ended": target(ago=61),
    "of another path": target().replace("a%20b", "a%20c"),
    "in another spelling of the path": target().replace("a%20b", "%61%20b"),
    "of the path above": target().replace("/shop/files/", "/shop/../shop/files/"),
    "in another spelling of the query": target().replace("%2F", "/"),
    "a parameter more": target().replace("?x", "?x=1&x"),
    "an alias": target().replace("&signature", "&%73ignature=a&signature"),
    "without the prefix": target(url=f"{ORIGIN}/files/a%20b?x=%2F").replace("/files", "/shop/files"),
    "of another origin": target(url="https://evil.example/shop/files/a%20b?x=%2F").removeprefix("https://evil.example"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_no_other_link_opens_it(served: Running, case: str) -> None:
    assert (401, "") == asked(served, HOSTILE[case])


def test_a_link_to_read_is_none_to_write_and_none_with_a_body(served: Running) -> None:
    link = target()
    assert [401, 401, 401] == [asked(served, link, *how)[0] for how in (("HEAD",), ("DELETE",), ("GET", b"{}"))]
    assert 400 == asked(served, link, Host="evil.example")[0]


def test_a_link_that_is_good_once_is_good_once_of_eight_at_one_moment(served: Running) -> None:
    link = target(once=True)
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: asked(served, link), range(8)))
    assert [(200, "a b / signed-url-once"), *[(401, "")] * 7] == sorted(answers)
