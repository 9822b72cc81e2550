"""The report as a page to look at: one file, without scripts and without anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files

from sealgate._native import __version__
from sealgate.audit import words
from sealgate.audit.entry import Entry, Verdict
from sealgate.audit.judgement import Judgement
from sealgate.audit.map import Node, tree
from sealgate.audit.overview import overview
from sealgate.audit.report import VERDICTS
from sealgate.printable import printable

__all__ = ["as_html"]

#: Beside each colour stand a sign and a word.
_SIGNS: dict[Verdict, str] = {"open": "✕", "unknown": "?", "exempt": "○", "verified": "✓"}
#: Ways in, up to which the whole map is unfolded; of a larger one what is not closed. Characters of a name in its row.
_UNFOLDED, _NAME = 150, 200


def as_html(judgement: Judgement) -> str:
    """A policy in the page lets nothing run and nothing be loaded, whatever the application's names contain."""
    report = judgement.report
    style = files("sealgate.audit").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"Audit of {_shown(report.target)}"
    state = _state(judgement)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{state}: {title}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            "<header>",
            f"<h1>{title}, {_shown(report.framework)}</h1>",
            f'<p class="state {"closed" if judgement.closed else "leaky"}">{state}</p>',
            f'<p class="summary">{_shown(report.summary)}</p>',
            *_share(judgement),
            *_filter(judgement),
            "</header>",
            "<main>",
            *_openings(judgement),
            *_map(judgement),
            *_sections(judgement),
            "</main>",
            "<footer>",
            "<p>verified: nothing unproven gets in. exempt: it does, and a reason says why. open: it does. unknown: it "
            "cannot be told from outside.</p>",
            f"<p>sealgate {__version__}</p>",
            "</footer>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _state(judgement: Judgement) -> str:
    found = len(judgement.openings)
    wrong = len(judgement.unenforced) + len(judgement.refuted)
    told = [f"{found} opening{'s' * (found != 1)}"] if found else []
    told += [f"{wrong} broken promise{'s' * (wrong != 1)}"] if wrong else []
    return "✕ " + ", ".join(told) if told else "✓ Closed"


def _share(judgement: Judgement) -> Iterator[str]:
    """One bar; a verdict that is there can be seen, however few have it."""
    counts = {verdict: number for verdict, number in judgement.report.counts.items() if number}
    if not counts:
        return
    sizes = {verdict: max(number / sum(counts.values()), 0.012) for verdict, number in counts.items()}
    yield '<svg class="share" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">'
    start = 0.0
    for verdict, size in sizes.items():
        width = 1000 * size / sum(sizes.values())
        yield f'<rect class="{verdict}-fill" x="{start:.1f}" y="0" width="{width:.1f}" height="10"/>'
        start += width
    yield "</svg>"


def _filter(judgement: Judgement) -> Iterator[str]:
    counts = judgement.report.counts
    yield "<fieldset><legend>Show in the map</legend>"
    yield _choice("all", "", f"<b>{sum(counts.values())}</b> all", checked=True)
    for verdict in VERDICTS:
        yield _choice(verdict, f" {verdict}", f"<b>{counts[verdict]}</b> {_SIGNS[verdict]} {verdict}")
    yield "</fieldset>"


def _choice(name: str, tone: str, label: str, *, checked: bool = False) -> str:
    box = f'<input type="radio" name="show" id="show-{name}"{" checked" * checked}>'
    return f'<div class="choice{tone}">{box}<label for="show-{name}">{label}</label></div>'


def _openings(judgement: Judgement) -> Iterator[str]:
    if not judgement.openings:
        return
    yield '<section aria-labelledby="openings"><h2 id="openings">What is not closed</h2><ul class="cards">'
    for entry in sorted(judgement.openings, key=lambda entry: VERDICTS.index(entry.verdict)):
        yield f"<li>{_entry(entry, entry.path, known=False, unfolded=True)}</li>"
    yield "</ul></section>"


def _map(judgement: Judgement) -> Iterator[str]:
    root = tree(judgement.report.in_order)
    yield '<section aria-labelledby="map"><h2 id="map">The map</h2>'
    yield from overview(root)
    known = judgement.is_known()
    listed = {entry for entry in judgement.report.entries if known(entry)}
    everything = len(judgement.report.entries) <= _UNFOLDED
    yield '<ul class="map">'
    for entry in root.entries:
        yield _item([entry.verdict], _entry(entry, entry.path, known=entry in listed))
    for node in root.children:
        yield from _node(node, listed, everything=everything)
    yield "</ul></section>"


def _node(node: Node, known: set[Entry], *, everything: bool) -> Iterator[str]:
    """A branch, or the entry alone where a path ends and nothing goes on."""
    if len(node.entries) == 1 and not node.children:
        (only,) = node.entries
        yield _item([only.verdict], _entry(only, node.name, known=only in known))
        return
    unfolded = everything or bool(node.counts["open"] or node.counts["unknown"])
    tally = "".join(
        f'<span class="{verdict}">{node.counts[verdict]} {_SIGNS[verdict]} {verdict}</span>'
        for verdict in VERDICTS
        if node.counts[verdict]
    )
    yield f'<li class="{_has(node.counts)}"><details class="branch"{" open" * unfolded}>'
    yield f'<summary><code>{_name(node.name)}</code><span class="tally">{tally}</span></summary><ul>'
    for entry in node.entries:
        yield _item([entry.verdict], _entry(entry, "", known=entry in known))
    for child in node.children:
        yield from _node(child, known, everything=everything)
    yield "</ul></details></li>"


def _item(verdicts: Iterable[Verdict], content: str) -> str:
    return f'<li class="{_has(verdicts)}">{content}</li>'


def _has(verdicts: Iterable[Verdict]) -> str:
    return " ".join(f"has-{verdict}" for verdict in verdicts)


def _entry(entry: Entry, name: str, *, known: bool, unfolded: bool = False) -> str:
    """`name`: what of its path is new here."""
    methods = "".join(f'<span class="method">{_name(method)}</span>' for method in words.each_method(entry))
    mark = " (known)" if known else ""
    facts = [
        ("path", [f"<code>{_shown(entry.path)}</code>"] if name != entry.path or len(name) > _NAME else []),
        ("why", [_shown(said) for said in words.why(entry)]),
        ("view", [f"<code>{_shown(entry.view)}</code>"] if entry.view else []),
        ("written in", [f"<code>{_shown(words.place(entry.source))}</code>"] if entry.source else []),
        ("kind", [_shown(entry.kind)] if entry.kind != "view" else []),
        ("baseline", ["known, and accepted there"] if known else []),
    ]
    told = "".join(f"<dt>{term}</dt>{''.join(f'<dd>{fact}</dd>' for fact in there)}" for term, there in facts if there)
    return (
        f'<details class="entry {entry.verdict}"{" open" * unfolded}><summary>'
        f'<span class="badge">{_SIGNS[entry.verdict]} {entry.verdict}{mark}</span>'
        f'<span class="way">{f"<code>{_name(name)}</code> " if name else ""}{methods}</span>'
        f'<span class="because">{_name(words.brief(entry))}</span></summary><dl>{told}</dl></details>'
    )


def _sections(judgement: Judgement) -> Iterator[str]:
    report = judgement.report
    documented = [(m.code, f"{m.method} {m.path}", m.what) for m in report.mismatches]
    went = [(a.name, f"{a.method} {a.path}", words.went(a)) for a in judgement.refuted]
    changed = [("fixed", str(way), "closed now") for way in judgement.fixed]
    changed += [("gone", str(way), "no way in any more") for way in judgement.gone]
    if judgement.vanished:
        changed.append(("gone", "", f"{judgement.vanished} ways in that were not open"))
    made = len(report.attacks_made)
    yield from _table("Against the OpenAPI document", documented)
    yield from _table("Attacks that went otherwise than the verdict says", went)
    if made:
        yield f"<p>{made - len(went)} of {made} attacks went as the verdicts say.</p>"
    yield from _table("Since the baseline", changed)


def _table(title: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if not rows:
        return
    yield f"<section><h2>{title}</h2><table><thead><tr><th>what</th><th>where</th><th>why</th></tr></thead><tbody>"
    for what, where, why in rows:
        yield f"<tr><td>{_shown(what)}</td><td><code>{_shown(where)}</code></td><td>{_shown(why)}</td></tr>"
    yield "</tbody></table></section>"


def _name(said: str) -> str:
    """For a row; what is cut here stands in the details."""
    return _shown(said if len(said) <= _NAME else said[: _NAME - 1] + "…")


def _shown(said: str) -> str:
    return escape(printable(said))
