"""Requests and answers of every kind, as every adapter has to serve them: what they promise alike."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from asgi_client import ORDER, signed
from exchange import Framing, over_asgi, over_wsgi
from judged import KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421
from reference import Message, sign_rfc9421
from sealgate import Verifier
from suite import Suite
from wsgi_client import Answer

HOST = ORDER.headers[0]
LOOK = Message("GET", "/orders", [HOST])
EVERY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
MEGABYTE = 1024 * 1024


def upload(size: int) -> Message:
    body = b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\ncrate\r\n--b\r\n'
    body += b'Content-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n' + b"\xff" * size + b"\r\n--b--\r\n"
    return Message("POST", "/upload", [HOST, ("Content-Type", "multipart/form-data; boundary=b")], body)


FORM = Message("POST", "/form", [HOST, ("Content-Type", "application/x-www-form-urlencoded")], b"n=crate&n=b%20x")
JSON = replace(ORDER, target="/json")
LARGE = replace(ORDER, target="/read", body=bytes(range(256)) * 8192)  # two megabytes


class Kinds(Suite):
    """`/orders` answers every method with its name; `/read`, `/data` and `/lines` with the length of what they read;
    `/form`, `/upload` and `/json` with what they parse; `/stream` streams its answer, which says who was proven;
    `/open` is exempt and streams its body.

    `seen`: what the views, and what runs after them, have seen. `meet`: what each part of a streamed answer waits for.
    """

    @pytest.fixture(autouse=True)
    def _fresh(self) -> Iterator[None]:
        self.seen: list[Any] = []
        self.meet: Callable[[], object] = lambda: None
        self.stack = ExitStack()
        with self.stack:
            yield

    @abstractmethod
    def build(self, verifier: Verifier, mount: str = "") -> Any: ...

    @abstractmethod
    def send(self, application: Any, message: Message, *, declared: bool = True, mount: str = "") -> Answer: ...

    def ask(self, message: Message, verifier: Verifier | None = None, *, declared: bool = True) -> Answer:
        return self.send(self.build(verifier or RFC9421.verifier(body_limit=4 * MEGABYTE)), message, declared=declared)

    @pytest.mark.parametrize("method", EVERY)
    def test_each_method_is_closed_and_signed_as_itself(self, method: str) -> None:
        application = self.build(RFC9421.verifier())
        message = replace(LOOK, method=method)
        others = [replace(signed(replace(LOOK, method=other)), method=method) for other in EVERY if other != method]
        assert [401] * 8 == [self.send(application, each).status for each in (message, *others)]
        assert [] == self.seen
        assert (200, [method]) == (self.send(application, signed(message)).status, self.seen)

    def test_refused_head_has_no_content(self) -> None:
        answer = self.ask(replace(LOOK, method="HEAD"))
        assert (401, b"") == (answer.status, answer.body)

    @pytest.mark.parametrize("spool", [None, 70_000], ids=["in memory", "in a file"])
    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("target", ["/read", "/data", "/lines"])
    def test_large_body_arrives_whole_however_it_is_read(self, target: str, declared: bool, spool: int | None) -> None:
        verifier = RFC9421.verifier(body_limit=4 * MEGABYTE, spool=spool)
        assert b"2097152" == self.ask(signed(replace(LARGE, target=target)), verifier, declared=declared).body
        assert [LARGE.body] == self.seen

    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("over", [-1, 0, 1])
    @pytest.mark.parametrize("spool", [None, 1, 99_999, 100_000])
    def test_body_about_the_limit(self, over: int, declared: bool, spool: int | None) -> None:
        body = b"x" * (100_000 + over)
        verifier = RFC9421.verifier(body_limit=100_000, spool=spool)
        answer = self.ask(signed(replace(LARGE, body=body)), verifier, declared=declared)
        expected = (413, []) if over > 0 else (200, [body])
        assert expected == (answer.status, self.seen)

    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("size", [0, 1, 3 * MEGABYTE])
    @pytest.mark.parametrize("spool", [None, 1], ids=["in memory", "in a file"])
    def test_upload_arrives_whole_also_over_the_limits_of_the_framework(
        self, size: int, declared: bool, spool: int | None
    ) -> None:
        """Django's DATA_UPLOAD_MAX_MEMORY_SIZE is 2.5 megabytes; what it parses into files may be larger."""
        verifier = RFC9421.verifier(body_limit=4 * MEGABYTE, spool=spool)
        answer = self.ask(signed(upload(size)), verifier, declared=declared)
        assert (200, b"crate+%d" % size) == (answer.status, answer.body)

    @pytest.mark.parametrize("declared", [True, False])
    @pytest.mark.parametrize("spool", [None, 1], ids=["in memory", "in a file"])
    def test_form_and_json_are_parsed_from_what_was_proven(self, declared: bool, spool: int | None) -> None:
        answers = [
            self.ask(signed(each), RFC9421.verifier(spool=spool), declared=declared).body for each in (FORM, JSON)
        ]
        assert [b"crate,b x", b"1"] == answers

    @pytest.mark.parametrize("message", [FORM, upload(10), JSON, LARGE, replace(LOOK, target="/stream")])
    def test_unsigned_request_reaches_nothing(self, message: Message) -> None:
        assert (401, []) == (self.ask(message).status, self.seen)

    def test_streamed_answer_still_knows_who_was_proven(self) -> None:
        answer = self.ask(signed(replace(LOOK, target="/stream")))
        assert (200, b"acme, acme, acme, ") == (answer.status, answer.body)

    def test_body_of_an_exempt_route_is_not_touched(self) -> None:
        message = replace(LARGE, method="GET", target="/open")
        verifier = RFC9421.verifier(body_limit=10)
        assert (200, [LARGE.body]) == (self.ask(message, verifier).status, self.seen)

    @pytest.mark.parametrize("field", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
    def test_field_that_names_another_method_changes_nothing(self, field: str) -> None:
        message = signed(LOOK).plus([(field, "DELETE")])
        assert (200, ["GET"]) == (self.ask(message).status, self.seen)
        opened = replace(LOOK, method="POST", target="/open").plus([(field, "GET")])
        assert 401 == self.ask(opened).status

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("X-Original-URL", "/open"),
            ("X-Rewrite-URL", "/open"),
            ("X-Forwarded-Prefix", "/open"),
            ("X-Script-Name", "/open"),
            ("X-Forwarded-Host", "api.shop.example"),
            ("Forwarded", "host=api.shop.example;proto=https"),
        ],
    )
    def test_field_that_names_another_target_opens_nothing(self, field: str, value: str) -> None:
        assert (401, []) == (self.ask(LOOK.plus([(field, value)])).status, self.seen)

    @pytest.mark.parametrize("target", ["/shop/orders", "/shop/read"])
    def test_mounted_application_signs_the_whole_path(self, target: str) -> None:
        application = self.build(RFC9421.verifier(), mount="/shop")
        message = replace(ORDER, target=target)
        inner = replace(signed(replace(ORDER, target=target.removeprefix("/shop"))), target=target)
        statuses = [self.send(application, each, mount="/shop").status for each in (message, inner, signed(message))]
        assert [401, 401, 200] == statuses

    def test_two_requests_at_once_keep_their_proofs_apart(self) -> None:
        """Each part of one answer is made while the other one is being made."""
        application = self.build(RFC9421.verifier(keys={KEY_ID: KEY, "globex": OTHER_KEY}))
        look = replace(LOOK, target="/stream")
        by_globex = look.plus(
            sign_rfc9421(look, OTHER_KEY, origin=ORIGIN, key_id="globex", created=NOW, nonce="of the other party")
        )
        self.meet = Barrier(2, timeout=10).wait
        with ThreadPoolExecutor(2) as threads:
            answers = threads.map(lambda message: self.send(application, message).body, (signed(look), by_globex))
            assert [b"acme, acme, acme, ", b"globex, globex, globex, "] == list(answers)

    def part(self, key_id: str | None) -> str:
        """Of the streamed answer."""
        self.meet()
        return f"{key_id}, "


class Wsgi(Kinds):
    def send(self, application: Any, message: Message, *, declared: bool = True, mount: str = "") -> Answer:
        return over_wsgi(application, message, Framing() if declared else Framing(None, "chunked"), mount=mount)


class Asgi(Kinds):
    """Large bodies come in pieces."""

    def send(self, application: Any, message: Message, *, declared: bool = True, mount: str = "") -> Answer:
        framing = Framing(piece=65_536) if declared else Framing(None, "chunked", piece=65_536)
        return over_asgi(application, message, framing, mount=mount)
