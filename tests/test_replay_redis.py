"""Redis: outages and slowness are 503 and soon over, a server that may have forgotten is not believed."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from judged import RFC9421, as_request
from replay_conformance import START, Clock, at_once, fresh
from replay_redis import PATIENT, RedisServer, SlowRoad, free_port
from sealgate import ConfigurationError, Unavailable, Verifier
from sealgate.exceptions import Replayed
from sealgate.replay import load
from sealgate.replay.redis import RedisStore

MARGIN = 61


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock(int(time.time()))


@pytest.fixture
def store(server: RedisServer, clock: Clock) -> Iterator[RedisStore]:
    made = RedisStore(server.url, clock=clock, options=PATIENT)
    yield made
    made.close()


def end_of(created: float, max_age: int = 300) -> int:
    """As a verifier computes it."""
    return int(created) + max_age + MARGIN


def outcome(store: RedisStore, key: bytes, expires: int) -> Any:
    try:
        return store.add(key, expires)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize(
    "url", ["redis://host:port/0", "redis://h:99999999/0", "rediss://host/x?socket_timeout=y", "redis://u:secret@h:p/"]
)
def test_what_is_no_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^replay: not a Redis URL") as refused:
        load(url, clock=time.time, max_age=300)
    assert "secret" not in str(refused.value)


def test_the_password_of_the_url_is_nowhere_to_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    store = RedisStore(f"redis://user:secret-word@127.0.0.1:{free_port()}/0")
    verifier = RFC9421.verifier(replay=store, max_age=300)
    store._clock = lambda: 1_700_000_000
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as refused:
        verifier.verify(as_request(RFC9421.signed()))
    assert "secret-word" not in repr(store) + str(refused.value) + caplog.text
    assert refused.value.__cause__ is None


def test_without_redis_py_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "sealgate.replay.redis")
    with pytest.raises(ConfigurationError, match=r"sealgate\[redis\]"):
        load("redis://host/0", clock=time.time, max_age=300)


def test_a_store_made_for_younger_messages_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_age"):
        RFC9421.verifier(replay=RedisStore("redis://host/0", max_age=60), max_age=61)


def test_a_key_is_kept_under_the_prefix_until_its_end(store: RedisStore, server: RedisServer, clock: Clock) -> None:
    key, end = fresh(), int(clock.now) + 400
    store.add(key, end)
    assert [b"sealgate:" + key] == server.ask("KEYS", "*")
    assert abs(server.ask("PTTL", b"sealgate:" + key) / 1000 - (end - time.time())) < 5


def test_a_server_that_is_down_is_unavailable_at_once_and_works_when_it_is_back(
    store: RedisStore, server: RedisServer, clock: Clock
) -> None:
    verifier = Verifier(RFC9421.scheme, keys=RFC9421.keys, origin="https://api.shop.example", replay=store, clock=clock)
    first, second = (as_request(RFC9421.signed(created=int(clock.now), nonce=letter * 16)) for letter in "ab")
    verifier.verify(first)
    server.kill()
    begin = time.monotonic()
    for request in (first, second):
        with pytest.raises(Unavailable):
            verifier.verify(request)
    assert time.monotonic() - begin < 5
    server.start()
    clock.now += 1
    verifier.verify(as_request(RFC9421.signed(created=int(clock.now) + 1, nonce="c" * 16)))
    for request in (first, second):
        with pytest.raises(Unavailable):
            verifier.verify(request)


def test_a_server_that_does_not_answer_is_unavailable_soon_and_holds_no_threads(
    server: RedisServer, clock: Clock
) -> None:
    store = load(server.url, clock=clock, max_age=300)
    assert isinstance(store, RedisStore)
    assert any(outcome(store, fresh(), end_of(clock.now)) is True for _ in range(20))
    server.stall()
    before, begin = threading.active_count(), time.monotonic()
    answers = at_once(100, lambda: outcome(store, fresh(), end_of(clock.now)))
    took = time.monotonic() - begin
    server.go_on()
    assert 100 == len(answers)
    assert all(issubclass(answer, redis.RedisError) for answer in answers)
    assert took < 5
    assert before == threading.active_count()
    assert any(outcome(store, fresh(), end_of(clock.now)) is True for _ in range(20))
    store.close()


@pytest.mark.parametrize(("delay", "verdicts"), [(0.2, {True, False}), (0.4, {redis.TimeoutError})])
def test_a_slow_server_is_waited_for_or_unavailable_and_never_says_new_twice(
    server: RedisServer, clock: Clock, delay: float, verdicts: set[Any]
) -> None:
    with SlowRoad(server.port, delay) as road:
        store, key = RedisStore(f"redis://127.0.0.1:{road.port}/0", clock=clock), fresh()
        begin = time.monotonic()
        answers = at_once(4, lambda: outcome(store, key, end_of(clock.now)))
        took = time.monotonic() - begin
        store.close()
    assert answers.count(True) <= 1
    assert verdicts | {redis.TimeoutError} >= set(answers)
    assert took < 4


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "volatile-lru", "allkeys-random"])
def test_a_server_that_may_evict_is_unavailable_until_it_may_not(
    policy: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with RedisServer("--maxmemory", "100mb", "--maxmemory-policy", policy) as server:
        store = RedisStore(server.url, clock=clock, options=PATIENT)
        with caplog.at_level(logging.ERROR, "sealgate"):
            assert [Unavailable] * 3 == [outcome(store, fresh(), end_of(clock.now)) for _ in range(3)]
        assert [
            f"replay: maxmemory-policy is {policy}, which forgets live keys; only noeviction will do"
        ] == caplog.messages
        server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        store.close()
        store._sighting._next = 0
        assert True is store.add(fresh(), end_of(clock.now))
        store.close()


def test_a_policy_that_changes_later_is_noticed(store: RedisStore, server: RedisServer, clock: Clock) -> None:
    assert store.add(fresh(), end_of(clock.now))
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    store._sighting._next = 0
    assert Unavailable is outcome(store, fresh(), end_of(clock.now))


def test_a_full_server_is_unavailable(clock: Clock) -> None:
    with RedisServer("--maxmemory", "1kb", "--maxmemory-policy", "noeviction") as server:
        store = RedisStore(server.url, clock=clock, options=PATIENT)
        answers = [outcome(store, fresh(), end_of(clock.now)) for _ in range(5)]
        store.close()
    assert all(issubclass(answer, redis.RedisError) for answer in answers)


def test_where_info_is_refused_a_warning_is_given_once(
    server: RedisServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    server.ask("ACL", "SETUSER", "shop", "on", ">word", "~sealgate:*", "+set", "+time")
    store = RedisStore(server.url.replace("//", "//shop:word@"), clock=clock)
    key = fresh()
    with caplog.at_level(logging.WARNING, "sealgate"):
        answers = []
        for _ in range(3):
            store._sighting._next = 0
            answers.append(outcome(store, key, end_of(clock.now)))
    store.close()
    assert [True, False, False] == answers
    assert ["INFO is refused"] == [record.message[8:23] for record in caplog.records]
    assert "word" not in caplog.text


class TestAnotherServerAnswers:
    """After a restart or a failover, what was accepted before may be lost."""

    def restart(self, server: RedisServer) -> None:
        server.kill()
        server.start()

    def test_a_message_created_before_is_unavailable_and_one_created_later_is_new(
        self, store: RedisStore, server: RedisServer, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        seen, unseen, created = fresh(), fresh(), clock.now
        assert store.add(seen, end_of(created))
        clock.now += 10.5
        self.restart(server)
        with caplog.at_level(logging.ERROR, "sealgate"):
            assert [Unavailable] * 2 == [outcome(store, key, end_of(created)) for key in (seen, unseen)]
        assert 1 == len(caplog.records)
        moment = int(clock.now)
        clock.now += 5
        last_before, first_after = end_of(moment), end_of(moment + 1)
        assert [Unavailable, True] == [outcome(store, fresh(), end) for end in (last_before, first_after)]
        assert [Unavailable] * 2 == [outcome(store, key, end_of(created)) for key in (seen, unseen)]

    def test_a_message_of_a_signer_whose_clock_is_ahead_is_not_accepted_twice(
        self, store: RedisStore, server: RedisServer, clock: Clock
    ) -> None:
        key, end = fresh(), end_of(clock.now + 200)
        assert store.add(key, end)
        self.restart(server)
        answers = []
        for _ in range(60):
            answers.append(outcome(store, key, end))
            clock.now += 10
        assert {Unavailable, False} == set(answers)

    def test_a_process_that_just_started_has_no_before(self, server: RedisServer, clock: Clock) -> None:
        self.restart(server)
        store = RedisStore(server.url, clock=clock, options=PATIENT)
        assert True is store.add(fresh(), end_of(clock.now))
        store.close()

    def test_a_replica_that_takes_over_behind_the_same_connection_is_noticed(
        self, store: RedisStore, server: RedisServer, clock: Clock
    ) -> None:
        """A failover changes the replication id; looked at once a second."""
        assert store.add(fresh(), end_of(clock.now))
        server.ask("REPLICAOF", "127.0.0.1", str(free_port()))
        server.ask("REPLICAOF", "NO", "ONE")
        server.ask("DEBUG", "CHANGE-REPL-ID")
        store._sighting._next = 0
        assert Unavailable is outcome(store, fresh(), end_of(clock.now))

    def test_it_is_noticed_by_the_first_answer_of_each_way(self, server: RedisServer, clock: Clock) -> None:
        store = RedisStore(server.url, clock=clock, options=PATIENT)

        async def offer() -> list[Any]:
            answers: list[Any] = [await store.aadd(fresh(), end_of(clock.now))]
            self.restart(server)
            store._sighting._next = float("inf")  # not by the look of each second, but by the new connection
            for _ in range(2):
                try:
                    answers.append(await store.aadd(fresh(), end_of(clock.now)))
                except Exception as error:
                    answers.append(type(error))
            await store.aclose()
            return answers

        answers = asyncio.run(offer())
        assert True is answers[0]
        assert Unavailable is answers[-1]


class TestClocks:
    def test_what_the_server_has_forgotten_by_its_clock_is_not_accepted(self, store: RedisStore, clock: Clock) -> None:
        """Our clock was set back ten minutes: the message is fresh again, and its entry is gone."""
        clock.now -= 600
        assert Unavailable is outcome(store, fresh(), end_of(clock.now))

    def test_a_clock_that_is_ahead_refuses_what_has_ended(self, store: RedisStore, clock: Clock) -> None:
        key, end = fresh(), end_of(clock.now)
        assert store.add(key, end)
        clock.now += 600
        assert False is store.add(key, end)
        clock.now -= 600
        assert False is store.add(key, end)

    def test_a_server_whose_clock_goes_back_is_not_believed(self, store: RedisStore) -> None:
        store._sighting.check(START + 1000, START + 900)
        with pytest.raises(Unavailable, match="ahead"):
            store._sighting.check(START + 900, START + 10)


class TestAwaited:
    def test_averify_counts_once_and_holds_up_nothing_else(self, server: RedisServer, clock: Clock) -> None:
        store = RedisStore(server.url, clock=clock, options={**PATIENT, "socket_timeout": 1.5})
        verifier = Verifier(
            RFC9421.scheme, keys=RFC9421.keys, origin="https://api.shop.example", replay=store, clock=clock
        )
        request = as_request(RFC9421.signed(created=int(clock.now)))

        async def verdict() -> Any:
            try:
                return (await verifier.averify(request)).key_id
            except (Replayed, Unavailable) as error:
                return type(error)

        async def story() -> tuple[list[Any], int]:
            await store.aadd(fresh(), end_of(clock.now))
            verdicts = await asyncio.gather(*(verdict() for _ in range(10)))
            server.stall()
            ticks, slow = 0, asyncio.create_task(verdict())
            while not slow.done():
                await asyncio.sleep(0.005)
                ticks += 1
            server.go_on()
            verdicts.append(await slow)
            verdicts.append(await verdict())
            await store.aclose()
            return verdicts, ticks

        verdicts, ticks = asyncio.run(story())
        assert 1 == verdicts.count("acme")
        assert [Unavailable, Replayed] == verdicts[-2:]
        assert 9 + 1 == verdicts.count(Replayed)
        assert ticks > 5

    def test_each_event_loop_has_connections_of_its_own(self, server: RedisServer, clock: Clock) -> None:
        store, key = RedisStore(server.url, clock=clock, options=PATIENT), fresh()

        async def offer() -> bool:
            new = await store.aadd(key, end_of(clock.now))
            await store.aclose()
            return new

        assert [True, False, False] == [asyncio.run(offer()) for _ in range(3)]

    def test_both_ways_know_the_same(self, server: RedisServer, clock: Clock) -> None:
        store, key = RedisStore(server.url, clock=clock, options=PATIENT), fresh()

        async def offer() -> bool:
            new = await store.aadd(key, end_of(clock.now))
            await store.aclose()
            return new

        assert [True, False] == [store.add(key, end_of(clock.now)), asyncio.run(offer())]
        store.close()
