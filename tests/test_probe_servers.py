"""The probe by `--url`: real servers on loopback, which the audited application runs on."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import leaky_fastapi
import leaky_flask
from probed import got_in, names
from sealgate.audit import audit
from sealgate.audit.probe import LEFT_OUT, probe
from sealgate.audit.report import Attack, Report
from servers import Server, serving

_GUNICORN = "-m gunicorn --bind 127.0.0.1:{{port}} --workers 1 --log-level warning leaky_flask:{}()"
_UVICORN = (
    "-m uvicorn --factory leaky_fastapi:{} --host 127.0.0.1 --port {{port}} --ws wsproto --log-level critical "
    "--no-access-log"
)
SERVERS = [
    Server(f"{name}-{build}", command.format(build), ())
    for name, command in (("gunicorn", _GUNICORN), ("uvicorn", _UVICORN))
    for build in ("leaky", "fixed")
]
#: A route, a mount, an exempt tree and a way around; enough of them for a server.
PATHS = {
    "gunicorn": ("/orders", "/hooks/github", "/partners/orders", "/status", "/partners/public/refund", "/admin/users"),
    "uvicorn": ("/orders", "/hooks/github", "/partners/orders", "/feed", "/partners/public/refund", "/admin/users"),
}
SAMPLES = {"gunicorn": leaky_flask, "uvicorn": leaky_fastapi}

each_server = pytest.mark.parametrize("name", SAMPLES)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with serving(SERVERS, tmp_path_factory.mktemp("servers")) as started:
        yield started


def audited(name: str, build: str) -> Report:
    report = audit(getattr(SAMPLES[name], build)())
    entries = tuple(entry for entry in report.entries if entry.path in PATHS[name] or entry.kind == "missing")
    return Report(report.target, report.framework, entries)


def attack(run: Any, report: Report, sample: ModuleType, **how: Any) -> tuple[Attack, ...]:
    url = f"http://127.0.0.1:{run.port}"
    return probe(report, url, signer=sample.signer(), origin=sample.ORIGIN, unsafe=True, **how).attacks


@each_server
def test_fixed_application_holds_on_its_server(name: str, running: dict[str, Any]) -> None:
    attacks = attack(running[f"{name}-fixed"], audited(name, "fixed"), SAMPLES[name])
    assert [] == [each for each in attacks if not each.held]
    assert {"good request", "replayed", "body over the limit", "other host", "path trick signed"} <= names(attacks)
    assert {None} == {each.ran for each in attacks}
    expected = {200, 404, 405, 422} | ({101} if name == "uvicorn" else set())
    assert {each.status for each in attacks if each.name == "good request"} <= expected


@each_server
def test_openings_are_open_on_their_server(name: str, running: dict[str, Any]) -> None:
    attacks = attack(running[f"{name}-leaky"], audited(name, "leaky"), SAMPLES[name])
    ways = {way for way in SAMPLES[name].OPENINGS.values() if way[0] in PATHS[name]}
    malformed = {SAMPLES[name].OPENINGS["parsed before it is verified"]}
    assert ways - malformed == (ways - malformed) & got_in(attacks)
    assert ways - malformed


@each_server
def test_report_on_the_fixed_application_is_refuted_by_the_leaky_one(name: str, running: dict[str, Any]) -> None:
    """Which is what a report is worth once something else has been deployed."""
    report = audited(name, "fixed")
    attacks = attack(running[f"{name}-leaky"], report, SAMPLES[name])
    refuted = {(each.path, each.method) for each in attacks if not each.held and each.name == "unsigned"}
    ways = {way for way in SAMPLES[name].OPENINGS.values() if way[0] in PATHS[name]}
    malformed = {SAMPLES[name].OPENINGS["parsed before it is verified"]}
    assert ways - malformed <= refuted


@each_server
def test_localhost_is_loopback(name: str, running: dict[str, Any]) -> None:
    report = audited(name, "fixed")
    url = f"http://localhost:{running[f'{name}-fixed'].port}/"
    attacks = [each for each in probe(report, url).attacks if each.name != LEFT_OUT]
    assert ([], True) == ([each for each in attacks if not each.held], bool(attacks))
