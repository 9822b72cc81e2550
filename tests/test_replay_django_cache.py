"""Django's caches: only the one in Redis is taken, the others are refused with the reason."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.cache.backends.redis import RedisCache
from django.test import override_settings

import django_project  # noqa: F401  it configures Django
from judged import RFC9421, as_request
from replay_conformance import START, Clock, fresh
from replay_redis import RedisServer, free_port
from sealgate import ConfigurationError, Unavailable
from sealgate.replay import load
from sealgate.replay.django_cache import DjangoCacheStore

_BACKENDS = "django.core.cache.backends."
_OPTIONS = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25}


def caches(backend: str, **settings: Any) -> Any:
    return override_settings(CACHES={"default": {"BACKEND": backend, **settings}})


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("dummy.DummyCache", "stores nothing"),
        ("locmem.LocMemCache", "one process's own"),
        ("filebased.FileBasedCache", "culls"),
        ("db.DatabaseCache", "culls"),
        ("memcached.PyMemcacheCache", "evicts"),
        ("memcached.PyLibMCCache", "evicts"),
    ],
)
def test_a_cache_that_forgets_or_is_not_shared_is_refused_with_the_reason(backend: str, reason: str) -> None:
    with caches(_BACKENDS + backend, LOCATION="x"), pytest.raises(ConfigurationError, match=reason):
        load("django-cache:default", clock=Clock(), max_age=300)


class Own(RedisCache):
    pass


def test_djangos_redis_cache_is_taken() -> None:
    with caches(_BACKENDS + "redis.RedisCache", LOCATION="redis://127.0.0.1/0"):
        assert "<DjangoCacheStore default>" == repr(load("django-cache:default", clock=Clock(), max_age=300))


@pytest.mark.parametrize("backend", [f"{__name__}.Own", "django.http.HttpResponse", "no.such.Cache", "nothing"])
def test_what_is_not_known_to_keep_is_refused(backend: str) -> None:
    with caches(backend), pytest.raises(ConfigurationError, match=r"^replay: "):
        load("django-cache:default", clock=Clock(), max_age=300)


@pytest.mark.parametrize("name", ["django-cache:other", "django-cache:", "django-cache"])
def test_an_alias_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^replay: "):
        load(name, clock=Clock(), max_age=300)


def test_settings_that_come_later_are_read_at_first_use_and_refused_then(tmp_path: Path) -> None:
    """A verifier may be made while the settings are being read."""
    script = (
        "import logging\nlogging.basicConfig(format='%(message)s')\n"
        "from django.conf import settings\nfrom sealgate.replay import load\n"
        "store = load('django-cache:default', clock=lambda: 0, max_age=300)\n"
        "settings.configure(CACHES={'default': {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache'}})\n"
        "try:\n    store.add(bytes(32), 10)\nexcept ValueError as error:\n    print(error)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment)
    reason = "replay: the cache 'default' is one process's own, and culls; only Redis will do\n"
    assert (reason, reason) == (ran.stdout, ran.stderr)


def test_a_server_that_is_down_is_unavailable() -> None:
    with caches(_BACKENDS + "redis.RedisCache", LOCATION=f"redis://127.0.0.1:{free_port()}/0", OPTIONS=_OPTIONS):
        verifier = RFC9421.verifier(replay="django-cache:default")
        with pytest.raises(Unavailable):
            verifier.verify(as_request(RFC9421.signed()))


def test_its_server_options_and_prefix_are_the_caches() -> None:
    """The first server is the one that Django writes to."""
    with RedisServer() as server:
        server.ask("ACL", "SETUSER", "shop", "on", ">word", "~shop:7:*", "+@all")
        settings = {"LOCATION": [server.url, f"redis://127.0.0.1:{free_port()}"], "KEY_PREFIX": "shop", "VERSION": 7}
        options = {
            "username": "shop",
            "password": "word",
            "pool_class": "redis.BlockingConnectionPool",
            "serializer": "json",
        }
        with caches(_BACKENDS + "redis.RedisCache", **settings, OPTIONS=options):
            store, key = DjangoCacheStore(clock=Clock()), fresh()
            assert [True, False] == [store.add(key, START + 9), asyncio.run(_awaited(store, key, START + 9))]
            assert b"shop:7:sealgate:" + key in server.ask("KEYS", "*")
            store.close()


async def _awaited(store: DjangoCacheStore, key: bytes, expires: int) -> bool:
    new = await store.aadd(key, expires)
    await store.aclose()
    return new


def test_a_server_that_forgot_is_not_believed() -> None:
    """`cache.add` would accept the message again."""
    with RedisServer() as server, caches(_BACKENDS + "redis.RedisCache", LOCATION=server.url):
        clock = Clock(int(time.time()))
        store, key, end = DjangoCacheStore(clock=clock), fresh(), int(clock.now) + 361
        assert True is store.add(key, end)
        server.kill()
        server.start()
        with pytest.raises(Unavailable, match="forgotten"):
            store.add(key, end)
        store.close()
