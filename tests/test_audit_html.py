"""The page: judged by an HTML parser, by the arithmetic of contrast, and (audit_in_browser.py) by a browser."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest

from reported import ENDED, EXEMPT, HOSTILE, OPEN, UNKNOWN, VERIFIED, entry, hostile, report
from sealgate.audit.html import as_html
from sealgate.audit.judgement import judge
from sealgate.audit.map import segments, tree
from sealgate.audit.overview import overview
from sealgate.printable import printable

LEAKY = report(
    entry("/", "GET"),
    entry("/api/v1/orders", "GET HEAD"),
    entry("/api/v1/orders", "POST"),
    entry("/api/v1/orders/<int:id>", "DELETE", OPEN, "shop.views.raw", 41),
    entry("/api/v1/orders/<int:id>/lines", "GET", ENDED),
    entry("/health", "GET", EXEMPT),
    entry("/legacy/", "*", UNKNOWN, kind="mount"),
)
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "h1", "h2", "p"),
    *("ul", "li", "details", "summary", "dl", "dt", "dd", "code", "span", "b", "div", "fieldset", "legend", "input"),
    *("label", "table", "thead", "tbody", "tr", "th", "td", "svg", "g", "rect", "text"),
}
VOID = {"meta", "input", "rect"}
each_hostile = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)


class Page(HTMLParser):
    """Its elements, its text, and whether every element is closed where it belongs."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.comments: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert [] == self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self._open), data))

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def inside(self, tag: str) -> list[str]:
        return [text for path, text in self.texts if path and path[-1] == tag]

    @property
    def body(self) -> str:
        return "".join(text for path, text in self.texts if "body" in path)


def page(name: Any = LEAKY) -> Page:
    return Page(as_html(judge(name)))


# what it loads and runs: nothing


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    shown = page()
    assert TAGS >= {tag for tag, _ in shown.elements}
    names = {name for _, attributes in shown.elements for name in attributes}
    assert set() == {
        name for name in names if name.startswith("on") or name in {"src", "href", "style", "action", "srcset"}
    }
    assert not re.search(r"url\(|@import|@font-face|expression", as_html(judge(LEAKY)))


def test_a_policy_allows_this_style_and_nothing_else() -> None:
    shown = page()
    (policy,) = [a["content"] for tag, a in shown.elements if a.get("http-equiv") == "Content-Security-Policy"]
    (style,) = shown.inside("style")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    directives = dict(each.strip().split(" ", 1) for each in (policy or "").split(";"))
    expected = {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert expected == directives


@each_hostile
def test_no_name_becomes_markup(name: str) -> None:
    harmless, shown = page(hostile("/x")), page(hostile(name))
    assert [] == shown.comments
    assert TAGS >= {tag for tag, _ in shown.elements}
    fixed = [(tag, attributes) for tag, attributes in harmless.elements if tag in {"meta", "style", "input"}]
    assert fixed == [(tag, attributes) for tag, attributes in shown.elements if tag in {"meta", "style", "input"}]
    assert {name for _, a in harmless.elements for name in a} == {name for _, a in shown.elements for name in a}


@each_hostile
def test_every_name_can_be_read_in_full_and_nothing_of_it_is_hidden(name: str) -> None:
    written = as_html(judge(hostile(name)))
    written.encode()
    assert all(char.isprintable() or char == "\n" for char in written)
    assert not printable(name).strip() or printable(name) in [
        *Page(written).inside("code"),
        *Page(written).inside("dd"),
    ]


# what it shows


def test_every_entry_is_in_the_map_with_its_verdict_in_words() -> None:
    shown = page()
    entries = [a["class"] for tag, a in shown.elements if tag == "details" and "entry" in (a.get("class") or "")]
    assert len(LEAKY.entries) + 2 == len(entries)  # and the two that are not closed, above the map
    assert all(any(verdict in each for verdict in VERDICT_COLOURS) for each in map(str, entries))
    badges = re.findall(r'class="badge">([^<]+)<', as_html(judge(LEAKY)))
    assert [str(each).split()[-1] for each in entries] == [badge.split()[-1] for badge in badges]


def test_the_state_is_said_in_words_first() -> None:
    assert "✕ 2 openings" in page().inside("p")
    assert "✓ Closed" in page(report(entry("/", "GET"), entry("/health", "GET", EXEMPT))).inside("p")


def test_the_counts_are_choices_that_need_no_script() -> None:
    shown = page()
    radios = [a["id"] for tag, a in shown.elements if tag == "input" and a["type"] == "radio"]
    labels = [a["for"] for tag, a in shown.elements if tag == "label"]
    assert (["show-all", "show-open", "show-unknown", "show-exempt", "show-verified"],) * 2 == (radios, labels)
    assert ["7", "1", "1", "1", "4"] == shown.inside("b")
    style = shown.inside("style")[0]
    assert all(f"#{each}:checked" in style for each in radios[1:])


def test_a_branch_says_what_is_below_it() -> None:
    body = page().body
    assert "/api/v1/orders1 ✕ open3 ✓ verified" in body
    assert "/<int:id>1 ✕ open1 ✓ verified" in body


def test_an_empty_report_is_a_page_too() -> None:
    assert "0 ways in" in page(report()).inside("p")


def test_a_large_map_is_folded_but_for_what_is_not_closed() -> None:
    routes = [
        entry(f"/{area}/{n}", "GET", OPEN if (area, n) == ("b", 7) else VERIFIED) for area in "abc" for n in range(100)
    ]
    branches = [a for tag, a in page(report(*routes)).elements if tag == "details" and a.get("class") == "branch"]
    assert [False, True, False] == ["open" in each for each in branches]


def test_one_opening_among_thousands_is_drawn_where_it_can_be_seen() -> None:
    routes = [entry(f"/a{n % 40}/b{n % 7}/c{n}", "GET", OPEN if n == 1234 else VERIFIED) for n in range(3000)]
    drawing = "\n".join(overview(tree(report(*routes).in_order)))
    (box,) = re.findall(r'<g><title>/c1234: 1 open</title><rect class="open-box"[^>]* height="([0-9.]+)"', drawing)
    assert float(box) > 15
    assert ">/c1234</text>" in drawing
    assert drawing.count("<g>") < 1500


@each_hostile
def test_the_drawing_is_as_high_and_wide_as_what_is_drawn_in_it(name: str) -> None:
    shown = "".join(overview(tree(hostile(name).in_order)))
    width, height = map(float, re.findall(r'viewBox="0 0 (\S+) (\S+)"', shown)[0])
    for x, y, w, h in re.findall(r'<rect [^>]*?x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"', shown):
        assert (float(x) + float(w) <= width + 0.1, float(y) + float(h) <= height + 0.1) == (True, True)


def test_the_page_is_the_same_whatever_order_the_routes_came_in() -> None:
    turned = report(*LEAKY.entries[::-1])
    assert as_html(judge(LEAKY)) == as_html(judge(turned))


def test_five_thousand_routes_take_a_few_seconds() -> None:
    routes = [entry(f"/a{n % 50}/b{n % 7}/<id>/c{n}", "GET POST") for n in range(5000)]
    start = time.process_time()
    judgement = judge(report(*routes))
    assert (5000, True) == (as_html(judgement).count('<details class="entry'), time.process_time() - start < 8)


# its colours


def palettes() -> dict[str, dict[str, str]]:
    style = files("sealgate.audit").joinpath("page.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in style.split("@media")[:2])
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


VERDICT_COLOURS = ("open", "unknown", "exempt", "verified")
PAIRS = [
    *((ink, paper) for ink in ("ink", "soft", *VERDICT_COLOURS) for paper in ("paper", "sheet", "wash")),
    *((each, f"{each}-wash") for each in VERDICT_COLOURS),
    *((ink, f"{each}-wash") for ink in ("ink", "soft") for each in VERDICT_COLOURS),
]


@pytest.mark.parametrize("palette", ["light", "dark"])
@pytest.mark.parametrize(("ink", "paper"), PAIRS)
def test_all_text_has_the_contrast_that_wcag_asks_for(palette: str, ink: str, paper: str) -> None:
    """1.4.3: 4.5 to 1."""
    colours = palettes()[palette]
    assert contrast(colours[ink], colours[paper]) >= 4.5


def test_contrast_is_computed_as_wcag_does() -> None:
    assert ("21.00", "4.54") == (f"{contrast('#000000', '#ffffff'):.2f}", f"{contrast('#767676', '#ffffff'):.2f}")


# the tree


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ["/"]),
        ("/api/orders/{id}", ["/api", "/orders", "/{id}"]),
        ("/files/{path:path}/raw", ["/files", "/{path:path}", "/raw"]),
        ("/static/<path:filename>", ["/static", "/<path:filename>"]),
        ("/<any(a/b, c):kind>/x", ["/<any(a/b, c):kind>", "/x"]),
        (r"/^users/(?P<pk>[^/.]+)/$", ["/^users", "/(?P<pk>[^/.]+)", "/$"]),
        ("//a//", ["/", "/a", "/", "/"]),
        ("no/slash", ["no", "/slash"]),
        ("", []),
    ],
)
def test_a_path_is_divided_at_the_slashes_that_are_no_part_of_a_parameter(path: str, expected: list[str]) -> None:
    assert expected == segments(path)


@each_hostile
def test_no_part_of_a_path_is_lost(name: str) -> None:
    assert name == "".join(segments(name))


def test_segments_that_only_lead_on_are_joined() -> None:
    root = tree([entry("/api/v1/orders", "GET"), entry("/api/v1/orders/<id>", "GET"), entry("/health", "GET")])
    assert ["/api/v1/orders", "/health"] == [node.name for node in root.children]
    assert ["/<id>"] == [node.name for node in root.children[0].children]
    assert 3 == root.counts.total()
