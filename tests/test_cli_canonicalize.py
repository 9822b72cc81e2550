"""`sealgate canonicalize`: exactly the canonical octets on standard output, or one line and exit 1."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sealgate.cli import cli

TEXT = b'{ "b": 1.0, "a": "\\u20ac", "z": [1e2, 1E-7] }\n'


def run(text: bytes, *args: str) -> Result:
    return CliRunner().invoke(cli, ["canonicalize", *args], input=text)


def test_the_canonical_form_is_all_that_is_printed() -> None:
    done = run(TEXT)
    assert (0, '{"a":"€","b":1,"z":[100,1e-7]}'.encode(), b"") == (done.exit_code, done.stdout_bytes, done.stderr_bytes)


def test_standard_input_and_output_are_octets_in_any_locale() -> None:
    command = [sys.executable, "-m", "sealgate", "canonicalize"]
    done = subprocess.run(command, input=TEXT, capture_output=True, check=True, env={"LC_ALL": "C", **_path()})
    assert '{"a":"€","b":1,"z":[100,1e-7]}'.encode() == done.stdout


def _path() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_pyjson_is_what_json_dumps_prints(ensure_ascii: bool) -> None:
    done = run(TEXT, "--form", "pyjson" if ensure_ascii else "pyjson-utf8")
    value = json.loads(TEXT)
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=ensure_ascii)
    assert expected.encode() == done.stdout_bytes


def test_a_file_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    path.write_bytes(TEXT)
    assert run(TEXT).stdout_bytes == run(b"", str(path)).stdout_bytes != b""


def test_json_says_size_and_digest() -> None:
    canonical = run(TEXT).stdout_bytes
    told = json.loads(run(TEXT, "--format", "json").stdout)
    expected = {"canonical": canonical.decode(), "size": len(canonical)}
    assert {**expected, "sha256": hashlib.sha256(canonical).hexdigest()} == told


@pytest.mark.parametrize(
    ("text", "reason", "index"),
    [
        (b'{"a":1,"a":2}', "a name occurs twice", 7),
        (b"[NaN]", "expected a value", 1),
        (b"[9007199254740993]", "an integer that a double does not hold", 1),
        (b"", "the text ends too early", 0),
        (b"\xff", "not UTF-8", 0),
    ],
)
def test_what_has_no_canonical_form_ends_in_exit_1_and_the_reason(text: bytes, reason: str, index: int) -> None:
    done = run(text)
    assert (1, b"", f"sealgate: {reason} at index {index}\n") == (done.exit_code, done.stdout_bytes, done.stderr)
    done = run(text, "--format", "json")
    assert (1, {"error": f"{reason} at index {index}", "index": index}) == (done.exit_code, json.loads(done.stdout))


def test_integers_are_rounded_on_request() -> None:
    assert b"[9007199254740992]" == run(b"[9007199254740993]", "--round-integers").stdout_bytes


def test_rounding_is_for_jcs_alone() -> None:
    done = run(b"1", "--round-integers", "--form", "pyjson")
    assert (2, "sealgate: round_integers: only jcs rounds\n") == (done.exit_code, done.stderr)
