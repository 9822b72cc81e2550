"""Django REST framework's test client, signed; `sign_as` is that of `sealgate.testing.django`."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from sealgate.signer import Signer
from sealgate.testing import django
from sealgate.testing.django import sign_as

__all__ = ["SignedClient", "sign_as"]


class SignedClient(APIClient, django.SignedClient):  # type: ignore[misc]  # both have `generic`
    """`rest_framework.test.APIClient` that signs as `signer`, or as `sign_as=` of one request says."""

    def __init__(self, signer: Signer | None, *, origin: str | None = None, **client: Any) -> None:
        super().__init__(signer=signer, origin=origin, **client)
