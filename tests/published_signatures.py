"""Published vectors of RFC 9421 alone: what signers may choose, under signatures that are right for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import reference
from honest_messages import NONCE, Honest
from judged import KEY_ID, NOW, ORIGIN, field_of, with_field
from reference import PLAIN, Message

_ALL = (*PLAIN, "content-digest")


def chosen(honest: Honest) -> Iterator[tuple[str, Message]]:
    """A message each, and what it shows."""
    unsigned, key = honest.unsigned, honest.key

    def signed(components: Sequence[str] = _ALL, message: Message = unsigned, **params: Any) -> Message:
        given = {"created": NOW, "key_id": KEY_ID, "nonce": NONCE, **params}
        added = reference.sign_rfc9421(message, key, origin=ORIGIN, components=components, **given)
        return message.plus(added)

    def respelled(before: str, after: str) -> Message:
        """The parameters as they are signed, in another spelling; a label is not signed."""
        message = signed()
        claimed = field_of(message, "Signature-Input").replace(before, after, 1)
        if before == "sig1":
            message = with_field(message, "Signature", field_of(message, "Signature").replace(before, after, 1))
        return with_field(message, "Signature-Input", claimed)

    for name in _ALL:
        yield f"without {name}", signed([other for other in _ALL if other != name])
    yield "nothing is covered", signed([])
    yield "the target URI for its parts", signed(["@method", "@target-uri", "content-digest"])
    yield "the request target for its parts", signed(["@method", "@authority", "@request-target", "content-digest"])
    yield "the scheme as well", signed([*_ALL, "@scheme"])
    yield "another field as well", signed([*_ALL, "x-a"], unsigned.plus([("X-A", " b  c\t")]))
    yield (
        "a covered field that is absent",
        with_field(signed([*_ALL, "x-a"], unsigned.plus([("X-A", "b")])), "X-A", None),
    )
    yield "a covered field twice", signed([*_ALL, "x-a"], unsigned.plus([("X-A", "b")])).plus([("X-A", "b")])
    yield "a covered field beside its twin", signed([*_ALL, "x-a"], unsigned.plus([("X-A", "b")])).plus([("X_A", "c")])
    yield "a component twice", signed([*_ALL, "@method"])
    yield "in another order", signed(_ALL[::-1])
    yield "an end that has not come", signed(expires=NOW + 1)
    yield "an end that has come", signed(expires=NOW - 1)
    yield "an end before the beginning", signed(created=NOW + 10, expires=NOW + 5)
    yield "the algorithm", signed(alg="hmac-sha256")
    for algorithm in ("none", "hmac-sha512", "HMAC-SHA256", "rsa-pss-sha512", ""):
        yield f"the algorithm {algorithm or 'of no name'}", signed(alg=algorithm)
    yield "a tag", signed(tag="app")
    yield "a parameter that nobody knows", signed(colour="red")
    yield "a nonce of 15 characters", signed(nonce="n" * 15)
    yield "a nonce of 16 characters", signed(nonce="n" * 16)
    yield "a nonce of 256 characters", signed(nonce="n" * 256)
    yield "a nonce of 257 characters", signed(nonce="n" * 257)
    yield "a nonce with a quote and a backslash", signed(nonce='a "quote" and a \\')
    yield "a key id that there is none of", signed(key_id="globex")
    yield "a key id that every object has", signed(key_id="constructor")
    yield "a key id of nothing", signed(key_id="")
    yield "a parameter twice", respelled(";created=", f";created={NOW};created=")
    yield "no nonce", respelled(f';nonce="{NONCE}"', "")
    yield "no time", respelled(f";created={NOW}", "")
    yield "no key id", respelled(f';keyid="{KEY_ID}"', "")
    yield "a time that is text", respelled(f"created={NOW}", f'created="{NOW}"')
    yield "another label", respelled("sig1", "acme")
    yield "another label in one of the fields", with_field(signed(), "Signature", field_of(signed(), "Signature")[1:])
    yield from _digests(unsigned, signed)


def _digests(unsigned: Message, signed: Any) -> Iterator[tuple[str, Message]]:
    right, other = reference.content_digest(unsigned.body), reference.content_digest(unsigned.body + b"1")
    long = reference.content_digest(unsigned.body, "sha-512")
    fields = {
        "a digest by SHA-512": long,
        "two digests": f"{right}, {long}",
        "two digests, of which one is another body's": f"{long}, {other}",
        "a digest of another body": other,
        "a digest that is out of use": "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:",
        "one that is out of use beside a right one": f"md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, {right}",
        "a digest without its colons": right.replace(":", ""),
    }
    for title, value in fields.items():
        yield title, signed(message=unsigned.plus([("Content-Digest", value)]))
