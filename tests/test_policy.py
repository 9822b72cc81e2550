"""Rules of endpoints: what they ask for, what they let through, and what several verifiers make of one request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from judged import BODY, NOW, OTHER_KEY, RFC9421, SLACK, as_request
from sealgate import ConfigurationError, Unavailable, Verified
from sealgate.exceptions import InvalidSignature, KeyNotAllowed, Replayed, SignatureMissing
from sealgate.policy import (
    WEBSOCKET,
    Exempt,
    Policy,
    Require,
    Verdict,
    averify,
    exempt,
    received_params,
    require,
    rule_of,
    rules_of_view,
    verify,
)

Verify = Callable[..., Verified]
each_driver = pytest.mark.parametrize(
    "verify", [verify, lambda *arguments: asyncio.run(averify(*arguments))], ids=["verify", "averify"]
)


def view() -> None: ...


class Broken:
    """A store that is down."""

    def add(self, key: bytes, expires: int, /) -> bool:
        raise OSError


# --- rules ---


def test_an_endpoint_without_a_rule_has_the_default() -> None:
    policy = Policy(RFC9421.verifier())
    assert list(rules_of_view(view)) == []
    assert policy.demand((), "GET") is policy.default


def test_a_required_verifier_takes_the_place_of_the_default() -> None:
    own, policy = SLACK.verifier(), Policy(RFC9421.verifier())
    rules = rules_of_view(require(own)(lambda: None))
    assert policy.demand(rules, "POST") == Require((own,))


@pytest.mark.parametrize(
    ("methods", "method", "open_"),
    [
        (("GET", "HEAD"), "GET", True),
        (("GET", "HEAD"), "HEAD", True),
        (("GET", "HEAD"), "POST", False),
        (("GET", "HEAD"), "get", False),
        (("GET", "HEAD"), "OPTIONS", False),
        (("GET", "HEAD"), WEBSOCKET, False),
        (("websocket",), WEBSOCKET, True),
        (("post",), "POST", True),
        ((), "GET", False),
    ],
)
def test_an_exemption_holds_for_the_methods_it_names(methods: tuple[str, ...], method: str, open_: bool) -> None:
    policy = Policy(RFC9421.verifier())
    rules = rules_of_view(exempt("a probe", methods=methods)(lambda: None))
    assert policy.demand(rules, method) is (None if open_ else policy.default)


def test_after_until_the_route_is_closed_again() -> None:
    mark = exempt("moving", until=datetime.fromtimestamp(NOW, UTC))
    endpoint = mark(lambda: None)
    before, after = (Policy(RFC9421.verifier(), clock=lambda at=at: at) for at in (NOW - 0.001, NOW))  # type: ignore[misc]
    assert before.demand(rules_of_view(endpoint), "GET") is None
    assert after.demand(rules_of_view(endpoint), "GET") is after.default


def test_the_innermost_rule_that_says_something_counts() -> None:
    inner, outer = Require((SLACK.verifier(),)), Require((BODY.verifier(),))
    probe = Exempt("a probe", frozenset({"GET"}), None)
    policy = Policy(RFC9421.verifier())
    assert policy.demand((inner, probe), "GET") is inner
    assert policy.demand((probe, outer), "GET") is None
    assert policy.demand((probe, outer), "POST") is outer
    assert policy.demand((probe, probe), "POST") is policy.default


class Parent:
    @exempt("the list is public")
    def get(self) -> None: ...

    @require(SLACK.verifier())
    def post(self) -> None: ...


class Child(Parent):
    pass


@pytest.mark.parametrize(
    ("cls", "handler", "kinds"),
    [
        (Parent, "get", [Exempt]),
        (Parent, "post", [Require]),
        (Parent, "put", []),
        (Child, "get", []),
        (Child, "post", [Require]),
    ],
)
def test_a_rule_may_stand_on_one_method_of_a_class(cls: type, handler: str, kinds: list[type]) -> None:
    """What is required is inherited, what is open is not."""
    assert kinds == [type(rule) for rule in rules_of_view(lambda: None, cls, handler)]


def test_what_a_class_requires_its_children_require() -> None:
    @require(SLACK.verifier())
    class Signed:
        pass

    class Below(Signed):
        pass

    assert [rule_of(Signed)] == list(rules_of_view(lambda: None, Below, "get"))


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
        lambda: require(BODY.verifier(), keys=()),
        lambda: require(BODY.verifier(), keys="acme"),
        lambda: require(BODY.verifier(), keys=[None]),  # type: ignore[list-item]
        lambda: require(BODY.verifier(), uncovered="query"),
        lambda: require(BODY.verifier(), uncovered=("path",)),
        lambda: Policy("shop.gate.partners"),  # type: ignore[arg-type]
        lambda: Policy(BODY.verifier(), report_only="yes"),  # type: ignore[arg-type]
        lambda: Policy(BODY.verifier(), preflight=1),  # type: ignore[arg-type]
        lambda: Policy(BODY.verifier(), on_verdict="log"),  # type: ignore[arg-type]
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
def test_any_of_several_may_prove(verify: Verify) -> None:
    demand = Require((SLACK.verifier(), BODY.verifier(), RFC9421.verifier()))
    assert "rfc9421" == verify(demand, as_request(RFC9421.signed()), None).scheme
    assert "body" == verify(demand, as_request(BODY.signed()), None).scheme


@each_driver
def test_no_verifier_is_no_proof(verify: Verify) -> None:
    with pytest.raises(SignatureMissing):
        verify(Require(()), as_request(RFC9421.signed()), None)


@each_driver
def test_the_refusal_is_of_one_that_found_a_signature(verify: Verify) -> None:
    for verifiers in ((RFC9421.verifier(), SLACK.verifier()), (SLACK.verifier(), RFC9421.verifier())):
        with pytest.raises(InvalidSignature):
            verify(Require(verifiers), as_request(RFC9421.signed(key=OTHER_KEY)), None)
        with pytest.raises(SignatureMissing):
            verify(Require(verifiers), as_request(RFC9421.message), None)


@each_driver
def test_a_replay_for_one_is_not_fresh_for_the_next(verify: Verify) -> None:
    """Each has its own memory: who comes second has not seen what the first accepted."""
    demand = Require((RFC9421.verifier(), RFC9421.verifier(max_age=60)))
    verify(demand, as_request(RFC9421.signed()), None)
    with pytest.raises(Replayed):
        verify(demand, as_request(RFC9421.signed()), None)


@each_driver
def test_a_store_that_is_down_is_not_passed_by_for_the_next(verify: Verify) -> None:
    """Else a message is accepted by the next now, and by the first once its store is back."""
    demand = Require((RFC9421.verifier(replay=Broken()), RFC9421.verifier(max_age=60)))
    with pytest.raises(Unavailable):
        verify(demand, as_request(RFC9421.signed()), None)


@each_driver
def test_a_key_that_the_route_does_not_admit_is_forbidden(verify: Verify) -> None:
    demand = Require((RFC9421.verifier(),), frozenset({"globex"}))
    with pytest.raises(KeyNotAllowed) as refusal:
        verify(demand, as_request(RFC9421.signed()), None)
    assert (403, "acme") == (refusal.value.status, refusal.value.key_id)
    with pytest.raises(InvalidSignature):
        verify(demand, as_request(RFC9421.signed(key=OTHER_KEY)), None)


def test_several_demands_are_met_together() -> None:
    ours, theirs = RFC9421.verifier(), BODY.verifier()
    both = Require((ours, theirs), frozenset({"acme", "globex"}), frozenset({"query", "body"}))
    narrow = Require((theirs,), frozenset({"globex"}), frozenset({"body"}))
    assert narrow == both.narrowed(narrow) == narrow.narrowed(both)
    assert Require((ours,)).narrowed(narrow).verifiers == (ours,)  # which `narrow` then refuses


def test_a_proof_under_laxer_terms_is_not_taken() -> None:
    ours, theirs = RFC9421.verifier(), BODY.verifier()
    assert Require((ours, theirs)).takes(Require((ours,)))
    assert not Require((ours,)).takes(Require((ours, theirs)))
    assert not Require((ours,)).takes(Require((ours,), uncovered=frozenset({"query"})))
    assert Require((ours,), uncovered=frozenset({"query"})).takes(Require((ours,)))


# --- what becomes of a verdict ---


def test_every_verdict_is_told() -> None:
    told: list[Verdict] = []
    policy = Policy(RFC9421.verifier(), on_verdict=told.append)
    refusal = InvalidSignature("no")
    refusal.key_id = "acme"
    policy.accepted(RFC9421.verifier().verify(as_request(RFC9421.signed())), "POST", "/orders", "orders")
    answer = policy.refused(refusal, "GET", "/", None)
    assert answer is not None
    assert told == [
        Verdict("verified", "POST", "/orders", "orders", "acme", "rfc9421", refused=False),
        Verdict("signature-invalid", "GET", "/", None, "acme", None, refused=True),
    ]


def test_a_hook_that_fails_changes_no_verdict(caplog: pytest.LogCaptureFixture) -> None:
    def fails(verdict: Verdict) -> None:
        raise RuntimeError("metrics are down")

    answer = Policy(RFC9421.verifier(), on_verdict=fails).refused(SignatureMissing(), "GET", "/")
    assert answer is not None
    assert (401, "on_verdict failed") == (answer.status, caplog.messages[-1])


def test_report_only_logs_and_answers_nothing(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Verdict] = []
    policy = Policy(RFC9421.verifier(), report_only=True, on_verdict=told.append)
    assert policy.refused(SignatureMissing(), "GET", "/orders\n", "orders") is None
    (record,) = caplog.records
    assert "report only, let through: signature-missing: 'GET' '/orders\\n' key None (signature-missing)" == (
        record.getMessage()
    )
    assert ("signature-missing", "orders") == (record.__dict__["code"], record.__dict__["route"])
    assert [False] == [verdict.refused for verdict in told]


@pytest.mark.parametrize(
    ("method", "body", "names", "passes"),
    [
        ("OPTIONS", False, ["origin", "access-control-request-method", "host"], True),
        ("OPTIONS", True, ["origin", "access-control-request-method"], False),
        ("OPTIONS", False, ["origin"], False),
        ("OPTIONS", False, ["access-control-request-method"], False),
        ("GET", False, ["origin", "access-control-request-method"], False),
        ("options", False, ["origin", "access-control-request-method"], False),
    ],
)
def test_only_a_preflight_is_one(method: str, body: bool, names: list[str], passes: bool) -> None:
    assert passes == Policy(RFC9421.verifier(), preflight=True).is_preflight(method, body, names)
    assert not Policy(RFC9421.verifier()).is_preflight(method, body, names)


@pytest.mark.parametrize(
    ("converted", "path", "received"),
    [
        ({"id": "doc-1"}, "/files/doc-1", {"id": "doc-1"}),
        ({"id": 7}, "/files/7", {"id": "7"}),
        ({"id": 7}, "/files/007", {}),
        ({"id": UUID(int=10)}, f"/files/{str(UUID(int=10)).upper()}", {"id": str(UUID(int=10)).upper()}),
        ({"id": "DOC"}, "/files/doc", {}),
        ({"path": "a/b"}, "/files/a/b", {"path": "a/b"}),
        ({"id": object()}, "/files/1", {}),
        ({"id": "a", "n": 1}, "/a/1", {"id": "a", "n": "1"}),
    ],
)
def test_a_param_is_the_text_that_was_received(converted: dict[str, Any], path: str, received: dict[str, str]) -> None:
    """What a converter changed is not what anybody signed."""
    assert received == received_params(converted, path)
