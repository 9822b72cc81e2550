"""Client signers: what arrives at a server, octet by octet, is what was signed; the judge and a foreign library say so."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import requests
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import HMAC_SHA256
from hypothesis import given
from hypothesis import strategies as st

import reference
import sealgate.httpx
import sealgate.requests
from client_calls import REFUSED_BY_CLIENTS, enclosed, in_the_body, judged, signed_body
from client_libraries import CLIENTS, HTTPX, call, each_client, each_httpx, each_way, sent, signer
from judged import JUDGED, KEY, KEY_ID, NOW, RFC9421
from reference import PROVIDERS, Message
from sealgate import ConfigurationError, Signer, schemes
from wire import Wire, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Wire]:
    with serving() as wire:
        yield wire


@pytest.fixture
def wire(server: Wire) -> Wire:
    return server.forget()


#: What clients rewrite, each in its own way, and what they leave.
ODD_URLS = [
    "",
    "?",
    "/",
    "/a%20b/%2Fc?x=1&x=2",
    "/a b?q=a b",
    "/a/../b/./c",
    "/%7Ea/%61?%61=%7e",
    "/a%2fb",
    "/[x]|y?[z]|",
    "/a?",
    "/a\\b",
    "/a;b=c,d",
    "/é/€?ö=ß",
    "/a//b",
    "/a?b?c=/d#fragment",
    "/a?x=%zz&y=%",
    "/a?x=1+2%2B3",
]


@each_way
@pytest.mark.parametrize("target", ODD_URLS)
@each_client
def test_the_target_on_the_wire_is_the_one_that_was_signed(client: Any, target: str, how: str, wire: Wire) -> None:
    sent(client, wire, how, call("GET", wire.origin + target))
    assert KEY_ID == judged(wire.only, wire).key_id


@pytest.mark.parametrize("target", ["//a", "/%zz"])
@each_way
@each_httpx
def test_a_target_that_no_verifier_takes_is_not_sent(client: Any, how: str, target: str, wire: Wire) -> None:
    with pytest.raises(ConfigurationError):
        sent(client, wire, how, call("GET", wire.origin + target))
    assert [] == wire.requests


def test_any_text_in_an_url_is_signed_as_sent_or_not_sent(server: Wire) -> None:
    """Each client reads a text as an URL in its own way: some refuse it, and then nothing may have been sent."""
    segments = st.lists(st.text(max_size=12).map(lambda text: "/" + text), min_size=1, max_size=4).map("".join)

    @given(segments, st.text(max_size=20))
    def check(path: str, query: str) -> None:
        for client, how in product(CLIENTS.values(), ("auth", "bound")):
            wire = server.forget()
            try:
                sent(client, wire, how, call("GET", f"{wire.origin}{path}?{query}"))
            except (ConfigurationError, *REFUSED_BY_CLIENTS):
                assert [] == wire.requests
            else:
                assert KEY_ID == judged(wire.only, wire).key_id

    check()


@each_way
@pytest.mark.parametrize("name", ["httpx", "httpx2", "httpx-async", "httpx2-async"])
def test_a_target_of_the_callers_choice_is_signed(name: str, how: str, wire: Wire) -> None:
    """httpx documents the extension: it replaces what the URL says, on the wire."""
    sent(CLIENTS[name], wire, how, call("GET", wire.origin + "/a", extensions={"target": b"/b%2F?c"}))
    assert ("/b%2F?c", KEY_ID) == (wire.only.target, judged(wire.only, wire).key_id)


BODIES: dict[str, dict[str, Any]] = {
    "none": {},
    "empty": {"content": b""},
    "bytes": {"content": b"\x00\xff raw"},
    "text": {"content": "smörgås €"},
    "json": {"json": {"total": 1, "name": "é"}},
    "form": {"data": {"name": "a b&c=é", "n": ["1", "2"]}},
    "files": {"files": {"file": ("a.txt", b"\x00content", "text/plain")}},
}


@each_way
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@each_client
def test_every_kind_of_body_is_signed_as_sent(
    client: Any, method: str, body: dict[str, Any], how: str, wire: Wire
) -> None:
    sent(client, wire, how, call(method, wire.origin + "/orders", **body))
    assert KEY_ID == judged(wire.only, wire).key_id
    assert bool(body.get("content", body)) == bool(wire.only.body)


def raw(client: Any, wire: Wire, how: str, content: Any) -> Message:
    sent(client, wire, how, call("POST", wire.origin + "/orders", content=content))
    judged(wire.only, wire)
    return wire.only


@each_way
@each_client
def test_text_is_sent_as_utf_8(client: Any, how: str, wire: Wire) -> None:
    assert "smörgås €".encode() == raw(client, wire, how, "smörgås €").body


@each_way
@each_client
def test_a_generator_is_signed_and_sent_whole_with_its_length(client: Any, how: str, wire: Wire) -> None:
    message = raw(client, wire, how, (chunk for chunk in [b"one ", b"", b"two"]))
    assert (b"one two", "7", None) == (message.body, message.one("content-length"), message.one("transfer-encoding"))


@each_way
@each_client
def test_a_generator_of_nothing_is_an_empty_body(client: Any, how: str, wire: Wire) -> None:
    message = raw(client, wire, how, iter([]))
    assert (b"", "0", None) == (message.body, message.one("content-length"), message.one("transfer-encoding"))


@each_way
@each_client
def test_a_file_is_sent_from_where_it_stands(client: Any, how: str, wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"read before, sent")
    with path.open("rb") as file:
        file.read(len(b"read before, "))
        assert b"sent" == raw(client, wire, how, file).body


class Pipe:
    """What can be read once, and knows no position."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def __iter__(self) -> Iterator[bytes]:
        return iter([self.read()])

    def read(self, size: int = -1) -> bytes:
        octets, self.octets = self.octets, b""
        return octets

    def tell(self) -> int:
        raise OSError("Illegal seek")


@each_way
@each_client
def test_a_pipe_is_signed_and_sent_whole(client: Any, how: str, wire: Wire) -> None:
    assert b"once" == raw(client, wire, how, Pipe(b"once")).body


@each_way
def test_a_text_file_is_sent_as_utf_8(how: str, wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("smörgås", encoding="utf-8")
    with path.open(encoding="utf-8") as file, pytest.warns(requests.exceptions.FileModeWarning):
        assert "smörgås".encode() == raw(CLIENTS["requests"], wire, how, file).body


@each_way
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "PURGE"])
@each_client
def test_every_method_is_signed(client: Any, method: str, how: str, wire: Wire) -> None:
    assert [200] == sent(client, wire, how, call(method, wire.origin + "/orders"))
    assert (method, KEY_ID) == (wire.only.method, judged(wire.only, wire).key_id)


@each_way
@each_client
def test_each_request_of_a_connection_has_its_own_nonce(client: Any, how: str, wire: Wire) -> None:
    sent(client, wire, how, *[call("POST", wire.origin + "/orders", json={"n": n}) for n in range(3)])
    assert (3, 1) == (len({judged(message, wire).nonce for message in wire.requests}), wire.connections)


@each_way
@each_client
def test_the_callers_fields_stay_as_they_are(client: Any, how: str, wire: Wire) -> None:
    fields = {"X-Own": "mine", "Content-Type": "application/vnd.shop+json", "Cookie": "a=b", "X-Umlaut": b"\xc3\xa9"}
    sent(client, wire, how, call("POST", wire.origin + "/orders", content=b"{}", headers=fields))
    judged(wire.only, wire)
    given = {name: value if isinstance(value, str) else value.decode("latin-1") for name, value in fields.items()}
    assert given == {name: value for name, value in wire.only.headers if name in given}


@each_way
@each_client
def test_an_earlier_signature_among_the_callers_fields_is_not_sent_besides(client: Any, how: str, wire: Wire) -> None:
    """A field that occurs twice is refused by every verifier."""
    attempt = call("GET", wire.origin + "/", headers={"Signature": "sig1=:AAAA:"})
    if how == "bound":
        with pytest.raises(ConfigurationError, match="signed already"):
            sent(client, wire, how, attempt)
        assert [] == wire.requests
    else:
        sent(client, wire, how, attempt)
        judged(wire.only, wire)


@each_client
def test_auth_and_a_bound_transport_together_are_a_mistake(client: Any, wire: Wire) -> None:
    with pytest.raises(ConfigurationError, match="signed already"):
        client.send(call("GET", wire.origin), auth=signer(), bound=(signer(), wire.origin))
    assert [] == wire.requests


@pytest.mark.parametrize("name", ["body", "canonical-request", "github", "slack", "square", "stripe"])
@each_way
@each_client
def test_schemes_over_templates_are_signed_as_sent(client: Any, how: str, name: str, wire: Wire) -> None:
    by = Signer(JUDGED[name].scheme, key=KEY, clock=lambda: NOW)
    query = "?b=2&a=1" if JUDGED[name].covers_target else ""
    sent(client, wire, how, call("POST", wire.origin + "/orders" + query, json={"total": 1}), by=by)
    if name == "canonical-request":
        assert None is reference.verify_canonical_request(wire.only, {None: [KEY]}, origin=wire.origin).key_id
    elif name == "body":
        assert None is reference.verify_body(wire.only, {None: [KEY]}).key_id
    else:
        assert None is PROVIDERS[name].judge(wire.only, {None: [KEY]}, NOW, wire.origin).key_id


@each_way
@each_client
def test_a_foreign_library_verifies_it(client: Any, how: str, wire: Wire) -> None:
    """http-message-signatures reads the system's clock."""
    by = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID)
    sent(client, wire, how, call("POST", wire.origin + "/a%20b?x=1", json={"total": 1}), by=by)
    arrived = requests.Request(wire.only.method, wire.origin + wire.only.target, dict(wire.only.headers))
    resolver = MappingKeyResolver(public_keys={KEY_ID: KEY}, private_keys={KEY_ID: KEY})
    verifier = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=resolver)
    (result,) = verifier.verify(arrived, body=wire.only.body)
    assert KEY_ID == result.parameters["keyid"]


@each_client
def test_a_host_of_the_callers_choice_is_the_authority(client: Any, wire: Wire) -> None:
    """An inner address behind a public name: Host is what the other side compares."""
    sent(client, wire, "auth", call("GET", wire.origin + "/", headers={"Host": "api.shop.example"}))
    assert KEY_ID == reference.verify_rfc9421(wire.only, RFC9421.ring, NOW, origin="http://api.shop.example").key_id


@pytest.mark.parametrize("how", ["auth", "bound"])
@pytest.mark.parametrize("name", ["httpx", "httpx2", "requests"])
def test_a_request_through_a_proxy_is_signed_as_the_origin_reads_it(name: str, how: str, wire: Wire) -> None:
    origin, settings = "http://api.shop.example", {}
    target = "/a%20b?x=1"
    if name == "requests":
        with requests.Session() as session:
            session.trust_env = False
            if how == "bound":
                session.mount("http://", sealgate.requests.Adapter(signer(), origin=origin))
            else:
                session.auth = sealgate.requests.Auth(signer())
            session.get(origin + target, proxies={"http": wire.origin})
    else:
        module, face = HTTPX[name].module, HTTPX[name].face
        if how == "bound":
            inner = module.HTTPTransport(proxy=wire.origin)
            settings = {"transport": face.Transport(signer(), origin=origin, transport=inner)}
        else:
            settings = {"auth": face.Auth(signer()), "proxy": wire.origin}
        with module.Client(trust_env=False, **settings) as client:
            client.get(origin + target)
    assert origin + target == wire.only.target
    asked = Message(wire.only.method, target, wire.only.headers)
    assert KEY_ID == reference.verify_rfc9421(asked, RFC9421.ring, NOW, origin=origin).key_id


@each_way
@pytest.mark.parametrize("name", ["httpx", "httpx2", "requests"])
def test_threads_share_one_signer(name: str, how: str, wire: Wire) -> None:
    by = signer()
    urls = [f"{wire.origin}/orders/{n}" for n in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda url: sent(CLIENTS[name], wire, how, call("POST", url, content=url), by=by), urls))
    assert 40 == len({judged(message, wire).nonce for message in wire.requests})
    assert set(urls) == {message.body.decode() for message in wire.requests}


@each_client
def test_a_body_that_the_scheme_writes_is_sent_with_its_length(client: Any, wire: Wire) -> None:
    sent(client, wire, "bound", enclosed(wire.origin), by=in_the_body())
    assert (signed_body(), str(len(signed_body()))) == (wire.only.body, wire.only.one("content-length"))


def test_auth_of_requests_sends_a_body_that_the_scheme_writes(wire: Wire) -> None:
    sent(CLIENTS["requests"], wire, "auth", enclosed(wire.origin), by=in_the_body())
    assert (signed_body(), str(len(signed_body()))) == (wire.only.body, wire.only.one("content-length"))


@pytest.mark.parametrize("name", ["httpx", "httpx2", "httpx-async", "httpx2-async"])
def test_auth_of_httpx_refuses_what_it_could_not_take_back(name: str, wire: Wire) -> None:
    with pytest.raises(ConfigurationError, match="use Transport"):
        sent(CLIENTS[name], wire, "auth", enclosed(wire.origin), by=in_the_body())
    assert [] == wire.requests


@each_client
def test_what_the_route_will_match_is_signed_where_the_scheme_says_so(client: Any, wire: Wire) -> None:
    by = Signer(schemes.scoped(), key=KEY)
    sent(client, wire, "auth", call("GET", wire.origin + "/documents/a%20b"), by=by, params={"id": "a b"})
    assert reference.mac(KEY, b"download:resource:a b").hex() == wire.only.one("x-hmac-signature")


@each_way
@each_client
def test_what_the_route_will_match_has_to_be_told(client: Any, how: str, wire: Wire) -> None:
    with pytest.raises(ConfigurationError):
        sent(client, wire, how, call("GET", wire.origin + "/documents/a"), by=Signer(schemes.scoped(), key=KEY))
    assert [] == wire.requests
