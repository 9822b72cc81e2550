"""The page on sealed values: its examples run."""

from __future__ import annotations

import django_project  # noqa: F401  settings come first

# isort: split
import json
import queue
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from itsdangerous import BadSignature

from judged import KEY
from sealgate import Envelope, Rejected
from sealgate.exceptions import Replayed

PAGE = (Path(__file__).parent.parent / "docs" / "envelope.md").read_text()
BLOCKS = {tag.strip() or "first": code for tag, code in re.findall(r"```python([^\n]*)\n(.*?)```", PAGE, re.DOTALL)}


def ran(block: str, **given: Any) -> dict[str, Any]:
    # As a module: pydantic looks up the module of a class.
    names = {**given, "__name__": __name__}
    exec(compile(BLOCKS[block], "docs/envelope.md", "exec", dont_inherit=True), names)
    return names


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY.decode())


def test_every_example_is_run_here() -> None:
    assert {"first", "store", "rest_framework", "pydantic", "views", "before", "after", "both"} == set(BLOCKS)


def test_the_first_example_asserts_itself() -> None:
    document = ran("first")["document"]
    (shown,) = re.findall(r"^# (.*)$", BLOCKS["first"], re.MULTILINE)
    assert json.dumps(document).startswith(shown.partition("....")[0])
    for right, wrong in (('== {"items": ["socks"], ', "== {"), ('"signature-invalid"', '"signature-missing"')):
        with pytest.raises(AssertionError):
            exec(BLOCKS["first"].replace(right, wrong), {})


def test_values_are_sealed_for_queues_files_caches_and_cookies(tmp_path: Path) -> None:
    given: dict[str, Any] = {"queue": _Kept(), "folder": tmp_path, "cache": caches["default"]}
    block = BLOCKS["store"].replace("/run/shop/replay.db", f"{tmp_path}/replay.db")
    exec(compile(block, "docs/envelope.md", "exec"), given)
    assert ({"image": 7, "width": 200}, {"name": "2026-01.json", "total": 100}) == (given["job"], given["report"])
    assert ({"key": "price:7", "cents": 1250}, {"items": [7, 9]}) == (given["price"], given["cart"])
    assert re.fullmatch(r"[A-Za-z0-9_=-]+", given["cookie"])
    with pytest.raises(Replayed):
        given["jobs"].open_json(given["queue"].last)
    text = given["path"].read_text()
    with pytest.raises(Rejected):
        given["reports"].open_json(text.replace("100", "101"))
    with pytest.raises(Rejected):
        given["prices"].open_json(text)


class _Kept(queue.SimpleQueue[str]):
    """Remembers what it has given out, as whoever listens to it would."""

    def get(self, *arguments: Any) -> str:
        self.last = super().get(*arguments)
        return self.last


def test_a_serializer_takes_a_sealed_value() -> None:
    made = ran("rest_framework")
    document = made["quotes"].seal({"total": 100})
    order = made["Order"](data={"quote": document})
    assert order.is_valid()
    assert {"quote": {"total": 100}} == order.validated_data
    assert not made["Order"](data={"quote": {**document, "payload": {"total": 1}}}).is_valid()


def test_a_model_takes_a_sealed_value() -> None:
    made = ran("pydantic")
    document = made["quotes"].seal({"total": 100})
    order = made["Order"].model_validate({"quote": document})
    assert (100, "shop") == (order.quote.payload.total, order.quote.key_id)
    with pytest.raises(Rejected):
        made["Order"].model_validate({"quote": {**document, "payload": {"total": 1}}})


def test_a_form_and_a_view_take_a_sealed_value() -> None:
    made = ran("views")
    document = made["quotes"].seal({"total": 100})
    tampered = {**document, "payload": {"total": 1}}
    form = made["OrderForm"]({"quote": json.dumps(document)})
    assert form.is_valid()
    assert {"quote": {"total": 100}} == form.cleaned_data
    for wrong in (json.dumps(tampered), "", "{", "\x00"):
        assert not made["OrderForm"]({"quote": wrong}).is_valid()
    client = made["app"].test_client()
    answers = [client.post("/orders", json=each) for each in (document, tampered, {}, [])]
    assert [200, 401, 401, 401] == [answer.status_code for answer in answers]
    assert {"total": 100} == answers[0].json


def test_texts_of_others_are_opened_while_they_are_about() -> None:
    names = ran("before", SECRET_KEY=KEY.decode())
    assert {"total": 100} == names["value"]
    old = names["URLSafeTimedSerializer"](KEY.decode(), salt="quote").dumps({"total": 100})
    now = ran("both", **ran("after", **{**names, "Envelope": Envelope, "json": json}))
    assert [{"total": 100}] * 2 == [now["opened"](text) for text in (old, now["text"])]
    with pytest.raises(Rejected):
        now["opened"](now["text"].replace("100", "1"))
    with pytest.raises(BadSignature):
        now["opened"]("x" + old)
