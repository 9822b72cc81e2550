"""docs/message-signatures.md: its examples run, and what it says of the defaults is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sealgate import schemes

DOCS = (Path(__file__).parent.parent / "docs" / "message-signatures.md").read_text()
BLOCKS = dict(re.findall(r"```python (\w+)\n(.*?)```", DOCS, re.DOTALL))
KEYS = {"KEY": "a key that only this test knows", "SHOP_KEY": "another that only this test knows"}


def run(code: str) -> None:
    exec(compile(code, "message-signatures.md", "exec"), dict(KEYS))


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("policy", 'assert "idempotency-key"', 'assert "content-type"'),
        ("response", "== b'{\"total\": 100}'", "== b'{\"total\": 101}'"),
    ],
)
def test_each_example_runs_and_can_fail(name: str, right: str, wrong: str) -> None:
    run(BLOCKS[name])
    assert right in BLOCKS[name]
    with pytest.raises(AssertionError):
        run(BLOCKS[name].replace(right, wrong))


def test_every_example_is_run() -> None:
    assert {"policy", "response"} == set(BLOCKS)
    assert DOCS.count("```python") == len(BLOCKS)


def test_the_field_that_is_shown_is_the_one_that_is_sent() -> None:
    assert f"`Accept-Signature: {schemes.RFC9421.accept_signature}`" in DOCS
