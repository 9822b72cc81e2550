"""The command: targets, exit codes, files, and what happens to an application that breaks."""

from __future__ import annotations

import django_project  # noqa: F401  settings come first

# isort: split
import io
import itertools
import json
import logging
import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from click.testing import CliRunner, Result
from django.core.management import BaseCommand, CommandError, call_command, load_command_class
from django.test import override_settings
from flask import Flask
from flask.cli import FlaskGroup

import leaky_django
import leaky_flask
from kinds_of_scheme import ONE_OF_EACH_KIND, written
from sealgate.audit.command import Order
from sealgate.audit.command import run as audited
from sealgate.cli import cli
from sealgate.cli.audit import flask_group

SHOP = """
from flask import Flask
from sealgate import Verifier, schemes
from sealgate.flask import Sealgate

app = Flask(__name__, static_folder=None)
seal = Sealgate(app, Verifier(schemes.RFC9421, keys={"acme": b"thirty-two octets of test key, A"}, origin="https://a.example"))

@app.post("/orders")
def orders():
    return "created"

@app.get("/health")
@seal.exempt("load balancer probe")
def health():
    return "well"

bare = Flask("bare", static_folder=None)
bare.add_url_rule("/orders", view_func=orders, methods=["POST"])

def create_app(name="closed"):
    return {"closed": app, "bare": bare}[name]
"""
KEY = "thirty-two octets of test key, A"
#: Of those that name no key and cover no origin.
ONE_OF_EACH_KEY_FORM = {
    each.key_form: name
    for name, each in ONE_OF_EACH_KIND.items()
    if {"audience"} < each.weaknesses() and each.signs_body
}
_numbers = itertools.count()
Made = Callable[[str], str]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Writes a module into the working directory, and gives its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def made(text: str) -> str:
        name = f"audited_shop_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return made


def run(*args: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["audit", *args], env=environment)


def mistake(done: Result) -> str:
    """The one line that an audit which could not be made ends in."""
    assert (2, "", 1) == (done.exit_code, done.stdout, done.stderr.count("\n"))
    return done.stderr.removeprefix("sealgate: ").rstrip()


# targets and exit codes


@pytest.mark.parametrize("target", ["app", "create_app()", "create_app('closed')", "create_app(name='closed')"])
def test_a_closed_application_is_exit_0(target: str, module: Made) -> None:
    done = run(f"{module(SHOP)}:{target}")
    assert (0, "") == (done.exit_code, done.stderr)
    assert done.stdout.splitlines()[-1].endswith(" verified, 1 exempt")


@pytest.mark.parametrize("target", ["bare", "create_app('bare')"])
def test_an_application_with_an_opening_is_exit_1(target: str, module: Made) -> None:
    done = run(f"{module(SHOP)}:{target}")
    assert (1, "") == (done.exit_code, done.stderr)
    assert "OPEN" in done.stdout


def test_unknown_is_exit_1_and_may_be_allowed(module: Made) -> None:
    name = module("def app(environ, start_response):\n    ...\n")
    assert [1, 0] == [run(f"{name}:app", *more).exit_code for more in ([], ["--allow-unknown"])]


BROKEN = {
    "no module": (None, "there is no module 'no_such_shop'"),
    "no attribute": ("", "there is no 'app' in it"),
    "no application": ("app = 7", "no application"),
    "an exception": ("raise RuntimeError('no database at\\nport 5432')", "RuntimeError: no database at port 5432"),
    "an exit": ("import sys; sys.exit('set SHOP_KEY')", "SystemExit: set SHOP_KEY"),
    "a syntax error": ("def app(:", "SyntaxError"),
    "an import that fails": ("import no_such_dependency", "No module named 'no_such_dependency'"),
    "a terminal sequence": ("raise ValueError('\\x1b[2Jall is well')", r"\x1b[2Jall is well"),
    "a recursion": ("def f(): f()\nf()", "RecursionError"),
    "a configuration": ("from sealgate import Verifier, schemes\nVerifier(schemes.RFC9421, keys='x' * 40)", "origin"),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_target_that_breaks_is_one_line_and_exit_2(text: str | None, expected: str, module: Made) -> None:
    name = "no_such_shop" if text is None else module(text)
    assert expected in mistake(run(f"{name}:app"))


def test_the_line_says_where_the_application_broke(module: Made) -> None:
    name = module("x = 1\n\nraise KeyError('SHOP_KEY')\n")
    assert mistake(run(f"{name}:app")).endswith(f"{name}.py, line 3)")


def test_an_application_that_breaks_when_its_routes_are_read_is_exit_2(module: Made) -> None:
    text = (
        SHOP + "\nclass Rules:\n    def iter_rules(self):\n        raise LookupError('gone')\napp.url_map = Rules()\n"
    )
    assert "LookupError: gone" in mistake(run(f"{module(text)}:app"))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), "Missing argument 'TARGET'"),
        (("shop",), "expected module:attribute"),
        (("app:app", "--format", "xml"), "Invalid value for '--format'"),
        (("app:app", "--baseline", "none.json"), "No such file"),
        (("app:app", "--unsafe"), "for --probe or --url"),
        (("app:app", "--key-env", "KEY"), "for --probe or --url"),
    ],
)
def test_a_mistake_in_usage_is_one_line_and_exit_2(args: tuple[str, ...], expected: str) -> None:
    assert expected in mistake(run(*args))


# what it writes


def test_what_the_application_prints_is_no_part_of_the_report(module: Made) -> None:
    name = module("print('hello from the shop')" + SHOP)
    done = run(f"{name}:app", "--format", "json")
    assert ("hello from the shop\n", True) == (done.stderr, json.loads(done.stdout)["closed"])


@pytest.mark.parametrize(
    ("form", "starts"),
    [("text", "VERDICT"), ("json", "{"), ("sarif", "{"), ("html", "<!DOCTYPE html>"), ("markdown", "## Audit of ")],
)
def test_every_format_goes_to_standard_output_or_to_a_file(form: str, starts: str, module: Made) -> None:
    target = f"{module(SHOP)}:app"
    shown = run(target, "--format", form)
    written = run(target, "--format", form, "--output", "report")
    assert (0, 0, True) == (shown.exit_code, written.exit_code, shown.stdout.startswith(starts))
    assert shown.stdout == Path("report").read_text(encoding="utf-8")
    assert written.stdout.endswith(" verified, 1 exempt\n")
    assert 1 == written.stdout.count("\n")


def test_a_file_that_cannot_be_written_is_exit_2(module: Made) -> None:
    assert "--output none/report: No such file" in mistake(run(f"{module(SHOP)}:app", "--output", "none/report"))


def test_a_terminal_without_unicode_is_given_escapes(module: Made) -> None:
    name = module(SHOP.replace("/orders", "/straße/東京"))
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "sealgate", "audit", f"{name}:app"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert (0, b"") == (done.returncode, done.stderr)
    assert rb"/stra\xdfe/\u6771\u4eac" in done.stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def large() -> Flask:
    app = Flask("large", static_folder=None)
    view = lambda: ""  # noqa: E731
    for number in range(2100):
        app.add_url_rule(f"/{number}", "view", view)
    return app


def test_of_a_large_application_the_progress_is_told_beside_the_report() -> None:
    out, err = io.StringIO(), io.StringIO()
    assert not audited("large", large, Order(), out, err)
    assert ("2000 ways in so far\n", False) == (err.getvalue(), "so far" in out.getvalue())


def test_a_terminal_s_progress_is_one_line_that_goes_away() -> None:
    out, err = Terminal(), Terminal()
    assert not audited("large", large, Order(), out, err)
    assert (0, True) == (err.getvalue().count("\n"), err.getvalue().endswith("2100 ways in\r\x1b[K"))
    assert "\x1b[1;31mOPEN" in out.getvalue()


def test_a_terminal_may_be_kept_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    assert not audited("large", large, Order(), out, io.StringIO())
    assert "\x1b" not in out.getvalue()


# baseline and document


def test_with_a_baseline_only_new_openings_fail(module: Made) -> None:
    refunds = "\nbare.add_url_rule('/refunds', view_func=orders, methods=['POST'])\n"
    before, after = f"{module(SHOP)}:bare", f"{module(SHOP + refunds)}:bare"
    assert 1 == run(before, "--format", "json", "--output", "known.json").exit_code
    assert 0 == run(before, "--baseline", "known.json").exit_code
    done = run(after, "--baseline", "known.json", "--format", "json")
    told = json.loads(done.stdout)
    known = {each["path"] for each in told["baseline"]["known"]}
    opened = {each["path"] for each in told["entries"] if each["verdict"] == "open"}
    assert (1, {"/refunds"}) == (done.exit_code, opened - known)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"entries": [7], "mismatches": []}', b"\xff", b"[" * 99_999])
def test_a_baseline_that_is_none_is_exit_2(content: bytes, module: Made) -> None:
    Path(name := "baseline.json").write_bytes(content)
    assert "not a report that --format json wrote" in mistake(run(f"{module(SHOP)}:app", "--baseline", name))


def test_a_document_that_promises_more_than_the_application_keeps_is_exit_1(module: Made) -> None:
    told = {
        "openapi": "3.1.0",
        "components": {"securitySchemes": {"sig": {"type": "apiKey", "in": "header", "name": "Signature"}}},
        "paths": {"/orders": {"post": {"security": [{"sig": []}]}}, "/health": {"get": {"security": [{"sig": []}]}}},
    }
    name = module(SHOP)
    Path("openapi.json").write_text(json.dumps(told))
    done = run(f"{name}:app", "--openapi", "openapi.json")
    assert 1 == done.exit_code
    assert "OpenAPI, not-enforced: GET /health: the document asks for sig" in done.stdout
    assert "makes no document" in mistake(run(f"{name}:app", "--openapi", "own"))


# probe


def test_a_probe_proves_the_verdicts_with_the_user_s_key(module: Made) -> None:
    probe = ["--probe", "--key-env", "SHOP_KEY", "--origin", "https://a.example", "--format", "json"]
    done = run(f"{module(SHOP)}:app", *probe, "--key-id", "acme", SHOP_KEY=KEY)
    assert (0, "") == (done.exit_code, done.stderr)
    attacks = json.loads(done.stdout)["attacks"]
    assert all(attack["held"] for attack in attacks)
    assert {"good request", "unsigned"} <= {attack["name"] for attack in attacks}
    assert KEY not in done.stdout


@pytest.mark.parametrize("name", ONE_OF_EACH_KEY_FORM.values(), ids=ONE_OF_EACH_KEY_FORM)
def test_the_probe_s_key_is_in_the_form_of_the_scheme_s_party(name: str, module: Made) -> None:
    key = written(KEY.encode(), ONE_OF_EACH_KIND[name])
    shop = SHOP.replace("schemes.RFC9421", f"schemes.by_name()[{name!r}]")
    shop = shop.replace(f'{{"acme": b"{KEY}"}}', repr(key))
    probe = ["--probe", "--unsafe", "--key-env", "SHOP_KEY", "--origin", "https://a.example", "--format", "json"]
    done = run(f"{module(shop)}:app", *probe, SHOP_KEY=key)
    assert (0, "") == (done.exit_code, done.stderr)
    assert "good request" in {attack["name"] for attack in json.loads(done.stdout)["attacks"]}


def test_what_the_probe_is_refused_is_not_logged_and_logging_goes_on_afterwards(
    module: Made, caplog: pytest.LogCaptureFixture
) -> None:
    assert 0 == run(f"{module(SHOP)}:app", "--probe").exit_code
    assert [] == caplog.records
    logging.getLogger("sealgate").warning("refused")
    assert ["refused"] == [record.message for record in caplog.records]


def test_a_server_that_is_more_open_than_the_audited_application_is_exit_1(module: Made) -> None:
    name = module(SHOP)
    assert 0 == run(f"{name}:app").exit_code
    with make_server("127.0.0.1", 0, import_module(name).bare, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            done = run(f"{name}:app", "--url", f"http://127.0.0.1:{server.server_port}", "--unsafe")
        finally:
            server.shutdown()
            thread.join()
    assert 1 == done.exit_code
    assert "probe: POST /orders, unsigned: answered 200" in done.stdout


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--probe", "--key-env", "NO_SUCH_KEY"), "NO_SUCH_KEY"),
        (("--probe", "--key-env", "SHOP_KEY", "--scheme", "rot13"), "rot13"),
        (("--url", "https://example.com"), "loopback"),
        (("--probe", "--origin", "nonsense"), "origin"),
    ],
)
def test_a_probe_that_cannot_be_made_is_exit_2(args: tuple[str, ...], expected: str, module: Made) -> None:
    assert expected in mistake(run(f"{module(SHOP)}:app", *args, SHOP_KEY=KEY))


# the frameworks' own commands


def flask(app: Any, *args: str) -> Result:
    group = FlaskGroup(create_app=lambda: app)
    group.add_command(flask_group)
    return CliRunner().invoke(group, ["sealgate", "audit", *args])


def test_flask_has_the_command_too() -> None:
    assert [1, 0] == [flask(app).exit_code for app in (leaky_flask.leaky(), leaky_flask.fixed())]
    assert json.loads(flask(leaky_flask.fixed(), "--format", "json").stdout)["closed"]


def test_flask_finds_the_command_by_its_entry_point() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    module, _, attribute = project["entry-points"]["flask.commands"]["sealgate"].partition(":")
    assert flask_group is getattr(import_module(module), attribute)


def test_a_flask_application_that_breaks_is_one_line_and_exit_2() -> None:
    def create_app() -> Any:
        raise RuntimeError("no database")

    group = FlaskGroup(create_app=create_app)
    group.add_command(flask_group)
    done = CliRunner().invoke(group, ["sealgate", "audit"])
    assert "RuntimeError: no database" in mistake(done)


def django(*args: str, **options: Any) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("sealgate_audit", *args, stdout=out, stderr=io.StringIO(), **options)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def test_django_has_the_command_too() -> None:
    with leaky_django.leaky():
        assert 1 == django()[0]
    with leaky_django.fixed():
        code, shown = django("--format", "json")
    assert (0, "django") == (code, json.loads(shown)["framework"])


def test_a_django_project_that_cannot_be_audited_is_exit_2() -> None:
    with override_settings(ROOT_URLCONF="no_such_urls"), pytest.raises(CommandError, match="no_such_urls") as raised:
        django()
    assert 2 == raised.value.returncode


def test_the_three_commands_have_the_same_options() -> None:
    parser = load_command_class("sealgate.django", "sealgate_audit").create_parser("manage.py", "sealgate_audit")
    mine = {action.dest for action in parser._actions} - {
        action.dest for action in BaseCommand().create_parser("", "")._actions
    }
    names = {"sealgate": cli.commands["audit"], "flask": flask_group.commands["audit"]}
    told = {name: {parameter.name for parameter in command.params} - {"target"} for name, command in names.items()}
    assert {"sealgate": mine, "flask": mine} == told
