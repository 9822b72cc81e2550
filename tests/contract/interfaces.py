"""Promises that one of the two interfaces alone can be asked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from asgi_client import CONNECT, SOCKET, Event, Server, scope_of, socket_of, whole
from contract.gate import GateContract
from contract.messages import FORM, LOOK, ORDER, signed
from exchange import TRUNCATED, UNDECLARED, Framing, over_asgi, over_wsgi
from judged import KEY, OTHER_KEY, RFC9421

__all__ = ["AsgiContract", "WsgiContract"]


class WsgiContract(GateContract):
    over = over_wsgi

    def test_chunked_body_that_the_server_does_not_terminate_is_refused(self) -> None:
        """C22: whole or refused, never verified as empty."""
        application = self.build(RFC9421.verifier())
        chunked = Framing(None, "chunked")
        messages = {"signed": signed(), "signed without a body": signed(LOOK), "unsigned": ORDER}
        refused: tuple[int, list[bytes]] = (411, [])
        expected = dict.fromkeys(messages, refused) | {"unsigned": (401, [])}
        self.holds(expected, self.outcomes(application, messages, framing=chunked, terminated=False))

    def test_transfer_codings_other_than_chunked_are_refused(self) -> None:
        application = self.build(RFC9421.verifier())
        codings = ["gzip, chunked", "chunked, chunked", "identity", "xchunked", "", "chunked\xa0", "gzip"]
        told = {coding: self.outcome(application, signed(), Framing(None, coding)) for coding in codings}
        self.holds(dict.fromkeys(codings, (411, [])), told)

    def test_server_that_terminates_no_input_hands_over_what_is_declared(self) -> None:
        application = self.build(RFC9421.verifier())
        told = {
            "whole": self.outcome(application, signed(), terminated=False),
            "truncated": self.outcome(application, signed(), TRUNCATED, terminated=False),
            "blank": self.outcome(application, signed(), Framing(" 12"), terminated=False),
            "not declared": self.outcome(application, signed(), UNDECLARED, terminated=False),
        }
        refused: tuple[int, list[bytes]] = (400, [])
        expected = dict.fromkeys(told, refused) | {"whole": (200, [ORDER.body]), "not declared": (401, [])}
        self.holds(expected, told)

    def test_body_after_the_declared_one_is_left_where_it_is(self) -> None:
        """The next request of a connection, say; and what was not declared is none of a request without a body."""
        application = self.build(RFC9421.verifier())
        longer, more = (replace(each, body=each.body + b"GET / HTTP/1.1") for each in (signed(), signed(LOOK)))
        told = {
            "declared": self.outcome(application, longer, Framing(str(len(ORDER.body)))),
            "none": self.outcome(application, more, UNDECLARED, terminated=False),
        }
        self.holds({"declared": (200, [ORDER.body]), "none": (200, [b""])}, told)


class AsgiContract(GateContract):
    over = over_asgi

    def test_scope_of_an_unknown_type_is_refused(self) -> None:
        application = self.build(RFC9421.verifier())
        kinds = ["webtransport", "HTTP", "", "http ", None]
        told = {kind: self.attempt(application, scope_of(signed(), type=kind), whole(ORDER.body)) for kind in kinds}
        self.holds((dict.fromkeys(kinds, ([], True)), []), (told, self.seen))

    def test_unsigned_websocket_is_not_accepted(self) -> None:
        application = self.build(RFC9421.verifier())
        handshakes = {"unsigned": SOCKET, "another key": signed(SOCKET, key=OTHER_KEY), "another path": signed(LOOK)}
        told = {}
        for case, message in handshakes.items():
            sent, _ = self.attempt(application, socket_of(message), [CONNECT])
            told[case] = [event["type"] for event in sent if event["type"] != "websocket.close"]
        self.holds(({case: [] for case in handshakes}, []), (told, self.seen))

    def test_coroutine_key_source_and_store_are_awaited(self) -> None:
        asked: list[str | None] = []

        async def keys(key_id: str | None, request: object) -> bytes:
            await asyncio.sleep(0)
            asked.append(key_id)
            return KEY

        class Store:
            async def add(self, key: bytes, expires: int, /) -> bool:
                await asyncio.sleep(0)
                asked.append("store")
                return True

        outcome = self.outcome(self.build(RFC9421.verifier(keys=keys, replay=Store())), signed())
        self.holds(((200, [ORDER.body]), ["acme", "store"]), (outcome, asked))

    def test_client_that_has_gone_when_it_is_answered_does_no_harm(self) -> None:
        application = self.build(RFC9421.verifier())

        async def gone(event: Event) -> None:
            raise OSError("closed")

        server = Server([{"type": "http.disconnect"}])
        asyncio.run(asyncio.wait_for(application(scope_of(ORDER), server.receive, gone), 20))
        self.holds([], self.seen)

    def test_trailers_do_not_become_fields_of_the_request(self) -> None:
        """uvicorn appends them to the list that it has handed over (RFC 9110, 6.5.1: they are to be kept apart)."""
        application = self.build(RFC9421.verifier())
        form = signed(replace(FORM, headers=LOOK.headers))
        scope, server = scope_of(form), Server([{"type": "http.request", "body": form.body}])
        headers = scope["headers"]

        async def receive() -> Event:
            headers.append((b"content-type", b"application/x-www-form-urlencoded"))
            return await server.receive()

        asyncio.run(asyncio.wait_for(application(scope, receive, server.send), 20))
        self.holds((200, [b""]), (server.status, self.seen))

    def attempt(self, application: Any, scope: Event, events: list[Event]) -> tuple[list[Event], bool]:
        """What was sent, and whether it ended with an exception."""
        server = Server(events)
        try:
            asyncio.run(asyncio.wait_for(application(scope, server.receive, server.send), 20))
        except Exception:
            return server.sent, True
        return server.sent, False
