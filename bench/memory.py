"""What a verdict takes in memory besides the body: each measured in a process of its own, from the call to its peak."""

from __future__ import annotations

import ctypes
import gc
import hmac
import json
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import documents
import rfc8785
from documents import MIB, Document
from timing import Case, Pace, Result, Section

from sealgate import Key, Request, Verifier, schemes
from sealgate.exceptions import Rejected

_TITLE = "peak memory of a verdict, besides what is given"
_KEY = "a key of thirty-two octets, text"
_SHAPES: Mapping[str, Callable[[int], bytes]] = {
    "nested": documents.nested,
    "numbers": documents.numbers,
    "unicode": documents.unicode,
    "unicode in escapes": documents.escaped_unicode,
    "orders, indented": documents.indented,
}
_HOSTILE = (
    "127 unsorted levels, padded at each",
    "127 unsorted levels, again and again",
    "names, shuffled",
    "small unsorted objects",
    "deep arrays",
    "zeros",
    "short escapes",
    "doubles of 17 digits",
)
#: What a verdict on objects may take besides room for the largest dict.
_ROOM = 8 * 1024


def _results(pace: Pace) -> Iterator[Result]:
    size, title = (MIB // 4, f"{_TITLE}: 256 KiB") if pace.quick else (16 * MIB, f"{_TITLE}: 16 MiB")
    body = documents.unicode(size)
    for way in ("Key.verify", "schemes.body"):
        yield _of_body(title, way, way, body, body, must=0.01)
    for shape, text in _SHAPES.items():
        body = text(size)
        signed = rfc8785.dumps(json.loads(body))
        yield _of_text(title, shape, body, signed, must=3, aim=1.5)
        yield _of_objects(title, shape, body, signed)
    for shape in _HOSTILE:
        body = documents.HOSTILE[shape](size)
        signed = rfc8785.dumps(json.loads(body))
        yield _of_text(title, shape, body, signed)
        if shape == "names, shuffled":
            yield _of_objects(title, shape, body, signed)


def _of_text(title: str, shape: str, body: bytes, signed: bytes, **goals: float) -> Result:
    return _of_body(title, f"text to verdict: {shape}", "schemes.canonical_json", body, signed, **goals)


def _of_body(title: str, name: str, way: str, body: bytes, signed: bytes, **goals: float) -> Result:
    return Result(title, name, _measured(way, body, signed)["peak"] / len(body), "x", over="the body", **goals)


def _of_objects(title: str, shape: str, body: bytes, signed: bytes) -> Result:
    measured = _measured("Key.verify_json", body, signed)
    ratio = measured["touched"] / (measured["dict"] + _ROOM)
    return Result(title, f"objects to verdict: {shape}", ratio, "x", over="the largest dict + 8 KiB", must=1)


def _measured(way: str, body: bytes, signed: bytes) -> dict[str, int]:
    signature = hmac.digest(_KEY.encode(), signed, "sha256").hex()
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        command = [sys.executable, str(Path(__file__).resolve()), way, file.name, signature]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    measured: dict[str, int] = json.loads(output)
    return measured


def _measure(way: str, path: str, signature: str) -> dict[str, int]:
    source, verify = _ways()[way]
    given = source(Path(path).read_bytes())
    first = _beginning(given)
    verify(first, hmac.digest(_KEY.encode(), _signed(first), "sha256").hex())  # what the first call alone takes
    largest = _largest_dict(given)
    gc.collect()
    _forget_peak()
    peak, touched = _peak(), _touched()
    verify(given, signature)
    measured = {"touched": _touched() - touched, "peak": _peak() - peak, "dict": largest}
    _check_refusal(verify, given, signature)
    return measured


def _beginning(given: Any) -> Any:
    """A small value of the same kind: it takes the same paths, and the allocator's pools for the same sizes."""
    if isinstance(given, bytes):
        return b"{}"
    return given[:200] if isinstance(given, list) else dict(list(given.items())[:200])


def _signed(given: Any) -> bytes:
    return given if isinstance(given, bytes) else rfc8785.dumps(given)


def _check_refusal(verify: Callable[[Any, str], object], given: Any, signature: str) -> None:
    other = Document("given", given).changed if isinstance(given, bytes) else [given]
    try:
        verify(other, signature)
    except Rejected:
        return
    raise AssertionError("what was not signed is accepted")


def _verify_request(verifier: Verifier, body: bytes, signature: str) -> None:
    fields = [("Content-Type", "application/json"), ("X-Signature", signature)]
    verifier.verify(Request("POST", "/hook", fields, body))


def _ways() -> Mapping[str, tuple[Callable[[bytes], Any], Callable[[Any, str], object]]]:
    """What is made of the text beforehand, and what verifies that."""
    key = Key(_KEY)
    verifier = partial(Verifier, keys=_KEY, replay="off", body_limit=64 * MIB)
    return {
        "Key.verify": (bytes, key.verify),
        "schemes.body": (bytes, partial(_verify_request, verifier(schemes.body()))),
        "schemes.canonical_json": (bytes, partial(_verify_request, verifier(schemes.canonical_json("X-Signature")))),
        "Key.verify_json": (json.loads, key.verify_json),
    }


def _largest_dict(value: Any) -> int:
    """Octets of the largest dict in a value, without its names and values."""
    if isinstance(value, dict):
        return max(sys.getsizeof(value), *map(_largest_dict, value.values()), 0)
    return max(map(_largest_dict, value), default=0) if isinstance(value, list) else 0


def _forget_peak() -> None:
    """On Linux: what was freed goes back to the system, and the peak is what is in use now."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Octets. The kernel counts in batches: right to about 256 KiB."""
    if sys.platform == "linux":
        [peak] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        return int(peak) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _touched() -> int:
    """Octets of pages used for the first time, exact; a page that was given back and taken again counts twice."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt * resource.getpagesize()


def _nothing(_pace: Pace) -> Mapping[str, Case]:
    return {}


SECTIONS = [Section(_TITLE, _nothing, (), _results)]

if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
