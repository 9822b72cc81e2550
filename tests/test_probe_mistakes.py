"""Each attack of the probe can fail: applications with one mistake each, and the attacks that show it, and no other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from contract import Down
from judged import CLAIMS, KEY, NOW, ORIGIN, SEGMENTS
from probed import (
    PATH,
    Lenient,
    Mistake,
    Shop,
    attacked,
    changed,
    closed,
    entry,
    field,
    missing,
    opened,
    refuted,
    signed_again,
    signer,
    verifier,
)
from sealgate import Request, Scheme, schemes
from sealgate.audit.attacks import ATTACKS, OPENED, OTHER_METHOD
from sealgate.policy import Exempt, Require

SHA256 = Scheme("segments", base=SEGMENTS, fields=CLAIMS)
SHA512 = Scheme("segments", base=SEGMENTS, fields=CLAIMS, hash="sha512")
NAMES = frozenset(row.name for row in (*ATTACKS, *OPENED, *OTHER_METHOD))


def forgiving(forgives: Callable[[Request], Iterable[Request]]) -> Callable[[Shop], Any]:
    return lambda shop: closed(Lenient(forgives=forgives), shop)


def skipping(skips: Callable[[dict[str, Any]], bool]) -> Callable[[Shop], Any]:
    """Closed, but for requests that look harmless."""

    def build(shop: Shop) -> Any:
        gate = closed(verifier(), shop)
        return lambda environ, start_response: (shop if skips(environ) else gate)(environ, start_response)

    return build


def parsing(shop: Shop) -> Any:
    gate = closed(verifier(), shop)

    def parse(environ: dict[str, Any], start_response: Any) -> Any:
        stream = environ["wsgi.input"]
        if environ.get("CONTENT_TYPE") == "application/json":
            try:
                json.loads(stream.getvalue())
            except ValueError:
                start_response("400 Bad Request", [])
                return []
        return gate(environ, start_response)

    return parse


def without_signature_checked(request: Request) -> Iterator[Request]:
    if field(request, "signature"):
        yield signed_again(request)


def without_algorithm_checked(request: Request) -> Iterator[Request]:
    if field(request, "x-signature-algorithm") == "none":
        yield signed_again(request)


def without_body(request: Request) -> Iterator[Request]:
    plain = [pair for pair in request.headers if pair[0] != "content-type"]
    yield changed(request, body=b"", fields=plain)
    yield changed(request, body=(request.body or b"").replace(b"other", b"probe"))


def without_query(request: Request) -> Iterator[Request]:
    yield changed(request, target=request.path)


def with_other_method(request: Request) -> Iterator[Request]:
    yield from (changed(request, method=method) for method in ("GET", "HEAD", "POST", "PUT"))


def with_longer_path(request: Request) -> Iterator[Request]:
    yield changed(request, target=f"{request.target}~probe")


def with_our_host(request: Request) -> Iterator[Request]:
    yield changed(
        request, fields=[p for p in request.headers if p[0] != "host"] + [("host", ORIGIN.removeprefix("https://"))]
    )


def with_other_case(request: Request) -> Iterator[Request]:
    yield changed(request, target=request.target.lower())


def with_path_resolved(request: Request) -> Iterator[Request]:
    yield changed(request, target=request.target.replace("/probe/..", ""))


def without_twin(request: Request) -> Iterator[Request]:
    cut = [(name, value.partition(",sig1=(")[0]) for name, value in request.headers]
    yield changed(request, fields=cut)


MISTAKES = {
    "the signature is not compared": Mistake(
        forgiving(without_signature_checked),
        frozenset(
            [
                *("no algorithm", "wrong key", "tampered body", "tampered path", "tampered query", "tampered method"),
                *("stale", "future", "replayed", "other hash", "other host", "X_Sig twin", "path trick signed"),
            ]
        ),
    ),
    "the message chooses no algorithm": Mistake(forgiving(without_algorithm_checked), frozenset({"no algorithm"})),
    "the body is not compared": Mistake(forgiving(without_body), frozenset({"tampered body"})),
    "the query is not compared": Mistake(forgiving(without_query), frozenset({"tampered query"})),
    "the method is not compared": Mistake(forgiving(with_other_method), frozenset({"tampered method"})),
    "only the start of the path is compared": Mistake(forgiving(with_longer_path), frozenset({"tampered path"})),
    "the host is not compared": Mistake(forgiving(with_our_host), frozenset({"other host"})),
    "paths are compared in lower case": Mistake(forgiving(with_other_case), frozenset({"path trick signed"})),
    "paths are resolved before they are compared": Mistake(
        forgiving(with_path_resolved), frozenset({"path trick signed"})
    ),
    "the first of two signatures counts": Mistake(forgiving(without_twin), frozenset({"X_Sig twin"})),
    "old messages are taken": Mistake(
        lambda shop: closed(Lenient(verifier(clock=lambda: NOW - 600)), shop), frozenset({"stale"})
    ),
    "messages from the future are taken": Mistake(
        lambda shop: closed(Lenient(verifier(clock=lambda: NOW + 600)), shop), frozenset({"future"})
    ),
    "the window is wide": Mistake(lambda shop: closed(verifier(max_age=10**6), shop), frozenset({"stale", "future"})),
    "replays are taken": Mistake(lambda shop: closed(verifier(replay="off"), shop), frozenset({"replayed"})),
    "another party's scheme is taken": Mistake(
        lambda shop: closed(Lenient(verifier(schemes.GITHUB)), shop), frozenset({"other scheme"})
    ),
    "SHA-1 is taken": Mistake(
        lambda shop: closed(Lenient(verifier(schemes.INTERCOM)), shop), frozenset({"other scheme"})
    ),
    "another origin is taken": Mistake(
        lambda shop: closed(Lenient(verifier(origin="https://elsewhere.example")), shop), frozenset({"other host"})
    ),
    "the key is another one": Mistake(
        lambda shop: closed(verifier(keys={"acme": KEY[::-1]}), shop), frozenset({"good request"})
    ),
    "HEAD is let in": Mistake(
        skipping(lambda environ: environ["REQUEST_METHOD"] == "HEAD"),
        frozenset({"unsigned"}),  # and nothing else is tried there
    ),
    "the load balancer is let in": Mistake(
        skipping(lambda environ: environ.get("HTTP_X_FORWARDED_FOR") == "127.0.0.1"),
        frozenset({"unsigned as from inside"}),
    ),
    "this machine is let in": Mistake(
        skipping(lambda environ: environ["HTTP_HOST"] == "localhost"), frozenset({"unsigned as from inside"})
    ),
    "large bodies are let in": Mistake(
        skipping(lambda environ: int(environ.get("CONTENT_LENGTH", 0)) > 2**20), frozenset({"body over the limit"})
    ),
    "preflights come to the view": Mistake(
        skipping(lambda environ: "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ), frozenset({"preflight"})
    ),
    "odd paths are let in": Mistake(
        skipping(lambda environ: "/../" in environ["PATH_INFO"]),
        frozenset({"path trick unsigned", "path trick signed"}),
    ),
    "bodies are parsed first": Mistake(parsing, frozenset({"malformed body unsigned"})),
}


#: Those that need another report than that of a route under RFC 9421.
SHOWN_ELSEWHERE = frozenset({"other hash", "key of another route", "unsigned, a method of no route"})


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_shown_by_its_attack_and_by_no_other(mistake: Mistake) -> None:
    reported = verifier()
    attacks = attacked(mistake.build(Shop()), entry(reported), missing(reported))
    assert mistake.shown_by == refuted(attacks)


def test_every_attack_has_a_mistake_that_it_alone_shows() -> None:
    alone = {name for mistake in MISTAKES.values() if len(mistake.shown_by) == 1 for name in mistake.shown_by}
    beside = {"wrong key", "path trick unsigned", "no algorithm"}  # who is let in by any key, or on odd paths
    assert NAMES == alone | beside | SHOWN_ELSEWHERE
    assert beside <= frozenset().union(*(mistake.shown_by for mistake in MISTAKES.values()))


def test_another_hash_is_shown() -> None:
    def attack(*taken: Scheme) -> set[str]:
        gate = closed(Lenient(*map(verifier, taken), scheme=SHA256))
        reported = verifier(SHA256)
        return refuted(attacked(gate, entry(reported), missing(reported), signer=signer(SHA256)))

    assert (set(), {"other hash"}) == (attack(), attack(SHA512))


def test_a_key_that_the_route_does_not_admit_is_shown() -> None:
    """The report says that only another key is admitted; the application asks for any."""
    reported = verifier()
    attacks = attacked(
        closed(reported), entry(reported, Require((reported,), frozenset({"globex"}))), missing(reported)
    )
    assert {"key of another route"} == refuted(attacks)


def test_a_method_beside_the_exempt_ones_is_shown() -> None:
    reported, shop = verifier(), Shop()
    exempt = entry(reported, Exempt("no data", frozenset({"GET"}), None), methods=("GET",))

    def gate(methods: set[str]) -> Any:
        return skipping(lambda environ: environ["REQUEST_METHOD"] in methods and environ["PATH_INFO"] == PATH)(shop)

    attacks = [attacked(gate(methods), exempt, missing(reported)) for methods in ({"GET"}, {"GET", "HEAD"})]
    assert [set(), {"unsigned, a method of no route"}] == [refuted(each) for each in attacks]
    assert [("HEAD", 200, True)] == [(each.method, each.status, each.ran) for each in attacks[1] if not each.held]


@pytest.mark.parametrize("verdict", ["open", "exempt"])
def test_what_is_said_to_be_open_and_is_closed_is_shown(verdict: str) -> None:
    attacks = attacked(closed(verifier()), opened(verdict=verdict))
    assert ({"unsigned"}, {401}) == (refuted(attacks), {each.status for each in attacks if not each.held})


def test_where_404s_are_open_one_is_no_hole_but_a_trick_that_reaches_the_view_is() -> None:
    """A verifier within a route: what no route takes is told to everybody there."""
    reported, shop = verifier(), Shop()
    gate = closed(reported, shop)

    def resolving(environ: dict[str, Any], start_response: Any) -> Any:
        resolved = environ["PATH_INFO"].replace("/probe/..", "")
        if resolved != environ["PATH_INFO"]:
            return shop({**environ, "PATH_INFO": resolved}, start_response)
        return (gate if resolved == PATH else shop)(environ, start_response)

    def telling(environ: dict[str, Any], start_response: Any) -> Any:
        return (gate if environ["PATH_INFO"] == PATH else shop)(environ, start_response)

    found = [[each for each in attacked(app, entry(reported)) if not each.held] for app in (telling, resolving)]
    assert [set(), {"path trick unsigned", "path trick signed"}] == [refuted(each) for each in found]
    assert {(200, True)} == {(each.status, each.ran) for each in found[1]}


def test_replay_is_shown_also_where_the_view_is_not_seen() -> None:
    careless = verifier(replay="off")
    assert {"replayed"} == refuted(attacked(closed(careless), entry(careless, source=None), missing(careless)))


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "413 Content Too Large"])
def test_refusal_after_the_view_has_run_is_none(status: str) -> None:
    """What a view does before it looks at the signature is done."""
    shop = Shop()

    def late(environ: dict[str, Any], start_response: Any) -> Any:
        shop.view()
        start_response(status, [])
        return []

    attacks = [each for each in attacked(late, entry(verifier())) if each.name == "unsigned"]
    assert {(int(status[:3]), False, True)} == {(each.status, each.held, each.ran) for each in attacks}


def test_good_request_that_is_refused_for_another_reason_is_shown() -> None:
    """No 401, but the store is down."""
    reported = verifier(replay=Down())
    attacks = [each for each in attacked(closed(reported), entry(reported), missing(reported)) if not each.held]
    assert ({"good request"}, {503}) == (refuted(attacks), {each.status for each in attacks})


def test_middleware_of_which_nothing_is_known_excuses_no_trick() -> None:
    """It stands before every path: if it were a route that may take one, no trick could ever be shown."""
    reported, mistake = verifier(), MISTAKES["odd paths are let in"]
    before = replace(opened("/<path:path>", "unknown"), kind="middleware", example=None)
    attacks = attacked(mistake.build(Shop()), before, entry(reported), missing(reported))
    assert mistake.shown_by == refuted(attacks)


@pytest.mark.parametrize(
    ("status", "fields", "is_ours"),
    [
        (401, {"WWW-Authenticate": 'Signature realm="sealgate"'}, True),
        (503, {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}, True),
        (401, {"WWW-Authenticate": "Basic"}, False),
        (403, {"Content-Type": "application/problem+json"}, False),
        (403, {"Content-Type": "text/html", "Cache-Control": "no-store"}, False),
        (302, {"Location": "/login"}, False),
    ],
    ids=["challenge of REST framework's", "problem", "its own challenge", "its own problem", "CSRF", "login"],
)
def test_what_is_open_may_be_refused_by_the_application_and_not_by_us(
    status: int, fields: dict[str, str], is_ours: bool
) -> None:
    """A login asks for something else than a signature."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(f"{status} Refused", list(fields.items()))
        return []

    assert {(status, not is_ours)} == {(each.status, each.held) for each in attacked(app, opened())}
