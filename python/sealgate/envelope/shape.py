"""The document that an envelope is."""

from __future__ import annotations

from typing import NamedTuple

from sealgate.exceptions import ConfigurationError
from sealgate.purpose import whole

__all__ = ["Shape"]


class Shape(NamedTuple):
    """The names of its two members, and how many octets of canonical JSON its payload may have."""

    payload: str
    signature: str
    limit: int

    @staticmethod
    def of(payload: str, signature: str, limit: int) -> Shape:
        """Raises `ConfigurationError`, naming the setting."""
        for name, value in (("payload", payload), ("signature", signature)):
            if type(value) is not str or not value:
                raise ConfigurationError(f"{name}: expected the name of a member")
        if payload == signature:
            raise ConfigurationError("payload and signature: one name for two members")
        return Shape(payload, signature, whole("limit", limit, 2**28))
