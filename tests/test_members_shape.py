"""Elements of arrays, and members that a body may do without: what is handed on has the shape that the scheme says."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from judged import KEY
from sealgate import ConfigurationError, Rejected, Request, Scheme, Signer, Verifier
from sealgate.exceptions import BodyMalformed, InvalidSignature, SignatureMalformed, SignatureMissing
from test_members import JSON, handed, refusal, scheme_of

# --- construction -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("{json:/1}", "not a JSON pointer.*index 0"),
        ("v0:{json:/a/1/b}", "not a JSON pointer.*index 3"),
        ("{json:/a/10}", "not a JSON pointer.*index 0"),
        ("{json:/a/999999999999999999999}", "not a JSON pointer.*index 0"),
        ("{json:/a/0}\n{json:/a/1}", "not a JSON pointer.*index 12"),
        ("{json:/a}\n{json:/a/0}", "/a/0 lies in /a"),
        ("{json:/a/0}\n{json:/a/0/b}", "/a/0/b lies in /a/0"),
        ("{json:/a/0/b}\n{json:/a/b}", "no body has both of the members /a/0/b and /a/b"),
        ("{json:/a/-}\n{json:/b}\n{json:/a/0}", "no body has both of the members /a/0 and /a/-"),
        ("{json:/0/b}\n{json:/b}", "no body has both of the members /0/b and /b"),
        ("{json:/a:text?}", "all optional"),
        ("{@method}\n{json:/a:text?}\n{json:/b/0:text?}", "all optional"),
        ("{json:/a:text}\n{json:/a:text?}\n{json:/b}", "/a in two forms"),
        ("{json:/a}\n{json:/b:hex:text?}", "unknown transform.*index 10"),
        ("{json:/a}\n{json:/b:text?:text?}", "unknown transform.*index 10"),
        ("{json:/a}\n{json:/b:jcs?}", "unknown transform.*index 10"),
        ("{json:/a}\n{json:/b:text?:text}", "cannot stand in a base"),
        ("{body:text?}", "unknown transform.*index 0"),
        ("{param:a:text?}", "unknown transform.*index 0"),
    ],
)
def test_a_shape_that_no_body_has_is_found_at_construction(base: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        scheme_of(base)


@pytest.mark.parametrize(
    ("base", "pointer"),
    [("{json:/a/0/b}", "/a/c"), ("{json:/a/b}", "/a/0/c"), ("{json:/b}", "/0/c"), ("{json:/a/0}\n{json:/b}", "/b/1")],
)
def test_a_claim_that_no_body_has_beside_what_is_signed_is_found_at_construction(base: str, pointer: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no body has both of the members|not a JSON pointer"):
        Scheme("own", base=base, json={pointer: "{signature:hex}"}, accept_weaknesses=None)


# --- elements ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "sent", "octets", "body"),
    [
        ("{json:/0}", ' [ {"b": 1.0} ]', '{"b":1}', '[{"b":1}]'),
        ("{json:/0/0/0}", "[[[true]]]", "true", "[[[true]]]"),
        ("{json:/a/0/b}", '{"x": 1, "a": [{"c": 2, "b": [1, 2]}]}', "[1,2]", '{"a":[{"b":[1,2]}]}'),
        ("{json:/a/0/b:text}", '{"a": [{"b": "\\u0062"}]}', "b", '{"a":[{"b":"b"}]}'),
        ("{json:/a/0/b/0}", '{"a": [{"b": [null]}]}', "null", '{"a":[{"b":[null]}]}'),
        ("{json:/a/0/c}{json:/b/0}{json:/a/0/b/0}", '{"b": [2], "a": [{"b": [1], "c": 3}]}', "321", None),
        ("{json:/a/01}{json:/a/-}{json:/a/\u0660}", '{"a": {"01": 1, "-": 2, "\\u0660": 3}}', "123", None),
        ("{json:/a/0/é~1:pyjson}", '{"a": [{"é/": "é"}]}', '"\\u00e9"', '{"a":[{"\\u00e9/":"\\u00e9"}]}'),
    ],
)
def test_the_only_element_of_an_array_is_signed_and_handed_on_in_an_array(
    base: str, sent: str, octets: str, body: str | None
) -> None:
    canonical = reference.canonical_json(sent) if body is None else body.encode()
    assert canonical == handed(base, octets.encode(), sent.encode())
    request = Request("POST", "/", JSON, sent.encode())
    assert octets.encode() == scheme_of(base).signature_base(request, None, 0, "")
    assert canonical == Verifier(scheme_of(base), keys=KEY).verify(Signer(scheme_of(base), key=KEY).sign(request)).body


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[{"b":1},{"b":1}]}',
        b'{"a":[{"b":1},{"b":2}]}',
        b'{"a":[{"b":1},null]}',
        b'{"a":[{"b":1},"],"]}',
        b'{"a":[{},{"b":1}]}',
        b'{"a":[{"b":1}' + b",1" * 100_000 + b"]}",
        b'{"a":[]}',
        b'{"a":[[]]}',
        b'{"a":[[{"b":1}]]}',
        b'{"a":{"b":1}}',
        b'{"a":{"0":{"b":1}}}',
        b'{"a":{"":{"b":1}}}',
        b'{"0":{"b":1}}',
        b'{"a":"0"}',
        b'{"a":null}',
        b'{"a":["{\\"b\\":1}"]}',
        b'[{"a":[{"b":1}]}]',
        b'{"a":[{"b":1}],"a":[{"b":1}]}',
        b'{"a":[{"b":1}],"\\u0061":[]}',
        b'{"a":[{"b":1,"b":1}]}',
        b'{"a":[{"b":1},]}',
        b'{"a":[,{"b":1}]}',
        b'{"a":[{"b":1}}',
        b'{"a":' + b"[" * 128 + b'{"b":1}' + b"]" * 128 + b"}",
        b'{"a":' + b"[" * 100_000,
    ],
    ids=lambda body: ascii(body[:40]),
)
def test_another_shape_is_malformed(body: bytes) -> None:
    """Of elements beside the one that is signed, too: they would be lost in silence."""
    assert BodyMalformed is refusal("{json:/a/0/b}", body, b"1")
    assert BodyMalformed is refusal("{@method}\n{json:/a/0/b}", body, b"POST\n1")


def test_an_array_and_an_object_of_the_name_are_never_one_message() -> None:
    """RFC 6901 lets the document decide what a token of digits names: an attacker could choose what is handed on."""
    assert b'{"a":[1]}' == handed("{json:/a/0}", b"1", b'{"a":[1]}')
    assert BodyMalformed is refusal("{json:/a/0}", b'{"a":{"0":1}}', b"1")
    assert b'{"a":{"00":1}}' == handed("{json:/a/00}", b"1", b'{"a":{"00":1}}')
    assert BodyMalformed is refusal("{json:/a/00}", b'{"a":[1]}', b"1")


# --- members that a body may do without -------------------------------------------------------------------------------

OPTIONAL = "{json:/a:text}:{json:/o/n:text?}:{json:/z}"


@pytest.mark.parametrize(
    ("sent", "octets", "body"),
    [
        ('{"z": 1, "a": "x"}', "x::1", '{"a":"x","z":1}'),
        ('{"z": 1, "a": "", "o": {}}', "::1", '{"a":"","z":1}'),
        ('{"z": 1, "a": "x", "o": {"n": ""}}', "x::1", '{"a":"x","z":1}'),
        ('{"z": 1, "a": "x", "o": {"m": "n"}}', "x::1", '{"a":"x","z":1}'),
        ('{"z": 1, "a": "x", "o": [{"n": "y"}]}', "x::1", '{"a":"x","z":1}'),
        ('{"z": 1, "a": "x", "o": "n"}', "x::1", '{"a":"x","z":1}'),
        ('{"z": 1, "a": "x", "o": {"n": "y", "m": 1}}', "x:y:1", '{"a":"x","o":{"n":"y"},"z":1}'),
        ('{"z": 1, "a": "x", "o": {"n": " "}}', "x: :1", '{"a":"x","o":{"n":" "},"z":1}'),
        ('{"z": 1, "a": "x", "o": {"n": "\\u0000"}}', "x:\0:1", '{"a":"x","o":{"n":"\\u0000"},"z":1}'),
    ],
)
def test_an_absent_or_empty_member_writes_nothing_and_is_absent_in_what_is_handed_on(
    sent: str, octets: str, body: str
) -> None:
    assert body.encode() == handed(OPTIONAL, octets.encode(), sent.encode())
    request = Request("POST", "/", JSON, sent.encode())
    assert octets.encode() == scheme_of(OPTIONAL).signature_base(request, None, 0, "")
    signed = Signer(scheme_of(OPTIONAL), key=KEY).sign(request)
    assert body.encode() == Verifier(scheme_of(OPTIONAL), keys=KEY).verify(signed).body


@pytest.mark.parametrize("value", ["null", "1", "true", "[]", '["y"]', "{}"])
def test_a_member_that_is_there_and_no_text_is_refused(value: str) -> None:
    for octets in (b"x::1", f"x:{value}:1".encode()):
        assert BodyMalformed is refusal(OPTIONAL, f'{{"a":"x","z":1,"o":{{"n":{value}}}}}'.encode(), octets)


def test_a_member_that_is_added_or_taken_away_is_another_message() -> None:
    assert InvalidSignature is refusal(OPTIONAL, b'{"a":"x","z":1,"o":{"n":"y"}}', b"x::1")
    assert InvalidSignature is refusal(OPTIONAL, b'{"a":"x","z":1}', b"x:y:1")
    assert SignatureMalformed is refusal(OPTIONAL, b'{"a":"x","z":1,"o":{"n":"y:"}}', b"x:y::1")
    for body in (b'{"o":{"n":"y"},"z":1}', b'{"a":"x","o":{"n":"y"}}'):
        assert BodyMalformed is refusal(OPTIONAL, body)


def test_the_last_of_several_may_be_absent_and_a_transform_is_of_nothing_then() -> None:
    base = "{json:/a/0/b:text}{json:/a/0/c:text?:hex}"
    assert b'{"a":[{"b":"x"}]}' == handed(base, b"x", b'{"a":[{"b":"x"}]}')
    assert b'{"a":[{"b":"x","c":"y"}]}' == handed(base, b"x79", b'{"a":[{"b":"x","c":"y"}]}')
    assert ("json:/a/0/b", "json:/a/0/c") == scheme_of(base).covered


# --- claims -----------------------------------------------------------------------------------------------------------


def test_a_claim_stands_in_the_only_element_and_is_written_there() -> None:
    scheme = Scheme("own", base="{json:/a/0/b}", json={"/s/0/0/sig": "{signature:hex}"}, accept_weaknesses=None)
    for sent in (b'{"a":[{"b":1}]}', b'{"a":[{"b":1}],"s":[]}', b'{"a":[{"b":1}],"s":[[{"sig":"x"}]]}'):
        signed = Signer(scheme, key=KEY).sign(Request("POST", "/", JSON, sent))
        assert {"a": [{"b": 1}], "s": [[{"sig": reference.mac(KEY, b"1").hex()}]]} == json.loads(signed.body or b"")
        assert b'{"a":[{"b":1}]}' == Verifier(scheme, keys=KEY).verify(signed).body
    for sent in (b'{"a":[{"b":1}],"s":[[],[]]}', b'{"a":[{"b":1}],"s":{"0":[]}}', b'{"a":[{"b":1}],"s":[{}]}'):
        with pytest.raises(ConfigurationError, match="no place for the member /s/0/0/sig"):
            Signer(scheme, key=KEY).sign(Request("POST", "/", JSON, sent))


def test_a_claim_beside_other_elements_is_malformed_and_one_elsewhere_is_missing() -> None:
    scheme = Scheme("own", base="{json:/b}", json={"/s/0": "{signature:hex}"}, accept_weaknesses=None)
    right = reference.mac(KEY, b"1").hex()
    for signatures, refused in (
        ([right, right], BodyMalformed),
        ([right, 1], BodyMalformed),
        ([], SignatureMissing),
        ({"0": right}, SignatureMissing),
        (right, SignatureMissing),
        ([[right]], SignatureMalformed),
    ):
        with pytest.raises(refused):
            Verifier(scheme, keys=KEY).verify(
                Request("POST", "/", JSON, json.dumps({"b": 1, "s": signatures}).encode())
            )


# --- one base, one shape ----------------------------------------------------------------------------------------------

_TEXTS = st.sampled_from(["", "x", ":", "0", "x:"])
_VALUES = st.recursive(
    st.one_of(_TEXTS, st.none(), st.integers(0, 1)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["0", "a", "b", "o"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_BASES = ["{json:/a/0/a:text}:{json:/o:text?}:{json:/b}", "{json:/0/a}:{json:/0/b/0:text?}:{json:/0/o/a:text?}"]


def accepted(base: str, octets: bytes, value: Any) -> bytes | None:
    try:
        return handed(base, octets, json.dumps(value).encode())
    except Rejected:
        return None


@given(base=st.sampled_from(_BASES), data=st.data())
def test_two_bodies_with_one_base_are_handed_on_alike(base: str, data: st.DataObject) -> None:
    """Lossy as members are, of what is handed on nothing is left to whoever changes the body."""
    first: Any = {"a": [{"a": data.draw(_TEXTS)}], "o": data.draw(_TEXTS), "b": data.draw(_VALUES)}
    if base == _BASES[1]:
        first = [{"a": data.draw(_VALUES), "b": [data.draw(_TEXTS)], "o": {"a": data.draw(_TEXTS)}}]
    second = data.draw(mutated(first))
    for signed, sent in ((first, second), (second, first)):
        try:
            octets = scheme_of(base).signature_base(
                Request("POST", "/", JSON, json.dumps(signed).encode()), None, 0, ""
            )
        except ConfigurationError:
            continue
        own, other = accepted(base, octets, signed), accepted(base, octets, sent)
        assert own is None or other in {None, own}


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """Arrays as objects with the member `0` and the other way round, with more in them or less, and other values."""
    change = draw(st.sampled_from(["keep", "inside", "inside", "turn", "more", "less", "other"]))
    if change == "turn" and isinstance(value, list):
        return {str(nth): inner for nth, inner in enumerate(value)}
    if change == "turn" and isinstance(value, dict):
        return [*value.values()][:1]
    if change == "other" or not isinstance(value, list | dict):
        return draw(_VALUES) if change == "other" else value
    value = deepcopy(value)
    places = [*value] if isinstance(value, dict) else [*range(len(value))]
    if change == "more" and isinstance(value, dict):
        value[draw(st.sampled_from("0abo"))] = draw(_VALUES)
    elif change == "more":
        value.insert(draw(st.integers(0, len(value))), draw(_VALUES))
    elif places and change == "less":
        del value[draw(st.sampled_from(places))]
    elif places and change == "inside":
        at = draw(st.sampled_from(places))
        value[at] = draw(mutated(value[at]))
    return value
