"""How parties sign, as data: presets in capitals, and constructors for the common home-made forms.

A scheme's coverage, replay class and `weaknesses()` are derived from its parts, never written beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NoReturn

from sealgate._native import Members, Scheme
from sealgate.home_made import (
    JSON_FORMS,
    body,
    canonical_json,
    canonical_request,
    envelope,
    scoped,
    signed_upload,
    signed_url,
)
from sealgate.not_hmac import NOT_HMAC

__all__ = [
    "ADYEN",
    "ADYEN_PLATFORMS",
    "ASANA",
    "AWS_SIGV4",
    "BITBUCKET",
    "BOX",
    "CALENDLY",
    "CLERK",
    "CLOUDFLARE_STREAM",
    "DOCUSIGN",
    "DODO",
    "DROPBOX",
    "GITEA",
    "GITHUB",
    "GITLAB",
    "HUBSPOT",
    "INTERCOM",
    "LAUNCHDARKLY",
    "LEMON_SQUEEZY",
    "LINE",
    "LINEAR",
    "MAILGUN",
    "META",
    "MUX",
    "NOTION",
    "OPENAI",
    "PADDLE",
    "PAGERDUTY",
    "PAYSTACK",
    "POLAR",
    "POLAR_LEGACY",
    "RAZORPAY",
    "REPLICATE",
    "RESEND",
    "RFC9421",
    "SENTRY",
    "SHOPIFY",
    "SLACK",
    "SQUARE",
    "STANDARD_WEBHOOKS",
    "STREAM_CHAT",
    "STRIPE",
    "SVIX",
    "TRELLO",
    "TWILIO",
    "TWILIO_JSON",
    "TWITCH",
    "TYPEFORM",
    "VERCEL",
    "WOOCOMMERCE",
    "WORKOS",
    "XERO",
    "ZENDESK",
    "ZOOM",
    "X",
    "aws_sigv4",
    "body",
    "by_name",
    "canonical_json",
    "canonical_request",
    "envelope",
    "scoped",
    "signed_upload",
    "signed_url",
]


def aws_sigv4(
    *,
    region: str | Sequence[str] | None,
    service: str | Sequence[str] | None,
    path: Literal["general", "s3"] = "general",
    presigned: int | None = None,
    unsigned_payload: bool = False,
    max_age: int | None = None,
) -> Scheme:
    """AWS Signature Version 4, as botocore, the other SDKs and `curl --aws-sigv4` sign: a service of one's own.

    `region`, `service`: what the credential scope must name, one or several, or None for any; we sign with the first.
    `path`: `general`, or `s3`, whose path is signed as it is sent. `presigned`: the seconds that a signed target may
    last, at most 604800, and that ours do; without it the signature is in the Authorization field. `unsigned_payload`:
    takes messages that say UNSIGNED-PAYLOAD, and a presigned target of S3 always does; a body then needs the route's
    `uncovered`. `max_age`: 300 seconds either way, of S3 900; of a presigned target only how early it may be used.

    The key is the secret access key, its id the access key id. The Host is signed and is the configured origin; all
    `x-amz-*` fields are signed, X-Amz-Security-Token among them, which means nothing here but is not to be changed, and
    only the X-Amz-Cf-Id that CloudFront adds is not; the Content-Type of a body is. GET and HEAD, and presigned
    targets, are accepted as often as they come: SDKs repeat them byte for byte. Other methods are accepted once.
    """
    name = "aws-sigv4" if presigned is None else "aws-sigv4-presigned"
    return Scheme.aws_sigv4(
        name,
        region=region,
        service=service,
        path=path,
        presigned=presigned,
        unsigned_payload=unsigned_payload,
        max_age=max_age,
    )


def _provider(
    name: str,
    *,
    base: str | Sequence[str] = "{body}",
    fields: Mapping[str, str | Members] | None = None,
    query: Mapping[str, str | Members] | None = None,
    json: Mapping[str, str | Members] | None = None,
    hash: str = "sha256",
    key: str = "text",
    empty_body: bool = False,
    max_age: int | None = None,
) -> Scheme:
    """A scheme that another party fixed: what it lacks is a fact, not a choice, so it is not asked to be accepted."""
    return Scheme(
        name,
        base=base,
        fields=fields,
        query=query,
        json=json,
        hash=hash,
        key=key,
        accept_weaknesses=None,
        empty_body=empty_body,
        max_age=max_age,
    )


def _webhooks(name: str, prefix: str = "webhook", *, key: str = "whsec") -> Scheme:
    """Standard Webhooks, 1.0.0, symmetric: the id is the same for each attempt, and members are of any version."""
    return _provider(
        name,
        base="{message_id}.{created}.{body}",
        fields={
            f"{prefix}-id": "{message_id}",
            f"{prefix}-timestamp": "{created}",
            f"{prefix}-signature": Members(" ", "v1,{signature:base64}"),
        },
        key=key,
        max_age=300,
    )


RFC9421 = Scheme.message_signature("rfc9421")

_ADYEN_ITEM = "/notificationItems/0/NotificationRequestItem"
ADYEN = _provider(
    "adyen",
    # Eight values between colons, none of them escaped. The reference that the merchant chose may hold one; where
    # another value does, the signature would be as good for other values, and the message is refused. So is one of
    # several items.
    base=":".join(
        f"{{json:{_ADYEN_ITEM}/{part}}}"
        for part in (
            "pspReference:text",
            "originalReference:text?",
            "merchantAccountCode:text",
            "merchantReference:text:greedy",
            "amount/value",
            "amount/currency:text",
            "eventCode:text",
            "success:text",
        )
    ),
    json={f"{_ADYEN_ITEM}/additionalData/hmacSignature": "{signature:base64}"},
    key="hex",
)

ADYEN_PLATFORMS = _provider(
    "adyen-platforms", fields={"HmacSignature": "{signature:base64}", "Protocol": "HmacSHA256"}, key="hex"
)

#: In the scope of AWS's own examples; `aws_sigv4` takes others.
AWS_SIGV4 = aws_sigv4(region="us-east-1", service="service")

ASANA = _provider("asana", fields={"X-Hook-Signature": "{signature:hex}"})

BITBUCKET = _provider("bitbucket", fields={"X-Hub-Signature": "sha256={signature:hex}"})

BOX = _provider(
    "box",
    base="{body}{created}",
    fields={
        "Box-Delivery-Timestamp": "{created:rfc3339}",
        "Box-Signature-Version": "1",
        "Box-Signature-Algorithm": "HmacSHA256",
        "Box-Signature-Primary?": "{signature:base64}",
        "Box-Signature-Secondary?": "{signature:base64}",
    },
    max_age=600,
)

CALENDLY = _provider(
    "calendly",
    base="{created}.{body}",
    fields={"Calendly-Webhook-Signature": Members(",", "t={created}", "v1={signature:hex}")},
    max_age=180,
)

CLERK = _webhooks("clerk", "svix")

CLOUDFLARE_STREAM = _provider(
    "cloudflare-stream",
    base="{created}.{body}",
    fields={"Webhook-Signature": Members(",", "time={created}", "sig1={signature:hex}")},
)

DOCUSIGN = _provider(
    "docusign",
    fields={f"X-DocuSign-Signature-{nth}{'?' if nth > 1 else ''}": "{signature:base64}" for nth in range(1, 17)},
)

DODO = _webhooks("dodo")

DROPBOX = _provider("dropbox", fields={"X-Dropbox-Signature": "{signature:hex}"})

GITEA = _provider("gitea", fields={"X-Gitea-Signature": "{signature:hex}"})

GITHUB = _provider("github", fields={"X-Hub-Signature-256": "sha256={signature:hex}"})

GITLAB = _webhooks("gitlab")

HUBSPOT = _provider(
    "hubspot",
    base="{@method}{@target-uri:delimiters}{body}{created}",
    fields={"X-HubSpot-Request-Timestamp": "{created:ms}", "X-HubSpot-Signature-v3": "{signature:base64}"},
    max_age=300,
)

INTERCOM = _provider("intercom", fields={"X-Hub-Signature": "sha1={signature:hex}"}, hash="sha1")

LAUNCHDARKLY = _provider("launchdarkly", fields={"X-LD-Signature": "{signature:hex}"})

LEMON_SQUEEZY = _provider("lemon-squeezy", fields={"X-Signature": "{signature:hex}"})

LINE = _provider("line", fields={"X-Line-Signature": "{signature:base64}"})

LINEAR = _provider(
    "linear",
    fields={"Linear-Signature": "{signature:hex}"},
    json={"/webhookTimestamp": "{created:ms:number}"},
    max_age=60,
)

MAILGUN = _provider(
    "mailgun",
    base="{created}{nonce}",
    json={
        "/signature/timestamp": "{created}",
        "/signature/token": "{nonce}",
        "/signature/signature": "{signature:hex}",
    },
)

META = _provider("meta", fields={"X-Hub-Signature-256": "sha256={signature:hex}"})

MUX = _provider(
    "mux",
    base="{created}.{body}",
    fields={"Mux-Signature": Members(",", "t={created}", "v1={signature:hex}")},
    max_age=300,
)

NOTION = _provider("notion", fields={"X-Notion-Signature": "sha256={signature:hex}"})

OPENAI = _webhooks("openai")

PADDLE = _provider(
    "paddle",
    base="{created}:{body}",
    fields={"Paddle-Signature": Members(";", "ts={created}", "h1={signature:hex}")},
    max_age=5,
)

PAGERDUTY = _provider("pagerduty", fields={"X-PagerDuty-Signature": Members(",", "v1={signature:hex}")})

PAYSTACK = _provider("paystack", fields={"X-Paystack-Signature": "{signature:hex}"}, hash="sha512")

POLAR = _webhooks("polar")
#: A secret made before 2026-09-08 keys as its text, `whsec_` included.
POLAR_LEGACY = _webhooks("polar-legacy", key="text")

RAZORPAY = _provider("razorpay", fields={"X-Razorpay-Signature": "{signature:hex}"})

REPLICATE = _webhooks("replicate")

RESEND = _webhooks("resend", "svix")

SENTRY = _provider("sentry", fields={"Sentry-Hook-Signature": "{signature:hex}"})

SHOPIFY = _provider("shopify", fields={"X-Shopify-Hmac-Sha256": "{signature:base64}"})

SLACK = _provider(
    "slack",
    base="v0:{created}:{body}",
    fields={"X-Slack-Request-Timestamp": "{created}", "X-Slack-Signature": "v0={signature:hex}"},
    max_age=300,
)

SQUARE = _provider("square", base="{@target-uri}{body}", fields={"X-Square-HmacSha256-Signature": "{signature:base64}"})

STANDARD_WEBHOOKS = _webhooks("standard-webhooks")

STREAM_CHAT = _provider("stream-chat", fields={"X-Signature": "{signature:hex}"})

STRIPE = _provider(
    "stripe",
    base="{created}.{body}",
    fields={"Stripe-Signature": Members(",", "t={created}", "v1={signature:hex}")},
    max_age=300,
)

SVIX = _webhooks("svix", "svix")

TRELLO = _provider("trello", base="{body}{@target-uri}", fields={"X-Trello-Webhook": "{signature:base64}"}, hash="sha1")

TWILIO = _provider(
    "twilio",
    # Twilio signs its URL sometimes with a port and sometimes without.
    base=("{@target-uri:without-port}{form}", "{@target-uri:with-port}{form}"),
    fields={"X-Twilio-Signature": "{signature:base64}"},
    hash="sha1",
)

TWILIO_JSON = _provider(
    "twilio-json",
    base=("{@target-uri:without-port}", "{@target-uri:with-port}"),
    fields={"X-Twilio-Signature": "{signature:base64}"},
    query={"bodySHA256": "{digest:sha256:hex}"},
    hash="sha1",
)

TWITCH = _provider(
    "twitch",
    base="{message_id}{created}{body}",
    fields={
        "Twitch-Eventsub-Message-Id": "{message_id}",
        "Twitch-Eventsub-Message-Timestamp": "{created:rfc3339}",
        "Twitch-Eventsub-Message-Signature": "sha256={signature:hex}",
    },
    max_age=600,
)

TYPEFORM = _provider("typeform", fields={"Typeform-Signature": "sha256={signature:base64}"})

VERCEL = _provider("vercel", fields={"X-Vercel-Signature": "{signature:hex}"}, hash="sha1")

WOOCOMMERCE = _provider("woocommerce", fields={"X-WC-Webhook-Signature": "{signature:base64}"})

WORKOS = _provider(
    "workos",
    base="{created}.{body}",
    fields={"WorkOS-Signature": Members(", ", "t={created:ms}", "v1={signature:hex}")},
    max_age=180,
)

X = _provider("x", fields={"X-Twitter-Webhooks-Signature": "sha256={signature:base64}"})

XERO = _provider("xero", fields={"X-Xero-Signature": "{signature:base64}"})

ZENDESK = _provider(
    "zendesk",
    base="{created}{body}",
    fields={
        "X-Zendesk-Webhook-Signature-Timestamp": "{created:rfc3339}",
        "X-Zendesk-Webhook-Signature": "{signature:base64}",
    },
    empty_body=True,
    max_age=300,
)

ZOOM = _provider(
    "zoom",
    base="v0:{created}:{body}",
    fields={"X-Zm-Request-Timestamp": "{created}", "X-Zm-Signature": "v0={signature:hex}"},
    max_age=300,
)


def by_name() -> dict[str, Scheme]:
    """Every preset, and every constructor with its default field, by the scheme's own name."""
    presets = [value for value in globals().values() if isinstance(value, Scheme)]
    forms = [canonical_json(form=form) for form in JSON_FORMS]
    links = [link(once=once) for link in (signed_url, signed_upload) for once in (False, True)]
    made = (body(), *forms, canonical_request(), scoped(), envelope(), *links)
    return {scheme.name: scheme for scheme in (*presets, *made)}


if not TYPE_CHECKING:  # a type checker would take it for a promise that every name exists

    def __getattr__(name: str) -> NoReturn:
        """Says of what is no HMAC why there is no preset."""
        said = NOT_HMAC.get(name.lower().replace("_", "-")) if name.isupper() else None
        raise AttributeError(said or f"module {__name__!r} has no attribute {name!r}", name=name)
