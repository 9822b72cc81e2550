"""Proves the verdicts of an audit by attack: what is said to be verified has to refuse, what is open has to open."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from sealgate import schemes
from sealgate._native import Key, Origins, Request
from sealgate.audit.aim import Aim, Shot
from sealgate.audit.attacks import ATTACKS, OPENED, OTHER_METHOD, UNKNOWN, Row, Want
from sealgate.audit.calling import Answer, caller_of
from sealgate.audit.entry import Entry, Proof, Verdict
from sealgate.audit.report import LEFT_OUT, Attack, Report
from sealgate.audit.sentinel import Sentinel
from sealgate.exceptions import ConfigurationError
from sealgate.signer import Signer

__all__ = ["probe"]

_SAFE = ("GET", "HEAD", "OPTIONS")
_UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
_UNPARSED = frozenset({401, 403, 408, 411, 413, 503})
_REFUSED = _UNPARSED | {400}
_PARSED = frozenset({400, 415, 422})
_ROWS: dict[Verdict, tuple[Row, ...]] = {"verified": ATTACKS, "exempt": OPENED, "open": OPENED, "unknown": UNKNOWN}


def probe(
    report: Report,
    application: Any,
    *,
    signer: Signer | None = None,
    origin: str | None = None,
    unsafe: bool = False,
    clock: Callable[[], float] = time.time,
) -> Report:
    """`report` with the attacks that were made on each entry that has an example of its path.

    `application`: a WSGI or ASGI application, `django.conf.settings`, or the URL of a server on loopback that has it;
    nothing is sent to anything else. `signer`: has the true key of one scheme; without it nothing is tampered with, and
    no good request is made. `origin`: where the application thinks that it is, such as `https://api.shop.example`.
    `unsafe`: also with methods that change something, which they do where the route is open, and where the good request
    comes. `clock`: Unix seconds, as the verifiers have them. Nothing is logged meanwhile, by anybody in this process.

    Raises `ConfigurationError`. In a running event loop an ASGI application cannot be probed.
    """
    if origin is not None:
        Origins(origin)
    in_process = not isinstance(application, str)
    if origin is None and in_process and signer is not None and signer.scheme.needs_origin:
        raise ConfigurationError(f"origin: the scheme {signer.scheme.name} covers the authority, so it is required")
    at = (origin or ("http://localhost" if in_process else application)).rstrip("/")
    if report.framework == "django" and in_process and not callable(application):
        application = _django()
    with ExitStack() as stack:
        stack.enter_context(_silent())
        caller = stack.enter_context(caller_of(application, at))
        sentinel = stack.enter_context(Sentinel()) if in_process else None

        def ask(request: Request, aim: Aim) -> tuple[Answer, bool | None]:
            if sentinel is None:
                return caller.call(request, websocket=aim.is_websocket), None
            sentinel.aim(aim.entry, aim.method)
            answer = caller.call(request, websocket=aim.is_websocket)
            return answer, sentinel.ran

        attacks = tuple(_Probe(report, signer, at, ask, in_process=in_process, unsafe=unsafe, clock=clock).attacks())
    return replace(report, attacks=attacks)


@contextmanager
def _silent() -> Iterator[None]:
    """Thousands of refusals are what the probe is for: they are no news for a log."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _django() -> Any:
    from django.core.handlers.wsgi import WSGIHandler

    return WSGIHandler()


class _Probe:
    def __init__(
        self,
        report: Report,
        signer: Signer | None,
        origin: str,
        ask: Callable[[Request, Aim], tuple[Answer, bool | None]],
        *,
        in_process: bool,
        unsafe: bool,
        clock: Callable[[], float],
    ) -> None:
        self._entries = report.entries
        self._signer = signer
        self._origin = origin
        self._ask = ask
        self._methods = (*_SAFE, *_UNSAFE) if unsafe else _SAFE
        self._clock = clock
        self._in_process = in_process
        self._presets = schemes.by_name()
        self._left_out = Counter[tuple[str, str]]()
        #: Of each tree of paths, what no route takes: where that is refused, a 404 says that a request was let in.
        self._missing = [(_literal(each.path)[0], each) for each in report.entries if each.kind == "missing"]
        self._others = [
            _literal(entry.path)
            for entry in report.entries
            if entry.verdict != "verified" and entry.kind not in {"missing", "middleware"}
        ]
        self._taken = defaultdict[str, set[str]](set)
        self._named = defaultdict[tuple[str, str], set[str]](set)
        for entry in report.entries:
            self._named[entry.path, entry.kind].update(entry.methods)
            for path in {entry.path, entry.example or entry.path}:
                self._taken[path].update(entry.methods)

    def attacks(self) -> Iterator[Attack]:
        for entry in self._entries:
            if entry.example is None:
                yield Attack(entry.path, ", ".join(entry.methods), LEFT_OUT, None, True, None, "no example of the path")
                continue
            for method in self._sent(entry):
                yield from self._on(self._aim(entry, method), _ROWS[entry.verdict])
            if entry.verdict in {"verified", "exempt"} and "WEBSOCKET" not in entry.methods:
                for method in self._foreign(entry):
                    yield from self._on(self._aim(entry, method), OTHER_METHOD)
        for (method, why), number in sorted(self._left_out.items()):
            told = f"{why}: {number} route{'s' * (number != 1)}"
            yield Attack("*", method, LEFT_OUT, None, True, None, told)

    def _sent(self, entry: Entry) -> Iterator[str]:
        if "*" in entry.methods:  # beside entries of the same that name methods: all the others
            named = self._named[entry.path, entry.kind]
            yield from (method for method in self._methods if method not in named)
            return
        for method in entry.methods:
            if method in self._methods or method == "WEBSOCKET":
                yield method
            else:
                self._left_out[method, "a method that was not to be sent"] += 1

    def _foreign(self, entry: Entry) -> Iterator[str]:
        """Methods that the route does not have, and no other entry of this path."""
        taken = self._taken[entry.path] | self._taken[entry.example or entry.path]
        if "*" not in taken:
            yield from (method for method in self._methods if method not in taken)
        self._taken[entry.path].update(self._methods)

    def _aim(self, entry: Entry, method: str) -> Aim:
        path = quote(entry.example or "/", safe="%/:@!$&'()*+,;=~-._")
        aim = Aim(entry, method, path, self._origin, self._clock(), self._in_process)
        signer = self._signer
        proof = next((each for each in entry.standing.proofs if signer and each.scheme == signer.scheme.name), None)
        if signer is not None and proof is not None:
            forger = _random(signer.scheme, signer.key_id)
            admitted = proof.keys is None or signer.key_id in proof.keys
            true, stranger = (signer, None) if admitted else (None, signer)
            return replace(aim, proof=proof, scheme=signer.scheme, signer=true, stranger=stranger, forger=forger)
        proof = next(iter(entry.standing.proofs), None)
        scheme = self._presets.get(proof.scheme) if proof else None
        if proof is None or scheme is None:
            return replace(aim, proof=proof, stranger=signer)
        return replace(aim, proof=proof, scheme=scheme, stranger=signer, forger=_random(scheme, _key_id(proof)))

    def _on(self, aim: Aim, rows: tuple[Row, ...]) -> Iterator[Attack]:
        left_out: set[str] = set()
        for row in rows:
            if not row.here(aim):
                continue
            if row.needs is not None and getattr(aim, row.needs) is None:
                left_out.update(_WITHOUT.get(row.needs, ()))
                continue
            try:
                shots = list(row.shots(aim))
            except ConfigurationError as error:
                left_out.add(f"{row.name}: {error}")
                continue
            made = [attack for shot in shots for attack in self._made(row, shot, aim)]
            yield from made
            if row.decides and not all(attack.held for attack in made):
                left_out.add(f"no more after what came of {row.name!r}")
                break
        self._left_out.update((aim.method, why) for why in left_out)

    def _made(self, row: Row, shot: Shot, aim: Aim) -> list[Attack]:
        """One attack; or of several in one that do not go as they should, those to blame."""
        attack = self._send(row, shot, aim)
        if attack.held or shot.apart is None:
            return [attack]
        apart = [self._send(row, each, aim) for each in shot.apart()]
        return [each for each in apart if not each.held] or [attack]

    def _send(self, row: Row, shot: Shot, aim: Aim) -> Attack:
        if shot.first is not None:
            self._ask(shot.first, aim)
        answer, ran = self._ask(shot.request, aim)
        held = self._holds(row.want, answer, ran, aim, shot.request)
        name = f"{row.name} ({shot.note})" if shot.note else row.name
        said = _said(row.want, answer, held=held)
        return Attack(shot.request.path, aim.method, name, answer.status, held, ran, said)

    def _holds(self, want: Want, answer: Answer, ran: bool | None, aim: Aim, request: Request) -> bool:
        parsed = _PARSED if aim.entry.standing.parsed_first else frozenset[int]()
        refused = ran is not True and answer.status in _REFUSED | parsed
        match want:
            case "refused":
                return refused
            case "unparsed":
                return ran is not True and answer.status in _UNPARSED | parsed
            case "cut":
                return refused or (ran is not True and answer.status is None)
            case "once":
                return refused or (ran is not True and answer.acknowledged)
            case "elsewhere":
                return refused or (ran is not True and self._is_elsewhere(answer, ran, request))
            case "unseen":
                return ran is not True
            case "admitted":
                return answer.status not in {None, 401} and not answer.ours
            case "opened":
                return answer.status is not None and not answer.ours
            case "told" | "parsed":
                return True

    def _is_elsewhere(self, answer: Answer, ran: bool | None, request: Request) -> bool:
        """Whether what answered is nothing that the audit calls closed: another route, or no route at all."""
        path = unquote(request.path)
        if any(path.startswith(prefix) if more else path == prefix for prefix, more in self._others):
            return True
        trees = [
            (len(prefix), request.method in entry.methods, entry.verdict == "verified")
            for prefix, entry in self._missing
            if path.startswith(prefix) and {request.method, "*"} & set(entry.methods)
        ]
        closed = max(trees, default=(0, False, False))[2]
        return not closed and (ran is False or answer.status in {301, 302, 303, 307, 308, 404, 405})


_WITHOUT = {
    "signer": ("no signer for the route: nothing tampered with, and no good request",),
    "forger": ("no scheme of that name is known: nothing forged",),
}
_EXPECTED: dict[str, str] = {
    "refused": "it should have been refused",
    "unparsed": "it should have been refused before its body was parsed",
    "cut": "it should have been refused",
    "once": "it should have been refused the second time",
    "elsewhere": "it should have been refused",
    "unseen": "the view should not have run",
    "admitted": "it should have been let in",
    "opened": "it was not let in",
}


def _said(want: Want, answer: Answer, *, held: bool) -> str:
    told = [answer.failure] if answer.failure else []
    if not held:
        told.append(_EXPECTED[want])
    elif want == "unparsed" and answer.status not in _UNPARSED:
        told.append("parsed before it is proven, as the audit says")
    elif want == "parsed" and answer.status in _PARSED and not answer.ours:
        told.append("it was parsed")
    elif want in {"told", "parsed"}:
        told.append("it was refused" if answer.ours or answer.status in _REFUSED else "it was let in")
    return "; ".join(told)


def _random(scheme: Any, key_id: str | None) -> Signer:
    return Signer(scheme, key=Key(secrets.token_bytes(32)), key_id=key_id)


def _key_id(proof: Proof) -> str:
    return proof.keys[0] if proof.keys else "probe"


def _literal(pattern: str) -> tuple[str, bool]:
    """What paths of this pattern start with, and whether anything may follow."""
    literal = re.split(r"[<{(\[*^$\\]", pattern, maxsplit=1)[0]
    return unquote(literal), literal != pattern
