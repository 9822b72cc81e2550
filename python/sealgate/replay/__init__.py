"""Stores that remember which messages were accepted, so that each counts once.

A store is any object with `add(key: bytes, expires: int) -> bool`, sync or async: atomic, True for a new key. Whatever
it raises makes the request `Unavailable`; it refuses when it is full and never evicts what could still be accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sealgate.exceptions import ConfigurationError
from sealgate.replay.delivery import Delivery, remember
from sealgate.replay.memory import MemoryStore
from sealgate.replay.store import AcknowledgingStore, QuotaStore, ReplayStore, Seen
from sealgate.replay.workers import workers_suspected

__all__ = [
    "AcknowledgingStore",
    "Delivery",
    "MemoryStore",
    "QuotaStore",
    "ReplayStore",
    "Seen",
    "load",
    "remember",
    "workers_suspected",
]

_Clock = Callable[[], float]


def load(replay: ReplayStore | str | None, *, clock: _Clock, max_age: int) -> ReplayStore | None:
    """The store that `replay` names: omitted is memory, `"off"` is none.

    `"sqlite:///path"`, `"redis://..."`, `"rediss://..."`, `"unix://..."`, `"django-cache:alias"`, or a store.
    `max_age`: seconds before and after its creation in which a message may be accepted. Raises `ConfigurationError`.
    """
    if replay is None:
        return MemoryStore(clock=clock)
    if replay == "off":
        return None
    if isinstance(replay, str):
        make = _NAMED.get(replay.partition(":")[0])
        if make is None:
            raise ConfigurationError("replay: unknown store; expected sqlite, redis, rediss, unix or django-cache")
        return make(replay, clock, max_age)
    if not isinstance(replay, ReplayStore):
        raise ConfigurationError("replay: a store needs a method add(key, expires)")
    if getattr(replay, "max_age", max_age) < max_age:
        raise ConfigurationError("replay: the store was made for a smaller max_age")
    return replay


def _sqlite(url: str, clock: _Clock, _: int) -> ReplayStore:
    from sealgate.replay.sqlite import SQLiteStore

    return SQLiteStore.from_url(url, clock=clock)


def _redis(url: str, clock: _Clock, max_age: int) -> ReplayStore:
    with _extra("redis"):
        from sealgate.replay.redis import RedisStore
    return RedisStore(url, max_age=max_age, clock=clock)


def _django_cache(url: str, clock: _Clock, max_age: int) -> ReplayStore:
    with _extra("django"), _extra("redis"):
        from sealgate.replay.django_cache import DjangoCacheStore
    return DjangoCacheStore(url.partition(":")[2], max_age=max_age, clock=clock)


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Says which extra a missing module is of."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ConfigurationError(f"replay: this store needs pip install 'sealgate[{name}]'") from None


_NAMED: dict[str, Callable[[str, _Clock, int], ReplayStore]] = {
    "sqlite": _sqlite,
    "redis": _redis,
    "rediss": _redis,
    "unix": _redis,
    "django-cache": _django_cache,
}
