"""What the route matched, in a request and in a base."""

from __future__ import annotations

import types
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judged import HOST, KEY, ORIGIN
from reference import Message, mac
from sealgate import ConfigurationError, Rejected, Request, Scheme, Signer, Verified, Verifier, schemes
from sealgate.exceptions import InvalidSignature, NotCovered, SignatureMalformed, TargetAmbiguous
from wsgi_client import environ_of


def scheme_of(base: str) -> Scheme:
    return Scheme("own", base=base, fields={"X-Sig": "{signature:hex}"}, accept_weaknesses=None)


def verdict(base: str, octets: bytes, params: dict[str, str] | None) -> Verified | type[Rejected]:
    """Of a request without a body, under the signature of `octets`."""
    request = Request("GET", "/p", [("X-Sig", mac(KEY, octets).hex())], params=params)
    try:
        return Verifier(scheme_of(base), keys=KEY).verify(request)
    except Rejected as refused:
        return type(refused)


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("{param}", "not the name of a parameter.*index 0"),
        ("v:{param:}", "not the name of a parameter.*index 2"),
        ("{param:a-b}", "not the name of a parameter"),
        ("{param:1a}", "not the name of a parameter"),
        ("{param:a b}", "not the name of a parameter"),
        ("{param:é}", "not the name of a parameter"),
        ("{param:id:int}", "unknown transform"),
        ("{param:id?}", "not the name of a parameter"),
        ("{param:id:jcs}", "cannot stand in a base"),
        ("{param:id:canonical}", "cannot stand in a base"),
        ("{param:id:sorted}", "cannot stand in a base"),
        ("{param:id:ms}", "cannot stand in a base"),
        ("{id}", "unknown part"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_found_at_construction(base: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        scheme_of(base)


def test_a_parameter_is_no_claim() -> None:
    with pytest.raises(ConfigurationError, match="cannot stand in a field"):
        Scheme("own", base="{body}", fields={"X-Sig": "{param:id} {signature:hex}"}, accept_weaknesses=None)


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [None, {}, {"id": "a/b €\n"}, {"id": "", "ID": "x", "_1": "%2F"}], ids=ascii)
def test_a_request_keeps_what_the_route_matched(params: dict[str, str] | None) -> None:
    scope = {"type": "http", "method": "GET", "path": "/p", "raw_path": b"/p", "query_string": b"", "headers": []}
    for request in (
        Request("GET", "/p", params=params),
        Request.from_wsgi(environ_of(Message("GET", "/p", [("Host", HOST)])), params=params),
        Request.from_wsgi(environ_of(Message("GET", "/p", [("Host", HOST)])), "/p", params=params),
        Request.from_asgi(scope, params=params),
    ):
        assert params == request.params


def test_what_a_request_keeps_is_its_own() -> None:
    params = {"id": "1"}
    request = Request("GET", "/p", params=params)
    params["id"] = "2"
    assert request.params is not None
    request.params["id"] = "3"
    assert {"id": "1"} == request.params
    assert {"id": "2"} == Request("GET", "/p", params=types.MappingProxyType(params)).params


@pytest.mark.parametrize(
    "params", [{"id": 5}, {"id": None}, {"id": b"x"}, {1: "x"}, [("id", "x")], "id=x", 5], ids=ascii
)
def test_only_text_was_received(params: Any) -> None:
    """A converter's value has lost how it was written: `01` and `1` are one int."""
    with pytest.raises(TypeError):
        Request("GET", "/p", params=params)


# --- bases ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "params", "octets"),
    [
        ("{param:id}", {"id": "doc-1"}, b"doc-1"),
        ("{param:id}", {"id": "", "more": "x"}, b""),
        ("{param:id}", {"id": "a/b €"}, "a/b €".encode()),
        ("{param:id}", {"id": "{param:id}{signature}\n"}, b"{param:id}{signature}\n"),
        ("{param:a}:{param:b}", {"a": "x", "b": "y:z"}, b"x:y:z"),
        ("{param:id:lower}", {"id": "AbÉ"}, "abÉ".encode()),
        ("{param:id:hex}.{param:_1}", {"id": "AB", "_1": "."}, b"4142.."),
    ],
)
def test_a_parameter_is_signed_as_it_was_matched(base: str, params: dict[str, str], octets: bytes) -> None:
    assert isinstance(verdict(base, octets, params), Verified)
    assert octets == scheme_of(base).signature_base(Request("GET", "/p", params=params), None, 0, "")
    assert InvalidSignature is verdict(base, octets + b"x", params)


@pytest.mark.parametrize("params", [None, {}, {"Id": "1"}, {"id ": "1"}, {"ids": "1"}], ids=str)
def test_an_absent_parameter_is_a_refusal_and_no_empty_text(params: dict[str, str] | None) -> None:
    for octets in (b"", b"1", b"None"):
        assert NotCovered is verdict("{param:id}", octets, params)


@pytest.mark.parametrize("text", ["\ufffd", "a\ufffdb", chr(0xD800), f"a{chr(0xDCFF)}"], ids=ascii)
def test_a_parameter_that_was_not_utf_8_is_ambiguous(text: str) -> None:
    """Servers and frameworks put U+FFFD or a lone surrogate in the place of `%ff` and of `%fe`: one text for two paths."""
    assert TargetAmbiguous is verdict("{param:id}", text.encode("utf-8", "replace"), {"id": text})
    assert TargetAmbiguous is verdict("{param:id}", "\ufffd".encode(), {"id": text})


@pytest.mark.parametrize(
    ("base", "params"),
    [
        ("{param:a}:{param:b}", {"a": "x:y", "b": "z"}),
        ("{param:a}:resource:{param:b}", {"a": "x:resource:y", "b": "z"}),
        ("{param:a}aa{param:b}", {"a": "xa", "b": "z"}),
        ("{param:a}\n{param:b}", {"a": "\n", "b": ""}),
        ("{param:a}/", {"a": "x/"}),
    ],
)
def test_a_parameter_cannot_hold_the_literal_that_ends_it(base: str, params: dict[str, str]) -> None:
    """C1: else octets move from one part to the next."""
    assert SignatureMalformed is verdict(base, b"", params)
    with pytest.raises(ConfigurationError):
        Signer(scheme_of(base), key=KEY).sign_headers(Request("GET", "/p", params=params))


_TEXTS = st.text(st.sampled_from(list("a:b/")), max_size=4)


@given(one=st.tuples(_TEXTS, _TEXTS), other=st.tuples(_TEXTS, _TEXTS))
def test_unequal_parameters_never_share_a_base(one: tuple[str, str], other: tuple[str, str]) -> None:
    """C1: a base comes out unless the first one ends in the midst of the literal, or before it."""
    scheme = scheme_of("{param:a}:a:{param:b}")

    def base(pair: tuple[str, str]) -> bytes | None:
        try:
            return scheme.signature_base(Request("GET", "/p", params={"a": pair[0], "b": pair[1]}), None, 0, "")
        except ConfigurationError:
            return None

    for a, b in (one, other):
        assert (f"{a}:a:{b}".encode() if f"{a}:a:".find(":a:") == len(a) else None) == base((a, b))
    assert one == other or base(one) is None or base(one) != base(other)


def test_the_default_scope_is_cut_at_its_end_alone() -> None:
    """`download:resource:a:b` is the resource `a:b`, and nothing else."""
    signature = mac(KEY, b"download:resource:a:b").hex()
    verifier = Verifier(schemes.scoped(), keys=KEY, origin=ORIGIN)
    fields = [("X-Hmac-Signature", signature)]
    assert ("param:id",) == verifier.verify(Request("GET", "/files/a:b", fields, params={"id": "a:b"})).covered
    for wrong in ("a", "b", "a:b:", ":a:b", "A:b", "resource:a:b", "a%3Ab", "a:b\0", "a:b\n"):
        with pytest.raises(InvalidSignature):
            verifier.verify(Request("GET", "/files/a:b", fields, params={"id": wrong}))


def test_the_same_signature_works_on_another_route_as_the_weaknesses_say() -> None:
    verifier = Verifier(schemes.scoped(), keys=KEY)
    signed = Signer(schemes.scoped(), key=KEY).sign(Request("GET", "/files/1", params={"id": "1"}))
    moved = Request("DELETE", "/accounts/1", signed.headers, params={"id": "1"})
    assert "scoped" == verifier.verify(moved).scheme
    assert {"method-not-covered", "target-not-covered"} <= schemes.scoped().weaknesses()
