"""Schemes at random from the grammar, messages of theirs, and every other message that has the same signature base."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from judged import KEY, KEY_ID, NOW, ORIGIN
from reference import mac
from sealgate import Members, Rejected, Request, Scheme, Verifier

#: Literals that overlap themselves and each other, of the very characters that the values are made of.
LITERALS = (".", "a", "aa", "ab", "aba", "..", ".a.", "1", "\n")
_CLAIMS = {"created": "t", "nonce": "n", "message_id": "i", "key_id": "k"}
_FIELDS = {claim: f"X-{claim.replace('_', '-')}" for claim in _CLAIMS}
Values = Mapping[str, str]
_ENCODED: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "hex": (lambda octets: octets.hex().encode(), lambda text: bytes.fromhex(text.decode())),
    "base64": (base64.b64encode, lambda text: base64.b64decode(text, validate=True)),
}
_ONE_WAY: dict[str, Callable[[bytes], bytes]] = {
    "sha256": lambda octets: hashlib.sha256(octets).digest(),
    "sha256:hex": lambda octets: hashlib.sha256(octets).hexdigest().encode(),
    "sha512:base64": lambda octets: base64.b64encode(hashlib.sha512(octets).digest()),
}


@dataclass(frozen=True)
class Hole:
    source: str
    transform: str = ""

    def __str__(self) -> str:
        return "{" + ":".join(filter(None, (self.source, self.transform))) + "}"

    def rendered(self, value: str) -> bytes:
        octets = value.encode()
        if self.transform in _ENCODED:
            return _ENCODED[self.transform][0](octets)
        if self.transform in _ONE_WAY:
            return _ONE_WAY[self.transform](octets)
        return octets.lower() if self.transform == "lower" else octets

    def values(self, octets: bytes, known: str) -> Iterator[str]:
        """Of what could have been rendered as this; `known`: whose digest an attacker has."""
        if self.transform in _ENCODED:
            write, read = _ENCODED[self.transform]
            try:
                value = read(octets)
            except ValueError:
                return
            if write(value) == octets and value.isascii():
                yield value.decode()
        elif self.transform in _ONE_WAY:
            if self.rendered(known) == octets:
                yield known
        elif octets.isascii() and (self.transform != "lower" or octets == octets.lower()):
            yield octets.decode()
            if self.transform == "lower" and octets.swapcase() != octets:
                yield octets.swapcase().decode()


@dataclass(frozen=True)
class Drawn:
    """`parts`: literals and holes. `carried`: how the claims stand in the message."""

    parts: tuple[str | Hole, ...]
    carried: str = "apart"

    @property
    def holes(self) -> list[Hole]:
        return [part for part in self.parts if isinstance(part, Hole)]

    def is_framed(self, values: Values) -> bool:
        """No value holds the literal that sets it apart: the one behind it, or behind the greedy part the one in front."""
        is_behind = False
        for nth, part in enumerate(self.parts):
            if isinstance(part, str) or part.transform.startswith("sha"):
                continue
            text = part.rendered(values[part.source])
            literal = self.parts[nth - 1 if is_behind else nth + 1 :][:1]
            if part.transform == "greedy":
                is_behind = True
            elif literal and isinstance(literal[0], str):
                octets = literal[0].encode()
                found = (octets + text).rfind(octets) if is_behind else (text + octets).find(octets) - len(text)
                if found != 0:
                    return False
        return True

    @property
    def claims(self) -> list[str]:
        return [claim for claim in _CLAIMS if any(hole.source == claim for hole in self.holes)]

    @property
    def scheme(self) -> Scheme:
        fields: dict[str, str | Members]
        if self.carried == "members":
            members = [f"{_CLAIMS[claim]}={{{claim}}}" for claim in self.claims]
            fields = {"X-Sig": Members(";", *members, "s={signature:hex}")}
        elif self.carried == "joined":
            fields = {"X-Sig": ".".join(f"{{{part}}}" for part in [*self.claims, "signature:hex"])}
        else:
            fields = {**{_FIELDS[claim]: f"{{{claim}}}" for claim in self.claims}, "X-Sig": "{signature:hex}"}
        return Scheme("drawn", base="".join(map(str, self.parts)), fields=fields, accept_weaknesses=None)

    def verifier(self) -> Verifier:
        keys: Any = {KEY_ID: KEY} if "key_id" in self.claims else KEY
        return Verifier(self.scheme, keys=keys, origin=ORIGIN, clock=lambda: NOW, max_age=2 * NOW, replay="off")

    def base(self, values: Values) -> bytes:
        return b"".join(
            part.rendered(values[part.source]) if isinstance(part, Hole) else part.encode() for part in self.parts
        )

    def request(self, values: Values, signature: bytes, *others: Values) -> Request:
        """The message of these values under that signature. `others`: values whose claims stand beside them, where a
        field has members."""
        texts = {claim: values[claim] for claim in self.claims}
        if self.carried == "members":
            pairs = [(_CLAIMS[claim], each[claim]) for each in (values, *others) for claim in self.claims]
            fields = [("X-Sig", ";".join(f"{name}={text}" for name, text in [*pairs, ("s", signature.hex())]))]
        elif self.carried == "joined":
            fields = [("X-Sig", ".".join([*texts.values(), signature.hex()]))]
        else:
            fields = [*((_FIELDS[claim], text) for claim, text in texts.items()), ("X-Sig", signature.hex())]
        for source, text in values.items():
            name = source.removeprefix("header:")
            if name != source and (text or not name.endswith("?")):
                fields.append((name.rstrip("?"), text))
        members = {
            source.split(":")[1][1:]: text
            for source, text in values.items()
            if source.startswith("json:") and (text or not source.endswith("?"))
        }
        if members:
            fields.append(("Content-Type", "application/json"))
        query = values.get("@query", "")
        return Request(
            values.get("@method", "POST"),
            values.get("@path", "/") + ("?" + query if query else ""),
            fields,
            json.dumps(members).encode() if members else values.get("body", "").encode(),
            origin=ORIGIN,
            params={"id": values.get("param:id", "")},
        )

    def cuts(self, values: Values) -> Iterator[Values]:
        """Every way to read the base of `values` as parts; it is one of them."""
        octets = self.base(values)

        def from_here(nth: int, at: int, found: dict[str, str]) -> Iterator[Values]:
            if nth == len(self.parts):
                if at == len(octets):
                    yield found
                return
            part = self.parts[nth]
            if isinstance(part, str):
                if octets.startswith(part.encode(), at):
                    yield from from_here(nth + 1, at + len(part.encode()), found)
                return
            for end in range(at, len(octets) + 1):
                for value in part.values(octets[at:end], values[part.source]):
                    if found.get(part.source, value) == value:
                        yield from from_here(nth + 1, end, {**found, part.source: value})

        return itertools.islice(from_here(0, 0, {}), 100)


_SOURCES = (
    *("header:x-a", "header:x-b", "header:x-o?", "@method", "@path", "@query", "param:id", "body"),
    *("json:/m:text", "json:/n:text", "json:/o:text?", "nonce", "message_id", "created", "key_id"),
)
_ADDRESS = ("@method", "@path", "param:id", "body", "json:/m:text")


@st.composite
def schemes(draw: st.DrawFn) -> Drawn:
    """Two to five holes, side by side or with a literal between, of few; a hole may come twice, and one be greedy."""
    no_body = draw(st.sampled_from(["body", "json:"]))
    sources = [source for source in _SOURCES if not source.startswith(no_body)]
    drawn = [draw(st.sampled_from([source for source in sources if source in _ADDRESS]))]
    drawn += draw(st.lists(st.sampled_from(sources), min_size=1, max_size=4))
    # Of several members one has to be there.
    drawn += ["json:/m:text"] if "json:/o:text?" in drawn else []
    literals = draw(st.lists(st.sampled_from(["", *LITERALS]), min_size=1, max_size=2))
    parts: list[str | Hole] = []
    greedy = draw(st.integers(-len(drawn), len(drawn) - 1))  # none where it is below 0
    for nth, source in enumerate(draw(st.permutations(drawn))):
        transform = draw(st.sampled_from([*[""] * 12, "hex", "base64", "lower", *_ONE_WAY]))
        between = literals if not 0 <= greedy < nth else [literal or "." for literal in literals]
        parts += [draw(st.sampled_from(between)), Hole(source, "greedy" if nth == greedy else transform)]
    parts += [draw(st.sampled_from(literals))]
    kept = tuple(part for part in parts if part != "")
    return Drawn(kept, draw(st.sampled_from(["apart", "members", "joined"])))


@st.composite
def values_of(draw: st.DrawFn, drawn: Drawn) -> Values:
    """Texts of the characters of the literals, and of one or two more."""
    characters = "".join(part for part in drawn.parts if isinstance(part, str)).replace("\n", "") + "b"
    text = st.text(characters + draw(st.sampled_from(["", "1A"])), max_size=4)
    values = {
        "@method": text.map("A".__add__),
        "@path": text.map("/".__add__),
        "body": text.map("{".__add__),
        "nonce": text.map(("n" * 16).__add__),
        "message_id": text.map("i".__add__),
        "created": st.integers(0, 10**4).map(str),
        "key_id": st.just(KEY_ID),
    }
    return {hole.source: draw(values.get(hole.source, text)) for hole in drawn.holes}


def is_accepted(verifier: Verifier, request: Request) -> bool:
    try:
        verifier.verify(request, uncovered=frozenset({"query", "body"}))
    except Rejected:
        return False
    return True


def signed_is_accepted(drawn: Drawn, values: Values) -> bool:
    return is_accepted(drawn.verifier(), drawn.request(values, mac(KEY, drawn.base(values))))


def twins(drawn: Drawn, values: Values) -> list[Values]:
    """Other values whose message is accepted with the signature of `values`; the first are `values`, where they are."""
    if not signed_is_accepted(drawn, values):
        return []
    signature, verifier = mac(KEY, drawn.base(values)), drawn.verifier()
    found = []
    for cut in drawn.cuts(values):
        if cut != values:
            requests = [drawn.request(cut, signature)]
            if drawn.carried == "members":
                requests += [drawn.request(cut, signature, values), drawn.request(values, signature, cut)]
            found += [cut] if any(is_accepted(verifier, request) for request in requests[:2]) else []
            if len(requests) == 3 and any(cut[claim] != values[claim] for claim in drawn.claims):
                found += [cut] if is_accepted(verifier, requests[2]) else []
    return [values, *found]
