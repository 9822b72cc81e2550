"""Tokens: one is made, and verified, beside what else signs a value for a time and gives it out as text."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial

from django.core import signing
from itsdangerous import URLSafeTimedSerializer
from messages import KEY
from timing import Case, Pace, Row, Section, checked
from wsgi_frameworks import configure_django

from sealgate import Scope

_SUBJECT = str(uuid.UUID(int=0x0B7D3F2E7C554F0E9A563B1D2C4E5F60))
_MAX_AGE = 3600


def last_changed(text: str) -> str:
    """With other bits in the octets that the last characters stand for; still base64url."""
    return text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBA")


def _claims(size: int) -> dict[str, object]:
    """Of about `size` octets of JSON."""
    return {f"name{n:02}": f"value {n:07}" for n in range(size // 25)}


def _cases(size: int, _pace: Pace) -> Mapping[str, Case]:
    """Theirs hold the subject as well; ours is told it."""
    configure_django()
    claims = _claims(size)
    value = {"subject": _SUBJECT, **claims} if claims else _SUBJECT
    own = Scope("download:resource", keys={"shop": KEY}, subject="uuid4", max_age=_MAX_AGE)
    theirs = URLSafeTimedSerializer(KEY)
    ours, dangerous, djangos = own.token(_SUBJECT, claims=claims), theirs.dumps(value), signing.dumps(value, key=KEY)
    return {
        "Scope.token": checked("token(s, claims=c)", {"s": "x"}, token=own.token, s=_SUBJECT, c=claims),
        "itsdangerous dumps": checked("dumps(v)", {"v": {1}}, dumps=theirs.dumps, v=value),
        "django.core.signing dumps": checked("dumps(v, k)", {"v": {1}}, dumps=signing.dumps, v=value, k=KEY),
        "Scope.verify": checked("verify(t, s)", {"t": last_changed(ours)}, verify=own.verify, t=ours, s=_SUBJECT),
        "itsdangerous loads": checked(
            "loads(t, a)", {"t": last_changed(dangerous)}, loads=theirs.loads, t=dangerous, a=_MAX_AGE
        ),
        "django.core.signing loads": checked(
            "loads(t, k, max_age=a)", {"t": last_changed(djangos)}, loads=signing.loads, t=djangos, k=KEY, a=_MAX_AGE
        ),
    }


_ROWS = [
    Row("Scope.token", "itsdangerous dumps", 0.25),
    Row("Scope.token", "django.core.signing dumps", 0.25),
    Row("Scope.verify", "itsdangerous loads", 0.25),
    Row("Scope.verify", "django.core.signing loads", 0.25),
]

SECTIONS = [
    Section(f"a token for a UUID, {name}", partial(_cases, size), _ROWS)
    for name, size in [("no claims", 0), ("claims of 200 B", 200), ("claims of 2 KB", 2000)]
]
