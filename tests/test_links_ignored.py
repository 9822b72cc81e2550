"""Parameters that others append to a link: named ones are let through behind the signature, and handed to nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from judged import ORIGIN, as_request
from linked import FILE, judged, link, message, refusal, signer, swapped, verifier
from reference import Message
from sealgate import ConfigurationError, Rejected, Scheme, schemes
from sealgate.exceptions import InvalidSignature, SignatureMalformed, SignatureMissing

NAMES = ("utm_source", "gclid", "mc-id.x")
TRACKED = schemes.signed_url(ignored=NAMES)
_LINK = link().target
_QUERY = _LINK.partition("?")[2]


def tracked(appended: str, target: str = _LINK) -> Message:
    return replace(link(), target=target + appended)


def refused(asked: Message) -> type[Rejected] | None:
    return refusal(asked, verifier(TRACKED))


@pytest.mark.parametrize(
    "appended",
    [
        "",
        "&utm_source=mail",
        "&utm_source=",
        "&gclid=a%26b=c;d&utm_source=x",
        "&utm_source=a=b?c&mc-id.x=%FF%zz+&gclid=1",
        "&utm_source=" + "a" * 10_000,
    ],
    ids=len,
)
def test_what_was_appended_changes_nothing_and_is_handed_to_nobody(appended: str) -> None:
    asked = tracked(appended)
    assert (None, True) == (refused(asked), judged(asked, ignored=NAMES))
    verified = verifier(TRACKED).verify(as_request(asked))
    assert (_QUERY if appended else None, ("@target-uri", "@method")) == (verified.query, verified.covered)
    assert (SignatureMalformed if appended else None) is refusal(asked)


def test_where_a_link_has_no_query_of_its_own_its_claims_are_left() -> None:
    asked = tracked("&gclid=1", link("/a").target)
    verified = verifier(TRACKED).verify(as_request(asked))
    assert link("/a").target == f"/a?{verified.query}"


def test_what_was_there_when_it_was_signed_is_signed_as_all_else_is() -> None:
    own = link("/a?utm_source=shop&b=1").target
    assert None is refused(tracked("", own))
    assert None is verifier(TRACKED).verify(as_request(tracked("", own))).query
    assert InvalidSignature is refused(tracked("", own.replace("=shop", "=mail")))
    assert None is refused(tracked("&gclid=1", own))
    ours = message(signer(TRACKED).sign_url(f"{ORIGIN}/a?utm_source=shop&b=1"))
    assert own == ours.target


#: Each of them is refused by the judge as well.
HOSTILE: dict[str, str] = {
    "another name": "&utm_medium=a",
    "another name before": "&utm_medium=a&utm_source=b",
    "another name behind": "&utm_source=b&utm_medium=a",
    "a longer name": "&utm_source2=a",
    "a shorter name": "&utm_sourc=a",
    "a part of it": "&utm_source[a]=b",
    "in capitals": "&UTM_SOURCE=a",
    "percent-spelled": "&utm%5Fsource=a",
    "percent-spelled beside it": "&utm_source=a&utm%5fsource=b",
    "a blank behind the name": "&utm_source+=a",
    "a blank before the name": "&+utm_source=a",
    "without a value": "&utm_source",
    "twice": "&utm_source=a&utm_source=a",
    "twice, another between": "&utm_source=a&gclid=b&utm_source=a",
    "behind a semicolon": ";utm_source=a",
    "an empty pair": "&utm_source=a&",
    "an empty pair before": "&&utm_source=a",
    "an empty name": "&=a",
    "the signature again": "&signature=a&utm_source=b",
    "the signature again behind": "&utm_source=b&signature=a",
    "an alias of the signature": "&%73ignature=a&utm_source=b",
    "an alias of the signature behind": "&utm_source=b&signatur%65=a",
    "the end again": "&expires=99999999999&utm_source=b",
    "a parameter of the view": "&x=2&utm_source=b",
    "a fragment": "&utm_source=a#b",
    "beyond ASCII": "&utm_source=\xe9",
    "a blank": "&utm_source=a b",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_else_is_let_through(case: str) -> None:
    asked = tracked(HOSTILE[case])
    verdict = refused(asked)
    assert (False, True) == (judged(asked, ignored=NAMES), verdict is not None), verdict


def test_a_name_that_occurs_behind_the_signature_occurs_nowhere_else() -> None:
    """Readers take the first, the last or all of them: nobody is to take the one that was appended."""
    for own in ("utm_source=shop", "utm%5Fsource=shop", "utm_source"):
        target = link(f"/a?{own}&b=1").target
        assert [None, SignatureMalformed] == [refused(tracked(end, target)) for end in ("", "&utm_source=mail")], own
        assert not judged(tracked("&utm_source=mail", target), ignored=NAMES)


def test_before_the_signature_nothing_is_let_through() -> None:
    for added in ("?utm_source=a&x", "?utm_source=a&utm_source=a&x"):
        assert InvalidSignature is refused(swapped("?x", added))
    assert InvalidSignature is refused(swapped("&methods", "&utm_source=a&methods"))
    assert InvalidSignature is refused(swapped("&signature", "&utm_source=a&signature"))


@pytest.mark.parametrize(
    "target", ["/a?utm_source=a", "/a?utm_source=a&gclid=b", "/a?&utm_source=a", FILE + "&gclid=a"]
)
def test_without_a_signature_there_is_no_link(target: str) -> None:
    asked = replace(link(), target=target)
    assert (SignatureMissing, False) == (refused(asked), judged(asked, ignored=NAMES))


def test_an_upload_and_a_link_that_is_good_once_may_be_tracked_too() -> None:
    once = schemes.signed_url(once=True, ignored=NAMES)
    by = verifier(once)
    asked = message(signer(once).sign_url(f"{ORIGIN}/a"))
    verdicts = [refusal(replace(asked, target=asked.target + end), by) for end in ("&gclid=1", "&gclid=2", "")]
    assert [None, "Replayed", "Replayed"] == [each and each.__name__ for each in verdicts]
    assert NAMES == schemes.signed_upload(ignored=NAMES).ignored == once.ignored
    assert () == schemes.signed_url().ignored == schemes.RFC9421.ignored


S = "{signature:hex}"
LINK = {"query": {"created": "{created}", "expires": "{expires}", "sig": S}, "longest": 9}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**LINK, "ignored": ["created"]}, "ignored: names of parameters"),
        ({**LINK, "ignored": ["sig"]}, "ignored: names of parameters"),
        ({**LINK, "ignored": [""]}, "ignored: names of parameters"),
        ({**LINK, "ignored": ["a=b"]}, "ignored: names of parameters"),
        ({**LINK, "ignored": ["a&b"]}, "ignored: names of parameters"),
        ({**LINK, "ignored": ["a b"]}, "ignored: names of parameters"),
        ({**LINK, "ignored": ["utm%5Fsource"]}, "ignored: names of parameters"),
        ({**LINK, "ignored": ["\xe9"]}, "ignored: names of parameters"),
        ({"fields": {"X-Sig": S}, "ignored": ["a"]}, "ignored: only behind a signature in the query"),
    ],
    ids=str,
)
def test_what_cannot_be_ignored_is_a_mistake(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Scheme("own", **{"base": "{@target-uri}", "accept_weaknesses": None, **settings})
    assert str(wrong.value).startswith(said)


def test_one_name_is_no_list_of_them() -> None:
    with pytest.raises(ConfigurationError, match="ignored: expected names, such as utm_source"):
        schemes.signed_url(ignored="utm_source")
    with pytest.raises(ConfigurationError, match="ignored: names of parameters"):
        schemes.signed_url("link-", ignored=["link-expires"])
    assert ("expires",) == schemes.signed_url("link-", ignored=["expires"]).ignored
