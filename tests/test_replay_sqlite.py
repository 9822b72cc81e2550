"""The SQLite file: refused paths, several processes, forks, a locked or lost file, and its bound."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from judged import RFC9421, as_request
from replay_conformance import START, Clock, at_once, fresh
from replay_offers import offer
from sealgate import ConfigurationError, Unavailable
from sealgate.exceptions import Replayed
from sealgate.replay import load
from sealgate.replay.sqlite import SQLiteStore

_SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "replay.db"


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite://", "sqlite:", "sqlite:replay.db", "sqlite://replay.db", "sqlite://:memory:", "sqlite:///:memory:"),
        *(
            "sqlite://./replay.db",
            "sqlite:////proc/none/replay.db",
            "sqlite:///",
            "sqlite:///tmp",
            "sqlite:///dev/null",
        ),
        *("sqlite:///tmp/a%00.db", "sqlite:///tmp/a.db?mode=memory", "sqlite:///tmp/a.db?synchronous=OFF"),
        *("sqlite:///tmp/a.db?capacity=-1", "sqlite:///tmp/a.db?capacity=", "sqlite:///tmp/a.db#x"),
    ],
)
def test_what_is_no_file_on_this_host_is_refused_at_construction(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^replay: "):
        load(url, clock=Clock(), max_age=300)


def test_a_url_names_the_file_and_its_settings(tmp_path: Path) -> None:
    store = load(f"sqlite://{tmp_path}/with%20space.db?synchronous=full&capacity=1", clock=Clock(), max_age=300)
    assert isinstance(store, SQLiteStore)
    assert f"<SQLiteStore {tmp_path}/with space.db synchronous=FULL>" == repr(store)
    assert store.add(fresh(), START + 9)
    with pytest.raises(Unavailable, match="full"):
        store.add(fresh(), START + 9)
    store.close()
    assert (tmp_path / "with space.db").exists()


def test_a_file_of_something_else_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(ConfigurationError):
        SQLiteStore(path)
    assert b"not a database" * 1000 == path.read_bytes()


def test_others_cannot_read_or_replace_the_file(path: Path) -> None:
    SQLiteStore(path)
    assert 0o600 == path.stat().st_mode & 0o777


@pytest.mark.parametrize("synchronous", ["NORMAL", "FULL"])
def test_the_durability_is_the_one_it_says(path: Path, synchronous: str) -> None:
    store = SQLiteStore(path, synchronous=synchronous, clock=Clock())
    store.add(fresh(), START + 9)
    assert store._connection is not None
    asked = [store._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
    assert [{"NORMAL": 1, "FULL": 2}[synchronous], "wal"] == asked
    store.close()


def test_a_full_file_refuses_and_evicts_nothing(path: Path) -> None:
    clock = Clock()
    store = SQLiteStore(path, capacity=40, clock=clock)
    keys = [fresh() for _ in range(40)]
    assert [True] * 40 == [store.add(key, START + 100) for key in keys]
    for _ in range(3):
        with pytest.raises(Unavailable, match="full"):
            store.add(fresh(), START + 100)
    assert [False] * 40 == [store.add(key, START + 100) for key in keys]
    clock.now = START + 500
    assert [True] * 40 == [store.add(fresh(), START + 600) for _ in range(40)]
    assert 40 == len(store)
    store.close()


def test_what_has_ended_is_deleted_in_small_steps(path: Path) -> None:
    clock = Clock()
    store = SQLiteStore(path, clock=clock)
    for _ in range(100):
        store.add(fresh(), START + 10)
    clock.now = START + 1000
    sizes = []
    for _ in range(5):
        store.add(fresh(), START + 2000)
        sizes.append(len(store))
    assert [69, 38, 7, 4, 5] == sizes
    store.close()


def test_another_store_on_the_file_knows_the_same(path: Path) -> None:
    key = fresh()
    first, second = SQLiteStore(path, clock=Clock()), SQLiteStore(path, clock=Clock())
    assert [True, False] == [first.add(key, START + 9), second.add(key, START + 9)]
    first.close()
    assert False is SQLiteStore(path, clock=Clock()).add(key, START + 9)
    second.close()


def test_a_store_that_is_dropped_has_closed_its_file(path: Path) -> None:
    """Without waiting for the garbage collector: a connection of SQLite refers to itself."""
    store = SQLiteStore(path, clock=Clock())
    store.add(fresh(), START + 9)
    assert {"replay.db", "replay.db-wal", "replay.db-shm"} == _open_files(path.parent)
    del store
    assert set() == _open_files(path.parent)


def _open_files(folder: Path) -> set[str]:
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return {link.name for link in links if link.parent == folder}


def test_a_process_that_is_killed_forgets_nothing(path: Path) -> None:
    key = fresh()
    script = (
        "import os, sys\nfrom sealgate.replay.sqlite import SQLiteStore\n"
        f"store = SQLiteStore({str(path)!r})\n"
        f"assert store.add(bytes.fromhex({key.hex()!r}), {START + 500})\nos.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert (-9, b"") == (killed.returncode, killed.stderr)
    store = SQLiteStore(path)
    assert False is store.add(key, START + 500)
    store.close()


def test_processes_and_threads_get_one_true_for_each_key(path: Path, tmp_path: Path) -> None:
    """They make the file together, too."""
    workers = [_SPAWN.Process(target=offer, args=(str(path), 0, str(tmp_path / f"out{place}"))) for place in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [0] * 4 == [worker.exitcode for worker in workers]
    answers = "".join((tmp_path / f"out{place}").read_text() for place in range(4))
    assert (150, 16 * 150) == (answers.count("1"), len(answers))


def test_a_store_made_and_used_before_a_fork_works_on_both_sides(path: Path) -> None:
    store, keys = SQLiteStore(path), [fresh() for _ in range(20)]
    assert store.add(keys[0], START + 500)
    pids = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if [store.add(key, START + 500) for key in keys[:10]] == [False] * 10 else 2
            finally:
                os._exit(status)
        pids.append(pid)
        for key in keys[1:10] if len(pids) == 1 else ():
            store.add(key, START + 500)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert {0} == set(codes[1:])
    assert [False] * 10 + [True] * 10 == [store.add(key, START + 500) for key in keys]
    store.close()


def test_no_connection_is_carried_through_a_fork(path: Path) -> None:
    """Its locks are the parent's: a child that shares them can truncate the log under another process."""
    store = SQLiteStore(path)
    store.add(fresh(), START + 500)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if store._connection is None else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert store._connection is None
    assert store.add(fresh(), START + 500)
    store.close()


def test_a_store_takes_no_locks_from_another_of_the_same_process(path: Path) -> None:
    """An application has several verifiers, and one file for all of them. Were the file to be opened beside SQLite, its
    close would cancel the locks of the first store; another process that comes and goes, such as a worker that starts,
    would then delete the log that the first goes on writing, and what it remembers nobody would know."""
    first, key = SQLiteStore(path), fresh()
    assert first.add(fresh(), START + 500)
    second = SQLiteStore(path)
    assert "False" == _in_another_process(path, f"store.add(bytes.fromhex({_known(second).hex()!r}), {START + 500})")
    assert path.with_name("replay.db-wal").exists()
    assert first.add(key, START + 500)
    assert "False" == _in_another_process(path, f"store.add(bytes.fromhex({key.hex()!r}), {START + 500})")
    assert [False, False] == [store.add(key, START + 500) for store in (first, second)]
    first.close()
    second.close()


def _known(store: SQLiteStore) -> bytes:
    key = fresh()
    assert store.add(key, START + 500)
    return key


def _in_another_process(path: Path, what: str) -> str:
    script = f"from sealgate.replay.sqlite import SQLiteStore\nstore = SQLiteStore({str(path)!r})\nprint({what})"
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("kind", ["FIFO", "folder", "nowhere"])
def test_what_is_no_file_is_refused_and_left_as_it_is(path: Path, kind: str) -> None:
    make = {"FIFO": lambda: os.mkfifo(path), "folder": path.mkdir, "nowhere": lambda: path.symlink_to("nothing")}
    make[kind]()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        SQLiteStore(path)
    assert [path.name] == [each.name for each in path.parent.iterdir()]


def test_a_file_locked_by_another_is_unavailable_soon_and_then_works_again(path: Path) -> None:
    store = SQLiteStore(path, clock=Clock())
    verifier = RFC9421.verifier(replay=store)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._clock = lambda: 1_700_000_000
    begin = time.monotonic()
    answers = at_once(8, lambda: _verdict(verifier))
    assert {Unavailable} == set(answers)
    assert time.monotonic() - begin < 2
    other.execute("ROLLBACK")
    other.close()
    assert [None, Replayed] == [_verdict(verifier), _verdict(verifier)]
    store.close()


def _verdict(verifier: object) -> type[Exception] | None:
    try:
        verifier.verify(as_request(RFC9421.signed()))  # type: ignore[attr-defined]
    except (Unavailable, Replayed) as error:
        return type(error)
    return None


def test_a_deleted_file_is_made_anew_and_said_so(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second, key = SQLiteStore(path, clock=Clock()), SQLiteStore(path, clock=Clock()), fresh()
    first.add(fresh(), START + 9)
    for name in ("replay.db", "replay.db-wal", "replay.db-shm"):
        path.with_name(name).unlink(missing_ok=True)
    with caplog.at_level(logging.ERROR, "sealgate"):
        assert [True, False] == [second.add(key, START + 9), first.add(key, START + 9)]
    assert ["the replay file was replaced or deleted: what it knew is forgotten"] == caplog.messages
    first.close()
    second.close()


def test_a_damaged_file_is_unavailable(path: Path) -> None:
    store = SQLiteStore(path, clock=Clock())
    store.close()
    path.write_bytes(b"\0" * 100_000)
    verifier = RFC9421.verifier(replay=store)
    store._clock = lambda: 1_700_000_000
    assert Unavailable is _verdict(verifier)
