"""Routes that give files of an allow-list: which files, and whether what the route proves covers their identifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import FunctionType
from typing import Any

from sealgate.audit.entry import Proof, Standing
from sealgate.audit.layers import reached
from sealgate.files import SignedFiles, covers

__all__ = ["with_files"]


def with_files(standing: Standing, *views: Any) -> Standing:
    """`standing`, of a route whose code is `views`, and what is to be said of the `SignedFiles` that they name."""
    found = dict.fromkeys(each for view in views for each in _named(view))
    for files in found:
        standing = _with(standing, files)
    return standing


def _with(standing: Standing, files: SignedFiles) -> Standing:
    evidence = (*standing.evidence, f"gives files: {files.told}")
    if files.scope is not None:
        return replace(standing, evidence=evidence)
    if standing.verdict == "exempt":
        mistake = "it gives signed files, and is exempt: nothing proves the identifier, and the view refuses all"
        return replace(standing, verdict="open", evidence=(mistake, *evidence))
    loose = [proof.scheme for proof in standing.proofs if not _covers_identifier(proof)]
    if standing.verdict == "verified" and loose:
        mistake = (
            f"the identifier of a file is not signed: {' and '.join(loose)} covers neither the path nor a parameter"
        )
        return replace(standing, verdict="open", evidence=(f"{mistake}; the view refuses such requests", *evidence))
    return replace(standing, evidence=evidence)


def _covers_identifier(proof: Proof) -> bool:
    """Which parameter it is, the code of the view says when it runs: any that is signed counts."""
    params = [name.removeprefix("param:") for name in proof.covered if name.startswith("param:")]
    return covers(proof.covered, params[0] if params else None)


def _named(view: Any) -> Iterator[SignedFiles]:
    """What its code, that of what it wraps, or of the methods of the class that it is, names or holds."""
    methods = [each for each in vars(view).values() if type(each) is FunctionType] if isinstance(view, type) else []
    for function in (view, *methods):
        # By type, not by `isinstance`, which asks proxies what they stand for.
        yield from (each for each in reached(function) if issubclass(type(each), SignedFiles))
