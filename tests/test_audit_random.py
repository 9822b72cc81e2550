"""Audits of applications put together by chance: what is called verified answers 401, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audited_apps import fastapi_status, flask_status, judged_by_requests
from random_shops import fastapi_shop, flask_shop
from sealgate.audit import audit

KINDS: dict[str, tuple[Callable[[Random], Any], Callable[..., int]]] = {
    "flask": (flask_shop, flask_status),
    "fastapi": (fastapi_shop, fastapi_status),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=settings().max_examples // 5)
@given(seed=st.integers(0, 10**9))
def test_verdicts_are_what_happens_to_unsigned_requests(kind: str, seed: int) -> None:
    build, status = KINDS[kind]
    app = build(Random(seed))
    entries = audit(app).entries
    judged = list(judged_by_requests(entries, partial(status, app)))
    assert "unknown" not in {entry.verdict for entry in entries}
    assert [(method, path, gets_in) for method, path, gets_in, _ in judged] == [
        (method, path, said) for method, path, _, said in judged
    ]
