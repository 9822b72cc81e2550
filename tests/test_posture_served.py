"""The posture of applications in real servers: what the server's own options say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from servers import Running, Server, serving

_GUNICORN = "-m gunicorn --bind 127.0.0.1:{port} --log-level warning"
_UVICORN = "-m uvicorn --host 127.0.0.1 --port {port} --log-level warning --no-access-log"
SERVERS = [
    Server("gunicorn-open", f"{_GUNICORN} --workers 2 --forwarded-allow-ips=* served_posture:app", ()),
    Server("gunicorn-closed", f"{_GUNICORN} -w 1 --forwarded-allow-ips 127.0.0.1 served_posture:app", ()),
    Server("uvicorn-open", f"{_UVICORN} --forwarded-allow-ips * served_posture:asgi", ()),
    Server("uvicorn-closed", f"{_UVICORN} served_posture:asgi", ()),
]
TOLD = {
    ("gunicorn-open", "P041"): ("bad", "gunicorn --forwarded-allow-ips admits anybody"),
    ("gunicorn-open", "P062"): ("bad", "<Verifier rfc9421> remembers in memory, and there is gunicorn with 2 workers"),
    ("gunicorn-closed", "P041"): ("ok", "gunicorn: nobody, or named addresses"),
    ("gunicorn-closed", "P062"): ("ok", "<Verifier rfc9421> remembers in memory"),
    ("uvicorn-open", "P041"): ("bad", "uvicorn --forwarded-allow-ips admits anybody"),
    ("uvicorn-open", "P062"): ("ok", "<Verifier rfc9421> remembers in memory"),
    ("uvicorn-closed", "P041"): ("ok", "uvicorn: nobody, or named addresses"),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    with serving(SERVERS, tmp_path_factory.mktemp("posture")) as started:
        yield started


def asked(run: Running) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", run.port, timeout=60)
    connection.request("GET", "/", headers={"Host": "api.shop.example"})
    told: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return told


@pytest.mark.parametrize(("name", "check"), TOLD, ids=repr)
def test_the_servers_options_are_seen(name: str, check: str, running: dict[str, Running]) -> None:
    state, evidence = asked(running[name])[f"sealgate.{check}"]
    assert TOLD[name, check] == (state, evidence[0])
