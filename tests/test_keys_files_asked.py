"""`file:` and `dir:`: who asks them; and what a request, a thread and a fork cannot do."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

import reference
from judged import JUDGED, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421, as_request, with_field
from key_files import THIRD_KEY, Clock, folder_of_one, jwk, jwks, signers, two_keys, watched, written
from sealgate import ConfigurationError, Envelope, Rejected, Request, Signer, Unavailable, Verifier, schemes
from sealgate.exceptions import UnknownKey
from sealgate.keys.files import LAST_GOOD, PERIOD


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "keys.json", jwks())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_one(tmp_path / "keys")


@pytest.mark.parametrize(
    "key_id", ["../acme", "/etc/passwd", "..data", ".hidden", "a\0b", "%2e%2e%2facme", "keys/acme", ".", "k" * 256]
)
def test_a_key_id_of_a_request_never_reaches_the_file_system(
    key_id: str, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = watched(folder, clock)
    touched: list[object] = []
    for name in ("open", "stat", "lstat", "listdir", "scandir", "readlink", "access"):
        monkeypatch.setattr(os, name, lambda *rest, **more: touched.append(rest))
    verifier = RFC9421.verifier(keys=keys)
    signed = with_field(RFC9421.signed(), "Signature-Input", f'sig1=("@method");created={NOW};keyid="{key_id}"')
    with pytest.raises(Rejected):
        verifier.verify(as_request(signed))
    with pytest.raises(UnknownKey):
        keys(key_id, None).verify(b"m", bytes(32), key_id)
    assert [] == touched


def test_a_verifier_follows_its_file(file: Path, clock: Clock) -> None:
    verifier = RFC9421.verifier(keys=watched(file, clock), replay="off")
    requests = [as_request(RFC9421.signed(key=octets)) for octets in (KEY, OTHER_KEY)]

    def verdicts() -> list[str]:
        told = []
        for request in requests:
            for driver in (verifier.verify, lambda request: asyncio.run(verifier.averify(request))):
                try:
                    told.append(str(driver(request).key_id))  # type: ignore[attr-defined]
                except (Rejected, Unavailable) as error:
                    told.append(type(error).__name__)
        return told

    assert ["acme", "acme", "InvalidSignature", "InvalidSignature"] == verdicts()
    written(file, jwks(jwk(OTHER_KEY)))
    clock.now += PERIOD
    assert ["InvalidSignature", "InvalidSignature", "acme", "acme"] == verdicts()
    file.unlink()
    clock.now += PERIOD
    assert ["Unavailable"] * 4 == verdicts()


def test_checks_see_the_keys_of_a_file(file: Path) -> None:
    assert (KEY_ID,) == RFC9421.verifier(keys=f"file:{file}").ring.key_ids


def test_the_hash_of_the_scheme_decides(tmp_path: Path) -> None:
    file = written(tmp_path / "keys.json", jwks(jwk(alg="HS512")))
    with pytest.raises(ConfigurationError, match="alg"):
        Verifier(schemes.GITHUB, keys=f"file:{file}")
    with pytest.raises(ConfigurationError, match="alg"):
        Envelope("checkout", keys=f"file:{file}")
    with pytest.raises(ConfigurationError, match="alg"):
        Signer(schemes.GITHUB, key=f"file:{file}")


def test_schemes_without_a_key_id_try_all_keys_of_a_file(tmp_path: Path) -> None:
    stripe = JUDGED["stripe"]
    file = written(tmp_path / "keys.json", two_keys())
    for octets, key_id in ((KEY, "acme"), (OTHER_KEY, "globex")):
        verified = stripe.verifier(keys=f"file:{file}").verify(as_request(stripe.signed(key=octets)))
        assert key_id == verified.key_id


def test_a_signer_signs_with_the_newest_key_of_its_file(tmp_path: Path) -> None:
    file = written(
        tmp_path / "keys.json",
        jwks(jwk(OTHER_KEY, nbf=NOW), jwk(exp=NOW + 60, nbf=NOW - 99), jwk(THIRD_KEY, kid="globex")),
    )
    request = Request("POST", "/orders", body=b"{}", origin=ORIGIN)
    for now, octets in ((NOW - 1, KEY), (NOW, OTHER_KEY)):
        signer = Signer(schemes.RFC9421, key=f"file:{file}", key_id=KEY_ID, clock=lambda now=now: now)
        verifier = RFC9421.verifier(keys={KEY_ID: octets}, clock=lambda now=now: now)
        assert KEY_ID == verifier.verify(signer.sign(request)).key_id
    for key_id in (None, "initech"):
        with pytest.raises(ConfigurationError, match="key_id"):
            Signer(schemes.RFC9421, key=f"file:{file}", key_id=key_id)


def test_a_signer_takes_the_only_id_of_its_file(folder: Path) -> None:
    signer = Signer(schemes.RFC9421, key=f"dir:{folder}")
    assert KEY_ID == signer.key_id
    (folder / KEY_ID).unlink()
    written(folder / KEY_ID, jwks(jwk(key_ops=["verify"])))
    with pytest.raises(ConfigurationError, match="key_ops: no sign"):
        Signer(schemes.RFC9421, key=f"dir:{folder}")


def test_an_envelope_follows_its_file(file: Path, clock: Clock) -> None:
    envelope = Envelope("checkout", keys=watched(file, clock), clock=lambda: NOW)
    sealed = envelope.seal({"total": 1})
    assert {"total": 1} == Envelope("checkout", keys={KEY_ID: KEY}, clock=lambda: NOW).open(sealed)
    written(file, jwks(jwk(OTHER_KEY)))
    clock.now += PERIOD
    with pytest.raises(Rejected):
        envelope.open(sealed)
    assert {"total": 2} == envelope.open(envelope.seal({"total": 2}))


def test_no_thread_sees_half_a_change(tmp_path: Path, clock: Clock) -> None:
    """Two keys that belong together are swapped for two others, while eight threads verify with whatever is there."""
    pairs = [(b"1st key of one, thirty-two octets", b"2nd key of one, thirty-two octets"), (KEY, OTHER_KEY)]
    texts = [jwks(jwk(a), jwk(b, kid="globex")) for a, b in pairs]
    rights = [{"acme": reference.mac(a, b"m"), "globex": reference.mac(b, b"m")} for a, b in pairs]
    file = written(tmp_path / "keys.json", texts[0])
    keys = watched(file, clock)
    seen: set[tuple[bool, ...]] = set()

    def works(ring: Any, right: dict[str, bytes]) -> bool:
        try:
            return all(key_id == ring.verify(b"m", signature, key_id) for key_id, signature in right.items())
        except Rejected:
            return False

    def hammer() -> None:
        for turn in range(200_000):
            ring = keys.ring
            seen.add(tuple(works(ring, right) for right in rights))
            if turn > 2000 and len(seen) > 1:
                return

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    n = 0
    while any(thread.is_alive() for thread in threads):
        n += 1
        written(file, texts[n % 2])
        clock.now += PERIOD
    assert {(True, False), (False, True)} == seen


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_lock_held_at_the_fork_does_not_stop_the_child(file: Path, clock: Clock) -> None:
    keys = watched(file, clock)
    written(file, jwks(jwk(OTHER_KEY)))
    clock.now += PERIOD
    with keys._lock:  # another thread of the parent is looking just now
        assert ["A:acme"] == signers(keys)
        child = os.fork()
        if child == 0:
            os._exit(0 if signers(keys) == ["B:acme"] else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_look_that_hangs_does_not_keep_old_keys_for_ever(file: Path, clock: Clock) -> None:
    keys = watched(file, clock)
    with keys._lock:
        clock.now += PERIOD
        assert ["A:acme"] == signers(keys)
        clock.now += LAST_GOOD
        with pytest.raises(Unavailable):
            signers(keys)
