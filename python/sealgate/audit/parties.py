"""The true key of a route, as other parties would sign with it: none of these is what the route asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from sealgate import schemes
from sealgate._native import Request, Scheme
from sealgate.audit.aim import Aim, Shot, at, document, form, placed, pointers, with_
from sealgate.exceptions import ConfigurationError

__all__ = ["other_schemes"]

#: Header fields of one request: servers take a hundred, and some need a few of them.
_MOST_FIELDS = 50
_Pair = tuple[str, str]


class _Written(NamedTuple):
    """What a scheme makes of a request: pairs of lower-case name and value, and target and body if it changes them."""

    fields: frozenset[_Pair]
    target: str | None
    body: bytes | None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.fields)

    def is_within(self, other: _Written) -> bool:
        """Schemes that differ in name only sign alike."""
        alone = self.target in {None, other.target} and self.body in {None, other.body}
        return alone and self.fields <= other.fields


@dataclass
class _Group:
    """Signatures of one request that do not write over each other."""

    request: Request
    names: list[str] = field(default_factory=list)
    fields: set[_Pair] = field(default_factory=set)

    def takes(self, written: _Written) -> bool:
        """Where it has that name already, only for the same."""
        both = self.fields | written.fields
        return len(both) <= _MOST_FIELDS and len(both) == len({name for name, _ in both})


def other_schemes(aim: Aim) -> Iterator[Shot]:
    """Each preset but those that the entry takes; many at once, and one by one where that gets in."""
    if aim.scheme is not None:
        taken = {proof.scheme for proof in aim.entry.standing.proofs}
        others = {name: scheme for name, scheme in schemes.by_name().items() if name not in taken}
        yield from _shots(aim, aim.scheme, others)


def _shots(aim: Aim, own: Scheme, others: Mapping[str, Scheme]) -> Iterator[Shot]:
    groups: list[_Group] = []
    for name, request, written, is_apart in _signed(aim, own, others):
        if is_apart:
            changed = with_(request, placed(request, written.fields), written.body, written.target)
            yield Shot(changed, name)
            continue
        group = next((each for each in groups if each.request is request and each.takes(written)), None)
        if group is None:
            groups.append(group := _Group(request))
        group.names.append(name)
        group.fields |= written.fields
    for group in groups:
        shot = Shot(with_(group.request, placed(group.request, sorted(group.fields))), _told(group.names))
        if len(group.names) > 1:
            parties = {name: others[name] for name in group.names}
            shot = shot._replace(apart=partial(_one_by_one, aim, own, parties))
        yield shot


def _one_by_one(aim: Aim, own: Scheme, others: Mapping[str, Scheme]) -> Iterator[Shot]:
    """Signed anew, or what has got in already would be a replay."""
    for name, scheme in others.items():
        yield from _shots(aim, own, {name: scheme})


def _signed(aim: Aim, own: Scheme, others: Mapping[str, Scheme]) -> Iterator[tuple[str, Request, _Written, bool]]:
    """What is to be signed is one and the same for all that need the same members in it.

    Apart is what changes more than fields, or a field that `own` reads: two parties' fields might make up one of ours.
    """
    key, key_id, created, nonce = at(aim.signer, aim.now)._drawn()

    def write(scheme: Scheme, request: Request) -> _Written | None:
        """None: it cannot sign such a request."""
        try:
            fields, target, body = scheme.sign_whole(request, key, key_id or "probe", created, nonce)
        except ConfigurationError:
            return None
        return _Written(frozenset((name.lower(), value) for name, value in fields), target, body)

    requests: dict[tuple[str, ...] | None, tuple[Request, _Written]] = {}
    for name, scheme in others.items():
        needs = None if scheme.body_form == "form" else (*pointers(own), *pointers(scheme))
        if needs not in requests:
            request = aim.request(body=form() if needs is None else document(needs))
            requests[needs] = request, write(own, request) or _Written(frozenset(), None, None)
        request, ours = requests[needs]
        written = write(scheme, request)
        if written is not None and not written.is_within(ours):
            changes_more = (written.target, written.body) != (None, None)
            yield name, request, written, changes_more or bool(written.names & ours.names)


def _told(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
