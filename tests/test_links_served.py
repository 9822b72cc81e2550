"""Links over real sockets, below a prefix and behind a proxy: the origin is the configured one, the target the raw one."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reference import Upload, mac, sign_link
from scope_reference import Said, token_of
from sealgate import Scope, Signer, schemes
from served_views import HOST, KEY, KEY_ID, ORIGIN
from servers import SERVERS, Server, serving

OTHER_KEY = b"thirty-two octets of test key, B"
_GUNICORN, _UVICORN = (SERVERS[name].command for name in ("gunicorn-gthread", "uvicorn-h11"))
_SERVERS = [
    Server("gunicorn", _GUNICORN.replace("served_wsgi:app", "served_links:wsgi"), ()),
    Server("uvicorn", _UVICORN.replace("served_asgi:app", "served_links:asgi"), ()),
    Server("httptools", _UVICORN.replace("h11", "httptools").replace("served_asgi:app", "served_links:asgi"), ()),
]
#: Which of the places a server has. `/alone` knows nothing of mounts and of what others append.
_PLACES = {
    "gunicorn": ("/flask", "/django", "/django/rest"),
    "uvicorn": ("/fastapi", "/django", "/django/rest", "/alone"),
    "httptools": ("/fastapi",),
}
_SVG, _BODY = "image/svg+xml", b"<svg/>\x00\xff"


class Place(NamedTuple):
    server: str
    at: str
    port: int
    directory: Path

    @property
    def file(self) -> str:
        return f"{self.at}/files/a%20b?x=%2F"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[int, Path]]]:
    directory = tmp_path_factory.mktemp("links")
    with serving(_SERVERS, directory) as running:
        yield {name: (run.port, directory / name) for name, run in running.items()}


@pytest.fixture(params=[(server, at) for server, places in _PLACES.items() for at in places], ids="".join)
def place(request: pytest.FixtureRequest, started: dict[str, tuple[int, Path]]) -> Place:
    return Place(*request.param, *started[request.param[0]])


@pytest.fixture
def uploading(place: Place) -> Place:
    if place.at == "/alone":
        return place._replace(at="/fastapi")
    return place


def made(target: str, *, once: bool = False, ago: float = 0, origin: str = ORIGIN, key: bytes = KEY, **how: Any) -> str:
    created = int(time.time() - ago)
    how = {"key_id": KEY_ID, "created": created, "expires": created + 60, **how}
    return sign_link(origin + target, key, **({"nonce": "n" * 20} if once else {}), **how).removeprefix(origin)


def asked(
    place: Place, target: str, method: str = "GET", body: bytes | list[bytes] | None = None, **fields: str
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, target, body, {"Host": HOST, **named})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if answer.status == 200 else {}
    finally:
        connection.close()


def handed(scheme: str, target: str, parsed: dict[str, list[str]], body: bytes = b"") -> tuple[int, dict[str, Any]]:
    """What a view answers that was handed this."""
    claims = dict(pair.split("=", 1) for pair in target.partition("?")[2].split("&"))
    parsed = {**{name: [value] for name, value in claims.items()}, **parsed}
    query = target.partition("?")[2]
    return 200, {"scheme": scheme, "query": query, "parsed": parsed, "body": hashlib.sha256(body).hexdigest()}


def test_a_link_opens_what_it_names_below_a_prefix_and_behind_a_proxy(place: Place) -> None:
    link = made(place.file)
    proxied = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "http", "X_Forwarded_Prefix": "/other"}
    expected = handed("signed-url", link, {"x": ["/"]})
    assert [expected] * 3 == [asked(place, link), asked(place, link), asked(place, link, **proxied)]
    ours = Signer(schemes.signed_url(), key=KEY, key_id=KEY_ID).sign_url(ORIGIN + place.file)
    assert 200 == asked(place, ours.removeprefix(ORIGIN))[0]


def test_what_was_appended_is_let_through_and_no_view_is_handed_it(place: Place) -> None:
    link = made(f"{place.file}&utm_source=shop")
    expected = handed("signed-url", link, {"x": ["/"], "utm_source": ["shop"]})
    if place.at == "/alone":  # FastAPI has handed it over already
        expected = 401, {}
    assert [expected, expected] == [asked(place, link + end) for end in ("&gclid=1", "&gclid=a%26x=2;x=3")]


APPENDED = {
    "another": "&utm_medium=a",
    "another before": "&x=1&gclid=1",
    "another behind": "&gclid=1&x=1",
    "twice": "&gclid=1&gclid=1",
    "one that was signed": "&utm_source=mail",
    "in capitals": "&GCLID=1",
    "percent-spelled": "&gcli%64=1",
    "with a blank": "&gclid+=1",
    "behind a semicolon": ";gclid=1",
    "without a value": "&gclid",
    "the signature": "&signature=a&gclid=1",
    "an alias of the signature": "&gclid=1&signatur%65=a",
    "nothing": "&",
}


def test_nothing_else_may_be_appended(place: Place) -> None:
    link = made(f"{place.file}&utm_source=shop")
    refused = {case: asked(place, link + end)[0] for case, end in APPENDED.items()}
    refused["before the signature"] = asked(place, link.replace("&methods", "&gclid=1&methods"))[0]
    assert dict.fromkeys(refused, 401) == refused


def test_no_other_link_opens_it(place: Place) -> None:
    """In another scope, on another subject, by another key, for another origin, method, time."""
    link, file = made(place.file), place.file
    evil = "https://evil.example"
    links = {
        "unsigned": file,
        "ended": made(file, ago=61),
        "of the future": made(file, ago=-400),
        "of another path": link.replace("a%20b", "a%20c"),
        "in another spelling of the path": link.replace("a%20b", "%61%20b"),
        "of the path above": link.replace("/files/", "/x/../files/"),
        "in another spelling of the query": link.replace("%2F", "/"),
        "a parameter more": link.replace("?x", "?x=1&x"),
        "an alias": link.replace("&signature", "&%73ignature=a&signature"),
        "without the prefix": made(file.removeprefix(place.at)).replace("/files", f"{place.at}/files"),
        "with the prefix twice": made(place.at + file).removeprefix(place.at),
        "of another origin": made(file, origin=evil),
        "over http": made(file, origin=f"http://{HOST}"),
        "by another key": made(file, key=OTHER_KEY),
        "by another key id": made(file, key_id="globex"),
        "by the key itself": link.rpartition("=")[0] + "=" + _signature(link),
        "with a signature of zeros": link.rpartition("=")[0] + "=" + "A" * 43,
        "an upload": made(file, upload=Upload.of(_SVG, b"")),
        "for another method": made(file, methods=("DELETE", "PUT")),
        "for longer": made(file, expires=int(time.time()) + 604_900),
    }
    alone = place.at == "/alone"  # what no route of its own takes is not its to refuse
    refused = dict.fromkeys(links, 401) | ({"of the path above": 404} if alone else {})
    assert refused == {case: asked(place, each)[0] for case, each in links.items()}
    methods = [asked(place, link, *how)[0] for how in (("HEAD",), ("DELETE",), ("GET", b"{}"))]
    assert [405 if alone else 401, 401, 401] == methods
    assert 400 == asked(place, link, Host="evil.example")[0]


def _signature(link: str) -> str:
    """Of the same octets, by the key that links are not signed with."""
    whole = (ORIGIN + link.rpartition("&signature=")[0]).encode()
    return base64.urlsafe_b64encode(mac(KEY, whole)).decode().rstrip("=")


def test_a_link_ends_with_its_second(place: Place) -> None:
    """By the clock of the server, which stands where the test says; and by the real one."""
    told = place.directory / "clock"
    created = 1_700_000_000
    link = made(place.file, created=created, expires=created + 60)
    statuses = {}
    try:
        for at in (created - 301, created - 300, created, created + 60, created + 60.001, created + 61):
            told.write_text(repr(at))
            statuses[at - created] = asked(place, link)[0]
    finally:
        told.unlink()
    ages = dict.fromkeys(statuses, 401) | dict.fromkeys([-300, 0, 60], 200)
    assert ages == statuses
    assert [401, 200, 401] == [
        asked(place, each)[0] for each in (link, made(place.file, ago=50), made(place.file, ago=62))
    ]


def test_a_link_that_is_good_once_is_good_once_of_eight_at_one_moment(place: Place) -> None:
    if place.at not in {"/flask", "/django", "/fastapi"}:
        place = place._replace(at="/django")
    nonce = f"one-of-{place.server}{place.at}-{time.time_ns()}"
    link = made(place.file, nonce=nonce)
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: asked(place, link), range(8)))
    assert [200, *[401] * 7] == sorted(status for status, _ in answers)
    assert ["signed-url-once"] == [told["scheme"] for _, told in answers if told]


def test_an_upload_is_taken_as_its_link_says(uploading: Place) -> None:
    target = f"{uploading.at}/pictures/7?as=a"
    link = made(target, methods=("PUT",), upload=Upload.of(_SVG, _BODY))
    expected = handed("signed-upload", link, {"content_type": [_SVG], "as": ["a"]}, _BODY)
    assert [expected] * 2 == [asked(uploading, link, "PUT", _BODY, Content_Type=_SVG) for _ in range(2)]
    reading = made(target, methods=("PUT",))
    refused = {
        "another content": asked(uploading, link, "PUT", b"<gsv/>\x00\xff", Content_Type=_SVG),
        "a shorter one": asked(uploading, link, "PUT", _BODY[:-1], Content_Type=_SVG),
        "none": asked(uploading, link, "PUT", None, Content_Type=_SVG),
        "another type": asked(uploading, link, "PUT", _BODY, Content_Type="text/html"),
        "no type": asked(uploading, link, "PUT", _BODY),
        "a coding": asked(uploading, link, "PUT", _BODY, Content_Type=_SVG, Content_Encoding="gzip"),
        "a range": asked(uploading, link, "PUT", _BODY, Content_Type=_SVG, Content_Range="bytes 0-7/8"),
        "elsewhere": asked(uploading, link.replace("/7", "/8"), "PUT", _BODY, Content_Type=_SVG),
        "by a link without one": asked(uploading, reading, "PUT", _BODY, Content_Type=_SVG),
        "another method": asked(uploading, link, "DELETE", _BODY, Content_Type=_SVG),
    }
    assert dict.fromkeys(refused, (401, {})) == refused
    assert (413, {}) == asked(uploading, link, "PUT", _BODY + b"a", Content_Type=_SVG)
    in_pieces = [[_BODY[:3], _BODY[3:]], [_BODY[:3], b"xxxxx"], [_BODY[:3]], [_BODY, b"a" * 100_000]]  # chunked
    statuses = [asked(uploading, link, "PUT", pieces, Content_Type=_SVG)[0] for pieces in in_pieces]
    assert [200, 401, 401, 413] == statuses


def test_an_upload_of_any_content_is_taken_where_the_route_says_so(uploading: Place) -> None:
    if uploading.at == "/django/rest":
        uploading = uploading._replace(at="/django")
    target = f"{uploading.at}/drops/7"
    link = made(target, methods=("PUT",), upload=Upload(_SVG, 8, most=True))
    elsewhere = made(f"{uploading.at}/pictures/7", methods=("PUT",), upload=Upload(_SVG, 8, most=True))
    for body in (b"", b"a", b"a" * 8):
        expected = handed("signed-upload-any", link, {"content_type": [_SVG]}, body)
        assert expected == asked(uploading, link, "PUT", body, Content_Type=_SVG)
        assert 401 == asked(uploading, elsewhere, "PUT", body, Content_Type=_SVG)[0]
    assert 413 == asked(uploading, link, "PUT", b"a" * 9, Content_Type=_SVG)[0]
    assert 401 == asked(uploading, link, "PUT", b"a", Content_Type="text/html")[0]


_DOCUMENT = "0b7d3f2e-7c55-4f0e-9a56-3b1d2c4e5f60"
_OTHER = "0b7d3f2e-7c55-4f0e-9a56-3b1d2c4e5f61"


def token(
    *, scope: str = "download:document", key: bytes = KEY, key_id: str = KEY_ID, ago: float = 0, **how: Any
) -> str:
    said = Said(key_id, int(time.time() - ago), 60, **how)
    return token_of(said, scope, _DOCUMENT, key)


def shown(place: Place, text: str, document: str = _DOCUMENT, method: str = "GET") -> int:
    """The status: a token is shown for a document."""
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=30)
    try:
        connection.request(method, f"{place.at}/documents/{document}?token={text}", None, {"Host": HOST})
        answer = connection.getresponse()
        assert (answer.status == 200) == (answer.read() == _DOCUMENT.encode())
        return answer.status
    finally:
        connection.close()


@pytest.fixture
def granting(place: Place) -> Place:
    return place._replace(at={"/django/rest": "/django", "/alone": "/fastapi"}.get(place.at, place.at))


def test_a_token_permits_its_action_on_its_subject_and_no_other(granting: Place) -> None:
    good = token()
    ours = Scope("download:document", keys={KEY_ID: KEY}, subject="uuid4").token(_DOCUMENT)
    assert [200, 200, 200] == [shown(granting, each) for each in (good, good, ours)]
    refused = {
        "none": shown(granting, ""),
        "of another scope": shown(granting, token(scope="delete:document")),
        "for another subject": shown(granting, good, _OTHER),
        "for no subject": shown(granting, good, "..%2F..%2Fetc%2Fpasswd"),
        "for the subject in capitals": shown(granting, good, _DOCUMENT.upper()),
        "by another key": shown(granting, token(key=OTHER_KEY)),
        "by another key id": shown(granting, token(key_id="globex")),
        "ended": shown(granting, token(ago=62)),
        "of the future": shown(granting, token(ago=-100)),
        "cut short": shown(granting, good[:-1]),
        "made longer": shown(granting, good + "A"),
        "a link": shown(granting, made(f"{granting.at}/documents/{_DOCUMENT}").rpartition("=")[2]),
        "for another method": shown(granting, good, method="DELETE"),
    }
    paths = {"for no subject"}  # of which a router may know nothing
    assert dict.fromkeys(refused.keys() - paths, 401) == {case: refused[case] for case in refused.keys() - paths}
    assert refused["for no subject"] in {400, 401, 404}


def test_a_token_ends_with_its_second(granting: Place) -> None:
    told, created = granting.directory / "clock", 1_700_000_000
    text = token_of(Said(KEY_ID, created, 60), "download:document", _DOCUMENT, KEY)
    statuses = {}
    try:
        for at in (created - 61, created - 60, created + 60, created + 60.001):
            told.write_text(repr(at))
            statuses[at - created] = shown(granting, text)
    finally:
        told.unlink()
    assert [401, 200, 200, 401] == list(statuses.values())


def test_a_token_for_one_use_is_used_once_of_eight_at_one_moment(granting: Place) -> None:
    text = token(nonce=time.time_ns().to_bytes(16, "big"))
    with ThreadPoolExecutor(8) as clients:
        statuses = list(clients.map(lambda _: shown(granting, text), range(8)))
    assert [200, *[401] * 7] == sorted(statuses)
