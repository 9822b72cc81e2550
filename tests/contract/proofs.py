"""Promises about the proof: who gets through, who does not, and that a refusal tells nothing."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from contract.messages import HOOKS, LOOK, ORDER, REFUSED, signed
from contract.promise import Promises
from exchange import Framing
from judged import BODY, KEY, NOW, OTHER_KEY, RFC9421, field_of, with_field
from reference import content_digest
from wsgi_client import Answer

PUBLIC_BODY = b'{"type": "about:blank", "title": "Unauthorized", "status": 401}\n'
PUBLIC_HEADERS: tuple[tuple[str, str], ...] = (
    ("Content-Type", "application/problem+json"),
    ("Content-Length", str(len(PUBLIC_BODY))),
    ("Cache-Control", "no-store"),
    (
        "Accept-Signature",
        'sig1=("@method" "@authority" "@path" "@query" "content-digest");created;alg="hmac-sha256"',
    ),
    ("WWW-Authenticate", 'Signature realm="sealgate"'),
)
_HOSTILE = [chr(octet) for octet in (0, 1, 9, 10, 13, 31, 34, 44, 58, 59, 61, 92, *range(127, 256))]


class Down:
    """A store or key source that does not answer."""

    def add(self, *_: Any) -> bool:
        raise ConnectionError("redis://user:password@cache is down")


class Proofs(Promises):
    #: The header fields that the framework adds to every answer of its own accord.
    own_headers: ClassVar[frozenset[str]] = frozenset()

    def test_signed_request_reaches_the_view_which_sees_whose_it_is(self) -> None:
        application = self.build(RFC9421.verifier())
        with self.reading() as read:
            answer = self.ask(application, signed())
        self.holds((200, b"acme", [ORDER.body]), (answer.status, answer.body, read))

    def test_signed_request_without_a_body_reaches_the_view(self) -> None:
        messages = {method: signed(replace(LOOK, method=method)) for method in ("GET", "HEAD", "OPTIONS")}
        self.holds(dict.fromkeys(messages, (200, [b""])), self.outcomes(self.build(RFC9421.verifier()), messages))

    def test_every_refusal_is_401_before_the_view(self) -> None:
        application = self.build(RFC9421.verifier())
        messages = {case: message() for case, message in REFUSED.items()}
        self.holds(dict.fromkeys(REFUSED, (401, [])), self.outcomes(application, messages))

    def test_401_of_a_gate_that_takes_no_message_signature_asks_for_none(self) -> None:
        """RFC 9421, 5: by configuration alone, or the answer would tell of the request."""
        refused = self.ask(self.build(BODY.verifier()), signed())
        asked = [name for name, _ in refused.headers if name.lower() == "accept-signature"]
        self.holds((401, []), (refused.status, asked))

    def test_401_of_a_gate_asks_for_the_message_signature_that_it_takes(self) -> None:
        refused = self.ask(self.build(RFC9421.verifier()), ORDER)
        asked = [value for name, value in refused.headers if name.lower() == "accept-signature"]
        self.holds((401, [RFC9421.scheme.accept_signature]), (refused.status, asked))

    def test_every_401_is_the_same_answer(self) -> None:
        """Which is the public one, with what the framework adds to every answer."""
        application = self.build(RFC9421.verifier())
        public = self.ask(application, ORDER)
        names = {name.lower() for name, _ in PUBLIC_HEADERS} | type(self).own_headers
        shown = sorted(names) == sorted(name.lower() for name, _ in public.headers) and _is_public(public)
        answers = {case: self.ask(application, message()) == public for case, message in REFUSED.items()}
        self.holds({"the public one": True} | dict.fromkeys(REFUSED, True), {"the public one": shown} | answers)

    def test_head_and_options_are_closed_and_signed_as_themselves(self) -> None:
        """HEAD is not a kind of GET here: who may look may not ask what there is."""
        application = self.build(RFC9421.verifier())
        messages = {
            f"{signed_as} sent as {method}": replace(signed(replace(LOOK, method=signed_as)), method=method)
            for signed_as in ("GET", "HEAD", "OPTIONS")
            for method in ("GET", "HEAD", "OPTIONS")
        }
        messages |= {f"unsigned {method}": replace(LOOK, method=method) for method in ("GET", "HEAD", "OPTIONS")}
        expected = {
            case: (200, [b""]) if case in {f"{m} sent as {m}" for m in ("GET", "HEAD", "OPTIONS")} else (401, [])
            for case in messages
        }
        self.holds(expected, self.outcomes(application, messages))

    def test_second_time_is_a_replay(self) -> None:
        application, message = self.build(RFC9421.verifier()), signed()
        with self.reading() as read:
            statuses = self.statuses(application, message, message, message)
        self.holds(([200, 401, 401], [ORDER.body]), (statuses, read))

    def test_a_refused_request_spends_no_nonce(self) -> None:
        """E7, D8."""
        application, message = self.build(RFC9421.verifier()), signed()
        forged = replace(message, body=b'{"total": 9}')
        self.holds([401, 401, 200], self.statuses(application, forged, forged, message))

    def test_window_is_the_same_on_both_sides(self) -> None:
        """E1."""
        application = self.build(RFC9421.verifier())
        expected = {-301: 401, -300: 200, 0: 200, 300: 200, 301: 401}
        messages = {seconds: signed(created=NOW + seconds) for seconds in expected}
        self.holds(expected, {at: self.ask(application, message).status for at, message in messages.items()})

    def test_unknown_key_is_refused_like_a_wrong_one(self) -> None:
        unknown = self.send(signed(), RFC9421.verifier(keys={"globex": KEY}))
        wrong = self.send(signed(), RFC9421.verifier(keys={"acme": OTHER_KEY}))
        self.holds((401, wrong, []), (unknown.status, unknown, self.seen))

    def test_another_party_is_not_the_default(self) -> None:
        """With each verifier as the default: a signature of the other scheme is none."""
        hook = ORDER.plus([("X-Hub-Signature-256", "sha256=" + "0" * 64)])
        statuses = [self.send(each, verifier).status for each, verifier in ((signed(), HOOKS), (hook, None))]
        self.holds(([401, 401], []), (statuses, self.seen))

    def test_store_or_key_source_that_is_down_closes_the_service(self) -> None:
        """E12."""
        broken = {"store": {"replay": Down()}, "keys": {"keys": Down().add}}
        answers = {what: self.send(signed(), RFC9421.verifier(**settings)) for what, settings in broken.items()}
        told = {what: (answer.status, b"redis" in answer.body) for what, answer in answers.items()}
        self.holds(({"store": (503, False), "keys": (503, False)}, []), (told, self.seen))

    @pytest.mark.parametrize("field", ["Signature", "Signature-Input", "Content-Digest", "Host", "Content-Length"])
    def test_hostile_octets_in_a_field_are_a_refusal_and_nothing_else(self, field: str) -> None:
        """A5."""
        application = self.build(RFC9421.verifier())
        good, statuses = signed(), {}
        for octet in _HOSTILE:
            if field == "Content-Length":
                answer = self.ask(application, good, Framing(f"1{octet}2"))
            else:
                value = field_of(good, field)
                answer = self.ask(application, with_field(good, field, value[:5] + octet + value[5:]))
            statuses[octet] = answer.status
        self.holds({"other answers": set(), "read": []}, self.others(statuses, 400, 401, 413))

    def test_odd_methods_are_a_refusal_and_nothing_else(self) -> None:
        application = self.build(RFC9421.verifier())
        methods = ["get", "POST\xe9", "\x00", "", "A" * 10_000, "GET /", "WEBSOCKET"]
        statuses = {
            (kind, method): self.ask(application, replace(message, method=method)).status
            for kind, message in (("unsigned", ORDER), ("signed as POST", signed()))
            for method in methods
        }
        self.holds({"other answers": set(), "read": []}, self.others(statuses, 400, 401))

    def test_underscore_twin_of_a_covered_field_is_refused(self) -> None:
        """uWSGI joins `Content_Digest` with `Content-Digest`, so two values arrive as one."""
        message = signed().plus([("Content_Digest", content_digest(b"other"))])
        self.holds((401, []), self.outcome(self.build(RFC9421.verifier()), message))

    def test_reason_is_in_one_log_record_and_not_in_the_answer(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, logger="sealgate")
        answer = self.send(replace(signed(), body=b'{"total": 2}'))
        records = [record for record in caplog.records if record.name == "sealgate"]
        codes = [(record.levelname, record.__dict__.get("code")) for record in records]
        told = [b"digest" in answer.body, "HMAC" in caplog.text]
        self.holds(([("WARNING", "digest-mismatch")], [False, False]), (codes, told))

    def test_log_record_is_one_line_whatever_the_path(self, caplog: pytest.LogCaptureFixture) -> None:
        application = self.build(RFC9421.verifier())
        self.ask(application, replace(ORDER, target="/orders/%0D%0Arefused%20nothing"))
        self.holds([False], ["\n" in r.getMessage() for r in caplog.records if r.name == "sealgate"])


def _is_public(answer: Answer) -> bool:
    given = {name.lower(): value for name, value in answer.headers}
    return answer.body == PUBLIC_BODY and all(given.get(name.lower()) == value for name, value in PUBLIC_HEADERS)
