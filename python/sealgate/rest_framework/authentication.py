"""The signer as the user of a view, and the permission that asks for a proof."""

# Not `rest_framework.views`: it imports the classes that settings name, and those are here.

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, NotAuthenticated
from rest_framework.permissions import BasePermission

from sealgate import policy
from sealgate._native import Verified
from sealgate.answer import ACCEPT_SIGNATURE
from sealgate.django.request import accept, choose, proven_already, received, route_of, uploaded
from sealgate.django.settings import configured
from sealgate.exceptions import Rejected, SignatureMissing, Unavailable
from sealgate.policy import Require
from sealgate.verifier import Verifier
from sealgate.wsgi import check_mount

if TYPE_CHECKING:
    from rest_framework.request import Request

    from sealgate.django.request import Gated

__all__ = ["HasValidSignature", "Signatory", "SignatureAuthentication"]


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signed, where a view expects a user. `pk`: the key id, by which throttles tell one from another."""

    pk: str | None
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False
    is_staff: bool = False
    is_superuser: bool = False

    def __str__(self) -> str:
        return self.pk or "anonymous key"


class SignatureAuthentication(BaseAuthentication):
    """Authenticates by signature: `request.auth` is the `Verified`, `request.user` what `get_user` makes of it.

    It takes the middleware's proof, or verifies itself, before any parser runs: with `verifier` where a subclass names
    one, else as `require` on the view or the setting SEALGATE say, which has to be there. A request without a signature
    is left to other classes, and is anonymous in the end: add `HasValidSignature` to the permissions. It stands first
    in `authentication_classes`, so that a refusal is 401, and closes nothing but views of Django REST framework.
    """

    verifier: Verifier | None = None

    def authenticate(self, request: Request) -> tuple[Any, Verified] | None:
        """User and proof; None without a signature. Raises `NotAuthenticated`, or `APIException` (400 to 503)."""
        verified = proven(cast("Gated", request._request), self.verifier)
        return None if verified is None else (self.get_user(verified), verified)

    def authenticate_header(self, request: Request) -> str:
        # Asked for a 401 and for nothing else, and the one place where the framework tells an authenticator of it.
        accepted = (self.verifier or configured().policy.verifier).scheme.accept_signature
        if accepted is not None:
            request.parser_context["view"].headers[ACCEPT_SIGNATURE] = accepted
        return 'Signature realm="sealgate"'

    def get_user(self, verified: Verified) -> Any:
        """For a subclass that has users of its own. Raises `AuthenticationFailed` for a key without one."""
        return Signatory(verified.key_id)


class HasValidSignature(BasePermission):
    """Grants what was proven, by the middleware or by `SignatureAuthentication`; an exempt route proves nothing."""

    message = HTTPStatus.FORBIDDEN.phrase

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002  the framework's signature
        given = cast("Gated", request._request)
        if isinstance(request.auth, Verified):
            return True
        # A view that names a verifier of its own does not take the middleware's proof.
        named = any(getattr(each, "verifier", None) is not None for each in request.authenticators or ())
        if not named and isinstance(getattr(given, "verified", None), Verified):
            return True
        if _is_reported(given):
            return True
        missing = SignatureMissing("the view asks for a proof")
        return configured().policy.refused(missing, given.method or "", given.path, route_of(given)) is None


def proven(request: Gated, verifier: Verifier | None) -> Verified | None:
    """The proof of `request`; None where it has no signature, or needs none. Raises `APIException`."""
    if _is_reported(request):
        return None
    chosen = choose(request)
    demand = chosen.demand if verifier is None else Require((verifier,))
    if demand is None:
        return None
    body = uploaded(request, demand)
    try:
        check_mount(request.META, configured().script_name)
        verified = proven_already(request, demand)
        if verified is None:
            request.sealgate = chosen._replace(demand=demand)
            verified = policy.verify(demand, received(request), body.read)
            accept(request, verified)
    except SignatureMissing:
        return None
    except (Rejected, Unavailable) as error:
        if configured().policy.refused(error, request.method or "", request.path, route_of(request)) is not None:
            raise _exception_of(error) from None
        request.sealgate = chosen._replace(as_what="report-only")
        body.put_back()
        return None
    return verified


def _is_reported(request: Gated) -> bool:
    """Refused already, and let through."""
    chosen = getattr(request, "sealgate", None)
    return chosen is not None and chosen.as_what == "report-only"


def _exception_of(error: Rejected | Unavailable) -> APIException:
    """What the caller is told: as everywhere, nothing but the status."""
    phrase = HTTPStatus(error.status).phrase
    if error.status == HTTPStatus.UNAUTHORIZED:
        return NotAuthenticated()  # as for a request without a signature: one refusal for all
    exception = APIException(phrase)
    exception.status_code = error.status
    return exception
