"""sealgate.wsgi: the middleware, and the reading of bodies that other adapters share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest

import plain_shop
from contract import LOOK, ORDER, WsgiContract, signed
from exchange import CHUNKED
from judged import RFC9421
from sealgate import ConfigurationError, Verified, Verifier
from sealgate.exceptions import BodyTooLarge, BodyUnreadable
from sealgate.policy import Require
from sealgate.wsgi import Body, SignatureMiddleware, declared_length
from wsgi_client import Answer, Input, Unfinished, WSGIApplication, environ_of


class TestMiddleware(WsgiContract):
    parsers = ("werkzeug.formparser.FormDataParser.parse", "json.loads")
    CANNOT = plain_shop.CANNOT

    def build(self, verifier: Verifier, *, mount: str = "", inside: Any = None, **settings: Any) -> WSGIApplication:
        application = plain_shop.change_environ(plain_shop.wsgi_application(self.seen), inside)
        return SignatureMiddleware(self.noted(application), verifier, script_name=mount, **settings)

    def noted(self, application: WSGIApplication) -> WSGIApplication:
        def noting(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            self.environ = environ
            return application(environ, start_response)

        return noting

    def test_proof_is_in_the_environ(self) -> None:
        self.send(signed())
        verified = self.environ["sealgate.verified"]
        assert isinstance(verified, Verified)
        assert (verified.key_id, verified.body) == ("acme", ORDER.body)

    def test_chunked_body_has_a_length_afterwards(self) -> None:
        self.send(signed(), framing=CHUNKED)
        environ = self.environ
        assert (environ["CONTENT_LENGTH"], environ.get("HTTP_TRANSFER_ENCODING")) == (str(len(ORDER.body)), None)

    def test_refusal_of_head_has_no_content(self) -> None:
        answer = self.send(replace(LOOK, method="HEAD"))
        assert (answer.status, answer.body) == (401, b"")

    @pytest.mark.parametrize("script_name", ["shop", "/", "/shop/", "//shop", "/sh\xf6p", "/a b", None, 1])
    def test_mount_that_cannot_be_is_a_configuration_error(self, script_name: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"^script_name: "):
            self.build(RFC9421.verifier(), mount=script_name)

    @pytest.mark.parametrize("verifier", [None, "shop.gate.partners", object()])
    def test_missing_verifier_is_a_configuration_error(self, verifier: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"^verifier: "):
            self.build(verifier)

    def test_coroutine_key_source_is_a_configuration_error(self) -> None:
        async def keys(key_id: str | None, request: Any) -> None:
            return None

        with pytest.raises(ConfigurationError, match="averify"):
            self.send(signed(), RFC9421.verifier(keys=keys))


def demand(timeout: float) -> Require:
    return Require((RFC9421.verifier(body_timeout=timeout),))


class TestBody:
    def read(self, body: Any, limit: int = 100, timeout: float = 30, **changes: Any) -> bytes:
        stream = BytesIO(body) if isinstance(body, bytes) else body
        length = {"CONTENT_LENGTH": str(len(body))} if isinstance(body, bytes) else {}
        environ = {"wsgi.input": stream, **length, **changes}
        return Body(environ, demand(timeout)).read(limit)

    @pytest.mark.parametrize("size", [0, 1, 99, 100])
    def test_body_up_to_the_limit(self, size: int) -> None:
        assert self.read(b"a" * size) == b"a" * size

    def test_declared_body_over_the_limit_is_not_read(self) -> None:
        with pytest.raises(BodyTooLarge):
            self.read(Unfinished(), CONTENT_LENGTH="101")

    def test_endless_chunked_body_is_read_to_the_limit_only(self) -> None:
        stream = Endless()
        with pytest.raises(BodyTooLarge):
            self.read(stream, limit=1000, **{"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True})
        assert stream.given == 1001

    @pytest.mark.parametrize("size", [99, 100])
    def test_chunked_body_up_to_the_limit(self, size: int) -> None:
        chunks = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
        assert self.read(b"a" * size, **chunks) == b"a" * size

    @pytest.mark.parametrize(("seconds", "status"), [(29, None), (31, 408)])
    def test_deadline_is_for_the_whole_body(self, seconds: float, status: int | None) -> None:
        times = iter([1000.0, 1001.0, 1000.0 + seconds])
        environ = {"wsgi.input": Input(b"123456789012345", 5), "CONTENT_LENGTH": "15"}
        if status is None:
            assert Body(environ, demand(30), clock=lambda: next(times)).read(100) == b"123456789012345"
        else:
            with pytest.raises(BodyUnreadable) as refusal:
                Body(environ, demand(30), clock=lambda: next(times)).read(100)
            assert refusal.value.status == status

    def test_server_that_gives_more_than_was_asked_for_is_not_believed(self) -> None:
        class Generous:
            def read(self, size: int) -> bytes:
                return b"a" * (size + 1)

        with pytest.raises(BodyUnreadable):
            self.read(Generous(), CONTENT_LENGTH="10")

    def test_body_without_a_length_is_none_unless_terminated(self) -> None:
        assert [declared_length({}, terminated=each) for each in (False, True)] == [0, None]

    @pytest.mark.parametrize("length", ["1\xb2", "\xb2", "-1", "+1", "1, 1", " 1", "1_0", "9" * 20, "9" * 5000])
    def test_content_length_that_is_no_number_is_refused(self, length: str) -> None:
        with pytest.raises(BodyUnreadable):
            declared_length({"CONTENT_LENGTH": length}, terminated=True)

    @pytest.mark.parametrize("length", ["", None])
    def test_empty_content_length_is_none(self, length: str | None) -> None:
        assert declared_length({"CONTENT_LENGTH": length}, terminated=False) == 0


class Endless:
    given = 0

    def read(self, size: int) -> bytes:
        self.given += size
        return b"a" * size


def test_answer_lists_what_pep_3333_asks_for() -> None:
    """Status with a phrase, native strings, and no hop-by-hop field."""
    started: list[Any] = []
    application = SignatureMiddleware(lambda *_: [], RFC9421.verifier())
    parts = application(environ_of(ORDER), lambda *given: started.append(given))  # type: ignore[arg-type, return-value]
    ((status, headers),) = started
    assert (status, type(headers)) == ("401 Unauthorized", list)
    assert {type(text) for pair in headers for text in pair} == {str}
    assert Answer(401, tuple(headers), b"".join(parts)).body.startswith(b"{")
