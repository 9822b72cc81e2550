"""sealgate.testing.flask: Flask's own test client against a guarded application; the judge reads what it was given."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, Response, g, redirect, request, session
from flask.testing import FlaskClient

import reference
from judged import JUDGED, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421
from reference import Message
from sealgate import ConfigurationError, Signer, Verifier, schemes
from sealgate.flask import Sealgate
from sealgate.testing import FixedClock
from sealgate.testing.flask import SignedClient, sign_as

CLOCK = FixedClock(NOW)
PARTNER = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID, clock=CLOCK)
STRIPE = Signer(schemes.STRIPE, key=OTHER_KEY, clock=CLOCK)


class Shop:
    """A guarded application, and what it was given."""

    def __init__(self, origin: str = ORIGIN) -> None:
        CLOCK.now = NOW
        self.origin = origin
        self.given: list[Message] = []
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

    @property
    def proof(self) -> reference.Proof:
        (message,) = self.given
        return reference.verify_rfc9421(message, RFC9421.ring, CLOCK(), origin=self.origin)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "head", "trace"])
def test_every_method_is_signed(method: str, shop: Shop) -> None:
    assert 200 == getattr(shop.client(), method)("/slash/?dry=1&dry=2").status_code
    assert KEY_ID == shop.proof.key_id


@pytest.mark.parametrize(
    "target",
    ["/", "/a%20b/%2Fc?x=1", "/a b?q=a b", "/é/€?ö=ß", "/%7Ea/~a?%61=%7e", "/a;b=c,d@e", "/a?b?c=/", "/%25", "/?"],
)
def test_any_path_and_query_arrives_as_a_raw_target(target: str, shop: Shop) -> None:
    assert 200 == shop.client().get(target).status_code
    assert KEY_ID == shop.proof.key_id


def test_a_target_arrives_as_it_was_typed(shop: Shop) -> None:
    shop.client().get("/%7Ea/%2Fb?%61=%7e")
    assert "/%7Ea/%2Fb?%61=%7e" == shop.given[0].target


def test_the_application_is_where_the_origin_says(shop: Shop) -> None:
    assert f"{ORIGIN}/orders" == shop.client().get("/orders").json["url"]


@pytest.mark.parametrize("origin", ["http://localhost", "https://api.shop.example:8443", "http://127.0.0.1:5000"])
def test_any_origin_will_do(origin: str) -> None:
    shop = Shop(origin)
    assert 200 == shop.client().post("/moved/307", json={}, follow_redirects=True).status_code
    assert KEY_ID == shop.proof.key_id


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


def test_each_request_has_its_own_nonce(shop: Shop) -> None:
    client = shop.client()
    assert [200] * 3 == [client.post("/orders").status_code for _ in range(3)]


def test_one_request_goes_unsigned(shop: Shop) -> None:
    client = shop.client()
    assert [401, 200] == [client.post("/orders", sign_as=None).status_code, client.post("/orders").status_code]


def test_one_request_is_signed_by_another(shop: Shop) -> None:
    client = shop.client()
    hook = client.post("/stripe", json={"id": 1}, sign_as=STRIPE)
    assert ["stripe", "rfc9421"] == [hook.json["by"], client.post("/orders").json["by"]]
    assert [401, 401] == [client.post("/stripe").status_code, client.post("/orders", sign_as=STRIPE).status_code]
    assert None is JUDGED["stripe"].judge(shop.given[0], {None: [OTHER_KEY]}, NOW).key_id


def test_a_signature_in_the_body_is_sent_with_its_length(shop: Shop) -> None:
    by = Signer(schemes.envelope(), key=OTHER_KEY)
    assert 200 == shop.client().post("/sealed", json={"data": {"total": 1}}, sign_as=by).status_code
    assert b'{"data":{"total":1}}' == shop.given[0].body


def test_what_the_route_will_match_is_signed(shop: Shop) -> None:
    with sign_as(shop.plain(), Signer(schemes.scoped(), key=OTHER_KEY), params={"id": "a b"}) as client:
        statuses = [client.get(f"/documents/{name}").status_code for name in ("a%20b", "other")]
    assert [200, 401] == statuses


def test_an_ordinary_client_signs_within_a_block(shop: Shop) -> None:
    client = shop.plain()
    with sign_as(client, PARTNER, origin=ORIGIN) as same:
        assert same is client
        answer = client.post("/orders", json={"total": 1})
    assert ([200, f"{ORIGIN}/orders"], 401) == (
        [answer.status_code, answer.json["url"]],
        client.post("/orders").status_code,
    )


def test_blocks_can_be_nested_and_end_with_their_failure(shop: Shop) -> None:
    client = shop.plain()
    statuses = []
    with sign_as(client, PARTNER, origin=ORIGIN):
        with sign_as(client, STRIPE):
            statuses.append(client.post("/stripe", json={"id": 1}).status_code)
            with pytest.raises(ZeroDivisionError), sign_as(client, None):
                statuses.append(client.post("/orders").status_code / 0)
        statuses.append(client.post("/orders").status_code)
    assert [200, 200, 401] == [*statuses, client.post("/orders").status_code]


@pytest.mark.parametrize("status", [302, 307, 308])
def test_redirects_that_are_followed_are_signed_anew_and_cookies_come_along(status: int, shop: Shop) -> None:
    answer = shop.client().post(f"/moved/{status}", json={"a": 1}, follow_redirects=True)
    assert (200, "visited", {"moved": ["1"]}) == (answer.status_code, answer.json["cookie"], answer.json["query"])
    kept = ("GET", b"") if status == 302 else ("POST", b'{"a": 1}')
    assert kept == (shop.given[0].method, shop.given[0].body)
    assert KEY_ID == shop.proof.key_id


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


@pytest.mark.parametrize("signer", [schemes.RFC9421, KEY, "acme"])
def test_only_a_signer_signs(signer: Any, shop: Shop) -> None:
    with pytest.raises(ConfigurationError, match="signer"), sign_as(shop.plain(), signer):
        pass
    with pytest.raises(ConfigurationError, match="signer"):
        shop.client(signer=signer)
    with pytest.raises(ConfigurationError, match="origin"):
        shop.client(origin="api.shop.example")
