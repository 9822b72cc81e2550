"""A small storm; the large one is a command: `python tests/storm.py`."""

from __future__ import annotations

from storm import storm


def test_of_each_request_exactly_one_offer_is_accepted_by_all_workers() -> None:
    report = storm("sqlite", requests=60, workers=2, kind="any")
    assert {f"/{number}": 1 for number in range(60)} == dict(report.accepted), report
    assert 60 == report.answers[200]
    assert {200, 401, 503} >= set(report.answers)


def test_acknowledged_offers_are_answered_and_the_view_runs_once() -> None:
    report = storm("redis", requests=60, workers=2, duplicates="acknowledge")
    assert {f"/{number}": 1 for number in range(60)} == dict(report.accepted), report
    assert 300 == report.answers[200], report
    assert {200, 503} >= set(report.answers), report


def test_a_slow_store_lets_nothing_in_twice() -> None:
    report = storm("redis", requests=40, workers=2, slow=0.2, kind="any")
    assert 0 == report.twice, report
    assert {200, 401, 503} >= set(report.answers), report
    assert report.answers[200] > 0, report


def test_a_store_that_dies_lets_nothing_in_twice() -> None:
    report = storm("redis", requests=200, workers=2, hurt=True)
    assert 0 == report.twice, report
    assert {0, 200, 401, 503} >= set(report.answers), report
    assert report.answers[200] > 0, report
