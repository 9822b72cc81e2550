"""The core of the server matrix, on the servers that no other test starts; and the page on servers, which is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from matrix import report
from matrix.cases import CORE, known
from matrix.cells import NO_FORM, SCHEMES, Cell
from matrix.dialogues import DIALOGUES
from matrix.rows import ROWS
from matrix.running import Started, started, tried

SERVERS = [
    "gevent-pywsgi",
    "cheroot",
    "wsgiref",
    "uwsgi",
    "daphne",
    "hypercorn-h2",
    "dispatcher-mounted",
    "daphne-mounted",
]
PAGE = (Path(__file__).parent.parent / "docs" / "servers.md").read_text()
TITLES = {title for titles in CORE.values() for title in titles}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Started]]:
    with started([ROWS[name] for name in SERVERS], tmp_path_factory.mktemp("matrix")) as running:
        cells = [
            cell for server in running for cell in server.cells(("wsgi", "flask", "asgi", "fastapi", "django"), SCHEMES)
        ]
        assert {str(cell): "" for cell in cells} == {str(cell): cell.afterwards() for cell in cells}
        yield running


def by_server(servers: list[Started], scheme: str) -> list[list[Cell]]:
    return [server.cells(("wsgi", "flask", "asgi", "fastapi", "django"), [scheme]) for server in servers]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_outcome_is_sound_and_no_process_is_lost(scheme: str, servers: list[Started]) -> None:
    """A refusal, or one view that has been given what was signed; and then a good request is served."""
    before = [set(server.processes()) for server in servers]
    dialogues = DIALOGUES if scheme == "rfc9421" else {}
    cases = [case for case in known(scheme) if case.title in TITLES]
    outcomes = tried(by_server(servers, scheme), lambda _: cases, dialogues)
    assert {} == {key: outcome.wrong for key, outcome in outcomes.items() if outcome.wrong}
    assert before == [set(server.processes()) for server in servers]
    assert [""] * len(servers) == [
        "".join(line for line in server.run.log().splitlines() if "/sealgate/" in line) for server in servers
    ]
    assert {"accepted", "refused by us", "refused by the server"} <= {report.kind(each) for each in outcomes.values()}


def test_the_page_says_what_these_servers_do(servers: list[Started]) -> None:
    told = report.told_by(PAGE)
    assert TITLES == set(told) & TITLES
    cases = [case for case in known("rfc9421") if case.title in TITLES]
    plain = [cells for cells in by_server(servers, "rfc9421") if not cells[0].row.mount]
    for (case, place), outcome in tried(plain, lambda _: cases, {}).items():
        if outcome.told != NO_FORM:
            of = told[case]
            said = of.get(place) or of.get(place.partition("/")[0]) or of.get("all") or of.get("others")
            assert (case, place, said) == (case, place, report.spoken(outcome))


def test_an_outcome_that_is_not_sound_is_seen(servers: list[Started]) -> None:
    """The matrix can fail: of a view that was given something else, of two, of one that nobody has signed."""
    cell = by_server(servers, "rfc9421")[0][0]
    message = cell.signed(known("rfc9421")[0].signed)
    record = {"app": "wsgi", "path": "/other", "method": "GET", "query": "", "nonce": "x", "body": "", "tenant": None}
    assert "nobody has signed" in cell._unsound(record)
    cell._open.append(message)
    assert "the view was given" in cell._unsound(record)
