"""One preset of each kind, for what is slow and does not differ within a kind; and keys as their parties write them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

from sealgate import Scheme, schemes

_WRITTEN: dict[str, Callable[[bytes], str]] = {
    "text": bytes.decode,
    "hex": bytes.hex,
    "base64": lambda octets: b64encode(octets).decode(),
    "whsec": lambda octets: f"whsec_{b64encode(octets).decode()}",
}


def written(octets: bytes, scheme: Scheme) -> str:
    """A key in the form of the scheme's party."""
    return _WRITTEN[scheme.key_form](octets)


def _kind(scheme: Scheme) -> tuple[object, ...]:
    """Hash, replay class, key form, where the claims are, and what of the body is signed."""
    places = bool(scheme.fields), bool(scheme.query), bool(scheme.members), bool(scheme.params), scheme.names_key
    body = scheme.body_form, scheme.signs_body, "body-not-covered" in scheme.weaknesses()
    return scheme.hash, scheme.replay_class, scheme.key_form, *places, *body


#: The first of each, by name.
ONE_OF_EACH_KIND = {
    scheme.name: scheme
    for scheme in {_kind(scheme): scheme for scheme in reversed(schemes.by_name().values())}.values()
}
