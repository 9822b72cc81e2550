"""Under attack in their own frameworks: applications with every kind of rule, of which the contract holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from fastapi import FastAPI
from flask import Flask

import django_project  # noqa: F401  it configures Django
import fastapi_routes
import flask_shop
import sealgate.fastapi
import sealgate.flask
from judged import KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421
from probed import Lenient, changed, names, refuted
from sealgate import Request, Signer, Verifier, schemes
from sealgate.audit import audit
from sealgate.audit.probe import probe
from sealgate.audit.report import Attack

APPLICATIONS: dict[str, Callable[[], Any]] = {
    "flask": lambda: flask_shop.application(RFC9421.verifier(), []),
    "fastapi": lambda: fastapi_routes.application(RFC9421.verifier(), []),
    "django-wsgi": WSGIHandler,
    "django-asgi": ASGIHandler,
}
SIGNERS = {
    "the default's": Signer(schemes.RFC9421, key_id=KEY_ID, key=KEY),
    "another party's": Signer(schemes.GITHUB, key=OTHER_KEY),
    "nobody's": None,
}


def attacked(app: Any, signer: Signer | None) -> tuple[Attack, ...]:
    return probe(audit(app, now=NOW), app, signer=signer, origin=ORIGIN, clock=lambda: NOW).attacks


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")  # of the sample's, when its document is asked for
@pytest.mark.parametrize(
    ("build", "signer"),
    [
        pytest.param(build, signer, id=f"{name}-{whose}")
        for name, build in APPLICATIONS.items()
        for whose, signer in SIGNERS.items()
        if name != "django-asgi" or signer is not None  # the same audit as under WSGI, and as many attacks
    ],
)
def test_every_verdict_holds(build: Callable[[], Any], signer: Signer | None) -> None:
    attacks = attacked(build(), signer)
    assert [] == [each for each in attacks if not each.held]
    assert {"unsigned", "wrong key", "path trick unsigned"} <= names(attacks)
    assert ("good request" in names(attacks)) == (signer is not None)
    assert [] == [each for each in attacks if each.ran and each.name not in {"good request", "unsigned"}]


@pytest.mark.parametrize(("key_id", "expected"), [("acme", {("/narrow", 403)}), ("globex", set())])
def test_key_that_a_route_does_not_admit_is_tried_there(key_id: str, expected: set[tuple[str, int]]) -> None:
    app = APPLICATIONS["flask"]()
    report = audit(app, now=NOW)
    some = replace(report, entries=tuple(each for each in report.entries if each.path in {"/narrow", "/wide"}))
    signer = Signer(schemes.RFC9421, key_id=key_id, key=KEY)
    attacks = probe(some, app, signer=signer, origin=ORIGIN, clock=lambda: NOW).attacks
    assert expected == {(each.path, each.status) for each in attacks if each.name == "key of another route"}


def _flask(verifier: Verifier) -> Any:
    app = Flask("files", static_folder=None)
    sealgate.flask.Sealgate(app, verifier)
    app.add_url_rule("/files/<id>", view_func=lambda **found: found, provide_automatic_options=False)
    return app


def _fastapi(verifier: Verifier) -> Any:
    app = FastAPI(openapi_url=None)
    sealgate.fastapi.Sealgate(app, verifier)

    @app.get("/files/{id}")
    async def files(id: str) -> str:
        return id

    return app


def _for_another_id(request: Request) -> list[Request]:
    return [changed(request, params={"id": f"{request.params['id']}~probe"})] if request.params else []


@pytest.mark.parametrize("build", [_flask, _fastapi])
def test_what_the_route_matches_is_tampered_with_where_that_is_signed(build: Callable[[Verifier], Any]) -> None:
    signer = Signer(schemes.scoped(), key=KEY)
    app = build(Verifier(schemes.scoped(), keys=KEY, origin=ORIGIN, clock=lambda: NOW))
    careless = build(Lenient(scheme=schemes.scoped(), forgives=_for_another_id))
    attacks, found = attacked(app, signer), attacked(careless, signer)
    assert ("/files/1", True) in {(each.path, each.held) for each in attacks if each.name == "tampered path"}
    assert (set(), {"tampered path"}) == (refuted(attacks), refuted(found))
    good = {(each.path, each.status) for each in attacks if each.name == "good request"}
    assert {("/files/1", 200)} <= good
