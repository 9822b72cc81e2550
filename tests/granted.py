"""What the tests of tokens share: a scope whose clock stands, a token by the judge, and the judge's verdict beside ours."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import scope_reference as judge
from judged import KEY, NOW
from reference import Refused
from sealed import RING, texts, values
from sealgate import Rejected, Scope

SCOPE = "download:resource"
SUBJECT = "doc-123"
SAID = judge.Said("acme", NOW, 60)
NONCE = bytes(range(16))
ONCE = judge.Said("acme", NOW, 60, NONCE)

subjects = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.:@~-]{0,40}", fullmatch=True)
claims = st.dictionaries(texts, values, max_size=4)


def scope(name: str = SCOPE, *, now: float = NOW, **settings: Any) -> Scope:
    return Scope(name, **{"keys": RING, "clock": lambda: now, **settings})


def token(said: judge.Said = SAID, subject: str = SUBJECT, key: bytes = KEY, name: str = SCOPE) -> str:
    """By the judge."""
    return judge.token_of(said, name, subject, key)


def verdict(own: Scope, text: Any, subject: Any = SUBJECT) -> Any:
    """What is said of a token: a refusal is a value, its code."""
    try:
        proof = own.verify(text, subject)
    except Rejected as refused:
        return refused.code
    nonce = None if proof.nonce is None else judge.decoded(proof.nonce)
    return judge.Said(proof.key_id, proof.created, proof.expires - proof.created, nonce, proof.claims)


def judges_verdict(text: Any, subject: Any = SUBJECT, now: float = NOW) -> Any:
    try:
        return judge.granted(text, SCOPE, subject, RING, now)
    except Refused:
        return None
