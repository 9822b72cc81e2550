"""What the audit says of links: how often and how long one is good, and where that is more than it should be."""

from __future__ import annotations

import json
from typing import Any

import fastapi
import flask
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

import django_project  # noqa: F401  configures Django
from judged import KEY, KEY_ID, ORIGIN, RFC9421
from sealgate import Scheme, Verifier, schemes
from sealgate.audit import Report, audit
from sealgate.audit.documents import as_json, as_markdown
from sealgate.audit.judgement import judge
from sealgate.audit.text import text
from sealgate.django import require
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate

_HOUR = schemes.signed_url(longest=3600)


def verifier(scheme: Scheme) -> Verifier:
    return Verifier(scheme, keys={KEY_ID: KEY}, origin=ORIGIN)


def on_flask(*verifiers: Verifier) -> Report:
    app = flask.Flask(__name__)
    seal = FlaskSealgate(app, RFC9421.verifier())

    @app.route("/files", methods=["GET", "DELETE"])
    @seal.require(*verifiers)
    def files() -> str:
        return ""

    return audit(app)


def on_fastapi(*verifiers: Verifier) -> Report:
    app = fastapi.FastAPI(openapi_url=None)
    seal = FastAPISealgate(app, RFC9421.verifier())

    proven = fastapi.Depends(seal.require(*verifiers))

    @app.api_route("/files", methods=["GET", "DELETE"], dependencies=[proven])
    async def files() -> None: ...

    return audit(app)


class _Urls:
    """A URLconf."""

    urlpatterns: list[Any] = []


def on_django(*verifiers: Verifier) -> Report:
    @require(*verifiers)
    def files(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    class Urls(_Urls):
        urlpatterns = [path("files", files)]

    with override_settings(ROOT_URLCONF=Urls, SEALGATE={"VERIFIER": RFC9421.verifier()}):
        return audit(WSGIHandler())


FRAMEWORKS = {"flask": on_flask, "fastapi": on_fastapi, "django": on_django}


def said(report: Report, method: str) -> list[str]:
    (entry,) = [entry for entry in report.entries if entry.path == "/files" and method in entry.methods]
    assert "verified" == entry.verdict
    return [sentence for sentence in entry.standing.evidence if sentence.startswith("signed-")]


_WEEK = "signed-url: weak: a link may last 7 d, unless longest= says less"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_route_of_links_says_how_long_and_how_often_they_are_good(framework: str) -> None:
    report = FRAMEWORKS[framework](verifier(schemes.signed_url()), verifier(schemes.signed_url(once=True, longest=90)))
    usual = ["signed-url: a link is good until it ends, 7 d at most", _WEEK]
    once = ["signed-url-once: a link is good once, 90 s at most"]
    again = "signed-url: weak: a link for DELETE acts each time that it comes, unless once= says otherwise"
    assert [*usual, *once] == said(report, "GET")
    assert [*usual, again, *once] == said(report, "DELETE")


@pytest.mark.parametrize(
    ("scheme", "method", "expected"),
    [
        (_HOUR, "GET", ["signed-url: a link is good until it ends, 1 h at most"]),
        (schemes.signed_url(longest=86_400), "GET", ["signed-url: a link is good until it ends, 1 d at most"]),
        (
            schemes.signed_url(longest=86_401),
            "GET",
            [
                "signed-url: a link is good until it ends, 86401 s at most",
                "signed-url: weak: a link may last 86401 s, unless longest= says less",
            ],
        ),
        (
            schemes.signed_url(longest=600, ignored=("utm_source", "gclid")),
            "GET",
            [
                "signed-url: a link is good until it ends, 10 min at most",
                "signed-url: behind a link may stand, and is handed to nobody: utm_source, gclid",
            ],
        ),
        (
            schemes.signed_upload(longest=600),
            "DELETE",  # of an upload that comes again, the same content comes again
            ["signed-upload: a link is good until it ends, 10 min at most"],
        ),
        (
            schemes.signed_upload(longest=600, digest=False),
            "DELETE",
            [
                "signed-upload-any: a link is good until it ends, 10 min at most",
                "signed-upload-any: weak: a link for DELETE acts each time that it comes, unless once= says otherwise",
            ],
        ),
        (schemes.signed_url(once=True, longest=60), "DELETE", ["signed-url-once: a link is good once, 1 min at most"]),
        (schemes.RFC9421, "DELETE", []),
        (schemes.aws_sigv4(region=None, service=None, presigned=604_800), "DELETE", []),
    ],
    ids=str,
)
def test_weak_settings_are_said_and_others_are_not(scheme: Scheme, method: str, expected: list[str]) -> None:
    assert expected == said(on_flask(verifier(scheme)), method)


def test_every_form_of_the_report_says_it() -> None:
    judgement = judge(on_flask(verifier(schemes.signed_url())))
    entries = json.loads(as_json(judgement))["entries"]
    (proof,) = [
        proof
        for entry in entries
        if entry["path"] == "/files" and "GET" in entry["methods"]
        for proof in entry["proofs"]
    ]
    assert ("signed-url", 604_800) == (proof["scheme"], proof["longest"])
    shown = text(judgement)
    assert "a link is good until it ends, 7 d at most" in shown
    assert "weak: a link may last 7 d" in shown
    assert "good until it ends, 7 d at most" in as_markdown(judgement)
    assert judgement.closed
