"""FastAPI: the OpenAPI document says which scheme a route asks for."""

from __future__ import annotations

import pytest
from fastapi import Depends, FastAPI

from fastapi_shop import Shop, shop_with_orders
from judged import BODY, KEY, SLACK
from sealgate import Scheme, Verifier, schemes
from sealgate.fastapi import VerifiedBy
from sealgate.policy import required
from sealgate.policy.openapi import security_scheme


def test_openapi_names_the_scheme_and_its_facts() -> None:
    shop = shop_with_orders()
    schema = shop.app.openapi()
    ((name, model),) = schema["components"]["securitySchemes"].items()
    scheme = shop.partners.scheme
    assert (model["type"], model["in"], model["name"].lower()) == ("apiKey", "header", "signature")
    assert model["x-sealgate"] == {
        "scheme": "rfc9421",
        "covered": list(scheme.covered),
        "weaknesses": sorted(scheme.weaknesses()),
    }
    assert schema["paths"]["/orders"]["post"]["security"] == [{name: []}]


def test_openapi_names_what_a_route_requires() -> None:
    shop = shop_with_orders()

    @shop.app.post("/hook", dependencies=[Depends(shop.seal.require(SLACK.verifier(), BODY.verifier()))])
    async def hook() -> None: ...

    schema = shop.app.openapi()
    ((name, _),) = schema["paths"]["/hook"]["post"]["security"][0].items()
    model = schema["components"]["securitySchemes"][name]
    assert model["name"] == "X-Slack-Signature"
    assert [facts["scheme"] for facts in model["x-sealgate"]["any_of"]] == ["slack", "body"]
    assert len(schema["components"]["securitySchemes"]) == 2


def test_openapi_names_what_a_dependency_alone_asks_for() -> None:
    app, verifier = FastAPI(), SLACK.verifier()
    app.post("/hook", dependencies=[Depends(VerifiedBy(verifier))])(lambda: None)
    schema = app.openapi()
    ((name, model),) = schema["components"]["securitySchemes"].items()
    assert ([{name: []}], "X-Slack-Signature") == (schema["paths"]["/hook"]["post"]["security"], model["name"])


def test_openapi_keys_hold_what_openapi_allows() -> None:
    odd = Verifier(schemes.body("X!Sig"), keys=KEY)
    assert Shop().seal.require(odd, BODY.verifier()).scheme_name == "body-X-Sig-or-body-X-Signature"


@pytest.mark.parametrize(
    ("scheme", "place"),
    [
        (schemes.ADYEN_PLATFORMS, ("header", "HmacSignature")),
        (schemes.MUX, ("header", "Mux-Signature")),
        (schemes.AWS_SIGV4, ("header", "Authorization")),
        (schemes.aws_sigv4(region="us-east-1", service="s3", presigned=60), ("query", "X-Amz-Signature")),
        (schemes.signed_url(), ("query", "signature")),
        (schemes.MAILGUN, ("header", "body")),
        (
            Scheme(
                "both",
                base="{@method}\n{@target-uri}\n{body}",
                fields={"sig": "{signature:hex}"},
                query={"sig": "{key_id}"},
                accept_weaknesses=None,
            ),
            ("header", "sig"),
        ),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_openapi_names_the_field_or_parameter_of_the_signature_itself(scheme: Scheme, place: tuple[str, str]) -> None:
    uncovered = {"body"} if "body-not-covered" in scheme.weaknesses() else set[str]()
    verifier = Verifier(scheme, keys="61" * 32, origin="https://a.example", max_age=60)
    told = security_scheme(required((verifier,), None, uncovered))
    assert place == (told["in"], told["name"])
