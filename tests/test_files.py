"""Files for signed identifiers: who gets one, for which proof, and what a mistake in the set-up becomes."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from file_trees import FORBIDDEN, INSIDE, OTHER, UUID, naive, tree, verified
from granted import scope
from judged import JUDGED, KEY, KEY_ID, PARTIAL, as_request
from sealgate import ConfigurationError, Request, SignedFiles, Signer, Unavailable, Verified, Verifier, schemes
from sealgate.exceptions import (
    Expired,
    FileMissing,
    InvalidSignature,
    NotCovered,
    Replayed,
    SignatureMalformed,
    SignatureMissing,
)
from sealgate.policy import received_param


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("files"))


def content(files: SignedFiles, identifier: Any = UUID, proof: Any = None, param: str | None = None) -> bytes:
    with files.open(identifier, verified() if proof is None else proof, param=param) as file:
        return file.read()


def by(scheme: str) -> Verified:
    """The proof of the message of that scheme, as its judge signs it."""
    judged = JUDGED.get(scheme) or PARTIAL[scheme]
    return judged.verifier().verify(as_request(judged.signed()))


def test_an_identifier_that_was_signed_gives_its_file(root: Path) -> None:
    files = SignedFiles(root, {UUID: "plain.txt", OTHER: "down/deep.txt"})
    with files.open(OTHER, verified()) as file:
        assert ("deep.txt", len(INSIDE), INSIDE) == (file.name, file.size, file.read())
    assert INSIDE == content(files)


@pytest.mark.parametrize("scheme", ["rfc9421", "aws-sigv4", "canonical-request", "hubspot", "square"])
def test_a_signature_over_the_path_or_the_target_covers_what_is_in_it(root: Path, scheme: str) -> None:
    assert INSIDE == content(SignedFiles(root, {UUID: "plain.txt"}), proof=by(scheme))


@pytest.mark.parametrize("scheme", ["github", "slack", "stripe", "standard-webhooks", "envelope"])
def test_another_signature_gives_no_file_and_says_why_in_the_log_only(root: Path, scheme: str) -> None:
    with pytest.raises(NotCovered):
        content(SignedFiles(root, {UUID: "plain.txt"}), proof=by(scheme), param="id")


def test_a_signature_over_one_parameter_covers_that_one(root: Path) -> None:
    files, proof = SignedFiles(root, {UUID: "plain.txt"}), by("scoped")
    assert ("param:id",) == proof.covered
    assert INSIDE == content(files, proof=proof, param="id")
    for param in ("other", None):
        with pytest.raises(NotCovered):
            content(files, proof=proof, param=param)


def test_without_a_proof_there_is_no_file(root: Path) -> None:
    """An exempt route, or report only."""
    for files in (SignedFiles(root, {UUID: "plain.txt"}), SignedFiles(root, {UUID: "plain.txt"}, scope=scope())):
        with pytest.raises(SignatureMissing):
            files.open(UUID, None)


def test_the_proof_is_asked_for_before_anything_is_looked_at(root: Path) -> None:
    asked: list[str] = []
    files = SignedFiles(root, asked.append)
    for identifier in (UUID, "../plain.txt", ""):
        with pytest.raises(NotCovered):
            files.open(identifier, by("github"))
    assert [] == asked


@pytest.mark.parametrize("identifier", [*FORBIDDEN.values(), UUID.upper(), f"{UUID}\n", UUID[:-1], "é", 7, None, b"x"])
def test_the_form_is_looked_at_before_the_resolver_is_asked(root: Path, identifier: Any) -> None:
    asked: list[str] = []
    with pytest.raises(FileMissing):
        SignedFiles(root, asked.append).open(identifier, verified())
    assert [] == asked


def test_a_form_of_ones_own_is_printable_ascii_all_the_same(root: Path) -> None:
    asked: list[str] = []
    files = SignedFiles(root, asked.append, ids="(?s).*")
    for identifier in ("a\0b", "a\nb", "ä", "", "x" * 257):
        with pytest.raises(FileMissing):
            files.open(identifier, verified())
    with pytest.raises(FileMissing):
        files.open("x" * 256, verified())
    assert ["x" * 256] == asked


def test_a_parameter_is_what_stands_in_the_path() -> None:
    """Not a part of the host, a default of the route, or what a converter has made of it."""
    assert UUID == received_param({"id": UUID, "page": 1}, f"/files/{UUID}", "id")
    assert UUID.upper() == received_param({"id": uuid.UUID(UUID)}, f"/files/{UUID.upper()}", "id")
    for path, value in ((f"/files/{UUID}", "latest"), ("/files/007", 7), (f"/files/{UUID}", uuid.UUID(OTHER))):
        with pytest.raises(NotCovered):
            received_param({"id": value}, path, "id")
    with pytest.raises(ConfigurationError, match=r"\Aparam: "):
        received_param({"id": UUID}, f"/files/{UUID}", "name")


def test_unknown_and_gone_are_one_refusal(root: Path, tmp_path: Path) -> None:
    files = SignedFiles(root, {UUID: "absent.txt"})
    refusals = []
    for identifier in (UUID, OTHER, "no uuid"):
        with pytest.raises(FileMissing) as refused:
            files.open(identifier, verified())
        refusals.append((type(refused.value), refused.value.code, refused.value.status))
    assert [(FileMissing, "file-missing", 404)] * 3 == refusals


def test_a_mapping_is_copied(root: Path) -> None:
    paths = {UUID: "plain.txt"}
    files = SignedFiles(root, paths)
    paths[UUID], paths[OTHER] = "down/deep.txt", "plain.txt"
    with files.open(UUID, verified()) as file:
        assert "plain.txt" == file.name
    with pytest.raises(FileMissing):
        files.open(OTHER, verified())


_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "relative root": ({"root": "files"}, "root"),
    "no root": ({"root": None}, "root"),
    "octets": ({"root": b"/tmp"}, "root"),
    "NUL": ({"root": "/tmp\0"}, "root"),
    "list": ({"files": ["plain.txt"]}, "files"),
    "nothing": ({"files": None}, "files"),
    "path of another type": ({"files": {UUID: 7}}, "files"),
    "identifier of another form": ({"files": {"doc-123": "plain.txt"}}, "files"),
    "identifier of another type": ({"files": {7: "plain.txt"}}, "files"),
    "no expression": ({"ids": "("}, "ids"),
    "no form": ({"ids": None}, "ids"),
    "no scope": ({"scope": "download"}, "scope"),
    "field on two lines": ({"cache_control": "no-store\r\nX: 1"}, "cache_control"),
    "empty field": ({"cache_control": ""}, "cache_control"),
    **{f"path: {name}": ({"files": {UUID: path}}, "files") for name, path in FORBIDDEN.items() if name not in {
        "link to a file", "link within the root", "link to a directory",
            "link to a directory within the root", "link that leads to itself", "link to nothing",
        "directory", "file as a directory", "FIFO", "socket", "absent", "absent directory", "encoded", "home", "drive",
        "full-width dots", "two-dot leader", "division slash",
    }},
    "path: line end": ({"files": {UUID: "a\r\nb"}}, "files"),
    "path: reordered": ({"files": {UUID: "a\u202egpj.exe"}}, "files"),
    "path: half a character": ({"files": {UUID: "a\ud800"}}, "files"),
}  # fmt: skip


@pytest.mark.parametrize("case", _SETTINGS)
def test_a_mistake_in_the_settings_stops_the_start_and_is_named(root: Path, case: str) -> None:
    given, named = _SETTINGS[case]
    settings = {"root": root, "files": {UUID: "plain.txt"}, **given}
    with pytest.raises(ConfigurationError, match=rf"\A{named}\b"):
        SignedFiles(settings.pop("root"), settings.pop("files"), **settings)


def test_names_that_people_give_are_taken(root: Path) -> None:
    names = [
        "Jahresabschluß 2026.pdf",
        "Screenshot at 9.41\u202fAM.png",
        "報告書.pdf",
        "\u0645\u06cc\u200c\u062e\u0648.txt",
        "a;b'c%d.txt",
    ]
    for name in names:
        (root / name).write_bytes(INSIDE)
        assert INSIDE == content(SignedFiles(root, {UUID: name}))


def test_a_platform_that_cannot_open_below_a_directory_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("sealgate._native.Root")
    with pytest.raises(ConfigurationError, match=r"\Aroot: this platform"):
        SignedFiles(root, {})


@pytest.mark.parametrize("path", FORBIDDEN.values())
def test_what_a_resolver_says_is_looked_at_as_strictly(root: Path, path: str) -> None:
    for files in (SignedFiles(root, lambda _: path), SignedFiles(root, _later(path))):
        with pytest.raises(FileMissing):
            asyncio.run(files.aopen(UUID, verified()))


@pytest.mark.parametrize("name", ["a\\b.txt", "a\nb.txt", "a\u202egpj.exe", "\x7f", "a\u2028b"])
def test_a_name_that_could_not_be_told_is_refused_though_it_is_there(root: Path, name: str) -> None:
    (root / name).write_bytes(INSIDE)
    with pytest.raises(FileMissing):
        SignedFiles(root, lambda _: name).open(UUID, verified())


def _later(path: Any) -> Any:
    async def resolver(identifier: str) -> Any:
        await asyncio.sleep(0)
        return path

    return resolver


def test_a_resolver_is_asked_at_once_or_awaited(root: Path) -> None:
    assert INSIDE == content(SignedFiles(root, {UUID: "plain.txt"}.get))

    async def read() -> bytes:
        with await SignedFiles(root, _later("plain.txt")).aopen(UUID, verified()) as file:
            return file.read()

    assert INSIDE == asyncio.run(read())
    with pytest.raises(ConfigurationError, match="needs aopen"):
        SignedFiles(root, _later("plain.txt")).open(UUID, verified())


def _fails(_: str) -> str:
    raise RuntimeError("postgres://user:password@db/")


@pytest.mark.parametrize("resolver", [_fails, lambda _: 7, lambda _: b"plain.txt", lambda _: Path("plain.txt")])
def test_a_resolver_that_fails_is_a_failure_of_ours(
    root: Path, resolver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable):
        SignedFiles(root, resolver).open(UUID, verified())
    assert "resolver failed" in caplog.text
    assert "password" not in caplog.text


def test_nobody_is_told_of_files_by_a_representation(root: Path) -> None:
    shown = [repr(SignedFiles(root, {UUID: "plain.txt"})), repr(SignedFiles(root, {}, scope=scope()))]
    assert f"<SignedFiles 1 identifier below {root}>" == shown[0]
    assert f"<SignedFiles 0 identifiers below {root}, by tokens of 'download:resource'>" == shown[1]
    assert f"<SignedFiles what a function gives below {root}>" == repr(SignedFiles(root, lambda _: None))


def test_a_token_of_the_scope_gives_its_subject_and_no_other(root: Path) -> None:
    own = scope()
    files = SignedFiles(root, {UUID: "plain.txt", OTHER: "down/deep.txt"}, scope=own)
    token = own.token(UUID)
    assert INSIDE == content(files, UUID, token)
    refused: list[Any] = [(OTHER, token), (UUID, own.token(OTHER)), (UUID, scope("delete:resource").token(UUID))]
    for identifier, other in refused:
        with pytest.raises(InvalidSignature):
            files.open(identifier, other)
    with pytest.raises(Expired):
        SignedFiles(root, {UUID: "plain.txt"}, scope=scope(now=1_800_000_000)).open(UUID, token)
    for no_token in ("", token[:-1], 7):
        with pytest.raises(SignatureMalformed):
            files.open(UUID, no_token)  # type: ignore[arg-type]


def test_a_token_for_one_use_gives_one_file_of_eight_at_a_time(root: Path) -> None:
    own = scope()
    files, token = SignedFiles(root, {UUID: "plain.txt"}, scope=own), own.token(UUID, once=True)
    given: list[Any] = []
    barrier = threading.Barrier(8)

    def take() -> None:
        barrier.wait()
        try:
            given.append(content(files, UUID, token))
        except Replayed as error:
            given.append(error.code)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [INSIDE, *["nonce-replayed"] * 7] == sorted(given, key=str)


def test_one_kind_of_proof_is_not_taken_for_the_other(root: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\Aproof: "):
        SignedFiles(root, {UUID: "plain.txt"}).open(UUID, scope().token(UUID))
    with pytest.raises(ConfigurationError, match=r"\Aproof: "):
        SignedFiles(root, {UUID: "plain.txt"}, scope=scope()).open(UUID, verified())


def test_a_file_that_grows_ends_where_it_ended_and_one_that_shrinks_raises(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"0123456789")
    files = SignedFiles(tmp_path, {UUID: "log"})
    with files.open(UUID, verified()) as file, path.open("ab") as log:
        log.write(b"more")
        log.flush()
        assert b"0123456789" == file.read()
        assert (2, b"23", 6, b"6789", b"") == (file.seek(2), file.read(2), file.seek(-4, 2), file.read(), file.read())
        log.truncate(4)
        file.seek(0)
        assert b"0123" == file.read(8)
        with pytest.raises(OSError, match="shorter"):
            file.read(1)


def test_a_file_has_no_descriptor_that_a_server_could_send_by_itself(root: Path) -> None:
    with SignedFiles(root, {UUID: "plain.txt"}).open(UUID, verified()) as file, pytest.raises(OSError, match="fileno"):
        file.fileno()


def test_an_entity_tag_is_of_the_file_and_of_its_state(tmp_path: Path) -> None:
    files = SignedFiles(tmp_path, {UUID: "one", OTHER: "two"})
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"same size")
        os.utime(tmp_path / name, (1, 1))

    def tag(identifier: str) -> str:
        with files.open(identifier, verified()) as file:
            return file.etag

    first = tag(UUID)
    assert [True, False] == [first == tag(UUID), first == tag(OTHER)]
    (tmp_path / "one").write_bytes(b"size same")
    os.utime(tmp_path / "one", (1, 1))
    assert first != tag(UUID)


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from([*"./\\%", "..", "down", "plain.txt", "link", "canary.txt", "outside"]), max_size=9).map(
        "".join
    )
)
def test_any_identifier_is_a_file_or_a_refusal(root: Path, identifier: str) -> None:
    try:
        with naive(root).open(identifier, _PROOF) as file:
            assert (root / identifier).read_bytes() == file.read()
    except FileMissing:
        return


_PROOF = verified()


def test_a_verifier_of_links_covers_the_identifier(root: Path) -> None:
    signer = Signer(schemes.signed_url(), key=KEY, key_id=KEY_ID)
    url = signer.sign_url(f"https://shop.example/files/{UUID}", expires_in=60)
    links = Verifier(schemes.signed_url(), keys={KEY_ID: KEY}, origin="https://shop.example")
    target = url.removeprefix("https://shop.example")
    proof = links.verify(Request("GET", target, [("Host", "shop.example")], b""))
    assert INSIDE == content(SignedFiles(root, {UUID: "plain.txt"}), proof=proof)
