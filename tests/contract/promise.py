"""What every class of promises stands on: an application, requests to it, and what its views have read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import pytest

from exchange import WHOLE, Exchange, Framing
from judged import RFC9421
from reference import Message
from sealgate import Verifier
from suite import Suite
from wsgi_client import Answer

#: A status, and what the views have read for it.
Outcome = tuple[int, list[bytes]]


class Instead(NamedTuple):
    """Why an adapter cannot keep a promise, and what happens: of a mapping, the entries that differ."""

    why: str
    happens: Any


class Promises(Suite):
    """A class of tests for one adapter. Each test asserts once, by `holds`.

    `over`: how its application is spoken to. `CANNOT`: the promises that it cannot keep, by the words of the name.
    `seen`: what the views have read, in order.
    """

    over: ClassVar[Exchange]
    CANNOT: ClassVar[Mapping[str, Instead]] = {}
    seen: list[bytes]

    @abstractmethod
    def build(self, verifier: Verifier, **settings: Any) -> Any:
        """The application, with the routes that the contract describes, whose default is `verifier`.

        `settings`: `mount`, `report_only`, `on_verdict` (see `sealgate.policy`); `inside`, which is what stands
        between the gate and the views: see `RULES`.
        """

    @pytest.fixture(autouse=True)
    def _promise(self, request: pytest.FixtureRequest) -> None:
        self.seen = []
        self._name = request.function.__name__.removeprefix("test_").replace("_", " ")

    def __init_subclass__(cls, **more: Any) -> None:
        """A promise cannot be taken back by redefining it, only listed as one that cannot be kept."""
        super().__init_subclass__(**more)
        for base in cls.__mro__[1:]:
            taken = sorted({name for name in vars(cls) if name.startswith("test_")} & set(vars(base)))
            if taken:
                raise TypeError(f"{cls.__name__} redefines {taken}")
        unknown = [promise for promise in cls.CANNOT if not hasattr(cls, f"test_{promise.replace(' ', '_')}")]
        if unknown:
            raise TypeError(f"{cls.__name__} cannot keep what nobody has promised: {unknown}")

    def holds(self, expected: Any, actual: Any) -> None:
        """The promise; or, where it is listed as one that cannot be kept, exactly what is said to happen instead."""
        if self._name in self.CANNOT:
            happens = self.CANNOT[self._name].happens
            weaker = {**expected, **happens} if isinstance(expected, dict) else happens
            assert weaker != expected, "listed as one that cannot be kept, and is kept"
            expected = weaker
        assert expected == actual

    def send(
        self, message: Message, verifier: Verifier | None = None, framing: Framing = WHOLE, **server: Any
    ) -> Answer:
        """The answer of a new application."""
        return self.ask(self.build(verifier or RFC9421.verifier()), message, framing, **server)

    def ask(self, application: Any, message: Message, framing: Framing = WHOLE, **server: Any) -> Answer:
        return type(self).over(application, message, framing, **server)

    def outcome(self, application: Any, message: Message, framing: Framing = WHOLE, **server: Any) -> Outcome:
        """The status, and what the views have read for this request."""
        with self.reading() as read:
            status = self.ask(application, message, framing, **server).status
        return status, read

    def outcomes(self, application: Any, messages: Mapping[str, Message], **how: Any) -> dict[str, Outcome]:
        return {case: self.outcome(application, message, **how) for case, message in messages.items()}

    def statuses(self, application: Any, *messages: Message, **how: Any) -> list[int]:
        return [self.ask(application, message, **how).status for message in messages]

    def others(self, statuses: Mapping[Any, int], *refusals: int) -> dict[str, Any]:
        """The statuses that are no refusal, and what the views have read."""
        return {"other answers": set(statuses.values()) - set(refusals), "read": self.seen}

    @contextmanager
    def reading(self) -> Iterator[list[bytes]]:
        """What the views read meanwhile."""
        read: list[bytes] = []
        before = len(self.seen)
        yield read
        read += self.seen[before:]
