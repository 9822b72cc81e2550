"""Every framework, where canonical JSON is signed: what could be read in two ways never reaches a parser or a view.

Each request bears a signature that is right for what some lenient reader would make of it.
"""

from __future__ import annotations

import logging

import pytest

from canonical_shops import JSON, SHOPS, Shop, signed
from contract import PUBLIC_BODY
from judged import KEY
from reference import Message, Pairs
from sealgate import Verifier, schemes

CANONICAL = b'{"a":1,"b":2}'
MARKER = "marker-of-a-secret"


def _type(value: str) -> Pairs:
    return [("Content-Type", value)]


FIELDS: dict[str, Pairs] = {
    "a form": _type("application/x-www-form-urlencoded"),
    "an upload": _type("multipart/form-data; boundary=x"),
    "a text": _type("text/plain"),
    "JSON as a text": _type("text/json"),
    "a type that starts like it": _type("application/jsonp"),
    "a type that ends like it": _type("application/x-www-form-urlencoded+jsonp"),
    "no subtype": _type("json"),
    "two subtypes": _type("application/json/json"),
    "no type": [],
    "an empty type": _type(""),
    "utf-16": _type("application/json; charset=utf-16"),
    "utf-7": _type("application/json; charset=utf-7"),
    "latin 1": _type('application/json; charset="iso-8859-1"'),
    "an empty charset": _type("application/json; charset="),
    "two charsets": _type("application/json; charset=utf-8; charset=utf-16"),
    "two charsets the other way round": _type("application/json; charset=utf-16; charset=utf-8"),
    "the charset twice": _type("application/json; charset=utf-8; Charset=utf-8"),
    "an extended charset": _type("application/json; charset*=utf-8''utf-16"),
    "a continued charset": _type("application/json; charset*0=utf-; charset*1=16"),
    "a charset in quotes": _type('application/json; x="; charset=utf-16"'),
    "a charset behind quotes": _type('application/json; x="\\"; charset=utf-16; y="'),
    "an open quote": _type('application/json; charset="utf-8'),
    "an escape in quotes": _type('application/json; charset="utf\\-16"'),
    "blanks around the equals sign": _type("application/json; charset = utf-16"),
    "a charset in single quotes": _type("application/json; charset='utf-16'"),
    "a charset behind a comma": _type("application/json, text/plain; charset=utf-16"),
    "the type of a form behind it": _type("application/json; application/x-www-form-urlencoded"),
    "the type of a form before it": _type("application/x-www-form-urlencoded, application/json"),
    "the type twice": [JSON, JSON],
    "a form's type too": [JSON, *_type("application/x-www-form-urlencoded")],
    "a form's type first": [*_type("application/x-www-form-urlencoded"), JSON],
    "an octet outside ASCII": _type("application/json\xa0"),
    "an underscored twin": [JSON, ("Content_Type", "application/x-www-form-urlencoded")],
    "gzip": [JSON, ("Content-Encoding", "gzip")],
    "identity": [JSON, ("Content-Encoding", "identity")],
    "an empty coding": [JSON, ("Content-Encoding", "")],
    "two codings": [JSON, ("Content-Encoding", "identity"), ("Content-Encoding", "br")],
    "an underscored coding": [JSON, ("Content_Encoding", "gzip")],
}

_DEEP = b"[" * 129 + b"]" * 129
#: What is sent, and what lenient readers make of it; besides, each is signed as it stands.
BODIES: dict[str, tuple[bytes, ...]] = {
    "a BOM": (b"\xef\xbb\xbf" + CANONICAL, CANONICAL),
    "an overlong form": (b'{"a":1,"b":"\xc0\xaf"}', b'{"a":1,"b":"/"}'),
    "a surrogate in UTF-8": (b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}'),
    "invalid UTF-8": (b'{"a":"\xff"}', '{"a":"\ufffd"}'.encode(), b'{"a":"\\ufffd"}'),
    "UTF-16": ('{"a":1,"b":2}'.encode("utf-16"), CANONICAL),
    "UTF-16 without a BOM": ('{"a":1,"b":2}'.encode("utf-16-le"), CANONICAL),
    "UTF-32": ('{"a":1,"b":2}'.encode("utf-32-be"), CANONICAL),
    "a name twice": (b'{"a":3,"a":1,"b":2}', CANONICAL, b'{"a":3,"b":2}'),
    "a name twice by an escape": (b'{"a":3,"\\u0061":1,"b":2}', CANONICAL, b'{"a":3,"b":2}'),
    "a name twice, far within": (b'[[{"b":{"c":1,"d":2,"c":1}}]]', b'[[{"b":{"c":1,"d":2}}]]'),
    "NaN": (b'{"a":NaN}', b'{"a":null}'),
    "an infinity": (b'{"a":-Infinity}', b'{"a":null}'),
    "a number over all": (b'{"a":1e400}', b'{"a":Infinity}', b'{"a":null}'),
    "an integer that no double holds": (b'{"a":9007199254740993}', b'{"a":9007199254740992}'),
    "a lone surrogate": (b'{"a":"\\ud800"}', '{"a":"\ufffd"}'.encode(), b'{"a":"\xed\xa0\x80"}'),
    "a pair the wrong way round": (b'{"a":"\\ude00\\ud83d"}', '{"a":"\ufffd\ufffd"}'.encode()),
    "half of a pair as a name": (b'{"\\udfff":1}', '{"\ufffd":1}'.encode()),
    "depth 129": (_DEEP,),
    "depth 129 of objects": (b'{"a":' * 129 + b"1" + b"}" * 129,),
    "a text cut off": (CANONICAL[:-1], CANONICAL),
    "a text cut off in a name": (b'{"a":1,"b', CANONICAL, b'{"a":1}'),
    "octets behind it": (CANONICAL + b"x", CANONICAL),
    "a zero behind it": (CANONICAL + b"\x00", CANONICAL),
    "two texts": (CANONICAL + b"\n" + CANONICAL, CANONICAL),
    "a comma at the end": (b'{"a":1,"b":2,}', CANONICAL),
    "a comment": (b'{"a":1,/* */"b":2}', CANONICAL),
    "single quotes": (b"{'a':1,'b':2}", CANONICAL),
    "a raw control character": (b'{"a":"\t"}', b'{"a":"\\t"}'),
    "other white space": (CANONICAL + b"\x0c", CANONICAL),
    "a sign": (b'{"a":+1,"b":2}', CANONICAL),
    "zeros before": (b'{"a":01,"b":2}', CANONICAL),
    "no JSON at all": (b"a=1&b=2", CANONICAL),
    "blanks only": (b" \n", b"", b"null"),
    "nothing": (b"", CANONICAL, b"null", b"{}"),
}

each_shop = pytest.mark.parametrize("shop", SHOPS)


def shop_of(name: str) -> tuple[Shop, str]:
    """A shop, and a path in it."""
    shop = SHOPS[name](Verifier(schemes.canonical_json(), keys=KEY))
    return shop, "/" + next(iter(shop.octets))


def answers(shop: Shop, messages: list[Message]) -> set[tuple[int, bytes]]:
    return {(answer.status, answer.body) for answer in map(shop.send, messages)}


@each_shop
def test_what_is_refused_here_is_accepted_as_it_should_be_sent(shop: str) -> None:
    """Or the silence of the tests below would mean nothing."""
    used, path = shop_of(shop)
    deepest = b"[" * 128 + b"]" * 128
    assert [200] * 2 == [used.send(signed(path, body, body)).status for body in (CANONICAL, deepest)]
    assert [CANONICAL, deepest] == [seen.read for seen in used.seen]


@each_shop
@pytest.mark.parametrize("why", FIELDS)
def test_fields_that_let_another_text_be_read_are_refused(shop: str, why: str) -> None:
    used, path = shop_of(shop)
    refused = answers(used, [signed(path, body, CANONICAL, FIELDS[why]) for body in (CANONICAL, CANONICAL + b"\n")])
    assert ({(401, PUBLIC_BODY)}, []) == (refused, used.seen)


@each_shop
@pytest.mark.parametrize("why", BODIES)
def test_body_without_one_canonical_form_is_refused(shop: str, why: str) -> None:
    used, path = shop_of(shop)
    sent, *readings = BODIES[why]
    refused = answers(used, [signed(path, sent, reading) for reading in (sent, *readings)])
    assert ({(401, PUBLIC_BODY)}, []) == (refused, used.seen)


@pytest.mark.parametrize(
    ("shop", "way"), [(name, way) for name, shop in SHOPS.items() for way in (*shop.values, *shop.forms)]
)
def test_malformed_bodies_never_meet_a_parser(shop: str, way: str) -> None:
    """401, and not the 400, 415 or 422 of the framework: unsigned, or with a signature that is wrong."""
    used, _ = shop_of(shop)
    unsigned = [Message("POST", f"/{way}", [JSON], body) for body, *_ in BODIES.values()]
    forged = [each.plus([("X-Signature", "0" * 64)]) for each in unsigned]
    assert ({(401, PUBLIC_BODY)}, []) == (answers(used, [*unsigned, *forged]), used.seen)


@each_shop
def test_other_values_are_refused(shop: str) -> None:
    used, path = shop_of(shop)
    changed = [
        b'{"a":1,"b":3}',
        b'{"a":1}',
        b'{"a":1,"b":2,"c":3}',
        b'{"a":1,"b":"2"}',
        b'{"a":2,"b":1}',
        b'[{"a":1,"b":2}]',
    ]
    refused = answers(used, [signed(path, sent, CANONICAL) for sent in changed])
    assert ({(401, PUBLIC_BODY)}, []) == (refused, used.seen)


@each_shop
def test_signature_of_the_received_layout_is_none(shop: str) -> None:
    used, path = shop_of(shop)
    sent = b'{"b":2,"a":1}'
    assert ({(401, PUBLIC_BODY)}, []) == (answers(used, [signed(path, sent, sent)]), used.seen)


@each_shop
def test_query_that_is_not_covered_is_refused(shop: str) -> None:
    used, path = shop_of(shop)
    refused = answers(used, [signed(f"{path}{query}", CANONICAL, CANONICAL) for query in ("?admin=1", "?a")])
    assert ({(401, PUBLIC_BODY)}, []) == (refused, used.seen)


@each_shop
def test_reason_is_in_the_log_and_the_body_is_not(shop: str, caplog: pytest.LogCaptureFixture) -> None:
    used, path = shop_of(shop)
    caplog.set_level(logging.DEBUG)
    for body in (f'{{"{MARKER}":1,"{MARKER}":2}}', f'["{MARKER}', f'"{MARKER}" "{MARKER}"'):
        assert 401 == used.send(signed(path, body.encode(), body.encode())).status
    assert 3 == caplog.text.count("body-malformed")
    assert MARKER not in caplog.text
