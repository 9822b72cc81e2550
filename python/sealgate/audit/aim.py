"""What a probe aims at, and the requests that come of it: unsigned, signed, forged, or sent elsewhere than signed."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from sealgate._native import Request, Scheme
from sealgate.audit.entry import Entry, Proof
from sealgate.exceptions import ConfigurationError
from sealgate.signer import Signer
from sealgate.verifier import MAX_AGE

__all__ = [
    "SIGNED",
    "TAMPERED",
    "Aim",
    "Fields",
    "Shot",
    "at",
    "content_type",
    "document",
    "form",
    "placed",
    "pointers",
    "sent",
    "sign",
    "with_",
]

Fields = Iterable[tuple[str, str]]

#: What a body says, and what it says once it has been tampered with.
SIGNED, TAMPERED = b"probe", b"other"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_PARAM = re.compile(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>|\{(\w+)(?::\w+)?\}")


class Shot(NamedTuple):
    """One request to send. `note`: which of several this is; `first`: what is sent before it, unjudged.

    `apart`: of a request that is several in one, each of them, to be sent if that one does not go as it should.
    """

    request: Request
    note: str = ""
    first: Request | None = None
    apart: Callable[[], Iterable[Shot]] | None = None


@dataclass(frozen=True, slots=True)
class Aim:
    """What is attacked: a method of one entry, at `path`, as a request target has it.

    `proof`: of those that the entry takes, the one that is attacked; `scheme`: its scheme, where it is known. `signer`:
    has the true key for it, `forger` a random one under the true key id, `stranger` a key that is good elsewhere. All
    sign as at `now`, in Unix seconds. `in_process`: no server stands between.
    """

    entry: Entry
    method: str
    path: str
    origin: str
    now: float
    in_process: bool = True
    proof: Proof | None = None
    scheme: Scheme | None = None
    signer: Signer | None = None
    forger: Signer | None = None
    stranger: Signer | None = None

    @property
    def is_websocket(self) -> bool:
        return self.method == "WEBSOCKET"

    @property
    def weaknesses(self) -> frozenset[str]:
        return frozenset() if self.proof is None else frozenset(self.proof.weaknesses)

    @property
    def window(self) -> float:
        """Seconds in which a message is taken, either way."""
        return self.proof.max_age if self.proof else MAX_AGE

    def takes_unsigned(self, part: str) -> bool:
        """Whether a rule of the route lets `query` or `body` go unsigned."""
        return part in self.entry.standing.uncovered

    def request(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        body: bytes | None = None,
        fields: Fields = (),
        origin: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Request:
        """Unsigned, and good where nothing is said."""
        body = self.body if body is None else body
        origin = origin or self.origin
        typed = bool(body) or (self.scheme is not None and "content_type" in self.scheme.query)
        headers = [("host", urlsplit(origin).netloc), *([content_type(body)] if typed else []), *fields]
        wire = "GET" if self.is_websocket else self.method
        params = self.params if params is None else params
        return Request(method or wire, path or self.path, headers, body, origin=origin, params=params)

    @property
    def params(self) -> dict[str, str]:
        """What the route matches, for schemes that sign it: the segments that are one parameter each."""
        pairs = zip(self.entry.path.split("/"), self.path.split("/"), strict=False)
        matched = [(_PARAM.fullmatch(expected), segment) for expected, segment in pairs]
        return {found[1] or found[2]: unquote(segment) for found, segment in matched if found}

    @property
    def body(self) -> bytes:
        """What the scheme can sign, and would not refuse: where neither method nor path is covered, a body must be."""
        members = [
            name.split(":")[1] for name in (self.proof.covered if self.proof else ()) if name.startswith("json:")
        ]
        if self.scheme is not None and self.scheme.claims_in_body:
            return document(members)
        method_or_path = {"method-not-covered", "target-not-covered"} - self.weaknesses
        if self.is_websocket or "body-not-covered" in self.weaknesses:
            return b""
        if members or not method_or_path or self.method in _WITH_BODY:
            return form() if self.scheme is not None and self.scheme.body_form == "form" else document(members)
        return b""

    def signed(self, request: Request | None = None, *, later: float = 0) -> Request:
        """By the true key, so many seconds later."""
        return sign(self.signer, request or self.request(), self.now + later)

    def forged(self, request: Request | None = None, *, later: float = 0) -> Request:
        """By another key under the same id."""
        return sign(self.forger, request or self.request(), self.now + later)


def sign(signer: Signer | None, request: Request, now: float) -> Request:
    return at(signer, now).sign(request)


def at(signer: Signer | None, now: float) -> Signer:
    """The same signer, at another time."""
    if signer is None:
        raise ConfigurationError("probe: this attack needs a key")
    other = copy(signer)
    other._clock = lambda: now
    return other


def with_(
    request: Request, headers: Fields | None = None, body: bytes | None = None, target: str | None = None
) -> Request:
    return Request(
        request.method,
        target or request.target,
        request.headers if headers is None else headers,
        request.body if body is None else body,
        origin=request.origin,
        params=request.params,
    )


def sent(request: Request, *, method: str | None = None, path: str | None = None, query: str | None = None) -> Request:
    """`request`, as it was signed, to somewhere else; `query`: what is added to its own."""
    queries = [each for each in (request.query, query) if each]
    target = "?".join([path or request.path, *(["&".join(queries)] if queries else [])])
    return Request(method or request.method, target, request.headers, request.body)


def placed(request: Request, fields: Fields) -> list[tuple[str, str]]:
    """The fields of `request`, with these in place of those of their names."""
    fields = [(name.lower(), value) for name, value in fields]
    names = {name for name, _ in fields}
    return [*((name, value) for name, value in request.headers if name not in names), *fields]


def pointers(scheme: Scheme) -> list[str]:
    return [name.split(":")[1] for name in scheme.covered if name.startswith("json:")]


def document(pointers: Iterable[str]) -> bytes:
    """A JSON object that has these members (RFC 6901); each is a text that can be tampered with.

    No two are equal: where the signed bytes are what is remembered, the second would be a replay.
    """
    said = _said()
    members: dict[str, Any] = {}
    for pointer in pointers:
        names = [name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:]]
        inner: Any = members
        for name, following in zip_longest(names, names[1:]):
            inner = _within(inner, name, said if following is None else [] if following == "0" else {})
    return json.dumps(members or {"probe": said}, separators=(",", ":")).encode()


def _within(outer: dict[str, Any] | list[Any], name: str, new: Any) -> Any:
    """What is there, or else `new`. Of an array only a lone element can be signed."""
    if isinstance(outer, dict):
        return outer.setdefault(name, new)
    if not outer:
        outer.append(new)
    return outer[0]


def form() -> bytes:
    """The same as a form (WHATWG URL, 5)."""
    return f"probe={_said().replace(' ', '+')}".encode()


def _said() -> str:
    return f"{SIGNED.decode()} {secrets.token_hex(8)}"


def content_type(body: bytes) -> tuple[str, str]:
    return ("content-type", f"application/{'json' if body.startswith(b'{') else 'x-www-form-urlencoded'}")
