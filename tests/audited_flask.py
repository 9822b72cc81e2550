"""A small Flask shop to audit, and what an audit says of it."""

from __future__ import annotations

from typing import Any

from flask import Flask

import leaky_flask
from audited_apps import answering
from sealgate import Verifier, schemes
from sealgate.audit import Entry, audit
from sealgate.flask import Sealgate

__all__ = ["entries", "evidence", "shop", "shown", "verifier"]


def verifier() -> Verifier:
    return Verifier(schemes.RFC9421, keys={leaky_flask.KEY_ID: leaky_flask.KEY}, origin=leaky_flask.ORIGIN)


def shop(*, gate: bool = True, **settings: Any) -> Flask:
    app = Flask("shop", static_folder=None)
    if gate:
        Sealgate(app, verifier(), **settings)
    app.add_url_rule("/orders", "orders", lambda: "orders", methods=["GET", "POST"])
    return app


def entries(app: Any) -> tuple[Entry, ...]:
    return audit(app).entries


def evidence(app: Any, path: str, method: str = "GET") -> tuple[str, ...]:
    return tuple(each for entry in answering(entries(app), path, method) for each in entry.standing.evidence)


def shown(app: Any) -> set[tuple[str, str, str]]:
    """Verdict, kind and path of each entry."""
    return {(entry.verdict, entry.kind, entry.path) for entry in entries(app)}
