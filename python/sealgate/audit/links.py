"""What an audit says of links: how often and how long one is good, and where that is more than it should be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sealgate import Scheme
from sealgate.verifier import Verifier

__all__ = ["said_of_links"]

#: RFC 9110, 9.2.1, and the method QUERY.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "QUERY", "TRACE"})
_DAY = 86_400
_UNITS = ((_DAY, "d"), (3600, "h"), (60, "min"), (1, "s"))


def said_of_links(verifiers: Iterable[Verifier], method: str) -> Iterator[str]:
    """Sentences, on each scheme of links that opens `method`. `method`: `*` for any."""
    for verifier in verifiers:
        scheme = verifier.scheme
        if scheme.longest is not None:
            yield from _said(scheme, scheme.longest, method)


def _said(scheme: Scheme, longest: int, method: str) -> Iterator[str]:
    once = scheme.replay_class == "nonce"
    yield f"{scheme.name}: a link is good {'once' if once else 'until it ends'}, {_duration(longest)} at most"
    if scheme.ignored:
        yield f"{scheme.name}: behind a link may stand, and is handed to nobody: {', '.join(scheme.ignored)}"
    if longest > _DAY:
        yield f"{scheme.name}: weak: a link may last {_duration(longest)}, unless longest= says less"
    if not once and method not in _SAFE and "body" not in scheme.covered:
        yield f"{scheme.name}: weak: a link for {method} acts each time that it comes, unless once= says otherwise"


def _duration(seconds: int) -> str:
    """In the largest unit that it is a multiple of."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"
