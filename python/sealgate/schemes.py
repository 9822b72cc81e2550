"""How parties sign, as data: presets in capitals, constructors for the common home-made forms.

A scheme's coverage, replay class and `weaknesses()` are derived from its parts, never written beside them.
"""

from __future__ import annotations

from collections.abc import Mapping

from sealgate._native import Members, Scheme
from sealgate.exceptions import ConfigurationError

__all__ = [
    "ASANA",
    "BITBUCKET",
    "CALENDLY",
    "CLOUDFLARE_STREAM",
    "DROPBOX",
    "GITEA",
    "GITHUB",
    "INTERCOM",
    "LAUNCHDARKLY",
    "LEMON_SQUEEZY",
    "LINE",
    "META",
    "MUX",
    "NOTION",
    "PADDLE",
    "PAGERDUTY",
    "PAYSTACK",
    "RAZORPAY",
    "RFC9421",
    "SENTRY",
    "SHOPIFY",
    "SLACK",
    "SQUARE",
    "STREAM_CHAT",
    "STRIPE",
    "TRELLO",
    "TYPEFORM",
    "VERCEL",
    "WOOCOMMERCE",
    "XERO",
    "ZOOM",
    "X",
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


def _provider(
    name: str, *, base: str, fields: Mapping[str, str | Members], hash: str = "sha256", max_age: int | None = None
) -> Scheme:
    """A scheme that another party fixed: what it lacks is a fact, not a choice, so it is not asked to be accepted."""
    return Scheme(name, base=base, fields=fields, hash=hash, max_age=max_age, accept_weaknesses=None)


def _raw_body(name: str, header: str, form: str, *, hash: str = "sha256") -> Scheme:
    """The body as received, in one field of `form`."""
    return _provider(name, base="{body}", fields={header: form}, hash=hash)


RFC9421 = Scheme.message_signature("rfc9421")

ASANA = _raw_body("asana", "X-Hook-Signature", "{signature:hex}")

BITBUCKET = _raw_body("bitbucket", "X-Hub-Signature", "sha256={signature:hex}")

CALENDLY = _provider(
    "calendly",
    base="{created}.{body}",
    fields={"Calendly-Webhook-Signature": Members(",", "t={created}", "v1={signature:hex}")},
    max_age=180,
)

CLOUDFLARE_STREAM = _provider(
    "cloudflare-stream",
    base="{created}.{body}",
    fields={"Webhook-Signature": Members(",", "time={created}", "sig1={signature:hex}")},
)

DROPBOX = _raw_body("dropbox", "X-Dropbox-Signature", "{signature:hex}")

GITEA = _raw_body("gitea", "X-Gitea-Signature", "{signature:hex}")

GITHUB = _raw_body("github", "X-Hub-Signature-256", "sha256={signature:hex}")

INTERCOM = _raw_body("intercom", "X-Hub-Signature", "sha1={signature:hex}", hash="sha1")

LAUNCHDARKLY = _raw_body("launchdarkly", "X-LD-Signature", "{signature:hex}")

LEMON_SQUEEZY = _raw_body("lemon-squeezy", "X-Signature", "{signature:hex}")

LINE = _raw_body("line", "X-Line-Signature", "{signature:base64}")

META = _raw_body("meta", "X-Hub-Signature-256", "sha256={signature:hex}")

MUX = _provider(
    "mux",
    base="{created}.{body}",
    fields={"Mux-Signature": Members(",", "t={created}", "v1={signature:hex}")},
    max_age=300,
)

NOTION = _raw_body("notion", "X-Notion-Signature", "sha256={signature:hex}")

PADDLE = _provider(
    "paddle",
    base="{created}:{body}",
    fields={"Paddle-Signature": Members(";", "ts={created}", "h1={signature:hex}")},
    max_age=5,
)

PAGERDUTY = _provider("pagerduty", base="{body}", fields={"X-PagerDuty-Signature": Members(",", "v1={signature:hex}")})

PAYSTACK = _raw_body("paystack", "X-Paystack-Signature", "{signature:hex}", hash="sha512")

RAZORPAY = _raw_body("razorpay", "X-Razorpay-Signature", "{signature:hex}")

SENTRY = _raw_body("sentry", "Sentry-Hook-Signature", "{signature:hex}")

SHOPIFY = _raw_body("shopify", "X-Shopify-Hmac-Sha256", "{signature:base64}")

SLACK = _provider(
    "slack",
    base="v0:{created}:{body}",
    fields={"X-Slack-Request-Timestamp": "{created}", "X-Slack-Signature": "v0={signature:hex}"},
    max_age=300,
)

SQUARE = _provider("square", base="{@target-uri}{body}", fields={"X-Square-HmacSha256-Signature": "{signature:base64}"})

STREAM_CHAT = _raw_body("stream-chat", "X-Signature", "{signature:hex}")

STRIPE = _provider(
    "stripe",
    base="{created}.{body}",
    fields={"Stripe-Signature": Members(",", "t={created}", "v1={signature:hex}")},
    max_age=300,
)

TRELLO = _provider("trello", base="{body}{@target-uri}", fields={"X-Trello-Webhook": "{signature:base64}"}, hash="sha1")

TYPEFORM = _raw_body("typeform", "Typeform-Signature", "sha256={signature:base64}")

VERCEL = _raw_body("vercel", "X-Vercel-Signature", "{signature:hex}", hash="sha1")

WOOCOMMERCE = _raw_body("woocommerce", "X-WC-Webhook-Signature", "{signature:base64}")

X = _raw_body("x", "X-Twitter-Webhooks-Signature", "sha256={signature:base64}")

XERO = _raw_body("xero", "X-Xero-Signature", "{signature:base64}")

ZOOM = _provider(
    "zoom",
    base="v0:{created}:{body}",
    fields={"X-Zm-Request-Timestamp": "{created}", "X-Zm-Signature": "v0={signature:hex}"},
    max_age=300,
)


def by_name() -> dict[str, Scheme]:
    """Every preset, and every constructor with its default field, by the scheme's own name."""
    presets = [value for value in globals().values() if isinstance(value, Scheme)]
    forms = [canonical_json(form=form) for form in _JSON_FORMS]
    return {scheme.name: scheme for scheme in (*presets, body(), *forms, canonical_request(), scoped(), envelope())}
