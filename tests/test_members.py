"""Members of the body in a base: JSON pointers, what is signed of a member, and that no other member is handed on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from judged import KEY, escaped
from sealgate import ConfigurationError, Rejected, Request, Scheme, Signer, Verifier, schemes
from sealgate.exceptions import BodyMalformed, InvalidSignature, SignatureMalformed

JSON = [("Content-Type", "application/json")]


def scheme_of(base: str) -> Scheme:
    return Scheme("own", base=base, fields={"X-Sig": "{signature:hex}"}, accept_weaknesses=None)


def handed(base: str, octets: bytes, body: bytes) -> bytes:
    """What is handed on of `body`, under the signature of `octets`."""
    signature = ("X-Sig", reference.mac(KEY, octets).hex())
    return Verifier(scheme_of(base), keys=KEY).verify(Request("POST", "/", [*JSON, signature], body)).body


def refusal(base: str, body: bytes, octets: bytes = b"") -> type[Rejected]:
    with pytest.raises(Rejected) as refused:
        handed(base, octets, body)
    return type(refused.value)


# --- construction -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("{json}", "not a JSON pointer.*index 0"),
        ("{json:}", "not a JSON pointer.*index 0"),
        ("v0:{json:a}", "not a JSON pointer.*index 3"),
        ("v0:{json:#/a}", "not a JSON pointer.*index 3"),
        ("{json:/a~}", "not a JSON pointer.*index 0"),
        ("{json:/a~2b}", "not a JSON pointer.*index 0"),
        ("{json:/~~0}", "not a JSON pointer.*index 0"),
        ("{json:/a{b}", "not a JSON pointer.*index 0"),
        ("{json:/a:b}", "ends at a colon.*index 0"),
        ("{json:/a:text:b}", "ends at a colon.*index 0"),
        ("{json:/a}b}", "unopened part.*index 10"),
        ("{json:/a", "unclosed part.*index 0"),
        ("{json:/a:sorted}", "cannot stand in a base"),
        ("{json:/a:canonical}", "cannot stand in a base"),
        ("{json:/a:ms}", "cannot stand in a base"),
        ("{json:/a:sha256:jcs}", "cannot stand in a base"),
        ("{json:/a:hex:text}", "cannot stand in a base"),
        ("{json:/a:text:jcs}", "cannot stand in a base"),
        ("{json:/a:jcs:text}", "cannot stand in a base"),
        ("{body:text}", "cannot stand in a base"),
        ("{param:a:text}", "cannot stand in a base"),
        ("{@path:text}", "cannot stand in a base"),
        ("{json:/a}{body}", "beside all of it"),
        ("{body:jcs:sha256}{json:/a}", "beside all of it"),
        ("{json:/a}\n{json:/a/b}", "/a/b lies in /a"),
        ("{json:/a/b/c}\n{json:/z}\n{json:/a}", "/a/b/c lies in /a"),
        ("{json:/a}\n{json:/a/}", "/a/ lies in /a"),
        ("{json:/}\n{json://}", "// lies in /"),
        ("{json:/a}\n{json:/a:text}", "/a in two forms"),
        ("{json:/a}\n{json:/b}\n{json:/a:text}", "/a in two forms"),
        ("{json:/a}\n{json:/b:pyjson}", "two forms"),
        ("{json:/a:pyjson}\n{json:/b:pyjson-utf8}", "two forms"),
    ],
)
def test_a_pointer_that_cannot_be_meant_is_found_at_construction(base: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        scheme_of(base)


@pytest.mark.parametrize(
    "base",
    [
        "{json:/a}\n{json:/ab}",
        "{json:/a/b}\n{json:/a/c}",
        "{json:/}\n{json:/a}",
        "{json:/a~1b}\n{json:/a}",
        "{json:/a}\n{json:/a}",
        "{json:/a:sha256:hex}\n{json:/a}",
        "{json:/a:pyjson}\n{json:/b:text}",
        "{json:/a:text}\n{json:/a:text:sha256:hex}",
    ],
)
def test_members_beside_each_other_and_one_twice_are_no_mistake(base: str) -> None:
    assert scheme_of(base).signs_body


def test_one_member_lies_in_no_other_however_many_stand_between() -> None:
    names = ["/a", "/a-", "/a/b", "/a!", "/b"]
    with pytest.raises(ConfigurationError, match="/a/b lies in /a"):
        scheme_of("\n".join(f"{{json:{name}}}" for name in names))


# --- what is signed, and what is handed on ----------------------------------------------------------------------------

SENT = b' {"z": [1.50, {"b": 1, "a": "\\u00e9"}], "t": "a\\u0062\\n\\"", "o": {"in": {"x": 1E2}, "n": null}, "": 7, "a/b~": {}}'


@pytest.mark.parametrize(
    ("base", "octets", "body"),
    [
        ("{json:/z}", '[1.5,{"a":"é","b":1}]', '{"z":[1.5,{"a":"é","b":1}]}'),
        ("{json:/z:jcs}", '[1.5,{"a":"é","b":1}]', '{"z":[1.5,{"a":"é","b":1}]}'),
        ("{json:/z:pyjson}", '[1.5,{"a":"\\u00e9","b":1}]', '{"z":[1.5,{"a":"\\u00e9","b":1}]}'),
        ("{json:/o/in:pyjson-utf8}", '{"x":100.0}', '{"o":{"in":{"x":100.0}}}'),
        ("{json:/o/in/x}", "100", '{"o":{"in":{"x":100}}}'),
        ("{json:/o/n}", "null", '{"o":{"n":null}}'),
        ("{json:/o/n}:{json:/o/in}.", 'null:{"x":100}.', '{"o":{"in":{"x":100},"n":null}}'),
        ("{json:/t}", '"ab\\n\\""', '{"t":"ab\\n\\""}'),
        ("{json:/t:text}", 'ab\n"', '{"t":"ab\\n\\""}'),
        ("{json:/t:text:hex}", "61620a22", '{"t":"ab\\n\\""}'),
        ("{json:/}", "7", '{"":7}'),
        ("{json:/a~1b~0}", "{}", '{"a/b~":{}}'),
        ("{json:/o/n}{json:/}{json:/o/n}", "null7null", '{"":7,"o":{"n":null}}'),
        ("{json:/o/n:sha256:hex}", hashlib.sha256(b"null").hexdigest(), '{"o":{"n":null}}'),
        ("{@method} {json:/o/in}", 'POST {"x":100}', '{"o":{"in":{"x":100}}}'),
    ],
)
def test_a_member_is_signed_in_its_form_and_handed_on_alone(base: str, octets: str, body: str) -> None:
    assert body.encode() == handed(base, octets.encode(), SENT)
    request = Request("POST", "/", JSON, SENT)
    assert octets.encode() == scheme_of(base).signature_base(request, None, 0, "")
    assert [("X-Sig", reference.mac(KEY, octets.encode()).hex())] == Signer(scheme_of(base), key=KEY).sign_headers(
        request
    )
    assert InvalidSignature is refusal(base, SENT)


_NAMES = st.text(st.sampled_from(list('ab/~"\\\n é\ue000😀.')), max_size=3)
_DOCUMENTS = st.recursive(
    st.one_of(
        st.none(), st.integers(-9, 9), st.floats(-9, 9), st.text(st.sampled_from(list('a"\\é\ue000😀')), max_size=3)
    ),
    lambda inner: st.one_of(st.dictionaries(_NAMES, inner, max_size=4), st.lists(inner, max_size=2)),
    max_leaves=12,
)


def _pointers(value: Any, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [before]
    return [before, *(path for name, inner in value.items() for path in _pointers(inner, (*before, name)))]


@given(
    document=st.dictionaries(_NAMES, _DOCUMENTS, min_size=1, max_size=4),
    form=st.sampled_from(["jcs", "pyjson", "pyjson-utf8"]),
    data=st.data(),
)
def test_any_members_of_any_document_are_the_judges(document: dict[str, Any], form: str, data: st.DataObject) -> None:
    drawn = data.draw(st.lists(st.sampled_from(_pointers(document)[1:]), min_size=1, max_size=4, unique=True))
    paths = [path for path in drawn if not any(path[: len(other)] == other for other in drawn if other != path)]
    pointers = ["".join(f"/{escaped(name)}" for name in path) for path in paths]
    body = json.dumps(
        document, indent=data.draw(st.sampled_from([None, 2])), ensure_ascii=data.draw(st.booleans())
    ).encode()
    read, write = reference.FORMS[form]
    value = reference.read_json(body, read)
    base = b"\0".join(write(reference.member(value, pointer)) for pointer in pointers)
    template = "\0".join(f"{{json:{pointer}:{form}}}" for pointer in pointers)
    assert write(reference.only(value, pointers)) == handed(template, base, body)


# --- hostile bodies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"{}",
        b'"a"',
        b'{"a":1}',
        b'{"a":{}}',
        b'{"a":{"c":1}}',
        b'{"a":[{"b":1}]}',
        b'{"a":"b"}',
        b'{"a":{"b ":1," b":1,"B":1,"b\\u0000":1,"":1}}',
        b'{"a ":{"b":1}}',
        b'{"a/b":1}',
        b'{"x":{"a":{"b":1}}}',
        b'[{"a":{"b":1}}]',
        b'{"__proto__":{"a":{"b":1}}}',
        b'{"a":{"__proto__":{"b":1}}}',
        b'{"a":{"b":1},"a":{"b":1}}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":{"b":1,"\\u0062":2}}',
        b'{"a":{"b":1},"z":{"y":1,"y":2}}',
        b'{"a":{"b":1},"z":[[{"y":1,"\\u0079":2}]]}',
        b'{"a":{"b":1},"z":9007199254740993}',
        b'{"a":{"b":1},"z":1e400}',
        b'{"a":{"b":1},"z":"\\ud800"}',
        b'{"a":{"b":1},"z":"\xff"}',
        b'{"a":{"b":1},"z":NaN}',
        b'{"a":{"b":1},}',
        b'{"a":{"b":1}}{}',
        b'{"a":{"b":1}',
        b'\xef\xbb\xbf{"a":{"b":1}}',
        b'{"a":{"b":1},"z":' + b"[" * 128 + b"]" * 128 + b"}",
        b'{"a":{"b":1},"z":' + b"[" * 100_000,
    ],
    ids=lambda body: ascii(body[:40]),
)
def test_a_body_without_the_member_or_without_one_meaning_is_malformed(body: bytes) -> None:
    """Also where what is wrong lies in a member that nobody signed and nobody would read."""
    assert BodyMalformed is refusal("{json:/a/b}", body, b"1")
    assert BodyMalformed is refusal("{@method}\n{@path}\n{json:/a/b}", body, b"POST\n/\n1")


@pytest.mark.parametrize(
    "more",
    [
        b'"data ":2',
        b'"Data":2',
        b'"dat":2',
        b'"data\\u0000":2',
        b'"__proto__":{"data":2}',
        b'"constructor":{"data":2}',
        b'"":{"data":2}',
        b'"x":{"data":2}',
        b'"x":[{"data":2},{"data":3}]',
        b'"x":"\\"data\\":2,"',
        b'"x\\",\\"data":2',
        b'"x":' + b"[" * 127 + b"]" * 127,
        b'"\\u0001":"}","~0data":2,"data/x":3,"/data":4',
    ],
    ids=lambda more: ascii(more[:40]),
)
def test_what_looks_like_a_member_is_not_the_member_and_is_not_handed_on(more: bytes) -> None:
    for body in (b'{"data":1,' + more + b"}", b"{" + more + b',"data":1.0}'):
        assert b'{"data":1}' == handed("{json:/data}", b"1", body)
    assert BodyMalformed is refusal("{json:/data}", b"{" + more + b"}", b"2")


def test_a_name_may_be_escaped_in_the_body_and_is_the_same_name() -> None:
    assert b'{"data":1}' == handed("{json:/data}", b"1", b'{"\\u0064at\\u0061":1}')
    assert '{"é/~":1}'.encode() == handed("{json:/é~1~0}", b"1", b'{"\\u00e9\\/~":1}')
    assert b'{"\\u00e9":1}' == handed("{json:/é:pyjson}", b"1", '{"é":1}'.encode())


@pytest.mark.parametrize("value", [b"1", b"true", b"null", b"[]", b'["a"]', b'{"a":"b"}'])
def test_only_a_string_has_a_text(value: bytes) -> None:
    """Else the string "5" and the number 5 were one message."""
    assert BodyMalformed is refusal("{json:/a:text}", b'{"a":' + value + b"}", value)
    assert b'{"a":"' + b"5" + b'"}' == handed("{json:/a:text}", b"5", b'{"a":"5"}')


# --- framing ----------------------------------------------------------------------------------------------------------

ACTION = "action:{json:/action:text}:resource:{json:/resourceId:text}"


@pytest.mark.parametrize("texts", [("a", "b:resource:c"), ("a:resource:b", "c")])
def test_one_base_is_not_two_messages(texts: tuple[str, str]) -> None:
    """C1: `a` on `b:resource:c`, and `a:resource:b` on `c`."""
    body = json.dumps({"action": texts[0], "resourceId": texts[1]}).encode()
    octets = b"action:a:resource:b:resource:c"
    verifier = Verifier(schemes.scoped(ACTION), keys=KEY)
    request = Request("POST", "/", [*JSON, ("X-Hmac-Signature", reference.mac(KEY, octets).hex())], body)
    if texts[0] == "a":
        assert json.loads(body) == json.loads(verifier.verify(request).body)
    else:
        with pytest.raises(SignatureMalformed):
            verifier.verify(request)
        with pytest.raises(ConfigurationError):
            Signer(schemes.scoped(ACTION), key=KEY).sign(request)


def test_a_member_that_ends_early_is_refused_in_any_form() -> None:
    for base, body in (
        ("{json:/a}:{json:/b}", b'{"a":{"x":1},"b":1}'),
        ("{json:/a},{json:/b}", b'{"a":[1,2],"b":1}'),
        ("{json:/a:text}\n{json:/b}", b'{"a":"x\\ny","b":1}'),
        ("{json:/a:text:hex}0{json:/b}", b'{"a":"0","b":1}'),
    ):
        assert SignatureMalformed is refusal(base, body)
    assert b'{"a":"x\\ny","b":1}' == handed("{json:/a}\n{json:/b}", b'"x\\ny"\n1', b'{"a":"x\\ny","b":1}')
    raw = hashlib.sha256(b'{"x":1}').digest() + b":1"
    assert b'{"a":{"x":1},"b":1}' == handed("{json:/a:sha256}:{json:/b}", raw, b'{"a":{"x":1},"b":1}')
