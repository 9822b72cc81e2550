"""sealgate.testing.django and .rest_framework: plain clients against a guarded project; the judge reads what it was given."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client, RequestFactory, SimpleTestCase, override_settings

import django_project
import reference
from echoing_django import CLOCK, GIVEN, Urls
from judged import JUDGED, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421
from sealgate import ConfigurationError, Signer, Verifier, schemes
from sealgate.testing import FixedClock
from sealgate.testing.django import SignedAsyncClient, SignedClient, sign_as

# isort: split
# Once there are settings, which `django_project` makes.
from rest_framework.test import APIClient

from sealgate.testing.rest_framework import SignedClient as SignedAPIClient

PARTNER = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID, clock=CLOCK)
STRIPE = Signer(schemes.STRIPE, key=OTHER_KEY, clock=CLOCK)
ENVELOPE = Signer(schemes.envelope(), key=OTHER_KEY)


@pytest.fixture(autouse=True)
def _project() -> Iterator[None]:
    partners = Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN, clock=CLOCK)
    CLOCK.now = NOW
    GIVEN.clear()
    with override_settings(ROOT_URLCONF=Urls, SEALGATE={"VERIFIER": partners}):
        yield


class Awaited:
    """An AsyncClient, for tests that do not wait."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **request: asyncio.run(getattr(self.client, name)(*args, **request))


def signed(kind: str, **settings: Any) -> Any:
    settings = {"origin": ORIGIN, **settings}
    if kind == "async":
        return Awaited(SignedAsyncClient(PARTNER, **settings))
    return {"client": SignedClient, "drf": SignedAPIClient}[kind](PARTNER, **settings)


def plain(kind: str) -> Any:
    return {"client": Client, "async": AsyncClient, "drf": APIClient}[kind]()


def event() -> dict[str, int]:
    """Stripe's signature has no nonce: one event twice is a replay."""
    return {"id": next(_ids)}


_ids = itertools.count()
each_kind = pytest.mark.parametrize("kind", ["client", "async", "drf"])


def judged() -> reference.Proof:
    (message,) = GIVEN
    return reference.verify_rfc9421(message, RFC9421.ring, CLOCK(), origin=ORIGIN)


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
@each_kind
def test_every_method_is_signed(kind: str, method: str) -> None:
    answer = getattr(signed(kind), method)("/orders?dry=1&dry=2")
    assert (200, "rfc9421", {"dry": ["1", "2"]}) == (answer.status_code, answer.json()["by"], answer.json()["get"])
    assert KEY_ID == judged().key_id


@pytest.mark.parametrize("kind", ["client", "async"])
def test_head_and_trace_are_signed(kind: str) -> None:
    assert [200, 200] == [signed(kind).head("/orders").status_code, signed(kind).trace("/orders").status_code]


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/a%20b/%2Fc?x=1",
        "/a b?q=a b",
        "/é/€?ö=ß",
        "/%7Ea/~a?%61=%7e",
        "/a;b=c,d@e",
        "/a//b",
        "/a?b?c=/",
        "/%25",
        "/?",
    ],
)
@each_kind
def test_any_path_and_query_arrives_as_a_raw_target(kind: str, target: str) -> None:
    assert 200 == signed(kind).get(target).status_code
    judged()


@each_kind
def test_the_path_is_the_one_that_a_server_would_hand_over(kind: str) -> None:
    assert "/é" == signed(kind).get("/é").json()["path"]


@each_kind
def test_the_application_is_where_the_origin_says(kind: str) -> None:
    assert f"{ORIGIN}/orders" == signed(kind).get("/orders").json()["uri"]


@pytest.mark.parametrize(("origin", "server"), [(ORIGIN, "443"), ("http://api.shop.example:8080", "8080")])
@each_kind
def test_the_server_is_the_one_of_the_origin(kind: str, origin: str, server: str) -> None:
    partners = Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=origin, clock=CLOCK)
    with override_settings(SEALGATE={"VERIFIER": partners}):
        assert ["api.shop.example", server] == signed(kind, origin=origin).get("/orders").json()["server"]


@pytest.mark.parametrize("kind", ["client", "drf"])
def test_a_mounted_project_is_asked_by_its_whole_path(kind: str) -> None:
    partners = Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=ORIGIN, clock=CLOCK)
    with override_settings(SEALGATE={"VERIFIER": partners, "SCRIPT_NAME": "/shop"}):
        answer = signed(kind, SCRIPT_NAME="/shop").get("/orders")
    assert (200, "/shop/orders", "/shop/orders") == (answer.status_code, answer.json()["path"], GIVEN[0].target)


def test_an_origin_with_a_port_is_kept_when_redirects_are_followed() -> None:
    origin = "https://api.shop.example:8443"
    partners = Verifier(schemes.RFC9421, keys={KEY_ID: KEY}, origin=origin, clock=CLOCK)
    with override_settings(SEALGATE={"VERIFIER": partners}):
        answer = signed("client", origin=origin).get("/away?port=:8443", follow=True)
    assert (200, f"{origin}/orders") == (answer.status_code, answer.json()["uri"])


@each_kind
def test_json_is_signed_as_sent(kind: str) -> None:
    answer = signed(kind).post("/orders", {"total": 1, "name": "é"}, content_type="application/json")
    assert {"total": 1, "name": "é"} == json.loads(answer.json()["body"].encode("latin-1"))
    assert "application/json" == GIVEN[0].one("content-type")
    judged()


@each_kind
def test_forms_and_files_are_signed_and_parse(kind: str) -> None:
    more = {"format": "multipart"} if kind == "drf" else {}
    fields = {"name": "a b", "file": SimpleUploadedFile("a.txt", b"content")}
    answer = signed(kind).post("/orders", fields, **more)
    assert ({"name": ["a b"]}, {"file": "content"}) == (answer.json()["post"], answer.json()["files"])
    judged()


@each_kind
def test_parameters_of_the_query_are_signed(kind: str) -> None:
    given = {"name": ["a b", "é"]}
    assert given == signed(kind).get("/orders", given).json()["get"]
    judged()


@each_kind
def test_each_request_has_its_own_nonce(kind: str) -> None:
    client = signed(kind)
    assert [200] * 3 == [client.post("/orders").status_code for _ in range(3)]


@each_kind
def test_one_request_goes_unsigned(kind: str) -> None:
    client = signed(kind)
    assert [401, 200] == [client.post("/orders", sign_as=None).status_code, client.post("/orders").status_code]


@each_kind
def test_one_request_is_signed_by_another(kind: str) -> None:
    client = signed(kind)
    hook = client.post("/stripe", event(), content_type="application/json", sign_as=STRIPE)
    assert ["stripe", "rfc9421"] == [hook.json()["by"], client.post("/orders").json()["by"]]
    assert [401, 401] == [client.post("/stripe").status_code, client.post("/orders", sign_as=STRIPE).status_code]
    JUDGED["stripe"].judge(GIVEN[0], {None: [OTHER_KEY]}, NOW)


@each_kind
def test_a_signature_in_the_body_is_sent_with_its_length(kind: str) -> None:
    body = {"data": {"total": 1}}
    answer = signed(kind).post("/sealed", body, content_type="application/json", sign_as=ENVELOPE)
    assert (200, {"data": {"total": 1}}) == (answer.status_code, json.loads(answer.json()["body"]))


@each_kind
def test_what_the_route_will_match_is_signed(kind: str) -> None:
    client = plain(kind)
    with sign_as(client, Signer(schemes.scoped(), key=OTHER_KEY), params={"id": "a b"}):
        statuses = [send(client, "get", f"/documents/{name}").status_code for name in ("a%20b", "other")]
    assert [200, 401] == statuses


def send(client: Any, method: str, *args: Any, **request: Any) -> Any:
    answer = getattr(client, method)(*args, **request)
    return asyncio.run(answer) if isinstance(client, AsyncClient) else answer


@each_kind
def test_an_ordinary_client_signs_within_a_block(kind: str) -> None:
    client = plain(kind)
    with sign_as(client, PARTNER, origin=ORIGIN) as same:
        assert same is client
        within = [send(client, "post", "/orders").json()["uri"], send(client, "get", "/orders?a=1").status_code]
    assert ([f"{ORIGIN}/orders", 200], 401) == (within, send(client, "post", "/orders").status_code)


@each_kind
def test_blocks_can_be_nested(kind: str) -> None:
    client = plain(kind)
    statuses = []
    with sign_as(client, PARTNER, origin=ORIGIN):
        with sign_as(client, STRIPE):
            statuses.append(send(client, "post", "/stripe", event(), content_type="application/json").status_code)
            with sign_as(client, None):
                statuses.append(send(client, "post", "/orders").status_code)
        statuses.append(send(client, "post", "/orders").status_code)
    assert [200, 401, 200] == statuses


@each_kind
def test_a_block_ends_with_its_failure(kind: str) -> None:
    client = plain(kind)
    with pytest.raises(ZeroDivisionError), sign_as(client, PARTNER, origin=ORIGIN):
        _ = 1 / 0
    assert 401 == send(client, "post", "/orders").status_code


@each_kind
def test_a_client_after_its_block_is_as_it_was(kind: str) -> None:
    used, untouched = plain(kind), plain(kind)
    with sign_as(used, PARTNER, origin=ORIGIN):
        pass
    assert handed_over(send(used, "get", "/a b?ö=ß")) == handed_over(send(untouched, "get", "/a b?ö=ß"))


def handed_over(answer: Any) -> dict[str, Any]:
    """What the project was given in text: the environ, or the scope."""
    whole = answer.wsgi_request.environ if hasattr(answer, "wsgi_request") else answer.asgi_request.scope
    return {name: value for name, value in whole.items() if isinstance(value, str | bytes | list)}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("client", 302),
        ("client", 307),
        ("client", 308),
        ("drf", 302),
        ("drf", 307),
        ("async", 302),
    ],  # all that they follow
)
def test_redirects_that_are_followed_are_signed_anew_and_cookies_come_along(kind: str, status: int) -> None:
    answer = signed(kind).post(f"/moved/{status}", {"a": 1}, content_type="application/json", follow=True)
    assert (200, "visited") == (answer.status_code, answer.json()["cookie"])
    assert ("GET" if status == 302 else "POST") == GIVEN[0].method
    judged()


@each_kind
def test_a_redirect_is_signed_as_its_request_was(kind: str) -> None:
    assert 401 == signed(kind).get("/moved/302", follow=True, sign_as=STRIPE).status_code


def test_requests_that_run_at_once_are_signed_each_as_it_says() -> None:
    client = SignedAsyncClient(PARTNER, origin=ORIGIN)

    async def run() -> list[int]:
        sent = [client.post("/orders", sign_as=None if n % 2 else PARTNER) for n in range(6)]
        return [answer.status_code for answer in await asyncio.gather(*sent)]

    assert [200, 401] * 3 == asyncio.run(run())


def test_a_host_of_the_tests_choice_is_left() -> None:
    """Signed for that host, which is not the verifier's."""
    answers = [
        signed("client").get("/orders", HTTP_HOST="evil.example"),
        signed("client").get("/orders", headers={"host": "evil.example"}),
        signed("async").get("/orders", headers={"host": "evil.example"}),
    ]
    assert [400] * 3 == [answer.status_code for answer in answers]


def test_a_raw_target_of_the_tests_choice_is_left() -> None:
    assert [200, 400] == [signed("client").get("/a/b", RAW_URI=uri).status_code for uri in ("/a%2Fb", "/other")]


@each_kind
def test_a_request_of_another_time_is_refused(kind: str) -> None:
    client = signed(kind)
    late = FixedClock(NOW)
    late.tick(-301)
    slow = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID, clock=late)
    assert [401, 200] == [client.post("/orders", sign_as=slow).status_code, client.post("/orders").status_code]


def test_credentials_of_an_api_client_are_signed_as_well() -> None:
    scheme = schemes.RFC9421.message_signature(
        "strict", components=["@method", "@authority", "@path", "@query", "authorization"]
    )
    strict = Signer(scheme, key=KEY, key_id=KEY_ID, clock=CLOCK)
    client = SignedAPIClient(strict, origin=ORIGIN)
    client.credentials(HTTP_AUTHORIZATION="Token abc")
    assert 200 == client.get("/orders").status_code
    assert "authorization" in str(GIVEN[0].one("signature-input"))


class TestInATestCase(SimpleTestCase):
    client_class = partial(SignedClient, PARTNER, origin=ORIGIN)  # type: ignore[assignment]

    def test_the_client_of_a_test_case_signs(self) -> None:
        assert 200 == self.client.post("/orders").status_code


@pytest.mark.parametrize("signer", [schemes.RFC9421, KEY, "acme"])
@each_kind
def test_only_a_signer_signs(kind: str, signer: Any) -> None:
    with pytest.raises(ConfigurationError, match="signer"), sign_as(plain(kind), signer):
        pass
    with pytest.raises(ConfigurationError, match="signer"):
        signed(kind).get("/", sign_as=signer)


@each_kind
def test_an_origin_that_is_none_is_refused(kind: str) -> None:
    with pytest.raises(ConfigurationError, match="origin"):
        signed(kind, origin="api.shop.example")


def test_a_stream_as_body_is_signed() -> None:
    body = BytesIO(b"streamed")
    answer = signed("client").generic(
        "POST", "/orders", **{"wsgi.input": body, "CONTENT_LENGTH": "8", "CONTENT_TYPE": "text/plain"}
    )
    assert (200, "streamed") == (answer.status_code, answer.json()["body"])


def test_the_project_is_closed_to_ordinary_clients() -> None:
    """Or the rest would mean little."""
    assert django_project.settings.configured
    assert [401, 401] == [Client().get("/orders").status_code, APIClient().post("/orders").status_code]
    assert RequestFactory().get("/").META["SERVER_NAME"] == "testserver"
