"""The test clients of the kit, as every framework has to have them: what is sent through them, and what is given."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

import reference
from judged import JUDGED, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421
from reference import Message
from sealgate import ConfigurationError, Signer, schemes
from sealgate.testing import FixedClock
from suite import Suite

CLOCK = FixedClock(NOW)
PARTNER = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID, clock=CLOCK)
STRIPE = Signer(schemes.STRIPE, key=OTHER_KEY, clock=CLOCK)
ENVELOPE = Signer(schemes.envelope(), key=OTHER_KEY)


class Shop(ABC):
    """A guarded application, and what it was given.

    `/stripe` and `/sealed` take the signatures of `STRIPE` and `ENVELOPE`. `/moved/<status>` redirects to
    `/orders?moved=1` and sets the cookie `shop`. All that is not redirected answers with what it was given, in JSON.
    """

    app: Any

    def __init__(self, origin: str = ORIGIN) -> None:
        CLOCK.now = NOW
        self.origin = origin
        self.given: list[Message] = []

    @abstractmethod
    def client(self, **settings: Any) -> Any:
        """One that signs, as `PARTNER` and at `origin` unless `settings` say otherwise."""

    @abstractmethod
    def plain(self) -> Any:
        """The framework's own."""

    @property
    def proof(self) -> reference.Proof:
        (message,) = self.given
        return reference.verify_rfc9421(message, RFC9421.ring, CLOCK(), origin=self.origin)


class SignedClients(Suite):
    """Asks for a fixture, `shop`. `follows`: what a request says to have its redirects followed."""

    follows: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def said(self, answer: Any) -> dict[str, Any]:
        """What the application answers with."""

    @abstractmethod
    def sign_as(self, client: Any, signer: Any, **settings: Any) -> Any:
        """The framework's."""

    @pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "head"])
    def test_every_method_is_signed(self, method: str, shop: Shop) -> None:
        assert 200 == getattr(shop.client(), method)("/orders?dry=1&dry=2").status_code
        assert KEY_ID == shop.proof.key_id

    @pytest.mark.parametrize(
        "target",
        ["/", "/a%20b/%2Fc?x=1", "/a b?q=a b", "/é/€?ö=ß", "/%7Ea/~a?%61=%7e", "/a;b=c,d@e", "/a?b?c=/", "/%25", "/?"],
    )
    def test_any_path_and_query_arrives_as_a_raw_target(self, target: str, shop: Shop) -> None:
        assert 200 == shop.client().get(target).status_code
        assert KEY_ID == shop.proof.key_id

    def test_the_application_is_where_the_origin_says(self, shop: Shop) -> None:
        assert f"{ORIGIN}/orders" == self.said(shop.client().get("/orders"))["url"]

    @pytest.mark.parametrize(
        "origin", ["http://localhost", "http://testserver", "https://api.shop.example:8443", "http://127.0.0.1:5000"]
    )
    def test_any_origin_will_do(self, origin: str, shop: Shop) -> None:
        shop = type(shop)(origin)
        assert 200 == shop.client().post("/moved/307", json={}, **self.follows).status_code
        assert KEY_ID == shop.proof.key_id

    def test_each_request_has_its_own_nonce(self, shop: Shop) -> None:
        client = shop.client()
        assert [200] * 3 == [client.post("/orders").status_code for _ in range(3)]

    def test_one_request_goes_unsigned(self, shop: Shop) -> None:
        client = shop.client()
        assert [401, 200] == [client.post("/orders", sign_as=None).status_code, client.post("/orders").status_code]

    def test_one_request_is_signed_by_another(self, shop: Shop) -> None:
        client = shop.client()
        hook = client.post("/stripe", json={"id": 1}, sign_as=STRIPE)
        assert ["stripe", "rfc9421"] == [self.said(hook)["by"], self.said(client.post("/orders"))["by"]]
        assert [401, 401] == [client.post("/stripe").status_code, client.post("/orders", sign_as=STRIPE).status_code]
        assert None is JUDGED["stripe"].judge(shop.given[0], {None: [OTHER_KEY]}, NOW).key_id

    def test_a_signature_in_the_body_is_sent_with_its_length(self, shop: Shop) -> None:
        assert 200 == shop.client().post("/sealed", json={"data": {"total": 1}}, sign_as=ENVELOPE).status_code
        assert b'{"data":{"total":1}}' == shop.given[0].body

    def test_a_request_of_another_time_is_refused(self, shop: Shop) -> None:
        late = FixedClock(NOW)
        late.tick(-301)
        slow = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID, clock=late)
        client = shop.client()
        assert [401, 200] == [client.post("/orders", sign_as=slow).status_code, client.post("/orders").status_code]

    @pytest.mark.parametrize("status", [302, 307, 308])
    def test_redirects_that_are_followed_are_signed_anew_and_cookies_come_along(self, status: int, shop: Shop) -> None:
        answer = shop.client().post(f"/moved/{status}", json={"a": 1}, **self.follows)
        assert (200, "visited") == (answer.status_code, self.said(answer)["cookie"])
        kept = ("GET", None) if status == 302 else ("POST", {"a": 1})
        (given,) = shop.given
        assert (*kept, "/orders?moved=1") == (given.method, json.loads(given.body or b"null"), given.target)
        assert KEY_ID == shop.proof.key_id

    def test_an_ordinary_client_signs_within_a_block(self, shop: Shop) -> None:
        client = shop.plain()
        with self.sign_as(client, PARTNER, origin=ORIGIN) as same:
            assert same is client
            answer = client.post("/orders", json={"total": 1})
        assert (200, f"{ORIGIN}/orders") == (answer.status_code, self.said(answer)["url"])
        assert 401 == client.post("/orders").status_code

    def test_blocks_can_be_nested_and_end_with_their_failure(self, shop: Shop) -> None:
        client = shop.plain()
        statuses = []
        with self.sign_as(client, PARTNER, origin=ORIGIN):
            with self.sign_as(client, STRIPE):
                statuses.append(client.post("/stripe", json={"id": 1}).status_code)
                with self.sign_as(client, None):
                    statuses.append(client.post("/orders").status_code)
                with pytest.raises(ZeroDivisionError), self.sign_as(client, None):
                    _ = 1 / 0
                statuses.append(client.post("/stripe", json={"id": 2}).status_code)
            statuses.append(client.post("/orders").status_code)
        assert [200, 401, 200, 200, 401] == [*statuses, client.post("/orders").status_code]

    @pytest.mark.parametrize("signer", [schemes.RFC9421, KEY, "acme"], ids=["scheme", "octets", "text"])
    def test_only_a_signer_signs(self, signer: Any, shop: Shop) -> None:
        with pytest.raises(ConfigurationError, match="signer"), self.sign_as(shop.plain(), signer):
            pass
        with pytest.raises(ConfigurationError, match="signer"):
            shop.client(signer=signer)

    def test_an_origin_that_is_none_is_refused(self, shop: Shop) -> None:
        with pytest.raises(ConfigurationError, match="origin"):
            shop.client(origin="api.shop.example")
        with (
            pytest.raises(ConfigurationError, match="origin"),
            self.sign_as(shop.plain(), PARTNER, origin="api.shop.example"),
        ):
            pass
