"""Each scheme beside its judge: one table for every test that asks both and compares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

import reference
from reference import PROVIDERS, Message, Proof, Provider, Ring
from sealgate import Rejected, Request, Scheme, Signer, Verified, Verifier, schemes

KEY = b"thirty-two octets of test key, A"
OTHER_KEY = b"thirty-two octets of test key, B"
KEY_ID = "acme"
ORIGIN = "https://api.shop.example"
HOST = "api.shop.example"
NOW = 1_700_000_000
NONCE = "b3k2pp5k7z-50gnwp.yemd"

_POST = Message("POST", "/orders", [("Host", HOST), ("Content-Type", "application/json")], b'{"total": 1}')
_WITH_QUERY = Message("POST", "/a%20b/%2Fc?b=2&a=1&a=0", _POST.headers, _POST.body)


@dataclass(frozen=True)
class Judged:
    """A scheme, a message that it can sign, its judge, and the facts that it has to tell of itself."""

    scheme: Scheme
    message: Message
    sign: Callable[[Message, bytes, int, str], Message]
    judge: Callable[[Message, Ring, float], Proof]
    lacks: frozenset[str]
    covered: tuple[str, ...]
    fields: tuple[str, ...]
    replay_class: str = "none"
    max_age: int | None = None
    hash: str = "sha256"
    named: bool = False
    repeats: bool = False
    empty_body: bool = False
    written: Callable[[bytes], bytes | str] = bytes

    def proof(self, message: Message, now: float = NOW) -> Proof:
        """The judge's verdict, with what holds for every scheme; raises `Refused`."""
        reference.refuse_other_host(message, ORIGIN)
        reference.refuse_odd_length(message)
        return self.judge(message, self.ring, now)

    @property
    def timed(self) -> bool:
        """It signs when the message was made, and so sees a replay."""
        return self.replay_class != "none"

    @property
    def covers_target(self) -> bool:
        return not {"target-not-covered", "query-not-covered"} & self.lacks

    @property
    def age(self) -> int:
        """Seconds that a message may differ from the clock, each way."""
        return self.max_age or 300

    @property
    def ring(self) -> dict[str | None, list[bytes]]:
        return {KEY_ID if self.named else None: [KEY]}

    @property
    def keys(self) -> Any:
        return {KEY_ID: KEY} if self.named else self.written(KEY)

    def signed(
        self, message: Message | None = None, key: bytes = KEY, created: int = NOW, nonce: str = NONCE
    ) -> Message:
        """Signed by the judge."""
        return self.sign(message or self.message, key, created, nonce)

    def verifier(self, now: float = NOW, **settings: Any) -> Verifier:
        settings = {"keys": self.keys, "origin": ORIGIN, "clock": lambda: now, **settings}
        return Verifier(self.scheme, **settings)

    def signer(self, **settings: Any) -> Signer:
        settings = {
            "key": self.written(KEY),
            "key_id": KEY_ID if self.named else None,
            "clock": lambda: NOW,
            **settings,
        }
        return Signer(self.scheme, **settings)


def _rfc9421(message: Message, key: bytes, created: int, nonce: str) -> Message:
    added = reference.sign_rfc9421(message, key, origin=ORIGIN, key_id=KEY_ID, created=created, nonce=nonce)
    return message.plus(added)


def _provider(name: str, provider: Provider) -> Judged:
    return Judged(
        schemes.by_name()[name],
        _POST if "query-not-covered" in provider.lacks else _WITH_QUERY,
        lambda message, key, created, nonce: provider.sign(message, key, created, nonce.replace(".", "_"), ORIGIN),
        lambda message, ring, now: provider.judge(message, ring, now, ORIGIN),
        provider.lacks,
        provider.covered,
        provider.place.fields,
        "base" if provider.clock else "none",
        provider.max_age,
        provider.hash,
        repeats=provider.repeats,
        empty_body=provider.empty_body,
        written=provider.key,
    )


AWS = reference.Aws(ORIGIN)


def _aws_sigv4(message: Message, key: bytes, created: int, _: str) -> Message:
    return message.plus(reference.sign_aws_sigv4(message, key, AWS, key_id=KEY_ID, created=created))


#: A scheme of one's own that covers everything, in templates.
SEGMENTS = "{@method}\n{@path}\n{@query}\n{@authority}\n{key_id}\n{created}\n{nonce}\n{header:content-type?}\n{body}"
CLAIMS = {"X-Key": "{key_id}", "X-Time": "{created}", "X-Nonce": "{nonce}", "X-Sig": "{signature:base64}"}

JUDGED = {
    "body": Judged(
        schemes.body(),
        _POST,
        lambda message, key, *_: message.plus(reference.sign_body(message, key)),
        lambda message, ring, _: reference.verify_body(message, ring),
        reference.BODY_ALONE | {"no-time"},
        ("body",),
        ("X-Signature",),
    ),
    "canonical-request": Judged(
        schemes.canonical_request(),
        _WITH_QUERY,
        lambda message, key, *_: message.plus(reference.sign_canonical_request(message, key)),
        lambda message, ring, _: reference.verify_canonical_request(message, ring, origin=ORIGIN),
        frozenset({"no-time", "lossy-transform"}),
        ("@method", "@path", "host", "content-type", "@query", "body"),
        ("X-Signature",),
    ),
    "rfc9421": Judged(
        schemes.RFC9421,
        _WITH_QUERY,
        _rfc9421,
        partial(reference.verify_rfc9421, origin=ORIGIN),
        frozenset(),
        ("@method", "@authority", "@path", "@query", "content-digest"),
        ("Signature-Input", "Signature"),
        "nonce",
        named=True,
    ),
    "aws-sigv4": Judged(
        schemes.AWS_SIGV4,
        replace(_WITH_QUERY, headers=[("Host", HOST)]),
        _aws_sigv4,
        partial(reference.verify_aws_sigv4, aws=AWS),
        frozenset({"no-nonce", "lossy-transform"}),
        ("@method", "@path", "@query", "host", "x-amz-date", "body"),
        ("X-Amz-Date", "Authorization"),
        "base",
        300,
        named=True,
    ),
    **{name: _provider(name, provider) for name, provider in PROVIDERS.items()},
}


@dataclass(frozen=True)
class Partial:
    """A scheme over what the route matched, or over members of the body. `judge` gives what may be handed on, too."""

    base: str
    scheme: Scheme
    message: Message
    sign: Callable[[Message, bytes], Message]
    judge: Callable[[Message, Ring], tuple[Proof, bytes]]

    def signed(self, message: Message | None = None, key: bytes = KEY) -> Message:
        """Signed by the judge."""
        return self.sign(message or self.message, key)

    def verifier(self, **settings: Any) -> Verifier:
        return Verifier(self.scheme, **{"keys": KEY, "origin": ORIGIN, **settings})


def _scoped(template: str, message: Message) -> Partial:
    return Partial(
        template,
        schemes.scoped(template),
        message,
        lambda m, k: m.plus(reference.sign_scoped(m, k, template)),
        lambda m, r: reference.verify_scoped(m, r, template),
    )


def _envelope(form: str, data: str = "data", hmac: str = "hmac") -> Partial:
    body = b'{"more": [1], "d/t~": 1.50, "data": {"b": 1.0, "a": "\\u00e9"}}'
    return Partial(
        f"{{json:/{escaped(data)}:{form}}}",
        schemes.envelope(f"/{escaped(data)}", f"/{escaped(hmac)}", form=form),
        Message("POST", "/orders", _POST.headers, body),
        lambda m, k: reference.sign_envelope(m, k, data=data, hmac=hmac, form=form),
        lambda m, r: reference.verify_envelope(m, r, data=data, hmac=hmac, form=form),
    )


def escaped(name: str) -> str:
    """RFC 6901, 3."""
    return name.replace("~", "~0").replace("/", "~1")


_ACTION = Message("POST", "/act", _POST.headers, b'{"note": 1, "resourceId": "doc-1", "action": "del\\u00e9te"}')
PARTIAL = {
    "scoped": _scoped(
        "download:resource:{param:id}", Message("GET", "/files/doc-1", [("Host", HOST)], params={"id": "doc-1"})
    ),
    "scoped-members": _scoped("action:{json:/action}:resource:{json:/resourceId}", _ACTION),
    "scoped-texts": _scoped("action:{json:/action:text}:resource:{json:/resourceId:text}", _ACTION),
    "scoped-both": _scoped(
        "{param:id}\n{json:/action:pyjson}\n{json:/resourceId:text}",
        Message("PUT", "/files/a:b", _POST.headers, _ACTION.body, {"id": "a:b"}),
    ),
    "scoped-element": _scoped(
        "{json:/orders/0/id:text}:{json:/orders/0/note:text?}:{json:/total}",
        replace(
            _ACTION, body=b'{"total": 1.50, "orders": [{"id": "a", "note": "\\u00e9", "more": 1}], "more": [1, 2]}'
        ),
    ),
    "scoped-absent": _scoped(
        "{json:/orders/0/id:text}:{json:/note:text?}", replace(_ACTION, body=b'{"orders": [{"id": "", "note": "x"}]}')
    ),
    "envelope": _envelope("jcs"),
    "envelope-pyjson": _envelope("pyjson"),
    "envelope-pyjson-utf8": _envelope("pyjson-utf8", "d/t~", "sig nature"),
}

TIMED = {name: judged for name, judged in JUDGED.items() if judged.timed}
UNTIMED = [name for name, judged in JUDGED.items() if not judged.timed]
#: Of those that cover it, and of those that cover the body alone.
OVER_TARGET = [name for name, judged in JUDGED.items() if judged.covers_target]
OVER_BODY = [name for name, judged in JUDGED.items() if reference.BODY_ALONE <= judged.lacks]
RFC9421 = JUDGED["rfc9421"]
SLACK = JUDGED["slack"]
BODY = JUDGED["body"]

#: Targets that servers and frameworks are known to rewrite, and plain ones.
TARGETS = [
    "/",
    "/orders/1",
    "/a%20b/%2Fc?x=1&x=2",
    "/%7Ea/~a",
    "/%E2%82%AC",
    "/a//b",
    "/a/../b",
    "/a;b=c",
    "/p?a=b?c=/",
    "/%252F",
]

#: What is read and judged alike: random messages are shared among the schemes of one kind.
KINDS: dict[object, list[str]] = {}
for _name, _judged in JUDGED.items():
    _kind = (_judged.lacks - {"sha1"}, _judged.replay_class, _judged.repeats, len(_judged.fields))
    KINDS.setdefault(_kind, []).append(_name)

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=[kind[0] for kind in KINDS.values()])
each_scheme = pytest.mark.parametrize("judged", JUDGED.values(), ids=JUDGED)
each_partial = pytest.mark.parametrize("partial", PARTIAL.values(), ids=PARTIAL)
each_timed = pytest.mark.parametrize("judged", TIMED.values(), ids=TIMED)

Verify = Callable[..., Verified]


def _averify(verifier: Verifier, *arguments: Any, **named: Any) -> Verified:
    return asyncio.run(verifier.averify(*arguments, **named))


each_driver = pytest.mark.parametrize("verify", [Verifier.verify, _averify], ids=["verify", "averify"])


def bodiless(message: Message) -> Request:
    """A request whose body is still to be read."""
    return Request(message.method, message.target, list(message.headers), params=message.params)


def as_request(message: Message) -> Request:
    return Request(message.method, message.target, list(message.headers), message.body, params=message.params)


def as_message(request: Request) -> Message:
    return Message(request.method, request.target, request.headers, request.body or b"", request.params or {})


def verdict(verifier: Verifier, request: Request, body: bytes = b"") -> Verified | Rejected:
    """What is said of a request whose body a server would read: a refusal is a value."""
    try:
        return verifier.verify(request, lambda limit: body)
    except Rejected as refused:
        return refused


def with_field(message: Message, name: str, value: str | None) -> Message:
    """`message` with one field replaced, or removed where `value` is None."""
    kept = [(n, v) for n, v in message.headers if n.lower() != name.lower()]
    return replace(message, headers=[*kept, *([] if value is None else [(name, value)])])


def field_of(message: Message, name: str) -> str:
    """The one value of a field."""
    (value,) = [v for n, v in message.headers if n.lower() == name.lower()]
    return value
