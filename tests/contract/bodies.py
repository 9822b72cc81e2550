"""Promises about the body: that it is proven before anything parses it, and whole, and what the view then reads."""

from __future__ import annotations

import hashlib
import hmac
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from contract.messages import BOMB, FORM, LOOK, MALFORMED, ORDER, UPLOAD, signed, upload
from contract.promise import Promises
from exchange import BROKEN, CHUNKED, PIECES, TRUNCATED, UNDECLARED, WHOLE, Framing
from judged import KEY, OTHER_KEY, RFC9421
from sealgate import Verifier, schemes

JSON = replace(ORDER, target="/json")
STREAM = replace(ORDER, target="/stream")
WAYS = {
    "raw": (ORDER, ORDER.body),
    "json": (JSON, b"1"),
    "form": (FORM, b"crate,box"),
    "file": (UPLOAD, b"crate+00ff"),
    "stream": (STREAM, ORDER.body),
}
FRAMINGS = {"whole": WHOLE, "chunked": CHUNKED, "in pieces": PIECES, "undeclared": UNDECLARED}


class Bodies(Promises):
    #: What parses bodies in this framework, as `module.attribute` or `module.Class.method`.
    parsers: ClassVar[tuple[str, ...]]

    @pytest.mark.parametrize("framing", FRAMINGS)
    def test_view_reads_the_proven_body_in_every_way(self, framing: str) -> None:
        """C20, C21, C22."""
        application = self.build(RFC9421.verifier())
        messages = {way: signed(message) for way, (message, _) in WAYS.items()}
        expected = {way: (200, [read]) for way, (_, read) in WAYS.items()}
        self.holds(expected, self.outcomes(application, messages, framing=FRAMINGS[framing]))

    def test_view_reads_the_form_that_was_signed(self) -> None:
        """Where a scheme signs canonical JSON, the view is given that, not what came."""
        canonical = b'{"total":1}'
        signature = hmac.new(KEY, canonical, hashlib.sha256).hexdigest()
        message = replace(ORDER, body=b'{ "total": 10e-1 }').plus([("X-Signature", signature)])
        application = self.build(Verifier(schemes.canonical_json(), keys=KEY))
        messages = {way: replace(message, target=target) for way, target in (("raw", "/orders"), ("json", "/json"))}
        self.holds({"raw": (200, [canonical]), "json": (200, [b"1"])}, self.outcomes(application, messages))

    def test_large_body_arrives_whole(self) -> None:
        """Over what Django would hold in memory, and over what a socket gives at once."""
        application = self.build(RFC9421.verifier())
        octets = bytes(range(256)) * 12_000
        messages = {"raw": signed(replace(ORDER, body=octets)), "file": signed(upload(octets))}
        with self.reading() as read:
            statuses = {way: self.ask(application, message).status for way, message in messages.items()}
        whole = [each in {octets, b"crate+" + octets.hex().encode()} for each in read]
        self.holds(({"raw": 200, "file": 200}, [True, True]), (statuses, whole))

    def test_body_of_a_signature_that_fails_without_it_is_not_read(self) -> None:
        """F1, F5."""
        application = self.build(RFC9421.verifier())
        messages = {
            "unsigned": ORDER,
            "wrong key": signed(key=OTHER_KEY),
            "unsigned and at no route": replace(ORDER, target="/nowhere"),
        }
        told = {}
        for case, message in messages.items():
            for framing in ("whole", "chunked"):
                answer = self.ask(application, message, FRAMINGS[framing])
                told[case, framing] = (answer.status, answer.read)
        self.holds(dict.fromkeys(told, (401, False)), told)

    def test_unsigned_body_never_reaches_a_parser(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """F2, F5."""
        application = self.build(RFC9421.verifier())
        wrong = [replace(signed(each, key=OTHER_KEY)) for each in (JSON, FORM, UPLOAD, BOMB)]
        changed = [replace(signed(each), body=each.body + b" ") for each in (JSON, FORM, UPLOAD, BOMB)]
        unsigned = [JSON, replace(JSON, body=MALFORMED.body), FORM, UPLOAD, BOMB]
        with self.parsing(monkeypatch) as parsed:
            statuses = set(self.statuses(application, *unsigned, *wrong, *changed))
        with self.parsing(monkeypatch) as parsed_if_signed:
            self.statuses(application, *map(signed, (JSON, FORM, UPLOAD)))
        told = {"statuses": statuses, "parsed": parsed, "parsed if signed": parsed_if_signed}
        self.holds({"statuses": {401}, "parsed": set(), "parsed if signed": set(type(self).parsers)}, told)

    def test_malformed_body_is_the_frameworks_to_refuse_once_it_is_signed(self) -> None:
        application = self.build(RFC9421.verifier())
        message = replace(JSON, body=MALFORMED.body)
        statuses = self.statuses(application, message, signed(message))
        self.holds((401, True), (statuses[0], statuses[1] in {400, 422}))

    @pytest.mark.parametrize("framing", FRAMINGS)
    def test_body_of_the_limit_passes_and_one_byte_more_does_not(self, framing: str) -> None:
        application = self.build(RFC9421.verifier(body_limit=1000))
        messages = {size: signed(replace(ORDER, body=b"a" * size)) for size in (1000, 1001)}
        told = {size: self.ask(application, each, FRAMINGS[framing]).status for size, each in messages.items()}
        self.holds({1000: 200, 1001: 413}, told)

    def test_body_declared_over_the_limit_is_not_read(self) -> None:
        answer = self.send(signed(), RFC9421.verifier(body_limit=5))
        self.holds((413, False), (answer.status, answer.read))

    def test_truncated_body_is_refused(self) -> None:
        application = self.build(RFC9421.verifier())
        framings = {
            "one byte short": TRUNCATED,
            "declared longer than what was signed": Framing("100"),
            "declared shorter": Framing("11"),
            "declared none": Framing("0"),
        }
        told = {case: self.outcome(application, signed(), framing) for case, framing in framings.items()}
        refused = {case: (status in {400, 401}, read) for case, (status, read) in told.items()}
        self.holds(dict.fromkeys(framings, (True, [])), refused)

    def test_broken_connection_is_refused(self) -> None:
        application = self.build(RFC9421.verifier())
        framings = {"declared": BROKEN, "chunked": replace(BROKEN, length=None, coding="chunked")}
        told = {case: self.outcome(application, signed(), framing) for case, framing in framings.items()}
        self.holds(dict.fromkeys(framings, (400, [])), told)

    def test_slow_body_is_refused(self) -> None:
        application = self.build(RFC9421.verifier(body_timeout=1e-9))
        self.holds((408, []), self.outcome(application, signed(), PIECES))

    def test_content_length_beside_transfer_encoding_is_refused(self) -> None:
        """F10."""
        application = self.build(RFC9421.verifier())
        self.holds((400, []), self.outcome(application, signed(), Framing(coding="chunked")))

    def test_content_length_that_is_no_number_is_refused(self) -> None:
        application = self.build(RFC9421.verifier())
        lengths = ["12, 12", "+12", "-1", "1_2", "12.0", "0x0c", "1\xb2", "\xb2", "9" * 19, "9" * 5000]
        told = {length: self.outcome(application, signed(), Framing(length)) for length in lengths}
        refused = {length: (status in {400, 401, 413}, read) for length, (status, read) in told.items()}
        self.holds(dict.fromkeys(lengths, (True, [])), refused)

    def test_body_added_to_a_request_that_was_signed_without_one_is_refused(self) -> None:
        application = self.build(RFC9421.verifier())
        message = replace(signed(LOOK), body=b"extra")
        told = {name: self.outcome(application, message, framing) for name, framing in FRAMINGS.items()}
        self.holds(dict.fromkeys(FRAMINGS, (401, [])), told)

    @contextmanager
    def parsing(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
        """Which parsers are entered meanwhile."""
        entered: set[str] = set()
        with monkeypatch.context() as patch:
            for name in type(self).parsers:
                patch.setattr(*_told(name, entered))
            yield entered


def _told(name: str, entered: set[str]) -> tuple[Any, str, Any]:
    """The parser's place, its name there, and what tells that it was entered."""
    holder, _, attribute = name.rpartition(".")
    place = pkgutil.resolve_name(holder)
    parser = getattr(place, attribute)

    def tells(*given: Any, **named: Any) -> Any:
        entered.add(name)
        return parser(*given, **named)

    return place, attribute, tells
