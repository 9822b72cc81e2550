"""Verifiers and signers of canonical JSON: what is handed on, what each refusal is called, and that any octets get one."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from judged import KEY, NOW, OTHER_KEY, Verify, as_request, bodiless, each_driver
from reference import Message, Pairs, mac
from sealgate import ConfigurationError, KeyRing, Rejected, Request, Scheme, Signer, Verifier, schemes
from sealgate.exceptions import BodyMalformed, BodyTooLarge, InvalidSignature, Replayed, SignatureMissing

JUDGES: dict[str, Callable[[bytes], bytes]] = {
    "jcs": reference.canonical_json,
    "pyjson": reference.python_json,
    "pyjson-utf8": lambda text: reference.python_json(text, ensure_ascii=False),
}
JSON = ("Content-Type", "application/json")
SENT = b' {"b": 2.50, "a" : "\\u00e9"}\n'

each_form = pytest.mark.parametrize("form", JUDGES)


def verifier(form: str = "jcs", **settings: Any) -> Verifier:
    return Verifier(schemes.canonical_json(form=form), **{"keys": KEY, **settings})


def signed(canonical: bytes, sent: bytes, fields: Pairs = (JSON,), key: bytes = KEY) -> Message:
    """`sent`, under the signature of `canonical`."""
    return Message("POST", "/orders", [*fields, ("X-Signature", mac(key, canonical).hex())], sent)


def refusal(verifier: Verifier, message: Message) -> type[Rejected]:
    with pytest.raises(Rejected) as refused:
        verifier.verify(as_request(message))
    return type(refused.value)


# --- what is handed on ------------------------------------------------------------------------------------------------


@each_driver
@each_form
def test_the_canonical_form_is_handed_on_whatever_reads_the_body(verify: Verify, form: str) -> None:
    canonical = JUDGES[form](SENT)
    message = signed(canonical, SENT)
    assert canonical == verify(verifier(form), as_request(message)).body
    assert canonical == verify(verifier(form), bodiless(message), lambda limit: SENT).body


@each_driver
@each_form
@pytest.mark.parametrize("size", [2, 300 * 1024])
def test_a_body_that_is_canonical_is_handed_on_without_a_copy(verify: Verify, form: str, size: int) -> None:
    body = b'"' + b"x" * size + b'"'
    assert verify(verifier(form), bodiless(signed(body, body)), lambda limit: body).body is body


@each_form
def test_a_proof_is_of_the_body_that_was_authenticated(form: str) -> None:
    """Neither another body, nor an equal one that the form was not read from."""
    other = SENT.replace(b"2.50", b"9.99")
    for body, replaced in ((SENT, other), (SENT, b""), (SENT, bytes(bytearray(SENT))), (b"", SENT)):
        scheme = Scheme(
            "own",
            base=f"{{@path}}\n{{body:{form}}}",
            fields={"X-Signature": "{signature:hex}"},
            accept_weaknesses=None,
        )
        canonical = JUDGES[form](body) if body else b""
        claim = scheme.claim(as_request(signed(b"/orders\n" + canonical, body)), None, NOW, 300, 1000)
        claim.authenticate(KeyRing(KEY), body)
        with pytest.raises(RuntimeError, match="not the body that was authenticated"):
            claim.conclude(replaced, NOW)
        assert canonical == claim.conclude(body, NOW).body


def test_the_limit_is_of_the_received_body() -> None:
    sent = b"[" + b"1e20," * 99 + b"1e20]"
    canonical = JUDGES["jcs"](sent)
    assert len(sent) < 1000 < len(canonical)
    assert canonical == verifier(body_limit=len(sent)).verify(as_request(signed(canonical, sent))).body
    assert BodyTooLarge is refusal(verifier(body_limit=len(sent) - 1), signed(canonical, sent))


def test_each_key_of_a_ring_can_have_signed_the_canonical_form() -> None:
    third = b"thirty-two octets of test key, C"
    scheme = Scheme(
        "own",
        base="{key_id}\n{body:jcs}",
        fields={"X-Key": "{key_id}", "X-Signature": "{signature:hex}"},
        accept_weaknesses=None,
    )
    own = Verifier(scheme, keys=KeyRing({"acme": [KEY, OTHER_KEY], "globex": third}))
    canonical = JUDGES["jcs"](SENT)
    for key_id, key in (("acme", KEY), ("acme", OTHER_KEY), ("globex", third)):
        verified = own.verify(
            as_request(signed(key_id.encode() + b"\n" + canonical, SENT, [JSON, ("X-Key", key_id)], key))
        )
        assert (key_id, canonical) == (verified.key_id, verified.body)
    for key_id, key in (("acme", third), ("globex", KEY)):
        message = signed(key_id.encode() + b"\n" + canonical, SENT, [JSON, ("X-Key", key_id)], key)
        assert InvalidSignature is refusal(own, message)


# --- replay -----------------------------------------------------------------------------------------------------------


@each_driver
@each_form
@pytest.mark.parametrize("transform", ["", ":sha256:hex"])
def test_two_layouts_of_one_message_are_the_same_message(verify: Verify, form: str, transform: str) -> None:
    """Else a stranger replays it with one more blank."""
    scheme = Scheme(
        "own",
        base=f"{{created}}:{{body:{form}{transform}}}",
        fields={"X-Time": "{created}", "X-Signature": "{signature:hex}"},
        accept_weaknesses=None,
    )
    assert "base" == scheme.replay_class
    signer = Signer(scheme, key=KEY, clock=lambda: NOW)
    own = Verifier(scheme, keys=KEY, clock=lambda: NOW)
    first = signer.sign(Request("POST", "/", [JSON], SENT))
    assert JUDGES[form](SENT) == verify(own, first).body
    for sent in (SENT, SENT + b" ", b'{"a":"\xc3\xa9","b":25e-1}', JUDGES[form](SENT)):
        with pytest.raises(Replayed):
            verify(own, Request("POST", "/", list(first.headers), sent))
    other = signer.sign(Request("POST", "/", [JSON], SENT.replace(b"2.50", b"2.51")))
    assert NOW == verify(own, other).created


# --- refusals ---------------------------------------------------------------------------------------------------------


@each_form
def test_each_refusal_has_its_name(form: str) -> None:
    canonical = JUDGES[form](SENT)
    own = verifier(form)
    assert SignatureMissing is refusal(own, Message("POST", "/", [], b"{"))
    assert InvalidSignature is refusal(own, signed(SENT, SENT))
    assert InvalidSignature is refusal(own, signed(canonical, SENT, key=OTHER_KEY))
    assert BodyMalformed is refusal(own, signed(canonical, SENT, ()))
    assert BodyMalformed is refusal(own, signed(canonical, SENT, [JSON, ("Content-Encoding", "identity")]))
    assert BodyMalformed is refusal(own, signed(b"{", b"{"))


@each_form
def test_a_refusal_has_the_place_and_nothing_of_the_body(form: str) -> None:
    body = b'{"marker-of-a-secret": 1, "marker-of-a-secret": 2}'
    with pytest.raises(BodyMalformed) as refused:
        verifier(form).verify(as_request(signed(body, body)))
    assert (body.rindex(b'"marker'), "body-malformed", 401) == (
        refused.value.index,
        refused.value.code,
        refused.value.status,
    )
    assert "marker" not in f"{refused.value!r} {refused.value}"


@each_form
@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        (b"{", [JSON]),
        (b"\xef\xbb\xbf{}", [JSON]),
        (b'{"a":1,"\\u0061":1}', [JSON]),
        (b"\xff", [JSON]),
        (b"[NaN]", [JSON]),
        (b"a=1", [("Content-Type", "application/x-www-form-urlencoded")]),
        (b"{}", []),
        (b"{}", [("Content-Type", "text/plain")]),
        (b"{}", [("Content-Type", "application/json; charset=utf-16")]),
        (b"{}", [JSON, ("Content-Encoding", "gzip")]),
        (b"{}", [JSON, JSON]),
    ],
)
def test_a_signer_signs_nothing_that_a_verifier_must_refuse(form: str, sent: bytes, fields: Pairs) -> None:
    """Ours, so a mistake and no refusal."""
    signer = Signer(schemes.canonical_json(form=form), key=KEY)
    with pytest.raises(ConfigurationError):
        signer.sign(Request("POST", "/", list(fields), sent))


def test_a_signer_leaves_the_body_as_it_is() -> None:
    assert SENT == Signer(schemes.canonical_json(), key=KEY).sign(Request("POST", "/", [JSON], SENT)).body


def test_an_integer_that_no_double_holds_is_refused_in_jcs_and_kept_in_the_others() -> None:
    body = b"[9007199254740993]"
    assert [BodyMalformed] * 2 == [refusal(verifier(), signed(each, body)) for each in (body, b"[9007199254740992]")]
    for form in ("pyjson", "pyjson-utf8"):
        assert body == verifier(form).verify(as_request(signed(body, body))).body


# --- large bodies, threads --------------------------------------------------------------------------------------------


@each_form
@pytest.mark.parametrize("size", [256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 2 * 1024 * 1024])
def test_large_bodies_are_the_judges(form: str, size: int) -> None:
    """From 256 KiB on the interpreter is let go while we read and hash."""
    members = b",".join(b'"%d": [%d.50, "\xc3\xa9"]' % (n, n) for n in range(size // 24, 0, -1))
    sent = b"{" + members + b"}" + b" " * max(0, size - len(members) - 2)
    canonical = JUDGES[form](sent)
    assert canonical == verifier(form).verify(as_request(signed(canonical, sent))).body
    assert InvalidSignature is refusal(verifier(form), signed(canonical, sent.replace(b'"1":', b'"0":')))
    assert BodyMalformed is refusal(verifier(form), signed(canonical, sent + b"x"))


def test_threads_share_a_verifier_and_each_gets_its_own_body() -> None:
    own = verifier()
    bodies = [b'{"n": %d.0, "fill": "%s"}' % (n, b"x" * (300 * 1024 * (n % 2))) for n in range(8)]
    found: dict[int, list[bytes]] = {}
    together = threading.Barrier(len(bodies))

    def work(n: int) -> None:
        request = as_request(signed(JUDGES["jcs"](bodies[n]), bodies[n]))
        together.wait()
        found[n] = [own.verify(request).body for _ in range(5)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: [JUDGES["jcs"](body)] * 5 for n, body in enumerate(bodies)} == found


# --- any octets -------------------------------------------------------------------------------------------------------

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rb"""(?!charset=)[!#$%%&'+.^_`|~0-9A-Za-z-]+=(?:%b|"%b")|charset=(?:utf-8|"utf-8")""" % (_TOKEN, _TOKEN)
_JSON_TYPE = re.compile(
    rb"[ \t]*application/(?:json|%b\+json)(?:[ \t]*;[ \t]*(?:%b)?)*[ \t]*" % (_TOKEN, _PARAMETER), re.IGNORECASE
)
_CHARSET = re.compile(rb";[ \t]*charset=", re.IGNORECASE)

_TEXTS = st.one_of(
    st.binary(max_size=40),
    st.text('{}[]",:0123456789.eE+-\\ud8/tfn \n\u00e9', max_size=24).map(str.encode),
    st.sampled_from(
        [SENT, b"{}", b'{"a":1,"a":2}', b'{"a":1}{', b"\xef\xbb\xbf1", b"1.0", b"-0", b"1e400", b"[" * 129]
    ),
)
_TYPES = st.one_of(
    st.binary(max_size=40),
    st.lists(
        st.sampled_from(
            [
                *(b"application/json", b"application/", b"a+json", b"text/json", b";", b" ", b"charset", b"charset="),
                *(b"utf-8", b"utf-16", b"=", b'"', b"\\", b"*", b"x=y", b",", b"\t", b"\xff"),
            ]
        ),
        max_size=8,
    ).map(b"".join),
    st.lists(
        st.sampled_from(
            [
                *(b"", b" ", b"charset=utf-8", b' Charset="UTF-8" ', b"charset=utf-16", b"charset*=utf-8''utf-16"),
                *(
                    b"charset =utf-8",
                    b"charset= utf-8",
                    b"x=y",
                    b'x="y"',
                    b'x="',
                    b'x=""',
                    b"x",
                    b"=y",
                    b"x-charset=utf-8",
                ),
            ]
        ),
        max_size=3,
    ).map(lambda parameters: b";".join([b"application/json", *parameters])),
)


@given(form=st.sampled_from(sorted(JUDGES)), body=_TEXTS, kinds=st.lists(_TYPES, min_size=1, max_size=2))
def test_any_body_under_any_content_type_is_verified_or_rejected(form: str, body: bytes, kinds: list[bytes]) -> None:
    """Signed with what the judge makes of it, if anything: verified where the judge takes it, and rejected elsewhere."""
    try:
        canonical = JUDGES[form](body)
    except reference.Refused:
        canonical = None
    signature = mac(KEY, body if canonical is None else canonical).hex()
    headers: list[tuple[str | bytes, str | bytes]] = [("Content-Type", kind) for kind in kinds]
    request = Request("POST", "/", [*headers, ("X-Signature", signature)], body)
    first, *others = kinds
    is_json = not others and _JSON_TYPE.fullmatch(first) is not None and len(_CHARSET.findall(first)) < 2
    try:
        handed_on: bytes | None = verifier(form).verify(request).body
    except Rejected:
        handed_on = None
    assert (canonical if is_json else None) == handed_on
