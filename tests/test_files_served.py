"""Files from real servers: what is asked for, and under attack; whoever leaves, and whatever becomes of the file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import pytest

from file_trees import CANARY, INSIDE, OTHER, UUID, signed, tree
from judged import HOST, KEY, KEY_ID
from reference import Message
from sealgate import Scope
from served_socket import Answer, Connection, connected
from servers import SERVERS, Running, Server, serving

_LARGE, _GONE = "7d793037-a076-4a8b-9c1d-5e3f2a1b0c9d", "9b2c1d0e-8f7a-4b6c-9d5e-4f3a2b1c0d9e"
_SIZE = 24 * 1024 * 1024
_GUNICORN, _UVICORN = SERVERS["gunicorn-gthread"].command, SERVERS["uvicorn-h11"].command
_SERVED = [
    Server("flask", _GUNICORN.replace("served_wsgi:app", "served_files:flask_app"), ("flask",)),
    Server("django", _GUNICORN.replace("served_wsgi:app", "served_files_django:wsgi"), ("django",)),
    Server("django-asgi", _UVICORN.replace("served_asgi:app", "served_files_django:asgi"), ("django",)),
    Server("fastapi", _UVICORN.replace("h11 served_asgi:app", "httptools served_files:fastapi_app"), ("fastapi",)),
]
#: Where a report is given: views of REST framework and coroutines besides.
_PLACES = {
    f"{server.name} {path}": (server.name, path)
    for server in _SERVED
    for path in (["/files/", "/coroutines/", "/rest/"] if "django" in server.apps else ["/files/"])
}
DOWNLOADS = Scope("download", keys={KEY_ID: KEY})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tree(tmp_path_factory.mktemp("files"))
    (root / "Jahresabschluß.pdf").write_bytes(b"%PDF")
    return root


@pytest.fixture(scope="module")
def started(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVED_FILES", str(root))
        with serving(_SERVED, tmp_path_factory.mktemp("served")) as running:
            yield running


@pytest.fixture(params=[server.name for server in _SERVED])
def served(request: pytest.FixtureRequest, started: dict[str, Running]) -> Running:
    return started[request.param]


@pytest.fixture(params=_PLACES)
def place(request: pytest.FixtureRequest, started: dict[str, Running]) -> tuple[Running, str]:
    name, path = _PLACES[request.param]
    return started[name], path


def write(connection: Connection, message: Message, **fields: str) -> None:
    lines = [f"{message.method} {message.target} HTTP/1.1", *(f"{name}: {value}" for name, value in message.headers)]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    connection.write("\r\n".join([*lines, "", ""]).encode("latin-1"))


def ask(run: Running, target: str, method: str = "GET", *, sign: bool = True, **fields: str) -> Answer:
    now = int(time.time())
    message = signed(target, method, created=now) if sign else Message(method, target, [("Host", HOST)])
    with connected(run.port) as connection:
        write(connection, message, **fields)
        answer = connection.answer(method)
    assert answer is not None
    return answer


def test_a_signed_identifier_gives_its_file(place: tuple[Running, str]) -> None:
    run, path = place
    answer = ask(run, path + OTHER)
    assert (200, b"%PDF", "4") == (answer.status, answer.body, answer.fields["content-length"])
    expected = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "content-disposition": "attachment; filename=\"Jahresabschlu_.pdf\"; filename*=UTF-8''Jahresabschlu%C3%9F.pdf",
        "content-type": "application/pdf",
        "x-content-type-options": "nosniff",
    }
    assert expected == {name: value for name, value in answer.fields.items() if name in expected}
    assert "transfer-encoding" not in answer.fields


def test_ranges_and_conditions_are_the_same_everywhere(place: tuple[Running, str]) -> None:
    run, path = place
    whole = ask(run, path + UUID)
    tag, date = whole.fields["etag"], whole.fields["last-modified"]
    cases: list[tuple[dict[str, str], int, bytes, str | None]] = [
        ({"Range": "bytes=5-6"}, 206, b"is", "bytes 5-6/14"),
        ({"Range": "bytes=-6"}, 206, b"inside", "bytes 8-13/14"),
        ({"Range": "bytes=5-6", "If_Range": tag}, 206, b"is", "bytes 5-6/14"),
        ({"Range": "bytes=5-6", "If_Range": '"x"'}, 200, INSIDE, None),
        ({"Range": "bytes=14-"}, 416, b"", "bytes */14"),
        ({"Range": "lines=1-2"}, 200, INSIDE, None),
        ({"If_None_Match": tag}, 304, b"", None),
        ({"If_None_Match": f"W/{tag}", "Range": "bytes=0-1"}, 304, b"", None),
        ({"If_Modified_Since": date}, 304, b"", None),
        ({"If_Match": '"x"'}, 412, b"", None),
    ]
    expected = [(status, body, place) for _, status, body, place in cases]
    answers = [ask(run, path + UUID, **fields) for fields, *_ in cases]
    assert expected == [(answer.status, answer.body, answer.fields.get("content-range")) for answer in answers]
    several = ask(run, path + UUID, Range="bytes=0-3,8-9")
    assert (206, "multipart/byteranges") == (several.status, several.fields["content-type"].partition(";")[0])
    assert [True, True] == [b"\r\n\r\nwhat\r\n--" in several.body, b"\r\n\r\nin\r\n--" in several.body]
    assert str(len(several.body)) == several.fields["content-length"]


def test_head_says_what_get_would_give(place: tuple[Running, str]) -> None:
    run, path = place
    if path != "/coroutines/":
        with connected(run.port) as connection:  # what followed on the connection would be taken for the next answer
            for method in ("HEAD", "GET", "HEAD", "GET"):
                write(connection, signed(path + UUID, method, created=int(time.time())))
                answer = connection.answer(method)
                assert answer is not None
                assert (200, "14") == (answer.status, answer.fields["content-length"])


def test_unknown_gone_and_malformed_are_one_answer(place: tuple[Running, str]) -> None:
    run, path = place
    answers = [ask(run, path + identifier) for identifier in (str(_GONE), UUID.replace("3f", "4f"), "doc-1")]
    told = {(answer.status, answer.body, answer.fields["content-type"]) for answer in answers}
    assert (1, 404) == (len(told), answers[0].status)


def test_what_is_not_proven_gives_nothing(place: tuple[Running, str]) -> None:
    run, path = place
    unsigned = ask(run, path + UUID, sign=False)
    assert (401, False) == (unsigned.status, INSIDE in unsigned.body)


def test_an_exempt_route_gives_no_signed_file(served: Running) -> None:
    answers = [ask(served, f"/exempt/{UUID}", sign=sign) for sign in (False, True)]
    assert [401, 401] == [answer.status for answer in answers]
    assert not [answer for answer in answers if INSIDE in answer.body]


def test_a_token_gives_the_file_that_it_is_for(served: Running) -> None:
    token, once = DOWNLOADS.token(UUID), DOWNLOADS.token(UUID, once=True)
    answer = ask(served, f"/tokens/{UUID}?token={token}", sign=False)
    shown = (answer.status, answer.body, answer.fields["content-disposition"])
    assert (200, INSIDE, 'inline; filename="yours.txt"') == shown
    asked = [f"{OTHER}?token={token}", UUID, f"{UUID}?token=", f"{UUID}?token={token[:-1]}", f"{UUID}?token=%00"]
    other = Scope("delete", keys={KEY_ID: KEY}).token(UUID)
    refused = [ask(served, f"/tokens/{each}", sign=False).status for each in [*asked, f"{UUID}?token={other}"]]
    assert [401] * 6 == refused
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: ask(served, f"/tokens/{UUID}?token={once}", sign=False).status, range(8)))
    assert [200, *[401] * 7] == sorted(answers)


_ABOVE = [
    "../{}",
    "..%2f{}",
    "%2e%2e/{}",
    "%2E%2E%2F{}",
    "%2e%2e%2f{}",
    "%252e%252e%252f{}",
    "%25252e%25252e%25252f{}",
    "..%5c{}",
    "..\\{}",
    "..%255c{}",
    "%c0%ae%c0%ae/{}",
    "%c0%ae%c0%ae%c0%af{}",
    "%e0%80%ae%e0%80%ae/{}",
    "%f0%80%80%ae%f0%80%80%ae%f0%80%80%af{}",
    "%u002e%u002e%u2215{}",
    "%u002e%u002e/{}",
    "%ef%bc%8e%ef%bc%8e/{}",
    "%ef%bc%8e%ef%bc%8e%ef%bc%8f{}",
    "%e2%80%a5/{}",
    "..%e2%88%95{}",
    "..%00/{}",
    "..%0d%0a/{}",
    "....//{}",
    "..;/{}",
    ".%2e/{}",
    "%2e./{}",
    "down/../../{}",
    "down%2f..%2f..%2f{}",
    "./../{}",
    "plain.txt/../../{}",
    "link/../../{}",
]
TRAVERSALS = [
    *(above.format("outside/canary.txt") for above in _ABOVE),
    *(above.format("../../../../../../../../etc/passwd") for above in _ABOVE[:5]),
    *("/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd", "%2f%2fetc%2fpasswd", "%5cetc%5cpasswd", "file:///etc/passwd"),
    *("/proc/self/environ", "%2fproc%2fself%2fenviron", "C:%5cboot.ini", "~root/.profile", "%7e/canary.txt"),
    *(
        "link.txt",
        "link/canary.txt",
        "inner-link.txt",
        "inner-down/deep.txt",
        "loop",
        "nowhere",
        "down",
        "down/",
        ".",
        "%2e",
        "..",
        "%2e%2e",
    ),
    *(
        "fifo",
        "socket",
        "plain.txt/",
        "plain.txt%2f",
        "plain.txt%00",
        "plain.txt%00.png",
        "%00plain.txt",
        "plain.txt%20",
    ),
    *("", "%00", "%", "%zz", "%ff", "%ed%a0%80", "x" * 300, "x" * 5000, "x/" * 2500, "%2e%2e%2f" * 600),
]


def test_no_signed_identifier_leads_outside(served: Running) -> None:
    """Each is signed with the right key: what is at stake is what becomes of it then."""
    asked = [f"{place}{each}" for place in ("/any/", "/files/") for each in TRAVERSALS]
    with ThreadPoolExecutor(4) as clients:
        answers = dict(zip(asked, clients.map(lambda target: _bluntly(served, target), asked), strict=True))
    leaks = {target for target, (_, content) in answers.items() if CANARY in content or b"root:" in content}
    errors = {target: status for target, (status, _) in answers.items() if status >= 500 or status == 200}
    assert (set(), {}) == (leaks, errors)
    assert (200, INSIDE) == _bluntly(served, "/any/plain.txt")
    assert (200, INSIDE) == _bluntly(served, "/any/down%2fdeep.txt")


def _bluntly(run: Running, target: str) -> tuple[int, bytes]:
    """0 where the server closed the connection."""
    with connected(run.port) as connection:
        write(connection, signed(target, created=int(time.time())))
        answer = connection.answer()
    return (0, b"") if answer is None else (answer.status, answer.body)


def test_the_list_leads_outside_where_nothing_stands_in_the_way(root: Path) -> None:
    """Or it would prove nothing: a path is joined, and what is written twice is decoded twice."""
    leaks = 0
    for each in TRAVERSALS:
        for path in (unquote(each), unquote(unquote(each)).replace("\\", "/")):
            try:
                leaks += CANARY in (root / path).read_bytes() if (root / path).is_file() else 0
            except (OSError, ValueError):
                continue
    assert leaks > 20


@pytest.fixture
def large(root: Path) -> Iterator[Path]:
    path = root / "large.bin"
    path.write_bytes(bytes(range(256)) * (_SIZE // 256))
    yield path
    path.unlink()


def begun(connection: Connection, path: str) -> bytes:
    """The first of a large answer, of which the rest waits in the server."""
    write(connection, signed(path + _LARGE, created=int(time.time())))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.read(1)
    assert b"content-length: %d" % _SIZE in head.lower()
    return connection.read(256)


def test_a_file_that_grows_is_given_as_it_was(place: tuple[Running, str], large: Path) -> None:
    run, path = place
    with connected(run.port) as connection:
        first = begun(connection, path)
        with large.open("ab") as more:
            more.write(b"more" * 1000)
        rest = connection.read(_SIZE - 256)
        assert bytes(range(256)) * (_SIZE // 256) == first + rest
        write(connection, signed(path + UUID, created=int(time.time())))
        answer = connection.answer()
    assert answer is None or (200, INSIDE) == (answer.status, answer.body)


def test_an_answer_whose_file_shrinks_is_broken_off(place: tuple[Running, str], large: Path) -> None:
    """Anything else after the octets that there were, be it the next answer, would be taken for the file."""
    run, path = place
    with connected(run.port) as connection:
        first = begun(connection, path)
        os.truncate(large, 256)
        rest = connection.read(_SIZE)
    assert len(first + rest) < _SIZE
    assert (bytes(range(256)) * (_SIZE // 256)).startswith(first + rest)


def test_the_file_is_closed_when_the_client_goes_away(place: tuple[Running, str], large: Path) -> None:
    run, path = place
    for _ in range(3):
        with connected(run.port) as connection:
            begun(connection, path)
    end = time.monotonic() + 60
    while (count := ask(run, "/descriptors", sign=False).body) != b"0":
        assert time.monotonic() < end, f"{count!r} files are open"
