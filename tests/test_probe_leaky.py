"""The leaky samples under attack: each opening lets an unsigned request in, and their fixed twins hold everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

import leaky_django
import leaky_fastapi
import leaky_flask
from probed import got_in, refuted
from sealgate.audit import Entry, audit
from sealgate.audit.probe import probe
from sealgate.audit.report import Attack, Report

SAMPLES = {"django": leaky_django, "fastapi": leaky_fastapi, "flask": leaky_flask}
#: What only says whether the body was parsed first.
MALFORMED = "malformed body unsigned"

each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
each_opening = pytest.mark.parametrize(
    ("sample", "way"),
    [
        pytest.param(sample, way, id=f"{name}-{opening}")
        for name, sample in SAMPLES.items()
        for opening, way in sample.OPENINGS.items()
    ],
)
each_protection = pytest.mark.parametrize(
    ("sample", "protection"),
    [
        pytest.param(sample, protection, id=f"{name}-{protection}")
        for name, sample in SAMPLES.items()
        for protection in getattr(sample, "PROTECTIONS", ())
    ],
)


@contextmanager
def running(sample: ModuleType, build: str, *how: str) -> Iterator[Any]:
    """The application; Django's has settings of its own until it is left."""
    with ExitStack() as stack:
        app = getattr(sample, build)(*how)
        yield stack.enter_context(app) if isinstance(app, AbstractContextManager) else app


def attacks_on(app: Any, sample: ModuleType, report: Report) -> tuple[Attack, ...]:
    return probe(report, app, signer=sample.signer(), origin=sample.ORIGIN, unsafe=True).attacks


def at(report: Report, way: tuple[str, str]) -> Report:
    """What the audit has for this path and method, to be attacked at this very path."""
    path, method = way
    found = [replace(entry, example=path, methods=(method,)) for entry in report.entries if _takes(entry, way)]
    return replace(report, entries=tuple(found))


def _takes(entry: Entry, way: tuple[str, str]) -> bool:
    return bool({way[1], "*"} & set(entry.methods)) and re.fullmatch(_expression(entry.path), way[0]) is not None


def _expression(pattern: str) -> str:
    """A framework's pattern of paths as a regular expression."""
    parts = re.split(r"(\(\?P<\w+>[^)]*\)|<[^>]*>|\{[^}]*\}|\*)", pattern.replace("^", "").replace("$", ""))
    return "".join(".*" if at % 2 else re.escape(part) for at, part in enumerate(parts))


def ways_in(attacks: tuple[Attack, ...]) -> set[tuple[str, str]]:
    """Unsigned, or signed for something else; or parsed before anything was proven."""
    parsed = {(each.path, each.method) for each in attacks if each.name == MALFORMED and each.status in {400, 415, 422}}
    return got_in(attacks) | parsed


@each_opening
def test_every_opening_lets_an_unsigned_request_in(sample: ModuleType, way: tuple[str, str]) -> None:
    with running(sample, "leaky") as app:
        attacks = attacks_on(app, sample, at(audit(app), way))
    assert {way} == {way} & ways_in(attacks)


@each_sample
def test_the_audits_own_examples_find_them(sample: ModuleType) -> None:
    """All but one, which answers a single value of a path's parameter."""
    with running(sample, "leaky") as app:
        report = audit(app)
        ways = ways_in(attacks_on(app, sample, report))
    known = [entry for entry in report.entries if entry.kind not in {"missing", "middleware"}]
    missed = {
        opening
        for opening, way in sample.OPENINGS.items()
        if not {(entry.example, way[1]) for entry in known if _takes(entry, way)} & ways
    }
    assert missed <= {"preprocessor that answers first"}


@each_opening
def test_nothing_gets_in_there_once_it_is_fixed(sample: ModuleType, way: tuple[str, str]) -> None:
    with running(sample, "fixed") as app:
        attacks = attacks_on(app, sample, at(audit(app), way))
    assert (set(), set()) == ({way} & ways_in(attacks), refuted(attacks))
    assert attacks


@each_sample
def test_fixed_twin_holds_everywhere(sample: ModuleType) -> None:
    with running(sample, "fixed") as app:
        attacks = probe(audit(app), app, signer=sample.signer(), origin=sample.ORIGIN).attacks
    assert [] == [each for each in attacks if not each.held]
    assert {True} == {each.held for each in attacks if each.name == "good request"}


def test_views_that_are_seen_to_run_are_those_that_say_so() -> None:
    """A class's OPTIONS is Django's or REST framework's own, and says nothing; nor does a view that cannot parse."""
    with running(leaky_django, "leaky") as app:
        report = audit(app)
        own = [each for each in report.entries if each.source and each.source.file == leaky_django.__file__]
        leaky_django.RAN.clear()
        attacks = probe(replace(report, entries=tuple(own)), app, origin=leaky_django.ORIGIN, unsafe=True).attacks
    functions = {each.example for each in own if each.view.endswith((".view", ".by_hand"))}
    telling = [each for each in attacks if each.path in functions or each.method != "OPTIONS"]
    telling = [each for each in telling if each.name != MALFORMED]
    assert len(leaky_django.RAN) == sum(each.ran is True for each in telling)
    assert {"export", "invoice", "bulk", "orders", "refund", "rates", "status"} <= set(leaky_django.RAN)


@each_protection
def test_protection_that_is_gone_is_missed(sample: ModuleType, protection: str) -> None:
    """The audit has seen the fixed application; what is attacked is one without the protection."""
    way = sample.PROTECTIONS[protection]
    with running(sample, "fixed") as app:
        report = at(audit(app), way)
    with running(sample, "fixed", protection) as app:
        attacks = attacks_on(app, sample, report)
    assert (*way, "unsigned") in {(each.path, each.method, each.name) for each in attacks if not each.held}
