"""What is answered with a file: ranges, conditions and fields, as RFC 9110 and RFC 6266 have them."""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
import mimetypes
import os
import re
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import is_resource_modified, parse_options_header

from file_trees import UUID, verified
from sealgate import ConfigurationError, SignedFiles
from sealgate.files import AsyncContent

CONTENT = bytes(range(256)) * 3
NOW = 1_700_000_000
#: Of the file; a while before now.
MODIFIED = NOW - 1000
DATE, EARLIER, LATER = (formatdate(MODIFIED + seconds, usegmt=True) for seconds in (0, -1, 1))
_PROOF = verified()


class Told(NamedTuple):
    status: int
    fields: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("answers")
    for name, content in (("data.bin", CONTENT), ("empty.txt", b"")):
        (root / name).write_bytes(content)
        os.utime(root / name, (MODIFIED, MODIFIED))
    return root


def ask(
    root: Path,
    fields: dict[str, str] | None = None,
    method: str = "GET",
    name: str = "data.bin",
    now: float = NOW,
    **settings: Any,
) -> Told:
    files = SignedFiles(root, {UUID: name}, clock=lambda: now)
    file = files.open(UUID, _PROOF)
    answer = files.answer(file, method, (fields or {}).get, **settings)
    body = b"".join(answer.content)
    assert file.closed
    headers = dict(answer.headers)
    assert len(headers) == len(answer.headers)
    assert all(re.fullmatch(r"[ -~]+", value) for value in headers.values())
    return Told(answer.status, headers, body)


def tag(root: Path) -> str:
    return ask(root).fields["ETag"]


def parts(told: Told) -> list[tuple[str, str, bytes]]:
    """Type, place and octets of each part, as a reader of mail sees them."""
    head = f"Content-Type: {told.fields['Content-Type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + told.body)
    assert [] == message.defects
    return [
        (part["Content-Type"], part["Content-Range"], part.get_payload(decode=True))  # type: ignore[misc]
        for part in message.iter_parts()  # type: ignore[attr-defined]
    ]


def test_the_whole_file_with_all_its_fields(root: Path) -> None:
    told = ask(root)
    expected = {
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "ETag": told.fields["ETag"],
        "Last-Modified": DATE,
        "Accept-Ranges": "bytes",
        "Content-Disposition": 'attachment; filename="data.bin"',
        "Content-Type": "application/octet-stream",
        "Content-Length": "768",
    }
    assert (200, expected, CONTENT) == told
    assert re.fullmatch(r'"[0-9a-f]{32}"', told.fields["ETag"])


def test_head_is_get_without_content(root: Path) -> None:
    for fields in ({}, {"Range": "bytes=0-1"}):  # RFC 9110, 14.2: a Range of another method is ignored
        assert ask(root)._replace(body=b"") == ask(root, fields, "HEAD")
    assert ask(root, {"If-None-Match": "*"}) == ask(root, {"If-None-Match": "*"}, "HEAD")


def test_another_method_is_given_the_whole(root: Path) -> None:
    fields = {"Range": "bytes=0-1", "If-None-Match": "*", "If-Match": '"x"'}
    assert ask(root) == ask(root, fields, "POST")


_numbers = st.one_of(st.integers(0, 12), st.integers(0, 800), st.just(10**17))
_specs = st.one_of(
    st.tuples(_numbers, _numbers),
    st.tuples(_numbers, st.none()),
    st.tuples(st.none(), _numbers),
)  # fmt: skip
_blanks = st.sampled_from(["", " ", "\t", " \t"])


def _wanted(specs: list[Any], size: int) -> set[int] | None:
    """The octets, one by one, that RFC 9110, 14.1.2 says; None where a server may take no notice."""
    found: set[int] = set()
    for first, last in specs:
        if first is None:
            if size == 0 and last > 0:
                return None
            found |= set(range(max(0, size - last), size))
        elif last is not None and last < first:
            return None
        else:
            found |= {octet for octet in range(size) if first <= octet <= (octet if last is None else last)}
    return found


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sizes")
    for size in (0, 1, 768):
        (root / str(size)).write_bytes(CONTENT[:size])
    return root


@given(specs=st.lists(st.tuples(_specs, _blanks, _blanks), min_size=1, max_size=20), size=st.sampled_from([768, 1, 0]))
def test_the_ranges_that_are_asked_for_are_given(sized: Path, specs: list[Any], size: int) -> None:
    plain = [spec for spec, _, _ in specs]
    text = ",".join(
        f"{before}{'' if first is None else first}-{'' if last is None else last}{after}"
        for (first, last), before, after in specs
    )
    told = ask(sized, {"Range": f"bytes={text}"}, name=str(size))
    wanted = None if len(plain) > 16 else _wanted(plain, size)
    if wanted is None:
        assert (200, CONTENT[:size]) == (told.status, told.body)
        return
    if not wanted:
        assert (416, f"bytes */{size}", b"") == (told.status, told.fields["Content-Range"], told.body)
        return
    assert (206, len(told.body)) == (told.status, int(told.fields["Content-Length"]))
    single = "Content-Range" in told.fields
    given = [("", told.fields["Content-Range"], told.body)] if single else parts(told)
    places: list[int] = []
    for _, place, octets in given:
        start, end = map(int, re.fullmatch(rf"bytes ([0-9]+)-([0-9]+)/{size}", place).groups())  # type: ignore[union-attr]
        assert CONTENT[start : end + 1] == octets
        places += range(start, end + 1)
    assert (sorted(wanted), len(given) > 1) == (sorted(places), not single)


IGNORED = [
    "",
    "bytes",
    "bytes=",
    "bytes=,",
    "bytes=-",
    "bytes=a-b",
    "bytes=1",
    "bytes=0-1-2",
    "bytes=+0-1",
    "bytes=0x0-1",
    "bytes=0_0-1",
    "bytes=\u0661-\u0662",
    "bytes=1-0",
    "bytes= 0 - 1",
    "bytes=0-1;2-3",
    "bytes=0-1, x",
    "bytes=0-1, bytes=2-3",
    "items=0-1",
    "0-1",
    "bytes:0-1",
    "bytes=" + "9" * 19 + "-",
    "bytes=" + ",".join(["0-0"] * 17),
    "bytes=" + "," * 100_000,
    "bytes=0-" + "0" * 100_000,
]


@pytest.mark.parametrize("field", IGNORED, ids=lambda field: field[:20])
def test_a_range_that_is_none_is_ignored(root: Path, field: str) -> None:
    assert ask(root) == ask(root, {"Range": field})


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("bytes=0-0", "bytes 0-0/768"),
        ("BYTES=0-0", "bytes 0-0/768"),
        ("bytes=0-", "bytes 0-767/768"),
        ("bytes=-1", "bytes 767-767/768"),
        ("bytes=-9999", "bytes 0-767/768"),
        ("bytes=760-9999", "bytes 760-767/768"),
        ("bytes=, 1-2 ,", "bytes 1-2/768"),
        ("bytes=0-3,2-5", "bytes 0-5/768"),
        ("bytes=4-5,0-3", "bytes 0-5/768"),
        ("bytes=900-,0-0", "bytes 0-0/768"),
        ("bytes=" + ",".join(["0-0"] * 16), "bytes 0-0/768"),
    ],
)
def test_one_range_is_given_by_itself(root: Path, field: str, place: str) -> None:
    told = ask(root, {"Range": field})
    assert (206, place, "application/octet-stream") == (
        told.status,
        told.fields["Content-Range"],
        told.fields["Content-Type"],
    )


def test_several_ranges_are_parts_in_the_order_in_which_they_were_asked_for(root: Path) -> None:
    told = ask(root, {"Range": "bytes=500-501, 0-1"})
    type_ = "application/octet-stream"
    expected = [(type_, "bytes 500-501/768", CONTENT[500:502]), (type_, "bytes 0-1/768", CONTENT[:2])]
    assert (206, expected) == (told.status, parts(told))
    assert "Content-Range" not in told.fields


#: Fields, with T for the entity tag; and the status.
CONDITIONS: list[tuple[dict[str, str], int]] = [
    ({"If-None-Match": "T"}, 304),
    ({"If-None-Match": "W/T"}, 304),
    ({"If-None-Match": '"x", W/"y" ,T'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"x"'}, 200),
    ({"If-None-Match": ""}, 200),
    ({"If-None-Match": "x"}, 200),
    ({"If-Modified-Since": DATE}, 304),
    ({"If-Modified-Since": LATER}, 304),
    ({"If-Modified-Since": EARLIER}, 200),
    ({"If-Modified-Since": "yesterday"}, 200),
    ({"If-Modified-Since": ""}, 200),
    ({"If-Modified-Since": "Sun, 06 Nov 9999999999999999999 08:49:37 GMT"}, 200),
    ({"If-None-Match": '"x"', "If-Modified-Since": DATE}, 200),
    ({"If-None-Match": "T", "If-Modified-Since": EARLIER}, 304),
    ({"If-Match": "T"}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": '"x", T'}, 200),
    ({"If-Match": "W/T"}, 412),
    ({"If-Match": '"x"'}, 412),
    ({"If-Match": ""}, 412),
    ({"If-Unmodified-Since": DATE}, 200),
    ({"If-Unmodified-Since": LATER}, 200),
    ({"If-Unmodified-Since": EARLIER}, 412),
    ({"If-Unmodified-Since": "yesterday"}, 200),
    ({"If-Match": "T", "If-Unmodified-Since": EARLIER}, 200),
    ({"If-Match": '"x"', "If-None-Match": "T"}, 412),
    ({"If-Match": "T", "If-None-Match": "T"}, 304),
    ({"Range": "bytes=0-1", "If-None-Match": "T"}, 304),
    ({"Range": "bytes=0-1", "If-Match": '"x"'}, 412),
    ({"Range": "bytes=999-", "If-None-Match": "T"}, 304),
    ({"Range": "bytes=0-1", "If-Range": "T"}, 206),
    ({"Range": "bytes=0-1", "If-Range": "W/T"}, 200),
    ({"Range": "bytes=0-1", "If-Range": '"x"'}, 200),
    ({"Range": "bytes=0-1", "If-Range": ""}, 200),
    ({"Range": "bytes=0-1", "If-Range": DATE}, 206),
    ({"Range": "bytes=0-1", "If-Range": EARLIER}, 200),
    ({"Range": "bytes=0-1", "If-Range": LATER}, 200),
    ({"Range": "bytes=999-", "If-Range": '"x"'}, 200),
    ({"Range": "bytes=999-", "If-Range": "T"}, 416),
    ({"If-Range": "T"}, 200),
]


@pytest.mark.parametrize(("fields", "status"), CONDITIONS, ids=str)
def test_conditions_count_in_their_order(root: Path, fields: dict[str, str], status: int) -> None:
    etag = tag(root)
    told = ask(
        root,
        {
            name: value.replace("T", etag) if name != "If-Modified-Since" and "GMT" not in value else value
            for name, value in fields.items()
        },
    )
    content = {200: CONTENT, 206: CONTENT[:2]}.get(status, b"")
    assert (status, content) == (told.status, told.body)
    if status == 304:
        # RFC 9110, 15.4.5: what a 200 would have had of these.
        assert {"ETag", "Last-Modified", "Cache-Control", "X-Content-Type-Options"} == set(told.fields)
    if status == 412:
        assert "0" == told.fields["Content-Length"]


def test_a_time_is_no_strong_validator_while_it_may_be_anothers(root: Path) -> None:
    """RFC 9110, 8.8.2.2: a second change within the same second would have the same time."""
    fields = {"Range": "bytes=0-1", "If-Range": DATE}
    assert [200, 200, 206] == [ask(root, fields, now=MODIFIED + seconds).status for seconds in (0.5, 1, 1.5)]


def test_no_file_was_modified_later_than_now(root: Path) -> None:
    assert formatdate(5, usegmt=True) == ask(root, now=5.9).fields["Last-Modified"]


@pytest.mark.parametrize("time", [-1, 2**40])
def test_a_time_that_no_field_can_hold_is_left_out(tmp_path: Path, time: int) -> None:
    (tmp_path / "old").write_bytes(b"x")
    os.utime(tmp_path / "old", (time, time))
    if (tmp_path / "old").stat().st_mtime == time:  # a file system may not hold it either
        assert (200, False) == ((told := ask(tmp_path, name="old", now=2.0**41)).status, "Last-Modified" in told.fields)


_tags = st.sampled_from(["T", "W/T", '"x"', 'W/"y"', "*", "x", ""])
_dates = st.sampled_from(
    [DATE, EARLIER, LATER, "yesterday", "Tue, 14 Nov 2023 21:56:40 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"]
)


@given(tags=st.lists(_tags, min_size=1, max_size=3), date=st.none() | _dates)
def test_werkzeug_finds_the_same_modified(root: Path, tags: list[str], date: str | None) -> None:
    etag = tag(root)
    fields = {"If-None-Match": ", ".join(tags).replace("T", etag)}
    if date is not None:
        fields = {"If-Modified-Since": date}
    environ = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in fields.items()}
    modified = is_resource_modified({"REQUEST_METHOD": "GET", **environ}, etag, last_modified=DATE)
    if "*" not in tags or tags == ["*"] or date is not None:  # a star among tags is none of RFC 9110
        assert modified == (ask(root, fields).status == 200)


@given(
    st.dictionaries(
        st.sampled_from(["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"]),
        st.text(max_size=60),
    )
)
def test_any_fields_have_an_answer(root: Path, fields: dict[str, str]) -> None:
    assert ask(root, fields).status in {200, 206, 304, 412, 416}


_names = st.text(
    st.characters(
        exclude_categories=("Cc", "Cs", "Zl", "Zp"),
        exclude_characters="/\\\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    ),
    min_size=1,
    max_size=60,
).filter(lambda name: name not in {".", ".."} and len(name.encode()) <= 255)


@given(_names, st.booleans())
def test_any_name_comes_back_from_the_field_that_says_it(root: Path, name: str, inline: bool) -> None:
    field = ask(root, filename=name, inline=inline).fields["Content-Disposition"]
    kind, read = parse_options_header(field)
    assert ("inline" if inline else "attachment", name) == (kind, read["filename"])
    plain = re.match(r'[a-z]+; filename="([^"\\\\]*)"', field)
    assert plain is not None
    extended = field[plain.end() :]
    assert plain[1] == name if not extended else unquote(extended.removeprefix("; filename*=UTF-8''")) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "a\r\nX: 1", "a\0", "a\u2028b", "a\u202egpj.exe", "\ud800", 7, "x" * 256]
)
def test_a_name_that_is_none_is_refused_and_the_file_closed(root: Path, name: Any) -> None:
    files = SignedFiles(root, {UUID: "data.bin"})
    file = files.open(UUID, _PROOF)
    with pytest.raises(ConfigurationError, match=r"\Afilename: "):
        files.answer(file, "GET", {}.get, filename=name)
    assert file.closed


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.pdf", "application/pdf"),
        ("a.html", "text/html"),
        ("a.tar.gz", "application/gzip"),
        ("a.svg.xz", "application/x-xz"),
        ("a", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("data:text,html;a.pdf", "application/pdf"),
        ("data:text", "application/octet-stream"),
        ("https:a.html", "text/html"),
    ],
)
def test_the_type_is_that_of_the_name(root: Path, name: str, media_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", mimetypes.MimeTypes().guess_type)  # without those of this machine
    told = ask(root, filename=name)
    assert (media_type, "nosniff") == (told.fields["Content-Type"], told.fields["X-Content-Type-Options"])


def test_what_caches_may_do_is_said_by_every_answer(root: Path) -> None:
    for fields in ({}, {"Range": "bytes=0-1"}, {"Range": "bytes=999-"}, {"If-None-Match": "*"}, {"If-Match": '"x"'}):
        assert "private, no-store" == ask(root, fields).fields["Cache-Control"]
    files = SignedFiles(root, {UUID: "data.bin"}, cache_control="private, max-age=60")
    answer = files.answer(files.open(UUID, _PROOF), "GET", {}.get)
    assert "private, max-age=60" == dict(answer.headers)["Cache-Control"]
    answer.content.close()


def test_the_file_is_closed_however_its_content_ends(root: Path) -> None:
    files = SignedFiles(root, {UUID: "data.bin"})

    async def left() -> bool:
        file = files.open(UUID, _PROOF)
        content = AsyncContent(files.answer(file, "GET", {}.get).content)
        async for chunk in content:
            assert CONTENT == chunk
            break
        content.close()
        return file.closed

    file, another = files.open(UUID, _PROOF), files.open(UUID, _PROOF)
    files.answer(file, "GET", {}.get).content.close()
    chunks = iter(files.answer(another, "GET", {"Range": "bytes=0-1,9-10"}.get).content)
    next(chunks)
    del chunks
    assert [True, True, True] == [file.closed, another.closed, asyncio.run(left())]


def test_a_file_that_becomes_shorter_breaks_the_answer_off(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(bytes(200_000))
    files = SignedFiles(tmp_path, {UUID: "data.bin"})
    file = files.open(UUID, _PROOF)
    chunks = iter(files.answer(file, "GET", {}.get).content)
    assert 65536 == len(next(chunks))
    os.truncate(path, 70_000)
    assert 70_000 - 65536 == len(next(chunks))
    with pytest.raises(OSError, match="shorter"):
        next(chunks)
    assert file.closed
