"""What the tests of envelopes share: keys, a clock that stands, random JSON, and the judge's verdict beside ours."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import envelope_reference as judge
from judged import KEY, NOW, OTHER_KEY
from reference import Json, Refused
from sealgate import Rejected
from sealgate.envelope import Envelope

PURPOSE = "checkout"
RING: dict[str | None, list[bytes]] = {"acme": [KEY], "globex": [OTHER_KEY, b"an older key of thirty-two bytes"]}
SEALED = judge.Sealed("acme", NOW, None, "b3k2pp5k7z-50gnwp_yemd")
VALUE: Json = {"total": 100, "items": ["a", "€"], "paid": None}
SAFE = 2**53 - 1

numbers = st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def envelope(purpose: str = PURPOSE, *, now: float = NOW, **settings: Any) -> Envelope:
    return Envelope(purpose, **{"keys": RING, "clock": lambda: now, **settings})


def document(value: Json = VALUE, sealed: judge.Sealed = SEALED, key: bytes = KEY) -> dict[str, Json]:
    """Sealed by the judge."""
    return judge.seal(value, PURPOSE, sealed, key)


def verdict(envelope: Envelope, received: Any) -> Any:
    """What is said of a document: a refusal is a value, its code."""
    try:
        return envelope.open(received)
    except Rejected as refused:
        return refused.code


def judges_verdict(received: Any, now: float = NOW) -> Any:
    try:
        return judge.unsealed(received, PURPOSE, RING, now)[0]
    except Refused:
        return None
