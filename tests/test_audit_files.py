"""The audit names what gives files, and where the proof does not cover which; whatever is served then, is nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path as route
from django.views import View
from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from fastapi import Response as FastAPIResponse
from flask import Flask, Response, request
from flask.views import MethodView

import django_project  # noqa: F401  configures Django
from asgi_client import ask, scope_of, whole
from audited_django import project
from file_trees import INSIDE, UUID, signed, tree
from granted import scope
from judged import BODY, NOW, PARTIAL, RFC9421
from sealgate import Request, SignedFiles, Verifier
from sealgate.audit import Entry, audit
from sealgate.django import exempt as django_exempt
from sealgate.django import file_response as django_file
from sealgate.django import require as django_require
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.fastapi import exempt, require
from sealgate.fastapi import file_response as fastapi_file
from sealgate.flask import Sealgate, file_response

Mark = Callable[[Any], Any]
#: How the route is marked, the verdict, and whether a signed request gets the file.
MARKS: dict[str, tuple[Mark, str, bool]] = {
    "the application's verifier": (lambda view: view, "verified", True),
    "exempt": (exempt("a mistake"), "open", False),
    "over the body": (require(BODY.verifier()), "open", False),
    "over a parameter": (require(PARTIAL["scoped"].verifier()), "verified", False),
    "one of two": (require(RFC9421.verifier(), BODY.verifier()), "open", True),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("audited"))


def flask_app(files: SignedFiles, mark: Mark, *, verifier: Verifier | None = None, report_only: bool = False) -> Flask:
    app = Flask("shop")
    Sealgate(app, verifier or RFC9421.verifier(), report_only=report_only)

    @app.get("/files/<id>")
    @mark
    def report(id: str) -> Response:
        return file_response(files, "id")

    return app


def fastapi_app(
    files: SignedFiles, mark: Mark, *, verifier: Verifier | None = None, report_only: bool = False
) -> FastAPI:
    app = FastAPI()
    FastAPISealgate(app, verifier or RFC9421.verifier(), report_only=report_only)

    async def report(request: FastAPIRequest) -> FastAPIResponse:
        return await fastapi_file(request, files, "id")

    app.add_api_route("/files/{id}", mark(report), methods=["GET"])
    return app


def entry_of(app: Any) -> Entry:
    (found,) = [each for each in audit(app).entries if each.path.startswith("/files/") and "GET" in each.methods]
    return found


@pytest.mark.parametrize("application", [flask_app, fastapi_app])
@pytest.mark.parametrize("name", MARKS)
def test_a_route_is_closed_where_its_proof_covers_the_identifier(
    root: Path, application: Callable[[SignedFiles, Mark], Any], name: str
) -> None:
    mark, verdict, gives = MARKS[name]
    app = application(SignedFiles(root, {UUID: "plain.txt"}), mark)
    found = entry_of(app)
    assert (verdict, True) == (found.verdict, f"gives files: 1 identifier below {root}" in found.standing.evidence)
    assert ("open" == verdict) == ("identifier" in found.standing.evidence[0])
    assert gives == (INSIDE in given(app))


def given(app: Any) -> bytes:
    message = signed(created=NOW)
    headers = dict(message.headers)
    if isinstance(app, Flask):
        return app.test_client().get(message.target, headers=headers, base_url="https://api.shop.example").data
    server = ask(app, scope_of(message), whole(b"")[:1])
    return b"".join(event.get("body", b"") for event in server.sent)


@pytest.mark.parametrize("application", [flask_app, fastapi_app])
def test_tokens_prove_what_an_exempt_route_does_not(
    root: Path, application: Callable[[SignedFiles, Mark], Any]
) -> None:
    found = entry_of(application(SignedFiles(root, lambda _: None, scope=scope()), exempt("tokens are its proof")))
    evidence = f"gives files: what a function gives below {root}, by tokens of 'download:resource'"
    assert ("exempt", True) == (found.verdict, evidence in found.standing.evidence)


def test_files_that_a_class_names_are_found(root: Path) -> None:
    files = SignedFiles(root, {})
    app = Flask("shop")
    seal = Sealgate(app, RFC9421.verifier())

    @seal.require(BODY.verifier())
    class Reports(MethodView):
        def get(self, id: str) -> Response:
            return file_response(files, "id")

    app.add_url_rule("/files/<id>", view_func=Reports.as_view("reports"))
    assert "open" == entry_of(app).verdict


def test_an_exempt_view_that_verifies_by_hand_is_not_judged(root: Path) -> None:
    files, own = SignedFiles(root, {}), RFC9421.verifier()
    app = Flask("shop")
    seal = Sealgate(app, RFC9421.verifier())

    @app.get("/files/<id>")
    @seal.exempt("verified in the view")
    def report(id: str) -> bytes:
        with files.open(id, own.verify(Request.from_wsgi(request.environ))) as file:
            return file.read()

    assert "unknown" == entry_of(app).verdict


@pytest.mark.parametrize("application", [flask_app, fastapi_app])
def test_report_only_gives_no_file(root: Path, application: Callable[..., Any]) -> None:
    """The request passes; there is no proof all the same."""
    files = SignedFiles(root, {UUID: "plain.txt"})
    for report_only in (True, False):
        app = application(files, lambda view: view, verifier=BODY.verifier(), report_only=report_only)
        assert INSIDE not in given(app)
    assert INSIDE in given(application(files, lambda view: view, report_only=True))


def test_without_our_extension_who_verifies_is_not_known(root: Path) -> None:
    files = SignedFiles(root, {}, scope=scope())
    app = Flask("shop")
    app.add_url_rule("/files/<name>", view_func=lambda name: file_response(files, "name", token="x"))
    assert "unknown" == entry_of(app).verdict


DJANGO: dict[str, tuple[Mark, str]] = {
    "the setting's verifier": (lambda view: view, "verified"),
    "exempt": (django_exempt("a mistake"), "open"),
    "over the body": (django_require(BODY.verifier()), "open"),
}


@pytest.mark.parametrize("name", DJANGO)
def test_routes_of_django_are_told_alike(root: Path, name: str) -> None:
    files = SignedFiles(root, {UUID: "plain.txt"})
    mark, verdict = DJANGO[name]

    def report(request: HttpRequest, id: str) -> HttpResponseBase:
        return django_file(request, files, "id")

    class Report(View):
        def get(self, request: HttpRequest, id: str) -> HttpResponseBase:
            return django_file(request, files, "id")

    patterns = [route("files/<str:id>", mark(report)), route("files/class/<str:id>", mark(Report.as_view()))]
    with project(*patterns) as application:
        entries = [each for each in audit(application).entries if "/files/" in each.path and "GET" in each.methods]
    assert [verdict, verdict] == [each.verdict for each in entries]
    assert {True} == {f"gives files: 1 identifier below {root}" in each.standing.evidence for each in entries}


def test_nothing_is_said_of_routes_that_give_no_files(root: Path) -> None:
    app = flask_app(SignedFiles(root, {}), lambda view: view)
    others = [each for each in audit(app).entries if not each.path.startswith("/files/")]
    assert others
    assert not [each for each in others if "files:" in " ".join(each.standing.evidence)]
