"""Links over any path, query and prefix: what we sign and the judge signs is one text, every adapter takes it, no other.

Adapters refuse by 400 and 401; any other answer is that of a request that was let in, whatever its router makes of it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Any
from urllib.parse import quote, unquote

import fastapi
import flask
import pytest
from django.core.asgi import get_asgi_application
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import django_project  # noqa: F401  configures Django
import reference
from asgi_client import scope_of
from exchange import over_asgi, over_wsgi
from judged import HOST, KEY, KEY_ID, NOW, ORIGIN
from linked import judged, message, refusal, signer, verifier
from reference import Message, Upload
from sealgate import ConfigurationError, Rejected, Request, schemes
from sealgate.asgi import SignatureMiddleware as AsgiLayer
from sealgate.fastapi import Sealgate as FastAPISealgate
from sealgate.flask import Sealgate as FlaskSealgate
from sealgate.wsgi import SignatureMiddleware as WsgiLayer
from wsgi_client import environ_of

IGNORED = ("utm_source", "g.1")
LINKS = verifier(schemes.signed_url(ignored=IGNORED))
UPLOADS = verifier(schemes.signed_upload())
#: Each example is a request to seven applications and more.
_FEWER = settings(max_examples=settings().max_examples // 3)
_METHODS = ["GET", "PUT", "DELETE"]
_MOUNTS = ("", "/shop", "/a/b~c")


@cache
def _on_flask(mount: str) -> Any:
    app = flask.Flask(__name__)
    seal = FlaskSealgate(app, LINKS, script_name=mount)
    view = seal.require(LINKS, UPLOADS)(lambda _path: "")
    app.add_url_rule("/", "view", view, methods=_METHODS, defaults={"_path": ""})
    app.add_url_rule("/<path:_path>", "view", view, methods=_METHODS)
    return app


@cache
def _on_fastapi(mount: str) -> Any:
    app = fastapi.FastAPI(openapi_url=None)
    seal = FastAPISealgate(app, LINKS, root_path=mount)

    @app.api_route("/{_path:path}", methods=_METHODS, dependencies=[fastapi.Depends(seal.require(LINKS, UPLOADS))])
    async def view() -> None: ...

    return app


@cache
def _layer(kind: Any, setting: str, mount: str) -> Any:
    """For links; a layer alone has one verifier."""
    inner = _answer if kind is WsgiLayer else _aanswer
    return kind(inner, LINKS, **{setting: mount})


def _answer(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return []


async def _aanswer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _lets_in(over: Any, application: Any, mount: str, asked: Message) -> bool:
    return over(application(mount), asked, mount=mount).status not in {400, 401, 413}


def _is_taken(request: Request) -> bool:
    for by in (LINKS, UPLOADS):
        try:
            by.verify(request)
        except Rejected:
            continue
        return True
    return False


def _by_itself(mount: str, asked: Message) -> bool:
    return _is_taken(Request(asked.method, asked.target, list(asked.headers), asked.body))


def _from_wsgi(mount: str, asked: Message) -> bool:
    environ = environ_of(asked, SCRIPT_NAME=mount)
    environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(mount)
    request = Request.from_wsgi(environ)
    return any(_proves(by, request, asked.body) for by in (LINKS, UPLOADS))


def _from_asgi(mount: str, asked: Message) -> bool:
    request = Request.from_asgi(scope_of(asked, root_path=mount))
    return any(_proves(by, request, asked.body) for by in (LINKS, UPLOADS))


def _proves(by: Any, request: Request, body: bytes) -> bool:
    try:
        by.verify(request, lambda _: body)
    except Rejected:
        return False
    return True


FORMS: dict[str, Callable[[str, Message], bool]] = {
    "request": _by_itself,
    "from WSGI": _from_wsgi,
    "from ASGI": _from_asgi,
    "Flask": partial(_lets_in, over_wsgi, _on_flask),
    "FastAPI": partial(_lets_in, over_asgi, _on_fastapi),
}
LAYERS: dict[str, Callable[[str, Message], bool]] = {
    "WSGI layer": partial(_lets_in, over_wsgi, partial(_layer, WsgiLayer, "script_name")),
    "ASGI layer": partial(_lets_in, over_asgi, partial(_layer, AsgiLayer, "root_path")),
}


@pytest.fixture(scope="module", autouse=True)
def django() -> Iterator[dict[str, Callable[[Message], bool]]]:
    """At the root only: its mount is a setting."""
    from sealgate.django import require

    @csrf_exempt
    @require(LINKS, UPLOADS)
    def view(request: HttpRequest, **_: str) -> HttpResponse:
        return HttpResponse()

    urls: Any = types.ModuleType("urls")
    urls.urlpatterns = [re_path(r"(?s).*", view)]
    with override_settings(ROOT_URLCONF=urls, SEALGATE={"VERIFIER": LINKS}):
        wsgi, asgi = WSGIHandler(), get_asgi_application()
        yield {
            "Django, WSGI": lambda asked: _lets_in(over_wsgi, lambda _: wsgi, "", asked),
            "Django, ASGI": lambda asked: _lets_in(over_asgi, lambda _: asgi, "", asked),
        }


_segments = st.builds(
    quote,
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=6),
    safe=st.sampled_from(["", "~-._", ":@!$&'()*+,;=~"]),
)
_queries = st.lists(st.text("abx=+;/?:@.~%2F-_'(){}|\"", max_size=8), max_size=4).map("&".join)
_targets = st.builds(
    lambda segments, query: f"/{'/'.join(segments)}{'?' if query else ''}{query}",
    st.lists(_segments, max_size=4),
    _queries,
).filter(lambda target: not unquote(target).startswith("//"))  # Flask makes one slash of them, and refuses
_mounts = st.sampled_from(_MOUNTS)
_appended = st.lists(
    st.tuples(st.sampled_from(IGNORED), st.text("ab=+;/%2F", max_size=4)), max_size=2, unique_by=lambda pair: pair[0]
)


def verdicts(mount: str, asked: Message, django: dict[str, Callable[[Message], bool]], *, upload: bool) -> set[bool]:
    forms = FORMS if upload else FORMS | LAYERS
    taken = {name: form(mount, asked) for name, form in forms.items()}
    taken |= {name: form(asked) for name, form in django.items()} if not mount else {}
    assert 1 == len(set(taken.values())), taken
    return set(taken.values())


def signed(url: str, **how: Any) -> str:
    """By both; what no link can say is another test's."""
    scheme = schemes.signed_upload() if "content_type" in how else schemes.signed_url()
    try:
        return signer(scheme).sign_url(url, 60, **how)
    except ConfigurationError:
        assume(False)
        raise


@_FEWER
@given(mount=_mounts, target=_targets, method=st.sampled_from(_METHODS), appended=_appended, data=st.data())
def test_every_adapter_takes_a_link_and_nothing_that_differs_by_an_octet(
    mount: str, target: str, method: str, appended: Any, data: st.DataObject, django: Any
) -> None:
    url = ORIGIN + mount + target
    link = signed(url, methods=[method])
    theirs = reference.sign_link(url, KEY, key_id=KEY_ID, created=NOW, expires=NOW + 60, methods=[method])
    assert theirs == link
    asked = message(link, method)
    asked = replace(asked, target=asked.target + "".join(f"&{name}={value}" for name, value in appended))
    assert judged(asked, ignored=IGNORED)
    assert {True} == verdicts(mount, asked, django, upload=False)
    end = len(link.removeprefix(ORIGIN))
    at = data.draw(st.integers(0, end - 1))
    other = data.draw(st.sampled_from([octet for octet in "aZ09&=?/%+;.~_-" if octet != asked.target[at]]))
    changed = replace(asked, target=asked.target[:at] + other + asked.target[at + 1 :])
    assume(changed.target.startswith(mount))
    assert not judged(changed, ignored=IGNORED)
    assert refusal(changed, LINKS) is not None
    assert {False} == verdicts(mount, changed, django, upload=False)


@_FEWER
@given(
    mount=_mounts,
    target=_targets,
    body=st.binary(max_size=40),
    kind=st.from_regex(r"[a-z]{1,4}/[a-z+%&.]{1,4}(; ?a=\"[ -!#-~]{0,3}\")?", fullmatch=True),
    data=st.data(),
)
def test_every_adapter_takes_an_upload_and_no_other_content(
    mount: str, target: str, body: bytes, kind: str, data: st.DataObject, django: Any
) -> None:
    upload = Upload.of(kind, body)
    url = ORIGIN + mount + target
    link = signed(url, content_type=kind, content_length=len(body), content_digest=upload.digest)
    how = {"key_id": KEY_ID, "created": NOW, "expires": NOW + 60, "methods": ["PUT"], "upload": upload}
    assert reference.sign_link(url, KEY, **how) == link
    asked = Message("PUT", link.removeprefix(ORIGIN), [("Host", HOST), ("Content-Type", kind)], body)
    assert judged(asked, upload=True)
    assert {True} == verdicts(mount, asked, django, upload=True)
    at = data.draw(st.integers(0, len(body)))
    others = (body[:at] + b"\x00" + body[at:], body[:at] + body[at + 1 :], body[:at] + b"!" + body[at + 1 :])
    changed = replace(asked, body=data.draw(st.sampled_from([other for other in others if other != body])))
    assert not judged(changed, upload=True)
    assert {False} == verdicts(mount, changed, django, upload=True)
