"""Layers within layers, and the second look: whose proof counts, and for which request."""

from __future__ import annotations

from typing import Any

import pytest

from asgi_client import CONNECT, ORDER, SOCKET, App, Event, ask, layered, scope_of, signed, socket_of, whole
from judged import BODY, KEY_ID, RFC9421, SLACK
from sealgate.asgi import Layer, Recheck, SignatureMiddleware, acts_of, proof
from sealgate.exceptions import InvalidSignature, SignatureMissing
from sealgate.policy import Choice, Passed, Policy, Require


def rechecked(app: App) -> Recheck:
    one = Policy(RFC9421.verifier())
    return Recheck(app, one, "", lambda scope: Choice(one.default))


# Two layers


def test_two_layers_with_one_verifier_spend_one_nonce() -> None:
    app, layer = layered(verifier := RFC9421.verifier())
    message = signed()
    server = ask(SignatureMiddleware(layer, verifier), scope_of(message), whole(message.body))
    assert server.status == 200
    assert app.bodies == [ORDER.body]


def test_inner_layer_does_not_take_an_exemption_for_a_proof() -> None:
    app, inner = layered(verifier := RFC9421.verifier())
    outer = Layer(inner, Policy(verifier), "", lambda scope: Choice(None))
    assert ask(outer, scope_of(ORDER), whole(ORDER.body)).status == 401
    assert ask(outer, scope_of(signed()), whole(ORDER.body)).status == 200
    assert app.calls == 1


def test_inner_layer_does_not_take_the_proof_of_another_target() -> None:
    app, inner = layered(verifier := RFC9421.verifier())

    async def rewrite(scope: Event, receive: Any, send: Any) -> None:
        await inner({**scope, "path": "/admin", "raw_path": b"/admin"}, receive, send)

    assert ask(SignatureMiddleware(rewrite, verifier), scope_of(signed()), whole(ORDER.body)).status == 401
    assert app.calls == 0


def test_exemption_within_keeps_the_verdict_of_the_outer_layer() -> None:
    app = App()
    verifier = RFC9421.verifier()
    inner = Layer(app, Policy(verifier), "", lambda scope: Choice(None))
    ask(SignatureMiddleware(inner, verifier), scope_of(signed()), whole(ORDER.body))
    assert app.verified.key_id == KEY_ID


def test_two_layers_with_two_verifiers_both_count() -> None:
    app, inner = layered(BODY.verifier())
    outer = SignatureMiddleware(inner, RFC9421.verifier())
    only_one = signed()
    both = signed(BODY.signed(ORDER))
    assert ask(outer, scope_of(only_one), whole(ORDER.body)).status == 401
    assert ask(outer, scope_of(both), whole(ORDER.body)).status == 200
    assert app.verified.scheme == "body"


# Where the application is mounted


@pytest.mark.parametrize(
    ("root_path", "other"), [("", "/shop"), ("/shop", ""), ("/shop", "/shop/"), ("/shop", "/Shop")]
)
def test_layer_takes_the_configured_root_path_only(
    root_path: str, other: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is signed is the whole path; a root path that somebody else wrote would cut it at another place."""
    app = App()
    layer = SignatureMiddleware(app, RFC9421.verifier(), root_path=root_path)
    statuses = [
        ask(layer, scope_of(signed(), root_path=given), whole(ORDER.body)).status for given in (root_path, other)
    ]
    assert (statuses, app.calls) == ([200, 400], 1)
    assert [record.code for record in caplog.records] == ["target-ambiguous"]  # type: ignore[attr-defined]


# The proof, and the second look


@pytest.mark.parametrize(
    "planted",
    [True, {"verified": True}, Passed, object(), ((), None, "POST", "/orders", b""), [b"sealgate"]],
    ids=["true", "mapping", "class", "object", "tuple", "list"],
)
def test_planted_verdict_counts_for_nothing(planted: object) -> None:
    app, layer = layered()
    assert ask(layer, scope_of(ORDER, sealgate=planted), whole(ORDER.body)).status == 401
    assert ask(rechecked(app), scope_of(ORDER, sealgate=planted), whole(ORDER.body)).status == 401
    with pytest.raises(SignatureMissing):
        proof(scope_of(ORDER, sealgate=planted), Require((RFC9421.verifier(),)))
    assert app.calls == 0


def test_proof_is_for_one_of_the_verifiers_that_are_asked_for() -> None:
    ours, theirs, third = RFC9421.verifier(), BODY.verifier(), SLACK.verifier()
    app, layer = layered(ours)
    ask(layer, scope_of(signed()), whole(ORDER.body))
    assert proof(app.scope, Require((ours,))) is app.verified
    assert proof(app.scope, Require((theirs, ours))) is app.verified
    with pytest.raises(InvalidSignature):
        proof(app.scope, Require((theirs, third)))
    app.scope["sealgate"] = Passed("proven", acts_of(app.scope), Require((ours, theirs)), app.verified)
    with pytest.raises(InvalidSignature):
        proof(app.scope, Require((ours,)))


REWRITES: dict[str, Event] = {
    "method": {"method": "DELETE"},
    "path": {"path": "/admin"},
    "query": {"query_string": b"all=1"},
}


@pytest.mark.parametrize("what", REWRITES)
@pytest.mark.parametrize("exempt", [False, True])
def test_request_rewritten_after_the_layer_is_refused(what: str, exempt: bool) -> None:
    app = App()
    verifier = RFC9421.verifier()
    seen: list[type[Exception]] = []

    async def rewrite(scope: Event, receive: Any, send: Any) -> None:
        scope.update(REWRITES[what])
        try:
            proof(scope, Require((verifier,)))
        except (InvalidSignature, SignatureMissing) as error:
            seen.append(type(error))
        await rechecked(app)(scope, receive, send)

    choice = Choice(None if exempt else Require((verifier,)))
    layer = Layer(rewrite, Policy(verifier), "", lambda scope: choice)
    assert ask(layer, scope_of(signed()), whole(ORDER.body)).status == 401
    assert seen == [SignatureMissing if exempt else InvalidSignature]
    assert app.calls == 0


def test_second_look_refuses_what_no_layer_let_through() -> None:
    app = App()
    assert ask(rechecked(app), scope_of(ORDER), whole(ORDER.body)).status == 401
    assert ask(rechecked(app), socket_of(SOCKET), [CONNECT]).sent == [{"type": "websocket.close", "code": 1008}]
    assert app.calls == 0
