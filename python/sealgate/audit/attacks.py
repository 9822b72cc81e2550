"""What a probe sends: one row an attack, with what it needs, what it is for, and what has to become of it."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote_plus, unquote, urlsplit

from sealgate._native import Origins, Request
from sealgate.audit.aim import (
    SIGNED,
    TAMPERED,
    Aim,
    Fields,
    Shot,
    at,
    content_type,
    document,
    placed,
    sent,
    sign,
    with_,
)
from sealgate.audit.parties import other_schemes
from sealgate.exceptions import Rejected
from sealgate.verifier import BODY_LIMIT, Verifier

__all__ = ["ATTACKS", "OPENED", "OTHER_METHOD", "UNKNOWN", "Row", "Want"]

#: `refused`; `unparsed`: and not for what the body is; `cut`: or hung up on; `once`: or acknowledged without the view;
#: `elsewhere`: or answered by another route; `unseen`: whatever comes, the view does not run; `admitted`: not refused;
#: `opened`: not refused by sealgate; `told`: whatever comes of it; `parsed`: that,
#: and whether it comes of the body.
Want = Literal["refused", "unparsed", "cut", "once", "elsewhere", "unseen", "admitted", "opened", "told", "parsed"]

_ELSEWHERE = "elsewhere.example"
_HASHES = ("sha1", "sha256", "sha384", "sha512")
#: A JSON Web Token without a signature: {"alg":"none","typ":"JWT"}.{}.
_UNSECURED = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e30."


@dataclass(frozen=True, slots=True)
class Row:
    """One attack. `needs`: what of an aim has to be there. `here`: where it means anything.

    `decides`: where it does not go as it should, others would say the same again.
    """

    name: str
    shots: Callable[[Aim], Iterable[Shot]]
    needs: Literal["signer", "forger", "stranger"] | None = None
    want: Want = "refused"
    here: Callable[[Aim], bool] = field(default=lambda _: True)
    decides: bool = False


def _covers(part: str) -> Callable[[Aim], bool]:
    """Where the scheme signs that: what it does not sign is a weakness that the audit names."""
    return lambda aim: f"{part}-not-covered" not in aim.weaknesses


def _guards(part: str) -> Callable[[Aim], bool]:
    """Where nothing unsigned is taken in that part: covered or not, it acts."""
    return lambda aim: not aim.takes_unsigned(part) and not (part == "body" and aim.is_websocket)


def _covers_path(aim: Aim) -> bool:
    return "target-not-covered" not in aim.weaknesses or (aim.scheme is not None and bool(aim.scheme.params))


def _has_body(aim: Aim) -> bool:
    return not aim.is_websocket


def _is_timed(aim: Aim) -> bool:
    return "no-time" not in aim.weaknesses


def _is_once(aim: Aim) -> bool:
    return aim.scheme is not None and aim.scheme.replay_class in {"nonce", "base"}


def _binds_authority(aim: Aim) -> bool:
    return "audience" not in aim.weaknesses


def _unsigned(aim: Aim) -> Iterator[Shot]:
    yield Shot(aim.request())


def _malformed(aim: Aim) -> Iterator[Shot]:
    yield Shot(aim.request(body=b'{"'))


def _too_large(aim: Aim) -> Iterator[Shot]:
    request = aim.request() if aim.forger is None else aim.forged()
    yield Shot(with_(request, body=bytes(BODY_LIMIT + 1)))


def _preflight(aim: Aim) -> Iterator[Shot]:
    """Fetch standard, 4.8."""
    yield Shot(aim.request(body=b"", fields=[("origin", aim.origin), ("access-control-request-method", "POST")]))


def _from_inside(aim: Aim) -> Iterator[Shot]:
    """What an exemption for health checks, or for traffic within a cluster, could go by."""
    local = [("x-forwarded-for", "127.0.0.1"), ("x-real-ip", "127.0.0.1"), ("forwarded", "for=127.0.0.1;proto=https")]
    yield Shot(
        aim.request(fields=[*local, ("x-forwarded-host", "localhost"), ("x-forwarded-proto", "https")]), "fields"
    )
    yield Shot(aim.request(origin="http://localhost"), "Host")


def _no_algorithm(aim: Aim) -> Iterator[Shot]:
    """RFC 7518, 3.6, and what was made of it: a message that says how it is to be verified."""
    yield Shot(
        aim.request(fields=[("authorization", f"Bearer {_UNSECURED}"), ("x-signature-algorithm", "none")]), "by a token"
    )
    if aim.forger is None or aim.scheme is None:
        return
    forged, names = aim.forged(), {name.lower() for name in aim.scheme.fields}
    for algorithm, emptied in (("none", True), ("hmac-sha1", False)):
        changed = [
            (name, _said(name, value, algorithm, emptied=emptied) if name in names else value)
            for name, value in forged.headers
        ]
        yield Shot(with_(forged, [*changed, ("x-signature-algorithm", algorithm)]), algorithm)


def _said(name: str, value: str, algorithm: str, *, emptied: bool) -> str:
    if name == "signature-input":
        return f'{value};alg="{algorithm}"'
    if name == "signature":
        return re.sub(":[^:]*:", "::", value) if emptied else value
    return re.sub(r"[0-9a-f]{32,}|[\w+/-]{40,}=*", "", value) if emptied else value


def _wrong_key(aim: Aim) -> Iterator[Shot]:
    yield Shot(aim.forged())


def _strange(aim: Aim) -> Iterator[Shot]:
    yield Shot(sign(aim.stranger, aim.request(), aim.now))


def _other_body(aim: Aim) -> Iterator[Shot]:
    signed = aim.signed()
    if signed.body:
        yield Shot(with_(signed, body=signed.body.replace(SIGNED, TAMPERED)), "changed")
    else:
        body = document(["/other"])
        yield Shot(with_(signed, [*signed.headers, content_type(body)], body), "added")


def _other_path(aim: Aim) -> Iterator[Shot]:
    """Or what the route matches of it, where that is what is signed."""
    request = aim.request(
        path=f"{aim.path}~probe", params={name: f"{value}~probe" for name, value in aim.params.items()}
    )
    yield Shot(sent(aim.signed(request), path=aim.path))


def _other_query(aim: Aim) -> Iterator[Shot]:
    yield Shot(sent(aim.signed(), query="probe=1"))


def _other_method(aim: Aim) -> Iterator[Shot]:
    for method in ("GET", "HEAD", "POST", "PUT"):
        if method != aim.request().method:
            yield Shot(
                sent(aim.signed(aim.request(method=method)), method=aim.request().method), f"signed for {method}"
            )


def _stale(aim: Aim) -> Iterator[Shot]:
    yield Shot(aim.signed(later=-2 * aim.window))


def _future(aim: Aim) -> Iterator[Shot]:
    yield Shot(aim.signed(later=2 * aim.window))


def _replayed(aim: Aim) -> Iterator[Shot]:
    """Save what is good as often as one likes, such as a GET under Signature Version 4: SDKs repeat it as it was."""
    signed = aim.signed()
    if _is_remembered(aim, signed):
        yield Shot(signed, first=signed)


def _is_remembered(aim: Aim, signed: Request) -> bool:
    """Whether a verifier that does as the scheme says would refuse it the second time."""
    if aim.scheme is None:
        return False
    key, key_id, *_ = at(aim.signer, aim.now)._drawn()
    keys = {key_id: key} if key_id and aim.scheme.names_key else key
    faithful = Verifier(aim.scheme, keys=keys, origin=aim.origin, clock=lambda: aim.now)
    try:
        for _ in range(2):
            faithful.verify(signed, uncovered=frozenset(aim.entry.standing.uncovered))
    except Rejected:
        return True
    return False


def _other_hash(aim: Aim) -> Iterator[Shot]:
    """The true key and the true base, hashed as the scheme does not."""
    if aim.scheme is None:
        return
    request = aim.request()
    key, key_id, created, nonce = at(aim.signer, aim.now)._drawn()
    added, target, body = aim.scheme.sign_whole(request, key, key_id, created, nonce)
    base = aim.scheme.signature_base(with_(request, [*request.headers, *_digests(added)]), key_id, created, nonce)
    true = _spelled(key.sign(base, aim.scheme.hash))
    whole = with_(request, placed(request, added), body, target)
    for other in _HASHES:
        if other != aim.scheme.hash:
            changed = _substituted(whole, dict(zip(true, _spelled(key.sign(base, other)), strict=True)))
            if changed is not None:
                yield Shot(changed, other)


def _other_host(aim: Aim) -> Iterator[Shot]:
    here = aim.signed()
    yield Shot(with_(here, placed(here, [("host", _ELSEWHERE)])), "sent to another Host")
    there = aim.signed(aim.request(origin=f"https://{_ELSEWHERE}"))
    yield Shot(there, "signed for another origin")
    ours = [("x-forwarded-host", urlsplit(aim.origin).netloc), ("x-forwarded-proto", urlsplit(aim.origin).scheme)]
    yield Shot(with_(there, [*there.headers, *ours]), "signed for another origin, X-Forwarded-* says ours")


def _twin(aim: Aim) -> Iterator[Shot]:
    """Behind a bridge `X_Sig` and `X-Sig` are one: who reads which of them must not be a matter of chance.

    Where a scheme reads several signatures in one field, and no time beside them, it reads both, and one is right.
    """
    if aim.scheme is None:
        return
    signed, forged = aim.signed(), aim.forged(later=1)  # where members may repeat, these two times may not
    names = {name.lower() for name in aim.scheme.fields if "-" in name}
    twins = {name: value for name, value in forged.headers if name in names}
    joined = [(name, ",".join([value, *([twins[name]] if name in twins else [])])) for name, value in signed.headers]
    if twins and not _reads(aim, with_(signed, joined)):
        yield Shot(with_(signed, [*signed.headers, *((name.replace("-", "_"), twins[name]) for name in twins)]))


def _reads(aim: Aim, request: Request) -> bool:
    """Whether the scheme finds what it needs, be it right or wrong."""
    if aim.scheme is None:
        return False
    uncovered = frozenset(aim.entry.standing.uncovered) or None
    try:
        aim.scheme.claim(request, Origins(aim.origin), aim.now, int(aim.window), BODY_LIMIT, uncovered)
    except Rejected:
        return False
    return True


def _tricks(aim: Aim) -> Iterator[tuple[str, str]]:
    """Other spellings of the path, and paths that somebody may take for it."""
    path = aim.path
    head, _, last = path.rpartition("/")
    letter = re.search("[A-Za-z](?=[^%]*$)", last)
    yield "//", f"/{path}"
    yield "/../", f"/probe/..{path}"
    yield "%2e", f"/%2e{path}"
    yield "%2e%2e", f"/probe/%2e%2e{path}"
    if head:
        yield "%2F", f"{head}%2F{last}"
        yield "inner //", f"{head}//{last}"
    if path != "/":
        yield "trailing slash", path[:-1] if path.endswith("/") else f"{path}/"
    if letter:
        place = len(path) - len(last) + letter.start()
        yield "percent-encoded letter", f"{path[:place]}%{ord(path[place]):02X}{path[place + 1 :]}"
    if "%" not in path and path.swapcase() != path:
        yield "case", path.swapcase()


def _tricks_unsigned(aim: Aim) -> Iterator[Shot]:
    for name, path in _tricks(aim):
        yield Shot(aim.request(path=path), name)


def _tricks_signed(aim: Aim) -> Iterator[Shot]:
    """Signed for the path, sent to the other one. A scheme over a canonical path takes other spellings of it."""
    for name, path in _tricks(aim):
        if unquote(path) != unquote(aim.path) or "lossy-transform" not in aim.weaknesses:
            yield Shot(sent(aim.signed(), path=path), name)


def _good(aim: Aim) -> Iterator[Shot]:
    yield Shot(aim.signed())


#: Of an entry that is said to be verified. The request that is right comes before what is made of such a one.
ATTACKS = (
    Row("unsigned", _unsigned, decides=True),
    Row("malformed body unsigned", _malformed, want="unparsed", here=_has_body),
    Row("body over the limit", _too_large, want="cut", here=_has_body),
    Row("preflight", _preflight, want="unseen", here=lambda aim: aim.method == "OPTIONS"),
    Row("unsigned as from inside", _from_inside),
    Row("no algorithm", _no_algorithm),
    Row("path trick unsigned", _tricks_unsigned, want="elsewhere"),
    Row("wrong key", _wrong_key, "forger"),
    Row("key of another route", _strange, "stranger"),
    Row("good request", _good, "signer", "admitted"),
    Row("tampered body", _other_body, "signer", here=_guards("body")),
    Row("tampered path", _other_path, "signer", here=_covers_path),
    Row("tampered query", _other_query, "signer", here=_guards("query")),
    Row("tampered method", _other_method, "signer", here=_covers("method")),
    Row("stale", _stale, "signer", here=_is_timed),
    Row("future", _future, "signer", here=_is_timed),
    Row("replayed", _replayed, "signer", "once", here=_is_once),
    Row("other hash", _other_hash, "signer"),
    Row("other scheme", other_schemes, "signer"),
    Row("other host", _other_host, "signer", here=_binds_authority),
    Row("X_Sig twin", _twin, "signer", here=lambda aim: aim.in_process),  # some servers drop it
    Row("path trick signed", _tricks_signed, "signer", "elsewhere", here=_covers("target")),
)

#: Of one that is said to let unsigned requests in.
OPENED = (Row("unsigned", _unsigned, want="opened"),)

#: Of one of which nothing could be said.
UNKNOWN = (
    Row("unsigned", _unsigned, want="told"),
    Row("malformed body unsigned", _malformed, want="parsed", here=_has_body),
)

#: With a method that a closed or exempt route does not have.
OTHER_METHOD = (Row("unsigned, a method of no route", _unsigned, want="elsewhere"),)


def _digests(added: Fields) -> list[tuple[str, str]]:
    return [(name, value) for name, value in added if name.lower() == "content-digest"]


def _spelled(signature: bytes) -> list[str]:
    texts = [signature.hex(), b64encode(signature).decode(), urlsafe_b64encode(signature).decode()]
    return [*texts, *map(quote_plus, texts)]


def _substituted(request: Request, texts: dict[str, str]) -> Request | None:
    """With each text replaced, wherever it is; None where it is nowhere."""

    def changed(value: str) -> str:
        for old, new in texts.items():
            value = value.replace(old, new).replace(old.rstrip("="), new.rstrip("="))
        return value

    fields = [(name, changed(value)) for name, value in request.headers]
    target, body = changed(request.target), changed((request.body or b"").decode("latin-1")).encode("latin-1")
    if (fields, target, body) == (request.headers, request.target, request.body):
        return None
    return with_(request, fields, body, target)
