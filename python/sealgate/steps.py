"""Steps that may have to wait: a generator holds their order, and yields what is to be awaited."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from sealgate._native import Key, KeyRing
from sealgate.exceptions import ConfigurationError, Rejected, Unavailable

__all__ = ["Steps", "arun", "ask", "run", "waits"]

_T = TypeVar("_T")
Steps = Generator[Awaitable[Any], Any, _T]
#: What sources, stores and bodies answer at once: asking these whether they can be awaited costs more than the answer.
_PLAIN = frozenset({bytes, bool, str, Key, KeyRing, type(None)})
_log = logging.getLogger("sealgate")


def run(steps: Steps[None], instead: str) -> None:
    """Takes the steps. Raises `ConfigurationError` if they have to wait: `instead` can."""
    # Not `next`: the end of a generator is an exception there, which costs more than the rest of this.
    for waiting in steps:
        steps.close()
        if inspect.iscoroutine(waiting):
            waiting.close()
        raise ConfigurationError(f"a coroutine key source, store or body needs {instead}")


async def arun(steps: Steps[None]) -> None:
    """As `run`, and awaits."""
    waiting = next(steps, None)
    try:
        while waiting is not None:
            try:
                answer = [await waiting]
            except Exception as error:  # noqa: BLE001  the generator decides what each failure means
                waiting = steps.throw(error)
            else:
                waiting = steps.send(answer.pop())  # popped: it may be a key, and a traceback shows variables
    except StopIteration:
        pass


def ask(what: str, take: Callable[[list[Any]], _T], call: Callable[[Any, Any], Any], one: Any, two: Any) -> Steps[_T]:
    """What `call(one, two)`, outside, gives, at once or awaited; `take` takes it out of a list, so that no frame keeps
    a key, or refuses it. Raises `Unavailable`, which says `what` it was, whatever else that raises.
    """
    try:
        answer = [call(one, two)]
        if type(answer[0]) not in _PLAIN and inspect.isawaitable(answer[0]):
            answer = [(yield answer.pop())]
        return take(answer)
    except (Rejected, Unavailable):
        raise  # what `take` makes of it; and what has told its own log
    except Exception as error:  # noqa: BLE001  nothing can be accepted then
        # The error's text may hold a URL with a password, or a key: its type is enough for the log.
        _log.error("%s failed: %s", what, type(error).__name__)
        raise Unavailable(f"the {what} did not answer") from None


def waits(answer: Any) -> bool:
    """Whether it has to be awaited."""
    return type(answer) not in _PLAIN and inspect.isawaitable(answer)
