"""Routes that give files of an allow-list: which files, and whether what the route proves covers their identifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import FunctionType
from typing import Any

from sealgate.audit.entry import Proof, Standing, Verdict
from sealgate.audit.layers import reached, verifies
from sealgate.files import SignedFiles, covers

__all__ = ["with_files"]


def with_files(standing: Standing, *views: Any) -> Standing:
    """`standing`, of a route whose code is `views`, and what is to be said of the `SignedFiles` that they name."""
    named = [each for view in views for each in _named(view)]
    # By type, not by `isinstance`, which asks proxies what they stand for.
    files = list(dict.fromkeys(each for each in named if issubclass(type(each), SignedFiles)))
    if not files:
        return standing
    evidence = (*standing.evidence, *(f"gives files: {each.told}" for each in files))
    if all(each.scope is not None for each in files):
        return replace(standing, evidence=evidence)
    verdict, mistake = _unproven(standing, by_hand=any(verifies(each) and each not in files for each in named))
    return replace(standing, verdict=verdict, evidence=(mistake, *evidence) if mistake else evidence)


def _unproven(standing: Standing, *, by_hand: bool) -> tuple[Verdict, str]:
    """The verdict on a route for the signature of a request, and why it is not the one that it would be otherwise."""
    if standing.verdict == "exempt":
        if by_hand:
            return "unknown", "it gives signed files, is exempt, and verifies by hand: what that proves is not known"
        return "open", "it gives signed files, and is exempt: nothing proves the identifier, and the view refuses all"
    loose = [proof.scheme for proof in standing.proofs if not _covers_identifier(proof)]
    if standing.verdict == "verified" and loose:
        covers_neither = f"{' and '.join(loose)} covers neither the path nor a parameter"
        return "open", f"the identifier of a file is not signed: {covers_neither}; the view refuses such requests"
    return standing.verdict, ""


def _covers_identifier(proof: Proof) -> bool:
    """Which parameter it is, the code of the view says when it runs: any that is signed counts."""
    params = [name.removeprefix("param:") for name in proof.covered if name.startswith("param:")]
    return covers(proof.covered, params[0] if params else None)


def _named(view: Any) -> Iterator[Any]:
    """What its code, that of what it wraps, or of the methods of the class that it is, names or holds."""
    methods = [each for each in vars(view).values() if type(each) is FunctionType] if isinstance(view, type) else []
    for function in (view, *methods):
        yield from reached(function)
