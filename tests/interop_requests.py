"""Random requests to the shop of `interop_parts`, hostile ones among them, and each with one octet changed that is signed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from urllib.parse import quote, unquote_to_bytes

from canonical_documents import SAFE, documents
from interop_parts import ACTION, HOST, METHODS
from judged import field_of, with_field
from reference import Json, Message, Refused, scoped_base
from reference.parts import FORMS, json_document

_JSON = ("Content-Type", "application/json")
#: What is signed of a body, where it is not the body itself.
_FORMS = {"orders": "jcs", "reports": "pyjson"}
_SEGMENTS = [
    "",
    "a",
    "~",
    "%7Ea",
    "%2F",
    "%252F",
    "%20",
    "a;b=c",
    "!$&'()*+,=:@",
    "%E2%82%AC",
    "...",
    "a.b",
    "%F0%9F%98%80",
    "0",
]
#: Only to a part whose path is signed as it is written.
_DOTS = [".", "..", "%2e%2e", "%2E"]
_NAMES = [
    "a",
    "b",
    "A",
    "%61",
    "a[]",
    "a[b]",
    "__proto__",
    "constructor",
    "",
    "%",
    "%zz",
    "+",
    "%20",
    "%E2%82%AC",
    "%ff",
    "signature",
]
_VALUES = [
    "",
    "1",
    "=",
    "a=b",
    "%2F",
    "%26",
    "~",
    "%7e",
    "+",
    "?",
    "/",
    "%00",
    "%ff",
    ";",
    "'\"<>",
    "%E2%82%AC",
    "\\^`{|}",
]
_TYPES = [
    "text/plain; charset=utf-8",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
]


def requests(part: str, count: int, seed: int) -> Iterator[Message]:
    """Unsigned, with Host and what the client has to say of the body."""
    random = Random(f"{part} {seed}")
    values = documents(count, seed=seed, widest=SAFE if part != "reports" else 10**400)
    for value in values:
        yield _MAKERS.get(part, _json_request)(part, random, value)


def _whole(part: str, random: Random, value: Json) -> Message:
    """Of a part whose scheme signs target and body as they are."""
    segments = random.choices([*_SEGMENTS, *_DOTS], k=random.randrange(5))
    pairs = [
        random.choice(_NAMES) + random.choice(["", "=" + random.choice(_VALUES)]) for _ in range(random.randrange(5))
    ]
    mark = random.choice(["?", ""]) if not pairs else "?"
    target = "/".join([f"/{part}", *segments]) + mark + "&".join(pairs)
    body, kind = _octets(random, 0), random.sample(_TYPES, random.choice([0, 1, 1]))
    if random.random() < 0.3:
        body, kind = json.dumps(value).encode(), ["application/json"]
    return Message(random.choice(METHODS), target, [("Host", HOST), *(("Content-Type", each) for each in kind)], body)


def _body(part: str, random: Random, value: Json) -> Message:
    kind, body = random.choice([(_JSON, json.dumps(value).encode()), (("Content-Type", _TYPES[0]), _octets(random, 1))])
    return Message("POST", _path(part, random), [("Host", HOST), kind], body)


def _octets(random: Random, least: int) -> bytes:
    size = random.choice([least, 1, 7, 100, 5000])
    text = "".join(chr(random.choice([0x00, 0x41, 0xE9, 0x20AC, 0x1F600])) for _ in range(size)).encode()
    return random.choice([random.randbytes(size), text])


def _path(part: str, random: Random) -> str:
    return "/".join([f"/{part}", *random.choices(_SEGMENTS, k=random.randrange(4))])


def _json_request(part: str, random: Random, value: Json) -> Message:
    body: Json = value
    if part == "quotes":
        body = {"more": random.random(), "data": value, "z": "\u2028"}
    if part == "actions":
        action = random.choice(["delete", "löschen", "", "a:b", "😀\n\0", '"', "__proto__"])
        body = {
            "as": "admin",
            "action": action,
            "resourceId": random.choice([str(uuid.UUID(int=1, version=4)), "", "é"]),
        }
    text = json.dumps(body, ensure_ascii=random.random() < 0.5, indent=random.choice([None, 1]))
    kind = random.choice([_JSON, ("Content-Type", "application/problem+json; charset=UTF-8")])
    return Message(random.choice(["POST", "PUT"]), _path(part, random), [("Host", HOST), kind], text.encode())


def _document(part: str, random: Random, _: Json) -> Message:
    identifier = str(uuid.UUID(int=random.getrandbits(128), version=4))
    return Message(random.choice(["GET", "DELETE"]), f"/{part}/{identifier}", [("Host", HOST)], b"", {"id": identifier})


_MAKERS: dict[str, Callable[[str, Random, Json], Message]] = {
    "hooks": _body,
    "exports": _whole,
    "partners": _whole,
    "documents": _document,
}


def decoded_path(message: Message) -> str:
    """As a framework shows it."""
    return unquote_to_bytes(message.path).decode(errors="replace")


# --- one octet changed ------------------------------------------------------------------------------------------------


def changed(part: str, signed: Message, random: Random) -> Iterator[tuple[str, Message]]:
    """What is signed, with one octet of a part of it changed, and the name of that part."""
    if part in {"exports", "partners"}:
        yield "method", replace(signed, method={"GET": "PUT", "PUT": "GET"}.get(signed.method, "GET"))
        yield "path", replace(signed, target=signed.target.replace(f"/{part}", f"/{part}x", 1))
        yield "path below", replace(signed, target=signed.target.replace(f"/{part}", f"/{part}/x", 1))
        mark = "&" if "?" in signed.target else "?"
        yield "query", replace(signed, target=f"{signed.target}{mark}x")
        yield "authority", with_field(signed, "Host", "apj.shop.example")
    if part == "exports":
        yield "type", with_field(signed, "Content-Type", "application/jsom")
    if part == "documents":
        identifier = signed.params["id"]
        other = identifier[:-1] + ("0" if identifier[-1] != "0" else "1")
        yield "parameter", replace(signed, target=signed.target.replace(identifier, other), params={"id": other})
    if signed.body:
        yield "body", replace(signed, body=_other_body(part, signed, random))
    yield "signature", _other_signature(signed, random)
    if part == "partners":
        for name in ("created", "nonce", "keyid"):
            yield name, _other_parameter(signed, name)
        if signed.body:
            digest = field_of(signed, "Content-Digest")
            yield "digest", with_field(signed, "Content-Digest", _flipped(digest, digest.index(":") + 5))


def _other_body(part: str, signed: Message, random: Random) -> bytes:
    """One octet another; of a canonical form such a one that it changes what is signed."""
    before = _signed_of(part, signed)
    while True:
        octets = bytearray(signed.body)
        at = random.randrange(len(octets))
        octets[at] ^= 1 << random.randrange(8)
        if _signed_of(part, replace(signed, body=bytes(octets))) != before:
            return bytes(octets)


def _signed_of(part: str, message: Message) -> bytes | None:
    try:
        if part in _FORMS:
            return FORMS[_FORMS[part]][1](json_document(message, _FORMS[part]))
        if part == "quotes":
            return scoped_base(message, "{json:/data}{json:/hmac}")[0]
        if part == "actions":
            return scoped_base(message, ACTION)[0]
    except Refused:
        return None
    return message.body


def _other_signature(signed: Message, random: Random) -> Message:
    for name in ("X-Signature", "X-API-Signature", "X-Hmac-Signature"):
        if any(other.lower() == name.lower() for other, _ in signed.headers):
            value = field_of(signed, name)
            return with_field(signed, name, _flipped(value, random.randrange(len(value))))
    if any(other.lower() == "signature" for other, _ in signed.headers):
        value = field_of(signed, "Signature")
        return with_field(signed, "Signature", _flipped(value, value.index(":") + 1 + random.randrange(40)))
    text = json.loads(signed.body)["hmac"]
    octets = signed.body.replace(text.encode(), _flipped(text, random.randrange(64)).encode())
    return replace(signed, body=octets)


def _other_parameter(signed: Message, name: str) -> Message:
    value = field_of(signed, "Signature-Input")
    at = value.index(f"{name}=") + len(name) + 2
    return with_field(signed, "Signature-Input", _flipped(value, at))


def _flipped(text: str, at: int) -> str:
    return text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]


# --- targets ----------------------------------------------------------------------------------------------------------


def targets(count: int, seed: int) -> Iterator[str]:
    """Hostile ones: a third has some octets that no target has."""
    random = Random(seed)
    odd = [
        "%",
        "%0",
        "%zz",
        "%00",
        "%7f",
        "%ff",
        "%c3",
        "%C0%AF",
        "%ed%a0%80",
        "%2e",
        "%2E%2e",
        "..",
        ".",
        "#",
        " ",
        "\\",
        "//",
        "\x7f",
        "\x01",
        "é",
    ]
    for _ in range(count):
        hostile = odd if random.random() < 0.33 else []
        segments = random.choices(
            [*_SEGMENTS, *_DOTS[:1], quote(chr(random.randrange(0x20, 0x3000))), *hostile], k=random.randrange(6)
        )
        names = random.choices([*_NAMES, *hostile], k=random.randrange(7))
        pairs = [name + random.choice(["", "=", "=" + random.choice(_VALUES)]) for name in names]
        start = random.choice(["/", "/", "/", "/", "/", "", "//", "http://a/", "*"]) if hostile else "/"
        yield start + "/".join(segments) + ("?" + "&".join(pairs) if pairs or random.random() < 0.1 else "")


def texts(count: int, seed: int) -> Iterator[bytes]:
    """JSON texts, of which most are then spoiled in some octets."""
    random = Random(seed)
    pieces = [
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"0",
        b"-",
        b".",
        b"e5",
        b"\\u",
        b"d800",
        b"\\ud83d",
        b"\x00",
        b"\xff",
        b"\xc3",
        b"\xef\xbb\xbf",
        b"1e400",
        b"\x7f",
        b" ",
        b"\x0b",
    ]
    for value in documents(count, seed=seed, widest=random.choice([SAFE, 10**30])):
        octets = bytearray(
            json.dumps(value, ensure_ascii=random.random() < 0.5, indent=random.choice([None, 1])).encode()
        )
        for _ in range(random.choice([0, 0, 1, 1, 2, 5])):
            at = random.randrange(len(octets) + 1)
            octets[at : at + random.choice([0, 1, 1])] = random.choice(pieces)
        yield bytes(octets)
