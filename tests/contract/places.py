"""Promises about signatures that stand elsewhere than in fields of their own: in Authorization, and in the query."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from contract.messages import LOOK, ORDER
from contract.promise import Promises
from judged import AWS, JUDGED, KEY, KEY_ID, NOW, ORIGIN
from reference import Message, Upload, presign_aws_sigv4, sign_aws_sigv4, sign_link
from sealgate import Verifier, schemes

_LINK = replace(AWS, longest=3600)
_LINKED = schemes.aws_sigv4(region=AWS.region, service=AWS.service, presigned=3600)


class Places(Promises):
    def test_a_derived_key_signs_the_authorization_field(self) -> None:
        application = self.build(JUDGED["aws-sigv4"].verifier())
        digest = hashlib.sha256(ORDER.body).hexdigest()
        order = replace(ORDER, target="/orders?b=%20&a=2&a=1")
        stated, plain = _signed(order, digest), _signed(order)
        outcomes = self.outcomes(
            application,
            {
                "digest stated": stated,
                "digest not stated": plain,
                "no body": _signed(LOOK),
                "another body": replace(stated, body=b"{}"),
                "another body, read first": replace(plain, body=b"{}"),
                "another query": replace(plain, target="/orders?b=%20&a=2"),
                "a field of theirs added": plain.plus([("X-Amz-Target", "Delete")]),
                "signed in the query": _presigned(order),
            },
        )
        refused = {case: (401, []) for case in list(outcomes)[3:]}
        taken = {
            "digest stated": (200, [ORDER.body]),
            "digest not stated": (200, [ORDER.body]),
            "no body": (200, [b""]),
        }
        self.holds({**taken, **refused}, outcomes)

    def test_a_presigned_target_is_taken_until_it_ends(self) -> None:
        application = self.build(Verifier(_LINKED, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW))
        order = _presigned(replace(ORDER, target="/orders?b=%20&a=1"))
        outcomes = self.outcomes(
            application,
            {
                "a link": _presigned(LOOK),
                "the link again": _presigned(LOOK),
                "a body": order,
                "ended": _presigned(LOOK, created=NOW - 3601),
                "another body": replace(order, body=b"{}"),
                "another method": replace(_presigned(LOOK), method="POST"),
                "another path": replace(order, target=order.target.replace("/orders", "/json")),
                "a parameter added": replace(order, target=f"{order.target}&a=2"),
                "signed in a field": _signed(ORDER),
            },
        )
        refused = {case: (401, []) for case in list(outcomes)[3:]}
        self.holds(
            {"a link": (200, [b""]), "the link again": (200, [b""]), "a body": (200, [ORDER.body]), **refused}, outcomes
        )

    def test_a_signed_url_is_taken_until_it_ends(self) -> None:
        application = self.build(Verifier(schemes.signed_url(), keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW))
        link, posted = _link("/orders?b=%20&a=1&a=0&c"), _link("/orders", methods=("POST",))
        outcomes = self.outcomes(
            application,
            {
                "a link": link,
                "the link again": link,
                "without a query of its own": _link("/orders"),
                "for another method, too": replace(_link("/orders", methods=("GET", "DELETE")), method="GET"),
                "ended": _link("/orders", created=NOW - 61),
                "a body": replace(link, body=b"{}"),
                "another method": replace(link, method="POST"),
                "HEAD": replace(link, method="HEAD"),
                "another path": replace(posted, method="POST", target=posted.target.replace("/orders", "/json")),
                "a parameter added": replace(link, target=f"{link.target}&a=2"),
                "a parameter added before": replace(link, target=link.target.replace("?", "?a=2&")),
                "a parameter removed": replace(link, target=link.target.replace("a=0&", "")),
                "in another order": replace(link, target=link.target.replace("a=1&a=0", "a=0&a=1")),
                "in another spelling": replace(link, target=link.target.replace("%20", "+")),
                "for longer": replace(link, target=link.target.replace(f"={NOW + 60}", f"={NOW + 61}")),
                "an alias": replace(link, target=link.target.replace("signature=", "signatur%65=")),
                "of another service": _link("/orders", origin="https://api.shop.example.evil.example"),
            },
        )
        refused = {case: (401, []) for case in list(outcomes)[4:]}
        self.holds({**{case: (200, [b""]) for case in list(outcomes)[:4]}, **refused}, outcomes)

    def test_a_signed_url_that_is_good_once_is_taken_once(self) -> None:
        scheme = schemes.signed_url(once=True)
        application = self.build(Verifier(scheme, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW))
        first, second = (_link("/orders", nonce=digit * 16) for digit in "12")
        outcomes = self.outcomes(application, {"first": first, "second": second, "first again": first})
        self.holds({"first": (200, [b""]), "second": (200, [b""]), "first again": (401, [])}, outcomes)

    def test_parameters_behind_a_signed_url_are_let_through_where_they_are_named(self) -> None:
        scheme = schemes.signed_url(ignored=("utm_source", "gclid"))
        application = self.build(Verifier(scheme, keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW))
        link, own = _link("/orders?b=1"), _link("/orders?utm_source=shop&b=1")
        appended = {
            "none": "",
            "one": "&utm_source=mail",
            "both": "&gclid=a%26b;c=d&utm_source=",
            "another": "&utm_medium=a",
            "another before": "&utm_medium=a&gclid=1",
            "another behind": "&gclid=1&utm_medium=a",
            "one twice": "&gclid=1&gclid=1",
            "in capitals": "&GCLID=1",
            "percent-spelled": "&gcli%64=1",
            "behind a semicolon": ";gclid=1",
            "with a blank": "&gclid+=1",
            "without a value": "&gclid",
            "the signature": "&signature=a&gclid=1",
            "an alias of the signature": "&signatur%65=a&gclid=1",
            "a parameter of the view": "&b=2&gclid=1",
        }
        messages = {case: replace(link, target=link.target + end) for case, end in appended.items()}
        messages["before"] = replace(link, target=link.target.replace("?", "?gclid=1&"))
        messages["signed, and appended"] = replace(own, target=own.target + "&utm_source=mail")
        messages["signed, and another appended"] = replace(own, target=own.target + "&gclid=1")
        taken = ["none", "one", "both", "signed, and another appended"]
        expected = {case: (200, [b""]) if case in taken else (401, []) for case in messages}
        self.holds(expected, self.outcomes(application, messages))

    def test_a_signed_upload_is_taken_as_it_was_signed(self) -> None:
        application = self.build(
            Verifier(schemes.signed_upload(), keys={KEY_ID: KEY}, origin=ORIGIN, clock=lambda: NOW)
        )
        kind = "application/json"
        link = _link("/orders?a=1", methods=("POST",), upload=Upload.of(kind, ORDER.body))
        reading = _link("/orders?a=1", methods=("POST",))
        outcomes = self.outcomes(
            application,
            {
                "the content": _sent(link, ORDER.body, kind),
                "another content": _sent(link, ORDER.body.replace(b"1", b"2"), kind),
                "a shorter one": _sent(link, b"{}", kind),
                "another type": _sent(link, ORDER.body, f"{kind}; charset=utf-8"),
                "in a coding": _sent(link, ORDER.body, kind, ("Content-Encoding", "gzip")),
                "a range of it": _sent(link, ORDER.body, kind, ("Content-Range", "bytes 0-11/12")),
                "by a link to read": _sent(reading, ORDER.body, kind),
                "nothing": _sent(link, b"", kind),
                "another method": replace(_sent(link, ORDER.body, kind), method="PUT"),
                "elsewhere": replace(_sent(link, ORDER.body, kind), target=link.target.replace("/orders", "/json")),
            },
        )
        self.holds({**dict.fromkeys(outcomes, (401, [])), "the content": (200, [ORDER.body])}, outcomes)


def _sent(link: Message, body: bytes, kind: str, *more: tuple[str, str]) -> Message:
    return Message("POST", link.target, [*LOOK.headers, ("Content-Type", kind), *more], body)


def _link(target: str, *, created: int = NOW, origin: str = ORIGIN, **named: Any) -> Message:
    url = sign_link(origin + target, KEY, key_id=KEY_ID, created=created, expires=created + 60, **named)
    return replace(LOOK, target=url.removeprefix(origin))


def _signed(message: Message, payload: str | None = None) -> Message:
    return message.plus(sign_aws_sigv4(message, KEY, AWS, key_id=KEY_ID, created=NOW, payload=payload))


def _presigned(message: Message, created: int = NOW) -> Message:
    return presign_aws_sigv4(message, KEY, _LINK, key_id=KEY_ID, created=created)
