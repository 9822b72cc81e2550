"""The audit of REST framework's views: what it says of classes is what unsigned requests find out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import include, path
from django.views.decorators.csrf import csrf_protect

from audited_django import SESSIONS, asked, contrib, project, ran, standing_at
from audited_rest_framework import HOOKS, Anybody, Look, closed
from leaky_django import GATE, RAN, verifier
from sealgate.audit import audit
from sealgate.django import exempt, require

METHODS = ("GET", "POST")

# These read the settings.
from rest_framework import permissions  # noqa: E402
from rest_framework.authentication import SessionAuthentication  # noqa: E402
from rest_framework.decorators import action, api_view, permission_classes  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.routers import SimpleRouter  # noqa: E402
from rest_framework.viewsets import ViewSet  # noqa: E402

from sealgate.rest_framework import HasValidSignature, Signatory, SignatureAuthentication  # noqa: E402


class OfHooks(SignatureAuthentication):
    verifier = HOOKS


class Users(SignatureAuthentication):
    def get_user(self, verified: Any) -> Any:
        return super().get_user(verified)


class Own(permissions.BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return bool(request.GET.get("please"))


class Polite(HasValidSignature):
    message = "please sign"


class Lax(HasValidSignature):
    def has_permission(self, request: Any, view: Any) -> bool:
        return True


class OfObjects(permissions.IsAuthenticated):
    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return False


S, R = HasValidSignature, permissions.IsAuthenticatedOrReadOnly
AUTHENTICATORS: list[list[Any]] = [
    [SignatureAuthentication],
    [OfHooks],
    [Users, OfHooks],
    [SessionAuthentication, SignatureAuthentication],
    [Anybody, SignatureAuthentication],
    [],
]
ASKED: list[list[Any]] = [
    *([], [S], [Polite], [Lax], [Own], [permissions.AllowAny], [permissions.BasePermission]),
    *([permissions.IsAuthenticated], [permissions.IsAdminUser], [R], [OfObjects]),
    *([R, S], [S, permissions.AllowAny], [Own, S], [permissions.AllowAny, Own]),
    *([S | permissions.AllowAny], [S | R], [S | permissions.IsAuthenticated], [S | Own], [S | S], [Own | S]),
    *([S & Own], [Own & S], [permissions.AllowAny & Own], [S & permissions.AllowAny], [R & permissions.AllowAny]),
    *([~S], [~Own], [~permissions.AllowAny], [~S & S], [~S | S], [~~S], [(S | Own) & S], [(S & Own) | R]),
]


@pytest.fixture(autouse=True, scope="module")
def _contrib() -> Iterator[None]:
    with contrib():
        yield


@pytest.mark.parametrize("authenticators", AUTHENTICATORS, ids=lambda found: "+".join(each.__name__ for each in found))
@pytest.mark.parametrize("mark", [None, exempt("r", methods=METHODS), require(HOOKS)], ids=["", "exempt", "require"])
def test_verdict_of_classes_is_what_an_unsigned_request_finds_out(authenticators: list[Any], mark: Any) -> None:
    """Without the middleware, and where it lets the view's requests pass."""
    patterns = []
    for number, asked_for in enumerate(ASKED):
        view = Look.as_view(authentication_classes=authenticators, permission_classes=asked_for)
        patterns.append(path(f"{number}/", mark(view) if mark else view))
    found: dict[tuple[int, str, bool], str] = {}
    for gate in ([], [GATE]):
        with project(*patterns, MIDDLEWARE=gate) as application:
            entries = [entry for entry in audit(application).entries if entry.kind == "view"]
            for entry, method in itertools.product(entries, METHODS):
                if method in entry.methods:
                    found[int(str(entry.example).strip("/")), method, bool(gate)] = entry.verdict
                    ran_unsigned = ran(application, method, str(entry.example))
                    assert not (ran_unsigned and entry.verdict == "verified"), (entry, method)
                    if entry.verdict == "open" and SignatureAuthentication in authenticators:
                        assert ran_unsigned, (entry, method)
    assert len(ASKED) * 4 == len(found)
    assert "verified" in found.values() or Anybody in authenticators


def test_verdicts_of_the_usual_classes_are_known() -> None:
    """Not only `unknown`, which is never wrong."""
    authenticators = [SignatureAuthentication]
    expected = {
        "verified": [
            [S],
            [Polite],
            [R, S],
            [Own, S],
            [S & Own],
            [S | S],
            [permissions.IsAuthenticated],
            [(S | Own) & S],
        ],
        "open": [[], [permissions.AllowAny], [R], [S | permissions.AllowAny], [S | R], [~S]],
        "unknown": [[Own], [Lax], [S | Own], [~Own]],
    }
    for verdict, each in expected.items():
        patterns = [
            path(f"{number}/", Look.as_view(authentication_classes=authenticators, permission_classes=asked_for))
            for number, asked_for in enumerate(each)
        ]
        with project(*patterns, MIDDLEWARE=[]) as application:
            told = [standing_at(application, f"/{number}/").verdict for number in range(len(each))]
            assert [verdict] * len(each) == told


def test_safe_methods_of_read_only_are_open() -> None:
    view = Look.as_view(authentication_classes=[SignatureAuthentication], permission_classes=[R])
    with project(path("a/", view), MIDDLEWARE=[]) as application:
        expected = {"GET": "open", "HEAD": "open", "OPTIONS": "open", "POST": "verified"}
        assert expected == {method: standing_at(application, "/a/", method).verdict for method in expected}
        refused = {method: asked(application, method, "/a/") == 401 for method in expected}
        assert {method: verdict == "verified" for method, verdict in expected.items()} == refused


def test_user_who_is_logged_in_is_no_proof() -> None:
    from django.contrib.auth.models import User

    classes = [SignatureAuthentication, SessionAuthentication]
    view = Look.as_view(authentication_classes=classes, permission_classes=[permissions.IsAuthenticated])
    with project(path("a/", view), MIDDLEWARE=SESSIONS) as application:
        client = Client()
        client.force_login(User.objects.get_or_create(username="somebody")[0])
        assert [401, 200] == [asked(application, "GET", "/a/"), client.get("/a/").status_code]
        assert "unknown" == standing_at(application, "/a/").verdict


def test_stranger_who_is_somebody_is_no_proof() -> None:
    """UNAUTHENTICATED_USER of REST framework."""
    view = Look.as_view(
        authentication_classes=[SignatureAuthentication], permission_classes=[permissions.IsAuthenticated]
    )
    given = {**settings.REST_FRAMEWORK, "UNAUTHENTICATED_USER": f"{__name__}.stranger"}
    with project(path("a/", view), MIDDLEWARE=[], REST_FRAMEWORK=given) as application:
        assert ran(application, "GET", "/a/")
        assert "unknown" == standing_at(application, "/a/").verdict


def stranger() -> Signatory:
    return Signatory(None)


def test_proof_names_the_verifier_of_the_class() -> None:
    view = Look.as_view(authentication_classes=[OfHooks, SignatureAuthentication], permission_classes=[S])
    with project(path("a/", view), MIDDLEWARE=[]) as application:
        assert ["github", "rfc9421"] == [proof.scheme for proof in standing_at(application, "/a/").proofs]


def test_a_view_that_nobody_can_enter_is_said_to_be_one() -> None:
    """What is exempt proves nothing, and the permission asks for a proof."""
    view = exempt("r")(Look.as_view(authentication_classes=[SignatureAuthentication], permission_classes=[S]))
    with project(path("a/", view)) as application:
        standing = standing_at(application, "/a/")
        assert ("verified", ()) == (standing.verdict, standing.proofs)
        assert standing.evidence[0].startswith("nobody gets in")
        assert [401, 401] == [asked(application, "GET", "/a/", signed=signed) for signed in (False, True)]


# Body, settings, and the shapes of views


@pytest.mark.parametrize("protected", [False, True])
def test_form_that_is_read_before_the_proof_is_said_to_be(protected: bool) -> None:
    view = closed().as_view()
    if protected:
        view.csrf_exempt = False
    with project(path("a/", view), MIDDLEWARE=SESSIONS) as application:
        told = {method: standing_at(application, "/a/", method) for method in ("GET", "POST")}
    assert {"verified"} == {standing.verdict for standing in told.values()}
    assert {"GET": False, "POST": protected} == {method: standing.parsed_first for method, standing in told.items()}


def test_csrf_protect_around_a_view_may_answer_first() -> None:
    with project(path("a/", csrf_protect(closed().as_view())), MIDDLEWARE=[]) as application:
        assert "unknown" == standing_at(application, "/a/", "POST").verdict


def test_report_only_opens_the_classes_too() -> None:
    given = {"VERIFIER": verifier(), "REPORT_ONLY": True}
    with project(path("a/", closed().as_view()), MIDDLEWARE=[], SEALGATE=given) as application:
        assert ran(application, "GET", "/a/")
        assert "open" == standing_at(application, "/a/").verdict


def test_classes_without_a_setting_are_unknown() -> None:
    with project(path("a/", closed().as_view()), MIDDLEWARE=[], SEALGATE={}) as application:
        standing = standing_at(application, "/a/")
    assert ("unknown", True) == (standing.verdict, "SEALGATE" in standing.evidence[0])


class Items(ViewSet):
    authentication_classes = [SignatureAuthentication]
    permission_classes = [HasValidSignature]

    def list(self, request: Any) -> Response:
        RAN.append("list")
        return Response([])

    def create(self, request: Any) -> Response:
        RAN.append("create")
        return Response([])

    @action(detail=False, methods=["get", "put"], permission_classes=[])
    def totals(self, request: Any) -> Response:
        RAN.append("totals")
        return Response([])

    @totals.mapping.delete
    def forget(self, request: Any) -> Response:
        RAN.append("forget")
        return Response([])

    @exempt("a probe")
    @action(detail=False, authentication_classes=[], permission_classes=[])
    def health(self, request: Any) -> Response:
        RAN.append("health")
        return Response([])


def test_actions_of_a_view_set_are_told_apart() -> None:
    router = SimpleRouter()
    router.register("items", Items, basename="item")
    for gate, verdicts in (([], ("verified", "open", "open")), ([GATE], ("verified", "verified", "exempt"))):
        plain, totals, health = verdicts
        with project(path("", include(router.urls)), MIDDLEWARE=gate) as application:
            entries = [entry for entry in audit(application).entries if entry.kind == "view"]
            found = {
                (str(entry.example), method): (entry.view.rpartition(".")[2], entry.verdict)
                for entry in entries
                for method in entry.methods
            }
            options = "verified" if gate else "open"
            expected = {
                ("/items/", "GET"): ("list", plain),
                ("/items/", "HEAD"): ("list", plain),
                ("/items/", "POST"): ("create", plain),
                ("/items/", "OPTIONS"): ("Items", plain),
                ("/items/totals/", "GET"): ("totals", totals),
                ("/items/totals/", "HEAD"): ("totals", totals),
                ("/items/totals/", "PUT"): ("totals", totals),
                ("/items/totals/", "DELETE"): ("forget", totals),
                ("/items/totals/", "OPTIONS"): ("Items", options),
                ("/items/health/", "GET"): ("health", health),
                ("/items/health/", "HEAD"): ("health", health),
                ("/items/health/", "OPTIONS"): ("Items", options),
            }
            assert expected == found
            for (target, method), (view, verdict) in found.items():
                if view != "Items":
                    assert (verdict != "verified") == ran(application, method, target)


def test_function_of_api_view_is_named_and_found() -> None:
    @api_view(["GET", "PUT"])
    @permission_classes([HasValidSignature])
    def rates(request: Any) -> Response:
        return Response({})

    with project(path("a/", rates)) as application:
        (entry,) = [entry for entry in audit(application).entries if entry.kind == "view"]
    assert ("GET", "OPTIONS", "PUT") == entry.methods
    assert (f"{__name__}.test_function_of_api_view_is_named_and_found.<locals>.rates", True) == (
        entry.view,
        entry.source is not None and entry.source.file == __file__,
    )
