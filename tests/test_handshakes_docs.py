"""The page on handshakes: its examples run, and its table names what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from handshake_probes import PROVIDERS, SECRET, asana_post
from judged import KEY, as_request
from sealgate import Rejected, Verifier, handshakes
from sealgate.answer import Answer
from sealgate.exceptions import HandshakeAnswered
from sealgate.handshakes import Handshake, MemoryArming
from sealgate.replay import Delivery

PAGE = (Path(__file__).parent.parent / "docs" / "handshakes.md").read_text()
BLOCKS = {tag.strip() or "first": code for tag, code in re.findall(r"```python([^\n]*)\n(.*?)```", PAGE, re.DOTALL)}
TOKEN = "the verify token that Meta has"


class Table(dict[str, str]):
    def insert_if_absent(self, name: str, value: str) -> bool:
        return self.setdefault(name, value) is value


def ran(block: str, code: str | None = None, **given: Any) -> dict[str, Any]:
    exec(compile(code or BLOCKS[block], "docs/handshakes.md", "exec"), given)
    return given


def answered(verifier: Verifier, message: Any) -> bool:
    try:
        verifier.verify(as_request(message), delivery=Delivery())
    except HandshakeAnswered:
        return True
    except Rejected:
        return False
    raise AssertionError("no verdict on a probe is a proof")


def test_every_example_is_run_here() -> None:
    assert {"first", "by hand", "asana"} == set(BLOCKS)


def test_the_first_example_runs() -> None:
    made = ran("first", ZOOM_SECRET=KEY, APP_SECRET=KEY, VERIFY_TOKEN=TOKEN.replace(" ", "-"))
    assert ["zoom", "meta"] == [made[name].handshake.provider for name in ("zoom", "meta")]


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_example_by_hand_runs(name: str) -> None:
    asked = PROVIDERS[name]
    made = ran("by hand", zoom=asked.verifier(), request=as_request(asked.probe))
    assert isinstance(made["answer"], Answer)
    assert (200, asked.told[1]) == (made["answer"].status, made["answer"].body)


def test_the_example_of_asana_runs(tmp_path: Path) -> None:
    table = Table()
    code = BLOCKS["asana"].replace("/run/shop/", f"{tmp_path}/")
    made = ran("asana", code, table=table)
    assert not answered(made["asana"], asana_post(SECRET))
    made["arming"].arm(seconds=30)
    assert answered(made["asana"], asana_post(SECRET))
    made["arming"].arm(seconds=30)
    assert not answered(made["asana"], asana_post("another-key-of-somebody"))
    assert {"asana": SECRET} == table


def test_the_table_names_every_handshake() -> None:
    there = {name for name in handshakes.__all__ if isinstance(getattr(handshakes, name), Handshake)}
    made = (handshakes.meta("x" * 16), handshakes.asana(lambda *_: True, arming=MemoryArming()))
    opened = {each.provider for each in made if each.opens} | {handshakes.DROPBOX.provider}
    rows = re.findall(r"^\| `handshakes\.(\w+)(?:\([^`]*\))?` \| (.*?) \|", PAGE, re.MULTILINE)
    assert there | {"meta", "asana"} == {name for name, _ in rows}
    assert opened == {name.lower() for name, asks in rows if "**unsigned**" in asks}
