"""Bodies in a temporary file: read from there whole, proven by digest, and gone afterwards."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import resource
import tempfile
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g, request

import aws_signed
from asgi_client import scope_of, signed
from exchange import BROKEN, CHUNKED, TRUNCATED, WHOLE, Exchange, Framing, over_asgi, over_wsgi
from judged import BODY, KEY, NOW, ORIGIN, OTHER_KEY, RFC9421, as_request
from reference import Message, sign_rfc9421
from sealgate import ConfigurationError, Request, Scheme, Signer, Verified, Verifier, asgi, schemes, wsgi
from sealgate.exceptions import BodyTooLarge, NotCovered
from sealgate.fastapi import VerifiedBy
from sealgate.flask import Sealgate
from sealgate.policy import Require
from sealgate.spool import Spooled
from wsgi_client import Answer

SIZE = 300_000
UPLOAD = Message("POST", "/files", [("Host", "api.shop.example"), ("Content-Type", "a/b")], bytes(range(250)) * 1200)


class Site:
    """One view behind a layer: it answers with a digest of what it reads, and keeps the proof that it was given."""

    def __init__(self, send: Exchange) -> None:
        self.send = send
        self.proofs: list[Verified] = []

    def ask(self, message: Message, verifier: Verifier, framing: Framing = WHOLE, **settings: Any) -> Answer:
        middleware: Any = (wsgi if self.send is over_wsgi else asgi).SignatureMiddleware
        return self.send(middleware(self.view(), verifier, **settings), message, framing)

    def layered(self, verifier: Verifier, message: Message) -> Answer:
        middleware: Any = (wsgi if self.send is over_wsgi else asgi).SignatureMiddleware
        return self.send(middleware(middleware(self.view(), verifier), verifier), message)

    def view(self) -> Any:
        def view(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            self.proofs.append(environ["sealgate.verified"])
            content = environ["wsgi.input"].read()
            start_response("200 OK", [("X-Length", environ.get("CONTENT_LENGTH", ""))])
            return [hashlib.sha256(content).hexdigest().encode()]

        async def aview(scope: Any, receive: Any, send: Any) -> None:
            self.proofs.append(scope["sealgate"].verified)
            digest, more = hashlib.sha256(), True
            while more:
                message = await receive()
                digest.update(message["body"])
                more = message["more_body"]
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": digest.hexdigest().encode()})

        return view if self.send is over_wsgi else aview


@pytest.fixture(params=[over_wsgi, over_asgi], ids=["wsgi", "asgi"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    made = Site(request.param)
    before = open_files()
    yield made
    made.proofs.clear()
    assert before == open_files()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def verifier(**settings: Any) -> Verifier:
    return RFC9421.verifier(**{"spool": 100_000, **settings})


DIGEST = hashlib.sha256(UPLOAD.body).hexdigest().encode()


@pytest.mark.parametrize("framing", [WHOLE, Framing(piece=7000), Framing(None, "chunked", piece=7000)])
def test_view_reads_the_whole_of_a_large_body(site: Site, framing: Framing) -> None:
    answer = site.ask(signed(UPLOAD), verifier(), framing)
    assert (200, DIGEST) == (answer.status, answer.body)
    assert SIZE == site.proofs[0].spooled.size


def test_body_up_to_the_size_stays_in_memory(site: Site) -> None:
    message = signed(UPLOAD)
    assert 200 == site.ask(message, verifier(spool=SIZE)).status
    assert (None, UPLOAD.body) == (site.proofs[0].spooled, site.proofs[0].body)


def test_large_body_is_no_octets_of_the_proof(site: Site) -> None:
    site.ask(signed(UPLOAD), verifier())
    with pytest.raises(ConfigurationError, match=r"in a file: read the request's stream"):
        _ = site.proofs[0].body
    assert "content-digest" in site.proofs[0].covered


def test_large_body_of_another_digest_is_refused_before_the_view(site: Site) -> None:
    message = signed(UPLOAD)
    other = replace(message, body=message.body[:-1] + b"x")
    assert (401, []) == (site.ask(other, verifier()).status, site.proofs)


def test_large_body_without_a_digest_is_refused(site: Site) -> None:
    message = signed(replace(UPLOAD, body=b""))
    assert (401, []) == (site.ask(replace(message, body=UPLOAD.body), verifier()).status, site.proofs)


@pytest.mark.parametrize("change", [lambda m: replace(m, target="/other"), lambda m: replace(m, headers=m.headers[:2])])
def test_large_body_is_not_read_for_a_signature_that_does_not_hold(site: Site, change: Any) -> None:
    answer = site.ask(change(signed(UPLOAD)), verifier())
    assert (401, False, []) == (answer.status, answer.read, site.proofs)


@pytest.mark.parametrize(
    ("algorithms", "wrong", "status"),
    [
        (("sha-512",), None, 200),
        (("sha-256", "sha-512"), None, 200),
        (("sha-512",), "sha-512", 401),
        (("sha-256", "sha-512"), "sha-512", 401),
        (("sha-256", "sha-512"), "sha-256", 401),
    ],
)
def test_each_digest_that_is_stated_has_to_be_the_bodys(
    site: Site, algorithms: tuple[str, ...], wrong: str | None, status: int
) -> None:
    """RFC 9530, 6.6."""

    def member(name: str) -> str:
        octets = hashlib.new(name.replace("-", ""), UPLOAD.body + (b"x" if name == wrong else b"")).digest()
        return f"{name}=:{base64.b64encode(octets).decode()}:"

    stated = UPLOAD.plus([("Content-Digest", ", ".join(map(member, algorithms)))])
    components = ("@method", "@authority", "@path", "@query", "content-type", "content-digest")
    added = sign_rfc9421(
        stated, KEY, origin=ORIGIN, key_id="acme", created=NOW, nonce="nonce of an upload", components=components
    )
    answer = site.ask(stated.plus(added), verifier())
    assert (status, status == 200) == (answer.status, answer.body == DIGEST)


@pytest.mark.parametrize("framing", [WHOLE, CHUNKED], ids=["declared", "chunked"])
def test_large_body_over_the_limit_is_refused(site: Site, framing: Framing) -> None:
    message = signed(replace(UPLOAD, body=UPLOAD.body[:1000]))
    assert (413, []) == (site.ask(message, verifier(spool=10, body_limit=999), framing).status, site.proofs)


@pytest.mark.parametrize("framing", [TRUNCATED, BROKEN], ids=["truncated", "broken"])
def test_large_body_without_its_end_is_refused(site: Site, framing: Framing) -> None:
    message = signed(replace(UPLOAD, body=UPLOAD.body[:1000]))
    assert (400, []) == (site.ask(message, verifier(spool=10), framing).status, site.proofs)


def test_two_layers_read_one_file(site: Site) -> None:
    answer = site.layered(verifier(), signed(UPLOAD))
    assert (200, DIGEST) == (answer.status, answer.body)


def test_refused_request_that_passes_keeps_its_whole_body(site: Site) -> None:
    message = replace(signed(UPLOAD), target="/files", body=UPLOAD.body[:-1] + b"x")
    answer = site.ask(message, verifier(), Framing(piece=7000), report_only=True)
    assert (200, hashlib.sha256(message.body).hexdigest().encode(), [None]) == (answer.status, answer.body, site.proofs)


def test_replayed_upload_is_refused(site: Site) -> None:
    message, once = signed(UPLOAD), verifier()
    assert [200, 401] == [site.ask(message, once).status for _ in range(2)]


def test_no_room_for_a_file_is_503(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert (503, []) == (site.ask(signed(UPLOAD), verifier()).status, site.proofs)


def test_file_that_cannot_grow_is_503(site: Site) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    message, small = signed(UPLOAD), verifier(spool=10)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    try:
        status = site.ask(message, small, Framing(piece=7000)).status
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (503, []) == (status, site.proofs)


@pytest.mark.parametrize("first", [0, 1])
def test_route_of_several_verifiers_spools_where_all_of_them_do(first: int) -> None:
    both = (RFC9421.verifier(spool=10), BODY.verifier())
    assert float("inf") == Require((both[first], both[1 - first])).spools_over
    assert 20 == Require((both[0], RFC9421.verifier(spool=20))).spools_over


@pytest.mark.parametrize("settings", [{"spool": 0}, {"spool": -1}, {"spool": True}, {"spool": 1.5}, {"spool": "1"}])
def test_size_that_is_none_is_a_mistake(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"^spool: "):
        RFC9421.verifier(**settings)


@pytest.mark.parametrize("scheme", [schemes.GITHUB, schemes.envelope(), schemes.canonical_request()])
def test_scheme_that_signs_the_body_itself_does_not_spool(scheme: Any) -> None:
    with pytest.raises(ConfigurationError, match="which has to be in memory"):
        Verifier(scheme, keys={"acme": KEY} if scheme.names_key else KEY, origin=ORIGIN, spool=10)


# --- schemes of which each message says whether its body or a digest of it is signed ----------------------------------

_SIGV4 = [schemes.AWS_SIGV4, aws_signed.own(unsigned_payload=True), aws_signed.own(path="s3")]
AWS = pytest.mark.parametrize("scheme", _SIGV4, ids=["general", "unsigned", "s3"])


def by_aws(body: bytes = UPLOAD.body, **settings: Any) -> Message:
    return aws_signed.signed(replace(UPLOAD, body=body), **settings)


def stated(body: bytes = UPLOAD.body) -> Message:
    return by_aws(body, payload=hashlib.sha256(body).hexdigest())


def of_aws(scheme: Scheme, **settings: Any) -> Verifier:
    return aws_signed.verifier(scheme, **{"spool": 100_000, **settings})


@AWS
def test_body_whose_digest_the_message_states_is_in_a_file(site: Site, scheme: Scheme) -> None:
    answer = site.ask(stated(), of_aws(scheme))
    assert (200, DIGEST, SIZE) == (answer.status, answer.body, site.proofs[0].spooled.size)
    other = replace(stated(), body=UPLOAD.body[:-1] + b"x")
    assert (401, 1) == (site.ask(other, of_aws(scheme)).status, len(site.proofs))


@AWS
@pytest.mark.parametrize("key", [KEY, OTHER_KEY], ids=["right", "forged"])
@pytest.mark.parametrize("framing", [WHOLE, Framing(None, "chunked", piece=7000)])
def test_body_that_is_signed_itself_has_to_fit_into_memory(
    site: Site, scheme: Scheme, key: bytes, framing: Framing
) -> None:
    assert (413, []) == (site.ask(by_aws(key=key), of_aws(scheme), framing).status, site.proofs)
    fits = of_aws(scheme, spool=SIZE)
    assert (401 if key is OTHER_KEY else 200) == site.ask(by_aws(key=key), fits, framing).status
    assert [UPLOAD.body] * (key is KEY) == [proof.body for proof in site.proofs]


@AWS
@pytest.mark.parametrize("framing", [WHOLE, CHUNKED])
@pytest.mark.parametrize("first", [0, 1])
def test_route_of_several_verifiers_takes_what_one_of_them_takes(scheme: Scheme, first: int, framing: Framing) -> None:
    both, app = (of_aws(scheme), verifier(spool=200_000)), Flask(__name__)
    seal = Sealgate(app, RFC9421.verifier())
    sizes = []

    @app.post("/files")
    @seal.require(both[first], both[1 - first])
    def files() -> str:
        sizes.append(g.verified.spooled.size)
        return hashlib.sha256(request.stream.read()).hexdigest()

    for message in (stated(), signed(UPLOAD)):
        answer = over_wsgi(app, message, framing)
        assert (200, DIGEST) == (answer.status, answer.body)
    assert 413 == over_wsgi(app, by_aws(), framing).status
    assert [SIZE] * 2 == sizes


@AWS
def test_file_of_a_reader_that_knows_no_limit_is_no_body_to_sign(scheme: Scheme) -> None:
    spooled = Spooled()
    spooled.write(UPLOAD.body)
    assert SIZE == of_aws(scheme).verify(as_request(stated()), lambda _: spooled).spooled.size
    for key in (KEY, OTHER_KEY):
        with pytest.raises(BodyTooLarge, match="over spool="):
            of_aws(scheme).verify(as_request(by_aws(key=key)), lambda _: spooled)


def test_unsigned_body_is_in_a_file_where_the_route_takes_one() -> None:
    scheme = aws_signed.own(unsigned_payload=True)
    spooled = Spooled()
    spooled.write(UPLOAD.body)
    request = as_request(by_aws(payload="UNSIGNED-PAYLOAD"))
    proof = of_aws(scheme).verify(request, lambda _: spooled, uncovered=frozenset({"body"}))
    assert (SIZE, False) == (proof.spooled.size, "body" in proof.covered)
    with pytest.raises(NotCovered):
        of_aws(scheme).verify(request, lambda _: spooled)


def test_dependency_alone_does_not_spool() -> None:
    with pytest.raises(ConfigurationError, match=r"^VerifiedBy: "):
        VerifiedBy(verifier())


def test_file_for_a_verifier_that_does_not_spool_is_no_body() -> None:
    message = signed(UPLOAD)
    spooled = Spooled()
    spooled.write(UPLOAD.body)
    request = Request("POST", "/files", list(message.headers), origin=ORIGIN)
    with pytest.raises(Exception, match="has not been read"):
        RFC9421.verifier().verify(request, lambda _: spooled)
    assert SIZE == verifier().verify(request, lambda _: spooled).spooled.size


def test_large_body_is_never_in_memory_under_asgi() -> None:
    """Nor is it under WSGI, where the test's own input would be."""
    piece, count = bytes(65_536), 512
    digest = hashlib.sha256(piece * count).digest()
    field = ("Content-Digest", f"sha-256=:{base64.b64encode(digest).decode()}:")
    empty = Request("POST", "/files", [*replace(UPLOAD).headers, field], origin=ORIGIN)
    signer = Signer(schemes.RFC9421, key=KEY, key_id="acme", clock=lambda: NOW)
    scope = scope_of(Message("POST", "/files", signer.sign(empty).headers))
    left, statuses = count, []

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": bytes(65_536), "more_body": left > 0}

    async def send(message: dict[str, Any]) -> None:
        statuses.append(message.get("status"))

    site = Site(over_asgi)
    layer = asgi.SignatureMiddleware(site.view(), verifier(body_limit=2**26, spool=2**18))
    tracemalloc.start()
    try:
        asyncio.run(layer(scope, receive, send))  # type: ignore[arg-type]  # as a server calls it
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ([200, None], True) == (statuses, most < 2**20)
    assert len(piece) * count == site.proofs[0].spooled.size
