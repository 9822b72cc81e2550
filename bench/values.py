"""Sealed values: one is sealed, and opened, beside what else signs a value for a time."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.core import signing
from itsdangerous import URLSafeTimedSerializer
from messages import KEY
from timing import Case, Pace, Row, Section, checked
from tokens import last_changed
from wsgi_frameworks import configure_django

from sealgate import Envelope

_MAX_AGE = 3600
_NAMES = ["wool socks", "linen shirt", "felt hat", "rain coat", "scarf of silk", "leather gloves", "blue jeans"]


def _value(size: int) -> dict[str, Any]:
    """An order of at least `size` octets of JSON."""
    order: dict[str, Any] = {"order": "o-2026-00417", "customer": {"id": 7, "name": "Ada Lovelace"}, "items": []}
    while len(json.dumps(order, separators=(",", ":"))) < size:
        number = len(order["items"])
        lot = str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))
        named = f"{_NAMES[number % 7]}, {_NAMES[number % 5]} and {_NAMES[number % 3]}"
        order["items"].append({"lot": lot, "name": named, "count": 1 + number % 3, "cents": 995 + 137 * number})
    return order


def _cases(size: int, _pace: Pace) -> Mapping[str, Case]:
    """Theirs give a text, and take one; ours do too, or give and take a document."""
    configure_django()
    value = _value(size)
    own = Envelope("order", keys={"shop": KEY}, max_age=_MAX_AGE)
    theirs = URLSafeTimedSerializer(KEY)
    ours, dangerous, djangos = own.seal(value), theirs.dumps(value), signing.dumps(value, key=KEY)
    text, changed = json.dumps(ours), {**ours, "payload": {**value, "order": "o-2026-00418"}}
    return {
        "Envelope.seal": checked("seal(v)", {"v": {1}}, seal=own.seal, v=value),
        "Envelope.seal_json": checked("seal(v)", {"v": {1}}, seal=own.seal_json, v=value),
        "itsdangerous dumps": checked("dumps(v)", {"v": {1}}, dumps=theirs.dumps, v=value),
        "django.core.signing dumps": checked("dumps(v, k)", {"v": {1}}, dumps=signing.dumps, v=value, k=KEY),
        "Envelope.open": checked("open(d)", {"d": changed}, open=own.open, d=ours),
        "Envelope.open_json": checked("open(t)", {"t": json.dumps(changed)}, open=own.open_json, t=text),
        "itsdangerous loads": checked(
            "loads(t, a)", {"t": last_changed(dangerous)}, loads=theirs.loads, t=dangerous, a=_MAX_AGE
        ),
        "django.core.signing loads": checked(
            "loads(t, k, max_age=a)", {"t": last_changed(djangos)}, loads=signing.loads, t=djangos, k=KEY, a=_MAX_AGE
        ),
    }


_ROWS = [
    Row("Envelope.seal", "itsdangerous dumps", 0.25),
    Row("Envelope.seal", "django.core.signing dumps", 0.25),
    Row("Envelope.seal_json", "itsdangerous dumps", 0.25),
    Row("Envelope.seal_json", "django.core.signing dumps", 0.25),
    Row("Envelope.open", "itsdangerous loads", 0.25),
    Row("Envelope.open", "django.core.signing loads", 0.25),
    Row("Envelope.open_json", "django.core.signing loads"),
]

SECTIONS = [
    Section(f"an order that is sealed, {name}", partial(_cases, size), _ROWS)
    for name, size in [("200 B", 200), ("4 KiB", 4096)]
]
