"""RFC 9421, 2.4: a signed response answers one request, with one status and one body, and is no request itself."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

import reference
from judged import KEY, KEY_ID, NONCE, NOW, ORIGIN, OTHER_KEY
from sealgate import ConfigurationError, Rejected, Request, Response, Scheme, Signer, Verified, Verifier, schemes
from sealgate.exceptions import DigestMismatch, InvalidSignature, NotCovered, Replayed, SignatureMissing, UnknownKey

JSON = ("Content-Type", "application/json")
UNSIGNED = Request("GET", "/orders/7?full=1", [("Host", "api.shop.example")], origin=ORIGIN)
ORDER = Request("POST", "/orders", [JSON], b'{"id": 7}', origin=ORIGIN)
ANSWER = Response(200, [JSON], b'{"total": 100}')
PARAMS = f';created={NOW};keyid="{KEY_ID}";nonce="{NONCE}"'


def signer(scheme: Scheme = schemes.RFC9421, key: bytes = KEY, key_id: str = KEY_ID) -> Signer:
    return Signer(scheme, key=key, key_id=key_id, clock=lambda: NOW)


def verifier(scheme: Scheme = schemes.RFC9421, now: float = NOW, **settings: Any) -> Verifier:
    return Verifier(scheme, **{"keys": {KEY_ID: KEY}, "origin": ORIGIN, "clock": lambda: now, **settings})


def verified(response: Response, request: Request, **settings: Any) -> Verified:
    return verifier(**settings).verify_response(response, request)


SIGNED = signer().sign(ORDER)


@pytest.mark.parametrize("request_", [UNSIGNED, SIGNED], ids=["unsigned", "signed"])
@pytest.mark.parametrize("answer", [ANSWER, Response(204), Response(599, [("X", "y")]), Response(100)], ids=str)
def test_a_signed_response_is_proven_for_its_request(request_: Request, answer: Response) -> None:
    signed = signer().sign_response(answer, request_)
    proof = verified(signed, request_)
    assert (KEY_ID, answer.body, NOW) == (proof.key_id, proof.body, proof.created)
    needed = {"@status", '"@method";req', '"@authority";req', '"@path";req', '"@query";req'}
    assert needed <= set(proof.covered)
    assert (bool(answer.body), request_ is SIGNED) == (
        "body" in proof.covered,
        '"signature";req;key="sig1"' in proof.covered,
    )


def test_the_base_is_the_standards() -> None:
    """By hand, line for line; and what another signer writes so is accepted."""
    digest, signature = reference.content_digest(ANSWER.body), dict(SIGNED.headers)["signature"].removeprefix("sig1=")
    lines = [
        ('"@status"', "200"),
        ('"@method";req', "POST"),
        ('"@authority";req', "api.shop.example"),
        ('"@path";req', "/orders"),
        ('"@query";req', "?"),
        ('"signature";req;key="sig1"', signature),
        ('"content-type"', "application/json"),
        ('"content-digest"', digest),
    ]
    fields = [JSON, ("Content-Digest", digest), *reference.signed_lines(lines, PARAMS, KEY)]
    assert KEY_ID == verified(Response(200, fields, ANSWER.body), SIGNED).key_id
    ours = signer().sign_response(ANSWER, SIGNED)
    listed = dict(ours.headers)["signature-input"]
    assert "(" + " ".join(name for name, _ in lines) + ")" == listed[len("sig1=") : listed.index(")") + 1]


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        ([("x", "@status"), ("r", "@method"), ("r", "@authority"), ("r", "@path"), ("r", "@query")], ()),
        ([("x", "@status"), ("r", "@method"), ("r", "@target-uri")], ()),
        ([("x", "@status"), ("r", "@method"), ("r", "@authority"), ("r", "@request-target")], ()),
    ],
)
def test_other_covers_of_the_same_request_are_accepted(lines: list[tuple[str, str]], fields: Any) -> None:
    values = {
        "@status": "200",
        "@method": "GET",
        "@authority": "api.shop.example",
        "@path": "/orders/7",
        "@query": "?full=1",
        "@target-uri": f"{ORIGIN}/orders/7?full=1",
        "@request-target": "/orders/7?full=1",
    }
    written = [(f'"{name}"' + (";req" if side == "r" else ""), values[name]) for side, name in lines]
    answer = Response(200, [*fields, *reference.signed_lines(written, PARAMS, KEY)])
    assert KEY_ID == verified(answer, UNSIGNED).key_id
    for nth in range(len(written)):
        less = Response(200, reference.signed_lines(written[:nth] + written[nth + 1 :], PARAMS, KEY))
        with pytest.raises(NotCovered):
            verified(less, UNSIGNED)


def changed(request: Request, **changes: Any) -> Request:
    parts: dict[str, Any] = {
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "body": request.body,
        "origin": request.origin,
    }
    return Request(**{**parts, **changes})


@pytest.mark.parametrize(
    "other",
    [
        changed(UNSIGNED, method="HEAD"),
        changed(UNSIGNED, target="/orders/8?full=1"),
        changed(UNSIGNED, target="/orders/7?full=0"),
        changed(UNSIGNED, target="/orders/7"),
        changed(UNSIGNED, headers=[], origin="https://other.example"),
    ],
    ids=str,
)
def test_a_response_does_not_answer_another_request(other: Request) -> None:
    signed = signer().sign_response(ANSWER, UNSIGNED)
    origins = [ORIGIN, "https://other.example"]
    assert KEY_ID == verified(signed, UNSIGNED, origin=origins).key_id
    with pytest.raises(InvalidSignature):
        verified(signed, other, origin=origins)


def test_a_response_does_not_answer_the_same_request_signed_again_or_not_at_all() -> None:
    signed = signer().sign_response(ANSWER, SIGNED)
    with pytest.raises(InvalidSignature):
        verified(signed, signer().sign(ORDER))
    with pytest.raises(InvalidSignature):
        verified(signed, signer().sign(changed(ORDER, body=b'{"id": 8}')))
    with pytest.raises(Rejected):
        verified(signed, ORDER)
    unbound = signer().sign_response(ANSWER, UNSIGNED)
    with pytest.raises(NotCovered):
        verified(unbound, signer().sign(UNSIGNED))


def test_the_body_of_an_unsigned_request_is_bound_by_its_digest_or_refused() -> None:
    digested = changed(ORDER, headers=[JSON, ("Content-Digest", reference.content_digest(b'{"id": 7}'))])
    signed = signer().sign_response(ANSWER, digested)
    assert '"content-digest";req' in verified(signed, digested).covered
    for body, digest in ((b'{"id": 8}', b'{"id": 8}'), (b'{"id": 8}', b'{"id": 7}')):
        other = changed(ORDER, headers=[("Content-Digest", reference.content_digest(digest))], body=body)
        with pytest.raises((InvalidSignature, DigestMismatch)):
            verified(signed, other)
    with pytest.raises(NotCovered):
        verified(signed, ORDER)
    with pytest.raises(ConfigurationError, match="neither signature nor digest"):
        signer().sign_response(ANSWER, ORDER)


def test_a_server_that_has_not_read_the_request_signs_what_its_digest_says() -> None:
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/orders", "HTTP_HOST": "api.shop.example"}
    environ["HTTP_CONTENT_DIGEST"] = reference.content_digest(b'{"id": 7}')
    signed = signer().sign_response(ANSWER, Request.from_wsgi(environ))
    headers = [("Content-Digest", environ["HTTP_CONTENT_DIGEST"])]
    assert KEY_ID == verified(signed, changed(ORDER, headers=headers)).key_id


def test_another_status_body_or_type_is_refused() -> None:
    signed = signer().sign_response(ANSWER, UNSIGNED)
    retyped = [(name, "text/html" if name == "content-type" else value) for name, value in signed.headers]
    for other, error in (
        (Response(201, signed.headers, ANSWER.body), InvalidSignature),
        (Response(200, signed.headers, b'{"total": 1}'), DigestMismatch),
        (Response(200, signed.headers, b""), DigestMismatch),
        (Response(200, retyped, ANSWER.body), InvalidSignature),
        (Response(200, [pair for pair in signed.headers if pair[0] != "content-digest"], b""), NotCovered),
    ):
        with pytest.raises(error):
            verified(other, UNSIGNED)


def test_a_body_that_came_to_a_response_without_one_is_refused() -> None:
    signed = signer().sign_response(Response(200), UNSIGNED)
    with pytest.raises(NotCovered):
        verified(Response(200, signed.headers, b"{}"), UNSIGNED)


def test_the_signature_of_a_request_is_not_a_responses_nor_the_other_way() -> None:
    request = signer().sign(UNSIGNED)
    for status in (200, 0):
        with pytest.raises(Rejected):
            verified(Response(status, request.headers), UNSIGNED)
    reflected = signer().sign_response(Response(200), UNSIGNED)
    with pytest.raises(Rejected) as refused:
        verifier().verify(changed(UNSIGNED, headers=[*UNSIGNED.headers, *reflected.headers]))
    assert not isinstance(refused.value, InvalidSignature)


@pytest.mark.parametrize("status", [0, 99, 600, 1000, 65536, 10**30, -1])
def test_what_is_no_status_is_refused(status: int) -> None:
    signed = signer().sign_response(ANSWER, UNSIGNED)
    with pytest.raises(Rejected):
        verified(Response(status, signed.headers, ANSWER.body), UNSIGNED)
    with pytest.raises(ConfigurationError):
        signer().sign_response(Response(status), UNSIGNED)


def test_a_response_counts_once_and_in_its_time() -> None:
    signed = signer().sign_response(ANSWER, SIGNED)
    once = verifier()
    assert KEY_ID == once.verify(SIGNED).key_id
    assert KEY_ID == once.verify_response(signed, SIGNED).key_id
    with pytest.raises(Replayed):
        once.verify_response(signed, SIGNED)
    for now in (NOW + 301, NOW - 301):
        with pytest.raises(Rejected):
            verified(signed, SIGNED, now=now)


def test_the_nonce_of_the_request_may_come_back() -> None:
    nonce = dict(SIGNED.headers)["signature-input"].partition(';nonce="')[2].partition('"')[0]
    lines = [
        (f'"{name}";req', value) for name, value in (("@method", "GET"), ("@target-uri", f"{ORIGIN}/orders/7?full=1"))
    ]
    echoed = reference.signed_lines([('"@status"', "200"), *lines], PARAMS.replace(NONCE, nonce), KEY)
    once = verifier()
    assert nonce == once.verify(SIGNED).nonce
    assert nonce == once.verify_response(Response(200, echoed), UNSIGNED).nonce


def test_other_keys_and_unsigned_responses_are_refused() -> None:
    with pytest.raises(UnknownKey):
        verified(signer(key=OTHER_KEY, key_id="other").sign_response(ANSWER, UNSIGNED), UNSIGNED)
    with pytest.raises(InvalidSignature):
        verified(signer(key=OTHER_KEY).sign_response(ANSWER, UNSIGNED), UNSIGNED)
    with pytest.raises(SignatureMissing):
        verified(ANSWER, UNSIGNED)


def test_a_proxys_signature_on_the_request_changes_nothing() -> None:
    """Our own member alone is bound: the client never saw the other."""
    fields = dict(SIGNED.headers)
    added = {
        "signature-input": fields["signature-input"] + ', ttrp=("@path");created=1;keyid="p";alg="ed25519"',
        "signature": fields["signature"] + ", ttrp=:AAAA:",
    }
    forwarded = changed(SIGNED, headers=[(name, added.get(name, value)) for name, value in SIGNED.headers])
    assert KEY_ID == verified(signer().sign_response(ANSWER, forwarded), SIGNED).key_id


@pytest.mark.parametrize(
    ("identifier", "enough"),
    [
        ('"signature";req', True),
        ('"signature";req;bs', True),
        ('"signature";req;key="sig1"', True),
        ('"signature-input";req', False),
        ('"signature-input";req;key="sig1"', False),
        (None, False),
    ],
)
def test_the_requests_signature_is_bound_as_a_whole_or_by_our_member(identifier: str | None, enough: bool) -> None:
    fields = dict(SIGNED.headers)
    octets = base64.b64encode(fields["signature"].encode()).decode()
    values = {
        '"signature";req': fields["signature"],
        '"signature";req;bs': f":{octets}:",
        '"signature";req;key="sig1"': fields["signature"].removeprefix("sig1="),
        '"signature-input";req': fields["signature-input"],
        '"signature-input";req;key="sig1"': fields["signature-input"].removeprefix("sig1="),
    }
    lines = [('"@status"', "200"), ('"@method";req', "POST"), ('"@target-uri";req', f"{ORIGIN}/orders")]
    lines += [] if identifier is None else [(identifier, values[identifier])]
    answer = Response(200, reference.signed_lines(lines, PARAMS, KEY))
    if enough:
        assert KEY_ID == verified(answer, SIGNED).key_id
    else:
        with pytest.raises(NotCovered):
            verified(answer, SIGNED)


def test_only_message_signatures_sign_responses() -> None:
    with pytest.raises(ConfigurationError, match="signs no responses"):
        Signer(schemes.GITHUB, key=KEY).sign_response(ANSWER, UNSIGNED)
    with pytest.raises(ConfigurationError, match="signs no responses"):
        Verifier(schemes.GITHUB, keys=KEY).verify_response(ANSWER, UNSIGNED)


BOUND = ("@status", "@method;req", "@target-uri;req")


def test_a_policy_may_demand_more_of_responses() -> None:
    scheme = Scheme.message_signature("more", response_components=(*BOUND, "etag;bs", "content-digest", "host;req"))
    answer = Response(200, [("ETag", '"1"')], b"{}")
    signed = signer(scheme).sign_response(answer, UNSIGNED)
    assert {'"etag";bs', "content-digest", '"host";req'} <= set(verified(signed, UNSIGNED, scheme=scheme).covered)
    with pytest.raises(NotCovered):
        verified(signer().sign_response(answer, UNSIGNED), UNSIGNED, scheme=scheme)
    with pytest.raises(ConfigurationError, match="absent"):
        signer(scheme).sign_response(Response(200, body=b"{}"), UNSIGNED)


@pytest.mark.parametrize(
    "components",
    [
        (),
        BOUND[1:],
        BOUND[:2],
        (BOUND[0], BOUND[2]),
        ("@status", "@method", "@target-uri"),
        (*BOUND, "@path"),
        (*BOUND, "@status"),
        (*BOUND, '@query-param;name="a"'),
        (*BOUND, "etag;tr"),
        (*BOUND, "etag;sf"),
        (*BOUND, "@status;req"),
    ],
    ids=str,
)
def test_a_policy_that_does_not_bind_the_request_is_found_at_construction(components: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="response_components"):
        Scheme.message_signature(response_components=components)


@dataclass(frozen=True)
class Hostile:
    """Fields of a response, or of the request that it answers."""

    input: str = 'sig1=("@status");created=1;keyid="k";nonce="0123456789abcdef"'
    signature: str = "sig1=:AAAA:"


HOSTILE = [
    Hostile(),
    *(
        replace(Hostile(), input=text)
        for text in ("", "\xff", "(" * 9000, "sig1=()" * 2000, "sig1=(5)", 'sig1=("@status"')
    ),
    *(
        replace(Hostile(), signature=text)
        for text in ("", "\xff", ":" * 9000, "sig1=(", "sig1=:=:", ", ".join(["x=::"] * 999))
    ),
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: f"{hostile.input[:20]} {hostile.signature[:20]}")
def test_any_octets_are_a_verdict(hostile: Hostile) -> None:
    fields = [("Signature-Input", hostile.input), ("Signature", hostile.signature)]
    right = signer().sign_response(Response(200), UNSIGNED)
    for response, request in (
        (Response(200, fields), UNSIGNED),
        (Response(200, [*fields, *right.headers]), UNSIGNED),
        (right, changed(UNSIGNED, headers=fields)),
        (right, changed(UNSIGNED, target="*")),
        (right, changed(UNSIGNED, method="\xff")),
        (Response(200, [*right.headers, ("Content-Length", "1e9")]), UNSIGNED),
    ):
        with pytest.raises(Rejected):
            verified(response, request)


@pytest.mark.parametrize("arguments", [("200",), (None,), (200, {"a": "b"}), (200, [], "body")], ids=str)
def test_what_is_no_response_at_all_is_a_type_error(arguments: Any) -> None:
    with pytest.raises(TypeError):
        Response(*arguments)


def test_coroutine_key_sources_are_awaited() -> None:
    async def source(key_id: str | None, request: Request) -> bytes:
        assert request is SIGNED
        return KEY

    signed = signer().sign_response(ANSWER, SIGNED)
    awaiting: Callable[[], Verifier] = lambda: verifier(keys=source)  # noqa: E731
    assert KEY_ID == asyncio.run(awaiting().averify_response(signed, SIGNED)).key_id
    with pytest.raises(ConfigurationError, match="averify_response"):
        awaiting().verify_response(signed, SIGNED)


def test_too_large_a_body_is_refused() -> None:
    signed = signer().sign_response(ANSWER, SIGNED)
    with pytest.raises(Rejected, match="limit"):
        verified(signed, SIGNED, body_limit=len(ANSWER.body) - 1)
    assert ANSWER.body == verified(signed, SIGNED, body_limit=len(ANSWER.body)).body
