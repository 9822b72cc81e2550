"""The probe under every scheme: what is closed holds, nothing is left out, and another party's signature is shown."""

from __future__ import annotations

from functools import cache

import pytest

from judged import CLAIMS, SEGMENTS
from probed import METHODS, PATH, Lenient, attacked, closed, entry, missing, names, refuted, signer, verifier
from sealgate import Scheme, schemes
from sealgate.audit.report import LEFT_OUT, Attack

OWN = Scheme("segments", base=SEGMENTS, fields=CLAIMS)
#: Those without `{param:id}`, which a plain layer cannot know.
SIGNABLE = {"segments": OWN, **{name: each for name, each in schemes.by_name().items() if not each.params}}
#: Those that a route of another party could take by mistake.
PARTIES = {
    name: scheme
    for name, scheme in schemes.by_name().items()
    if not (scheme.params or "body-not-covered" in scheme.weaknesses() or name == schemes.RFC9421.name)
}
each_signable = pytest.mark.parametrize("name", SIGNABLE)


@cache
def attacked_by_name(name: str) -> tuple[Attack, ...]:
    """A closed application under that scheme: attacked once, for what several tests ask of it."""
    reported = verifier(SIGNABLE[name])
    return attacked(closed(reported), entry(reported), missing(reported), signer=signer(SIGNABLE[name]))


@each_signable
def test_closed_application_holds_under_every_scheme(name: str) -> None:
    attacks = attacked_by_name(name)
    assert [] == [each for each in attacks if not each.held]
    assert {"good request", "wrong key", "unsigned"} <= names(attacks)


@each_signable
def test_nothing_is_left_out_under_any_scheme(name: str) -> None:
    """There is no attack that such a request cannot be signed for."""
    assert [] == [each.detail for each in attacked_by_name(name) if each.name == LEFT_OUT]


@each_signable
def test_every_other_hash_is_tried_with_every_method(name: str) -> None:
    """Save where the key that signs is derived."""
    scheme = SIGNABLE[name]
    own, is_derived = scheme.hash, name == schemes.AWS_SIGV4.name or scheme.longest is not None
    others = {f"other hash ({each})" for each in ("sha1", "sha256", "sha384", "sha512") if each != own}
    expected = set[str]() if is_derived else others
    made = {method: set[str]() for method in METHODS}
    for each in attacked_by_name(name):
        if each.name.startswith("other hash") and each.path == PATH:
            made[each.method].add(each.name)
    assert dict.fromkeys(METHODS, expected) == made


@each_signable
def test_what_a_scheme_does_not_sign_is_not_called_a_hole(name: str) -> None:
    """The audit names it a weakness; the attacks that rest on it are those that a thief of one message could make."""
    scheme, made = SIGNABLE[name], names(attacked_by_name(name))
    expected = {
        "tampered path": "target-not-covered",
        "path trick signed": "target-not-covered",
        "tampered method": "method-not-covered",
        "stale": "no-time",
        "future": "no-time",
        "other host": "audience",
    }
    assert {attack for attack, lack in expected.items() if lack not in scheme.weaknesses()} == made & set(expected)
    assert (scheme.replay_class in {"nonce", "base"}) == ("replayed" in made)


def test_a_message_that_is_good_again_is_no_replay() -> None:
    attacks = attacked_by_name(schemes.AWS_SIGV4.name)
    assert {"OPTIONS", "POST"} == {each.method for each in attacks if (each.name, each.path) == ("replayed", PATH)}


@pytest.mark.parametrize("scheme", PARTIES.values(), ids=PARTIES)
def test_another_party_is_shown_by_name_though_many_are_tried_at_once(scheme: Scheme) -> None:
    """And so are those that differ from it in name only."""
    reported = verifier()
    attacks = attacked(closed(Lenient(verifier(scheme))), entry(reported, methods=("POST",)))
    shown = {each.name for each in attacks if not each.held}
    assert ({"other scheme"}, set()) == (refuted(attacks), {name for name in shown if name.endswith("more)")})
    assert f"other scheme ({scheme.name})" in shown
