"""What is opened below a root is a regular file there, and nothing else is; by openat2 and step by step."""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from file_trees import CANARY, FORBIDDEN, INSIDE, OTHER, UUID, WAYS, by, tree, verified
from sealgate import ConfigurationError, SignedFiles, Unavailable, _native
from sealgate.exceptions import FileMissing


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tree(tmp_path)


@pytest.fixture(params=WAYS, autouse=True)
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    with by(request.param):
        yield request.param


def opened(root: Path, path: str) -> bytes:
    """Through a resolver, which may say anything."""
    with SignedFiles(root, lambda _: path).open(UUID, verified()) as file:
        return file.read()


def from_the_root(root: Path, path: str) -> bytes:
    """Past all that looks at the path before it is opened."""
    descriptor = _native.Root(root).open(path)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def test_each_way_is_the_one_that_is_tested(root: Path, way: str) -> None:
    assert WAYS[way] == _native.Root(root).walks


@pytest.mark.parametrize(("path", "content"), [("plain.txt", INSIDE), ("down/deep.txt", INSIDE), ("empty.txt", b"")])
def test_a_regular_file_is_opened(root: Path, path: str, content: bytes) -> None:
    assert [content, content] == [opened(root, path), from_the_root(root, path)]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_nothing_else_is_opened_and_nothing_blocks(root: Path, name: str) -> None:
    with pytest.raises(FileMissing):
        opened(root, FORBIDDEN[name])
    with pytest.raises(FileNotFoundError):
        from_the_root(root, FORBIDDEN[name])


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("/dev", "null"),
        ("/dev", "zero"),
        ("/", "dev/null"),
        ("/", "proc/version"),
        ("/", "proc/self/environ"),
        ("/proc/self", "exe"),
        ("/proc/self", "cwd/pyproject.toml"),
        ("/proc/self", "root/etc/passwd"),
        ("/proc/self", "fd/0"),
    ],
)
def test_devices_mounts_and_magic_links_are_no_files(root: str, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        from_the_root(Path(root), path)


def test_a_mount_can_be_a_root_itself() -> None:
    assert Path("/proc/version").read_bytes() == from_the_root(Path("/proc"), "version")


def test_a_root_behind_a_link_is_followed_and_again_when_it_leads_elsewhere(root: Path, tmp_path: Path) -> None:
    """As Kubernetes changes a volume: `..data` is replaced by a link to another directory."""
    current = tmp_path / "current"
    current.symlink_to(root)
    files = SignedFiles(current, {UUID: "plain.txt", OTHER: "down/deep.txt"})
    with files.open(UUID, verified()) as before:
        following = tmp_path / "following"
        following.mkdir()
        (following / "plain.txt").write_bytes(b"what is new")
        (tmp_path / "new").symlink_to(following)
        (tmp_path / "new").rename(current)
        with files.open(UUID, verified()) as after:
            assert (INSIDE, b"what is new") == (before.read(), after.read())
    with pytest.raises(FileMissing):
        files.open(OTHER, verified())


def test_a_root_that_has_gone_is_no_answer_about_the_file(root: Path) -> None:
    files = SignedFiles(root, {UUID: "plain.txt"})
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(Unavailable):
        files.open(UUID, verified())


def test_a_root_is_a_directory_when_the_service_starts(root: Path) -> None:
    for absent in (root / "absent", root / "plain.txt", root / "fifo", root / "loop"):
        with pytest.raises(ConfigurationError, match=r"\Aroot: "):
            SignedFiles(absent, {})


def test_without_descriptors_nothing_is_said_of_the_file(root: Path) -> None:
    files, proof = SignedFiles(root, {UUID: "plain.txt"}), verified()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        with pytest.raises(Unavailable):
            files.open(UUID, proof)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with files.open(UUID, proof) as file:
        assert INSIDE == file.read()


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("plain.txt", *FORBIDDEN.values()):
        try:
            opened(root, path)
        except FileMissing:
            continue
    assert before == len(list(Path("/proc/self/fd").iterdir()))


def test_a_descriptor_is_no_childs(root: Path) -> None:
    descriptor = _native.Root(root).open("plain.txt")
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


SWAPPED = {"file": ("plain.txt", "link.txt", "plain.txt"), "directory": ("down", "link", "down/canary.txt")}
#: Exchanges two names below the first argument until it is killed (renameat2(2)).
_SWAPPER = """
import ctypes, os, sys
root, one, other = map(os.fsencode, sys.argv[1:])
exchange = ctypes.CDLL(None, use_errno=True).renameat2
there = os.open(root, os.O_RDONLY)
assert exchange(there, one, there, other, 2) == 0, os.strerror(ctypes.get_errno())
print("begun", flush=True)
while True:
    exchange(there, one, there, other, 2)
"""


@pytest.mark.parametrize("kind", SWAPPED)
def test_no_swap_while_it_is_opened_leads_outside(root: Path, kind: str) -> None:
    """Another process exchanges what is inside with a link to the canary, all the time."""
    one, other, path = SWAPPED[kind]
    (root / "down" / "canary.txt").write_bytes(INSIDE)
    below = _native.Root(root)
    command = [sys.executable, "-c", _SWAPPER, str(root), one, other]
    seen: dict[bytes, int] = {INSIDE: 0, b"": 0}
    naively: set[bytes] = set()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as swapper:
        try:
            assert swapper.stdout is not None
            assert b"begun\n" == swapper.stdout.readline()
            end = time.monotonic() + 60
            for attempt in itertools.count():
                if attempt >= 10_000 and min(seen.values()) > 100 and len(naively) == 2:
                    break
                assert time.monotonic() < end, (seen, naively)
                try:
                    descriptor = below.open(path)
                except FileNotFoundError:
                    seen[b""] += 1
                else:
                    seen[os.pread(descriptor, 100, 0)] += 1  # a KeyError would be the canary
                    os.close(descriptor)
                if attempt % 20 == 0:
                    naively.add((root / path).read_bytes())
        finally:
            swapper.kill()
    assert {INSIDE, CANARY} == naively  # or the swaps would prove nothing
    assert sum(seen.values()) >= 10_000


_MOUNTED = """
import sys
from sealgate import _native
root, name, walk = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
open(f"{root}/{name}").close()  # it is there
try:
    print(_native.Root(root, walk=walk).open(name))
except FileNotFoundError as error:
    print(error)
"""


def test_a_mount_of_the_same_device_is_no_way_outside(root: Path, way: str) -> None:
    """Where the kernel lets nobody mount, /proc is what is mounted."""
    apart = ["unshare", "--user", "--map-root-user", "--mount"]
    mount = ["sh", "-c", 'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh", root.parent / "outside", root / "down"]
    may_mount = subprocess.run([*apart, *mount, "true"], capture_output=True).returncode == 0
    where: list[str | Path] = [root, "down/canary.txt"] if may_mount else ["/", "proc/version"]
    python = [sys.executable, "-c", _MOUNTED, *where, str(WAYS[way])]
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    command = [*apart, *mount, *python] if may_mount else python
    done = subprocess.run(command, check=True, capture_output=True, env=environment)
    assert b"a mount on the way\n" == done.stdout


_FILTERED = """
import ctypes, errno, json, os, struct, sys
from sealgate import _native
number, error, root = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
# <linux/filter.h>: the number of the call is the first word of what a filter sees.
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
program = struct.pack("@HxxxxxxP", len(steps), ctypes.addressof(code))
before = _native.Root(root)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
after = _native.Root(root)
told = []
for each in (before, after):
    with os.fdopen(each.open("down/deep.txt"), "rb") as file:
        told.append(file.read().decode())
    for path in ("link.txt", "link/canary.txt", "../outside/canary.txt", "fifo"):
        try:
            told.append(each.open(path))
        except FileNotFoundError:
            pass
print(json.dumps([before.walks, after.walks, told]))
"""


@pytest.mark.parametrize("error", [1, 38], ids=["EPERM", "ENOSYS"])
def test_where_the_call_is_forbidden_each_step_is_taken_by_itself(root: Path, error: int) -> None:
    """By a seccomp filter, before the root is there or after: the number of openat2 is the same on every machine."""
    command = [sys.executable, "-c", _FILTERED, "437", str(error), str(root)]
    done = subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}
    )
    assert [False, True, [INSIDE.decode()] * 2] == json.loads(done.stdout)
