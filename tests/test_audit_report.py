"""What the audit prints: verdicts and exit, baselines, and the forms text, JSON, SARIF and Markdown."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif
from rich.cells import cell_len
from rich.text import Text

from reported import ENDED, EXEMPT, HOSTILE, OPEN, REPORT_ONLY, UNKNOWN, VERIFIED, entry, hostile, report
from sealgate.audit import Attack, Mismatch, Report
from sealgate.audit.documents import RULES, as_json, as_markdown, as_sarif
from sealgate.audit.judgement import judge
from sealgate.audit.text import summary, text

CLOSED = report(entry("/orders", "GET POST"), entry("/health", "GET", EXEMPT))
LEAKY = report(
    entry("/orders", "GET POST"),
    entry("/health", "GET", EXEMPT),
    entry("/raw", "POST", OPEN, "shop.views.raw", 41),
    entry("/legacy/", "*", UNKNOWN, "shop.legacy.Application", 9, kind="mount"),
)
each_hostile = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)


def ways(entries: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.path, each.methods) for each in entries]


# verdicts


def test_the_summary_counts_each_verdict() -> None:
    assert "4 ways in: 1 verified, 1 exempt, 1 unknown, 1 open" == LEAKY.summary
    assert ("1 way in: 1 verified", "0 ways in") == (report(entry("/", "GET")).summary, report().summary)


def test_verified_and_exempt_is_closed_and_open_or_unknown_is_not() -> None:
    expected = {"verified": True, "exempt": True, "open": False, "unknown": False}
    stands = (VERIFIED, EXEMPT, OPEN, UNKNOWN)
    assert expected == {each.verdict: judge(report(entry("/", "GET", each))).closed for each in stands}


def test_what_is_unknown_may_be_allowed_and_what_is_open_may_not() -> None:
    assert [True, False] == [judge(report(entry("/", "GET", s)), allow_unknown=True).closed for s in (UNKNOWN, OPEN)]


def test_report_only_is_open() -> None:
    assert not judge(report(entry("/", "GET", REPORT_ONLY))).closed


def test_an_attack_that_went_otherwise_fails_and_one_that_went_as_said_does_not() -> None:
    attacks = [
        Attack("/orders", "POST", "tampered body", status, held, None) for status, held in ((401, True), (200, False))
    ]
    assert [True, False] == [judge(replace(CLOSED, attacks=(attack,))).closed for attack in attacks]


@pytest.mark.parametrize("code", ["not-enforced", "not-declared", "optional", "undocumented", "no-such-route"])
def test_of_the_differences_from_a_document_only_a_broken_promise_fails(code: str) -> None:
    differs = replace(CLOSED, mismatches=(Mismatch("/orders", "GET", code, "it differs"),))
    assert (code != "not-enforced") is judge(differs).closed


# baselines


def baseline(before: Report, tmp_path: Path) -> Any:
    from sealgate.audit.judgement import Baseline

    file = tmp_path / "baseline.json"
    file.write_text(as_json(judge(before)))
    return Baseline.read(file)


def test_a_report_is_its_own_baseline(tmp_path: Path) -> None:
    judgement = judge(LEAKY, baseline(LEAKY, tmp_path))
    assert (True, ["/legacy/", "/raw"]) == (judgement.closed, [each.path for each in judgement.known])


def test_a_new_opening_fails_beside_known_ones(tmp_path: Path) -> None:
    more = replace(LEAKY, entries=(*LEAKY.entries, entry("/new", "GET", OPEN)))
    judgement = judge(more, baseline(LEAKY, tmp_path))
    assert (False, [("/new", ("GET",))]) == (judgement.closed, ways(judgement.openings))


def test_a_new_method_of_a_known_opening_fails_alone(tmp_path: Path) -> None:
    before, now = report(entry("/raw", "POST", OPEN)), report(entry("/raw", "DELETE POST", OPEN))
    judgement = judge(now, baseline(before, tmp_path))
    assert ([("/raw", ("DELETE",))], [("/raw", ("POST",))]) == (ways(judgement.openings), ways(judgement.known))
    assert ways(judgement.report.entries) == [("/raw", ("DELETE",)), ("/raw", ("POST",))]


def test_a_second_opening_under_a_known_name_is_new(tmp_path: Path) -> None:
    once = report(entry("/raw", "POST", OPEN))
    judgement = judge(report(*once.entries, entry("/raw", "POST", OPEN, "other", 1)), baseline(once, tmp_path))
    assert (1, 1, False) == (len(judgement.openings), len(judgement.known), judgement.closed)


@pytest.mark.parametrize(
    ("before", "now", "closed"),
    [
        (UNKNOWN, OPEN, False),
        (OPEN, UNKNOWN, True),
        (VERIFIED, OPEN, False),
        (EXEMPT, OPEN, False),
        (EXEMPT, UNKNOWN, False),
        (OPEN, VERIFIED, True),
    ],
    ids=lambda value: getattr(value, "verdict", None),
)
def test_what_a_baseline_has_may_not_get_worse(before: Any, now: Any, closed: bool, tmp_path: Path) -> None:
    was = baseline(report(entry("/raw", "POST", before)), tmp_path)
    assert closed is judge(report(entry("/raw", "POST", now)), was).closed


def test_what_is_fixed_and_what_is_gone_is_told(tmp_path: Path) -> None:
    before = baseline(report(*LEAKY.entries, entry("/old", "GET", OPEN), entry("/older", "GET")), tmp_path)
    judgement = judge(report(entry("/raw", "POST"), entry("/orders", "GET POST")), before)
    assert ["POST /raw"] == [str(way) for way in judgement.fixed]
    assert ["* /legacy/", "GET /old"] == [str(way) for way in judgement.gone]
    assert 2 == judgement.vanished  # /health and /older
    shown = text(judgement)
    for line in ("fixed since the baseline: POST /raw", "gone since the baseline: GET /old", "2 that were not open"):
        assert line in shown


def test_a_broken_promise_that_the_baseline_has_does_not_fail(tmp_path: Path) -> None:
    differs = replace(CLOSED, mismatches=(Mismatch("/health", "GET", "not-enforced", "it differs"),))
    other = replace(CLOSED, mismatches=(Mismatch("/orders", "GET", "not-enforced", "it differs"),))
    was = baseline(differs, tmp_path)
    assert [True, False] == [judge(each, was).closed for each in (differs, other)]


def test_a_baseline_does_not_excuse_an_attack_that_got_through(tmp_path: Path) -> None:
    attacked = replace(CLOSED, attacks=(Attack("/orders", "POST", "replayed", 200, False, True),))
    assert not judge(attacked, baseline(attacked, tmp_path)).closed


@each_hostile
def test_a_report_with_any_name_is_its_own_baseline(name: str, tmp_path: Path) -> None:
    judgement = judge(replace(hostile(name), attacks=()), baseline(hostile(name), tmp_path))
    assert (True, 2) == (judgement.closed, len(judgement.known))


# text


def test_the_worst_come_first_and_the_summary_last() -> None:
    lines = text(judge(LEAKY)).splitlines()
    verdicts = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert ["VERDICT", "OPEN", "UNKNOWN", "exempt", "verified", "4"] == verdicts
    assert LEAKY.summary == lines[-1]


def test_a_line_has_verdict_methods_path_and_why() -> None:
    lines = text(judge(LEAKY)).splitlines()
    assert "exempt    GET        /health   exempt: load balancer probe" in lines
    assert "verified  GET, POST  /orders   github" in next(line for line in lines if "/orders" in line)


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ("CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE", "any"),
        ("CONNECT DELETE OPTIONS PATCH POST PUT TRACE", "any but GET, HEAD"),
        ("DELETE GET HEAD OPTIONS PATCH POST PUT", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        ("CONNECT GET TRACE", "CONNECT, GET, TRACE"),
        ("GET PURGE", "GET, PURGE"),
    ],
)
def test_a_view_that_takes_any_method_says_so(methods: str, expected: str) -> None:
    line = text(judge(report(entry("/orders", methods, EXEMPT)))).splitlines()[1]
    assert ["exempt", expected, "/orders"] == re.split(" {2,}", line)[:3]


def test_an_opening_says_where_it_is_written() -> None:
    shown = text(judge(LEAKY))
    assert "shop.views.raw shop/views.py:41" in shown


def test_an_exemption_that_has_ended_is_named() -> None:
    shown = text(judge(report(entry("/beta", "GET", ENDED))))
    assert "ended exemption: GET /beta: its exemption ended on 2020-09-13T12:26:40+00:00: beta testers" in shown


def test_attacks_and_mismatches_are_summed_up_and_the_failed_ones_named() -> None:
    attacks = (Attack("/a", "GET", "unsigned", 401, True, False), Attack("/b", "GET", "replayed", 200, False, True))
    left_out = Attack("/c", "GET", "left out", None, True)
    full = replace(CLOSED, attacks=(*attacks, left_out), mismatches=(Mismatch("/c", "GET", "optional", "it may"),))
    shown = text(judge(full))
    assert "probe: GET /b, replayed: answered 200, the view ran\n" in shown
    assert "OpenAPI, optional: GET /c: it may\n" in shown
    assert shown.endswith("; 1 differ from the OpenAPI document; 2 attacks: 1 went otherwise than the verdicts say\n")
    assert "/a" not in shown


@pytest.mark.parametrize("width", [60, 80, 132])
def test_no_line_of_an_ordinary_report_is_wider_than_the_terminal(width: int) -> None:
    more = [entry(f"/東京/{n}", "DELETE GET HEAD OPTIONS", ENDED if n % 2 else OPEN, "a.b", n) for n in range(9)]
    lines = text(judge(report(*LEAKY.entries, *more)), width).splitlines()
    table = [line for line in lines if re.match(r"VERDICT|OPEN|UNKNOWN|exempt|verified| ", line)]
    assert ([], True) == ([line for line in table if cell_len(line) > width], len(table) > 13)


def test_columns_stand_below_one_another_whatever_the_script() -> None:
    names = ["/plain", "/東京", "/é"]
    lines = text(judge(report(*(entry(name, "GET", EXEMPT) for name in names)))).splitlines()[1:-1]
    assert 1 == len({cell_len(line[: line.index("exempt: ")]) for line in lines})


def test_colours_are_for_terminals_only_and_add_nothing_else() -> None:
    plain, coloured = text(judge(LEAKY), 100), text(judge(LEAKY), 100, colour=True)
    assert ("\x1b" in plain, "\x1b[1;31mOPEN\x1b[0m" in coloured) == (False, True)
    assert plain.splitlines() == Text.from_ansi(coloured).plain.splitlines()


@each_hostile
@pytest.mark.parametrize("width", [None, 20, 80])
def test_no_name_writes_to_the_terminal_or_forges_a_line(name: str, width: int | None) -> None:
    shown = text(judge(hostile(name)), width)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert 1 == len([line for line in shown.split("\n") if line.startswith("OPEN")])
    shown.encode()
    assert len(shown) < 60_000


# JSON


def test_the_json_report_has_what_every_entry_promises() -> None:
    told = json.loads(as_json(judge(LEAKY)))
    assert ("shop.wsgi:application", "flask", False) == (told["target"], told["framework"], told["closed"])
    assert {"open": 1, "unknown": 1, "exempt": 1, "verified": 1} == told["summary"]
    assert all({"path", "methods", "verdict", "evidence"} <= set(each) for each in told["entries"])
    (raw,) = [each for each in told["entries"] if each["path"] == "/raw"]
    assert (["POST"], "open", list(OPEN.evidence), 41) == (raw["methods"], raw["verdict"], raw["evidence"], raw["line"])


def test_the_json_report_is_the_same_whatever_order_the_routes_came_in() -> None:
    assert as_json(judge(LEAKY)) == as_json(judge(replace(LEAKY, entries=LEAKY.entries[::-1])))


@each_hostile
def test_json_keeps_every_name_that_is_text(name: str) -> None:
    written = as_json(judge(hostile(name)))
    assert written.isascii()
    expected = name.encode("utf-8", "backslashreplace").decode()
    assert {expected} == {each["path"] for each in json.loads(written)["entries"]}


# SARIF


def results(judgement: Any) -> list[dict[str, Any]]:
    written = as_sarif(judgement)
    Sarif.model_validate_json(written)
    found: list[dict[str, Any]] = json.loads(written)["runs"][0]["results"]
    return found


def test_each_kind_of_finding_has_its_rule_and_level() -> None:
    parsed = replace(VERIFIED, parsed_first=True)
    stands = {"/v": VERIFIED, "/x": EXEMPT, "/o": OPEN, "/u": UNKNOWN, "/r": REPORT_ONLY, "/e": ENDED, "/p": parsed}
    full = replace(
        report(*(entry(path, "GET", stand) for path, stand in stands.items())),
        mismatches=(Mismatch("/v", "GET", "not-enforced", "a"), Mismatch("/x", "GET", "undocumented", "b")),
        attacks=(Attack("/v", "GET", "replayed", 200, False), Attack("/v", "GET", "unsigned", 401, True)),
    )
    expected = {
        ("sealgate/open", "error", "/o"),
        ("sealgate/report-only", "error", "/r"),
        ("sealgate/unknown", "warning", "/u"),
        ("sealgate/expired-exemption", "note", "/e"),
        ("sealgate/parsed-first", "note", "/p"),
        ("sealgate/not-enforced", "error", "/v"),
        ("sealgate/mismatch", "note", "/x"),
        ("sealgate/probe", "error", "/v"),
    }
    assert expected == {(each["ruleId"], each["level"], each["properties"]["path"]) for each in results(judge(full))}
    assert {rule for rule, *_ in expected} == set(RULES)


def test_a_finding_points_at_the_line_of_the_view() -> None:
    (result,) = [each for each in results(judge(LEAKY)) if each["ruleId"] == "sealgate/open"]
    place = result["locations"][0]["physicalLocation"]
    assert ("shop/views.py", 41) == (place["artifactLocation"]["uri"], place["region"]["startLine"])


def test_a_finding_stays_the_same_when_its_view_moves_down() -> None:
    moved = replace(
        LEAKY,
        entries=tuple(replace(each, source=each.source and each.source._replace(line=99)) for each in LEAKY.entries),
    )
    before, after = (
        {each["partialFingerprints"]["sealgate/v1"] for each in results(judge(found))} for found in (LEAKY, moved)
    )
    assert before == after


def test_what_a_baseline_knows_is_suppressed_and_what_is_new_is_not(tmp_path: Path) -> None:
    more = replace(LEAKY, entries=(*LEAKY.entries, entry("/new", "GET", OPEN)))
    found = results(judge(more, baseline(LEAKY, tmp_path)))
    expected = {"/raw": True, "/legacy/": True, "/new": False}
    assert expected == {each["properties"]["path"]: "suppressions" in each for each in found}


def test_of_two_openings_that_look_alike_neither_is_suppressed_when_one_is_new(tmp_path: Path) -> None:
    raw = entry("/raw", "POST", OPEN)
    found = results(judge(report(raw, raw), baseline(report(raw), tmp_path)))
    assert [False, False] == ["suppressions" in each for each in found]


@each_hostile
def test_sarif_is_valid_and_plain_whatever_the_names(name: str) -> None:
    assert 4 == len(found := results(judge(hostile(name))))
    assert all(each["message"]["text"].isprintable() for each in found)


# Markdown


def rendered(judgement: Any) -> list[Any]:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(as_markdown(judgement))


def cells(judgement: Any) -> list[list[str]]:
    """The text of each row of the tables, as a reader sees it."""
    rows: list[list[str]] = []
    for before, token in pairwise(rendered(judgement)):
        if token.type == "tr_open":
            rows.append([])
        elif before.type in {"td_open", "th_open"}:
            rows[-1].append("".join(child.content for child in token.children))
    return rows


def test_markdown_shows_each_way_in_in_a_table() -> None:
    head, *rows = cells(judge(report(entry("/raw", "POST", OPEN, "shop.views.raw", 41))))
    assert ["verdict", "methods", "path", "why", "where"] == head
    assert [["open", "POST", "/raw", OPEN.evidence[0], "shop.views.raw shop/views.py:41"]] == rows


def test_markdown_folds_what_is_verified_and_says_whether_all_is_closed() -> None:
    assert "closed" in as_markdown(judge(CLOSED)).splitlines()[0]
    assert "not closed" in as_markdown(judge(LEAKY)).splitlines()[0]
    assert "<summary>1 verified</summary>" in as_markdown(judge(CLOSED))


@each_hostile
def test_no_name_is_markup_in_markdown(name: str) -> None:
    judgement = judge(hostile(name))
    inline = [child for token in rendered(judgement) for child in token.children or ()]
    assert {"text", "code_inline", "strong_open", "strong_close"} >= {child.type for child in inline}
    blocks = {token.content.strip() for token in rendered(judgement) if token.type == "html_block"}
    assert blocks <= {"<details>\n<summary>1 verified</summary>", "</details>"}
    assert [5] * 6 == [len(row) for row in cells(judgement)]
    assert 2 == len({row[2] for row in cells(judgement)})  # "path", and the one name


@each_hostile
def test_markdown_shows_names_as_they_are_where_they_can_be_printed(name: str) -> None:
    shown = cells(judge(hostile(name)))[1][2]
    assert (shown == name) is (name.isprintable() and name.strip() == name != "")


def test_every_form_has_the_same_summary() -> None:
    judgement = judge(LEAKY)
    assert LEAKY.summary == summary(judgement)
    assert LEAKY.summary in as_markdown(judgement)
