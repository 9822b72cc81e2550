"""Whom a request is for, and what: the target, the authority and the length."""

from __future__ import annotations

import re
import urllib.parse

from reference.message import Message, Refused


def canonical_path(raw: bytes) -> str:
    """Each segment decoded once and encoded strictly: `%7E` and `~` are one path, `%2F` and `/` are two."""
    if not raw.startswith(b"/") or raw.startswith(b"//"):
        raise Refused("not in origin form")
    if re.search(rb"[^\x21-\x7e]|[#?]", raw):
        raise Refused("an octet that no path has")
    segments = []
    for segment in raw.split(b"/"):
        if re.search(rb"%(?![0-9A-Fa-f]{2})", segment):
            raise Refused("malformed percent-encoding")
        octets = urllib.parse.unquote_to_bytes(segment)
        if octets in {b".", b".."} or re.search(rb"[\x00-\x1f\x7f]", octets):
            raise Refused("a dot segment or a control character")
        try:
            octets.decode()
        except UnicodeDecodeError:
            raise Refused("not UTF-8") from None
        segments.append(urllib.parse.quote(octets, safe=""))
    return "/".join(segments)


def sorted_query(query: str) -> str:
    """Pieces between `&`, stable-sorted by decoded name, each as received."""

    def name(piece: str) -> bytes:
        return urllib.parse.unquote_to_bytes(piece.partition("=")[0].replace("+", " "))

    return "&".join(sorted(query.split("&"), key=name))


def refuse_odd_target(message: Message) -> None:
    """RFC 9110, 7.1: a request to an origin server has an origin-form target, of visible ASCII, without a fragment."""
    if not re.fullmatch(r"/(?!/)[\x21-\x22\x24-\x7e]*", message.target):
        raise Refused("ambiguous target")
    if re.search(r"%(?![0-9A-Fa-f]{2})", message.path):
        raise Refused("malformed percent-encoding")
    if not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", message.method):
        raise Refused("the method is no token")


def authority(origin: str) -> str:
    """RFC 9421, 2.2.3: lower case, without the scheme's default port or an empty one (RFC 3986, 6.2.3)."""
    scheme, _, rest = origin.partition("://")
    rest = rest.lower().removesuffix("/")
    return rest.removesuffix({"https": ":443", "http": ":80"}[scheme.lower()]).removesuffix(":")


def refuse_other_host(message: Message, origin: str) -> None:
    """The origin is configured; Host, which anyone can write, may only agree with it."""
    host = message.one("host")
    if host is not None and authority(f"{origin.partition('://')[0]}://{host}") != authority(origin):
        raise Refused("another authority")


def refuse_odd_length(message: Message, limit: int = 10 * 1024 * 1024) -> None:
    """RFC 9110, 8.6: digits, once, and no more than anyone will read; a server may write none as nothing."""
    length = message.one("content-length")
    if length and (not re.fullmatch(r"[0-9]+", length) or int(length) > limit):
        raise Refused("a length that is no length, or over the limit")
