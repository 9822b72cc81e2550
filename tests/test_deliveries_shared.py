"""The stores that workers share know deliveries alike, asked and awaited."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

import django_project  # noqa: F401  it configures Django
from delivery_conformance import DeliveryConformance
from replay_conformance import START, Clock, fresh
from replay_redis import PATIENT, RedisServer
from sealgate.replay import Seen
from sealgate.replay.django_cache import DjangoCacheStore
from sealgate.replay.redis import RedisStore
from sealgate.replay.sqlite import SQLiteStore


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


class Awaited:
    """The asynchronous ways of a store, each call in an event loop of its own, as threads need."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def add(self, key: bytes, expires: int, /) -> bool:
        return bool(self._run(lambda: self._store.aadd(key, expires)))

    def begin(self, key: bytes, expires: int, /) -> Seen:
        seen: Seen = self._run(lambda: self._store.abegin(key, expires))
        return seen

    def finish(self, key: bytes, expires: int, done: bool, /) -> None:
        self._run(lambda: self._store.afinish(key, expires, done))

    def release(self, key: bytes, expires: int, /) -> None:
        self._run(lambda: self._store.arelease(key, expires))

    def _run(self, call: Callable[[], Any]) -> Any:
        async def once() -> Any:
            try:
                return await call()
            finally:
                if hasattr(self._store, "aclose"):
                    await self._store.aclose()

        return asyncio.run(once())


class TestSQLite(DeliveryConformance):
    @pytest.fixture(params=["asked", "awaited"])
    def store(self, clock: Clock, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
        store = SQLiteStore(tmp_path / "replay.db", clock=clock)
        yield store if request.param == "asked" else Awaited(store)
        store.close()


class TestRedis(DeliveryConformance):
    @pytest.fixture(params=["asked", "awaited"])
    def store(self, clock: Clock, server: RedisServer, request: pytest.FixtureRequest) -> Iterator[Any]:
        server.ask("FLUSHALL")
        store = RedisStore(server.url, clock=clock, options=PATIENT)
        yield store if request.param == "asked" else Awaited(store)
        store.close()


class TestDjangoCache(DeliveryConformance):
    @pytest.fixture(params=["asked", "awaited"])
    def store(self, clock: Clock, server: RedisServer, request: pytest.FixtureRequest) -> Iterator[Any]:
        server.ask("FLUSHALL")
        redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": server.url, "OPTIONS": PATIENT}
        with override_settings(CACHES={"default": redis}):
            store = DjangoCacheStore(clock=clock)
            yield store if request.param == "asked" else Awaited(store)
            store.close()


def test_a_released_key_makes_room_in_a_file(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "replay.db", capacity=1, clock=Clock())
    for _ in range(3):
        key = fresh()
        assert "new" == store.begin(key, START + 100)
        store.release(key, START + 100)
        store.release(key, START + 100)
    assert 0 == len(store)
    store.close()


def test_what_redis_was_told_lives_as_long_as_at_first(server: RedisServer) -> None:
    """The end of a delivery is no longer life, and what is gone does not come back for ever."""
    store, clock = RedisStore(server.url, clock=Clock(), prefix=b"life:"), Clock()
    key, end = fresh(), int(clock.now) + 100
    assert "new" == store.begin(key, end)
    store.finish(key, end, True)
    seconds, _ = server.ask("TIME")
    assert abs(end - seconds - server.ask("PTTL", b"life:" + key) / 1000) < 5
    store.release(key, end)
    store.finish(key, end, True)
    assert 0 == server.ask("EXISTS", b"life:" + key)
    store.close()


def test_rights_of_three_commands_are_enough_to_acknowledge(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", "desk", "on", ">word", "~sealgate:*", "+set", "+get", "+del", "+time", "+info")
    store, key = RedisStore(server.url.replace("//", "//desk:word@"), clock=Clock()), fresh()
    assert "new" == store.begin(key, START + 100)
    store.finish(key, START + 100, True)
    assert "done" == store.begin(key, START + 100)
    store.release(key, START + 100)
    assert "new" == store.begin(key, START + 100)
    store.close()


def test_the_end_of_a_delivery_waits_for_who_holds_the_file(tmp_path: Path) -> None:
    """Nobody would come back to say it again, and its duplicates would stay unavailable."""
    store, key = SQLiteStore(tmp_path / "replay.db", clock=Clock()), fresh()
    assert "new" == store.begin(key, START + 100)
    with closing(sqlite3.connect(tmp_path / "replay.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.6, lambda: other.execute("ROLLBACK"))
        timer.start()
        store.finish(key, START + 100, True)
        timer.join()
    assert "done" == store.begin(key, START + 100)
    store.close()


@pytest.mark.parametrize("decoded", [False, True])
def test_values_that_redis_gives_are_understood_in_any_form(server: RedisServer, decoded: bool) -> None:
    options = {**PATIENT, "decode_responses": decoded}
    store, key, other = RedisStore(server.url, clock=Clock(), options=options), fresh(), fresh()
    assert ["new", "begun"] == [store.begin(key, START + 100) for _ in range(2)]
    store.finish(key, START + 100, True)
    assert "done" == store.begin(key, START + 100)
    server.ask("SET", b"sealgate:" + other, "1")
    assert "spent" == store.begin(other, START + 100)
    store.close()
