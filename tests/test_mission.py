"""What the mission's five articles ask for: a client in ten lines of the standard library, against each framework.

What a signature covers cannot be changed; what it does not cover is what `weaknesses()` says, and is shown.
"""

from __future__ import annotations

import hmac
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import fastapi
import flask
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from fastapi import Request as FastAPIRequest

import django_project  # noqa: F401  configures Django
import sealgate.fastapi
import sealgate.flask
from asgi_client import ask, scope_of, whole
from judged import KEY
from reference import Message
from sealgate import Scheme, Verifier, schemes
from wsgi_client import call, environ_of

HOST = ("Host", "api.shop.example")
JSON = ("Content-Type", "application/json")
DOCUMENT = str(uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF, version=4))
OTHER = str(uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDE0, version=4))


def mac(text: str) -> str:
    """All that the articles' clients do."""
    return hmac.new(KEY, text.encode(), "sha256").hexdigest()


def sorted_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Mission:
    """`covered`: changes that are refused. `uncovered`: by weakness, changes that are accepted; None: refused all the
    same, since what acts must be covered. `reads`: what the view is handed."""

    scheme: Scheme
    message: Message
    covered: dict[str, Callable[[Message], Message]]
    uncovered: dict[str, Callable[[Message], Message] | None] = field(default_factory=dict)
    reads: bytes = b""


def to(target: str) -> Callable[[Message], Message]:
    return lambda message: replace(message, target=target)


def by(method: str) -> Callable[[Message], Message]:
    return lambda message: replace(message, method=method)


def saying(body: bytes) -> Callable[[Message], Message]:
    return lambda message: replace(message, body=body)


def with_fields(**fields: str | None) -> Callable[[Message], Message]:
    """Fields by name, `_` for `-`; None takes one away."""
    given = {name.replace("_", "-").lower(): value for name, value in fields.items()}

    def change(message: Message) -> Message:
        kept = [(name, value) for name, value in message.headers if name.lower() not in given]
        return replace(message, headers=[*kept, *((name, value) for name, value in given.items() if value is not None)])

    return change


def same(message: Message) -> Message:
    return message


ANOTHER_HOST = with_fields(host="evil.example")
ORDER = {"total": 1, "id": "ü"}
_BODY_ONLY: dict[str, Callable[[Message], Message] | None] = {
    "method-not-covered": by("PUT"),
    "target-not-covered": to("/other"),
    "query-not-covered": None,
    "audience": ANOTHER_HOST,
    "no-time": same,
}


def posted(body: str, header: str, signature: str, target: str = "/orders") -> Message:
    return Message("POST", target, [HOST, JSON, (header, signature)], body.encode())


def canonical_request() -> Message:
    text = f"POST\n/orders\n{HOST[1]}\n{JSON[1]}\na=0&a=1&b=2\n{sorted_json(ORDER)}"
    return posted(sorted_json(ORDER), "X-Signature", mac(text), "/orders?b=2&a=0&a=1")


MISSIONS = {
    "M2 hex HMAC of the raw body": Mission(
        schemes.body("X-Signature"),
        posted('{"total": 1}', "X-Signature", mac('{"total": 1}')),
        {
            "body": saying(b'{"total": 2}'),
            "layout": saying(b'{"total":1}'),
            "no signature": with_fields(x_signature=None),
            "no body": saying(b""),
        },
        _BODY_ONLY,
        b'{"total": 1}',
    ),
    "M6, M7 sorted JSON": Mission(
        schemes.canonical_json("X-API-Signature", form="pyjson"),
        posted(json.dumps(ORDER, indent=2), "X-API-Signature", mac(sorted_json(ORDER))),
        {
            "body": saying(b'{"total": 2, "id": "\xc3\xbc"}'),
            "a member": saying(b'{"total": 1, "id": "\xc3\xbc", "admin": true}'),
            "a name twice": saying(b'{"total": 1, "id": "\xc3\xbc", "total": 1}'),
            "type": with_fields(content_type="application/x-www-form-urlencoded"),
            "no signature": with_fields(x_api_signature=None),
        },
        {**_BODY_ONLY, "lossy-transform": saying(b'{"id":"\xc3\xbc","total":1}')},
        sorted_json(ORDER).encode(),
    ),
    "M10 a model of data and hmac": Mission(
        schemes.envelope("/data", "/hmac"),
        Message("POST", "/orders", [HOST, JSON], sorted_json({"data": {"a": 1}, "hmac": mac('{"a":1}')}).encode()),
        {
            "data": saying(sorted_json({"data": {"a": 2}, "hmac": mac('{"a":1}')}).encode()),
            "no hmac": saying(b'{"data": {"a": 1}}'),
            "no data": saying(sorted_json({"hmac": mac('{"a":1}')}).encode()),
            "not JSON": saying(b"data=1"),
        },
        {
            **_BODY_ONLY,
            "lossy-transform": saying(sorted_json({"data": {"a": 1}, "hmac": mac('{"a":1}'), "admin": True}).encode()),
        },
        b'{"data":{"a":1}}',
    ),
    "M14 canonical request": Mission(
        schemes.canonical_request("X-Signature"),
        canonical_request(),
        {
            "method": by("PUT"),
            "path": to("/other?b=2&a=0&a=1"),
            "query": to("/orders?b=2&a=0&a=2"),
            "no query": to("/orders"),
            "host": ANOTHER_HOST,
            "type": with_fields(content_type="text/plain"),
            "no type": with_fields(content_type=None),
            "body": saying(b'{"total": 2}'),
        },
        {"lossy-transform": to("/orders?a=0&b=2&a=1"), "no-time": same},
        sorted_json(ORDER).encode(),
    ),
    "M17 a scoped resource": Mission(
        schemes.scoped("download:resource:{param:id}", "X-Hmac-Signature"),
        Message(
            "GET", f"/documents/{DOCUMENT}", [HOST, ("X-Hmac-Signature", mac(f"download:resource:{DOCUMENT}"))], b""
        ),
        {
            "resource": to(f"/documents/{OTHER}"),
            "capitals": to(f"/documents/{DOCUMENT.upper()}"),
            "a path": to("/documents/..%2F..%2Fetc%2Fpasswd"),
            "a body": saying(b"{}"),
            "a query": to(f"/documents/{DOCUMENT}?as=admin"),
            "another action": with_fields(x_hmac_signature=mac(f"delete:resource:{DOCUMENT}")),
        },
        {
            "method-not-covered": by("DELETE"),
            "target-not-covered": to(f"/archive/{DOCUMENT}"),
            "query-not-covered": None,
            "body-not-covered": None,
            "audience": ANOTHER_HOST,
            "no-time": same,
        },
    ),
    "M17 a scoped action": Mission(
        schemes.scoped("action:{json:/action:text}:resource:{json:/resourceId:text}", "X-Hmac-Signature"),
        posted(
            sorted_json({"action": "delete", "resourceId": DOCUMENT, "as": "guest"}),
            "X-Hmac-Signature",
            mac(f"action:delete:resource:{DOCUMENT}"),
        ),
        {
            "action": saying(sorted_json({"action": "read", "resourceId": DOCUMENT}).encode()),
            "resource": saying(sorted_json({"action": "delete", "resourceId": OTHER}).encode()),
            "a part moved": saying(sorted_json({"action": "delete:resource:x", "resourceId": DOCUMENT}).encode()),
            "a number": saying(sorted_json({"action": 1, "resourceId": DOCUMENT}).encode()),
            "no action": saying(sorted_json({"resourceId": DOCUMENT}).encode()),
        },
        {
            **_BODY_ONLY,
            "lossy-transform": saying(
                sorted_json({"resourceId": DOCUMENT, "action": "delete", "as": "admin"}).encode()
            ),
        },
        sorted_json({"action": "delete", "resourceId": DOCUMENT}).encode(),
    ),
}
METHODS = ["GET", "POST", "PUT", "DELETE"]


class Shop(ABC):
    """An application that answers with the body it read."""

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier

    @abstractmethod
    def send(self, message: Message) -> tuple[int, bytes]:
        """The status, and what the view read."""


class Flask(Shop):
    def __init__(self, verifier: Verifier) -> None:
        super().__init__(verifier)
        self.app = flask.Flask(__name__)
        sealgate.flask.Sealgate(self.app, verifier)
        for rule in ("/orders", "/other", "/documents/<uuid:id>", "/archive/<uuid:id>"):
            self.app.add_url_rule(rule, rule, lambda **_: flask.request.get_data(), methods=METHODS)

    def send(self, message: Message) -> tuple[int, bytes]:
        answer = call(self.app, environ_of(message))
        return answer.status, answer.body


@csrf_exempt
def _view(request: HttpRequest, id: uuid.UUID | None = None) -> HttpResponse:
    return HttpResponse(request.body)


class _Urls:
    urlpatterns = [
        path("orders", _view),
        path("other", _view),
        path("documents/<uuid:id>", _view),
        path("archive/<uuid:id>", _view),
    ]


class Django(Shop):
    def send(self, message: Message) -> tuple[int, bytes]:
        with override_settings(ROOT_URLCONF=_Urls, SEALGATE={"VERIFIER": self.verifier}):
            answer = call(WSGIHandler(), environ_of(message))
        return answer.status, answer.body


class FastAPI(Shop):
    def __init__(self, verifier: Verifier) -> None:
        super().__init__(verifier)
        self.app = fastapi.FastAPI()
        sealgate.fastapi.Sealgate(self.app, verifier)

        async def view(request: FastAPIRequest) -> fastapi.Response:
            return fastapi.Response(await request.body())

        for route in ("/orders", "/other", "/documents/{id:uuid}", "/archive/{id:uuid}"):
            self.app.add_api_route(route, view, methods=METHODS)

    def send(self, message: Message) -> tuple[int, bytes]:
        server = ask(self.app, scope_of(message), whole(message.body))
        return server.status, b"".join(event.get("body", b"") for event in server.sent)


def sender(shop: type[Shop], mission: Mission) -> Callable[[Message], tuple[int, bytes]]:
    """All kinds of request meet one running service."""
    origin = f"https://{HOST[1]}" if mission.scheme.needs_origin else None
    return shop(Verifier(mission.scheme, keys=KEY, origin=origin)).send


each_shop = pytest.mark.parametrize("shop", [Django, Flask, FastAPI])
each_mission = pytest.mark.parametrize("mission", MISSIONS.values(), ids=MISSIONS)


@each_shop
@each_mission
def test_the_articles_client_is_accepted_and_the_view_reads_what_it_signed(shop: type[Shop], mission: Mission) -> None:
    assert (200, mission.reads) == sender(shop, mission)(mission.message)


@each_shop
@each_mission
def test_every_change_of_what_is_covered_is_refused(shop: type[Shop], mission: Mission) -> None:
    send = sender(shop, mission)
    statuses = {name: send(change(mission.message))[0] for name, change in mission.covered.items()}
    assert dict.fromkeys(mission.covered, True) == {name: 400 <= status < 404 for name, status in statuses.items()}


@each_mission
def test_weaknesses_are_all_that_is_not_covered(mission: Mission) -> None:
    assert set(mission.uncovered) == mission.scheme.weaknesses()


@each_shop
@each_mission
def test_each_weakness_is_real(shop: type[Shop], mission: Mission) -> None:
    """A scheme that says less than it should would be found here; so would one that says more."""
    send = sender(shop, mission)
    assert 200 == send(mission.message)[0]
    for weakness, change in mission.uncovered.items():
        if change is None:  # a part that acts, and that nobody signed
            assert send(replace(mission.message, target=mission.message.target + "?admin=1"))[0] == 401
        else:
            assert (weakness, 200, mission.reads) == (weakness, *send(change(mission.message)))
