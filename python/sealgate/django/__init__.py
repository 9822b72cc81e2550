"""Django: `sealgate.django.SignatureMiddleware` closes every route; `require` and `exempt` open or narrow some.

They decorate views, and take what `include(...)`, `path(...)`, `static(...)` and `admin.site.urls` give.
"""

from sealgate.django.middleware import SignatureMiddleware
from sealgate.django.routes import exempt, require
from sealgate.django.settings import verdict_given

__all__ = ["SignatureMiddleware", "exempt", "require", "verdict_given"]
