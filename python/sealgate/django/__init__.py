"""Django: `sealgate.django.SignatureMiddleware` closes every route; `require` and `exempt` decorate views."""

from sealgate.django.middleware import SignatureMiddleware
from sealgate.policy import exempt, require

__all__ = ["SignatureMiddleware", "exempt", "require"]
