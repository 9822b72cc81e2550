"""Promises about signatures that stand elsewhere than in fields of their own: in Authorization, and in the query."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from contract.messages import LOOK, ORDER
from contract.promise import Promises
from judged import AWS, JUDGED, KEY, KEY_ID, NOW, ORIGIN
from reference import Message, presign_aws_sigv4, sign_aws_sigv4, sign_link
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


def _link(target: str, *, created: int = NOW, origin: str = ORIGIN, **named: Any) -> Message:
    url = sign_link(origin + target, KEY, key_id=KEY_ID, created=created, expires=created + 60, **named)
    return replace(LOOK, target=url.removeprefix(origin))


def _signed(message: Message, payload: str | None = None) -> Message:
    return message.plus(sign_aws_sigv4(message, KEY, AWS, key_id=KEY_ID, created=NOW, payload=payload))


def _presigned(message: Message, created: int = NOW) -> Message:
    return presign_aws_sigv4(message, KEY, _LINK, key_id=KEY_ID, created=created)
