"""A cache of Django's settings, where it is in Redis: the others cull, evict, or are one process's own."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.redis import RedisCache
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from sealgate.exceptions import ConfigurationError
from sealgate.replay.redis import RedisStore
from sealgate.replay.store import Seen

__all__ = ["DjangoCacheStore"]

_REFUSED = {
    "django.core.cache.backends.dummy.DummyCache": "stores nothing",
    "django.core.cache.backends.locmem.LocMemCache": "is one process's own, and culls",
    "django.core.cache.backends.filebased.FileBasedCache": "culls, and two processes can both be first",
    "django.core.cache.backends.db.DatabaseCache": "culls live entries when it is full",
    "django.core.cache.backends.memcached.BaseMemcachedCache": "evicts live entries when it is full",
}
#: Options that say how Django's own client works, not where the server is.
_DJANGOS = frozenset({"serializer", "parser_class", "pool_class"})
_log = logging.getLogger("sealgate")


class DjangoCacheStore:
    """Replay keys in the Redis of the cache `alias` of `CACHES`, whose backend is Django's `RedisCache`.

    The cache gives the server that it writes to, its options and its prefix of keys. `cache.add` is not asked: after a
    restart of the server it would accept a message again, and it cannot see whether the server evicts; `RedisStore`
    can. Settings are read at construction where they are there, and else at first use. `max_age`, `clock`: as there.

    Raises `ConfigurationError` for another backend; later as `RedisStore`.
    """

    def __init__(self, alias: str = "default", *, max_age: int = 300, clock: Callable[[], float] = time.time) -> None:
        self.max_age = max_age
        self._alias = alias
        self._clock = clock
        self._lock = threading.Lock()
        if not alias:
            raise ConfigurationError("replay: a cache needs its alias: django-cache:default")
        self._store = self._found() if settings.configured else None

    def __repr__(self) -> str:
        return f"<DjangoCacheStore {self._alias}>"

    def add(self, key: bytes, expires: int, /) -> bool:
        return (self._store or self._find()).add(key, expires)

    async def aadd(self, key: bytes, expires: int, /) -> bool:
        """As `add`; each event loop has connections of its own."""
        return await (self._store or self._find()).aadd(key, expires)

    def begin(self, key: bytes, expires: int, /) -> Seen:
        return (self._store or self._find()).begin(key, expires)

    async def abegin(self, key: bytes, expires: int, /) -> Seen:
        """As `begin`, and so on."""
        return await (self._store or self._find()).abegin(key, expires)

    def finish(self, key: bytes, expires: int, done: bool, /) -> None:
        (self._store or self._find()).finish(key, expires, done)

    async def afinish(self, key: bytes, expires: int, done: bool, /) -> None:
        await (self._store or self._find()).afinish(key, expires, done)

    def release(self, key: bytes, expires: int, /) -> None:
        (self._store or self._find()).release(key, expires)

    async def arelease(self, key: bytes, expires: int, /) -> None:
        await (self._store or self._find()).arelease(key, expires)

    def close(self) -> None:
        """As `RedisStore.close`."""
        if self._store is not None:
            self._store.close()

    async def aclose(self) -> None:
        """As `RedisStore.aclose`."""
        if self._store is not None:
            await self._store.aclose()

    def _find(self) -> RedisStore:
        with self._lock:
            if self._store is None:
                try:
                    self._store = self._found()
                except ConfigurationError as error:
                    _log.error("%s", error)
                    raise
            return self._store

    def _found(self) -> RedisStore:
        try:
            configured = settings.CACHES[self._alias]
            backend = import_string(configured["BACKEND"])
        except (ImproperlyConfigured, InvalidCacheBackendError, ImportError, LookupError):
            raise ConfigurationError(f"replay: CACHES has no cache {self._alias!r} that can be loaded") from None
        for kind in backend.__mro__:
            if (reason := _REFUSED.get(f"{kind.__module__}.{kind.__qualname__}")) is not None:
                raise ConfigurationError(f"replay: the cache {self._alias!r} {reason}; only Redis will do")
        if backend is not RedisCache:
            raise ConfigurationError(f"replay: the cache {self._alias!r} is not Django's RedisCache")
        servers = configured.get("LOCATION", "")
        first = re.split("[;,]", servers)[0] if isinstance(servers, str) else [*servers, ""][0]  # the one written to
        options = {name: value for name, value in configured.get("OPTIONS", {}).items() if name not in _DJANGOS}
        prefix = caches[self._alias].make_key("sealgate:").encode()
        return RedisStore(first, max_age=self.max_age, clock=self._clock, prefix=prefix, options=options)
