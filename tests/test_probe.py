"""The probe: what is closed holds, by every scheme and interface; what it sends, what it leaves out, and to whom."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from duplicate_shops import Ledger
from judged import CLAIMS, KEY, NOW, ORIGIN, SEGMENTS
from probed import METHODS, PATH, Shop, attacked, closed, entry, missing, names, opened, refuted, signer, verifier
from sealgate import ConfigurationError, Scheme, asgi, schemes, wsgi
from sealgate.audit import Entry
from sealgate.audit.attacks import ATTACKS, OTHER_METHOD
from sealgate.audit.probe import probe
from sealgate.audit.report import LEFT_OUT, Report
from sealgate.policy import Require

OWN = Scheme("segments", base=SEGMENTS, fields=CLAIMS)


def test_every_attack_is_made_on_a_route_that_proves_everything() -> None:
    reported = verifier()
    stranger = entry(reported, Require((reported,), frozenset({"globex"})), path="/orders/8")
    attacks = attacked(closed(reported), entry(reported), stranger)
    assert {row.name for row in (*ATTACKS, *OTHER_METHOD)} == names(each for each in attacks if each.name != LEFT_OUT)


def test_view_runs_for_the_good_requests_only() -> None:
    """Two of them a method: the good one, and the one that is replayed."""
    reported, shop = verifier(), Shop()
    attacks = attacked(closed(reported, shop), entry(reported), missing(reported))
    assert 2 * len(METHODS) == shop.ran
    assert {("good request", True)} == {(each.name, each.ran) for each in attacks if each.ran}
    assert {False} == {each.ran for each in attacks if each.path == PATH and each.name != "good request"}


def test_where_it_is_not_known_where_a_view_is_written_nothing_is_said_of_it() -> None:
    reported = verifier()
    attacks = attacked(closed(reported), entry(reported, source=None), missing(reported))
    assert ({None}, set()) == ({each.ran for each in attacks}, refuted(attacks))


class Recording(Shop):
    def __init__(self) -> None:
        super().__init__()
        self.methods: set[str] = set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.methods.add(environ["REQUEST_METHOD"])
        return super().__call__(environ, start_response)


@pytest.mark.parametrize("methods", [("GET", "HEAD", "OPTIONS", "DELETE", "POST"), ("*",)], ids=["named", "any"])
def test_only_safe_methods_are_sent_unless_it_is_told_otherwise(methods: tuple[str, ...]) -> None:
    sent = {}
    for unsafe in (False, True):
        shop = Recording()
        attacks = attacked(shop, opened(methods=methods), unsafe=unsafe)
        left_out = {each.method for each in attacks if each.name == LEFT_OUT}
        sent[unsafe] = shop.methods | left_out
        assert left_out == ({"DELETE", "POST"} if "POST" in methods and not unsafe else set())
    assert {"GET", "HEAD", "OPTIONS"} <= sent[False]
    assert sent[True] == sent[False] | {"DELETE", "POST"} | ({"PUT", "PATCH"} if "*" in methods else set())


def test_a_method_that_other_entries_of_the_path_have_is_theirs() -> None:
    """OPTIONS is open, and the audit says so: the closed GET is not to blame."""
    reported, shop = verifier(), Shop()
    gate = closed(reported, shop)

    def half(environ: dict[str, Any], start_response: Any) -> Any:
        chosen = shop if environ["REQUEST_METHOD"] in {"OPTIONS", "HEAD"} else gate
        return chosen(environ, start_response)

    entries = [entry(reported, methods=("GET",)), opened(methods=("OPTIONS",))]
    assert {("HEAD", "unsigned, a method of no route")} == {
        (each.method, each.name) for each in attacked(half, *entries, unsafe=False) if not each.held
    }


def test_any_method_is_any_other_where_some_are_named() -> None:
    """Two entries of one mount: what is exempt there, and the rest of it."""
    reported, shop = verifier(), Shop()
    gate = closed(reported, shop)

    def half(environ: dict[str, Any], start_response: Any) -> Any:
        return (shop if environ["REQUEST_METHOD"] == "GET" else gate)(environ, start_response)

    entries = [entry(reported, methods=("*",)), opened(verdict="exempt", methods=("GET",))]
    attacks = attacked(half, *entries)
    assert (set(), {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}) == (
        refuted(attacks),
        {each.method for each in attacks},
    )


def test_404_under_an_exempt_mount_is_no_hole() -> None:
    """Below `/orders` whatever is not there is exempt for GET, and closed for the rest."""
    reported, shop = verifier(), Shop()
    gate = closed(reported, shop)

    def mount(environ: dict[str, Any], start_response: Any) -> Any:
        inside = environ["PATH_INFO"].startswith("/orders/") and environ["PATH_INFO"] != PATH
        return (shop if inside and environ["REQUEST_METHOD"] == "GET" else gate)(environ, start_response)

    public = replace(opened("/orders/<path:rest>", "exempt", ("GET",)), kind="missing", example=None)
    rest = entry(reported, path="/orders/<path:rest>", methods=("*",), kind="missing", example=None)
    both = [refuted(attacked(mount, entry(reported), missing(reported), rest, *more)) for more in ((), (public,))]
    assert [{"path trick unsigned", "path trick signed"}, set()] == both


def test_what_was_left_out_is_told_with_its_reason() -> None:
    reported = verifier()
    without_example = entry(reported, path="/by/{token}", example=None)
    attacks = attacked(closed(reported), entry(reported), without_example, signer=None, unsafe=False)
    told = {(each.path, each.method, each.detail) for each in attacks if each.name == LEFT_OUT}
    no_signer = "no signer for the route: nothing tampered with, and no good request: 1 route"
    assert {
        ("/by/{token}", "GET, HEAD, OPTIONS, POST", "no example of the path"),
        ("*", "POST", "a method that was not to be sent: 1 route"),
        *(("*", method, no_signer) for method in ("GET", "HEAD", "OPTIONS")),
    } == told
    assert {"wrong key", "unsigned"} <= names(attacks)
    assert "good request" not in names(attacks)


def test_scheme_of_ones_own_is_forged_with_its_signer_only() -> None:
    """Its name is all that a report has."""
    reported = verifier(OWN)
    made = [names(attacked(closed(reported), entry(reported), signer=each)) for each in (None, signer(OWN))]
    assert [False, True] == ["wrong key" in each for each in made]


def test_signer_of_another_scheme_is_a_stranger() -> None:
    reported = verifier(schemes.GITHUB, keys=KEY[::-1])
    attacks = attacked(closed(reported), entry(reported), signer=signer(schemes.RFC9421))
    assert (set(), True, False) == (
        refuted(attacks),
        "key of another route" in names(attacks),
        "good request" in names(attacks),
    )


def test_body_and_query_that_may_go_unsigned_are_left_alone() -> None:
    reported = verifier()
    loose = entry(reported, Require((reported,), None, frozenset({"query", "body"})))
    made = names(attacked(closed(reported), loose))
    assert set() == made & {"tampered query", "tampered body"}


@pytest.mark.parametrize("layer", [wsgi.SignatureMiddleware, asgi.SignatureMiddleware], ids=["wsgi", "asgi"])
def test_duplicate_that_is_acknowledged_without_the_view_is_no_replay(layer: Any) -> None:
    async def answering(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            Shop.view(shop)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"seven"})

    acknowledging, shop = verifier(duplicates="acknowledge", replay=Ledger()), Shop()
    application = layer(shop if layer is wsgi.SignatureMiddleware else answering, acknowledging)
    attacks = attacked(application, entry(acknowledging))
    replayed = [(each.status, each.held, each.ran) for each in attacks if each.name == "replayed"]
    assert [(200, True, False)] * len(METHODS) == replayed


def test_body_that_is_parsed_first_is_what_the_audit_has_said() -> None:
    """Which explains that a parser complains, and not that the view answers."""

    def attack(status: str, reported: Entry) -> set[str]:
        def parse(environ: dict[str, Any], start_response: Any) -> Any:
            if environ["wsgi.input"].getvalue() == b'{"':
                start_response(status, [])
                return []
            return closed(verifier())(environ, start_response)

        return refuted(attacked(parse, reported, signer=None))

    known = entry(verifier())
    warned = replace(known, standing=replace(known.standing, parsed_first=True))
    complaints = ("400 Bad Request", "422 Unprocessable Content", "200 OK")
    assert [{"malformed body unsigned"}] * 3 == [attack(status, known) for status in complaints]
    assert [set(), set(), {"malformed body unsigned"}] == [attack(status, warned) for status in complaints]


def test_unknown_is_told_what_it_does_and_never_refuted() -> None:
    told = [
        {each.detail for each in attacked(application, opened(verdict="unknown"))}
        for application in (Shop(), closed(verifier()))
    ]
    assert [{"it was let in"}, {"it was refused"}] == told


def test_route_that_an_exempt_tree_may_take_is_no_hole() -> None:
    """Under `/orders/` everything else is public: another spelling of a closed path may be one of those."""
    reported, shop = verifier(), Shop()
    gate = closed(reported, shop)

    def tree(environ: dict[str, Any], start_response: Any) -> Any:
        inside = environ["RAW_URI"].startswith("/orders/") and environ["PATH_INFO"] != PATH
        return (shop if inside else gate)(environ, start_response)

    public = opened("/orders/<path:rest>", "exempt", ("GET",))
    assert {"path trick unsigned", "path trick signed"} == refuted(attacked(tree, entry(reported), missing(reported)))
    attacks = attacked(tree, entry(reported), public, missing(reported), unsafe=False)
    assert set() == {each.name for each in attacks if not each.held and each.path != public.example}


def test_application_that_fails_is_not_called_closed() -> None:
    def broken(environ: Any, start_response: Any) -> Any:
        raise ValueError("of the application")

    reported = verifier()
    attacks = [each for each in attacked(broken, entry(reported)) if each.name == "unsigned"]
    said = "the application raised ValueError; it should have been refused"
    assert {(500, False, said)} == {(each.status, each.held, each.detail) for each in attacks}


def test_report_is_the_same_but_for_its_attacks() -> None:
    reported = verifier()
    before = Report("shop", "wsgi", (entry(reported),))
    after = probe(before, closed(reported), origin=ORIGIN)
    assert (before.target, before.framework, before.entries, ()) == (
        after.target,
        after.framework,
        after.entries,
        before.attacks,
    )
    assert after.attacks


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1",
        "http://example.com:8000",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0:8000",
        "http://[2001:db8::1]",
        "http://[::]",
        "http://2130706433",
        "http://127.0.0.1@192.0.2.1",
        "http://user:password@127.0.0.1",
        "http://127.0.0.1:8000/below",
        "http://127.0.0.1:8000?q=1",
        "http://127.0.0.1:99999",
        "https://127.0.0.1",
        "ftp://127.0.0.1",
        "//127.0.0.1",
        "127.0.0.1:8000",
        "",
    ],
)
def test_what_is_not_a_server_on_loopback_is_refused_and_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *where: asked.append(where))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where, **how: asked.append(where))
    with pytest.raises(ConfigurationError, match="a server on loopback"):
        probe(Report("shop", "wsgi", (opened(),)), url)
    assert [] == asked


def test_localhost_that_leads_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("127.0.0.1", "192.0.2.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(ConfigurationError, match="a server on loopback"):
        probe(Report("shop", "wsgi", (opened(),)), "http://localhost")


def test_server_that_is_not_there_is_a_mistake_of_ours() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(ConfigurationError, match="no server on port"):
            probe(Report("shop", "wsgi", (opened(),)), f"http://127.0.0.1:{reserved.getsockname()[1]}")


@pytest.mark.parametrize("origin", ["shop.example", "https://shop.example/path", ""])
def test_origin_that_is_none_is_a_mistake_of_ours(origin: str) -> None:
    with pytest.raises(ConfigurationError):
        probe(Report("shop", "wsgi", (opened(),)), Shop(), origin=origin)


def test_signer_over_the_authority_needs_an_origin() -> None:
    with pytest.raises(ConfigurationError, match="origin"):
        probe(Report("shop", "wsgi", (opened(),)), Shop(), signer=signer())


def test_what_cannot_be_called_is_a_mistake_of_ours() -> None:
    with pytest.raises(ConfigurationError, match="WSGI or ASGI"):
        probe(Report("shop", "wsgi", (opened(),)), object())


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A server on loopback that keeps what it is sent, and answers 401."""
    heads: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                head = connection.recv(65536)
                if head:
                    heads.append(head)
                    connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", heads
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_targets_go_on_the_wire_as_they_are() -> None:
    reported = verifier()
    with listening() as (url, heads):
        attacks = attacked(url, entry(reported, methods=("GET",)), unsafe=False)
    heard = {head.split(b" ", 2)[1].decode() for head in heads if head.startswith(b"GET")}
    sent = {re.sub("(?<=bodySHA256=)[0-9a-f]{64}|(?<=methods=GET&).*", "...", target) for target in heard}
    tricks = {
        "/%2e/orders/7",
        "//orders/7",
        "/probe/../orders/7",
        "/probe/%2e%2e/orders/7",
        "/orders%2F7",
        "/orders/7/",
    }
    others = {f"{PATH}?bodySHA256=...", f"{PATH}?methods=GET&..."}
    assert tricks | others | {"/ORDERS/7", "/orders//7", PATH, f"{PATH}?probe=1"} == sent
    hosts = {line for head in heads for line in head.lower().split(b"\r\n") if line.startswith(b"host:")}
    assert {b"host: api.shop.example", b"host: localhost", b"host: elsewhere.example"} == hosts
    assert {"good request"} == refuted(attacks)
    assert {None} == {each.ran for each in attacks}


def test_time_is_the_clocks() -> None:
    """The signer's own clock says another one."""
    reported = verifier(clock=lambda: NOW + 10_000)
    attacks = attacked(closed(reported), entry(reported), clock=lambda: NOW + 10_000)
    assert set() == refuted(attacks)


def test_where_an_unsigned_request_gets_in_nothing_more_is_tried() -> None:
    """One line of a report says it; the other thirty attacks would say it again."""
    reported = verifier()
    attacks = attacked(Shop(), entry(reported, methods=("GET",)), signer=None, unsafe=False)
    assert [("unsigned", "GET", False)] == [(e.name, e.method, e.held) for e in attacks if e.method == "GET"][:1]
    told = {(each.method, each.detail) for each in attacks if each.name == LEFT_OUT}
    assert {("GET", "no more after what came of 'unsigned': 1 route")} == told
    assert {"unsigned", "unsigned, a method of no route", LEFT_OUT} == names(attacks)
