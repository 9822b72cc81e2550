"""The worked example of CONTRIBUTING.md: one entry and one vector, and every test of the others is passed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import test_hostile_matrix
import test_vectors
from honest_messages import Honest
from hostile_cases import CASES, Case
from sealgate import Scheme, schemes

GUIDE = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()
(ENTRY,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
(VECTOR,) = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]
(CASE,) = VECTOR["cases"]


def extended() -> dict[str, Scheme]:
    """What `by_name` gives where the entry stands in the module, among the others."""
    text = Path(schemes.__file__).read_text()
    module = ModuleType("extended_schemes")
    exec(compile(text.replace("\nZOOM = ", f"\n{ENTRY}\nZOOM = "), "schemes.py", "exec"), module.__dict__)
    named: dict[str, Scheme] = module.by_name()
    return named


SCHEME = extended()[CASE["scheme"]]


@pytest.fixture(autouse=True)
def the_vector_file_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_vectors, "SCHEMES", extended())
    monkeypatch.setitem(test_vectors._FILES, "parcelwise", VECTOR)


def test_the_entry_adds_one_scheme() -> None:
    assert {"parcelwise"} == extended().keys() - schemes.by_name().keys()


@pytest.mark.parametrize(
    "test",
    [
        test_vectors.test_scheme_vectors_are_accepted,
        test_vectors.test_scheme_vectors_with_another_body_are_refused,
        test_vectors.test_scheme_vectors_are_what_we_sign,
    ],
)
def test_the_vector_passes_the_tests_of_the_others(test: Any) -> None:
    test(CASE)


def test_the_vector_names_its_source() -> None:
    test_vectors.test_every_vector_names_its_source("parcelwise")


def test_a_vector_that_is_wrong_is_seen() -> None:
    (nonce, (name, value)) = CASE["fields"]
    wrong = value[:-1] + ("0" if value[-1] != "0" else "1")
    with pytest.raises(test_vectors.InvalidSignature):
        test_vectors.test_scheme_vectors_are_accepted({**CASE, "fields": [nonce, [name, wrong]]})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_the_hostile_matrix_is_passed(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(test_hostile_matrix.HONEST, "parcelwise", Honest(SCHEME))
    test_hostile_matrix.test_what_is_spoiled_was_accepted_before("parcelwise")
    test_hostile_matrix.test_a_hostile_message_gets_a_verdict("parcelwise", case)


def test_what_the_guide_says_of_a_file_is_so() -> None:
    for path in re.findall(r"`((?:python|tests|src|docs)/[\w./]+\.\w+)`", GUIDE):
        assert path == "tests/vectors/parcelwise.json" or (Path(__file__).parents[1] / path).is_file(), path
