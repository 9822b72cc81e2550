"""JSON documents, the same in every run: as clients send them, public ones that packages carry, and hostile ones."""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import partial
from importlib.resources import files
from math import isfinite, nextafter
from typing import Any

import rfc8785

MIB = 1 << 20
_MB = 1_000_000


@dataclass(frozen=True)
class Document:
    name: str
    text: bytes

    @property
    def changed(self) -> bytes:
        """Another document, or none: the first letter or digit is another one."""
        found = re.search(rb"[0-9A-Za-z]", self.text)
        if found is None:
            raise AssertionError(f"{self.name} has nothing to change")
        old = found[0]
        new = (b"2" if old == b"1" else b"1") if old.isdigit() else (b"b" if old == b"a" else b"a")
        return self.text[: found.start()] + new + self.text[found.end() :]


def usual() -> Iterator[Document]:
    """As a service receives them: compact, as `json.dumps` writes, indented."""
    yield Document("webhook, 390 B", _compact(_WEBHOOK))
    yield Document("push event, 7 KB", _compact(_push_event()))
    yield Document("nested, 1 MB", nested(_MB))
    yield Document("numbers, 1 MB", numbers(_MB))
    yield Document("unicode, 1 MB", unicode(_MB))
    yield Document("orders, indented, 100 KB", indented(100_000))
    yield Document(
        "JSON Schema draft 7, indented, 5 KB", _carried("jsonschema_specifications", "schemas/draft7/metaschema.json")
    )
    yield Document("emoji, 530 KB", _carried("emoji", "unicode_codes/emoji.json"))
    yield Document("ISO 3166-2, indented, 500 KB", _carried("pycountry", "databases/iso3166-2.json"))
    yield Document("ISO 4217, canonical, 10 KB", _canonical(_carried("pycountry", "databases/iso4217.json")))


def nested(size: int) -> bytes:
    """Objects in objects, five deep, names in no order."""
    rng = random.Random(1)
    return _array(size, lambda: json.dumps(_tree(rng, 5)).encode())


def numbers(size: int) -> bytes:
    """Integers, decimals, and doubles of up to 17 digits."""
    rng = random.Random(2)
    kinds: list[Callable[[], float]] = [
        lambda: rng.randrange(1_000),
        lambda: rng.randrange(-(10**9), 2**53),
        lambda: round(rng.uniform(0, 1_000), 2),
        rng.random,
        lambda: rng.gauss(0, 1) * 10.0 ** rng.randrange(-30, 30),
    ]
    return _array(size, lambda: _compact({"id": rng.randrange(10**6), "at": [kind() for kind in kinds]}))


def unicode(size: int) -> bytes:
    return _array(size, partial(_sentence, random.Random(3), ensure_ascii=False))


def escaped_unicode(size: int) -> bytes:
    """The same, as `json.dumps` writes it unless told otherwise."""
    return _array(size, partial(_sentence, random.Random(3), ensure_ascii=True))


def indented(size: int) -> bytes:
    rng = random.Random(4)

    def order() -> bytes:
        lines = [{"sku": _word(rng), "quantity": rng.randrange(1, 9), "price": rng.randrange(9999) / 100}]
        return json.dumps(
            {"reference": _word(rng), "customer": None, "paid": True, "lines": lines * 3}, indent=4
        ).encode()

    return _array(size, order)


def hostile(size: int) -> Iterator[Document]:
    for name, text in HOSTILE.items():
        yield Document(name, text(size))


def refused(size: int) -> Iterator[Document]:
    """Well-formed, but deeper than what is taken, or with a name that occurs twice."""
    for name, text in REFUSED.items():
        yield Document(f"{name}: refused", text(size))


def _unsorted_levels(size: int, *, levels: int, padded: int) -> bytes:
    """Sorting level by level moves the inner ones again and again. `padded`: of these levels each is as long."""
    text = b'"' + b"i" * (size // (padded + 1)) + b'"'
    for level in range(levels):
        pad = b"p" * (size // (padded + 1) if level < padded else 1)
        text = b'{"z":%b,"a":"%b"}' % (text, pad)
    return text


def _object(size: int, name: Callable[[int], bytes]) -> bytes:
    """One object, its names in random order. `name`: of a number below 2**40, always as long."""
    count = size // len(b'"":0,' + name(0))
    return b"{%b}" % b",".join(b'"%b":0' % name(number) for number in random.Random(5).sample(range(2**40), count))


def _name(number: int) -> bytes:
    return b"%010x" % number


def _prefixed_name(number: int) -> bytes:
    return b"the same hundred characters in front: " * 2 + b"." * 24 + _name(number)


def _escaped_name(number: int) -> bytes:
    return b"".join(b"\\u%04x" % octet for octet in _name(number))


def _astral_name(number: int) -> bytes:
    """By code point U+F000 comes first, in UTF-16 the surrogates of U+1F000 do."""
    tens = (number >> shift & 0x3FF for shift in (0, 10, 20, 30))
    return "".join(chr((0x1F000 if ten % 2 else 0xF000) + ten // 2) for ten in tens).encode()


def _repeated_name(size: int) -> bytes:
    text = _object(size, _name)
    return text[:-1] + b"," + text[1:15] + b"}"


def _repeated(item: bytes, size: int) -> bytes:
    return _array(size, lambda: item)


def _escapes(size: int) -> bytes:
    rng = random.Random(6)
    return _array(size, lambda: json.dumps("".join(rng.choices(_PLANES[1] + _PLANES[-1] + "\x00\x1f", k=200))).encode())


def _doubles(size: int) -> bytes:
    rng = random.Random(7)

    def double() -> bytes:
        while len(text := repr(_any_double(rng))) < 22:
            pass
        return text.encode()

    return _array(size, double)


def _long_numbers(size: int) -> bytes:
    """800 digits each, hardly above the middle between two doubles: the last digit decides."""
    rng = random.Random(8)
    return _array(size, partial(_above_the_middle, rng))


def _above_the_middle(rng: random.Random) -> bytes:
    low = rng.uniform(1e-307, 1e-306)
    with localcontext() as context:
        context.prec = 1_000
        middle = (Decimal(low) + Decimal(nextafter(low, 1))) / 2
    digits = "".join(map(str, middle.as_tuple().digits)).ljust(799, "0") + "1"
    return f"{digits[0]}.{digits[1:]}e{middle.adjusted()}".encode()


#: What may come before authentication, by size. The second table is to be refused.
HOSTILE: Mapping[str, Callable[[int], bytes]] = {
    "127 unsorted levels around a string": partial(_unsorted_levels, levels=127, padded=0),
    "127 unsorted levels, padded at each": partial(_unsorted_levels, levels=127, padded=127),
    "127 unsorted levels, again and again": partial(_repeated, _unsorted_levels(0, levels=127, padded=0)),
    "names, shuffled": partial(_object, name=_name),
    "names with 100 octets in common, shuffled": partial(_object, name=_prefixed_name),
    "names in escapes, shuffled": partial(_object, name=_escaped_name),
    "names of two planes, shuffled": partial(_object, name=_astral_name),
    "small unsorted objects": partial(_repeated, b'{"b":0,"a":0}'),
    "empty objects and arrays": partial(_repeated, b"{},[],0"),
    "deep arrays": partial(_repeated, b"[" * 127 + b"0" + b"]" * 127),
    "zeros": partial(_repeated, b"0"),
    "short escapes": partial(_repeated, b'"' + rb"\n\"\\\/\t" * 20 + b'"'),
    "escapes of any plane": _escapes,
    "unicode in escapes, as clients send it": escaped_unicode,
    "doubles of 17 digits": _doubles,
    "numbers of 800 digits": _long_numbers,
    "blanks": lambda size: b"[0,%b1]" % (b" " * size),
}
REFUSED: Mapping[str, Callable[[int], bytes]] = {
    "250 unsorted levels": partial(_unsorted_levels, levels=250, padded=250),
    "a name twice, first and last": _repeated_name,
}


def _array(size: int, item: Callable[[], bytes]) -> bytes:
    items = []
    length = 1
    while length < size:
        items.append(item())
        length += len(items[-1]) + 1
    return b"[%b]" % b",".join(items)


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _canonical(text: bytes) -> bytes:
    return rfc8785.dumps(json.loads(text))


def _carried(package: str, path: str) -> bytes:
    return files(package).joinpath(path).read_bytes()


def _tree(rng: random.Random, depth: int) -> Any:
    leaves: list[Any] = [rng.randrange(10**6), _word(rng), rng.random() < 0.5, None, f"2026-11-{rng.randrange(1, 29)}"]
    inner = [_tree(rng, depth - 1)] * (rng.random() < 0.8) if depth else []
    values = [*leaves, *inner, rng.choices(leaves, k=3)]
    rng.shuffle(values)
    return dict(zip(rng.sample(_NAMES, len(values)), values, strict=True))


def _sentence(rng: random.Random, *, ensure_ascii: bool) -> bytes:
    script = rng.choice(_PLANES)
    words = ("".join(rng.choices(script, k=rng.randrange(2, 10))) for _ in range(rng.randrange(10, 80)))
    text = "".join(word + rng.choices((" ", ", ", ' "', "\n", " \N{SEEDLING} "), (30, 5, 2, 2, 1))[0] for word in words)
    return json.dumps({"text": text}, ensure_ascii=ensure_ascii, separators=(",", ":")).encode()


def _word(rng: random.Random) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randrange(3, 12)))


def _any_double(rng: random.Random) -> float:
    """Any bit pattern that is a number."""
    while True:
        [number] = struct.unpack("<d", rng.randbytes(8))
        if isfinite(number):
            return float(number)


#: Letters of Latin, Greek and Cyrillic, CJK ideographs, and emoji with letters of plane 1.
_PLANES = [
    "".join(map(chr, range(0xC0, 0x180))),
    "".join(map(chr, [*range(0x391, 0x3A2), *range(0x3B1, 0x3CA), *range(0x410, 0x450)])),
    "".join(map(chr, range(0x4E00, 0x5200))),
    "".join(map(chr, [*range(0x1F300, 0x1F600), *range(0x10400, 0x10450)])),
]
_NAMES = sorted({_word(random.Random(seed)) for seed in range(80)})
_WEBHOOK = {
    "id": "evt_1QK3b2eZvKYlo2C5h0Dq8s7T",
    "object": "event",
    "api_version": "2026-09-30",
    "created": 1763776500,
    "type": "payment_intent.succeeded",
    "livemode": True,
    "pending_webhooks": 1,
    "data": {
        "object": {
            "id": "pi_3QK3b1eZvKYlo2C5",
            "object": "payment_intent",
            "amount": 4250,
            "currency": "eur",
            "fee": 1.27,
            "receipt_email": None,
            "metadata": {"order": "7", "colour": "dark red", "gift_message": "Für dich, Zoë"},
        }
    },
}


def _push_event() -> dict[str, Any]:
    """In the shape of GitHub's."""
    rng = random.Random(9)
    site, api = "https://git.example/shop/api", "https://api.git.example"
    owner = _account(rng, "shop", api)
    committer = {"name": "Zoë Müller", "email": "zoe@shop.example", "username": "zoe"}
    commits = [
        {
            "id": rng.randbytes(20).hex(),
            "tree_id": rng.randbytes(20).hex(),
            "distinct": True,
            "message": "Prices are rounded once\n\nThe sum was off by a cent where two lines had a discount.",
            "timestamp": "2026-11-21T23:48:05+01:00",
            "url": f"{site}/commit/{place}",
            "author": committer,
            "committer": committer,
            "added": ["shop/rounding.py"],
            "removed": [],
            "modified": ["shop/prices.py", "tests/test_prices.py"],
        }
        for place in range(2)
    ]
    urls = {f"{name}_url": f"{api}/repos/shop/api/{name}" for name in rng.sample(_NAMES, 65)}
    counts = dict.fromkeys(("size", "stargazers_count", "watchers_count", "forks_count", "open_issues_count"), 42)
    flags = dict.fromkeys(("fork", "has_issues", "has_projects", "has_downloads", "has_wiki", "has_pages"), False)
    repository = {"id": 35129377, "node_id": "MDEwOlJlcG8=", "name": "api", "full_name": "shop/api", "private": True}
    return {
        "ref": "refs/heads/main",
        "before": rng.randbytes(20).hex(),
        "after": commits[-1]["id"],
        "repository": {**repository, "owner": owner, "html_url": site, "description": None, **urls, **counts, **flags},
        "pusher": {"name": "zoe", "email": "zoe@shop.example"},
        "sender": _account(rng, "zoe", api),
        "created": False,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "compare": f"{site}/compare/6113728f27ae...000000000000",
        "commits": commits,
        "head_commit": commits[-1],
    }


def _account(rng: random.Random, login: str, api: str) -> dict[str, Any]:
    kinds = ("followers", "following", "gists", "starred", "subscriptions", "organizations", "repos", "events")
    urls = {f"{kind}_url": f"{api}/users/{login}/{kind}" for kind in kinds}
    return {"login": login, "id": rng.randrange(10**8), **urls, "type": "User", "site_admin": False}
