"""Promises about what the operator is told, and about the roll-out in which refused requests pass."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from contract.bodies import FRAMINGS, WAYS
from contract.messages import FORM, LOOK, ORDER, UPLOAD, hooked, signed, upload
from contract.promise import Promises
from contract.proofs import Down
from contract.rules import at
from judged import OTHER_KEY, RFC9421
from sealgate.policy import Verdict


class Verdicts(Promises):
    #: How this adapter writes the route of a path.
    routes: ClassVar[Mapping[str, str]] = {}

    def test_hook_is_told_each_verdict_once_with_its_route(self) -> None:
        told: list[Verdict] = []
        application = self.build(RFC9421.verifier(), on_verdict=told.append)
        message = signed()
        for each in (message, message, ORDER, signed(at("/orders/7"), key=OTHER_KEY), at("/nowhere"), hooked()):
            self.ask(application, each)
        route = type(self).routes.get
        expected = {
            1: ("verified", "POST", "/orders", route("/orders"), "rfc9421", False),
            2: ("nonce-replayed", "POST", "/orders", route("/orders"), None, True),
            3: ("signature-missing", "POST", "/orders", route("/orders"), None, True),
            4: ("signature-invalid", "POST", "/orders/7", route("/orders/7"), None, True),
            5: ("signature-missing", "POST", "/nowhere", None, None, True),
            6: ("verified", "POST", "/hook", route("/hook"), "github", False),
        }
        verdicts = [(v.code, v.method, v.path, v.route, v.scheme, v.refused) for v in told]
        self.holds(expected, dict(enumerate(verdicts, start=1)))

    def test_hook_and_log_are_told_whose_request_it_was(self, caplog: pytest.LogCaptureFixture) -> None:
        """Of a refusal what it claims, unproven."""
        told: list[Verdict] = []
        application = self.build(RFC9421.verifier(), on_verdict=told.append)
        for each in (signed(), signed(key=OTHER_KEY), signed(created=0), replace(signed(), body=b"{}"), ORDER):
            self.ask(application, each)
        expected = [
            ("verified", "acme"),
            ("signature-invalid", "acme"),
            ("signature-expired", "acme"),
            ("digest-mismatch", "acme"),
            ("signature-missing", None),
        ]
        records = [record.__dict__ for record in caplog.records if record.name == "sealgate"]
        logged = [(record.get("code"), record.get("key_id")) for record in records]
        self.holds((expected, expected[1:]), ([(v.code, v.key_id) for v in told], logged))

    def test_each_refusal_is_one_log_record_with_its_route(self, caplog: pytest.LogCaptureFixture) -> None:
        application = self.build(RFC9421.verifier())
        for each in (signed(), ORDER, signed(key=OTHER_KEY), at("/nowhere")):
            self.ask(application, each)
        records = [record.__dict__ for record in caplog.records if record.name == "sealgate"]
        route = type(self).routes.get("/orders")
        expected = [
            ("signature-missing", 401, route),
            ("signature-invalid", 401, route),
            ("signature-missing", 401, None),
        ]
        self.holds(expected, [(r.get("code"), r.get("status"), r.get("route")) for r in records])

    def test_hook_that_fails_changes_no_verdict(self) -> None:
        def fails(verdict: Verdict) -> None:
            raise RuntimeError(verdict.code)

        application = self.build(RFC9421.verifier(), on_verdict=fails)
        self.holds([200, 401], self.statuses(application, signed(), ORDER))

    def test_exempt_request_is_no_verdict(self) -> None:
        told: list[Verdict] = []
        application = self.build(RFC9421.verifier(), on_verdict=told.append)
        status = self.ask(application, at("/health", LOOK)).status
        self.holds((200, []), (status, [verdict.code for verdict in told]))


#: How a refused body may come, which the framework reads as it always does.
REPORTED = {framing: FRAMINGS[framing] for framing in ("whole", "chunked", "undeclared")}


class ReportOnly(Promises):
    def test_report_only_lets_through_with_the_body_intact(self) -> None:
        application = self.build(RFC9421.verifier(), report_only=True)
        expected, told = {}, {}
        for framing, way in itertools.product(REPORTED, WAYS):
            message, read = WAYS[way]
            for why, sent in (("unsigned", message), ("wrong key", signed(message, key=OTHER_KEY))):
                told[framing, way, why] = self.told(application, sent, REPORTED[framing])
                expected[framing, way, why] = (200, b"no proof", [read])
        self.holds(expected, told)

    def test_report_only_gives_back_what_was_read(self) -> None:
        """All of it for a digest that is wrong, a part of it for a body over the limit."""
        expected, told = {}, {}
        for why, limit, added in (("over the limit", 8, b""), ("another digest", 1000, b"\r\n")):
            application = self.build(RFC9421.verifier(body_limit=limit), report_only=True)
            for framing, way in itertools.product(REPORTED, WAYS):
                message, read = WAYS[way]
                sent = replace(signed(message), body=message.body + added)
                told[framing, way, why] = self.told(application, sent, REPORTED[framing])
                expected[framing, way, why] = (200, b"no proof", [read if way in {"json", "file"} else read + added])
        self.holds(expected, told)

    def test_report_only_lets_large_bodies_through_whole(self) -> None:
        application = self.build(RFC9421.verifier(), report_only=True)
        octets = bytes(range(256)) * 2000
        messages = {
            "raw": replace(ORDER, body=octets),
            "changed": replace(signed(), body=octets),
            "file": upload(octets),
        }
        whole = {"raw": octets, "changed": octets, "file": b"crate+" + octets.hex().encode()}
        told = {}
        for framing, case in itertools.product(REPORTED, messages):
            how = REPORTED[framing]
            status, proof, read = self.told(application, messages[case], replace(how, piece=how.piece and 65_536))
            told[framing, case] = (status, proof, [len(each) for each in read] if read != [whole[case]] else "whole")
        self.holds(dict.fromkeys(told, (200, b"no proof", "whole")), told)

    def test_report_only_leaves_what_is_proven_and_what_is_exempt_as_it_is(self) -> None:
        told: list[Verdict] = []
        application = self.build(RFC9421.verifier(), report_only=True, on_verdict=told.append)
        messages = [signed(), at("/health", LOOK), signed(FORM), signed(UPLOAD), hooked(), ORDER]
        answers = [self.ask(application, message).body for message in messages]
        expected = [b"acme", b"no proof", b"acme", b"acme", b"anonymous", b"no proof"]
        codes = ["verified"] * 4 + ["signature-missing"]
        self.holds((expected, codes, {False}), (answers, [v.code for v in told], {v.refused for v in told}))

    def test_report_only_lets_through_whatever_the_refusal(self) -> None:
        """A store that is down, a key that is not admitted, another mount, an ambiguous target, no route."""
        down = RFC9421.verifier(replay=Down())
        told = {
            "store": self.status_of(signed(), down),
            "key": self.status_of(signed(at("/narrow"))),
            "other verifier": self.status_of(signed(at("/hook"))),
            "mount": self.status_of(signed(at("/shop/orders")), mount="/shop"),
            "target": self.status_of(signed(), path="/orders/2"),
            "no route": self.status_of(at("/nowhere")),
            "method": self.status_of(replace(LOOK, method="DELETE", target="/json")),
        }
        self.holds(dict.fromkeys(told, 200) | {"no route": 404, "method": 405}, told)

    def test_report_only_logs_each_request_once(self, caplog: pytest.LogCaptureFixture) -> None:
        application = self.build(RFC9421.verifier(), report_only=True)
        for each in (ORDER, at("/nowhere")):
            self.ask(application, each)
        messages = [record.getMessage() for record in caplog.records if record.name == "sealgate"]
        missing = [message.startswith("report only, let through: signature-missing") for message in messages]
        self.holds([True, True], missing)

    def status_of(self, message: Any, verifier: Any = None, **server: Any) -> int:
        application = self.build(verifier or RFC9421.verifier(), report_only=True)
        return self.ask(application, message, **server).status

    def told(self, application: Any, message: Any, framing: Any) -> tuple[int, bytes, list[bytes]]:
        with self.reading() as read:
            answer = self.ask(application, message, framing)
        return answer.status, answer.body, read
