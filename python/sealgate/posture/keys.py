"""Where the keys of an application are, besides its memory: variables, source files, files that others may read."""

from __future__ import annotations

import ast
import base64
import os
import re
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

from sealgate import KeyRing
from sealgate.keys import Watched
from sealgate.posture.application import Application, none_known, ring_of
from sealgate.posture.check import Check, Fact, Unreadable, check, judged

__all__ = ["CHECKS"]

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
#: From the alphabet for URLs (RFC 4648, 5).
_STANDARD = str.maketrans("-_", "+/")
#: The octets of a JSON Web Key (RFC 7518, 6.4.1).
_JWK = re.compile(r'"k"\s*:\s*"([A-Za-z0-9_-]+)"')
#: Characters: shorter ones are words of the program, longer ones are data.
_SHORTEST, _LONGEST = 8, 64 * 1024
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@check(
    "sealgate.P050",
    "medium",
    "no key of a verifier in the environment",
    fix="keys='file:/path' or 'dir:/path' instead of 'env:NAME': the environment is in /proc, and goes to children.",
    source="proc_pid_environ(5); CWE-526; OWASP Secrets Management Cheat Sheet",
)
def in_environment(application: Application) -> Fact:
    environ, rings = application.system.environ, application.rings
    wrong = [
        f"the variable {name} holds a key of {owner}"
        for name, value in sorted(environ.items())
        for owner in _owners(rings, value)
    ]
    unclear = [*none_known(application), *_from_functions(application)]
    return judged(wrong, f"none in {len(environ)} variables", unclear)


@check(
    "sealgate.P051",
    "high",
    "no key in the source",
    fix="Read it from a file or a secrets manager, and make another: this one is in every copy of the source.",
    source="CWE-798; OWASP Secrets Management Cheat Sheet",
)
def in_source(application: Application) -> Fact:
    wrong, unclear = [], _from_functions(application)
    rings = application.rings
    for path in application.sources:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the application's own: it has been imported already
                tree = ast.parse(Path(path).read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            unclear.append(f"{path}: {type(error).__name__}")
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                wrong += [f"{path}, line {node.lineno}: a key of {owner}" for owner in _owners(rings, node.value)]
    if not application.sources:
        unclear.append("no source of the application is known")
    return judged(wrong, f"none in {len(application.sources)} files", unclear)


@check(
    "sealgate.P052",
    "high",
    "key files closed to others",
    fix="chmod 400, and the service's user as the owner.",
    source="chmod(2); CWE-732",
)
def readable(application: Application) -> Fact:
    files = [(file, _found(application, file).st_mode) for file in _files(application)]
    open_ones = [f"{file}: mode {stat.S_IMODE(mode):04o}" for file, mode in files if mode & _OTHERS_READ]
    return judged(open_ones, f"{len(files)} key files", none_known(application))


@check(
    "sealgate.P053",
    "high",
    "key files that nobody else can change",
    fix="Files and the directories above them: owned by root or the service's user, not writable by group or others.",
    source="path_resolution(7); CWE-732",
)
def changeable(application: Application) -> Fact:
    places: dict[Path, None] = {}
    for file in _files(application):
        for path in (file, file.resolve()):  # a link is changed where it is, and where it leads
            places.update(dict.fromkeys([path, *path.parents]))
    trusted = {0, application.system.uids()[1]}
    wrong = []
    for place in places:
        found = _found(application, place)
        if found.st_uid not in trusted:
            wrong.append(f"{place}: owned by uid {found.st_uid}")
        # In a sticky directory only the owner renames or deletes.
        if found.st_mode & _OTHERS_WRITE and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
            wrong.append(f"{place}: mode {stat.S_IMODE(found.st_mode):04o}")
    return judged(wrong, f"{len(places)} files and directories", none_known(application))


CHECKS: tuple[Check[Application], ...] = (in_environment, in_source, readable, changeable)


def _owners(rings: list[tuple[str, KeyRing]], text: str | bytes) -> Iterator[str]:
    """Whose key the text is, in any of the forms in which keys are written."""
    if _SHORTEST <= len(text) <= _LONGEST:
        written = [ring for octets in _forms(text) if (ring := ring_of(octets)) is not None]
        for owner, ring in rings:
            if any(map(ring.shares_key, written)):
                yield owner


def _forms(text: str | bytes) -> Iterator[bytes]:
    try:
        octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return  # no octets of any environment or file
    yield octets
    plain = octets.decode("latin-1").strip()
    if _HEX.fullmatch(plain):
        yield bytes.fromhex(plain)
    for encoded in [plain] if _BASE64.fullmatch(plain) else _JWK.findall(plain):
        digits = encoded.rstrip("=").translate(_STANDARD)
        if len(digits) % 4 != 1:
            yield base64.b64decode(digits + "=" * (-len(digits) % 4))


def _from_functions(application: Application) -> list[str]:
    return [
        f"the keys of {verifier!r} come from a function"
        for verifier in application.verifiers
        if not verifier.ring.key_ids
    ]


def _files(application: Application) -> Iterator[Path]:
    """The files that verifiers read their keys from: as they are named, not where links lead."""
    for verifier in application.verifiers:
        source = verifier.source
        if isinstance(source, Watched):
            names = application.system.names(str(source.path)) if source.path.is_dir() else None
            yield from (
                [source.path] if names is None else (source.path / name for name in names if not name.startswith("."))
            )


def _found(application: Application, path: Path) -> os.stat_result:
    found = application.system.found(str(path))
    if found is None:
        raise Unreadable(f"{path}: not there, or not to be got at")
    return found
