"""Constructors for the forms that services make up for themselves. Users find them in `sealgate.schemes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from sealgate._native import Scheme
from sealgate.exceptions import ConfigurationError

__all__ = [
    "JSON_FORMS",
    "body",
    "canonical_json",
    "canonical_request",
    "envelope",
    "scoped",
    "signed_upload",
    "signed_url",
]

JSON_FORMS = ("jcs", "pyjson", "pyjson-utf8")
#: Seconds: seven days, as the longest that AWS signs a URL for.
_LONGEST = 604_800
#: Of a scheme that covers the body, and nothing else.
_BODY_ALONE = frozenset({"no-time", "method-not-covered", "target-not-covered", "query-not-covered", "audience"})


def body(header: str = "X-Signature", *, hash: str = "sha256") -> Scheme:
    """Lower-case hex HMAC of the raw body in `header`: what the copied snippets sign.

    It covers nothing but the body, so a captured request works on any route, for ever. Prefer `RFC9421`.
    """
    return Scheme(
        "body",
        base="{body}",
        fields={header: "{signature:hex}"},
        hash=hash,
        accept_weaknesses=_BODY_ALONE,
    )


def canonical_json(header: str = "X-Signature", *, form: str = "jcs", hash: str = "sha256") -> Scheme:
    """Lower-case hex HMAC of the body's canonical JSON in `header`, however the client laid its JSON out.

    `form`: `jcs` (RFC 8785); `pyjson`, for clients that sign `json.dumps(value, sort_keys=True, separators=(",", ":"))`
    or `pyjson-utf8`, with `ensure_ascii=False`. The application is handed the canonical octets, not the received ones.
    The Content-Type must be that of JSON, without a charset but utf-8, and without a Content-Encoding. As `body`, it
    covers nothing but the body. Prefer `RFC9421`.
    """
    return Scheme(
        _named("canonical-json", form),
        base=f"{{body:{form}}}",
        fields={header: "{signature:hex}"},
        hash=hash,
        accept_weaknesses=_BODY_ALONE | {"lossy-transform"},
    )


def canonical_request(header: str = "X-Signature", *, hash: str = "sha256") -> Scheme:
    """Lower-case hex HMAC of method, path, Host, Content-Type, sorted query and body, one LF between: the Express form.

    An absent Content-Type is written as nothing; the query is stable-sorted by decoded name, without its `?`.
    """
    return Scheme(
        "canonical-request",
        base="{@method}\n{@path}\n{header:host}\n{header:content-type?}\n{@query:sorted}\n{body}",
        fields={header: "{signature:hex}"},
        hash=hash,
        accept_weaknesses={"no-time", "lossy-transform"},
    )


def scoped(
    template: str = "download:resource:{param:id}", header: str = "X-Hmac-Signature", *, hash: str = "sha256"
) -> Scheme:
    """Lower-case hex HMAC of an action and its resource in `header`.

    `template`: such as the default, or `action:{json:/action}:resource:{json:/resourceId}`. `{param:id}` is what the
    route matched, `{json:/action}` a member of the body, whose other members are not handed to the application;
    `{json:/action:text}` is a string without its quotes, `{json:/action:text?}` one that a body may do without. It
    covers what the template has and nothing else, and accepts just the weaknesses that follow: the signature works on
    each route with such a template, for ever. Prefer `RFC9421`.
    """
    return Scheme("scoped", base=template, fields={header: "{signature:hex}"}, hash=hash, accept_weaknesses=None)


def envelope(data: str = "/data", signature: str = "/hmac", *, form: str = "jcs", hash: str = "sha256") -> Scheme:
    """Lower-case hex HMAC of a member of the JSON body in another one: `{"data": ..., "hmac": "..."}`.

    `data`, `signature`: JSON pointers (RFC 6901). `form`: as of `canonical_json`. The application is handed the
    canonical `{"data": ...}` and nothing beside it. As `body`, it covers nothing but that. Prefer `RFC9421`.
    """
    if set(":{}") & set(data):
        raise ConfigurationError("data: a pointer in a template has no colon and no brace")
    return Scheme(
        _named("envelope", form),
        base=f"{{json:{data}:{form}}}",
        json={signature: "{signature:hex}"},
        hash=hash,
        accept_weaknesses=_BODY_ALONE | {"lossy-transform"},
    )


def signed_url(
    prefix: str = "",
    *,
    longest: int = _LONGEST,
    once: bool = False,
    ignored: Sequence[str] = (),
    hash: str = "sha256",
) -> Scheme:
    """Links that end with the base64url HMAC of all before it: `?methods=GET&key_id=&created=&expires=&signature=`.

    Signed are origin, path and query as they were written, and in the query the methods (a dot between them), the key
    id and the times, in Unix seconds; so nothing can be added, removed, reordered or spelled in another way. What a
    view reads of its own is in the query that is signed. `prefix`: of the six names, for a service with a `created` or
    a `signature` of its own. `longest`: the seconds that a link may last; one counts up to the second `expires`. HEAD
    is not GET: a link for both says so. A body is refused. A link is good as often as it comes until it ends; with
    `once` it has a nonce, and is good once. The key is derived from the ring's, and signs nothing but such links.

    `ignored`: parameters that others append, such as `utm_source`. Behind the signature they are let through, each
    once and in this very spelling, and the application is not handed them: it reads what was proven.
    """
    return _link("signed-url", {}, prefix, longest, ignored, hash, once=once, lacks={"body-not-covered"})


def signed_upload(
    prefix: str = "",
    *,
    longest: int = _LONGEST,
    once: bool = False,
    digest: bool = True,
    ignored: Sequence[str] = (),
    hash: str = "sha256",
) -> Scheme:
    """Links for an upload, which they name: `?content_type=&content_length=&content_digest=` besides the others.

    As `signed_url`, with keys of their own. What is sent has this very Content-Type, and neither a Content-Encoding nor
    a Content-Range; as many octets, or at most as many where it says `0-N`; and this SHA-256, in base64url. Type and
    length are looked at before the body is read, which ends where it would be too long.

    With `digest=False` links name none, for what is not there yet when they are made: whoever has one chooses the
    content, so it is refused unless the route says `uncovered=("body",)`. Such links are no links of the others.
    """
    stated = {"content_type": "{content_type}", "content_length": "{content_length}"}
    if digest:
        return _link(
            "signed-upload",
            {**stated, "content_digest": "{digest:sha256:base64url}"},
            prefix,
            longest,
            ignored,
            hash,
            once=once,
        )
    return _link("signed-upload-any", stated, prefix, longest, ignored, hash, once=once, lacks={"body-not-covered"})


def _link(
    name: str,
    stated: Mapping[str, str],
    prefix: str,
    longest: int,
    ignored: Sequence[str],
    hash: str,
    *,
    once: bool,
    lacks: Set[str] = frozenset(),
) -> Scheme:
    claims = ["methods", "key_id", "created", "expires", *(["nonce"] if once else [])]
    query = {**{claim: f"{{{claim}}}" for claim in claims}, **stated, "signature": "{signature:base64url}"}
    return Scheme(
        f"{name}-once" if once else name,
        base="{@target-uri}",
        query={prefix + parameter: template for parameter, template in query.items()},
        hash=hash,
        longest=longest,
        ignored=_names(ignored),
        accept_weaknesses=lacks | (set() if once else {"no-nonce"}),
    )


def _names(ignored: Sequence[str]) -> list[str]:
    if isinstance(ignored, str):  # one name would be many of a letter
        raise ConfigurationError("ignored: expected names, such as utm_source")
    return list(ignored)


def _named(name: str, form: str) -> str:
    """The scheme's name, which says the form unless it is the usual one."""
    if form not in JSON_FORMS:
        raise ConfigurationError(f"form: expected one of {', '.join(JSON_FORMS)}")
    return name if form == "jcs" else f"{name}-{form}"
