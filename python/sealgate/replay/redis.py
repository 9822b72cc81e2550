"""Redis or Valkey, for several hosts: `SET NX PXAT`, by redis-py, with and without asyncio."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from sealgate.exceptions import ConfigurationError
from sealgate.replay.sighting import Sighting
from sealgate.replay.store import ended

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
        now = self._clock()
        if ended(key, expires, now):
            return False
        connections = self._sighting.connections
        steps = self._client.pipeline(transaction=False)
        self._put(steps, key, expires)
        (added, (seconds, _)), seen = _split(steps.execute(raise_on_error=False))
        if seen:
            self._sighting.see(seen, connections, self._clock())
        if self._sighting.connections != self._sighting.looked:
            connections = self._sighting.connections
            steps = self._client.pipeline(transaction=False)
            _look(steps)
            self._sighting.see(steps.execute(raise_on_error=False), connections, self._clock())
        return self._new(added, seconds, expires)

    async def aadd(self, key: bytes, expires: int, /) -> bool:
        """As `add`; each event loop has connections of its own."""
        now = self._clock()
        if ended(key, expires, now):
            return False
        client = self._here()
        connections = self._sighting.connections
        steps = client.pipeline(transaction=False)
        self._put(steps, key, expires)
        (added, (seconds, _)), seen = _split(await steps.execute(raise_on_error=False))
        if seen:
            self._sighting.see(seen, connections, self._clock())
        if self._sighting.connections != self._sighting.looked:
            connections = self._sighting.connections
            steps = client.pipeline(transaction=False)
            _look(steps)
            self._sighting.see(await steps.execute(raise_on_error=False), connections, self._clock())
        return self._new(added, seconds, expires)

    def close(self) -> None:
        """Closes the connections that `add` made; the next one connects again."""
        self._client.connection_pool.disconnect()

    async def aclose(self) -> None:
        """Closes the connections of this event loop."""
        client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.connection_pool.disconnect()

    def _put(self, steps: Any, key: bytes, expires: int) -> None:
        """The time is asked after the key is set: until then, nothing that lives by that time was forgotten."""
        steps.set(self._prefix + key, 1, nx=True, pxat=min(expires, _FAR) * 1000)
        steps.time()
        if self._sighting.is_due(time.monotonic(), _LOOK):
            _look(steps)

    def _new(self, added: bool | None, server_time: int, expires: int) -> bool:
        self._sighting.check(expires, server_time)
        if added:
            self._sighting.stored(expires)
        return bool(added)

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


def _split(answers: list[Any]) -> tuple[list[Any], list[Any]]:
    """What must have been answered, and what `_look` asked. Raises what was answered instead."""
    for answer in answers[:2]:
        if isinstance(answer, Exception):
            raise answer
    return answers[:2], answers[2:]
