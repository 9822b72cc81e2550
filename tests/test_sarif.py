"""SARIF 2.1.0: judged by models that others generated from the OASIS schema, which admit nothing that it has not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from reported import HOSTILE
from sealgate.sarif import Finding, sarif

RULES = {"sealgate/open": "An unsigned request gets in.", "sealgate/unknown": "It cannot be told."}
ROOT = Path("/srv/shop")


def log(*findings: Finding, rules: dict[str, str] = RULES, root: Path = ROOT) -> dict[str, Any]:
    """What is written, read again; and valid."""
    written = json.dumps(sarif(rules, findings, root), allow_nan=False)
    written.encode()
    Sarif.model_validate_json(written)
    read: dict[str, Any] = json.loads(written)
    return read


def results(*findings: Finding, **settings: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log(*findings, **settings)["runs"][0]["results"]
    return found


def found(message: str = "GET /", **more: Any) -> Finding:
    return Finding("sealgate/open", "error", message, **more)


def artifact(file: str, root: Path = ROOT) -> dict[str, Any]:
    (result,) = results(found(file=file), root=root)
    place: dict[str, Any] = result["locations"][0]["physicalLocation"]["artifactLocation"]
    return place


def test_the_judge_refuses_what_the_schema_has_not() -> None:
    """Or its silence would mean nothing."""
    for change in ({"surplus": 1}, {"level": "fatal"}, {"message": {}}, {"ruleIndex": "0"}):
        document = sarif(RULES, [found()], ROOT)
        document["runs"][0]["results"][0] |= change
        if "message" in change:
            del document["runs"][0]["results"][0]["message"]
        with pytest.raises(ValueError, match="validation error"):
            Sarif.model_validate_json(json.dumps(document), strict=True)


def test_a_log_without_findings_lists_its_rules() -> None:
    run = log()["runs"][0]
    assert ([], list(RULES)) == (run["results"], [rule["id"] for rule in run["tool"]["driver"]["rules"]])


def test_a_result_names_rule_level_file_and_line() -> None:
    rule = Finding("sealgate/unknown", "warning", "who knows", "/srv/shop/views/orders.py", 12)
    (result,) = results(rule)
    place = result["locations"][0]["physicalLocation"]
    assert ("sealgate/unknown", 1, "warning") == (result["ruleId"], result["ruleIndex"], result["level"])
    assert {"uri": "views/orders.py", "uriBaseId": "%SRCROOT%"} == place["artifactLocation"]
    assert {"startLine": 12} == place["region"]


def test_a_result_without_a_place_has_no_location() -> None:
    (result,) = results(found())
    assert "locations" not in result


@pytest.mark.parametrize("line", [None, 0, -1])
def test_a_line_that_is_none_gives_no_region(line: int | None) -> None:
    (result,) = results(found(file="views.py", line=line))
    assert "region" not in result["locations"][0]["physicalLocation"]


def test_a_rule_that_is_not_listed_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        sarif(RULES, [Finding("sealgate/nothing", "note", "x")], ROOT)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/srv/shop/a b/ä.py", "a%20b/%C3%A4.py"),
        ("/srv/shop/../shop/x.py", "x.py"),
        ("views.py", "views.py"),
        ("./a/../views.py", "views.py"),
        ("/srv/shop/100%/#?.py", "100%25/%23%3F.py"),
        ("/srv/shop/a:b.py", "a%3Ab.py"),
        ("<string>", "%3Cstring%3E"),
    ],
)
def test_a_file_below_the_root_is_named_from_there(file: str, expected: str) -> None:
    assert {"uri": expected, "uriBaseId": "%SRCROOT%"} == artifact(file)


@pytest.mark.parametrize("file", ["/usr/lib/python3/site-packages/x.py", "/srv/shop2/x.py", "../x.py", "/srv"])
def test_a_file_elsewhere_is_a_file_uri(file: str) -> None:
    place = artifact(file)
    expected = os.path.normpath(ROOT / file)
    assert {"uri"} == set(place)
    assert ("file", "", expected) == (
        *urlsplit(place["uri"])[:2],
        os.fsdecode(unquote_to_bytes(urlsplit(place["uri"]).path)),
    )


def test_the_octets_of_a_file_name_that_is_no_text_are_kept() -> None:
    assert b"\xff.py" == unquote_to_bytes(artifact(os.fsdecode(b"/srv/shop/\xff.py"))["uri"])


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_whatever_a_name_contains_the_log_is_valid_and_says_it_in_plain_text(name: str) -> None:
    properties = {"path": name, "more": [name, {name: name}], "line": 1, "none": None}
    (result,) = results(found(name, file=name.replace("\0", ""), identity=name, suppressed=name, properties=properties))
    message = result["message"]["text"]
    assert all(char.isprintable() or char == "\n" for char in message)
    assert "](" not in message
    assert (message.count("{"), message.count("}")) == (2 * name.count("{"), 2 * name.count("}"))
    assert name.replace("\n", "").isprintable() is (result["properties"]["path"] == name)


def test_a_finding_keeps_its_fingerprint_when_lines_move_and_wording_changes() -> None:
    before = results(found("old", file="a.py", line=3, identity="GET /a"), found(identity="GET /b"))
    after = results(found(identity="GET /b"), found("new", file="b.py", line=9, identity="GET /a"))
    assert [each["partialFingerprints"] for each in before] == [each["partialFingerprints"] for each in reversed(after)]


def test_different_findings_have_different_fingerprints() -> None:
    findings = [
        found("a"),
        found("a"),
        found("b"),
        found("b", identity="a b"),
        Finding("sealgate/unknown", "note", "a"),
    ]
    assert 5 == len({result["partialFingerprints"]["sealgate/v1"] for result in results(*findings)})


def test_what_is_accepted_is_there_and_suppressed_with_its_reason() -> None:
    (result,) = results(found(suppressed="behind the VPN"))
    assert [{"kind": "external", "justification": "behind the VPN"}] == result["suppressions"]


def test_the_same_findings_give_the_same_log() -> None:
    assert log(found("a"), found("b")) == log(found("a"), found("b"))
