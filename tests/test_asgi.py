"""The ASGI layer, driven by hand: what reaches the application, what is refused, and that a failure is no acceptance."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plain_shop
from asgi_client import ORDER, App, Event, ask, layered, scope_of, signed, whole
from contract import AsgiContract, Down
from judged import BODY, KEY, KEY_ID, RFC9421, with_field
from sealgate import ConfigurationError, Verifier
from sealgate.asgi import Layer, SignatureMiddleware, proof
from sealgate.exceptions import SignatureMissing
from sealgate.policy import Choice, Policy, Require


class TestMiddleware(AsgiContract):
    parsers = ("starlette.formparsers.FormParser.parse", "starlette.formparsers.MultiPartParser.parse", "json.loads")
    CANNOT = plain_shop.CANNOT

    def build(self, verifier: Verifier, *, mount: str = "", inside: Any = None, **settings: Any) -> SignatureMiddleware:
        application = plain_shop.change_scope(plain_shop.asgi_application(self.seen), inside)
        return SignatureMiddleware(application, verifier, root_path=mount, **settings)


# What is accepted


def test_signed_request_reaches_the_application_with_its_body_and_its_verdict() -> None:
    app, layer = layered()
    message = signed()
    server = ask(layer, scope_of(message), whole(message.body))
    assert server.status == 200
    assert app.bodies == [ORDER.body]
    assert (app.verified.key_id, app.verified.scheme, app.verified.body) == (KEY_ID, "rfc9421", ORDER.body)


def test_chunks_are_handed_over_as_one_message() -> None:
    app, layer = layered()
    message = signed()
    chunks = [message.body[:3], b"", message.body[3:7], message.body[7:], b""]
    events = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    server = ask(layer, scope_of(message), [*events, {"type": "http.request"}, {"type": "http.disconnect"}])
    assert server.status == 200
    assert app.bodies == [ORDER.body]


def test_disconnect_still_reaches_the_application_after_the_body() -> None:
    app, layer = layered()
    message = signed()
    ask(layer, scope_of(message), whole(message.body))
    assert app.after == {"type": "http.disconnect"}


def test_body_scheme_is_verified_against_the_bytes_received() -> None:
    app, layer = layered(BODY.verifier())
    message = BODY.signed(ORDER)
    assert ask(layer, scope_of(message), whole(message.body)).status == 200
    assert ask(layer, scope_of(message), whole(message.body + b" ")).status == 401
    assert app.bodies == [ORDER.body]


def test_lifespan_passes() -> None:
    seen = []

    async def app(scope: Event, receive: Any, send: Any) -> None:
        seen.append((scope, await receive()))

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
    ask(SignatureMiddleware(app, RFC9421.verifier()), scope, [{"type": "lifespan.startup"}])
    assert seen == [(scope, {"type": "lifespan.startup"})]


def test_exempt_request_is_passed_on_untouched() -> None:
    app = App()
    layer = Layer(app, Policy(RFC9421.verifier(replay=Down())), "", lambda scope: Choice(None))
    server = ask(layer, scope_of(ORDER), whole(b"anything"))
    assert (server.status, server.asked) == (200, 2)
    assert app.bodies == [b"anything"]
    assert app.scope["sealgate"].verified is None
    with pytest.raises(SignatureMissing):
        proof(app.scope, Require((RFC9421.verifier(),)))


# What is refused


@pytest.mark.parametrize("kind", ["webtransport", "", "HTTP", None])
def test_unknown_scope_type_never_reaches_the_application(kind: str | None) -> None:
    app, layer = layered()
    with pytest.raises(ConfigurationError, match="cannot be verified"):
        ask(layer, scope_of(signed(), type=kind), whole(ORDER.body))
    assert app.calls == 0


@pytest.mark.parametrize(
    ("path", "raw"), [("/orders", b"/admin"), ("/a/b", b"/a%2Fc"), ("/orders", b"http://x/orders")]
)
def test_path_that_is_not_the_raw_one_is_refused(path: str, raw: bytes) -> None:
    app, layer = layered()
    assert ask(layer, scope_of(signed(), path=path, raw_path=raw), whole(ORDER.body)).status == 400
    assert app.calls == 0


def test_origin_of_the_service_counts_and_not_what_the_request_says() -> None:
    app, layer = layered()
    elsewhere = RFC9421.verifier(origin="https://other.example")
    assert ask(layer, scope_of(with_field(signed(), "Host", "other.example")), whole(ORDER.body)).status == 400
    assert ask(SignatureMiddleware(app, elsewhere), scope_of(signed()), whole(ORDER.body)).status == 400
    assert app.calls == 0


@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"signature", b"signature-input", b"content-length", b"content-digest"]), st.binary()
        )
    ),
    target=st.binary(max_size=20),
    body=st.binary(max_size=20),
)
def test_any_octets_get_an_answer_and_never_the_application(
    headers: list[tuple[bytes, bytes]], target: bytes, body: bytes
) -> None:
    app, layer = layered()
    path, _, query = b"".join([b"/", target]).partition(b"?")
    scope = scope_of(ORDER, headers=headers, path=path.decode("utf-8", "replace"), raw_path=path, query_string=query)
    assert ask(layer, scope, whole(body)).status in {400, 401, 413}
    assert app.calls == 0


# How it is set


def test_middleware_needs_a_verifier() -> None:
    with pytest.raises(ConfigurationError, match="verifier"):
        SignatureMiddleware(App(), KEY)  # type: ignore[arg-type]
