"""Runs the bulk sets of open conformance data against sealgate: `python tests/bulk_vectors.py [--slow] DIR`.

DIR holds structured_fields as published, hmac_rfc, wycheproof_hmac, rfc9421, rfc9530, aws_sigv4_botocore, webhooks_core and
jsontestsuite, one JSON object a line, and jcs_rfc8785 and jcs_es6_numbers, in files as they were published. Every row is
run; none is skipped. A row agrees, or it is beyond what we take and shown to be refused, or it is a deviation declared by
its reason. The sequence of ES6 numbers is made again, for its published checksums, up to a million lines, with `--slow` up
to ten million. Exit code 1 where a row is none of these, 2 where a set is absent.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import math
import re
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path

import reference
from bulk_message_signatures import run_component, run_digest, run_signature_base, run_structured
from bulk_rows import AGREED, DECLARED, REFUSED, Row, must, refusing
from reference.aws_sigv4 import seconds_of
from sealgate import (
    ConfigurationError,
    Key,
    KeyRing,
    Rejected,
    Request,
    Signer,
    Verifier,
    canonicalize,
    canonicalize_json,
    schemes,
)
from sealgate.exceptions import CanonicalizationError, InvalidSignature, NotCovered, SignatureMissing


def run_hmac(row: Row) -> str:
    """RFC 2202 and RFC 4231."""
    if row["alg"] == "sha224":
        return refusing(lambda: key_of(row).sign(b"", "sha224"), "sha224")
    key = key_of(row)
    message, signature = bytes.fromhex(row["msg_hex"]), bytes.fromhex(row["mac_hex"])
    must(key.sign(message, row["alg"]) == signature, "another signature")
    key.verify(message, signature, row["alg"])
    return AGREED


def run_wycheproof(row: Row) -> str:
    key, message, tag = key_of(row), bytes.fromhex(row["msg_hex"]), bytes.fromhex(row["tag_hex"])
    right, whole = key.sign(message, row["alg"]), row["tag_size"] == 8 * len(key.sign(b"", row["alg"]))
    must((right[: len(tag)] == tag) == (row["result"] == "valid"), "another signature")
    if whole and row["result"] == "valid":
        key.verify(message, tag, row["alg"])
        return AGREED
    refusing(lambda: key.verify(message, tag, row["alg"]), "", InvalidSignature)
    return AGREED if row["result"] == "invalid" else "truncated"


def run_aws(row: Row) -> str:
    """What botocore signs, we accept and sign; where the request itself is refused, it is so for a reason of its own."""
    head, _, body = base64.b64decode(row["request_b64"]).decode().partition("\n\n")
    start, *given = re.split(r"\n(?![ \t])", head)
    method, _, target = start.removesuffix(" HTTP/1.1").partition(" ")
    fields = [(line.partition(":")[0], line.partition(":")[2]) for line in given]
    if "X-Amz-Security-Token" not in dict(fields) and "x-amz-security-token" in row["canonical_request"]:
        fields.append(
            ("X-Amz-Security-Token", row["canonical_request"].partition("x-amz-security-token:")[2].split("\n")[0])
        )
    now, keys = seconds_of(row["date"]), KeyRing({row["access_key"]: Key(row["secret_key"], published_ok=True)})
    scheme = schemes.aws_sigv4(region=row["region"], service=row["service"])
    checker = Verifier(scheme, keys=keys, origin="https://example.amazonaws.com", clock=lambda: now)
    request = partial(Request, method, target.encode(), body=body.encode())
    octets = [(name.encode(), value.encode()) for name, value in fields]
    verify = partial(checker.verify, request(headers=[*octets, ("Authorization", row["authorization"])]))
    for outcome, holds in (
        ("octets", not re.fullmatch(r"[\x21-\x7e]+", target)),
        ("path", re.search(r"//|/\.\.?(/|$)", target.partition("?")[0])),
        ("folded", "\n" in "".join(value for _, value in fields)),
        ("repeated", len(dict(fields)) < len(fields)),
    ):
        if holds:
            return refusing(verify, outcome, Rejected)
    verify()
    if "-header-after" in row["id"]:  # a session token that is added to what was signed
        later = request(headers=[*octets, ("Authorization", row["authorization"]), ("X-Amz-Security-Token", "t")])
        refusing(lambda: checker.verify(later), "", Rejected)
    names = {"host", "content-type"} | {name.lower() for name, _ in fields if name.lower().startswith("x-amz-")}
    if {name.lower() for name, _ in fields} <= names:
        signed = Signer(
            scheme, key=Key(row["secret_key"], published_ok=True), key_id=row["access_key"], clock=lambda: now
        )
        added = dict(signed.sign_headers(request(headers=octets)))
        must(added["Authorization"] == row["authorization"], "another signature")
        base = scheme.signature_base(request(headers=octets), row["access_key"], now, "n" * 24)
        must(base.decode() == row["string_to_sign"], "another signature base")
    return AGREED


def run_webhook(row: Row) -> str:
    """A redirect in Shopify's OAuth is signed with the provider's key, but by members of its query alone."""
    provider = row["provider"].removesuffix("-oauth")
    scheme = schemes.by_name()[_JSON.get(row["id"].removesuffix("-tampered"), provider)]
    secrets = [row["secret"]] if isinstance(row["secret"], str) else row["secret"]
    origin, _, target = re.fullmatch(r"(https?://([^/]+))?(.*)", row["url"] or "/", re.DOTALL).groups()  # type: ignore[union-attr]
    request = Request(row["method"], target, list(row["headers"].items()), base64.b64decode(row["body_b64"]))

    def verify() -> None:
        keys = [Key(secret, form=scheme.key_form, short_ok=True, published_ok=True) for secret in secrets]
        ring, now = KeyRing({"provider": keys}), float(row["now"] or 0)
        Verifier(scheme, keys=ring, max_age=row["tolerance"], origin=origin, clock=lambda: now).verify(request)

    if row["expect"] != "valid":
        return refusing(verify, AGREED, ConfigurationError if row["expect"] == "config-error" else Rejected)
    if provider != row["provider"]:
        return refusing(verify, "redirect", SignatureMissing)
    if scheme.key_form == "whsec" and len(row["secret"].removeprefix("whsec_")) < 32:
        return refusing(verify, "key", ConfigurationError)
    if not request.body and not scheme.empty_body:
        return refusing(verify, "empty", NotCovered)
    verify()
    return AGREED


#: Rows of Twilio's other form.
_JSON = {"twilio-json-body": "twilio-json"}


def run_canonical_document(row: Row) -> str:
    text, expected = row["text"], row["canonical"]
    must(bytes.fromhex(row["canonical_hex"]) == expected, "another document than its octets")
    for found in (canonicalize_json(text), canonicalize_json(text.decode()), canonicalize(json.loads(text))):
        must(found == expected, "another canonical form")
    return AGREED


def run_es6_number(row: Row) -> str:
    (number,) = struct.unpack(">d", bytes.fromhex(row["id"].zfill(16)))
    for found in (canonicalize(number), canonicalize_json(repr(float(number))), canonicalize_json(row["text"])):
        must(found.decode() == row["text"], "another number")
    return AGREED


def run_es6_checksum(row: Row) -> str:
    """The lines in the order of their generator, each number from a value and from its text."""
    digest, sequence = hashlib.sha256(), islice(es6_numbers(row["static"]), row["lines"])
    while numbers := [*islice(sequence, 1000)]:
        written = canonicalize(numbers)
        must(written == canonicalize_json(f"[{','.join(map(repr, numbers))}]"), "another number from text")
        bits = struct.unpack(f"<{len(numbers)}Q", struct.pack(f"<{len(numbers)}d", *numbers))
        texts = written[1:-1].decode().split(",")
        digest.update("".join(f"{each:x},{text}\n" for each, text in zip(bits, texts, strict=True)).encode())
    must(digest.hexdigest() == row["sha256"], "another checksum")
    return AGREED


def run_json_text(row: Row) -> str:
    """JSONTestSuite; by RFC 7493, which RFC 8785 demands, and which refuses some that RFC 8259 takes."""
    text = base64.b64decode(row["input_b64"])
    for form in ("jcs", "pyjson", "pyjson-utf8"):
        call = partial(canonicalize_json, text, form=form)
        if row["ijson_expect"] == "reject":
            refusing(call, AGREED, CanonicalizationError)
        elif form == "jcs":
            must(call() == reference.canonical_json(text), "another canonical form")
        else:
            must(call() == reference.python_json(text, ensure_ascii=form == "pyjson"), "another form")
    return AGREED


def es6_numbers(static: Sequence[float]) -> Iterator[float]:
    """github.com/cyberphone/json-canonicalization, testdata/numgen.js: chosen ones, a run of small ones, random bits."""
    serial = (struct.unpack("<d", struct.pack("<Q", 0x0010000000000000 + nth))[0] for nth in range(2000))
    return chain(static, serial, filter(math.isfinite, _random_numbers()))


def _random_numbers() -> Iterator[float]:
    state = bytes(32)
    while True:
        state = hashlib.sha256(state).digest()
        yield from (number for number in struct.unpack("<4d", state) if number)


def key_of(row: Row) -> Key:
    return Key(bytes.fromhex(row["key_hex"]), short_ok=True, published_ok=True)


# --- the table --------------------------------------------------------------------------------------------------------


def lines(folder: Path, pattern: str) -> Iterator[Row]:
    for path in sorted(folder.glob(pattern)):
        for line in path.read_text().splitlines():
            yield json.loads(line)


def structured(folder: Path, pattern: str) -> Iterator[Row]:
    """Those that have a text; what is only to be serialized from a value has none."""
    for path in sorted(folder.glob(pattern)):
        for nth, row in enumerate(json.loads(path.read_text())):
            if "raw" in row:
                yield {"id": f"{path.stem}-{nth}", **row}


def documents(folder: Path, pattern: str) -> Iterator[Row]:
    for path in sorted(folder.glob(pattern)):
        name = path.stem.removeprefix("input_")
        canonical = (folder / f"output_{name}.json").read_bytes()
        octets = (folder / f"outhex_{name}.txt").read_text()
        yield {"id": name, "text": path.read_bytes(), "canonical": canonical, "canonical_hex": octets}


def numbers(folder: Path, pattern: str) -> Iterator[Row]:
    for path in sorted(folder.glob(pattern)):
        for line in path.read_text().splitlines():
            yield dict(zip(("id", "text"), line.split(","), strict=True))


def checksums(folder: Path, pattern: str) -> Iterator[Row]:
    for path in folder.glob(pattern):
        first = islice(numbers(folder, "es6_numbers_first10000.txt"), 168)
        static = [struct.unpack(">d", bytes.fromhex(row["id"].zfill(16)))[0] for row in first]
        for count, sha256 in json.loads(path.read_text())["sha256_of_first_n_lines"].items():
            yield {"id": f"first-{count}", "lines": int(count), "sha256": sha256, "static": static}


#: Folder, files, how they are read into rows, how a row is run.
SETS: list[tuple[str, str, Callable[[Path, str], Iterator[Row]], Callable[[Row], str]]] = [
    ("hmac_rfc", "*.jsonl", lines, run_hmac),
    ("wycheproof_hmac", "*.jsonl", lines, run_wycheproof),
    ("rfc9421", "sigbase_cases.jsonl", lines, run_signature_base),
    ("rfc9421", "component_cases.jsonl", lines, run_component),
    ("rfc9530", "*.jsonl", lines, run_digest),
    ("aws_sigv4_botocore", "*.jsonl", lines, run_aws),
    ("structured_fields", "*.json", structured, run_structured),
    ("webhooks_core", "*.jsonl", lines, run_webhook),
    ("jcs_rfc8785", "input_*.json", documents, run_canonical_document),
    ("jcs_es6_numbers", "es6_numbers_first10000.txt", numbers, run_es6_number),
    ("jcs_es6_numbers", "checksums.json", checksums, run_es6_checksum),
    ("jsontestsuite", "y_n.jsonl", lines, run_json_text),
]


@dataclass
class Tally:
    rows: int = 0
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)

    def add(self, row: Row, run: Callable[[Row], str]) -> None:
        self.rows += 1
        try:
            self.outcomes.setdefault(run(row), []).append(row["id"])
        except Exception as error:
            self.unexpected.append(f"{row['id']}: {type(error).__name__}: {error}")


def tally(directory: Path, longest: int) -> list[tuple[str, Tally]]:
    tallies = []
    for name, pattern, rows, run in SETS:
        counted = Tally()
        for row in rows(directory / name, pattern):
            if row.get("lines", 0) <= longest:
                counted.add(row, run)
        several = sum(name == other for other, *_ in SETS) > 1
        tallies.append((f"{name}/{re.split('[_.]', pattern)[0]}" if several else name, counted))
    return tallies


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--slow", action="store_true", help="ten million ES6 numbers")
    arguments = parser.parse_args()
    tallies = tally(arguments.directory, 10**7 if arguments.slow else 10**6)
    print(f"{'set':28}{'rows':>6}{'agree':>7}{'refused':>9}{'declared':>10}{'unexpected':>12}")
    for name, counted in tallies:
        agreed, refused = (len(counted.outcomes.get(outcome, ())) for outcome in (AGREED, REFUSED))
        declared = sum(len(ids) for outcome, ids in counted.outcomes.items() if outcome in DECLARED)
        print(f"{name:28}{counted.rows:6}{agreed:7}{refused:9}{declared:10}{len(counted.unexpected):12}")
    for name, counted in tallies:
        for outcome, ids in sorted(counted.outcomes.items()):
            if outcome != AGREED:
                print(f"\n{name}: {DECLARED.get(outcome, outcome)} ({len(ids)}): {' '.join(ids)}")
        for line in counted.unexpected:
            print(f"\n{name}: UNEXPECTED {line}")
    absent = [name for name, counted in tallies if not counted.rows]
    if absent:
        print(f"\nabsent: {', '.join(absent)}")
    return 1 if any(counted.unexpected for _, counted in tallies) else 2 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
