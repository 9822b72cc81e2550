"""Any octets in, a verdict out: never another exception, never a 5xx, and never an acceptance that the judge denies.

`--hypothesis-profile=thorough` runs 10,000 examples for each target.
"""

from __future__ import annotations

import asyncio
import io
import string
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import reference
from judged import HOST, JUDGED, KEY, KEY_ID, NOW, ORIGIN, RFC9421, Judged, as_request, each_kind
from reference import Message
from sealgate import Key, Rejected, Request, Verified
from sealgate.asgi import SignatureMiddleware as AsgiMiddleware
from sealgate.exceptions import InvalidSignature
from sealgate.wsgi import SignatureMiddleware as WsgiMiddleware

_TOKENS = [
    "sig1=()", "sig1=:AAAA:", 'sig1=("@method");created=1', ";alg=\"none\"", ';alg="hmac-sha256"', ";keyid=\"\"", ";expires=0",
    ";created=99999999999999999", "t=", "v1=", "v0=", "sha256=", ",", ";", "=", ":", "\"", "\\", "(", ")", "?1", "@method", "{body}", "%", "%zz",
    "%2F", "..", "//", "#", "?", "&", "\0", "\r\n", "\n ", "\t", " ", "\x7f", "\x80", "\xff", "\xe9", "0" * 64, "A" * 43 + "=", "1" * 13,
    "-1", "1.5", "1e9", "nan", "\u0660".encode().decode("latin-1"), "x" * 9000, "v1=00," * 20,
]  # fmt: skip
_NAMES = sorted(
    {name.lower() for judged in JUDGED.values() for name in judged.scheme.fields}
    | {
        "content-digest",
        "content-type",
        "content-length",
        "transfer-encoding",
        "host",
        "x_signature",
        "@method",
        "",
        "x",
    }
)
_text = st.one_of(st.sampled_from(_TOKENS), st.text(st.characters(max_codepoint=255), max_size=40))
_octets = st.one_of(_text.map(lambda text: text.encode("latin-1")), st.binary(max_size=60))
_name = st.one_of(st.sampled_from(_NAMES), st.text(st.characters(max_codepoint=255), max_size=12))
_fields = st.lists(st.tuples(_name, _text), max_size=8)
_method = st.one_of(st.sampled_from(["GET", "POST", "get", ""]), _text)
_target = st.one_of(st.sampled_from(["/", "/orders", "/a?b=c", "*", ""]), _text.map("/".__add__), _text)


def verdict(judged: Judged, request: Request) -> Verified | Rejected:
    """What every call here is about: these two, and no third."""
    try:
        return judged.verifier().verify(request)
    except Rejected as refused:
        return refused


def one_of(kind: list[str], data: st.DataObject) -> Judged:
    return JUDGED[data.draw(st.sampled_from(kind))]


# --- without a key ----------------------------------------------------------------------------------------------------


def ascii_upper(name: str) -> str:
    """As servers do it: what is not ASCII has no case in a field name."""
    return name.encode("latin-1").upper().decode("latin-1")


@each_kind
@given(
    data=st.data(),
    method=_method,
    target=_octets,
    fields=st.lists(st.tuples(_octets, _octets), max_size=8),
    body=_octets,
)
def test_octets_without_a_key_are_refused(
    kind: list[str], data: st.DataObject, method: str, target: bytes, fields: list[tuple[bytes, bytes]], body: bytes
) -> None:
    judged = one_of(kind, data)
    assert isinstance(verdict(judged, Request(method, target, fields, body)), Rejected)


@each_kind
@given(data=st.data())
def test_octets_in_the_own_fields_are_refused(kind: list[str], data: st.DataObject) -> None:
    judged = one_of(kind, data)
    fields = [(name.encode(), data.draw(_octets)) for name in judged.scheme.fields]
    headers: list[tuple[str | bytes, str | bytes]] = [("Host", HOST), *fields]
    assert isinstance(verdict(judged, Request("POST", "/orders", headers, b"{}")), Rejected)


@given(message=st.binary(max_size=200), signature=st.one_of(st.binary(max_size=80), st.text(max_size=80)))
def test_octets_are_no_signature_of_anything(message: bytes, signature: bytes | str) -> None:
    with pytest.raises(InvalidSignature):
        Key(KEY).verify(message, signature)


# --- near a valid message, with the key -------------------------------------------------------------------------------

_TCHAR = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
_sound_target = st.builds(
    lambda path, query: "/" + path.lstrip("/") + query,
    st.text(string.ascii_letters + string.digits + "-._~!$'()*+,;=:@/&", max_size=20),
    st.one_of(st.just(""), st.text(string.ascii_letters + string.digits + "=&+%/?", max_size=20).map("?".__add__)),
)


@st.composite
def sound(draw: st.DrawFn, judged: Judged) -> Message:
    """A message that the scheme can sign."""
    body = draw(st.binary(min_size=1, max_size=40)) if judged.scheme.signs_body else draw(st.binary(max_size=40))
    target = draw(_sound_target)
    if "query-not-covered" in judged.scheme.weaknesses():
        target = target.partition("?")[0]
    kind = draw(st.sampled_from([None, "text/plain", "application/json; charset=utf-8"]))
    fields = [("Host", HOST), *([("Content-Type", kind)] if kind else [])]
    method = draw(st.one_of(st.sampled_from(["GET", "POST"]), st.text(_TCHAR, min_size=1, max_size=8)))
    message = Message(method, target, fields, body)
    try:
        judged.signed(message)
    except reference.Refused:
        assume(False)
    return message


def _spliced(text: str, draw: st.DrawFn) -> str:
    at = draw(st.integers(0, len(text)))
    cut = draw(st.integers(0, 3))
    return text[:at] + draw(_text) + text[at + cut :]


def _in_a_value(message: Message, draw: st.DrawFn) -> Message:
    headers = list(message.headers)
    at = draw(st.integers(0, len(headers) - 1))
    headers[at] = (headers[at][0], _spliced(headers[at][1], draw))
    return Message(message.method, message.target, headers, message.body)


def _in_the_fields(message: Message, draw: st.DrawFn) -> Message:
    headers = list(message.headers)
    at = draw(st.integers(0, len(headers) - 1))
    name, value = headers[at]
    changed = {
        "drop": headers[:at] + headers[at + 1 :],
        "double": [*headers, (name, value)],
        "twin": [*headers, (name.replace("-", "_"), value)],
        "upper": [*headers[:at], (ascii_upper(name), value), *headers[at + 1 :]],
        "blanks": [*headers[:at], (name, f" \t{value} \t"), *headers[at + 1 :]],
        "swap": [*headers[:at], (headers[0][0], value), *headers[at + 1 :]],
        "turn": headers[::-1],
        "more": [*headers, (draw(_name), draw(_text))],
    }
    return Message(message.method, message.target, changed[draw(st.sampled_from(sorted(changed)))], message.body)


def _in_the_rest(message: Message, draw: st.DrawFn) -> Message:
    part = draw(st.sampled_from(["method", "target", "body"]))
    method = _spliced(message.method, draw) if part == "method" else message.method
    target = _spliced(message.target, draw) if part == "target" else message.target
    body = message.body + draw(st.binary(max_size=3)) if part == "body" else message.body
    return Message(method, target, message.headers, body)


@st.composite
def near(draw: st.DrawFn, judged: Judged) -> Message:
    """Signed with the key, and changed before or after: what gets past the MAC is here, and what nearly does."""
    message = draw(sound(judged))
    steps: list[Callable[[Message, st.DrawFn], Message]] = [_in_a_value, _in_the_fields, _in_the_rest]
    for step in draw(st.lists(st.sampled_from(steps), max_size=2)):
        message = step(message, draw) if message.headers else message
    try:
        created = NOW + draw(st.sampled_from([0, 0, 0, 300, -300, 301, -301, 10**9]))
        message = judged.signed(
            message, created=created, nonce=draw(st.sampled_from(["n" * 16, 'q"\\' * 8, "n" * 15, "n" * 256]))
        )
    except (reference.Refused, UnicodeEncodeError):
        return message
    for step in draw(st.lists(st.sampled_from(steps), max_size=2)):
        message = step(message, draw) if message.headers else message
    return message


def judge(judged: Judged, message: Message) -> reference.Proof | None:
    try:
        return judged.proof(message)
    except (reference.Refused, UnicodeEncodeError):
        return None


@each_kind
@given(data=st.data())
def test_near_a_valid_message_the_judge_agrees(kind: list[str], data: st.DataObject) -> None:
    """Both ways: no acceptance that the judge denies, no refusal of what it accepts."""
    judged = one_of(kind, data)
    message = data.draw(near(judged))
    proof, ours = judge(judged, message), verdict(judged, as_request(message))
    if proof is None:
        assert isinstance(ours, Rejected), ours
    else:
        assert isinstance(ours, Verified), ours
        assert (proof.key_id, proof.created, proof.nonce, message.body) == (
            ours.key_id,
            ours.created,
            ours.nonce,
            ours.body,
        )


@each_kind
@given(data=st.data())
def test_the_same_proof_is_never_accepted_twice(kind: list[str], data: st.DataObject) -> None:
    """E13: what the judge calls the same message is the same message for us, whatever its text."""
    judged = one_of(kind, data)
    verifier, memory = judged.verifier(), reference.Memory()
    signed = judged.signed(data.draw(sound(judged)))
    for message in (signed, data.draw(st.just(signed)), _changed(signed, data), _changed(signed, data)):
        proof = judge(judged, message)
        try:
            if proof is None:
                raise reference.Refused
            memory.admit(proof)
        except reference.Refused:
            with pytest.raises(Rejected):
                verifier.verify(as_request(message))
        else:
            assert message.body == verifier.verify(as_request(message)).body


def _changed(message: Message, data: st.DataObject) -> Message:
    step = data.draw(st.sampled_from([_in_a_value, _in_the_fields, _in_the_rest]))
    return data.draw(st.composite(lambda draw: step(message, draw))())


# --- through the real layers ------------------------------------------------------------------------------------------


def through_wsgi(judged: Judged, environ: dict[str, Any]) -> tuple[int, list[bytes]]:
    """The status, and the bodies that the application read."""
    read: list[bytes] = []
    statuses: list[int] = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        read.append(environ["wsgi.input"].read())
        start_response("204 No Content", [])
        return []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(int(status[:3]))

    b"".join(WsgiMiddleware(app, judged.verifier())(environ, start_response))
    return statuses[-1], read


def through_asgi(judged: Judged, scope: dict[str, Any], body: bytes) -> tuple[int, list[bytes]]:
    read: list[bytes] = []
    statuses: list[int] = []
    messages = iter(
        [{"type": "http.request", "body": body[:5], "more_body": True}, {"type": "http.request", "body": body[5:]}]
    )

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        read.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    asyncio.run(AsgiMiddleware(app, judged.verifier())(scope, receive, send))
    return statuses[-1], read


def environ_of(message: Message, raw: bool) -> dict[str, Any]:
    """As servers build it: joined duplicates, decoded path, Latin-1 text."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": message.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(message.path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": message.query,
        "wsgi.input": io.BytesIO(message.body),
        "CONTENT_LENGTH": str(len(message.body)),
        **({"RAW_URI": message.target} if raw else {}),
    }
    for name, value in message.headers:
        variable = ascii_upper(name).replace("-", "_")
        variable = variable if variable in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_" + variable
        environ[variable] = (
            f"{environ[variable]},{value}" if variable in environ and variable != "CONTENT_LENGTH" else value
        )
    return environ


def scope_of(message: Message, raw: bool) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": message.method,
        "path": unquote(message.path, errors="replace"),
        "query_string": message.query.encode("latin-1"),
        "headers": [(name.encode("latin-1").lower(), value.encode("latin-1")) for name, value in message.headers],
        **({"raw_path": message.path.encode("latin-1")} if raw else {}),
    }


@given(method=_method, target=_target, fields=_fields, body=_octets, raw=st.booleans())
def test_wsgi_answers_octets_without_a_key_with_a_refusal(
    method: str, target: str, fields: list[tuple[str, str]], body: bytes, raw: bool
) -> None:
    status, read = through_wsgi(RFC9421, environ_of(Message(method, target, fields, body), raw))
    assert (True, []) == (400 <= status < 500, read)


@given(method=_method, target=_target, fields=_fields, body=_octets, raw=st.booleans())
def test_asgi_answers_octets_without_a_key_with_a_refusal(
    method: str, target: str, fields: list[tuple[str, str]], body: bytes, raw: bool
) -> None:
    status, read = through_asgi(RFC9421, scope_of(Message(method, target, fields, body), raw), body)
    assert (True, []) == (400 <= status < 500, read)


@each_kind
@given(data=st.data())
def test_wsgi_runs_the_application_only_on_what_the_judge_accepts(kind: list[str], data: st.DataObject) -> None:
    """A refusal of what the judge accepts is fine here: a server without a raw target cannot prove every path."""
    judged = one_of(kind, data)
    message = data.draw(near(judged))
    raw = data.draw(st.booleans())
    status, read = through_wsgi(judged, environ_of(message, raw))
    assert status == 204 or 400 <= status < 500
    assert (status == 204) == (len(read) == 1)
    if read:
        assert [message.body] == read
        assert judge(judged, left_in_an_environ(message, raw)) is not None


@each_kind
@given(data=st.data())
def test_asgi_runs_the_application_only_on_what_the_judge_accepts(kind: list[str], data: st.DataObject) -> None:
    judged = one_of(kind, data)
    message = data.draw(near(judged))
    raw = data.draw(st.booleans())
    status, read = through_asgi(judged, scope_of(message, raw), message.body)
    assert status == 204 or 400 <= status < 500
    assert (status == 204) == (len(read) == 1)
    if read:
        assert [message.body] == read
        assert (
            judge(
                judged,
                message if raw else Message(message.method, written_again(message), message.headers, message.body),
            )
            is not None
        )


def written_again(message: Message) -> str:
    """The target where only the decoded path is left."""
    path = quote(unquote_to_bytes(message.path.encode("latin-1")), safe="/")
    return f"{path}?{message.query}" if message.query else path


def left_in_an_environ(message: Message, raw: bool) -> Message:
    """Twins are one field there, an empty type is none, and without a raw target only the decoded path is left."""
    environ = environ_of(message, raw)
    fields = [
        (variable.removeprefix("HTTP_").replace("_", "-"), value)
        for variable, value in environ.items()
        if variable.startswith("HTTP_") or (variable in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value)
    ]
    return Message(message.method, message.target if raw else written_again(message), fields, message.body)


def test_a_key_id_that_nobody_has_is_a_refusal_like_any_other() -> None:
    for key_id in ("nobody", "", "k" * 256, "\x01"):
        fields = reference.sign_rfc9421(RFC9421.message, KEY, origin=ORIGIN, key_id=key_id, created=NOW, nonce="n" * 16)
        assert key_id != KEY_ID
        assert isinstance(verdict(RFC9421, as_request(RFC9421.message.plus(fields))), Rejected)
