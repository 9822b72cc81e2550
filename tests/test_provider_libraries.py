"""Each provider's own library and we agree: both directions, random messages, and no changed octet passes either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from box_sdk_gen.internal.utils import compute_webhook_signature

import reference
from judged import with_field
from provider_adapters import LIBRARIES
from provider_libraries import Exchange, Library, disagreements

ROUNDS = 200


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_what_one_signs_the_other_accepts_and_no_changed_octet(library: Library) -> None:
    assert [] == disagreements(library, ROUNDS)


# --- what they take, and we refuse on purpose -------------------------------------------------------------------------


def _field(name: str, change: Callable[[str], str]) -> Callable[[Library, Exchange], Exchange]:
    def changed(library: Library, it: Exchange) -> Exchange:
        signed = library.signed_by_them(it)
        return replace(signed, message=with_field(signed.message, name, change(signed.fields[name.lower()])))

    return changed


def _time(name: str, change: Callable[[str], str]) -> Callable[[Library, Exchange], Exchange]:
    """Of the field `name`, the time in it."""

    def changed(library: Library, it: Exchange) -> Exchange:
        at = str(it.created)
        return _field(name, lambda text: text.replace(at, change(at)))(library, it)

    return changed


def _in_ten_days(library: Library, it: Exchange) -> Exchange:
    return replace(library.signed_by_them(replace(it, created=it.created + 864_000)), created=it.created)


def _empty(library: Library, it: Exchange) -> Exchange:
    return library.signed_by_them(replace(it, message=replace(it.message, body=b"")))


def _under_other_names(library: Library, it: Exchange) -> Exchange:
    signed = library.signed_by_them(it)
    headers = [(name.replace("svix-", "webhook-"), value) for name, value in signed.message.headers]
    return replace(signed, message=replace(signed.message, headers=headers))


def _by_sha1(library: Library, it: Exchange) -> Exchange:
    signature = reference.mac(it.key.encode(), it.message.body, "sha1").hex()
    return replace(it, message=it.message.plus([("X-Hub-Signature-256", f"sha1={signature}")]))


def _of_an_escaped_body(library: Library, it: Exchange) -> Exchange:
    it = replace(it, message=replace(it.message, body='{"name": "é"}'.encode()))
    signed = library.signed_by_them(it)
    signature = compute_webhook_signature(it.text, signed.fields, it.key, escape_body=True)
    return replace(signed, message=with_field(signed.message, "Box-Signature-Primary", signature))


KINDER: dict[str, tuple[str, Callable[[Library, Exchange], Exchange]]] = {
    "a time from the future": ("stripe", _in_ten_days),
    "a time in another spelling than was signed": ("stripe", _time("Stripe-Signature", "+{}".format)),
    "a second time, of which the first counts": ("stripe", _field("Stripe-Signature", "{},t=1".format)),
    "a fraction that was not signed": ("standardwebhooks", _time("webhook-timestamp", "{}.9".format)),
    "what is no base64, which is skipped": ("standardwebhooks", _field("webhook-signature", "{}!!".format)),
    "more after the padding": ("standardwebhooks", _field("webhook-signature", "{}AAAA".format)),
    "names of another scheme": ("svix", _under_other_names),
    "a signature of a version that does not exist": (
        "resend",
        _field("svix-signature", lambda text: text.replace("v1,", "v9,")),
    ),
    "a weaker hash, which the message chose": ("gidgethub", _by_sha1),
    "a signature of another body, that was escaped": ("box-sdk-gen", _of_an_escaped_body),
    "an empty body, so that no more than a moment is signed": ("slack_sdk", _empty),
    "an empty body, so that no more than an id and a moment is signed": ("svix", _empty),
    "an empty body, so that nothing is signed": ("gidgethub", _empty),
}


@pytest.mark.parametrize(("name", "change"), KINDER.values(), ids=KINDER)
def test_what_they_take_and_we_refuse_on_purpose(name: str, change: Callable[[Library, Exchange], Exchange]) -> None:
    library = LIBRARIES[name]
    exchange = change(library, library.exchange(Random(1)))
    assert (True, False) == (library.accepted_by_them(exchange), library.accepted_by_us(exchange))
