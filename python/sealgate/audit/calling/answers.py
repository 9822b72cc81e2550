"""What comes of one request of a probe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["SECONDS", "Answer", "answered", "failed"]

#: That an application has for its answer.
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`status`: 101 for a websocket that was accepted; None where there was no answer, and `failure` says why.

    `ours`: a refusal as sealgate gives it, and nothing that the application said. `acknowledged`: what it says to a
    duplicate whose first one was answered.
    """

    status: int | None
    ours: bool = False
    acknowledged: bool = False
    failure: str = ""


def answered(status: int, headers: Iterable[tuple[str, str]]) -> Answer:
    fields = {name.lower(): value for name, value in headers}
    challenge = fields.get("www-authenticate", "").startswith('Signature realm="sealgate"')
    unstored = fields.get("cache-control") == "no-store"
    problem = fields.get("content-type") == "application/problem+json" and status >= 400 and unstored
    empty = fields.get("content-length") == "0" and status == 200 and unstored
    return Answer(status, ours=challenge or problem, acknowledged=empty)


def failed(error: BaseException) -> Answer:
    return Answer(500, failure=f"the application raised {type(error).__name__}")
