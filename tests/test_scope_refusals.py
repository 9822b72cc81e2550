"""Tokens from anybody: any text for any subject is granted or refused, and no text of ours holds a secret."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scope_reference as judge
import sealgate
from granted import ONCE, SAID, SCOPE, SUBJECT, judges_verdict, scope, token, verdict
from judged import KEY
from sealgate import CanonicalizationError, ConfigurationError, Rejected, Scope
from sealgate.exceptions import InvalidSignature, SignatureMalformed

PACKAGE = str(Path(sealgate.__file__).parent)
TEXT = token()
HEAD = judge.head_of(SAID)
UUID4 = "0b7d3f2e-7c55-4f0e-9a56-3b1d2c4e5f60"


def head(**parts: bytes) -> str:
    """A token with a right signature over parts that may be wrong."""
    said = {
        "kind": HEAD[:1],
        "created": HEAD[1:6],
        "life": HEAD[6:10],
        "nonce": b"",
        "key_id": b"acme\0",
        "claims": b"",
    }
    return judge.signed(b"".join({**said, **parts}.values()), SCOPE, SUBJECT, KEY)


_MALFORMED: dict[str, Any] = {
    "empty": "",
    "blank": " ",
    "one character": "A",
    "a signature alone": TEXT[-43:],
    "one character fewer": TEXT[:-1],
    "without its first characters": TEXT[4:],
    "padding": TEXT + "=",
    "a tail that says something": TEXT[:-1] + chr(ord(TEXT[-1]) + 1),
    "a line break after it": TEXT + "\n",
    "a blank before it": " " + TEXT,
    "a dot in it": TEXT[:20] + "." + TEXT[20:],
    "base64": "+" + TEXT[1:],
    "percent-encoded": TEXT.replace("A", "%41", 1),
    "fullwidth letters": "\uff21" + TEXT[1:],
    "beyond ASCII": "é" + TEXT[1:],
    "NUL": "\0" + TEXT[1:],
    "half of a surrogate pair": "\ud800" + TEXT[1:],
    "1 MB": "A" * 1_000_000,
    "1 MB beyond ASCII": "é" * 1_000_000,
    "1 MB after it": TEXT + "A" * 1_000_000,
    "None": None,
    "number": 17,
    "octets": TEXT.encode(),
    "list": [TEXT],
    "subclass of str": type("Text", (str,), {})(TEXT),
    "kind 0": head(kind=b"\0"),
    "kind 3": head(kind=b"\3"),
    "kind of single use without a nonce": head(kind=b"\2"),
    "single use with a short nonce": head(kind=b"\2", nonce=b"n" * 15, key_id=b"", claims=b""),
    "reusable with a nonce": head(nonce=bytes(range(1, 17))),
    "no end of the key id": head(key_id=b"acme"),
    "key id with a control character": head(key_id=b"ac\nme\0"),
    "key id with a delete": head(key_id=b"ac\x7fme\0"),
    "key id beyond ASCII": head(key_id="acmé".encode() + b"\0"),
    "key id of 257 octets": head(key_id=b"a" * 257 + b"\0"),
    "created of 13 digits": head(created=(10**12).to_bytes(5, "big")),
    "claims over the limit": head(claims=json.dumps({"a": "x" * 2041}, separators=(",", ":")).encode()),
    "claims that are a list": head(claims=b"[1]"),
    "claims that are a text": head(claims=b'"a"'),
    "claims of nothing": head(claims=b"{}"),
    "claims that are null": head(claims=b"null"),
    "claims with a blank": head(claims=b'{"a": 1}'),
    "claims and a line break": head(claims=b'{"a":1}\n'),
    "claims out of order": head(claims=b'{"b":1,"a":1}'),
    "a claim twice": head(claims=b'{"a":1,"a":1}'),
    "a claim of 1.0": head(claims=b'{"a":1.0}'),
    "a claim of NaN": head(claims=b'{"a":NaN}'),
    "claims cut": head(claims=b'{"a":1'),
    "claims not UTF-8": head(claims=b'{"a":"\xff"}'),
    "claims after a zero": head(claims=b'\0{"a":1}'),
    "claims too deep": head(claims=b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"),
}


@pytest.mark.parametrize("text", _MALFORMED.values(), ids=_MALFORMED)
def test_a_token_has_one_spelling(text: Any) -> None:
    with pytest.raises(SignatureMalformed):
        scope().verify(text, SUBJECT)
    assert not isinstance(text, str) or type(text) is not str or judges_verdict(text) is None


def test_these_are_refused_for_what_is_wrong_with_them() -> None:
    """Or a right signature over nothing wrong would be refused as well."""
    assert SAID == verdict(scope(), head())
    assert replace(SAID, claims={"a": 1}) == verdict(scope(), head(claims=b'{"a":1}'))
    assert ONCE == verdict(scope(), head(kind=b"\2", nonce=ONCE.nonce or b""))
    assert "signature-invalid" == verdict(scope(), TEXT[:-43] + "A" * 43)


@pytest.mark.parametrize("more", ["A", "AAAA", "_" * 41, TEXT, "A" * 2000], ids=len)
def test_a_longer_token_is_refused(more: str) -> None:
    """Its last 32 octets are taken for the signature, and what was one for claims."""
    assert "signature-invalid" == verdict(scope(), TEXT + more)
    assert judges_verdict(TEXT + more) is None


@pytest.mark.parametrize("change", [str.lower, str.upper, str.swapcase])
def test_the_case_of_letters_counts(change: Callable[[str], str]) -> None:
    assert verdict(scope(), change(TEXT)) in {"signature-malformed", "signature-invalid", "signature-expired"}


@pytest.mark.parametrize("size", [1, 255, 256])
def test_key_ids_are_as_long_as_a_ring_takes_them(size: int) -> None:
    key_id = "k" * size
    own = scope(keys={key_id: KEY})
    most = {"a": "x" * 2040}
    assert key_id == own.verify(own.token(SUBJECT, once=True, claims=most), SUBJECT).key_id


_ANY = st.none() | st.integers() | st.binary() | st.text() | st.lists(st.text(), max_size=2)


@given(text=_ANY | st.text("AQBrvtPGFjbWU-_=.", max_size=120) | st.just(TEXT), subject=_ANY | st.just(SUBJECT))
def test_any_text_for_any_subject_is_granted_or_refused(text: Any, subject: Any) -> None:
    expected = SAID if (text, subject) == (TEXT, SUBJECT) else None
    found = verdict(scope(), text, subject)
    assert (expected is not None) == (found == SAID)
    assert expected is not None or found in {"signature-malformed", "signature-invalid"}


@given(octets=st.binary(max_size=60), key_id=st.sampled_from([b"acme\0", b"\0", b""]))
def test_any_octets_that_are_signed_are_read_as_the_judge_reads_them(octets: bytes, key_id: bytes) -> None:
    for octets_of_head in (octets, HEAD[:10] + octets, HEAD[:10] + key_id + octets, b"\2" + HEAD[1:10] + octets):
        text = judge.signed(octets_of_head, SCOPE, SUBJECT, KEY)
        found = verdict(scope(), text)
        assert judges_verdict(text) == (found if isinstance(found, judge.Said) else None)


@given(at=st.integers(0, len(TEXT) - 1), other=st.characters(codec="utf-8"))
def test_any_other_character_is_refused_by_both(at: int, other: str) -> None:
    text = TEXT[:at] + other + TEXT[at + 1 :]
    expected = SAID if text == TEXT else None
    assert expected == judges_verdict(text)
    assert (expected == SAID) == (verdict(scope(), text) == SAID)


_NO_UUIDS = {
    "upper case": UUID4.upper(),
    "version 1": UUID4.replace("-4", "-1"),
    "another variant": UUID4.replace("-9", "-c"),
    "braces": "{" + UUID4 + "}",
    "a name": "urn:uuid:" + UUID4,
    "without dashes": UUID4.replace("-", ""),
    "one more": UUID4 + "0",
    "a line break": UUID4 + "\n",
    "nothing": "",
    "a path": "../" + UUID4,
    "other digits": UUID4.replace("0", "\u0660"),
    "another type": uuid.UUID(UUID4),
}


@pytest.mark.parametrize("subject", _NO_UUIDS.values(), ids=_NO_UUIDS)
def test_only_a_uuid_of_version_4_is_one(subject: Any) -> None:
    own = scope(subject="uuid4")
    with pytest.raises(ConfigurationError, match="subject"):
        own.token(subject)
    with pytest.raises(InvalidSignature):
        own.verify(token(subject=str(subject)), subject)


@given(value=st.uuids(version=4))
def test_every_uuid_of_version_4_is_one(value: uuid.UUID) -> None:
    assert SAID == verdict(scope(subject="uuid4"), token(subject=str(value)), str(value))


_NO_SUBJECTS: dict[str, Any] = {
    **{
        repr(text): text
        for text in ("", ".", "..", "-rf", "~root", "a/b", "a\\b", "a b", "a\nb", "a\n", "a\0", "a%2f", "a;b")
    },
    **{repr(text): text for text in ("é", "\ud800", "a'b", 'a"b', "$(a)", "a|b", "a?b", "a#b", "a&b", "a*", "\x7f")},
    "257 characters": "a" * 257,
    "1 MB": "a" * 10**6,
    "None": None,
    "octets": b"a",
    "number": 7,
    "list": ["a"],
    "a subclass of str": type("Text", (str,), {})("doc-123"),
}


@pytest.mark.parametrize("subject", _NO_SUBJECTS.values(), ids=_NO_SUBJECTS)
def test_a_subject_is_a_plain_name_where_nothing_else_is_said(subject: Any) -> None:
    with pytest.raises(ConfigurationError, match="subject"):
        scope().token(subject)
    with pytest.raises(InvalidSignature):
        scope().verify(TEXT, subject)


def test_a_subject_has_the_form_that_is_asked_for_as_a_whole() -> None:
    own = scope(subject="[0-9]+|all")
    for subject in ("7", "0" * 256, "all"):
        assert SAID == verdict(own, token(subject=subject), subject)
    for subject in ("7x", "x7", "all ", "0" * 257, "\u0667"):
        assert "signature-invalid" == verdict(own, token(subject=subject), subject)
    anything = scope(subject="(?s).*")
    for subject in ("a/b?c", "~", " ", "x" * 256):
        assert SAID == verdict(anything, token(subject=subject), subject)
    for subject in ("", "a\nb", "é", "\x1b[2J", "x" * 257, "\x7f"):
        assert "signature-invalid" == verdict(anything, token(subject=subject), subject)


_MISTAKES: dict[str, dict[str, Any]] = {
    "no name": {"name": ""},
    "a name with a line break": {"name": "a\nb"},
    "a name beyond ASCII": {"name": "é"},
    "a name of 257": {"name": "p" * 257},
    "a name that is bytes": {"name": b"download"},
    "keys are empty": {"keys": {}},
    "short key": {"keys": b"short"},
    "one key under two ids": {"keys": {"a": KEY, "b": KEY}},
    "keys are None": {"keys": None},
    "key id that is not there": {"key_id": "nobody"},
    "key id of an anonymous key": {"key_id": "acme", "keys": KEY},
    "max_age of nothing": {"max_age": 0},
    "max_age is true": {"max_age": True},
    "max_age over 32 bits": {"max_age": 2**32},
    "unknown store": {"replay": "tape://"},
    "a store without add": {"replay": object()},
    "no regular expression": {"subject": "("},
    "flags that contradict": {"subject": "(?L)a"},
    "a pattern that is bytes": {"subject": b"a"},
    "no pattern": {"subject": None},
}


@pytest.mark.parametrize("settings", _MISTAKES.values(), ids=_MISTAKES)
def test_mistakes_are_told_at_the_start(settings: dict[str, Any]) -> None:
    settings = {"name": SCOPE, "keys": {"acme": KEY}, **settings}
    with pytest.raises(ConfigurationError):
        Scope(settings.pop("name"), **settings)


def test_what_would_never_be_granted_is_not_made() -> None:
    with pytest.raises(ConfigurationError, match="max_age"):
        scope(max_age=60).token(SUBJECT, expires_in=61)
    for life in (0, -1, 1.5, True, "1", 2**40):
        with pytest.raises(ConfigurationError, match="expires_in"):
            scope().token(SUBJECT, expires_in=life)  # type: ignore[arg-type]
    for claims in ([1], "a", 7):
        with pytest.raises(ConfigurationError, match="claims"):
            scope().token(SUBJECT, claims=claims)  # type: ignore[arg-type]
    for value in ({1}, float("nan"), "\ud800", 2**53 + 1, b"x"):
        with pytest.raises(CanonicalizationError):
            scope().token(SUBJECT, claims={"a": value})


SECRET = b"MARKER-KEY-that-must-never-show!"
CLAIM = "MARKER-CLAIM-that-must-never-show"


def test_no_text_of_ours_holds_a_key_a_token_or_a_claim(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    own = scope(keys=SECRET)
    text = own.token(SUBJECT, once=True, claims={"a": CLAIM})
    with pytest.raises(Rejected) as refused:
        own.verify(text, "doc-124")
    rendered = "".join(traceback.format_exception(refused.value))
    proof = own.verify(text, SUBJECT)
    shown = f"{own!r} {proof!r} {refused.value!r} {vars(refused.value)!r} {rendered} {caplog.text}"
    assert CLAIM == proof.claims["a"]
    for secret in (SECRET.decode(), SECRET.hex(), CLAIM, text[-43:], proof.nonce):
        assert str(secret) not in shown
    for unpicklable in (Scope(SCOPE, keys=SECRET), proof):
        with pytest.raises(TypeError):
            pickle.dumps(unpicklable)


_FAILING: dict[str, Callable[[], Scope]] = {
    "max_age": lambda: Scope(SCOPE, keys={"acme": SECRET}, max_age=0),
    "name": lambda: Scope("", keys=SECRET.decode()),
    "subject": lambda: Scope(SCOPE, keys=SECRET, subject="("),
    "neighbour": lambda: Scope(SCOPE, keys={"acme": [SECRET, b"short"]}),
}


@pytest.mark.parametrize("make", _FAILING.values(), ids=_FAILING)
def test_no_frame_of_ours_keeps_a_key_where_something_was_wrong(make: Callable[[], Scope]) -> None:
    """Error pages show the local variables of each frame."""
    with pytest.raises(ConfigurationError) as refused:
        make()
    frames = traceback.TracebackException.from_exception(refused.value, capture_locals=True).stack
    shown = [frame.locals for frame in frames if frame.filename.startswith(PACKAGE)]
    assert shown
    assert SECRET.decode()[:12] not in repr(shown)
