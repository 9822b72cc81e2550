"""The first delivery of a message, from its proof to its answer, and what its duplicates are told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from sealgate.exceptions import ConfigurationError, Replayed, Unavailable
from sealgate.replay.store import AcknowledgingStore, ReplayStore
from sealgate.steps import Steps, arun, ask, run, waits

__all__ = ["Delivery", "remember"]

#: Seconds after which a duplicate may come again, of a message that is still in progress.
_LATER = 5
#: What goes on by itself; an event loop does not hold its tasks.
_going_on = set[asyncio.Future[Any]]()
_log = logging.getLogger("sealgate")


class Delivery:
    """What `verify(request, delivery=Delivery())` begins, where the verifier acknowledges duplicates: one a request.

    It `is_underway` from the proof on, and must then be told how the request was answered. Until it is, duplicates are
    `Unavailable`; and for the rest of the message's life, if the process dies first.
    """

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun: tuple[AcknowledgingStore, bytes, int, str | None] | None = None

    @property
    def is_underway(self) -> bool:
        return self._begun is not None

    def answered(self, status: int | None) -> None:
        """`status`: of the answer; None where there was none, but an exception. Never raises: the view has run.

        After 2xx, duplicates are answered 200; after 5xx and exceptions the message counts as never seen; else
        duplicates are refused.
        """
        try:
            run(self.tell(status, awaits=False), "aanswered")
        except ConfigurationError as error:  # a store whose `begin` is no coroutine, and its `finish` is
            _log.error("replay: %s", error)

    async def aanswered(self, status: int | None) -> None:
        """As `answered`, and awaits; it goes on where whoever awaits it is cancelled."""
        if self._begun is not None:
            await asyncio.shield(_kept(arun(self.tell(status, awaits=True))))

    def begin(
        self, store: AcknowledgingStore, key: bytes, expires: int, key_id: str | None, *, awaits: bool
    ) -> Steps[None]:
        """Raises `Replayed`, with the status 200 where the first delivery went well, and `Unavailable`."""
        way = _way(store, "begin", key_id, awaits=awaits)
        if awaits:
            way = _undone(way, _way(store, "release", key_id, awaits=True))
        yield from ask("replay store", _begun, way, key, expires)
        self._begun = store, key, expires, key_id

    def tell(self, status: int | None, *, awaits: bool) -> Steps[None]:
        """As `answered`, for a driver of steps."""
        if self._begun is None:
            return
        (store, key, expires, key_id), self._begun = self._begun, None
        if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            step = _way(store, "release", key_id, awaits=awaits)
        else:
            done = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
            step = _with(_way(store, "finish", None, awaits=awaits), done)
        try:
            yield from ask("replay store", list.pop, step, key, expires)
        except Unavailable as error:
            _log.error("replay: %s: duplicates of an answered message stay unavailable while it lives", error)


def remember(store: ReplayStore, key: bytes, expires: int, key_id: str | None, *, awaits: bool) -> Steps[None]:
    """Raises `Replayed` for what the store knows, and `Unavailable`."""
    return ask("replay store", _added, _way(store, "add", key_id, awaits=awaits), key, expires)


def _added(answer: list[Any]) -> None:
    if answer.pop() is not True:
        raise Replayed("the message was accepted before")


def _begun(answer: list[Any]) -> None:
    seen = answer.pop()
    if seen == "begun":
        raise Unavailable("the message is in progress", retry_after=_LATER)
    if seen == "done":
        raise Replayed("the message was answered with success before", status=HTTPStatus.OK)
    if seen != "new":
        raise Replayed("the message was accepted before")


def _undone(begin: Callable[[bytes, int], Any], release: Callable[[bytes, int], Any]) -> Callable[[bytes, int], Any]:
    """`begin`; where whoever awaits it is cancelled, as by a client that goes away, nothing stays begun."""

    async def awaited(asking: asyncio.Future[Any], key: bytes, expires: int) -> Any:
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            _kept(undo(asking, key, expires))
            raise

    async def undo(asking: asyncio.Future[Any], key: bytes, expires: int) -> None:
        try:
            if await asking == "new" and waits(released := release(key, expires)):
                await released
        except Exception as error:  # noqa: BLE001  as in `tell`
            _log.error("replay: %s: duplicates of a message stay unavailable while it lives", type(error).__name__)

    def way(key: bytes, expires: int) -> Any:
        answer = begin(key, expires)
        return awaited(_kept(answer), key, expires) if waits(answer) else answer

    return way


def _kept(steps: Awaitable[Any]) -> asyncio.Future[Any]:
    future = asyncio.ensure_future(steps)
    _going_on.add(future)
    future.add_done_callback(_going_on.discard)
    return future


def _way(store: Any, step: str, key_id: str | None, *, awaits: bool) -> Callable[[bytes, int], Any]:
    """How `store` is asked: where it can be awaited and has a way for that, by `aadd` and the like."""
    way: Any = getattr(store, f"a{step}", None) if awaits else None
    if way is None:
        way = getattr(store, step)
    return _with(way, key_id) if key_id is not None and getattr(store, "by_key_id", False) else way


def _with(way: Callable[..., Any], third: object) -> Callable[[bytes, int], Any]:
    return lambda key, expires: way(key, expires, third)
