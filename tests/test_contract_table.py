"""The contract of the adapters: which promises there are, and that every adapter is asked for every one of them."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import contract
from contract import AsgiContract, GateContract, Instead, VerdictContract, WsgiContract
from contract.promise import Promises
from judged import RFC9421

ROOT = Path(__file__).parent.parent

ADAPTERS: dict[str, type[Promises]] = {
    "test_django.py::TestWsgi": WsgiContract,
    "test_django.py::TestAsgi": AsgiContract,
    "test_flask.py::TestFlask": WsgiContract,
    "test_fastapi.py::TestFastapi": AsgiContract,
    "test_asgi.py::TestMiddleware": AsgiContract,
    "test_wsgi.py::TestMiddleware": WsgiContract,
    "test_fastapi_dependency.py::TestDependencyAlone": VerdictContract,
    "test_contract_rest_framework.py::TestWsgi": VerdictContract,
    "test_contract_rest_framework.py::TestAsgi": VerdictContract,
}


def promises_of(kind: type[Promises]) -> set[str]:
    return {name for cls in kind.__mro__ for name in vars(cls) if name.startswith("test_")}


@cache
def collected() -> dict[str, set[str]]:
    """The tests of each class, as pytest finds them."""
    files = sorted({f"tests/{adapter.partition('::')[0]}" for adapter in ADAPTERS})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found: dict[str, set[str]] = {}
    for adapter, test in re.findall(r"^tests/(\S+?::\w+)::(\w+)", listed, re.MULTILINE):
        found.setdefault(adapter, set()).add(test)
    return found


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_every_adapter_is_asked_for_every_promise(adapter: str) -> None:
    assert set() == promises_of(ADAPTERS[adapter]) - collected()[adapter]


def test_every_class_that_inherits_the_contract_is_in_the_table() -> None:
    inherits = re.compile(r"^class (Test\w+)\(.*\b(?:\w+Contract|OnDjango|OfViews)\b.*\):", re.MULTILINE)
    files = sorted(Path(__file__).parent.glob("test_*.py"))
    found = {f"{path.name}::{name}" for path in files for name in inherits.findall(path.read_text())}
    assert set(ADAPTERS) == found


def test_there_are_at_least_35_promises_of_a_gate() -> None:
    assert len(promises_of(GateContract)) >= 35


def test_table_of_the_promises_is_complete() -> None:
    listed = re.findall(r"^    (\S.*)$", contract.__doc__ or "", re.MULTILINE)
    promised = promises_of(WsgiContract) | promises_of(AsgiContract)
    assert sorted(promised) == sorted(f"test_{promise.replace(' ', '_')}" for promise in listed)


def _contract(cannot: dict[str, Instead]) -> Promises:
    class Adapter(VerdictContract):
        CANNOT = cannot

        def build(self, verifier: object, **settings: object) -> None: ...

    made = Adapter()
    made._name = "second time is a replay"
    return made


def test_promise_that_is_listed_as_one_that_cannot_be_kept_must_be_broken_as_listed() -> None:
    weaker = _contract({"second time is a replay": Instead("it forgets", [200, 200])})
    weaker.holds([200, 401], [200, 200])
    for kept in ([200, 401], [401, 401]):
        with pytest.raises(AssertionError):
            weaker.holds([200, 401], kept)
    with pytest.raises(AssertionError):
        _contract({"second time is a replay": Instead("no difference", [200, 401])}).holds([200, 401], [200, 401])
    with pytest.raises(AssertionError):
        _contract({}).holds([200, 401], [200, 200])


def test_promise_that_nobody_has_made_cannot_be_listed() -> None:
    with pytest.raises(TypeError, match="nobody has promised"):
        _contract({"every request is accepted": Instead("it is kind", [])})


def test_promise_cannot_be_redefined() -> None:
    with pytest.raises(TypeError, match="redefines"):

        class Adapter(VerdictContract):
            def test_second_time_is_a_replay(self) -> None: ...


def test_the_judge_of_the_contract_is_a_foreign_one() -> None:
    """What the contract sends as signed is what the standard library says is signed."""
    assert RFC9421.proof(contract.signed()).key_id == "acme"
