"""Where keys and bodies are at hand, one call takes all the steps: with the same verdicts, and the same memory."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from judged import KEY, KEY_ID, NONCE, NOW, ORIGIN, OTHER_KEY, RFC9421, Judged, as_request, bodiless, each_timed
from reference import Message
from sealgate import ConfigurationError, Unavailable, Verified, Verifier
from sealgate._native import Prover
from sealgate.exceptions import InvalidSignature, Replayed
from sealgate.replay import MemoryStore

RING = {KEY_ID: KEY, "zenith": OTHER_KEY}


def at_once(verifier: Verifier, message: Message) -> Verified:
    return verifier.verify(as_request(message))


def in_steps(verifier: Verifier, message: Message) -> Verified:
    return verifier.verify(bodiless(message), lambda _: message.body)


Way = Callable[[Verifier, Message], Verified]
each_way = pytest.mark.parametrize("way", [at_once, in_steps])


def memory(capacity: int) -> MemoryStore:
    return MemoryStore(capacity, clock=lambda: NOW)


def nonce(nth: int) -> str:
    return f"{nth:016}"


@each_timed
@pytest.mark.parametrize(("first", "second"), [(at_once, in_steps), (in_steps, at_once), (at_once, at_once)])
def test_a_message_counts_once_whichever_way_it_comes(judged: Judged, first: Way, second: Way) -> None:
    verifier, signed = judged.verifier(replay=memory(9)), judged.signed()
    one = first(verifier, signed)
    with pytest.raises(Replayed) as refused:
        second(verifier, signed)
    assert one.key_id == refused.value.key_id
    assert 1 == len(verifier.replay)  # type: ignore[arg-type]


@each_way
def test_what_is_refused_is_not_remembered(way: Way) -> None:
    verifier = RFC9421.verifier(replay=memory(9))
    with pytest.raises(InvalidSignature):
        way(verifier, RFC9421.signed(key=OTHER_KEY))
    assert NONCE == way(verifier, RFC9421.signed()).nonce


@each_way
def test_one_key_id_among_others_does_not_fill_the_store(way: Way) -> None:
    """It alone takes one half of the store; the key id of a ring of one takes all."""
    verifier = RFC9421.verifier(keys=RING, replay=memory(8))
    for nth in range(4):
        way(verifier, RFC9421.signed(nonce=nonce(nth)))
    with pytest.raises(Unavailable) as refused:
        way(verifier, RFC9421.signed(nonce=nonce(4)))
    assert KEY_ID == refused.value.key_id
    alone = RFC9421.verifier(replay=memory(8))
    for nth in range(8):
        way(alone, RFC9421.signed(nonce=nonce(nth)))
    with pytest.raises(Unavailable):
        way(alone, RFC9421.signed(nonce=nonce(8)))


class Told(MemoryStore):
    """A store of one's own that is made of ours."""

    #: Of all of them: the native base takes no attributes.
    asked: list[tuple[Any, ...]] = []

    def add(self, *told: Any) -> bool:
        self.asked.append(told)
        return super().add(*told)


@each_way
@pytest.mark.parametrize(("keys", "key_id"), [({KEY_ID: KEY}, None), (RING, KEY_ID)])
def test_a_store_made_of_ours_is_asked_itself(way: Way, keys: Any, key_id: str | None) -> None:
    Told.asked.clear()
    verifier = RFC9421.verifier(keys=keys, replay=Told(9, clock=lambda: NOW))
    way(verifier, RFC9421.signed())
    ((key, expires, *share),) = Told.asked
    assert 32 == len(key)
    assert expires > NOW
    assert ([] if key_id is None else [key_id]) == share


@each_way
@pytest.mark.parametrize("answer", [False, None, 1, "new"])
def test_a_store_says_true_or_the_message_is_not_taken(way: Way, answer: Any) -> None:
    class Store:
        def add(self, key: bytes, expires: int, /) -> Any:
            return answer

    with pytest.raises(Replayed):
        way(RFC9421.verifier(replay=Store()), RFC9421.signed())


@each_way
def test_a_store_that_fails_is_unavailable(way: Way) -> None:
    class Store:
        def add(self, key: bytes, expires: int, /) -> bool:
            raise OSError("redis://:password@cache")

    with pytest.raises(Unavailable, match="did not answer") as refused:
        way(RFC9421.verifier(replay=Store()), RFC9421.signed())
    assert KEY_ID == refused.value.key_id
    assert "password" not in str(refused.value)


@each_way
def test_a_clock_that_fails_fails_the_request(way: Way) -> None:
    def clock() -> float:
        raise OSError("no clock")

    with pytest.raises(OSError, match="no clock"):
        way(RFC9421.verifier(clock=clock), RFC9421.signed())


@each_way
@pytest.mark.parametrize(
    ("error", "told"), [(OSError, Unavailable), (MemoryError, Unavailable), (KeyboardInterrupt, KeyboardInterrupt)]
)
def test_a_memory_that_fails_once_takes_nothing_then(
    way: Way, error: type[BaseException], told: type[BaseException]
) -> None:
    """What it raises is not asked for again: an interrupt would be lost, and a failure never seen."""
    fails = [error()]

    def clock() -> float:
        if fails:
            raise fails.pop()
        return NOW

    verifier = RFC9421.verifier(replay=MemoryStore(9, clock=clock))
    with pytest.raises(told):
        way(verifier, RFC9421.signed())
    assert NONCE == way(verifier, RFC9421.signed()).nonce


@each_way
def test_a_memory_is_asked_once_for_each_message(way: Way) -> None:
    asked = []

    def clock() -> float:
        asked.append(1)
        return NOW

    verifier = RFC9421.verifier(replay=MemoryStore(9, clock=clock))
    way(verifier, RFC9421.signed())
    for known in (1, 2):
        assert known == len(asked)
        with pytest.raises(Replayed):
            way(verifier, RFC9421.signed())


def test_a_memory_without_whom_to_tell_is_no_protection() -> None:
    """It would be asked, and nobody would hear what it says."""
    verifier = RFC9421.verifier()
    with pytest.raises(ConfigurationError, match="memory"):
        Prover(verifier.scheme, verifier.ring, None, lambda: NOW, 300, 9, None, memory(9))


@each_way
def test_a_memory_whose_clock_gives_no_time_takes_nothing(way: Way) -> None:
    verifier = RFC9421.verifier(replay=MemoryStore(9, clock=lambda: float("nan")))
    with pytest.raises(Unavailable):
        way(verifier, RFC9421.signed())
    assert 0 == len(verifier.replay)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(vars(RFC9421.verifier())))
def test_a_verifier_does_not_change(name: str) -> None:
    verifier = RFC9421.verifier()
    before = getattr(verifier, name)
    with pytest.raises(AttributeError, match="does not change"):
        setattr(verifier, name, None)
    with pytest.raises(AttributeError, match="does not change"):
        delattr(verifier, name)
    assert before is getattr(verifier, name)
    at_once(verifier, RFC9421.signed())
    with pytest.raises(Replayed):
        in_steps(verifier, RFC9421.signed())


def test_a_verifier_of_ones_own_has_attributes_of_its_own() -> None:
    class Tenant(Verifier):
        def __init__(self, name: str) -> None:
            super().__init__(RFC9421.scheme, keys=RFC9421.keys, origin=ORIGIN)
            self.tenant = name

    tenant = Tenant("acme")
    tenant.tenant = "zenith"
    with pytest.raises(AttributeError):
        tenant.max_age = 10**6
    assert ("zenith", 300) == (tenant.tenant, tenant.max_age)


class Holder:
    """A store of one's own, and a clock, which hold the verifier that asks them."""

    verifier: Verifier | None = None

    def add(self, key: bytes, expires: int, /) -> bool:
        return True

    def now(self) -> float:
        return NOW


@pytest.mark.parametrize(
    "held",
    [
        lambda holder: {"replay": holder},
        lambda holder: {"clock": holder.now},
        lambda holder: {"replay": MemoryStore(9, clock=holder.now)},
    ],
    ids=["store", "clock", "clock of the memory"],
)
def test_a_verifier_and_what_it_asks_may_hold_each_other(held: Callable[[Holder], dict[str, Any]]) -> None:
    holder = Holder()
    holder.verifier = RFC9421.verifier(**held(holder))
    at_once(holder.verifier, RFC9421.signed())
    seen = weakref.ref(holder)
    del holder
    gc.collect()
    assert seen() is None
