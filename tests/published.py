"""The vectors that are published with the package, made by the core: requests of every scheme, accepted and refused.

Times, nonces and keys stand here, so the same core writes the same files; `write_vectors.py` writes them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from honest_messages import FORMS, NONCE, Honest, put, request_of, text_at
from hostile_cases import CASES
from judged import HOST, NOW, ORIGIN, with_field
from published_signatures import chosen
from reference import Message, aws_sigv4, link_key
from sealgate import Rejected, Scheme, Verified, schemes

#: Of AWS's documentation: sealgate refuses it without `published_ok`, so that nobody's service can have it.
KEY = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
DOCUMENT = "12345678-90ab-4def-9234-567890abcdef"
ACTION = "action:{json:/action:text}:resource:{json:/resourceId:text}"

#: Every scheme by its name; forms of their own have one of their own.
SCHEMES: dict[str, Scheme] = {
    **schemes.by_name(),
    "envelope-pyjson": schemes.envelope(form="pyjson"),
    "scoped-action": schemes.scoped(ACTION),
}
_BASES = {"scoped": "download:resource:{param:id}", "scoped-action": ACTION}
_ODD_QUERY = "/a%20b/%2Fc?b=2&a=1&a=0&%61=%7e&&+=+"
#: Of a scheme that signs members, and so hands on no others; and of any other.
_TEXTS = {
    "envelope": '{"data": {"é€😀\\u0000": [1.50, 1e3, -0.0, 1E-7, 123456789012345680000]}, "more": 1}',
    "scoped-action": f'{{"resourceId": "{DOCUMENT}", "action": "löschen", "as": "admin"}}',
    "json": '{"é€😀\\u0000": [1.50, 1e3, -0.0, 1E-7], "b": {"z": null, "a": true}}',
    "form": "name=%C3%A9+%E2%82%AC&a=b&a=a&empty=",
}
#: How many of each kind of hostile message: a few show what is meant.
_HOSTILE = {
    "missing signature": 1,
    "empty signature": 1,
    "non-ASCII signature": 2,
    "garbage signature": 2,
    "prefix of the signature": 1,
    "extended signature": 3,
    "signature spelled otherwise": 4,
    "time abc": 2,
    "time 10^30": 1,
    "time -1, +1": 2,
    "time in Arabic digits": 1,
    "date that is none": 2,
    "body that is not UTF-8": 2,
    "a field twice": 4,
    "fields that conflict": 2,
}


@dataclass(frozen=True)
class Given:
    """What is asked of a verifier. `honest`: as it was signed. `after`: whether it had the same message before."""

    id: str
    honest: Honest
    message: Message
    now: int = NOW
    is_signed: bool = False
    after: tuple[str, ...] = field(default=())


def files() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file's name and what it holds."""
    for name, scheme in SCHEMES.items():
        yield name, file_of(name, scheme)


def file_of(name: str, scheme: Scheme) -> dict[str, Any]:
    honest = honest_of(name, scheme)
    cases, seen = [], set()
    for given in (*signed(name, honest), *changed(honest)):
        identity = (given.message.method, given.message.target, *given.message.headers, given.message.body, given.now)
        if identity not in seen or given.after:
            seen.add(identity)
            cases.append(case_of(given))
    return {
        "scheme": name,
        "origin": ORIGIN,
        "key": {"id": honest.key_id, "text": FORMS[scheme.key_form](KEY), "form": scheme.key_form},
        "hmac_key": hmac_key(scheme).hex(),
        "hash": scheme.hash,
        "max_age": honest.verifier().max_age if scheme.replay_class != "none" else None,
        "replay": scheme.replay_class,
        "covered": list(scheme.covered),
        "weaknesses": sorted(scheme.weaknesses()),
        **({"template": _BASES[name]} if name in _BASES else {}),
        "cases": cases,
    }


def honest_of(name: str, scheme: Scheme) -> Honest:
    body = f'{{"action": "delete", "resourceId": "{DOCUMENT}"}}'.encode() if name == "scoped-action" else None
    target = f"/documents/{DOCUMENT}" if scheme.params else "/orders"
    return Honest(scheme, body=body, key=KEY, target=target, param=DOCUMENT)


def hmac_key(scheme: Scheme) -> bytes:
    """The octets of HMAC's key, where they are derived from the party's."""
    if scheme.longest is not None:
        return link_key(KEY, scheme.name)
    if scheme.name == "aws-sigv4":
        return aws_sigv4.derived(KEY, "20231114/us-east-1/service/aws4_request")
    return KEY


# --- what is asked ----------------------------------------------------------------------------------------------------


def signed(name: str, honest: Honest) -> Iterator[Given]:
    """Messages as they are signed."""
    scheme, lacks = honest.scheme, honest.scheme.weaknesses()
    whole = "body-not-covered" not in lacks

    def given(id: str, honest: Honest) -> Given:
        return Given(id, honest, honest.message, is_signed=True)

    yield given("as signed", honest)
    if whole and scheme.name != "adyen":
        kind = name if name in _TEXTS else scheme.name.split("-pyjson")[0]
        text = _TEXTS.get(kind, _TEXTS["form" if scheme.body_form == "form" else "json"])
        yield given("a body in many scripts", replace(honest, body=text.encode()))
    if whole and scheme.body_form is None and not scheme.members:
        yield given("a body that is no text", replace(honest, body=bytes(range(256))))
    if "query-not-covered" not in lacks:
        yield given("an odd path and an odd query", replace(honest, target=_ODD_QUERY))
        if not scheme.members and whole:
            yield given("no body", replace(honest, body=b""))


def changed(honest: Honest) -> Iterator[Given]:
    """The first of them again, with something that is not as it was signed."""
    message, scheme = honest.message, honest.scheme

    def given(id: str, message: Message, now: int = NOW) -> Given:
        return Given(id, honest, message, now)

    yield given("signed with another key", honest.signed(b"another key of thirty-two octets", NOW))
    yield given("a signature with one character changed", _flipped(honest))
    for name, change in _CHANGES.items():
        yield given(name, change(message))
    if scheme.name == "rfc9421":
        yield from (given(title, other) for title, other in chosen(honest))
    if scheme.name == "scoped" and message.body:
        yield given(
            "an action that holds what ends it", replace(message, body=message.body.replace(b"delete", b"a:resource:b"))
        )
        yield given("an action that is no text", replace(message, body=message.body.replace(b'"delete"', b"1")))
        yield given("no action", replace(message, body=message.body.replace(b"action", b"other")))
    if scheme.replay_class != "none":
        age = honest.verifier().max_age
        links_end = re.findall(r"&expires=(\d+)", message.target)
        end = int(links_end[0]) if scheme.longest is not None else NOW + age
        yield given("in its last second", message, end)
        yield given("a second too late", message, end + 1)
        yield given("as early as it may come", message, NOW - age)
        yield given("a second too early", message, NOW - age - 1)
    if scheme.replay_class in {"nonce", "base"}:
        yield replace(given("again", message), after=("as signed",))
    for case in CASES:
        for nth, hostile in enumerate(islice(case.messages(honest), _HOSTILE.get(case.name, 0))):
            yield given(f"{case.name} {nth + 1}", hostile)


_CHANGES: dict[str, Callable[[Message], Message]] = {
    "another method": lambda message: replace(message, method="PUT"),
    "another path": lambda message: replace(message, target=message.target.replace("/", "/x", 1)),
    "the path with one octet encoded": lambda message: replace(message, target=_encoded(message.target)),
    "a query that was not there": lambda message: replace(message, target=_with_pair(message.target)),
    "another host": lambda message: with_field(message, "Host", "evil.example"),
    "no host": lambda message: with_field(message, "Host", None),
    "two hosts": lambda message: message.plus([("Host", HOST)]),
    "a forwarded host, which nobody reads": lambda message: message.plus(
        [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http")]
    ),
    "another type": lambda message: with_field(message, "Content-Type", "text/plain"),
    "a type that is no ASCII": lambda message: with_field(message, "Content-Type", "application/json; a=\xe9"),
    "no type": lambda message: with_field(message, "Content-Type", None),
    "a body with one octet more": lambda message: replace(message, body=message.body + b" "),
    "a body with one octet changed": lambda message: replace(message, body=message.body.replace(b"1", b"2")),
    "no body any more": lambda message: replace(message, body=b""),
    "a target in absolute form": lambda message: replace(message, target=f"{ORIGIN}{message.target}"),
    "a target that begins with //": lambda message: replace(message, target=f"/{message.target}"),
}


def _encoded(target: str) -> str:
    return f"/%{ord(target[1]):02X}{target[2:]}"


def _with_pair(target: str) -> str:
    """Not at the end, where a link has its signature."""
    path, mark, query = target.partition("?")
    return f"{path}?admin=1{'&' if mark else ''}{query}"


def _flipped(honest: Honest) -> Message:
    text = text_at(honest.message, honest.signature)
    return put(honest.message, (honest.signature, text[:3] + (b"0" if text[3:4] != b"0" else b"1") + text[4:]))


# --- what is answered -------------------------------------------------------------------------------------------------


def case_of(given: Given) -> dict[str, Any]:
    honest = given.honest
    verifier = replace(honest, now=given.now).verifier(replay=None)
    for _ in given.after:
        verifier.verify(request_of(honest.message), uncovered=honest.uncovered)
    case: dict[str, Any] = {"id": given.id, "now": given.now, "request": written(given.message)}
    if given.after:
        case["after"] = list(given.after)
    if honest.uncovered:
        case["uncovered"] = sorted(honest.uncovered)
    try:
        verified = verifier.verify(request_of(given.message), uncovered=honest.uncovered)
    except Rejected as refused:
        return {**case, "verdict": "refused", "code": refused.code}
    case |= {"verdict": "verified", **told(verified, given.message)}
    if given.is_signed:
        signature = text_at(honest.message, honest.signature).decode()
        case |= {
            "unsigned": written(honest.unsigned),
            "claims": {"created": honest.now, "nonce": NONCE},
            "base": octets(honest.base),
            "signature": honest.encoding[1](signature).hex(),
        }
    return case


def told(verified: Verified, message: Message) -> dict[str, Any]:
    """Of the proof what another implementation has to find, too. `read`: the body, where it is not the received one."""
    claims = {"key_id": verified.key_id, "created": verified.created, "nonce": verified.nonce}
    said = {name: value for name, value in (*claims.items(), ("message_id", verified.message_id)) if value is not None}
    return said if verified.body == message.body else said | {"read": octets(verified.body)}


def written(message: Message) -> dict[str, Any]:
    """`headers`: a character for each octet. `params`: what the route matches, for schemes that sign it."""
    request = {
        "method": message.method,
        "target": message.target,
        "headers": [list(pair) for pair in message.headers],
        "body": octets(message.body),
    }
    return request | ({"params": dict(message.params)} if message.params else {})


def octets(value: bytes) -> str | dict[str, str]:
    """As text, and where it is no UTF-8 as `{"base64": ...}`."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def text_of(file: dict[str, Any]) -> str:
    """A line for each case, so that a change can be seen."""
    head = {name: value for name, value in file.items() if name != "cases"}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    cases = ",\n".join(f"    {json.dumps(case)}" for case in file["cases"])
    return "\n".join(["{", *lines, '  "cases": [', cases, "  ]", "}", ""])
