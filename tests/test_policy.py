"""Rules of endpoints: what they ask for, what they let through, and what several verifiers make of one request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from judged import BODY, NOW, OTHER_KEY, RFC9421, SLACK, as_request
from sealgate import ConfigurationError, Unavailable, Verified
from sealgate.exceptions import InvalidSignature, Replayed, SignatureMissing
from sealgate.policy import Exempt, Require, averify_any, exempt, require, rule_of, verifiers_for, verify_any

VerifyAny = Callable[..., Verified]
each_driver = pytest.mark.parametrize(
    "verify", [verify_any, lambda *arguments: asyncio.run(averify_any(*arguments))], ids=["verify_any", "averify_any"]
)


def view() -> None: ...


class Broken:
    """A store that is down."""

    def add(self, key: bytes, expires: int, /) -> bool:
        raise OSError


# --- rules ---


def test_an_endpoint_without_a_rule_has_the_default() -> None:
    default = RFC9421.verifier()
    assert rule_of(view) is None
    assert (default,) == verifiers_for(None, default, "GET")


def test_a_required_verifier_takes_the_place_of_the_default() -> None:
    own, default = SLACK.verifier(), RFC9421.verifier()
    rule = rule_of(require(own)(lambda: None))
    assert isinstance(rule, Require)
    assert (own,) == verifiers_for(rule, default, "POST")


@pytest.mark.parametrize(
    ("methods", "method", "open_"),
    [
        (("GET", "HEAD"), "GET", True),
        (("GET", "HEAD"), "HEAD", True),
        (("GET", "HEAD"), "POST", False),
        (("GET", "HEAD"), "get", False),
        (("GET", "HEAD"), "OPTIONS", False),
        (("post",), "POST", True),
        ((), "GET", False),
    ],
)
def test_an_exemption_holds_for_the_methods_it_names(methods: tuple[str, ...], method: str, open_: bool) -> None:
    default = RFC9421.verifier()
    rule = rule_of(exempt("a probe", methods=methods)(lambda: None))
    assert (() if open_ else (default,)) == verifiers_for(rule, default, method)


def test_after_until_the_route_is_closed_again() -> None:
    default = RFC9421.verifier()
    rule = rule_of(exempt("moving", until=datetime.fromtimestamp(NOW, UTC))(lambda: None))
    assert isinstance(rule, Exempt)
    assert () == verifiers_for(rule, default, "GET", NOW - 0.001)
    assert (default,) == verifiers_for(rule, default, "GET", NOW)


def test_a_class_that_inherits_is_closed_though_its_parent_is_not() -> None:
    class Open:
        pass

    class Inherits(Open):
        pass

    exempt("a probe")(Open)
    assert isinstance(rule_of(Open), Exempt)
    assert isinstance(rule_of(Open()), Exempt)
    assert rule_of(Inherits) is None
    assert rule_of(Inherits()) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: exempt(""),
        lambda: exempt(" \t"),
        lambda: exempt(None),  # type: ignore[arg-type]
        lambda: exempt("why", methods="GET"),
        lambda: exempt("why", until=datetime(2030, 1, 1)),
        lambda: require(),
        lambda: require(None),  # type: ignore[arg-type]
        lambda: require(exempt)(view),  # type: ignore[arg-type]
        lambda: exempt("why")(17),
        lambda: exempt("why")(exempt("why")(lambda: None)),
        lambda: require(BODY.verifier())(exempt("why")(lambda: None)),
    ],
)
def test_a_rule_that_is_none_is_found_at_construction(make: Callable[[], Any]) -> None:
    """A blank reason, methods as one text, a time without a zone, two rules on one endpoint."""
    with pytest.raises(ConfigurationError):
        make()


def test_a_forged_rule_is_no_rule() -> None:
    endpoint: Any = lambda: None  # noqa: E731
    endpoint.__sealgate__ = "exempt"
    assert rule_of(endpoint) is None


# --- several verifiers ---


@each_driver
def test_any_of_several_may_prove(verify: VerifyAny) -> None:
    verifiers = (SLACK.verifier(), BODY.verifier(), RFC9421.verifier())
    assert "rfc9421" == verify(verifiers, as_request(RFC9421.signed()), None).scheme
    assert "body" == verify(verifiers, as_request(BODY.signed()), None).scheme


@each_driver
def test_no_verifier_is_no_proof(verify: VerifyAny) -> None:
    """An empty list means exempt to an adapter, which must not ask; asked all the same, it refuses."""
    with pytest.raises(SignatureMissing):
        verify((), as_request(RFC9421.signed()), None)


@each_driver
def test_the_refusal_is_of_one_that_found_a_signature(verify: VerifyAny) -> None:
    for verifiers in ((RFC9421.verifier(), SLACK.verifier()), (SLACK.verifier(), RFC9421.verifier())):
        with pytest.raises(InvalidSignature):
            verify(verifiers, as_request(RFC9421.signed(key=OTHER_KEY)), None)
        with pytest.raises(SignatureMissing):
            verify(verifiers, as_request(RFC9421.message), None)


@each_driver
def test_a_replay_for_one_is_not_fresh_for_the_next(verify: VerifyAny) -> None:
    """Each has its own memory: who comes second has not seen what the first accepted."""
    verifiers = (RFC9421.verifier(), RFC9421.verifier(max_age=60))
    verify(verifiers, as_request(RFC9421.signed()), None)
    with pytest.raises(Replayed):
        verify(verifiers, as_request(RFC9421.signed()), None)


@each_driver
def test_a_store_that_is_down_is_not_passed_by_for_the_next(verify: VerifyAny) -> None:
    """Else a message is accepted by the next now, and by the first once its store is back."""
    verifiers = (RFC9421.verifier(replay=Broken()), RFC9421.verifier(max_age=60))
    with pytest.raises(Unavailable):
        verify(verifiers, as_request(RFC9421.signed()), None)
