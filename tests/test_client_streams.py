"""Bodies that a client sends from a file: signed by their digest, and never in memory."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import requests

import sealgate.httpx
import sealgate.httpx2
import sealgate.requests
from client_calls import judged
from client_libraries import signer
from judged import KEY, KEY_ID
from sealgate import Signer, schemes
from sealgate.hops import content_digest
from wire import Wire, redirect, serving

CONTENT = bytes(range(251)) * 5000
#: The value of RFC 9530, 2, by hand.
DIGEST = f"sha-256=:{base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}:"


@pytest.fixture(scope="module")
def server() -> Iterator[Wire]:
    with serving() as wire:
        yield wire


@pytest.fixture
def wire(server: Wire) -> Wire:
    return server.forget()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "upload"
    path.write_bytes(CONTENT)
    with path.open("rb") as opened:
        yield opened


def by_requests(wire: Wire, content: Any, fields: dict[str, str], own: Signer) -> int:
    auth = sealgate.requests.Auth(own)
    return requests.post(f"{wire.origin}/files", data=content, headers=fields, auth=auth, timeout=20).status_code


def by_httpx(wire: Wire, content: Any, fields: dict[str, str], own: Signer) -> int:
    return httpx.post(
        f"{wire.origin}/files", content=content, headers=fields, auth=sealgate.httpx.Auth(own)
    ).status_code


def by_httpx2(wire: Wire, content: Any, fields: dict[str, str], own: Signer) -> int:
    auth = sealgate.httpx2.Auth(own)
    return httpx2.post(f"{wire.origin}/files", content=content, headers=fields, auth=auth).status_code


def by_async(wire: Wire, content: Any, fields: dict[str, str], own: Signer) -> int:
    import asyncio

    async def pieces() -> AsyncIterator[bytes]:
        for piece in content:
            yield piece

    async def post() -> int:
        async with httpx.AsyncClient(auth=sealgate.httpx.Auth(own)) as client:
            return (await client.post(f"{wire.origin}/files", content=pieces(), headers=fields)).status_code

    return asyncio.run(post())


Post = Callable[[Wire, Any, dict[str, str], Signer], int]
TYPE = {"Content-Type": "a/b"}
STATED = {**TYPE, "Content-Digest": DIGEST}
each_post = pytest.mark.parametrize("post", [by_requests, by_httpx, by_httpx2, by_async])


@each_post
def test_file_whose_digest_is_stated_arrives_as_it_was_signed(post: Post, file: Any, wire: Wire) -> None:
    assert 200 == post(wire, file, STATED, signer())
    assert (CONTENT, KEY_ID) == (wire.only.body, judged(wire.only, wire).key_id)
    assert DIGEST == wire.only.one("content-digest")


@each_post
def test_stated_digest_is_covered_with_the_type(post: Post, file: Any, wire: Wire) -> None:
    post(wire, file, STATED, signer())
    covered = (wire.only.one("signature-input") or "").partition(")")[0]
    assert {'"content-digest"', '"content-type"'} <= set(covered.split())


@each_post
def test_generator_whose_digest_is_stated_is_not_read_before(post: Post, wire: Wire) -> None:
    pieces = (CONTENT[at : at + 1000] for at in range(0, len(CONTENT), 1000))
    assert 200 == post(wire, pieces, STATED, signer())
    assert (CONTENT, KEY_ID) == (wire.only.body, judged(wire.only, wire).key_id)


def test_requests_reads_a_file_for_its_digest_and_sends_the_rest_of_it(file: Any, wire: Wire) -> None:
    file.seek(1000)
    assert 200 == by_requests(wire, file, TYPE, signer())
    assert (CONTENT[1000:], KEY_ID) == (wire.only.body, judged(wire.only, wire).key_id)
    assert str(len(CONTENT) - 1000) == wire.only.one("content-length")


@each_post
def test_digest_of_octets_in_memory_is_never_the_callers(post: Post, wire: Wire) -> None:
    content: Any = CONTENT if post is not by_async else [CONTENT]
    wrong = {**TYPE, "Content-Digest": content_digest(io.BytesIO(b"another"))}
    if post is by_async:  # a stream: it is the caller who knows
        assert 200 == post(wire, content, STATED, signer())
    else:
        assert 200 == post(wire, content, wrong, signer())
    assert (DIGEST, KEY_ID) == (wire.only.one("content-digest"), judged(wire.only, wire).key_id)


@each_post
def test_scheme_that_signs_the_body_itself_reads_it(post: Post, file: Any, wire: Wire) -> None:
    assert 200 == post(wire, file, STATED, Signer(schemes.GITHUB, key=KEY))
    assert CONTENT == wire.only.body
    assert hashlib.sha256(CONTENT).hexdigest() != (wire.only.one("x-hub-signature-256") or "")[7:]


@each_post
def test_redirected_file_is_not_signed_again(post: Post, file: Any, wire: Wire) -> None:
    wire.answers.append(redirect(303, "/elsewhere"))
    post(wire, file, STATED, signer())
    later = [message.one("signature") for message in wire.requests[1:]]
    assert [None] * (len(wire.requests) - 1) == later


@pytest.mark.parametrize("text", ["sha-256=:AAAA:", "sha-256", "md5=:AAAA:", '"x"'])
def test_digest_that_no_verifier_reads_is_not_sent(text: str, file: Any, wire: Wire) -> None:
    with pytest.raises(Exception, match="content-digest"):
        by_requests(wire, file, {**TYPE, "Content-Digest": text}, signer())
    assert [] == wire.requests


def test_digest_leaves_a_file_where_it_stood(file: Any) -> None:
    assert (DIGEST, 0) == (content_digest(file), file.tell())
    file.seek(len(CONTENT))
    assert (content_digest(io.BytesIO()), len(CONTENT)) == (content_digest(file), file.tell())


@pytest.mark.parametrize("post", [by_requests, by_httpx, by_httpx2])
def test_file_is_never_in_memory(post: Post, tmp_path: Path) -> None:
    """The other side of the wire is in this process too: it forgets each piece."""
    size = 64 * 2**20
    path = tmp_path / "large"
    with path.open("wb") as large:
        large.truncate(size)
    with _sink() as (origin, received), path.open("rb") as opened:
        tracemalloc.start()
        try:
            post(Wire(origin), opened, {**TYPE, "Content-Digest": content_digest(opened)}, signer())
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert ([size], True) == (received, most < 4 * 2**20)


def _sink() -> Any:
    """A server that counts the octets of a body, and keeps none."""
    import socketserver
    from contextlib import contextmanager
    from threading import Thread

    received: list[int] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            for line in itertools.takewhile(lambda line: line != b"\r\n", self.rfile):
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            left = length
            while left and (piece := self.rfile.read(min(left, 65_536))):
                left -= len(piece)
            received.append(length - left)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    @contextmanager
    def serve() -> Iterator[tuple[str, list[int]]]:
        with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_address[1]}", received
            finally:
                server.shutdown()
                thread.join()

    return serve()
