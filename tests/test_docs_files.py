"""The page on files: its examples run, in each framework."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastapi
import flask
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from django.urls import path

import django_project  # noqa: F401  configures Django
from asgi_client import ask, scope_of, whole
from file_trees import UUID, signed, verified
from judged import JUDGED, ORIGIN, PARTIAL
from leaky_django import Urls
from reference import Message
from sealed import RING
from sealgate import SignedFiles, Verifier
from sealgate.audit import audit
from sealgate.django import exempt, file_response
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.fastapi import file_response as fastapi_file
from sealgate.flask import Sealgate as FlaskSealgate
from sealgate.flask import file_response as flask_file
from sealgate.wsgi import SignatureMiddleware
from wsgi_client import call, environ_of

PAGE = (Path(__file__).parent.parent / "docs" / "files.md").read_text()
BLOCKS = dict(re.findall(r"```python ([\w-]+)\n(.*?)```", PAGE, re.DOTALL))
CONTENT = b"%PDF of March"
TARGET = f"/reports/{UUID}"


@pytest.fixture
def ran(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "march.pdf").write_bytes(CONTENT)

    def run(block: str, **given: Any) -> dict[str, Any]:
        code = BLOCKS[block].replace("/srv/reports", str(tmp_path))
        given["__name__"] = "example"  # Django names views by their modules
        exec(compile(code, "docs/files.md", "exec"), given)
        return given

    return run


@pytest.fixture
def reports(ran: Callable[..., dict[str, Any]]) -> SignedFiles:
    files: SignedFiles = ran("files")["reports"]
    return files


def partners() -> Verifier:
    return JUDGED["rfc9421"].verifier()


def over_wsgi(app: Any, message: Message) -> tuple[int, bytes]:
    answer = call(app, environ_of(message))
    return answer.status, answer.body if answer.status == 200 else b""


def over_asgi(app: Any, message: Message) -> tuple[int, bytes]:
    server = ask(app, scope_of(message), whole(b"")[:1])
    body = b"".join(event.get("body", b"") for event in server.sent)
    return server.status, body if server.status == 200 else b""


EXPECTED = [(200, CONTENT), (401, b""), (404, b"")]


def messages(target: str = TARGET) -> list[Message]:
    """Signed, unsigned, and signed for an identifier that leads nowhere."""
    unsigned = Message("GET", target, [("Host", ORIGIN.partition("//")[2])])
    return [signed(target), unsigned, signed(target.replace(UUID, "..%2f..%2fetc%2fpasswd"))]


def test_every_example_is_run_here() -> None:
    frameworks = ("flask", "fastapi", "django", "rest")
    assert {"files", "tokens", *frameworks, *(f"{each}-token" for each in frameworks), "resolver", "hand"} == set(
        BLOCKS
    )
    assert len(BLOCKS) == PAGE.count("```") // 2


def test_flask(ran: Callable[..., dict[str, Any]], reports: SignedFiles) -> None:
    app = ran("flask", partners=partners(), reports=reports)["app"]
    assert EXPECTED == [over_wsgi(app, message) for message in messages()]
    (entry,) = [each for each in audit(app).entries if each.path.startswith("/reports") and "GET" in each.methods]
    assert ("verified", f"gives files: {reports.told}") == (entry.verdict, entry.standing.evidence[-1])


def test_fastapi(ran: Callable[..., dict[str, Any]], reports: SignedFiles) -> None:
    app = ran("fastapi", partners=partners(), reports=reports)["app"]
    assert EXPECTED == [over_asgi(app, message) for message in messages()]


@pytest.fixture(params=["django", "rest"])
def project(
    request: pytest.FixtureRequest, ran: Callable[..., dict[str, Any]], reports: SignedFiles
) -> Iterator[tuple[str, Any]]:
    patterns = ran(request.param, reports=reports)["urlpatterns"]
    middleware = ["sealgate.django.SignatureMiddleware"] if request.param == "django" else []
    with override_settings(ROOT_URLCONF=Urls(*patterns), SEALGATE={"VERIFIER": partners()}, MIDDLEWARE=middleware):
        yield request.param, WSGIHandler()


def test_django_and_rest_framework(project: tuple[str, Any]) -> None:
    name, app = project
    assert EXPECTED == [over_wsgi(app, message) for message in messages()]
    if name == "django":
        assert EXPECTED == [over_wsgi(app, message) for message in messages(f"/areports/{UUID}")]


def test_the_form_of_the_koa_article(ran: Callable[..., dict[str, Any]], reports: SignedFiles) -> None:
    """`download:resource:<id>` in X-Hmac-Signature, where the map is what keeps `../` in."""
    own = PARTIAL["scoped"]
    app = ran("flask", partners=own.verifier(), reports=reports)["app"]
    asked = {UUID: UUID, "..": "%2e%2e", "%2e": "%252e"}
    host = [("Host", ORIGIN.partition("//")[2])]
    answers = [
        over_wsgi(app, own.signed(Message("GET", f"/reports/{written}", host, params={"id": identifier})))
        for identifier, written in asked.items()
    ]
    assert [(200, CONTENT), (404, b""), (404, b"")] == answers


@pytest.fixture
def by_token(ran: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    made = ran("tokens", ring=RING)
    return {"files": made["files"], "token": made["token"]}


def judged_tokens(over: Callable[[Any, Message], tuple[int, bytes]], app: Any, token: str) -> None:
    """Of the file; another text; none; and for another identifier."""
    target = f"/downloads/{UUID}?token={token}"
    asked = [target, target[:-1], f"/downloads/{UUID}", target.replace("3f2b", "4f2b")]
    host = [("Host", ORIGIN.partition("//")[2])]
    assert [(200, CONTENT), *[(401, b"")] * 3] == [over(app, Message("GET", each, host)) for each in asked]
    (entry,) = [each for each in audit(app).entries if "/downloads/" in each.path and "GET" in each.methods]
    assert ("exempt", True) == (entry.verdict, "by tokens of 'download:report'" in entry.standing.evidence[-1])


def test_tokens_in_flask(ran: Callable[..., dict[str, Any]], by_token: dict[str, Any]) -> None:
    app = flask.Flask("shop")
    given = {"app": app, "seal": FlaskSealgate(app, partners()), "file_response": flask_file, "request": flask.request}
    ran("flask-token", files=by_token["files"], **given)
    judged_tokens(over_wsgi, app, by_token["token"])


def test_tokens_in_fastapi(ran: Callable[..., dict[str, Any]], by_token: dict[str, Any]) -> None:
    app = fastapi.FastAPI()
    given = {"app": app, "seal": FastAPISealgate(app, partners()), "file_response": fastapi_file}
    ran("fastapi-token", files=by_token["files"], Request=fastapi.Request, **given)
    judged_tokens(over_asgi, app, by_token["token"])


def test_tokens_in_django(ran: Callable[..., dict[str, Any]], by_token: dict[str, Any]) -> None:
    from rest_framework.views import APIView  # which needs the settings

    given = {"files": by_token["files"], "exempt": exempt, "file_response": file_response}
    view = ran("django-token", **given)["download"]
    rest = ran("rest-token", APIView=APIView, **given)["Download"].as_view()
    for each in (view, rest):
        urls = Urls(path("downloads/<str:id>", each))
        gate = ["sealgate.django.SignatureMiddleware"]
        with override_settings(ROOT_URLCONF=urls, SEALGATE={"VERIFIER": partners()}, MIDDLEWARE=gate):
            judged_tokens(over_wsgi, WSGIHandler(), by_token["token"])


def test_resolver_and_hand(ran: Callable[..., dict[str, Any]], reports: SignedFiles) -> None:
    invoices = ran("resolver", SignedFiles=SignedFiles, table={"invoice-7": "2026/march.pdf"})["invoices"]
    with invoices.open("invoice-7", verified()) as file:
        assert CONTENT == file.read()
    app = SignatureMiddleware(ran("hand", reports=reports)["application"], partners())
    assert EXPECTED == [over_wsgi(app, message) for message in messages()]
    answer = call(app, environ_of(signed(TARGET).plus([("Range", "bytes=1-3")])))
    assert (206, CONTENT[1:4]) == (answer.status, answer.body)


def test_the_page_says_what_the_log_says() -> None:
    assert {"signature-missing", "component-not-covered", "file-missing", "unavailable"} == set(
        re.findall(r"\| `([a-z-]+)`", PAGE)
    )
