"""The ways in as a tree of path segments, which the HTML report draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sealgate.audit.entry import Entry, Verdict

__all__ = ["Node", "segments", "tree"]

#: A path of more segments is hostile, or a mistake; what is deeper stays together.
_DEPTH = 24
_PAIRS = {"{": "}", "<": ">", "(": ")", "[": "]"}


@dataclass(slots=True)
class Node:
    """`name`: one segment, or several that have no way in between. `entries`: those whose path ends here."""

    name: str
    entries: list[Entry] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    counts: Counter[Verdict] = field(default_factory=Counter)


def tree(entries: Iterable[Entry]) -> Node:
    """`entries` in order; siblings come in the order in which they first appear."""
    root = Node("")
    places: dict[tuple[str, ...], Node] = {(): root}
    for entry in entries:
        path: tuple[str, ...] = ()
        node = root
        for segment in segments(entry.path):
            path = (*path, segment)
            if path not in places:
                places[path] = Node(segment)
                node.children.append(places[path])
            node = places[path]
        node.entries.append(entry)
    _finish(root)
    return root


def segments(path: str) -> list[str]:
    """Each with its leading slash; one within a parameter or a group of a pattern does not divide."""
    found: list[str] = []
    for segment in _divided(path):
        if len(found) < _DEPTH:
            found.append(segment)
        else:
            found[-1] += segment
    return found


def _divided(path: str) -> Iterator[str]:
    start = 0
    closing: list[str] = []
    for place, char in enumerate(path):
        if char == "/" and not closing:
            if place > start:
                yield path[start:place]
            start = place
        elif closing and char == closing[-1]:
            closing.pop()
        elif char in _PAIRS and _PAIRS[char] in path[place:]:
            closing.append(_PAIRS[char])
    if start < len(path):
        yield path[start:]


def _finish(node: Node) -> None:
    """Counts, and joins a segment that only leads on with the one it leads to."""
    for child in node.children:
        _finish(child)
    node.counts = sum((child.counts for child in node.children), Counter(entry.verdict for entry in node.entries))
    if node.name and not node.entries and len(node.children) == 1:
        (only,) = node.children
        node.name, node.entries, node.children = node.name + only.name, only.entries, only.children
