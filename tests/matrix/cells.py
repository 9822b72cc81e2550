"""One application of one row, under one scheme: requests are signed for it by the judge, and what comes of them is told.

Unlike `served_place`, no outcome is expected: it is sound, or says what is wrong. Sound is a refusal, by us or by the
server, or one view that has been given what was signed.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

import reference
from matrix.http2 import Inexpressible, Stream
from matrix.rows import Row
from reference import Message
from served_case import CLOSED, Case, get, on_wire, post
from served_place import Place, differing
from served_socket import Answer, Connection, connected
from served_views import HOST, KEY, KEY_ID
from servers import Running

SCHEMES = ("rfc9421", "canonical", "body")
#: Seconds until a server that says nothing is told that nothing more comes, and until it is left alone.
_PATIENCE, _END = 1.5, 6.0
WAITS = "no answer"
#: It has no form in HTTP/2.
NO_FORM = "-"


@dataclass(frozen=True)
class Outcome:
    """`told`: what was answered, in the words of `served_case`. `wrong`: what no verifier may let happen, if it did."""

    told: str
    wrong: str = ""

    def __str__(self) -> str:
        return f"{self.told}: WRONG, {self.wrong}" if self.wrong else self.told


class Cell(Place):
    def __init__(self, row: Row, run: Running, port: int, app: str, scheme: str) -> None:
        super().__init__(run, app if scheme == "rfc9421" else f"{app}:{scheme}")
        self.row = row
        self.scheme = scheme
        self._port = port
        #: Signed, and not seen by a view so far.
        self._open: deque[Message] = deque(maxlen=16)

    def addressed(self, message: Message) -> Message:
        """For the application that is meant, under its mount."""
        message = super().addressed(message)
        whole = message.target.startswith("/") or not self.row.mount
        return replace(message, target=self.row.mount + message.target) if whole else message

    def signed(self, message: Message, covers: tuple[str, ...] = ()) -> Message:
        if self.scheme == "rfc9421":
            return super().signed(message, covers)
        message = self.addressed(message)
        return message.plus(_canonical(message) if self.scheme == "canonical" else reference.sign_body(message, KEY))

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        with connected(self._port, _END) as connection:
            yield Stream(connection) if self.row.http2 else connection

    def octets(self, case: Case, message: Message) -> bytes:
        """On the wire: what stands in the line of `case` is under the mount too."""
        bare = replace(message, target=message.target.removeprefix(self.row.mount))
        return self.routed(case.wire(bare))

    def routed(self, wire: bytes) -> bytes:
        """What was written without the mount, as it is sent."""
        method, blank, rest = wire.partition(b" ")
        if self.row.strips or not (self.row.mount and rest.startswith(b"/")):
            return wire
        return method + blank + self.row.mount.encode() + rest

    def tried(self, case: Case) -> Outcome:
        """What comes of `case`, and then of a good request to the same process."""
        message = self.addressed(case.signed) if case.unsigned else self.signed(case.signed, case.covers)
        try:
            answer: Answer | str | None
            with self.connected() as connection:
                wire = self.octets(case, message)
                answer = self.asked(connection, wire, ends=case.ends)
        except Inexpressible:
            return Outcome(NO_FORM)
        return self.judged(answer, *([] if case.unsigned else [message]))

    def asked(self, connection: Connection, wire: bytes, *, ends: bool = False) -> Answer | str | None:
        """The answer, `WAITS` where none comes, None where the connection is closed instead."""
        with suppress(TimeoutError):
            connection.write(wire)
        if ends or not connection.answered(_PATIENCE):
            connection.end()
        return final_answer(connection, "HEAD" if wire.startswith(b"HEAD ") else "GET")

    def judged(self, answer: Answer | str | None, *messages: Message) -> Outcome:
        """`messages`: those that a view may have been given, which are signed; and then a good one is sent."""
        outcome = self.seen(answer, *messages)
        return outcome if outcome.wrong else replace(outcome, wrong=self.afterwards())

    def seen(self, answer: Answer | str | None, *messages: Message) -> Outcome:
        # A client that has left does not know when the view runs.
        self._open.extend(messages)
        news = self.run.news()
        codes = [record["verdict"] for record in news if "verdict" in record]
        views = [record for record in news if "app" in record]
        told = answer if isinstance(answer, str) else _told(answer, codes, bool(views))
        wrong = [wrong for record in views if (wrong := self._unsound(record))]
        if isinstance(answer, Answer) and answer.status == 200 and not views:
            wrong.append("200, and no view ran")
        if codes.count("verified") < len(views):
            wrong.append("a view ran without a proof")
        return Outcome(told, ", ".join(wrong))

    def _unsound(self, record: dict[str, Any]) -> str:
        """Nothing where a view was given what was signed, and not before."""
        for message in self._open:
            if not self.differing(record, message):
                self._open.remove(message)
                return ""
        if not self._open:
            return "a view ran on what nobody has signed"
        return f"the view was given {self.differing(record, self._open[-1])}"

    def afterwards(self) -> str:
        message = self.signed(post(target="/afterwards") if self.scheme == "body" else get("/afterwards"))
        wire = self.routed(on_wire(replace(message, target=message.target.removeprefix(self.row.mount))))
        with self.connected() as connection:
            outcome = self.seen(self.asked(connection, wire), message)
        return "" if str(outcome) == "200" else f"then a good request: {outcome}"

    def differing(self, record: dict[str, Any], message: Message) -> dict[str, Any]:
        found = differing(record, message)
        # cheroot leaves `%2F` as it is, and decodes the rest: no other path is routed there.
        if "%2F" in record["path"] and record["path"].replace("%2F", "/") == unquote(
            message.path.replace("%2f", "%2F")
        ):
            found.pop("path", None)
        if self.scheme == "body":
            return {name: value for name, value in found.items() if name == "body"}
        if self.scheme == "rfc9421" and '"x-tenant"' not in dict(message.headers)["Signature-Input"]:
            found.pop("tenant", None)
        return found


def final_answer(connection: Connection, method: str = "GET") -> Answer | str | None:
    try:
        answer = connection.answer(method)
        while answer is not None and answer.status in {100, 103}:
            answer = connection.answer(method)
    except (TimeoutError, ValueError, KeyError):  # octets of no HTTP, also
        return WAITS
    return answer


def _canonical(message: Message) -> list[tuple[str, str]]:
    """`served_views.CANONICAL`, by hand."""
    created, nonce = str(int(time.time())), secrets.token_urlsafe(18)
    tenant = next((value.strip(" \t") for name, value in message.headers if name == "X-Tenant"), "")
    lines = [message.method, message.path, message.query, HOST, tenant, KEY_ID, created, nonce, ""]
    signature = reference.mac(KEY, "\n".join(lines).encode("latin-1") + message.body).hex()
    return [("X-Key", KEY_ID), ("X-Time", created), ("X-Nonce", nonce), ("X-Sig", signature)]


def _told(answer: Answer | None, codes: list[str], a_view_ran: bool) -> str:
    if answer is None:
        return CLOSED
    if answer.status == 200:
        return "200"
    if answer.fields.get("content-type") == "application/problem+json":
        return f"{answer.status} {' '.join(codes)}"
    if codes == ["verified"] and not a_view_ran:
        return f"{answer.status} by the framework"
    after = " after the view" if a_view_ran else ""
    return f"{answer.status} by the server{after}"
