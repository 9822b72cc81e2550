"""The map at a glance: a drawing in which each segment is as high as it has ways in, from left to right inwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from sealgate.audit.entry import Verdict
from sealgate.audit.map import Node
from sealgate.audit.report import VERDICTS
from sealgate.printable import printable

__all__ = ["overview"]

#: Units of the drawing, of which it is `_WIDTH` wide; a label has letters of `_LETTER` units.
_WIDTH, _HEIGHT, _ROW, _COLUMNS = 1100.0, 560.0, 22.0, 6
_LETTER, _LABELLED, _DRAWN = 7.0, 11.0, 2.5
_OPENED: tuple[Verdict, ...] = ("open", "unknown")


def overview(root: Node) -> Iterator[str]:
    """Lines of SVG. What is too small to see is drawn as one; the tree below it has everything."""
    if not root.counts.total():
        return
    columns = min(_COLUMNS, _depth(root, _COLUMNS))
    drawing = _Drawing(*_rows(root), _WIDTH / columns, columns)
    height = drawing.height(root)
    yield f'<svg class="overview" viewBox="0 0 {_WIDTH:.0f} {height:.1f}" role="img" aria-label="Overview of the map">'
    yield from drawing.inside(root, 0, 0.0)
    yield "</svg>"


def _rows(root: Node) -> tuple[float, float]:
    """How high a way in is, and one that is not closed: among thousands it must be seen."""
    total, opened = root.counts.total(), _opened(root)
    row = min(_ROW, _HEIGHT / total)
    return row, max(row, min(_ROW, _HEIGHT / opened)) if opened else row


@dataclass(frozen=True, slots=True)
class _Drawing:
    row: float
    open_row: float
    width: float
    columns: int

    def height(self, node: Node) -> float:
        opened = _opened(node)
        return opened * self.open_row + (node.counts.total() - opened) * self.row

    def inside(self, node: Node, column: int, top: float) -> Iterator[str]:
        """What is below `node`: the ways in that end at it, where something goes on beside them, then its children."""
        if node.entries and (node.children or not node.name):
            own = Node("·", node.entries)
            own.counts.update(entry.verdict for entry in node.entries)
            yield self.box(own, column, top, last=True)
            top += self.height(own)
        for child in node.children:
            goes_on = bool(child.children) and self.height(child) >= _DRAWN and column + 1 < self.columns
            yield self.box(child, column, top, last=not goes_on)
            if goes_on:
                yield from self.inside(child, column + 1, top)
            top += self.height(child)

    def box(self, node: Node, column: int, top: float, *, last: bool) -> str:
        """The verdicts within as a bar at its left, as high as each has ways in; a last box is tinted."""
        height = self.height(node)
        x, inner = column * self.width, max(height - 1.0, 0.5)
        tint = next(verdict for verdict in VERDICTS if node.counts[verdict]) if last else "branch"
        told = ", ".join(f"{node.counts[verdict]} {verdict}" for verdict in VERDICTS if node.counts[verdict])
        wide = (_WIDTH - x if last else self.width) - 2
        parts = [
            f"<g><title>{_text(node.name, 200)}: {told}</title>",
            f'<rect class="{tint}-box" x="{x:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{inner:.1f}" rx="2"/>',
        ]
        at = top
        for verdict in VERDICTS:
            each = self.open_row if verdict in _OPENED else self.row
            size = inner * node.counts[verdict] * each / height
            if size:
                parts.append(f'<rect class="{verdict}-fill" x="{x:.1f}" y="{at:.1f}" width="5" height="{size:.2f}"/>')
            at += size
        if height >= _LABELLED:
            label = _text(node.name, int((wide - 16) / _LETTER))
            parts.append(f'<text x="{x + 11:.1f}" y="{top + inner / 2 + 4:.1f}">{label}</text>')
        return "".join((*parts, "</g>"))


def _opened(node: Node) -> int:
    return sum(node.counts[verdict] for verdict in _OPENED)


def _depth(node: Node, most: int) -> int:
    if not most or not node.children:
        return 0 if node.name or node.children else 1
    return 1 + max(_depth(child, most - 1) for child in node.children)


def _text(name: str, letters: int) -> str:
    shown = printable(name)
    return escape(shown if len(shown) <= letters else shown[: letters - 1] + "…")
