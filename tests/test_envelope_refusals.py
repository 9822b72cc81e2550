"""Envelopes that come from anybody: any document gives its payload or a refusal, and no text of ours holds a secret."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections import OrderedDict, UserDict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import envelope_reference as judge
from judged import KEY, NOW
from reference import Json
from sealed import PURPOSE, VALUE, document, envelope, judges_verdict, values, verdict
from sealgate import CanonicalizationError, ConfigurationError, Rejected, Unavailable
from sealgate.envelope import Envelope
from sealgate.exceptions import BodyMalformed, BodyTooLarge, SignatureMalformed

TEXT = str(document()["signature"])
VERSION, _, CREATED, EXPIRES, NONCE, OCTETS = TEXT.split(".")
ENVELOPES = [envelope(), envelope(keys=KEY), *(Envelope.legacy(KEY, form=form) for form in ("pyjson", "jcs"))]


class Evil(str):
    __slots__ = ()

    def __hash__(self) -> int:
        raise KeyError("hash")

    def __eq__(self, other: object) -> bool:
        raise KeyError("eq")


class EvilList(list[Any]):
    def __iter__(self) -> Any:
        raise KeyError("iter")


class EvilDict(dict[str, Any]):
    def __getitem__(self, name: str) -> Any:
        raise KeyError("getitem")


_CYCLE: list[Any] = []
_CYCLE.append(_CYCLE)
_DEEP: Any = 1
for _level in range(5_000):
    _DEEP = [_DEEP]
_WRONG: dict[str, Any] = {
    "set": {1},
    "NaN": float("nan"),
    "infinity": float("-inf"),
    "half of a surrogate pair": "\ud800",
    "half of a pair as a name": {"\udfff": 1},
    "cycle": _CYCLE,
    "deep": _DEEP,
    "bytes": b"x",
    "Decimal": Decimal(1),
    "names that are numbers": {1: 2},
    "None as a name": {None: 1},
    "two names that are one to json.dumps": {"1": 1, 1: 2},
    "beyond the doubles": 10**400,
    "beyond Python's own digits": 10**5000,
    "object": object(),
    "a dict that answers for itself": EvilDict(a=1),
    "generator": (n for n in "abc"),
}
each_wrong = pytest.mark.parametrize("value", _WRONG.values(), ids=_WRONG)


@each_wrong
@pytest.mark.parametrize("own", ENVELOPES, ids=["named", "anonymous", "pyjson", "jcs"])
def test_values_that_json_has_not_are_malformed_and_cannot_be_sealed(own: Envelope, value: Any) -> None:
    for payload in (value, [value], {"a": value}):
        text = "0" * 64 if own in ENVELOPES[2:] else TEXT
        with pytest.raises(BodyMalformed):
            own.open({"payload": payload, "signature": text})
        with pytest.raises(CanonicalizationError):
            own.seal(payload)


@pytest.mark.parametrize("own", ENVELOPES, ids=["named", "anonymous", "pyjson", "jcs"])
def test_a_list_whose_code_raises_is_no_other_exception(own: Envelope) -> None:
    """Of a list canonical JSON takes what it holds; json.dumps asks it."""
    received = {"payload": EvilList([1]), "signature": "0" * 64 if own in ENVELOPES[2:] else TEXT}
    assert verdict(own, received) in {"body-malformed", "signature-invalid"}


_SHAPES: dict[str, tuple[Any, str]] = {
    "null": (None, "body-malformed"),
    "list": ([document()], "body-malformed"),
    "text": (json.dumps(document()), "body-malformed"),
    "bytes": (b"{}", "body-malformed"),
    "OrderedDict": (OrderedDict(document()), "body-malformed"),
    "UserDict": (UserDict(document()), "body-malformed"),
    "a dict with code": (EvilDict(document()), "body-malformed"),
    "nothing": ({}, "signature-missing"),
    "no signature": ({"payload": VALUE}, "signature-missing"),
    "no payload": ({"signature": TEXT}, "body-malformed"),
    "one more": ({**document(), "x": 1}, "body-malformed"),
    "one more that has no text": ({**document(), None: 1}, "body-malformed"),
    "other names": ({"Payload": VALUE, "Signature": TEXT}, "signature-missing"),
    "a name with a blank": ({"payload ": VALUE, "signature": TEXT}, "body-malformed"),
    "signature is null": ({"payload": VALUE, "signature": None}, "signature-malformed"),
    "signature is octets": ({"payload": VALUE, "signature": TEXT.encode()}, "signature-malformed"),
    "signature in a list": ({"payload": VALUE, "signature": [TEXT]}, "signature-malformed"),
    "signature is a subclass": ({"payload": VALUE, "signature": Evil(TEXT)}, "signature-malformed"),
}


@pytest.mark.parametrize(("received", "code"), _SHAPES.values(), ids=_SHAPES)
def test_exactly_the_declared_members_are_taken(received: Any, code: str) -> None:
    assert code == verdict(envelope(), received)


def test_a_name_with_code_of_its_own_is_not_asked() -> None:
    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            raise KeyError("eq")

    assert "body-malformed" == verdict(envelope(), {Name("payload"): VALUE, "signature": TEXT})


def test_members_may_have_other_names() -> None:
    own = envelope(payload="data", signature="hmac")
    sealed = own.seal(VALUE)
    assert {"data", "hmac"} == set(sealed)
    assert VALUE == own.open(sealed)
    assert "signature-missing" == verdict(own, document())
    assert VALUE == envelope().open({"payload": sealed["data"], "signature": sealed["hmac"]})


def texts(**members: str) -> str:
    said = {"version": VERSION, "key_id": "YWNtZQ", "created": CREATED, "expires": EXPIRES, "nonce": NONCE}
    return ".".join({**said, "octets": OCTETS, **members}.values())


_MALFORMED: dict[str, str] = {
    "empty": "",
    "blank": " ",
    "another version": texts(version="v2"),
    "upper case": texts(version="V1"),
    "one member more": TEXT + ".",
    "one member fewer": TEXT.rpartition(".")[0],
    "a line break after it": TEXT + "\n",
    "a blank before it": " " + TEXT,
    "padding": TEXT + "=",
    "key id with padding": texts(key_id="YWNtZQ=="),
    "key id with a tail that says something": texts(key_id="YWNtZR"),
    "key id of five characters": texts(key_id="YWNtZ"),
    "key id in base64": texts(key_id="Pz8_Pz8+"),
    "key id with a control character": texts(key_id=judge.encoded(b"ac\nme")),
    "key id beyond ASCII": texts(key_id=judge.encoded("acmé".encode())),
    "key id of 257 octets": texts(key_id=judge.encoded(b"a" * 257)),
    "no created": texts(created=""),
    "created with a sign": texts(created="+" + CREATED),
    "created below zero": texts(created="-1"),
    "created with a zero before it": texts(created="0" + CREATED),
    "created with a fraction": texts(created=CREATED + ".0"),
    "created in other digits": texts(created="\u0661\u0667\u0660\u0660"),
    "created of 13 digits": texts(created="1" + "0" * 12),
    "expires of 13 digits": texts(expires="1" + "0" * 12),
    "expires with a zero before it": texts(expires="0" + CREATED),
    "expires is a word": texts(expires="never"),
    "nonce of 15 characters": texts(nonce="n" * 15),
    "nonce of 257 characters": texts(nonce="n" * 257),
    "nonce with a tilde": texts(nonce="~" * 16),
    "octets in hex": texts(octets="0" * 64),
    "one octet fewer": texts(octets=OCTETS[:-1]),
    "one octet more": texts(octets=OCTETS + "A"),
    "octets with a tail that says something": texts(octets=OCTETS[:-1] + chr(ord(OCTETS[-1]) + 1)),
    "octets in base64": texts(octets="+" + OCTETS[1:]),
    "over 8 KiB": texts(nonce="n" * 9000),
    "NUL": "\0",
    "half of a surrogate pair": "\ud800" + TEXT,
}


@pytest.mark.parametrize("text", _MALFORMED.values(), ids=_MALFORMED)
def test_a_signature_has_one_spelling(text: str) -> None:
    received = {"payload": VALUE, "signature": text}
    with pytest.raises(SignatureMalformed):
        envelope().open(received)
    assert judges_verdict(received) is None


@pytest.mark.parametrize("size", [1, 255, 256])
def test_key_ids_are_as_long_as_a_ring_takes_them(size: int) -> None:
    key_id = "k" * size
    own = envelope(keys={key_id: KEY})
    assert key_id == own.verify(own.seal(VALUE)).key_id


@pytest.mark.parametrize("nonce", ["n" * 16, "-" * 256, "_" * 17])
def test_nonces_have_16_to_256_characters(nonce: str) -> None:
    received = document(sealed=judge.Sealed("acme", NOW, None, nonce))
    assert VALUE == envelope().open(received)


@pytest.mark.parametrize("created", [0, 1, 10**11, 10**12 - 1])
def test_seconds_have_one_to_twelve_digits(created: int) -> None:
    received = document(sealed=judge.Sealed("acme", created, 10**12 - 1, NONCE))
    assert VALUE == envelope(now=created).open(received)


@pytest.mark.parametrize("own", [Envelope, Envelope.legacy], ids=["envelope", "legacy"])
def test_the_limit_is_in_canonical_octets(own: Any) -> None:
    def limited(limit: int) -> Envelope:
        return envelope(limit=limit) if own is Envelope else Envelope.legacy(KEY, limit=limit)

    for value in ("x" * 98, ["x" * 47, "x" * 46], {"x" * 90: "x" * 3}):
        assert 100 == len(json.dumps(value, separators=(",", ":")))
        sealed = limited(100).seal(value)
        assert value == limited(100).open(sealed)
        with pytest.raises(BodyTooLarge):
            limited(99).open(sealed)
        with pytest.raises(CanonicalizationError):
            limited(99).seal(value)
    with pytest.raises(BodyMalformed):
        limited(100).open({**sealed, "payload": ["x" * 50, {1}]})


def test_texts_are_read_strictly() -> None:
    text = json.dumps(document())
    assert VALUE == envelope().open_json(text)
    assert VALUE == envelope().open_json(text.encode())
    assert VALUE == envelope(limit=len(text)).open_json(text)
    with pytest.raises(BodyTooLarge):
        envelope(limit=len(text) - 1).open_json(text)
    body = json.dumps(VALUE)
    for broken in (
        text.replace("{", "", 1),
        text + " x",
        "\ufeff" + text,
        text.encode("utf-16"),
        text.encode() + b"\xff",
        text.replace('"payload"', '"payload": 1, "payload"', 1),
        text.replace('"payload"', '"p\\u0061yload": 1, "payload"', 1),
        text.replace(body, '{"total": 100, "total": 100}'),
        text.replace(body, "NaN"),
        text.replace(body, "1e999"),
        text.replace(body, '"\\ud800"'),
        text.replace(body, "\ud800"),
        text.replace(body, "[" * 200 + "]" * 200),
        "",
        b"",
        None,
        17,
        bytearray(b"{}"),
    ):
        with pytest.raises(BodyMalformed):
            envelope().open_json(broken)  # type: ignore[arg-type]


_anything = st.recursive(
    values | st.binary(max_size=4) | st.complex_numbers() | st.floats() | st.integers() | st.decimals() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.frozensets(st.integers(), max_size=2)
        | st.dictionaries(st.sampled_from(["payload", "signature", "x"]) | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=6,
)
_signatures = st.text(st.sampled_from("v1.0A_-=é\n"), max_size=60) | st.just(TEXT) | _anything


@given(received=_anything | st.fixed_dictionaries({"payload": _anything, "signature": _signatures}))
def test_any_document_gives_its_payload_or_a_refusal(received: Any) -> None:
    for own in ENVELOPES:
        try:
            own.open(received)
        except (Rejected, Unavailable):
            continue
        assert VALUE == own.open(received)


@given(text=st.text() | st.binary() | st.builds(json.dumps, values))
def test_any_text_gives_its_payload_or_a_refusal(text: Any) -> None:
    for own in ENVELOPES:
        with pytest.raises(Rejected):
            own.open_json(text)


@given(at=st.integers(0, len(TEXT) - 1), other=st.characters(codec="utf-8"))
def test_any_other_character_in_the_signature_is_refused_by_both(at: int, other: str) -> None:
    text = TEXT[:at] + other + TEXT[at + 1 :]
    received: dict[str, Json] = {"payload": VALUE, "signature": text}
    expected = VALUE if text == TEXT else None
    assert expected == judges_verdict(received)
    assert (expected == VALUE) == (verdict(envelope(), received) == VALUE)


_MISTAKES: dict[str, dict[str, Any]] = {
    "no purpose": {"purpose": ""},
    "purpose with a line break": {"purpose": "a\nb"},
    "purpose beyond ASCII": {"purpose": "é"},
    "purpose of 257": {"purpose": "p" * 257},
    "purpose is bytes": {"purpose": b"checkout"},
    "keys are empty": {"keys": {}},
    "short key": {"keys": b"short"},
    "one key under two ids": {"keys": {"a": KEY, "b": KEY}},
    "keys are None": {"keys": None},
    "key id that is not there": {"key_id": "nobody"},
    "key id of an anonymous key": {"key_id": "acme", "keys": KEY},
    "max_age of nothing": {"max_age": 0},
    "max_age is true": {"max_age": True},
    "max_age with a fraction": {"max_age": 1.5},
    "unknown store": {"replay": "tape://"},
    "a store without add": {"replay": object()},
    "one name for both": {"payload": "x", "signature": "x"},
    "no name": {"payload": ""},
    "a name that is no text": {"signature": 1},
    "no limit": {"limit": 0},
    "limit over 256 MiB": {"limit": 2**28 + 1},
}


@pytest.mark.parametrize("settings", _MISTAKES.values(), ids=_MISTAKES)
def test_mistakes_are_told_at_the_start(settings: dict[str, Any]) -> None:
    settings = {"purpose": PURPOSE, "keys": {"acme": KEY}, **settings}
    with pytest.raises(ConfigurationError):
        Envelope(settings.pop("purpose"), **settings)


def test_what_would_never_be_opened_is_not_sealed() -> None:
    with pytest.raises(ConfigurationError, match="max_age"):
        envelope(max_age=60).seal(VALUE, expires_in=61)
    for life in (0, -1, 1.5, True, "1"):
        with pytest.raises(ConfigurationError, match="expires_in"):
            envelope().seal(VALUE, expires_in=life)  # type: ignore[arg-type]


def test_copies_are_the_envelope_itself() -> None:
    own = envelope(replay=None)
    assert own is copy.deepcopy(own)


SECRET = b"MARKER-KEY-that-must-never-show!"
PAYLOAD = "MARKER-PAYLOAD-that-must-never-show"


@pytest.mark.parametrize("own", [envelope(keys=SECRET), Envelope.legacy(SECRET)], ids=["envelope", "legacy"])
def test_no_text_of_ours_holds_a_key_a_signature_or_a_payload(own: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sealed = own.seal(PAYLOAD)
    with pytest.raises(Rejected) as refused:
        own.open({**sealed, "payload": PAYLOAD + "!"})
    rendered = "".join(traceback.format_exception(refused.value))
    shown = f"{own!r} {own.verify(sealed)!r} {refused.value!r} {vars(refused.value)!r} {rendered} {caplog.text}"
    for secret in (SECRET.decode(), SECRET.hex(), PAYLOAD, str(sealed["signature"])[-43:]):
        assert secret not in shown
    with pytest.raises(TypeError):
        pickle.dumps(own)


_FAILING: dict[str, Callable[[], Envelope]] = {
    "limit": lambda: Envelope(PURPOSE, keys=SECRET, limit=0),
    "max_age": lambda: Envelope(PURPOSE, keys={"acme": SECRET}, max_age=0),
    "purpose": lambda: Envelope("", keys=SECRET.decode()),
    "neighbour": lambda: Envelope(PURPOSE, keys={"acme": [SECRET, b"short"]}),
    "legacy limit": lambda: Envelope.legacy(SECRET, limit=0),
    "legacy form": lambda: Envelope.legacy(SECRET.decode(), form="yaml"),
    "legacy short": lambda: Envelope.legacy(SECRET[:15]),
}


@pytest.mark.parametrize("make", _FAILING.values(), ids=_FAILING)
def test_no_frame_of_ours_keeps_a_key_where_something_was_wrong(make: Callable[[], Envelope]) -> None:
    """Error pages show the local variables of each frame."""
    with pytest.raises(ConfigurationError) as refused:
        make()
    frames = traceback.TracebackException.from_exception(refused.value, capture_locals=True).stack
    shown = [frame.locals for frame in frames if "sealgate/envelope" in frame.filename]
    assert shown
    assert SECRET.decode()[:12] not in repr(shown)
