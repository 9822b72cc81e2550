"""The test kit: clients that sign what they send, and a clock that stands still.

`sealgate.testing.django`, `.flask`, `.starlette` (FastAPI's too) and `.rest_framework` each have `SignedClient`, the
framework's own test client, and `sign_as(client, signer)`, for one that is there already. Both give the application
what a server would: the raw target, Host and scheme of `origin`, and a signature over the octets that it will read.
"""

from __future__ import annotations

__all__ = ["FixedClock"]


class FixedClock:
    """A `clock=`: Unix seconds, which pass when they are told to.

    >>> clock = FixedClock(1_700_000_000)
    >>> clock.tick(60)
    >>> clock()
    1700000060
    """

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float = 1) -> None:
        """Later by `seconds`; earlier, if they are negative."""
        self.now += seconds

    def __repr__(self) -> str:
        return f"FixedClock({self.now!r})"
