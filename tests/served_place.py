"""One application on one server: requests are signed for it and sent, and what comes of them is put in a word."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import unquote_to_bytes

import reference
from reference import Message
from served_case import CLOSED, OK, SERVER, Case, get, on_wire, stands
from served_socket import Answer, Connection, connected
from served_views import KEY, KEY_ID, ORIGIN
from servers import Running

_NONCE = re.compile(r'nonce="([^"]+)"')
_NOT_IMPLEMENTED = 501  # a server's word for a Transfer-Encoding that it does not know (RFC 9112, 6.1)


class Place:
    def __init__(self, run: Running, app: str) -> None:
        self.run = run
        self.app = app

    def __str__(self) -> str:
        return f"{self.run.server}/{self.app}"

    __repr__ = __str__

    def among(self, where: str) -> bool:
        """Whether `where` names it, as in `But`."""
        return stands(str(self), where)

    def addressed(self, message: Message) -> Message:
        """For the application that is meant; the field is not covered."""
        return Message(message.method, message.target, [("X-App", self.app), *message.headers], message.body)

    def signed(self, message: Message, covers: tuple[str, ...] = ()) -> Message:
        message = self.addressed(message)
        usual = (*reference.PLAIN, "content-digest") if message.body else reference.PLAIN
        added = reference.sign_rfc9421(
            message,
            KEY,
            origin=ORIGIN,
            key_id=KEY_ID,
            created=int(time.time()),
            nonce=secrets.token_urlsafe(18),
            components=(*usual, *covers),
        )
        return message.plus(added)

    def connected(self) -> AbstractContextManager[Connection]:
        return connected(self.run.port)

    def outcome(self, case: Case) -> str:
        """What comes of `case`, in the words of `served_case`, and then of a good request to the same process."""
        message = self.addressed(case.signed) if case.unsigned else self.signed(case.signed, case.covers)
        wire = case.wire(message)
        with self.connected() as connection:
            connection.write(wire)
            # Whoever waits for the rest of a body is told that there is none, or would wait for ever.
            if case.ends or CLOSED in case.expected(str(self)).split(" | "):
                connection.end()
            answer = connection.answer("HEAD" if wire.startswith(b"HEAD ") else "GET")
        return self.verdict(answer, message) + self.afterwards()

    def verdict(self, answer: Answer | None, message: Message) -> str:
        """What was answered to `message`, and what a view has been given, if one ran."""
        news = self.run.news()
        codes = [record["verdict"] for record in news if "verdict" in record]
        seen = [self.differing(record, message) for record in news if "app" in record]
        wrong = "".join(f", the view saw {difference}" for difference in seen if difference)
        if answer is not None and answer.status == 200:
            once = (len(seen), codes.count("verified")) == (1, 1)
            return OK + wrong if once else f"200, {len(seen)} views ran, {codes}"
        return _told(answer, codes, bool(seen)) + (", after the view" if seen else "") + wrong

    def differing(self, record: dict[str, Any], message: Message) -> dict[str, Any]:
        return differing(record, message)

    def afterwards(self) -> str:
        """Nothing where a good request is served, and no view has run for any other; else what is wrong."""
        message = self.signed(get("/afterwards"))
        with self.connected() as connection:
            connection.write(on_wire(message))
            verdict = self.verdict(connection.answer(), message)
        return "" if verdict == OK else f", then {verdict}"


def differing(record: dict[str, Any], message: Message) -> dict[str, Any]:
    """In what a view was given something else than was signed."""
    fields = dict(message.headers)
    nonce = _NONCE.search(fields.get("Signature-Input", ""))
    signed = {
        "nonce": nonce[1] if nonce else fields.get("X-Nonce"),
        "method": message.method,
        "path": unquote_to_bytes(message.path).decode(errors="replace"),
        "query": message.query,
        "tenant": fields.get("X-Tenant"),
        "body": hashlib.sha256(message.body).hexdigest(),
    }
    # Blanks around it are no part of a value (RFC 9110, 5.5); not every server takes them away.
    given = {**record, "tenant": record["tenant"] and record["tenant"].strip(" \t")}
    return {name: given[name] for name in signed if signed[name] != given[name]}


def _told(answer: Answer | None, codes: list[str], a_view_ran: bool) -> str:
    if answer is None:
        return CLOSED
    if answer.fields.get("content-type") == "application/problem+json":
        return f"{answer.status} {' '.join(codes)}"
    if codes == ["verified"] and not a_view_ran:
        return f"{answer.status} by the framework"
    return f"{answer.status} by the server" if answer.status >= 500 and answer.status != _NOT_IMPLEMENTED else SERVER
