"""The audit beside OpenAPI documents: made by hand, and by FastAPI and drf-spectacular of real applications."""

from __future__ import annotations

import django_project  # noqa: F401  settings come first

# isort: split
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.urls import path as django_path
from django.urls import re_path
from drf_spectacular.openapi import AutoSchema
from fastapi import Depends, FastAPI
from rest_framework.response import Response
from rest_framework.views import APIView
from starlette.routing import compile_path
from werkzeug.routing import Map, Rule

import sealgate.rest_framework.schema  # noqa: F401  as sealgate.django does where drf-spectacular is installed
from audited_django import project
from leaky_django import verifier
from reported import EXEMPT, HOSTILE, OPEN, UNKNOWN, VERIFIED, entry
from sealgate.audit import Entry, audit
from sealgate.audit.openapi import join, own_document, read, template
from sealgate.exceptions import ConfigurationError
from sealgate.fastapi import Sealgate
from sealgate.rest_framework import HasValidSignature, SignatureAuthentication

OURS = {"type": "apiKey", "in": "header", "name": "Signature", "x-sealgate": {"scheme": "rfc9421"}}
BEARER = {"type": "http", "scheme": "bearer"}
SIGNED = [{"sig": []}]


def document(paths: dict[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """`paths`: path to methods to `security`, or to ... for none."""
    schemes = {"sig": OURS, "bearer": BEARER}
    return {
        "openapi": "3.1.0",
        "info": {"title": "shop", "version": "1"},
        "components": {"securitySchemes": schemes},
        "paths": {
            path: {method: {} if asked is ... else {"security": asked} for method, asked in methods.items()}
            for path, methods in paths.items()
        },
        **more,
    }


def differ(entries: list[Entry], told: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(mismatch.code, mismatch.method, mismatch.path) for mismatch in join(entries, told)}


def codes(stand: Any, asked: Any, **more: Any) -> list[str]:
    """Of one operation, and the route that it is about."""
    found = differ([entry("/orders", "POST", stand)], document({"/orders": {"post": asked}}, **more))
    return sorted(code for code, *_ in found)


@pytest.mark.parametrize(
    ("asked", "verified", "exempt", "opened", "unknown"),
    [
        (SIGNED, "", "not-enforced", "not-enforced", ""),
        ([{"sig": [], "bearer": []}], "", "not-enforced", "not-enforced", ""),
        ([{"bearer": []}], "not-declared", "", "", ""),
        ([{}], "not-declared", "", "", ""),
        ([], "not-declared", "", "", ""),
        (..., "not-declared", "", "", ""),
        ([{"sig": []}, {}], "optional", "optional", "optional", "optional"),
        ([{"sig": []}, {"bearer": []}], "optional", "optional", "optional", "optional"),
    ],
    ids=[
        "signature",
        "both",
        "bearer",
        "anybody",
        "none",
        "nothing said",
        "signature or anybody",
        "signature or bearer",
    ],
)
def test_what_is_declared_is_held_against_what_is_enforced(
    asked: Any, verified: str, exempt: str, opened: str, unknown: str
) -> None:
    expected = {VERIFIED: verified, EXEMPT: exempt, OPEN: opened, UNKNOWN: unknown}
    assert expected == {stand: "".join(codes(stand, asked)) for stand in expected}


def test_what_makes_a_signature_optional_is_said() -> None:
    told = {}
    for other in ({}, {"bearer": []}):
        (mismatch,) = join([entry("/orders", "POST")], document({"/orders": {"post": [{"sig": []}, other]}}))
        told[str(other)] = mismatch.what.split(":")[0]
    assert [
        "the document makes the signature optional (security has {})",
        "the document takes others in place of sig",
    ] == [*told.values()]


def test_the_security_of_the_document_holds_where_an_operation_says_nothing() -> None:
    assert ["not-enforced"] == codes(OPEN, ..., security=SIGNED)
    assert [] == codes(OPEN, [], security=SIGNED)
    assert ["not-declared"] == codes(VERIFIED, [], security=SIGNED)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ({"type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"}, True),
        ({"type": "apiKey", "in": "header", "name": "X-Acme-Signature"}, True),
        ({"type": "apiKey", "in": "header", "name": "x-acme-hmac"}, True),
        ({"type": "apiKey", "in": "header", "name": "Webhook-Id", "x-sealgate": {}}, True),
        ({"type": "http", "scheme": "Signature"}, True),
        ({"type": "apiKey", "in": "header", "name": "X-API-Key"}, False),
        ({"type": "http", "scheme": "basic"}, False),
        ({"type": "oauth2", "flows": {}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_security_scheme_is_known_as_a_signature_by_what_it_says(scheme: Any, expected: bool) -> None:
    told = document({"/orders": {"post": SIGNED}}, components={"securitySchemes": {"sig": scheme}})
    assert expected is (differ([entry("/orders", "POST", OPEN)], told) == {("not-enforced", "POST", "/orders")})


def test_routes_that_only_one_of_the_two_has_are_named() -> None:
    told = document({"/orders": {"post": SIGNED, "put": SIGNED}, "/old": {"get": SIGNED}})
    expected = {
        ("no-such-route", "PUT", "/orders"),
        ("no-such-route", "GET", "/old"),
        ("undocumented", "DELETE", "/orders"),
        ("undocumented", "GET", "/new/<int:id>"),
    }
    assert expected == differ(
        [entry("/orders", "DELETE OPTIONS POST"), entry("/new/<int:id>", "GET HEAD OPTIONS")], told
    )


def test_what_no_document_describes_is_not_missed() -> None:
    kinds = [
        entry(f"/{kind}", "GET", kind=kind) for kind in ("static", "docs", "mount", "missing", "middleware", "admin")
    ]
    assert set() == differ(kinds, document({}))


def test_a_route_that_takes_every_method_is_documented_by_any() -> None:
    every = "CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE"
    told = document({"/hook": {"post": SIGNED}})
    assert set() == differ([entry("/hook", every)], told)
    assert {("undocumented", "*", "/else")} == differ([entry("/hook", every), entry("/else", every)], told)


def test_an_application_behind_a_mount_answers_for_what_is_documented_there() -> None:
    assert set() == differ([entry("/hook", "*")], document({"/hook": {"post": SIGNED}}))


def test_of_two_routes_of_one_path_the_open_one_counts() -> None:
    both = [entry("/orders", "POST"), entry("/orders", "POST", OPEN), entry("/orders", "POST", EXEMPT)]
    told = document({"/orders": {"post": SIGNED}})
    for entries in (both, both[::-1]):
        assert {("not-enforced", "POST", "/orders")} == differ(entries, told)


@pytest.mark.parametrize(
    ("url", "matches"),
    [
        ("https://api.shop.example/v1", True),
        ("/v1/", True),
        ("https://api.shop.example", False),
        ("{host}/v1", True),
        ("https://[/v1", False),
        (7, False),
    ],
)
def test_paths_are_below_the_server_s_where_the_routes_are(url: Any, matches: bool) -> None:
    told = document({"/orders": {"post": SIGNED}}, servers=[{"url": "https://other.example/x"}, {"url": url}])
    assert matches is (differ([entry("/v1/orders", "POST")], told) == set())


def test_a_server_s_path_is_not_added_where_the_routes_are_without() -> None:
    told = document({"/orders": {"post": SIGNED}}, servers=[{"url": "/v1"}])
    assert set() == differ([entry("/orders", "POST")], told)


# notations


@pytest.mark.parametrize("path", ["/a", "/a/{id}", "/a/{id:int}/b", "/f/{rest:path}", "/x/{a}.{b}", "/a-{b:uuid}-c/"])
def test_a_path_of_starlette_is_joined_as_fastapi_documents_it(path: str) -> None:
    _, documented, _ = compile_path(path)
    assert template(documented) == template(path)


@pytest.mark.parametrize("path", ["/a", "/a/<id>", "/a/<int:id>/b", "/f/<path:rest>", "/x/<a>.<b>", "/<any(a, b):c>/"])
def test_a_rule_of_werkzeug_is_joined_as_werkzeug_takes_it_apart(path: str) -> None:
    rule = Rule(path)
    Map([rule])
    parts = ["{x}" if is_parameter else text for is_parameter, text in rule._trace]
    assert template("".join(parts).removeprefix("|")) == template(path)


class Orders(APIView):
    schema = AutoSchema()
    authentication_classes = [SignatureAuthentication]
    permission_classes = [HasValidSignature]

    def get(self, request: Any, **_: Any) -> Response:
        return Response({})


class Careless(Orders):
    permission_classes: list[Any] = []


PATTERNS = {
    "plain": django_path("orders/", Orders.as_view()),
    "converter": django_path("orders/<int:number>/", Orders.as_view()),
    "two": django_path("orders/<slug:name>.<int:number>", Orders.as_view()),
    "regular expression": re_path(r"^items/(?P<pk>[^/.]+)/lines/(?P<line>[0-9]{1,3})/$", Orders.as_view()),
    "nested group": re_path(r"^files/(?P<name>(a|b)+)\.txt$", Orders.as_view()),
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_pattern_of_django_is_joined_as_drf_spectacular_documents_it(pattern: Any) -> None:
    with project(pattern) as application:
        told = own_document(application, "django")
        assert 1 == len(told["paths"])
        assert set() == differ(list(audit(application).entries), dict(told))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_every_path_has_a_template_and_is_its_own(name: str) -> None:
    assert template(name).startswith("/")
    assert set() == differ([entry(name, "GET")], document({name: {"get": SIGNED}}))


# documents of real applications


def test_authentication_without_permission_is_declared_and_not_enforced() -> None:
    """drf-spectacular documents the authentication class, which alone lets everybody in."""
    patterns = (django_path("orders/", Orders.as_view()), django_path("careless/", Careless.as_view()))
    with project(*patterns, MIDDLEWARE=[]) as application:
        told = own_document(application, "django")
        found = differ([each for each in audit(application).entries if each.kind == "view"], dict(told))
    assert {("not-enforced", "GET", "/careless/")} == found


def shop() -> tuple[FastAPI, Sealgate]:
    app = FastAPI()
    return app, Sealgate(app, verifier())


def test_a_route_that_takes_the_dependency_is_declared_and_enforced() -> None:
    app, seal = shop()

    @app.post("/orders/{number}", dependencies=[Depends(seal)])
    async def orders(number: int) -> None: ...

    assert () == join(audit(app).entries, own_document(app, "fastapi"))


def test_a_route_that_the_layer_closes_without_saying_so_is_not_declared() -> None:
    app, _ = shop()

    @app.get("/orders/{number}")
    async def orders(number: int) -> None: ...

    assert {("not-declared", "GET", "/orders/{number}")} == differ(list(audit(app).entries), app.openapi())


def test_a_declaration_whose_layer_only_reports_is_not_enforced() -> None:
    app = FastAPI()
    seal = Sealgate(app, verifier(), report_only=True)

    @app.post("/orders", dependencies=[Depends(seal)])
    async def orders() -> None: ...

    assert {("not-enforced", "POST", "/orders")} == differ(list(audit(app).entries), app.openapi())


@pytest.mark.parametrize("framework", ["flask", "starlette", "wsgi", "asgi"])
def test_an_application_that_makes_no_document_is_told_to_name_a_file(framework: str) -> None:
    with pytest.raises(ConfigurationError, match="name a file"):
        own_document(object(), framework)


# files


@pytest.mark.parametrize("name", ["openapi.json", "openapi.yaml", "openapi.YML"])
def test_a_document_is_read_from_a_file(name: str, tmp_path: Path) -> None:
    written = json.dumps(document({"/orders": {"post": SIGNED}}))  # which YAML 1.2 is a superset of
    (tmp_path / name).write_text(written)
    assert [] == list(join([entry("/orders", "POST")], read(tmp_path / name)))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.json", None, "No such file"),
        ("bad.json", b"{", "not JSON"),
        ("deep.json", b"[" * 100_000, "not JSON"),
        ("list.json", b"[]", "not an object"),
        ("bad.yaml", b"a: [", "not YAML"),
        ("code.yaml", b"!!python/object/apply:os.system [echo]", "not YAML"),
        ("text.yaml", b"hello", "not an object"),
        ("latin.json", b"\xff", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_document_is_one_clear_mistake(
    name: str, content: bytes | None, expected: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=expected):
        read(tmp_path / name)


def test_yaml_without_pyyaml_is_one_clear_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openapi.yaml").write_text("openapi: 3.1.0")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigurationError, match="pip install pyyaml"):
        read(tmp_path / "openapi.yaml")


@pytest.mark.parametrize(
    "wrong",
    [
        {"paths": []},
        {"paths": {"/a": {"get": {"security": "sig"}}}},
        {"paths": {"/a": {"get": {"security": [["sig"]]}}}},
        {"components": 7},
        {"components": {"securitySchemes": []}},
    ],
)
def test_a_document_of_another_shape_is_a_clear_mistake(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="OpenAPI document"):
        join([entry("/a", "GET")], {**document({}), **wrong})


@pytest.mark.parametrize("odd", [{"/a": None}, {"/a": {"get": None}}, {"/a": {"parameters": [], "x-y": {}}}])
def test_what_is_no_operation_is_passed_over(odd: dict[str, Any]) -> None:
    assert {("undocumented", "GET", "/a")} == differ([entry("/a", "GET")], {"openapi": "3.1.0", "paths": odd})
