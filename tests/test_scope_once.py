"""Tokens for one use, the stores that remember them, and where keys come from: after everything else holds, and once."""

from __future__ import annotations

import asyncio
import copy
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

import scope_reference as judge
from granted import ONCE, SAID, SCOPE, SUBJECT, scope, token, verdict
from judged import KEY, NOW, OTHER_KEY
from sealed import RING
from sealgate import ConfigurationError, KeyRing, Rejected, Unavailable
from sealgate.exceptions import Replayed
from sealgate.replay import MemoryStore
from sources import AsyncStore, Store, answering, awaited_source


def test_a_token_for_one_use_is_used_once() -> None:
    own = scope()
    assert ONCE == verdict(own, token(ONCE))
    with pytest.raises(Replayed) as refused:
        own.verify(token(ONCE), SUBJECT)
    assert "acme" == refused.value.key_id
    assert "nonce-replayed" == verdict(copy.deepcopy(own), token(ONCE))
    assert replace(ONCE, nonce=bytes(16)) == verdict(own, token(replace(ONCE, nonce=bytes(16))))


def test_a_token_for_more_uses_is_used_as_often_as_it_comes_and_not_remembered() -> None:
    store = Store()
    assert [SAID, SAID] == [verdict(scope(replay=store), token()) for _ in range(2)]
    assert [] == store.seen


_REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "another subject": ({}, token(ONCE), "doc-124"),
    "another scope": ({"name": "upload:resource"}, token(ONCE), SUBJECT),
    "another key": ({"keys": {"acme": OTHER_KEY}}, token(ONCE), SUBJECT),
    "unknown key": ({"keys": {"globex": OTHER_KEY}}, token(ONCE), SUBJECT),
    "too late": ({"now": NOW + 61}, token(ONCE), SUBJECT),
    "too early": ({"now": NOW - 61}, token(ONCE), SUBJECT),
    "claims that are not canonical": ({}, judge.signed(judge.head_of(ONCE) + b"{ }", SCOPE, SUBJECT, KEY), SUBJECT),
    "cut": ({}, token(ONCE)[:-4], SUBJECT),
}


@pytest.mark.parametrize(("settings", "text", "subject"), _REFUSED.values(), ids=_REFUSED)
def test_a_refused_token_is_not_used_up(settings: dict[str, Any], text: str, subject: str) -> None:
    store = Store()
    with pytest.raises(Rejected):
        scope(**settings, replay=store).verify(text, subject)
    assert [] == store.seen


@pytest.mark.parametrize(("life", "max_age", "kept"), [(60, 86400, 60), (600, 300, 300)])
def test_a_used_token_is_remembered_for_its_life_and_a_minute(life: int, max_age: int, kept: int) -> None:
    store = Store()
    said = replace(ONCE, life=life)
    assert said == verdict(scope(replay=store, max_age=max_age), token(said))
    nonce = judge.encoded(ONCE.nonce or b"")
    parts = judge.framed(["sealgate scope", SCOPE, "acme", nonce, str(NOW)])
    assert [(hashlib.sha256(parts).digest(), NOW + kept + 60)] == store.seen


def test_two_scopes_may_share_a_store() -> None:
    store = MemoryStore(clock=lambda: NOW)
    for name in (SCOPE, "upload:resource"):
        assert ONCE == verdict(scope(name, replay=store), token(ONCE, name=name))


def test_a_shared_store_knows_what_another_process_has_used(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/replay.db"
    assert [ONCE, "nonce-replayed"] == [verdict(scope(replay=url), token(ONCE)) for _ in range(2)]


@pytest.mark.parametrize("turn", range(5))
def test_of_eight_uses_at_the_same_moment_one_is_granted(turn: int) -> None:
    own, together = scope(), Barrier(8)
    verdicts: list[Any] = []

    def use() -> None:
        together.wait()
        verdicts.append(verdict(own, token(ONCE)))

    threads = [Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 8 == len(verdicts)
    assert [ONCE] == [found for found in verdicts if found != "nonce-replayed"]


def test_without_a_store_there_is_no_single_use() -> None:
    """A token that says so, from elsewhere, is not taken for one that may come again."""
    own = scope(replay="off")
    with pytest.raises(ConfigurationError, match="once"):
        own.token(SUBJECT, once=True)
    with pytest.raises(Unavailable) as refused:
        own.verify(token(ONCE), SUBJECT)
    assert "acme" == refused.value.key_id
    assert SAID == verdict(own, own.token(SUBJECT))
    assert "signature-invalid" == verdict(own, token(ONCE), "doc-124")


@pytest.mark.parametrize("failure", [OSError("down"), MemoryError(), StopIteration(1)], ids=repr)
def test_a_store_that_is_down_grants_nothing(failure: Exception) -> None:
    with pytest.raises(Unavailable):
        scope(replay=Store(failure)).verify(token(ONCE), SUBJECT)


@pytest.mark.parametrize("answer", [False, None, 1, "yes"])
def test_only_a_store_that_says_true_has_not_seen_it(answer: Any) -> None:
    assert "nonce-replayed" == verdict(scope(replay=Store(answer)), token(ONCE))


def test_a_function_finds_the_keys() -> None:
    asked: list[Any] = []

    def source(key_id: str | None, request: None) -> Any:
        asked.append((key_id, request))
        return RING.get(key_id)

    own = scope(keys=source, key_id="acme")
    assert SAID == verdict(own, own.token(SUBJECT))
    assert [("acme", None), ("acme", None)] == asked
    assert "key-unknown" == verdict(own, token(replace(SAID, key_id="nobody")))


def test_subjects_and_texts_are_looked_at_before_any_key_is() -> None:
    asked: list[Any] = []

    def source(key_id: str | None, request: None) -> Any:
        asked.append(key_id)

    own = scope(keys=source, subject="uuid4", key_id="acme")
    uuid = "0b7d3f2e-7c55-4f0e-9a56-3b1d2c4e5f60"
    late = token(replace(SAID, created=NOW - 61), uuid)
    assert "signature-invalid" == verdict(own, token(subject=uuid), "../etc/passwd")
    assert "signature-malformed" == verdict(own, token(subject=uuid) + "=", uuid)
    assert "signature-expired" == verdict(own, late, uuid)
    with pytest.raises(ConfigurationError, match="subject"):
        own.token("../etc/passwd")
    assert [] == asked


def test_keys_of_a_source_that_change_count_from_then_on() -> None:
    old, new = KeyRing({"acme": OTHER_KEY}), KeyRing({"acme": KEY})
    now = [old]
    own = scope(keys=lambda key_id, request: now[0])
    made = own.token(SUBJECT)
    assert [SAID, "signature-invalid"] == [verdict(own, text) for text in (made, token())]
    now[0] = new
    assert ["signature-invalid", SAID] == [verdict(own, text) for text in (made, token())]


def test_keys_may_be_files(tmp_path: Path) -> None:
    (tmp_path / "acme").write_bytes(KEY)
    own = scope(keys=f"dir:{tmp_path}")
    assert [SAID, SAID] == [verdict(own, text) for text in (own.token(SUBJECT), token())]


@pytest.mark.parametrize("answer", [b"short", 17, OSError("no vault"), StopIteration(1), {"acme": KEY}], ids=repr)
def test_a_function_that_finds_no_keys_grants_and_makes_nothing(answer: Any) -> None:
    own = scope(keys=answering(answer), key_id="acme")
    with pytest.raises(Unavailable):
        own.verify(token(), SUBJECT)
    with pytest.raises(Unavailable):
        own.token(SUBJECT)


def test_coroutines_are_awaited() -> None:
    async def story() -> None:
        own = scope(keys=awaited_source, replay=AsyncStore())
        text = await own.atoken(SUBJECT, once=True, claims={"a": 1})
        assert {"a": 1} == (await own.averify(text, SUBJECT)).claims
        with pytest.raises(Replayed):
            await own.averify(text, SUBJECT)
        uses = [own.averify(token(ONCE), SUBJECT) for _ in range(8)]
        ends = await asyncio.gather(*uses, return_exceptions=True)
        assert 7 == sum(isinstance(end, Replayed) for end in ends)

    asyncio.run(story())


_WAITING: dict[str, Callable[[], object]] = {
    "averify": lambda: scope(keys=awaited_source).verify(token(), SUBJECT),
    "averify, a store": lambda: scope(replay=AsyncStore()).verify(token(ONCE), SUBJECT),
    "atoken": lambda: scope(keys=awaited_source).token(SUBJECT),
}


@pytest.mark.parametrize("name", _WAITING)
def test_coroutines_without_await_are_a_mistake_and_no_outage(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name.partition(",")[0]):
        _WAITING[name]()
