"""Every framework, where a provider writes into the body or the query: a view reads what was proven, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canonical_shops import SHOPS, Seen, Shop
from judged import HOST, KEY, NONCE, NOW, ORIGIN, OTHER_KEY
from reference import INSIDE, Message
from sealgate import Verifier, schemes

JSON = [("Host", HOST), ("Content-Type", "application/json")]
#: One of each; what is signed of a form is its pairs, each once, and so those are what is handed on.
BODIES = {
    "linear": (JSON, b'{"action": "create", "n": 1.50}'),
    "twilio": (
        [("Host", HOST), ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")],
        b"name=crate&more=%7e*&name=b%20ox&name=crate&&empty",
    ),
    "twilio-json": (JSON, b'{"total": 1.50}'),
}


def _ways(kind: str) -> pytest.MarkDecorator:
    ways = [(name, way) for name, shop in SHOPS.items() for way in getattr(shop, kind)]
    return pytest.mark.parametrize(("shop", "way"), ways)


def shop_of(shop: str, name: str) -> Shop:
    return SHOPS[shop](Verifier(schemes.by_name()[name], keys=KEY, origin=ORIGIN, clock=lambda: NOW))


def signed(name: str, way: str, key: bytes = KEY) -> Message:
    headers, body = BODIES[name]
    return INSIDE[name].sign(Message("POST", f"/{way}", headers, body), key, NOW, NONCE, ORIGIN)


@pytest.mark.parametrize("name", BODIES)
@_ways("octets")
def test_a_view_reads_what_was_proven(shop: str, way: str, name: str) -> None:
    message, used = signed(name, way), shop_of(shop, name)
    forged = [signed(name, way, OTHER_KEY), replace(message, body=message.body[:-1] + b"?")]
    assert [200, 401, 401] == [used.send(each).status for each in (message, *forged)]
    handed = INSIDE[name].handed(message)
    # Flask keeps in `data` only what its form parser leaves.
    read = b"" if (way, name) == ("data", "twilio") else handed
    assert [Seen(read, frozenset({str(len(handed))}))] == used.seen


@_ways("forms")
def test_a_form_is_parsed_from_what_was_proven(shop: str, way: str) -> None:
    used = shop_of(shop, "twilio")
    message = signed("twilio", way)
    assert 200 == used.send(message).status
    assert [["b ox", "crate"]] == [seen.read for seen in used.seen]


@pytest.mark.parametrize("shop", SHOPS)
def test_a_scheme_that_covers_no_body_opens_no_route_by_itself(shop: str) -> None:
    """Mailgun's: the route has to say that it takes a body of nobody."""
    used = shop_of(shop, "mailgun")
    message = INSIDE["mailgun"].sign(Message("POST", "/any", JSON, b"{}"), KEY, NOW, NONCE, ORIGIN)
    assert (401, []) == (used.send(message).status, used.seen)
