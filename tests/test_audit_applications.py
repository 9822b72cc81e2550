"""The audit finds the application that is meant, by name or as an object, and its framework without importing others."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import leaky_django
import leaky_fastapi
import leaky_flask
from sealgate import ConfigurationError
from sealgate.audit import Source, audit, entries_of
from sealgate.audit.applications import framework_of, load
from sealgate.audit.entry import name_of, source_of

HERE = Path(__file__)


class Box:
    """Where applications are kept."""

    inner: Any

    def make(self, name: str, *, answer: int = 0) -> Callable[..., list[bytes]]:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            return [name.encode(), str(answer).encode()]

        return app


box = Box()
box.inner = Box()
number = 7
NAME = __name__


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


class Scoped:
    def __call__(self, scope: Any, receive: Any, send: Any) -> Any: ...


# Names


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("wsgi", wsgi),
        ("asgi", asgi),
        ("box.make", box.make),
        ("box.inner.make", box.inner.make),
    ],
)
def test_attribute_of_a_module_is_found(target: str, expected: Any) -> None:
    assert expected == load(f"{NAME}:{target}")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("box.make('a')", [b"a", b"0"]),
        ("box.make('a', answer=3)", [b"a", b"3"]),
        ("box.inner.make(name='b', answer=-1)", [b"b", b"-1"]),
    ],
)
def test_factory_is_called_with_the_literals_that_are_given(target: str, expected: list[bytes]) -> None:
    assert expected == load(f"{NAME}:{target}")({}, None)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("", "expected module:attribute"),
        ("shop", "expected module:attribute"),
        (":app", "expected module:attribute"),
        ("shop:", "expected module:attribute"),
        ("shop/app.py:app", "expected module:attribute"),
        (f"{NAME}:wsgi wsgi", "expected module:attribute"),
        (f"{NAME}:[wsgi][0]", "expected module:attribute"),
        (f"{NAME}:lambda: 0", "expected module:attribute"),
        (f"{NAME}:box.make(**{{}})", "expected module:attribute"),
        (f"{NAME}:box.make(wsgi)", "literals only"),
        (f"{NAME}:box.make(name=wsgi())", "literals only"),
        (f"{NAME}:nothing", "there is no 'nothing' in it"),
        (f"{NAME}:box.nothing.more", "there is no 'nothing' in it"),
        ("no_such_module:app", "there is no module 'no_such_module'"),
        (f"{NAME}.below:app", f"there is no module '{NAME}.below'"),
        (f"{NAME}:number", "is builtins.int, and no application"),
    ],
)
def test_name_of_no_application_is_a_configuration_error(target: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(why)):
        audit(target)


def test_mistake_inside_a_module_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that the module is missing."""
    (tmp_path / "broken_shop.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        load("broken_shop:app")


# Frameworks


def test_framework_is_found_by_its_classes() -> None:
    from starlette.applications import Starlette
    from starlette.routing import Router

    with leaky_django.fixed() as application:
        assert "django" == framework_of(application)
    from django.conf import settings
    from django.core.handlers.asgi import ASGIHandler

    assert ["django", "django"] == [framework_of(settings), framework_of(ASGIHandler())]
    assert ["flask", "fastapi"] == [framework_of(leaky_flask.fixed()), framework_of(leaky_fastapi.fixed())]
    assert ["starlette", "starlette"] == [framework_of(Starlette()), framework_of(Router())]
    assert ["wsgi", "wsgi", "wsgi"] == [framework_of(app) for app in (wsgi, partial(wsgi), box.make("a"))]
    assert ["asgi", "asgi", "asgi", "asgi"] == [
        framework_of(app) for app in (asgi, partial(asgi), Scoped(), Scoped().__call__)
    ]


@pytest.mark.parametrize("target", ["leaky_flask:leaky()", "leaky_fastapi:leaky()", "leaky_django:leaky()"])
def test_target_is_named_as_it_was_given(target: str) -> None:
    report = audit(target) if "django" not in target else _left(target)
    assert (target, target[len("leaky_") : -len(":leaky()")]) == (report.target, report.framework)
    assert "open" in {entry.verdict for entry in report.entries}


def _left(target: str) -> Any:
    """Of Django: its settings are the process's until it is left."""
    with load(target) as application:
        found = audit(application).entries
        return type(audit(application))(target, framework_of(application), found)


def test_object_is_named_by_its_type() -> None:
    assert f"{NAME}.wsgi" == audit(wsgi).target
    assert "flask.app.Flask" == audit(leaky_flask.fixed()).target


def test_application_that_cannot_be_looked_into_is_unknown() -> None:
    for app in (wsgi, box.make("a"), asgi, Scoped()):
        entries = list(entries_of(app, "/mounted", 0.0))
        assert {"unknown"} == {entry.verdict for entry in entries}
        assert all(entry.path.startswith("/mounted/") for entry in entries)


def test_nothing_is_imported_that_the_application_does_not_need() -> None:
    code = "import sys\nfrom sealgate.audit import audit\naudit(lambda environ, start: [])\n"
    code += "print(*({'django', 'flask', 'fastapi', 'starlette', 'rest_framework', 'click'} & set(sys.modules)))"
    assert "\n" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


# Applications of Django in processes of their own


AUDIT = """
import json, sys
from sealgate.audit import audit
report = audit(sys.argv[1])
print(json.dumps([report.framework, [[entry.path, entry.kind, entry.verdict, entry.example] for entry in report.entries]]))
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `django-admin startproject` writes."""
    place = tmp_path_factory.mktemp("project")
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", str(place)], check=True)
    return place


def audited(place: Path, target: str) -> Any:
    path = os.pathsep.join([str(place), *sys.path])
    environ = {**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "shop.settings"}
    command = [sys.executable, "-W", "error", "-c", AUDIT, target]
    return json.loads(
        subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, check=True).stdout
    )


TARGETS = ["shop.wsgi:application", "shop.asgi:application", "django.conf:settings"]


@pytest.mark.parametrize("target", TARGETS)
def test_project_of_djangos_own_template_is_open(shop: Path, target: str) -> None:
    framework, entries = audited(shop, target)
    assert ("django", {"open"}) == (framework, {verdict for _, _, verdict, _ in entries})
    assert {"/admin/", "/admin/login/", "/admin/auth/user/<path:object_id>/change/"} <= {path for path, *_ in entries}
    assert {"admin", "missing", "redirect"} == {kind for _, kind, *_ in entries}


@pytest.mark.parametrize("target", TARGETS)
def test_project_of_djangos_own_template_is_closed_by_the_middleware(shop: Path, tmp_path: Path, target: str) -> None:
    settings = (shop / "shop" / "settings.py").read_text()
    first = "    'django.middleware.security.SecurityMiddleware',\n"
    assert first in settings
    settings = settings.replace(first, first + "    'sealgate.django.SignatureMiddleware',\n")
    settings += "\nfrom sealgate import Verifier, schemes\n"
    settings += "SEALGATE = {'VERIFIER': Verifier(schemes.GITHUB, keys=b'thirty-two octets of test key, A')}\n"
    for file in (shop / "shop").glob("*.py"):
        (tmp_path / "shop").mkdir(exist_ok=True)
        (tmp_path / "shop" / file.name).write_text(settings if file.name == "settings.py" else file.read_text())
    _, entries = audited(tmp_path, target)
    assert {"verified"} == {verdict for _, _, verdict, _ in entries}
    assert [] == [path for path, *_, example in entries if example is None]


# Names and places of views


class Views:
    class Inner:
        def get(self) -> None: ...

    def method(self) -> None: ...


def decorated(function: Any) -> Any:
    from functools import wraps

    @wraps(function)
    def wrapper() -> None: ...

    return wrapper


@decorated
def shown() -> None: ...


def line_of(text: str) -> int:
    return HERE.read_text().splitlines().index(text) + 1


@pytest.mark.parametrize(
    ("view", "name", "line"),
    [
        (wsgi, "wsgi", "def wsgi(environ: Any, start_response: Any) -> list[bytes]:"),
        (partial(wsgi, {}), "wsgi", "def wsgi(environ: Any, start_response: Any) -> list[bytes]:"),
        (shown, "shown", "@decorated"),
        (Views.Inner, "Views.Inner", "    class Inner:"),
        (Views().method, "Views.method", "    def method(self) -> None: ..."),
        (box, "Box", "class Box:"),
        (Box, "Box", "class Box:"),
    ],
)
def test_view_is_named_and_found_where_it_is_written(view: Any, name: str, line: str) -> None:
    assert f"{NAME}.{name}" == name_of(view)
    assert Source(str(HERE), line_of(line)) == source_of(view)


class Everything:
    """Has every attribute, and calls."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self) -> None: ...


def test_object_of_every_attribute_is_named_by_its_class() -> None:
    assert (f"{NAME}.Everything", line_of("class Everything:")) == (name_of(Everything()), source_of(Everything())[1])  # type: ignore[index]


def test_what_python_cannot_place_has_no_source() -> None:
    made = type("Made", (), {"__module__": NAME})
    assert [None, None, None] == [source_of(each) for each in (len, int, made)]
    assert ["builtins.len", "builtins.int", f"{NAME}.Made"] == [name_of(each) for each in (len, int, made)]
