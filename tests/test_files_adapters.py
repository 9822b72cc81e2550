"""The answers of the frameworks close the file themselves, and take the identifier from the path and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import pytest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.test import AsyncRequestFactory, RequestFactory
from django.urls import path, resolve
from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from fastapi import Response as FastAPIResponse

import django_project  # noqa: F401  configures Django
import sealgate.files
from asgi_client import ask, scope_of, whole
from audited_django import project
from file_trees import UUID, signed, verified
from granted import scope
from judged import NOW, RFC9421
from leaky_django import Urls
from sealgate import ConfigurationError, SignedFiles
from sealgate.django import exempt, file_response
from sealgate.django.request import Chosen, acts_of
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.fastapi import file_response as fastapi_file
from sealgate.files import OpenFile
from sealgate.flask import Sealgate
from sealgate.flask import file_response as flask_file
from sealgate.policy import Require
from sealgate.wsgi import SignatureMiddleware
from wsgi_client import call, environ_of

_LARGE = bytes(200_000)


@pytest.fixture
def files(tmp_path: Path) -> SignedFiles:
    (tmp_path / "large").write_bytes(_LARGE)
    return SignedFiles(tmp_path, {UUID: "large"})


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[OpenFile]:
    """Held here, so that nothing is closed because nobody holds it."""
    held: list[OpenFile] = []

    class Held(OpenFile):
        def __init__(self, descriptor: int, name: str) -> None:
            super().__init__(descriptor, name)
            held.append(self)

    monkeypatch.setattr(sealgate.files, "OpenFile", Held)
    return held


def flask_app(files: SignedFiles, rule: str = "/files/<id>", param: str = "id", **options: Any) -> flask.Flask:
    app = flask.Flask("shop")
    Sealgate(app, RFC9421.verifier())

    @app.get(rule, **options)
    def report(**_: Any) -> flask.Response:
        return flask_file(files, param)

    return app


def fastapi_app(files: SignedFiles, param: str = "id") -> FastAPI:
    app = FastAPI()
    FastAPISealgate(app, RFC9421.verifier())

    async def report(request: FastAPIRequest) -> FastAPIResponse:
        return await fastapi_file(request, files, param)

    app.add_api_route("/files/{id}", report, methods=["GET", "HEAD"])
    return app


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_flask_closes_the_file(files: SignedFiles, opened: list[OpenFile], method: str) -> None:
    answer = call(flask_app(files), environ_of(signed(method=method, created=NOW)))
    assert (200, len(_LARGE) if method == "GET" else 0) == (answer.status, len(answer.body))
    assert [True] == [file.closed for file in opened]


def test_flask_closes_a_file_of_which_nobody_has_read(files: SignedFiles, opened: list[OpenFile]) -> None:
    chunks: Any = flask_app(files)(environ_of(signed(created=NOW)), lambda *_: lambda _: None)
    assert [False] == [file.closed for file in opened]
    chunks.close()
    assert [True] == [file.closed for file in opened]


class _Gone(Exception):
    pass


@pytest.mark.parametrize("error", [OSError, _Gone, asyncio.CancelledError])
@pytest.mark.parametrize("after", [1, 2])
def test_fastapi_closes_the_file_whatever_ends_the_answer(
    files: SignedFiles, opened: list[OpenFile], error: type[BaseException], after: int
) -> None:
    app, messages, events = fastapi_app(files), [], whole(b"")[:1]

    async def receive() -> Any:
        return events.pop() if events else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        messages.append(message)
        if len(messages) == after:
            raise error

    scope = scope_of(signed(created=NOW))
    scope["asgi"] = {"version": "3.0", "spec_version": "2.4"}
    with pytest.raises(BaseException):  # noqa: B017, PT011  whatever the framework makes of it
        asyncio.run(app(scope, receive, send))
    assert [True] == [file.closed for file in opened]


def test_fastapi_closes_the_file_after_the_answer(files: SignedFiles, opened: list[OpenFile]) -> None:
    for method in ("GET", "HEAD"):
        assert 200 == ask(fastapi_app(files), scope_of(signed(method=method, created=NOW)), whole(b"")[:1]).status
    assert [True, True] == [file.closed for file in opened]


def _django(request: Any, files: SignedFiles) -> Any:
    request.resolver_match = resolve(request.path_info, Urls(path("files/<str:id>", lambda _: None)))
    request.verified = verified()
    request.sealgate = Chosen(Require((RFC9421.verifier(),)), acts_of(request), None)
    return file_response(request, files, "id")


def test_django_closes_the_file_at_its_end_and_when_it_is_told_to(files: SignedFiles, opened: list[OpenFile]) -> None:
    whole_, left = (_django(RequestFactory().get(f"/files/{UUID}"), files) for _ in range(2))
    assert _LARGE == b"".join(whole_)
    next(iter(left))
    assert [True, False] == [file.closed for file in opened]
    left.close()
    assert [True, True] == [file.closed for file in opened]


def test_django_closes_the_file_of_a_coroutine_too(files: SignedFiles, opened: list[OpenFile]) -> None:
    async def read(response: Any) -> bytes:
        return b"".join([chunk async for chunk in response])

    whole_, left = (_django(AsyncRequestFactory().get(f"/files/{UUID}"), files) for _ in range(2))
    assert _LARGE == asyncio.run(read(whole_))
    assert [True, False] == [file.closed for file in opened]
    left.close()
    assert [True, True] == [file.closed for file in opened]


def test_what_a_route_adds_of_its_own_is_not_signed(files: SignedFiles) -> None:
    message = signed("/latest", created=NOW)
    app = flask_app(files, "/latest", defaults={"id": UUID})
    assert 401 == call(app, environ_of(message)).status

    def report(request: HttpRequest, **_: Any) -> HttpResponseBase:
        return file_response(request, files, "id")

    with project(path("files/<str:id>", report, {"id": UUID}), SEALGATE={"VERIFIER": RFC9421.verifier()}) as django:
        assert 404 == call(django, environ_of(signed("/files/other", created=NOW))).status


@pytest.mark.parametrize("make", [flask_app, fastapi_app])
def test_a_parameter_that_the_route_has_not_is_loud(files: SignedFiles, make: Callable[..., Any]) -> None:
    app = make(files, param="name")
    if isinstance(app, flask.Flask):
        app.testing = True
        with pytest.raises(ConfigurationError, match=r"\Aparam: "):
            call(app, environ_of(signed(created=NOW)))
    else:
        with pytest.raises(ConfigurationError, match=r"\Aparam: "):
            ask(app, scope_of(signed(created=NOW)), whole(b"")[:1])


def test_tokens_need_no_extension(tmp_path: Path) -> None:
    """Flask without `Sealgate`, and Django without the middleware or its setting: refusals have our one answer."""
    (tmp_path / "plain").write_bytes(b"plain")
    own = scope()
    files = SignedFiles(tmp_path, {UUID: "plain"}, scope=own)
    app = flask.Flask("shop")
    app.add_url_rule("/files/<id>", view_func=lambda **_: flask_file(files, "id", token=flask.request.args.get("t")))

    @exempt("tokens")
    def report(request: HttpRequest, id: str) -> HttpResponseBase:
        return file_response(request, files, "id", token=request.GET.get("t"))

    target = f"/files/{UUID}?t={own.token(UUID)}"
    with project(path("files/<str:id>", report), MIDDLEWARE=[], SEALGATE=None) as django:
        for application in (app, django):
            answers = [call(application, environ_of(signed(each))) for each in (target, target[:-1])]
            assert [200, 401] == [answer.status for answer in answers]
            assert 'Signature realm="sealgate"' == dict(answers[1].headers)["WWW-Authenticate"]


def test_a_layer_around_an_application_proves_as_well(files: SignedFiles) -> None:
    flask_ = flask.Flask("shop")
    flask_.add_url_rule("/files/<id>", view_func=lambda **_: flask_file(files, "id"))

    def report(request: HttpRequest, id: str) -> HttpResponseBase:
        return file_response(request, files, "id")

    with project(path("files/<str:id>", report), MIDDLEWARE=[], SEALGATE=None) as django:
        for app in (flask_, django):
            layered = SignatureMiddleware(app, RFC9421.verifier())
            assert [200, 401] == [call(each, environ_of(signed())).status for each in (layered, app)]


def test_a_proof_is_of_the_request_as_it_was_proven(files: SignedFiles) -> None:
    """A middleware that changes the path afterwards changes what nobody signed."""
    request: Any = RequestFactory().get(f"/files/{UUID}")
    request.verified = verified("/files/other")
    request.sealgate = Chosen(Require((RFC9421.verifier(),)), ("GET", "/files/other", "/files/other", "", None), None)
    request.resolver_match = resolve(request.path_info, Urls(path("files/<str:id>", lambda _: None)))
    assert 401 == file_response(request, files, "id").status_code
