"""Promises about signatures that stand elsewhere than in fields of their own: in Authorization, and in the query."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from contract.messages import LOOK, ORDER
from contract.promise import Promises
from judged import AWS, JUDGED, KEY, KEY_ID, NOW, ORIGIN
from reference import Message, presign_aws_sigv4, sign_aws_sigv4
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


def _signed(message: Message, payload: str | None = None) -> Message:
    return message.plus(sign_aws_sigv4(message, KEY, AWS, key_id=KEY_ID, created=NOW, payload=payload))


def _presigned(message: Message, created: int = NOW) -> Message:
    return presign_aws_sigv4(message, KEY, _LINK, key_id=KEY_ID, created=created)
