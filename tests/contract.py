"""What every WSGI adapter must do. A test class inherits it and says how its application is built."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest

from judged import HOST, KEY, NOW, OTHER_KEY, RFC9421, field_of, with_field
from reference import Message, content_digest, sign_github
from sealgate import Verifier
from wsgi_client import Answer, Unfinished, WSGIApplication, call, chunked, environ_of

_nonces: Iterator[int] = itertools.count()

ORDER = Message("POST", "/orders", [("Host", HOST), ("Content-Type", "application/json")], b'{"total": 1}')
LOOK = Message("GET", "/orders", [("Host", HOST)])
HOOK = replace(ORDER, target="/hook")
FORM = Message(
    "POST", "/form", [("Host", HOST), ("Content-Type", "application/x-www-form-urlencoded")], b"name=crate&name=box"
)
_BOUNDARY = b"a-boundary-of-forty-characters-0123456789"
UPLOAD = Message(
    "POST",
    "/form",
    [("Host", HOST), ("Content-Type", f"multipart/form-data; boundary={_BOUNDARY.decode()}")],
    b"--" + _BOUNDARY + b'\r\nContent-Disposition: form-data; name="name"\r\n\r\ncrate\r\n'
    b"--" + _BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\x00\xff\r\n--" + _BOUNDARY + b"--\r\n",
)  # fmt: skip


def signed(message: Message = ORDER, **how: Any) -> Message:
    """Signed by the judge with RFC 9421, each time with another nonce."""
    return RFC9421.signed(message, nonce=f"a-nonce-of-our-own-{next(_nonces):08}", **how)


def hooked(message: Message = HOOK, key: bytes = OTHER_KEY) -> Message:
    """Signed by the judge as GitHub does, for the routes that require the other verifier."""
    return message.plus(sign_github(message, key))


def _signature(message: Message, change: Any) -> Message:
    return with_field(message, "Signature", change(field_of(message, "Signature")))


def _flip(text: str, at: int) -> str:
    """Another base64 digit, so that one bit of the octets differs."""
    return text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :]


_MALFORMED_JSON = replace(ORDER, body=b'{"total": ')
_OLD = NOW - 301

#: Every one of them gets the same 401, byte for byte.
REFUSED = {
    "unsigned": lambda: ORDER,
    "unsigned and malformed JSON": lambda: _MALFORMED_JSON,
    "unsigned and a form": lambda: FORM,
    "unsigned and an upload": lambda: UPLOAD,
    "unsigned at no route": lambda: replace(ORDER, target="/nowhere"),
    "unsigned and without a body": lambda: LOOK,
    "unsigned OPTIONS": lambda: replace(LOOK, method="OPTIONS"),
    "half signed": lambda: with_field(signed(), "Signature", None),
    "wrong key": lambda: signed(key=OTHER_KEY),
    "one bit of the signature": lambda: _signature(signed(), lambda text: _flip(text, 8)),
    "signature too short": lambda: _signature(signed(), lambda _: "sig1=:AAAA:"),
    "signature not base64": lambda: _signature(signed(), lambda _: "sig1=:****:"),
    "signature of other bytes": lambda: _signature(signed(), lambda _: "sig1=:\xe9\xff\x80:"),
    "signature empty": lambda: _signature(signed(), lambda _: ""),
    "parameters of other bytes": lambda: with_field(signed(), "Signature-Input", "\xff\x80;;;"),
    "parameters without an end": lambda: with_field(signed(), "Signature-Input", 'sig1=("@method'),
    "signature twice": lambda: signed().plus([("Signature", "sig1=:AAAA:")]),
    "one byte of the body": lambda: replace(signed(), body=b'{"total": 2}'),
    "another method": lambda: replace(signed(), method="PUT"),
    "another path": lambda: replace(signed(), target="/orders/2"),
    "a query added": lambda: replace(signed(), target="/orders?admin=1"),
    "expired": lambda: signed(created=_OLD),
    "from the future": lambda: signed(created=NOW + 301),
}


class Contract(ABC):
    """`seen`: the bodies that views or applications got, in order."""

    seen: list[bytes]

    @abstractmethod
    def build(self, verifier: Verifier) -> WSGIApplication:
        """An application whose default is `verifier`."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        self.seen = []

    def send(self, message: Message, verifier: Verifier | None = None, **changes: Any) -> Answer:
        return call(self.build(verifier or RFC9421.verifier()), environ_of(message, **changes))

    def test_signed_request_reaches_the_view_and_names_its_key(self) -> None:
        answer = self.send(signed())
        assert (answer.status, answer.body) == (200, b"acme")

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_signed_request_without_a_body_reaches_the_view(self, method: str) -> None:
        answer = self.send(signed(replace(LOOK, method=method)))
        assert (answer.status, self.seen) == (200, [b""])

    def test_body_is_still_readable_after_verification(self) -> None:
        """C20, C21."""
        self.send(signed())
        assert self.seen == [ORDER.body]

    def test_body_of_many_reads_arrives_whole(self) -> None:
        message = replace(ORDER, body=bytes(range(256)) * 1024)
        self.send(signed(message))
        assert self.seen == [message.body]

    def test_body_that_comes_in_small_pieces_arrives_whole(self) -> None:
        message = signed()
        self.send(message, **{"wsgi.input": Pieces(message.body)})
        assert self.seen == [message.body]

    @pytest.mark.parametrize("case", REFUSED)
    def test_every_refusal_is_one_answer_before_the_view(self, case: str) -> None:
        expected = Answer(401, PUBLIC_HEADERS, PUBLIC_BODY)
        answer = self.send(REFUSED[case]())
        assert expected == replace(answer, headers=tuple(h for h in answer.headers if h in PUBLIC_HEADERS))
        assert len(PUBLIC_HEADERS) + self.own_headers == len(answer.headers)
        assert self.seen == []

    #: How many header fields the framework adds to every answer of its own accord.
    own_headers = 0

    def test_second_time_is_a_replay(self) -> None:
        application, message = self.build(RFC9421.verifier()), signed()
        statuses = [call(application, environ_of(message)).status for _ in range(3)]
        assert (statuses, self.seen) == ([200, 401, 401], [ORDER.body])

    def test_a_refused_request_spends_no_nonce(self) -> None:
        """E7, D8."""
        application, message = self.build(RFC9421.verifier()), signed()
        forged = replace(message, body=b'{"total": 9}')
        statuses = [call(application, environ_of(each)).status for each in (forged, forged, message)]
        assert statuses == [401, 401, 200]

    def test_unsigned_body_is_not_read(self) -> None:
        """F1, F5."""
        answer = self.send(ORDER, **{"wsgi.input": Unfinished()})
        assert answer.status == 401

    def test_body_with_a_bad_signature_is_not_read(self) -> None:
        answer = self.send(signed(key=OTHER_KEY), **{"wsgi.input": Unfinished()})
        assert answer.status == 401

    def test_body_of_the_limit_passes_and_one_byte_more_does_not(self) -> None:
        statuses = [
            self.send(signed(replace(ORDER, body=b"a" * size)), RFC9421.verifier(body_limit=1000)).status
            for size in (1000, 1001)
        ]
        assert statuses == [200, 413]

    def test_body_over_the_limit_is_not_read(self) -> None:
        answer = self.send(signed(), RFC9421.verifier(body_limit=5), **{"wsgi.input": Unfinished()})
        assert answer.status == 413

    @pytest.mark.parametrize("framing", [{}, {"wsgi.input_terminated": None}])
    def test_truncated_body_is_refused(self, framing: dict[str, Any]) -> None:
        message = signed()
        answer = self.send(message, **{"wsgi.input": BytesIO(message.body[:-1])}, **framing)
        assert (answer.status, self.seen) == (400, [])

    def test_truncated_body_is_refused_even_if_the_rest_is_what_was_signed(self) -> None:
        answer = self.send(signed(), CONTENT_LENGTH="100")
        assert (answer.status, self.seen) == (400, [])

    def test_broken_connection_is_refused(self) -> None:
        answer = self.send(signed(), **{"wsgi.input": Broken()})
        assert (answer.status, self.seen) == (400, [])

    def test_chunked_body(self) -> None:
        """C22: whole or refused, never verified as empty."""
        answer = self.send(signed(), **chunked())
        assert (answer.status, self.seen) == (200, [ORDER.body])

    def test_chunked_body_that_the_server_does_not_terminate_is_refused(self) -> None:
        answer = self.send(signed(), **chunked(), **{"wsgi.input_terminated": None})
        assert (answer.status, self.seen) == (411, [])

    @pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, chunked", "identity", "xchunked", "", "chunked\xa0"])
    def test_other_transfer_codings_are_refused(self, coding: str) -> None:
        answer = self.send(signed(), **chunked(HTTP_TRANSFER_ENCODING=coding))
        assert (answer.status, self.seen) == (411, [])

    def test_content_length_beside_transfer_encoding_is_refused(self) -> None:
        """F10."""
        answer = self.send(signed(), HTTP_TRANSFER_ENCODING="chunked")
        assert (answer.status, self.seen) == (400, [])

    @pytest.mark.parametrize("length", ["12, 12", "+12", "-1", "1_2", " 12", "12.0", "0x0c", "1\xb2", "9" * 5000])
    def test_content_length_that_is_no_number_is_refused(self, length: str) -> None:
        answer = self.send(signed(), CONTENT_LENGTH=length)
        assert (answer.status in {400, 401, 413}, self.seen) == (True, [])

    def test_store_that_is_down_closes_the_service(self) -> None:
        """E12."""
        answer = self.send(signed(), RFC9421.verifier(replay=Down()))
        assert (answer.status, self.seen) == (503, [])

    def test_key_source_that_is_down_closes_the_service(self) -> None:
        answer = self.send(signed(), RFC9421.verifier(keys=Down().add))
        assert (answer.status, self.seen) == (503, [])

    def test_unknown_key_is_refused_like_a_wrong_one(self) -> None:
        answer = self.send(signed(), RFC9421.verifier(keys={"globex": KEY}))
        assert (answer.status, answer.body, self.seen) == (401, PUBLIC_BODY, [])

    def test_script_name_that_a_header_chose_is_refused(self) -> None:
        message = signed(replace(ORDER, target="/admin/orders"))
        answer = self.send(message, SCRIPT_NAME="/admin", PATH_INFO="/orders")
        assert (answer.status, self.seen) == (400, [])

    @pytest.mark.parametrize("path", ["/Orders", "/orders/", "/orders/../orders", "/", ""])
    def test_path_that_is_not_the_raw_one_is_refused(self, path: str) -> None:
        answer = self.send(signed(), PATH_INFO=path)
        assert (answer.status, self.seen) == (400, [])

    def test_server_without_a_raw_target_takes_plain_paths(self) -> None:
        answer = self.send(signed(), RAW_URI=None)
        assert (answer.status, self.seen) == (200, [ORDER.body])

    @pytest.mark.parametrize(("path", "status"), [("/orders%2F1", 401), ("/or%20ders", 400), ("/%C3%A9", 400)])
    def test_server_without_a_raw_target_refuses_other_paths(self, path: str, status: int) -> None:
        """There `%2F` reads as `/`, which is another path; what else needs encoding could be read in two ways."""
        answer = self.send(signed(replace(ORDER, target=path)), RAW_URI=None)
        assert (answer.status, self.seen) == (status, [])

    @pytest.mark.parametrize("method", ["get", "POST\xe9", "\x00", "A" * 10_000])
    def test_odd_methods_get_a_refusal(self, method: str) -> None:
        answer = self.send(replace(ORDER, method=method))
        assert (answer.status in {400, 401}, self.seen) == (True, [])

    @pytest.mark.parametrize(
        "target", ["/%ff", "/%zz", "/\xff", "//orders", "*", "http://other/orders", "/a#b", "/\x00"]
    )
    def test_odd_targets_get_a_refusal(self, target: str) -> None:
        answer = self.send(replace(signed(), target=target))
        assert (answer.status in {400, 401}, self.seen) == (True, [])

    def test_underscore_twin_of_a_covered_field_is_refused(self) -> None:
        """uWSGI joins `Content_Digest` with `Content-Digest`, so two values arrive as one."""
        message = signed().plus([("Content_Digest", content_digest(b"other"))])
        answer = self.send(message)
        assert (answer.status, self.seen) == (401, [])


class RoutedContract(Contract):
    """Besides, what adapters do that know the routes. Their applications have these:

    `/orders` the default verifier; `/hook` requires `HOOKS`; `/either` requires `PARTNERS` or `HOOKS`; `/health` exempt
    for GET and HEAD; `/once` exempt until a time in the past; `/still` exempt until one in the future; `/form` answers
    with its parsed form; `/json` answers with its parsed JSON; `/class` and `/class-rule` exempt class-based views,
    `/subclass` and `/subclass-rule` their subclasses.
    """

    def test_exempt_route_is_open_and_has_no_proof(self) -> None:
        answer = self.send(replace(LOOK, target="/health"))
        assert (answer.status, answer.body) == (200, b"no proof")

    def test_exempt_route_is_closed_for_other_methods(self) -> None:
        statuses = [
            self.send(Message(method, "/health", LOOK.headers)).status
            for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
        ]
        assert statuses == [200, 401, 401, 401, 401, 401, 401]

    def test_exempt_route_reads_no_body_and_needs_no_store(self) -> None:
        message = replace(LOOK, target="/health", body=b"a body")
        answer = self.send(message, RFC9421.verifier(replay=Down()), **{"wsgi.input": Unfinished()})
        assert answer.status == 200

    def test_exemption_ends(self) -> None:
        statuses = [self.send(replace(LOOK, target=target)).status for target in ("/once", "/still")]
        assert statuses == [401, 200]

    @pytest.mark.parametrize("path", ["/class", "/class-rule"])
    def test_class_based_view_can_be_exempt(self, path: str) -> None:
        assert self.send(replace(LOOK, target=path)).status == 200

    @pytest.mark.parametrize("path", ["/subclass", "/subclass-rule"])
    def test_exemption_is_not_inherited(self, path: str) -> None:
        statuses = [self.send(each).status for each in (replace(LOOK, target=path), signed(replace(LOOK, target=path)))]
        assert statuses == [401, 200]

    def test_required_verifier_replaces_the_default(self) -> None:
        answers = [self.send(each).status for each in (hooked(), signed(HOOK), HOOK, hooked(key=KEY))]
        assert answers == [200, 401, 401, 401]

    def test_default_route_refuses_the_signature_of_another_verifier(self) -> None:
        assert self.send(hooked(ORDER)).status == 401

    def test_any_of_several_verifiers_proves(self) -> None:
        message = replace(ORDER, target="/either")
        answers = [self.send(each).status for each in (signed(message), hooked(message), message)]
        assert (answers, self.seen) == ([200, 200, 401], [ORDER.body, ORDER.body])

    def test_body_that_one_verifier_has_read_is_there_for_the_next(self) -> None:
        changed = replace(signed(replace(ORDER, target="/either")), body=b'{"total": 2}')
        assert (self.send(hooked(changed)).status, self.seen) == (200, [changed.body])

    def test_not_found_is_told_to_signers_only(self) -> None:
        message = replace(LOOK, target="/nowhere")
        assert [self.send(each).status for each in (message, signed(message))] == [401, 404]

    def test_method_not_allowed_is_told_to_signers_only(self) -> None:
        message = replace(LOOK, method="DELETE", target="/json")
        assert [self.send(each).status for each in (message, signed(message))] == [401, 405]

    def test_form_still_parses(self) -> None:
        assert self.send(signed(FORM)).body == b"crate,box"

    def test_upload_still_parses(self) -> None:
        assert self.send(signed(UPLOAD)).body == b"crate+00ff"

    def test_json_still_parses(self) -> None:
        assert self.send(signed(replace(ORDER, target="/json"))).body == b"1"

    def test_malformed_json_reaches_the_parser_only_if_signed(self) -> None:
        message = replace(_MALFORMED_JSON, target="/json")
        assert [self.send(each).status for each in (message, signed(message))] == [401, 400]


PUBLIC_BODY = b'{"type": "about:blank", "title": "Unauthorized", "status": 401}\n'
PUBLIC_HEADERS: tuple[tuple[str, str], ...] = (
    ("Content-Type", "application/problem+json"),
    ("Content-Length", str(len(PUBLIC_BODY))),
    ("Cache-Control", "no-store"),
    ("WWW-Authenticate", 'Signature realm="sealgate"'),
)


class Pieces(BytesIO):
    """Gives less than is asked for, as a socket does."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(5, size) if size and size > 0 else 5)


class Broken:
    def read(self, size: int = -1) -> bytes:
        raise ConnectionResetError("reset by peer")

    readline = read


class Down:
    """A store or key source that does not answer."""

    def add(self, *_: Any) -> bool:
        raise ConnectionError("redis://user:password@cache is down")
