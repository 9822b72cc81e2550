"""Each store by the one suite."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

import django_project  # noqa: F401  it configures Django
from replay_conformance import START, Clock, Conformance, Remembering, fresh
from replay_redis import PATIENT, RedisServer
from sealgate.replay import MemoryStore, ReplayStore
from sealgate.replay.django_cache import DjangoCacheStore
from sealgate.replay.redis import RedisStore
from sealgate.replay.sqlite import SQLiteStore


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


class TestMemory(Remembering):
    @pytest.fixture
    def store(self, clock: Clock) -> ReplayStore:
        return MemoryStore(clock=clock)


class TestSQLite(Remembering):
    @pytest.fixture(params=["NORMAL", "FULL"])
    def store(self, clock: Clock, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ReplayStore]:
        store = SQLiteStore(tmp_path / "replay.db", synchronous=request.param, clock=clock)
        yield store
        store.close()


class TestRedis(Conformance):
    @pytest.fixture(params=["tcp", "unix"])
    def store(self, clock: Clock, server: RedisServer, request: pytest.FixtureRequest) -> Iterator[ReplayStore]:
        server.ask("FLUSHALL")
        store = RedisStore(server.url if request.param == "tcp" else server.unix_url, clock=clock, options=PATIENT)
        yield store
        store.close()


class Waiting:
    """The asynchronous way of a store, for the one suite: each call is awaited in one event loop."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._runner = asyncio.Runner()

    def add(self, key: bytes, expires: int, /) -> bool:
        return self.add_at_once(1, key, expires)[0]

    def add_at_once(self, count: int, key: bytes, expires: int) -> list[bool]:
        async def offer() -> list[bool]:
            return await asyncio.gather(*(self._store.aadd(key, expires) for _ in range(count)))

        answers: list[bool] = self._runner.run(offer())
        return answers

    def close(self) -> None:
        self._runner.run(self._store.aclose())
        self._runner.close()


class TestRedisAwaited(Conformance):
    @pytest.fixture
    def store(self, clock: Clock, server: RedisServer) -> Iterator[ReplayStore]:
        server.ask("FLUSHALL")
        store = Waiting(RedisStore(server.url, clock=clock, options=PATIENT))
        yield store
        store.close()

    def test_eight_threads_get_one_true(self, store: ReplayStore) -> None:
        """Not threads here: tasks of one event loop."""
        assert isinstance(store, Waiting)
        for _ in range(30):
            assert [False] * 7 + [True] == sorted(store.add_at_once(8, fresh(), START + 100))


class TestDjangoCache(Conformance):
    @pytest.fixture
    def store(self, clock: Clock, server: RedisServer) -> Iterator[ReplayStore]:
        server.ask("FLUSHALL")
        redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": server.url, "OPTIONS": PATIENT}
        with override_settings(CACHES={"default": redis}):
            store = DjangoCacheStore(clock=clock)
            yield store
            store.close()
