"""The page on scopes: its examples run, in all four frameworks, and against what the mission names."""

from __future__ import annotations

import hmac
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

import django_project  # noqa: F401  configures Django
from exchange import over_asgi, over_wsgi
from judged import HOST, KEY, OTHER_KEY, RFC9421
from reference import Message
from sealgate import Rejected

PAGE = (Path(__file__).parent.parent / "docs" / "scopes.md").read_text()
BLOCKS = {tag.strip() or "first": code for tag, code in re.findall(r"```python([^\n]*)\n(.*?)```", PAGE, re.DOTALL)}
FRAMEWORKS = ["django", "django-rest-framework", "flask", "fastapi"]
ID = "0b7d3f2e-7c55-4f0e-9a56-3b1d2c4e5f60"
#: No UUID of version 4 in lower case.
ODD = (
    *(ID.upper(), ID.replace("4f0e", "1f0e"), ID.replace("9a56", "7a56"), ID + "0", ID[:-1], ID.replace("-", "")),
    *(f"{ID}%0A", f"..%2F{ID}", "..%2F..%2Fetc%2Fpasswd", "..", f"{ID}%00", "%C0%AE%C0%AE", "1"),
)


class Looked(dict[str, str]):
    """Which ids were looked up."""

    def __init__(self, documents: dict[str, str]) -> None:
        super().__init__(documents)
        self.ids: list[object] = []

    def __contains__(self, key: object) -> bool:
        self.ids.append(key)
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.ids.append(key)
        return super().get(key, default)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("TOKENS_KEY", KEY.decode())
    monkeypatch.setenv("SCOPED_KEY", OTHER_KEY.decode())
    names: dict[str, Any] = {"partners": RFC9421.verifier()}
    exec(compile(BLOCKS["first"], "docs/scopes.md", "exec"), names)
    return names | {"DOCUMENTS": Looked(names["DOCUMENTS"])}


@pytest.fixture(params=FRAMEWORKS)
def ask(request: pytest.FixtureRequest, made: dict[str, Any]) -> Iterator[Callable[[Message], tuple[int, bytes]]]:
    """The status and the content that the page's application answers."""
    module = types.ModuleType("page")
    vars(module).update(made)
    exec(compile(BLOCKS[request.param], "docs/scopes.md", "exec"), vars(module))
    over = over_asgi if request.param == "fastapi" else over_wsgi
    on_django = request.param.startswith("django")
    with override_settings(**({"ROOT_URLCONF": module} if on_django else {})):
        application = WSGIHandler() if on_django else vars(module)["app"]

        def answered(message: Message) -> tuple[int, bytes]:
            answer = over(application, message)
            return answer.status, answer.body.strip(b'"\n')

        yield answered


def document(text: str, id: str = ID) -> Message:
    return Message("GET", f"/documents/{id}?token={text}", [("Host", HOST)])


def resource(id: str = ID, signed: str = f"download:resource:{ID}", key: bytes = OTHER_KEY) -> Message:
    signature = hmac.new(key, signed.encode(), "sha256").hexdigest()
    return Message("GET", f"/resources/{id}", [("Host", HOST), ("X-Hmac-Signature", signature)])


def test_every_example_is_run_here() -> None:
    assert {"first", *FRAMEWORKS} == set(BLOCKS)


def test_the_token_of_the_page_is_for_one_use_and_a_minute(made: dict[str, Any]) -> None:
    granted = made["downloads"].verify(made["token"], ID)
    assert (ID, 60) == (granted.subject, granted.expires - granted.created)
    with pytest.raises(Rejected):
        made["downloads"].verify(made["token"], ID)


def test_a_token_opens_its_document_once(ask: Any, made: dict[str, Any]) -> None:
    looked = made["DOCUMENTS"].ids
    assert [(200, b"annual report"), (401, b"")] == [_bare(ask(document(made["token"]))) for _ in range(2)]
    assert {ID} == set(looked)
    other = ID[:-1] + "1"
    elsewhere = made["downloads"].token(other)
    assert [404, 401] == [_refused(ask(document(elsewhere, each))) for each in (other, ID)]
    assert [401, 401, 401] == [_refused(ask(document(text))) for text in ("", "x", made["token"][:-1])]
    assert {ID, other} == set(looked)


def test_a_signature_opens_its_resource(ask: Any, made: dict[str, Any]) -> None:
    looked = made["DOCUMENTS"].ids
    assert (200, b"annual report") == ask(resource())
    refused = {
        "unsigned": replace(resource(), headers=[("Host", HOST)]),
        "another key": resource(key=KEY),
        "another resource": resource(ID[:-1] + "1"),
        "another action": resource(signed=f"delete:resource:{ID}"),
        "a path": resource(signed="download:resource:../../etc/passwd"),
        "a query": replace(resource(), target=f"/resources/{ID}?as=x"),
        "a body": replace(resource(), method="POST", body=b"x"),
    }
    assert dict.fromkeys(refused, 401) == {case: ask(message)[0] for case, message in refused.items()}
    assert {ID} == set(looked)


@pytest.mark.parametrize("id", ODD)
def test_no_other_id_comes_to_a_look_up(id: str, ask: Any, made: dict[str, Any]) -> None:
    """Not even one that was signed."""
    statuses = [ask(resource(id, f"download:resource:{id}"))[0], ask(document(made["token"], id))[0]]
    assert {400, 401, 404, 422} >= set(statuses), statuses
    assert [] == made["DOCUMENTS"].ids


def _bare(answer: tuple[int, bytes]) -> tuple[int, bytes]:
    return answer if answer[0] == 200 else (_refused(answer), b"")


def _refused(answer: tuple[int, bytes]) -> int:
    """Django REST framework says 403 where no class could say whom to ask."""
    return 401 if answer[0] == 403 else answer[0]
