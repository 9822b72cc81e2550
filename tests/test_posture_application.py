"""Each check of an application: what it calls bad, what it cannot tell, and that the right thing is all right."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import cachetools
import pytest

from judged import KEY, KEY_ID, ORIGIN, RFC9421
from recorded_machine import recorded
from sealgate import Request, Verifier, schemes
from sealgate.posture import Application, Finding, System, posture
from sealgate.posture.application import ring_of

FORMS: dict[str, str] = {
    "text": KEY.decode(),
    "hex": KEY.hex(),
    "HEX": KEY.hex().upper(),
    "base64": base64.b64encode(KEY).decode(),
    "base64 for URLs, unpadded": base64.urlsafe_b64encode(KEY).decode().rstrip("="),
    "JWK": json.dumps({"kty": "oct", "kid": "a", "k": base64.urlsafe_b64encode(KEY).decode().rstrip("=")}),
    "JWK set": json.dumps({"keys": [{"k": "AAAA"}, {"k": base64.urlsafe_b64encode(KEY).decode().rstrip("=")}]}),
    "zeros after it, which HMAC takes for the same": (KEY + b"\0").hex(),
}


def good(tmp_path: Path, environ: Mapping[str, str] | None = None, **changes: Any) -> Application:
    """A Flask application in one process that nothing is wrong with."""
    source = tmp_path / "shop.py"
    source.write_text('"""A shop."""\nNAME = "the shop of the partners"\n')
    machine = recorded(Path(mkdtemp(dir=tmp_path)), environ=environ)
    own = Application("Flask", (RFC9421.verifier(),), debug=False, sources=(str(source),), system=machine)
    return replace(own, **changes)


def found(application: Application) -> dict[str, Finding]:
    findings = {each.id.removeprefix("sealgate."): each for each in posture(application, system=application.system)}
    return {name: finding for name, finding in findings.items() if name >= "P050"}


def states(application: Application) -> dict[str, str]:
    return {name: finding.state for name, finding in found(application).items() if finding.state != "ok"}


def told(application: Application, check: str) -> str:
    return "; ".join(found(application)[check].evidence)


def test_an_application_that_is_right_is_all_right(tmp_path: Path) -> None:
    application = good(tmp_path)
    assert {} == states(application)
    assert 14 == len(found(application))


@pytest.mark.parametrize("form", FORMS)
def test_a_key_in_the_environment_is_found_in_every_form(form: str, tmp_path: Path) -> None:
    application = good(tmp_path, {"PATH": "/bin", "SHOP": FORMS[form]})
    assert {"P050": "bad"} == states(application)
    assert "the variable SHOP holds a key of <Verifier rfc9421>" == told(application, "P050")


@pytest.mark.parametrize("form", FORMS)
def test_a_key_in_the_source_is_found_in_every_form(form: str, tmp_path: Path) -> None:
    for number, literal in enumerate((FORMS[form], FORMS[form].encode())):
        source = tmp_path / f"settings{number}.py"
        source.write_text(f"import os\n\n\ndef keys():\n    return {{'a': {literal!r}, '\\d': 1}}\n")
        application = good(tmp_path, sources=(str(source),))
        assert {"P051": "bad"} == states(application)
        assert f"{source}, line 5: a key of <Verifier rfc9421>" == told(application, "P051")


def test_a_key_of_the_framework_counts_too(tmp_path: Path) -> None:
    secret = "what signs the sessions"
    source = tmp_path / "settings.py"
    source.write_text(f"SECRET_KEY = {secret!r}\n")
    application = good(tmp_path, sources=(str(source),), secrets={"SECRET_KEY": ring_of(secret)})
    assert ({"P051": "bad"}, f"{source}, line 1: a key of SECRET_KEY") == (
        states(application),
        told(application, "P051"),
    )


def test_source_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def (:\n")
    (tmp_path / "null.py").write_bytes(b"x = '\0'\n")
    for name, why in (("gone", "FileNotFoundError"), ("bad", "SyntaxError"), ("null", "Error")):
        application = good(tmp_path, sources=(str(tmp_path / f"{name}.py"),))
        assert {"P051": "unknown"} == states(application)
        assert why in told(application, "P051")
    assert "no source of the application is known" == told(good(tmp_path, sources=()), "P051")


def test_keys_that_a_function_gives_are_unknown(tmp_path: Path) -> None:
    def source(key_id: str | None, request: Request) -> bytes:
        return KEY

    application = good(tmp_path, verifiers=(RFC9421.verifier(keys=source),))
    assert {"P050": "unknown", "P051": "unknown"} == states(application)


def test_without_a_verifier_nothing_of_verifiers_is_ok(tmp_path: Path) -> None:
    of_verifiers = dict.fromkeys(["P050", "P052", "P053", "P062", "P063", "P066"], "unknown")
    assert of_verifiers == states(good(tmp_path, verifiers=()))


class Elsewhere(System):
    """This machine, where one path belongs to somebody else."""

    def __init__(self, environ: Mapping[str, str], foreign: Path) -> None:
        super().__init__(environ=environ)
        self._foreign = str(foreign)

    def found(self, path: str) -> os.stat_result | None:
        seen = super().found(path)
        if seen is None or path != self._foreign:
            return seen
        return os.stat_result((*seen[:4], 4711, *seen[5:10]))


def key_file(tmp_path: Path, kind: str) -> tuple[str, Path]:
    """A file, or a directory with one: what verifiers are given, and the file."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    file = folder / KEY_ID
    file.write_text(FORMS["JWK"].replace('"a"', f'"{KEY_ID}"'))
    file.chmod(0o400)
    return (f"file:{file}", file) if kind == "file" else (f"dir:{folder}", file)


@pytest.mark.parametrize("kind", ["file", "dir"])
@pytest.mark.parametrize(
    ("mode", "folder_mode", "expected"),
    [
        (0o400, 0o700, {}),
        (0o600, 0o755, {}),
        (0o600, 0o1777, {}),
        (0o440, 0o700, {"P052": "0440"}),
        (0o604, 0o700, {"P052": "0604"}),
        (0o420, 0o700, {"P053": "0420"}),
        (0o400, 0o777, {"P053": "0777"}),
        (0o400, 0o720, {"P053": "0720"}),
    ],
)
def test_key_files_that_others_read_or_change(
    kind: str, mode: int, folder_mode: int, expected: dict[str, str], tmp_path: Path
) -> None:
    where, file = key_file(tmp_path, kind)
    application = good(tmp_path, verifiers=(RFC9421.verifier(keys=where),), system=System(environ={"PATH": "/bin"}))
    file.chmod(mode)
    file.parent.chmod(folder_mode)
    bad = {name: told(application, name) for name, state in states(application).items() if state == "bad"}
    assert set(expected) == set(bad)
    assert all(f"mode {figure}" in bad[name] for name, figure in expected.items())


@pytest.mark.parametrize("place", ["keys/acme", "keys"])
def test_key_files_of_somebody_else(place: str, tmp_path: Path) -> None:
    where, _ = key_file(tmp_path, "dir")
    system = Elsewhere({"PATH": "/bin"}, tmp_path / place)
    application = good(tmp_path, verifiers=(RFC9421.verifier(keys=where),), system=system)
    assert f"{tmp_path / place}: owned by uid 4711" == told(application, "P053")


def test_a_link_to_a_key_file_counts_where_it_is_and_where_it_leads(tmp_path: Path) -> None:
    """A Kubernetes secret is a link to a link."""
    where, file = key_file(tmp_path, "file")
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "key").symlink_to(file)
    (tmp_path / "open").chmod(0o777)
    for link, expected in ((where, "ok"), (f"file:{tmp_path}/open/key", "bad")):
        application = good(tmp_path, verifiers=(RFC9421.verifier(keys=link),), system=System(environ={}))
        assert expected == found(application)["P053"].state
    assert f"{tmp_path}/open: mode 0777" == told(application, "P053")
    (tmp_path / "open").chmod(0o700)
    file.chmod(0o420)
    assert f"{file}: mode 0420" in told(application, "P053")


def test_a_key_file_that_went_away_is_unknown(tmp_path: Path) -> None:
    where, file = key_file(tmp_path, "file")
    application = good(tmp_path, verifiers=(RFC9421.verifier(keys=where),), system=System(environ={}))
    file.unlink()
    assert ("unknown", "unknown") == tuple(found(application)[name].state for name in ("P052", "P053"))


def test_debugging(tmp_path: Path) -> None:
    assert {"P060": "bad"} == states(good(tmp_path, debug=True))
    assert {"P060": "unknown"} == states(good(tmp_path, debug=None))


def test_several_workers_need_a_shared_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    application = good(tmp_path)
    assert "<Verifier rfc9421> remembers in memory; and one worker" == told(application, "P062")
    silent = recorded(tmp_path / "silent", {"/proc/1/cmdline": "/sbin/init\0"})
    assert "unknown" == found(replace(application, system=silent))["P062"].state
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert {"P062": "bad"} == states(application)
    assert "and there is WEB_CONCURRENCY=4" in told(application, "P062")
    shared = RFC9421.verifier(replay=f"sqlite:///{tmp_path}/replay.db")
    assert {} == states(replace(application, verifiers=(shared,)))


class Forgetful:
    """A store of one's own, in what somebody had at hand."""

    def __init__(self, seen: Any) -> None:
        self._seen = seen

    def add(self, key: bytes, expires: int, /) -> bool:
        return bool(self._seen.setdefault(key, expires) == expires)


def test_stores_that_forget(tmp_path: Path) -> None:
    application = good(tmp_path)
    for seen, state in ((cachetools.TTLCache(10, 60), "bad"), (cachetools.LRUCache(10), "bad"), ({}, "unknown")):
        changed = replace(application, verifiers=(RFC9421.verifier(replay=Forgetful(seen)),))
        assert {"P063": state} == states(changed)


def test_a_django_cache_as_a_store_is_named(tmp_path: Path) -> None:
    from django.core.cache.backends.locmem import LocMemCache

    cache = LocMemCache("x", {})
    assert {"P063": "bad"} == states(good(tmp_path, verifiers=(RFC9421.verifier(replay=cache),)))


def test_a_verifier_that_takes_any_host(tmp_path: Path) -> None:
    for origin, expected in ((None, {"P066": "bad"}), (ORIGIN, {})):
        verifier = Verifier(schemes.GITHUB, keys=KEY, origin=origin)
        assert expected == states(good(tmp_path, verifiers=(verifier,)))


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("P061", {"docs": ("/docs",)}),
    ("P064", {"own_checks": (("sealgate.E003", "it stands after the cache"),)}),
    ("P065", {"own_checks": (("sealgate.W001", "REPORT_ONLY lets refused requests through"),)}),
    ("P067", {"proxies": ("USE_X_FORWARDED_HOST: the host is taken from a field",)}),
    ("P068", {"redirects": ("APPEND_SLASH is on",)}),
    ("P069", {"settings": {"SKIP_VERIFY": True}}),
    ("P069", {"settings": {"shop.settings.TEST_MODE": 1}}),
    ("P069", {"settings": {"REQUIRE_SIGNATURES": False}}),
    ("P069", {"settings": {"BYPASS_HMAC_FOR_ADMIN": "true"}}),
]


@pytest.mark.parametrize(("check", "change"), OTHERS, ids=repr)
def test_what_a_framework_tells_is_passed_on(check: str, change: dict[str, Any], tmp_path: Path) -> None:
    assert {check: "bad"} == states(good(tmp_path, **change))


def test_what_only_sounds_like_a_switch_is_none(tmp_path: Path) -> None:
    harmless = {
        "DEBUG": True,  # which is P060
        "UNSAFE_METHODS": ("POST", "PUT"),
        "TESTING": False,
        "SKIP_VERIFY": "off",
        "VERIFY_SIGNATURES": True,
        "CONTESTING": True,
        "NOTES": "x",
        "AUTH_USER_MODEL": "shop.User",
        "AUTHENTICATION_BACKENDS": ["x"],
        "SECURE_SSL_REDIRECT": False,
    }
    assert {} == states(good(tmp_path, settings=harmless))


def test_the_systems_own_findings_are_told_once(tmp_path: Path) -> None:
    """DEBUG and a store in memory have a check of this table."""
    own = (("sealgate.W002", "DEBUG is on"), ("sealgate.W008", "a replay store in memory"))
    assert {} == states(good(tmp_path, own_checks=own))


def test_an_application_shows_no_setting() -> None:
    application = Application("Flask", (), debug=False, settings={"DATABASE": "postgres://user:pw@db/shop"})
    assert "pw@db" not in repr(application)
