"""Every framework, where canonical JSON is signed: a view reads the octets that were proven, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from asgi_client import ask, scope_of
from canonical_shops import JSON, SHOPS, BareAsgi, Seen, Shop, signed
from contract import FORM
from judged import HOST, KEY, OTHER_KEY
from reference import Message, sign_github
from sealgate import Scheme, Verifier, schemes
from sealgate.asgi import SignatureMiddleware

CANONICAL = b'{"a":1,"b":2}'
VALUE = {"a": 1, "b": 2}
#: What a client may send under the signature of `CANONICAL`.
LAYOUTS = {
    "canonical": CANONICAL,
    "another order": b'{"b":2,"a":1}',
    "white space": b'\t{ "a" : 1 ,\r\n "b" : 2 }',
    "a line feed": CANONICAL + b"\n",
    "fractions": b'{"a":1.0,"b":2.000}',
    "exponents": b'{"a":1e0,"b":20E-1}',
    "escapes": b'{"\\u0061":1,"\\u0062":2}',
    "all of it": b' {"b": 0.2e+1, "\\u0061": 10e-1}\r\n',
}
ALL_OF_IT = LAYOUTS["all of it"]

each_shop = pytest.mark.parametrize("shop", SHOPS)


def _ways(kind: str) -> pytest.MarkDecorator:
    ways = [(name, way) for name, shop in SHOPS.items() for way in getattr(shop, kind)]
    return pytest.mark.parametrize(("shop", "way"), ways)


def verifier(form: str = "jcs", **settings: Any) -> Verifier:
    return Verifier(schemes.canonical_json(form=form), keys=KEY, **settings)


def shop_of(name: str, *verifiers: Verifier) -> Shop:
    return SHOPS[name](*(verifiers or [verifier()]))


def first_way(name: str) -> str:
    return "/" + next(iter(SHOPS[name].octets))


def seen_of(read: Any, octets: bytes = CANONICAL) -> Seen:
    return Seen(read, frozenset({str(len(octets))}))


# --- what a view reads ------------------------------------------------------------------------------------------------


@_ways("octets")
def test_octets_that_a_view_reads_are_the_canonical_ones(shop: str, way: str) -> None:
    used = shop_of(shop)
    statuses = [used.send(signed(f"/{way}", sent, CANONICAL)).status for sent in LAYOUTS.values()]
    assert [200] * len(LAYOUTS) == statuses
    assert dict.fromkeys(LAYOUTS, seen_of(CANONICAL)) == dict(zip(LAYOUTS, used.seen, strict=True))


@_ways("values")
def test_values_that_a_view_reads_are_those_of_the_canonical_form(shop: str, way: str) -> None:
    """In its order, and an integer is one: `repr` tells 1 from 1.0."""
    used = shop_of(shop)
    statuses = [used.send(signed(f"/{way}", sent, CANONICAL)).status for sent in LAYOUTS.values()]
    assert [200] * len(LAYOUTS) == statuses
    expected = dict.fromkeys(LAYOUTS, repr(seen_of(VALUE)))
    assert expected == {layout: repr(seen) for layout, seen in zip(LAYOUTS, used.seen, strict=True)}


@each_shop
@pytest.mark.parametrize(
    ("form", "canonical"),
    [
        ("jcs", '{"a":1,"b":"\u00e9/"}'),
        ("pyjson", json.dumps({"b": "\u00e9/", "a": 1.0}, sort_keys=True, separators=(",", ":"))),
        ("pyjson-utf8", json.dumps({"b": "\u00e9/", "a": 1.0}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)),
    ],
)  # fmt: skip
def test_each_form_is_handed_over_as_it_was_signed(shop: str, form: str, canonical: str) -> None:
    """In the forms of `json.dumps`, `1.0` stays `1.0`."""
    used = shop_of(shop, verifier(form))
    octets = canonical.encode()
    for sent in ('\n{"b": "\u00e9/", "a": 1.0}', '{"\\u0062":"\\u00E9\\/","a":10.0e-1}', canonical):
        for way in (*used.octets, *used.values):
            assert used.send(signed(f"/{way}", sent.encode(), octets)).status == 200
            read = octets if way in used.octets else json.loads(octets)
            assert repr(seen_of(read, octets)) == repr(used.seen.pop())


@pytest.mark.parametrize("shop", ["flask", "django", "django-asgi", "django-async"])
def test_content_length_is_the_canonical_one_for_who_has_asked_before(shop: str) -> None:
    used = shop_of(shop)
    used.has_early_reader = True
    assert used.send(signed(first_way(shop), ALL_OF_IT, CANONICAL)).status == 200
    assert [seen_of(CANONICAL)] == used.seen


@each_shop
def test_body_in_chunks_is_handed_over_in_its_canonical_form(shop: str) -> None:
    used = shop_of(shop)
    assert 200 == used.send(signed(first_way(shop), ALL_OF_IT, CANONICAL), in_chunks=True).status
    assert [CANONICAL] == [seen.read for seen in used.seen]


@each_shop
@pytest.mark.parametrize(
    "kind",
    [
        *("application/json", "APPLICATION/Json", "application/json; charset=utf-8", 'application/json;Charset="UTF-8" ;'),
        *("application/vnd.shop+json", "application/problem+json; profile=x ; charset=utf-8"),
    ],
)  # fmt: skip
def test_content_type_may_be_any_of_json_in_utf_8(shop: str, kind: str) -> None:
    used = shop_of(shop)
    message = signed(first_way(shop), ALL_OF_IT, CANONICAL, [("Content-Type", kind)])
    assert (200, [seen_of(CANONICAL)]) == (used.send(message).status, used.seen)


@each_shop
def test_canonical_form_may_be_longer_than_the_body(shop: str) -> None:
    used = shop_of(shop)
    canonical = b"[" + b",".join([b"100000000000000000000"] * 1000) + b"]"
    assert used.send(signed(first_way(shop), b"[" + b"1e20," * 999 + b"1e20]", canonical)).status == 200
    assert [seen_of(canonical, canonical)] == used.seen


@each_shop
def test_request_without_a_body_needs_no_content_type(shop: str) -> None:
    """Where method and path are covered; else nothing would be."""
    scheme = Scheme(
        "lined",
        base="{@method}\n{@path}\n{body:jcs}",
        fields={"X-Signature": "{signature:hex}"},
        accept_weaknesses=None,
    )
    way = first_way(shop)
    used = shop_of(shop, Verifier(scheme, keys=KEY))
    message = replace(signed(way, b"", f"GET\n{way}\n".encode(), []), method="GET")
    assert used.send(message).status == 200
    assert [b""] == [seen.read for seen in used.seen]


# --- any of several verifiers -----------------------------------------------------------------------------------------

RAW = Verifier(schemes.GITHUB, keys=OTHER_KEY)
with_any = pytest.mark.parametrize("shop", [name for name in SHOPS if name != "wsgi"])


def both(target: str, sent: bytes, *, raw: bytes, canonical: bytes) -> Message:
    """`sent`, with the signatures of two parties, each of what it says it is of."""
    return signed(target, sent, canonical).plus(sign_github(Message("POST", target, [], raw), OTHER_KEY))


@with_any
@pytest.mark.parametrize("canonical_is_first", [False, True])
def test_each_of_several_verifiers_hands_over_what_it_has_proven(shop: str, canonical_is_first: bool) -> None:
    order = [verifier(), RAW] if canonical_is_first else [RAW, verifier()]
    target, sent, twice = f"/any{first_way(shop)}", ALL_OF_IT, b'{"a":1,"b":1,"b":2}'
    raw_only = Message("POST", target, [("Host", HOST), JSON], sent)
    cases = [
        (both(target, sent, raw=b"?", canonical=CANONICAL), CANONICAL),
        (both(target, sent, raw=sent, canonical=b"?"), sent),
        (both(target, sent, raw=sent, canonical=CANONICAL), CANONICAL if canonical_is_first else sent),
        (both(target, twice, raw=twice, canonical=CANONICAL), twice),
        (signed(target, sent, CANONICAL), CANONICAL),
        (raw_only.plus(sign_github(raw_only, OTHER_KEY)), sent),
    ]
    used = shop_of(shop, *order)
    statuses = [used.send(message).status for message, _ in cases]
    assert [200] * len(cases) == statuses
    assert [seen_of(octets, octets) for _, octets in cases] == used.seen


@with_any
def test_what_neither_verifier_proves_is_refused(shop: str) -> None:
    target = f"/any{first_way(shop)}"
    used = shop_of(shop, verifier(), RAW)
    messages = [
        both(target, LAYOUTS["another order"], raw=CANONICAL, canonical=LAYOUTS["another order"]),
        signed(target, CANONICAL, CANONICAL, FORM.headers[1:]).plus(sign_github(FORM, OTHER_KEY)),
    ]
    assert ([401] * 2, []) == ([used.send(message).status for message in messages], used.seen)


@_ways("forms")
def test_forms_are_parsed_from_what_was_sent_under_a_raw_scheme(shop: str, way: str) -> None:
    used = shop_of(shop, verifier(), RAW)
    form = replace(FORM, target=f"/any/{way}")
    assert used.send(form.plus(sign_github(form, OTHER_KEY))).status == 200
    assert [seen_of(["crate", "box"], FORM.body)] == used.seen


def test_inner_layer_hands_on_the_canonical_form() -> None:
    inner = BareAsgi(proves := verifier())
    layers = SignatureMiddleware(inner.application(), proves)
    message = signed("/receive", ALL_OF_IT, CANONICAL).plus([("Content-Length", f" {len(ALL_OF_IT)}\t")])
    assert ask(layers, scope_of(message), [{"type": "http.request", "body": message.body}]).status == 200
    assert [seen_of(CANONICAL)] == inner.seen
