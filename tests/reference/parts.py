"""Parts of a message: what the route matched, and members of the body."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from reference.canonical import Json, canonical_text, dumped, exact, look_into, read_json
from reference.message import Message, Pairs, Proof, Refused, Ring, hex_octets, mac, match, need
from reference.target import refuse_odd_target

#: How each form reads integers, and how it writes a value.
FORMS: Mapping[str, tuple[Callable[[str], float], Callable[[Json], bytes]]] = {
    "jcs": (exact, lambda value: canonical_text(value).encode()),
    "pyjson": (int, lambda value: dumped(value, True)),
    "pyjson-utf8": (int, lambda value: dumped(value, False)),
}
_HOLE = re.compile(r"\{(param|json):([^{}:]*)(?::([a-z0-9-]+\??))?\}")


class Absent(Refused):
    """The document has no such member."""


def member(document: Json, pointer: str) -> Json:
    """RFC 6901, 4, where `0` is the only element of an array, and every other token a name."""
    for name in names(pointer):
        if name == "0" and isinstance(document, list) and document:
            if len(document) > 1:
                raise Refused("other elements, which nobody signed")
            document = document[0]
        elif name != "0" and isinstance(document, dict) and name in document:
            document = document[name]
        else:
            raise Absent(f"no member {pointer}")
    return document


def names(pointer: str) -> Sequence[str]:
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def only(document: Json, pointers: Sequence[str]) -> Json:
    """The document without all that no pointer leads to."""
    return kept(document, [names(pointer) for pointer in pointers])


def has(document: Json, pointer: str) -> bool:
    try:
        member(document, pointer)
    except Absent:
        return False
    return True


def kept(value: Json, paths: Sequence[Sequence[str]]) -> Json:
    if not all(paths):
        return value
    inside = {path[0]: [other[1:] for other in paths if other[0] == path[0]] for path in paths}
    if isinstance(value, list):
        return [kept(value[0], inside["0"])]
    assert isinstance(value, dict)
    return {name: kept(value[name], further) for name, further in inside.items()}


def json_document(message: Message, form: str | None) -> Json:
    """RFC 8259, 11: a JSON text says that it is one, and knows no charset but the one it has. `form`: None where the text
    is handed on as received."""
    token = r"[!#$%&'*+\-.^_`|~0-9a-z]+"
    media_type, *parameters = (part.strip(" \t") for part in (message.one("content-type") or "").lower().split(";"))
    if not re.fullmatch(rf"application/(json|({token})?\+json)", media_type):
        raise Refused("not the type of JSON")
    pairs = [re.fullmatch(rf'({token})=("?)({token})\2', parameter) for parameter in parameters if parameter]
    if any(pair is None or "*" in pair[1] for pair in pairs):
        raise Refused("no parameter, or one that is spelled in another way (RFC 2231, 4)")
    if [pair[3] for pair in pairs if pair is not None and pair[1] == "charset"] not in ([], ["utf-8"]):
        raise Refused("another charset, or two")
    if message.one("content-encoding") is not None:
        raise Refused("an encoding that another reader would undo")
    return look_into(message.body) if form is None else read_json(message.body, FORMS[form][0])


def scoped_base(message: Message, template: str) -> tuple[bytes, bytes]:
    """The signature base, and the body that the application may read."""
    pieces = re.split(r"(\{[^{}]*\})", template)
    holes = [_HOLE.fullmatch(piece) for piece in pieces[1::2]]
    members = [(hole[2], hole[3] or "jcs") for hole in holes if hole is not None and hole[1] == "json"]
    (form,) = {form for _, form in members if form not in {"text", "text?"}} or {"jcs"}
    document = json_document(message, form) if members else None
    base = pieces[0].encode()
    given = []
    for hole, literal in zip(holes, pieces[2::2], strict=True):
        assert hole is not None
        if hole[1] == "param":
            if hole[2] not in message.params or re.search("[\ufffd\ud800-\udfff]", message.params[hole[2]]):
                raise Refused("no such parameter, or one that was not UTF-8")
            value = message.params[hole[2]].encode()
        elif hole[3] == "text?" and (not has(document, hole[2]) or member(document, hole[2]) == ""):
            value = b""
        else:
            given.append(hole[2])
            found = member(document, hole[2])
            is_text = hole[3] in {"text", "text?"}
            if is_text and not isinstance(found, str):
                raise Refused("no string")
            value = found.encode() if is_text and isinstance(found, str) else FORMS[form][1](found)
        if literal and (value + literal.encode()).find(literal.encode()) != len(value):
            raise Refused("a value that holds the text that ends it")
        base += value + literal.encode()
    if not members and message.body:
        raise Refused("a body that nothing covers")
    return base, FORMS[form][1](only(document, given)) if members else b""


def sign_scoped(message: Message, key: bytes, template: str = "download:resource:{param:id}") -> Pairs:
    return [("X-Hmac-Signature", mac(key, scoped_base(message, template)[0]).hex())]


def verify_scoped(message: Message, ring: Ring, template: str = "download:resource:{param:id}") -> tuple[Proof, bytes]:
    """The proof, and the body that the application may read."""
    refuse_odd_target(message)
    if message.query:
        raise Refused("a query that nothing covers")
    signature = hex_octets(need(message, "X-Hmac-Signature"))
    base, handed = scoped_base(message, template)
    return Proof(match(ring, signature, base)), handed


def sign_envelope(
    message: Message, key: bytes, *, data: str = "data", hmac: str = "hmac", form: str = "jcs"
) -> Message:
    """`data`, `hmac`: names of members of the body."""
    document = json_document(message, form)
    assert isinstance(document, dict)
    document[hmac] = mac(key, FORMS[form][1](document[data])).hex()
    return replace(message, body=FORMS[form][1](document))


def verify_envelope(
    message: Message, ring: Ring, *, data: str = "data", hmac: str = "hmac", form: str = "jcs"
) -> tuple[Proof, bytes]:
    refuse_odd_target(message)
    if message.query:
        raise Refused("a query that nothing covers")
    document = json_document(message, form)
    if not isinstance(document, dict) or not {data, hmac} <= set(document) or not isinstance(document[hmac], str):
        raise Refused("no data, or no signature")
    text = document[hmac]
    assert isinstance(text, str)
    write = FORMS[form][1]
    return Proof(match(ring, hex_octets(text), write(document[data]))), write({data: document[data]})
