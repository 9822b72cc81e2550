"""A view of REST framework that keeps its name, and an authentication that asks for nothing."""

from __future__ import annotations

from typing import Any

from judged import OTHER_KEY
from leaky_django import RAN
from sealgate import Verifier, schemes

HOOKS = Verifier(schemes.GITHUB, keys={"octo": OTHER_KEY})

# These read the settings, which are there by now.
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from sealgate.rest_framework import HasValidSignature, Signatory, SignatureAuthentication  # noqa: E402

__all__ = ["HOOKS", "Anybody", "Look", "closed"]


class Look(APIView):
    def get(self, request: Any) -> Response:
        RAN.append("look")
        return Response("look")

    def post(self, request: Any) -> Response:
        RAN.append("look")
        return Response("look")


def closed(**more: Any) -> Any:
    """A class that asks for a proof, with something of its own."""
    return type(
        "Closed",
        (Look,),
        {
            "authentication_classes": [SignatureAuthentication],
            "permission_classes": [HasValidSignature],
            "__module__": __name__,
            **more,
        },
    )


class Anybody(BaseAuthentication):
    def authenticate(self, request: Any) -> tuple[Any, Any]:
        return Signatory(None), None
