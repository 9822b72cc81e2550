"""Django: a rule counts where it is written, whatever leads to the view, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import Resolver404, URLPattern, include, path, re_path, register_converter, reverse
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.functional import lazy
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from django.views.i18n import set_language

import django_project  # noqa: F401  it configures Django
from asgi_client import ORDER, signed
from judged import KEY_ID, OTHER_KEY, RFC9421
from reference import Message, sign_github
from sealgate import ConfigurationError, Verifier, schemes
from sealgate.django import exempt, require
from wsgi_client import Answer, call, environ_of

HOOKS = Verifier(schemes.GITHUB, keys=OTHER_KEY)

# These read the settings.
from django.contrib.syndication.views import Feed  # noqa: E402
from rest_framework.decorators import action, api_view  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.routers import SimpleRouter  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework.viewsets import ViewSet  # noqa: E402

LOOK = Message("GET", "/", [ORDER.headers[0]])
GATE = "sealgate.django.SignatureMiddleware"

# Who is let in: nobody unsigned; only the party of `HOOKS`; everybody, for GET.
CLOSED, HOOKED, OPEN = ["partners"], ["hooks"], ["anybody", "partners"]


class Urls:
    """A URLconf; it may be any object."""

    def __init__(self, *patterns: Any) -> None:
        self.urlpatterns = list(patterns)


@contextmanager
def project(*patterns: Any, **settings: Any) -> Iterator[WSGIHandler]:
    changes = {"MIDDLEWARE": [GATE], "ROOT_URLCONF": Urls(*patterns), "SEALGATE": {"VERIFIER": RFC9421.verifier()}}
    with override_settings(**{**changes, **settings}):
        yield WSGIHandler()


def hooked(message: Message) -> Message:
    return message.plus(sign_github(message, OTHER_KEY))


def admitted(handler: WSGIHandler, target: str) -> list[str]:
    """Who reaches the view behind `target`."""
    order, look = replace(ORDER, target=target), replace(LOOK, target=target)
    senders = {"anybody": look, "anybody with a body": order, "partners": signed(order), "hooks": hooked(order)}
    statuses = {sender: call(handler, environ_of(message)).status for sender, message in senders.items()}
    assert set(statuses.values()) <= {200, 401}, statuses
    return [sender for sender, status in statuses.items() if status == 200]


def ask(handler: WSGIHandler, message: Message, **changes: Any) -> Answer:
    return call(handler, environ_of(message, **changes))


def view(request: HttpRequest, **_: Any) -> HttpResponse:
    return HttpResponse("none" if request.verified is None else request.verified.scheme)  # type: ignore[attr-defined]


def fresh() -> Callable[..., HttpResponse]:
    """A view like `view` that has no rule yet."""
    return lambda request, **more: view(request, **more)


async def coroutine(request: HttpRequest) -> HttpResponse:
    return view(request)


urlpatterns = [path("shared", view, name="shared")]


class Both(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return view(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        return view(request)


@method_decorator(exempt("public"), name="dispatch")
class OnDispatch(Both): ...


@exempt("public")
class OnClass(Both): ...


class OnHandler(Both):
    @method_decorator(exempt("public"))
    def get(self, request: HttpRequest) -> HttpResponse:
        return view(request)


@method_decorator(exempt("public"), name="get")
class OnNamedHandler(Both):
    def get(self, request: HttpRequest) -> HttpResponse:
        return view(request)


class Coroutines(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return view(request)

    async def post(self, request: HttpRequest) -> HttpResponse:
        return view(request)


@exempt("public")
class OpenCoroutines(Coroutines): ...


@require(HOOKS)
class Hooks(Both): ...


class BelowHooks(Hooks): ...


@exempt("a probe")
class OpenBelowHooks(Hooks): ...


@method_decorator(require(HOOKS), name="dispatch")
class DispatchedHooks(Both): ...


class Colours(ViewSet):
    def list(self, request: Any) -> Response:
        return Response([])

    def create(self, request: Any) -> Response:
        return Response([])


@exempt("public")
class OpenColours(Colours): ...


@require(HOOKS)
class HookColours(Colours): ...


class Mixed(Colours):
    @action(detail=False, methods=["get", "post"])
    def closed(self, request: Any) -> Response:
        return Response([])

    @exempt("public")
    @action(detail=False, methods=["get", "post"])
    def opened(self, request: Any) -> Response:
        return Response([])

    @action(detail=False, methods=["get", "post"])
    @require(HOOKS)
    def hooks(self, request: Any) -> Response:
        return Response([])


class OpenApi(APIView):
    @exempt("public")
    def get(self, request: Any) -> Response:
        return Response([])

    def post(self, request: Any) -> Response:
        return Response([])


def routed(view_set: Any) -> Any:
    router = SimpleRouter(trailing_slash=False)
    router.register("mixed", view_set, basename="mixed")
    return router


class News(Feed):
    title = link = description = "/news"

    def items(self) -> list[str]:
        return []


LIST = {"get": "list", "post": "create"}

#: Patterns, and who reaches each target.
PLACES: dict[str, tuple[Callable[[], list[Any]], dict[str, list[str]]]] = {
    "no rule": (lambda: [path("a", view)], {"/a": CLOSED}),
    "functions": (
        lambda: [
            path("open", exempt("r")(fresh())),
            path("hooks", require(HOOKS)(fresh())),
            path("wrapped", never_cache(csrf_exempt(require(HOOKS)(fresh())))),
            path("partial", partial(exempt("r")(fresh()))),
        ],
        # A partial is another endpoint than the function in it.
        {"/open": OPEN, "/hooks": HOOKED, "/wrapped": HOOKED, "/partial": CLOSED},
    ),
    "coroutines": (
        lambda: [path("a", coroutine), path("b", OpenCoroutines.as_view()), path("c", Coroutines.as_view())],
        {"/a": CLOSED, "/b": OPEN, "/c": CLOSED},
    ),
    "patterns": (
        lambda: [exempt("r")(path("a", view)), require(HOOKS)(re_path("^b$", view)), path("c", view)],
        {"/a": OPEN, "/b": HOOKED, "/c": CLOSED},
    ),
    "classes": (
        lambda: [
            path("dispatch", OnDispatch.as_view()),
            path("class", OnClass.as_view()),
            path("handler", OnHandler.as_view()),
            path("named", OnNamedHandler.as_view()),
            path("instance", exempt("r")(Both.as_view())),
            path("beside", Both.as_view()),
            path("hooks", Hooks.as_view()),
            path("below", BelowHooks.as_view()),
            path("open-below", OpenBelowHooks.as_view()),
            path("dispatched", DispatchedHooks.as_view()),
        ],
        {
            "/dispatch": OPEN,
            "/class": OPEN,
            "/handler": OPEN,
            "/named": OPEN,
            "/instance": OPEN,
            "/beside": CLOSED,
            "/hooks": HOOKED,
            "/below": HOOKED,
            "/open-below": ["anybody", "hooks"],
            "/dispatched": HOOKED,
        },
    ),
    "view sets": (
        lambda: [
            path("open", OpenColours.as_view(LIST)),
            path("hooks", HookColours.as_view(LIST)),
            path("closed", Colours.as_view(LIST)),
            path("api", OpenApi.as_view()),
            path("", include(routed(Mixed).urls)),
        ],
        {
            "/open": OPEN,
            "/hooks": HOOKED,
            "/closed": CLOSED,
            "/api": OPEN,
            "/mixed": CLOSED,
            "/mixed/closed": CLOSED,
            "/mixed/opened": OPEN,
            "/mixed/hooks": HOOKED,
        },
    ),
    "includes": (
        lambda: [
            path("text/", exempt("r")(include(__name__))),
            path("list/", require(HOOKS)(include([path("shared", view)]))),
            path("named/", exempt("r")(include(([path("shared", view)], "shop")))),
            path("instance/", exempt("r")(include(([path("shared", view)], "shop"), namespace="second"))),
            path("plain/", include(__name__)),
        ],
        {
            "/text/shared": OPEN,
            "/list/shared": HOOKED,
            "/named/shared": OPEN,
            "/instance/shared": OPEN,
            "/plain/shared": CLOSED,
        },
    ),
    "nested includes": (
        lambda: [
            path("a/", exempt("r")(include([path("b/", include([path("c", view)]))]))),
            path("d/", exempt("r")(include([path("e/", require(HOOKS)(include([path("f", view)])))]))),
            path("g/", require(HOOKS)(include([path("h", exempt("r")(fresh())), path("i", view)]))),
            path("j/", require(HOOKS)(include([exempt("r")(path("k", require(RFC9421.verifier())(fresh())))]))),
        ],
        {"/a/b/c": OPEN, "/d/e/f": HOOKED, "/g/h": ["anybody", "hooks"], "/g/i": HOOKED, "/j/k": CLOSED},
    ),
    "one include of two": (
        lambda: [
            path("a/", include(__name__)),
            path("b/", exempt("r")(include(__name__))),
            path("c/", include(__name__)),
        ],
        {"/a/shared": CLOSED, "/b/shared": OPEN, "/c/shared": CLOSED},
    ),
    "feeds": (
        lambda: [path("feed", exempt("r")(News())), path("closed-feed", News())],
        {"/feed": OPEN, "/closed-feed": CLOSED},
    ),
    "converters": (
        lambda: [
            path("<int:number>", exempt("r")(fresh())),
            path("<slug:name>", view),
            path("x/<uuid:number>", exempt("r")(fresh())),
            path("x/<path:rest>", view),
        ],
        {
            "/7": OPEN,
            "/seven": CLOSED,
            "/x/7": CLOSED,
            "/x/b0c1b4d6-5b4c-4b0e-8f0e-6f6f1c1d2e3f": OPEN,
            "/x/b0c1b4d6-5b4c-4b0e-8f0e-6f6f1c1d2e3f/": CLOSED,
        },
    ),
    "the first pattern that matches": (
        lambda: [
            path("", include([path("a", view)])),
            path("", exempt("r")(include([path("a", view), path("b", view)]))),
        ],
        {"/a": CLOSED, "/b": OPEN},
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_rule_counts_where_it_is_written_and_nowhere_else(place: str) -> None:
    patterns, expected = PLACES[place]
    with project(*patterns()) as handler:
        actual = {target: admitted(handler, target) for target in expected}
    assert expected == actual


def test_names_still_lead_through_includes_that_have_rules() -> None:
    named = ([path("item/<int:number>", view, name="item")], "shop")
    patterns = [
        path("a/", exempt("r")(include(__name__))),
        path("b/", require(HOOKS)(include(named))),
        path("c/", exempt("r")(include(named, namespace="second"))),
    ]
    with project(*patterns):
        found = [reverse("shared"), reverse("shop:item", args=[1]), reverse("second:item", kwargs={"number": 2})]
    assert found == ["/a/shared", "/b/item/1", "/c/item/2"]


def test_third_party_views_are_closed_until_they_have_a_rule() -> None:
    patterns = [
        path("moved", RedirectView.as_view(url="/elsewhere")),
        path("open-moved", exempt("r")(RedirectView.as_view(url="/elsewhere"))),
        path("language", set_language),
    ]
    with project(*patterns) as handler:
        statuses = {
            target: ask(handler, replace(LOOK, target=target)).status
            for target in ("/moved", "/open-moved", "/language")
        }
    assert statuses == {"/moved": 401, "/open-moved": 302, "/language": 401}


# What is shared


def test_rule_on_a_view_in_one_pattern_does_not_open_it_in_another() -> None:
    """`serve` is the view of static files and of uploads alike: a URLconf that exempts one does not mean the other."""
    shared = fresh()
    with project(path("public", exempt("public files")(shared)), path("private", shared)) as handler:
        assert (OPEN, CLOSED) == (admitted(handler, "/public"), admitted(handler, "/private"))


def test_rule_on_a_list_of_patterns_does_not_follow_them_into_another_include() -> None:
    shared = [path("a", view)]
    with project(
        path("public/", include(exempt("r")(shared))),  # type: ignore[arg-type]
        path("private/", include(shared)),  # type: ignore[arg-type]
    ) as handler:
        assert (OPEN, CLOSED) == (admitted(handler, "/public/a"), admitted(handler, "/private/a"))


def test_rule_on_the_urls_of_a_router_does_not_follow_them_into_another_include() -> None:
    router = routed(Colours)
    with project(
        path("public/", include(exempt("r")(router.urls))),
        path("private/", include(router.urls)),
    ) as handler:
        assert (OPEN, CLOSED) == (admitted(handler, "/public/mixed"), admitted(handler, "/private/mixed"))


def test_static_files_can_be_exempt(tmp_path: Any) -> None:
    from django.conf.urls.static import static

    (tmp_path / "a.txt").write_text("public")
    with (
        override_settings(DEBUG=True),
        project(
            *exempt("public files")(static("/static/", document_root=str(tmp_path))),
            *static("/media/", document_root=str(tmp_path)),
        ) as handler,
    ):
        statuses = [ask(handler, replace(LOOK, target=f"/{prefix}/a.txt")).status for prefix in ("static", "media")]
        proven = ask(handler, signed(replace(LOOK, target="/media/a.txt"))).status
    assert (statuses, proven) == ([200, 401], 200)


# Classes


@method_decorator(exempt("public"), name="dispatch")
class OpenParent(Both): ...


@method_decorator(require(HOOKS), name="dispatch")
class HookChild(OpenParent): ...


@method_decorator(exempt("public"), name="dispatch")
class OpenChild(DispatchedHooks): ...


@pytest.mark.parametrize(("cls", "expected"), [(HookChild, HOOKED), (OpenChild, ["anybody", "hooks"])])
def test_rule_on_the_dispatch_of_a_class_replaces_the_one_of_its_parent(cls: Any, expected: list[str]) -> None:
    with project(path("a", cls.as_view())) as handler:
        assert expected == admitted(handler, "/a")


def test_requirement_of_a_handler_holds_for_head_before_and_after_the_first_get() -> None:
    """Django REST framework learns that `get` answers HEAD only with the first request."""

    class Looks(ViewSet):
        @require(HOOKS)
        def list(self, request: Any) -> Response:
            return Response([])

    head = replace(LOOK, method="HEAD", target="/a")
    with project(path("a", Looks.as_view({"get": "list"}))) as handler:
        first = ask(handler, signed(head)).status
        ask(handler, signed(replace(head, method="GET")))
        assert [401, 401] == [first, ask(handler, signed(head)).status]


@pytest.mark.parametrize("above", [True, False])
def test_rule_of_a_function_counts_above_and_below_api_view(above: bool) -> None:
    """Where the decorators of Django REST framework itself have to stand: below."""
    rule, api = require(HOOKS), api_view(["GET", "POST"])

    def look(request: Any) -> Response:
        return Response([])

    decorated = rule(api(look)) if above else api(rule(look))
    with project(path("a", decorated)) as handler:
        assert HOOKED == admitted(handler, "/a")


def test_method_that_is_named_like_an_attribute_of_the_class_opens_nothing() -> None:
    with project(path("a", OnHandler.as_view()), path("b", Mixed.as_view(LIST))) as handler:
        statuses = [
            ask(handler, replace(LOOK, method=method, target=target)).status
            for target in ("/a", "/b")
            for method in ("DISPATCH", "AS_VIEW", "__CLASS__", "HTTP_METHOD_NOT_ALLOWED", "OPENED", "GET_QUERYSET")
        ]
    assert statuses == [401] * 12


def test_view_that_has_an_attribute_named_like_ours_is_served() -> None:
    """A view may be any callable: what Django REST framework calls `actions` and `cls` may be something else."""

    class Odd:
        actions = ["publish"]
        cls = "a class of service"
        csrf_exempt = True

        def __call__(self, request: HttpRequest) -> HttpResponse:
            return view(request)

    with project(path("a", Odd())) as handler:
        assert CLOSED == admitted(handler, "/a")


# Which route is taken


class Moody:
    """A converter that says "not mine" in Django's own words."""

    regex = "[a-z]+"

    def to_python(self, value: str) -> str:
        raise Resolver404({"path": value})

    def to_url(self, value: str) -> str:
        return value


register_converter(Moody, "moody")


def test_requirement_holds_behind_a_converter_that_declines() -> None:
    """Django takes it for "no match" and goes on to the next pattern."""
    with project(path("<moody:name>", view), path("hook", require(HOOKS)(fresh()))) as handler:
        assert HOOKED == admitted(handler, "/hook")


def test_language_of_the_path_counts() -> None:
    patterns = i18n_patterns(path("open", exempt("r")(fresh())), path("closed", view))
    middleware = ["django.middleware.locale.LocaleMiddleware", GATE]
    with project(*patterns, MIDDLEWARE=middleware, LANGUAGES=[("en", "English"), ("de", "Deutsch")]) as handler:
        targets = ("/de/open", "/en/open", "/de/closed", "/en/closed")
        assert [OPEN, OPEN, CLOSED, CLOSED] == [admitted(handler, target) for target in targets]


def test_language_chosen_after_verification_opens_nothing() -> None:
    """A translated path is another one in each language, and the caller names the language."""

    def public() -> str:
        return "oeffentlich/" if translation.get_language() == "de" else "public/"

    inner = include([path("a", view)])
    patterns = [
        path(lazy(public, str)(), exempt("r")(inner)),  # type: ignore[arg-type]
        path("public/", inner),
    ]
    middleware = [GATE, "django.middleware.locale.LocaleMiddleware"]
    message = replace(LOOK, target="/public/a")
    with ExitStack() as stack:
        stack.callback(translation.activate, translation.get_language())
        translation.activate("en")
        handler = stack.enter_context(
            project(*patterns, MIDDLEWARE=middleware, LANGUAGES=[("en", "English"), ("de", "Deutsch")])
        )
        german = ask(handler, message.plus([("Accept-Language", "de")]))
    assert german.status == 401


def test_urlconf_of_a_request_counts() -> None:
    middleware = [f"{__name__}.by_tenant", GATE]
    with project(path("a", exempt("r")(fresh())), MIDDLEWARE=middleware) as handler:
        message = replace(LOOK, target="/a")
        statuses = [ask(handler, each).status for each in (message, message.plus([("X-Tenant", "other")]))]
        proven = ask(handler, signed(message).plus([("X-Tenant", "other")])).status
    assert (statuses, proven) == ([200, 401], 200)


OTHER = Urls(path("a", view))


def by_tenant(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        if "X-Tenant" in request.headers:
            request.urlconf = OTHER  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def test_rule_is_on_what_is_returned_and_on_nothing_else() -> None:
    """What is routed elsewhere as well stays as it is there."""
    late, pattern = fresh(), path("b", view)
    require(HOOKS)(late)
    exempt("r")(pattern)
    with project(path("a", late), pattern, path("c", require(HOOKS)(late)), exempt("r")(path("d", view))) as handler:
        assert [CLOSED, CLOSED, HOOKED, OPEN] == [admitted(handler, f"/{name}") for name in "abcd"]


def test_pattern_added_after_the_start_counts_from_the_next_request() -> None:
    with project(path("a", view)) as handler:
        assert CLOSED == admitted(handler, "/a")
        from django.conf import settings

        late: URLPattern = path("late", require(HOOKS)(fresh()))
        settings.ROOT_URLCONF.urlpatterns.append(late)
        assert HOOKED == admitted(handler, "/late")


# What a rule says


def test_keys_of_a_rule_are_the_only_ones() -> None:
    partners = RFC9421.verifier(keys={KEY_ID: RFC9421.keys[KEY_ID], "globex": OTHER_KEY})
    patterns = [path("one", require(partners, keys={"globex"})(fresh())), path("any", require(partners)(fresh()))]
    with project(*patterns, SEALGATE={"VERIFIER": partners}) as handler:
        statuses = [ask(handler, signed(replace(ORDER, target=target))).status for target in ("/one", "/any")]
    assert statuses == [403, 200]


def test_several_verifiers_are_any_of_them_and_no_other() -> None:
    patterns = [path("a", require(RFC9421.verifier(), HOOKS)(fresh())), path("b", require(HOOKS)(fresh()))]
    with project(*patterns) as handler:
        assert [["partners", "hooks"], HOOKED] == [admitted(handler, target) for target in ("/a", "/b")]


def test_query_that_may_go_uncovered_may_and_no_other() -> None:
    """GitHub signs the body alone."""
    patterns = [path("a", require(HOOKS, uncovered=("query",))(fresh())), path("b", require(HOOKS)(fresh()))]
    with project(*patterns) as handler:
        statuses = [ask(handler, hooked(replace(ORDER, target=f"/{name}?x=1"))).status for name in "ab"]
    assert statuses == [200, 401]


@pytest.mark.parametrize(("days", "expected"), [(-1, CLOSED), (1, OPEN)])
def test_exemption_of_an_include_ends(days: int, expected: list[str]) -> None:
    until = datetime.now(UTC) + timedelta(days=days)
    with project(path("a/", exempt("r", until=until)(include([path("b", view)])))) as handler:
        assert expected == admitted(handler, "/a/b")


def test_exemption_that_says_nothing_of_a_method_leaves_it_to_the_rule_around_it() -> None:
    inner = path("b", exempt("r", methods=("POST",))(fresh()))
    with project(path("a/", require(HOOKS)(include([inner])))) as handler:
        assert ["anybody with a body", "partners", "hooks"] == admitted(handler, "/a/b")
        assert 401 == ask(handler, signed(replace(LOOK, target="/a/b"))).status


@pytest.mark.parametrize("mark", [require(HOOKS), exempt("r")])
def test_second_rule_on_one_include_is_a_configuration_error(mark: Callable[[Any], Any]) -> None:
    with pytest.raises(ConfigurationError, match="has a rule already"):
        mark(exempt("r")(include([path("a", view)])))


# The admin, and Django's own views


@pytest.fixture
def admin() -> Iterator[Any]:
    """`django.contrib.admin` as it comes, with a database in memory and one user."""
    from django.core.management import call_command
    from django.db import connections

    contrib = ["admin", "auth", "contenttypes", "sessions", "messages"]
    template = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
    before = connections.settings
    with suppress(AttributeError):
        del connections["default"]  # the one without an engine, that another test may have asked for
    connections.settings = connections.configure_settings(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    )
    settings = {"INSTALLED_APPS": [*(f"django.contrib.{name}" for name in contrib), "sealgate.django"]}
    try:
        with override_settings(**settings, TEMPLATES=[template], PASSWORD_HASHERS=[HASHER]):
            call_command("migrate", verbosity=0)
            from django.contrib import admin as module
            from django.contrib.auth.models import User

            User.objects.create_superuser("root", password="correct horse")
            module.site.register(User) if not module.site.is_registered(User) else None
            yield module
    finally:
        connections["default"].connection.close()  # which Django does not do for a database in memory
        del connections["default"]
        connections.settings = before


HASHER = "django.contrib.auth.hashers.MD5PasswordHasher"
SESSIONS = [
    GATE,
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


def test_admin_can_be_exempt_and_works_then(admin: Any) -> None:
    """One site at two places: the one that is marked is open, with its log-in, its cookies and its forms."""
    marked = exempt("sessions and CSRF", methods=("GET", "HEAD", "POST"))(admin.site.urls)
    with project(path("admin/", marked), path("closed/", admin.site.urls), MIDDLEWARE=SESSIONS):
        client = Client(enforce_csrf_checks=True)
        page = client.get("/admin/login/")
        fields = {
            "username": "root",
            "password": "correct horse",
            "csrfmiddlewaretoken": client.cookies["csrftoken"].value,
        }
        statuses = [
            page.status_code,
            client.post("/admin/login/?next=/admin/", fields).status_code,
            client.get("/admin/").status_code,
            client.get("/admin/auth/user/").status_code,
            client.post("/admin/login/").status_code,
            client.delete("/admin/").status_code,
            client.get("/closed/").status_code,
            client.get("/closed/login/").status_code,
            client.get("/closed/auth/user/").status_code,
            client.get("/closed/nothing").status_code,
        ]
        assert statuses == [200, 302, 200, 200, 403, 401, 401, 401, 401, 401]
        assert reverse("admin:auth_user_changelist") == "/admin/auth/user/"


def test_admin_is_closed_without_a_rule(admin: Any) -> None:
    with project(path("admin/", admin.site.urls), MIDDLEWARE=SESSIONS) as handler:
        targets = ("/admin/", "/admin/login/", "/admin/auth/user/", "/admin/jsi18n/", "/admin/none", "/admin")
        assert [401] * 6 == [ask(handler, replace(LOOK, target=target)).status for target in targets]
        assert 200 == ask(handler, signed(replace(LOOK, target="/admin/login/"))).status


def test_log_in_view_of_django_is_closed_until_it_has_a_rule(admin: Any) -> None:
    from django.contrib.auth.views import LoginView

    template = "admin/login.html"
    patterns = [
        path("admin/", admin.site.urls),
        path("login", LoginView.as_view(template_name=template)),
        path("open", exempt("a page without data")(LoginView.as_view(template_name=template))),
    ]
    with project(*patterns, MIDDLEWARE=SESSIONS) as handler:
        statuses = [ask(handler, replace(LOOK, target=target)).status for target in ("/login", "/open")]
    assert statuses == [401, 200]
