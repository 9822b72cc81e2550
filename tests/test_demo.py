"""The demo: it runs on real servers, every cell is right, and a wrong one would be seen."""

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import HMAC_SHA256
from rich.console import Console

from sealgate import schemes
from sealgate.cli import cli
from sealgate.demo import report, servers, signers, story
from sealgate.demo.cases import CASES, SCHEMES, Case
from sealgate.demo.client import Answer, Message, send
from sealgate.demo.servers import SERVERS, Running, StartError, running

TITLES = ["Django, gunicorn", "Django, uvicorn", "Flask, gunicorn", "FastAPI, uvicorn"]
KEYS = {variable: f"{variable.lower()}-0123456789abcdef" for variable in story.KEYS.values()}
ORDER = Message("POST", "/orders/1", (("Host", b"a.example"), ("Content-Type", b"application/json")), b'{"amount": 1}')


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The whole demo, as a user runs it, away from the source tree."""
    return subprocess.run(
        [sys.executable, "-m", "sealgate", "demo", "--format", "json"],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env=os.environ | KEYS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def outcome(played: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert played.returncode in {0, 1}, played.stderr
    parsed: dict[str, Any] = json.loads(played.stdout)
    return parsed


# the whole story


def test_every_cell_is_the_expected_one(outcome: dict[str, Any]) -> None:
    assert [cell for cell in outcome["cells"] if not cell["ok"]] == []


def test_the_demo_ends_well(played: subprocess.CompletedProcess[str], outcome: dict[str, Any]) -> None:
    assert (played.returncode, outcome["ok"]) == (0, True)


def test_every_case_was_sent_to_every_server(outcome: dict[str, Any]) -> None:
    assert [(title, case.scheme, case.title) for title in TITLES for case in CASES] == [
        (cell["server"], cell["scheme"], cell["case"]) for cell in outcome["cells"]
    ]
    assert outcome["requests"] == outcome["as_expected"] == len(TITLES) * len(CASES)


def test_views_ran_exactly_as_often_as_a_signature_held(outcome: dict[str, Any]) -> None:
    assert list(outcome["view_runs"]) == TITLES
    for title, runs in outcome["view_runs"].items():
        reached = {200, 400} if title != "FastAPI, uvicorn" else {200}  # FastAPI answers malformed JSON before the view
        cells = [cell for cell in outcome["cells"] if cell["server"] == title and "health" not in cell["case"]]
        ran = sum(cell["status"] in reached and cell["code"] is None for cell in cells)
        assert runs == {"counted": ran, "expected": ran}


def test_it_takes_less_than_a_minute(outcome: dict[str, Any]) -> None:
    assert outcome["seconds"] < 60


def test_progress_is_told_server_by_server(played: subprocess.CompletedProcess[str]) -> None:
    assert played.stderr.splitlines() == [f"{title}: {len(CASES)} cases sent" for title in TITLES]


def test_no_key_is_shown(played: subprocess.CompletedProcess[str]) -> None:
    assert [key for key in KEYS.values() if key in played.stdout + played.stderr] == []


# the rows


@pytest.mark.parametrize("case", [case for case in CASES if case.weakness], ids=lambda case: case.title)
def test_a_change_is_expected_to_pass_only_where_the_scheme_declares_the_weakness(case: Case) -> None:
    assert case.weakness in schemes.by_name()[case.scheme].weaknesses()
    assert (case.expect, case.change is not None) == (200, True)


def test_a_row_that_changes_something_is_accepted_only_with_a_weakness() -> None:
    harmed = [case for case in CASES if case.change or case.options or case.key == "wrong" or case.again or case.age]
    assert [case.title for case in harmed if case.expect == 200 and case.weakness is None] == []


def test_time_and_replay_are_shown_only_where_they_are_claimed() -> None:
    claimed = {case.scheme for case in CASES if case.again or case.age}
    assert claimed == {name for name in SCHEMES if schemes.by_name()[name].replay_class == "nonce"}


def test_three_independent_signers_are_accepted() -> None:
    accepted = {(case.scheme, case.by) for case in CASES if case.expect == 200 and case.change is None and case.by}
    assert accepted == {(scheme, by) for scheme in SCHEMES for by in ("stdlib", "curl")} | {("rfc9421", "pypi")}


def test_no_signer_imports_sealgate_s() -> None:
    for module in (signers, servers, story):
        assert "sealgate.signer" not in Path(str(module.__file__)).read_text()


def test_what_the_standard_library_signs_is_accepted_by_a_foreign_verifier() -> None:
    key = b"0123456789abcdef0123456789abcdef"
    signed = signers.stdlib("rfc9421", ORDER, key, created=int(time.time()))

    class Received:
        method, url = "POST", "http://a.example/orders/1"
        headers = {name: value.decode() for name, value in signed.fields}

    resolver = MappingKeyResolver(public_keys={"demo": key}, private_keys={})
    results = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=resolver).verify(
        Received, body=ORDER.body
    )
    assert [result.body for result in results] == [ORDER.body]


# a wrong cell is seen


def good(case: Case) -> Answer:
    return Answer(200, json.dumps({"sha256": hashlib.sha256(case.message.body).hexdigest()}).encode())


ACCEPTED = CASES[0]
REFUSED = next(case for case in CASES if case.code == "signature-expired")


def test_the_expected_answer_is_right() -> None:
    assert story.judge(ACCEPTED, SERVERS[0], good(ACCEPTED)).ok
    assert story.judge(REFUSED, SERVERS[0], Answer(401, b""), "signature-expired").ok


@pytest.mark.parametrize(
    "cell",
    [
        story.judge(ACCEPTED, SERVERS[0], Answer(401, b""), "signature-invalid"),
        story.judge(ACCEPTED, SERVERS[0], Answer(200, b'{"sha256": "00"}')),
        story.judge(ACCEPTED, SERVERS[0], Answer(200, b"not JSON")),
        story.judge(ACCEPTED, SERVERS[0], Answer(200, b"[]")),
        story.judge(ACCEPTED, SERVERS[0], None, None, "ConnectionResetError: reset"),
        story.judge(REFUSED, SERVERS[0], good(REFUSED)),
        story.judge(REFUSED, SERVERS[0], Answer(401, b""), "signature-invalid"),
        story.judge(REFUSED, SERVERS[0], Answer(401, b"")),
        story.judge(REFUSED, SERVERS[0], Answer(500, b""), "signature-expired"),
        story.judge(replace(ACCEPTED, weakness="sha1"), SERVERS[0], good(ACCEPTED)),
    ],
)
def test_a_doctored_answer_is_wrong_and_the_demo_exits_1(cell: story.Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    right = story.judge(ACCEPTED, SERVERS[0], good(ACCEPTED))
    done = told(story.Outcome((right, cell), {cell.server: (1, 1)}, 1.0), monkeypatch)
    assert (done.exit_code, "2 requests, 1 as expected, 1.0 s" in done.stdout) == (1, True)
    assert f"expected {cell.expected}" in done.stdout


@pytest.mark.parametrize("counted", [0, 2, None])
def test_a_view_that_ran_too_often_or_too_seldom_makes_the_demo_exit_1(
    counted: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = story.judge(ACCEPTED, SERVERS[0], good(ACCEPTED))
    done = told(story.Outcome((right,), {right.server: (counted, 1)}, 1.0), monkeypatch)
    assert (done.exit_code, "views ran too often or too seldom: Django, gunicorn" in done.stdout) == (1, True)


def test_an_outcome_without_cells_is_not_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(story.Outcome((), {}, 1.0), monkeypatch).exit_code == 1


def told(outcome: story.Outcome, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`sealgate demo` with this outcome instead of a played one."""

    @contextmanager
    def played(_: str | None, follow: Callable[..., None]) -> Iterator[tuple[story.Outcome, list[Running]]]:
        yield outcome, []

    monkeypatch.setattr(story, "played", played)
    return CliRunner().invoke(cli, ["demo"])


def test_the_table_has_a_row_for_each_case_and_names_the_weaknesses() -> None:
    cells = tuple(
        story.judge(case, server, good(case) if case.expect == 200 else Answer(case.expect or 400, b""), case.code)
        for server in SERVERS[:3]
        for case in CASES
    )
    text = io.StringIO()
    report.show(story.Outcome(cells, dict.fromkeys(TITLES[:3], (1, 1)), 2.0), Console(file=text, width=160))
    shown = text.getvalue()
    assert [case.title for case in CASES if case.title not in shown] == []
    assert "(accepted: method-not-covered)" in shown
    assert f"{3 * len(CASES)} requests, {3 * len(CASES)} as expected, 2.0 s" in shown
    assert "body: covers body; replay class none; weaknesses: audience, method-not-covered, no-time" in shown


# servers


def gone(up: Running) -> bool:
    with socket.socket() as probe:
        return up.process.poll() is not None and probe.connect_ex(("127.0.0.1", up.port)) != 0


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A shell starts its background jobs with Ctrl-C ignored, and what they start inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_servers_are_stopped_however_the_demo_ends(number: signal.Signals) -> None:
    seen: list[Running] = []

    def play() -> None:
        with running(SERVERS[2:3], KEYS) as started:
            seen.extend(started)
            started[0].wait_until_ready()
            signal.raise_signal(number)

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        play()
    assert [gone(up) for up in seen] == [True]


def test_a_server_that_does_not_start_says_why() -> None:
    broken = replace(SERVERS[2], application="no_such_app:app")
    with running([broken], KEYS) as started, pytest.raises(StartError) as caught:
        started[0].wait_until_ready()
    assert str(caught.value) == (
        "Flask, gunicorn did not start: ModuleNotFoundError: No module named 'sealgate.demo.no_such_app'"
    )
    assert gone(started[0])


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_kept_servers_run_until_they_are_told_to_stop(number: signal.Signals, status: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sealgate", "demo", "--only", "flask", "--keep", "--format", "json"],
        cwd=tmp_path,
        env=os.environ | KEYS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    watch = threading.Timer(60, process.kill)
    watch.start()
    try:
        lines = iter(process.stderr.readline, "Ctrl-C stops the servers\n")
        address = dict(line.rstrip().split(": ", 1) for line in lines if line)["Flask, gunicorn"]
        port = int(address.rpartition(":")[2])
        probe = Message("GET", "/health", (("Host", address.removeprefix("http://").encode()),))
        assert send(port, probe.wire()).status == 200
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=30)
    finally:
        watch.cancel()
        process.kill()
        process.wait()
    assert (process.returncode, json.loads(stdout)["ok"]) == (status, True)
    with pytest.raises(ConnectionRefusedError):
        send(port, probe.wire())


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PATH": ""}, "sealgate: the demo needs sh and openssl and curl on the PATH\n"),
        (
            {"SEALGATE_DEMO_KEY": "too short"},
            "sealgate: SEALGATE_DEMO_KEY: the demo takes a key of 32 to 256 letters, digits, - and _\n",
        ),
    ],
)
def test_what_the_demo_cannot_do_without_is_one_line(environment: dict[str, str], expected: str) -> None:
    done = CliRunner().invoke(cli, ["demo"], env=environment)
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", expected)


# the client


def test_the_client_sends_the_bytes_it_is_given() -> None:
    message = replace(ORDER, fields=(("Host", b"a.example"), ("X-Odd", b"\xe9\xff")), body=b"\x00\n")
    head = b"POST /orders/1 HTTP/1.1\r\nHost: a.example\r\nX-Odd: \xe9\xff\r\n"
    assert message.wire() == head + b"Content-Length: 2\r\nConnection: close\r\n\r\n\x00\n"


def test_the_client_reads_an_answer_that_comes_before_the_body_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")

        server = threading.Thread(target=refuse)
        server.start()
        answer = send(listener.getsockname()[1], replace(ORDER, body=b"x" * 30_000_000).wire())
        server.join()
    assert answer == Answer(413, b"no")
