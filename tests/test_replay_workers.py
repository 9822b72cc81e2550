"""The memory store says so, once, where several workers seem to have one each."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from replay_conformance import START, Clock, fresh
from sealgate.replay import MemoryStore, workers, workers_suspected

PARENT, OWN, OTHER = 100, 101, 102


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(workers, "_PROC", tmp_path)
    # Theirs only: what multiprocessing collects meanwhile asks for the real one.
    seen = SimpleNamespace(environ=os.environ, getppid=lambda: PARENT, getpid=lambda: OWN)
    monkeypatch.setattr(workers, "os", seen)
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    monkeypatch.setattr("sealgate.replay.memory._told", set())
    return tmp_path


def runs(proc: Path, pid: int, command: str, children: str = "") -> None:
    (proc / str(pid) / "task" / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "cmdline").write_bytes(b"\0".join(command.encode().split()) + b"\0")
    (proc / str(pid) / "task" / str(pid) / "children").write_text(children)


@pytest.mark.parametrize(
    ("parent", "suspicion"),
    [
        ("/usr/bin/python3 /venv/bin/gunicorn -w 4 shop:app", "gunicorn with 4 workers"),
        ("/usr/bin/python3 /venv/bin/gunicorn --workers=8 shop:app", "gunicorn with 8 workers"),
        ("python -m uvicorn shop:app --workers 3", "uvicorn with 3 workers"),
        ("/usr/bin/python3 /venv/bin/uvicorn shop:app --workers 3", "uvicorn with 3 workers"),
        ("uwsgi --http :8000 --processes 5 --module shop", "uwsgi with 5 workers"),
        ("/usr/bin/python3 /venv/bin/hypercorn -w2 shop:app", "hypercorn with 2 workers"),
        ("/usr/bin/python3 /venv/bin/gunicorn shop:app", None),
        ("/usr/bin/python3 /venv/bin/gunicorn -w 1 shop:app", None),
        ("bash", None),
        ("python manage.py test --workers 4", None),
    ],
)
def test_the_servers_command_line_tells(proc: Path, parent: str, suspicion: str | None) -> None:
    runs(proc, PARENT, parent, f"{OWN}")
    runs(proc, OWN, "worker")
    assert suspicion == workers_suspected()


def test_other_workers_of_the_server_tell(proc: Path) -> None:
    """Their number may come from a configuration file."""
    runs(proc, PARENT, "python /venv/bin/gunicorn shop:app", f"{OWN} {OTHER}")
    runs(proc, OWN, "python /venv/bin/gunicorn shop:app")
    runs(proc, OTHER, "python /venv/bin/gunicorn shop:app")
    assert "gunicorn with 2 workers" == workers_suspected()


def test_other_children_of_the_server_do_not(proc: Path) -> None:
    runs(proc, PARENT, "python /venv/bin/uvicorn shop:app --reload", f"{OWN} {OTHER}")
    runs(proc, OWN, "python -c spawn_main --multiprocessing-fork")
    runs(proc, OTHER, "python -c resource_tracker")
    assert workers_suspected() is None


@pytest.mark.parametrize(
    ("value", "suspicion"), [("4", "WEB_CONCURRENCY=4"), ("1", None), ("", None), ("x", None), ("٤", None)]
)
def test_web_concurrency_tells(proc: Path, monkeypatch: pytest.MonkeyPatch, value: str, suspicion: str | None) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", value)
    assert suspicion == workers_suspected()


def test_where_the_system_says_nothing_nothing_is_suspected(proc: Path) -> None:
    assert workers_suspected() is None


def test_the_memory_store_warns_once_and_at_first_use(
    proc: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    with caplog.at_level(logging.WARNING, "sealgate"):
        stores = [MemoryStore(clock=Clock()) for _ in range(3)]
        assert [] == caplog.messages
        for store in stores * 2:
            store.add(fresh(), START + 9)
    assert 1 == len(caplog.messages)
    assert "WEB_CONCURRENCY=2" in caplog.messages[0]


def test_a_real_fork_of_a_real_gunicorn_is_seen(tmp_path: Path) -> None:
    """The number comes from its configuration file, which no command line shows; the master then stops itself."""
    (tmp_path / "shop.py").write_text("def app(environ, start_response): return []\n")
    (tmp_path / "settings.py").write_text(
        textwrap.dedent("""
        import os, time
        bind, workers = "127.0.0.1:0", 2
        def when_ready(server):
            server.log.info("ready")
        def post_worker_init(worker):
            from sealgate.replay import workers_suspected
            end = time.monotonic() + 30
            while workers_suspected() is None and time.monotonic() < end:
                time.sleep(0.02)
            with open("told", "a") as told:
                print(workers_suspected(), file=told)
            if open("told").read().count("\\n") == 2:
                os.kill(os.getppid(), 15)
        """)
    )
    environment = {name: value for name, value in os.environ.items() if name != "WEB_CONCURRENCY"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path[1:])
    command = [sys.executable, "-m", "gunicorn", "-c", "settings.py", "shop:app"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=60)
    assert ["gunicorn with 2 workers"] * 2 == (tmp_path / "told").read_text().splitlines()
