"""Schemes whose signature may be of one of several bases: what each proves, and that a message counts once in any."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from judged import KEY, NOW
from reference import mac
from sealgate import ConfigurationError, Rejected, Request, Scheme, Verified, Verifier
from sealgate.exceptions import InvalidSignature, Replayed

ORIGINS = ["https://a.example", "https://a.example:8443", "https://b.example"]
#: As each transform writes it, of the first two.
AUTHORITIES = {"": ["a.example", "a.example:8443"], ":with-port": ["a.example:443", "a.example:8443"]}
AUTHORITIES[":without-port"] = ["a.example"] * 2
BASES = [f"{{@method}} {{@target-uri{how}}}\n{{created}}" for how in AUTHORITIES]
SEVERAL = [list(bases) for size in (1, 2, 3) for bases in itertools.permutations(BASES, size)]
#: With the URI twice, each in a way of its own.
TWICE = [
    f"{{@method}} {{@target-uri{one}}} {{@target-uri{two}}}\n{{created}}"
    for one, two in itertools.product(AUTHORITIES, repeat=2)
]


def scheme_of(bases: list[str]) -> Scheme:
    return Scheme("own", base=bases, fields={"X-At": "{created}", "X-Sig": "{signature:hex}"}, accept_weaknesses=None)


def verify(verifier: Verifier, origin: str, *authorities: str) -> Verified:
    """A request to `origin`, with the signature of one to `authorities`, as the base writes them."""
    uris = " ".join(f"https://{authority}/x" for authority in authorities)
    signature = mac(KEY, f"GET {uris}\n{NOW}".encode()).hex()
    host = origin.removeprefix("https://")
    fields = [("Host", host), ("X-At", str(NOW)), ("X-Sig", signature)]
    return verifier.verify(Request("GET", "/x", fields, b"", origin=origin))


def verifier_of(bases: list[str], **settings: Any) -> Verifier:
    return Verifier(scheme_of(bases), keys=KEY, origin=ORIGINS, clock=lambda: NOW, **settings)


@pytest.mark.parametrize("bases", SEVERAL)
@pytest.mark.parametrize("nth", [0, 1])
def test_a_signature_counts_where_one_of_the_bases_is_signed(bases: list[str], nth: int) -> None:
    right = {AUTHORITIES[how][nth] for how, base in zip(AUTHORITIES, BASES, strict=True) if base in bases}
    for authority in ("a.example", "a.example:443", "a.example:8443", "b.example"):
        verifier = verifier_of(bases, replay="off")
        if authority in right:
            assert ("@method", "@target-uri") == verify(verifier, ORIGINS[nth], authority).covered[:2]
        else:
            with pytest.raises(InvalidSignature):
                verify(verifier, ORIGINS[nth], authority)


@pytest.mark.parametrize("bases", [*SEVERAL, *map(list, itertools.permutations(TWICE, 2)), TWICE])
def test_one_signature_counts_once_whichever_base_and_origin_it_comes_with(bases: list[str]) -> None:
    written = ["a.example", "a.example:443", "a.example:8443"]
    for authorities in itertools.product(written, repeat=bases[0].count("target-uri")):
        verifier = verifier_of(bases)
        assert "base" == verifier.scheme.replay_class
        verdicts = []
        for origin in ORIGINS * 2:
            try:
                verdicts.append(verify(verifier, origin, *authorities).scheme)
            except Rejected as refusal:
                verdicts.append(type(refusal).__name__)
        assert {"own", "Replayed", "InvalidSignature"} >= set(verdicts)
        assert 1 >= verdicts.count("own") == ("Replayed" in verdicts)


def test_a_port_that_is_not_signed_is_declared() -> None:
    declared = [":without-port" in "".join(bases) for bases in SEVERAL]
    assert declared == ["lossy-transform" in scheme_of(bases).weaknesses() for bases in SEVERAL]
    accepted = {"audience", "no-nonce", "body-not-covered", "query-not-covered"}
    with pytest.raises(ConfigurationError, match="lossy-transform"):
        Scheme(
            "own", base=BASES[2], fields={"X-At": "{created}", "X-Sig": "{signature:hex}"}, accept_weaknesses=accepted
        )


def test_the_same_message_on_the_other_port_is_a_replay() -> None:
    verifier = verifier_of(BASES[2:])
    verify(verifier, ORIGINS[0], "a.example")
    for origin in ORIGINS[:2]:
        with pytest.raises(Replayed):
            verify(verifier, origin, "a.example")
