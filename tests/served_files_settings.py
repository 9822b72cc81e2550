"""Settings of the served Django project that gives files."""

from __future__ import annotations

from served_settings import ALLOWED_HOSTS, INSTALLED_APPS, MIDDLEWARE, SECRET_KEY

__all__ = ["ALLOWED_HOSTS", "INSTALLED_APPS", "SECRET_KEY"]

#: With one that answers conditions, too.
MIDDLEWARE = [*MIDDLEWARE[:2], "django.middleware.http.ConditionalGetMiddleware", *MIDDLEWARE[2:]]
REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"], "UNAUTHENTICATED_USER": None}
ROOT_URLCONF = "served_files_django"
SEALGATE = {"VERIFIER": "served_views.PARTNERS"}
