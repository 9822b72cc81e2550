"""Sources of keys, and replay stores, as users write them: some have to be awaited, some fail, and one says what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from judged import KEY, NOW
from sealgate import KeyRing
from sealgate.replay import MemoryStore

__all__ = ["AsyncStore", "Store", "answering", "awaited_source"]


class Store:
    """Says what it was asked, and answers `answer`, or raises it."""

    def __init__(self, answer: Any = True) -> None:
        self.seen: list[tuple[bytes, int]] = []
        self._answer = answer

    def add(self, key: bytes, expires: int, /) -> Any:
        self.seen.append((key, expires))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class AsyncStore:
    """In memory, and has to be awaited."""

    def __init__(self) -> None:
        self._store = MemoryStore(clock=lambda: NOW)

    async def add(self, key: bytes, expires: int, /) -> bool:
        return self._store.add(key, expires)


async def awaited_source(key_id: str | None, request: None) -> KeyRing:
    return KeyRing({"acme": KEY})


def answering(answer: Any) -> Callable[[str | None, None], Any]:
    """A source that answers, or raises, `answer`."""

    def source(key_id: str | None, request: None) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return source
