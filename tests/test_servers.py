"""The contract over real sockets: every server, with the adapters that fit, gives one verdict, or a listed one.

Whatever is sent, a view runs on nothing but what was signed, and the same process serves the next good request.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reference import Message
from sealgate.answer import answer_to
from sealgate.exceptions import SignatureMissing
from served_bodies import CHUNKS, LENGTHS, SIZES
from served_case import (
    BODY,
    CHUNKED,
    CLOSED,
    INVALID,
    MALFORMED,
    MISSING,
    NO_LENGTH,
    OK,
    SLOW,
    WHOLE_BODY_FIRST,
    Case,
    chunks,
    get,
    on_wire,
    post,
)
from served_fields import PROXY_FIELDS, SIGNATURE_FIELDS, TWICE, TWINS, VALUES
from served_place import Place, differing
from served_socket import Connection
from served_targets import ALTERED, AS_SIGNED, METHODS
from served_views import HOST, HURRY
from servers import SERVERS, Running, serving

CASES = [
    *(*AS_SIGNED, *ALTERED, *METHODS),
    *(*TWICE, *TWINS, *VALUES, *SIGNATURE_FIELDS, *PROXY_FIELDS),
    *(*LENGTHS, *CHUNKS, *SIZES),
]
#: Says that it has asked for the body, before the application does.
CONTINUES = "gunicorn runserver hypercorn"
#: Closes the connection after each answer.
ONE_A_CONNECTION = "gunicorn-sync"
#: Asks of one place a question; the answer is compared.
Ask = Callable[[Place], Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Running]]:
    with serving(list(SERVERS.values()), tmp_path_factory.mktemp("served")) as started:
        yield list(started.values())


@pytest.fixture(scope="module")
def places(runs: list[Running]) -> list[Place]:
    found = [Place(run, app) for run in runs for app in run.server.apps]
    assert {str(place): "" for place in found} == {str(place): place.afterwards() for place in found}
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_verdict_is_one_everywhere_or_a_listed_one(case: Case, places: list[Place]) -> None:
    actual = asked(places, lambda place: place.outcome(case))
    expected = {str(place): case.expected(str(place)) for place in places}
    for place, outcomes in expected.items():
        if actual[place] in outcomes.split(" | "):
            expected[place] = actual[place]
    assert expected == actual


def asked(places: list[Place], question: Ask) -> dict[str, Any]:
    """The answers of all places; the servers are asked side by side, the applications of each one after the other."""

    def answers(run: Running) -> dict[str, Any]:
        return {str(place): question(place) for place in places if place.run is run}

    runs = list(dict.fromkeys(place.run for place in places))
    with ThreadPoolExecutor(len(runs)) as clients:
        return {place: answer for found in clients.map(answers, runs) for place, answer in found.items()}


def everywhere(places: list[Place], expected: Ask, actual: Ask) -> None:
    """Compares place by place, and asks each for a good request afterwards."""
    wanted = {str(place): (expected(place), "") for place in places}
    assert wanted == asked(places, lambda place: (actual(place), place.afterwards()))


def test_every_case_has_a_name_of_its_own() -> None:
    titles = [case.title for case in CASES]
    assert sorted(set(titles)) == sorted(titles)


# one request, and what is told about it


def test_a_refusal_is_the_same_answer_everywhere(places: list[Place]) -> None:
    told = answer_to(SignatureMissing())
    fields = {name.lower(): value for name, value in told.headers}

    def answer(place: Place) -> Any:
        with place.connected() as connection:
            connection.write(on_wire(place.addressed(get("/a"))))
            given = connection.answer()
            assert given is not None
            return given.status, {name: given.fields.get(name) for name in fields}, given.body

    everywhere(places, lambda _: (401, fields, told.body), answer)


def test_a_refusal_of_head_has_no_content(places: list[Place]) -> None:
    head = Message("HEAD", "/a", [("Host", HOST), ("Connection", "close")])

    def content(place: Place) -> tuple[str, bytes]:
        with place.connected() as connection:
            connection.write(on_wire(place.addressed(head)))
            return place.verdict(connection.answer("HEAD"), head), connection.read(1)

    everywhere(places, lambda _: (MISSING, b""), content)


def test_an_exempt_route_is_open_and_no_other_method_of_it(places: list[Place]) -> None:
    def statuses(place: Place) -> list[int]:
        found = []
        for method in ("GET", "POST"):
            with place.connected() as connection:
                connection.write(on_wire(place.addressed(Message(method, "/probe", [("Host", HOST)]))))
                answer = connection.answer()
                assert answer is not None
                found.append(answer.status)
        place.run.news()
        return found

    everywhere(places, lambda place: [401, 401] if place.app in {"wsgi", "asgi"} else [200, 401], statuses)


def test_a_captured_request_works_once(places: list[Place]) -> None:
    def verdicts(place: Place) -> list[str]:
        message = place.signed(post())
        found = []
        for _ in range(2):
            with place.connected() as connection:
                connection.write(on_wire(message))
                found.append(place.verdict(connection.answer(), message))
        return found

    everywhere(places, lambda _: [OK, "401 nonce-replayed"], verdicts)


def test_of_copies_sent_at_once_one_works(places: list[Place]) -> None:
    copies = 6

    def statuses(place: Place) -> Any:
        wire = on_wire(place.signed(post()))

        def status(_: int) -> int:
            with place.connected() as connection:
                connection.write(wire)
                answer = connection.answer()
                assert answer is not None
                return answer.status

        with ThreadPoolExecutor(copies) as senders:
            found = sorted(senders.map(status, range(copies)))
        return found, sum("app" in record for record in place.run.news())

    everywhere(places, lambda _: ([200, *[401] * (copies - 1)], 1), statuses)


def test_an_upload_over_the_memory_limit_of_django_reaches_the_view(places: list[Place]) -> None:
    file = b"\x01" * 3_000_000
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    form = [("Host", HOST), ("Content-Type", "multipart/form-data; boundary=b")]
    upload = Message("POST", "/upload", form, head + file + b"\r\n--b--\r\n")

    def received(place: Place) -> Any:
        message = place.signed(upload)
        with place.connected() as connection:
            connection.write(on_wire(message))
            answer = connection.answer()
        verdict = place.verdict(answer, message)
        return verdict, answer and answer.json()["file"]

    parsed = hashlib.sha256(file).hexdigest()
    everywhere(places, lambda place: (OK, None if place.app in {"wsgi", "asgi"} else parsed), received)


# bodies that come late


def test_a_signed_request_is_told_to_continue(places: list[Place]) -> None:
    def answers(place: Place) -> Any:
        message = place.signed(post(("Expect", "100-continue")))
        with place.connected() as connection:
            connection.write(on_wire(message, payload=b""))
            interim = connection.answer()
            connection.write(message.body)
            return interim and interim.status, place.verdict(connection.answer(), message)

    everywhere(places, lambda _: (100, OK), answers)


def test_an_unsigned_request_is_refused_without_its_body(places: list[Place]) -> None:
    """Where the server lets us: the others have asked for it already, or wait for it."""

    def expected(place: Place) -> list[str]:
        if place.among(WHOLE_BODY_FIRST):
            return ["100", "the body", MISSING]
        return ["100", MISSING] if place.among(CONTINUES) else [MISSING]

    def dialogue(place: Place) -> list[str]:
        message = place.addressed(post(("Expect", "100-continue")))
        said = []
        with place.connected() as connection:
            connection.write(on_wire(message, payload=b""))
            answer = connection.answer()
            if answer is not None and answer.status == 100:
                said.append("100")
                if place.among(WHOLE_BODY_FIRST):
                    said.append("the body")
                    connection.write(message.body)
                answer = connection.answer()
            return [*said, place.verdict(answer, message)]

    everywhere(places, expected, dialogue)


def test_trailers_that_come_after_the_check_has_begun_change_nothing(places: list[Place]) -> None:
    def expected(place: Place) -> str:
        if place.among("runserver"):
            return NO_LENGTH
        # uvicorn has appended them before Django, which waits for the whole body, looks at the fields.
        return MALFORMED if place.among("uvicorn-httptools/django") else OK

    def verdict(place: Place) -> str:
        message = place.signed(post(("X-Tenant", "bob"), ("Expect", "100-continue")), covers=("x-tenant",))
        with place.connected() as connection:
            connection.write(on_wire(message, framing=CHUNKED, payload=b""))
            answer = connection.answer()
            if answer is not None and answer.status == 100:
                connection.write(chunks(BODY, trailers=b"X-Tenant: evil\r\n"))
                answer = connection.answer()
            return place.verdict(answer, message)

    everywhere(places, expected, verdict)


def test_a_slow_body_is_given_up(places: list[Place]) -> None:
    """Where we read it; the servers that read it first have limits of their own."""

    def verdict(place: Place) -> str:
        message = place.signed(post(body=b"x" * 200_000, target="/hurried"))
        wire = on_wire(message)
        with place.connected() as connection:
            connection.write(wire[:70_000])
            if not connection.answered(1.5 * HURRY):
                connection.write(wire[70_000:])
            return place.verdict(connection.answer(), message)

    everywhere(places, lambda place: OK if place.among(WHOLE_BODY_FIRST) else SLOW, verdict)


# several requests on one connection


def dialogue(place: Place, connection: Connection, *messages: Message, at_once: bool = False) -> list[str]:
    """The outcome of each, in order; sent one after the other, or all `at_once`."""
    if at_once:
        connection.write(b"".join(map(on_wire, messages)))
    outcomes = []
    for message in messages:
        if not at_once:
            connection.write(on_wire(message))
        answer = connection.answer()
        outcomes.append(CLOSED if answer is None else str(answer.status))
    return outcomes


@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "pipelined"])
def test_each_request_on_a_connection_is_judged_by_itself(places: list[Place], at_once: bool) -> None:
    def statuses(place: Place) -> Any:
        with place.connected() as connection:
            signed = [place.signed(get("/1")), place.addressed(get("/2")), place.signed(get("/3"))]
            found = dialogue(place, connection, *signed, at_once=at_once)
        return found, [record["path"] for record in place.run.news() if "app" in record]

    def expected(place: Place) -> Any:
        if place.among(ONE_A_CONNECTION):
            return ["200", CLOSED, CLOSED], ["/1"]
        return ["200", "401", "200"], ["/1", "/3"]

    everywhere(places, expected, statuses)


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("late", [False, True], ids=["with the head", "after the answer"])
def test_the_body_of_a_refused_request_is_never_a_request(places: list[Place], framing: str, late: bool) -> None:
    def paths(place: Place) -> Any:
        """The body is a request that would be served: signed, and not seen before."""
        inner = on_wire(place.signed(get("/inner")))
        lines, body = f"Content-Length: {len(inner)}\r\n", inner
        if framing == "chunks":
            lines, body = CHUNKED, b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)
        outer = on_wire(place.addressed(post()), framing=lines, payload=b"")
        with place.connected() as connection:
            after_the_answer = late and not place.among(WHOLE_BODY_FIRST)
            connection.write(outer if after_the_answer else outer + body)
            answer = connection.answer()
            connection.write(
                (body if after_the_answer else b"") + on_wire(place.signed(get("/after", ("Connection", "close"))))
            )
            while connection.answer() is not None:
                pass
        ran = {record["path"] for record in place.run.news() if "app" in record}
        return answer and answer.status, ran - {"/after"}

    everywhere(places, lambda _: (401, set()), paths)


# websockets

UPGRADE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


@pytest.fixture
def sockets(places: list[Place]) -> list[Place]:
    """Django has no websockets; WSGI has none either."""
    return [place for place in places if place.app in {"fastapi", "asgi"}]


def test_a_signed_handshake_is_accepted(sockets: list[Place]) -> None:
    def first_message(place: Place) -> Any:
        message = place.signed(get("/socket?x=1", *UPGRADE))
        with place.connected() as connection:
            connection.write(on_wire(message))
            answer = connection.answer()
            record = json.loads(connection.frame()) if answer and answer.status == 101 else {}
        place.run.news()
        return answer and answer.status, differing(record, message)

    everywhere(sockets, lambda _: (101, {}), first_message)


@pytest.mark.parametrize(
    ("expected", "signed", "target"),
    [(MISSING, False, "/socket"), (INVALID, True, "/other"), (INVALID, True, "/socket?x=1")],
    ids=["unsigned", "signed for another path", "signed for another query"],
)
def test_a_handshake_is_denied_before_it_is_accepted(
    sockets: list[Place], expected: str, signed: bool, target: str
) -> None:
    def verdict(place: Place) -> str:
        handshake = get("/socket", *UPGRADE)
        message = place.signed(handshake) if signed else place.addressed(handshake)
        with place.connected() as connection:
            connection.write(on_wire(message, line=f"GET {target} HTTP/1.1"))
            return place.verdict(connection.answer(), message)

    everywhere(sockets, lambda _: expected, verdict)


# after all of it


def test_no_view_ran_twice_on_a_request_and_no_process_was_replaced(runs: list[Running], places: list[Place]) -> None:
    for run in runs:
        ran = [record for record in map(json.loads, run.records()) if "app" in record]
        signed = [record["nonce"] for record in ran if record["path"] != "/probe"]
        assert None not in signed
        assert sorted(set(signed)) == sorted(signed)
        assert ({ran[0]["process"]}, None) == ({record["process"] for record in ran}, run.process.poll())


def test_no_server_has_logged_an_exception_of_ours(runs: list[Running], places: list[Place]) -> None:
    assert {str(run.server): [] for run in runs} == {
        str(run.server): [line for line in run.log().splitlines() if "/sealgate/" in line] for run in runs
    }
