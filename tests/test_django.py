"""sealgate.django: through Django's own WSGI and ASGI handlers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from django.apps import apps
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.test import AsyncClient, Client, override_settings

import django_project
from contract import FORM, LOOK, ORDER, REFUSED, UPLOAD, Down, Pieces, RoutedContract, hooked, signed
from django_project import MIDDLEWARE, PARTNERS
from judged import KEY, KEY_ID, NOW, RFC9421
from reference import Message
from sealgate import ConfigurationError, Request, Signer, Verifier, policy, schemes
from sealgate.django import SignatureMiddleware
from sealgate.django import request as django_request
from sealgate.exceptions import Unavailable
from wsgi_client import Answer, Unfinished, WSGIApplication, call, chunked, environ_of


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


class TestWsgi(RoutedContract):
    own_headers = 3  # SecurityMiddleware's

    @pytest.fixture(autouse=True)
    def _seen(self) -> None:
        self.seen = django_project.SEEN
        self.seen.clear()

    @pytest.fixture(autouse=True)
    def _settings(self, settings: Callable[..., None]) -> None:
        self.settings = settings

    def build(self, verifier: Verifier) -> WSGIApplication:
        self.settings(SEALGATE={"VERIFIER": verifier})
        return WSGIHandler()

    def test_body_is_still_there_as_a_stream(self) -> None:
        self.send(signed(replace(ORDER, target="/stream")))
        assert self.seen == [ORDER.body]

    def test_class_based_view_can_require(self) -> None:
        message = replace(ORDER, target="/class-hook")
        assert [self.send(each).status for each in (hooked(message), signed(message))] == [200, 401]

    @pytest.mark.parametrize("framing", [{}, chunked()])
    def test_own_limit_holds_whatever_djangos_is(self, framing: dict[str, Any]) -> None:
        """Django's is for what it parses in memory; an upload is larger, and all of it is proven."""
        self.settings(DATA_UPLOAD_MAX_MEMORY_SIZE=50)
        statuses = [
            self.send(signed(UPLOAD), RFC9421.verifier(body_limit=size), **framing).status
            for size in (len(UPLOAD.body) - 1, len(UPLOAD.body))
        ]
        assert statuses == [413, 200]
        assert self.send(signed(UPLOAD), **framing).body == b"crate+00ff"

    def test_own_limit_holds_where_django_has_none(self) -> None:
        self.settings(DATA_UPLOAD_MAX_MEMORY_SIZE=None)
        answers = [self.send(signed(), RFC9421.verifier(body_limit=size)).status for size in (11, 12)]
        assert answers == [413, 200]

    def test_slow_body_is_refused(self) -> None:
        message = signed()
        answer = self.send(message, RFC9421.verifier(body_timeout=1e-9), **{"wsgi.input": Pieces(message.body)})
        assert (answer.status, self.seen) == (408, [])

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

    def test_exempt_request_moved_to_a_closed_view_is_refused(self) -> None:
        self.settings(MIDDLEWARE=[*MIDDLEWARE, f"{__name__}.rewrites_path_info"])
        answer = self.send(replace(LOOK, target="/health"))
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

    def test_mounted_project_takes_its_own_script_name_only(self) -> None:
        message = replace(ORDER, target="/shop/orders")
        self.settings(SEALGATE={"VERIFIER": RFC9421.verifier(), "SCRIPT_NAME": "/shop"})
        application = WSGIHandler()
        mounted = environ_of(signed(message), SCRIPT_NAME="/shop", PATH_INFO="/orders")
        elsewhere = environ_of(signed())
        assert [call(application, each).status for each in (mounted, elsewhere)] == [200, 400]

    def test_forced_script_name_is_the_default(self) -> None:
        application = self.build(RFC9421.verifier())
        statuses = [call(application, environ_of(signed())).status]
        self.settings(FORCE_SCRIPT_NAME="/shop")
        message = signed(replace(ORDER, target="/shop/orders"))
        statuses += [call(application, environ_of(message, PATH_INFO="/orders")).status]
        assert statuses == [200, 200]

    def test_path_of_other_letters_is_verified_as_sent(self) -> None:
        message = signed(replace(ORDER, target="/%C3%A9t%C3%A9"))
        assert self.send(message).status == 404

    def test_path_that_is_not_utf8_is_refused(self) -> None:
        assert self.send(signed(replace(ORDER, target="/%ff"))).status == 400

    def test_exemption_of_a_view_set_is_not_inherited(self) -> None:
        messages = [replace(LOOK, target=target) for target in ("/view-set", "/below-view-set")]
        answers = [self.send(each).status for each in (*messages, *map(signed, messages))]
        assert answers == [200, 401, 200, 200]

    def test_path_that_a_converter_fails_on_is_closed(self) -> None:
        statuses = [self.send(replace(LOOK, target=target)).status for target in ("/colours/red", "/colours/green")]
        assert statuses == [200, 401]

    def test_csrf_still_guards_a_view_that_is_not_exempt_from_it(self) -> None:
        assert self.send(signed(replace(ORDER, target="/cached"))).status == 403

    def test_djangos_test_client_works_where_paths_are_plain(self) -> None:
        self.settings(SEALGATE={"VERIFIER": RFC9421.verifier(origin="http://testserver")})
        response = Client().post("/orders", ORDER.body, content_type="application/json", headers=for_testserver())
        assert (response.status_code, response.content) == (200, KEY_ID.encode())


class TestAsgi:
    """The same middleware, async, under Django's ASGI handler."""

    @pytest.fixture(autouse=True)
    def _ready(self, settings: Callable[..., None]) -> None:
        self.settings = settings
        self.seen = django_project.SEEN
        self.seen.clear()

    def send(self, message: Message, verifier: Verifier | None = None, **scope: Any) -> Answer:
        self.settings(SEALGATE={"VERIFIER": verifier or RFC9421.verifier()})
        return asyncio.run(drive(get_asgi_application(), message, **scope))

    @pytest.mark.parametrize("path", ["/orders", "/async-orders"])
    def test_signed_request_reaches_sync_and_async_views(self, path: str) -> None:
        answer = self.send(signed(replace(ORDER, target=path)))
        assert (answer.status, answer.body, self.seen) == (200, KEY_ID.encode(), [ORDER.body])

    @pytest.mark.parametrize("case", REFUSED)
    def test_every_refusal_is_one_answer_before_the_view(self, case: str) -> None:
        expected = self.send(ORDER)
        assert (expected.status, expected, self.seen) == (401, self.send(REFUSED[case]()), [])

    def test_body_without_a_length_is_verified(self) -> None:
        answers = [
            self.send(each, chunks=[each.body[:3], b"", each.body[3:]], length=None)
            for each in (signed(), replace(signed(), body=b'{"total": 2}'))
        ]
        assert ([answer.status for answer in answers], self.seen) == ([200, 401], [ORDER.body])

    def test_body_with_two_framings_is_refused(self) -> None:
        message = signed().plus([("Transfer-Encoding", "chunked")])
        assert (self.send(message).status, self.seen) == (400, [])

    def test_body_shorter_than_its_length_is_refused(self) -> None:
        assert (self.send(signed(), length=b"100").status, self.seen) == (400, [])

    @pytest.mark.parametrize("length", [b"12", None])
    def test_own_limit_holds_whatever_djangos_is(self, length: bytes | None) -> None:
        self.settings(DATA_UPLOAD_MAX_MEMORY_SIZE=5)
        statuses = [self.send(signed(), RFC9421.verifier(body_limit=size), length=length).status for size in (11, 12)]
        assert statuses == [413, 200]

    def test_replay_is_refused(self) -> None:
        self.settings(SEALGATE={"VERIFIER": RFC9421.verifier()})
        application, message = get_asgi_application(), signed()
        statuses = [asyncio.run(drive(application, message)).status for _ in range(2)]
        assert (statuses, self.seen) == ([200, 401], [ORDER.body])

    def test_coroutine_key_source_and_store_work(self) -> None:
        async def keys(key_id: str | None, request: Any) -> Any:
            return RFC9421.keys.get(key_id)

        class Store:
            async def add(self, key: bytes, expires: int) -> bool:
                return True

        answer = self.send(signed(), RFC9421.verifier(keys=keys, replay=Store()))
        assert answer.status == 200

    def test_store_that_is_down_closes_the_service(self) -> None:
        assert (self.send(signed(), RFC9421.verifier(replay=Down())).status, self.seen) == (503, [])

    def test_exempt_and_required_routes(self) -> None:
        messages = (
            replace(LOOK, target="/health"),
            replace(ORDER, target="/health"),
            hooked(),
            signed(replace(ORDER, target="/hook")),
            replace(LOOK, target="/class"),
            replace(LOOK, target="/nowhere"),
            signed(replace(LOOK, target="/nowhere")),
        )
        assert [self.send(each).status for each in messages] == [200, 401, 200, 401, 200, 401, 404]

    def test_cached_response_is_not_given_to_an_unsigned_request(self) -> None:
        message = replace(LOOK, target="/cached")
        answers = [self.send(each).status for each in (signed(message), signed(message), message)]
        assert (answers, self.seen) == ([200, 200, 401], [b""])

    @pytest.mark.parametrize("target", ["/form"])
    def test_forms_and_uploads_still_parse(self, target: str) -> None:
        assert [self.send(signed(each)).body for each in (FORM, UPLOAD)] == [b"crate,box", b"crate+00ff"]

    @pytest.mark.parametrize("change", ["overrides_method", "rewrites_path_info"])
    def test_request_changed_after_verification_is_refused_at_the_view(self, change: str) -> None:
        self.settings(MIDDLEWARE=[*MIDDLEWARE, f"{__name__}.{change}"])
        assert (self.send(signed()).status, self.seen) == (401, [])

    def test_raw_path_that_is_not_the_routed_one_is_refused(self) -> None:
        assert (self.send(signed(), path="/other").status, self.seen) == (400, [])

    def test_root_path_that_is_not_configured_is_refused(self) -> None:
        message = signed(replace(ORDER, target="/shop/orders"))
        assert (self.send(message, root_path="/shop").status, self.seen) == (400, [])

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


def test_unsigned_chunked_body_is_not_read(settings: Callable[..., None]) -> None:
    settings(SEALGATE={"VERIFIER": RFC9421.verifier()})
    answer = call(WSGIHandler(), environ_of(ORDER, **chunked(), **{"wsgi.input": Unfinished()}))
    assert answer.status == 401


async def drive(
    application: Any, message: Message, *, chunks: list[bytes] | None = None, length: bytes | None = b"", **scope: Any
) -> Answer:
    """One request as uvicorn reports it; `length` None is a body without Content-Length."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in message.headers]
    if length is not None and message.body:
        headers.append((b"content-length", length or str(len(message.body)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": message.method,
        "scheme": "http",
        "path": unquote_to_bytes(message.path).decode("utf-8", "replace"),
        "raw_path": message.path.encode("latin-1"),
        "query_string": message.query.encode("latin-1"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
        **scope,
    }
    parts = chunks or [message.body]
    incoming = [
        {"type": "http.request", "body": part, "more_body": at < len(parts)} for at, part in enumerate(parts, start=1)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop(0)
        await asyncio.Event().wait()  # the client waits for its answer
        raise AssertionError

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await application(scope, receive, send)
    start, *bodies = sent
    answered = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"])
    return Answer(start["status"], answered, b"".join(part.get("body", b"") for part in bodies))


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
