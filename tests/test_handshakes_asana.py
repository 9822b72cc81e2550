"""A key that comes in a message is believed once, while an operator waits for it, and never replaces one."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handshake_probes import SECRET, asana_post, mac
from judged import KEY, as_request
from reference import Message
from sealgate import ConfigurationError, KeyRing, Rejected, Unavailable, Verified, Verifier, handshakes, schemes
from sealgate.exceptions import HandshakeAnswered
from sealgate.handshakes import Arming, FileArming, MemoryArming
from sealgate.replay import Delivery

OTHER = "another-secret-of-an-attacker-0123456789"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Endpoint:
    """A webhook of Asana whose key is kept here. `fails`: what storing it raises. `stores`: how often that was asked."""

    def __init__(self, arming: Any, **settings: Any) -> None:
        self.kept: list[str] = []
        self.fails: Exception | None = None
        self.stores = self.asked = 0
        self.arming = arming
        handshake = handshakes.asana(settings.pop("store", self.store), arming=arming)
        self.verifier = Verifier(schemes.ASANA, keys=settings.pop("keys", self.keys), handshake=handshake)

    def store(self, key: str, request: Any) -> bool:
        self.stores += 1
        if self.fails is not None:
            raise self.fails
        if self.kept:
            return False
        self.kept.append(key)
        return True

    def keys(self, key_id: str | None, request: Any) -> KeyRing | None:
        self.asked += 1
        return KeyRing(self.kept[0]) if self.kept else None

    def send(self, message: Message) -> str:
        try:
            self.verifier.verify(as_request(message), delivery=Delivery())
        except HandshakeAnswered as answered:
            return f"echoed {answered.fields[0][1]}"
        except (Rejected, Unavailable) as refused:
            return refused.code
        return "verified"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "file"])
def arming(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Any:
    return MemoryArming(clock) if request.param == "memory" else FileArming(tmp_path / "armed", clock)


@pytest.fixture
def endpoint(arming: Any) -> Endpoint:
    return Endpoint(arming)


def signed(key: str, body: bytes = b'{"events": []}') -> Message:
    return Message("POST", "/hook", [("X-Hook-Signature", mac(body, key.encode()).hex())], body)


def test_armed_endpoint_takes_the_key_and_verifies_by_it(endpoint: Endpoint) -> None:
    assert "signature-invalid" == endpoint.send(signed(SECRET))
    endpoint.arming.arm(60)
    assert [f"echoed {SECRET}", "verified"] == [endpoint.send(asana_post(SECRET)), endpoint.send(signed(SECRET))]
    assert [SECRET] == endpoint.kept


def test_unarmed_endpoint_takes_none_and_asks_nobody(endpoint: Endpoint) -> None:
    assert "signature-missing" == endpoint.send(asana_post(SECRET))
    assert ([], 0, 0) == (endpoint.kept, endpoint.stores, endpoint.asked)


def test_second_key_is_refused_and_replaces_none(endpoint: Endpoint) -> None:
    endpoint.arming.arm(60)
    assert [f"echoed {SECRET}", *["signature-missing"] * 2] == [
        endpoint.send(asana_post(each)) for each in (SECRET, OTHER, SECRET)
    ]
    assert ([SECRET], "signature-invalid") == (endpoint.kept, endpoint.send(signed(OTHER)))


def test_armed_again_it_still_replaces_no_key(endpoint: Endpoint) -> None:
    endpoint.kept.append(SECRET)
    endpoint.arming.arm(60)
    assert ["signature-missing"] * 2 == [endpoint.send(asana_post(each)) for each in (OTHER, SECRET)]
    assert ([SECRET], 0) == (endpoint.kept, endpoint.stores)


def test_key_that_came_meanwhile_stays(arming: Any) -> None:
    """The store has the last word: between the look and the store another worker may have been."""
    endpoint = Endpoint(arming, keys=lambda *_: None)
    endpoint.kept.append(SECRET)
    arming.arm(60)
    assert ("signature-missing", [SECRET], 1) == (endpoint.send(asana_post(OTHER)), endpoint.kept, endpoint.stores)


@pytest.mark.parametrize(("after", "expected"), [(59.9, f"echoed {SECRET}"), (60, "signature-missing")])
def test_arming_ends(endpoint: Endpoint, clock: Clock, after: float, expected: str) -> None:
    endpoint.arming.arm(60)
    clock.now += after
    assert expected == endpoint.send(asana_post(SECRET))


def test_arming_is_for_one_request_and_can_be_taken_back(endpoint: Endpoint) -> None:
    assert [False, True, False, False] == [
        endpoint.arming.take(),
        endpoint.arming.arm(60) or endpoint.arming.take(),
        endpoint.arming.take(),
        endpoint.arming.arm(60) or endpoint.arming.disarm() or endpoint.arming.take(),
    ]
    endpoint.arming.disarm()


def test_last_arming_counts(endpoint: Endpoint, clock: Clock) -> None:
    endpoint.arming.arm(3600)
    endpoint.arming.arm(1)
    clock.now += 2
    assert not endpoint.arming.take()


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("",),
        (SECRET, SECRET),
        (SECRET, OTHER),
        (f"{SECRET}, {SECRET}",),
        ("x" * 15,),
        ("x" * 65,),
        ("x" * 30 + "\n",),
    ]
    + [(f"{'x' * 20}{octet}",) for octet in " \t\r\0:.+/=<\x7f\xff"],
    ids=repr,
)
def test_what_is_no_key_does_not_end_the_arming(endpoint: Endpoint, fields: tuple[str, ...]) -> None:
    endpoint.arming.arm(60)
    assert "signature-missing" == endpoint.send(asana_post(*fields))
    assert f"echoed {SECRET}" == endpoint.send(asana_post(SECRET))


def test_signed_delivery_with_a_key_in_it_is_a_delivery(endpoint: Endpoint) -> None:
    """Who signs is held to it: nothing is stored."""
    endpoint.arming.arm(60)
    bad = signed(OTHER).plus([("X-Hook-Secret", SECRET)])
    assert ("signature-invalid", [], 0) == (endpoint.send(bad), endpoint.kept, endpoint.stores)


# What fails


@pytest.mark.parametrize("error", [OSError("down"), RuntimeError(SECRET), KeyError(SECRET)], ids=repr)
def test_store_that_fails_is_503_and_has_to_be_armed_again(
    endpoint: Endpoint, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows what it has kept, so the next one to come must not be believed."""
    endpoint.arming.arm(60)
    endpoint.fails = error
    assert ["unavailable", "signature-missing"] == [endpoint.send(asana_post(SECRET)) for _ in range(2)]
    assert [("sealgate", logging.ERROR, f"key store failed: {type(error).__name__}")] == caplog.record_tuples
    endpoint.fails = None
    endpoint.arming.arm(60)
    assert f"echoed {SECRET}" == endpoint.send(asana_post(SECRET))


@pytest.mark.parametrize("said", [None, 1, "yes", [True]])
def test_store_that_does_not_say_whether_it_kept_the_key_is_503(arming: Any, said: Any) -> None:
    endpoint = Endpoint(arming, store=lambda *_: said)
    arming.arm(60)
    assert "unavailable" == endpoint.send(asana_post(SECRET))


def test_key_source_that_fails_is_503_and_nothing_is_stored(arming: Any) -> None:
    def down(*_: Any) -> None:
        raise OSError

    endpoint = Endpoint(arming, keys=down)
    arming.arm(60)
    assert ("unavailable", 0) == (endpoint.send(asana_post(SECRET)), endpoint.stores)


def test_file_that_nobody_armed_with_is_503(tmp_path: Path) -> None:
    for text in ("", "soon", "1e9 x"):
        (tmp_path / "armed").write_text(text)
        endpoint = Endpoint(FileArming(tmp_path / "armed"))
        assert ["unavailable", "signature-missing"] == [endpoint.send(asana_post(SECRET)) for _ in range(2)]
    assert [] == list(tmp_path.iterdir())


def test_no_frame_of_a_refusal_shows_the_key(arming: Any) -> None:
    arming.arm(60)
    endpoint = Endpoint(arming, store=lambda *_: None)
    with pytest.raises(Unavailable) as failed:
        endpoint.verifier.verify(as_request(asana_post(SECRET)), delivery=Delivery())
    within = failed.value.with_traceback(failed.tb.tb_next)
    shown = "".join(traceback.TracebackException.from_exception(within, capture_locals=True).format())
    assert "arming = " in shown
    assert SECRET not in shown


def test_answer_shows_the_key_in_no_text(endpoint: Endpoint) -> None:
    endpoint.arming.arm(60)
    with pytest.raises(HandshakeAnswered) as answered:
        endpoint.verifier.verify(as_request(asana_post(SECRET)), delivery=Delivery())
    assert SECRET not in f"{answered.value} {answered.value!r} {endpoint.verifier!r} {endpoint.verifier.handshake!r}"


# At the same time


def together(count: int, act: Callable[[int], object]) -> list[object]:
    """What `count` threads get that begin at once."""
    barrier, results = threading.Barrier(count), dict[int, object]()

    def run(nth: int) -> None:
        barrier.wait()
        results[nth] = act(nth)

    threads = [threading.Thread(target=run, args=(nth,)) for nth in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[nth] for nth in range(count)]


def test_of_many_at_once_one_is_believed(arming: Any) -> None:
    """Though the store believes all of them."""
    secrets = [f"secret-number-{nth}-of-several" for nth in range(8)]
    for _ in range(50):
        kept: list[str] = []
        endpoint = Endpoint(arming, store=lambda key, _, kept=kept: kept.append(key) is None, keys=lambda *_: None)
        arming.arm(60)
        told = together(8, lambda nth: endpoint.send(asana_post(secrets[nth])))  # noqa: B023  it ends before the next
        (echoed,) = [each for each in told if each != "signature-missing"]
        assert [f"echoed {key}" for key in kept] == [echoed]


def test_of_many_processes_one_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "armed"
    FileArming(path).arm(60)
    code = f"from sealgate.handshakes import FileArming; print(FileArming({str(path)!r}).take())"
    asking = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert ["False"] * 3 + ["True"] == sorted(process.communicate(timeout=60)[0].strip() for process in asking)
    assert [] == list(tmp_path.iterdir())


# Coroutines


def test_coroutines_are_awaited() -> None:
    endpoint = Endpoint(MemoryArming())
    endpoint.arming.arm(60)

    class Awaited:
        async def take(self) -> bool:
            await asyncio.sleep(0)
            return bool(endpoint.arming.take())

    async def store(key: str, request: Any) -> bool:
        await asyncio.sleep(0)
        return endpoint.store(key, request)

    async def keys(key_id: str | None, request: Any) -> KeyRing | None:
        await asyncio.sleep(0)
        return endpoint.keys(key_id, request)

    verifier = Verifier(schemes.ASANA, keys=keys, handshake=handshakes.asana(store, arming=Awaited()))

    async def send(message: Message) -> Verified:
        return await verifier.averify(as_request(message), delivery=Delivery())

    with pytest.raises(HandshakeAnswered):
        asyncio.run(send(asana_post(SECRET)))
    assert ([SECRET], "asana") == (endpoint.kept, asyncio.run(send(signed(SECRET))).scheme)
    with pytest.raises(Rejected):
        asyncio.run(send(asana_post(OTHER)))


# What is configured


@pytest.mark.parametrize("seconds", [0, -1, 3601, float("nan"), float("inf"), True, "60", None], ids=repr)
def test_arming_has_an_end(arming: Any, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match="seconds: expected"):
        arming.arm(seconds)
    assert not arming.take()


def test_armed_file_is_for_its_owner_and_group(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        FileArming(tmp_path / "armed").arm(60)
    finally:
        os.umask(before)
    assert 0o660 == (tmp_path / "armed").stat().st_mode & 0o777


def test_path_of_a_file_is_absolute() -> None:
    with pytest.raises(ConfigurationError, match="path: expected an absolute path"):
        FileArming("armed")


@pytest.mark.parametrize(
    ("store", "arming"), [(None, MemoryArming()), (lambda *_: True, None), (lambda *_: True, True)]
)
def test_store_and_arming_are_there(store: Any, arming: Arming) -> None:
    with pytest.raises(ConfigurationError, match="asana: expected"):
        handshakes.asana(store, arming=arming)


def test_keys_that_are_there_already_can_receive_none(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "keys" / "asana").write_bytes(KEY)
    for keys in (KEY, {"asana": KEY}, f"dir:{tmp_path / 'keys'}"):
        with pytest.raises(ConfigurationError, match="keys: the handshake of asana brings the key"):
            Verifier(schemes.ASANA, keys=keys, handshake=handshakes.asana(lambda *_: True, arming=MemoryArming()))
