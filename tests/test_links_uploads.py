"""Links for uploads, against a judge of the standard library: of this type, this long, this content, and nothing else."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exchange import CHUNKED, WHOLE, Framing, over_asgi, over_wsgi
from judged import KEY, NOW, ORIGIN, OTHER_KEY, as_request
from linked import NONCE, judged, link, refusal, resigned, signer, swapped, uploading, verifier
from reference import Message, Upload
from sealgate import ConfigurationError, Request, Scheme, Signer, Verified, schemes
from sealgate.asgi import SignatureMiddleware as AsgiLayer
from sealgate.exceptions import (
    BodyTooLarge,
    DigestMismatch,
    InvalidSignature,
    NotCovered,
    Rejected,
    Replayed,
    SignatureMalformed,
    SignatureMissing,
    TargetAmbiguous,
)
from sealgate.wsgi import SignatureMiddleware as WsgiLayer

KIND = "image/svg+xml; charset=utf-8"
BODY = b"<svg/>\x00\xff"
ANY = schemes.signed_upload(digest=False)
TARGET = "/pictures/7?as=a%20b"
_UNCOVERED = frozenset({"body"})


def sent(body: bytes = BODY, kind: str = KIND, *, upload: Upload | None = None, **how: Any) -> Message:
    """By the judge: a link for `upload`, or else for what is sent, and it."""
    made = link(TARGET, methods=("PUT",), upload=upload or Upload.of(KIND, BODY), **how)
    return uploading(made.target, body, kind)


def refused(asked: Message, scheme: Scheme | None = None, **settings: Any) -> type[Rejected] | None:
    return refusal(asked, verifier(scheme or schemes.signed_upload(), **settings))


def taken(asked: Message, scheme: Scheme, *, uncovered: frozenset[str] = _UNCOVERED) -> Verified | type[Rejected]:
    """Where the route says that a body need not be covered."""
    try:
        return verifier(scheme).verify(as_request(asked), uncovered=uncovered)
    except Rejected as error:
        return type(error)


def with_field(asked: Message, name: str, value: str | None) -> Message:
    kept = [pair for pair in asked.headers if pair[0] != name]
    return replace(asked, headers=kept if value is None else [*kept, (name, value)])


# What they are


def test_the_schemes_tell_the_truth_about_themselves() -> None:
    told = {
        "signed-upload": (
            "reusable",
            ("@target-uri", "@method", "content-type", "content-length", "body"),
            {"no-nonce"},
        ),
        "signed-upload-once": ("nonce", ("@target-uri", "@method", "content-type", "content-length", "body"), set()),
        "signed-upload-any": (
            *("reusable", ("@target-uri", "@method", "content-type", "content-length")),
            {"no-nonce", "body-not-covered"},
        ),
        "signed-upload-any-once": (
            *("nonce", ("@target-uri", "@method", "content-type", "content-length")),
            {"body-not-covered"},
        ),
    }
    made = [schemes.signed_upload(digest=digest, once=once) for digest in (True, False) for once in (False, True)]
    assert told == {each.name: (each.replay_class, each.covered, set(each.weaknesses())) for each in made}
    assert [604_800, 60] == [made[0].longest, schemes.signed_upload(longest=60).longest]


@pytest.mark.parametrize("kind", [KIND, "image/png", 'text/plain;a="b,c"', "a/b%2F&#+"])
@pytest.mark.parametrize("body", [BODY, b"", b"a" * 70_000], ids=len)
def test_what_we_sign_is_what_the_judge_signs_and_it_is_taken(kind: str, body: bytes) -> None:
    upload = Upload.of(kind, body)
    ours = signer(schemes.signed_upload()).sign_url(
        ORIGIN + TARGET, content_type=kind, content_length=len(body), content_digest=upload.digest
    )
    assert link(TARGET, methods=("PUT",), upload=upload).target == ours.removeprefix(ORIGIN)
    asked = uploading(ours, body, kind)
    assert (True, None) == (judged(asked, upload=True), refused(asked))
    verified = verifier(schemes.signed_upload()).verify(as_request(asked))
    assert (body, None, schemes.signed_upload().covered) == (verified.body, verified.query, verified.covered)


def test_a_request_is_signed_as_a_link_for_its_own_body() -> None:
    """As with every scheme that writes into the query."""
    request = Request("PUT", TARGET, [("Content-Type", KIND)], BODY, origin=ORIGIN)
    assert sent().target == signer(schemes.signed_upload()).sign(request).target
    with pytest.raises(ConfigurationError, match="content_type: a link for an upload says of which type"):
        signer(schemes.signed_upload()).sign(Request("PUT", TARGET, [], BODY, origin=ORIGIN))


@pytest.mark.parametrize("size", [0, 1, 7, 8])
def test_a_link_may_say_how_long_at_most(size: int) -> None:
    ours = signer(ANY).sign_url(ORIGIN + TARGET, content_type=KIND, body_limit=7)
    assert link(TARGET, methods=("PUT",), upload=Upload(KIND, 7, most=True)).target == ours.removeprefix(ORIGIN)
    asked = uploading(ours, b"a" * size, KIND)
    verdict = taken(asked, ANY)
    assert (size < 8) == isinstance(verdict, Verified) == judged(asked, upload=True, digest=False)
    assert size < 8 or verdict is BodyTooLarge
    chunked = with_field(asked, "Content-Length", None)
    assert (size < 8) == isinstance(taken(chunked, ANY), Verified) == judged(chunked, upload=True, digest=False)


def test_a_content_that_nobody_signed_needs_the_word_of_the_route() -> None:
    asked = sent(upload=Upload(KIND, len(BODY)))
    assert [NotCovered, BODY] == [taken(asked, ANY, uncovered=frozenset()), taken(asked, ANY).body]  # type: ignore[union-attr]
    assert "body" not in verifier(ANY).verify(as_request(asked), uncovered=_UNCOVERED).covered


def test_what_a_link_to_read_says_is_refused_with_a_body_as_ever() -> None:
    """Whatever its own query is called."""
    reading = signer().sign_url(f"{ORIGIN}/a?content_type=a&content_length=2&content_digest=b", 60, ["PUT"])
    asked = uploading(reading, b"ab", "a")
    assert [NotCovered, None] == [refusal(asked), refusal(uploading(reading, b"", "a"))]
    assert not judged(asked)


# What is refused

_SIGNED = sent()
_DIGEST = "&content_digest="
HOSTILE: dict[str, tuple[Callable[[], Message], type[Rejected]]] = {
    "another content": (lambda: sent(BODY[:-1] + b"\xfe"), DigestMismatch),
    "a shorter one": (lambda: sent(BODY[:-1]), NotCovered),
    "a longer one": (lambda: sent(BODY + b"\xff"), BodyTooLarge),
    "none": (lambda: sent(b""), NotCovered),
    "none, undeclared": (lambda: with_field(sent(b""), "Content-Length", None), DigestMismatch),
    "a shorter one, undeclared": (lambda: with_field(sent(BODY[:-1]), "Content-Length", None), DigestMismatch),
    "a longer one, undeclared": (lambda: with_field(sent(BODY + b"a"), "Content-Length", None), DigestMismatch),
    "another type": (lambda: sent(kind="text/html"), NotCovered),
    "its type with more parameters": (lambda: sent(kind=f"{KIND}; a=b"), NotCovered),
    "its type with fewer": (lambda: sent(kind="image/svg+xml"), NotCovered),
    "its type in capitals": (lambda: sent(kind=KIND.upper()), NotCovered),
    "its type with another blank": (lambda: sent(kind=KIND.replace("; ", ";")), NotCovered),
    "its type as the link spells it": (lambda: sent(kind="image%2Fsvg%2Bxml%3B%20charset%3Dutf-8"), NotCovered),
    "no type": (lambda: with_field(sent(), "Content-Type", None), NotCovered),
    "an empty type": (lambda: sent(kind=""), NotCovered),
    "two types": (lambda: sent().plus([("Content-Type", KIND)]), SignatureMalformed),
    "two types in one": (lambda: sent(kind=f"{KIND}, {KIND}"), NotCovered),
    "a twin of the type": (lambda: sent().plus([("Content_Type", "text/html")]), SignatureMalformed),
    "a coding": (lambda: sent().plus([("Content-Encoding", "gzip")]), NotCovered),
    "no coding, in words": (lambda: sent().plus([("Content-Encoding", "identity")]), NotCovered),
    "a range": (lambda: sent().plus([("Content-Range", "bytes 0-7/8")]), NotCovered),
    "two lengths": (lambda: sent().plus([("Content-Length", str(len(BODY)))]), SignatureMalformed),
    "a length that is none": (lambda: with_field(sent(), "Content-Length", "+8"), TargetAmbiguous),
    "another method": (lambda: replace(sent(), method="POST"), NotCovered),
    "another path": (lambda: swapped("/pictures/7", "/pictures/8", sent()), InvalidSignature),
    "a type that the link does not say": (lambda: _changed("content_type", "text%2Fhtml", "text/html"), InvalidSignature),
    "without its type": (lambda: _changed("content_type", None), SignatureMissing),
    "without its length": (lambda: _changed("content_length", None), SignatureMissing),
    "without its digest": (lambda: _changed("content_digest", None), SignatureMissing),
    "with an empty digest": (lambda: _changed("content_digest", ""), SignatureMissing),
    "its type twice": (lambda: swapped("&content_type=", "&content_type=a&content_type=", sent()), SignatureMalformed),
    "an alias of its type": (lambda: swapped("?as", "?content%5Ftype=a&as", sent()), SignatureMalformed),
    "an alias of its digest": (lambda: swapped("?as", "?content_diges%74=a&as", sent()), SignatureMalformed),
    "a digest cut short": (lambda: swapped("&signature", "x&signature", sent()), SignatureMalformed),
    "a digest in hex": (lambda: _changed("content_digest", hashlib.sha256(BODY).hexdigest()), SignatureMalformed),
    "by another key": (lambda: sent(key=OTHER_KEY), InvalidSignature),
    "ended": (lambda: sent(created=NOW - 61, expires=NOW - 1), Rejected),
}  # fmt: skip


def _changed(name: str, value: str | None, kind: str = KIND) -> Message:
    """Another value in the link, and the signature as it was."""
    path, _, query = _SIGNED.target.partition("?")
    pairs = [pair for pair in query.split("&") if value is not None or not pair.startswith(f"{name}=")]
    pairs = [f"{name}={value}" if pair.startswith(f"{name}=") else pair for pair in pairs]
    return uploading(f"{path}?{'&'.join(pairs)}", BODY, kind)


@pytest.mark.parametrize("case", HOSTILE)
def test_all_else_is_refused(case: str) -> None:
    make, expected = HOSTILE[case]
    verdict = refused(make())
    assert (False, True) == (judged(make(), upload=True), verdict is not None and issubclass(verdict, expected)), (
        verdict
    )


@pytest.mark.parametrize("length", ["08", "+8", "8.0", "8-", "0-08", "0-", "-8", "1-8", "00-8", "8" * 16, "a", "%38"])
def test_a_length_has_one_spelling(length: str) -> None:
    """Whoever signed it."""
    assert _SIGNED == resigned(_SIGNED, "signed-upload")
    asked = resigned(swapped("content_length=8", f"content_length={length}", _SIGNED), "signed-upload")
    assert (SignatureMalformed, False) == (refused(asked), judged(asked, upload=True))


def test_a_digest_that_is_not_looked_at_opens_nothing() -> None:
    """A link that says a digest is none of those that say none; else whoever has it would choose the content."""
    asked, free = sent(), sent(b"another", upload=Upload(KIND, 8, most=True))
    assert [None, InvalidSignature] == [refused(asked), taken(asked, ANY)]
    assert [InvalidSignature, InvalidSignature] == [
        taken(replace(asked, body=b"<other/>"), ANY),
        refused(asked, schemes.signed_url()),
    ]
    assert isinstance(taken(free, ANY), Verified)
    assert SignatureMissing is refused(free)


def test_the_keys_of_uploads_and_other_links_have_nothing_in_common() -> None:
    asked = sent(upload=Upload.of(KIND, b""), body=b"")
    assert [None, InvalidSignature, None] == [refused(asked), refusal(asked), refusal(resigned(asked, "signed-url"))]
    for other in ("signed-url", "signed-upload-once", "signed-upload-any", "rfc9421"):
        assert InvalidSignature is refused(resigned(asked, other)), other


def test_an_upload_that_is_good_once_is_good_once() -> None:
    once = schemes.signed_upload(once=True)
    by = verifier(once)
    asked = sent(nonce=NONCE)
    verdicts = [refusal(each, by) for each in (replace(asked, body=b"<gsv/>\x00\xff"), asked, asked)]
    assert [DigestMismatch, None, Replayed] == verdicts
    assert judged(asked, upload=True, once=True)


def test_no_octet_of_link_or_content_can_be_another() -> None:
    rng = random.Random(9)
    asked = sent()
    for at in range(len(asked.target)):
        changed = asked.target[:at] + rng.choice("aA0&=?%+;/.") + asked.target[at + 1 :]
        assert (changed == asked.target) == (refused(replace(asked, target=changed)) is None), changed
    for at in range(len(BODY)):
        changed_body = BODY[:at] + bytes([BODY[at] ^ 1 << rng.randrange(8)]) + BODY[at + 1 :]
        assert DigestMismatch is refused(replace(asked, body=changed_body))


@pytest.mark.parametrize("interface", ["WSGI", "ASGI"])
@pytest.mark.parametrize("framing", [WHOLE, CHUNKED], ids=["whole", "chunked"])
def test_a_large_upload_may_go_to_a_file_and_is_the_very_content(interface: str, framing: Framing) -> None:
    seen: list[bytes] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return []

    async def coroutine(scope: Any, receive: Any, send: Any) -> None:
        chunks, more = b"", True
        while more:
            message = await receive()
            chunks, more = chunks + message["body"], message.get("more_body", False)
        seen.append(chunks)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    by = verifier(schemes.signed_upload(), spool=4)
    over = over_wsgi if interface == "WSGI" else over_asgi
    layer = WsgiLayer(application, by) if interface == "WSGI" else AsgiLayer(coroutine, by)
    bodies = {BODY: 200, BODY[:-1] + b"\xfe": 401, BODY[:-1]: 401, BODY[:3]: 401, BODY + b"a": 413, b"": 401}
    made = {body: with_field(sent(body), "Content-Length", None) for body in bodies}
    assert bodies == {body: over(layer, asked, framing).status for body, asked in made.items()}
    assert [BODY] == seen


def test_the_body_is_asked_for_once_the_link_is_proven_and_no_longer_than_it_says() -> None:
    asked: list[int] = []

    def read(limit: int) -> bytes:
        asked.append(limit)
        return BODY

    by = verifier(schemes.signed_upload())
    for make in (make for name, (make, _) in HOSTILE.items() if "undeclared" not in name and name != "another content"):
        with pytest.raises(Rejected):
            by.verify(as_request(make()), read)
    assert [] == asked
    by.verify(as_request(sent()), read)
    verifier(ANY).verify(as_request(sent(upload=Upload(KIND, 99, most=True))), read, uncovered=_UNCOVERED)
    small = verifier(ANY, body_limit=9)
    small.verify(as_request(sent(upload=Upload(KIND, 99, most=True))), read, uncovered=_UNCOVERED)
    assert [len(BODY), 99, 9] == asked


# Mistakes of ours

_RIGHT = {"content_type": KIND, "content_length": 8, "content_digest": bytes(32)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"content_type": None}, "content_type: a link for an upload says of which type"),
        ({"content_type": b"a/b"}, "content_type: a link for an upload says of which type"),
        ({"content_type": ""}, "content_type: a link for an upload says of which type"),
        ({"content_type": "png"}, "content_type: a link for an upload says of which type"),
        ({"content_type": "image/"}, "content_type: a link for an upload says of which type"),
        ({"content_type": "image/png/a"}, "content_type: a link for an upload says of which type"),
        ({"content_type": " image/png"}, "content_type: a link for an upload says of which type"),
        ({"content_type": "image/png\r\nX: y"}, "content_type: a link for an upload says of which type"),
        ({"content_type": "image/png; a=\xe9"}, "content_type: a link for an upload says of which type"),
        ({"content_type": "a/b; " + "c" * 256}, "content type: 1 to 256 printable characters"),
        ({"content_length": None}, "content_length: a link for an upload says how long"),
        ({"body_limit": 8}, "content_length: a link for an upload says how long"),
        ({"content_length": None, "body_limit": -1}, "content_length, body_limit: expected octets"),
        ({"content_length": True}, "content_length, body_limit: expected octets"),
        ({"content_length": 8.0}, "content_length, body_limit: expected octets"),
        ({"content_length": 10**15}, "content_length, body_limit: expected octets"),
        ({"content_digest": None}, "content_digest: signed where the scheme has one, and only there"),
        ({"content_digest": b"short"}, "content_digest: expected the 32 octets of SHA-256"),
        ({"content_digest": "a" * 32}, "content_digest: expected the 32 octets of SHA-256"),
    ],
    ids=str,
)
def test_what_no_link_can_say_is_not_signed(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        signer(schemes.signed_upload()).sign_url(ORIGIN + "/", **{**_RIGHT, **changes})
    assert str(wrong.value).startswith(said)


def test_uploads_and_other_links_are_not_taken_for_each_other_by_their_signers() -> None:
    with pytest.raises(ConfigurationError, match="content_type: the links of this scheme are for no uploads"):
        signer().sign_url(ORIGIN + "/", **_RIGHT)
    with pytest.raises(ConfigurationError, match="content_digest: signed where the scheme has one, and only there"):
        signer(ANY).sign_url(ORIGIN + "/", **_RIGHT)
    with pytest.raises(ConfigurationError, match="content_type: a link for an upload says of which type"):
        signer(schemes.signed_upload()).sign_url(ORIGIN + "/")
    with pytest.raises(ConfigurationError, match="content_type: only the query says what it is for"):
        Scheme("own", base="{content_type}{body}", fields={"X-Sig": "{signature:hex}", "X-For": "{content_type}"})
    key = Signer(schemes.signed_upload(), key=KEY, key_id="acme")
    assert key.sign_url(f"{ORIGIN}/", 60, ["POST"], **_RIGHT).startswith(f"{ORIGIN}/?methods=POST&key_id=acme&")
