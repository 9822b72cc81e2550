"""Handshakes on real servers: what goes over the wire, and one arming for the processes of a host."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handshake_probes import PROVIDERS, SECRET, Asked, asana_post, mac, slack, twitch, zoom
from reference import Message
from sealgate.handshakes import FileArming
from servers import SERVERS, Running, serving

_SERVED = [
    replace(SERVERS[name], command=SERVERS[name].command.replace(application, f"served_handshakes:{interface}"))
    for name, application, interface in (
        ("gunicorn-gthread", "served_wsgi:app", "wsgi"),
        ("uvicorn-h11", "served_asgi:app", "asgi"),
    )
]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Running], Path]]:
    directory = tmp_path_factory.mktemp("handshakes")
    with serving(_SERVED, directory) as running:
        yield running, directory


@pytest.fixture(params=[server.name for server in _SERVED])
def served(request: pytest.FixtureRequest, started: tuple[dict[str, Running], Path]) -> tuple[Running, Path]:
    running, directory = started
    return running[request.param], directory / request.param


def sent(run: Running, name: str, message: Message) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=30)
    try:
        target = message.target.replace("/hook", f"/{name}", 1)
        connection.request(message.method, target, message.body or None, dict(message.headers))
        answer = connection.getresponse()
        return answer.status, answer.read(), {key.lower(): value for key, value in answer.getheaders()}
    finally:
        connection.close()


def anew(asked: Asked) -> Message:
    """The probe, made now."""
    sign = {"slack": slack, "twitch": twitch, "zoom": zoom}.get(asked.name)
    return asked.probe if sign is None else sign(asked.probe.body, at=int(time.time()))


@pytest.mark.parametrize("name", sorted(PROVIDERS.keys() - {"asana"}))
def test_probe_is_answered_on_the_wire(served: tuple[Running, Path], name: str) -> None:
    asked = PROVIDERS[name]
    media_type, content, _ = asked.told
    status, body, fields = sent(served[0], name, anew(asked))
    assert (200, content, media_type) == (status, body, fields["content-type"])
    assert ("nosniff", "no-store") == (fields["x-content-type-options"], fields["cache-control"])
    refused = sent(served[0], name, replace(asked.delivery, headers=()))
    assert (401, "application/problem+json") == (refused[0], refused[2]["content-type"])


def test_key_of_asana_comes_while_an_operator_waits_for_it(served: tuple[Running, Path]) -> None:
    run, directory = served
    assert 401 == sent(run, "asana", asana_post(SECRET))[0]
    FileArming(directory / "armed").arm(60)
    status, body, fields = sent(run, "asana", asana_post(SECRET))
    assert (200, b"", SECRET) == (status, body, fields["x-hook-secret"])
    assert [401, 401] == [sent(run, "asana", asana_post(secret))[0] for secret in (SECRET, "x" * 32)]
    body = PROVIDERS["asana"].delivery.body
    signed = Message("POST", "/hook", [("X-Hook-Signature", mac(body, SECRET.encode()).hex())], body)
    assert (200, b"ran") == sent(run, "asana", signed)[:2]
