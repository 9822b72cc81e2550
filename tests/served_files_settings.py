"""Settings of the served Django project that gives files."""

from __future__ import annotations

ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["sealgate.django"]
#: With one that answers conditions, too.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "sealgate.django.SignatureMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"], "UNAUTHENTICATED_USER": None}
ROOT_URLCONF = "served_files_django"
SEALGATE = {"VERIFIER": "served_views.PARTNERS"}
SECRET_KEY = "for tests only"
