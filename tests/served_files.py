"""Services that give files, in each framework, for real servers: one with an allow-list, one whose resolver trusts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fastapi
import flask

from file_trees import OTHER, UUID, naive
from sealgate import Scope, SignedFiles
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.fastapi import file_response as fastapi_file
from sealgate.flask import Sealgate as FlaskSealgate
from sealgate.flask import file_response as flask_file
from served_views import KEY, KEY_ID, PARTNERS

ROOT = Path(os.environ["SERVED_FILES"])
LARGE = "7d793037-a076-4a8b-9c1d-5e3f2a1b0c9d"
GONE = "9b2c1d0e-8f7a-4b6c-9d5e-4f3a2b1c0d9e"
_PATHS = {UUID: "plain.txt", OTHER: "Jahresabschluß.pdf", LARGE: "large.bin", GONE: "absent.txt"}
REPORTS = SignedFiles(ROOT, _PATHS)
TRUSTING = naive(ROOT)
BY_TOKEN = SignedFiles(ROOT, _PATHS, scope=Scope("download", keys={KEY_ID: KEY}))


def descriptors() -> str:
    """How many files below the root this process has open."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            count += each.readlink().is_relative_to(ROOT)
        except FileNotFoundError:  # the directory that is read here
            continue
    return str(count)


flask_app = flask.Flask(__name__)
_seal = FlaskSealgate(flask_app, PARTNERS)


@flask_app.route("/files/<id>", methods=["GET", "POST"])
def _flask_report(id: str) -> flask.Response:
    return flask_file(REPORTS, "id")


@flask_app.get("/any/<path:id>")
def _flask_any(id: str) -> flask.Response:
    return flask_file(TRUSTING, "id")


@flask_app.get("/tokens/<uuid:id>")
@_seal.exempt("tokens are its proof")
def _flask_token(id: Any) -> flask.Response:
    return flask_file(BY_TOKEN, "id", token=flask.request.args.get("token"), filename="yours.txt", inline=True)


@flask_app.get("/exempt/<id>")
@_seal.exempt("a mistake")
def _flask_exempt(id: str) -> flask.Response:
    return flask_file(REPORTS, "id")


@flask_app.get("/descriptors")
@_seal.exempt("for the test")
def _flask_descriptors() -> str:
    return descriptors()


fastapi_app = fastapi.FastAPI()
_sealed = FastAPISealgate(fastapi_app, PARTNERS)


@fastapi_app.api_route("/files/{id}", methods=["GET", "HEAD", "POST"])
async def _fastapi_report(request: fastapi.Request) -> fastapi.Response:
    return await fastapi_file(request, REPORTS, "id")


@fastapi_app.get("/any/{id:path}")
async def _fastapi_any(request: fastapi.Request) -> fastapi.Response:
    return await fastapi_file(request, TRUSTING, "id")


@fastapi_app.get("/tokens/{id:uuid}")
@_sealed.exempt("tokens are its proof")
async def _fastapi_token(request: fastapi.Request, token: str | None = None) -> fastapi.Response:
    return await fastapi_file(request, BY_TOKEN, "id", token=token, filename="yours.txt", inline=True)


@fastapi_app.get("/exempt/{id}")
@_sealed.exempt("a mistake")
async def _fastapi_exempt(request: fastapi.Request) -> fastapi.Response:
    return await fastapi_file(request, REPORTS, "id")


@fastapi_app.get("/descriptors")
@_sealed.exempt("for the test")
def _fastapi_descriptors() -> fastapi.Response:
    return fastapi.Response(descriptors())
