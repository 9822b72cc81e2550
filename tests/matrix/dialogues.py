"""What takes more than one write: several requests on a connection, bodies that come late, clients that leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from matrix.cells import WAITS, Cell, Outcome, final_answer
from reference import Message
from served_case import BODY, CHUNKED, CLOSED, chunks, on_wire, post
from served_socket import Connection

#: What is said on one connection, and what comes of it.
Dialogue = Callable[[Cell], Outcome]
_PAUSE = 0.02


def _good(cell: Cell, target: str) -> Message:
    return cell.signed(post(target=target))


def _wire(cell: Cell, message: Message, **how: object) -> bytes:
    bare = replace(message, target=message.target.removeprefix(cell.row.mount))
    return cell.routed(on_wire(bare, **how))  # type: ignore[arg-type]  # as `on_wire` has them


def _status(connection: Connection) -> str:
    answer = final_answer(connection)
    return answer if isinstance(answer, str) else CLOSED if answer is None else str(answer.status)


def pipelined(cell: Cell) -> Outcome:
    """A good request, an unsigned one and another good one, in one write."""
    first, bad, last = _good(cell, "/1"), cell.addressed(post(target="/2")), _good(cell, "/3")
    with cell.connected() as connection:
        connection.write(b"".join(_wire(cell, message) for message in (first, bad, last)))
        told = []
        while len(told) < 3 and CLOSED not in told and WAITS not in told:
            told.append(_status(connection))
    outcome = cell.judged(" ".join(told), first, last)
    return replace(outcome, wrong=outcome.wrong or ("the bad one was accepted" if told[1:2] == ["200"] else ""))


def trickled(cell: Cell) -> Outcome:
    """A good request in pieces of a few octets, each a while after the other."""
    message = _good(cell, "/slow")
    wire = _wire(cell, message)
    with cell.connected() as connection:
        for start in range(0, len(wire), 97):
            connection.write(wire[start : start + 97])
            connection.answered(_PAUSE)
        return cell.judged(final_answer(connection), message)


def _left(cell: Cell, wire: bytes, size: int) -> Outcome:
    with cell.connected() as connection:
        connection.write(wire[:size])
        connection.reset()
    return cell.judged(CLOSED)


def left_in_the_head(cell: Cell) -> Outcome:
    return _left(cell, _wire(cell, _good(cell, "/left")), 60)


def left_in_the_body(cell: Cell) -> Outcome:
    wire = _wire(cell, _good(cell, "/left"))
    return _left(cell, wire, len(wire) - 4)


def left_in_the_chunks(cell: Cell) -> Outcome:
    wire = _wire(cell, _good(cell, "/left"), framing=CHUNKED, payload=chunks(BODY))
    return _left(cell, wire, len(wire) - 9)


def stopped_before_the_end(cell: Cell) -> Outcome:
    """The client says that nothing more comes, in the middle of the body."""
    wire = _wire(cell, _good(cell, "/left"))
    with cell.connected() as connection:
        connection.write(wire[:-4])
        connection.end()
        told = _status(connection)
    return cell.judged(told)


def continued(cell: Cell) -> Outcome:
    """The body is sent once the server asks for it."""
    message = cell.signed(post(("Expect", "100-continue")))
    with cell.connected() as connection:
        connection.write(_wire(cell, message, payload=b""))
        connection.answered(0.3)  # not all servers ask for it
        connection.write(message.body)
        return cell.judged(final_answer(connection), message)


def refused_without_its_body(cell: Cell) -> Outcome:
    """An unsigned request, whose body would be a request of its own."""
    inner = _wire(cell, _good(cell, "/inner"))
    outer = cell.addressed(replace(post(), body=inner))
    with cell.connected() as connection:
        connection.write(_wire(cell, outer))
        told = _status(connection)
    return cell.judged(told)


DIALOGUES: dict[str, Dialogue] = {
    "pipelined: good, unsigned, good": pipelined,
    "a good request that trickles": trickled,
    "the client leaves in the head": left_in_the_head,
    "the client leaves in the body": left_in_the_body,
    "the client leaves in the chunks": left_in_the_chunks,
    "the client stops in the body": stopped_before_the_end,
    "Expect, and the body when it is asked for": continued,
    "a signed request as the body of an unsigned one": refused_without_its_body,
}
