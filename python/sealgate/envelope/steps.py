"""Steps that may have to wait: a generator holds their order, and yields what is to be awaited."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Generator
from typing import Any, TypeVar, cast

from sealgate.exceptions import ConfigurationError

__all__ = ["Steps", "arun", "run"]

_T = TypeVar("_T")
Steps = Generator[Awaitable[Any], Any, _T]


def run(steps: Steps[_T]) -> _T:
    """What the steps return. Raises `ConfigurationError` if they have to wait."""
    try:
        waiting = next(steps)
    except StopIteration as done:
        return cast("_T", done.value)
    steps.close()
    if inspect.iscoroutine(waiting):
        waiting.close()
    raise ConfigurationError("a coroutine key source or store needs aseal, aopen or averify")


async def arun(steps: Steps[_T]) -> _T:
    """As `run`, and awaits."""
    try:
        waiting = next(steps)
        while True:
            try:
                answer = [await waiting]
            except Exception as error:  # noqa: BLE001  the generator decides what each failure means
                waiting = steps.throw(error)
            else:
                waiting = steps.send(answer.pop())  # popped: it may be a key, and a traceback shows variables
    except StopIteration as done:
        return cast("_T", done.value)
