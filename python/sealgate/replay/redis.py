"""Redis or Valkey, for several hosts: `SET NX PXAT`, by redis-py, with and without asyncio."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections.abc import Callable, Generator, Mapping
from typing import Any, cast

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from sealgate.exceptions import ConfigurationError
from sealgate.replay.sighting import Sighting
from sealgate.replay.store import Seen, check_key, ended

__all__ = ["RedisStore"]

#: Seconds: for a free connection, to connect, and for each answer.
_PATIENCE = 0.25
#: Of a process, and of an event loop, where a burst is not to spend its patience on opening connections.
_CONNECTIONS, _LOOP_CONNECTIONS = 64, 16
#: Redis counts milliseconds in 64 bits; nothing is remembered for longer than this Unix second.
_FAR = 2**43
#: Seconds between two looks at who answers.
_LOOK = 1.0
_log = logging.getLogger("sealgate")
#: What a key's value says.
_KNOWN: dict[str, Seen] = {"begun": "begun", "done": "done"}
#: Yields a pipeline, and is sent what was answered.
_Steps = Generator[Any, list[Any], Seen]


class RedisStore:
    """Replay keys in the Redis (6.2 or later) or Valkey at `url`: `redis://`, `rediss://` or `unix://`.

    `max_age`: seconds, of the verifiers that use it, the most. `clock`: Unix seconds. `prefix`: of each key. `options`:
    of redis-py's connections, both kinds, such as `password`; by default an answer may take 0.25 s.

    The server forgets a key by its own clock, so what has ended by that clock is refused. A server that may evict live
    keys is refused. Where another server answers than before (a restart, a failover), it may have lost what it was
    given: messages created until then are `Unavailable`. A process that just started has no before.

    Raises `ConfigurationError` for the URL; later `Unavailable`, or whatever redis-py raises.
    """

    def __init__(
        self,
        url: str,
        *,
        max_age: int = 300,
        clock: Callable[[], float] = time.time,
        prefix: bytes = b"sealgate:",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.max_age = max_age
        self._prefix = prefix
        self._settings = {**_SETTINGS, **(options or {})}
        sync = {"max_connections": _CONNECTIONS, **self._settings}
        self._url = url
        self._clock = clock
        self._sighting = Sighting(max_age)
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = (
            weakref.WeakKeyDictionary()
        )
        self._lock = threading.Lock()
        try:
            pool: Any = redis.BlockingConnectionPool.from_url(
                url, retry=Retry(NoBackoff(), 0), redis_connect_func=self._connected, **sync
            )
            self._client = redis.Redis(connection_pool=pool)
        except (ValueError, redis.RedisError):
            raise ConfigurationError("replay: not a Redis URL, such as redis://host:6379/0") from None

    def __repr__(self) -> str:
        return "<RedisStore>"  # the URL may hold a password

    def add(self, key: bytes, expires: int, /) -> bool:
        return self._take(self._put(self._client, key, expires, "spent")) == "new"

    async def aadd(self, key: bytes, expires: int, /) -> bool:
        """As `add`; each event loop has connections of its own."""
        return await self._atake(self._put(self._here(), key, expires, "spent")) == "new"

    def begin(self, key: bytes, expires: int, /) -> Seen:
        return self._take(self._put(self._client, key, expires, "begun"))

    async def abegin(self, key: bytes, expires: int, /) -> Seen:
        """As `begin`, and so on."""
        return await self._atake(self._put(self._here(), key, expires, "begun"))

    def finish(self, key: bytes, _expires: int, done: bool, /) -> None:
        self._client.set(self._named(key), _outcome(done=done), xx=True, keepttl=True)

    async def afinish(self, key: bytes, _expires: int, done: bool, /) -> None:
        await self._here().set(self._named(key), _outcome(done=done), xx=True, keepttl=True)

    def release(self, key: bytes, _expires: int, /) -> None:
        self._client.delete(self._named(key))

    async def arelease(self, key: bytes, _expires: int, /) -> None:
        await self._here().delete(self._named(key))

    def close(self) -> None:
        """Closes the connections that `add` made; the next one connects again."""
        self._client.connection_pool.disconnect()

    async def aclose(self) -> None:
        """Closes the connections of this event loop."""
        client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.connection_pool.disconnect()

    def _put(self, client: Any, key: bytes, expires: int, state: Seen) -> _Steps:
        """Sets the key, and asks the time after it: until then, nothing that lives by that time was forgotten."""
        if ended(key, expires, self._clock()):
            return "spent"
        connections = self._sighting.connections
        steps = client.pipeline(transaction=False)
        steps.set(self._prefix + key, state, nx=True, pxat=min(expires, _FAR) * 1000)
        steps.time()
        if state == "begun":
            steps.get(self._prefix + key)
        needed = len(steps)
        if self._sighting.is_due(time.monotonic(), _LOOK):
            _look(steps)
        (added, (seconds, _), *known), seen = _split((yield steps), needed)
        if seen:
            self._sighting.see(seen, connections, self._clock())
        if self._sighting.connections != self._sighting.looked:
            connections = self._sighting.connections
            steps = client.pipeline(transaction=False)
            _look(steps)
            self._sighting.see((yield steps), connections, self._clock())
        self._sighting.check(expires, seconds)
        if added:
            self._sighting.stored(expires)
            return "new"
        return _seen(known[0]) if known else "spent"

    def _named(self, key: bytes) -> bytes:
        check_key(key)
        return self._prefix + key

    def _take(self, steps: _Steps) -> Seen:
        try:
            pipeline = next(steps)
            while True:
                pipeline = steps.send(pipeline.execute(raise_on_error=False))
        except StopIteration as end:
            return cast("Seen", end.value)

    async def _atake(self, steps: _Steps) -> Seen:
        try:
            pipeline = next(steps)
            while True:
                pipeline = steps.send(await pipeline.execute(raise_on_error=False))
        except StopIteration as end:
            return cast("Seen", end.value)

    def _here(self) -> redis.asyncio.Redis:
        loop = asyncio.get_running_loop()
        client = self._loops.get(loop)
        if client is None:
            settings = {"max_connections": _LOOP_CONNECTIONS, **self._settings}
            pool: Any = redis.asyncio.BlockingConnectionPool.from_url(
                self._url, retry=AsyncRetry(NoBackoff(), 0), redis_connect_func=self._aconnected, **settings
            )
            client = redis.asyncio.Redis(connection_pool=pool)
            with self._lock:
                self._loops[loop] = client
        return client

    def _connected(self, connection: Any) -> None:
        connection.on_connect()
        with self._lock:
            self._sighting.connections += 1

    async def _aconnected(self, connection: Any) -> None:
        await connection.on_connect()
        with self._lock:
            self._sighting.connections += 1


#: No retries: a `SET NX` whose answer was lost finds its own key the second time, and a new message looks old.
_SETTINGS: dict[str, Any] = {
    "timeout": _PATIENCE,
    "socket_timeout": _PATIENCE,
    "socket_connect_timeout": _PATIENCE,
    "protocol": 2,
}


def _look(steps: Any) -> None:
    steps.info("server")
    steps.info("replication")
    steps.info("memory")


def _split(answers: list[Any], needed: int) -> tuple[list[Any], list[Any]]:
    """What must have been answered, and what `_look` asked. Raises what was answered instead."""
    for answer in answers[:needed]:
        if isinstance(answer, Exception):
            raise answer
    return answers[:needed], answers[needed:]


def _seen(value: bytes | str | None) -> Seen:
    """`value`: of a key that was there; None where it was released between two steps, so that it may come again."""
    if value is None:
        return "begun"
    return _KNOWN.get(value if isinstance(value, str) else value.decode("latin-1"), "spent")


def _outcome(*, done: bool) -> Seen:
    return "done" if done else "spent"
