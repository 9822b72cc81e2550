"""Django: the admin, and other people's views, are closed until they have a rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import path, reverse
from django.views.generic import RedirectView
from django.views.i18n import set_language

from asgi_client import signed
from django_rules import GATE, LOOK, ask, project
from sealgate.django import exempt


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
