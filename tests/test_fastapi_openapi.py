"""FastAPI: the OpenAPI document says which scheme a route asks for."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from fastapi_shop import Shop, shop_with_orders
from judged import BODY, KEY, SLACK
from sealgate import Verifier, schemes
from sealgate.fastapi import VerifiedBy


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
