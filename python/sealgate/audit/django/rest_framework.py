"""Views of Django REST framework: what their own authentication and permissions ask for, without the middleware."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from rest_framework import permissions
from rest_framework.settings import api_settings

from sealgate.audit import entry
from sealgate.audit.django.routes import definers, initkwargs_of, view_class
from sealgate.audit.entry import Proof, Standing, name_of
from sealgate.django.routes import Found
from sealgate.policy import Policy, Rule
from sealgate.rest_framework import HasValidSignature, SignatureAuthentication
from sealgate.verifier import Verifier

__all__ = ["standing"]


def standing(found: Found, rules: tuple[Rule, ...], method: str, policy: Policy, now: float) -> Standing | None:
    """What the classes of the view ask of a request that no middleware has refused; None where none is ours."""
    authenticators, asked = (_classes(found, f"{name}_classes") for name in ("authentication", "permission"))
    if authenticators is None or asked is None:
        return Standing("unknown", ("its authentication or permission classes are known at the request only",))
    ours = [each for each in authenticators if isinstance(each, type) and issubclass(each, SignatureAuthentication)]
    if not ours and not any(map(_asks_for_proof, asked)):
        return None
    proofs = tuple(dict.fromkeys(_proofs(ours, rules, method, policy, now)))
    if policy.report_only:
        return Standing("open", ("report only: refused requests pass",), proofs, report_only=True)
    doubts = tuple(_doubts(found, authenticators))
    if doubts:
        return Standing("unknown", doubts, proofs)
    anonymous = _refuses_anonymous(authenticators)
    refusals = [_refuses(each, method, refuses_anonymous=anonymous) for each in asked]
    if True not in refusals:
        return _unrefused(asked, refusals, proofs)
    by = " and ".join(sorted({name_of(each) for each in ours}))
    evidence = f"verified by {by}, and {_names(asked)} refuses what is not proven"
    if not proofs:
        evidence = f"nobody gets in: {_names(asked)} asks for a proof, and nothing here proves anything"
    return Standing("verified", (evidence,), proofs)


def _classes(found: Found, name: str) -> list[Any] | None:
    """None where each request may find others."""
    given = initkwargs_of(found.view)
    each = given[name] if name in given else inspect.getattr_static(view_class(found.view), name, ())
    return list(each) if isinstance(each, list | tuple) else None


def _unrefused(asked: Any, refusals: list[bool | None], proofs: tuple[Proof, ...]) -> Standing:
    unknown = [each for each, refusal in zip(asked, refusals, strict=True) if refusal is None]
    if unknown:
        why = f"whether {_names(unknown)} refuses what is not proven cannot be told"
        return Standing("unknown", (why,), proofs)
    return Standing(
        "open", ("no permission class asks for a proof: without a signature a request is anonymous",), proofs
    )


def _proofs(ours: list[Any], rules: tuple[Rule, ...], method: str, policy: Policy, now: float) -> Iterator[Proof]:
    for each in ours:
        if isinstance(each.verifier, Verifier):
            yield from entry.standing(Policy(each.verifier), (), method, now).proofs
        else:
            yield from entry.standing(policy, rules, method, now).proofs  # none where the view is exempt


def _doubts(found: Found, authenticators: list[Any]) -> Iterator[str]:
    """What may let a request through before, or instead of, the classes."""
    cls, given = view_class(found.view), initkwargs_of(found.view)
    for name in _DECIDERS:
        holder = next((each for each in getattr(cls, "__mro__", ()) if name in vars(each)), object)
        if name in given or not holder.__module__.startswith(_TRUSTED):
            yield f"{name_of(cls)} has its own {name}"
    for module in definers(found.view):
        if module not in _TRANSPARENT:
            yield f"a decorator of {module} stands around the view, and may answer first"
    for each in authenticators:
        if not isinstance(each, type):
            yield "its authentication classes are known at the request only"
        elif issubclass(each, SignatureAuthentication):
            if each.authenticate is not SignatureAuthentication.authenticate or _is_late(each) or not _is_plain(each):
                yield f"{name_of(each)} authenticates in its own way"
        elif not each.__module__.startswith("rest_framework."):
            yield f"{name_of(each)} may bring a proof of its own"


def _is_plain(cls: type) -> bool:
    """Whether its objects are what the class says."""
    return all(getattr(cls, name) is getattr(object, name) for name in ("__getattribute__", "__init__", "__new__"))


def _is_late(cls: type[SignatureAuthentication]) -> bool:
    """Whether its verifier is known at the request only."""
    return cls.verifier is not None and not isinstance(cls.verifier, Verifier)


#: What decides, in a view, whether it comes to its permissions.
_DECIDERS = (
    *("__getattribute__", "__init__", "__new__", "check_permissions", "dispatch", "get_authenticators"),
    *("get_permissions", "initial", "initialize_request", "perform_authentication", "permission_denied", "setup"),
)
_TRUSTED = ("builtins", "django.", "rest_framework.")
#: They hand every request on: CSRF says that a view is exempt, the others write fields of the response.
_TRANSPARENT = frozenset(
    {
        "django.views.decorators.cache",  # but `cache_page`, whose wrapper is another module's
        "django.views.decorators.clickjacking",
        "django.views.decorators.csrf",
        "django.views.decorators.debug",
        "django.views.decorators.vary",
        "django.views.generic.base",
        "rest_framework.views",
        "rest_framework.viewsets",
        "sealgate.django.routes",
    }
)


def _refuses_anonymous(authenticators: Any) -> bool:
    """Whether nobody is authenticated but by a signature, so that a user is a proof."""
    only = all(isinstance(each, type) and issubclass(each, SignatureAuthentication) for each in authenticators)
    stranger = api_settings.UNAUTHENTICATED_USER
    return only and (stranger is None or name_of(stranger) == "django.contrib.auth.models.AnonymousUser")


def _refuses(permission: Any, method: str, *, refuses_anonymous: bool) -> bool | None:
    """Whether it refuses every request that is not proven; None where that cannot be told."""
    if isinstance(permission, permissions.OperandHolder):
        both = [
            _refuses(each, method, refuses_anonymous=refuses_anonymous)
            for each in (permission.op1_class, permission.op2_class)
        ]
        enough, needed = (True, False) if _is_and(permission) else (False, True)
        if enough in both:
            return enough
        return needed if both == [needed, needed] else None
    if isinstance(permission, permissions.SingleOperandHolder):  # `~`
        inner = _refuses(permission.op1_class, method, refuses_anonymous=refuses_anonymous)
        return False if inner else None
    asks = (
        getattr(permission, "has_permission", None) if isinstance(permission, type) and _is_plain(permission) else None
    )
    if asks is HasValidSignature.has_permission:
        return True
    if asks in (permissions.AllowAny.has_permission, permissions.BasePermission.has_permission):
        return False
    if asks is permissions.IsAuthenticatedOrReadOnly.has_permission and method in permissions.SAFE_METHODS:
        return False
    if refuses_anonymous and asks in _ASK_FOR_A_USER:
        return True
    return None


_ASK_FOR_A_USER = (
    permissions.IsAuthenticated.has_permission,
    permissions.IsAuthenticatedOrReadOnly.has_permission,
    permissions.IsAdminUser.has_permission,
)


def _is_and(permission: Any) -> bool:
    return permission.operator_class is permissions.AND


def _asks_for_proof(permission: Any) -> bool:
    parts = [getattr(permission, name, None) for name in ("op1_class", "op2_class")]
    if any(parts):
        return any(map(_asks_for_proof, parts))
    return isinstance(permission, type) and issubclass(permission, HasValidSignature)


def _names(asked: Any) -> str:
    return " and ".join(_name(each) for each in asked)


def _name(permission: Any) -> str:
    if isinstance(permission, permissions.OperandHolder):
        word = "and" if _is_and(permission) else "or"
        return f"({_name(permission.op1_class)} {word} {_name(permission.op2_class)})"
    if isinstance(permission, permissions.SingleOperandHolder):
        return f"not {_name(permission.op1_class)}"
    return name_of(permission)
