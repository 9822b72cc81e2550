"""`file:` and `dir:`: when a change is seen, what happens when there is nothing, and what the log says of it."""

from __future__ import annotations

import copy
import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from judged import KEY, KEY_ID, OTHER_KEY
from key_files import THIRD_KEY, Clock, folder_of_one, jwk, jwks, link_to_itself, signers, watched, written
from sealgate import Unavailable
from sealgate.keys.files import LAST_GOOD, PERIOD


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "keys.json", jwks())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_one(tmp_path / "keys")


def test_a_change_is_seen_after_a_second_and_not_before(file: Path, clock: Clock) -> None:
    keys = watched(file, clock)
    written(file, jwks(jwk(OTHER_KEY)))
    clock.now += PERIOD - 0.001
    assert ["A:acme"] == signers(keys)
    clock.now += 0.001
    assert ["B:acme"] == signers(keys)


def test_a_change_that_leaves_size_and_time_is_seen(file: Path, clock: Clock) -> None:
    """By content: not every file system tells times apart."""
    keys, before = watched(file, clock), file.stat()
    file.write_bytes(jwks(jwk(OTHER_KEY)))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (before.st_size, before.st_mtime_ns) == (file.stat().st_size, file.stat().st_mtime_ns)
    clock.now += PERIOD
    assert ["B:acme"] == signers(keys)


def test_the_same_content_is_the_same_ring(file: Path, clock: Clock) -> None:
    keys = watched(file, clock)
    ring = keys.ring
    for _ in range(3):
        written(file, jwks())
        clock.now += PERIOD
        assert ring is keys.ring


def test_a_name_that_goes_or_comes_is_seen(folder: Path, clock: Clock) -> None:
    written(folder / "globex", OTHER_KEY)
    keys = watched(folder, clock)
    (folder / "globex").unlink()
    clock.now += PERIOD
    assert ["A:acme"] == signers(keys)
    written(folder / "initech", THIRD_KEY)
    clock.now += PERIOD
    assert ["A:acme", "C:initech"] == signers(keys)


def _errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


@pytest.mark.parametrize("damage", ["unparsable", "FIFO", "directory", "huge", "loop"])
def test_the_last_good_keys_stay_for_five_minutes(
    damage: str, file: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keys = watched(file, clock)
    file.unlink()
    makers: dict[str, Callable[[Path], object]] = {
        "unparsable": lambda at: written(at, b'{"keys": ['),
        "FIFO": os.mkfifo,
        "directory": Path.mkdir,
        "huge": lambda at: written(at, b" " * (2**20 + 1)),
        "loop": link_to_itself,
    }
    makers[damage](file)
    clock.now += PERIOD
    first_seen = clock.now
    for offset in (0, 1, 100, LAST_GOOD - 0.001):
        clock.now = first_seen + offset
        assert ["A:acme"] == signers(keys)
    for offset in (LAST_GOOD, LAST_GOOD + 1, LAST_GOOD * 10):
        clock.now = first_seen + offset
        with pytest.raises(Unavailable):
            signers(keys)
    assert 1 == len(_errors(caplog))
    file.rmdir() if damage == "directory" else file.unlink()
    written(file, jwks(jwk(OTHER_KEY)))
    clock.now += PERIOD
    assert ["B:acme"] == signers(keys)


def test_other_damage_does_not_begin_the_five_minutes_anew(file: Path, clock: Clock) -> None:
    keys = watched(file, clock)
    for n in range(300):
        written(file, b"{" * (n + 1))
        clock.now += PERIOD
        assert ["A:acme"] == signers(keys)
    written(file, b"more damage")
    clock.now += PERIOD
    with pytest.raises(Unavailable):
        signers(keys)


@pytest.mark.parametrize("gone", ["deleted", "empty", "blank", "no key", "link to nothing"])
def test_what_is_deleted_or_empty_ends_at_once(
    gone: str, file: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keys = watched(file, clock)
    texts = {"empty": b"", "blank": b"\n", "no key": b'{"keys": []}'}
    if gone in texts:
        written(file, texts[gone])
    else:
        file.unlink()
        if gone == "link to nothing":
            file.symlink_to("nowhere")
    clock.now += PERIOD
    for _ in range(3):
        with pytest.raises(Unavailable):
            signers(keys)
        clock.now += PERIOD
    assert 1 == len(_errors(caplog))
    written(file, b"{")
    clock.now += PERIOD
    with pytest.raises(Unavailable):  # what was taken away does not come back by an accident
        signers(keys)
    written(file, jwks())
    clock.now += PERIOD
    assert ["A:acme"] == signers(keys)


@pytest.mark.parametrize("gone", ["folder", "all files", "one file emptied"])
def test_a_folder_without_keys_ends_at_once(gone: str, folder: Path, clock: Clock) -> None:
    keys = watched(folder, clock)
    if gone == "one file emptied":
        written(folder / "globex", b"")
    else:
        (folder / KEY_ID).unlink()
    if gone == "folder":
        folder.rmdir()
    clock.now += PERIOD
    with pytest.raises(Unavailable):
        signers(keys)


def test_unreadable_is_no_reason_to_end_at_once(
    file: Path, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = watched(file, clock)

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    clock.now += PERIOD
    assert ["A:acme"] == signers(keys)
    (told,) = _errors(caplog)
    assert "EACCES" in told


def test_a_file_that_changes_while_it_is_read_is_read_again(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, opened = watched(file, clock), os.open
    changes = [jwks(jwk(OTHER_KEY)), jwks(jwk(THIRD_KEY))]

    def changing(path: Path, flags: int, *rest: Any) -> int:
        descriptor = opened(path, flags, *rest)
        if flags & os.O_NONBLOCK and changes:
            written(file, changes.pop(0))
        return descriptor

    monkeypatch.setattr(os, "open", changing)
    clock.now += PERIOD
    assert ["C:acme"] == signers(keys)


def test_a_folder_is_of_one_moment(folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a key of the old set could stand beside one of the new."""
    written(folder / "globex", OTHER_KEY)
    keys, opened, swapped = watched(folder, clock), os.open, []

    def swapping(path: Path, flags: int, *rest: Any) -> int:
        if path.name == "globex" and not swapped:
            swapped.append(written(folder / KEY_ID, THIRD_KEY))
        return opened(path, flags, *rest)

    monkeypatch.setattr(os, "open", swapping)
    clock.now += PERIOD
    assert ["B:globex", "C:acme"] == signers(keys)


def test_a_file_that_never_rests_leaves_the_last_good_keys(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keys, opened = watched(file, clock), os.open

    def changing(path: Path, flags: int, *rest: Any) -> int:
        descriptor = opened(path, flags, *rest)
        if flags & os.O_NONBLOCK:
            written(file, jwks(jwk(OTHER_KEY)))
        return descriptor

    monkeypatch.setattr(os, "open", changing)
    clock.now += PERIOD
    assert ["A:acme"] == signers(keys)
    assert ["changes while it is read" in told for told in _errors(caplog)] == [True]


@pytest.mark.parametrize(("mode", "told"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o644, 1)])
def test_files_that_others_can_read_are_told_of_once(
    mode: int, told: int, file: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    file.chmod(mode)
    keys = watched(file, clock)
    for _ in range(3):
        clock.now += PERIOD
        signers(keys)
    warned = [record for record in caplog.records if "readable by group or others" in record.getMessage()]
    assert told == len(warned)


def test_no_log_line_holds_a_key(folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (folder / KEY_ID).chmod(0o644)
    keys = watched(folder, clock)
    for text in (b"{" + KEY, KEY[:15], b"", KEY):
        written(folder / KEY_ID, text)
        clock.now += PERIOD
        try:
            signers(keys)
        except Unavailable:
            continue
    shown = " ".join(f"{record.getMessage()} {record.__dict__!r}" for record in caplog.records)
    assert (True, False) == ("readable" in shown, KEY.decode()[:12] in shown)


def test_a_source_shows_no_key_and_leaves_its_process_in_no_way(file: Path, clock: Clock) -> None:
    """B6."""
    keys = watched(file, clock)
    assert f"<Watched 'file:{file}'>" == repr(keys)
    for leave in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(keys)
    shown = repr(keys.__dict__)
    assert (False, False) == (jwk()["k"][:20] in shown, KEY.decode()[:12] in shown)


def test_a_files_name_does_not_write_to_the_log(folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    keys = watched(folder, clock)
    (folder / "a\nb\x1b[31m\udcff").write_bytes(b"short")
    clock.now += PERIOD
    signers(keys)
    assert 2 == len(caplog.records)
    assert all(record.getMessage().isprintable() for record in caplog.records)
