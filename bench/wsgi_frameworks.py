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
            vars(verifier).update(vars(verifiers()[OF_MESSAGE]))  # for applications that hold this one

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


def _case(
    app: Application,
    environs: Sequence[dict[str, Any]],
    verifier: Verifier | None = None,
    *,
    bare: bool = False,
    before: Callable[[], None] = lambda: None,
) -> Case:
    renew = forgetful(verifier)
    pool = Pool(environs, renew)

    def run(count: int) -> int:
        chosen = pool.take(count)
        before()
        begin = time.perf_counter_ns()
        for environ in chosen:
            _answer(app, environ, BODY, _ignore)
        return time.perf_counter_ns() - begin

    def status(body: bytes) -> int:
        before()
        seen: list[str] = []
        _answer(app, environs[0], body, lambda status, *_: seen.append(status))
        renew()
        return int(seen[0][:3])

    check(status, bare=bare)
    return Case(run, at_most=len(pool))


def check(status: Callable[[bytes], int], *, bare: bool) -> None:
    """Every case but a bare one refuses the body that was not signed."""
    answers = (status(BODY), status(changed(BODY)))
    if answers != (200, 200 if bare else 401):
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


def _django(pace: Pace) -> Mapping[str, Case]:
    gates = verifiers()
    configure_django()
    environs = [_environ(fields) for fields in signed_pool(pace)]

    def application(*middleware: str) -> Application:
        settings.MIDDLEWARE = list(middleware)
        return get_wsgi_application()

    def gated(verifier: Verifier) -> Case:
        def choose() -> None:
            settings.SEALGATE = {"VERIFIER": verifier}
            setting_changed.send(sender=None, setting="SEALGATE", value=settings.SEALGATE, enter=True)

        choose()
        app = application("sealgate.django.SignatureMiddleware")
        return _case(app, environs, verifier, before=choose)

    return {
        BARE: _case(application(), environs, bare=True),
        SNIPPET: _case(application(f"{__name__}.snippet_middleware"), environs),
        **{name: gated(verifier) for name, verifier in gates.items()},
    }


def configure_django() -> None:
    """Once in a process."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None, ROOT_URLCONF=__name__, SECRET_KEY="for this table only"
        )
        django.setup()


def snippet_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        if not snippet(request.body, request.headers.get("X-Signature", "")):
            return HttpResponse(status=401)
        return get_response(request)

    return middleware


def _view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


urlpatterns = [path(TARGET[1:], _view)]


def _flask(pace: Pace) -> Mapping[str, Case]:
    environs = [_environ(fields) for fields in signed_pool(pace)]

    def application(verifier: Verifier | None = None, guard: Callable[[], Any] | None = None) -> Application:
        app = flask.Flask(__name__)
        if verifier is not None:
            Sealgate(app, verifier)
        if guard is not None:
            app.before_request(guard)
        app.post(TARGET)(lambda: str(len(flask.request.get_data())))
        return app

    def guard() -> Any:
        request = flask.request
        if not snippet(request.get_data(), request.headers.get("X-Signature", "")):
            flask.abort(401)

    return {
        BARE: _case(application(), environs, bare=True),
        SNIPPET: _case(application(guard=guard), environs),
        **{name: _case(application(verifier), environs, verifier) for name, verifier in verifiers().items()},
    }


def rows(body: tuple[float, float], message: tuple[float, float]) -> list[Row]:
    return [
        Row(SNIPPET, BARE, kind="added"),
        Row(OF_BODY, BARE, *body, kind="added"),
        Row(OF_MESSAGE, BARE, *message, kind="added"),
    ]


SECTIONS = [
    Section("added to a Django request (WSGI) of 1 KiB, which its view reads", _django, rows((3.0, 2.0), (9, 6))),
    Section("added to a Flask request of 1 KiB, which its view reads", _flask, rows((4.5, 3.0), (10, 7))),
]
