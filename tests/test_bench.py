"""The benchmark runs, and prints every row it promises; how fast, no test can say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "bench" / "run.py"


def run(*arguments: str) -> str:
    command = [sys.executable, "-W", "error", str(SCRIPT), "--quick", "--rounds", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    table: dict[str, Any] = json.loads(run("--format", "json"))
    assert 1 == table["rounds"]
    return list(table["rows"])


def names(rows: list[dict[str, Any]], section: str) -> set[tuple[str, str | None]]:
    return {(row["name"], row["over"]) for row in rows if row["section"].startswith(section)}


@pytest.mark.parametrize("size", ["32 B", "256 B", "1 KiB", "16 KiB", "1 MiB"])
def test_one_message_is_compared_with_every_peer(rows: list[dict[str, Any]], size: str) -> None:
    peers = {"copied snippet", "hashlib.sha256, no verdict", "cryptography", "itsdangerous"}
    peers |= {"stripe", "slack_sdk", "standardwebhooks"}
    assert {("Key.verify", peer) for peer in peers} == names(rows, f"verify one message of {size}")


@pytest.mark.parametrize("size", ["256 B", "1 KiB", "16 KiB"])
def test_whole_schemes_are_compared_with_their_providers(rows: list[dict[str, Any]], size: str) -> None:
    expected = {
        ("schemes.body", "copied snippet"),
        ("schemes.STRIPE", "stripe"),
        ("schemes.SLACK", "slack_sdk"),
    }
    assert expected == names(rows, f"verify one request with a body of {size}")


def test_presets_are_compared_with_the_libraries_of_their_providers(rows: list[dict[str, Any]]) -> None:
    libraries = {
        *(("STRIPE", "stripe"), ("SLACK", "slack_sdk"), ("STANDARD_WEBHOOKS", "standardwebhooks"), ("SVIX", "svix")),
        *(("TWILIO", "twilio"), ("GITHUB", "gidgethub"), ("RAZORPAY", "razorpay"), ("HUBSPOT", "hubspot-api-client")),
        *(("PADDLE", "paddle-python-sdk"), ("LINE", "line-bot-sdk"), ("SQUARE", "squareup"), ("WORKOS", "workos")),
        *(("RESEND", "resend"), ("TWILIO_JSON", "twilio, JSON"), ("BOX", "box-sdk-gen"), ("MAILGUN", "mailgun")),
        *(("ADYEN", "adyen"), ("ADYEN_PLATFORMS", "adyen, platforms")),
    }
    expected = {(f"schemes.{preset}", library) for preset, library in libraries}
    assert expected == names(rows, "verify a webhook of 1 KiB")


def test_whole_requests_and_the_store_are_compared(rows: list[dict[str, Any]]) -> None:
    made = "Request and Verifier, RFC 9421"
    remembering = f"{made}, and memory replay"
    assert {("Verifier, own scheme", "pure Python")} == names(rows, "full request")
    assert {
        ("Verifier.verify, RFC 9421", "http-message-signatures"),
        (made, "http-message-signatures"),
        (remembering, "http-message-signatures"),
        (remembering, made),
    } == names(rows, "RFC 9421")
    assert {
        ("MemoryStore.add", "dict check and set"),
        ("MemoryStore.add", "cachetools.TTLCache"),
        ("memory per key, 50,000 live", None),
        ("slowest of 50,000 inserts, CPU time", None),
    } == names(rows, "replay store")


@pytest.mark.parametrize("claims", ["no claims", "claims of 200 B", "claims of 2 KB"])
def test_tokens_are_compared_with_what_signs_values(rows: list[dict[str, Any]], claims: str) -> None:
    expected = {
        (f"Scope.{ours}", f"{peer} {theirs}")
        for ours, theirs in (("token", "dumps"), ("verify", "loads"))
        for peer in ("itsdangerous", "django.core.signing")
    }
    assert expected == names(rows, f"a token for a UUID, {claims}")


DOCUMENTS = {
    *("webhook, 390 B", "push event, 7 KB", "nested, 1 MB", "numbers, 1 MB", "unicode, 1 MB"),
    *("orders, indented, 100 KB", "JSON Schema draft 7, indented, 5 KB", "emoji, 530 KB"),
    *("ISO 3166-2, indented, 500 KB", "ISO 4217, canonical, 10 KB"),
}
HOSTILE = {
    "127 unsorted levels around a string",
    "127 unsorted levels, padded at each",
    "127 unsorted levels, again and again",
    "names, shuffled",
    "names with 100 octets in common, shuffled",
    "names in escapes, shuffled",
    "names of two planes, shuffled",
    "small unsorted objects",
    "empty objects and arrays",
    "deep arrays",
    "zeros",
    "short escapes",
    "escapes of any plane",
    "unicode in escapes, as clients send it",
    "doubles of 17 digits",
    "numbers of 800 digits",
    "blanks",
    "250 unsorted levels: refused",
    "a name twice, first and last: refused",
}


@pytest.mark.parametrize(
    ("section", "exact", "sorted_only"),
    [
        ("text to RFC 8785", "json.loads + rfc8785", "orjson.loads + sorted dumps"),
        ("objects to RFC 8785", "rfc8785", "orjson sorted dumps"),
    ],
)
def test_canonical_json_is_compared_on_every_document(
    rows: list[dict[str, Any]], section: str, exact: str, sorted_only: str
) -> None:
    expected = {(document, peer) for document in DOCUMENTS for peer in (exact, sorted_only)}
    assert expected | {("geometric mean", exact)} == names(rows, section)


def test_hostile_documents_are_compared_with_a_round_trip(rows: list[dict[str, Any]]) -> None:
    assert {(shape, "orjson.loads + sorted dumps") for shape in HOSTILE} == names(rows, "hostile 1 MiB documents")


def test_the_cost_of_canonical_json_is_shown_by_size(rows: list[dict[str, Any]]) -> None:
    expected = {
        (f"{shape}, {size} MB", f"{shape}, 1 MB") for shape in ("nested", "names, shuffled") for size in (1, 10)
    }
    assert expected == names(rows, "canonical JSON from text, time per MB by size")


def test_the_memory_of_a_verdict_is_shown(rows: list[dict[str, Any]]) -> None:
    shapes = {"nested", "numbers", "unicode", "unicode in escapes", "orders, indented"}
    hostile = {"127 unsorted levels, padded at each", "127 unsorted levels, again and again", "names, shuffled"}
    hostile |= {"small unsorted objects", "deep arrays", "zeros", "short escapes", "doubles of 17 digits"}
    over_body = {"Key.verify", "schemes.body"} | {f"text to verdict: {shape}" for shape in shapes | hostile}
    over_dict = {f"objects to verdict: {shape}" for shape in shapes | {"names, shuffled"}}
    expected = {(name, "the body") for name in over_body} | {(name, "the largest dict + 8 KiB") for name in over_dict}
    assert expected == names(rows, "peak memory of a verdict, besides what is given")


@pytest.mark.parametrize("framework", ["a Django", "a Flask", "a bare ASGI", "a FastAPI"])
def test_every_framework_shows_what_is_added(rows: list[dict[str, Any]], framework: str) -> None:
    cases = ["copied snippet", "sealgate, schemes.body", "sealgate, RFC 9421 and memory replay"]
    assert {(case, "bare") for case in cases} == names(rows, f"added to {framework} request")


def test_every_row_has_a_number_and_a_goal_has_a_verdict(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert (isinstance(row["value"], float), row["must"] is None) == (True, row["verdict"] == ""), row


def test_the_table_is_text_and_sections_can_be_chosen() -> None:
    lines = run("--only", "^replay").splitlines()
    title = "replay store in memory, insert of a new key"
    filled, beside = f"{title}: from none, 300 a second", f"{title}: beside 500,000 live ones"
    found = [line for line in lines if line.startswith("replay")]
    assert [True] * 3 == [line.startswith(start) for line, start in zip(found, (filled, title, beside), strict=True)]
    assert 6 == sum(line.startswith(("MemoryStore", "memory per key", "slowest")) for line in lines)
    assert not any(line.startswith("Key.verify") for line in lines)
