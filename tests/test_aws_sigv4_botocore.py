"""AWS Signature Version 4 against botocore: both directions, random requests, and no changed octet passes."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from judged import as_message, as_request
from reference import Message
from reference.aws_sigv4 import seconds_of
from sealgate import Rejected, Scheme, Signer, Verifier, schemes

ROUNDS = 200
REGION, SERVICE, LIFE = "eu-central-1", "orders", 3600
_PLAIN = string.ascii_letters + string.digits + "-._~"
_TEXT = "".join(map(chr, range(0x21, 0x7F))) + " \u00e9\u20ac"


class Round:
    """One random request, as a client of botocore's would make it, with its key."""

    def __init__(self, rng: random.Random, auth: type[SigV4Auth]) -> None:
        self.auth, self.s3, self.presigned = auth, "S3" in auth.__name__, "Query" in auth.__name__
        host = "".join(rng.choices(string.ascii_lowercase + string.digits, k=rng.randint(1, 20)))
        self.origin = f"https://{host}.example{rng.choice(['', '', ':8443'])}"
        self.key = "".join(rng.choices(_PLAIN + "+/=", k=rng.randint(16, 80)))
        self.key_id = "".join(rng.choices(string.ascii_uppercase + string.digits, k=20))
        segments = ["".join(rng.choices(_TEXT, k=rng.randint(1, 9))) for _ in range(rng.randint(0, 4))]
        segments = [f"{segment}_" if segment in {".", ".."} else segment for segment in segments]
        path = (
            "/" + "/".join(quote(segment, safe="~") for segment in segments) + rng.choice(["", "/" if segments else ""])
        )
        pairs = [(self._text(rng), self._text(rng)) for _ in range(rng.randint(0, 5))]
        if not self.presigned:  # botocore keeps one value of a name
            pairs += [(name, self._text(rng)) for name, _ in pairs[:1]]
        self.target = path + (
            "?" + "&".join(f"{quote(n, safe='~')}={quote(v, safe='~')}" for n, v in pairs) if pairs else ""
        )
        self.method = rng.choice(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        # botocore moves a body of form pairs into a presigned query.
        self.body = b"" if self.presigned else rng.choice([b"", rng.randbytes(rng.randint(1, 300))])
        self.fields = [
            (f"X-Amz-Meta-{rng.randrange(10**6)}-{n}", " ".join(self._value(rng) for _ in range(rng.randint(1, 3))))
            for n in range(rng.randint(0, 3))
        ]
        if rng.random() < 0.5:
            self.fields.append(("Content-Type", rng.choice(["application/json", "text/plain; charset=utf-8"])))
        self.token = rng.choice([None, "".join(rng.choices(_PLAIN + "+/=", k=60))])
        self.scheme: Scheme = schemes.aws_sigv4(
            region=REGION,
            service=SERVICE,
            path="s3" if self.s3 else "general",
            presigned=LIFE if self.presigned else None,
            unsigned_payload=self.s3 and self.presigned,
        )

    @staticmethod
    def _text(rng: random.Random) -> str:
        return "".join(rng.choices(_TEXT, k=rng.randint(1, 9)))

    @staticmethod
    def _value(rng: random.Random) -> str:
        return "".join(rng.choices(_TEXT[:94], k=rng.randint(1, 12)))

    def signer(self) -> Any:
        credentials = Credentials(self.key_id, self.key, self.token)
        expires = {"expires": LIFE} if self.presigned else {}
        return self.auth(credentials, SERVICE, REGION, **expires)

    def foreign_signature(self) -> Message:
        """Signed now: botocore reads the system's clock."""
        request = AWSRequest(self.method, self.origin + self.target, dict(self.fields), self.body or None)
        self.signer().add_auth(request)
        url = urlsplit(request.url)
        fields = [("Host", urlsplit(self.origin).netloc), *request.headers.items()]
        return Message(self.method, f"{url.path}?{url.query}" if url.query else url.path, fields, self.body)

    def own_signature(self, now: int) -> Message:
        host = ("Host", urlsplit(self.origin).netloc)
        token = [("X-Amz-Security-Token", self.token)] if self.token and not self.presigned else []
        message = Message(self.method, self.target, [host, *self.fields, *token], self.body)
        signer = Signer(self.scheme, key=self.key, key_id=self.key_id, clock=lambda: now)
        return as_message(signer.sign(as_request(message)))

    def their_signature_of(self, message: Message) -> str:
        """What botocore has for a message that is signed, over the same fields and at the same time."""
        fields = [(name, value) for name, value in message.headers if name.lower() != "authorization"]
        request = AWSRequest(
            message.method, self.origin + without_signature(message), dict(fields), message.body or None
        )
        request.context["timestamp"] = time_of(message)
        theirs = self.signer()
        return str(theirs.signature(theirs.string_to_sign(request, theirs.canonical_request(request)), request))

    def accepts(self, message: Message) -> bool:
        now = seconds_of(time_of(message)) if time_of(message) else 0
        verifier = Verifier(self.scheme, keys={self.key_id: self.key}, origin=self.origin, clock=lambda: now)
        try:
            verified = verifier.verify(as_request(message))
        except Rejected:
            return False
        return (self.key_id, self.body) == (verified.key_id, verified.body)

    def changed(self, rng: random.Random, message: Message) -> Iterator[tuple[str, Message]]:
        """One changed octet in each part that is signed."""
        yield "method", replace(message, method=other(rng, message.method))
        path, _, query = message.target.partition("?")
        if len(path) > 1:
            yield "path", replace(message, target=message.target.replace(path, f"/{other(rng, path[1:])}", 1))
        if query:
            yield "query", replace(message, target=f"{path}?{other(rng, query)}")
        yield "one more", replace(message, target=f"{message.target}{'&' if query else '?'}a=1")
        for nth, (name, value) in enumerate(message.headers):
            fields = [*message.headers]
            fields[nth] = (name, other(rng, value))
            yield name, replace(message, headers=fields)
        if message.body:
            at = rng.randrange(len(message.body))
            body = message.body[:at] + bytes([message.body[at] ^ 1 << rng.randrange(8)]) + message.body[at + 1 :]
            yield "body", replace(message, body=body)


def is_refused(verifier: Verifier, message: Message) -> bool:
    try:
        verifier.verify(as_request(message))
    except Rejected:
        return True
    return False


def other(rng: random.Random, text: str) -> str:
    """`text` with a letter or digit of it another, so that it means something else under any encoding."""
    places = [at for at, character in enumerate(text) if character.isalnum() and character.isascii()]
    if not places:
        return text + "x"
    at = rng.choice(places)
    if (at and text[at - 1] == "%") or (at > 1 and text[at - 2] == "%"):
        digits = "0123456789ABCDEF".replace(text[at].upper(), "")
        return text[:at] + rng.choice(digits) + text[at + 1 :]
    return text[:at] + rng.choice((string.ascii_letters + string.digits).replace(text[at], "")) + text[at + 1 :]


def time_of(message: Message) -> str:
    in_query = dict(piece.partition("=")[::2] for piece in message.query.split("&"))
    return next((value for name, value in message.headers if name == "X-Amz-Date" or name == "x-amz-date"), "") or (
        in_query.get("X-Amz-Date", "")
    )


def without_signature(message: Message) -> str:
    return message.target.partition("&X-Amz-Signature=")[0]


def signature_of(message: Message) -> str:
    in_field = next((value for name, value in message.headers if name.lower() == "authorization"), "")
    return in_field.rpartition("Signature=")[2] or message.target.rpartition("&X-Amz-Signature=")[2]


@pytest.mark.parametrize(
    "auth", [SigV4Auth, S3SigV4Auth, SigV4QueryAuth, S3SigV4QueryAuth], ids=lambda auth: auth.__name__
)
def test_botocore_and_we_agree_and_no_changed_octet_passes(auth: type[SigV4Auth]) -> None:
    rng, tried = random.Random(auth.__name__), 0
    for number in range(ROUNDS):
        one = Round(rng, auth)
        theirs = one.foreign_signature()
        assert one.accepts(theirs), (number, theirs)
        ours = one.own_signature(1_700_000_000 + rng.randrange(10**8))
        assert one.their_signature_of(ours) == signature_of(ours), (number, ours)
        assert one.accepts(ours), (number, ours)
        for message in (theirs, ours):
            now = seconds_of(time_of(message))
            verifier = Verifier(one.scheme, keys={one.key_id: one.key}, origin=one.origin, clock=lambda now=now: now)  # type: ignore[misc]
            for part, changed in one.changed(rng, message):
                tried += 1
                assert is_refused(verifier, changed), f"{number}: {part}: {changed}"
    assert tried > 10 * ROUNDS
