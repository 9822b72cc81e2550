"""How parties sign, as data: presets in capitals, constructors for the common home-made forms.

A scheme's coverage, replay class and `weaknesses()` are derived from its parts, never written beside them.
"""

from __future__ import annotations

from collections.abc import Mapping

from sealgate._native import Members, Scheme
from sealgate.exceptions import ConfigurationError

__all__ = [
    "GITHUB",
    "RFC9421",
    "SLACK",
    "STRIPE",
    "body",
    "by_name",
    "canonical_json",
    "canonical_request",
    "envelope",
    "scoped",
]

_JSON_FORMS = ("jcs", "pyjson", "pyjson-utf8")
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

    `template`: such as the default, or `action:{json:/action}:resource:{json:/resourceId}`; `{json:/action:text}` is a
    string without its quotes. `{param:id}` is what the route matched, `{json:/action}` a member of the body, whose
    other members are not handed to the application. It covers what the template has and nothing else, and accepts just
    the weaknesses that follow: the signature works on each route with such a template, for ever. Prefer `RFC9421`.
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


def _named(name: str, form: str) -> str:
    """The scheme's name, which says the form unless it is the usual one."""
    if form not in _JSON_FORMS:
        raise ConfigurationError(f"form: expected one of {', '.join(_JSON_FORMS)}")
    return name if form == "jcs" else f"{name}-{form}"


def _provider(name: str, *, base: str, fields: Mapping[str, str | Members], max_age: int | None = None) -> Scheme:
    """A scheme that another party fixed: what it lacks is a fact, not a choice, so it is not asked to be accepted."""
    return Scheme(name, base=base, fields=fields, max_age=max_age, accept_weaknesses=None)


RFC9421 = Scheme.message_signature("rfc9421")

GITHUB = _provider("github", base="{body}", fields={"X-Hub-Signature-256": "sha256={signature:hex}"})

SLACK = _provider(
    "slack",
    base="v0:{created}:{body}",
    fields={"X-Slack-Request-Timestamp": "{created}", "X-Slack-Signature": "v0={signature:hex}"},
    max_age=300,
)

STRIPE = _provider(
    "stripe",
    base="{created}.{body}",
    fields={"Stripe-Signature": Members(",", "t={created}", "v1={signature:hex}")},
    max_age=300,
)


def by_name() -> dict[str, Scheme]:
    """Every preset, and every constructor with its default field, by the scheme's own name."""
    presets = [value for value in globals().values() if isinstance(value, Scheme)]
    forms = [canonical_json(form=form) for form in _JSON_FORMS]
    return {scheme.name: scheme for scheme in (*presets, body(), *forms, canonical_request(), scoped(), envelope())}
