"""sealgate.django: through Django's own WSGI and ASGI handlers."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.test import AsyncClient, Client, override_settings

import django_project
from contract import (
    FORM,
    LOOK,
    ORDER,
    PARTNERS,
    UPLOAD,
    AsgiContract,
    Down,
    GateContract,
    Instead,
    WsgiContract,
    hooked,
    signed,
)
from contract.bodies import WAYS
from django_project import MIDDLEWARE
from exchange import CHUNKED, WHOLE, Framing
from judged import KEY, KEY_ID, NOW, RFC9421
from reference import Message
from sealgate import ConfigurationError, Request, Signer, Verifier, policy, schemes
from sealgate.django import SignatureMiddleware
from sealgate.django import request as django_request
from sealgate.exceptions import Unavailable
from wsgi_client import call, environ_of


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def settings() -> Iterator[Callable[..., None]]:
    """Settings for the rest of the test."""
    entered: list[override_settings] = []

    def change(**changes: Any) -> None:
        entered.append(override_settings(**changes))
        entered[-1].enable()

    yield change
    for each in reversed(entered):
        each.disable()


class OnDjango(GateContract):
    own_headers = frozenset({"x-content-type-options", "referrer-policy", "cross-origin-opener-policy"})
    parsers = ("django.http.request.HttpRequest._load_post_and_files", "json.loads")
    open_classes = ("/class", "/class-rule", "/view-set")
    closed_classes = ("/subclass", "/subclass-rule", "/below-view-set")
    routes = {"/orders": "orders", "/orders/7": "orders/<name>", "/hook": "hook"}

    @pytest.fixture(autouse=True)
    def _ready(self, _promise: None, settings: Callable[..., None]) -> None:
        self.settings = settings
        self.seen = django_project.SEEN
        self.seen.clear()

    def build(self, verifier: Verifier, *, mount: str = "", inside: Any = None, **settings: Any) -> Any:
        given = {name.upper(): setting for name, setting in settings.items()}
        self.settings(SEALGATE={"VERIFIER": verifier, **({"SCRIPT_NAME": mount} if mount else {}), **given})
        if isinstance(inside, Mapping):
            self.settings(MIDDLEWARE=[*MIDDLEWARE, "django_project.changes"], INSIDE=inside)
        elif inside == "cache":
            self.settings(CACHE_MIDDLEWARE_SECONDS=60)
        return self.handler()


_LENGTH = "Django reads a body without a Content-Length as empty, and a refused request is read by Django as ever"
_SPOOLS = "Django has read the whole body, without a deadline, before any middleware"
_GONE = "Django gives no answer to a client that has gone"
_UNDECLARED = ("chunked", "undeclared")


def _empty(ways: Sequence[str], *whys: str) -> dict[tuple[str, str, str], tuple[int, bytes, list[bytes]]]:
    """What a view is given of a refused body without a length, where refused requests pass."""
    answers = {"json": (400, b"{}", list[bytes]())}
    cases = itertools.product(_UNDECLARED, ways, whys)
    return {case: answers.get(case[1], (200, b"no proof", [b""])) for case in cases}


class TestWsgi(OnDjango, WsgiContract):
    handler = WSGIHandler
    CANNOT = {
        "report only lets through with the body intact": Instead(_LENGTH, _empty([*WAYS], "unsigned", "wrong key")),
        "report only gives back what was read": Instead(_LENGTH, _empty([*WAYS], "over the limit", "another digest")),
        "report only lets large bodies through whole": Instead(
            _LENGTH, dict.fromkeys(itertools.product(_UNDECLARED, ("raw", "changed", "file")), (200, b"no proof", [0]))
        ),
    }

    def test_class_based_view_can_require(self) -> None:
        message = replace(ORDER, target="/class-hook")
        assert [self.send(each).status for each in (hooked(message), signed(message))] == [200, 401]

    @pytest.mark.parametrize("framing", [WHOLE, CHUNKED])
    def test_own_limit_holds_whatever_djangos_is(self, framing: Framing) -> None:
        """Django's is for what it parses in memory; an upload is larger, and all of it is proven."""
        self.settings(DATA_UPLOAD_MAX_MEMORY_SIZE=50)
        statuses = [
            self.send(signed(UPLOAD), RFC9421.verifier(body_limit=size), framing).status
            for size in (len(UPLOAD.body) - 1, len(UPLOAD.body))
        ]
        assert statuses == [413, 200]
        assert self.outcome(self.build(RFC9421.verifier()), signed(UPLOAD), framing) == (200, [b"crate+00ff"])

    def test_own_limit_holds_where_django_has_none(self) -> None:
        self.settings(DATA_UPLOAD_MAX_MEMORY_SIZE=None)
        answers = [self.send(signed(), RFC9421.verifier(body_limit=size)).status for size in (11, 12)]
        assert answers == [413, 200]

    def test_cached_response_is_not_given_to_an_unsigned_request(self) -> None:
        """A verifier in `process_view` would: a cache that answers ends the chain before any `process_view`."""
        message = replace(LOOK, target="/cached")
        self.settings(CACHE_MIDDLEWARE_SECONDS=60)
        application = self.build(RFC9421.verifier())
        answers = [call(application, environ_of(each)).status for each in (signed(message), signed(message), message)]
        assert (answers, self.seen) == ([200, 200, 401], [b""])

    def test_middleware_inside_sees_no_unsigned_request(self) -> None:
        self.settings(MIDDLEWARE=["sealgate.django.SignatureMiddleware", f"{__name__}.answers_early"])
        assert [self.send(each).status for each in (ORDER, signed())] == [401, 202]

    def test_body_consumed_by_an_earlier_middleware_is_refused(self, caplog: pytest.LogCaptureFixture) -> None:
        self.settings(MIDDLEWARE=[f"{__name__}.consumes", *MIDDLEWARE])
        answer = self.send(signed(UPLOAD))
        assert (answer.status, self.seen) == (400, [])
        assert (
            "a middleware before sealgate's has consumed the body: place SignatureMiddleware first" in caplog.messages
        )

    def test_body_that_an_earlier_middleware_has_read_is_verified(self) -> None:
        self.settings(MIDDLEWARE=[f"{__name__}.reads", *MIDDLEWARE])
        answers = [
            self.send(each).status for each in (signed(FORM), replace(signed(FORM), body=b"name=crate&name=bux"))
        ]
        assert answers == [200, 401]

    @pytest.mark.parametrize("change", ["overrides_method", "rewrites_path", "rewrites_path_info", "rewrites_query"])
    def test_request_changed_after_verification_is_refused_at_the_view(self, change: str) -> None:
        self.settings(MIDDLEWARE=[*MIDDLEWARE, f"{__name__}.{change}"])
        answer = self.send(signed())
        assert (answer.status, self.seen) == (401, [])

    @pytest.mark.parametrize("message", [replace(LOOK, target="/moved"), signed(replace(LOOK, target="/moved"))])
    def test_urlconf_changed_after_verification_opens_nothing(self, message: Message) -> None:
        """Unsigned it never gets there; signed for the default it is not proven for the verifier of the other view."""
        self.settings(MIDDLEWARE=[*MIDDLEWARE, f"{__name__}.changes_urlconf"])
        assert self.send(message).status == 401

    def test_urlconf_chosen_before_is_the_one_that_rules(self) -> None:
        self.settings(MIDDLEWARE=[f"{__name__}.changes_urlconf", *MIDDLEWARE])
        answers = [
            self.send(each).status
            for each in (hooked(replace(ORDER, target="/moved")), replace(LOOK, target="/health"))
        ]
        assert answers == [200, 401]

    def test_rules_that_come_with_a_chosen_urlconf_count_from_its_first_request(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.settings(SEALGATE={"VERIFIER": RFC9421.verifier()})
        monkeypatch.setattr(policy.rules._Marks, "any", False)
        monkeypatch.setattr(django_project, "OtherUrls", django_project.LateUrls())
        self.settings(MIDDLEWARE=[f"{__name__}.changes_urlconf", *MIDDLEWARE])
        application = WSGIHandler()
        assert call(application, environ_of(hooked(replace(ORDER, target="/late")))).status == 200

    def test_without_a_rule_no_route_is_resolved_before_the_proof(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(policy.rules._Marks, "any", False)
        monkeypatch.setattr(django_request, "find", None)
        assert [self.send(each).status for each in (signed(), ORDER)] == [200, 401]

    def test_views_are_imported_before_the_first_request(self) -> None:
        """Else the rules that come with them would be missing from it."""
        self.settings(ROOT_URLCONF="django_project_that_is_missing")
        with pytest.raises(ModuleNotFoundError):
            SignatureMiddleware(lambda request: None)  # type: ignore[arg-type, return-value]

    def test_forced_script_name_is_the_default(self) -> None:
        application = self.build(RFC9421.verifier())
        statuses = [call(application, environ_of(signed())).status]
        self.settings(FORCE_SCRIPT_NAME="/shop")
        message = signed(replace(ORDER, target="/shop/orders"))
        statuses += [call(application, environ_of(message, PATH_INFO="/orders")).status]
        assert statuses == [200, 200]

    def test_path_that_is_not_utf8_is_refused(self) -> None:
        assert self.send(signed(replace(ORDER, target="/%ff"))).status == 400

    def test_path_that_a_converter_fails_on_is_closed(self) -> None:
        statuses = [self.send(replace(LOOK, target=target)).status for target in ("/colours/red", "/colours/green")]
        assert statuses == [200, 401]

    def test_csrf_still_guards_a_view_that_is_not_exempt_from_it(self) -> None:
        assert self.send(signed(replace(ORDER, target="/cached"))).status == 403

    def test_djangos_test_client_works_where_paths_are_plain(self) -> None:
        self.settings(SEALGATE={"VERIFIER": RFC9421.verifier(origin="http://testserver")})
        response = Client().post("/orders", ORDER.body, content_type="application/json", headers=for_testserver())
        assert (response.status_code, response.content) == (200, KEY_ID.encode())


class TestAsgi(OnDjango, AsgiContract):
    """The same middleware, async, under Django's ASGI handler."""

    handler = staticmethod(get_asgi_application)
    CANNOT = {
        "exempt route reads no body and needs no store": Instead(_SPOOLS, {(200, True)}),
        "body of a signature that fails without it is not read": Instead(
            _SPOOLS,
            dict.fromkeys(
                itertools.product(("unsigned", "wrong key", "unsigned and at no route"), ("whole", "chunked")),
                (401, True),
            ),
        ),
        "body declared over the limit is not read": Instead(_SPOOLS, (413, True)),
        "slow body is refused": Instead(_SPOOLS, (200, [ORDER.body])),
        "truncated body is refused": Instead(_GONE, {"one byte short": (False, [])}),
        "broken connection is refused": Instead(_GONE, dict.fromkeys(("declared", "chunked"), (0, []))),
        "trailers do not become fields of the request": Instead(
            "Django looks at the fields once it has read the body", (200, [b"crate,box"])
        ),
        "report only lets through with the body intact": Instead(_LENGTH, _empty(["file"], "unsigned", "wrong key")),
        "report only gives back what was read": Instead(_LENGTH, _empty(["file"], "over the limit", "another digest")),
        "report only lets large bodies through whole": Instead(
            _LENGTH, dict.fromkeys(itertools.product(_UNDECLARED, ("file",)), (200, b"no proof", [0]))
        ),
    }

    def test_signed_request_reaches_async_views(self) -> None:
        answer = self.send(signed(replace(ORDER, target="/async-orders")))
        assert (answer.status, answer.body, self.seen) == (200, KEY_ID.encode(), [ORDER.body])

    @pytest.mark.parametrize("framing", [WHOLE, CHUNKED])
    def test_own_limit_holds_whatever_djangos_is(self, framing: Framing) -> None:
        self.settings(DATA_UPLOAD_MAX_MEMORY_SIZE=5)
        statuses = [self.send(signed(), RFC9421.verifier(body_limit=size), framing).status for size in (11, 12)]
        assert statuses == [413, 200]

    def test_cached_response_is_not_given_to_an_unsigned_request(self) -> None:
        message = replace(LOOK, target="/cached")
        answers = [self.send(each).status for each in (signed(message), signed(message), message)]
        assert (answers, self.seen) == ([200, 200, 401], [b""])

    @pytest.mark.parametrize("change", ["overrides_method", "rewrites_path_info"])
    def test_request_changed_after_verification_is_refused_at_the_view(self, change: str) -> None:
        self.settings(MIDDLEWARE=[*MIDDLEWARE, f"{__name__}.{change}"])
        assert (self.send(signed()).status, self.seen) == (401, [])

    def test_view_check_needs_no_thread(self) -> None:
        """Django would send a sync `process_view` through a thread, once a request."""

        async def get_response(request: Any) -> None:
            return None

        assert asyncio.iscoroutinefunction(SignatureMiddleware(get_response).process_view)  # type: ignore[arg-type]

    def test_djangos_test_client_works_where_paths_are_plain(self) -> None:
        self.settings(SEALGATE={"VERIFIER": RFC9421.verifier(origin="http://testserver")})
        posted = AsyncClient().post("/orders", ORDER.body, content_type="application/json", headers=for_testserver())
        assert asyncio.run(_status(posted)) == 200


def for_testserver() -> dict[str, str]:
    """The signature's fields for `ORDER`, sent by Django's test client, whose host is always the same."""
    signer = Signer(schemes.RFC9421, key=KEY, key_id=KEY_ID, clock=lambda: NOW)
    sent = Request("POST", "/orders", [("Host", "testserver")], ORDER.body, origin="http://testserver")
    return dict(signer.sign_headers(sent))


async def _status(response: Any) -> int:
    return (await response).status_code


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, "SEALGATE: "),
        ("shop.gate.partners", "SEALGATE: "),
        ({}, r"SEALGATE\['VERIFIER'\]: required"),
        ({"VERIFIER": "django_project.NOBODY"}, r"SEALGATE\['VERIFIER'\]: cannot import 'django_project.NOBODY'"),
        ({"VERIFIER": "no_such_module.partners"}, r"SEALGATE\['VERIFIER'\]: cannot import"),
        ({"VERIFIER": "partners"}, r"SEALGATE\['VERIFIER'\]: cannot import"),
        ({"VERIFIER": "django_project.SEEN"}, r"SEALGATE\['VERIFIER'\]: expected a Verifier"),
        ({"VERIFIER": None}, r"SEALGATE\['VERIFIER'\]: expected a Verifier"),
        ({"VERIFIER": PARTNERS, "VERIFER": PARTNERS}, r"SEALGATE\['VERIFER'\]: unknown setting"),
        ({"VERIFIER": PARTNERS, "SCRIPT_NAME": "shop"}, r"SEALGATE\['SCRIPT_NAME'\]: "),
        ({"VERIFIER": PARTNERS, "SCRIPT_NAME": "/shop/"}, r"SEALGATE\['SCRIPT_NAME'\]: "),
        ({"VERIFIER": PARTNERS, "SCRIPT_NAME": None}, r"SEALGATE\['SCRIPT_NAME'\]: "),
    ],
)
def test_mistake_in_the_settings_stops_the_start(settings: Callable[..., None], given: Any, names: str) -> None:
    settings(SEALGATE=given)
    with pytest.raises(ConfigurationError, match=f"^{names}"):
        WSGIHandler()


def test_application_has_a_label_of_its_own() -> None:
    assert apps.get_app_config("sealgate").name == "sealgate.django"


def test_store_that_fails_is_logged_without_its_text(
    settings: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    settings(SEALGATE={"VERIFIER": RFC9421.verifier(replay=Down())})
    caplog.set_level(logging.DEBUG)
    answer = call(WSGIHandler(), environ_of(signed()))
    assert (answer.status, "password" in caplog.text) == (Unavailable.status, False)


def _middleware(change: Callable[[Any], Any]) -> Callable[..., Any]:
    def factory(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda request: change(request) or get_response(request)

    return factory


def _sets(name: str, value: Any) -> Callable[..., Any]:
    return _middleware(lambda request: setattr(request, name, value))


answers_early = _middleware(lambda request: django_project.HttpResponse(status=202))
consumes = _middleware(lambda request: request.POST and None)
reads = _middleware(lambda request: request.POST and None)
overrides_method = _sets("method", "GET")
rewrites_path = _sets("path", "/other")
rewrites_path_info = _sets("path_info", "/stream")
rewrites_query = _middleware(lambda request: request.META.update(QUERY_STRING="admin=1"))
changes_urlconf = _middleware(lambda request: setattr(request, "urlconf", django_project.OtherUrls))
