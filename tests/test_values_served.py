"""Sealed values and tokens over real sockets: no code of an application is given what nobody has proven."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

import envelope_reference as judge
import scope_reference
from sealgate import Envelope, Scope
from served_views import HOST, KEY, KEY_ID
from servers import SERVERS, Running, serving

_GUNICORN, _UVICORN = "gunicorn-gthread", "uvicorn-httptools"
_SERVED = [
    replace(
        SERVERS[_GUNICORN],
        command=SERVERS[_GUNICORN]
        .command.replace("served_wsgi:app", "served_values_wsgi:app")
        .replace("--workers 1", "--workers 4"),
    ),
    replace(SERVERS[_UVICORN], command=SERVERS[_UVICORN].command.replace("served_asgi:app", "served_values_asgi:app")),
]
#: Where a document goes to, and in what.
_PLACES: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "flask": (_GUNICORN, "/flask/orders", str),
    "flask, parsed": (_GUNICORN, "/flask/parsed", str),
    "django": (_GUNICORN, "/django/orders", str),
    "a form of django's": (_GUNICORN, "/django/form", lambda text: urlencode({"order": text})),
    "rest framework": (_GUNICORN, "/django/drf/orders", lambda text: f'{{"order": {text}}}'),
    "rest framework, many": (_GUNICORN, "/django/drf/many", lambda text: f'[{{"order": {text}}}]'),
    "rest framework, nested": (
        _GUNICORN,
        "/django/drf/nested",
        lambda text: f'{{"checkout": {{"order": {text}}}, "more": [{{"order": {text}}}]}}',
    ),
    "fastapi": (_UVICORN, "/orders", lambda text: f'{{"order": {text}}}'),
    "fastapi, many": (_UVICORN, "/many", lambda text: f'[{{"order": {text}}}]'),
    "fastapi, nested": (
        _UVICORN,
        "/nested",
        lambda text: f'{{"checkout": {{"order": {text}}}, "more": [{{"order": {text}}}]}}',
    ),
}
#: These are given what a parser has made of a text, which keeps the last of two members of one name.
_PARSED = {place for place in _PLACES if place.startswith(("rest", "fastapi")) or place.endswith("parsed")}
MARK = "UNPROVEN"
GOOD: dict[str, Any] = {"items": [{"sku": "a-1"}], "paid": {"kind": "card", "last": "1234"}, "sku": "b", "total": 7}
BAD = {**GOOD, "items": [{"sku": MARK}], "paid": {"kind": "card", "last": MARK}, "sku": MARK}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    with serving(_SERVED, tmp_path_factory.mktemp("values")) as running:
        yield running


def asked(run: Running, method: str, target: str, body: str | bytes | None = None) -> tuple[int, Any]:
    kind = "application/x-www-form-urlencoded" if target.endswith("/form") else "application/json"
    connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=60)
    try:
        body = body.encode() if isinstance(body, str) else body
        connection.request(method, target, body, {"Host": HOST, "Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def sent(started: dict[str, Running], place: str, text: str) -> tuple[int, list[dict[str, Any]]]:
    """The status, and what the application was given."""
    server, path, within = _PLACES[place]
    status, _ = asked(started[server], "POST", path, within(text))
    return status, started[server].news()


def sealed(
    payload: Any = GOOD, *, purpose: str = "order", ago: int = 0, key: bytes = KEY, **said: Any
) -> dict[str, Any]:
    """By the judge."""
    claims = judge.Sealed(KEY_ID, int(time.time()) - ago, None, "n" * 16)
    return judge.seal(payload, purpose, replace(claims, **said), key)


def _deep(levels: int) -> Any:
    return json.loads('{"a":' * levels + f'"{MARK}"' + "}" * levels)


def _token() -> str:
    said = scope_reference.Said(KEY_ID, int(time.time()), 60)
    return scope_reference.token_of(said, "order", "order", KEY)


_TEXTS: dict[str, Callable[[], str]] = {
    "another payload": lambda: json.dumps({**sealed(), "payload": BAD}),
    "the payload as a text": lambda: json.dumps({**sealed(), "payload": json.dumps(GOOD)}),
    "a text whose payload is an object": lambda: json.dumps({**sealed(json.dumps(BAD)), "payload": BAD}),
    "a payload in a list": lambda: json.dumps({**sealed(), "payload": [GOOD, BAD]}),
    "the payload alone": lambda: json.dumps(BAD),
    "no signature": lambda: json.dumps({"payload": BAD}),
    "a signature that is nothing": lambda: json.dumps({"payload": BAD, "signature": None}),
    "a signature that is a list": lambda: json.dumps({"payload": BAD, "signature": [sealed()["signature"]]}),
    "an empty signature": lambda: json.dumps({"payload": BAD, "signature": ""}),
    "a member more": lambda: json.dumps({**sealed(), "extra": BAD}),
    "names in another case": lambda: json.dumps({"Payload": BAD, "Signature": sealed()["signature"]}),
    "a document in a text": lambda: json.dumps(json.dumps(sealed())),
    "a document in a list": lambda: json.dumps([sealed(BAD, key=b"?" * 32)]),
    "nothing": lambda: "null",
    "for another purpose": lambda: json.dumps(sealed(BAD, purpose="refund")),
    "for one use": lambda: json.dumps(sealed(BAD, purpose="order once")),
    "by another key": lambda: json.dumps(sealed(BAD, key=b"another key of thirty-two octets")),
    "by an unknown key id": lambda: json.dumps(sealed(BAD, key_id="nobody")),
    "too old": lambda: json.dumps(sealed(BAD, ago=400)),
    "from the future": lambda: json.dumps(sealed(BAD, ago=-400)),
    "ended": lambda: json.dumps(sealed(BAD, ago=10, expires=int(time.time()) - 5)),
    "a token for its signature": lambda: json.dumps({"payload": BAD, "signature": _token()}),
    "deeper than 128 levels": lambda: json.dumps({**sealed(), "payload": _deep(300)}),
}
_LARGE: dict[str, Callable[[], str]] = {
    "200,000 members": lambda: json.dumps({**sealed(), **{f"m{n}": MARK for n in range(200_000)}}),
    "a payload of 200,000 members": lambda: json.dumps({**sealed(), "payload": {f"m{n}": 1 for n in range(200_000)}}),
}
_TWICE: dict[str, Callable[[], str]] = {
    "the payload twice": lambda: json.dumps(sealed()).replace("{", f'{{"payload": {json.dumps(BAD)}, ', 1),
    "in another spelling": lambda: json.dumps(sealed()).replace("{", f'{{"p\\u0061yload": {json.dumps(BAD)}, ', 1),
    "the signature twice": lambda: json.dumps(sealed()).replace("{", '{"signature": "x", ', 1),
    "a member of the payload": lambda: json.dumps(sealed()).replace('"total"', f'"total": "{MARK}", "total"', 1),
}


@pytest.mark.parametrize("case", _TEXTS)
@pytest.mark.parametrize("place", _PLACES)
def test_nothing_of_an_application_sees_what_is_not_proven(started: dict[str, Running], place: str, case: str) -> None:
    status, seen = sent(started, place, _TEXTS[case]())
    assert (400 if place.startswith("rest") else 401, []) == (status, seen)


@pytest.mark.parametrize("case", _LARGE)
@pytest.mark.parametrize("place", ["flask", "rest framework", "fastapi"])
def test_large_documents_are_refused_like_small_ones(started: dict[str, Running], place: str, case: str) -> None:
    status, seen = sent(started, place, _LARGE[case]())
    assert (400 if place.startswith("rest") else 401, []) == (status, seen)


@pytest.mark.parametrize("place", _PLACES)
def test_what_is_proven_is_seen_in_any_order_of_members(started: dict[str, Running], place: str) -> None:
    for document in (sealed(), dict(reversed(sealed().items())), sealed(dict(reversed(GOOD.items())))):
        status, seen = sent(started, place, json.dumps(document))
        assert (200, "view") == (status, seen[-1]["where"])
        assert {json.dumps(7)} <= {json.dumps(leaf) for each in seen for leaf in _leaves(each["saw"])}
        assert {leaf for each in seen for leaf in _leaves(each["saw"])} <= {*_leaves(GOOD), None}


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)
    else:
        yield value


@pytest.mark.parametrize("case", _TWICE)
@pytest.mark.parametrize("place", _PLACES)
def test_of_what_occurs_twice_only_the_proven_one_is_seen(started: dict[str, Running], place: str, case: str) -> None:
    """A parser drops one before we are asked; what reads the text refuses."""
    status, seen = sent(started, place, _TWICE[case]())
    assert (200 if place in _PARSED else 401) == status
    assert MARK not in json.dumps(seen)
    assert (place in _PARSED) == bool(seen)


_BYTES = {
    "octets that are no UTF-8": b'{"payload": "\xff", "signature": "x"}',
    "UTF-16": json.dumps({"payload": BAD, "signature": "x"}).encode("utf-16"),
    "nothing": b"",
    "half a document": b'{"payload": {"sku": "UNPROVEN"}, ',
    "100,000 levels": b'{"payload": ' + b"[" * 100_000 + b"]" * 100_000 + b', "signature": "x"}',
}


@pytest.mark.parametrize("case", _BYTES)
@pytest.mark.parametrize("place", ["flask", "django"])
def test_any_octets_are_refused_where_the_body_is_opened_as_it_came(
    started: dict[str, Running], place: str, case: str
) -> None:
    server, path, _ = _PLACES[place]
    assert 401 == asked(started[server], "POST", path, _BYTES[case])[0]
    assert [] == started[server].news()


@pytest.mark.parametrize(
    ("server", "path"),
    [(_GUNICORN, "/flask/once"), (_GUNICORN, "/django/once"), (_GUNICORN, "/django/drf/once"), (_UVICORN, "/once")],
)
def test_of_eight_at_one_moment_one_is_opened_by_all_workers_together(
    started: dict[str, Running], server: str, path: str
) -> None:
    run = started[server]
    document = Envelope("order once", keys={KEY_ID: KEY}).seal(GOOD)
    body = json.dumps({"order": document} if "drf" in path else document)

    def until_it_is_told(_: int) -> int:
        """On a machine that stands still the file of what was used up does not answer in time, which is no verdict."""
        while (status := asked(run, "POST", path, body)[0]) == 503:
            time.sleep(0.1)
        return status

    with ThreadPoolExecutor(8) as clients:
        statuses = list(clients.map(until_it_is_told, range(8)))
    assert [200, *[400 if "drf" in path else 401] * 7] == sorted(statuses)
    assert 1 == sum(record["where"] == "view" for record in run.news())


_FILES = [(_GUNICORN, "/flask"), (_GUNICORN, "/django"), (_UVICORN, "")]
_SCOPE = Scope("download:file", keys={KEY_ID: KEY})


@pytest.mark.parametrize(("server", "at"), _FILES)
def test_a_token_is_for_one_file_for_a_time(started: dict[str, Running], server: str, at: str) -> None:
    run, text = started[server], _SCOPE.token("doc-123")
    assert 200 == asked(run, "GET", f"{at}/files/doc-123?token={text}")[0]
    assert "doc-123" == run.news()[-1]["saw"]
    old = Scope("download:file", keys={KEY_ID: KEY}, clock=lambda: time.time() - 100)
    other_key = Scope("download:file", keys={KEY_ID: b"another key of thirty-two octets"})
    for name, token in {
        "doc-124": text,
        "doc-1234": text,
        "..%2fdoc-123": text,
        "doc-123%00": text,
        "doc-123": Scope("upload:file", keys={KEY_ID: KEY}).token("doc-123"),
        "doc-12": old.token("doc-12"),
        "doc-1": other_key.token("doc-1"),
        "doc": str(sealed("doc", purpose="download:file")["signature"]),
        "do": text + "A",
        "d": "",
    }.items():
        assert 401 == asked(run, "GET", f"{at}/files/{name}?token={token}")[0] or "%" in name
    assert [] == run.news()


@pytest.mark.parametrize(("server", "at"), _FILES)
def test_a_token_for_one_use_is_used_once_by_all_workers_together(
    started: dict[str, Running], server: str, at: str
) -> None:
    run, target = started[server], f"{at}/files/doc-123?token={_SCOPE.token('doc-123', once=True)}"
    with ThreadPoolExecutor(8) as clients:
        statuses = list(clients.map(lambda _: asked(run, "GET", target)[0], range(8)))
    assert [200, *[401] * 7] == sorted(statuses)
    assert ["doc-123"] == [record["saw"] for record in run.news()]
