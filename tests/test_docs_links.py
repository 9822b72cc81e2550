"""The page on links: its examples run."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest

import reference
from judged import HOST, KEY, ORIGIN, RFC9421
from sealgate import Rejected, Request
from sealgate.audit import audit

PAGE = (Path(__file__).parent.parent / "docs" / "links.md").read_text()
BLOCKS = {tag.strip() or "first": code for tag, code in re.findall(r"```python([^\n]*)\n(.*?)```", PAGE, re.DOTALL)}


def ran(block: str, **given: Any) -> dict[str, Any]:
    exec(compile(BLOCKS[block], "docs/links.md", "exec"), given)
    return given


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("LINKS_KEY", KEY.decode())
    return ran("first")


def test_every_example_is_run_here() -> None:
    assert {"first", "flask", "ignored", "upload"} == set(BLOCKS)


def test_the_first_example_makes_a_link_that_the_page_describes(made: dict[str, Any]) -> None:
    (shown,) = re.findall(r"^# (https.*)$", BLOCKS["first"], re.MULTILINE)
    assert re.fullmatch(re.escape(shown).replace(r"\.\.\.", r"[\w-]+"), made["url"])
    target = made["url"].removeprefix("https://shop.example")
    verified = made["links"].verify(Request("GET", target, [("Host", "shop.example")], b""))
    assert (verified.created, "acme") == (int(re.findall(r"created=(\d+)", target)[0]), verified.key_id)


def test_what_is_appended_is_let_through_as_the_page_says(made: dict[str, Any]) -> None:
    links = ran("ignored", **made)["links"]
    target = made["url"].removeprefix("https://shop.example")
    verified = links.verify(Request("GET", f"{target}&gclid=1&utm_source=a", [("Host", "shop.example")]))
    assert target.partition("?")[2] == verified.query
    for other in ("&UTM_SOURCE=a", "&utm%5Fsource=a", "&utm_source[]=a", "&utm_source=a&utm_source=b"):
        with pytest.raises(Rejected):
            links.verify(Request("GET", target + other, [("Host", "shop.example")]))


def test_the_upload_is_what_the_page_describes(made: dict[str, Any]) -> None:
    made = ran("upload", **made)
    (shown,) = re.findall(r"^# (https.*)$", BLOCKS["upload"], re.MULTILINE)
    assert re.fullmatch(re.escape(shown).replace(r"\.\.\.", r"[\w-]+"), made["url"])
    target, fields = made["url"].removeprefix("https://shop.example"), [("Content-Type", "image/svg+xml")]
    assert b"<svg/>" == made["uploads"].verify(Request("PUT", target, fields, b"<svg/>")).body
    for request in (Request("PUT", target, fields, b"<svg>"), Request("PUT", target, [], b"<svg/>")):
        with pytest.raises(Rejected):
            made["uploads"].verify(request)


def test_the_page_says_what_is_signed_and_with_which_key(made: dict[str, Any]) -> None:
    signed, _, signature = made["url"].rpartition("&signature=")
    own = reference.link_key(KEY, "signed-url")
    assert reference.mac(own, signed.encode()) == base64.urlsafe_b64decode(signature + "=")


def test_a_view_with_links_is_listed_as_verified_by_them(made: dict[str, Any]) -> None:
    app = ran("flask", partners=RFC9421.verifier(), links=made["links"])["app"]
    target = made["url"].removeprefix("https://shop.example")
    client = app.test_client()
    answers = [client.get(each, headers={"Host": "shop.example"}) for each in (target, target, target[:-1])]
    assert [200, 200, 401] == [answer.status_code for answer in answers]
    assert "invoice 7 for whom acme gave the link" == answers[0].text
    assert 401 == client.get("/orders", headers={"Host": HOST}, base_url=ORIGIN).status_code
    (entry,) = [entry for entry in audit(app).entries if entry.path.startswith("/invoices")]
    assert ("verified", ["signed-url"]) == (entry.verdict, [proof.scheme for proof in entry.standing.proofs])
