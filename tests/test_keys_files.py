"""`file:` and `dir:`: what is read, what is refused, when a change is seen, and what happens when there is nothing."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import pickle
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import reference
from judged import JUDGED, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, RFC9421, as_request, with_field
from key_files import THIRD_KEY, Clock, jwk, jwks, two_keys, written
from sealgate import ConfigurationError, Envelope, Rejected, Request, Signer, Unavailable, Verifier, schemes
from sealgate.exceptions import UnknownKey
from sealgate.keys import Watched
from sealgate.keys.files import LAST_GOOD, PERIOD


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "keys.json", jwks())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    written(folder / KEY_ID, KEY + b"\n")
    return folder


def watched(where: Path, clock: Clock, **settings: Any) -> Watched:
    return Watched(f"{'dir' if where.is_dir() else 'file'}:{where}", clock=clock, **{"hash": "sha256", **settings})


def signers(keys: Watched) -> list[str]:
    """Of three keys, those that the source accepts, with their ids."""
    ring, accepted = keys.ring, []
    for name, octets in (("A", KEY), ("B", OTHER_KEY), ("C", THIRD_KEY)):
        try:
            accepted.append(f"{name}:{ring.verify(b'm', reference.mac(octets, b'm'), now=NOW)}")
        except Rejected:
            continue
    return accepted


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


def _loop(at: Path) -> None:
    at.symlink_to(at)


_PLACES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda at: None,
    "directory": Path.mkdir,
    "FIFO": os.mkfifo,
    "link to itself": _loop,
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


# --- changes ---


def test_a_change_is_seen_after_a_second_and_not_before(file: Path, clock: Clock) -> None:
    keys = watched(file, clock)
    written(file, jwks(jwk(OTHER_KEY)))
    clock.now += PERIOD - 0.001
    assert ["A:acme"] == signers(keys)
    clock.now += 0.001
    assert ["B:acme"] == signers(keys)


def test_a_change_that_leaves_size_and_time_is_seen(file: Path, clock: Clock) -> None:
    """By content: not every file system tells times apart."""
    keys, before = watched(file, clock), file.stat()
    file.write_bytes(jwks(jwk(OTHER_KEY)))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (before.st_size, before.st_mtime_ns) == (file.stat().st_size, file.stat().st_mtime_ns)
    clock.now += PERIOD
    assert ["B:acme"] == signers(keys)


def test_the_same_content_is_the_same_ring(file: Path, clock: Clock) -> None:
    keys = watched(file, clock)
    ring = keys.ring
    for _ in range(3):
        written(file, jwks())
        clock.now += PERIOD
        assert ring is keys.ring


def test_a_name_that_goes_or_comes_is_seen(folder: Path, clock: Clock) -> None:
    written(folder / "globex", OTHER_KEY)
    keys = watched(folder, clock)
    (folder / "globex").unlink()
    clock.now += PERIOD
    assert ["A:acme"] == signers(keys)
    written(folder / "initech", THIRD_KEY)
    clock.now += PERIOD
    assert ["A:acme", "C:initech"] == signers(keys)


def _errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


@pytest.mark.parametrize("damage", ["unparsable", "FIFO", "directory", "huge", "loop"])
def test_the_last_good_keys_stay_for_five_minutes(
    damage: str, file: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keys = watched(file, clock)
    file.unlink()
    makers: dict[str, Callable[[Path], object]] = {
        "unparsable": lambda at: written(at, b'{"keys": ['),
        "FIFO": os.mkfifo,
        "directory": Path.mkdir,
        "huge": lambda at: written(at, b" " * (2**20 + 1)),
        "loop": _loop,
    }
    makers[damage](file)
    clock.now += PERIOD
    first_seen = clock.now
    for offset in (0, 1, 100, LAST_GOOD - 0.001):
        clock.now = first_seen + offset
        assert ["A:acme"] == signers(keys)
    for offset in (LAST_GOOD, LAST_GOOD + 1, LAST_GOOD * 10):
        clock.now = first_seen + offset
        with pytest.raises(Unavailable):
            signers(keys)
    assert 1 == len(_errors(caplog))
    file.rmdir() if damage == "directory" else file.unlink()
    written(file, jwks(jwk(OTHER_KEY)))
    clock.now += PERIOD
    assert ["B:acme"] == signers(keys)


def test_other_damage_does_not_begin_the_five_minutes_anew(file: Path, clock: Clock) -> None:
    keys = watched(file, clock)
    for n in range(300):
        written(file, b"{" * (n + 1))
        clock.now += PERIOD
        assert ["A:acme"] == signers(keys)
    written(file, b"more damage")
    clock.now += PERIOD
    with pytest.raises(Unavailable):
        signers(keys)


@pytest.mark.parametrize("gone", ["deleted", "empty", "blank", "no key", "link to nothing"])
def test_what_is_deleted_or_empty_ends_at_once(
    gone: str, file: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keys = watched(file, clock)
    texts = {"empty": b"", "blank": b"\n", "no key": b'{"keys": []}'}
    if gone in texts:
        written(file, texts[gone])
    else:
        file.unlink()
        if gone == "link to nothing":
            file.symlink_to("nowhere")
    clock.now += PERIOD
    for _ in range(3):
        with pytest.raises(Unavailable):
            signers(keys)
        clock.now += PERIOD
    assert 1 == len(_errors(caplog))
    written(file, b"{")
    clock.now += PERIOD
    with pytest.raises(Unavailable):  # what was taken away does not come back by an accident
        signers(keys)
    written(file, jwks())
    clock.now += PERIOD
    assert ["A:acme"] == signers(keys)


@pytest.mark.parametrize("gone", ["folder", "all files", "one file emptied"])
def test_a_folder_without_keys_ends_at_once(gone: str, folder: Path, clock: Clock) -> None:
    keys = watched(folder, clock)
    if gone == "one file emptied":
        written(folder / "globex", b"")
    else:
        (folder / KEY_ID).unlink()
    if gone == "folder":
        folder.rmdir()
    clock.now += PERIOD
    with pytest.raises(Unavailable):
        signers(keys)


def test_unreadable_is_no_reason_to_end_at_once(
    file: Path, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = watched(file, clock)

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    clock.now += PERIOD
    assert ["A:acme"] == signers(keys)
    (told,) = _errors(caplog)
    assert "EACCES" in told


def test_a_file_that_changes_while_it_is_read_is_read_again(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, opened = watched(file, clock), os.open
    changes = [jwks(jwk(OTHER_KEY)), jwks(jwk(THIRD_KEY))]

    def changing(path: Path, flags: int, *rest: Any) -> int:
        descriptor = opened(path, flags, *rest)
        if flags & os.O_NONBLOCK and changes:
            written(file, changes.pop(0))
        return descriptor

    monkeypatch.setattr(os, "open", changing)
    clock.now += PERIOD
    assert ["C:acme"] == signers(keys)


def test_a_folder_is_of_one_moment(folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a key of the old set could stand beside one of the new."""
    written(folder / "globex", OTHER_KEY)
    keys, opened, swapped = watched(folder, clock), os.open, []

    def swapping(path: Path, flags: int, *rest: Any) -> int:
        if path.name == "globex" and not swapped:
            swapped.append(written(folder / KEY_ID, THIRD_KEY))
        return opened(path, flags, *rest)

    monkeypatch.setattr(os, "open", swapping)
    clock.now += PERIOD
    assert ["B:globex", "C:acme"] == signers(keys)


def test_a_file_that_never_rests_leaves_the_last_good_keys(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keys, opened = watched(file, clock), os.open

    def changing(path: Path, flags: int, *rest: Any) -> int:
        descriptor = opened(path, flags, *rest)
        if flags & os.O_NONBLOCK:
            written(file, jwks(jwk(OTHER_KEY)))
        return descriptor

    monkeypatch.setattr(os, "open", changing)
    clock.now += PERIOD
    assert ["A:acme"] == signers(keys)
    assert ["changes while it is read" in told for told in _errors(caplog)] == [True]


@pytest.mark.parametrize(("mode", "told"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o644, 1)])
def test_files_that_others_can_read_are_told_of_once(
    mode: int, told: int, file: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    file.chmod(mode)
    keys = watched(file, clock)
    for _ in range(3):
        clock.now += PERIOD
        signers(keys)
    warned = [record for record in caplog.records if "readable by group or others" in record.getMessage()]
    assert told == len(warned)


def test_no_log_line_holds_a_key(folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (folder / KEY_ID).chmod(0o644)
    keys = watched(folder, clock)
    for text in (b"{" + KEY, KEY[:15], b"", KEY):
        written(folder / KEY_ID, text)
        clock.now += PERIOD
        try:
            signers(keys)
        except Unavailable:
            continue
    shown = " ".join(f"{record.getMessage()} {record.__dict__!r}" for record in caplog.records)
    assert (True, False) == ("readable" in shown, KEY.decode()[:12] in shown)


def test_a_source_shows_no_key_and_leaves_its_process_in_no_way(file: Path, clock: Clock) -> None:
    """B6."""
    keys = watched(file, clock)
    assert f"<Watched 'file:{file}'>" == repr(keys)
    for leave in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(keys)
    shown = repr(keys.__dict__)
    assert (False, False) == (jwk()["k"][:20] in shown, KEY.decode()[:12] in shown)


def test_a_files_name_does_not_write_to_the_log(folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    keys = watched(folder, clock)
    (folder / "a\nb\x1b[31m\udcff").write_bytes(b"short")
    clock.now += PERIOD
    signers(keys)
    assert 2 == len(caplog.records)
    assert all(record.getMessage().isprintable() for record in caplog.records)


# --- who asks ---


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
    wrong: list[object] = []

    def works(ring: Any, right: dict[str, bytes]) -> bool:
        try:
            return all(key_id == ring.verify(b"m", signature, key_id) for key_id, signature in right.items())
        except Rejected:
            return False

    def hammer() -> None:
        for _ in range(2000):
            ring = keys.ring
            if [works(ring, right) for right in rights] not in ([True, False], [False, True]):
                wrong.append(ring)

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    n = 0
    while any(thread.is_alive() for thread in threads):
        n += 1
        written(file, texts[n % 2])
        clock.now += PERIOD
    assert [] == wrong


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
