"""Sealed values and tokens on real servers: what the applications share, and a record of all that their code is given."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sealgate import Envelope, Scope
from served_views import KEY, KEY_ID

KEYS = {KEY_ID: KEY}
ORDERS = Envelope("order", keys=KEYS)
#: The workers of a server share what was used up.
_SHARED = f"sqlite://{Path.cwd()}/replay.db"
ONCE = Envelope("order once", keys=KEYS, replay=_SHARED)
FILES = Scope("download:file", keys=KEYS, replay=_SHARED)


def saw(where: str, value: Any) -> Any:
    """Whatever the code of an application is given: a validator, a serializer, a form, a view."""
    line = json.dumps({"where": where, "saw": value}, default=repr).encode() + b"\n"
    with Path(os.environ["SERVED_RECORDS"]).open("ab", buffering=0) as records:
        records.write(line)  # one write: lines of several threads do not mix
    return value
