"""sealgate.testing.flask: Flask's own test client against a guarded application; the judge reads what it was given."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, Response, g, redirect, request, session
from flask.testing import FlaskClient

import reference
import signed_clients
from judged import KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421
from reference import Message
from sealgate import Signer, Verifier, schemes
from sealgate.flask import Sealgate
from sealgate.testing.flask import SignedClient, sign_as
from signed_clients import CLOCK, PARTNER, STRIPE, SignedClients


class Shop(signed_clients.Shop):
    def __init__(self, origin: str = ORIGIN) -> None:
        super().__init__(origin)
        self.app = Flask(__name__)
        self.app.secret_key = "for tests only"
        self.app.testing = True
        partners = Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=origin, clock=CLOCK)
        seal = Sealgate(self.app, partners)

        @self.app.post("/stripe")
        @seal.require(Verifier(schemes.STRIPE, keys=OTHER_KEY, clock=CLOCK))
        def stripe() -> Response:
            return self.echo()

        @self.app.post("/sealed")
        @seal.require(Verifier(schemes.envelope(), keys=OTHER_KEY))
        def sealed() -> Response:
            return self.echo()

        @self.app.get("/documents/<id>")
        @seal.require(Verifier(schemes.scoped(), keys=OTHER_KEY))
        def documents(id: str) -> Response:
            return self.echo()

        @self.app.route("/moved/<int:status>", methods=["GET", "POST"])
        def moved(status: int) -> Any:
            answer = redirect("/orders?moved=1", status)
            answer.set_cookie("shop", "visited")
            return answer

        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"]
        self.app.add_url_rule("/slash/", "slash", self.echo, methods=methods, provide_automatic_options=False)
        for rule in ("/", "/<path:rest>"):
            self.app.add_url_rule(rule, rule, lambda rest="": self.echo(), methods=methods)

    def echo(self) -> Response:
        environ = request.environ
        assert environ["RAW_URI"] == environ["REQUEST_URI"]
        fields = [(key.removeprefix("HTTP_").replace("_", "-"), environ[key]) for key in environ if key[:5] == "HTTP_"]
        fields.append(("Content-Type", environ.get("CONTENT_TYPE", "")))
        self.given.append(Message(request.method, environ["RAW_URI"], fields, request.get_data()))
        return self.app.json.response(
            by=g.verified.scheme,
            form=request.form.to_dict(flat=False),
            files={name: file.read().decode() for name, file in request.files.items()},
            query=request.args.to_dict(flat=False),
            cookie=request.cookies.get("shop"),
            user=session.get("user"),
            url=request.url,
        )

    def client(self, **settings: Any) -> Any:
        self.app.test_client_class = SignedClient
        return self.app.test_client(**{"signer": PARTNER, "origin": self.origin, **settings})

    def plain(self) -> FlaskClient:
        self.app.test_client_class = None
        return self.app.test_client()


@pytest.fixture
def shop() -> Shop:
    return Shop()


class TestFlask(SignedClients):
    follows = {"follow_redirects": True}
    sign_as = staticmethod(sign_as)

    def said(self, answer: Any) -> dict[str, Any]:
        said: dict[str, Any] = answer.json
        return said


def test_trace_is_signed(shop: Shop) -> None:
    assert 200 == shop.client().trace("/orders").status_code
    assert KEY_ID == shop.proof.key_id


def test_a_target_arrives_as_it_was_typed(shop: Shop) -> None:
    shop.client().get("/%7Ea/%2Fb?%61=%7e")
    assert "/%7Ea/%2Fb?%61=%7e" == shop.given[0].target


def test_json_forms_and_files_are_signed_as_sent(shop: Shop) -> None:
    client = shop.client()
    client.post("/orders", json={"name": "é"})
    assert {"name": "é"} == json.loads(shop.given[0].body)
    assert {"name": ["a b"]} == client.post("/orders", data={"name": "a b"}).json["form"]
    upload = {"name": "a b", "file": (BytesIO(b"content"), "a.txt")}
    answer = client.post("/orders", data=upload).json
    assert ({"name": ["a b"]}, {"file": "content"}) == (answer["form"], answer["files"])
    for message in shop.given:
        reference.verify_rfc9421(message, RFC9421.ring, NOW, origin=ORIGIN)


def test_parameters_of_the_query_are_signed(shop: Shop) -> None:
    given = {"name": ["a b", "é"]}
    assert given == shop.client().get("/orders", query_string=given).json["query"]
    assert KEY_ID == shop.proof.key_id


def test_what_the_route_will_match_is_signed(shop: Shop) -> None:
    with sign_as(shop.plain(), Signer(schemes.scoped(), key=OTHER_KEY), params={"id": "a b"}) as client:
        statuses = [client.get(f"/documents/{name}").status_code for name in ("a%20b", "other")]
    assert [200, 401] == statuses


def test_a_redirect_of_the_routing_is_followed(shop: Shop) -> None:
    shop.app.view_functions["/<path:rest>"] = lambda rest: redirect(f"{ORIGIN}/slash/")
    assert 200 == shop.client().get("/slash", follow_redirects=True).status_code


def test_a_redirect_is_signed_as_its_request_was(shop: Shop) -> None:
    assert 401 == shop.client().get("/moved/302", follow_redirects=True, sign_as=STRIPE).status_code


def test_sessions_can_be_written_before_a_request(shop: Shop) -> None:
    client = shop.client()
    with client.session_transaction() as written:
        written["user"] = "ada"
    assert "ada" == client.get("/orders").json["user"]


def test_the_context_can_be_kept(shop: Shop) -> None:
    with shop.client() as client:
        client.post("/orders", json={})
        assert ("rfc9421", b"{}") == (g.verified.scheme, request.get_data())


@pytest.mark.parametrize("more", [{"base_url": "https://evil.example"}, {"url_scheme": "http"}, {"subdomain": "a"}])
def test_a_place_of_the_tests_choice_is_left(more: dict[str, str], shop: Shop) -> None:
    """Signed for that place, which is not the verifier's."""
    assert 400 == shop.client().get("/orders", **more).status_code
    assert 400 == shop.client().get("https://evil.example/orders").status_code


def test_environs_and_requests_are_signed_as_they_are(shop: Shop) -> None:
    client = shop.client()
    for given in ("environ", "request"):
        with shop.app.test_request_context("/orders", base_url=ORIGIN, method="POST", data=b"{}") as context:
            assert 200 == client.open(context.request if given == "request" else context.request.environ).status_code
    assert [b"{}", b"{}"] == [message.body for message in shop.given]


def test_a_mounted_application_is_asked_below_its_root() -> None:
    app = Flask(__name__)
    app.config["APPLICATION_ROOT"] = "/shop"
    app.add_url_rule("/orders", view_func=lambda: request.environ["RAW_URI"])
    Sealgate(app, Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN, clock=CLOCK), script_name="/shop")
    app.test_client_class = SignedClient
    assert "/shop/orders" == app.test_client(signer=PARTNER, origin=ORIGIN).get("/orders").text


def test_a_client_after_its_block_is_as_it_was(shop: Shop) -> None:
    environs: list[dict[str, Any]] = []
    app = shop.app.wsgi_app

    def seen(environ: dict[str, Any], start_response: Any) -> Any:
        environs.append({name: value for name, value in environ.items() if isinstance(value, str)})
        return app(environ, start_response)

    shop.app.wsgi_app = seen  # type: ignore[method-assign]
    used, untouched = shop.plain(), shop.plain()
    with sign_as(used, PARTNER, origin=ORIGIN):
        pass
    for client in (used, untouched):
        client.post("/orders?ö=ß", json={})
    assert environs[0] == environs[1]
