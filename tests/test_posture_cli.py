"""`sealgate posture` and `manage.py sealgate_posture` as people run them: formats, exit codes, and no secret anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

import sealgate
from confined import NOBODY
from sealgate.posture import CHECKS

_PACKAGE = str(Path(sealgate.__file__).parents[1])
#: In no message, whatever it is about; as text, and as the octets that stand for it elsewhere.
SENTINEL = "sentinel-0f9d8c7b6a5e4d3c2b1a-key"
SECRETS = (SENTINEL, SENTINEL.encode().hex(), SENTINEL[:16])
_ORIGIN = "https://api.shop.example"
_VERIFIER = f"Verifier(schemes.RFC9421, keys={{keys}}, origin={_ORIGIN!r}, replay={{replay!r}})"

FLASK = """
from flask import Flask
from sealgate import Verifier, schemes
from sealgate.flask import Sealgate
app = Flask(__name__)
Sealgate(app, {verifier})
"""
FASTAPI = """
from fastapi import FastAPI
from sealgate import Verifier, schemes
from sealgate.fastapi import Sealgate
app = FastAPI({settings})
Sealgate(app, {verifier})
"""
DJANGO = """
import os
from sealgate import Verifier, schemes
SECRET_KEY = os.environ.get("DJANGO_SECRET", "x" * 50)
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = ["api.shop.example"]
INSTALLED_APPS = ["sealgate.django"]
APPEND_SLASH = {slash}
MIDDLEWARE = {middleware}
SEALGATE = {{"VERIFIER": {verifier}}}
{more}
"""
WSGI = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "shop_settings"
from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
"""
_OURS, _COMMON = "sealgate.django.SignatureMiddleware", "django.middleware.common.CommonMiddleware"


def shop(folder: Path, framework: str, *, leaky: bool) -> Path:
    """An application with its key in a file, or the same with everything wrong."""
    folder.mkdir()
    key = folder / "keys.json"
    key.write_text(json.dumps({"kty": "oct", "k": "c2VudGluZWwtMGY5ZDhjN2I2YTVlNGQzYzJiMWEta2V5"}))
    key.chmod(0o644 if leaky else 0o400)
    verifier = _VERIFIER.format(keys=repr(f"file:{key}"), replay=None if leaky else f"sqlite:///{folder}/replay.db")
    leak = f"KEY = {SENTINEL!r}\nTEST_MODE = True\n" if leaky else ""
    if framework == "django":
        middleware = [_COMMON, _OURS] if leaky else [_OURS, _COMMON]
        more = f"DEBUG = True\nUSE_X_FORWARDED_HOST = True\n{leak}" if leaky else ""
        text = DJANGO.format(verifier=verifier, middleware=middleware, more=more, slash=leaky)
        (folder / "shop_settings.py").write_text(text)
        (folder / "urls.py").write_text(
            "from django.http import HttpResponse\nfrom django.urls import path\n"
            'urlpatterns = [path("orders/", lambda request: HttpResponse(""))]\n'
        )
        (folder / "shop.py").write_text(WSGI)
        manage = "import sys\nfrom django.core.management import execute_from_command_line\n"
        (folder / "manage.py").write_text(f"{manage}execute_from_command_line(sys.argv)\n")
    elif framework == "flask":
        more = "app.debug = True\n" if leaky else ""
        (folder / "shop.py").write_text(FLASK.format(verifier=verifier) + more + leak)
    else:
        settings = "debug=True" if leaky else "docs_url=None, redoc_url=None, openapi_url=None"
        (folder / "shop.py").write_text(FASTAPI.format(verifier=verifier, settings=settings) + leak)
    return folder


def run(
    *arguments: str, folder: Path, module: tuple[str, ...] = ("-m", "sealgate", "posture"), **environ: str
) -> tuple[int, str, str]:
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": _PACKAGE, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *module, *arguments],
        cwd=folder,
        env=base | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert [] == [secret for secret in SECRETS if secret in done.stdout + done.stderr]
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def states(stdout: str) -> dict[str, str]:
    return {
        one["id"].removeprefix("sealgate."): "suppressed" if one["suppressed"] else one["state"]
        for one in json.loads(stdout)["findings"]
    }


LEAKS: dict[str, set[str]] = {
    "django": {"P051", "P052", "P060", "P062", "P064", "P067", "P068", "P069"},
    "flask": {"P051", "P052", "P060", "P062", "P069"},
    "fastapi": {"P051", "P052", "P060", "P061", "P062", "P069"},
}


@pytest.mark.parametrize("framework", LEAKS)
def test_every_leak_of_an_application_is_found_and_none_of_its_fixed_twin(framework: str, tmp_path: Path) -> None:
    leaky = shop(tmp_path / "leaky", framework, leaky=True)
    code, out, _ = run("shop:app", "--format", "json", folder=leaky, WEB_CONCURRENCY="3")
    found = {name for name, state in states(out).items() if state == "bad" and name >= "P050"}
    assert (1, LEAKS[framework]) == (code, found)
    fixed = shop(tmp_path / "fixed", framework, leaky=False)
    _, out, _ = run("shop:app", "--format", "json", folder=fixed, WEB_CONCURRENCY="3")
    assert {"ok"} == {state for name, state in states(out).items() if name >= "P050"}, out


def test_a_key_in_the_environment_is_named_and_never_shown(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", "flask", leaky=False)
    for form in ("text", "json", "sarif"):
        _, out, _ = run("shop:app", "--format", form, folder=folder, PARTNER_KEY=SENTINEL, OTHER=SENTINEL)
        assert "PARTNER_KEY looks like one" in out
        assert "the variable OTHER holds a key of <Verifier rfc9421>" in out


def test_without_a_target_it_looks_at_the_process_only(tmp_path: Path) -> None:
    _, out, _ = run("--format", "json", folder=tmp_path)
    told = json.loads(out)
    assert [name for name in CHECKS if name < "sealgate.P050"] == [one["id"] for one in told["findings"]]
    assert None is told["target"]
    counted = [list(states(out).values()).count(group) for group in ("bad", "unknown", "suppressed", "ok")]
    assert counted == [told["summary"][group] for group in ("bad", "unknown", "suppressed", "ok")]


def accepted(out: str, *kinds: str) -> list[str]:
    """`--ignore` for everything that is so."""
    findings = json.loads(out)["findings"]
    return [f"--ignore={one['id']}=known, and accepted" for one in findings if one["state"] in kinds]


def test_exit_codes(tmp_path: Path) -> None:
    bad = {"SKIP_VERIFY": "1"}
    code, out, _ = run("--format", "json", folder=tmp_path, **bad)
    assert (1, "bad") == (code, states(out)["P042"])
    ignored = accepted(out, "bad")
    code, out, _ = run("--format", "json", *ignored, folder=tmp_path, **bad)
    assert (0, "suppressed") == (code, states(out)["P042"])
    assert len(ignored) == json.loads(out)["summary"]["suppressed"]
    strict, out, _ = run("--strict", "--format", "json", *ignored, folder=tmp_path, **bad)
    assert (1 if json.loads(out)["summary"]["unknown"] else 0) == strict
    all_known, _, _ = run("--strict", *ignored, *accepted(out, "unknown"), folder=tmp_path, **bad)
    assert 0 == all_known


MISTAKES = {
    "a blank reason": (["--ignore", "sealgate.P001="], "ignore: sealgate.P001 needs a reason"),
    "no reason": (["--ignore", "sealgate.P001"], "ignore: sealgate.P001 needs a reason"),
    "an unknown id": (["--ignore", "sealgate.P999=why"], "ignore: there is no check 'sealgate.P999'"),
    "an id twice": (["--ignore", "sealgate.P001=a", "--ignore", "sealgate.P001=b"], "ignore: an id is given twice"),
    "no such module": (["nothing_here:app"], "there is no module"),
    "no such name": (["shop:application"], "there is no 'application' in it"),
    "no colon": (["shop"], "expected module:attribute"),
    "no application": (["shop:__name__"], "no application"),
    "one that raises": (["raising:app"], "raising:app: could not be loaded: RuntimeError ("),
    "one that exits": (["exiting:app"], "exiting:app: could not be loaded: SystemExit ("),
    "no such format": (["--format", "xml"], "'xml'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line_and_exit_2(mistake: str, tmp_path: Path) -> None:
    arguments, told = MISTAKES[mistake]
    folder = shop(tmp_path / "shop", "flask", leaky=False)
    (folder / "raising.py").write_text(f"raise RuntimeError({SENTINEL!r})\n")
    (folder / "exiting.py").write_text(f"import sys\nsys.exit({SENTINEL!r})\n")
    code, out, err = run(*arguments, folder=folder)
    assert (2, "", 1) == (code, out, err.count("\n"))
    assert told in err


def test_what_an_application_prints_is_not_in_the_report(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", "flask", leaky=False)
    (folder / "loud.py").write_text("print('loading')\nfrom shop import app\n")
    _, out, err = run("loud:app", "--format", "json", folder=folder)
    assert ("loud:app", "loading\n") == (json.loads(out)["target"], err)


def test_sarif_is_valid_and_has_what_is_not_ok(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", "fastapi", leaky=True)
    _, out, _ = run("shop:app", "--format", "json", folder=folder)
    not_ok = {one["id"] for one in json.loads(out)["findings"] if one["state"] != "ok"}
    code, out, _ = run("shop:app", "--format", "sarif", "--ignore", "sealgate.P060=a demo", folder=folder)
    Sarif.model_validate_json(out)
    results: list[dict[str, Any]] = json.loads(out)["runs"][0]["results"]
    assert (1, not_ok) == (code, {result["ruleId"] for result in results})
    assert list(CHECKS) == [rule["id"] for rule in json.loads(out)["runs"][0]["tool"]["driver"]["rules"]]
    (debugging,) = [result for result in results if result["ruleId"] == "sealgate.P060"]
    assert ("error", "a demo") == (debugging["level"], debugging["suppressions"][0]["justification"])


def test_text_has_the_worst_first_and_the_fix_of_each(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", "flask", leaky=True)
    _, out, _ = run("shop:app", "--ignore", "sealgate.P060=a demo", folder=folder, SKIP_VERIFY="1")
    lines = out.splitlines()
    heads = [line.split()[:3] for line in lines if line[:1] not in {"", " "} and "checks:" not in line]
    groups = ["bad", "unknown", "suppressed", "ok"]
    assert heads == sorted(
        heads, key=lambda head: (groups.index(head[0]), ["high", "medium", "low", "info"].index(head[1]))
    )
    assert set(CHECKS) == {head[2] for head in heads}
    assert ["suppressed", "high", "sealgate.P060"] in heads
    assert "            accepted: a demo" in lines
    assert sum(line.startswith("            fix: ") for line in lines) == sum(
        head[0] in {"bad", "unknown"} for head in heads
    )
    assert lines[-1].startswith(f"{len(CHECKS)} checks: ")
    assert [] == [line for line in lines if len(line) > 120]


def test_it_works_for_nobody_in_particular(tmp_path: Path) -> None:
    """As root it becomes another user first, once it is loaded; whatever it cannot read is unknown."""
    drop = f"import os; os.getuid() or (os.setgroups([]), os.setresgid(*[{NOBODY}] * 3), os.setresuid(*[{NOBODY}] * 3))"
    script = f"import sealgate.cli.posture; from sealgate.cli import main; import sys, encodings.idna\n{drop}\nmain()"
    code, out, _ = run("posture", "--format", "json", folder=tmp_path, module=("-c", script))
    assert (True, "ok", "ok") == (code in {0, 1}, states(out)["P001"], states(out)["P021"])


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_the_command_of_django_says_the_same(form: str, tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", "django", leaky=True)
    settings = {"DJANGO_SETTINGS_MODULE": "shop_settings", "WEB_CONCURRENCY": "3"}
    code, out, err = run("sealgate_posture", "--format", form, folder=folder, module=("manage.py",), **settings)
    assert (1, 1, True) == (code, err.count("\n"), "readable by group or others" in err)  # of the keys, as ever
    assert all(f"sealgate.{name}" in out for name in LEAKS["django"])
    if form == "json":
        assert LEAKS["django"] == {name for name, state in states(out).items() if state == "bad" and name >= "P050"}
        ignored = accepted(out, "bad")
        assert 0 == run("sealgate_posture", *ignored, folder=folder, module=("manage.py",), **settings)[0]
        assert 1 == run("sealgate_posture", "--strict", *ignored, folder=folder, module=("manage.py",), **settings)[0]
    mistake = run("sealgate_posture", "--ignore=sealgate.P001= ", folder=folder, module=("manage.py",), **settings)
    assert (2, "") == mistake[:2], mistake
    assert "sealgate.P001 needs a reason" in mistake[2]
