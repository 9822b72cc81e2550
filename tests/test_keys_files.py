"""`file:` and `dir:`: what is read, and what is refused."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import reference
from judged import KEY, KEY_ID, NOW, OTHER_KEY, RFC9421, as_request
from key_files import THIRD_KEY, Clock, folder_of_one, jwk, jwks, link_to_itself, signers, two_keys, watched, written
from sealgate import ConfigurationError
from sealgate.keys import Watched
from sealgate.keys.files import PERIOD


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_one(tmp_path / "keys")


def frames_of_ours(error: BaseException | None) -> list[str]:
    """What an error page shows of the package's local variables, for the error and for those behind it."""
    shown: list[str] = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if not frame.f_code.co_filename.startswith(str(Path(__file__).parent)):
                shown += [repr(value) for value in frame.f_locals.values()]
        error = error.__context__
    return shown


# --- what is read ---


def test_a_set_gives_its_keys_under_their_ids(tmp_path: Path, clock: Clock) -> None:
    file = written(tmp_path / "keys.json", two_keys())
    assert ["A:acme", "B:globex"] == signers(watched(file, clock))
    verified = RFC9421.verifier(keys=f"file:{file}").verify(as_request(RFC9421.signed()))
    assert KEY_ID == verified.key_id


def test_one_json_web_key_is_a_ring_of_one(tmp_path: Path, clock: Clock) -> None:
    for changes, expected in (({}, ["A:acme"]), ({"kid": None}, ["A:None"])):
        file = written(tmp_path / "key.json", jwks(jwk(**changes))[len('{"keys": [') : -2])
        assert expected == signers(watched(file, clock))


def test_keys_of_one_kid_take_turns(tmp_path: Path, clock: Clock) -> None:
    file = written(
        tmp_path / "keys.json", jwks(jwk(OTHER_KEY, nbf=NOW - 9), jwk(exp=NOW + 60), jwk(THIRD_KEY, exp=NOW))
    )
    assert ["A:acme", "B:acme"] == signers(watched(file, clock))


def test_a_folder_gives_a_key_for_each_plain_name(folder: Path, clock: Clock) -> None:
    written(folder / "globex", jwks(jwk(OTHER_KEY, kid=None)))
    written(folder / ".hidden", THIRD_KEY)
    (folder / "..2026_01_01").mkdir()
    assert ["A:acme", "B:globex"] == signers(watched(folder, clock))
    assert KEY_ID == RFC9421.verifier(keys=f"dir:{folder}").verify(as_request(RFC9421.signed())).key_id


@pytest.mark.parametrize("tail", [b"", b"\n"])
def test_one_line_feed_at_the_end_is_not_the_keys(tail: bytes, folder: Path, clock: Clock) -> None:
    written(folder / KEY_ID, KEY + tail)
    assert ["A:acme"] == signers(watched(folder, clock))


@pytest.mark.parametrize("tail", [b"\n\n", b" \n", b"\r\n", b" "])
def test_other_blanks_are_the_keys(tail: bytes, folder: Path, clock: Clock) -> None:
    written(folder / KEY_ID, KEY + tail)
    ring = watched(folder, clock).ring
    assert KEY_ID == ring.verify(b"m", reference.mac((KEY + tail).removesuffix(b"\n"), b"m"))


def test_a_link_swapped_as_kubernetes_does_is_followed(tmp_path: Path, clock: Clock) -> None:
    """`name` is a link to `..data/name`, and `..data` one to a dated folder: one rename replaces all."""
    mount = tmp_path / "mount"
    for date, octets in (("..1", KEY), ("..2", OTHER_KEY)):
        (mount / date).mkdir(parents=True)
        written(mount / date / KEY_ID, octets)
        written(mount / date / "keys.json", jwks(jwk(octets)))
    (mount / "..data").symlink_to("..1")
    (mount / KEY_ID).symlink_to(f"..data/{KEY_ID}")
    keys = Watched(f"dir:{mount}", clock=clock)
    file = Watched(f"file:{mount}/..data/keys.json", clock=clock)
    assert [["A:acme"]] * 2 == [signers(keys), signers(file)]
    (mount / "..new").symlink_to("..2")
    (mount / "..new").rename(mount / "..data")
    clock.now += PERIOD
    assert [["B:acme"]] * 2 == [signers(keys), signers(file)]


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({"use": "sig", "key_ops": ["verify"]}, {}),
        ({"alg": None}, {"hash": "sha512"}),
        ({"alg": "HS512"}, {"hash": "sha512"}),
        ({"alg": "HS384"}, {"hash": None}),
        ({"key_ops": ["sign", "verify", "else"]}, {"operations": ["sign", "verify"]}),
        ({"ext": {"other": [1, None]}, "use": None}, {}),
    ],
)
def test_members_that_allow_it(changes: Any, settings: Any, tmp_path: Path, clock: Clock) -> None:
    file = written(tmp_path / "keys.json", jwks(jwk(**changes)))
    assert ["A:acme"] == signers(watched(file, clock, **{"operations": ["verify"], **settings}))


# --- what is refused ---

_SETS: dict[str, bytes] = {
    "not JSON": b"{",
    "binary": bytes(range(256)) * 9,
    "byte order mark": b"\xef\xbb\xbf" + jwks(),
    "UTF-16": jwks().decode().encode("utf-16"),
    "list": b"[]",
    "null": b"null",
    "neither": b"{}",
    "both": b'{"keys": [], "kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"}',
    "keys is no list": b'{"keys": {"acme": 1}}',
    "key is a list of its values": b'{"keys": [["oct", "dGhpcnR5LXR3byBvY3RldHM9PT09PT09PT0", "acme"]]}',
    "set is a list": b'[[{"kty": "oct"}]]',
    "keys twice": jwks()[:-1] + b', "keys": []}',
    "member twice": jwks().replace(b'"kty": "oct"', b'"kty": "oct", "kty": "oct"'),
    "member twice by an escape": jwks().replace(b'"kty": "oct"', b'"kty": "oct", "\\u006bty": "oct"'),
    "deep": b'{"keys": ' + b"[" * 100_000,
    "deep in a stranger's member": b'{"x": ' + b'{"a":' * 100_000,
    "text after it": jwks() + b"x",
    "asymmetric": jwks(jwk(), jwk(kty="RSA", kid="other")),
    "upper case": jwks(jwk(kty="OCT")),
    "short": jwks(jwk(b"short")),
    "published": jwks(jwk(b"It's a Secret to Everybody")),
    "zeros": jwks(jwk(bytes(32))),
    "padded": jwks(jwk(k="dGhpcnR5LXR3byBvY3RldHM9PT09PT09PT0=")),
    "no kid in a set": jwks(jwk(kid=None)),
    "no kid for one": jwks(jwk(), jwk(OTHER_KEY, kid=None)),
    "empty kid": jwks(jwk(kid="")),
    "kid with a line feed": jwks(jwk(kid="a\nb")),
    "kid is a number": jwks(jwk(kid=7)),
    "two keys of a kid that both stay": jwks(jwk(), jwk(OTHER_KEY)),
    "many keys of a kid": jwks(*(jwk(b"%032d" % n, exp=NOW + n) for n in range(1, 18))),
    "one key under two ids": jwks(jwk(), jwk(kid="other")),
    "another hash": jwks(jwk(alg="HS512")),
    "no HMAC": jwks(jwk(alg="A128KW")),
    "none": jwks(jwk(alg="none")),
    "for encryption": jwks(jwk(use="enc")),
    "may only sign": jwks(jwk(key_ops=["sign"])),
    "may do nothing": jwks(jwk(key_ops=[])),
    "an operation twice": jwks(jwk(key_ops=["verify", "verify"])),
    "ends before it begins": jwks(jwk(nbf=9, exp=8)),
    "ends in text": jwks(jwk(exp="8")),
    "over 1 MiB": jwks() + b" " * 2**20,
}


@pytest.mark.parametrize("text", _SETS.values(), ids=_SETS)
def test_what_is_no_set_of_usable_keys_is_our_mistake_and_shows_no_key(text: bytes, tmp_path: Path) -> None:
    file = written(tmp_path / "keys.json", text)
    with pytest.raises(ConfigurationError, match="keys") as refused:
        RFC9421.verifier(keys=f"file:{file}")
    shown = f"{refused.value}{frames_of_ours(refused.value)}"
    assert (False, False) == (jwk()["k"][:20] in shown, KEY.decode()[:12] in shown)


@pytest.mark.parametrize("text", [b"", b" \n", b'{"keys": []}'], ids=ascii)
def test_a_file_without_a_key_is_our_mistake(text: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"empty|no key"):
        RFC9421.verifier(keys=f"file:{written(tmp_path / 'keys.json', text)}")


_PLACES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda at: None,
    "directory": Path.mkdir,
    "FIFO": os.mkfifo,
    "link to itself": link_to_itself,
    "link to nothing": lambda at: at.symlink_to("nowhere"),
    "link to a device": lambda at: at.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("make", _PLACES.values(), ids=_PLACES)
def test_what_is_no_file_is_our_mistake_and_is_not_waited_for(make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / "odd")
    with pytest.raises(ConfigurationError, match="odd"):
        RFC9421.verifier(keys=f"file:{tmp_path}/odd")


@pytest.mark.parametrize("make", list(_PLACES.values())[1:], ids=list(_PLACES)[1:])
def test_a_folder_with_what_is_no_file_is_our_mistake(make: Callable[[Path], object], folder: Path) -> None:
    make(folder / "odd")
    with pytest.raises(ConfigurationError, match=r"odd|ELOOP|names a file"):
        RFC9421.verifier(keys=f"dir:{folder}")


_CONTENTS = {
    "binary is too short": ("globex", b"\xff\0"),
    "empty": ("globex", b""),
    "blank": ("globex", b" \n"),
    "byte order mark": ("globex", b"\xef\xbb\xbf" + OTHER_KEY),
    "JSON that is no key": ("globex", b'{"secret": "0123456789abcdef0123456789abcdef"}'),
    "another kid": ("globex", jwks(jwk(OTHER_KEY, kid="initech"))),
    "a copy": ("acme.bak", KEY),
    "another hash": ("globex", jwks(jwk(OTHER_KEY, kid=None, alg="HS384"))),
    "a name that is no key id": ("cl\u00e9", OTHER_KEY),
    "a name with a line feed": ("a\nb", OTHER_KEY),
}


@pytest.mark.parametrize(("name", "text"), _CONTENTS.values(), ids=_CONTENTS)
def test_a_folder_with_what_is_no_key_is_our_mistake(name: str, text: bytes, folder: Path) -> None:
    written(folder / name, text)
    with pytest.raises(ConfigurationError, match="keys"):
        RFC9421.verifier(keys=f"dir:{folder}")


def test_a_folder_of_a_thousand_files_is_the_largest(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(1000):
        (folder / f"k{n}").write_bytes(b"%032d" % (n + 1))
    assert 1000 == len(watched(folder, clock).ring.key_ids)
    (folder / "one more").write_bytes(KEY)
    with pytest.raises(ConfigurationError, match="1000"):
        watched(folder, clock)


def test_an_empty_folder_is_our_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no key"):
        RFC9421.verifier(keys=f"dir:{tmp_path}")


@pytest.mark.parametrize(
    "where", ["file:", "file:keys.json", "dir:./keys", "file:/a\0b", "dir:~/keys", "file://host/x"]
)
def test_only_absolute_paths_are_taken(where: str) -> None:
    with pytest.raises(ConfigurationError, match="keys"):
        RFC9421.verifier(keys=where)
