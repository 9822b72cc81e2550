"""`report_only` as every adapter has to keep it: what is refused, and what passes then as if there were no gate."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from typing import Any, NamedTuple

import pytest

from asgi_client import ORDER, scope_of, signed
from judged import KEY_ID, OTHER_KEY, RFC9421
from reference import Message, sign_github
from sealgate import Verifier, schemes
from sealgate.policy import Verdict
from suite import Suite
from wsgi_client import call, chunked, environ_of

HOOKS = Verifier(schemes.GITHUB, keys=OTHER_KEY)
LARGE = replace(ORDER, body=bytes(range(256)) * 600)  # more than one read
FORM = Message(
    "POST",
    "/form",
    [ORDER.headers[0], ("Content-Type", "multipart/form-data; boundary=b")],
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + b"x" * 70_000 + b"\r\n--b--\r\n",
)


class Way(NamedTuple):
    """How a body comes: whether its length is declared, where it is cut off, and how much of it at once."""

    declared: bool = True
    sent: int | None = None
    piece: int = 50_000


WHOLE = Way()


class Down:
    def add(self, key: bytes, expires: int) -> bool:
        raise ConnectionError


#: The request, the verifier, how its body comes, and the code of its refusal.
REFUSED: dict[str, tuple[Callable[[], Message], Callable[[], Verifier], Way, str]] = {
    "unsigned, unread": (lambda: LARGE, RFC9421.verifier, WHOLE, "signature-missing"),
    "unsigned form": (lambda: FORM, RFC9421.verifier, WHOLE, "signature-missing"),
    "empty": (lambda: replace(ORDER, body=b""), RFC9421.verifier, WHOLE, "signature-missing"),
    "GET": (lambda: replace(ORDER, method="GET", body=b""), RFC9421.verifier, WHOLE, "signature-missing"),
    "wrong key, unread": (lambda: signed(LARGE, key=OTHER_KEY), RFC9421.verifier, WHOLE, "signature-invalid"),
    "wrong digest, read": (
        lambda: replace(signed(LARGE), body=LARGE.body[:-1] + b"!"),
        RFC9421.verifier,
        WHOLE,
        "digest-mismatch",
    ),
    "wrong digest, chunked": (
        lambda: replace(signed(LARGE), body=LARGE.body[:-1] + b"!"),
        RFC9421.verifier,
        Way(declared=False),
        "digest-mismatch",
    ),
    "wrong digest of a form": (
        lambda: replace(signed(FORM), body=FORM.body.replace(b"xxx", b"yyy")),
        RFC9421.verifier,
        WHOLE,
        "digest-mismatch",
    ),
    "signature over the body": (
        lambda: LARGE.plus(sign_github(ORDER, OTHER_KEY)),
        lambda: HOOKS,
        WHOLE,
        "signature-invalid",
    ),
    "declared over the limit": (
        lambda: signed(LARGE),
        lambda: RFC9421.verifier(body_limit=1000),
        WHOLE,
        "body-too-large",
    ),
    "chunked over the limit": (
        lambda: signed(LARGE),
        lambda: RFC9421.verifier(body_limit=1000),
        Way(declared=False),
        "body-too-large",
    ),
    "chunked in small pieces over the limit": (
        lambda: signed(LARGE),
        lambda: RFC9421.verifier(body_limit=1000),
        Way(declared=False, piece=999),
        "body-too-large",
    ),
    "truncated": (lambda: signed(LARGE), RFC9421.verifier, Way(sent=60_000), "body-unreadable"),
    "truncated at once": (lambda: signed(LARGE), RFC9421.verifier, Way(sent=0), "body-unreadable"),
    "too slow": (
        lambda: signed(LARGE),
        lambda: RFC9421.verifier(body_timeout=1e-9),
        Way(piece=999),
        "body-unreadable",
    ),
    "store down": (lambda: signed(LARGE), lambda: RFC9421.verifier(replay=Down()), WHOLE, "unavailable"),
    "no route": (lambda: replace(LARGE, target="/none"), RFC9421.verifier, WHOLE, "signature-missing"),
}

#: What the view read: its body or its file, how reading ended, and who was proven to have sent it.
Seen = tuple[bytes, str, str | None]


class ReportOnly(Suite):
    """`seen`: what the views saw."""

    @pytest.fixture(autouse=True)
    def _fresh(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        self.seen: list[Seen] = []
        self.caplog = caplog
        self.stack = ExitStack()
        with self.stack:
            yield

    @abstractmethod
    def build(self, verifier: Verifier | None, **settings: Any) -> Any:
        """`/orders` reads its body, `/form` its upload. With no verifier, the application without a gate."""

    @abstractmethod
    def send(self, application: Any, message: Message, way: Way = WHOLE) -> int:
        """The status."""

    def outcome(self, application: Any, message: Message, way: Way = WHOLE) -> tuple[int, list[Seen]]:
        before = len(self.seen)
        return self.send(application, message, way), self.seen[before:]

    def logged(self) -> list[logging.LogRecord]:
        return [record for record in self.caplog.records if record.name == "sealgate" and hasattr(record, "code")]

    @pytest.mark.parametrize("case", REFUSED)
    def test_refused_request_passes_as_without_a_gate(self, case: str) -> None:
        make, verifier, way, _ = REFUSED[case]
        message = make()
        expected = self.outcome(self.build(None), message, way)
        assert expected == self.outcome(self.build(verifier(), report_only=True), message, way)

    @pytest.mark.parametrize("case", REFUSED)
    def test_refused_request_is_loudly_logged_once(self, case: str) -> None:
        make, verifier, way, code = REFUSED[case]
        self.send(self.build(verifier(), report_only=True), make(), way)
        if case in self.never_seen:
            assert [] == self.logged()
            return
        (record,) = self.logged()
        assert (logging.WARNING, code) == (record.levelno, record.code)  # type: ignore[attr-defined]
        assert record.getMessage().startswith(f"report only, let through: {code}: ")

    #: Requests that the framework drops before anything of ours runs.
    never_seen: frozenset[str] = frozenset()

    def test_proven_request_stays_proven(self) -> None:
        application = self.build(RFC9421.verifier(), report_only=True)
        assert (200, [(LARGE.body, "end", KEY_ID)]) == self.outcome(application, signed(LARGE))
        assert [] == self.logged()

    def test_replay_passes_without_a_proof(self) -> None:
        application, message = self.build(RFC9421.verifier(), report_only=True), signed(LARGE)
        outcomes = [self.outcome(application, message) for _ in range(2)]
        assert [(200, [(LARGE.body, "end", name)]) for name in (KEY_ID, None)] == outcomes

    def test_hook_is_told_that_nothing_was_refused(self) -> None:
        told: list[Verdict] = []
        application = self.build(RFC9421.verifier(), report_only=True, on_verdict=told.append)
        for message in (ORDER, signed()):
            self.send(application, message)
        assert [("signature-missing", False), ("verified", False)] == [(each.code, each.refused) for each in told]

    def test_without_it_the_same_requests_are_refused(self) -> None:
        statuses = {
            case: self.send(self.build(verifier()), make(), way)
            for case, (make, verifier, way, _) in REFUSED.items()
            if case not in self.never_seen
        }
        assert ([], []) == (self.seen, [case for case, status in statuses.items() if status < 400])


class Routed(ReportOnly):
    """Besides, `/open` is exempt for GET, `/hook` requires `HOOKS`."""

    def test_exempt_route_stays_exempt(self) -> None:
        application = self.build(RFC9421.verifier(), report_only=True)
        look = replace(ORDER, method="GET", target="/open", body=b"")
        assert (200, [(b"", "end", None)]) == self.outcome(application, look)
        assert [] == self.logged()

    def test_request_for_another_verifier_passes_without_a_proof(self) -> None:
        application = self.build(RFC9421.verifier(), report_only=True)
        message = replace(LARGE, target="/hook")
        assert (200, [(LARGE.body, "end", None)]) == self.outcome(application, signed(message))
        proven = message.plus(sign_github(message, OTHER_KEY))
        assert (200, [(LARGE.body, "end", "anonymous")]) == self.outcome(application, proven)

    def test_answers_of_the_router_are_its_own(self) -> None:
        bare, gated = self.build(None), self.build(RFC9421.verifier(), report_only=True)
        messages = [
            replace(ORDER, method=method, target=target, body=b"")
            for method in ("GET", "HEAD", "OPTIONS", "TRACE", "PURGE")
            for target in ("/none", "/form", "/orders/", "/%2F", "/%zz")
        ]
        assert [self.send(bare, each) for each in messages] == [self.send(gated, each) for each in messages]

    def test_preflight_is_let_through_as_without_it(self) -> None:
        fields = [ORDER.headers[0], ("Origin", "https://shop.example"), ("Access-Control-Request-Method", "POST")]
        preflight = Message("OPTIONS", "/form", fields)
        expected = self.send(self.build(None), preflight)
        assert expected == self.send(self.build(RFC9421.verifier(), report_only=True), preflight)


class Pieces(BytesIO):
    def __init__(self, body: bytes, piece: int) -> None:
        super().__init__(body)
        self.piece = piece

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(-1 if size is None or size < 0 else min(size, self.piece))


class Wsgi(ReportOnly):
    def send(self, application: Any, message: Message, way: Way = WHOLE) -> int:
        changes: dict[str, Any] = {"wsgi.input": Pieces(message.body[: way.sent], way.piece)}
        return call(application, environ_of(message, **changes, **({} if way.declared else chunked()))).status


def read_all(stream: Any) -> tuple[bytes, str]:
    """Whatever can be read, and how it ended."""
    read = []
    try:
        while chunk := stream.read(10_000):
            read.append(chunk)
    except Exception as error:
        return b"".join(read), type(error).__name__
    return b"".join(read), "end"


class Ending:
    """What an ASGI server says: the body in pieces, and a disconnect where it is cut off; then it may not be asked."""

    def __init__(self, message: Message, way: Way) -> None:
        sent = message.body[: way.sent]
        pieces = [sent[at : at + way.piece] for at in range(0, len(sent), way.piece)] or [b""]
        whole = way.sent is None
        self.events: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": not whole or number < len(pieces)}
            for number, piece in enumerate(pieces, 1)
        ]
        if not whole:
            self.events.append({"type": "http.disconnect"})
        self.waits = whole
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        if not self.events:
            assert self.waits, "it has said that the client is gone, once: hypercorn would wait for ever"
            await asyncio.Event().wait()
        return self.events.pop(0)

    async def send(self, event: dict[str, Any]) -> None:
        self.sent.append(event)


class Asgi(ReportOnly):
    def send(self, application: Any, message: Message, way: Way = WHOLE) -> int:
        scope, server = scope_of(message), Ending(message, way)
        if message.body:
            framing = (b"content-length", str(len(message.body)).encode())
            scope["headers"].append(framing if way.declared else (b"transfer-encoding", b"chunked"))
        asyncio.run(asyncio.wait_for(application(scope, server.receive, server.send), 20))
        return int(server.sent[0]["status"]) if server.sent else 0
