"""A provider's probe is answered behind every adapter, by no view, and only where a verifier names the handshake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import override_settings

from asgi_client import CONNECT, ask, socket_of
from handshake_probes import PROVIDERS, Asked
from handshake_shops import ALONE, RAN, SHOPS, Shop
from judged import KEY, NOW, OTHER_KEY, as_request
from sealgate import ConfigurationError, KeyRing, Rejected, Verifier, handshakes, schemes
from sealgate.asgi import SignatureMiddleware
from sealgate.audit import audit
from sealgate.exceptions import HandshakeAnswered, KeyNotAllowed
from sealgate.policy import Verdict, required, verify
from sealgate.replay import Delivery, MemoryStore
from wsgi_client import Answer


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    RAN.clear()
    with override_settings(SEALGATE={}, ROOT_URLCONF="django_project", MIDDLEWARE=[]):  # so that all hear of its end
        yield


@pytest.fixture(params=SHOPS, ids=lambda shop: shop.name)
def shop(request: pytest.FixtureRequest) -> Shop:
    given: Shop = request.param
    return given


@pytest.fixture(params=PROVIDERS.values(), ids=str)
def asked(request: pytest.FixtureRequest) -> Asked:
    given: Asked = request.param
    return given


def told(answer: Answer) -> tuple[int, str | None, bytes, dict[str, str]]:
    """Status, media type, content, and what there is of these: who may keep it or guess at it, and the key of Asana."""
    fields = {name.lower(): value for name, value in answer.headers}
    names = ("cache-control", "x-content-type-options", "x-hook-secret", "www-authenticate")
    more = {name: fields[name] for name in names if name in fields}
    media_type = fields.get("content-type") if answer.body else None
    return answer.status, media_type, answer.body, more


def test_probe_is_answered_and_no_view_runs(shop: Shop, asked: Asked) -> None:
    media_type, content, more = asked.told
    expected = (200, media_type, content, {"cache-control": "no-store", "x-content-type-options": "nosniff", **more})
    assert (expected, []) == (told(shop.over(shop.build(asked.verifier()), asked.probe)), RAN)


def test_without_the_handshake_an_unsigned_probe_is_refused_as_any_request(shop: Shop, asked: Asked) -> None:
    """What is signed as a delivery is one; the query of X is signed by no scheme of deliveries."""
    status = 401 if asked.unsigned or asked.name == "x" else 200
    answer = shop.over(shop.build(asked.verifier(on=False)), asked.probe)
    assert (status, [] if status == 401 else ["POST"]) == (answer.status, RAN)
    if status == 401:
        unsigned = shop.over(shop.build(asked.verifier(on=False)), replace(asked.delivery, headers=()))
        assert told(unsigned) == told(answer)


def test_delivery_comes_to_the_view(shop: Shop, asked: Asked) -> None:
    """Also where it has what a probe has; of Asana once the key is there."""
    settings = {"keys": lambda *_: KeyRing(KEY)} if asked.name == "asana" else {}
    answer = shop.over(shop.build(asked.verifier(**settings)), asked.delivery)
    assert ((200, b"ran"), ["POST"]) == ((answer.status, answer.body), RAN)


def test_unsigned_delivery_is_refused(shop: Shop, asked: Asked) -> None:
    answer = shop.over(shop.build(asked.verifier()), replace(asked.delivery, headers=()))
    assert (401, []) == (answer.status, RAN)


def test_probe_is_answered_where_refused_requests_pass(shop: Shop, asked: Asked) -> None:
    """There is nothing in it for a view."""
    application = shop.build(asked.verifier(), report_only=True)
    assert (asked.told[1], []) == (shop.over(application, asked.probe).body, RAN)


def test_hook_and_log_are_told(shop: Shop, asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    verdicts: list[Verdict] = []
    shop.over(shop.build(asked.verifier(), on_verdict=verdicts.append), asked.probe)
    (verdict,) = verdicts
    assert ("handshake", asked.probe.method, "/hook", None, True) == (
        *(verdict.code, verdict.method, verdict.path, verdict.key_id),
        verdict.refused,
    )
    (record,) = [record for record in caplog.records if record.name == "sealgate"]
    how = "unsigned" if asked.unsigned else "signed"
    said = f"answered handshake: '{asked.probe.method}' '/hook' key None ({asked.name}, {how})"
    assert said == record.getMessage()


def test_one_of_several_verifiers_answers(asked: Asked) -> None:
    """Any of them: the others have found no signature of theirs."""
    others = Verifier(schemes.STRIPE, keys=OTHER_KEY)
    demand = required((others, asked.verifier()), None, ())
    with pytest.raises(HandshakeAnswered):
        verify(demand, as_request(asked.probe), None, Delivery())


def test_signed_probe_by_a_key_that_the_route_does_not_admit_is_not_answered() -> None:
    keys = {"old": KEY, "new": OTHER_KEY}
    demand = required((PROVIDERS["zoom"].verifier(keys=keys),), {"new"}, ())
    with pytest.raises(KeyNotAllowed):
        verify(demand, as_request(PROVIDERS["zoom"].probe), None, Delivery())


@pytest.mark.parametrize("name", ["zoom", "x"])
def test_answer_is_signed_by_the_key_that_the_provider_has(name: str) -> None:
    """During a rotation that is not the newest."""
    asked = PROVIDERS[name]
    verifier = asked.verifier(keys=KeyRing({"any": [OTHER_KEY, KEY]}))
    with pytest.raises(HandshakeAnswered) as answered:
        verifier.verify(as_request(asked.probe), delivery=Delivery())
    assert (asked.told[1], "any") == (answered.value.content, answered.value.key_id)


def test_repeated_probe_is_refused_where_duplicates_are_acknowledged() -> None:
    """It has no delivery of which to tell."""
    asked = PROVIDERS["zoom"]
    verifier = asked.verifier(duplicates="acknowledge", replay=MemoryStore(100, clock=lambda: NOW))
    for expected in (HandshakeAnswered, Rejected):
        delivery = Delivery()
        with pytest.raises(expected) as refused:
            verifier.verify(as_request(asked.probe), delivery=delivery)
        assert not delivery.is_underway
    assert ("nonce-replayed", 401) == (refused.value.code, refused.value.status)


# Where nobody can give the answer


def test_without_a_delivery_no_handshake_is_answered(asked: Asked) -> None:
    verifier = asked.verifier()
    if asked.unsigned or asked.name == "x":
        with pytest.raises(Rejected) as refused:
            verifier.verify(as_request(asked.probe))
        assert 401 == refused.value.status
    else:
        assert asked.name == verifier.verify(as_request(asked.probe)).scheme


@pytest.mark.parametrize("name", ["meta", "dropbox"])
def test_websocket_is_no_handshake_of_a_provider(name: str) -> None:
    server = ask(SignatureMiddleware(_never, PROVIDERS[name].verifier()), socket_of(PROVIDERS[name].probe), [CONNECT])
    assert ["websocket.close"] == [event["type"] for event in server.sent]


@pytest.mark.parametrize("alone", ALONE, ids=lambda shop: shop.name)
def test_class_or_dependency_alone_answers_no_handshake(alone: Shop, asked: Asked) -> None:
    """Neither gives the answer. What is signed as deliveries are is one."""
    refused = asked.unsigned or asked.name == "x"
    answer = alone.over(alone.build(asked.verifier()), asked.probe)
    assert ((401, []) if refused else (200, ["POST"])) == (answer.status, RAN)


async def _never(*_: Any) -> None:
    RAN.append("application")


# What is configured, and what an audit says of it


@pytest.mark.parametrize("other", [schemes.GITHUB, schemes.RFC9421, schemes.body("X-Hub-Signature-256")])
def test_handshake_is_for_the_scheme_of_its_provider(asked: Asked, other: Any) -> None:
    """An answer of one provider may be a signature of another's."""
    with pytest.raises(ConfigurationError, match="handshake: the one of"):
        Verifier(other, keys={"acme": KEY}, origin="https://shop.example", handshake=asked.handshake())


@pytest.mark.parametrize("given", ["zoom", True, object(), handshakes])
def test_handshake_is_one_of_ours(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="handshake: expected one of"):
        Verifier(schemes.ZOOM, keys=KEY, handshake=given)


@pytest.mark.parametrize("given", ["", "short", "x" * 15, "x" * 257, "with a blank in it", "é" * 16, None, b"x" * 16])
def test_verify_token_is_long_and_printable(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="verify_token: expected") as refused:
        handshakes.meta(given)
    assert refused.value.__traceback__ is not None
    assert str(given) not in str(refused.value) or not given


def test_verify_token_does_not_show() -> None:
    token = "x" * 15 + "-the-token"
    assert token not in repr(handshakes.meta(token))
    with pytest.raises(ConfigurationError, match="names a source"):
        handshakes.meta("env:META_VERIFY_TOKEN")


#: How an audit writes all paths of an application that is no framework's.
_ANY = ("/<path:path>", "/{path:path}")


def test_audit_says_what_is_answered_unsigned(shop: Shop, asked: Asked) -> None:
    """It is an opening, if a small one, and of the methods that it is for."""
    found = audit(shop.build(asked.verifier())).entries
    entries = [each for each in found if each.path in ({*_ANY} if shop.name in {"wsgi", "asgi"} else {"/hook"})]
    opened = {
        (method, said)
        for each in entries
        for method in each.methods
        for said in each.standing.evidence
        if "handshake" in said
    }
    methods = {"asana": "POST", "meta": "GET", "dropbox": "GET"}
    method = methods.get(asked.name)
    said = f"an unsigned {method} that is {asked.name}'s handshake is answered, by no view"
    at = {"*"} if shop.name in {"wsgi", "asgi"} else {method}
    assert {"verified"} == {each.verdict for each in entries}
    assert {(each, said) for each in at if method} == opened
