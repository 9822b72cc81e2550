"""The README is what a new user has: every example in it runs, and the commands are the ones that CI runs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx2
import pytest

from sealgate import Request, Scheme, Signer, Verifier, schemes
from sealgate.exceptions import InvalidSignature, Replayed

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = {tag.strip() or "core": code for tag, code in re.findall(r"```python([^\n]*)\n(.*?)```", README, re.DOTALL)}
COMMANDS = re.findall(r"```console\n\$ (.*)\n```", README)
KEY = "a key that only this test knows"
ORIGIN = "https://api.shop.example"


def signed_order() -> Request:
    order = Request("POST", "/orders", [("Content-Type", "application/json")], b'{"id": 7}', origin=ORIGIN)
    return Signer(schemes.RFC9421, key_id="acme", key=KEY).sign(order)


def signed_hook(body: bytes) -> Request:
    hook = Request("POST", "/github", [("Content-Type", "application/json")], body)
    return Signer(schemes.GITHUB, key=KEY).sign(hook)


def verifiers() -> dict[str, Any]:
    return {
        "partners": Verifier(schemes.RFC9421, keys={"acme": KEY}, origin=ORIGIN),
        "github": Verifier(schemes.GITHUB, keys=KEY),
    }


def test_there_is_an_example_for_each_framework() -> None:
    frameworks = {"django", "django-views", "django-rest-framework", "flask", "fastapi"}
    assert set(BLOCKS) == {"core", "canonical", "envelope", "clients", "testing", *frameworks}


def test_the_core_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", KEY)
    namespace: dict[str, Any] = {}
    exec(compile(BLOCKS["core"], "README.md", "exec"), namespace)
    assert namespace["verified"].key_id == "acme"


def test_the_canonical_example_runs() -> None:
    """It asserts itself; that it can fail is shown with another number."""
    exec(compile(BLOCKS["canonical"], "README.md", "exec"), {})
    with pytest.raises(AssertionError):
        exec(compile(BLOCKS["canonical"].replace("1.0", "1.5"), "README.md", "exec"), {})


def test_the_envelope_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    names: dict[str, Any] = {}
    exec(compile(BLOCKS["envelope"], "README.md", "exec"), names)
    with pytest.raises(Replayed):
        names["downloads"].verify(names["token"], "doc-123")
    for right, wrong in (('== {"total": 100}', '== {"total": 101}'), ('== {"name": "report', '== {"name": "other')):
        with pytest.raises(AssertionError):
            exec(compile(BLOCKS["envelope"].replace(right, wrong), "README.md", "exec"), {})
    with pytest.raises(InvalidSignature):
        exec(compile(BLOCKS["envelope"].replace('token, "doc-123"', 'token, "doc-124"'), "README.md", "exec"), {})


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None: ...


def test_the_clients_example_runs() -> None:
    """On a socket: what is signed is what goes on the wire."""
    with make_server("127.0.0.1", 0, lambda *_: [], handler_class=_Quiet) as server:
        origin = f"http://127.0.0.1:{server.server_port}"
        namespace = {"partners": Verifier(schemes.RFC9421, keys={"acme": KEY}, origin=origin), "__name__": __name__}
        exec(compile(BLOCKS["flask"], "README.md", "exec"), namespace)
        server.set_app(namespace["app"])
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            signer = Signer(schemes.RFC9421, key_id="acme", key=KEY)
            names: dict[str, Any] = {"signer": signer, "origin": origin}
            exec(compile(BLOCKS["clients"], "README.md", "exec"), names)
            names["client"].close()
            unsigned = httpx2.post(f"{origin}/orders", json={"id": 7})
        finally:
            server.shutdown()
            thread.join()
    assert unsigned.status_code == 401


def test_the_testing_example_runs() -> None:
    namespace = verifiers() | {"__name__": __name__, "signer": Signer(schemes.RFC9421, key_id="acme", key=KEY)}
    exec(compile(BLOCKS["flask"], "README.md", "exec"), namespace)
    exec(compile(BLOCKS["testing"], "README.md", "exec"), namespace)
    assert namespace["app"].test_client().post("/orders", json={"id": 7}).status_code == 401


def test_the_flask_example_runs() -> None:
    namespace = verifiers() | {"__name__": __name__}
    exec(compile(BLOCKS["flask"], "README.md", "exec"), namespace)
    client = namespace["app"].test_client()
    order = signed_order()

    answer = client.post(order.path, data=order.body, headers=order.headers)
    assert (answer.status_code, answer.get_json()) == (200, {"by": "acme"})
    assert client.post("/orders", data=b"{}").status_code == 401
    assert client.get("/nowhere").status_code == 401
    assert (client.get("/health").status_code, client.get("/health").data) == (200, b"ok")


def test_the_fastapi_example_runs() -> None:
    namespace = verifiers() | {"__name__": "readme"}
    exec(compile(BLOCKS["fastapi"], "README.md", "exec"), namespace)

    def send(request: Request) -> tuple[int, Any]:
        return asyncio.run(_asgi(namespace["app"], request))

    assert send(signed_order()) == (200, {"by": "acme"})
    assert send(signed_hook(b'{"action": "opened"}')) == (200, {"action": "opened"})
    assert send(Request("POST", "/orders", [], b"{"))[0] == 401
    assert send(Request("GET", "/docs"))[0] == 401


async def _asgi(app: Any, request: Request) -> tuple[int, Any]:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in request.headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


_DJANGO = """
import django
from django.conf import settings
{settings}
settings.configure(MIDDLEWARE=MIDDLEWARE, SEALGATE=SEALGATE, ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 50)
django.setup()
from django.test import Client
from gate import KEY
from sealgate import Request, Signer, schemes

hook = Signer(schemes.GITHUB, key=KEY).sign(Request("POST", "/hook", [], b"{{}}"))
fields = dict(hook.headers)
post = lambda path, **more: Client().post(path, data=hook.body, content_type="application/json", **more).status_code
print(Client().get("/health").status_code, post("/health"), post("/hook", headers=fields), post("/hook"), post("/nowhere"))
"""

_DJANGO_URLS = """
from django.urls import path
from gate import github
{views}
urlpatterns = [path("health", health), path("hook", hook)]
"""

_DJANGO_GATE = """
from sealgate import Verifier, schemes
KEY = {key!r}
partners = Verifier(schemes.RFC9421, keys={{"acme": KEY}}, origin={origin!r})
github = Verifier(schemes.GITHUB, keys=KEY)
"""


def test_the_django_example_runs(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(_DJANGO.format(settings=BLOCKS["django"]))
    (tmp_path / "urls.py").write_text(_DJANGO_URLS.format(views=BLOCKS["django-views"]))
    (tmp_path / "gate.py").write_text(_DJANGO_GATE.format(key=KEY, origin=ORIGIN))
    run = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, env=os.environ)
    assert (run.stdout.split(), run.returncode) == (["200", "401", "200", "401", "401"], 0), run.stderr


def test_the_audit_and_the_posture_of_that_project_run(tmp_path: Path) -> None:
    commands = re.findall(r"^\$ (sealgate (?:audit|posture) [^#]*)", README, re.MULTILINE)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "settings.py").write_text(
        f"{BLOCKS['django']}\nROOT_URLCONF = 'urls'\nALLOWED_HOSTS = ['*']\nSECRET_KEY = 'x' * 50\n"
    )
    (tmp_path / "shop" / "wsgi.py").write_text(
        "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\napplication = get_wsgi_application()\n"
    )
    (tmp_path / "urls.py").write_text(_DJANGO_URLS.format(views=BLOCKS["django-views"]))
    (tmp_path / "gate.py").write_text(_DJANGO_GATE.format(key=KEY, origin=ORIGIN))
    runs = [
        subprocess.run(
            [sys.executable, "-m", *command.split()], cwd=tmp_path, capture_output=True, text=True, env=os.environ
        )
        for command in commands
    ]
    assert [0, 1] == [run.returncode for run in runs], [run.stderr for run in runs]
    assert re.search(
        r"^\d+ ways in: \d+ verified, 1 exempt; \d+ attacks: each went as the verdicts say$",
        runs[0].stdout,
        re.MULTILINE,
    )
    assert "sealgate.P051  no key in the source" in runs[1].stdout
    assert KEY not in runs[0].stdout + runs[1].stdout


_REST = """
import os
import django
from django.conf import settings
settings.configure(SEALGATE={{"VERIFIER": "gate.partners"}}, ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 50,
    REST_FRAMEWORK={{"UNAUTHENTICATED_USER": None, "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}})
django.setup()
from gate import KEY, quotes
from sealgate import Signer, schemes
from sealgate.testing.rest_framework import SignedClient

client = SignedClient(Signer(schemes.RFC9421, key_id="acme", key=KEY), origin={origin!r})
good, other = quotes.seal({{"total": 100}}), quotes.seal({{"total": 1}})
answer = client.post("/orders", {{"quote": good}}, format="json")
print(answer.status_code, answer.json())
print(client.post("/orders", {{"quote": {{**good, "payload": other["payload"]}}}}, format="json").json())
print(client.post("/orders", {{"quote": good}}, format="json", sign_as=None).status_code)
"""


def test_the_rest_framework_example_runs(tmp_path: Path) -> None:
    views = "from gate import quotes\n" + BLOCKS["django-rest-framework"]
    (tmp_path / "main.py").write_text(_REST.format(origin=ORIGIN))
    (tmp_path / "urls.py").write_text(
        f"{views}\nfrom django.urls import path\nurlpatterns = [path('orders', Orders.as_view())]\n"
    )
    quotes = 'from sealgate import Envelope\nquotes = Envelope("quote", keys={"shop": KEY})\n'
    (tmp_path / "gate.py").write_text(_DJANGO_GATE.format(key=KEY, origin=ORIGIN) + quotes)
    run = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, env=os.environ)
    assert run.stdout.splitlines() == [
        "200 {'by': 'acme', 'total': 100}",
        "{'quote': ['Invalid signature.']}",
        "401",
    ], run.stderr


def test_the_table_of_schemes_says_what_the_code_says() -> None:
    rows = re.findall(r"^\| (`schemes\.[^|]*) \|[^|]*\| ([^|]*) \| ([^|]*) \|$", README, re.MULTILINE)
    named = {"body": schemes.body(), "canonical_request": schemes.canonical_request(), "aws_sigv4": schemes.AWS_SIGV4}
    named |= {"signed_url": schemes.signed_url(), "signed_upload": schemes.signed_upload()}
    classes = {"none": "none", "nonce": "nonce", "signed octets": "base", "reusable": "reusable"}
    checked = []
    for cell, replay, weak in rows:
        stated = set(re.findall(r"`([a-z0-9-]+)`", weak.replace("as `body`", _codes(schemes.body()))))
        for name in re.findall(r"`(?:schemes\.)?(\w+)[`(]", cell):
            scheme = named.get(name) or getattr(schemes, name)
            if isinstance(scheme, Scheme) and replay:
                assert (name, scheme.replay_class, set(scheme.weaknesses())) == (
                    name,
                    classes[replay.split(";")[0]],
                    stated,
                )
                checked.append(name)
    assert {*named, "RFC9421", "STRIPE", "GITHUB", "ZENDESK"} <= set(checked)


def _codes(scheme: Scheme) -> str:
    return " ".join(f"`{code}`" for code in scheme.weaknesses())


def test_two_commands_do_all_the_set_up_and_ci_runs_the_second() -> None:
    assert len(COMMANDS) == 2
    assert COMMANDS[0].endswith("sealgate demo")
    assert COMMANDS[1].endswith("python -m pytest")
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
