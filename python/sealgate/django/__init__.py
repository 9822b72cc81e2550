"""Django: `sealgate.django.SignatureMiddleware` closes every route; `require` and `exempt` open or narrow some.

They decorate views, and take what `include(...)`, `path(...)`, `static(...)` and `admin.site.urls` give.
"""

from sealgate.django.files import afile_response, file_response
from sealgate.django.middleware import SignatureMiddleware
from sealgate.django.routes import exempt, require
from sealgate.django.settings import verdict_given

__all__ = ["SignatureMiddleware", "afile_response", "exempt", "file_response", "require", "verdict_given"]
