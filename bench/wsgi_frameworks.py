"""What a signed request adds to one of Django and of Flask, called as a WSGI server calls them."""

from __future__ import annotations

import hmac
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

import django
import flask
from django.conf import settings
from django.core.signals import setting_changed
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from messages import KEY, changed, snippet
from signed_requests import BODY, FIELDS, KEY_ID, ORIGIN, signed_fields
from timing import Case, Pace, Pool, Row, Section

from sealgate import Verifier, schemes
from sealgate.flask import Sealgate
from sealgate.replay import MemoryStore

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

TARGET = "/orders"
BARE, SNIPPET = "bare", "copied snippet"
OF_BODY, OF_MESSAGE = "sealgate, schemes.body", "sealgate, RFC 9421 and memory replay"
_HOUR = 3600


def verifiers() -> dict[str, Verifier]:
    return {
        OF_BODY: Verifier(schemes.body(), keys=KEY),
        OF_MESSAGE: Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN, max_age=_HOUR),
    }


def signed_pool(pace: Pace) -> list[list[tuple[str, str]]]:
    """The fields of one request, signed both ways, so that every case carries the same; each with its own nonce."""
    fields = [*FIELDS, ("X-Signature", hmac.new(KEY.encode(), BODY, "sha256").hexdigest())]
    count = 100 if pace.quick else 1000
    return [[*fields, *added] for added in signed_fields(count, TARGET, fields, ORIGIN)]


def forgetful(verifier: Verifier | None) -> Callable[[], None]:
    """Lets `verifier` see the pool again."""

    def renew() -> None:
        if verifier is not None and verifier.replay is not None:
            verifier.replay = MemoryStore()

    return renew


def _environ(fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """As gunicorn gives it."""
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": TARGET,
        "QUERY_STRING": "",
        "RAW_URI": TARGET,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "gunicorn",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in fields:
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    return environ


def _case(app: Application, environs: Sequence[dict[str, Any]], verifier: Verifier | None, before: Any) -> Case:
    def run(count: int) -> int:
        chosen = pool.take(count)
        before()
        begin = time.perf_counter_ns()
        for environ in chosen:
            _answer(app, environ, BODY, _ignore)
        return time.perf_counter_ns() - begin

    def status(body: bytes) -> int:
        renew()
        before()
        seen: list[str] = []
        _answer(app, environs[0], body, lambda status, *_: seen.append(status))
        return int(seen[0][:3])

    renew = forgetful(verifier)
    pool = Pool(environs, renew)
    check(status, open_to_all=before is _ignore and verifier is None)
    return Case(run, at_most=len(environs))


def check(status: Callable[[bytes], int], *, open_to_all: bool) -> None:
    """Every case but a bare one refuses the body that was not signed."""
    answers = (status(BODY), status(changed(BODY)))
    if answers != (200, 200 if open_to_all else 401):
        raise AssertionError(f"answers to the signed and to another body: {answers}")


def _answer(app: Application, template: dict[str, Any], body: bytes, start_response: Callable[..., Any]) -> None:
    environ = template.copy()
    environ["wsgi.input"] = BytesIO(body)
    chunks = app(environ, start_response)
    for _ in chunks:
        pass
    close = getattr(chunks, "close", None)
    if close is not None:
        close()


def _ignore(*_: Any) -> None:
    pass
