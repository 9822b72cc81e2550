"""What the probe's tests attack: a shop of one view, verifiers with one mistake each, and reports written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from judged import KEY, KEY_ID, NOW, ORIGIN
from sealgate import Key, Rejected, Request, Scheme, Signer, Verifier, schemes
from sealgate.audit.entry import Entry, Standing, name_of, source_of, standing
from sealgate.audit.probe import probe
from sealgate.audit.report import LEFT_OUT, Attack, Report
from sealgate.policy import Policy, Require, Rule
from sealgate.wsgi import SignatureMiddleware

METHODS = ("GET", "HEAD", "OPTIONS", "POST")
PATH = "/orders/7"
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Shop:
    """One view at every path; `ran`: how often it did."""

    def __init__(self) -> None:
        self.ran = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status = "200 OK" if environ["PATH_INFO"] == PATH else "404 Not Found"
        start_response(status, [("Content-Type", "text/plain")])
        return self.view() if environ["PATH_INFO"] == PATH else []

    def view(self) -> list[bytes]:
        self.ran += 1
        return [b"seven"]


def signer(scheme: Any = schemes.RFC9421, key: bytes = KEY) -> Signer:
    return Signer(scheme, key_id=KEY_ID, key=Key(key))


def verifier(scheme: Any = schemes.RFC9421, **settings: Any) -> Verifier:
    keys = {KEY_ID: KEY} if scheme.names_key else Key(KEY)
    return Verifier(scheme, **{"keys": keys, "origin": ORIGIN, "clock": lambda: NOW, **settings})


def closed(verifier: Verifier, shop: Shop | None = None) -> SignatureMiddleware:
    """With what the scheme cannot cover left uncovered."""
    gate = SignatureMiddleware(shop or Shop(), verifier)
    gate.policy.default = Require((verifier,), None, uncovered(verifier))
    return gate


def uncovered(verifier: Verifier) -> frozenset[str]:
    return frozenset({"body"} if "body-not-covered" in verifier.scheme.weaknesses() else ())


def entry(verifier: Verifier, *rules: Rule, path: str = PATH, methods: tuple[str, ...] = METHODS, **how: Any) -> Entry:
    """As the audit has it for a route with these rules, in an application with that verifier."""
    view = how.pop("view", Shop.view)
    rules = rules or (Require((verifier,), None, uncovered(verifier)),)
    found = standing(Policy(verifier), rules, methods[0], NOW)
    return Entry(path, methods, found, **{"view": name_of(view), "source": source_of(view), "example": path, **how})


def opened(path: str = PATH, verdict: Any = "open", methods: tuple[str, ...] = METHODS) -> Entry:
    given = Standing(verdict, ("as the test says",))
    return Entry(path, methods, given, view=name_of(Shop.view), source=source_of(Shop.view), example=path)


def missing(verifier: Verifier) -> Entry:
    """What no route takes is closed too."""
    return entry(verifier, path="/<path:path>", methods=("*",), kind="missing", view="", source=None, example="/none")


def attacked(application: Any, *entries: Entry, **how: Any) -> tuple[Attack, ...]:
    """The attacks of a probe with the true key, and with every method."""
    how = {"signer": signer(), "origin": ORIGIN, "unsafe": True, "clock": lambda: NOW, **how}
    return probe(Report("shop", "wsgi", entries), application, **how).attacks


def names(attacks: Iterable[Attack]) -> set[str]:
    """Of the attacks, without what tells several of one kind apart."""
    return {attack.name.partition(" (")[0] for attack in attacks}


def refuted(attacks: Iterable[Attack]) -> set[str]:
    """The names of those that went otherwise than the verdict says."""
    return names(attack for attack in attacks if not attack.held)


def got_in(attacks: Iterable[Attack]) -> set[tuple[str, str]]:
    """Path and method of what was answered without a signature that holds."""
    refusals = {None, 400, 401, 403, 408, 411, 413, 503}
    return {
        (attack.path, attack.method)
        for attack in attacks
        if attack.status not in refusals and attack.name not in {"good request", LEFT_OUT}
    }


@dataclass(frozen=True)
class Mistake:
    """What an application does wrong, and the attacks that show it. `build`: the application around a shop."""

    build: Callable[[Shop], Any]
    shown_by: frozenset[str]


class Lenient(Verifier):
    """Takes what another verifier would, or what somebody makes of the request before: a verifier with a mistake."""

    def __init__(
        self,
        *others: Verifier,
        forgives: Callable[[Request], Iterable[Request]] | None = None,
        scheme: Scheme = schemes.RFC9421,
    ) -> None:
        super().__init__(scheme, keys={KEY_ID: KEY} if scheme.names_key else Key(KEY), origin=ORIGIN, clock=lambda: NOW)
        self._others = others
        self._forgives = forgives or (lambda _: ())

    def steps(self, request: Request, read_body: Any, *how: Any, awaits: bool) -> Any:
        body = b"" if read_body is None else read_body(self.body_limit)
        whole = changed(request, body=(yield body) if awaits and read_body is not None else body)
        own = super().steps
        tries = [(own, whole), *((other.steps, whole) for other in self._others)]
        tries += [(own, other) for other in self._forgives(whole)]
        refusals = []
        for steps, each in tries:
            try:
                return (yield from steps(each, None, *how, awaits=awaits))
            except Rejected as refusal:
                refusals.append(refusal)
        raise refusals[0]


def changed(request: Request, *, fields: Any = None, **how: Any) -> Request:
    """`request` with another `method`, `target`, `body`, `params` or `fields`."""
    given = {"method": request.method, "target": request.target, "body": request.body, **how}
    headers = request.headers if fields is None else fields
    return Request(given["method"], given["target"], headers, given["body"], params=how.get("params", request.params))


def signed_again(request: Request) -> Request:
    """With a signature that is right, whatever there was."""
    gone = {"signature", "signature-input", "content-digest", "host"}
    fields = [pair for pair in request.headers if pair[0] not in gone]
    plain = Request(request.method, request.target, fields, request.body, origin=ORIGIN)
    return Signer(schemes.RFC9421, key_id=KEY_ID, key=KEY, clock=lambda: NOW).sign(plain)


def field(request: Request, name: str) -> str:
    return dict(request.headers).get(name, "")
