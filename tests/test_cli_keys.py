"""`sealgate keys`: the next key is written in one step, the old one ends when it was said, and no key is printed."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import reference
from judged import KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421
from key_files import THIRD_KEY, Clock, jwk, jwks, two_keys, written
from sealgate import Key, KeyRing, Rejected, Request, Signer, Verified, schemes
from sealgate.cli import cli
from sealgate.keys import Watched, rotation
from sealgate.keys.files import PERIOD


def run(*args: object, at: int = NOW) -> Result:
    done = CliRunner().invoke(cli, ["keys", *map(str, args), "--at", str(at)])
    assert (KEY.decode()[:12] in done.output, jwk()["k"][:20] in done.output) == (False, False)
    return done


def rotate(file: Path, *more: object, at: int = NOW) -> Any:
    done = run("rotate", file, "--format", "json", *more, at=at)
    assert (0, "") == (done.exit_code, done.stderr)
    return json.loads(done.stdout)


def mistake(*args: object, at: int = NOW) -> str:
    done = run(*args, at=at)
    assert (2, "", 1) == (done.exit_code, done.stdout, done.stderr.count("\n"))
    return done.stderr


def listed(file: Path) -> list[dict[str, Any]]:
    return json.loads(file.read_bytes())["keys"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "keys.json", jwks())


def test_the_next_key_comes_and_the_old_one_ends(file: Path) -> None:
    assert {"key_id": KEY_ID, "not_before": NOW + 5, "old_not_after": NOW + 60} == rotate(file, "--grace", 60)
    new, old = listed(file)
    assert jwk(exp=NOW + 60) == old
    assert jwk(nbf=NOW + 5, k=new["k"]) == new
    ring = Watched(f"file:{file}").ring
    for now, signs in ((NOW, "old"), (NOW + 4.999, "old"), (NOW + 5, "new"), (NOW + 60, "new")):
        by_old = ring.sign(b"m", now=now) == reference.mac(KEY, b"m")
        assert signs == ("old" if by_old else "new")
    for now, accepted in ((NOW + 59.999, True), (NOW + 60, False)):
        try:
            ring.verify(b"m", reference.mac(KEY, b"m"), KEY_ID, now=now)
        except Rejected:
            assert not accepted
        else:
            assert accepted


def test_new_keys_are_random_and_as_long_as_the_hash(tmp_path: Path) -> None:
    seen = set()
    for alg, size in ((None, 32), ("HS256", 32), ("HS384", 48), ("HS512", 64)):
        for n in range(3):
            file = written(tmp_path / f"{alg}{n}.json", jwks(jwk(alg=alg)))
            rotate(file)
            new = listed(file)[0]
            assert alg == new.get("alg")
            seen.add(new["k"])
            assert size == len(new["k"]) * 6 // 8
    assert 12 == len(seen)


def test_no_grace_ends_the_old_key_at_once(file: Path) -> None:
    """A key that has leaked."""
    assert {"key_id": KEY_ID, "not_before": NOW, "old_not_after": NOW} == rotate(file, "--grace", 0)
    (new,) = listed(file)
    assert (NOW, False) == (new["nbf"], new["k"] == jwk()["k"])


def test_ended_keys_are_left_out_and_earlier_ends_stay(file: Path) -> None:
    for at in (NOW, NOW + 100, NOW + 200):
        rotate(file, "--grace", 150, at=at)
    assert [NOW + 205, NOW + 105, NOW + 5] == [key["nbf"] for key in listed(file)]
    assert [None, NOW + 350, NOW + 250] == [key.get("exp") for key in listed(file)]


def test_other_ids_and_other_members_stay_as_they_are(tmp_path: Path) -> None:
    other = jwk(OTHER_KEY, kid="globex", x_team=["payments", {"a": None}], exp=5)
    file = written(tmp_path / "keys.json", jwks(other, jwk(use="sig", key_ops=["sign", "verify"], note="é")))
    assert KEY_ID == rotate(file, "--key-id", KEY_ID)["key_id"]
    new, kept, old = listed(file)
    assert (other, "é", ["sign", "verify"], "sig") == (kept, new["note"], new["key_ops"], new["use"])
    assert NOW + 86400 == old["exp"]


def test_one_json_web_key_becomes_a_set(tmp_path: Path) -> None:
    file = written(tmp_path / "key.json", json.dumps(jwk()).encode())
    rotate(file)
    assert 2 == len(listed(file))


def test_mode_stays_and_nothing_else_is_left_in_the_folder(file: Path) -> None:
    for mode in (0o600, 0o640, 0o400):
        file.chmod(mode)
        rotate(file)
        assert mode == stat.S_IMODE(file.stat().st_mode)
    assert [file] == list(file.parent.iterdir())


def test_the_owner_stays(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    monkeypatch.setattr(os, "fchown", lambda descriptor, *owner: given.append(owner))
    rotate(file)
    assert [(file.stat().st_uid, file.stat().st_gid)] == given


def test_a_link_is_followed_and_stays_one(file: Path) -> None:
    link = file.with_name("link.json")
    link.symlink_to(file.name)
    rotate(link)
    assert (True, 2) == (link.is_symlink(), len(listed(file)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "no"),
        (b"{", "not a JSON Web Key"),
        (KEY, "not a JSON Web Key"),
        (b"\xef\xbb\xbf" + jwks(), "not a JSON Web Key"),
        (jwks(jwk(kid=None)), "kid"),
        (jwks(jwk(alg="RS256")), "alg"),
        (jwks(jwk(b"short")), "short"),
        (jwks()[:-1] + b', "x": 1, "x": 2}', "one name twice"),
        (jwks()[:-1] + b', "x": {"a": 1, "a": 2}}', "one name twice"),
        (two_keys(), "--key-id"),
        (b'{"keys": []}', "id"),
        (jwks() + b" " * 2**20, "1 MiB"),
    ],
)
def test_a_file_that_is_not_understood_is_left_alone(text: bytes, told: str, tmp_path: Path) -> None:
    file = written(tmp_path / "keys.json", text)
    assert told in mistake("rotate", file)
    assert ([file], text) == (list(tmp_path.iterdir()), file.read_bytes())


def test_mistakes_are_told_in_one_line(file: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "No such file" in mistake("rotate", tmp_path / "none")
    assert "regular file" in mistake("status", tmp_path)
    assert "regular file" in mistake("rotate", tmp_path / "fifo")
    assert "of this id" in mistake("rotate", file, "--key-id", "initech")
    assert "lead" in mistake("rotate", file, "--grace", 4, "--lead", 5)
    assert "too long" in mistake("rotate", file, "--grace", 10**9, at=999_999_999_999)
    assert [jwk()] == listed(file)


def test_keys_do_not_pile_up(file: Path) -> None:
    """Each costs a signature for every request, of unknown senders too."""
    for n in range(15):
        rotate(file, "--lead", 0, at=NOW + n)
    assert "shorter grace" in mistake("rotate", file, "--lead", 0)
    assert (16, (KEY_ID,)) == (len(listed(file)), Watched(f"file:{file}").ring.key_ids)


def test_a_write_that_fails_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in mistake("rotate", file)
    assert ([file], [jwk()]) == (list(file.parent.iterdir()), listed(file))


def test_two_rotations_at_once_lose_no_key(file: Path) -> None:
    done: list[str] = []

    def once() -> None:
        for _ in range(5):
            try:
                done.append(rotation.rotate(file, grace=60, lead=0, now=NOW))
            except rotation.ConfigurationError as error:
                assert "by somebody else" in str(error)  # noqa: PT017

    threads = [threading.Thread(target=once) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) + 1 == len(listed(file))
    assert len(done) + 1 == len({key["k"] for key in listed(file)})


def test_no_request_is_refused_while_keys_rotate(file: Path) -> None:
    """Fifty rotations: a client that looks late, one that looks at once, and the key that it had before."""
    now, clocks = [NOW], (Clock(), Clock())
    server = RFC9421.verifier(keys=Watched(f"file:{file}", clock=clocks[0]), clock=lambda: now[0])
    client = Signer(schemes.RFC9421, key=f"file:{file}", clock=lambda: now[0])
    client._keys = Watched(f"file:{file}", clock=clocks[1])
    request = Request("POST", "/orders", body=b"{}", origin=ORIGIN)
    ended: list[tuple[int, Key]] = []
    for _ in range(50):
        before = client._keys.ring.newest(KEY_ID, now[0])
        rotation.rotate(file, grace=8, lead=2, now=now[0])
        ended.append((now[0] + 8, before))
        for _ in range(10):
            now[0] += 1
            clocks[now[0] % 2].now += 2 * PERIOD  # they look in turn, and so never at the same moment
            assert isinstance(server.verify(client.sign(request)), Verified)
            for end, key in ended:
                signed = Signer(schemes.RFC9421, key=key, key_id=KEY_ID, clock=lambda: now[0])
                try:
                    server.verify(signed.sign(request))
                except (Rejected, rotation.ConfigurationError):
                    assert end <= now[0]
                else:
                    assert now[0] < end
        del ended[:-2]


def test_status_tells_all_but_the_key(tmp_path: Path) -> None:
    keys = (jwk(nbf=NOW - 90_000), jwk(OTHER_KEY, exp=NOW), jwk(THIRD_KEY, kid="globex", alg=None, nbf=NOW + 1))
    file = written(tmp_path / "keys.json", jwks(*keys))
    told = json.loads(run("status", file, "--format", "json").stdout)
    names = ["key_id", "state", "signs", "not_before", "not_after", "age", "hash"]
    assert [
        dict(zip(names, row, strict=True))
        for row in (
            (KEY_ID, "valid", True, NOW - 90_000, None, 90_000, "sha256"),
            (KEY_ID, "ended", False, None, NOW, None, "sha256"),
            ("globex", "early", False, NOW + 1, None, None, None),
        )
    ] == told
    text = run("status", file).stdout
    assert ["KEY", "acme", "acme", "globex"] == [line.split()[0] for line in text.splitlines()]
    assert ("1 d 1 h" in text, "valid, signs" in text, "2023-11-14T22:13:20Z" in text) == (True, True, True)


def test_status_of_one_key_without_a_name(tmp_path: Path) -> None:
    file = written(tmp_path / "key.json", json.dumps(jwk(kid=None, exp=None)).encode())
    assert "valid, signs" in run("status", file).stdout


def test_status_and_the_ring_agree_on_who_signs(tmp_path: Path) -> None:
    file = written(
        tmp_path / "keys.json",
        jwks(jwk(exp=NOW + 9), jwk(OTHER_KEY, nbf=NOW + 5), jwk(THIRD_KEY, nbf=NOW, exp=NOW + 7)),
    )
    ring: KeyRing = Watched(f"file:{file}").ring
    for now in range(NOW - 1, NOW + 12):
        (place,) = (place for place, one in enumerate(rotation.states(file, now)) if one.signs)
        octets = (KEY, OTHER_KEY, THIRD_KEY)[place]
        assert reference.mac(octets, b"m") == ring.sign(b"m", now=now)


def test_a_key_id_does_not_write_to_the_terminal(tmp_path: Path) -> None:
    file = written(tmp_path / "keys.json", jwks(jwk(kid="a\x1b[31m\n\u202e")))
    assert [] == [char for char in run("status", file).stdout.replace("\n", "") if not char.isprintable()]
