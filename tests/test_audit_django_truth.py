"""Projects made at random: whatever the audit says of a route, an unsigned request finds the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.utils import translation
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from audited_django import asked, project
from judged import OTHER_KEY
from leaky_django import COMMON, GATE, RAN, answers, verifier
from sealgate import Verifier, schemes
from sealgate.audit import Entry, audit
from sealgate.django import exempt, require

HOOKS = Verifier(schemes.GITHUB, keys={"octo": OTHER_KEY})
ALL = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
# These read the settings.
from rest_framework.decorators import action  # noqa: E402
from rest_framework.permissions import AllowAny, IsAuthenticated, IsAuthenticatedOrReadOnly  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.routers import SimpleRouter  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework.viewsets import ViewSet  # noqa: E402

from sealgate.rest_framework import HasValidSignature, SignatureAuthentication  # noqa: E402

LANGUAGES = [("en", "English"), ("de", "German")]
LOCALE = "django.middleware.locale.LocaleMiddleware"
FETCH, UPDATE = "django.middleware.cache.FetchFromCacheMiddleware", "django.middleware.cache.UpdateCacheMiddleware"
MIDDLEWARES = [
    *("django.middleware.security.SecurityMiddleware", LOCALE, FETCH, UPDATE, COMMON, "leaky_django.ping"),
    *("django.middleware.csrf.CsrfViewMiddleware", "django.middleware.gzip.GZipMiddleware"),
]
ENDED, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
RULES: list[Callable[[], Any]] = [
    lambda: exempt("a probe"),
    lambda: exempt("a form", methods=("GET", "POST")),
    lambda: exempt("public", methods=ALL, until=LATER),
    lambda: exempt("while partners move", methods=ALL, until=ENDED),
    lambda: require(HOOKS),
    lambda: require(HOOKS, verifier()),
]
ASKED: list[list[Any]] = [
    *([], [AllowAny], [IsAuthenticated], [IsAuthenticatedOrReadOnly], [HasValidSignature]),
    *([HasValidSignature | AllowAny], [HasValidSignature & AllowAny], [~HasValidSignature]),
]


class Both(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        RAN.append("both")
        return HttpResponse("both")

    post = get


class Calls(APIView):
    def get(self, request: Any) -> Response:
        RAN.append("calls")
        return Response("calls")

    put = get


class OfHooks(SignatureAuthentication):
    verifier = HOOKS


class Dice(random.Random):
    def ruled(self, target: Any) -> Any:
        """`target`, or it under a rule of its own."""
        return self.choice(RULES)()(target) if self.random() < 0.5 else target

    def view(self) -> Any:
        return self.choice([self.function, self.class_view, self.rest_view])()

    def function(self) -> Any:
        return self.ruled(answers("function"))

    def class_view(self) -> Any:
        cls = method_decorator(csrf_exempt, name="dispatch")(type("Own", (Both,), {"__module__": __name__}))
        return self.ruled((self.ruled(cls)).as_view())

    def rest_view(self) -> Any:
        authenticators = self.choice([[SignatureAuthentication], [OfHooks], [OfHooks, SignatureAuthentication]])
        return self.ruled(Calls.as_view(authentication_classes=authenticators, permission_classes=self.choice(ASKED)))

    def view_set(self) -> Any:
        class Items(ViewSet):
            authentication_classes = [SignatureAuthentication]
            permission_classes = self.choice(ASKED)

            @action(detail=False, methods=["get", "delete"], permission_classes=self.choice(ASKED))
            def more(self, request: Any) -> Response:
                RAN.append("more")
                return Response("more")

            def list(self, request: Any) -> Response:
                RAN.append("list")
                return Response("list")

        router = SimpleRouter()
        router.register("items", Items, basename="item")
        return self.ruled(include(router.urls))

    def patterns(self, depth: int = 2) -> Iterator[Any]:
        for number in range(self.randint(2, 4)):
            kind = self.random()
            if depth and kind < 0.25:
                yield path(f"in{number}/", self.ruled(include(list(self.patterns(depth - 1)))))
            elif kind < 0.35:
                yield path(f"set{number}/", self.view_set())
            elif kind < 0.5:
                yield self.ruled(re_path(rf"^re{number}/(?:\d+)/?$", self.view()))
            else:
                yield self.ruled(path(f"at{number}/", self.view()))

    def settings(self) -> dict[str, Any]:
        names = self.sample(MIDDLEWARES, self.randint(0, 4))
        if self.random() < 0.8:
            names.insert(self.randint(0, len(names)), GATE)
        given = {"VERIFIER": verifier(), "REPORT_ONLY": self.random() < 0.1, "PREFLIGHT": self.random() < 0.3}
        return {"MIDDLEWARE": names, "SEALGATE": given, "CACHE_MIDDLEWARE_SECONDS": 60}


@pytest.mark.parametrize("seed", range(40))
def test_unsigned_requests_find_what_the_audit_says(seed: int) -> None:
    dice = Dice(seed)
    patterns = [*dice.patterns(), *i18n_patterns(*dice.patterns(0))]
    with project(*patterns, **dice.settings(), LANGUAGES=LANGUAGES, LANGUAGE_CODE="en") as application:
        entries = [entry for entry in audit(application).entries if entry.kind == "view"]
        told = {(entry.example, method): entry for entry in entries if entry.example for method in entry.methods}
        assert len(told) > len(patterns)
        wrong = [(ask, entry) for ask, entry in told.items() if _denies(application, entry, *reversed(ask))]
        assert [] == wrong


def _denies(application: Any, entry: Entry, method: str, target: str) -> bool:
    """Whether what happens is not what `entry` says."""
    cache.clear()
    with translation.override("en"):
        asked(application, method, target, signed=True)
    RAN.clear()
    with translation.override("en"):
        gets_in = asked(application, method, target) not in {401, 403} or bool(RAN)
    if gets_in == (entry.verdict != "verified"):
        return False
    if entry.verdict == "verified":
        return True
    evidence = " ".join(entry.standing.evidence)
    # What is not always so: that a response is in the cache, that a language has been chosen, and that a view lets
    # anonymous requests in that its signature classes would let pass.
    known = entry.verdict != "unknown" and not settings.SEALGATE["REPORT_ONLY"]
    return known and "cached" not in evidence and "LocaleMiddleware" not in evidence


def test_the_dice_show_every_verdict() -> None:
    """Or the silence above would mean little."""
    seen: Counter[str] = Counter()
    for seed in range(40):
        dice = Dice(seed)
        patterns = [*dice.patterns(), *i18n_patterns(*dice.patterns(0))]
        with project(*patterns, **dice.settings(), LANGUAGES=LANGUAGES, LANGUAGE_CODE="en") as application:
            seen.update(entry.verdict for entry in audit(application).entries if entry.kind == "view")
    assert {"verified", "open", "exempt"} <= seen.keys()
    assert min(seen[each] for each in ("verified", "open", "exempt")) > 100
