"""Signed URLs, against a judge of the standard library: what a link says is signed, and all else is refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

import reference
from judged import HOST, KEY, KEY_ID, NOW, ORIGIN, OTHER_KEY, as_request, each_driver
from linked import FILE, NONCE, judged, link, message, refusal, signer, swapped, verifier
from reference import Message
from sealgate import ConfigurationError, Key, KeyRing, Members, Request, Scheme, Signer, Verifier, schemes
from sealgate.exceptions import (
    Expired,
    InvalidSignature,
    NotCovered,
    Replayed,
    SignatureMalformed,
    SignatureMissing,
    TargetAmbiguous,
    UnknownKey,
)

# What a link is


def test_the_scheme_tells_the_truth_about_itself() -> None:
    often, once = schemes.signed_url(), schemes.signed_url(once=True)
    assert ("signed-url", "reusable", (), 604_800, True, True) == _told(often)
    assert ("signed-url-once", "nonce", (), 604_800, True, True) == _told(once)
    assert [{"body-not-covered", "no-nonce"}, {"body-not-covered"}] == [often.weaknesses(), once.weaknesses()]
    assert ("methods", "key_id", "created", "expires", "signature") == often.query
    assert ("@target-uri", "@method") == often.covered == verifier().verify(as_request(link())).covered
    assert verifier().replay is None


def _told(scheme: Scheme) -> tuple[Any, ...]:
    return scheme.name, scheme.replay_class, scheme.fields, scheme.longest, scheme.names_key, scheme.needs_origin


@pytest.mark.parametrize("target", ["/", FILE, "/?", "/a?b", "/a?b=&b", "/a?&&", "/a;b=c?d;e=f", "/%E2%82%AC?%zz=1"])
@pytest.mark.parametrize("methods", [("GET",), ("GET", "HEAD"), ("DELETE",), ("VERSION-CONTROL",)], ids="-".join)
def test_what_we_sign_is_what_the_judge_signs(target: str, methods: Sequence[str]) -> None:
    ours = signer().sign_url(ORIGIN + target, 60, methods)
    theirs = link("/" if target == "/?" else target, methods=methods)  # servers cannot tell a bare `?` from none
    assert theirs == message(ours)
    for method in (*methods, "PUT", methods[0].lower()):
        asked = message(ours, method)
        assert (method in methods, method in methods) == (judged(asked), refusal(asked) is None), method


@each_driver
def test_a_link_is_good_as_often_as_it_comes(verify: Callable[..., Any]) -> None:
    by = verifier()
    asked = as_request(message(signer().sign_url(ORIGIN + FILE)))
    assert [(KEY_ID, NOW, b"")] * 2 == [(v.key_id, v.created, v.body) for v in (verify(by, asked), verify(by, asked))]


@pytest.mark.parametrize(
    ("after", "good"), [(-301, False), (-300, True), (0, True), (60, True), (60.001, False), (61, False)]
)
def test_a_link_counts_up_to_the_second_in_which_it_ends(after: float, good: bool) -> None:
    assert (good, None if good else Expired) == (judged(link(), NOW + after), refusal(link(), now=NOW + after))


def test_a_link_lasts_at_most_as_long_as_the_scheme_lets_it() -> None:
    hour = schemes.signed_url(longest=3600)
    for lasts, good in ((1, True), (3600, True), (3601, False), (0, False), (-1, False)):
        asked = link(expires=NOW + lasts)
        verdicts = (
            judged(asked, min(NOW, NOW + lasts), longest=3600),
            refusal(asked, verifier(hour, now=NOW + min(lasts, 0))) is None,
        )
        assert (good, good) == verdicts, lasts
        if not good:
            with pytest.raises(ConfigurationError, match="expires: not within what a link may last"):
                signer(hour).sign_url(ORIGIN + FILE, lasts)
    assert refusal(link(expires=NOW + 3600), verifier(hour, now=NOW + 3600)) is None


def test_a_link_that_is_good_once_is_good_once_by_any_of_its_methods() -> None:
    once = schemes.signed_url(once=True)
    by = verifier(once)
    asked = message(signer(once).sign_url(ORIGIN + FILE, 600, ["GET", "HEAD"]))
    verdicts = [refusal(each, by) for each in (replace(asked, method="POST"), asked, replace(asked, method="HEAD"))]
    assert [NotCovered, None, Replayed] == verdicts
    second = message(signer(once).sign_url(ORIGIN + FILE, 600, ["GET", "HEAD"]))
    assert [None, Replayed] == [refusal(each, by) for each in (second, second)]
    assert judged(second, once=True)


def test_the_names_can_have_a_prefix() -> None:
    own = schemes.signed_url("link-", longest=60)
    target = "/orders?created=yesterday&signature=none"
    asked = message(signer(own).sign_url(ORIGIN + target))
    assert link(target, prefix="link-") == asked
    assert (None, True) == (refusal(asked, verifier(own)), judged(asked, prefix="link-"))


# What is none

_SIGNED = link().target
_SIGNATURE = _SIGNED.rpartition("=")[2]
_LAST = f"&signature={_SIGNATURE}"
HOSTILE = {
    "unsigned": (Message("GET", FILE, [("Host", HOST)]), SignatureMissing),
    "the signature alone": (Message("GET", f"/?signature={_SIGNATURE}", [("Host", HOST)]), SignatureMissing),
    "a parameter at the end": (replace(link(), target=_SIGNED + "&utm_source=a"), SignatureMalformed),
    "an empty one at the end": (replace(link(), target=_SIGNED + "&"), SignatureMalformed),
    "a parameter before": (swapped("?x=1", "?a=b&x=1"), InvalidSignature),
    "one less": (swapped("&z", ""), InvalidSignature),
    "another order": (swapped("x=1&y=%2F", "y=%2F&x=1"), InvalidSignature),
    "%20 for +": (swapped("x=+", "x=%20"), InvalidSignature),
    "lower-case escapes": (swapped("y=%2F", "y=%2f"), InvalidSignature),
    "; for &": (swapped("x=1&y", "x=1;y"), InvalidSignature),
    "an empty value": (swapped("&z", "&z="), InvalidSignature),
    "a second ?": (swapped("?x", "??x"), InvalidSignature),
    "the path decoded": (swapped("%2Fc", "/c"), InvalidSignature),
    "a dot segment": (swapped("/files/", "/files/./"), InvalidSignature),
    "a fragment": (swapped(_LAST, f"{_LAST}#top"), TargetAmbiguous),
    "beyond ASCII": (swapped("a%20b", "\xe9"), TargetAmbiguous),
    "a blank": (swapped("a%20b", "a b"), TargetAmbiguous),
    "the signature first": (swapped("?x", f"?signature={_SIGNATURE}&x", swapped(_LAST, "")), SignatureMalformed),
    "the signature twice": (replace(link(), target=_SIGNED + _LAST), SignatureMalformed),
    "an alias of the signature": (swapped("?x", "?%73ignature=x&x"), SignatureMalformed),
    "an alias of the end": (swapped("&expires=", "&expire%73=9&expires="), SignatureMalformed),
    "the end twice": (swapped("&expires=", f"&expires={NOW + 61}&expires="), SignatureMalformed),
    "a later end": (swapped(f"expires={NOW + 60}", f"expires={NOW + 61}"), InvalidSignature),
    "an end with a zero before": (swapped(f"expires={NOW}"[:-3], f"expires=0{NOW}"[:-3]), InvalidSignature),
    "an end that is none": (swapped(f"expires={NOW + 60}", "expires=never"), SignatureMalformed),
    "without an end": (swapped(f"&expires={NOW + 60}", ""), SignatureMissing),
    "an end that is empty": (swapped(f"expires={NOW + 60}", "expires="), SignatureMissing),
    "an earlier beginning": (swapped(f"created={NOW}", f"created={NOW - 1}"), InvalidSignature),
    "without a key id": (swapped(f"&key_id={KEY_ID}", ""), SignatureMissing),
    "another key id": (swapped(f"key_id={KEY_ID}", "key_id=globex"), UnknownKey),
    "for more methods": (swapped("methods=GET", "methods=GET.PUT"), InvalidSignature),
    "for one that stands in its name": (replace(link(methods=("GETS",)), method="GET"), NotCovered),
    "HEAD": (replace(link(), method="HEAD"), NotCovered),
    "OPTIONS": (replace(link(), method="OPTIONS"), NotCovered),
    "methods that are one": (replace(link(methods=("GET", "PUT")), method="GET.PUT"), NotCovered),
    "a body": (replace(link(), body=b"{}"), NotCovered),
    "another host": (replace(link(), headers=[("Host", "evil.example")]), TargetAmbiguous),
    "for another host": (replace(link(origin="https://evil.example"), target=link(origin="https://evil.example").target.removeprefix("https://evil.example")), InvalidSignature),
    "for http": (replace(link(), target=link(origin="http://api.shop.example").target.removeprefix("http://api.shop.example")), InvalidSignature),
    "of another path": (swapped("/files", "/orders"), InvalidSignature),
    "by another key": (link(key=OTHER_KEY), InvalidSignature),
    "a signature cut short": (replace(link(), target=_SIGNED[:-1]), SignatureMalformed),
    "a signature cut by an octet": (replace(link(), target=_SIGNED[:-2]), SignatureMalformed),
    "a signature made longer": (replace(link(), target=_SIGNED + "A"), SignatureMalformed),
    "a signature with padding": (replace(link(), target=_SIGNED + "="), SignatureMalformed),
    "two signatures": (replace(link(), target=f"{_SIGNED},{_SIGNATURE}"), SignatureMalformed),
    "no signature": (swapped(_LAST, "&signature="), SignatureMissing),
    "good once, and sent as good often": (link(nonce=NONCE), InvalidSignature),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_all_else_is_refused(case: str) -> None:
    asked, refused = HOSTILE[case]
    assert (False, refused) == (judged(asked), refusal(asked))


def test_no_character_of_a_link_can_be_another() -> None:
    """A million octets of the query are signed as the first is."""
    rng = random.Random(8)
    asked = link()
    for at in range(len(asked.target)):
        changed = asked.target[:at] + rng.choice("aA0&=?%+;/.") + asked.target[at + 1 :]
        assert (changed == asked.target) == (refusal(replace(asked, target=changed)) is None), changed
    long = link("/?" + "&".join(f"a={at:06}" for at in range(120_000)))
    assert len(long.target) > 1_000_000
    assert [None, InvalidSignature] == [refusal(long), refusal(swapped("a=099999", "a=09999x", long))]


def test_the_key_of_links_signs_nothing_else() -> None:
    """The octets of a link may be those of a request's base, and of another kind of link's."""
    fields = {"X-Sig": "{signature:base64url}"}
    uri = Scheme("uri", base="{@target-uri}", fields=fields, accept_weaknesses=None)
    whole, _, signature = (ORIGIN + link().target).rpartition("&signature=")
    plain = Signer(uri, key=KEY).sign_headers(Request("GET", whole.removeprefix(ORIGIN), origin=ORIGIN))
    signed, by = dict(plain)["X-Sig"], Verifier(uri, keys=KEY, origin=ORIGIN)
    verdicts = [refusal(message(whole).plus([("X-Sig", each)]), by) for each in (signed, signature)]
    assert [None, InvalidSignature] == verdicts
    assert InvalidSignature is refusal(swapped(_SIGNATURE, signed))
    label = b"".join(len(part).to_bytes(8, "big") + part for part in (b"sealgate links", b"signed-url"))
    assert reference.mac(reference.link_key(KEY, "signed-url"), b"m") == Key(KEY).derive(label).sign(b"m")


def test_keys_rotate_as_of_every_scheme() -> None:
    by = verifier(keys=KeyRing({KEY_ID: [OTHER_KEY, KEY], "globex": b"thirty-two octets of test key, C"}))
    globex = link(key=b"thirty-two octets of test key, C", key_id="globex")
    assert [None] * 3 == [refusal(each, by) for each in (link(), link(key=OTHER_KEY), globex)]
    assert InvalidSignature is refusal(link(key=OTHER_KEY, key_id="globex"), by)
    asked = {"keys": lambda key_id, request: KEY if key_id == KEY_ID else None}
    assert [None, UnknownKey] == [refusal(each, verifier(**asked)) for each in (link(), link(key_id="globex"))]


def test_an_origin_is_the_same_in_each_spelling() -> None:
    asked = signer().sign_url("HTTPS://API.shop.example:443/a")
    assert asked.startswith("HTTPS://API.shop.example:443/a?methods=GET&")
    assert None is refusal(Message("GET", asked.removeprefix("HTTPS://API.shop.example:443")))


# Mistakes of ours


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/a", "url: expected https://host/path"),
        ("https://api.shop.example", "url: expected https://host/path"),
        ("https://api.shop.example?a=/", "url: expected https://host/path"),
        ("https://:pw@api.shop.example/", "url: a link has no user"),
        ("https://api.shop.example/a#b", "url: a fragment is not sent, and cannot be signed"),
        ("https://api.shop.example#/a", "origin: expected"),
        ("https://api.shop.example/\xe9", "url: expected ASCII"),
        ("https://api.shop.example/\ud800", "url: expected ASCII"),
        ("https://api.shop.example/a b", "the target holds an octet that no target has"),
        ("https://api.shop.example/a\r\nb", "the target holds an octet that no target has"),
        ("https://api.shop.example//a", "the path starts with //"),
        ("https://api.shop.example/%zz", "malformed percent-encoding"),
        ("https://api.shop.example:99999/", "origin: expected"),
        ("https:\\\\api.shop.example/", "url: expected https://host/path"),
        ("ftp://api.shop.example/", "origin: expected"),
        ("https:///a", "origin: expected"),
        ("https://api.shop.example/?signature=1", "the query has a signature already"),
        ("https://api.shop.example/?expires=1", "the query has another expires"),
        ("https://api.shop.example/?expire%73=1", "a query parameter that reads as expires"),
        (b"https://api.shop.example/", "url: expected ASCII"),
    ],
    ids=ascii,
)
def test_what_is_no_url_is_not_signed(url: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        signer().sign_url(url)
    assert str(wrong.value).startswith(said)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"methods": "GET"}, "methods: expected names, such as GET"),
        ({"methods": ()}, "methods: expected names, such as GET"),
        ({"methods": ("GET", "")}, "the method is not a token"),
        ({"methods": ("GE T",)}, "the method is not a token"),
        ({"methods": ("GET", "A.B")}, "methods: a link is for none with a dot: A.B"),
        ({"methods": ("A.B",)}, "methods: a link is for none with a dot: A.B"),
        ({"expires_in": True}, "expires_in: expected whole seconds"),
        ({"expires_in": 1.5}, "expires_in: expected whole seconds"),
        ({"expires_in": 0}, "expires: not within what a link may last"),
        ({"expires_in": 604_801}, "expires: not within what a link may last"),
    ],
    ids=str,
)
def test_what_no_link_can_say_is_not_signed(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        signer().sign_url(ORIGIN + "/", **settings)
    assert str(wrong.value).startswith(said)


def test_a_scheme_of_requests_signs_no_urls_and_a_key_id_is_one_value() -> None:
    with pytest.raises(ConfigurationError, match="the scheme rfc9421 signs requests, and no URLs"):
        signer(schemes.RFC9421).sign_url(ORIGIN + "/")
    for key_id in ("a&b=c", "a,b", "a b", "a#b"):
        with pytest.raises(ConfigurationError):
            signer(key_id=key_id).sign_url(ORIGIN + "/")
    with pytest.raises(ConfigurationError, match="the scheme signed-url writes into the query"):
        signer().sign_headers(Request("GET", "/", origin=ORIGIN))


S = "{signature:hex}"
TIMES = {"created": "{created}", "expires": "{expires}"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"query": {**TIMES, "sig": S}}, "longest: how many seconds a signature in the query may last, above 0"),
        ({"query": {**TIMES, "sig": S}, "longest": 0}, "longest: how many seconds a signature in the query may last, above 0"),
        ({"query": {"sig": S, **TIMES}, "longest": 9}, "query: one signature, alone and the last, signs what is before it"),
        ({"query": {**TIMES, "sig": f"v1={S}"}, "longest": 9}, "query: one signature, alone and the last, signs what is before it"),
        ({"query": {**TIMES, "sig": Members(".", S)}, "longest": 9}, "query: one signature, alone and the last, signs what is before it"),
        ({"query": {**TIMES, "sig": S}, "fields": {"X-Sig": S}, "longest": 9}, "query: one signature, alone and the last, signs what is before it"),
        ({"query": {"created": "{created}", "sig": S}, "longest": 9}, "query: beside a signature there are {created} and {expires}"),
        ({"query": {"expires": "{expires}", "sig": S}, "longest": 9}, "query: beside a signature there are {created} and {expires}"),
        ({"query": {**TIMES, "sig": S}, "base": "{@path}{created}{expires}", "longest": 9}, "query: a signature in the query that it does not sign"),
        ({"query": TIMES, "fields": {"X-Sig": S}, "longest": 9}, "longest: only of a signature in the query"),
        ({"base": "{methods}{body}", "fields": {"X-Sig": S, "X-For": "{methods}"}}, "methods: only the query says what it is for"),
        ({"base": "{methods}{json:/a}", "fields": {"X-Sig": S}, "json": {"/b": "{methods}"}}, "methods: only the query says what it is for"),
    ],
    ids=str,
)  # fmt: skip
def test_a_scheme_of_links_is_linted(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Scheme("own", **{"base": "{@target-uri}", "accept_weaknesses": None, **settings})
    assert said == str(wrong.value)
